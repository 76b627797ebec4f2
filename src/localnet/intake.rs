//! The way of extrinsics into the pool. Those that come while others are being validated are validated together, so that their
//! signatures cost half as much ([`signature`]).
//!
//! The outcome is that of validation one by one. Where a batch holds a forged signature, each of it is looked at alone, and so is
//! what comes after it for some time: whoever forges does not make others pay twice for long.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use frame_support::dispatch::{DispatchClass, GetDispatchInfo as _};
use parking_lot::Mutex;
use sp_core::H256;
use sp_runtime::traits::{Applyable as _, Checkable as _};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidity};
use tokio::sync::{mpsc, oneshot};

use super::blocks;
use super::node::{Node, ReadError, SubmitError};
use super::pool::{PoolError, Status, Transaction};
use super::runtime::{BlockNumber, Runtime, System, UncheckedExtrinsic, signature};
use super::state::{self, Overlay, State};

/// Most extrinsics that are validated together. A signature in a batch of 64 costs a tenth less than in one of 32, and the
/// first of a batch waits for the last.
const TOGETHER: usize = 32;
/// How many extrinsics are looked at alone after a forged signature.
const ALONE: usize = 1_024;
/// How often a submission is validated again because a block came in between.
const VALIDATIONS: usize = 4;

/// Threads that validate at most. The system looks into files to tell it.
static THREADS: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// The extrinsic's hash, and its statuses from now on.
pub(crate) type Taken = Result<(H256, mpsc::Receiver<Status>), SubmitError>;

/// What waits for validation.
#[derive(Default)]
pub(crate) struct Intake(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Threads that validate.
    working: usize,
    /// A block is being made.
    making: bool,
    /// Extrinsics that are still to be looked at alone.
    alone: usize,
}

struct Waiting {
    extrinsic: Submitted,
    reply: oneshot::Sender<Taken>,
}

/// An extrinsic as it came.
struct Submitted {
    hash: H256,
    bytes: Vec<u8>,
}

impl Queue {
    /// How many may validate now.
    fn threads(&self) -> usize {
        THREADS.saturating_sub(usize::from(self.making)).max(1)
    }
}

impl Intake {
    /// Takes note of an extrinsic; whether a thread more should validate.
    fn push(&self, waiting: Waiting) -> bool {
        let mut queue = self.0.lock();
        queue.waiting.push_back(waiting);
        let has_room = queue.working < queue.threads();
        queue.working += usize::from(has_room);
        has_room
    }

    /// Runs what makes a block. Nobody helps it, so it gets a core to itself; validation has the others.
    pub(super) fn beside<R>(&self, making: impl FnOnce() -> R) -> R {
        struct Ends<'a>(&'a Intake);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.0.lock().making = false;
            }
        }
        self.0.lock().making = true;
        let _ends = Ends(self);
        making()
    }

    /// What a thread validates next, and whether together; `None`: nothing waits or others are enough, and the thread is one less.
    fn next(&self) -> Option<(Vec<Waiting>, bool)> {
        let mut queue = self.0.lock();
        if queue.waiting.is_empty() || queue.working > queue.threads() {
            queue.working -= 1;
            return None;
        }
        let count = queue.waiting.len().min(TOGETHER);
        let together = queue.alone == 0;
        queue.alone = queue.alone.saturating_sub(count);
        Some((queue.waiting.drain(..count).collect(), together))
    }

    /// Somebody forges.
    fn distrust(&self) {
        self.0.lock().alone = ALONE;
    }
}

impl Node {
    /// Validates an extrinsic and puts it into the pool.
    pub(crate) async fn submit(self: &Arc<Self>, bytes: Vec<u8>) -> Taken {
        let (reply, taken) = oneshot::channel();
        let extrinsic = Submitted { hash: sp_io::hashing::blake2_256(&bytes).into(), bytes };
        if self.intake.push(Waiting { extrinsic, reply }) {
            let node = Arc::clone(self);
            // Validation runs the runtime: off the async threads.
            tokio::task::spawn_blocking(move || node.take_in());
        }
        taken.await.unwrap_or_else(|gone| Err(SubmitError::Validation(ReadError::Panicked(gone.to_string()))))
    }

    /// Validates what waits, until nothing does.
    fn take_in(&self) {
        while let Some((waiting, together)) = self.intake.next() {
            let (extrinsics, replies): (Vec<_>, Vec<_>) =
                waiting.into_iter().map(|waiting| (waiting.extrinsic, waiting.reply)).unzip();
            for (reply, taken) in replies.into_iter().zip(self.submit_all(&extrinsics, together)) {
                // Whoever asked may be gone.
                let _ = reply.send(taken);
            }
        }
    }

    /// The outcome of each, in their order.
    fn submit_all(&self, extrinsics: &[Submitted], together: bool) -> Vec<Taken> {
        let mut outcomes: Vec<Option<Taken>> = extrinsics.iter().map(|_| None).collect();
        for attempt in 1..=VALIDATIONS {
            let mut open: Vec<(&Submitted, &mut Option<Taken>)> =
                extrinsics.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()).collect();
            {
                let pool = self.pool.lock();
                for (extrinsic, outcome) in &mut open {
                    if pool.contains(&extrinsic.hash) {
                        **outcome = Some(Err(PoolError::AlreadyImported(extrinsic.hash).into()));
                    }
                }
            }
            open.retain(|(_, outcome)| outcome.is_none());
            if open.is_empty() {
                break;
            }
            let validated = self.validate(&open.iter().map(|(extrinsic, _)| *extrinsic).collect::<Vec<_>>(), together);
            let mut pool = self.pool.lock();
            for ((extrinsic, outcome), validated) in open.into_iter().zip(validated) {
                *outcome = match validated {
                    Err(refused) => Some(Err(refused)),
                    Ok(transaction) if pool.head() == transaction.validated_at || attempt == VALIDATIONS => {
                        let inserted = pool.insert(transaction);
                        Some(inserted.map(|statuses| (extrinsic.hash, statuses)).map_err(SubmitError::from))
                    }
                    // A block came in between.
                    Ok(_) => None,
                };
            }
        }
        if outcomes.iter().flatten().any(Result::is_ok) {
            self.arrived.notify_one();
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(PoolError::Full.into()))).collect()
    }

    fn validate(&self, extrinsics: &[&Submitted], together: bool) -> Vec<Result<Transaction, SubmitError>> {
        let (head, number, state) = {
            let chain = self.chain();
            (chain.head().0, chain.height(), State::from(chain.head_trie()))
        };
        let mut overlay = Overlay::default();
        // As `Executive::validate_transaction` begins, here once for all.
        let begun =
            state::enter(&state, &mut overlay, || System::initialize(&(number + 1), &head, &Default::default()));
        if let Err(panic) = begun {
            let refused = SubmitError::Validation(ReadError::Panicked(panic.0));
            return extrinsics.iter().map(|_| Err(refused.clone())).collect();
        }
        let mut alone = |extrinsic: &&Submitted| validate_one(&state, &mut overlay, number, extrinsic);
        if !together || extrinsics.len() < 2 {
            return extrinsics.iter().map(alone).collect();
        }
        let (mut validated, signatures): (Vec<_>, Vec<_>) =
            extrinsics.iter().map(|extrinsic| signature::later(|| alone(extrinsic))).unzip();
        if !signature::are_good(signatures.iter().flatten()) {
            self.intake.distrust();
            let unsure = extrinsics.iter().zip(&mut validated).zip(&signatures).filter(|(_, later)| !later.is_empty());
            for ((extrinsic, validated), _) in unsure {
                *validated = alone(extrinsic);
            }
        }
        validated
    }
}

/// Validates an extrinsic for the block after `head`; what that writes is undone.
fn validate_one(
    state: &State,
    overlay: &mut Overlay,
    head: BlockNumber,
    Submitted { hash, bytes }: &Submitted,
) -> Result<Transaction, SubmitError> {
    let extrinsic = blocks::decode(bytes).map_err(|error| SubmitError::Format(error.to_string()))?;
    let validity = state::attempt(state, overlay, || Err::<(), _>(validity(extrinsic, bytes.len())))
        .map_err(|panic| SubmitError::Validation(ReadError::Panicked(panic.0)))?;
    match validity {
        Err(Ok(validity)) => Ok(Transaction { hash: *hash, bytes: bytes.clone(), validity, validated_at: head }),
        Err(Err(refused)) => Err(SubmitError::Refused(refused)),
        Ok(()) => Err(SubmitError::Validation(ReadError::Trie("validation came to no end".to_owned()))),
    }
}

/// As `Executive::validate_transaction` ends; it would encode and decode the extrinsic once more.
fn validity(extrinsic: UncheckedExtrinsic, length: usize) -> TransactionValidity {
    let checked = extrinsic.check(&frame_system::ChainContext::<Runtime>::default())?;
    let info = checked.get_dispatch_info();
    if info.class == DispatchClass::Mandatory {
        return Err(InvalidTransaction::MandatoryValidation.into());
    }
    checked.validate::<Runtime>(TransactionSource::External, &info, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_in_the_making_has_a_core_to_itself_and_gives_it_back_also_when_it_panics() {
        let intake = Intake::default();
        let threads = || intake.0.lock().threads();
        assert_eq!(threads(), *THREADS);
        assert_eq!(intake.beside(threads), THREADS.saturating_sub(1).max(1));
        let panics = || intake.beside(|| panic!("as told"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
        assert_eq!(threads(), *THREADS);
    }
}
