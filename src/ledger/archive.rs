//! A ledger as something to look at: recomputing, comparing and explaining scores, also while a validator uses it.
//!
//! Blocks; for commands, not for async threads.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde::Serialize;

use super::block::MinerId;
use super::error::{Fault, LedgerError};
use super::read::{self, Which};
use super::record::IN_FORCE;
use super::settle::{self, KnownMiners, Scored};
use super::types::{EventRow, IntervalLine};
use super::{block::Columns, open};
use crate::scoring::Rules;
use crate::scoring::admission::EventState;
use crate::scoring::grid::Grid;
use crate::scoring::sybil::EventReports;
use crate::scoring::window::ScoredEvent;
use crate::units::{Identity, UnixMs};

/// A ledger opened for reading.
#[derive(Debug)]
pub struct Archive {
    book: Book,
    connection: Connection,
}

/// What the threads that recompute share: a connection is each one's own.
#[derive(Debug)]
struct Book {
    path: PathBuf,
    miners: KnownMiners,
}

/// A score that is not what its statistics come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The event's key.
    pub event: String,
    /// The miner; `None` when the event's state differs.
    pub identity: Option<Identity>,
    /// The score in the ledger.
    pub stored: Option<f64>,
    /// The score recomputed.
    pub computed: Option<f64>,
    /// The event's state when recomputed, where that differs.
    pub state: Option<EventState>,
}

/// The result of recomputing everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verification {
    /// Settled events recomputed.
    pub events: usize,
    /// Scores recomputed.
    pub scores: usize,
    /// What differs, to the last bit, by event.
    pub differences: Vec<Difference>,
}

/// A settled event with its scores under some rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescored {
    /// The event.
    pub event: EventRow,
    /// Its state under the rules.
    pub state: EventState,
    /// Scores by identity.
    pub scores: Vec<(Identity, f64)>,
}

impl Rescored {
    /// The event as averages take it.
    #[must_use]
    pub fn as_scored(&self) -> ScoredEvent<Identity> {
        ScoredEvent {
            outcome: self.event.outcome.unwrap_or(0.5),
            resolved: self.event.resolved_at.unwrap_or(UnixMs(0)),
            scores: self.scores.clone(),
        }
    }
}

/// One miner's mean report on one settled event.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanReport {
    /// The event's place in [`Archive::settled`].
    pub event: usize,
    /// Who.
    pub identity: Identity,
    /// Mean report over all its answers.
    pub p: f64,
    /// Mean reference price.
    pub r: f64,
    /// Answers.
    pub count: u64,
}

impl Book {
    fn identity(&self, miner: MinerId) -> Option<Identity> {
        self.miners.get(&miner).map(|(identity, _)| *identity)
    }

    /// Recomputes every settled event and calls `job` with what it comes to, on all processors; the results come in the
    /// order of [`Archive::settled`].
    fn recompute<T: Send>(
        &self,
        events: &[(i64, EventRow)],
        rules: &Rules,
        job: impl Fn(&Connection, i64, &EventRow, Scored) -> Result<T, Fault> + Sync,
    ) -> Result<Vec<T>, LedgerError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let part = events.len().div_ceil(threads).max(1);
        let one = |connection: &Connection, (id, event): &(i64, EventRow)| {
            let scored = settle::score(connection, *id, event, rules, &self.miners)?;
            job(connection, *id, event, scored)
        };
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = events
                .chunks(part)
                .map(|events| {
                    let one = &one;
                    scope.spawn(move || -> Result<Vec<T>, LedgerError> {
                        let connection = open::readable(&self.path)?;
                        let results: Result<_, Fault> = events.iter().map(|event| one(&connection, event)).collect();
                        results.map_err(|fault| fault.at(&self.path))
                    })
                })
                .collect();
            let panicked = || LedgerError::Bug { path: self.path.clone(), reason: "a thread panicked".into() };
            workers.into_iter().map(|worker| worker.join().map_err(|_| panicked())?).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(results.into_iter().flatten().collect())
    }

    fn differences(&self, event: &EventRow, stored: &[(MinerId, f64)], scored: &Scored) -> Vec<Difference> {
        let difference = |miner: MinerId, stored: Option<f64>, computed: Option<f64>| Difference {
            event: event.key.clone(),
            identity: self.identity(miner),
            stored,
            computed,
            state: None,
        };
        let find = |list: &[(MinerId, f64)], miner: MinerId| {
            list.binary_search_by_key(&miner, |(id, _)| *id).ok().and_then(|place| list.get(place)).map(|(_, s)| *s)
        };
        let mut miners: Vec<MinerId> = stored.iter().chain(&scored.scores).map(|(miner, _)| *miner).collect();
        miners.sort_unstable();
        miners.dedup();
        let states = (scored.state != event.state).then(|| Difference {
            state: Some(scored.state),
            ..Difference { event: event.key.clone(), identity: None, stored: None, computed: None, state: None }
        });
        let scores = miners.into_iter().filter_map(|miner| {
            let (old, new) = (find(stored, miner), find(&scored.scores, miner));
            (old != new).then(|| difference(miner, old, new))
        });
        states.into_iter().chain(scores).collect()
    }
}

impl Archive {
    /// Opens a ledger or a copy of one.
    ///
    /// # Errors
    /// [`LedgerError::File`], [`LedgerError::Corrupt`], [`LedgerError::TooNew`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let path = path.as_ref().to_path_buf();
        let connection = open::readable(&path)?;
        let miners = read::miners(&connection).map_err(|fault| fault.at(&path))?;
        Ok(Self { book: Book { path, miners }, connection })
    }

    fn named<T>(&self, result: Result<T, Fault>) -> Result<T, LedgerError> {
        result.map_err(|fault| fault.at(&self.book.path))
    }

    /// Everybody the ledger knows.
    pub fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.book.miners.values().map(|(identity, _)| *identity)
    }

    /// Settled events, in order of resolution, then key; void ones included.
    ///
    /// # Errors
    /// Those of the file.
    pub fn settled(&self) -> Result<Vec<EventRow>, LedgerError> {
        Ok(self.settled_ids()?.into_iter().map(|(_, event)| event).collect())
    }

    fn settled_ids(&self) -> Result<Vec<(i64, EventRow)>, LedgerError> {
        let mut events = self.named(read::events(&self.connection, Which::All))?;
        events.retain(|(_, event)| event.state != EventState::Open);
        events.sort_by(|(_, a), (_, b)| (a.resolved_at, &a.key).cmp(&(b.resolved_at, &b.key)));
        Ok(events)
    }

    /// Recomputes everything and compares it with what is stored, to the last bit.
    ///
    /// # Errors
    /// Those of the file.
    pub fn verify(&self, rules: &Rules) -> Result<Verification, LedgerError> {
        let book = &self.book;
        let parts = book.recompute(&self.settled_ids()?, rules, |connection, id, event, scored| {
            let stored = read::scores(connection, id)?;
            let count = scored.scores.len();
            if scored.state == event.state && stored == scored.scores {
                return Ok((count, Vec::new()));
            }
            Ok((count, book.differences(event, &stored, &scored)))
        })?;
        let mut verification = Verification { events: parts.len(), ..Verification::default() };
        for (scores, differences) in parts {
            verification.scores += scores;
            verification.differences.extend(differences);
        }
        Ok(verification)
    }

    /// Every settled event scored under `rules`, in order of resolution.
    ///
    /// # Errors
    /// Those of the file.
    pub fn rescored(&self, rules: &Rules) -> Result<Vec<Rescored>, LedgerError> {
        let book = &self.book;
        book.recompute(&self.settled_ids()?, rules, |_, _, event, scored| {
            let scores = scored.scores.iter().filter_map(|(miner, score)| Some((book.identity(*miner)?, *score)));
            Ok(Rescored { event: event.clone(), state: scored.state, scores: scores.collect() })
        })
    }

    /// The counted events as a window for `crate::scoring::window::averages`: the last `rules.window_events`.
    ///
    /// # Errors
    /// Those of the file.
    pub fn window(&self, rules: &Rules) -> Result<Vec<ScoredEvent<Identity>>, LedgerError> {
        let mut events = self.rescored(rules)?;
        events.retain(|event| event.state == EventState::Scored);
        let skip = events.len().saturating_sub(rules.window_events);
        Ok(events.iter().skip(skip).map(Rescored::as_scored).collect())
    }

    /// Every miner's mean report on every counted event. Reports at or after an early close are in where an interval was
    /// not cut: this is for looking, not for scoring.
    ///
    /// # Errors
    /// Those of the file.
    pub fn mean_reports(&self) -> Result<Vec<MeanReport>, LedgerError> {
        let events = self.settled_ids()?;
        let mut found = Vec::new();
        for (place, (id, event)) in events.iter().enumerate().filter(|(_, (_, e))| e.state == EventState::Scored) {
            let close = event.resolved_at.unwrap_or(event.cutoff).min(event.cutoff);
            let last = Grid::of_minutes(event.interval_minutes).index(close.plus_ms(-1));
            for (miner, (count, p, r)) in self.named(self.event_means(*id, last))? {
                let Some(identity) = self.book.identity(miner) else { continue };
                let n = count as f64;
                found.push(MeanReport { event: place, identity, p: p / n, r: r / n, count });
            }
        }
        Ok(found)
    }

    fn event_means(&self, id: i64, last: i64) -> Result<BTreeMap<MinerId, (u64, f64, f64)>, Fault> {
        let mut sums: BTreeMap<MinerId, (u64, f64, f64)> = BTreeMap::new();
        let mut query = self
            .connection
            .prepare_cached("SELECT block FROM stats WHERE event = ?1 AND bracket = ?2 AND interval <= ?3")?;
        let mut rows = query.query(params![id, IN_FORCE, last])?;
        while let Some(row) = rows.next()? {
            let block = row.get_ref(0)?.as_blob().map_err(|e| Fault::Block(e.to_string()))?;
            for (miner, stats) in Columns::of(block)?.cells() {
                let sum = sums.entry(miner).or_default();
                *sum = (sum.0 + u64::from(stats.count), sum.1 + stats.sum_p, sum.2 + stats.sum_r);
            }
        }
        Ok(sums)
    }

    /// The same, as the search for sybils wants it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn event_reports(&self) -> Result<Vec<EventReports<Identity>>, LedgerError> {
        let mut events: BTreeMap<usize, EventReports<Identity>> = BTreeMap::new();
        for report in self.mean_reports()? {
            let event = events.entry(report.event).or_insert_with(|| EventReports { miners: Vec::new() });
            event.miners.push((report.identity, report.p, report.r));
        }
        Ok(events.into_values().collect())
    }

    /// One event, if known.
    ///
    /// # Errors
    /// Those of the file.
    pub fn event(&self, key: &str) -> Result<Option<EventRow>, LedgerError> {
        Ok(self.named(read::event(&self.connection, key))?.map(|(_, event)| event))
    }

    /// A miner's statistics on one event.
    ///
    /// # Errors
    /// [`LedgerError::UnknownEvent`], those of the file.
    pub fn intervals(&self, identity: Identity, key: &str) -> Result<Vec<IntervalLine>, LedgerError> {
        let found = self.named(read::event(&self.connection, key))?;
        let (id, event) = found.ok_or_else(|| LedgerError::UnknownEvent { key: key.to_owned() })?;
        let Some(miner) = self.named(read::miner(&self.connection, identity))? else { return Ok(Vec::new()) };
        self.named(read::intervals(&self.connection, id, miner, Grid::of_minutes(event.interval_minutes)))
    }

    /// Writes a compact copy of the ledger to a new file, also while a validator uses it.
    ///
    /// # Errors
    /// [`LedgerError::File`] when the target exists, [`LedgerError::Full`].
    pub fn copy_to(&self, target: &Path) -> Result<(), LedgerError> {
        let reason = format!("it exists; a copy is only written to a new file ({})", self.book.path.display());
        if target.exists() {
            return Err(LedgerError::File { path: target.to_path_buf(), reason });
        }
        let text = target.to_string_lossy().into_owned();
        let done = self.connection.execute("VACUUM INTO ?1", [text]);
        done.map(|_| ()).map_err(|e| super::error::explain(target, &e))
    }
}
