//! Writing files so that a crash at any moment leaves the old one or the new one, whole.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crypto_secretbox::aead::OsRng;
use crypto_secretbox::aead::rand_core::RngCore as _;
use zeroize::Zeroizing;

use super::error::WalletError;
use super::keyfile::MAX_BYTES;
use crate::clock;

/// The steps that change a disk, one call each, so that tests can stop a process between any two of them.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a file that must not exist, readable by its owner only from the first byte, and flushes it.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file a second name; fails when that name is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Moves a file over another.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Flushes the names in a folder.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The machine's.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

fn failed<'a>(path: &'a Path, action: &'static str) -> impl Fn(io::Error) -> WalletError + 'a {
    move |fault| WalletError::Io { path: path.to_owned(), action, fault }
}

/// Reads a keyfile; no more than one byte above the limit of keyfiles. `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, WalletError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(failed(path, "read it")(fault)),
    };
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(limit).read_to_end(&mut bytes).map_err(failed(path, "read it"))?;
    Ok(Some(bytes))
}

/// Makes a folder and its parents; each new one for its owner only.
pub(super) fn make_folder(path: &Path) -> Result<(), WalletError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed(path, "make the folder"))
}

/// Refuses a folder in which others could put their own key in place of the one written.
pub(super) fn refuse_open_folder(path: &Path) -> Result<(), WalletError> {
    match mode(path) {
        Some(mode) if mode & 0o022 != 0 => Err(WalletError::OpenFolder { path: path.to_owned(), mode }),
        _ => Ok(()),
    }
}

/// The permission bits of a file or folder; `None` where there are none.
pub(super) fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).ok().map(|data| data.permissions().mode() & 0o7777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Sets the permission bits of a file or folder.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), WalletError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed(path, "change its mode"))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, mode);
        Ok(())
    }
}

/// Only one writer at a time in a folder. Advisory: it binds those who ask. Released when dropped.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "held, not read: closing it releases the lock")] File);

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<Self, WalletError> {
        let file = File::open(folder).map_err(failed(folder, "open the folder"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(fs::TryLockError::WouldBlock) => Err(WalletError::Busy { path: folder.to_owned() }),
            Err(fs::TryLockError::Error(fault)) => Err(failed(folder, "lock the folder")(fault)),
        }
    }
}

/// Where a write must go: through a symbolic link to the file it names.
fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name beside `path` that nobody has.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}.tmp", OsRng.next_u64()))
}

/// Puts `bytes` at `path`, which must not exist. Written aside, flushed, read back, then named.
pub(super) fn put_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), WalletError> {
    staged(disk, path, bytes, |temporary| {
        match disk.link(temporary, path) {
            Ok(()) => disk.remove(temporary),
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Err(fault),
            // File systems without hard links; the caller holds the folder's lock.
            Err(_) if !path.exists() => disk.rename(temporary, path),
            Err(fault) => Err(fault),
        }
    })
}

/// Puts `bytes` at `path` in place of what is there; the caller has kept a copy.
pub(super) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), WalletError> {
    let path = target(path);
    staged(disk, &path, bytes, |temporary| disk.rename(temporary, &path))
}

fn staged(
    disk: &dyn Disk,
    path: &Path,
    bytes: &[u8],
    name_it: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), WalletError> {
    let aside = temporary(path);
    let outcome = disk.write_new(&aside, bytes).map_err(failed(path, "write it")).and_then(|()| {
        if read(&aside)?.is_none_or(|written| written.as_slice() != bytes) {
            return Err(WalletError::ReadBack { path: path.to_owned() });
        }
        name_it(&aside).map_err(failed(path, "put it in place"))
    });
    if outcome.is_err() {
        let _ = disk.remove(&aside);
    }
    outcome?;
    disk.sync_folder(folder_of(path)).map_err(failed(path, "flush its folder"))
}

/// Copies `path` to `NAME.bak-<UTC time>` beside it, for its owner only. `None` when there is nothing to keep.
pub(super) fn keep_copy(disk: &dyn Disk, path: &Path) -> Result<Option<PathBuf>, WalletError> {
    let path = target(path);
    let Some(bytes) = read(&path)? else { return Ok(None) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stamp = stamp();
    for attempt in 0..100 {
        let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let copy = path.with_file_name(format!("{name}.bak-{stamp}{suffix}"));
        match put_new(disk, &copy, &bytes) {
            Ok(()) => return Ok(Some(copy)),
            Err(WalletError::Io { fault, .. }) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            Err(other) => return Err(other),
        }
    }
    Err(WalletError::Busy { path })
}

/// UTC time for file names: `20260102T030405Z`.
fn stamp() -> String {
    let seconds = i64::try_from(clock::wall_ns() / 1_000_000_000).unwrap_or_default();
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |t| t.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_never_replaces_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coldkey");
        put_new(&RealDisk, &path, b"one").unwrap();
        assert!(put_new(&RealDisk, &path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(mode(&path), Some(0o600));
    }

    #[test]
    fn copies_of_one_second_do_not_collide() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coldkey");
        put_new(&RealDisk, &path, b"one").unwrap();
        let first = keep_copy(&RealDisk, &path).unwrap().unwrap();
        let second = keep_copy(&RealDisk, &path).unwrap().unwrap();
        assert_ne!(first, second);
        assert_eq!(fs::read(second).unwrap(), b"one");
    }

    #[test]
    fn a_folder_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        assert!(matches!(FolderLock::take(folder.path()), Err(WalletError::Busy { .. })));
        drop(held);
        assert!(FolderLock::take(folder.path()).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("coldkey"));
        fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&RealDisk, &link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }
}
