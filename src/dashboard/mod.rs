//! The page: what an operator wants to see of a running role, or of a ledger at rest, in a browser.
//!
//! Everything is read at the moment somebody looks, from the state that decides: the ledger, the metagraph, the journal of
//! weights, the counts of dendrite and axon. What a kind of work has to show it says as data ([`crate::subnets::shown`]).
//!
//! A page is whole without JavaScript and asks nothing of anybody else. With JavaScript it is told over server-sent events when
//! something has changed, and fetches itself again: it is made once for all who are told (`kept.rs`). What strangers wrote is text to it, never markup, and the browser is told
//! to run nothing but the one script (`gate.rs`).

mod blocks;
mod frame;
mod gate;
mod kept;
mod live;
mod pages;
mod routes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Resolved;
use crate::ledger::{LedgerError, Place, ReadOnly};
use crate::role::Watch;
use crate::subnets::registry::KINDS;
use crate::subnets::work::Kind;
pub use gate::Gate;

/// What a page is about.
#[derive(Debug, Clone)]
pub struct Source {
    /// The kind of work.
    pub kind: &'static Kind,
    /// The settings: rules are among them.
    pub resolved: Resolved,
    /// The ledger, where there is one.
    pub ledger: Option<Place>,
    /// The running role; `None` for a ledger at rest.
    pub watch: Option<Watch>,
}

impl Source {
    /// A running role.
    #[must_use]
    pub fn of(watch: Watch, kind: &'static Kind, resolved: Resolved) -> Self {
        Self { kind, resolved, ledger: watch.ledger.clone(), watch: Some(watch) }
    }

    /// A ledger that nobody needs to be writing.
    ///
    /// # Errors
    /// It is none, is of another version, or of no kind of work that has pages.
    pub fn at_rest(ledger: impl Into<Place>, resolved: Resolved) -> Result<Self, LedgerError> {
        let ledger = ledger.into();
        static ALL: [Kind; KINDS.len()] = KINDS;
        let mut last = None;
        for kind in &ALL {
            let Some(schema) = kind.schema.filter(|_| kind.views.is_some()) else { continue };
            match ReadOnly::open(&ledger, schema) {
                Ok(_) => return Ok(Self { kind, resolved, ledger: Some(ledger), watch: None }),
                Err(other @ LedgerError::OtherKind { .. }) => last = Some(other),
                Err(error) => return Err(error),
            }
        }
        let reason = || "no kind of work has a page".to_owned();
        Err(last.unwrap_or_else(|| LedgerError::Corrupt { place: ledger, reason: reason() }))
    }
}

/// The port cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// It is taken, or not ours to take.
    #[error(
        "the page cannot be served on {address}: {source}; choose another `--dashboard.port`, or remove that setting"
    )]
    Port {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A page that others can reach needs a secret.
    #[error(
        "the token file {path} cannot be used: {source}; a page that others can reach needs one: name it with \
         `--dashboard.token_file`"
    )]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A port that is taken and not served yet, so that one in use is known before anything else begins.
#[derive(Debug)]
pub struct DashboardPort {
    listener: TcpListener,
    address: SocketAddr,
    gate: Gate,
}

/// A page that is served; dropping it frees the port.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
    _pulse: AbortOnDropHandle<()>,
}

impl DashboardPort {
    /// Takes it.
    ///
    /// # Errors
    /// [`DashboardError::Port`].
    pub async fn take(address: SocketAddr, gate: Gate) -> Result<Self, DashboardError> {
        let failed = |source| DashboardError::Port { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, gate })
    }

    /// Serves what there is to see of `source`.
    #[must_use]
    pub fn serve(self, source: Source) -> Dashboard {
        let Self { listener, address, gate } = self;
        let source = Arc::new(source);
        let (pulse, beating) = live::Pulse::of(Arc::clone(&source));
        let router = routes::router(source, pulse, gate);
        let serving = tokio::spawn(async move {
            if let Err(e) = axum::serve(listener, router).await {
                tracing::warn!("the page is no longer served: {e}");
            }
        });
        Dashboard { address, _serving: AbortOnDropHandle::new(serving), _pulse: AbortOnDropHandle::new(beating) }
    }
}

impl Dashboard {
    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}
