//! What an events validator does, in three parts that wait for nobody: it discovers (polls the markets, takes up events and
//! prices, settles what has ended), looks up what the markets no longer list, and queries the miners and records the answers.
//! Under `reference_pick = "worst_bracket"` the markets are polled again after the answers.
//!
//! Each part is a plain function of the clock: the long-running role makes a duty of each, and [`EventsValidator::tick`] does
//! one after the other, as fast as the demo can. Whatever a market or a miner does, the others go on; only the ledger can stop
//! a part, for what cannot be recorded must not be asked.

mod endings;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::OnceCell;

use self::endings::tell_changed;
use super::asking;
use super::cross_check::CrossCheck;
use super::ledger::{ConditionSet, EventRow, EventsLedger, PriceRow, Reasoning, Settlement, Submission, Tick};
use super::registry::{self, Intake, Limits};
use crate::clock::Clock;
use crate::dendrite::{Dendrite, Target};
use crate::ledger::LedgerError;
use crate::market::{Listing, Provider};
use crate::scoring::rules::ReferencePick;
use crate::subnets::work::Peer;
use crate::units::{Foreign, UnixMs};

/// Events whose price a summary tells.
const QUOTED: usize = 4;

/// An open event and its price.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quoted {
    /// The question.
    pub description: Foreign,
    /// The market's price, `0.0..=1.0`.
    pub price: f64,
}

/// What a tick did.
#[derive(Debug, Default, Serialize)]
pub struct TickSummary {
    /// The market time of the tick.
    pub at: UnixMs,
    /// Markets that could not be read.
    pub markets_failed: usize,
    /// Events new to this validator.
    pub new_events: usize,
    /// Events asked about.
    pub open_events: usize,
    /// Open events that were not, for want of a price that is young enough to judge by.
    pub unpriced: usize,
    /// Some of them with their price of now, soonest cutoff first.
    pub quoted: Vec<Quoted>,
    /// Miners asked.
    pub asked: usize,
    /// Miners that gave a usable answer.
    pub answered: usize,
    /// Why the others did not: how many by kind, refusals with their status.
    pub silent: BTreeMap<String, usize>,
    /// Submissions by fate: scored, late, early, unpriced, invalid.
    pub fates: BTreeMap<String, u64>,
    /// Events that ended in this tick, with their scores.
    pub settled: Vec<Settlement>,
}

/// What one look at the markets came to.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Markets that could not be read.
    pub markets_failed: usize,
    /// Events new to this validator.
    pub new_events: usize,
    /// Events that ended, with their scores.
    pub settled: Vec<Settlement>,
}

/// Asks, records, settles. Weights are the role's business.
pub struct EventsValidator {
    providers: Vec<Arc<dyn Provider>>,
    ledger: EventsLedger,
    dendrite: Arc<Dendrite>,
    clock: Clock,
    limits: Limits,
    deadline: Duration,
    keeps_reasonings: bool,
    seen: Mutex<Seen>,
    /// Done once the clock was told what was recorded before.
    held: OnceCell<()>,
}

/// What the parts leave to each other.
#[derive(Debug, Default)]
struct Seen {
    /// Prices that are not in the ledger yet: they go there with the next answers.
    prices: Vec<PriceRow>,
    /// The newest price of each event.
    newest: HashMap<Arc<str>, PriceRow>,
    /// Events that the last look did not find any more.
    missing: Vec<EventRow>,
    /// When each of them was last looked up.
    looked_up: HashMap<String, UnixMs>,
    /// When each settled event within the dispute window was last checked.
    checked: HashMap<String, UnixMs>,
    /// When the market's oracle was last asked about each event.
    reviewed: HashMap<String, UnixMs>,
}

impl Seen {
    fn take_prices(&mut self, prices: Vec<PriceRow>, now: UnixMs) {
        for price in &prices {
            let newest = self.newest.entry(Arc::clone(&price.event)).or_insert_with(|| price.clone());
            // One of the future was taken under a clock that was wrong.
            if price.at >= newest.at || newest.at > now {
                *newest = price.clone();
            }
        }
        self.prices.extend(prices);
    }
}

impl std::fmt::Debug for EventsValidator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let providers: Vec<_> = self.providers.iter().map(|p| p.name()).collect();
        f.debug_struct("EventsValidator")
            .field("providers", &providers)
            .field("ledger", &self.ledger.core().place())
            .finish()
    }
}

impl EventsValidator {
    /// A validator over these markets and this ledger; a round of questions takes `deadline` at most.
    #[must_use]
    pub fn new(
        providers: Vec<Arc<dyn Provider>>,
        ledger: EventsLedger,
        dendrite: Arc<Dendrite>,
        clock: Clock,
        limits: Limits,
        deadline: Duration,
    ) -> Self {
        let (seen, held) = (Mutex::default(), OnceCell::new());
        Self { providers, ledger, dendrite, clock, limits, deadline, keeps_reasonings: false, seen, held }
    }

    /// The same, keeping what miners say beside their numbers.
    #[must_use]
    pub const fn keeping_reasonings(mut self, kept: bool) -> Self {
        self.keeps_reasonings = kept;
        self
    }

    /// The ledger it records in.
    #[must_use]
    pub const fn ledger(&self) -> &EventsLedger {
        &self.ledger
    }

    /// How long the miners have in one round of questions.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The time, which a steady clock keeps from going behind the last round in the ledger.
    async fn now(&self) -> Result<UnixMs, LedgerError> {
        let hold = async {
            if let Some(last) = self.ledger.last_tick().await? {
                self.clock.later_than(last);
            }
            Ok::<(), LedgerError>(())
        };
        self.held.get_or_try_init(|| hold).await?;
        Ok(self.clock.now())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all parts once, asking `miners`.
    ///
    /// # Errors
    /// The ledger's; nothing else ends a tick.
    pub async fn tick(&self, miners: &[Peer]) -> Result<TickSummary, LedgerError> {
        let Discovery { markets_failed, new_events, mut settled } = self.discover().await?;
        self.review().await?;
        settled.extend(self.look_up().await?);
        let summary = self.query(miners).await?;
        Ok(TickSummary { markets_failed, new_events, settled, ..summary })
    }

    /// Polls the markets: takes up events and prices, and settles what is listed as ended.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn discover(&self) -> Result<Discovery, LedgerError> {
        let at = self.now().await?;
        let unsettled = self.ledger.unsettled().await?;
        let (listings, markets_failed) = self.poll().await;
        let Intake { offered, prices, ended, missing, left_out, changed } =
            registry::sort_out(listings, &unsettled, at, &self.limits, self.needs_price());
        if left_out > 0 {
            tracing::debug!(left_out, "there are more events than `market.max_events`; those with a later cutoff wait");
        }
        for event in changed {
            tell_changed(&event);
        }
        let new_events = self.ledger.upsert_events(offered).await?;
        let known: HashSet<&str> = unsettled.iter().map(|row| row.key.as_str()).collect();
        {
            let mut seen = self.seen();
            // What is settled needs no price any more; what is new has one in this look.
            seen.newest.retain(|event, _| known.contains(&**event));
            seen.take_prices(prices, at);
            seen.missing = missing;
        }
        Ok(Discovery { markets_failed, new_events, settled: self.settle(ended).await? })
    }

    /// Asks `miners` about the open events that have a fresh price, and records the answers.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn query(&self, miners: &[Peer]) -> Result<TickSummary, LedgerError> {
        let at = self.now().await?;
        let mut summary = TickSummary { at, asked: miners.len(), ..TickSummary::default() };
        self.ledger.core().know_miners(miners.iter().map(|miner| miner.identity).collect(), at).await?;
        let mut open = self.ledger.open_events(at).await?;
        let prices = std::mem::take(&mut self.seen().prices);
        let max_age = self.ledger.options().rules.price_max_age_ms();
        let (before, needs_price) = (open.len(), self.needs_price());
        {
            let seen = self.seen();
            // What cannot be judged would only cost the miners time.
            let has_price =
                |row: &EventRow| seen.newest.get(row.key.as_str()).is_some_and(|price| at.since(price.at) <= max_age);
            open.retain(|row| !needs_price || has_price(row));
            summary.quoted = quoted(&open, &seen.newest);
        }
        (summary.open_events, summary.unpriced) = (open.len(), before - open.len());
        let mut tick = Tick { at, prices, ..Tick::default() };
        if !open.is_empty() && !miners.is_empty() {
            self.ask(&open, miners, &mut tick, &mut summary).await;
            if self.ledger.options().rules.reference_pick == ReferencePick::WorstBracket {
                tick.prices.extend(self.prices_of(&open).await);
            }
        }
        summary.fates = self.ledger.record_tick(tick).await?.fates;
        Ok(summary)
    }

    /// Whether an event without a fresh price can be judged.
    fn needs_price(&self) -> bool {
        self.ledger.options().rules.needs_price()
    }

    /// Compares the fresh prices of open events with those of the markets' second sources, where they have any.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) async fn check_prices(&self, check: &CrossCheck) -> Result<(), LedgerError> {
        let at = self.clock.now();
        let max_age = self.ledger.options().rules.price_max_age_ms();
        let fresh: Vec<PriceRow> = {
            let seen = self.seen();
            seen.newest.values().filter(|price| at.since(price.at) <= max_age).cloned().collect()
        };
        check.compare(&self.providers, fresh, &self.ledger).await
    }

    /// What the markets list now, and how many could not be read.
    async fn poll(&self) -> (Vec<Listing>, usize) {
        let polls = self.providers.iter().map(|provider| async move { (provider.name(), provider.list().await) });
        let (mut listings, mut failed) = (Vec::new(), 0);
        for (market, result) in join_all(polls).await {
            match result {
                Ok(found) => listings.extend(found),
                Err(e) => {
                    failed += 1;
                    tracing::warn!(
                        market,
                        "a market could not be read; its events keep their last price until it is too old: {e}"
                    );
                }
            }
        }
        (listings, failed)
    }

    /// The prices of these events now, of those that the markets list.
    async fn prices_of(&self, open: &[EventRow]) -> Vec<PriceRow> {
        let keys: HashSet<&str> = open.iter().map(|row| row.key.as_str()).collect();
        let price = |listing: Listing| {
            let quote = listing.quote.filter(|_| keys.contains(listing.event.key.0.as_str()))?;
            Some(PriceRow::of(&listing.event.key.0, quote))
        };
        // A market that fails here has been told about, or will be in a minute.
        self.poll().await.0.into_iter().filter_map(price).collect()
    }

    async fn ask(&self, open: &[EventRow], miners: &[Peer], tick: &mut Tick, summary: &mut TickSummary) {
        let targets: Vec<Target> = miners.iter().map(|miner| miner.target).collect();
        let answers = match asking::ask(&self.dendrite, &targets, open, self.deadline, self.keeps_reasonings).await {
            Ok(answers) => answers,
            Err(e) => {
                tracing::error!("no miner was asked: {e}");
                return;
            }
        };
        let arrived = self.clock.now();
        tick.submissions.reserve(answers.iter().flatten().map(|reports| reports.numbers.len()).sum());
        for (miner, answer) in miners.iter().zip(answers) {
            match answer {
                Ok(reports) => {
                    summary.answered += 1;
                    if reports.misfits > 0 {
                        tick.dropped.push(("misfit".to_owned(), reports.misfits));
                    }
                    if let Some(rules) = reports.rules {
                        tick.conditions.push(ConditionSet { identity: miner.identity, rules });
                    }
                    let words = |(event, text)| Reasoning { identity: miner.identity, event, text };
                    tick.reasonings.extend(reports.reasonings.into_iter().map(words));
                    tick.submissions.extend(reports.numbers.into_iter().map(|(event, p)| Submission {
                        identity: miner.identity,
                        event,
                        p,
                        at: arrived,
                    }));
                }
                Err(failure) => {
                    tracing::debug!(miner.uid = miner.uid.0, miner.hotkey = %miner.identity.hotkey, "{failure}");
                    tick.dropped.push((failure.kind().to_owned(), 1));
                    *summary.silent.entry(failure.reason()).or_default() += 1;
                }
            }
        }
    }
}

impl TickSummary {
    /// Who answered, and why the others did not: `3 of 5 miners answered: 1 no answer in time, 1 refused (403)`.
    #[must_use]
    pub fn attendance(&self) -> String {
        let reasons: Vec<String> = self.silent.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let separator = if reasons.is_empty() { "" } else { ": " };
        format!("{} of {} miners answered{separator}{}", self.answered, self.asked, reasons.join(", "))
    }
}

/// The open events that close first, with their prices.
fn quoted(open: &[EventRow], newest: &HashMap<Arc<str>, PriceRow>) -> Vec<Quoted> {
    let mut soonest: Vec<&EventRow> = open.iter().collect();
    soonest.sort_by_key(|row| row.cutoff);
    let quote = |row: &EventRow| {
        let price = newest.get(row.key.as_str())?.price;
        Some(Quoted { description: row.description.clone(), price })
    };
    soonest.into_iter().filter_map(quote).take(QUOTED).collect()
}
