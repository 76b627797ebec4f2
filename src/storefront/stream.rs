//! What changes, told while it happens: server-sent events.
//!
//! `change` is an event that was offered, moved, settled or corrected; its id is its number in the ledger, and a client that
//! comes back with `Last-Event-ID` is told what it missed. `tick` is a round of questions that was recorded.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinHandle;

use super::answers::time;
use super::problem::Problem;
use super::routes::Front;
use super::shelf::Shelf;
use crate::gateway::Guest;
use crate::ledger::pulse::{LOOK_EVERY, pulse};
use crate::ledger::sql::Connection;
use crate::ledger::{Place, ReadOnly};
use crate::subnets::events::ledger::{NumberedChange, SCHEMA, state_name};
use crate::units::UnixMs;

/// Changes that are read at once.
const AT_ONCE: usize = 200;

/// Rises with everything that is written to a ledger.
#[derive(Debug, Clone)]
pub(super) struct Pulse(watch::Receiver<u64>);

impl Pulse {
    /// Looks at the ledger for as long as the task lives.
    pub(super) fn of(ledger: Place) -> (Self, JoinHandle<()>) {
        let open = move || ReadOnly::again(&ledger, SCHEMA).ok();
        let (seen, looking) = pulse(open, |file| file.and_then(Connection::pulse));
        (Self(seen), looking)
    }
}

#[derive(Serialize)]
struct Change {
    unique_event_id: String,
    at: String,
    state: &'static str,
    cutoff: String,
    outcome: Option<f64>,
}

#[derive(Serialize)]
struct Tick {
    at: String,
    answers: u64,
}

/// One client's place.
struct Listener {
    front: Front,
    guest: Guest,
    pulse: watch::Receiver<u64>,
    /// The last change that it was told.
    told: i64,
    /// The last round that it was told.
    tick: Option<UnixMs>,
    waiting: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// Tells of changes until the client goes away, or its key is revoked.
pub(super) async fn stream(
    State(front): State<Front>,
    Extension(guest): Extension<Guest>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = front.place()?;
    let last = headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse::<i64>().ok()));
    let seen = match last {
        Some(seen) => Some(seen.ok_or_else(|| Problem::bad("Last-Event-ID is none that this stream has given"))?),
        None => None,
    };
    // Subscribed before the first look: what is written in between is told.
    let mut pulse = front.pulse.0.clone();
    pulse.mark_unchanged();
    let (end, tick) = front.shop.read(|shelf| Ok((shelf.archive.last_change()?, shelf.archive.last_tick()?))).await?;
    if seen.is_some() {
        pulse.mark_changed();
    }
    let (told, tick) = (seen.unwrap_or(end).min(end), tick.map(|(at, _)| at));
    let listener = Listener { front, guest, pulse, told, tick, waiting: VecDeque::new(), _place: place };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new()).into_response())
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.pulse.changed().await.ok()?;
            if !self.front.door.still_knows(&self.guest) {
                return None;
            }
            // A ledger that cannot be read now is looked at again when it is written to.
            if self.look().await.is_err() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Reads what is new.
    async fn look(&mut self) -> Result<(), Problem> {
        self.pulse.mark_unchanged();
        let told = self.told;
        let read = move |shelf: &Shelf| Ok((shelf.archive.changes_after(told, AT_ONCE)?, shelf.archive.last_tick()?));
        let (changes, tick) = self.front.shop.read(read).await?;
        if changes.len() == AT_ONCE {
            self.pulse.mark_changed();
        }
        for change in changes {
            self.told = change.number;
            self.waiting.push_back(event_of(change)?);
        }
        if let Some((at, answers)) = tick.filter(|(at, _)| Some(*at) != self.tick) {
            self.tick = Some(at);
            self.waiting.push_back(told_as("tick", &Tick { at: time(at), answers })?);
        }
        Ok(())
    }
}

fn event_of(change: NumberedChange) -> Result<Event, Problem> {
    let NumberedChange { number, event: unique_event_id, change } = change;
    let (at, cutoff) = (time(change.at), time(change.cutoff));
    let said = Change { unique_event_id, at, state: state_name(change.state), cutoff, outcome: change.outcome };
    Ok(told_as("change", &said)?.id(number.to_string()))
}

fn told_as<T: Serialize>(name: &str, said: &T) -> Result<Event, Problem> {
    Event::default().event(name).json_data(said).map_err(|_| Problem::broken())
}
