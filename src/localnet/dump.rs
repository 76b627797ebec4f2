//! The chain on disk: a snapshot followed by one record per block.
//!
//! Every block is appended before anyone sees it, so a killed process loses nothing that a client was told. When the
//! records outgrow the snapshot, a new snapshot is written beside the file and renamed over it. Each record carries
//! its length and a checksum; a torn last record is cut off. The folder is locked while a chain runs on it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use codec::{Decode, DecodeAll, Encode};
use sp_core::H256;
use sp_io::hashing::twox_64;

use super::chain::{Block, Chain, Snapshot, Window};
use super::state::Next;
use super::trie::Changes;

/// The first bytes of the file; the number is the format's.
const MAGIC: &[u8] = b"neuron localnet 2\n";
/// The same of all formats, before the number.
const OF_ALL_FORMATS: &[u8] = b"neuron localnet ";
const FILE: &str = "chain";
const LOCK: &str = "lock";
/// Length and checksum before each record.
const FRAME: usize = 12;
/// How many bytes of records are too few for a rewrite.
const SLACK: u64 = 16 << 20;

/// Why a chain could not be read from disk or written there.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The operating system refused.
    #[error("{path}: {source}; check that the folder of --state exists, is writable and has room")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the folder.
    #[error("{0} is used by another running localnet; stop it, or give another folder with --state")]
    Locked(PathBuf),
    /// The file is no dump of a chain, or is broken beyond its last record.
    #[error("{path} cannot be read ({reason}); move it away to start a new chain")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain was made by a runtime with other metadata.
    #[error(
        "{0} was written by another version of the development chain's runtime; move it away to start a new chain, or run the version that wrote it"
    )]
    OtherRuntime(PathBuf),
}

/// What stays the same for all blocks of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Origin {
    /// Hash of the runtime's metadata.
    pub(crate) runtime: H256,
    /// Block 0's time, Unix milliseconds.
    pub(crate) genesis_time: u64,
}

/// The open file.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    origin: Origin,
    /// Bytes up to the end of the snapshot, and of all.
    base: u64,
    length: u64,
    _lock: File,
}

#[derive(Encode, Decode)]
struct Record {
    block: Block,
    changes: Changes,
}

/// A folder that is ours, and the chain in it.
pub(crate) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Makes the folder if need be, and locks it.
    ///
    /// # Errors
    /// [`DumpError::Locked`] when another process has it, [`DumpError::Io`] when it cannot be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, DumpError> {
        fs::create_dir_all(folder).map_err(|source| io_at(folder, source))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| io_at(&path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: folder.join(FILE), lock }),
            Err(TryLockError::WouldBlock) => Err(DumpError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(io_at(&path, source)),
        }
    }

    /// The chain in the folder, or `None` when there is none yet.
    ///
    /// # Errors
    /// [`DumpError::OtherRuntime`] when it is of another runtime than `runtime`, [`DumpError::Damaged`] when its
    /// snapshot cannot be read.
    pub(crate) fn load(&self, runtime: H256, window: Window) -> Result<Option<(Chain, Origin)>, DumpError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_at(&self.path, source)),
        };
        let damaged = |reason: &str| DumpError::Damaged { path: self.path.clone(), reason: reason.to_owned() };
        let mut rest = match bytes.strip_prefix(MAGIC) {
            Some(rest) => rest,
            None if bytes.starts_with(OF_ALL_FORMATS) => return Err(DumpError::OtherRuntime(self.path.clone())),
            None => return Err(damaged("it is not a saved chain")),
        };
        let origin = Origin::decode(&mut rest).map_err(|_| damaged("its head is cut off"))?;
        if origin.runtime != runtime {
            return Err(DumpError::OtherRuntime(self.path.clone()));
        }
        let snapshot = record::<Snapshot>(&mut rest).ok_or_else(|| damaged("its snapshot is broken"))?;
        let mut chain =
            Chain::restore(snapshot, window).ok_or_else(|| damaged("its snapshot has no block, or another state"))?;
        while let Some(Record { block, changes }) = record::<Record>(&mut rest) {
            let mut trie = chain.head_trie();
            trie.apply(&changes);
            chain.push(block, Next { trie, changes });
        }
        if !rest.is_empty() {
            let (path, bytes) = (self.path.display(), rest.len());
            tracing::warn!(%path, bytes, block = chain.height(), "the last record of the chain is damaged; the chain \
                                                                  continues from the one before");
        }
        Ok(Some((chain, origin)))
    }

    /// Starts writing: the chain as it is, from here on block by block.
    ///
    /// # Errors
    /// [`DumpError::Io`] when the file cannot be written.
    pub(crate) fn journal(self, chain: &Chain, origin: Origin) -> Result<Journal, DumpError> {
        let (file, base) = write_snapshot(&self.path, origin, &chain.snapshot())?;
        Ok(Journal { file, path: self.path, origin, base, length: base, _lock: self.lock })
    }
}

impl Journal {
    /// Writes a block down.
    ///
    /// # Errors
    /// [`DumpError::Io`]; the file then ends with the block before.
    pub(crate) fn append(&mut self, block: &Block, changes: &Changes) -> Result<(), DumpError> {
        let bytes = framed(&(block, changes).encode());
        if let Err(source) = self.file.write_all(&bytes) {
            // What was written of it would hide every later record. If even cutting fails, the next append fails too.
            let _ = self.file.set_len(self.length);
            return Err(io_at(&self.path, source));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether the records outgrew the snapshot.
    pub(crate) const fn has_grown(&self) -> bool {
        self.length - self.base > self.base + SLACK
    }

    /// Replaces snapshot and records by a new snapshot.
    ///
    /// # Errors
    /// [`DumpError::Io`]; the old file then is as it was.
    pub(crate) fn compact(&mut self, snapshot: &Snapshot) -> Result<(), DumpError> {
        let (file, base) = write_snapshot(&self.path, self.origin, snapshot)?;
        (self.file, self.base, self.length) = (file, base, base);
        Ok(())
    }

    /// Waits until the disk has it all.
    ///
    /// # Errors
    /// [`DumpError::Io`] when the disk refuses.
    pub(crate) fn sync(&mut self) -> Result<(), DumpError> {
        self.file.sync_all().map_err(|source| io_at(&self.path, source))
    }
}

/// Writes a whole file beside `path` and renames it over it. The open file, at its end, and its length.
fn write_snapshot(path: &Path, origin: Origin, snapshot: &Snapshot) -> Result<(File, u64), DumpError> {
    let new = path.with_extension("new");
    let mut bytes = MAGIC.to_vec();
    origin.encode_to(&mut bytes);
    bytes.extend(framed(&snapshot.encode()));
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // Appending: after a failed and cut write the next one must start at the file's end.
        OpenOptions::new().append(true).open(path)
    };
    let file = write().map_err(|source| io_at(path, source))?;
    Ok((file, bytes.len() as u64))
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME + payload.len());
    bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(twox_64(payload));
    bytes.extend(payload);
    bytes
}

/// Takes the next record off `rest`; `None`, and `rest` as it was, at the end and where it is torn.
fn record<T: Decode>(rest: &mut &[u8]) -> Option<T> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (checksum, tail) = tail.split_first_chunk::<8>()?;
    let (payload, tail) = tail.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    if twox_64(payload) != *checksum {
        return None;
    }
    let value = T::decode_all(&mut &*payload).ok()?;
    *rest = tail;
    Some(value)
}

fn io_at(path: &Path, source: io::Error) -> DumpError {
    DumpError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use sp_runtime::Digest;
    use sp_runtime::traits::Header as _;
    use sp_state_machine::Backend;

    use super::*;
    use crate::localnet::state::{self, Overlay, State};

    const WINDOW: Window = Window { states: 4, blocks: 8, bytes: 1 << 20 };
    const ORIGIN: Origin = Origin { runtime: H256::repeat_byte(1), genesis_time: 7 };

    /// A block after `parent` that stores its number.
    fn next(parent: Option<&Chain>) -> (Block, Next) {
        let head = parent.map(|chain| &chain.head().1);
        let number = head.map_or(0, |head| head.number() + 1);
        let state = parent.map_or_else(State::default, |chain| chain.head_trie().into());
        let mut overlay = Overlay::default();
        state::enter(&state, &mut overlay, || sp_io::storage::set(b"number", &[number as u8; 40])).unwrap();
        let (root, next) = state::settle(&state, &mut overlay).unwrap();
        let parent = head.map(|head| head.hash()).unwrap_or_default();
        let header = super::super::runtime::Header::new(number, H256::zero(), root, parent, Digest::default());
        (Block { header, extrinsics: vec![vec![number as u8; 20]] }, next)
    }

    fn chain() -> Chain {
        let (block, state) = next(None);
        Chain::new(block, state, WINDOW)
    }

    fn grow(chain: &mut Chain, journal: &mut Journal, blocks: usize) {
        for _ in 0..blocks {
            let (block, state) = next(Some(chain));
            journal.append(&block, &state.changes).unwrap();
            chain.push(block, state);
        }
    }

    fn load(folder: &Path) -> Chain {
        let folder = Folder::open(folder).unwrap();
        let (chain, origin) = folder.load(ORIGIN.runtime, WINDOW).unwrap().unwrap();
        assert_eq!(origin, ORIGIN);
        chain
    }

    #[test]
    fn blocks_before_and_after_a_rewrite_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut chain = chain();
        let mut journal = Folder::open(folder.path()).unwrap().journal(&chain, ORIGIN).unwrap();
        grow(&mut chain, &mut journal, 30);
        let long = journal.length;
        journal.compact(&chain.snapshot()).unwrap();
        assert!(journal.length < long);
        grow(&mut chain, &mut journal, 5);
        drop(journal);

        let again = load(folder.path());
        assert_eq!(
            (again.head().0, again.genesis(), again.oldest()),
            (chain.head().0, chain.genesis(), chain.oldest())
        );
        for number in 32..=35 {
            let state = again.state(again.hash_of(number).unwrap()).unwrap();
            assert_eq!(state.storage(b"number").unwrap(), Some(vec![number as u8; 40]));
        }
    }

    #[test]
    fn every_cut_of_the_file_loses_whole_blocks_from_the_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut chain = chain();
        let mut journal = Folder::open(folder.path()).unwrap().journal(&chain, ORIGIN).unwrap();
        let base = usize::try_from(journal.base).unwrap();
        grow(&mut chain, &mut journal, 3);
        drop(journal);
        let file = folder.path().join(FILE);
        let whole = fs::read(&file).unwrap();
        let mut heights = Vec::new();
        for length in base..=whole.len() {
            fs::write(&file, &whole[..length]).unwrap();
            heights.push(load(folder.path()).height());
        }
        assert!(heights.is_sorted());
        heights.dedup();
        assert_eq!(heights, [0, 1, 2, 3]);
        // A flipped bit in the last record costs that block.
        let mut flipped = whole.clone();
        flipped[whole.len() - 1] ^= 1;
        fs::write(&file, &flipped).unwrap();
        assert_eq!(load(folder.path()).height(), 2);
        // Into the snapshot there is no way on, and the file is left as it is.
        fs::write(&file, &whole[..base - 1]).unwrap();
        let refused = Folder::open(folder.path()).unwrap().load(ORIGIN.runtime, WINDOW).err().unwrap();
        assert!(matches!(refused, DumpError::Damaged { .. }));
        fs::write(&file, &whole).unwrap();
        let other = Folder::open(folder.path()).unwrap().load(H256::zero(), WINDOW).err().unwrap();
        assert!(matches!(other, DumpError::OtherRuntime(_)));
    }
}
