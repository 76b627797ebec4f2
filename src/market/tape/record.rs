//! Writes down what markets show, so that it can be played back.
//!
//! Each look at a market is a line, with why it failed where it did; an event is a line when it is first met and when it changes;
//! a price when it is another one, or gone; an end when there is one. A round is one frame of compressed lines, written when it
//! is over: a process that is killed loses a round. Each file begins with all that is followed, so that any of them can be
//! read alone and old ones can be thrown away. [`super::load`] reads them back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::line::Line;
use super::rotate::Files;
use super::{Rotation, TapeError, files};
use crate::clock::Clock;
use crate::market::{Event, EventKey, Listing, MarketError, Provider, Quote, Resolution};
use crate::units::UnixMs;

/// Events that are no longer listed and not yet over, looked up per round.
const LOOKUPS: usize = 50;

/// What a round of recording did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recording {
    /// Events followed.
    pub events: usize,
    /// Lines written in this round.
    pub lines: usize,
    /// Whether the market's list was read.
    pub read: bool,
}

/// Records markets into a folder.
#[derive(Debug)]
pub struct Recorder {
    files: Files,
    clock: Clock,
    /// By key: those of the markets' lists, and those that were there and have no outcome yet.
    followed: BTreeMap<String, Followed>,
    /// Where the next look-ups of each market begin, so that all get their turn.
    next_lookup: HashMap<&'static str, String>,
    /// Those that ended while this one looked, with their outcome: some markets go on listing them.
    over: HashMap<String, Resolution>,
}

/// An event without an outcome, as it was written last.
#[derive(Debug)]
struct Followed {
    event: Event,
    quote: Option<Quote>,
}

impl Followed {
    /// Whether this says something else than what was written last.
    fn differs(&self, quote: Quote) -> bool {
        self.quote.is_none_or(|it| (it.price, it.source) != (quote.price, quote.source))
    }
}

impl Recorder {
    /// A recorder into `folder`, which is made when it is not there; events recorded there that have no outcome yet
    /// are followed on.
    ///
    /// # Errors
    /// [`TapeError`] when it cannot be made, or what is there cannot be read.
    pub async fn open(folder: &Path, rotation: Rotation, clock: Clock) -> Result<Self, TapeError> {
        let unwritable = |source| TapeError::Write { path: folder.to_owned(), source };
        tokio::fs::create_dir_all(folder).await.map_err(unwritable)?;
        let path = folder.to_owned();
        let unfinished = tokio::task::spawn_blocking(move || unfinished(&path)).await;
        let unfinished =
            unfinished.unwrap_or_else(|e| Err(TapeError::Read { path: folder.to_owned(), source: e.into() }))?;
        let followed = unfinished.into_iter().map(|event| (event.key.0.clone(), Followed { event, quote: None }));
        let (files, next_lookup) = (Files::new(folder.to_owned(), rotation), HashMap::new());
        Ok(Self { files, clock, followed: followed.collect(), next_lookup, over: HashMap::new() })
    }

    /// Looks once at `market` and writes down what is new.
    ///
    /// # Errors
    /// [`TapeError::Write`] when the file cannot be written; a market that does not answer is none.
    pub async fn round(&mut self, market: &dyn Provider) -> Result<Recording, TapeError> {
        let listed = market.list().await;
        let seen = self.clock.now();
        let mut lines = if self.files.begins(seen) { self.all_followed(seen) } else { Vec::new() };
        let read = listed.is_ok();
        match listed {
            Ok(listings) => {
                lines.push(Line::look(seen, market.name(), None));
                self.take_list(market, listings, seen, &mut lines).await;
            }
            Err(error) => {
                tracing::warn!(%error, "nothing recorded in this round");
                lines.push(Line::look(seen, market.name(), Some(error.to_string())));
            }
        }
        self.write(&lines, seen).await?;
        Ok(Recording { events: self.followed.len(), lines: lines.len(), read })
    }

    async fn take_list(&mut self, market: &dyn Provider, listings: Vec<Listing>, seen: UnixMs, lines: &mut Vec<Line>) {
        let listed: HashSet<String> = listings.iter().map(|listing| listing.event.key.0.clone()).collect();
        self.take_between(market, lines);
        for listing in listings {
            self.take(listing, seen, lines);
        }
        let mut found = HashSet::new();
        for (key, id) in self.turn_of_the_missing(market.name(), &listed) {
            match market.fetch(&id).await {
                Ok(listing) => {
                    found.insert(key);
                    self.take(listing, seen, lines);
                }
                Err(MarketError::Unknown { .. }) => {
                    self.followed.remove(&key);
                }
                Err(error) => tracing::debug!(event = key, %error, "not looked up in this round"),
            }
        }
        // What is neither listed nor was looked up has no price that anybody saw.
        for (key, followed) in &mut self.followed {
            let is_unseen = followed.event.provider == market.name() && !listed.contains(key) && !found.contains(key);
            if is_unseen && followed.quote.take().is_some() {
                lines.push(Line::unpriced(seen, key));
            }
        }
    }

    /// Prices that came by themselves since the last round, at their own times.
    fn take_between(&mut self, market: &dyn Provider, lines: &mut Vec<Line>) {
        for (id, quote) in market.between_looks() {
            let key = EventKey::new(market.name(), &id).0;
            let Some(followed) = self.followed.get_mut(&key).filter(|followed| followed.differs(quote)) else {
                continue;
            };
            lines.push(Line::price(quote.at, &key, quote.price, quote.source));
            followed.quote = Some(quote);
        }
    }

    fn take(&mut self, listing: Listing, seen: UnixMs, lines: &mut Vec<Line>) {
        let Listing { event, quote, resolution } = listing;
        let key = event.key.0.clone();
        if self.over.get(&key) == Some(&resolution) {
            return;
        }
        let known = self.followed.get(&key);
        if known.is_none_or(|known| known.event != event) {
            lines.push(Line::met(seen, event.clone()));
        }
        match resolution {
            Resolution::Open => {
                match quote {
                    Some(quote) if known.is_none_or(|known| known.differs(quote)) => {
                        lines.push(Line::price(seen, &key, quote.price, quote.source));
                    }
                    None if known.is_some_and(|known| known.quote.is_some()) => lines.push(Line::unpriced(seen, &key)),
                    _ => {}
                }
                self.followed.insert(key, Followed { event, quote });
            }
            Resolution::Resolved { outcome, .. } => {
                lines.push(Line::outcome(seen, &key, outcome));
                self.end(key, resolution);
            }
            Resolution::Void => {
                lines.push(Line::void(seen, &key));
                self.end(key, resolution);
            }
        }
    }

    fn end(&mut self, key: String, how: Resolution) {
        self.followed.remove(&key);
        self.over.insert(key, how);
    }

    /// Followed events of `market` that are not `listed`, some at a time, round and round: keys and ids.
    fn turn_of_the_missing(&mut self, market: &'static str, listed: &HashSet<String>) -> Vec<(String, String)> {
        let begin = self.next_lookup.remove(market).unwrap_or_default();
        let around = self.followed.range(begin.clone()..).chain(self.followed.range(..begin));
        let missing = around.filter(|(key, followed)| followed.event.provider == market && !listed.contains(*key));
        let ids = missing.map(|(key, followed)| (key.clone(), followed.event.id.clone()));
        let mut turn: Vec<(String, String)> = ids.take(LOOKUPS + 1).collect();
        if turn.len() > LOOKUPS
            && let Some((next, _)) = turn.pop()
        {
            self.next_lookup.insert(market, next);
        }
        turn
    }

    /// What a new file begins with.
    fn all_followed(&self, seen: UnixMs) -> Vec<Line> {
        let lines = |(key, followed): (&String, &Followed)| {
            let price = followed.quote.map(|quote| Line::price(seen, key, quote.price, quote.source));
            [Some(Line::met(seen, followed.event.clone())), price].into_iter().flatten()
        };
        self.followed.iter().flat_map(lines).collect()
    }

    async fn write(&mut self, lines: &[Line], now: UnixMs) -> Result<(), TapeError> {
        let mut text = String::new();
        for line in lines {
            // Plain data under text keys always has a JSON form.
            text.push_str(&serde_json::to_string(line).unwrap_or_default());
            text.push('\n');
        }
        self.files.append(&text, now).await
    }
}

/// The recorded events without an end: of the newest compressed file, which has all that was followed when it was begun,
/// and of files of lines as they were written before.
fn unfinished(folder: &Path) -> Result<Vec<Event>, TapeError> {
    let unreadable = |source| TapeError::Read { path: folder.to_owned(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    let ends = |path: &PathBuf, ending: &str| path.to_string_lossy().ends_with(ending);
    let newest = paths.iter().rev().find(|path| ends(path, ".jsonl.zst"));
    let mut open: BTreeMap<String, Event> = BTreeMap::new();
    for path in paths.iter().filter(|path| ends(path, ".jsonl")).chain(newest) {
        for line in files::read(path)?.lines() {
            match serde_json::from_str(line) {
                Ok(Line { event: Some(event), .. }) => {
                    open.insert(event.key.0.clone(), event);
                }
                Ok(Line { key: Some(key), outcome, void, .. }) if outcome.is_some() || void => {
                    open.remove(&key);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(open.into_values().collect())
}
