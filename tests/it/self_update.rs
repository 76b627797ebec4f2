//! `neuron self-update`: only what is signed is run, and what does not get ready is taken back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::Blake2b512;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sp_core::{Pair as _, ed25519};
use tempfile::TempDir;

use crate::json_schema;
use crate::support::neuron;

/// The name of a key in the files of minisign.
const KEY_ID: [u8; 8] = *b"a test's";

/// A maker of releases, with its folder and a program in place that is to be updated.
pub struct Releases {
    pub folder: TempDir,
    key: ed25519::Pair,
}

impl Releases {
    pub fn new() -> Self {
        let releases = Self { folder: tempfile::tempdir().unwrap(), key: ed25519::Pair::from_seed(&[7; 32]) };
        script(&releases.program(), "0.1.0", "exit 0");
        releases
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in place.
    pub fn program(&self) -> PathBuf {
        self.path("neuron")
    }

    pub fn public_key(&self) -> String {
        STANDARD.encode([b"Ed".as_slice(), &KEY_ID, &self.key.public().0].concat())
    }

    /// A signature as minisign writes it: of the BLAKE2b hash of the file, and of that signature with the comment.
    fn sign(&self, bytes: &[u8]) -> String {
        let signature = self.key.sign(&Blake2b512::digest(bytes));
        let comment = "of a test";
        let global = self.key.sign(&[signature.0.as_slice(), comment.as_bytes()].concat());
        let line = STANDARD.encode([b"ED".as_slice(), &KEY_ID, &signature.0].concat());
        format!("untrusted comment: it\n{line}\ntrusted comment: {comment}\n{}\n", STANDARD.encode(global.0))
    }

    /// Publishes a script as the program of `version` for this machine.
    pub fn publish(&self, version: &str, body: &str) {
        let name = format!("neuron-{version}");
        script(&self.path(&name), version, body);
        let bytes = fs::read(self.path(&name)).unwrap();
        let file = json!({"name": name, "sha256": hex::encode(Sha256::digest(&bytes)), "bytes": bytes.len()});
        self.describe(&json!({"version": version, "channel": "stable", "files": {neuron::update::target(): file}}));
    }

    fn describe(&self, description: &Value) {
        let text = description.to_string();
        fs::write(self.path("stable.json"), &text).unwrap();
        fs::write(self.path("stable.json.minisig"), self.sign(text.as_bytes())).unwrap();
    }

    fn update(&self, more: &[&str]) -> Output {
        let mut command = neuron();
        command.args(["self-update", "--output", "json"]);
        if !more.contains(&"--public-key") {
            command.args(["--public-key", &self.public_key()]);
        }
        command.arg("--from").arg(self.folder.path()).arg("--program").arg(self.program());
        let output = command.args(more).output().unwrap();
        if let Ok(document) = serde_json::from_slice(&output.stdout) {
            json_schema::check_printed(&["self-update"], &document);
        }
        output
    }

    /// That it is refused with this status and these words, and that nothing has changed.
    fn refused(&self, more: &[&str], status: i32, words: &str) {
        let before = fs::read(self.program()).unwrap();
        let output = self.update(more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(words), "{words}: {said}");
        assert_eq!(fs::read(self.program()).unwrap(), before);
        assert!(!self.path("neuron.new").exists(), "nothing is left beside it");
    }
}

/// A program that tells its version, and else does what `body` says.
fn script(path: &Path, version: &str, body: &str) {
    let text = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo neuron {version}; exit 0; fi\n{body}\n");
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn outcome(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_newer_release_takes_the_place_and_the_old_one_comes_back() {
    let releases = Releases::new();
    let old = fs::read(releases.program()).unwrap();
    releases.publish("0.2.0", "exit 0");
    let seen = outcome(&releases.update(&["--check"]));
    assert_eq!(seen, json!({"outcome": "available", "version": "0.1.0", "offered": "0.2.0"}));
    assert_eq!(fs::read(releases.program()).unwrap(), old, "a look changes nothing");

    let done = outcome(&releases.update(&[]));
    assert_eq!((&done["outcome"], &done["installed"]), (&json!("updated"), &json!("0.2.0")));
    assert_eq!(fs::read(releases.path("neuron.old")).unwrap(), old);
    assert_eq!(outcome(&releases.update(&[]))["outcome"], "current");
    assert_eq!(fs::metadata(releases.program()).unwrap().permissions().mode() & 0o777, 0o755);

    let program = releases.program();
    let back = ["self-update", "--rollback", "--output", "json", "--program"];
    let back = outcome(&neuron().args(back).arg(&program).output().unwrap());
    assert_eq!(back["outcome"], "rolled_back");
    json_schema::check_printed(&["self-update"], &back);
    assert_eq!(fs::read(program).unwrap(), old);
}

#[test]
fn what_is_not_signed_by_the_chosen_key_changes_nothing() {
    let releases = Releases::new();
    releases.refused(&[], 5, "cannot be read");
    releases.publish("0.2.0", "exit 0");
    let stranger = Releases { folder: tempfile::tempdir().unwrap(), key: ed25519::Pair::from_seed(&[8; 32]) };
    let description = fs::read_to_string(releases.path("stable.json")).unwrap();

    fs::write(releases.path("stable.json.minisig"), stranger.sign(description.as_bytes())).unwrap();
    releases.refused(&[], 8, "not signed by the key");
    fs::write(releases.path("stable.json.minisig"), "\u{202e}not a signature\x1b[2J").unwrap();
    releases.refused(&[], 8, "not signed by the key");
    releases.publish("0.2.0", "exit 0");
    fs::write(releases.path("stable.json"), description.replace("0.2.0", "0.3.0")).unwrap();
    releases.refused(&[], 8, "not signed by the key");
    fs::remove_file(releases.path("stable.json.minisig")).unwrap();
    releases.refused(&[], 5, "stable.json.minisig");
    releases.refused(&["--public-key", "RWQnonsense"], 2, "not a minisign public key");
}

#[test]
fn a_download_that_broke_off_or_was_changed_is_not_installed() {
    let releases = Releases::new();
    releases.publish("0.2.0", "exit 0");
    let whole = fs::read(releases.path("neuron-0.2.0")).unwrap();
    fs::write(releases.path("neuron-0.2.0"), &whole[..whole.len() - 3]).unwrap();
    releases.refused(&[], 8, "bytes instead of");
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(releases.path("neuron-0.2.0"), other).unwrap();
    releases.refused(&[], 8, "is not the file that was signed");
    fs::write(releases.path("neuron-0.2.0"), [whole.as_slice(), b"more"].concat()).unwrap();
    releases.refused(&[], 5, "more than");
    fs::remove_file(releases.path("neuron-0.2.0")).unwrap();
    releases.refused(&[], 5, "neuron-0.2.0");
}

#[test]
fn older_foreign_and_lying_releases_change_nothing() {
    let releases = Releases::new();
    releases.publish("0.0.9", "exit 0");
    releases.refused(&[], 1, "--allow-older");
    assert_eq!(outcome(&releases.update(&["--allow-older"]))["installed"], "0.0.9");
    releases.publish("0.3.0", "exit 0");
    script(&releases.path("neuron-0.3.0"), "0.1.5", "exit 0");
    let bytes = fs::read(releases.path("neuron-0.3.0")).unwrap();
    let file = json!({"name": "neuron-0.3.0", "sha256": hex::encode(Sha256::digest(&bytes)), "bytes": bytes.len()});
    let files = json!({neuron::update::target(): file});
    releases.describe(&json!({"version": "0.3.0", "channel": "stable", "files": files}));
    releases.refused(&[], 1, "0.1.5 instead of 0.3.0");
    releases.describe(&json!({"version": "0.3.0", "channel": "beta", "files": files}));
    releases.refused(&[], 8, "is of channel `beta`");
    releases.describe(&json!({"version": "0.3.0", "channel": "stable", "files": {"vax-vms": file}}));
    releases.refused(&[], 4, "vax-vms");
    let away = json!({"name": "../../bin/sh", "sha256": "00", "bytes": 3});
    releases.describe(&json!({"version": "0.3.0", "channel": "stable", "files": {neuron::update::target(): away}}));
    releases.refused(&[], 8, "not the name of a file");
}

#[test]
fn what_keeps_a_role_up_to_date_says_what_it_lacks() {
    let releases = Releases::new();
    for lacks in ["UPDATE_KEY", "UPDATE_READY"] {
        let mut run = std::process::Command::new("bash");
        run.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/run.sh")).arg("miner");
        run.envs(["UPDATE_FROM", "UPDATE_KEY", "UPDATE_READY"].map(|name| (name, "something"))).env_remove(lacks);
        let output = run.env("NEURON_PROGRAM", releases.program()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{lacks}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Updates under load between two programs, and back from a broken one, with `scripts/run.sh` above the validator.
#[cfg(feature = "localnet")]
mod drill {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use rusqlite::Connection;

    use super::*;
    use crate::processes::World;
    use crate::support::{Process, wait_until};

    /// Time between two questions of the validator.
    const TICK: Duration = Duration::from_secs(5);

    fn ticks(world: &World) -> Vec<i64> {
        let Ok(folder) = fs::read_dir(world.path("db/netuid155")) else { return Vec::new() };
        let ledger =
            folder.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "sqlite"));
        let Some(ledger) = ledger else { return Vec::new() };
        let read = || -> rusqlite::Result<Vec<i64>> {
            let ledger = Connection::open_with_flags(ledger, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let mut rows = ledger.prepare("SELECT at FROM ticks ORDER BY at")?;
            rows.query_map([], |row| row.get(0))?.collect()
        };
        read().unwrap_or_default()
    }

    #[test]
    fn an_update_loses_no_tick_and_a_broken_one_is_taken_back() {
        let (world, releases) = (World::new(), Releases::new());
        let real = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_neuron"));
        script(&releases.program(), "0.1.0", &real);
        let _chain = world.localnet();
        let _market = world.market_sim();
        world.register(155, &["v", "m0"]);
        let _miner = world.miner(0, "0.1");
        let arguments = world.validator_arguments(&["--tick", "5s"]);
        let log = fs::File::create(world.path("run.log")).unwrap();
        let mut run = Command::new("bash");
        run.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/run.sh")).args(&arguments);
        run.env("NEURON_PROGRAM", releases.program()).env("HOME", world.folder.path());
        run.env("UPDATE_FROM", releases.folder.path()).env("UPDATE_KEY", releases.public_key());
        run.env("UPDATE_EVERY", "1")
            .env("UPDATE_WITHIN", "25s")
            .env("UPDATE_READY", format!("http://{}/health", world.validators_metrics()));
        let run = run.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut run = Process(run);
        let said = || fs::read_to_string(world.path("run.log")).unwrap();
        wait_until("the validator asks", || !ticks(&world).is_empty());

        releases.publish("0.2.0", &real);
        wait_until("0.2.0 is in place and ready", || said().contains("0.2.0 is in place: restarted, and ready"));
        let after = ticks(&world).len();
        wait_until("it asks on", || ticks(&world).len() > after);

        let good = fs::read(releases.program()).unwrap();
        releases.publish("0.3.0", "exit 1");
        wait_until("0.3.0 is taken back", || said().contains("0.2.0 is in place again and is ready"));
        assert_eq!(fs::read(releases.program()).unwrap(), good);
        fs::remove_file(releases.path("stable.json")).unwrap();
        let after = ticks(&world).len();
        wait_until("it asks on", || ticks(&world).len() > after + 1);

        // While 0.3.0 was tried nothing could ask; before and after nothing is lost.
        let ticks = ticks(&world);
        let lost = ticks.windows(2).filter(|pair| pair[1] - pair[0] > 2 * TICK.as_millis() as i64).count();
        assert!(lost <= 1, "{ticks:?}");

        let stop = Command::new("kill").arg(run.id().to_string()).status().unwrap();
        assert!(stop.success());
        wait_until("it ends when told", || !run.is_running());
        assert!(std::net::TcpStream::connect(world.validators_metrics()).is_err(), "and its role with it");
    }
}
