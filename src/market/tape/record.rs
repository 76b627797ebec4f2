//! Writes down what a market shows, so that it can be played back.
//!
//! One file per day of market time, `2026-02-07.jsonl`, in lines of three kinds: an event when it is first met, with
//! all there is; a price when it has changed; an outcome when there is one. [`super::load`] reads them back. Lines are
//! only ever appended: a process that is killed loses the line it was writing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::TapeError;
use crate::clock::Clock;
use crate::market::{Event, Listing, MarketError, Provider, Resolution};
use crate::units::{Probability, UnixMs};

/// Events that are no longer listed and not yet over, looked up per round.
const LOOKUPS: usize = 50;

/// A line of a recording: an event that is met, the price of one, or the outcome of one.
///
/// One struct and not an untagged enum: those cannot hold floats when a dependency switches on serde_json's
/// `arbitrary_precision`, as the development chain's do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) seen: UnixMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Event>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<Probability>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Probability>,
}

impl Line {
    const fn met(seen: UnixMs, event: Event) -> Self {
        Self { seen, event: Some(event), key: None, price: None, outcome: None }
    }

    const fn price(seen: UnixMs, key: String, price: Probability) -> Self {
        Self { seen, event: None, key: Some(key), price: Some(price), outcome: None }
    }

    const fn outcome(seen: UnixMs, key: String, outcome: Probability) -> Self {
        Self { seen, event: None, key: Some(key), price: None, outcome: Some(outcome) }
    }
}

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

/// Records one market into a folder.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    clock: Clock,
    /// The events followed, by the provider's id, with the price written last. Those of the market's list and those
    /// that were there and have no outcome yet.
    followed: BTreeMap<String, Option<Probability>>,
    /// Where the next look-ups begin, so that all get their turn.
    next_lookup: String,
}

impl Recorder {
    /// A recorder into `folder`, which is made when it is not there; events recorded there that have no outcome yet
    /// are followed on.
    ///
    /// # Errors
    /// [`TapeError`] when it cannot be made, or what is there cannot be read.
    pub async fn open(folder: &Path, clock: Clock) -> Result<Self, TapeError> {
        tokio::fs::create_dir_all(folder).await.map_err(|source| unwritable(folder, source))?;
        let path = folder.to_owned();
        let unfinished = tokio::task::spawn_blocking(move || unfinished(&path)).await.unwrap_or_else(|e| Err(e.into()));
        let unfinished = unfinished.map_err(|source| TapeError::Read { path: folder.to_owned(), source })?;
        let followed = unfinished.into_iter().map(|id| (id, None)).collect();
        Ok(Self { folder: folder.to_owned(), clock, followed, next_lookup: String::new() })
    }

    /// Looks once at the market and writes down what is new.
    ///
    /// # Errors
    /// [`TapeError::Write`] when the file cannot be written; a market that does not answer is none.
    pub async fn round(&mut self, market: &dyn Provider) -> Result<Recording, TapeError> {
        let listings = match market.list().await {
            Ok(listings) => listings,
            Err(error) => {
                tracing::warn!(%error, "nothing recorded in this round");
                return Ok(Recording { events: self.followed.len(), lines: 0, read: false });
            }
        };
        let mut lines = Vec::new();
        let listed: HashSet<String> = listings.iter().map(|listing| listing.event.id.clone()).collect();
        for listing in listings {
            self.take(listing, &mut lines);
        }
        for id in self.turn_of_the_missing(&listed) {
            match market.fetch(&id).await {
                Ok(listing) => self.take(listing, &mut lines),
                Err(MarketError::Unknown { .. }) => {
                    self.followed.remove(&id);
                }
                Err(error) => tracing::debug!(event = id, %error, "not looked up in this round"),
            }
        }
        let recording = Recording { events: self.followed.len(), lines: lines.len(), read: true };
        self.write(lines).await?;
        Ok(recording)
    }

    fn take(&mut self, listing: Listing, lines: &mut Vec<Line>) {
        let Listing { event, quote, resolution } = listing;
        let (seen, key, id) = (self.clock.now(), event.key.0.clone(), event.id.clone());
        let known = self.followed.get(&id).copied();
        if known.is_none() {
            lines.push(Line::met(seen, event));
        }
        match resolution {
            Resolution::Open => {
                let price = quote.map(|quote| quote.price);
                let written = known.flatten();
                if let Some(price) = price.filter(|price| written != Some(*price)) {
                    lines.push(Line::price(seen, key, price));
                }
                self.followed.insert(id, price.or(written));
            }
            Resolution::Resolved { outcome, .. } => {
                lines.push(Line::outcome(seen, key, outcome));
                self.followed.remove(&id);
            }
            Resolution::Void => {
                self.followed.remove(&id);
            }
        }
    }

    /// Followed events that are not `listed`, some at a time, round and round.
    fn turn_of_the_missing(&mut self, listed: &HashSet<String>) -> Vec<String> {
        let after = self.followed.range(self.next_lookup.clone()..);
        let before = self.followed.range(..self.next_lookup.clone());
        let missing = after.chain(before).map(|(id, _)| id).filter(|id| !listed.contains(*id));
        let mut turn: Vec<String> = missing.take(LOOKUPS + 1).cloned().collect();
        self.next_lookup = if turn.len() > LOOKUPS { turn.pop().unwrap_or_default() } else { String::new() };
        turn
    }

    async fn write(&self, lines: Vec<Line>) -> Result<(), TapeError> {
        if lines.is_empty() {
            return Ok(());
        }
        let day = jiff::Timestamp::from_millisecond(self.clock.now().0).unwrap_or_default();
        let path = self.folder.join(format!("{}.jsonl", day.strftime("%Y-%m-%d")));
        let mut text = String::new();
        for line in lines {
            // Plain data under text keys always has a JSON form.
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        append(&path, &text).await.map_err(|source| unwritable(&path, source))
    }
}

/// The ids of recorded events without an outcome. Files that were compressed since are not looked into: what is in
/// them is long over.
fn unfinished(folder: &Path) -> std::io::Result<BTreeSet<String>> {
    let mut ids = BTreeMap::new();
    let mut over = HashSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in BufReader::new(std::fs::File::open(path)?).split(b'\n') {
            match serde_json::from_slice(&line?) {
                Ok(Line { event: Some(event), .. }) => {
                    ids.insert(event.key.0, event.id);
                }
                Ok(Line { key: Some(key), outcome: Some(_), .. }) => {
                    over.insert(key);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(ids.into_iter().filter(|(key, _)| !over.contains(key)).map(|(_, id)| id).collect())
}

async fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).await?;
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}

fn unwritable(path: &Path, source: std::io::Error) -> TapeError {
    TapeError::Write { path: path.to_owned(), source }
}
