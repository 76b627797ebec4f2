//! Where the ledgers of tests are: in files; or, when `NEURON_TEST_LEDGER=postgres`, each in a schema of the database that
//! `NEURON_TEST_POSTGRES` names (`scripts/postgres.sh`). The same tests run on both.

use std::path::Path;

use neuron::ledger::{Address, Place};
use sha2::{Digest as _, Sha256};

/// The database for tests, where there is one.
pub fn database() -> Option<Address> {
    let url = std::env::var("NEURON_TEST_POSTGRES").ok().filter(|url| !url.is_empty())?;
    Some(url.parse().unwrap())
}

/// The place that stands for a file: the same for the same path, in whatever process.
pub fn place(path: impl AsRef<Path>) -> Place {
    let path = path.as_ref();
    if std::env::var("NEURON_TEST_LEDGER").as_deref() != Ok("postgres") {
        return path.into();
    }
    let database = database().expect("NEURON_TEST_LEDGER=postgres needs NEURON_TEST_POSTGRES (scripts/postgres.sh)");
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Place::Database(database.in_schema(format!("test_{name}")).unwrap())
}

/// Whether ledgers are files: for what is about files alone.
pub fn are_files() -> bool {
    std::env::var("NEURON_TEST_LEDGER").as_deref() != Ok("postgres")
}
