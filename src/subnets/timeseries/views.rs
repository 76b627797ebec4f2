//! What there is to see of the time series: requests, their forecasts against what came, how every miner stands.

use std::collections::BTreeMap;

use super::ledger::{self, Request, Standing};
use crate::config::Resolved;
use crate::ledger::ReadOnly;
use crate::market::klines::INTERVAL;
use crate::subnets::shown::{Ask, Block, Cell, Chart, Line, Marks, PER_PAGE, Table, Titled, Views};
use crate::subnets::work::WorkError;
use crate::units::{Identity, UnixMs};

/// See the module.
pub(super) const VIEWS: Views = Views { things: "requests", overview, list, one, marks, miner };

/// Forecasts drawn in one picture, the best ones.
const DRAWN: usize = 5;
const STATES: [&str; 4] = ["committed", "open", "scored", "dropped"];

fn overview(_: &Resolved, file: &ReadOnly, _: &()) -> Result<Vec<Block>, WorkError> {
    let counts = file.ask(ledger::counts)?;
    let of = |state: &str| Cell::Count(counts.get(state).copied().unwrap_or(0) as u64);
    let facts = vec![
        ("committed", of("committed")),
        ("open, waiting for the market", of("open")),
        ("scored", of("scored")),
        ("dropped", of("dropped")),
    ];
    let last = file.ask(|connection| ledger::requests(connection, None, 0, 10))?;
    Ok(vec![
        Block::Facts(facts),
        Block::Heading("Last requests".to_owned()),
        Block::Table(table("Last requests", &last)),
    ])
}

fn list(_: &Resolved, file: &ReadOnly, ask: &Ask) -> Result<Vec<Block>, WorkError> {
    let counts = file.ask(ledger::counts)?;
    let state = STATES.into_iter().find(|state| *state == ask.state);
    let rows = file.ask(|connection| ledger::requests(connection, state, ask.skip(), PER_PAGE))?;
    let of = counts.iter().filter(|(name, _)| state.is_none_or(|state| state == name.as_str())).map(|(_, n)| *n).sum();
    let states = STATES.into_iter().filter_map(|state| Some((state, *counts.get(state)?)));
    Ok(vec![Block::Table(Table { of: Some(of), states: states.collect(), ..table("Requests, latest first", &rows) })])
}

fn table(caption: &str, requests: &[Request]) -> Table {
    let row = |request: &Request| {
        vec![
            Cell::Thing(request.uuid.clone(), request.uuid.as_str().into()),
            state(request),
            Cell::Time(request.round),
            Cell::maybe(request.starts_at, Cell::Time),
            Cell::Count(request.commitments),
            Cell::Count(request.forecasts),
            Cell::maybe(request.volatility, |volatility| Cell::Number(volatility, 2)),
        ]
    };
    Table {
        caption: caption.to_owned(),
        heads: vec!["request", "state", "round", "forecasts begin", "commitments", "forecasts", "counts"],
        rows: requests.iter().map(row).collect(),
        ..Table::default()
    }
}

fn state(request: &Request) -> Cell {
    let well = match request.state.as_str() {
        "scored" => Some(true),
        "dropped" => Some(false),
        _ => None,
    };
    let reason = request.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    Cell::State(format!("{}{reason}", request.state), well)
}

fn one(_: &Resolved, file: &ReadOnly, uuid: &str) -> Result<Option<Titled>, WorkError> {
    let Some(whole) = file.ask(|connection| ledger::whole(connection, uuid))? else { return Ok(None) };
    let facts = vec![
        ("state", state(&whole.request)),
        ("round", Cell::Time(whole.request.round)),
        ("forecasts begin", Cell::maybe(whole.request.starts_at, Cell::Time)),
        ("weight of the request", Cell::maybe(whole.request.volatility, |volatility| Cell::Number(volatility, 2))),
        ("scored", Cell::maybe(whole.request.scored_at, Cell::Time)),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    let begin = whole.request.starts_at.unwrap_or(UnixMs(0)).0 as f64;
    let points = |closes: &[f64]| {
        let at = |(i, close): (usize, &f64)| (begin + i as f64 * INTERVAL.ms() as f64, *close);
        closes.iter().enumerate().map(at).collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    if !whole.truth.is_empty() {
        lines.push(Line::new("what happened", points(&whole.truth)));
    }
    let best = whole.forecasts.iter().take(DRAWN);
    lines.extend(best.map(|forecast| Line::of(&forecast.miner, points(&forecast.closes))));
    if !lines.is_empty() {
        let title = format!("Closes of the price, and the {DRAWN} best forecasts");
        blocks.push(Block::Chart(Chart { title, y: "dollars", lines, ..Chart::default() }));
    }
    let row = |said: &ledger::Said| {
        vec![
            Cell::Miner(said.miner.hotkey),
            Cell::maybe(said.closes.first().copied(), |close| Cell::Number(close, 2)),
            Cell::maybe(said.closes.last().copied(), |close| Cell::Number(close, 2)),
            Cell::maybe(said.rmse, |rmse| Cell::Number(rmse, 2)),
            Cell::maybe(said.share, Cell::Share),
        ]
    };
    blocks.push(Block::Heading("Forecasts".to_owned()));
    blocks.push(Block::Table(Table {
        caption: "The smallest error first".to_owned(),
        heads: vec!["miner", "first close", "last close", "error, dollars", "share"],
        rows: whole.forecasts.iter().map(row).collect(),
        ..Table::default()
    }));
    let silent = |(miner, fate): &(Identity, Option<String>)| {
        vec![Cell::Miner(miner.hotkey), Cell::maybe(fate.clone(), Cell::Word)]
    };
    if !whole.others.is_empty() {
        blocks.push(Block::Heading("Commitments without a forecast that counts".to_owned()));
        blocks.push(Block::Table(Table {
            caption: "What happened to them".to_owned(),
            heads: vec!["miner", "what happened to it"],
            rows: whole.others.iter().map(silent).collect(),
            ..Table::default()
        }));
    }
    Ok(Some((format!("Request {}", whole.request.uuid).into(), blocks)))
}

fn marks(_: &Resolved, file: &ReadOnly) -> Result<Marks, WorkError> {
    let mut standings = file.ask(ledger::standings)?;
    standings.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let row = |standing: Standing| {
        let cells = vec![
            Cell::Number(standing.mean_rmse, 2),
            Cell::Share(standing.mean_share),
            Cell::Count(standing.predicted as u64),
            Cell::Number(standing.weight, 4),
        ];
        (standing.miner, cells)
    };
    Ok(Marks {
        heads: vec!["mean error, dollars", "mean share", "forecasts", "long-run weight"],
        rows: standings.into_iter().map(row).collect(),
    })
}

fn miner(_: &Resolved, file: &ReadOnly, identity: &Identity) -> Result<Vec<Block>, WorkError> {
    let standings = file.ask(ledger::standings)?;
    let own = standings.iter().find(|standing| standing.miner == *identity);
    let mut medians = BTreeMap::new();
    let rows = file.ask(|connection| ledger::of_miner(connection, *identity, PER_PAGE))?;
    for scored in &rows {
        if let (Some(at), Some(rmse)) = (scored.request.starts_at, scored.rmse) {
            medians.insert(at.0, rmse);
        }
    }
    let facts = vec![
        ("mean error, dollars", Cell::maybe(own, |own| Cell::Number(own.mean_rmse, 2))),
        ("mean share", Cell::maybe(own, |own| Cell::Share(own.mean_share))),
        ("forecasts", Cell::maybe(own, |own| Cell::Count(own.predicted as u64))),
        ("long-run weight", Cell::maybe(own, |own| Cell::Number(own.weight, 4))),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    if !medians.is_empty() {
        let points = medians.into_iter().map(|(at, rmse)| (at as f64, rmse)).collect();
        let title = "Error of the last forecasts".to_owned();
        let lines = vec![Line::of(identity, points).dotted()];
        blocks.push(Block::Chart(Chart { title, y: "dollars", lines, ..Chart::default() }));
    }
    let row = |scored: ledger::OfMiner| {
        vec![
            Cell::Thing(scored.request.uuid.clone(), scored.request.uuid.as_str().into()),
            state(&scored.request),
            Cell::maybe(scored.request.starts_at, Cell::Time),
            Cell::maybe(scored.rmse, |rmse| Cell::Number(rmse, 2)),
            Cell::maybe(scored.share, Cell::Share),
        ]
    };
    blocks.push(Block::Table(Table {
        caption: "The last forecasts".to_owned(),
        heads: vec!["request", "state", "forecasts begin", "error, dollars", "share"],
        rows: rows.into_iter().map(row).collect(),
        ..Table::default()
    }));
    Ok(blocks)
}
