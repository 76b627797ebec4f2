//! What is not on disk yet: sums in memory, so that no request waits for a file.

use std::collections::{BTreeMap, HashMap};

use super::{GRID, Tally};
use crate::forecast::Question;
use crate::market::EventKey;
use crate::units::{Account, UnixMs};

/// Events held between two writes; further ones are not recorded. More than a validator asks about in a minute.
const MAX_EVENTS: usize = 20_000;
/// Bytes of a question that are kept.
const MAX_DESCRIPTION: usize = 1000;

/// A question that was asked, and the answer that was given.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The question.
    pub question: &'a Question,
    /// The probability that was answered.
    pub answer: Option<f64>,
    /// The price of that moment.
    pub price: Option<f64>,
}

/// Sums since the last write.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) events: HashMap<EventKey, Seen>,
    pub(super) askers: HashMap<Account, Asker>,
    /// Events that found no room.
    pub(super) left_out: u64,
}

/// One event.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) question: Question,
    pub(super) first: UnixMs,
    pub(super) last: UnixMs,
    pub(super) asked: u64,
    pub(super) answered: u64,
    pub(super) last_p: Option<f64>,
    pub(super) tallies: BTreeMap<i64, Tally>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) first: UnixMs,
    pub(super) last: UnixMs,
    pub(super) requests: u64,
    pub(super) events: u64,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.askers.is_empty()
    }

    pub(super) fn add<'a>(&mut self, caller: Account, at: UnixMs, asked: impl Iterator<Item = Asked<'a>>) {
        let mut events = 0;
        for asked in asked {
            events += 1;
            if let Some(seen) = self.event(asked.question, at) {
                seen.add(at, asked.answer, asked.price);
            }
        }
        let asker = self.askers.entry(caller).or_insert(Asker { first: at, last: at, requests: 0, events: 0 });
        asker.last = at;
        asker.requests += 1;
        asker.events += events;
    }

    fn event(&mut self, question: &Question, at: UnixMs) -> Option<&mut Seen> {
        if !self.events.contains_key(&question.key) {
            if self.events.len() >= MAX_EVENTS {
                self.left_out += 1;
                return None;
            }
            self.events.insert(question.key.clone(), Seen::new(question, at));
        }
        self.events.get_mut(&question.key)
    }

    /// Takes back what could not be written, under what has come meanwhile.
    pub(super) fn put_back(&mut self, older: Self) {
        let newer = std::mem::replace(self, older);
        self.left_out += newer.left_out;
        for (key, seen) in newer.events {
            if let Some(before) = self.events.get_mut(&key) {
                before.merge(seen);
            } else if self.events.len() < MAX_EVENTS {
                self.events.insert(key, seen);
            } else {
                self.left_out += 1;
            }
        }
        for (hotkey, asker) in newer.askers {
            let before = self.askers.entry(hotkey).or_insert(Asker { requests: 0, events: 0, ..asker });
            before.last = asker.last;
            before.requests += asker.requests;
            before.events += asker.events;
        }
    }
}

impl Seen {
    fn new(question: &Question, at: UnixMs) -> Self {
        let question = Question { description: question.description.clone().cut(MAX_DESCRIPTION), ..question.clone() };
        Self { question, first: at, last: at, asked: 0, answered: 0, last_p: None, tallies: BTreeMap::new() }
    }

    fn add(&mut self, at: UnixMs, answer: Option<f64>, price: Option<f64>) {
        self.last = at;
        self.asked += 1;
        if let Some(p) = answer {
            self.answered += 1;
            self.last_p = Some(p);
            self.tallies.entry(GRID.index(at)).or_default().add(p, price);
        }
    }

    fn merge(&mut self, newer: Self) {
        self.last = newer.last;
        self.asked += newer.asked;
        self.answered += newer.answered;
        self.last_p = newer.last_p.or(self.last_p);
        for (interval, tally) in newer.tallies {
            *self.tallies.entry(interval).or_default() += tally;
        }
    }
}
