//! The task that keeps a link to one of the endpoints: it watches that its blocks go on, compares it with the others, and
//! moves to the next one when it is of no use.
//!
//! A socket that is open proves nothing: what counts is that heights rise, that blocks become final, and that others who
//! can be asked say the same.

use std::sync::Arc;
use std::time::Duration;

use subxt::utils::H256;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::SubtensorConfig;
use super::connection::{Offer, note};
use super::crosscheck::{self, Block, LAG_ALLOWED, Verdict};
use super::error::{Attempt, Failure, shown};
use super::link::Link;
use crate::clock;
use crate::units::BlockNumber;

/// A connection that held so long was a sound one.
const SOUND_AFTER: Duration = Duration::from_secs(1);
/// Pause after all endpoints failed; doubled with each round of failures.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// The task that keeps a link.
pub(super) struct Keeper {
    config: SubtensorConfig,
    offer: watch::Sender<Offer>,
    best: watch::Sender<BlockNumber>,
    distrusted: watch::Sender<Vec<Attempt>>,
    genesis: Option<H256>,
    /// The highest block that was said to be final.
    finalised: BlockNumber,
    /// A final block on which several endpoints agree: who has another one there is on a fork.
    agreed: Option<Block>,
}

/// Why a link is not followed any more.
enum Parting {
    /// It is of no use.
    Broken(String),
    /// An endpoint earlier in the list works again.
    Better(usize, Arc<Link>),
}

impl Keeper {
    pub(super) fn new(
        config: SubtensorConfig,
        offer: watch::Sender<Offer>,
        best: watch::Sender<BlockNumber>,
        distrusted: watch::Sender<Vec<Attempt>>,
    ) -> Self {
        let genesis = config.genesis.map(H256);
        Self { config, offer, best, distrusted, genesis, finalised: 0, agreed: None }
    }

    pub(super) async fn run(mut self) {
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
            tracing::warn!(endpoint, reason, "the chain endpoint cannot be used");
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
            let ((_, height), (_, finalised)) = tokio::try_join!(link.best(), link.finalised())?;
            let there = match self.agreed {
                Some(agreed) => link.rpc.chain_get_block_hash(Some(agreed.height.into())).await?,
                None => None,
            };
            Ok((link, height, finalised, there))
        };
        let (link, height, finalised, there) = match timeout(self.config.connect_deadline, opening).await {
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
        if let (Some(agreed), Some(there)) = (self.agreed, there)
            && agreed.hash != there
        {
            return Err(format!(
                "it is on a fork: its block {} is {there:?}, but {:?} on others",
                agreed.height, agreed.hash
            ));
        }
        let highest = *self.best.borrow();
        if choosy && height.saturating_add(LAG_ALLOWED) < highest {
            return Err(format!("it is at block {height}, others were at {highest}"));
        }
        if choosy && finalised.saturating_add(LAG_ALLOWED) < self.finalised {
            return Err(format!("block {finalised} is final there, but {} on others", self.finalised));
        }
        self.finalised = finalised;
        self.best.send_replace(height);
        Ok(Arc::new(link))
    }

    /// Passes the heights of new blocks on, until none comes any more, the link is condemned, or a better one is found.
    async fn follow(&mut self, place: usize, link: &Arc<Link>) -> Parting {
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
        let mut checks = tokio::time::interval(self.config.check_every.max(Duration::from_millis(1)));
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        checks.tick().await;
        let mut check: Option<AbortOnDropHandle<Verdict>> = None;
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
                _ = checks.tick(), if check.is_none() => {
                    check = Some(self.check(place, link));
                    continue;
                }
                verdict = finished(&mut check), if check.is_some() => {
                    check = None;
                    match verdict.and_then(|verdict| self.judge(verdict)) {
                        Some(reason) => return Parting::Broken(reason),
                        None => continue,
                    }
                }
            };
            match head {
                Ok(Some(Ok(header))) => {
                    // The same height again is no news, however often a node repeats it.
                    let news = |best: &mut BlockNumber| std::mem::replace(best, header.number) != header.number;
                    if self.best.send_if_modified(news) {
                        last_block = clock::monotonic();
                    }
                }
                Ok(Some(Err(error))) => return Parting::Broken(super::error::reason(&error)),
                Ok(None) => return Parting::Broken("the node closed the connection".to_owned()),
                Err(_) => return Parting::Broken(format!("no new block for {:?}", self.config.stall_after)),
            }
        }
    }

    /// Begins to compare the endpoint in use with the others.
    fn check(&self, place: usize, link: &Arc<Link>) -> AbortOnDropHandle<Verdict> {
        let others = self.config.endpoints.iter().enumerate().filter(|(other, _)| *other != place);
        let others: Vec<String> = others.map(|(_, endpoint)| endpoint.clone()).collect();
        let (link, deadline) = (link.clone(), self.config.connect_deadline);
        AbortOnDropHandle::new(tokio::spawn(async move { crosscheck::compare(link, others, deadline).await }))
    }

    /// What follows from a comparison: the reason to leave the endpoint in use, if there is one.
    fn judge(&mut self, verdict: Verdict) -> Option<String> {
        let Verdict { agreed, finalised, distrusted, leave } = verdict;
        self.finalised = self.finalised.max(finalised);
        self.agreed = agreed.or(self.agreed);
        self.distrusted.send_if_modified(|known| {
            let new = distrusted.iter().filter(|attempt| !known.iter().any(|k| k.endpoint == attempt.endpoint));
            for Attempt { endpoint, reason } in new {
                tracing::warn!(endpoint, %reason, "a chain endpoint contradicts the others");
            }
            std::mem::replace(known, distrusted.clone()) != distrusted
        });
        leave
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

/// The outcome of a comparison under way; `None` when there is none, or it broke.
async fn finished(check: &mut Option<AbortOnDropHandle<Verdict>>) -> Option<Verdict> {
    check.as_mut()?.await.ok()
}
