//! What there is to see of events: lists, one event with price and crowd over time, one miner with its calibration.

use std::collections::BTreeMap;

use super::ledger::{Archive, CellLine, EventRow, Listed, Reason, STATES, Whole, state_name, state_named};
use super::settings::EventsSettings;
use crate::config::Resolved;
use crate::ledger::ReadOnly;
use crate::scoring::Rules;
use crate::scoring::admission::EventState;
use crate::scoring::calibration::{Calibration, calibration};
use crate::subnets::shown::{Ask, Axis, Block, Cell, Chart, Line, Marks, PER_PAGE, Table, Titled, Views};
use crate::subnets::work::WorkError;
use crate::units::{Identity, UnixMs};

/// See the module.
pub(super) const VIEWS: Views = Views { things: "events", overview, list, one, marks, miner };

/// Miners in the picture of gains.
const DRAWN: usize = 5;
/// Events whose scores are drawn and listed of a miner.
const HISTORY: usize = 200;
/// Counted events over which a miner's calibration is taken: a page must not read a year.
const CALIBRATED: usize = 100;
/// Intervals in a table.
const INTERVALS: usize = 50;
/// Texts of miners in a table.
const WORDS: usize = 50;

fn rules(resolved: &Resolved) -> Result<Rules, WorkError> {
    EventsSettings::of(resolved)?.rules()
}

fn overview(resolved: &Resolved, ledger: &ReadOnly, _: &()) -> Result<Vec<Block>, WorkError> {
    let (archive, rules) = (Archive::of(ledger)?, rules(resolved)?);
    let standings = archive.standings(&rules)?;
    let counts = archive.counts()?;
    let in_state = |state| counts.iter().filter(|(of, _)| *of == state).map(|(_, n)| *n as u64).sum::<u64>();
    let facts = vec![
        ("open events", Cell::Count(in_state(EventState::Open))),
        ("scored", Cell::Count(in_state(EventState::Scored))),
        (
            "ended without a score",
            Cell::Count(
                counts.iter().map(|(_, n)| *n as u64).sum::<u64>()
                    - in_state(EventState::Open)
                    - in_state(EventState::Scored),
            ),
        ),
        ("events in the average", Cell::Count(standings.events as u64)),
        ("miners with a score in the average", Cell::Count(standings.miners.len() as u64)),
        ("rule", Cell::Word(rules.rule.name().to_owned())),
    ];
    let mut best: Vec<_> = standings.miners.iter().collect();
    best.sort_by(|a, b| b.average.total_cmp(&a.average));
    let mut lines = Vec::new();
    for standing in best.into_iter().take(DRAWN) {
        let points = running_sum(&archive, standing.identity)?;
        lines.push(Line::of(&standing.identity, points));
    }
    let mut blocks = vec![Block::Facts(facts)];
    if !lines.is_empty() {
        blocks.push(Block::Chart(Chart {
            title: format!("Sum of scores of the best miners over the last {HISTORY} counted events"),
            y: "sum of scores",
            lines,
            ..Chart::default()
        }));
    }
    blocks.push(Block::Heading("Open events".to_owned()));
    blocks.push(Block::Table(table("The next cutoff first", &archive.listed(Some(EventState::Open), 0, 10)?)));
    Ok(blocks)
}

/// The running sum of a miner's scores, by the time of resolution.
fn running_sum(archive: &Archive, identity: Identity) -> Result<Vec<(f64, f64)>, WorkError> {
    let mut sum = 0.0;
    let history = archive.history(identity, HISTORY)?;
    let step = |line: &super::ledger::ScoredLine| {
        sum += line.score.unwrap_or(0.0);
        (line.resolved_at.0 as f64, sum)
    };
    Ok(history.iter().rev().map(step).collect())
}

fn list(_: &Resolved, ledger: &ReadOnly, ask: &Ask) -> Result<Vec<Block>, WorkError> {
    let archive = Archive::of(ledger)?;
    let counts = archive.counts()?;
    let state = state_named(&ask.state);
    let of = counts.iter().filter(|(one, _)| state.is_none_or(|state| *one == state)).map(|(_, n)| n).sum();
    let states = STATES.into_iter().filter_map(|state| {
        let (_, n) = counts.iter().find(|(one, _)| *one == state)?;
        Some((state_name(state), *n))
    });
    let rows = archive.listed(state, ask.skip(), PER_PAGE)?;
    let table = Table { of: Some(of), states: states.collect(), ..table("Events", &rows) };
    Ok(vec![Block::Table(table)])
}

fn table(caption: &str, events: &[Listed]) -> Table {
    let row = |listed: &Listed| {
        let Listed { event, price, crowd, miners } = listed;
        vec![
            Cell::Thing(event.key.clone(), event.description.clone()),
            state(event),
            Cell::maybe(*price, |price| Cell::Number(price, 3)),
            Cell::maybe(*crowd, |crowd| Cell::Number(crowd, 3)),
            Cell::maybe(event.outcome, |outcome| Cell::Number(outcome, 2)),
            Cell::Count(*miners),
            Cell::Time(event.cutoff),
        ]
    };
    Table {
        caption: caption.to_owned(),
        heads: vec!["question", "state", "price", "crowd", "outcome", "miners scored", "cutoff"],
        rows: events.iter().map(row).collect(),
        ..Table::default()
    }
}

fn state(event: &EventRow) -> Cell {
    let well = match event.state {
        EventState::Scored => Some(true),
        EventState::NoPrice | EventState::NoReports => Some(false),
        _ => None,
    };
    Cell::State(state_name(event.state).replace('_', " "), well)
}

fn one(_: &Resolved, ledger: &ReadOnly, key: &str) -> Result<Option<Titled>, WorkError> {
    let archive = Archive::of(ledger)?;
    let Some(whole) = archive.whole(key)? else { return Ok(None) };
    let event = &whole.event;
    let facts = vec![
        ("state", state(event)),
        ("outcome", Cell::maybe(event.outcome, |outcome| Cell::Number(outcome, 2))),
        ("market", Cell::Foreign(event.provider.as_str().into())),
        ("key", Cell::Foreign(event.key.as_str().into())),
        ("opened", Cell::Time(event.opened_at)),
        ("cutoff", Cell::Time(event.cutoff)),
        ("resolved", Cell::maybe(event.resolved_at, Cell::Time)),
        ("interval", Cell::Word(format!("{} min", event.interval_minutes))),
    ];
    let crowd = by_interval(&whole.cells);
    let mut blocks = vec![Block::Text(event.description.clone()), Block::Facts(facts)];
    blocks.extend(price_and_crowd(&whole, &crowd));
    blocks.push(Block::Heading("Answers".to_owned()));
    blocks.push(Block::Table(sayings(&whole)));
    let words = archive.reasons(key)?.unwrap_or_default();
    if !words.is_empty() {
        blocks.push(Block::Heading("Reasons".to_owned()));
        blocks.push(Block::Table(in_words(words)));
    }
    blocks.push(Block::Heading("By interval".to_owned()));
    blocks.push(Block::Table(intervals(&crowd)));
    Ok(Some((event.description.clone(), blocks)))
}

/// What all miners said together in one interval.
#[derive(Debug, Clone, Copy, Default)]
struct Crowd {
    miners: u64,
    answers: u64,
    /// Sums over miners of their means.
    report: f64,
    price: f64,
}

fn by_interval(cells: &[CellLine]) -> BTreeMap<UnixMs, Crowd> {
    let mut found: BTreeMap<UnixMs, Crowd> = BTreeMap::new();
    for cell in cells {
        let crowd = found.entry(cell.start).or_default();
        crowd.miners += 1;
        crowd.answers += u64::from(cell.stats.count);
        crowd.report += cell.stats.mean_p();
        crowd.price += cell.stats.mean_r();
    }
    found
}

impl Crowd {
    fn mean(&self, sum: f64) -> f64 {
        sum / self.miners.max(1) as f64
    }
}

fn price_and_crowd(whole: &Whole, crowd: &BTreeMap<UnixMs, Crowd>) -> Option<Block> {
    let prices: Vec<(f64, f64)> = whole.prices.iter().map(|(at, price)| (at.0 as f64, *price)).collect();
    let middle = i64::from(whole.event.interval_minutes) * 30_000;
    let crowd = crowd.iter().map(|(start, crowd)| (start.plus_ms(middle).0 as f64, crowd.mean(crowd.report)));
    let crowd: Vec<(f64, f64)> = crowd.collect();
    if prices.is_empty() && crowd.is_empty() {
        return None;
    }
    let mut lines = vec![Line::new("market's price", prices), Line::new("mean of the miners", crowd).dotted()];
    if let (Some(outcome), Some(at)) = (whole.event.outcome, whole.event.resolved_at) {
        let from = whole.event.opened_at.0 as f64;
        lines.push(Line::new("outcome", vec![(from, outcome), (at.0 as f64, outcome)]).dashed());
    }
    lines.retain(|line| !line.points.is_empty());
    let title = "Price and crowd over time".to_owned();
    Some(Block::Chart(Chart { title, x: Axis::Time, y: "probability", range: Some((0.0, 1.0)), lines }))
}

/// A row for each miner that said something: its last word, its mean, what came of it.
fn sayings(whole: &Whole) -> Table {
    struct Said {
        answers: u64,
        sums: (f64, f64),
        last: (UnixMs, f64),
    }
    let mut miners: BTreeMap<Identity, Said> = BTreeMap::new();
    for cell in &whole.cells {
        let stats = cell.stats;
        let said = miners.entry(cell.identity).or_insert(Said { answers: 0, sums: (0.0, 0.0), last: (UnixMs(0), 0.0) });
        said.answers += u64::from(stats.count);
        said.sums = (said.sums.0 + stats.sum_p, said.sums.1 + stats.sum_r);
        said.last = said.last.max_by_time((stats.last.t, stats.last.p));
    }
    let mut rows: Vec<(Option<f64>, Vec<Cell>)> = Vec::new();
    for (identity, said) in miners {
        let score = whole.scores.get(&identity).copied();
        let n = said.answers.max(1) as f64;
        rows.push((
            score,
            vec![
                Cell::Miner(identity.hotkey),
                Cell::Number(said.last.1, 3),
                Cell::Number(said.sums.0 / n, 3),
                Cell::Number(said.sums.1 / n, 3),
                Cell::Count(said.answers),
                Cell::maybe(score, |score| Cell::Gain(score, 4)),
            ],
        ));
    }
    rows.sort_by(|(a, _), (b, _)| b.unwrap_or(f64::MIN).total_cmp(&a.unwrap_or(f64::MIN)));
    Table {
        caption: "Each miner's answers and score".to_owned(),
        heads: vec!["miner", "last", "mean", "mean price", "answers", "score"],
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        ..Table::default()
    }
}

fn in_words(words: Vec<Reason>) -> Table {
    let row = |reason: Reason| {
        let Reason { identity, at, text } = reason;
        vec![Cell::Miner(identity.hotkey), Cell::Time(at), Cell::Foreign(text)]
    };
    let caption = match words.len() {
        0..=WORDS => "What miners wrote with their answers, latest first".to_owned(),
        of => format!("What miners wrote with their answers: the latest {WORDS} of {of}"),
    };
    Table {
        caption,
        heads: vec!["miner", "when", "words"],
        rows: words.into_iter().take(WORDS).map(row).collect(),
        ..Table::default()
    }
}

trait Later {
    fn max_by_time(self, other: Self) -> Self;
}

impl Later for (UnixMs, f64) {
    fn max_by_time(self, other: Self) -> Self {
        if other.0 >= self.0 { other } else { self }
    }
}

fn intervals(crowd: &BTreeMap<UnixMs, Crowd>) -> Table {
    let row = |(start, crowd): (&UnixMs, &Crowd)| {
        vec![
            Cell::Time(*start),
            Cell::Count(crowd.miners),
            Cell::Count(crowd.answers),
            Cell::Number(crowd.mean(crowd.price), 3),
            Cell::Number(crowd.mean(crowd.report), 3),
        ]
    };
    Table {
        caption: "The last intervals, latest first".to_owned(),
        heads: vec!["from", "miners", "answers", "mean price", "mean of the miners"],
        rows: crowd.iter().rev().take(INTERVALS).map(row).collect(),
        ..Table::default()
    }
}

fn marks(resolved: &Resolved, ledger: &ReadOnly) -> Result<Marks, WorkError> {
    let archive = Archive::of(ledger)?;
    let mut standings = archive.standings(&rules(resolved)?)?;
    standings.miners.sort_by(|a, b| b.average.total_cmp(&a.average));
    let events = standings.events as u64;
    let row = |standing: super::ledger::Standing| {
        let cells = vec![
            Cell::Gain(standing.average, 4),
            Cell::Number(standing.reward, 4),
            Cell::Word(format!("{} of {events}", standing.predicted)),
        ];
        (standing.identity, cells)
    };
    Ok(Marks { heads: vec!["mean gain", "reward", "predicted"], rows: standings.miners.into_iter().map(row).collect() })
}

fn miner(resolved: &Resolved, ledger: &ReadOnly, identity: &Identity) -> Result<Vec<Block>, WorkError> {
    let (archive, rules) = (Archive::of(ledger)?, rules(resolved)?);
    let standings = archive.standings(&rules)?;
    let own = standings.miners.iter().find(|standing| standing.identity == *identity);
    let (found, market) = calibrations(&archive, *identity)?;
    let facts = vec![
        ("mean gain over the window", Cell::maybe(own, |own| Cell::Gain(own.average, 4))),
        ("reward", Cell::maybe(own, |own| Cell::Number(own.reward, 4))),
        ("predicted", Cell::maybe(own, |own| Cell::Word(format!("{} of {}", own.predicted, standings.events)))),
        ("Brier score", Cell::maybe((found.count > 0).then_some(found.brier), |brier| Cell::Number(brier, 4))),
        (
            "Brier score of the market's price on the same events",
            Cell::maybe((market.count > 0).then_some(market.brier), |brier| Cell::Number(brier, 4)),
        ),
        (
            "reliability, 0 is perfect",
            Cell::maybe((found.count > 0).then_some(found.reliability), |r| Cell::Number(r, 4)),
        ),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    let sums = running_sum(&archive, *identity)?;
    if !sums.is_empty() {
        let title = format!("Sum of scores over the last {HISTORY} counted events");
        blocks.push(Block::Chart(Chart {
            title,
            y: "sum of scores",
            lines: vec![Line::of(identity, sums)],
            ..Chart::default()
        }));
    }
    if found.count > 0 {
        blocks.push(reliability(&found, &market));
    }
    blocks.push(Block::Heading("Events of this miner".to_owned()));
    blocks.push(Block::Table(history(&archive, *identity)?));
    Ok(blocks)
}

/// Of a miner, and of the market's price on the same events.
fn calibrations(archive: &Archive, identity: Identity) -> Result<(Calibration, Calibration), WorkError> {
    let pairs = archive.calibrated(identity, CALIBRATED)?;
    Ok((
        calibration(pairs.iter().map(|(p, _, o)| (*p, *o)), 10),
        calibration(pairs.iter().map(|(_, r, o)| (*r, *o)), 10),
    ))
}

fn reliability(own: &Calibration, market: &Calibration) -> Block {
    let points = |of: &Calibration| {
        of.bins.iter().filter(|bin| bin.count > 0).map(|bin| (bin.mean_p, bin.frequency)).collect::<Vec<_>>()
    };
    Block::Chart(Chart {
        title: format!("Reliability over the last {CALIBRATED} counted events: mean report and how often it came true"),
        x: Axis::Number("mean report of the bin"),
        y: "frequency of the outcome",
        range: Some((0.0, 1.0)),
        lines: vec![
            Line::new("market", points(market)).dotted(),
            Line::new("this miner", points(own)).dotted(),
            Line::new("perfect", vec![(0.0, 0.0), (1.0, 1.0)]).dashed(),
        ],
    })
}

fn history(archive: &Archive, identity: Identity) -> Result<Table, WorkError> {
    let row = |line: super::ledger::ScoredLine| {
        vec![
            Cell::Thing(line.event, line.description),
            Cell::Number(line.outcome, 2),
            Cell::maybe(line.score, |score| Cell::Gain(score, 4)),
            Cell::Time(line.resolved_at),
        ]
    };
    Ok(Table {
        caption: format!("The last {PER_PAGE} counted events, latest first"),
        heads: vec!["question", "outcome", "score", "resolved"],
        rows: archive.history(identity, PER_PAGE)?.into_iter().map(row).collect(),
        ..Table::default()
    })
}
