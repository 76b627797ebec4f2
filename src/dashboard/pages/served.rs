//! A miner's requests: how they ended, and who called.

use std::sync::Weak;

use maud::Markup;

use super::{Desk, Trouble};
use crate::axon::Outcome;
use crate::subnets::shown::{Block, Cell, Table};

pub(super) fn page(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let axon = desk.watch()?.axon.as_ref().and_then(Weak::upgrade).ok_or(Trouble::NotFound)?;
    let seen = axon.snapshot();
    let facts = vec![
        ("connections accepted", Cell::Count(seen.accepted)),
        ("refused: too many connections", Cell::Count(seen.no_room)),
        ("closed by a fault of the caller", Cell::Count(seen.broken)),
        ("open now", Cell::Count(seen.now.connections as u64)),
        ("handlers running", Cell::Count(seen.now.running as u64)),
        ("requests that wait for one", Cell::Count(seen.now.waiting as u64)),
        ("callers remembered", Cell::Count(seen.now.callers as u64)),
    ];
    let mut rows = Vec::new();
    for route in &seen.routes {
        for (outcome, took) in &route.outcomes {
            let mean = took.total.as_secs_f64() * 1000.0 / took.count().max(1) as f64;
            let well = *outcome == Outcome::Answered;
            rows.push(vec![
                Cell::Word(route.synapse.to_owned()),
                Cell::Word(route.dialect.name().to_owned()),
                Cell::State(outcome.name().replace('_', " "), Some(well)),
                Cell::Count(took.count()),
                Cell::Took(mean),
            ]);
        }
    }
    let stray =
        |(rung, count): &(crate::axon::Rung, u64)| vec![Cell::Word(rung.name().replace('_', " ")), Cell::Count(*count)];
    let unsigned =
        |(hotkey, count): (&crate::units::Account, &u64)| vec![Cell::Word(hotkey.ss58()), Cell::Count(*count)];
    let mut blocks = vec![
        Block::Facts(facts),
        Block::Heading("Requests".to_owned()),
        Block::Table(Table {
            caption: "By synapse: answered, or the check that refused them".to_owned(),
            heads: vec!["synapse", "dialect", "ended", "requests", "mean time"],
            rows,
            ..Table::default()
        }),
        Block::Heading("Refused before the synapse was known".to_owned()),
        Block::Table(Table {
            caption: "By check".to_owned(),
            heads: vec!["check", "requests"],
            rows: seen.strays.iter().map(stray).collect(),
            ..Table::default()
        }),
    ];
    if !seen.unauthenticated_bodies.is_empty() {
        blocks.push(Block::Heading("Callers whose signature does not cover the body".to_owned()));
        blocks.push(Block::Table(Table {
            caption: "Ask them for a newer SDK".to_owned(),
            heads: vec!["hotkey", "requests"],
            rows: seen.unauthenticated_bodies.iter().map(unsigned).collect(),
            ..Table::default()
        }));
    }
    Ok(desk.page("/requests-served", "Requests", &blocks))
}
