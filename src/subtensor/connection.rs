//! Staying connected: one keeper task holds a link to one of the endpoints, watches that its blocks go on, and moves to
//! the next endpoint when they do not. Callers ask through [`Connection::run`] and notice no more than a delay.
//!
//! A socket that is open proves nothing: what counts is that heights rise and answers come.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use subxt::utils::H256;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::error::{Attempt, Failure, SubtensorError, shown};
use super::link::Link;
use crate::clock;
use crate::units::BlockNumber;

/// Where the chain is, and how patient to be.
#[derive(Debug, Clone)]
pub struct SubtensorConfig {
    /// WebSocket addresses of nodes of one chain, in order of preference.
    pub endpoints: Vec<String>,
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
    /// The lifetime of a transaction in blocks, a power of two: 128 is what the field's tools use.
    pub lifetime: u64,
}

impl SubtensorConfig {
    /// The usual patience.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            genesis: None,
            connect_deadline: Duration::from_secs(10),
            read_deadline: Duration::from_secs(30),
            answer_deadline: Duration::from_secs(12),
            write_deadline: Duration::from_secs(120),
            stall_after: Duration::from_secs(60),
            prefer_after: Duration::from_secs(300),
            lifetime: 128,
        }
    }
}

/// A node may be this many blocks behind the highest block seen, before another endpoint is preferred to it.
const LAG_ALLOWED: BlockNumber = 20;
/// A connection that held so long was a sound one.
const SOUND_AFTER: Duration = Duration::from_secs(1);
/// Pause after all endpoints failed; doubled with each round of failures.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// What the keeper has to offer.
#[derive(Debug, Clone, Default)]
struct Offer {
    link: Option<Arc<Link>>,
    /// What failed since the last success, one entry per endpoint.
    attempts: Vec<Attempt>,
    /// How often all endpoints failed in a row.
    rounds: u32,
}

/// The connection to a chain, whichever endpoint carries it now.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) config: SubtensorConfig,
    offers: watch::Receiver<Offer>,
    best: watch::Receiver<BlockNumber>,
    /// Whose turn it is to sign and send.
    pub(super) turn: tokio::sync::Mutex<()>,
    _keeper: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects to the first endpoint that works.
    pub(super) async fn open(config: SubtensorConfig) -> Result<Self, SubtensorError> {
        if config.endpoints.is_empty() {
            return Err(SubtensorError::NoEndpoint);
        }
        let (offer, offers) = watch::channel(Offer::default());
        let (height, best) = watch::channel(0);
        let genesis = config.genesis.map(H256);
        let keeper = Keeper { config: config.clone(), offer, best: height, genesis };
        let turn = tokio::sync::Mutex::new(());
        let keeper = AbortOnDropHandle::new(tokio::spawn(keeper.run()));
        let connection = Self { config, offers, best, turn, _keeper: keeper };
        let mut offers = connection.offers.clone();
        let outcome = offers.wait_for(|offer| offer.link.is_some() || offer.rounds > 0).await;
        match outcome.map(|offer| (offer.link.is_some(), offer.attempts.clone())) {
            Ok((true, _)) => Ok(connection),
            Ok((false, attempts)) => Err(SubtensorError::Unreachable(attempts)),
            Err(_) => Err(SubtensorError::Unreachable(Vec::new())),
        }
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
                for attempt in self.offers.borrow().attempts.iter().cloned() {
                    note(&mut attempts, &attempt.endpoint, attempt.reason);
                }
                Err(SubtensorError::Deadline { what: what.to_owned(), after: deadline, attempts })
            }
        }
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
fn note(attempts: &mut Vec<Attempt>, endpoint: &str, reason: String) {
    attempts.retain(|a| a.endpoint != endpoint);
    attempts.push(Attempt { endpoint: endpoint.to_owned(), reason });
}

/// The task that keeps a link.
struct Keeper {
    config: SubtensorConfig,
    offer: watch::Sender<Offer>,
    best: watch::Sender<BlockNumber>,
    genesis: Option<H256>,
}

/// Why a link is not followed any more.
enum Parting {
    /// It is of no use.
    Broken(String),
    /// An endpoint earlier in the list works again.
    Better(usize, Arc<Link>),
}

impl Keeper {
    async fn run(mut self) {
        let endpoints = self.config.endpoints.len();
        let mut turn = 0;
        let mut failures = 0;
        while let Some(endpoint) = self.config.endpoints.get(turn).cloned() {
            // A node that lags behind is better than none, but only when all others were tried.
            let choosy = failures < endpoints;
            let (held, reason) = match self.connect(&endpoint, choosy).await {
                Ok(link) => {
                    let since = clock::monotonic();
                    let reason = self.hold(&mut turn, link).await;
                    (since.elapsed(), reason)
                }
                Err(reason) => (Duration::ZERO, reason),
            };
            // One that connects and fails at once is paced like one that does not connect.
            failures = if held < SOUND_AFTER { failures + 1 } else { 0 };
            let endpoint = self.config.endpoints.get(turn).map(|endpoint| shown(endpoint)).unwrap_or_default();
            tracing::warn!(endpoint, reason, "the chain endpoint is not usable");
            let rounds = u32::try_from(failures / endpoints).unwrap_or(u32::MAX);
            self.offer.send_modify(|offer| {
                offer.link = None;
                offer.rounds = rounds;
                note(&mut offer.attempts, &endpoint, reason);
            });
            turn = (turn + 1) % endpoints;
            if failures > 0 && failures % endpoints == 0 {
                tokio::time::sleep(LAST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << rounds.min(10)))).await;
            }
        }
    }

    /// Offers the link for as long as it works, or a better one. Returns why the last one does not; `turn` is its place.
    async fn hold(&mut self, turn: &mut usize, mut link: Arc<Link>) -> String {
        loop {
            tracing::info!(endpoint = link.endpoint, "connected to the chain");
            self.offer.send_replace(Offer { link: Some(link.clone()), ..Offer::default() });
            match self.follow(*turn, &link).await {
                Parting::Broken(reason) => {
                    link.condemn(reason.clone());
                    return reason;
                }
                // Who still waits for an answer gets it from the old link, which closes with its last user.
                Parting::Better(place, better) => (*turn, link) = (place, better),
            }
        }
    }

    /// A link to an endpoint that is alive, of the right chain and, if asked for, not behind.
    async fn connect(&mut self, endpoint: &str, choosy: bool) -> Result<Arc<Link>, String> {
        let opening = async {
            let link = Link::open(endpoint).await?;
            let (_, height) = link.best().await?;
            Ok((link, height))
        };
        let (link, height) = match timeout(self.config.connect_deadline, opening).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(Failure::Link(reason))) => return Err(reason),
            Ok(Err(Failure::Node(code, message))) => return Err(format!("{code}: {message}")),
            Ok(Err(Failure::Final(error))) => return Err(error.to_string()),
            Err(_) => return Err(format!("no answer within {:?}", self.config.connect_deadline)),
        };
        let expected = *self.genesis.get_or_insert(link.genesis);
        if link.genesis != expected {
            let found = link.genesis;
            return Err(format!("this is another chain: its genesis is {found:?}, expected {expected:?}"));
        }
        let highest = *self.best.borrow();
        if choosy && height.saturating_add(LAG_ALLOWED) < highest {
            return Err(format!("it is at block {height}, others were at {highest}"));
        }
        self.best.send_replace(height);
        Ok(Arc::new(link))
    }

    /// Passes the heights of new blocks on, until none comes any more, the link is condemned, or a better one is found.
    async fn follow(&mut self, place: usize, link: &Link) -> Parting {
        let heads = link.rpc.chain_subscribe_new_heads();
        let mut heads = tokio::select! {
            reason = link.condemned() => return Parting::Broken(reason),
            subscribed = timeout(self.config.answer_deadline, heads) => match subscribed {
                Ok(Ok(heads)) => heads,
                Ok(Err(error)) => return Parting::Broken(super::error::reason(&error)),
                Err(_) => return Parting::Broken("no answer to the subscription to new blocks".to_owned()),
            },
        };
        let mut earlier = tokio::time::interval(self.config.prefer_after.max(Duration::from_millis(1)));
        earlier.tick().await;
        let mut last_block = clock::monotonic();
        loop {
            let patience = self.config.stall_after.saturating_sub(last_block.elapsed());
            let head = tokio::select! {
                reason = link.condemned() => return Parting::Broken(reason),
                head = timeout(patience, heads.next()) => head,
                _ = earlier.tick(), if place > 0 => match self.earlier_than(place).await {
                    Some((place, better)) => return Parting::Better(place, better),
                    None => continue,
                },
            };
            match head {
                Ok(Some(Ok(header))) => {
                    last_block = clock::monotonic();
                    // The same height again is no news.
                    self.best.send_if_modified(|best| std::mem::replace(best, header.number) != header.number);
                }
                Ok(Some(Err(error))) => return Parting::Broken(super::error::reason(&error)),
                Ok(None) => return Parting::Broken("the node closed the connection".to_owned()),
                Err(_) => return Parting::Broken(format!("no new block for {:?}", self.config.stall_after)),
            }
        }
    }

    /// The first endpoint before `place` that works and is not behind.
    async fn earlier_than(&mut self, place: usize) -> Option<(usize, Arc<Link>)> {
        for (earlier, endpoint) in self.config.endpoints.clone().iter().enumerate().take(place) {
            match self.connect(endpoint, true).await {
                Ok(link) => return Some((earlier, link)),
                Err(reason) => {
                    tracing::debug!(endpoint = shown(endpoint), reason, "a preferred endpoint is still away");
                }
            }
        }
        None
    }
}
