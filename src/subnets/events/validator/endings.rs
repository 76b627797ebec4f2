//! How events end: what the markets no longer list is looked up, what was settled is checked again, and what the markets' oracles
//! say of outcomes is kept.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, stream};

use super::{EventsValidator, Seen};
use crate::ledger::LedgerError;
use crate::market::{MarketError, Review};
use crate::scoring::admission::EventState;
use crate::subnets::events::ledger::{EventRow, EventsLedgerError, PriceRow, Resolution, ReviewChange, Settlement};
use crate::subnets::events::registry;
use crate::units::{UnixMs, millis};

/// Look-ups of single events at once.
const LOOKUPS_AT_ONCE: usize = 4;
/// Between two checks of an outcome that was settled, ms.
const CHECK_AGAIN_MS: i64 = 3_600_000;
/// Of the look-ups of a tick, the share that checks settled outcomes, beside the others.
const CHECKS: usize = 5;
/// Events about which markets' oracles are asked in one pass.
const REVIEWS: usize = 200;

impl Seen {
    /// Settled events whose outcome is to be checked again: an hour after it was seen last, at once where it is disputed.
    fn due_for_check(&mut self, settled: Vec<EventRow>, now: UnixMs, most: usize) -> Vec<EventRow> {
        let current: HashSet<&str> = settled.iter().map(|row| row.key.as_str()).collect();
        self.checked.retain(|key, _| current.contains(key.as_str()));
        let seen = |row: &EventRow| self.checked.get(&row.key).copied().max(row.settled_at);
        let mut due: Vec<(Option<UnixMs>, EventRow)> = settled.into_iter().map(|row| (seen(&row), row)).collect();
        due.retain(|(seen, row)| is_under_review(row) || seen.is_none_or(|seen| now.since(seen) >= CHECK_AGAIN_MS));
        due.sort_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
        due.truncate(most);
        self.checked.extend(due.iter().map(|(_, row)| (row.key.clone(), now)));
        due.into_iter().map(|(_, row)| row).collect()
    }

    /// The next events whose oracle is to be asked: those that it was asked about longest ago.
    fn due_for_review(&mut self, mut wanted: Vec<EventRow>, now: UnixMs) -> Vec<EventRow> {
        let mut keys = HashSet::new();
        wanted.retain(|row| keys.insert(row.key.clone()));
        self.reviewed.retain(|key, _| keys.contains(key));
        let last = |row: &EventRow| self.reviewed.get(&row.key).copied();
        wanted.sort_by(|a, b| (last(a), &a.key).cmp(&(last(b), &b.key)));
        wanted.truncate(REVIEWS);
        self.reviewed.extend(wanted.iter().map(|row| (row.key.clone(), now)));
        wanted
    }

    /// The next events to look up: those that were looked up longest ago, so that none waits for ever behind others.
    fn due_for_look_up(&mut self, now: UnixMs, most: usize) -> Vec<EventRow> {
        let missing: HashSet<&str> = self.missing.iter().map(|row| row.key.as_str()).collect();
        self.looked_up.retain(|key, _| missing.contains(key.as_str()));
        let mut due = self.missing.clone();
        let last = |row: &EventRow| self.looked_up.get(&row.key).copied();
        due.sort_by(|a, b| (last(a), a.cutoff, &a.key).cmp(&(last(b), b.cutoff, &b.key)));
        due.truncate(most);
        self.looked_up.extend(due.iter().map(|row| (row.key.clone(), now)));
        due
    }
}

impl EventsValidator {
    /// Asks the markets about events that they no longer list, those looked up longest ago first: they have ended, or will
    /// be void one day. Within the window for disputes it asks again about settled ones, whose outcome may be corrected.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn look_up(&self) -> Result<Vec<Settlement>, LedgerError> {
        let at = self.now().await?;
        let window = millis(self.limits.dispute_window);
        let settled = if window > 0 { self.may_be_corrected(at).await? } else { Vec::new() };
        let due = {
            let (mut seen, most) = (self.seen(), self.limits.lookups);
            let mut due = seen.due_for_look_up(at, most);
            due.extend(seen.due_for_check(settled, at, most.div_ceil(CHECKS)));
            due
        };
        let (mut prices, mut ended) = (Vec::new(), Vec::new());
        let patient = self.ledger.core().patient_now(&self.clock).await?;
        self.find(due, (at, patient), &mut prices, &mut ended).await;
        self.seen().take_prices(prices, at);
        let settled = self.settle(ended).await?;
        // The next look at the markets may come after the next look-up.
        let over: HashSet<&str> = settled.iter().map(|settlement| settlement.event.as_str()).collect();
        self.seen().missing.retain(|row| !over.contains(row.key.as_str()));
        Ok(settled)
    }

    /// Settled events whose outcome may still be corrected: those within the window for disputes, and those that were disputed
    /// later, until that is resolved.
    async fn may_be_corrected(&self, at: UnixMs) -> Result<Vec<EventRow>, LedgerError> {
        let window = millis(self.limits.dispute_window);
        let mut settled = self.ledger.settled_since(at.plus_ms(-window)).await?;
        let known: HashSet<String> = settled.iter().map(|row| row.key.clone()).collect();
        let disputed = self.ledger.under_review().await?;
        settled.extend(disputed.into_iter().filter(|row| !known.contains(&row.key)));
        Ok(settled)
    }

    /// Asks markets' oracles how they stand to the outcomes of events that wait for one, or whose outcome may be corrected.
    /// Returns what is new. A settled event that is disputed is looked up in every tick until that is resolved.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn review(&self) -> Result<Vec<ReviewChange>, LedgerError> {
        let at = self.now().await?;
        let mut wanted = self.ledger.unsettled().await?;
        wanted.retain(|row| row.cutoff <= at);
        if !self.limits.dispute_window.is_zero() {
            wanted.extend(self.may_be_corrected(at).await?);
        }
        let due = self.seen().due_for_review(wanted, at);
        let mut found = Vec::new();
        for provider in &self.providers {
            let rows: HashMap<&str, &EventRow> =
                due.iter().filter(|row| row.provider == provider.name()).map(|row| (row.id.as_str(), row)).collect();
            let ids: Vec<String> = rows.keys().map(|id| (*id).to_owned()).collect();
            if ids.is_empty() {
                continue;
            }
            match provider.reviews(&ids).await {
                Ok(said) => found.extend(
                    said.into_iter().filter_map(|(id, review)| Some((rows.get(id.as_str())?.key.clone(), review))),
                ),
                Err(e) => {
                    tracing::debug!(market = provider.name(), "{e}; whether outcomes are disputed is not known now");
                }
            }
        }
        let changes = self.ledger.record_reviews(found, at).await?;
        changes.iter().for_each(tell_review);
        Ok(changes)
    }

    /// Asks the markets about single events; what ended long before the second of the times is given up.
    async fn find(
        &self,
        due: Vec<EventRow>,
        (at, patient): (UnixMs, UnixMs),
        prices: &mut Vec<PriceRow>,
        ended: &mut Vec<Resolution>,
    ) {
        let found: Vec<_> = stream::iter(due)
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
                Some(Ok(listing)) if !registry::asks_the_same(&row, &listing) => tell_changed(&row.key),
                Some(Ok(listing)) => {
                    if let Some(resolution) = registry::ended(&listing, at) {
                        if row.state != EventState::Open && registry::is_news(&row, &resolution) {
                            let (was, now) = (row.outcome, &resolution.outcome);
                            tracing::warn!(
                                event = row.key,
                                ?was,
                                ?now,
                                "an outcome was corrected: its scores are replaced"
                            );
                        }
                        ended.extend(Some(resolution).filter(|resolution| registry::is_news(&row, resolution)));
                        continue;
                    }
                    if let Some(quote) = listing.quote.filter(|_| row.cutoff > at) {
                        prices.push(PriceRow::of(&row.key, quote));
                    }
                }
                Some(Err(MarketError::Unknown { .. })) => {
                    tracing::debug!(event = row.key, "the market no longer knows this event");
                }
                Some(Err(e)) => tracing::debug!(event = row.key, "{e}"),
                None => tracing::warn!(event = row.key, "the market {} is no longer in the settings", row.provider),
            }
            ended.extend(registry::given_up(&row, at, patient, &self.limits).filter(|_| row.state == EventState::Open));
        }
    }

    /// Records how events ended.
    pub(super) async fn settle(&self, ended: Vec<Resolution>) -> Result<Vec<Settlement>, LedgerError> {
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
}

/// Whether an outcome was proposed anew or disputed after it was settled here.
fn is_under_review(row: &EventRow) -> bool {
    let later = row.review.filter(|seen| row.settled_at.is_some_and(|settled| seen.at >= settled));
    later.is_some_and(|seen| seen.review != Review::Resolved)
}

fn tell_review(change: &ReviewChange) {
    let ReviewChange { event, review, state } = change;
    if *state == EventState::Open || *review == Review::Resolved {
        tracing::info!(event, %review, "what the market's oracle says of the outcome");
    } else {
        tracing::warn!(event, %review, "the outcome is under review again: another one replaces the scores");
    }
}

pub(super) fn tell_changed(event: &str) {
    tracing::warn!(
        event,
        "the market has changed the name of this event's outcome; until that is undone the event has no price and is not settled"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, cutoff: i64) -> EventRow {
        EventRow { key: key.to_owned(), ..EventRow::of_market_m(key, UnixMs(cutoff)) }
    }

    #[test]
    fn nobody_waits_for_ever_behind_those_that_never_end() {
        let mut seen = Seen { missing: ["a", "b", "c", "d"].map(|key| row(key, 1)).to_vec(), ..Seen::default() };
        let mut look = |now| {
            let due = seen.due_for_look_up(UnixMs(now), 2);
            due.into_iter().map(|row| row.key).collect::<Vec<_>>().concat()
        };
        assert_eq!([look(1), look(2), look(3)], ["ab", "cd", "ab"]);
        seen.missing.remove(0);
        assert_eq!(seen.due_for_look_up(UnixMs(4), 9).len(), 3);
        assert_eq!(seen.looked_up.len(), 3, "what is not missing any more is forgotten");
    }
}
