//! What several tests need.

use std::path::Path;
use std::process::Command;

use neuron::ledger::LedgerError;
use neuron::subnets::events::ledger::{EventsLedger, Options};

/// The text of a fixture of our own.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The binary, in an environment without the settings of whoever runs the tests.
pub fn neuron() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neuron"));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("NEURON_") || name.starts_with("BT_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Opens a ledger that was open a moment ago. A process that another test starts at this moment holds copies of all our
/// files, locks included, until it has become its program; so a lock given back may seem taken for some milliseconds.
pub fn open_ledger(path: &Path, options: &Options) -> EventsLedger {
    for _ in 0..500 {
        match EventsLedger::open(path, options.clone()) {
            Err(LedgerError::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("{} stays in use", path.display());
}
