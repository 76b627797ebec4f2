//! What several tests need.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use neuron::ledger::LedgerError;
use neuron::subnets::events::ledger::{EventsLedger, Options};

use crate::places::place;

/// Long enough for a machine that has other things to do.
#[allow(dead_code, reason = "the tests of the operator's build wait for less")]
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for what must come soon.
#[allow(dead_code, reason = "the tests of the operator's build wait for less")]
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_or_tell(what, is_so, String::new);
}

/// The same; when it does not come, `seen` says what there is instead.
#[allow(dead_code, reason = "the tests of the operator's build wait for less")]
pub fn wait_or_tell(what: &str, mut is_so: impl FnMut() -> bool, seen: impl FnOnce() -> String) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "still not so after {PATIENCE:?}: {what}\n{}", seen());
        std::thread::sleep(Duration::from_millis(50));
    }
}

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
        match EventsLedger::open(place(path), options.clone()) {
            Err(LedgerError::InUse { .. }) => std::thread::sleep(Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("{} stays in use", path.display());
}

/// Runs an ignored test of this binary in a process of its own, tells `heard` every line of its stderr, and kills it so long
/// after a line as that says. Lines that it had written by then are heard too.
#[allow(dead_code, reason = "only the tests that kill run it")]
pub fn run_and_kill(test: &str, environment: &[(&str, &OsStr)], mut heard: impl FnMut(&str) -> Option<Duration>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", test])
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if let Some(after) = heard(&line) {
            std::thread::sleep(after);
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
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
