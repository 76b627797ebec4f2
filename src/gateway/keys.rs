//! Who may come in: keys of which only hashes are kept, each with its limits.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::key_file::KeyFile;
use super::usage::{Used, UsedFile};
use crate::clock::{self, Clock};
use crate::forecast::llm::money::{MicroUsd, Price};

/// One key, as the file has it: a table `[[key]]` in TOML.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// Whose it is, for logs.
    pub name: String,
    /// SHA-256 of the key, in hexadecimal digits.
    pub sha256: String,
    /// Questions a minute; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Questions that are answered at the same time; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// Tokens of answers a day (UTC), as estimated; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Dollars a day (UTC) at the gateway's price, as text: `"2.50"`; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "dollars")]
    #[schemars(with = "Option<String>")]
    pub spend_per_day: Option<MicroUsd>,
    /// Dollars in all, as text: what was paid beforehand; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "dollars")]
    #[schemars(with = "Option<String>")]
    pub spend_in_all: Option<MicroUsd>,
}

fn dollars<S: serde::Serializer>(amount: &Option<MicroUsd>, serializer: S) -> Result<S::Ok, S::Error> {
    match amount {
        Some(amount) => serializer.serialize_str(amount.to_string().trim_start_matches('$')),
        None => serializer.serialize_none(),
    }
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
    /// A key for somebody, from the system's randomness, without limits.
    #[must_use]
    pub fn make(name: &str) -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let key = format!("nk-{}{}", random(), random());
        let row = KeyRow {
            name: name.to_owned(),
            sha256: hash(&key),
            requests_per_minute: None,
            at_once: None,
            tokens_per_day: None,
            spend_per_day: None,
            spend_in_all: None,
        };
        Self { key, row }
    }
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// All keys, with what each has used. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    holders: BTreeMap<String, Holder>,
    price: Price,
    file: Option<UsedFile>,
    clock: Clock,
}

impl Default for Inner {
    fn default() -> Self {
        Self { holders: BTreeMap::new(), price: Price::default(), file: None, clock: Clock::wall() }
    }
}

#[derive(Debug)]
struct Holder {
    row: KeyRow,
    used: Mutex<Used>,
}

impl Holder {
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why somebody may not come in, or may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    NoKey,
    WrongKey,
    /// Too many questions in this minute.
    TooOften {
        wait: Duration,
    },
    /// As many questions of this key are being answered as it allows.
    AtOnce,
    /// The tokens of this day.
    UsedUp {
        wait: Duration,
    },
    /// The money: of this day, or for good (`None`).
    Spent {
        wait: Option<Duration>,
    },
}

/// Somebody who came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guest {
    keys: Keys,
    hash: Option<String>,
}

impl Keys {
    /// The keys of a file, with what they have used so far: that is kept beside it, in `FILE.used`.
    ///
    /// # Errors
    /// [`KeysError`]: it cannot be read, holds none, or says something else.
    pub fn load(path: &Path, price: Price) -> Result<Self, KeysError> {
        let rows = KeyFile::open(path)?.into_rows();
        if rows.is_empty() {
            let reason = "it has no [[key]]; create one with `neuron gateway --new-key NAME`".to_owned();
            return Err(KeysError { path: path.to_path_buf(), reason });
        }
        let (file, used) = UsedFile::open(path)?;
        let keys = Inner { price, file: Some(file), ..Self::inner(rows) };
        for (hash, holder) in &keys.holders {
            if let Some(kept) = used.get(hash) {
                holder.used().kept = *kept;
            }
        }
        Ok(Self(Arc::new(keys)))
    }

    /// These keys, in memory alone.
    #[must_use]
    pub fn of(rows: impl IntoIterator<Item = KeyRow>) -> Self {
        Self(Arc::new(Self::inner(rows)))
    }

    fn inner(rows: impl IntoIterator<Item = KeyRow>) -> Inner {
        let holder = |row: KeyRow| (row.sha256.to_lowercase(), Holder { row, used: Mutex::default() });
        Inner { holders: rows.into_iter().map(holder).collect(), ..Inner::default() }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.holders.is_empty()
    }

    /// Writes down what was used, if something was. What a process that is killed has not written is forgotten.
    ///
    /// # Errors
    /// [`KeysError`]: it cannot be written.
    pub fn keep(&self) -> Result<(), KeysError> {
        let Some(file) = &self.0.file else { return Ok(()) };
        file.write(self.0.holders.iter().map(|(hash, holder)| (hash.clone(), holder.used().kept)).collect())
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
        let holder = self.0.holders.get(&hash).ok_or(Denied::WrongKey)?;
        let mut used = holder.used();
        used.kept.roll(self.0.clock.now());
        used.kept.within(&holder.row, self.0.clock.now())?;
        used.ask(holder.row.requests_per_minute, clock::monotonic())?;
        Ok(Guest { keys: self.clone(), hash: Some(hash) })
    }
}

impl Guest {
    /// Whether its key is one of these.
    pub(crate) fn is_known_to(&self, keys: &Keys) -> bool {
        self.hash.as_ref().is_some_and(|hash| keys.0.holders.contains_key(hash))
    }

    /// The bill of one question, which holds one of the key's places until it is dropped.
    pub(super) fn bill(&self) -> Result<Bill, Denied> {
        if let Some(holder) = self.holder() {
            holder.used().sit(holder.row.at_once)?;
        }
        Ok(Bill { guest: self.clone(), told: 0, said: 0, charged: MicroUsd::default() })
    }

    fn holder(&self) -> Option<&Holder> {
        self.hash.as_ref().and_then(|hash| self.keys.0.holders.get(hash))
    }
}

/// What one question costs whoever asked it, charged while the answer comes.
#[derive(Debug)]
pub(super) struct Bill {
    guest: Guest,
    told: u64,
    said: u64,
    charged: MicroUsd,
}

impl Bill {
    /// Charges tokens of the question and of the answer.
    ///
    /// # Errors
    /// [`Denied`]: it is charged, and the key is used up by it: nothing more is said.
    pub(super) fn charge(&mut self, told: u64, said: u64) -> Result<(), Denied> {
        self.told += told;
        self.said += said;
        let cost = self.guest.keys.0.price.of(self.told, self.said);
        let more = cost.minus(self.charged);
        self.charged = cost;
        let Some(holder) = self.guest.holder() else { return Ok(()) };
        let now = self.guest.keys.0.clock.now();
        let mut used = holder.used();
        used.kept.roll(now);
        used.kept.add(said, more);
        used.kept.within(&holder.row, now)
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if let Some(holder) = self.guest.holder() {
            holder.used().stand_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::UnixMs;

    const MINUTE: Duration = Duration::from_secs(60);

    fn bearer(new: &NewKey) -> String {
        format!("Bearer {}", new.key)
    }

    #[test]
    fn only_hashes_are_kept_and_the_key_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let new = NewKey::make("alice");
        assert!(!format!("{new:?}").contains(&new.key));
        let row = KeyRow { requests_per_minute: Some(2), tokens_per_day: Some(10), ..new.row.clone() };
        std::fs::write(&path, format!("[[key]]\n{}", toml::to_string(&row).unwrap())).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&new.key));
        let keys = Keys::load(&path, Price::default()).unwrap();
        assert_eq!(keys.admit(None).unwrap_err(), Denied::NoKey);
        assert_eq!(keys.admit(Some("Bearer nk-wrong")).unwrap_err(), Denied::WrongKey);
        let guest = keys.admit(Some(&bearer(&new))).unwrap();
        keys.admit(Some(&bearer(&new))).unwrap();
        assert!(matches!(keys.admit(Some(&bearer(&new))), Err(Denied::TooOften { wait }) if wait <= MINUTE));
        assert!(matches!(guest.bill().unwrap().charge(1, 10), Err(Denied::UsedUp { .. })));
        assert!(matches!(keys.admit(Some(&bearer(&new))), Err(Denied::UsedUp { .. })));
    }

    /// Keys at one dollar for a million tokens of questions and two for a million of answers.
    fn priced(row: KeyRow, clock: &Clock) -> Keys {
        let price = Price { input: MicroUsd(1_000_000), output: MicroUsd(2_000_000) };
        Keys(Arc::new(Inner { price, clock: clock.clone(), ..Keys::inner([row]) }))
    }

    #[test]
    fn money_is_counted_by_the_day_and_in_all() {
        let clock = Clock::stepped(UnixMs::from_secs(1_767_225_600 + 3600));
        let new = NewKey::make("alice");
        let limits = (Some(MicroUsd(100)), Some(MicroUsd(150)));
        let keys = priced(KeyRow { spend_per_day: limits.0, spend_in_all: limits.1, ..new.row.clone() }, &clock);
        let come = || keys.admit(Some(&bearer(&new)));
        let mut bill = come().unwrap().bill().unwrap();
        assert_eq!(bill.charge(10, 20), Ok(()), "50 millionths");
        let rest_of_day = Duration::from_secs(23 * 3600);
        assert_eq!(bill.charge(0, 25), Err(Denied::Spent { wait: Some(rest_of_day) }), "100: the day's");
        assert_eq!(come().unwrap_err(), Denied::Spent { wait: Some(rest_of_day) });
        clock.advance(rest_of_day);
        assert_eq!(come().unwrap().bill().unwrap().charge(49, 0), Ok(()));
        assert_eq!(come().unwrap().bill().unwrap().charge(1, 0), Err(Denied::Spent { wait: None }), "150: all of it");
        clock.advance(rest_of_day * 2);
        assert_eq!(come().unwrap_err(), Denied::Spent { wait: None });
    }

    #[test]
    fn a_key_is_asked_with_so_often_at_once() {
        let new = NewKey::make("alice");
        let keys = Keys::of([KeyRow { at_once: Some(2), ..new.row.clone() }]);
        let guest = keys.admit(Some(&bearer(&new))).unwrap();
        let (first, _second) = (guest.bill().unwrap(), guest.bill().unwrap());
        assert_eq!(guest.bill().unwrap_err(), Denied::AtOnce);
        drop(first);
        guest.bill().unwrap();
    }

    #[test]
    fn what_was_used_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let new = NewKey::make("alice");
        let row = KeyRow { spend_in_all: Some(MicroUsd(1_500_000)), ..new.row.clone() };
        KeyFile::open(&path).unwrap().add(row.clone()).unwrap();
        assert_eq!(KeyFile::open(&path).unwrap().rows(), [row], "an amount is written as it is read");
        let price = Price { input: MicroUsd::default(), output: MicroUsd(1_000_000) };
        let spend = |tokens: u64| -> Result<(), Denied> {
            let keys = Keys::load(&path, price).unwrap();
            let spent = keys.admit(Some(&bearer(&new)))?.bill()?.charge(0, tokens);
            keys.keep().unwrap();
            spent
        };
        assert_eq!(spend(1_000_000), Ok(()));
        assert_eq!(spend(500_000), Err(Denied::Spent { wait: None }));
        assert_eq!(spend(1), Err(Denied::Spent { wait: None }));

        std::fs::write(UsedFile::beside(&path), "{").unwrap();
        let error = Keys::load(&path, price).unwrap_err().to_string();
        assert!(error.contains("keys.toml.used"), "{error}");
    }

    #[test]
    fn a_file_without_keys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let of = |field: &str| format!("[[key]]\nname=\"a\"\nsha256=\"{}\"\n{field}", "0".repeat(64));
        let broken = ["", "[[key]]\nname=\"a\"\nsha256=\"zz\"", "[[key]]\nname=\"a\"\nkey=\"b\"", "key=1"];
        let amounts = [of("spend_per_day = \"-1\""), of("spend_in_all = \"1e3\"")];
        for text in broken.into_iter().chain(amounts.iter().map(String::as_str)) {
            std::fs::write(&path, text).unwrap();
            assert!(Keys::load(&path, Price::default()).unwrap_err().to_string().contains("keys.toml"), "{text}");
        }
    }
}
