//! The journal in the ledger: every step is on disk before the next one is taken.

use super::job::{At, Job, step};
use super::machine::Ruling;
use crate::clock::Clock;
use crate::ledger::sql::Connection;
use crate::ledger::{Fault, Ledger, LedgerError, WeightStep, weight_jobs};
use crate::subtensor::weights::{Hash32, MechId};
use crate::units::BlockNumber;

/// The last closed jobs that are looked at for what was included before.
const RECENT: usize = 64;

/// Jobs in a ledger.
#[derive(Debug, Clone)]
pub(super) struct WeightsJournal {
    ledger: Ledger,
    clock: Clock,
}

impl WeightsJournal {
    pub(super) const fn new(ledger: Ledger, clock: Clock) -> Self {
        Self { ledger, clock }
    }

    /// The open jobs and the recent ones that were in a block, of every mechanism, oldest first.
    pub(super) async fn jobs(&self) -> Result<Vec<Job>, LedgerError> {
        self.ledger.read(jobs).await
    }

    /// Opens a job: it was due, and is built.
    pub(super) async fn open(&self, job: Job, block: BlockNumber) -> Result<Job, LedgerError> {
        let due = WeightStep { step: "due".to_owned(), ..self.step((block, None), &Ruling::to(job.stage)) };
        let built = self.step((block, job.plan.commit), &Ruling::to(job.stage));
        let kept = job.kept();
        let id = self.ledger.write(move |transaction| weight_jobs::open(transaction, &kept, &[due, built])).await?;
        Ok(Job { id, ..job })
    }

    /// Moves a job on, at a place in the chain.
    pub(super) async fn advance(
        &self,
        job: &mut Job,
        place: (BlockNumber, Option<Hash32>),
        ruling: Ruling,
    ) -> Result<(), LedgerError> {
        job.stage = ruling.stage;
        let (kept, step) = (job.kept(), self.step(place, &ruling));
        self.ledger.write(move |transaction| weight_jobs::advance(transaction, &kept, &[step])).await
    }

    fn step(&self, place: (BlockNumber, Option<Hash32>), ruling: &Ruling) -> WeightStep {
        step(self.clock.now(), place, ruling)
    }
}

fn matters(job: &Job) -> bool {
    !job.stage.is_end() || job.plan.included.is_some()
}

/// See [`WeightsJournal::jobs`].
pub(super) fn jobs(connection: &Connection) -> Result<Vec<Job>, Fault> {
    let mut kept = weight_jobs::last(connection, RECENT)?;
    kept.reverse();
    let oldest = kept.first().map_or(i64::MAX, |job| job.id);
    let older = weight_jobs::open_ones(connection)?.into_iter().filter(|job| job.id < oldest);
    Ok(older.chain(kept).filter_map(Job::of).filter(matters).collect())
}

/// Those of one mechanism.
pub(super) fn of_mechanism(jobs: &[Job], mechanism: MechId) -> Vec<Job> {
    jobs.iter().filter(|job| job.mechanism == mechanism).cloned().collect()
}

/// A place with a hash.
pub(super) const fn place(at: At) -> (BlockNumber, Option<Hash32>) {
    (at.block, Some(at.hash))
}
