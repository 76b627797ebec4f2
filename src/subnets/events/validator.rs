//! One tick of an events validator: poll the markets, settle what has ended, ask every miner, record the answers. Under
//! `reference_pick = "worst_bracket"` the markets are polled again after the answers.
//!
//! [`EventsValidator::tick`] is a plain function of the clock, so that the long-running role calls it once a minute and
//! the demo as fast as it can. Whatever a market or a miner does, the tick goes on with the others; only the ledger can
//! stop it, for what cannot be recorded must not be asked.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::asking;
use super::ledger::{
    ConditionSet, EventRow, EventsLedger, EventsLedgerError, PriceRow, Resolution, Settlement, Submission, Tick,
};
use super::registry::{self, Intake, Limits};
use crate::clock::Clock;
use crate::dendrite::{Dendrite, Target};
use crate::ledger::LedgerError;
use crate::market::{Listing, MarketError, Provider};
use crate::scoring::rules::ReferencePick;
use crate::subnets::work::Peer;
use crate::units::{Foreign, UnixMs};

/// Events whose price a summary tells.
const QUOTED: usize = 4;
/// Look-ups of single events at once.
const LOOKUPS_AT_ONCE: usize = 4;

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

/// Asks, records, settles. Weights are the role's business.
pub struct EventsValidator {
    providers: Vec<Arc<dyn Provider>>,
    ledger: EventsLedger,
    dendrite: Arc<Dendrite>,
    clock: Clock,
    limits: Limits,
    deadline: Duration,
}

impl std::fmt::Debug for EventsValidator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let providers: Vec<_> = self.providers.iter().map(|p| p.name()).collect();
        f.debug_struct("EventsValidator")
            .field("providers", &providers)
            .field("ledger", &self.ledger.core().path())
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
        Self { providers, ledger, dendrite, clock, limits, deadline }
    }

    /// The ledger it records in.
    #[must_use]
    pub const fn ledger(&self) -> &EventsLedger {
        &self.ledger
    }

    /// Does one tick, asking `miners`.
    ///
    /// # Errors
    /// The ledger's; nothing else ends a tick.
    pub async fn tick(&self, miners: &[Peer]) -> Result<TickSummary, LedgerError> {
        let at = self.clock.now();
        let mut summary = TickSummary { at, ..TickSummary::default() };
        let unsettled = self.ledger.unsettled().await?;
        let listings = self.poll(&mut summary).await;
        let Intake { offered, mut prices, mut ended, missing, left_out } =
            registry::sort_out(listings, &unsettled, at, &self.limits);
        if left_out > 0 {
            tracing::debug!(left_out, "more events than `market.max_events` are offered; the later ones wait");
        }
        summary.new_events = self.ledger.upsert_events(offered).await?;
        self.look_up(missing, at, &mut prices, &mut ended).await;
        self.ledger.core().know_miners(miners.iter().map(|miner| miner.identity).collect(), at).await?;
        summary.settled = self.settle(ended).await?;

        let open = self.ledger.open_events(at).await?;
        summary.open_events = open.len();
        summary.quoted = quoted(&open, &prices);
        summary.asked = miners.len();
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

    async fn poll(&self, summary: &mut TickSummary) -> Vec<Listing> {
        let polls = self.providers.iter().map(|provider| async move { (provider.name(), provider.list().await) });
        let mut listings = Vec::new();
        for (market, result) in join_all(polls).await {
            match result {
                Ok(found) => listings.extend(found),
                Err(e) => {
                    summary.markets_failed += 1;
                    tracing::warn!(market, "{e}; events of this market keep their last price until it is too old");
                }
            }
        }
        listings
    }

    /// The prices of these events now, of those that the markets list.
    async fn prices_of(&self, open: &[EventRow]) -> Vec<PriceRow> {
        let keys: HashSet<&str> = open.iter().map(|row| row.key.as_str()).collect();
        let price = |listing: Listing| {
            let quote = listing.quote.filter(|_| keys.contains(listing.event.key.0.as_str()))?;
            Some(PriceRow { event: listing.event.key.0.into(), price: quote.price.get(), at: quote.at })
        };
        // A market that fails here has been told about, or will be in a minute.
        self.poll(&mut TickSummary::default()).await.into_iter().filter_map(price).collect()
    }

    /// Asks the markets about events that they no longer list: they have ended, or will be void one day.
    async fn look_up(
        &self,
        missing: Vec<EventRow>,
        at: UnixMs,
        prices: &mut Vec<PriceRow>,
        ended: &mut Vec<Resolution>,
    ) {
        let found: Vec<_> = stream::iter(missing.into_iter().take(self.limits.lookups))
            .map(|row| async move {
                let provider = self.providers.iter().find(|p| p.name() == row.provider);
                let listing = match provider {
                    Some(provider) => Some(provider.fetch(&row.id).await),
                    None => None,
                };
                (row, listing)
            })
            .buffered(LOOKUPS_AT_ONCE)
            .collect()
            .await;
        for (row, listing) in found {
            match listing {
                Some(Ok(listing)) => {
                    if let Some(resolution) = registry::ended(&listing, at) {
                        ended.push(resolution);
                        continue;
                    }
                    if let Some(quote) = listing.quote.filter(|_| row.cutoff > at) {
                        prices.push(PriceRow {
                            event: row.key.as_str().into(),
                            price: quote.price.get(),
                            at: quote.at,
                        });
                    }
                }
                Some(Err(MarketError::Unknown { .. })) => {
                    tracing::debug!(event = row.key, "the market does not know this event any more");
                }
                Some(Err(e)) => tracing::debug!(event = row.key, "{e}"),
                None => tracing::warn!(event = row.key, "no market called {} is set up any more", row.provider),
            }
            ended.extend(registry::given_up(&row, at, &self.limits));
        }
    }

    async fn settle(&self, ended: Vec<Resolution>) -> Result<Vec<Settlement>, LedgerError> {
        let mut settled = Vec::new();
        for resolution in ended {
            let event = resolution.event.clone();
            match self.ledger.resolve(resolution).await {
                Ok(settlement) => {
                    tracing::info!(event, state = ?settlement.state, miners = settlement.scores.len(), "event settled");
                    settled.push(settlement);
                }
                // One strange event must not stop the others.
                Err(e @ (EventsLedgerError::UnknownEvent { .. } | EventsLedgerError::BadOutcome { .. })) => {
                    tracing::warn!(event, "{e}");
                }
                Err(EventsLedgerError::Ledger(e)) => return Err(e),
            }
        }
        Ok(settled)
    }

    async fn ask(&self, open: &[EventRow], miners: &[Peer], tick: &mut Tick, summary: &mut TickSummary) {
        let targets: Vec<Target> = miners.iter().map(|miner| miner.target).collect();
        let answers = match asking::ask(&self.dendrite, &targets, open, self.deadline).await {
            Ok(answers) => answers,
            Err(e) => {
                tracing::error!("nobody was asked: {e}");
                return;
            }
        };
        let arrived = self.clock.now();
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
fn quoted(open: &[EventRow], prices: &[PriceRow]) -> Vec<Quoted> {
    let mut soonest: Vec<&EventRow> = open.iter().collect();
    soonest.sort_by_key(|row| row.cutoff);
    let quote = |row: &EventRow| {
        let price = prices.iter().find(|price| *price.event == *row.key)?.price;
        Some(Quoted { description: row.description.clone(), price })
    };
    soonest.into_iter().filter_map(quote).take(QUOTED).collect()
}
