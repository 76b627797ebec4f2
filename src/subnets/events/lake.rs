//! The history of events as tables of a lake. docs/lake.md explains the columns.
//!
//! Nothing here is ever written twice: an event that is settled anew is another row of `events` and other rows of `scores`,
//! in the stretch in which that was seen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::ledger::{Archive, CellLine, EventRow, Life, state_name};
use crate::lake::table::{Cell, Column, Type};
use crate::lake::{Grain, Kept, LakeError, Read, Rows, Source, Stretch};
use crate::ledger::{LedgerError, ReadOnly};
use crate::units::{Identity, UnixMs};

/// The columns of what miners said by interval, in a lake and in an export; [`interval_row`] fills them.
pub(crate) const INTERVAL_COLUMNS: [Column; 9] = [
    Column::of("event", Type::Text),
    Column::of("hotkey", Type::Text),
    Column::of("registered_at", Type::Long),
    Column::of("interval", Type::Int),
    Column::of("start", Type::Time),
    Column::of("answers", Type::Int),
    Column::of("sum_report", Type::Double),
    Column::of("sum_price", Type::Double),
    Column::of("sum_report2_minus_price2", Type::Double),
];

/// A row of [`INTERVAL_COLUMNS`]: `who` is hotkey and block of registration.
pub(crate) fn interval_row(event: Cell, [hotkey, registered]: [Cell; 2], line: &CellLine) -> [Cell; 9] {
    let stats = &line.stats;
    [
        event,
        hotkey,
        registered,
        Cell::Int(i32::try_from(line.interval).unwrap_or(i32::MAX)),
        Cell::Time(line.start.0),
        Cell::Int(i32::try_from(stats.count).unwrap_or(i32::MAX)),
        Cell::Double(stats.sum_p),
        Cell::Double(stats.sum_r),
        Cell::Double(stats.sum_p2_minus_r2),
    ]
}

const EVENTS: Kept = Kept {
    name: "events",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("event", Type::Text),
        Column::of("seen_at", Type::Time),
        Column::of("state", Type::Text),
        Column::of("cutoff", Type::Time),
        Column::of("outcome", Type::Double).optional(),
        Column::of("provider", Type::Text),
        Column::of("description", Type::Text),
        Column::of("opened_at", Type::Time),
        Column::of("interval_minutes", Type::Int),
    ],
};
const SCORES: Kept = Kept {
    name: "scores",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("event", Type::Text),
        Column::of("settled_at", Type::Time),
        Column::of("hotkey", Type::Text),
        Column::of("registered_at", Type::Long),
        Column::of("score", Type::Double),
    ],
};
const INTERVALS: Kept = Kept { name: "intervals", grain: Grain::Day, version: 1, columns: &INTERVAL_COLUMNS };
const PRICES: Kept = Kept {
    name: "prices",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("event", Type::Text),
        Column::of("read_at", Type::Time),
        Column::of("price", Type::Double),
        Column::of("source", Type::Text),
    ],
};
const ANSWERS: Kept = Kept {
    name: "answers",
    grain: Grain::Hour,
    version: 1,
    columns: &[
        Column::of("event", Type::Text),
        Column::of("tick", Type::Time),
        Column::of("arrived_at", Type::Time),
        Column::of("hotkey", Type::Text),
        Column::of("registered_at", Type::Long),
        Column::of("report", Type::Double),
    ],
};
static TABLES: [Kept; 5] = [EVENTS, SCORES, INTERVALS, PRICES, ANSWERS];

/// What an event's rows may lie beside its life: prices are read before it is offered, clocks differ.
const MARGIN_MS: i64 = 24 * 3_600_000;

/// See the module.
struct History {
    archive: Archive<'static>,
    /// Those that were open at a time or later, as they were when they were first asked for.
    lives: RefCell<Option<(UnixMs, Vec<Life>)>>,
    /// Hotkeys as text, made once.
    names: HashMap<Identity, Bytes>,
}

/// The history in a ledger.
pub(super) fn open(ledger: ReadOnly) -> Result<Box<dyn Source>, LedgerError> {
    let archive = Archive::over(ledger)?;
    let names = archive.identities().map(|identity| (identity, Bytes::from(identity.hotkey.ss58()))).collect();
    Ok(Box::new(History { archive, lives: RefCell::default(), names }))
}

impl History {
    /// The events that may have rows in some time, by key. What is published every hour asks for the events of late, and not for
    /// all there ever were.
    fn alive(&self, table: &Kept, time: &Range<UnixMs>) -> Result<Vec<Life>, LakeError> {
        let since = time.start.plus_ms(-MARGIN_MS);
        let mut known = self.lives.borrow_mut();
        let lives = match &mut *known {
            Some((from, lives)) if *from <= since => lives,
            unknown => &mut unknown.insert((since, self.archive.lives_since(since)?)).1,
        };
        Ok(lives.iter().filter(|life| may_have(table, life, time)).copied().collect())
    }
}

impl Source for History {
    fn tables(&self) -> &'static [Kept] {
        &TABLES
    }

    fn begins(&self, table: &Kept) -> Result<Option<UnixMs>, LakeError> {
        if table.name == ANSWERS.name {
            let since = self.archive.answers_since()?;
            return Ok(since.map(|(kept, first)| table.grain.ceil(kept).max(table.grain.floor(first))));
        }
        Ok(self.archive.first_opened()?.map(|first| table.grain.floor(first)))
    }

    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        let time = stretch.from..stretch.to();
        for life in self.alive(table, &time)? {
            let Some(event) = self.archive.event_numbered(life.id)? else { continue };
            let page = Page { history: self, id: life.id, key: Bytes::from(event.key.clone()), event, time: &time };
            match table.name {
                "events" => page.changes(row)?,
                "scores" => page.scores(row)?,
                "intervals" => page.intervals(row)?,
                "prices" => page.prices(row)?,
                _ => page.answers(row)?,
            }
        }
        if table.name != ANSWERS.name {
            return Ok(Read::Whole);
        }
        // Who forgets writes down up to where, in the same transaction: asked afterwards, this tells of all that was missed.
        let still = self.archive.answers_since()?.is_some_and(|(kept, _)| kept <= time.start);
        Ok(if still { Read::Whole } else { Read::Forgotten })
    }
}

/// Whether an event can have rows in some time.
fn may_have(table: &Kept, life: &Life, time: &Range<UnixMs>) -> bool {
    match life.settled {
        Some(settled) if table.name == SCORES.name => time.contains(&settled),
        None if table.name == SCORES.name => false,
        Some(settled) if settled.plus_ms(MARGIN_MS) < time.start => false,
        _ => life.opened.plus_ms(-MARGIN_MS) < time.end,
    }
}

/// An event in a stretch.
struct Page<'a> {
    history: &'a History,
    id: i64,
    key: Bytes,
    event: EventRow,
    time: &'a Range<UnixMs>,
}

impl Page<'_> {
    fn event(&self) -> Cell {
        Cell::Shared(self.key.clone())
    }

    fn who(&self, identity: &Identity) -> [Cell; 2] {
        let name = self.history.names.get(identity).cloned().unwrap_or_default();
        [Cell::Shared(name), Cell::Long(i64::try_from(identity.registered_at).unwrap_or(i64::MAX))]
    }

    fn changes(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for change in self.history.archive.changes_within(self.id, self.time)? {
            row(&[
                self.event(),
                Cell::Time(change.at.0),
                Cell::Text(state_name(change.state).to_owned()),
                Cell::Time(change.cutoff.0),
                change.outcome.map_or(Cell::Empty, Cell::Double),
                Cell::Text(self.event.provider.clone()),
                Cell::Text(self.event.description.as_raw().to_owned()),
                Cell::Time(self.event.opened_at.0),
                Cell::Int(i32::try_from(self.event.interval_minutes).unwrap_or(i32::MAX)),
            ])?;
        }
        Ok(())
    }

    fn scores(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        // Settled anew since the lives were read: then the scores are those of another stretch.
        let Some(settled) = self.event.settled_at.filter(|at| self.time.contains(at)) else { return Ok(()) };
        for (identity, score) in self.history.archive.scores_stored(self.id)? {
            let [hotkey, registered] = self.who(&identity);
            row(&[self.event(), Cell::Time(settled.0), hotkey, registered, Cell::Double(score)])?;
        }
        Ok(())
    }

    fn intervals(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for line in self.history.archive.cells_ended(self.id, &self.event, self.time)? {
            row(&interval_row(self.event(), self.who(&line.identity), &line))?;
        }
        Ok(())
    }

    fn prices(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for price in self.history.archive.prices_within(self.id, self.time)? {
            let source = Cell::Shared(Bytes::from_static(price.source.as_str().as_bytes()));
            row(&[self.event(), Cell::Time(price.at.0), Cell::Double(price.price), source])?;
        }
        Ok(())
    }

    fn answers(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for answer in self.history.archive.answers_within(self.id, self.time)? {
            let [hotkey, registered] = self.who(&answer.identity);
            let (tick, at) = (Cell::Time(answer.tick.0), Cell::Time(answer.at.0));
            row(&[self.event(), tick, at, hotkey, registered, Cell::Double(answer.p)])?;
        }
        Ok(())
    }
}
