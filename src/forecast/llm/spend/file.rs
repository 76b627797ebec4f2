//! The file of the ledger of spend. Writings that come together go into one transaction, which waits for the disk once; who
//! reads waits for no writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::SpendError;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pages of 4 KiB that the log beside the file may have before they are put into it, which waits for the disk twice: those of some
/// dozens of questions, so that few of them wait for that.
const LOG_PAGES: i64 = 4_000;
/// After so many writings a transaction ends, even when more have come meanwhile.
const TOGETHER: usize = 64;

/// How surely a transaction is kept once it has returned. Either way it is there for every other process, also when this one
/// is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    /// A power cut may take it back.
    Written,
    /// Also a power cut does not take it back: it waits for the disk.
    OnDisk,
}

/// See the module.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    writer: Mutex<Writer>,
    /// What waits for the writer: whoever gets it does all of them.
    waiting: Mutex<Vec<Box<dyn Job>>>,
    reader: Mutex<Connection>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    /// What its transactions wait for.
    kept: Kept,
}

/// Something to be written, whose caller waits for the outcome.
trait Job: Send {
    fn kept(&self) -> Kept;

    /// Within a transaction that may be taken back: then it is done once more.
    fn run(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()>;

    /// The transaction has ended, and this is how.
    fn tell(self: Box<Self>, ended: Result<(), Arc<rusqlite::Error>>);
}

impl std::fmt::Debug for dyn Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({:?})", self.kept())
    }
}

/// Where the caller of a job finds what came of it.
type Slot<T> = Arc<Mutex<Option<Result<T, Arc<rusqlite::Error>>>>>;

struct Writing<T, F> {
    kept: Kept,
    job: F,
    done: Option<T>,
    slot: Slot<T>,
}

impl<T: Send, F: Fn(&Transaction<'_>) -> rusqlite::Result<T> + Send> Job for Writing<T, F> {
    fn kept(&self) -> Kept {
        self.kept
    }

    fn run(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        self.done = Some((self.job)(transaction)?);
        Ok(())
    }

    fn tell(self: Box<Self>, ended: Result<(), Arc<rusqlite::Error>>) {
        let Self { done, slot, .. } = *self;
        *lock(&slot) = ended.map(|()| done).transpose();
    }
}

impl File {
    /// Opens the file at `path` and makes it ready by `prepare`, in one transaction.
    pub(super) fn open<T>(
        path: &Path,
        prepare: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Self, T), SpendError> {
        let open = || {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
            let prepared = in_transaction(&mut connection, TransactionBehavior::Immediate, prepare)?;
            let reader = Connection::open(path)?;
            reader.busy_timeout(PATIENCE)?;
            Ok((Writer { connection, kept: Kept::OnDisk }, reader, prepared))
        };
        let named = |source| SpendError::File { path: path.to_owned(), source: Arc::new(source) };
        let (writer, reader, prepared) = open().map_err(named)?;
        let file = Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            waiting: Mutex::default(),
            reader: Mutex::new(reader),
        };
        Ok((file, prepared))
    }

    /// Does `job` in a transaction that no other process or thread writes beside: what it reads is so until it has written. It
    /// may be done twice, when it shared its transaction with a job that failed; only the second counts then.
    pub(super) fn write<T: Send + 'static>(
        &self,
        kept: Kept,
        job: impl Fn(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SpendError> {
        let slot: Slot<T> = Slot::default();
        lock(&self.waiting).push(Box::new(Writing { kept, job, done: None, slot: Arc::clone(&slot) }));
        let mut writer = lock(&self.writer);
        // None, when another thread has done this one with its own.
        let jobs = self.arrived(Kept::OnDisk);
        writer.work(jobs, &|kept| self.arrived(kept));
        drop(writer);
        let outcome = lock(&slot).take();
        outcome.ok_or_else(|| SpendError::Abandoned { path: self.path.clone() })?.map_err(|source| self.named(source))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What waits, but for what has to be kept more surely than that.
    fn arrived(&self, kept: Kept) -> Vec<Box<dyn Job>> {
        lock(&self.waiting).extract_if(.., |job| job.kept() <= kept).collect()
    }

    /// Reads in one transaction, and waits for no writer.
    pub(super) fn read<T>(&self, job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, SpendError> {
        let read = in_transaction(&mut lock(&self.reader), TransactionBehavior::Deferred, job);
        read.map_err(|source| self.named(Arc::new(source)))
    }

    fn named(&self, source: Arc<rusqlite::Error>) -> SpendError {
        SpendError::File { path: self.path.clone(), source }
    }
}

/// Why nothing of a transaction was kept.
enum Undone {
    /// One of its jobs failed: others may do better without it.
    Job(rusqlite::Error),
    /// The file could not be locked, or the disk would not take it.
    File(rusqlite::Error),
}

impl Writer {
    /// Does all jobs, and those that have come `late` by the time they are done, together if that can be, and tells each how it
    /// ended.
    fn work(&mut self, mut jobs: Vec<Box<dyn Job>>, late: &dyn Fn(Kept) -> Vec<Box<dyn Job>>) {
        let ended = match self.together(&mut jobs, late) {
            Ok(()) => Ok(()),
            Err(Undone::Job(_)) if jobs.len() > 1 => {
                jobs.into_iter().for_each(|job| self.work(vec![job], &|_| Vec::new()));
                return;
            }
            // Where the disk has kept it all the same, the money counts as spent: nobody was given it.
            Err(Undone::Job(error) | Undone::File(error)) => Err(Arc::new(error)),
        };
        jobs.into_iter().for_each(|job| job.tell(ended.clone()));
    }

    fn together(
        &mut self,
        jobs: &mut Vec<Box<dyn Job>>,
        late: &dyn Fn(Kept) -> Vec<Box<dyn Job>>,
    ) -> Result<(), Undone> {
        let Some(kept) = jobs.iter().map(|job| job.kept()).max() else { return Ok(()) };
        self.keeps(kept).map_err(Undone::File)?;
        let immediate = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(immediate).map_err(Undone::File)?;
        let mut done = 0;
        while done < jobs.len() {
            for job in jobs.iter_mut().skip(done) {
                job.run(&transaction).map_err(Undone::Job)?;
            }
            done = jobs.len();
            // The calls of one question are made at once: the second is not far when the first is written.
            if done < TOGETHER {
                jobs.extend(late(kept));
            }
        }
        transaction.commit().map_err(Undone::File)
    }

    /// From now on its transactions are kept so.
    fn keeps(&mut self, kept: Kept) -> rusqlite::Result<()> {
        if self.kept != kept {
            let synchronous = match kept {
                Kept::OnDisk => "full",
                Kept::Written => "normal",
            };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.kept = kept;
        }
        Ok(())
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    job: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let done = job(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, Arc<File>) {
        let folder = tempfile::tempdir().unwrap();
        let make = |transaction: &Transaction<'_>| transaction.execute_batch("CREATE TABLE t (n INTEGER UNIQUE)");
        let (file, ()) = File::open(&folder.path().join("f.sqlite"), make).unwrap();
        (folder, Arc::new(file))
    }

    /// How many others saw in the file when this was written.
    fn insert(file: &Arc<File>, n: i64) -> Result<i64, SpendError> {
        let seen = Arc::clone(file);
        file.write(Kept::Written, move |transaction| {
            transaction.execute("INSERT INTO t VALUES (?1)", [n])?;
            Ok(count(&seen))
        })
    }

    fn count(file: &File) -> i64 {
        file.read(|transaction| transaction.query_row("SELECT count(*) FROM t", [], |row| row.get(0))).unwrap()
    }

    /// Starts `jobs` while the writer is taken, so that they are done together.
    fn together(file: &Arc<File>, jobs: &[i64]) -> Vec<Option<i64>> {
        let taken = lock(&file.writer);
        let threads: Vec<_> = jobs
            .iter()
            .map(|n| {
                let (file, n) = (Arc::clone(file), *n);
                std::thread::spawn(move || insert(&file, n).ok())
            })
            .collect();
        while lock(&file.waiting).len() < jobs.len() {
            std::thread::yield_now();
        }
        drop(taken);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    #[test]
    fn what_comes_together_is_one_transaction() {
        let (_folder, file) = file();
        assert_eq!(together(&file, &[1, 2, 3, 4]), [Some(0); 4], "nobody sees one before the others");
        assert_eq!(count(&file), 4);
        assert_eq!(insert(&file, 5).unwrap(), 4);
    }

    #[test]
    fn what_comes_before_the_end_is_in_the_same_transaction_and_what_must_be_safer_is_not() {
        for (late, seen) in [(Kept::Written, 0), (Kept::OnDisk, 1)] {
            let (_folder, file) = file();
            let (begun, second) = (Arc::clone(&file), Arc::new(Mutex::new(None)));
            let started = Arc::clone(&second);
            let first = file.write(Kept::Written, move |transaction| {
                transaction.execute("INSERT INTO t VALUES (1)", [])?;
                let file = Arc::clone(&begun);
                *lock(&started) = Some(std::thread::spawn(move || {
                    let reads = Arc::clone(&file);
                    file.write(late, move |_| Ok(count(&reads))).unwrap()
                }));
                while lock(&begun.waiting).is_empty() {
                    std::thread::yield_now();
                }
                Ok(())
            });
            first.unwrap();
            let thread = lock(&second).take().unwrap();
            assert_eq!(thread.join().unwrap(), seen, "{late:?}");
        }
    }

    #[test]
    fn one_that_fails_fails_alone() {
        let (_folder, file) = file();
        insert(&file, 7).unwrap();
        let mut done = together(&file, &[1, 7, 3]);
        assert!(done.remove(1).is_none() && done.iter().all(Option::is_some), "{done:?}");
        assert_eq!(count(&file), 3);
    }

    #[test]
    fn one_that_panics_leaves_nobody_waiting() {
        let (_folder, file) = file();
        let own = Arc::clone(&file);
        let panics = move || own.write(Kept::Written, |_| -> rusqlite::Result<()> { panic!("as told") }).is_ok();
        assert!(std::thread::spawn(panics).join().is_err());
        insert(&file, 1).unwrap();
        assert_eq!(count(&file), 1);
    }
}
