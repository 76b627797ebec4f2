//! Where a year is kept: a file, or a schema of a database.

use std::path::{Path, PathBuf};

use neuron::ledger::sql::Connection;
use neuron::ledger::{Address, Place};
use tempfile::TempDir;

/// Of all tables of a schema, with their indexes.
const BYTES: &str = "SELECT CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS BIGINT)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relkind = 'r'";

/// See the module. Dropping it takes everything away.
pub struct Store {
    pub place: Place,
    /// For what lies beside it.
    pub folder: TempDir,
}

/// The database that the environment names.
fn database() -> Option<Address> {
    let url = std::env::var("NEURON_BENCH_DB").ok().filter(|url| !url.is_empty())?;
    Some(url.parse().expect("NEURON_BENCH_DB is no URL of PostgreSQL"))
}

/// The place that [`Store::word`] names, for another process: a URL may hold a password, which is not for a command line.
pub fn place_of(word: &str) -> Place {
    match word.strip_prefix("schema:") {
        Some(schema) => Place::Database(database().unwrap().in_schema(schema.to_owned()).unwrap()),
        None => PathBuf::from(word).into(),
    }
}

impl Store {
    /// An empty one of each kind there is.
    pub fn all(events: u64) -> Vec<Self> {
        let folder = || tempfile::tempdir().unwrap();
        let file = folder();
        let mut all = vec![Self { place: file.path().join("year.sqlite").into(), folder: file }];
        if let Some(database) = database() {
            let place = Place::Database(database.in_schema(format!("scale_{events}")).unwrap());
            all.push(Self { place, folder: folder() });
            all[1].clear();
        }
        all
    }

    pub const fn name(&self) -> &'static str {
        match self.place {
            Place::File(_) => "SQLite",
            Place::Database(_) => "PostgreSQL",
        }
    }

    /// What to tell [`place_of`].
    pub fn word(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Database(address) => format!("schema:{}", address.schema()),
        }
    }

    /// What it takes on the disk.
    pub fn bytes(&self) -> u64 {
        match &self.place {
            Place::File(path) => {
                let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
                length(path) + length(&path.with_extension("sqlite-wal"))
            }
            place @ Place::Database(_) => {
                let bytes: i64 = Connection::connect(place).unwrap().query_row(BYTES, [], |row| row.get(0)).unwrap();
                bytes.unsigned_abs()
            }
        }
    }

    fn clear(&self) {
        if let Place::Database(address) = &self.place {
            let drop_all = format!("DROP SCHEMA IF EXISTS {} CASCADE", address.quoted_schema());
            Connection::connect(&self.place).unwrap().execute_batch(&drop_all).unwrap();
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.clear();
    }
}
