//! When something has changed: a number that rises, and a stream of it to whoever keeps a page open.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Source;
use crate::ledger::ReadOnly;
use crate::ledger::pulse::pulse;
use crate::ledger::sql::Connection;
use crate::telemetry;

/// How long a page that was told waits at least for the next word.
const REST: Duration = Duration::from_secs(2);

/// Rises with every change.
#[derive(Debug, Clone)]
pub(super) struct Pulse(watch::Receiver<u64>);

impl Pulse {
    /// Looks at `source` for as long as the task lives.
    pub(super) fn of(source: Arc<Source>) -> (Self, JoinHandle<()>) {
        let seeing = Arc::clone(&source);
        let (seen, looking) = pulse(move || open(&source), move |file| state(&seeing, file));
        (Self(seen), looking)
    }

    /// The number of the last change that was seen.
    pub(super) fn number(&self) -> u64 {
        *self.0.borrow()
    }

    /// Tells a browser of every change. One that comes back after a break is told at once.
    pub(super) fn tell(self, headers: &HeaderMap) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let mut seen = self.0;
        let is_back = headers.contains_key("last-event-id");
        if is_back {
            seen.mark_changed();
        } else {
            seen.mark_unchanged();
        }
        let changes = stream::unfold((seen, true), |(mut seen, is_first)| async move {
            if !is_first {
                tokio::time::sleep(REST).await;
            }
            seen.changed().await.ok()?;
            let number = *seen.borrow_and_update();
            let event = Event::default().event("changed").id(number.to_string()).data(number.to_string());
            Some((Ok(event), (seen, false)))
        });
        Sse::new(changes).keep_alive(KeepAlive::new())
    }
}

fn open(source: &Source) -> Option<Connection> {
    ReadOnly::again(source.ledger.as_ref()?, source.kind.schema?).ok()
}

/// A number that differs when what a page shows does: the ledger's own sign of others' commits, the block, requests served.
fn state(source: &Source, file: Option<&Connection>) -> u64 {
    let mut hasher = DefaultHasher::new();
    file.and_then(Connection::pulse).hash(&mut hasher);
    telemetry::log_tail().last().hash(&mut hasher);
    if let Some(watch) = &source.watch {
        watch.subnet.now().metagraph.block.hash(&mut hasher);
        let axon = watch.axon.as_ref().and_then(Weak::upgrade).map(|axon| axon.snapshot());
        let requests = axon.map(|seen| {
            let outcomes = seen.routes.iter().flat_map(|route| &route.outcomes);
            outcomes.map(|(_, took)| took.count()).sum::<u64>() + seen.strays.iter().map(|(_, n)| n).sum::<u64>()
        });
        requests.hash(&mut hasher);
    }
    hasher.finish()
}
