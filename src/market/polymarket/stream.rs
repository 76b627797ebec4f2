//! Prices by the market channel: a connection that is kept, and what it told last.
//!
//! The connection is made when the first tokens are wanted. It is replaced when it breaks, when it says nothing for
//! [`StreamSettings::silence`] though it is asked for a sign of life in between, and when somebody has seen that what it told is
//! not so any more ([`Stream::replace`]). Meanwhile nothing is told: prices of before a break are no prices.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;
use serde_json::json;
use soketto::{Incoming, Receiver, Sender};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::books::Books;
use super::socket::{self, Plug, Socket};
use crate::clock::{self, Clock};
use crate::market::{PriceSource, Quote};
use crate::units::{Foreign, UnixMs};

/// Tokens named in one message of a subscription.
const TOKENS_AT_ONCE: usize = 500;
/// Changes kept for who asks what happened between two looks.
const KEPT: usize = 50_000;
/// Between two attempts to connect: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// How the channel is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// `wss://…/ws/market` or `ws://…`.
    pub url: String,
    /// Time between two signs of life that are asked for.
    pub ping: Duration,
    /// A connection that says nothing for so long is replaced.
    pub silence: Duration,
}

impl StreamSettings {
    /// Defaults for the channel at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ping: Duration::from_secs(10), silence: Duration::from_secs(30) }
    }
}

/// What happened on the channel since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StreamFacts {
    /// Books that were told whole and are kept now.
    pub books: usize,
    /// Connections made.
    pub connections: u64,
    /// Of them, those that were given up because they were silent.
    pub silent: u64,
    /// Of them, those that were given up because what they told was not so any more.
    pub outdated: u64,
    /// Price levels set.
    pub levels: u64,
    /// Parts of messages older than what was known.
    pub stale: u64,
    /// Parts of messages that make no sense.
    pub malformed: u64,
}

/// See the module. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Stream {
    shared: Arc<Shared>,
    wanted: watch::Sender<BTreeSet<String>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    url: Url,
    settings: StreamSettings,
    clock: Clock,
    state: Mutex<State>,
    replace: Notify,
}

#[derive(Debug, Default)]
struct State {
    books: Books,
    /// When the connection last said anything; `None` without one.
    heard: Option<(Instant, UnixMs)>,
    /// Changes of midpoints since they were last asked for.
    changes: VecDeque<(String, Quote)>,
    facts: StreamFacts,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Stream {
    /// Refuses an address that is none.
    pub(super) fn new(settings: StreamSettings, clock: Clock) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|e| e.to_string())?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() {
            return Err("expected ws:// or wss:// and a host".to_owned());
        }
        let shared = Shared { url, settings, clock, state: Mutex::default(), replace: Notify::new() };
        Ok(Self { shared: Arc::new(shared), wanted: watch::Sender::new(BTreeSet::new()), task: Mutex::new(None) })
    }

    /// Asks for these tokens from now on; must be called inside a tokio runtime.
    pub(super) fn want(&self, tokens: &BTreeSet<String>) {
        self.shared.state().books.want(tokens.iter().map(String::as_str));
        self.wanted.send_if_modified(|wanted| {
            let is_new = wanted != tokens;
            wanted.clone_from(tokens);
            is_new
        });
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(keep(Arc::clone(&self.shared), self.wanted.subscribe())));
        }
    }

    /// The midpoint of a token, as of when the connection was last heard of.
    pub(super) fn quote(&self, token: &str) -> Option<Quote> {
        let state = self.shared.state();
        let (heard, at) = state.heard?;
        if heard.elapsed() > self.shared.settings.silence {
            return None;
        }
        Some(Quote { price: state.books.midpoint(token)?, at, source: PriceSource::Stream })
    }

    /// Gives the connection up: what it tells is not so.
    pub(super) fn replace(&self) {
        self.shared.state().facts.outdated += 1;
        self.shared.replace.notify_one();
    }

    /// The midpoints that changed since the last call, by token, oldest first.
    pub(super) fn changes(&self) -> Vec<(String, Quote)> {
        self.shared.state().changes.drain(..).collect()
    }

    pub(super) fn facts(&self) -> StreamFacts {
        let state = self.shared.state();
        StreamFacts { books: state.books.whole(), ..state.facts }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        self.state().heard = Some((clock::monotonic(), self.clock.now()));
    }

    fn take(&self, frame: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        let State { books, changes, facts, .. } = &mut *state;
        let applied = books.take(frame, |token, price| {
            let Some(price) = price else { return };
            if changes.iter().next_back().is_some_and(|(last, quote)| last == token && quote.price == price) {
                return;
            }
            if changes.len() == KEPT {
                changes.pop_front();
            }
            changes.push_back((token.to_owned(), Quote { price, at: now, source: PriceSource::Stream }));
        });
        facts.levels += applied.levels as u64;
        facts.stale += applied.stale as u64;
        facts.malformed += applied.malformed as u64;
    }
}

/// Connects, and connects again.
async fn keep(shared: Arc<Shared>, wanted: watch::Receiver<BTreeSet<String>>) {
    let mut pause = PAUSES.0;
    loop {
        let began = clock::monotonic();
        let ended = match socket::open(&shared.url).await {
            Ok(socket) => {
                shared.state().facts.connections += 1;
                talk(&shared, socket, wanted.clone()).await
            }
            Err(error) => Ended::Broken(error),
        };
        {
            let mut state = shared.state();
            state.heard = None;
            state.books.forget();
            state.facts.silent += u64::from(matches!(ended, Ended::Silent));
        }
        if began.elapsed() > PAUSES.1 {
            pause = PAUSES.0;
        }
        tracing::warn!(url = %shared.url, retry_in_ms = pause.as_millis() as u64, "the price stream ended: {ended}; \
                                                                                   until it is back, prices are read \
                                                                                   by requests");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it broke ({})", Foreign::from(.0.as_str()))]
    Broken(String),
    #[error("it was open and sent nothing")]
    Silent,
    #[error("its prices were out of date")]
    Outdated,
    #[error("it is no longer needed")]
    Unwanted,
}

async fn talk(shared: &Shared, socket: Socket, wanted: watch::Receiver<BTreeSet<String>>) -> Ended {
    let Socket { sender, receiver } = socket;
    shared.heard();
    // Reading is never cancelled in the middle of a frame but to end the connection.
    tokio::select! {
        ended = listen(shared, receiver) => ended,
        ended = speak(shared, sender, wanted) => ended,
        () = shared.replace.notified() => Ended::Outdated,
    }
}

async fn listen(shared: &Shared, mut receiver: Receiver<Plug>) -> Ended {
    let mut frame = Vec::new();
    loop {
        frame.clear();
        match receiver.receive(&mut frame).await {
            Ok(Incoming::Data(_)) => {
                shared.heard();
                match std::str::from_utf8(&frame).unwrap_or_default() {
                    "PONG" => {}
                    text => shared.take(text),
                }
            }
            Ok(Incoming::Pong(_)) => shared.heard(),
            Ok(Incoming::Closed(reason)) => return Ended::Broken(format!("closed with {}", reason.code)),
            Err(error) => return Ended::Broken(error.to_string()),
        }
    }
}

/// Subscribes to what is wanted, asks for signs of life, and notices when there are none.
async fn speak(shared: &Shared, mut sender: Sender<Plug>, mut wanted: watch::Receiver<BTreeSet<String>>) -> Ended {
    let mut subscribed = BTreeSet::new();
    let mut ping = tokio::time::interval(shared.settings.ping);
    ping.tick().await;
    let mut is_first = true;
    loop {
        let now = wanted.borrow_and_update().clone();
        for text in changes_of(&subscribed, &now, &mut is_first) {
            if let Err(error) = say(&mut sender, &text).await {
                return Ended::Broken(error);
            }
        }
        subscribed = now;
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() {
                return Ended::Unwanted;
            },
            _ = ping.tick() => {
                let silent_for = shared.state().heard.map_or(Duration::ZERO, |(heard, _)| heard.elapsed());
                if silent_for > shared.settings.silence {
                    return Ended::Silent;
                }
                if let Err(error) = say(&mut sender, "PING").await {
                    return Ended::Broken(error);
                }
            }
        }
    }
}

async fn say(sender: &mut Sender<Plug>, text: &str) -> Result<(), String> {
    sender.send_text(text).await.map_err(|e| e.to_string())?;
    sender.flush().await.map_err(|e| e.to_string())
}

/// The messages that lead from one set of tokens to another; the first of a connection says what it is for.
fn changes_of(before: &BTreeSet<String>, after: &BTreeSet<String>, is_first: &mut bool) -> Vec<String> {
    let mut messages = Vec::new();
    let added: Vec<&String> = after.difference(before).collect();
    for tokens in added.chunks(TOKENS_AT_ONCE) {
        let message = match std::mem::replace(is_first, false) {
            true => json!({"assets_ids": tokens, "type": "market", "initial_dump": true}),
            false => json!({"assets_ids": tokens, "operation": "subscribe"}),
        };
        messages.push(message.to_string());
    }
    let removed: Vec<&String> = before.difference(after).collect();
    for tokens in removed.chunks(TOKENS_AT_ONCE) {
        messages.push(json!({"assets_ids": tokens, "operation": "unsubscribe"}).to_string());
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tokens: &[&str]) -> BTreeSet<String> {
        tokens.iter().map(|token| (*token).to_owned()).collect()
    }

    #[test]
    fn a_subscription_is_opened_and_then_changed() {
        let mut is_first = true;
        let mut said = |before: &[&str], after: &[&str]| changes_of(&set(before), &set(after), &mut is_first);
        assert!(said(&[], &[]).is_empty());
        let first = said(&[], &["1", "2"]);
        assert_eq!(first, [r#"{"assets_ids":["1","2"],"initial_dump":true,"type":"market"}"#]);
        let more = [
            r#"{"assets_ids":["3"],"operation":"subscribe"}"#.to_owned(),
            r#"{"assets_ids":["1"],"operation":"unsubscribe"}"#.to_owned(),
        ];
        assert_eq!(said(&["1", "2"], &["2", "3"]), more);
        let many: Vec<String> = (0..1200).map(|n| n.to_string()).collect();
        assert_eq!(said(&[], &many.iter().map(String::as_str).collect::<Vec<_>>()).len(), 3);
    }

    #[test]
    fn an_address_must_be_that_of_a_websocket() {
        for bad in ["", "https://host/ws", "ws://", "host"] {
            assert!(Stream::new(StreamSettings::at(bad), Clock::wall()).is_err(), "{bad}");
        }
    }
}
