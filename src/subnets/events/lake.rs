//! The history of events as tables of a lake. docs/lake.md explains the columns.
//!
//! Nothing here is ever written twice: an event that is settled anew is another row of `events` and other rows of `scores`,
//! in the stretch in which that was seen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::ledger::{Archive, CellLine, EventRow, Life, Numbered, state_name};
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
/// Events that the ledger is asked for at once. An hour of their answers, of 256 miners every minute, is 35 MB.
const TOGETHER: usize = 32;

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
        for lives in self.alive(table, &time)?.chunks(TOGETHER) {
            let ids: Vec<i64> = lives.iter().map(|life| life.id).collect();
            let part = Part { history: self, events: self.archive.events_numbered(&ids)?, time: &time };
            match table.name {
                "events" => part.changes(row)?,
                "scores" => part.scores(row)?,
                "intervals" => part.intervals(row)?,
                "prices" => part.prices(row)?,
                _ => part.answers(row)?,
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

/// Some events in a stretch.
struct Part<'a> {
    history: &'a History,
    events: Vec<Numbered>,
    time: &'a Range<UnixMs>,
}

/// The cell with an event's key, which its rows share.
fn key(event: &EventRow) -> Cell {
    Cell::Shared(Bytes::from(event.key.clone()))
}

impl Part<'_> {
    fn who(&self, identity: &Identity) -> [Cell; 2] {
        let name = self.history.names.get(identity).cloned().unwrap_or_default();
        [Cell::Shared(name), Cell::Long(i64::try_from(identity.registered_at).unwrap_or(i64::MAX))]
    }

    /// The events, each with what was found of it.
    fn with<T>(&self, found: Vec<Vec<T>>) -> impl Iterator<Item = (&EventRow, Vec<T>)> {
        self.events.iter().map(|(_, event)| event).zip(found)
    }

    fn changes(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for (event, changes) in self.with(self.history.archive.changes_within(&self.events, self.time)?) {
            for change in changes {
                row(&[
                    key(event),
                    Cell::Time(change.at.0),
                    Cell::Text(state_name(change.state).to_owned()),
                    Cell::Time(change.cutoff.0),
                    change.outcome.map_or(Cell::Empty, Cell::Double),
                    Cell::Text(event.provider.clone()),
                    Cell::Text(event.description.as_raw().to_owned()),
                    Cell::Time(event.opened_at.0),
                    Cell::Int(i32::try_from(event.interval_minutes).unwrap_or(i32::MAX)),
                ])?;
            }
        }
        Ok(())
    }

    fn scores(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        // Settled anew since the lives were read: then the scores are those of another stretch.
        let settled = |(id, event): &Numbered| {
            let at = event.settled_at.filter(|at| self.time.contains(at))?;
            Some((*id, (key(event), Cell::Time(at.0))))
        };
        let (ids, events): (Vec<i64>, Vec<(Cell, Cell)>) = self.events.iter().filter_map(settled).unzip();
        for ((event, at), scores) in events.into_iter().zip(self.history.archive.scores_stored(&ids)?) {
            for (identity, score) in scores {
                let [hotkey, registered] = self.who(&identity);
                row(&[event.clone(), at.clone(), hotkey, registered, Cell::Double(score)])?;
            }
        }
        Ok(())
    }

    fn intervals(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        let keys: Vec<Cell> = self.events.iter().map(|(_, event)| key(event)).collect();
        self.history.archive.each_cell_ended(&self.events, self.time, |place, line| {
            let Some(event) = keys.get(place) else { return Ok(()) };
            row(&interval_row(event.clone(), self.who(&line.identity), line))
        })
    }

    fn prices(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for (event, prices) in self.with(self.history.archive.prices_within(&self.events, self.time)?) {
            let event = key(event);
            for price in prices {
                let source = Cell::Shared(Bytes::from_static(price.source.as_str().as_bytes()));
                row(&[event.clone(), Cell::Time(price.at.0), Cell::Double(price.price), source])?;
            }
        }
        Ok(())
    }

    fn answers(&self, row: &mut Rows<'_>) -> Result<(), LakeError> {
        for (event, answers) in self.with(self.history.archive.answers_within(&self.events, self.time)?) {
            let event = key(event);
            for answer in answers {
                let [hotkey, registered] = self.who(&answer.identity);
                let (tick, at) = (Cell::Time(answer.tick.0), Cell::Time(answer.at.0));
                row(&[event.clone(), tick, at, hotkey, registered, Cell::Double(answer.p)])?;
            }
        }
        Ok(())
    }
}
