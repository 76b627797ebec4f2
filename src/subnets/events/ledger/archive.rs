//! A ledger as something to look at: recomputing, comparing and explaining scores, also while a validator uses it.
//!
//! Blocks; for commands, not for async threads.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::EventsLedgerError;
use super::known::KnownMiners;
use super::prices::{PriceDispute, PriceSeen};
use super::read::{self, EndPlace};
use super::settle::{self, Scored};
use super::types::{EventChange, EventRow, IntervalLine};
use super::{SCHEMA, changes, prices};
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::Connection;
use crate::ledger::{Fault, JobError, LedgerError, Place, ReadOnly};
use crate::scoring::Rules;
use crate::scoring::admission::EventState;
use crate::scoring::window::ScoredEvent;
use crate::units::{Identity, UnixMs};

/// Events that are in memory at once where all of them are gone through: some 10 MB.
const PART: usize = 10_000;

/// A ledger opened for reading; its own, or that of somebody who looks at other things in it as well.
#[derive(Debug)]
pub struct Archive<'a> {
    pub(super) book: Book,
    pub(super) file: Held<'a>,
}

/// What an archive reads with.
#[derive(Debug)]
pub(super) enum Held<'a> {
    Own(Box<ReadOnly>),
    Lent(&'a ReadOnly),
}

impl std::ops::Deref for Held<'_> {
    type Target = ReadOnly;

    fn deref(&self) -> &ReadOnly {
        match self {
            Self::Own(file) => file,
            Self::Lent(file) => file,
        }
    }
}

/// What the threads that recompute share: a connection is each one's own.
#[derive(Debug)]
pub(super) struct Book {
    place: Place,
    miners: KnownMiners,
}

/// A score that is not what its statistics come to.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
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
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize)]
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

/// Where a settled event is in the order of resolutions.
fn end_of(event: &EventRow) -> EndPlace {
    (event.resolved_at.unwrap_or(UnixMs(i64::MIN)), event.key.clone())
}

impl Book {
    pub(super) const fn miners(&self) -> &KnownMiners {
        &self.miners
    }

    pub(super) fn identity(&self, miner: MinerId) -> Option<Identity> {
        self.miners.identity(miner)
    }

    /// Runs `job` for every item on all processors, each with a connection of its own; results in the order of items.
    pub(super) fn on_all_cores<I: Sync, T: Send>(
        &self,
        items: &[I],
        job: impl Fn(&Connection, &I) -> Result<T, Fault> + Sync,
    ) -> Result<Vec<T>, LedgerError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(self.place.readers());
        let part = items.len().div_ceil(threads).max(1);
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = items
                .chunks(part)
                .map(|items| {
                    let job = &job;
                    scope.spawn(move || -> Result<Vec<T>, LedgerError> {
                        let connection = ReadOnly::again(&self.place, SCHEMA)?;
                        let results: Result<_, Fault> = items.iter().map(|item| job(&connection, item)).collect();
                        results.map_err(|fault| fault.at(&self.place))
                    })
                })
                .collect();
            let panicked = || LedgerError::Bug { place: self.place.clone(), reason: "a thread panicked".into() };
            workers.into_iter().map(|worker| worker.join().map_err(|_| panicked())?).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(results.into_iter().flatten().collect())
    }

    /// Recomputes every event and calls `job` with what it comes to.
    fn recompute<T: Send>(
        &self,
        events: &[(i64, EventRow)],
        rules: &Rules,
        job: impl Fn(&Connection, i64, &EventRow, Scored) -> Result<T, Fault> + Sync,
    ) -> Result<Vec<T>, LedgerError> {
        self.on_all_cores(events, |connection, (id, event)| {
            let scored = settle::score(connection, *id, event, rules, &self.miners)?;
            job(connection, *id, event, scored)
        })
    }

    fn rescored(&self, events: &[(i64, EventRow)], rules: &Rules) -> Result<Vec<Rescored>, LedgerError> {
        self.recompute(events, rules, |_, _, event, scored| {
            let scores = scored.scores.iter().filter_map(|(miner, score)| Some((self.identity(*miner)?, *score)));
            Ok(Rescored { event: event.clone(), state: scored.state, scores: scores.collect() })
        })
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

impl<'a> Archive<'a> {
    /// What `file` reads, which was opened with [`SCHEMA`].
    ///
    /// # Errors
    /// Those of the file.
    pub fn of(file: &'a ReadOnly) -> Result<Self, LedgerError> {
        Self::held(Held::Lent(file))
    }

    fn held(file: Held<'a>) -> Result<Self, LedgerError> {
        let miners = file.named(miners::all(file.connection()))?;
        Ok(Self { book: Book { place: file.place().clone(), miners: miners.into() }, file })
    }
}

impl Archive<'static> {
    /// Opens a ledger or a copy of one.
    ///
    /// # Errors
    /// [`LedgerError::File`], [`LedgerError::Corrupt`], [`LedgerError::TooNew`].
    pub fn open(place: impl Into<Place>) -> Result<Self, LedgerError> {
        Self::over(ReadOnly::open(place, SCHEMA)?)
    }

    /// What was opened with [`SCHEMA`].
    ///
    /// # Errors
    /// Those of the file.
    pub fn over(file: ReadOnly) -> Result<Self, LedgerError> {
        Self::held(Held::Own(Box::new(file)))
    }
}

impl Archive<'_> {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.file.place()
    }

    /// See [`ReadOnly::behind`].
    ///
    /// # Errors
    /// Those of the database.
    pub fn behind(&self) -> Result<Option<Duration>, LedgerError> {
        self.file.behind()
    }

    pub(super) fn named<T>(&self, result: Result<T, Fault>) -> Result<T, LedgerError> {
        self.file.named(result)
    }

    /// Everybody the ledger knows.
    pub fn identities(&self) -> impl Iterator<Item = Identity> + '_ {
        self.book.miners.identities()
    }

    /// Settled events, in order of resolution, then key; void ones included.
    ///
    /// # Errors
    /// Those of the file.
    pub fn settled(&self) -> Result<Vec<EventRow>, LedgerError> {
        Ok(self.settled_ids()?.into_iter().map(|(_, event)| event).collect())
    }

    pub(super) fn settled_ids(&self) -> Result<Vec<(i64, EventRow)>, LedgerError> {
        self.named(read::settled_after(self.file.connection(), None, usize::MAX))
    }

    /// Settled events in the same order, a part at a time: a ledger may hold more than memory does.
    pub(super) fn settled_in_parts<E: From<LedgerError>>(
        &self,
        mut job: impl FnMut(&[(i64, EventRow)]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last: Option<EndPlace> = None;
        loop {
            let part = self.named(read::settled_after(self.file.connection(), last.as_ref(), PART))?;
            let Some((_, event)) = part.last() else { return Ok(()) };
            last = Some(end_of(event));
            job(&part)?;
        }
    }

    /// Recomputes everything and compares it with what is stored, to the last bit.
    ///
    /// # Errors
    /// Those of the file.
    pub fn verify(&self, rules: &Rules) -> Result<Verification, LedgerError> {
        let book = &self.book;
        let mut verification = Verification::default();
        self.settled_in_parts(|events| -> Result<(), LedgerError> {
            let found = book.recompute(events, rules, |connection, id, event, scored| {
                let stored = read::scores(connection, id)?;
                let count = scored.scores.len();
                if scored.state == event.state && stored == scored.scores {
                    return Ok((count, Vec::new()));
                }
                Ok((count, book.differences(event, &stored, &scored)))
            })?;
            verification.events += found.len();
            for (scores, differences) in found {
                verification.scores += scores;
                verification.differences.extend(differences);
            }
            Ok(())
        })?;
        Ok(verification)
    }

    /// Every settled event scored under `rules`, in order of resolution.
    ///
    /// # Errors
    /// Those of the file.
    pub fn rescored(&self, rules: &Rules) -> Result<Vec<Rescored>, LedgerError> {
        self.book.rescored(&self.settled_ids()?, rules)
    }

    /// The counted events as a window for `crate::scoring::window::averages`: the last `rules.window_events`.
    ///
    /// # Errors
    /// Those of the file.
    pub fn window(&self, rules: &Rules) -> Result<Vec<ScoredEvent<Identity>>, LedgerError> {
        let events = self.last_counted(None, rules, rules.window_events)?;
        Ok(events.iter().map(Rescored::as_scored).collect())
    }

    /// An event that counts under `rules`, with those before it that one more than a window holds; it is the last. Empty
    /// when it does not count.
    ///
    /// # Errors
    /// Those of the file.
    pub fn window_until(&self, key: &str, rules: &Rules) -> Result<Vec<Rescored>, LedgerError> {
        let Some(own) = self.named(read::event(self.file.connection(), key))? else { return Ok(Vec::new()) };
        if own.1.state == EventState::Open {
            return Ok(Vec::new());
        }
        let place = end_of(&own.1);
        let mut own = self.book.rescored(&[own], rules)?;
        own.retain(|event| event.state == EventState::Scored);
        if own.is_empty() {
            return Ok(own);
        }
        let mut found = self.last_counted(Some(place), rules, rules.window_events)?;
        found.append(&mut own);
        Ok(found)
    }

    /// The last `n` events before a place that count under `rules`, without looking at all that are older.
    fn last_counted(
        &self,
        mut before: Option<EndPlace>,
        rules: &Rules,
        n: usize,
    ) -> Result<Vec<Rescored>, LedgerError> {
        let mut found: Vec<Rescored> = Vec::new();
        while found.len() < n {
            let part = read::settled_before(self.file.connection(), before.as_ref(), (n - found.len()).min(PART));
            let mut part = self.named(part)?;
            let Some((_, earliest)) = part.last() else { break };
            before = Some(end_of(earliest));
            part.reverse();
            let mut scored = self.book.rescored(&part, rules)?;
            scored.retain(|event| event.state == EventState::Scored);
            scored.append(&mut found);
            found = scored;
        }
        Ok(found)
    }

    /// One event, if known.
    ///
    /// # Errors
    /// Those of the file.
    pub fn event(&self, key: &str) -> Result<Option<EventRow>, LedgerError> {
        Ok(self.named(read::event(self.file.connection(), key))?.map(|(_, event)| event))
    }

    /// The life of an event, as [`EventsLedger::changes`](super::EventsLedger::changes).
    ///
    /// # Errors
    /// Those of the file.
    pub fn changes(&self, key: &str) -> Result<Vec<EventChange>, LedgerError> {
        self.named(changes::of(self.file.connection(), key))
    }

    /// Every price kept of an event, by time, with what it is made of.
    ///
    /// # Errors
    /// Those of the file.
    pub fn prices(&self, key: &str) -> Result<Vec<PriceSeen>, LedgerError> {
        self.named(prices::of(self.file.connection(), key))
    }

    /// Where a second source contradicted an event's prices, by time.
    ///
    /// # Errors
    /// Those of the file.
    pub fn price_disputes(&self, key: &str) -> Result<Vec<PriceDispute>, LedgerError> {
        self.named(prices::disputes(self.file.connection(), key))
    }

    /// A miner's statistics on one event, as its score under `rules` sees them.
    ///
    /// # Errors
    /// [`EventsLedgerError::UnknownEvent`], those of the file.
    pub fn intervals(
        &self,
        identity: Identity,
        key: &str,
        rules: &Rules,
    ) -> Result<Vec<IntervalLine>, EventsLedgerError> {
        let found = self.named(read::event(self.file.connection(), key))?;
        let (id, event) = found.ok_or_else(|| EventsLedgerError::UnknownEvent { key: key.to_owned() })?;
        let Some(miner) = self.named(miners::find(self.file.connection(), identity))? else { return Ok(Vec::new()) };
        Ok(self.named(settle::intervals(self.file.connection(), id, &event, rules, miner))?)
    }

    /// Writes a compact copy of the ledger to a new file, also while a validator uses it.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Full`].
    pub fn copy_to(&self, target: &Path) -> Result<(), LedgerError> {
        self.file.copy_to(target)
    }
}
