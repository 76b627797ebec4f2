//! A thread that owns a connection and does jobs in order, with an async face.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::error::{JobError, LedgerError};
use super::place::Place;
use super::sql::Connection;

/// Jobs that may wait before callers are held back.
const QUEUE: usize = 64;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread, and the way to it. Dropping ends the thread after the jobs that are queued.
#[derive(Debug)]
pub(super) struct Worker {
    place: Place,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. `held` (the lock) is released when it ends.
    pub(super) fn spawn<H: Send + 'static>(
        name: &str,
        place: &Place,
        mut connection: Connection,
        held: H,
    ) -> Result<Self, LedgerError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
                drop(connection);
                drop(held);
            })
            .map_err(|e| LedgerError::Bug { place: place.clone(), reason: format!("no thread: {e}") })?;
        Ok(Self { place: place.clone(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does a job on the thread and waits for it without blocking the caller's thread.
    pub(super) async fn run<T, E, F>(&self, job: F) -> Result<T, E::Named>
    where
        T: Send + 'static,
        E: JobError,
        F: FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    {
        let closed = || LedgerError::Closed { place: self.place.clone() };
        let (reply, answer) = oneshot::channel();
        let place = self.place.clone();
        let boxed: Job = Box::new(move |connection| {
            // A caller that went away is no reason not to record what it handed over.
            let _ = reply.send(job(connection).map_err(|error| error.at(&place)));
        });
        self.jobs.as_ref().ok_or_else(closed)?.send(boxed).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // The thread ends within the transaction it is in; a panic in it was reported to the job's caller.
            let _ = thread.join();
        }
    }
}
