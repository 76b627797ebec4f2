//! Who may come in: keys of which only hashes are kept, each with its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key_file::KeyFile;
use crate::clock;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One key, as the file has it: a table `[[key]]` in TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// Whose it is, for logs.
    pub name: String,
    /// SHA-256 of the key, in hexadecimal digits.
    pub sha256: String,
    /// Questions a minute; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens of answers a day, as estimated; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
}

/// A file of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct KeysError {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

/// A key that was just made. It is shown once.
pub struct NewKey {
    /// The key itself.
    pub key: String,
    /// What the file keeps of it.
    pub row: KeyRow,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("row", &self.row).finish_non_exhaustive()
    }
}

impl NewKey {
    /// A key for somebody, from the system's randomness.
    #[must_use]
    pub fn make(name: &str) -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let key = format!("nk-{}{}", random(), random());
        let row = KeyRow { name: name.to_owned(), sha256: hash(&key), requests_per_minute: None, tokens_per_day: None };
        Self { key, row }
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// All keys, with what each has used. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<BTreeMap<String, Holder>>);

#[derive(Debug)]
struct Holder {
    row: KeyRow,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    requests: Window,
    tokens: Window,
}

/// What was used since a moment.
#[derive(Debug)]
struct Window {
    since: Instant,
    count: u64,
}

impl Window {
    /// Begins anew once it is `length` old; then how long it still lasts.
    fn roll(&mut self, length: Duration, now: Instant) -> Duration {
        if now.saturating_duration_since(self.since) >= length {
            (self.since, self.count) = (now, 0);
        }
        length.saturating_sub(now.saturating_duration_since(self.since))
    }
}

/// Why somebody may not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    NoKey,
    WrongKey,
    TooOften { wait: Duration },
    UsedUp { wait: Duration },
}

/// Somebody who came in, to whom its tokens are charged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guest {
    keys: Keys,
    hash: Option<String>,
}

impl Keys {
    /// The keys of a file.
    ///
    /// # Errors
    /// [`KeysError`]: it cannot be read, holds none, or says something else.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let rows = KeyFile::open(path)?.into_rows();
        if rows.is_empty() {
            let reason = "it holds no [[key]]; make one with `neuron gateway --new-key NAME`".to_owned();
            return Err(KeysError { path: path.to_path_buf(), reason });
        }
        Ok(Self::of(rows))
    }

    /// These keys.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = KeyRow>) -> Self {
        let now = clock::monotonic();
        let window = || Window { since: now, count: 0 };
        let holder = |row: KeyRow| {
            let used = Mutex::new(Used { requests: window(), tokens: window() });
            (row.sha256.to_lowercase(), Holder { row, used })
        };
        Self(Arc::new(rows.into_iter().map(holder).collect()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets in whoever carries a key that is not used up; everybody where there are no keys.
    pub(super) fn admit(&self, authorization: Option<&str>) -> Result<Guest, Denied> {
        if self.is_empty() {
            return Ok(Guest::default());
        }
        self.admit_key(authorization.and_then(|text| text.strip_prefix("Bearer ")))
    }

    /// Lets in whoever has a key that is not used up; nobody where there are no keys.
    pub(crate) fn admit_key(&self, key: Option<&str>) -> Result<Guest, Denied> {
        let hash = hash(key.ok_or(Denied::NoKey)?.trim());
        let holder = self.0.get(&hash).ok_or(Denied::WrongKey)?;
        let mut used = holder.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        let (minute, day) = (used.requests.roll(MINUTE, now), used.tokens.roll(DAY, now));
        if holder.row.tokens_per_day.is_some_and(|most| used.tokens.count >= most) {
            return Err(Denied::UsedUp { wait: day });
        }
        if holder.row.requests_per_minute.is_some_and(|most| used.requests.count >= u64::from(most)) {
            return Err(Denied::TooOften { wait: minute });
        }
        used.requests.count += 1;
        Ok(Guest { keys: self.clone(), hash: Some(hash) })
    }
}

impl Guest {
    /// Whether its key is one of these.
    pub(crate) fn is_known_to(&self, keys: &Keys) -> bool {
        self.hash.as_ref().is_some_and(|hash| keys.0.contains_key(hash))
    }

    /// Charges tokens of an answer.
    pub(super) fn charge(&self, tokens: u64) {
        let holder = self.hash.as_ref().and_then(|hash| self.keys.0.get(hash));
        if let Some(holder) = holder {
            holder.used.lock().unwrap_or_else(PoisonError::into_inner).tokens.count += tokens;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashes_are_kept_and_the_key_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let new = NewKey::make("alice");
        assert!(!format!("{new:?}").contains(&new.key));
        let row = KeyRow { requests_per_minute: Some(2), tokens_per_day: Some(10), ..new.row.clone() };
        std::fs::write(&path, format!("[[key]]\n{}", toml::to_string(&row).unwrap())).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&new.key));
        let keys = Keys::load(&path).unwrap();
        assert_eq!(keys.admit(None).unwrap_err(), Denied::NoKey);
        assert_eq!(keys.admit(Some("Bearer nk-wrong")).unwrap_err(), Denied::WrongKey);
        let bearer = format!("Bearer {}", new.key);
        let guest = keys.admit(Some(&bearer)).unwrap();
        keys.admit(Some(&bearer)).unwrap();
        assert!(matches!(keys.admit(Some(&bearer)), Err(Denied::TooOften { wait }) if wait <= MINUTE));
        guest.charge(10);
        assert!(matches!(keys.admit(Some(&bearer)), Err(Denied::UsedUp { wait }) if wait > MINUTE));
    }

    #[test]
    fn a_file_without_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        for text in ["", "[[key]]\nname=\"a\"\nsha256=\"zz\"", "[[key]]\nname=\"a\"\nkey=\"b\"", "key=1"] {
            std::fs::write(&path, text).unwrap();
            assert!(Keys::load(&path).unwrap_err().to_string().contains("keys.toml"), "{text}");
        }
    }
}
