//! The threads that do the heavy arithmetic: signatures, and bodies too large to parse in passing.
//!
//! An sr25519 verification takes about 40 µs. On the threads that drive sockets that would delay everybody else's bytes,
//! so a few threads of their own take such work from one bounded line.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Refused, Rung};

/// Work waiting for a thread; at 40 µs each this is 80 ms of one core. More is refused with 503.
const LINE: usize = 2048;

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Dropping it ends its threads once they have finished what they do.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    line: Mutex<Line>,
    arrived: Condvar,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job: while there is none, nobody need be called, which costs a system call.
    waiting: usize,
    closed: bool,
}

impl Pool {
    /// `threads` threads; 0 takes one per core.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let threads = if threads == 0 { thread::available_parallelism().map_or(1, usize::from) } else { threads };
        let pool = Self(Arc::new(Shared { line: Mutex::default(), arrived: Condvar::new() }));
        for number in 0..threads {
            let shared = Arc::clone(&pool.0);
            thread::Builder::new().name(format!("axon-verify-{number}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Runs `work` on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        rung: Rung,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            if !done.is_closed() {
                let _ = done.send(work());
            }
        });
        let busy = || Refused::busy(rung, "Service busy: too many signatures to check", Duration::from_secs(1));
        let waited_for = {
            let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.closed || line.jobs.len() >= LINE {
                return Err(busy());
            }
            line.jobs.push_back(job);
            line.waiting > 0
        };
        if waited_for {
            self.0.arrived.notify_one();
        }
        result.await.map_err(|_| busy())
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            // A panic in a job is a bug, and its caller is told; the thread serves on.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = line.jobs.pop_front() {
                return Some(job);
            }
            if line.closed {
                return None;
            }
            line.waiting += 1;
            line = self.arrived.wait(line).unwrap_or_else(PoisonError::into_inner);
            line.waiting -= 1;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.closed = true;
        line.jobs.clear();
        drop(line);
        self.0.arrived.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_comes_back_from_another_thread_and_a_panic_harms_nobody() {
        let pool = Pool::start(1).unwrap();
        let here = thread::current().id();
        let there = pool.run(Rung::Signature, || thread::current().id()).await.unwrap();
        assert_ne!(here, there);
        let panicked = pool.run(Rung::Signature, || -> u8 { panic!("on purpose") }).await;
        assert_eq!(panicked.unwrap_err().status, 503);
        assert_eq!(pool.run(Rung::Signature, || 7).await.unwrap(), 7);
    }
}
