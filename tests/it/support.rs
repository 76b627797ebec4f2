//! What several tests need.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command};

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

/// A port that was free a moment ago.
#[allow(dead_code, reason = "the tests of the operator's build start fewer servers")]
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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

/// A process that dies with its test, as if by `kill -9`, also when the test panics.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    #[allow(dead_code, reason = "the tests of the operator's build do not ask")]
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
