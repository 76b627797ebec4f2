//! Staying connected: a keeper task (`keeper.rs`) holds a link to one of the endpoints, and callers ask through
//! [`Connection::run`], which notices no more than a delay when the keeper moves to another.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::error::{Attempt, Failure, SubtensorError};
use super::keeper::Keeper;
use super::link::Link;
use crate::units::{BlockNumber, Foreign};

/// Where the chain is, and how patient to be.
#[derive(Debug, Clone)]
pub struct SubtensorConfig {
    /// WebSocket addresses of nodes of one chain, in order of preference.
    pub endpoints: Vec<String>,
    /// Addresses of nodes that keep all states, for reading old blocks.
    pub archive: Vec<String>,
    /// The genesis hash that the chain must have; without it the first endpoint that answers sets the rule.
    pub genesis: Option<[u8; 32]>,
    /// For opening a connection and learning which chain it is.
    pub connect_deadline: Duration,
    /// For one read as a whole, with all endpoints that it may need to try.
    pub read_deadline: Duration,
    /// For one endpoint to answer one read, before another is tried.
    pub answer_deadline: Duration,
    /// For one write, until its block is final.
    pub write_deadline: Duration,
    /// An endpoint without a new block for so long is left: five blocks of the main network.
    pub stall_after: Duration,
    /// After so long on a later endpoint, the ones before it are tried again.
    pub prefer_after: Duration,
    /// How often the endpoint in use is compared with the others, by what is final.
    pub check_every: Duration,
    /// The lifetime of a transaction in blocks, a power of two: 128 is what the field's tools use.
    pub lifetime: u64,
}

impl SubtensorConfig {
    /// The usual patience.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            archive: Vec::new(),
            genesis: None,
            connect_deadline: Duration::from_secs(10),
            read_deadline: Duration::from_secs(30),
            answer_deadline: Duration::from_secs(12),
            write_deadline: Duration::from_secs(120),
            stall_after: Duration::from_secs(60),
            prefer_after: Duration::from_secs(300),
            check_every: Duration::from_secs(60),
            lifetime: 128,
        }
    }
}

/// What the keeper has to offer.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    pub(super) link: Option<Arc<Link>>,
    /// What failed since the last success, one entry per endpoint.
    pub(super) attempts: Vec<Attempt>,
    /// How often all endpoints failed in a row.
    pub(super) rounds: u32,
}

/// The connection to a chain, whichever endpoint carries it now.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: SubtensorConfig,
    offers: watch::Receiver<Offer>,
    best: watch::Receiver<BlockNumber>,
    distrusted: watch::Receiver<Vec<Attempt>>,
    /// Whose turn it is to sign and send.
    pub(super) turn: tokio::sync::Mutex<()>,
    _keeper: AbortOnDropHandle<()>,
}

impl Connection {
    /// Begins to connect, and returns at once. Must be called inside a tokio runtime.
    pub(super) fn begin(config: SubtensorConfig) -> Result<Self, SubtensorError> {
        if config.endpoints.is_empty() {
            return Err(SubtensorError::NoEndpoint);
        }
        let (offer, offers) = watch::channel(Offer::default());
        let (height, best) = watch::channel(0);
        let (suspicion, distrusted) = watch::channel(Vec::new());
        let keeper = Keeper::new(config.clone(), offer, height, suspicion);
        let turn = tokio::sync::Mutex::new(());
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeper.run()));
        Ok(Self { config, offers, best, distrusted, turn, _keeper: keeper })
    }

    /// Waits until the first endpoint works, or all have failed once.
    pub(super) async fn ready(&self) -> Result<(), SubtensorError> {
        let mut offers = self.offers.clone();
        let outcome = offers.wait_for(|offer| offer.link.is_some() || offer.rounds > 0).await;
        match outcome.map(|offer| (offer.link.is_some(), offer.attempts.clone())) {
            Ok((true, _)) => Ok(()),
            Ok((false, attempts)) => Err(SubtensorError::Unreachable(attempts)),
            Err(_) => Err(SubtensorError::Unreachable(Vec::new())),
        }
    }

    /// Endpoints that contradict the others, with what they say.
    pub(super) fn distrusted(&self) -> Vec<Attempt> {
        self.distrusted.borrow().clone()
    }

    /// The height of the best block, as it changes. 0 before the first is known.
    pub(super) fn blocks(&self) -> watch::Receiver<BlockNumber> {
        self.best.clone()
    }

    /// The endpoint in use now.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.offers.borrow().link.as_ref().map(|link| link.endpoint.clone())
    }

    /// Does `work` with a working link, on as many endpoints as it takes, within `deadline`.
    ///
    /// `work` may run several times: it must be safe to repeat.
    pub(super) async fn run<T, W, F>(&self, what: &str, deadline: Duration, work: W) -> Result<T, SubtensorError>
    where
        W: Fn(Arc<Link>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let mut attempts = Vec::new();
        let tries = async {
            loop {
                let link = self.link().await?;
                let reason = tokio::select! {
                    outcome = timeout(self.config.answer_deadline, work(link.clone())) => match outcome {
                        Ok(Ok(done)) => return Ok(done),
                        Ok(Err(Failure::Final(error))) => return Err(error),
                        Ok(Err(Failure::Node(code, message))) if !another_may_do_better(code) => {
                            let (what, endpoint) = (what.to_owned(), link.endpoint.clone());
                            return Err(SubtensorError::Node { what, endpoint, code, message });
                        }
                        Ok(Err(Failure::Node(code, message))) => format!("{code}: {message}"),
                        Ok(Err(Failure::Link(reason))) => reason,
                        Err(_) => format!("no answer to {what} within {:?}", self.config.answer_deadline),
                    },
                    reason = link.condemned() => reason,
                };
                note(&mut attempts, &link.endpoint, reason.clone());
                link.condemn(reason);
            }
        };
        match timeout(deadline, tries).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // The keeper's word is later than ours.
                for Attempt { endpoint, reason } in self.offers.borrow().attempts.iter().cloned() {
                    note(&mut attempts, &endpoint, reason);
                }
                for attempt in self.tried() {
                    if !attempts.iter().any(|known| known.endpoint == attempt.endpoint) {
                        attempts.push(attempt);
                    }
                }
                Err(SubtensorError::Deadline { what: what.to_owned(), after: deadline, attempts })
            }
        }
    }

    /// What failed since the last success, and who was to answer now: for the error of whoever waited in vain.
    pub(super) fn tried(&self) -> Vec<Attempt> {
        let offer = self.offers.borrow();
        let mut attempts = offer.attempts.clone();
        if let Some(link) = &offer.link {
            note(&mut attempts, &link.endpoint, "no answer so far".to_owned());
        }
        attempts
    }

    async fn link(&self) -> Result<Arc<Link>, SubtensorError> {
        let mut offers = self.offers.clone();
        let offer = offers.wait_for(|offer| offer.link.is_some()).await;
        let link = offer.ok().and_then(|offer| offer.link.clone());
        link.ok_or_else(|| SubtensorError::Unreachable(Vec::new()))
    }
}

/// Limits and faults of one node. Everything else (a method or block unknown, state discarded, a call that traps) is
/// the same on all nodes, or is the caller's to understand.
const fn another_may_do_better(code: i32) -> bool {
    matches!(code, -32603 | -32099..=-32000)
}

/// Remembers the last reason per endpoint.
pub(super) fn note(attempts: &mut Vec<Attempt>, endpoint: &str, reason: impl Into<Foreign>) {
    attempts.retain(|a| a.endpoint != endpoint);
    attempts.push(Attempt { endpoint: endpoint.to_owned(), reason: reason.into() });
}
