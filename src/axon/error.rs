//! What can go wrong when an axon starts.

use std::io;
use std::net::SocketAddr;

/// Why an axon could not start.
#[derive(Debug, thiserror::Error)]
pub enum AxonError {
    /// Another process listens there.
    #[error(
        "port {} is in use by another process: stop that one (perhaps another `neuron`), or choose another port with \
         --axon.port",
        address.port()
    )]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system does not let this process listen there.
    #[error("no permission to listen on {address}: ports below 1024 need privileges; choose another with --axon.port")]
    NoPermission {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Any other failure of the socket.
    #[error("cannot listen on {address}: {source}; --axon.ip must be an address of this machine")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Two handlers for one path.
    #[error("`{name}` was given to the axon twice; each synapse has one handler")]
    ServedTwice {
        /// The synapse.
        name: &'static str,
    },
    /// The protocol of SDK 6 to 10 knows sr25519 hotkeys only.
    #[error("the hotkey {hotkey} is not an sr25519 key; an axon needs one")]
    WrongScheme {
        /// The axon's hotkey.
        hotkey: String,
    },
    /// A thread for signatures could not be started.
    #[error("cannot start a thread for signatures: {0}")]
    Threads(#[source] io::Error),
}

impl AxonError {
    pub(super) fn listening(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse { address },
            io::ErrorKind::PermissionDenied => Self::NoPermission { address },
            _ => Self::Listen { address, source },
        }
    }
}
