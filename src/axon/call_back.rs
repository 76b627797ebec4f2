//! A peer that calls back. A machine cannot see its own firewall, so another one tries its axon and says what it heard.
//!
//! Whoever asks is called back at the address the question came from, and at no other: a service that stands open is no tool
//! against a third. One call at a time for an address, few in all, and a pause between two.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::probe::{Probe, Step, Verdict};
use crate::clock;
use crate::units::{Account, Foreign};
use crate::wallet::{Phrase, Scheme, UnlockedKey};

/// Where a question is posted.
pub const PATH: &str = "/call-back";
/// Between two calls to one address.
const PAUSE: Duration = Duration::from_secs(10);
/// How long one step of a call may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a whole call takes at most: a probe has five requests.
pub const LONGEST: Duration = Duration::from_secs(30);
/// Calls at the same time.
const AT_ONCE: usize = 8;
/// Addresses that are remembered for the pause; of more, none is called.
const MAX_KNOWN: usize = 4096;
const MAX_BODY: usize = 1024;

/// "Please call me": the port and hotkey of the caller's axon. Its address is where the question comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallMe {
    /// The axon's port.
    pub port: u16,
    /// The hotkey that it should have.
    pub hotkey: Account,
}

#[derive(Serialize)]
struct Called {
    address: SocketAddr,
    reachable: bool,
    steps: Vec<Step>,
}

/// What a peer heard when it called back. Its words are a stranger's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CalledBack {
    /// What it called: our address as the peer sees it.
    pub address: SocketAddr,
    /// Whether nothing failed.
    pub reachable: bool,
    /// What it tried.
    pub steps: Vec<Tried>,
}

/// One step of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Tried {
    /// What was tried.
    pub step: Foreign,
    /// How it went.
    pub verdict: Verdict,
    /// What was heard.
    pub heard: Foreign,
    /// What to do about it.
    pub advice: Option<Foreign>,
}

/// The running service; dropping it frees the port.
#[derive(Debug)]
pub struct CallBack {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Callers {
    last: Mutex<HashMap<IpAddr, Instant>>,
}

#[derive(Clone)]
struct Desk {
    callers: Arc<Callers>,
    places: Arc<Semaphore>,
}

impl CallBack {
    /// Listens on `address` and calls back whoever asks.
    ///
    /// # Errors
    /// Those of taking the port.
    pub async fn serve(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let desk = Desk { callers: Arc::default(), places: Arc::new(Semaphore::new(AT_ONCE)) };
        let router = Router::new().route(PATH, post(answer)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(desk);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::warn!("calls back have ended: {error}");
            }
        });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where it listens, with the port that was taken.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Callers {
    /// Whether `who` may be called now; `Err` is how long it has to wait.
    fn take(&self, who: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now.saturating_duration_since(*at) < PAUSE);
        if let Some(at) = last.get(&who) {
            return Err(PAUSE.saturating_sub(now.saturating_duration_since(*at)));
        }
        if last.len() >= MAX_KNOWN {
            return Err(PAUSE);
        }
        last.insert(who, now);
        Ok(())
    }
}

async fn answer(
    State(desk): State<Desk>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(CallMe { port, hotkey }): Json<CallMe>,
) -> Response {
    let who = from.ip().to_canonical();
    if port == 0 {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "an axon cannot have port 0", None);
    }
    if let Err(wait) = desk.callers.take(who, clock::monotonic()) {
        return refused(
            StatusCode::TOO_MANY_REQUESTS,
            "this address was called less than ten seconds ago: try again later",
            Some(wait),
        );
    }
    let Ok(_place) = desk.places.try_acquire() else {
        return refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many others are being called: try again later",
            Some(PAUSE),
        );
    };
    let address = SocketAddr::new(who, port);
    tracing::info!(%address, "calls back");
    match steps(address, hotkey).await {
        Some(steps) => {
            let reachable = steps.iter().all(|step| step.verdict != Verdict::Bad);
            Json(Called { address, reachable, steps }).into_response()
        }
        None => refused(StatusCode::INTERNAL_SERVER_ERROR, "the call could not be made", None),
    }
}

/// Tries the axon as a stranger would, with a key made for the occasion.
async fn steps(address: SocketAddr, hotkey: Account) -> Option<Vec<Step>> {
    let phrase = Phrase::generate(12).ok()?;
    let caller = UnlockedKey::from_phrase(phrase, Scheme::Sr25519).into_keypair();
    let probe = Probe { address, hotkey, caller, is_stranger: true, synapse: None, patience: PATIENCE };
    tokio::time::timeout(LONGEST, probe.run()).await.ok()?.ok()
}

fn refused(status: StatusCode, detail: &str, wait: Option<Duration>) -> Response {
    let body = Json(serde_json::json!({ "detail": detail }));
    match wait {
        Some(wait) => (status, [(RETRY_AFTER, wait.as_secs().saturating_add(1).to_string())], body).into_response(),
        None => (status, body).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_called_once_in_a_while_and_a_crowd_fills_no_memory() {
        let (callers, now) = (Callers::default(), clock::monotonic());
        let who = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!(callers.take(who(1), now), Ok(()));
        assert_eq!(callers.take(who(1), now + PAUSE / 2), Err(PAUSE / 2));
        assert_eq!(callers.take(who(2), now), Ok(()), "another one is called meanwhile");
        assert_eq!(callers.take(who(1), now + PAUSE), Ok(()));
        for n in 0..2 * MAX_KNOWN as u32 {
            let _ = callers.take(who(n), now + PAUSE);
        }
        assert!(callers.last.lock().unwrap().len() <= MAX_KNOWN);
    }
}
