//! Building an axon, starting it, and the handle that keeps it alive.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

use super::accept;
use super::admission::policy::{AdmissionPolicy, StandingOf};
use super::admission::signature::Pool;
use super::config::AxonConfig;
use super::counters::Snapshot;
use super::error::AxonError;
use super::handler::{Echo, Handler};
use super::metrics::AxonMetrics;
use super::node::Node;
use super::route::{Route, Serving};
use crate::clock::Clock;
use crate::synapse::answer::AxonIdentity;
use crate::synapse::{Ping, Synapse, new_uuid};
use crate::telemetry::Collector;
use crate::units::Account;
use crate::wallet::{Keypair, Scheme};

/// The HTTP server of a neuron.
///
/// ```
/// use std::sync::Arc;
///
/// use neuron::axon::{Axon, AxonConfig, Caller, Handler, Refusal, Reply};
/// use neuron::synapse::Synapse;
/// use neuron::wallet::{Keypair, Scheme};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Double {
///     number: f64,
/// }
///
/// impl Synapse for Double {
///     const NAME: &'static str = "Double";
/// }
///
/// struct Doubler;
///
/// impl Handler<Double> for Doubler {
///     async fn handle(&self, _caller: &Caller, ask: Double) -> Result<Reply<Double>, Refusal> {
///         Ok(Reply::Answer(Double { number: 2.0 * ask.number }))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hotkey = Arc::new(Keypair::from_uri("//Bob", Scheme::Sr25519)?);
/// let axon = Axon::builder(AxonConfig::loopback(), hotkey).serve::<Double>(Doubler).spawn().await?;
/// assert_ne!(axon.local_addr().port(), 0, "it serves until it is dropped");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Axon;

impl Axon {
    /// An axon with this hotkey. It serves the echo `/Synapse` and whatever is added with [`Builder::serve`].
    #[must_use]
    pub fn builder(config: AxonConfig, hotkey: Arc<Keypair>) -> Builder {
        let builder = Builder {
            config,
            hotkey,
            clock: Clock::wall(),
            policy: AdmissionPolicy::default(),
            standing: Arc::new(()),
            routes: BTreeMap::new(),
            twice: None,
        };
        builder.serve::<Ping>(Echo)
    }
}

/// An axon that does not run yet.
pub struct Builder {
    config: AxonConfig,
    hotkey: Arc<Keypair>,
    clock: Clock,
    policy: AdmissionPolicy,
    standing: Arc<dyn StandingOf>,
    routes: BTreeMap<&'static str, Arc<dyn Route>>,
    twice: Option<&'static str>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let served: Vec<_> = self.routes.keys().collect();
        f.debug_struct("Builder").field("config", &self.config).field("served", &served).finish_non_exhaustive()
    }
}

impl Builder {
    /// The account of its hotkey.
    #[must_use]
    pub fn hotkey(&self) -> Account {
        self.hotkey.account()
    }

    /// Answers synapses of type `S` with `handler`.
    #[must_use]
    pub fn serve<S: Synapse>(mut self, handler: impl Handler<S>) -> Self {
        let route: Arc<dyn Route> = Arc::new(Serving::<S, _>::new(handler));
        if self.routes.insert(S::NAME, route).is_some() {
            self.twice = Some(S::NAME);
        }
        self
    }

    /// Who is admitted; [`AdmissionPolicy::default`] when not said.
    #[must_use]
    pub fn policy(mut self, policy: AdmissionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Who is registered; nobody when not said.
    #[must_use]
    pub fn standing(mut self, standing: Arc<dyn StandingOf>) -> Self {
        self.standing = standing;
        self
    }

    /// The clock that nonces are judged by, for tests: an axon that serves strangers needs the wall's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Listens and serves until the handle is dropped.
    ///
    /// # Errors
    /// [`AxonError`], which says what to do.
    pub async fn spawn(self) -> Result<Handle, AxonError> {
        if let Some(name) = self.twice {
            return Err(AxonError::ServedTwice { name });
        }
        if self.hotkey.scheme() != Scheme::Sr25519 {
            return Err(AxonError::WrongScheme { hotkey: self.hotkey.account().ss58() });
        }
        let mut config = self.config;
        config.max_connections = within_descriptors(config.max_connections);
        let pool = Pool::start(config.signature_threads).map_err(AxonError::Threads)?;
        let address = config.listen;
        let listener = accept::listen(address).await.map_err(|e| AxonError::listening(address, e))?;
        let local_addr = listener.local_addr().map_err(|e| AxonError::listening(address, e))?;
        let identity = AxonIdentity::new((*self.hotkey).clone(), new_uuid());
        let admission = (self.policy, self.standing);
        let node = Arc::new(Node::new(config, identity, self.clock, self.routes, admission, pool));
        let stop = CancellationToken::new();
        node.tasks.spawn(accept::accept(listener, Arc::clone(&node), stop.clone()));
        node.tasks.close();
        tracing::info!(axon.address = %local_addr, axon.hotkey = node.identity.hotkey(), "axon listens");
        Ok(Handle { local_addr, node, stop })
    }
}

/// A running axon. Dropping it stops the axon: the port is free, open requests may finish within the grace.
pub struct Handle {
    local_addr: SocketAddr,
    node: Arc<Node>,
    stop: CancellationToken,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Handle {
    /// Where it listens, with the port that was taken.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The ss58 text of its hotkey: what callers sign.
    #[must_use]
    pub fn hotkey(&self) -> &str {
        self.node.identity.hotkey()
    }

    /// What it has done so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.node.snapshot()
    }

    /// The same as metrics, read anew at every scrape.
    #[must_use]
    pub fn metrics(&self) -> impl Collector {
        AxonMetrics(Arc::clone(&self.node))
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<AdmissionPolicy> {
        self.node.policy.get()
    }

    /// Puts another policy in force, for the next request on.
    pub fn set_policy(&self, policy: AdmissionPolicy) {
        self.node.policy.set(policy);
    }

    #[cfg(test)]
    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Stops it and waits until its port is free and its open requests are done or out of grace.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.node.tasks.wait().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A cap on connections that leaves the process descriptors for its database, its chain and its logs.
fn within_descriptors(wanted: usize) -> usize {
    let Some(limit) = descriptors() else { return wanted };
    let room = limit / 4 * 3;
    if room < wanted {
        tracing::info!(
            connections = room,
            wanted,
            "fewer connections than in the settings are possible: raise the hard `ulimit -n`"
        );
    }
    wanted.min(room)
}

/// Files this process may have open, after asking for as many as it may ask for: many shells begin with 1024. `None` is no
/// limit.
fn descriptors() -> Option<usize> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Some systems refuse "without limit"; then it stays as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    usize::try_from(getrlimit(Resource::Nofile).current?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_others() {
        assert_eq!(within_descriptors(1), 1);
        if let Some(limit) = descriptors() {
            assert!(within_descriptors(usize::MAX) < limit);
            assert_eq!(getrlimit(Resource::Nofile).maximum, Some(limit as u64), "as many as may be asked for");
        }
    }
}
