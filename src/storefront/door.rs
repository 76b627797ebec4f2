//! Who may come in, and what every answer carries.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, ETAG, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::routes::Front;
use crate::clock;
use crate::gateway::{Denied, Guest, KeyFile, Keys, KeysError};

/// How often it is looked whether the file of keys has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is open to everybody.
const OPEN: [&str; 3] = ["/api/health", "/openapi.json", "/api/openapi.json"];

/// The keys in force: those of a file that may change while it is used.
#[derive(Debug)]
pub(super) struct Door {
    path: PathBuf,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    keys: Keys,
    stamp: Option<(SystemTime, u64)>,
    looked: Instant,
}

impl Door {
    pub(super) fn of(path: &Path) -> Result<Self, KeysError> {
        let (stamp, keys) = (stamp(path), keys(path)?);
        let ring = Mutex::new(Ring { keys, stamp, looked: clock::monotonic() });
        Ok(Self { path: path.to_owned(), ring })
    }

    /// The keys in force now.
    pub(super) fn keys(&self) -> Keys {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        if now.saturating_duration_since(ring.looked) < LOOK_EVERY {
            return ring.keys.clone();
        }
        ring.looked = now;
        let seen = stamp(&self.path);
        if seen != ring.stamp {
            match keys(&self.path) {
                Ok(keys) => (ring.keys, ring.stamp) = (keys, seen),
                // Half a file says nothing about who may come in: those who might go on.
                Err(e) => tracing::warn!("the storefront goes on with the keys it has: {e}"),
            }
        }
        ring.keys.clone()
    }

    fn admit(&self, headers: &HeaderMap) -> Result<Guest, Denied> {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let bearer = || Some(text(headers.get(AUTHORIZATION)?)?.strip_prefix("Bearer ")?.to_owned());
        let key = headers.get("x-api-key").and_then(text).or_else(bearer);
        self.keys().admit_key(key.as_deref())
    }

    /// Whether somebody who came in might come in again.
    pub(super) fn still_knows(&self, guest: &Guest) -> bool {
        guest.is_known_to(&self.keys())
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let seen = std::fs::metadata(path).ok()?;
    Some((seen.modified().ok()?, seen.len()))
}

/// A file that is gone, or holds none, lets nobody in.
fn keys(path: &Path) -> Result<Keys, KeysError> {
    Ok(Keys::of(KeyFile::open(path)?.into_rows()))
}

/// Lets in whoever has a key; answers browsers that ask whether they may; sends what the caller has already only by name.
pub(super) async fn guard(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return dressed(StatusCode::NO_CONTENT.into_response());
    }
    if !OPEN.contains(&request.uri().path()) {
        match front.door.admit(request.headers()) {
            Ok(guest) => {
                request.extensions_mut().insert(guest);
            }
            Err(denied) => return dressed(Problem::from(denied).into_response()),
        }
    }
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let tag = response.headers().get(ETAG).cloned();
    match tag.filter(|tag| known.is_some_and(|known| names(&known, tag))) {
        Some(tag) => {
            let mut unchanged = Response::new(Body::empty());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged.headers_mut().insert(ETAG, tag);
            dressed(unchanged)
        }
        None => dressed(response),
    }
}

/// Whether a list of tags has this one.
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == tag)
}

/// Any page may read this, as a key is asked for; nobody on the way may keep it, or take it for something else than it says.
fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, fixed("GET"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, fixed("x-api-key, authorization, if-none-match, last-event-id"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, fixed("etag, retry-after"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, fixed("600"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(fixed("private, no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::NewKey;

    #[test]
    fn a_key_that_is_revoked_opens_nothing_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let new = NewKey::make("alice");
        KeyFile::open(&path).unwrap().add(new.row).unwrap();
        let door = Door::of(&path).unwrap();
        let with =
            |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        let guest = door.admit(&with("x-api-key", &new.key)).unwrap();
        door.admit(&with("authorization", &format!("Bearer {}", new.key))).unwrap();
        assert_eq!(door.admit(&HeaderMap::new()).unwrap_err(), Denied::NoKey);
        assert_eq!(door.admit(&with("x-api-key", "nk-other")).unwrap_err(), Denied::WrongKey);

        KeyFile::open(&path).unwrap().revoke("alice").unwrap();
        let long_ago = clock::monotonic().checked_sub(LOOK_EVERY * 2).unwrap();
        door.ring.lock().unwrap().looked = long_ago;
        assert!(!door.still_knows(&guest));
        assert_eq!(door.admit(&with("x-api-key", &new.key)).unwrap_err(), Denied::WrongKey);

        std::fs::write(&path, "[[key]").unwrap();
        door.ring.lock().unwrap().looked = long_ago;
        assert!(door.keys().is_empty(), "a broken file changes nothing");
    }

    #[test]
    fn tags_are_found_in_lists() {
        let tag = HeaderValue::from_static("\"a\"");
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(names(&HeaderValue::from_static(list), &tag), "{list}");
        }
        assert!(!names(&HeaderValue::from_static("\"b\""), &tag));
    }
}
