//! A ledger of events as a validator has it after a long time.

use std::sync::Arc;

use neuron::ledger::Place;
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Identity, UnixMs};

pub(crate) const START: UnixMs = UnixMs(1_767_225_600_000);

pub(crate) fn text(number: usize) -> String {
    let details = "Details follow. ".repeat(12);
    format!("Will event number {number} resolve to yes before the end of the quarter? {details}")
}

pub(crate) fn new_event(number: usize) -> NewEvent {
    NewEvent {
        key: format!("bench-{number}"),
        provider: "bench".to_owned(),
        id: number.to_string(),
        description: text(number).into(),
        opened_at: START,
        cutoff: START.plus_ms(86_400_000),
        ends_at: None,
        beside: Default::default(),
    }
}

/// A round in which every miner answers about these events.
pub(crate) fn round(miners: &[Identity], events: std::ops::Range<usize>, at: UnixMs) -> Tick {
    let keys: Vec<Arc<str>> = events.map(|number| Arc::from(format!("bench-{number}"))).collect();
    let prices =
        keys.iter().map(|key| PriceRow { event: Arc::clone(key), price: 0.4, at, source: PriceSource::File }).collect();
    let said = |identity: Identity| {
        keys.iter().enumerate().map(move |(i, key)| Submission {
            identity,
            event: Arc::clone(key),
            p: (i % 97) as f64 / 97.0,
            at,
        })
    };
    Tick { at, prices, submissions: miners.iter().copied().flat_map(said).collect(), ..Tick::default() }
}

/// Events `0..settled`, which have ended, and of which each miner has said something.
pub(crate) async fn grow(place: impl Into<Place>, miners: &[Identity], settled: usize) {
    const AT_ONCE: usize = 500;
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    let mut from = 0;
    while from < settled {
        let part = from..(from + AT_ONCE).min(settled);
        ledger.upsert_events(part.clone().map(new_event).collect()).await.unwrap();
        let at = START.plus_ms(60_000 + from as i64);
        ledger.record_tick(round(miners, part.clone(), at)).await.unwrap();
        for number in part.clone() {
            let outcome = Outcome::Payout(if number % 2 == 0 { 1.0 } else { 0.0 });
            let at = START.plus_ms(120_000 + number as i64);
            let event = format!("bench-{number}");
            ledger.resolve(Resolution { event, outcome, at: Some(at), seen: at }).await.unwrap();
        }
        from = part.end;
    }
}
