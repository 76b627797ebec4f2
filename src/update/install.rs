//! The files: the program in place, the new one beside it, the old one kept.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;
use tokio::process::Command;

use super::UpdateError;
use crate::units::Foreign;

/// How long a new program may take to tell its version.
const TRIAL: Duration = Duration::from_secs(20);

/// The place of a program, of which one update at a time is made.
#[derive(Debug)]
pub(super) struct Place {
    program: PathBuf,
    /// Held for as long as this lives; the system gives it back when the process dies.
    _lock: File,
}

impl Place {
    pub(super) fn take(program: &Path) -> Result<Self, UpdateError> {
        let path = beside(program, "lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|source| UpdateError::Disk { path: path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { program: program.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(UpdateError::UnderWay { program: program.to_owned() }),
            Err(TryLockError::Error(source)) => Err(UpdateError::Disk { path, source }),
        }
    }

    /// Where the new program is written and tried.
    fn candidate(&self) -> PathBuf {
        beside(&self.program, "new")
    }

    /// Where the replaced program is kept.
    pub(super) fn old(&self) -> PathBuf {
        beside(&self.program, "old")
    }

    /// Writes the new program, whole and on the disk, or not at all.
    pub(super) fn write_beside(&self, bytes: &[u8]) -> Result<(), UpdateError> {
        let path = self.candidate();
        let write = || -> io::Result<()> {
            // What an update that died has left.
            remove_if_there(&path)?;
            let mut file = File::options().create_new(true).write(true).mode(0o755).open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&path);
            UpdateError::Disk { path, source }
        })
    }

    /// Runs `--version` of the new one: a program of another machine, or another version than was signed, goes no further.
    pub(super) async fn try_new(&self, version: &Version) -> Result<(), UpdateError> {
        let tried = match version_of(&self.candidate()).await {
            Ok(said) if said == *version => Ok(()),
            Ok(said) => Err(format!("it has version {said} instead of {version}")),
            Err(reason) => Err(reason),
        };
        tried.map_err(|reason| {
            let _ = fs::remove_file(self.candidate());
            UpdateError::DoesNotStart { reason }
        })
    }

    /// Keeps the old one and puts the new one into place.
    pub(super) fn exchange(&self) -> Result<(), UpdateError> {
        self.swap(&self.program, &self.old())
    }

    /// Puts the old one back. It stays beside, too.
    pub(super) fn go_back(&self) -> Result<(), UpdateError> {
        let old = self.old();
        if !old.is_file() {
            return Err(UpdateError::NothingKept { path: old });
        }
        self.swap(&old, &self.candidate())
    }

    /// Links `from` as `to` too, and moves the candidate into place. Between any two steps there is a whole program in place.
    fn swap(&self, from: &Path, to: &Path) -> Result<(), UpdateError> {
        let steps = || -> io::Result<()> {
            remove_if_there(to)?;
            fs::hard_link(from, to)?;
            fs::rename(self.candidate(), &self.program)?;
            on_disk(&self.program)
        };
        steps().map_err(|source| UpdateError::Disk { path: self.program.clone(), source })
    }
}

/// What a program says that it is.
pub(super) async fn version_of(program: &Path) -> Result<Version, String> {
    let run = Command::new(program).arg("--version").kill_on_drop(true).output();
    let output = match tokio::time::timeout(TRIAL, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err(format!("it did not print its version within {} s", TRIAL.as_secs())),
    };
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status));
    }
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = said.strip_prefix("neuron ").and_then(|version| Version::parse(version).ok());
    version.ok_or_else(|| format!("as its version it prints `{}`", Foreign::from(said)))
}

/// `neuron.new` beside `neuron`.
fn beside(program: &Path, what: &str) -> PathBuf {
    let mut name = program.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    program.with_file_name(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// A rename is on the disk when its folder is.
fn on_disk(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("neuron");
        fs::write(&program, text).unwrap();
        (folder, program)
    }

    #[test]
    fn the_old_one_is_kept_and_comes_back() {
        let (_folder, program) = place("one");
        let place = Place::take(&program).unwrap();
        assert!(matches!(place.go_back(), Err(UpdateError::NothingKept { .. })));
        place.write_beside(b"two").unwrap();
        place.exchange().unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"two");
        assert_eq!(fs::read(place.old()).unwrap(), b"one");
        place.go_back().unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"one");
        place.go_back().unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"one");
    }

    #[test]
    fn one_update_at_a_time() {
        let (_folder, program) = place("one");
        let first = Place::take(&program).unwrap();
        assert!(matches!(Place::take(&program), Err(UpdateError::UnderWay { .. })));
        drop(first);
        Place::take(&program).unwrap();
    }

    #[test]
    fn what_a_dead_update_left_is_no_hindrance() {
        let (_folder, program) = place("one");
        let place = Place::take(&program).unwrap();
        fs::write(place.candidate(), "half").unwrap();
        place.write_beside(b"two").unwrap();
        place.exchange().unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"two");
    }

    #[tokio::test]
    async fn a_program_of_another_machine_or_version_goes_no_further() {
        let (_folder, program) = place("one");
        let place = Place::take(&program).unwrap();
        let version = Version::new(2, 0, 0);
        for (text, reason) in [
            ("\x7fELF of another machine", ""),
            ("#!/bin/sh\nexit 3\n", "exit status: 3"),
            ("#!/bin/sh\necho neuron 1.0.0\n", "1.0.0 instead of 2.0.0"),
            ("#!/bin/sh\necho hello\n", "`hello`"),
        ] {
            place.write_beside(text.as_bytes()).unwrap();
            let refused = place.try_new(&version).await.unwrap_err().to_string();
            assert!(refused.contains(reason), "{refused}");
            assert!(!place.candidate().exists(), "what does not start is not left behind");
        }
        place.write_beside(b"#!/bin/sh\necho neuron 2.0.0\n").unwrap();
        place.try_new(&version).await.unwrap();
        assert_eq!(fs::read(&program).unwrap(), b"one");
    }
}
