//! The seam between roles and kinds of work: what a role asks of a kind, and what it gives.
//!
//! A role composes chain, wallet, axon, dendrite, ledger and weights; it runs duties, asks for shares, tells how things
//! stand. What a question is and what an answer is worth, only the kind of work knows.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::cast::{Cast, Script};
use super::finding::Finding;
use super::shown::{Block, Views};
use crate::axon::{AdmissionPolicy, Builder};
use crate::clock::Clock;
use crate::config::table::{Preset, Setting};
use crate::config::{ConfigError, Resolved};
use crate::dendrite::{Dendrite, DendriteError, Target};
use crate::forecast::ForecastError;
use crate::lake::Source;
use crate::ledger::{Ledger, LedgerError, ReadOnly, Schema};
use crate::market::MarketError;
use crate::synapse::Synapse;
use crate::synapse::request::{NotSendable, Prepared};
use crate::telemetry::{Health, Registry, Sheet};
use crate::units::{Account, BlockNumber, Identity, NetUid, Rao, Uid};
use crate::wallet::Keypair;

/// A kind of work. What is `None` is not built yet, and whoever asks for it is told so by name.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name, for `--task`, files and ledgers.
    pub name: &'static str,
    /// The subnets that ask for it: main network, test network, and their older numbers.
    pub subnets: &'static [NetUid],
    /// Its synapses as requests that make no work: what a probe may ask of a stranger's axon.
    pub harmless: &'static [Harmless],
    /// Its rows of the table of settings, in groups of their own.
    pub settings: &'static [Setting],
    /// Values of settings that belong together.
    pub presets: &'static [Preset],
    /// Its tables in a validator's ledger.
    pub schema: Option<Schema>,
    /// A miner's part, in two steps. Called inside a tokio runtime.
    pub miner: Option<MakeMiner>,
    /// A validator's part, in two steps. Called inside a tokio runtime.
    pub validator: Option<MakeValidator>,
    /// The cast of `neuron demo`.
    pub cast: Option<MakeCast>,
    /// What it shows of a ledger.
    pub views: Option<Views>,
    /// What it needs from others, tried once.
    pub outside: Option<Outside>,
    /// What it keeps for a lake.
    pub history: Option<HistoryIn>,
}

/// Opens what a ledger keeps for a lake. Blocks.
pub type HistoryIn = fn(ReadOnly) -> Result<Box<dyn Source>, LedgerError>;

/// Tries what a kind of work needs from others: markets, exchanges, models.
pub type Outside = fn(&Resolved, &Clock) -> BoxFuture<'static, Vec<Finding>>;

/// A request that makes no work.
#[derive(Debug, Clone, Copy)]
pub struct Harmless {
    /// The synapse's name.
    pub name: &'static str,
    /// Writes it, with the seconds its sender waits and the sender's ss58 address.
    pub prepare: fn(f64, &str) -> Result<Prepared, NotSendable>,
}

impl Harmless {
    /// The default of a synapse, where that asks for nothing.
    #[must_use]
    pub const fn default_of<S: Synapse + Default>() -> Self {
        Self { name: S::NAME, prepare: |timeout, sender| Prepared::new(&S::default(), timeout, sender) }
    }
}

/// A part of a role, or why there is none.
pub type Made<T> = Result<Arc<T>, WorkError>;

/// Makes a miner's part.
#[derive(Debug, Clone, Copy)]
pub struct MakeMiner {
    /// Refuses settings that cannot work, before a key is asked for.
    pub check: fn(&Resolved) -> Result<(), WorkError>,
    /// Makes it from what was said.
    pub make: fn(&Resolved, MinerNeeds) -> Made<dyn MinerWork>,
}

/// What a role gives to a miner's part.
#[derive(Debug, Clone)]
pub struct MinerNeeds {
    /// Market time.
    pub clock: Clock,
    /// Where it may keep a file of its own (a [`Ledger`]) that outlives it; nothing is there until it does.
    pub file: PathBuf,
}

/// Makes a cast.
pub type MakeCast = fn(&Script) -> Result<Box<dyn Cast>, WorkError>;

/// Makes a validator's part.
#[derive(Debug, Clone, Copy)]
pub struct MakeValidator {
    /// Refuses settings that cannot work, before a key is asked for.
    pub check: fn(&Resolved) -> Result<(), WorkError>,
    /// Makes it.
    pub make: fn(&Resolved, ValidatorNeeds) -> Made<dyn ValidatorWork>,
    /// Who earned what, for whoever looks at the ledger without being the validator.
    pub shares: SharesIn,
}

/// The shares of [`Shares`], from a ledger that is only read.
pub type SharesIn = fn(&Resolved, &ReadOnly, &[Identity]) -> Result<Allotment, WorkError>;

/// What a role gives to a validator's part.
#[derive(Debug, Clone)]
pub struct ValidatorNeeds {
    /// What to sign reports with.
    pub hotkey: Arc<Keypair>,
    /// What to call miners with.
    pub dendrite: Arc<Dendrite>,
    /// How long a miner may take to answer.
    pub deadline: Duration,
    /// Where everything that must survive is kept; opened with the kind's [`Schema`].
    pub ledger: Ledger,
    /// Market time.
    pub clock: Clock,
    /// Whom to ask.
    pub peers: Arc<dyn Peers>,
}

/// The miners of the subnet.
pub trait Peers: fmt::Debug + Send + Sync {
    /// Those that serve now, ourselves left out.
    fn now(&self) -> Vec<Peer>;

    /// Our own slot; `None` while we are not registered, or where nobody knows.
    fn own(&self) -> Option<Uid> {
        None
    }

    /// What the chain says of one of them beside where it serves; `None` where nobody knows.
    fn known(&self, _: &Identity) -> Option<Known> {
        None
    }
}

/// What the chain says of a miner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub coldkey: Account,
    /// What stands behind it, in alpha of the subnet.
    pub stake: Rao,
    /// Whether it is a validator itself.
    pub validator_permit: bool,
}

/// A miner to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its slot, for logs and weights.
    pub uid: Uid,
    /// Who it is.
    pub identity: Identity,
    /// Where it serves.
    pub target: Target,
}

/// A miner's part of a kind of work.
pub trait MinerWork: Send + Sync {
    /// Adds its handlers to the axon.
    fn serve(&self, axon: Builder) -> Builder;

    /// The admission it wants, from what the operator said.
    fn admission(&self, said: AdmissionPolicy) -> AdmissionPolicy {
        said
    }

    /// What it does beside answering.
    fn duties(&self) -> Vec<Duty> {
        Vec::new()
    }

    /// Keeps what must outlive it; called when its duties have ended and its axon is closed.
    fn finish(&self) -> BoxFuture<'_, Result<(), WorkError>> {
        std::future::ready(Ok(())).boxed()
    }

    /// How it answers, for the line that greets: ``forecaster `market` ``.
    fn manner(&self) -> String;

    /// Its part of the status line: `3 questions in memory`.
    fn status(&self) -> String;

    /// What it has in memory, for its page.
    fn show(&self) -> Vec<Block> {
        Vec::new()
    }

    /// Its metrics of this moment.
    ///
    /// # Errors
    /// The page cannot be written.
    fn write(&self, _: &mut Sheet<'_>) -> fmt::Result {
        Ok(())
    }
}

/// Who earns what.
pub trait Shares: Send + Sync {
    /// The shares of the identities that are registered now: one entry each, sum 1. `None` when nobody has earned anything
    /// or too little is known: then the weights on chain are to stay as they are.
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>>;
}

/// What [`Shares`] comes to.
pub type Allotment = Option<Vec<(Identity, f64)>>;

/// A validator's part of a kind of work.
pub trait ValidatorWork: Shares {
    /// What it does, each by itself: none waits for another.
    fn duties(self: Arc<Self>) -> Vec<Duty>;

    /// Logs one line about how things stand, once there is something to tell.
    fn tell(&self, chain: ChainSeen);

    /// Metrics that are read anew at each scrape.
    fn register(self: Arc<Self>, registry: &mut Registry);

    /// Whether it does its work.
    fn health(&self) -> Health;
}

/// What the status line says of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainSeen {
    /// The block of the newest metagraph.
    pub block: BlockNumber,
    /// The block of the last weights set since the start.
    pub weights_at: Option<BlockNumber>,
}

/// Something that is done again and again. An error is logged and costs this pass only, a panic too; when the role stops,
/// the pass under way is finished first, if it does so in time. A pass may be abandoned wherever it waits, and must leave
/// nothing half done then.
pub struct Duty {
    /// Its name, for logs, metrics and health.
    pub name: &'static str,
    /// The time between the end of a pass and the next one.
    pub every: Duration,
    /// The share of `every` by which each pause is moved, up or down, `0.0..=0.5`: so that neurons do not act together.
    pub jitter: f64,
    /// Whose time `every` is.
    pub clock: Clock,
    /// Whether the first pass is at once, or after a pause.
    pub at_once: bool,
    /// A pass that takes longer is abandoned, in wall time; `None`: it may take for ever.
    pub deadline: Option<Duration>,
    pass: Box<dyn Fn() -> BoxFuture<'static, Result<(), WorkError>> + Send + Sync>,
    news: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl fmt::Debug for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duty").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}

impl Duty {
    /// Does `pass` at once and then after each pause of `every`.
    pub fn new<F>(
        name: &'static str,
        every: Duration,
        clock: Clock,
        pass: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), WorkError>> + Send + 'static,
    {
        Self {
            name,
            every,
            jitter: 0.0,
            clock,
            at_once: true,
            deadline: None,
            pass: Box::new(move || pass().boxed()),
            news: Box::new(|| std::future::pending().boxed()),
        }
    }

    /// As [`Duty::new`], with passes over something that all of them share.
    pub fn over<W, F>(
        work: &Arc<W>,
        name: &'static str,
        every: Duration,
        clock: Clock,
        pass: impl Fn(Arc<W>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        W: Send + Sync + 'static,
        F: Future<Output = Result<(), WorkError>> + Send + 'static,
    {
        let work = Arc::clone(work);
        Self::new(name, every, clock, move || pass(Arc::clone(&work)))
    }

    /// The same with pauses that vary.
    #[must_use]
    pub const fn jitter(mut self, share: f64) -> Self {
        self.jitter = share;
        self
    }

    /// The same with a first pause.
    #[must_use]
    pub const fn later(mut self) -> Self {
        self.at_once = false;
        self
    }

    /// The same with passes that are abandoned when they take longer than this.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same with pauses that end early when `news` does.
    #[must_use]
    pub fn woken_by<F>(mut self, news: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.news = Box::new(move || news().boxed());
        self
    }

    /// Does it once.
    #[must_use]
    pub fn pass(&self) -> BoxFuture<'static, Result<(), WorkError>> {
        (self.pass)()
    }

    /// Resolves when a pause should end early.
    #[must_use]
    pub fn news(&self) -> BoxFuture<'static, ()> {
        (self.news)()
    }
}

/// Why a kind of work cannot begin, or a pass of a duty did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A setting that is well-formed but makes no sense.
    #[error("{0}")]
    Setting(String),
    /// The settings do not stand.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The strategy.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// The markets.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The caller.
    #[error(transparent)]
    Dendrite(#[from] DendriteError),
    /// The state.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something that a kind of work needs does not do its part: a model, an exchange.
    #[error(transparent)]
    Need(Box<dyn std::error::Error + Send + Sync>),
    /// The cast of a demonstration.
    #[error(transparent)]
    Cast(Box<dyn std::error::Error + Send + Sync>),
}
