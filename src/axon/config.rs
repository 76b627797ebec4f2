//! What an axon is told at its start: where to listen and the limits that hold while it runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::admission::proxies::Proxies;

/// Where an axon listens, and the limits of its connections, bodies, queue and handlers.
///
/// Who may enter is not here but in [`AdmissionPolicy`](super::AdmissionPolicy), which can be changed while serving.
#[derive(Debug, Clone)]
pub struct AxonConfig {
    /// The address to listen on. Port 0 takes a free one; [`Handle::local_addr`](super::Handle::local_addr) says which.
    pub listen: SocketAddr,
    /// Open connections in all, at most three quarters of the files the process may open. More are answered 503.
    pub max_connections: usize,
    /// Open connections of one address (one /64 network for IPv6). A Python dendrite keeps up to 100.
    pub max_connections_per_ip: usize,
    /// Proxies of one's own in front: callers are known by the address that these name, and their own has no bound on
    /// connections but that on all.
    pub proxies: Proxies,
    /// Their connections begin with a header of the PROXY protocol, version 1 or 2, which names the caller. Of others none is read.
    pub proxy_protocol: bool,
    /// Bytes of a request's head. The spec asks peers to stay under 16 KiB.
    pub max_head_bytes: usize,
    /// Header lines of a request. An honest one has about twenty.
    pub max_headers: usize,
    /// From the first byte of a head to its last: what a client that drips headers can hold a connection.
    pub head_timeout: Duration,
    /// How long a connection may rest between requests. Python pools rest 15 s, so it must be longer.
    pub idle_timeout: Duration,
    /// From the end of a head to the last byte of its body.
    pub body_timeout: Duration,
    /// Bytes of bodies held at any moment, all connections together: half for callers that have proven themselves, half
    /// for those whose signature covers the body, which must be read first.
    pub max_body_bytes_in_flight: usize,
    /// Handlers running at once.
    pub concurrency: usize,
    /// Requests that may wait for a handler. More are refused with 503 and a Retry-After.
    pub queue: usize,
    /// The longest wait in that queue.
    pub max_wait: Duration,
    /// The longest run of a handler, whatever the caller allows; for streams, the whole stream.
    pub handler_deadline: Duration,
    /// Threads that check signatures. 0 takes one per core.
    pub signature_threads: usize,
    /// How long open requests may finish once the axon is told to stop.
    pub shutdown_grace: Duration,
}

impl AxonConfig {
    /// The limits of an ordinary miner, listening on `listen`.
    #[must_use]
    pub const fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_connections: 12_000,
            max_connections_per_ip: 512,
            proxies: Proxies::none(),
            proxy_protocol: false,
            max_head_bytes: 16 * 1024,
            max_headers: 64,
            head_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            max_body_bytes_in_flight: 64 * 1024 * 1024,
            concurrency: 64,
            queue: 512,
            max_wait: Duration::from_secs(5),
            handler_deadline: Duration::from_secs(120),
            signature_threads: 0,
            shutdown_grace: Duration::from_secs(5),
        }
    }

    /// A free port on the loopback interface, for tests and demonstrations.
    #[must_use]
    pub const fn loopback() -> Self {
        Self::at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }
}
