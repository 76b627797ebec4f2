//! Where a ledger that is measured is kept: a file, or a schema of a database.
//!
//! `NEURON_BENCH_DB` names databases, by URLs with spaces between them. What is measured has schemas of its own there, which are
//! dropped first and last.

use std::path::{Path, PathBuf};

use neuron::ledger::sql::Connection;
use neuron::ledger::{Address, Place};
use tempfile::TempDir;

/// Of all tables of a schema, with their indexes.
const BYTES: &str = "SELECT CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS BIGINT)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = current_schema() AND c.relkind = 'r'";

/// See the module. Dropping it takes everything away.
pub(crate) struct Store {
    pub(crate) place: Place,
    /// For what lies beside it.
    #[allow(dead_code, reason = "not every benchmark has something beside it")]
    pub(crate) folder: TempDir,
    /// What a table calls it.
    pub(crate) name: String,
    /// The number of the database, where it is one.
    number: Option<usize>,
}

/// The databases that the environment names.
fn databases() -> Vec<Address> {
    let urls = std::env::var("NEURON_BENCH_DB").unwrap_or_default();
    urls.split_whitespace().map(|url| url.parse().expect("NEURON_BENCH_DB is no URL of PostgreSQL")).collect()
}

/// The place that [`Store::word`] names, for another process: a URL may hold a password, which is not for a command line.
#[allow(dead_code, reason = "not every benchmark has another process")]
pub(crate) fn place_of(word: &str) -> Place {
    let Some((number, schema)) = word.strip_prefix("schema:").and_then(|rest| rest.split_once(':')) else {
        return PathBuf::from(word).into();
    };
    let database = databases().swap_remove(number.parse().unwrap());
    Place::Database(database.in_schema(schema.to_owned()).unwrap())
}

/// Whether a server waits for its disk makes another column.
fn name_of(place: &Place) -> String {
    let connection = Connection::connect(place).unwrap();
    let safe: String = connection.query_row("SELECT current_setting('fsync')", [], |row| row.get(0)).unwrap();
    if safe == "on" { "PostgreSQL".to_owned() } else { "PostgreSQL, fsync off".to_owned() }
}

impl Store {
    /// An empty one of each kind there is; `name` is for this process alone.
    pub(crate) fn all(name: &str) -> Vec<Self> {
        let folder = || tempfile::tempdir().unwrap();
        let file = folder();
        let place = file.path().join("ledger.sqlite").into();
        let mut all = vec![Self { place, folder: file, name: "SQLite".to_owned(), number: None }];
        for (number, database) in databases().into_iter().enumerate() {
            let place = Place::Database(database.in_schema(format!("bench_{name}")).unwrap());
            let name = name_of(&place);
            all.push(Self { place, folder: folder(), name, number: Some(number) });
            all[number + 1].clear();
        }
        all
    }

    /// What to tell [`place_of`].
    #[allow(dead_code, reason = "not every benchmark has another process")]
    pub(crate) fn word(&self) -> String {
        match (&self.place, self.number) {
            (Place::Database(address), Some(number)) => format!("schema:{number}:{}", address.schema()),
            (place, _) => place.to_string(),
        }
    }

    /// What it takes on the disk.
    pub(crate) fn bytes(&self) -> u64 {
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
