//! What the RPC methods and the author of blocks share: the chain, the pool, the journal, and the signals of new and of final
//! heads.

use std::sync::Arc;
use std::time::Duration;

use codec::{Decode, Encode};
use parking_lot::{Mutex, RwLock};
use sp_core::H256;
use sp_runtime::transaction_validity::TransactionValidityError;
use tokio::sync::{Notify, watch};

use super::beacon::{Beacon, PulseError, Standing};
use super::blocks::{self, BlockError, Fate, Inherents};
use super::chain::{Chain, StateError};
use super::drand;
use super::dump::{DumpError, Journal};
use super::intake::Intake;
use super::narration;
use super::pool::{Limits, Pool, PoolError, Transaction};
use super::powers::{Edit, Powers};
use super::rewind::Marks;
use super::runtime::{AccountId, BlockNumber, Runtime, SLOT_DURATION_MS, dispatch_api};
use super::state::{self, State};

/// A block is final when so many follow it, however long finality takes: its state has to be readable still.
const FINAL_WITHIN: BlockNumber = 100;

/// A chain that grows, shared by all connections.
///
/// Locks are taken in the order of the fields, and none is held while the runtime runs, except for reading a nonce.
pub(crate) struct Node {
    /// Held while a block is made: one at a time.
    pub(super) books: Mutex<Books>,
    beacon: Mutex<Beacon>,
    pub(super) pool: Mutex<Pool>,
    pub(super) chain: RwLock<Chain>,
    pub(super) heads: watch::Sender<BlockNumber>,
    pub(super) finals: watch::Sender<BlockNumber>,
    /// How long after a block was made it is final.
    finality: watch::Sender<Duration>,
    genesis_time: u64,
    /// Moments that a tester may go back to.
    pub(super) marks: Mutex<Marks>,
    /// What waits for validation.
    pub(super) intake: Intake,
    /// Something new waits for a block.
    pub(crate) arrived: Notify,
    /// What a tester has done to the chain.
    pub(crate) powers: Powers,
}

/// Where blocks are written down.
pub(super) enum Books {
    /// Nowhere.
    None,
    /// In a file.
    Open(Journal),
    /// The chain was stopped: there are no more blocks.
    Closed,
}

/// Hash and fate of each candidate of a block.
pub(crate) type Fates = Vec<(H256, Fate)>;

/// Why a state could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no such state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The runtime has no such API.
    #[error("Execution failed: Other: Exported method {0} is not found")]
    NoSuchApi(String),
    /// The runtime panicked, as it does when arguments do not decode.
    #[error("Execution failed: Runtime panicked: {0}")]
    Panicked(String),
    /// A call nested deeper than this chain executes.
    #[error("Execution failed: Other: the arguments of {0} do not decode")]
    Arguments(String),
    /// The trie could not be read.
    #[error("{0}")]
    Trie(String),
}

/// Why an extrinsic was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubmitError {
    /// The bytes are no extrinsic of this runtime.
    #[error("{0}")]
    Format(String),
    /// The runtime refuses it.
    #[error("{}", <&'static str>::from(*.0))]
    Refused(TransactionValidityError),
    /// Validation itself failed.
    #[error("{0}")]
    Validation(ReadError),
    /// The pool does not want it.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

/// Why there is no new block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorError {
    /// It could not be built.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The parent's state is not there.
    #[error(transparent)]
    State(#[from] StateError),
    /// The parent's state could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be written down, so it was not made.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The chain was stopped.
    #[error("the chain was stopped")]
    Stopped,
}

/// Why a pulse was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GiveError {
    /// The state cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The pulse is not good.
    #[error(transparent)]
    Pulse(#[from] PulseError),
}

impl Node {
    /// A node on `chain`, of which all is final. `genesis_time` is block 0's time in Unix milliseconds.
    pub(crate) fn new(chain: Chain, journal: Option<Journal>, genesis_time: u64, beacon: Beacon) -> Self {
        Self {
            books: Mutex::new(journal.map_or(Books::None, Books::Open)),
            beacon: Mutex::new(beacon),
            pool: Mutex::new(Pool::new(Limits::default(), chain.height())),
            heads: watch::Sender::new(chain.height()),
            finals: watch::Sender::new(chain.height()),
            finality: watch::Sender::default(),
            chain: RwLock::new(chain),
            genesis_time,
            marks: Mutex::default(),
            intake: Intake::default(),
            arrived: Notify::new(),
            powers: Powers::default(),
        }
    }

    /// Reads the chain; hold it briefly.
    pub(crate) fn chain(&self) -> parking_lot::RwLockReadGuard<'_, Chain> {
        self.chain.read()
    }

    /// The number of the newest block, as a signal.
    pub(crate) fn heads(&self) -> watch::Receiver<BlockNumber> {
        self.heads.subscribe()
    }

    /// The number of the last final block, as a signal.
    pub(crate) fn finals(&self) -> watch::Receiver<BlockNumber> {
        self.finals.subscribe()
    }

    /// The last final block.
    pub(crate) fn final_head(&self) -> H256 {
        let number = *self.finals.borrow();
        let chain = self.chain.read();
        chain.hash_of(number.max(chain.oldest())).unwrap_or(chain.head().0)
    }

    /// How long after a block was made it is final.
    pub(crate) fn finality(&self) -> watch::Receiver<Duration> {
        self.finality.subscribe()
    }

    /// From now on a block is final so long after it was made.
    pub(crate) fn set_finality(&self, lag: Duration) {
        self.finality.send_replace(lag);
        if lag.is_zero() {
            let height = self.chain.read().height();
            self.finalize(height);
        }
    }

    /// Blocks up to `number` are final.
    pub(crate) fn finalize(&self, number: BlockNumber) {
        // The pool's lock keeps what is told in the order of blocks.
        let mut pool = self.pool.lock();
        // The chain may have gone back meanwhile.
        let number = number.min(self.chain.read().height());
        let news = self.finals.send_if_modified(|last| number > std::mem::replace(last, number.max(*last)));
        if news {
            pool.finalize(number);
        }
    }

    /// Makes the next block and returns its hash. Blocks; run it off the async threads.
    ///
    /// The block is written to the journal before anyone can see it.
    pub(crate) fn author(&self) -> Result<H256, AuthorError> {
        self.author_after(0, Vec::new())
    }

    /// Makes the next block, `later` milliseconds later than it would be, with a tester's changes of the state.
    pub(crate) fn author_after(&self, later: u64, edits: Vec<Edit>) -> Result<H256, AuthorError> {
        self.author_with(later, edits, Vec::new()).map(|(hash, _)| hash)
    }

    /// The same with `first` ahead of what waits in the pool, which they need not pass through. The block's hash, and what became
    /// of each candidate.
    pub(crate) fn author_with(
        &self,
        later: u64,
        edits: Vec<Edit>,
        first: Vec<Arc<Transaction>>,
    ) -> Result<(H256, Fates), AuthorError> {
        let mut books = self.books.lock();
        let mut journal = match &mut *books {
            Books::None => None,
            Books::Open(journal) => Some(journal),
            Books::Closed => return Err(AuthorError::Stopped),
        };
        let (parent, state) = {
            let chain = self.chain.read();
            let (hash, parent) = chain.head().clone();
            (parent, chain.state(hash)?)
        };
        let mut candidates = first;
        candidates.extend(self.pool.lock().candidates());
        let number = parent.number() + 1;
        let (standing, before) = state::peek(&state, || (Standing::read(), pallet_timestamp::Now::<Runtime>::get()))
            .map_err(|panic| ReadError::Panicked(panic.0))?;
        // The state's time, which a tester may have moved; it never runs backwards.
        let regular = self.genesis_time + u64::from(number) * SLOT_DURATION_MS;
        let now = before.saturating_add(SLOT_DURATION_MS).max(regular).saturating_add(later);
        let inherents = Inherents { now, pulses: self.beacon.lock().due(&standing, now), edits };
        let built = self.intake.beside(|| blocks::build(&parent, &state, &inherents, &candidates))?;
        let hash = built.block.hash();
        if let Some(journal) = &mut journal {
            journal.append(&built.block, &built.state.changes)?;
        }
        {
            let mut pool = self.pool.lock();
            self.chain.write().push(built.block, built.state);
            pool.settle(number, hash, &built.fates);
        }
        if narration::is_wanted() {
            let made = {
                let chain = self.chain.read();
                chain.by_number(number).map(|(_, block)| Arc::clone(block)).zip(chain.state(hash).ok())
            };
            if let Some((block, state)) = made {
                narration::tell(number, &block, &state);
            }
        }
        self.heads.send_replace(number);
        let at_once = self.finality.borrow().is_zero();
        self.finalize(if at_once { number } else { number.saturating_sub(FINAL_WITHIN) });
        tracing::debug!(block = number, candidates = candidates.len(), "a block was made");
        if let Some(journal) = journal.filter(|journal| journal.has_grown()) {
            let snapshot = self.chain.read().snapshot();
            // The journal as it was still is complete, so the chain goes on.
            if let Err(error) = journal.compact(&snapshot) {
                tracing::warn!(%error, "the state was not rewritten; its file keeps growing");
            }
        }
        Ok((hash, built.fates))
    }

    /// What the head's state says about the beacon.
    pub(crate) fn beacon_standing(&self) -> Result<Standing, ReadError> {
        let head = self.chain.read().head().0;
        self.read(head, |state| state::peek(state, Standing::read).map_err(|panic| ReadError::Panicked(panic.0)))
    }

    /// Stops the beacon or lets it go on; `None` leaves it. Tells whether it runs.
    pub(crate) fn run_beacon(&self, running: Option<bool>) -> bool {
        let mut beacon = self.beacon.lock();
        if let Some(running) = running {
            beacon.run(running);
        }
        beacon.is_running()
    }

    /// Takes a pulse that others signed; it is stored when its time comes.
    pub(crate) fn give_pulse(&self, round: u64, signature: &[u8]) -> Result<drand::Signer, GiveError> {
        // No block is made meanwhile, so what is not past now will not have passed unseen.
        let _books = self.books.lock();
        let standing = self.beacon_standing()?;
        Ok(self.beacon.lock().give(&standing, round, signature)?)
    }

    /// Ends block production, makes what was written durable, and gives the folder free.
    pub(crate) fn close(&self) -> Result<(), DumpError> {
        match std::mem::replace(&mut *self.books.lock(), Books::Closed) {
            Books::Open(mut journal) => journal.sync(),
            Books::None | Books::Closed => Ok(()),
        }
    }

    /// Runs `code` on the state after block `hash`.
    pub(crate) fn read<R>(
        &self,
        hash: H256,
        code: impl FnOnce(&State) -> Result<R, ReadError>,
    ) -> Result<R, ReadError> {
        let state = self.chain.read().state(hash)?;
        code(&state)
    }

    /// Calls a runtime API by name on the state after block `hash`.
    pub(crate) fn call(&self, hash: H256, name: &str, arguments: &[u8]) -> Result<Vec<u8>, ReadError> {
        if !blocks::arguments_are_shallow(name, arguments) {
            return Err(ReadError::Arguments(name.to_owned()));
        }
        self.read(hash, |state| {
            state::peek(state, || dispatch_api(name, arguments))
                .map_err(|panic| ReadError::Panicked(panic.0))?
                .ok_or_else(|| ReadError::NoSuchApi(name.to_owned()))
        })
    }

    /// The nonce for the account's next extrinsic in a block, whatever waits in the pool.
    pub(crate) fn next_nonce_in_block(&self, account: &AccountId) -> Result<u32, ReadError> {
        let head = self.chain.read().head().0;
        let answer = self.call(head, "AccountNonceApi_account_nonce", &account.encode())?;
        u32::decode(&mut &answer[..]).map_err(|error| ReadError::Trie(error.to_string()))
    }

    /// The nonce for the account's next extrinsic: those that are ready in the pool count.
    pub(crate) fn next_nonce(&self, account: &AccountId) -> Result<u32, ReadError> {
        // The pool's lock keeps the head where it is.
        let pool = self.pool.lock();
        let mut nonce = self.next_nonce_in_block(account)?;
        while pool.provides(&(account, nonce).encode()) {
            nonce = nonce.saturating_add(1);
        }
        Ok(nonce)
    }

    /// How many extrinsics a block could take now.
    pub(crate) fn waiting(&self) -> usize {
        self.pool.lock().ready()
    }

    /// Lets a block be made for what waits, where blocks are made for that.
    pub(crate) fn asks_for_block(&self) {
        if self.waiting() > 0 {
            self.arrived.notify_one();
        }
    }

    /// The numbers of the moments that the chain can be put back to.
    pub(crate) fn marked(&self) -> Vec<u64> {
        self.marks.lock().numbers()
    }

    /// The bytes of the extrinsics that are ready, in the order in which a block would take them.
    pub(crate) fn pending(&self) -> Vec<Vec<u8>> {
        self.pool.lock().candidates().iter().map(|transaction| transaction.bytes.clone()).collect()
    }
}
