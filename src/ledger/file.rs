//! A ledger in a file: folder and permissions, one owner at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{LedgerError, explain};

/// The file that carries the lock, beside the ledger. It is empty and stays.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn file_error(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::File { path: path.to_path_buf(), reason: error.to_string() }
}

/// Takes the exclusive lock; it is held until the file is dropped or the process dies, however it dies.
pub(super) fn lock(path: &Path) -> Result<File, LedgerError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| file_error(folder, &e))?;
    }
    let lock = lock_path(path);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock)
        .map_err(|e| file_error(&lock, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { place: path.into() }),
        Err(TryLockError::Error(e)) => Err(file_error(&lock, &e)),
    }
}

/// Opens the file for writing, creating it. The caller holds the lock.
pub(super) fn writable(path: &Path) -> Result<Connection, LedgerError> {
    // Created here and not by SQLite, for the permissions; SQLite gives its side files the same.
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(|e| file_error(path, &e))?;
    let connection = Connection::open(path).map_err(|e| explain(&path.into(), &e.into()))?;
    let setup = |connection: &Connection| -> rusqlite::Result<()> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A commit is on disk before it is reported: also a power cut loses nothing that was accepted.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    };
    setup(&connection).map_err(|e| explain(&path.into(), &e.into()))?;
    Ok(connection)
}

/// Opens a file for reading only; it may be in use by a validator.
pub(super) fn readable(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| explain(&path.into(), &e.into()))?;
    let setup = |connection: &Connection| -> rusqlite::Result<()> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "mmap_size", 1_i64 << 36)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(())
    };
    setup(&connection).map_err(|e| explain(&path.into(), &e.into()))?;
    Ok(connection)
}
