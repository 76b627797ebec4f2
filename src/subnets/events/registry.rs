//! Which events are asked about: from what the markets list, and what the ledger knows, to what is done this tick.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::ledger::{EventRow, NewEvent, Outcome, PriceRow, Resolution};
use crate::market::{self, Listing};
use crate::scoring::admission::EventState;
use crate::units::{UnixMs, millis};

/// A price after the cutoff still serves `reference_pick = "worst_bracket"`; later ones are of no use.
const PRICES_AFTER_CUTOFF_MS: i64 = 10 * 60 * 1000;

/// The limits of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest question, in bytes: a longer one is cut.
    pub max_question_bytes: usize,
    /// Events open at once, soonest cutoff first.
    pub max_events: usize,
    /// An event without an outcome is void this long after its end (or cutoff).
    pub void_after: Duration,
    /// Events looked up one by one in one tick, those that waited longest first.
    pub lookups: usize,
    /// For this long after it was settled, an event's outcome is checked again.
    pub dispute_window: Duration,
}

/// What one poll of the markets means.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Intake {
    /// New events, and known ones whose cutoff may have moved.
    pub offered: Vec<NewEvent>,
    /// Prices of known and new events.
    pub prices: Vec<PriceRow>,
    /// Events that ended.
    pub ended: Vec<Resolution>,
    /// Known events that the markets no longer list: ask for each by its provider's id.
    pub missing: Vec<EventRow>,
    /// New events left out because too many are open.
    pub left_out: usize,
    /// Known events whose markets ask for another outcome than they did: neither price nor end of these is one.
    pub changed: Vec<String>,
}

/// Sorts out a poll. `unsettled` is every event of the ledger that has no outcome yet; `needs_price` says whether an event
/// without a price can be judged.
#[must_use]
pub(super) fn sort_out(
    listings: Vec<Listing>,
    unsettled: &[EventRow],
    now: UnixMs,
    limits: &Limits,
    needs_price: bool,
) -> Intake {
    let known: HashMap<&str, &EventRow> = unsettled.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut intake = Intake::default();
    let mut listed = HashSet::new();
    let mut fresh = Vec::new();
    for listing in listings {
        if !listed.insert(listing.event.key.0.clone()) {
            continue;
        }
        match known.get(listing.event.key.0.as_str()) {
            Some(row) => intake.known(row, listing, now, limits),
            None if listing.quote.is_some() || !needs_price => fresh.push(listing),
            None => {}
        }
    }
    let open = unsettled.iter().filter(|row| row.cutoff > now).count();
    intake.new_events(fresh, now, limits.max_events.saturating_sub(open), limits);
    intake.missing = unsettled.iter().filter(|row| !listed.contains(&row.key)).cloned().collect();
    intake.missing.sort_by(|a, b| (a.cutoff, &a.key).cmp(&(b.cutoff, &b.key)));
    intake
}

impl Intake {
    fn known(&mut self, row: &EventRow, listing: Listing, now: UnixMs, limits: &Limits) {
        if !asks_the_same(row, &listing) {
            self.changed.push(row.key.clone());
            return;
        }
        if let Some(ended) = ended(&listing, now) {
            self.ended.push(ended);
            return;
        }
        if now.since(listing.event.cutoff) < PRICES_AFTER_CUTOFF_MS {
            self.price(&listing);
        }
        // A ledger of before the bound, or of a wider one, may hold a longer question.
        let too_long = row.description.as_raw().len() > limits.max_question_bytes;
        let has_moved = listing.event.cutoff != row.cutoff || listing.event.beside != row.beside;
        if (has_moved || too_long) && row.cutoff > now {
            self.offered.push(offer(listing.event, now, limits));
        }
    }

    /// Takes new events that are open, soonest cutoff first, as long as there is room.
    fn new_events(&mut self, mut fresh: Vec<Listing>, now: UnixMs, room: usize, limits: &Limits) {
        fresh.retain(|listing| listing.resolution == market::Resolution::Open && listing.event.cutoff > now);
        fresh.sort_by(|a, b| (a.event.cutoff, &a.event.key).cmp(&(b.event.cutoff, &b.event.key)));
        self.left_out = fresh.len().saturating_sub(room);
        for listing in fresh.into_iter().take(room) {
            self.price(&listing);
            self.offered.push(offer(listing.event, now, limits));
        }
    }

    fn price(&mut self, listing: &Listing) {
        self.prices.extend(listing.quote.map(|quote| PriceRow::of(&listing.event.key.0, quote)));
    }
}

/// The question is cut here, before it is stored, and sent as stored: the same bytes in every tick and after a restart.
fn offer(event: market::Event, now: UnixMs, limits: &Limits) -> NewEvent {
    NewEvent {
        key: event.key.0,
        provider: event.provider,
        id: event.id,
        description: event.description.cut(limits.max_question_bytes),
        opened_at: now,
        cutoff: event.cutoff,
        ends_at: event.ends_at,
        beside: event.beside,
    }
}

/// Whether a listing is about the outcome that miners were asked about, as far as the texts tell: a market may turn the order
/// of its outcomes around, and what was 0.9 would be 0.1.
#[must_use]
pub(super) fn asks_the_same(row: &EventRow, listing: &Listing) -> bool {
    let asked = market::split_outcome(row.description.as_raw()).1;
    let listed = market::split_outcome(listing.event.description.as_raw()).1;
    asked.zip(listed).is_none_or(|(asked, listed)| asked == listed)
}

/// Whether a resolution says something else than what the event was settled with, if it was.
#[must_use]
pub(super) fn is_news(row: &EventRow, resolution: &Resolution) -> bool {
    let outcome = match resolution.outcome {
        Outcome::Payout(payout) => Some(payout),
        Outcome::Void => None,
    };
    row.state == EventState::Open || row.outcome != outcome
}

/// How a listing says that its event ended.
#[must_use]
pub(super) fn ended(listing: &Listing, now: UnixMs) -> Option<Resolution> {
    let (outcome, at) = match listing.resolution {
        market::Resolution::Open => return None,
        market::Resolution::Resolved { outcome, at } => (Outcome::Payout(outcome.get()), at),
        market::Resolution::Void => (Outcome::Void, None),
    };
    Some(Resolution { event: listing.event.key.0.clone(), outcome, at, seen: now })
}

/// The event is given up: it should have ended long before `patient`, and nobody says how by `now`.
#[must_use]
pub(super) fn given_up(row: &EventRow, now: UnixMs, patient: UnixMs, limits: &Limits) -> Option<Resolution> {
    let due = row.ends_at.unwrap_or(row.cutoff);
    let patience = millis(limits.void_after);
    (patient.since(due) > patience).then(|| Resolution {
        event: row.key.clone(),
        outcome: Outcome::Void,
        at: None,
        seen: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Event, EventKey, PriceSource, Quote};
    use crate::units::Probability;

    const LIMITS: Limits = Limits {
        max_question_bytes: 256,
        max_events: 2,
        void_after: Duration::from_secs(3600),
        lookups: 10,
        dispute_window: Duration::ZERO,
    };

    fn listing(id: &str, cutoff: i64, price: Option<f64>) -> Listing {
        Listing {
            event: Event {
                key: EventKey::new("m", id),
                provider: "m".into(),
                id: id.into(),
                description: "?".into(),
                cutoff: UnixMs(cutoff),
                ends_at: None,
                beside: Default::default(),
            },
            quote: price.map(|p| Quote {
                price: Probability::new(p).unwrap(),
                at: UnixMs(1),
                source: PriceSource::File,
            }),
            resolution: market::Resolution::Open,
        }
    }

    fn row(id: &str, cutoff: i64) -> EventRow {
        EventRow::of_market_m(id, UnixMs(cutoff))
    }

    fn keys(offered: &[NewEvent]) -> Vec<&str> {
        offered.iter().map(|event| event.key.as_str()).collect()
    }

    #[test]
    fn new_events_need_a_price_and_a_future_and_room() {
        let listings = vec![
            listing("late", 300, Some(0.5)),
            listing("soon", 200, Some(0.5)),
            listing("unpriced", 200, None),
            listing("past", 100, Some(0.5)),
            listing("sooner", 150, Some(0.5)),
            listing("sooner", 150, Some(0.6)),
        ];
        let intake = sort_out(listings, &[], UnixMs(100), &LIMITS, true);
        assert_eq!(keys(&intake.offered), ["m-sooner", "m-soon"]);
        assert_eq!(intake.left_out, 1);
        assert_eq!(intake.prices.len(), 2);
    }

    #[test]
    fn a_long_question_is_cut_the_same_however_it_grows_and_an_old_long_one_is_cut_late() {
        let long = |n: usize| {
            let mut found = listing("long", 500, Some(0.5));
            found.event.description = ("漢".repeat(n) + "\nThe outcome \"Yes\".").into();
            found
        };
        let first = sort_out(vec![long(200_000)], &[], UnixMs(100), &LIMITS, true).offered.remove(0);
        let sent = first.description.as_raw();
        assert!(sent.len() <= 256 && sent.len() > 250 && sent.ends_with("漢 […]\nThe outcome \"Yes\"."), "{sent}");
        let stored = EventRow { description: first.description.clone(), ..row("long", 500) };
        assert_eq!(
            sort_out(vec![long(200_000)], std::slice::from_ref(&stored), UnixMs(101), &LIMITS, true).offered,
            []
        );
        let moved = EventRow { cutoff: UnixMs(400), ..stored };
        let again = sort_out(vec![long(300_000)], &[moved], UnixMs(102), &LIMITS, true).offered.remove(0);
        assert_eq!(again.description, first.description, "it grew behind the cut");
        let old = EventRow { description: long(200_000).event.description, ..row("long", 500) };
        let late = sort_out(vec![long(200_000)], &[old], UnixMs(103), &LIMITS, true).offered.remove(0);
        assert_eq!(late.description, first.description);
    }

    #[test]
    fn known_events_get_prices_ends_and_moved_cutoffs() {
        let mut over = listing("over", 500, Some(0.9));
        over.resolution = market::Resolution::Resolved { outcome: Probability::new(1.0).unwrap(), at: None };
        let listings = vec![over, listing("moved", 700, Some(0.4)), listing("same", 500, Some(0.3))];
        let known = [row("over", 500), row("moved", 500), row("same", 500), row("gone", 500)];
        let intake = sort_out(listings, &known, UnixMs(100), &LIMITS, true);
        assert_eq!(keys(&intake.offered), ["m-moved"]);
        assert_eq!(intake.ended.len(), 1);
        assert_eq!(intake.ended[0].outcome, Outcome::Payout(1.0));
        assert_eq!(intake.prices.len(), 2);
        assert_eq!(intake.missing, [row("gone", 500)]);
    }

    #[test]
    fn an_event_that_nobody_resolves_is_given_up_in_the_end() {
        let (patience, years_later) = (UnixMs(3_600_000), UnixMs(i64::MAX));
        assert_eq!(given_up(&row("x", 0), years_later, patience, &LIMITS), None, "the clock alone does not end it");
        let ended = given_up(&row("x", 0), years_later, patience.plus_ms(1), &LIMITS).unwrap();
        assert_eq!((ended.outcome, ended.seen), (Outcome::Void, years_later));
    }
}
