//! A file of logs that another program may move away: it is opened anew when that says so (SIGHUP).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::logs::LogError;

/// The file of this process, once it logs to one.
static OURS: OnceLock<LogFile> = OnceLock::new();

/// See the module.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Mutex::new(opened(path)?) })
    }

    /// Makes this the file that [`reopen_log_file`] opens anew.
    pub(super) fn of_this_process(path: &Path) -> Result<&'static Self, LogError> {
        let file = Self::open(path).map_err(|e| LogError(format!("{}: {e}", path.display())))?;
        Ok(OURS.get_or_init(|| file))
    }

    /// The old file goes on when the new one cannot be opened.
    fn reopen(&self) -> io::Result<()> {
        let new = opened(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

impl Write for &LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

fn opened(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

/// Whether this process logs to a file.
#[must_use]
pub fn logs_to_a_file() -> bool {
    OURS.get().is_some()
}

/// Opens the file of logs anew, at the path where it was; a program that rotates logs has moved the old one away.
pub fn reopen_log_file() {
    let Some(file) = OURS.get() else { return };
    match file.reopen() {
        Ok(()) => tracing::info!("the log continues in {}", file.path.display()),
        Err(e) => {
            tracing::error!("{} cannot be opened again: {e}; the log continues in the old file", file.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_is_left_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let log = LogFile::open(&path).unwrap();
        (&log).write_all(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        (&log).write_all(b"two\n").unwrap();
        log.reopen().unwrap();
        (&log).write_all(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(log.reopen().is_err());
        (&log).write_all(b"still\n").unwrap();
    }
}
