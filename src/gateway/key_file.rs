//! The file of keys: read, added to, taken from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::keys::{KeyRow, KeysError};

/// A file of hashed keys. One that does not exist holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
    rows: Vec<KeyRow>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    key: Vec<KeyRow>,
}

impl KeyFile {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeysError`]: it is there and cannot be read, or says something else than keys.
    pub fn open(path: &Path) -> Result<Self, KeysError> {
        let failed = |reason: String| KeysError { path: path.to_path_buf(), reason };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(failed(e.to_string())),
        };
        let Content { key: rows } = toml::from_str(&text).map_err(|e| failed(e.message().to_owned()))?;
        let wrong = rows.iter().find(|row| row.sha256.len() != 64 || hex::decode(&row.sha256).is_err());
        match wrong {
            Some(row) => Err(failed(format!("the key of `{}` is not a SHA-256 hash in hex digits", row.name))),
            None => Ok(Self { path: path.to_path_buf(), rows }),
        }
    }

    /// The keys in it.
    #[must_use]
    pub fn rows(&self) -> &[KeyRow] {
        &self.rows
    }

    /// The same, for keeps.
    #[must_use]
    pub fn into_rows(self) -> Vec<KeyRow> {
        self.rows
    }

    /// Adds a key and writes the file.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be written.
    pub fn add(&mut self, row: KeyRow) -> Result<(), KeysError> {
        if self.rows.iter().any(|other| other.name == row.name) {
            return Err(self.failed(format!("a key called `{}` exists already: revoke it first", row.name)));
        }
        self.rows.push(row);
        self.write()
    }

    /// Takes a key away and writes the file.
    ///
    /// # Errors
    /// There is no key of that name, or the file cannot be written.
    pub fn revoke(&mut self, name: &str) -> Result<(), KeysError> {
        let before = self.rows.len();
        self.rows.retain(|row| row.name != name);
        if self.rows.len() == before {
            return Err(self.failed(format!("there is no key called `{name}`")));
        }
        self.write()
    }

    /// Replaces the file at once.
    fn write(&self) -> Result<(), KeysError> {
        let text = toml::to_string(&Content { key: self.rows.clone() }).map_err(|e| self.failed(e.to_string()))?;
        replace(&self.path, &text).map_err(|e| self.failed(e.to_string()))
    }

    fn failed(&self, reason: String) -> KeysError {
        KeysError { path: self.path.clone(), reason }
    }
}

/// Replaces a file: whoever reads it sees the old one or the new one. For its owner alone.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::gateway::NewKey;

    #[test]
    fn keys_come_and_go_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/keys.toml");
        let mut file = KeyFile::open(&path).unwrap();
        let new = NewKey::make("alice");
        file.add(new.row.clone()).unwrap();
        assert!(file.add(NewKey::make("alice").row).unwrap_err().to_string().contains("already"));
        file.add(NewKey::make("bob").row).unwrap();
        assert!(!fs::read_to_string(&path).unwrap().contains(&new.key));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let mut again = KeyFile::open(&path).unwrap();
        assert_eq!(again, file);
        again.revoke("alice").unwrap();
        assert!(again.revoke("alice").is_err());
        assert_eq!(KeyFile::open(&path).unwrap().rows().iter().map(|row| &*row.name).collect::<Vec<_>>(), ["bob"]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }
}
