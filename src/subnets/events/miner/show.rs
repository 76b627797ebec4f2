//! What a miner of events has to show: what it is asked, what it said, how that turned out, and who asks.

use super::super::record::{EventHistory, History, Outcome, Tally};
use crate::forecast::{Cache, Remembered};
use crate::ledger::Place;
use crate::subnets::shown::{Block, Cell, Table};
use crate::units::UnixMs;

/// Rows of a table.
const SHOWN: usize = 100;
/// How far back its record is read.
const BACK_MS: i64 = 30 * 24 * 3_600_000;

/// What is in memory.
pub(super) fn memory(cache: &Cache) -> Vec<Block> {
    let row = |kept: Remembered| {
        vec![
            Cell::Foreign(kept.question.description),
            Cell::maybe(kept.answer.probability, |p| Cell::Number(p.get(), 3)),
            Cell::maybe(kept.made, Cell::Time),
            Cell::Time(kept.last_asked),
            Cell::maybe(kept.question.cutoff, Cell::Time),
        ]
    };
    let table = Table {
        caption: format!("The last {SHOWN} questions; without an answer, the miner abstains"),
        heads: vec!["question", "our answer", "made", "last asked", "cutoff"],
        rows: cache.remembered(SHOWN).into_iter().map(row).collect(),
        ..Table::default()
    };
    vec![Block::Heading("Questions of now".to_owned()), Block::Table(table)]
}

/// What the record at `path` says of the last thirty days. Blocks.
pub(super) fn record(place: &Place, now: UnixMs) -> Vec<Block> {
    let history = match History::read(place, now.plus_ms(-BACK_MS)) {
        Ok(history) => history,
        Err(error) => return vec![Block::Note(format!("The record cannot be read: {error}"))],
    };
    let gains: Vec<f64> = history.events.iter().filter_map(gain).collect();
    let mean = (!gains.is_empty()).then(|| gains.iter().sum::<f64>() / gains.len() as f64);
    let count = |of: fn(&EventHistory) -> u64| history.events.iter().map(of).sum::<u64>();
    let facts = vec![
        ("events asked about in 30 days", Cell::Count(history.events.len() as u64)),
        ("questions", Cell::Count(count(|event| event.asked))),
        ("of them, answered", Cell::Count(count(|event| event.answered))),
        ("events that ended and have a gain", Cell::Count(gains.len() as u64)),
        ("mean gain on the price", Cell::maybe(mean, |mean| Cell::Gain(mean, 4))),
    ];
    let event = |event: &EventHistory| {
        let all = total(&event.tallies);
        let outcome = match event.outcome {
            Outcome::Open => Cell::State("open".to_owned(), None),
            Outcome::Void => Cell::State("void".to_owned(), None),
            Outcome::Ended { outcome, .. } => Cell::Number(outcome, 2),
        };
        vec![
            Cell::Foreign(event.description.clone()),
            Cell::Count(event.asked),
            Cell::Count(event.answered),
            Cell::maybe((all.answers > 0).then_some(all.sum_p / all.answers.max(1) as f64), |p| Cell::Number(p, 3)),
            Cell::maybe((all.priced > 0).then_some(all.sum_r / all.priced.max(1) as f64), |r| Cell::Number(r, 3)),
            outcome,
            Cell::maybe(gain(event), |gain| Cell::Gain(gain, 4)),
            Cell::Time(event.asked_between.1),
        ]
    };
    let asker = |asker: &super::super::record::Asker| {
        vec![
            Cell::Word(asker.hotkey.ss58()),
            Cell::Count(asker.requests),
            Cell::Count(asker.events),
            Cell::Time(asker.first),
            Cell::Time(asker.last),
        ]
    };
    vec![
        Block::Facts(facts),
        Block::Heading("Outcomes".to_owned()),
        Block::Table(Table {
            caption: format!(
                "The last {SHOWN} events asked about, with the gain on the price at that time, as in `neuron miner \
                 report`"
            ),
            heads: vec!["question", "asked", "answered", "our mean", "mean price", "outcome", "gain", "last asked"],
            rows: history.events.iter().rev().take(SHOWN).map(event).collect(),
            ..Table::default()
        }),
        Block::Heading("Callers".to_owned()),
        Block::Table(Table {
            caption: "Most requests first".to_owned(),
            heads: vec!["hotkey", "requests", "events in them", "first", "last"],
            rows: history.askers.iter().take(SHOWN).map(asker).collect(),
            ..Table::default()
        }),
    ]
}

/// The mean over intervals, as the rules of the subnet have it.
fn gain(event: &EventHistory) -> Option<f64> {
    let Outcome::Ended { outcome, .. } = event.outcome else { return None };
    let gains: Vec<f64> = event.tallies.iter().filter_map(|tally| tally.gain(outcome)).collect();
    (!gains.is_empty()).then(|| gains.iter().sum::<f64>() / gains.len() as f64)
}

fn total(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |mut sum, tally| {
        sum += *tally;
        sum
    })
}
