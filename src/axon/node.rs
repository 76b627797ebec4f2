//! Everything a running axon has: one place that its connections share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::Method;
use tokio_util::task::TaskTracker;

use super::accept;
use super::admission::body::Budget;
use super::admission::connections::{Connections, peer_network};
use super::admission::freshness::FreshnessRung;
use super::admission::policy::{AdmissionPolicy, PolicyCell, StandingOf};
use super::admission::queue::Gate;
use super::admission::rate::Buckets;
use super::admission::signature::Pool;
use super::admission::{Refused, Rung};
use super::config::AxonConfig;
use super::counters::{Counters, Now, Snapshot};
use super::route::Route;
use super::turn_away::TurnAway;
use crate::clock::{self, Clock};
use crate::synapse::answer::AxonIdentity;
use crate::synapse::status;
use crate::units::Account;

/// Addresses whose rate is remembered.
const IP_BUCKETS: usize = 16_384;
/// Hotkeys whose rate is remembered.
const HOTKEY_BUCKETS: usize = 4096;

/// What the connections of one axon share.
pub(super) struct Node {
    pub(super) config: AxonConfig,
    pub(super) identity: AxonIdentity,
    pub(super) clock: Clock,
    pub(super) routes: BTreeMap<&'static str, Arc<dyn Route>>,
    pub(super) policy: PolicyCell,
    pub(super) standing: Arc<dyn StandingOf>,
    pub(super) connections: Connections,
    pub(super) turn_away: TurnAway,
    pub(super) freshness: FreshnessRung,
    pub(super) pool: Pool,
    /// For bodies whose signature was right before they were read.
    pub(super) budget: Budget,
    /// For bodies that must be read to check their signature: whoever fills this one does not starve the other.
    pub(super) unproven_budget: Budget,
    pub(super) gate: Gate,
    pub(super) counters: Counters,
    /// Connections and streams: an orderly end waits for them.
    pub(super) tasks: TaskTracker,
    ip_rates: Buckets<IpAddr>,
    hotkey_rates: Buckets<Account>,
    requests: AtomicU64,
}

impl Node {
    pub(super) fn new(
        config: AxonConfig,
        identity: AxonIdentity,
        clock: Clock,
        routes: BTreeMap<&'static str, Arc<dyn Route>>,
        admission: (AdmissionPolicy, Arc<dyn StandingOf>),
        pool: Pool,
    ) -> Self {
        let (policy, standing) = admission;
        Self {
            identity,
            routes,
            policy: PolicyCell::new(policy),
            standing,
            connections: Connections::new(config.max_connections, config.max_connections_per_ip),
            turn_away: accept::no_room_answer(),
            freshness: FreshnessRung::new(wire_ns(&clock)),
            pool,
            budget: Budget::new(config.max_body_bytes_in_flight / 2),
            unproven_budget: Budget::new(config.max_body_bytes_in_flight / 2),
            gate: Gate::new(config.concurrency, config.queue, config.max_wait),
            counters: Counters::default(),
            tasks: TaskTracker::new(),
            ip_rates: Buckets::new(IP_BUCKETS),
            hotkey_rates: Buckets::new(HOTKEY_BUCKETS),
            requests: AtomicU64::new(0),
            clock,
            config,
        }
    }

    /// Wall time in ns, as nonces are.
    pub(super) fn now_ns(&self) -> u64 {
        wire_ns(&self.clock)
    }

    /// A number for the next request, for logs and for callers who ask.
    pub(super) fn next_trace(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// The first rung a request meets: the rate of its address.
    pub(super) fn check_ip_rate(&self, policy: &AdmissionPolicy, ip: IpAddr) -> Result<(), Refused> {
        let Some(rate) = policy.ip_rate else { return Ok(()) };
        let busy = |wait: Duration| Refused::too_many(Rung::Connection, "Too many requests from this address", wait);
        self.ip_rates.take(&peer_network(ip), rate, clock::monotonic()).map_err(busy)
    }

    /// The rate of a hotkey that has proven itself.
    pub(super) fn check_hotkey_rate(&self, policy: &AdmissionPolicy, hotkey: &Account) -> Result<(), Refused> {
        let Some(rate) = policy.hotkey_rate else { return Ok(()) };
        let busy = |wait: Duration| Refused::too_many(Rung::Signature, "Too many requests of this hotkey", wait);
        self.hotkey_rates.take(hotkey, rate, clock::monotonic()).map_err(busy)
    }

    /// The path rung: the synapse a path names, and the methods a Python axon takes.
    pub(super) fn route(&self, method: &Method, path: &str) -> Result<(&'static str, Arc<dyn Route>), Refused> {
        let name = path.strip_prefix('/').unwrap_or(path);
        let (name, route) = self.routes.get_key_value(name).ok_or_else(|| {
            let available: Vec<_> = self.routes.keys().copied().collect();
            let name = name.split('/').next().unwrap_or_default();
            Refused::new(Rung::Path, status::NOT_FOUND, status::not_found_message(name, &available))
        })?;
        if *method == Method::POST || *method == Method::GET {
            Ok((*name, Arc::clone(route)))
        } else {
            Err(Refused::new(Rung::Path, status::METHOD_NOT_ALLOWED, "Method Not Allowed"))
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let (running, waiting) = self.gate.load();
        let (nonces, callers) = self.freshness.size();
        let now = Now { connections: self.connections.open(), running, waiting, nonces, callers };
        self.counters.snapshot(self.routes.iter().map(|(name, route)| (*name, route.counters())), now)
    }
}

fn wire_ns(clock: &Clock) -> u64 {
    u64::try_from(clock.now().0).unwrap_or_default().saturating_mul(1_000_000)
}
