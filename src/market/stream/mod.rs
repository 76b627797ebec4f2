//! A websocket that is kept: subscribed to what is wanted, replaced when it breaks or falls silent.
//!
//! The connection is made when something is wanted for the first time. It is replaced when it breaks, when it says nothing for
//! [`StreamSettings::silence`] though it is asked for a sign of life in between, and when somebody has seen that what it told is
//! not so any more ([`Stream::replace`]). Meanwhile nothing is told: what was said before a break may not be so any more.

mod changes;
mod doubt;
mod socket;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;
use soketto::{Incoming, Receiver, Sender};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

pub(super) use self::changes::Changes;
pub(super) use self::doubt::{Compared, Doubt};
use self::socket::{Plug, Socket};
use crate::clock::{self, Clock};
use crate::units::{Foreign, UnixMs};

/// Between two attempts to connect: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// How a websocket is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// `wss://…` or `ws://…`.
    pub url: String,
    /// Time between two signs of life that are asked for.
    pub ping: Duration,
    /// A connection that says nothing for so long is replaced.
    pub silence: Duration,
}

impl StreamSettings {
    /// Defaults for the websocket at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ping: Duration::from_secs(10), silence: Duration::from_secs(30) }
    }
}

/// What became of the connections since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connections {
    /// Connections made.
    pub(super) made: u64,
    /// Of them, those that were given up because they were silent.
    pub(super) silent: u64,
    /// Of them, those that were given up because what they told was not so any more.
    pub(super) outdated: u64,
}

/// How a sign of life is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ping {
    /// By a text, which is answered with a text.
    Text(&'static str),
    /// By a frame of the protocol, which every websocket answers.
    Frame,
}

/// What a websocket is about: what is said over it, and what is made of what it tells.
pub(super) trait Topic: Send + 'static {
    /// What can be subscribed to.
    type Name: Ord + Clone + Send + Sync + 'static;
    /// For logs.
    const WHAT: &'static str;
    /// How a sign of life is asked for.
    const PING: Ping;

    /// The messages that lead from one set of names to another; whether they are the first of their connection.
    fn turn(before: &BTreeSet<Self::Name>, after: &BTreeSet<Self::Name>, is_first: bool) -> Vec<String>;

    /// Takes a frame of text.
    fn take(&mut self, frame: &str, now: UnixMs);

    /// Forgets what was told: the connection has ended.
    fn forget(&mut self);
}

/// See the module. Dropping it ends the connection.
#[derive(Debug)]
pub(super) struct Stream<T: Topic> {
    shared: Arc<Shared<T>>,
    wanted: watch::Sender<BTreeSet<T::Name>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared<T> {
    url: Url,
    settings: StreamSettings,
    clock: Clock,
    state: Mutex<State<T>>,
    replace: Notify,
}

#[derive(Debug)]
struct State<T> {
    topic: T,
    /// When the connection last said anything; `None` without one.
    heard: Option<(Instant, UnixMs)>,
    connections: Connections,
}

impl<T: Topic> Drop for Stream<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl<T: Topic> Stream<T> {
    /// Refuses an address that is none.
    pub(super) fn new(topic: T, settings: StreamSettings, clock: Clock) -> Result<Self, String> {
        let url = Url::parse(&settings.url).map_err(|e| e.to_string())?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() {
            return Err("expected ws:// or wss:// and a host".to_owned());
        }
        let state = Mutex::new(State { topic, heard: None, connections: Connections::default() });
        let shared = Shared { url, settings, clock, state, replace: Notify::new() };
        Ok(Self { shared: Arc::new(shared), wanted: watch::Sender::new(BTreeSet::new()), task: Mutex::new(None) })
    }

    /// Asks for these from now on; must be called inside a tokio runtime.
    pub(super) fn want(&self, names: BTreeSet<T::Name>) {
        self.wanted.send_if_modified(|wanted| {
            let is_new = *wanted != names;
            *wanted = names;
            is_new
        });
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(tokio::spawn(keep(Arc::clone(&self.shared), self.wanted.subscribe())));
        }
    }

    /// Looks at what was told, and at when the connection was last heard of: `None` without one, and where it is silent.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut T, Option<UnixMs>) -> R) -> R {
        let mut state = self.shared.state();
        let heard = state.heard.filter(|(heard, _)| heard.elapsed() <= self.shared.settings.silence);
        look(&mut state.topic, heard.map(|(_, at)| at))
    }

    /// Gives the connection up: what it tells is not so.
    pub(super) fn replace(&self) {
        self.shared.state().connections.outdated += 1;
        self.shared.replace.notify_one();
    }

    pub(super) fn connections(&self) -> Connections {
        self.shared.state().connections
    }
}

impl<T: Topic> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) {
        self.state().heard = Some((clock::monotonic(), self.clock.now()));
    }

    fn take(&self, frame: &str) {
        let now = self.clock.now();
        self.state().topic.take(frame, now);
    }
}

/// Connects, and connects again.
async fn keep<T: Topic>(shared: Arc<Shared<T>>, wanted: watch::Receiver<BTreeSet<T::Name>>) {
    let mut pause = PAUSES.0;
    loop {
        let began = clock::monotonic();
        let ended = match socket::open(&shared.url).await {
            Ok(socket) => {
                shared.state().connections.made += 1;
                talk(&shared, socket, wanted.clone()).await
            }
            Err(error) => Ended::Broken(error),
        };
        {
            let mut state = shared.state();
            state.heard = None;
            state.topic.forget();
            state.connections.silent += u64::from(matches!(ended, Ended::Silent));
        }
        if began.elapsed() > PAUSES.1 {
            pause = PAUSES.0;
        }
        tracing::warn!(
            url = %shared.url, retry_in_ms = pause.as_millis() as u64,
            "the stream of {} ended: {ended}; until it is back, prices are read by requests", T::WHAT
        );
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

async fn talk<T: Topic>(shared: &Shared<T>, socket: Socket, wanted: watch::Receiver<BTreeSet<T::Name>>) -> Ended {
    let Socket { sender, receiver } = socket;
    shared.heard();
    // Reading is never cancelled in the middle of a frame but to end the connection.
    tokio::select! {
        ended = listen(shared, receiver) => ended,
        ended = speak(shared, sender, wanted) => ended,
        () = shared.replace.notified() => Ended::Outdated,
    }
}

async fn listen<T: Topic>(shared: &Shared<T>, mut receiver: Receiver<Plug>) -> Ended {
    let mut frame = Vec::new();
    loop {
        frame.clear();
        match receiver.receive(&mut frame).await {
            Ok(Incoming::Data(_)) => {
                shared.heard();
                shared.take(std::str::from_utf8(&frame).unwrap_or_default());
            }
            Ok(Incoming::Pong(_)) => shared.heard(),
            Ok(Incoming::Closed(reason)) => return Ended::Broken(format!("closed with {}", reason.code)),
            Err(error) => return Ended::Broken(error.to_string()),
        }
    }
}

/// Subscribes to what is wanted, asks for signs of life, and notices when there are none.
async fn speak<T: Topic>(
    shared: &Shared<T>,
    mut sender: Sender<Plug>,
    mut wanted: watch::Receiver<BTreeSet<T::Name>>,
) -> Ended {
    let mut subscribed = BTreeSet::new();
    let mut ping = tokio::time::interval(shared.settings.ping);
    ping.tick().await;
    let mut is_first = true;
    loop {
        let now = wanted.borrow_and_update().clone();
        for text in T::turn(&subscribed, &now, is_first) {
            is_first = false;
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
                let asked = match T::PING {
                    Ping::Text(text) => say(&mut sender, text).await,
                    Ping::Frame => ask(&mut sender).await,
                };
                if let Err(error) = asked {
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

async fn ask(sender: &mut Sender<Plug>) -> Result<(), String> {
    let nothing: &[u8] = &[];
    let nothing = nothing.try_into().map_err(|_| "no frame is so long".to_owned())?;
    sender.send_ping(nothing).await.map_err(|e| e.to_string())?;
    sender.flush().await.map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Topic for Nothing {
        type Name = String;
        const WHAT: &'static str = "nothing";
        const PING: Ping = Ping::Frame;

        fn turn(_: &BTreeSet<String>, _: &BTreeSet<String>, _: bool) -> Vec<String> {
            Vec::new()
        }

        fn take(&mut self, _: &str, _: UnixMs) {}

        fn forget(&mut self) {}
    }

    #[test]
    fn an_address_must_be_that_of_a_websocket() {
        for bad in ["", "https://host/ws", "ws://", "host"] {
            assert!(Stream::new(Nothing, StreamSettings::at(bad), Clock::wall()).is_err(), "{bad}");
        }
        assert!(Stream::new(Nothing, StreamSettings::at("ws://127.0.0.1:1/"), Clock::wall()).is_ok());
    }
}
