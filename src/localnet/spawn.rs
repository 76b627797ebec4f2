//! Starting a development chain, and the handle that stops it.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::server::ServerHandle;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, sleep_until};
use tokio_util::sync::CancellationToken;

use super::banner::Banner;
use super::beacon::{self, Beacon, PulseError};
use super::chain::{Chain, Window};
use super::drand;
use super::dump::{DumpError, Folder, Journal, Origin};
use super::genesis::{self, GenesisConfig};
use super::node::{AuthorError, GiveError, Node, ReadError};
use super::powers::{BlockMode, Pace};
use super::runtime::{METADATA_VERSIONS, Runtime, VERSION, metadata_blob};
use super::{blocks, pallet, rpc, state};
use crate::timelock::{PublicKey, Schedule};
use crate::units::BlockNumber;

/// Bodies are kept up to so many bytes; only floods of extrinsics come near.
const BODY_BYTES: usize = 64 << 20;

/// How long connections may take to end when the chain stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a development chain is like.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalnetConfig {
    /// TCP port on 127.0.0.1 for WebSocket and HTTP; 0 takes any free one.
    pub port: u16,
    /// Real time between two blocks, at least 1 ms. Chain time advances 12 s per block in any case.
    pub block_time: Duration,
    /// When blocks are made.
    pub blocks: BlockMode,
    /// Web pages that may speak to the chain, beside those of this machine; browsers say of each request whose it is.
    pub origins: Vec<String>,
    /// How long after a block was made it is final; zero is at once. With a long one a block is final when a hundred follow it.
    pub finality: Duration,
    /// Folder that keeps the chain over restarts; made when it is not there. Without it the chain is forgotten.
    pub state: Option<PathBuf>,
    /// How many states can be read, the newest included. Older ones answer "State already discarded".
    pub states_kept: usize,
    /// How many headers and bodies are kept; at least as many as states.
    pub blocks_kept: usize,
    /// File of real pulses of drand's quicknet, which are stored in place of the chain's own when their time comes.
    pub pulses: Option<PathBuf>,
    /// What the chain starts with. A chain that is found in `state` goes on as it is, and this is not looked at.
    pub genesis: GenesisConfig,
}

impl Default for LocalnetConfig {
    fn default() -> Self {
        Self {
            port: 9944,
            block_time: Duration::from_millis(250),
            blocks: BlockMode::Interval,
            origins: Vec::new(),
            finality: Duration::ZERO,
            state: None,
            // An empty block keeps some 8 kB of memory for its state, and 1 kB for itself.
            states_kept: 1_024,
            // An era of polkadot-js reaches back 2,048 blocks.
            blocks_kept: 8_192,
            pulses: None,
            genesis: GenesisConfig::default(),
        }
    }
}

/// Why a development chain did not start or stop well.
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    /// Somebody else listens there.
    #[error(
        "port {0} on 127.0.0.1 is in use: stop the program that uses it, or choose another port with --port (0 takes a \
         free one)"
    )]
    PortInUse(u16),
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port} ({source}); choose another port with --port")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Blocks cannot come that fast.
    #[error("a block time of {0:?} is too short; give --block-time at least 1ms")]
    BlockTime(Duration),
    /// The kept chain cannot be used.
    #[error(transparent)]
    State(#[from] DumpError),
    /// A pulse or a file of pulses is not good.
    #[error(transparent)]
    Pulse(#[from] PulseError),
    /// The first blocks could not be made.
    #[error("the development chain did not start: {0}")]
    Start(String),
    /// A block could not be made.
    #[error("no block was made: {0}")]
    Block(String),
}

/// A running development chain. Dropping it stops the chain and frees the port.
pub struct Handle {
    node: Arc<Node>,
    port: u16,
    server: ServerHandle,
    cancel: CancellationToken,
    author: Option<JoinHandle<()>>,
}

/// How the random beacon of a development chain stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BeaconStatus {
    /// Does it sign rounds as they pass? It does so only while a subnet has commit-reveal on.
    pub running: bool,
    /// The key that `Drand.BeaconConfig` names, in hex.
    pub public_key: String,
    /// Unix time of round 1, in seconds.
    pub genesis_time: u64,
    /// Seconds between rounds.
    pub period: u64,
    /// The newest round that is stored; 0 is none.
    pub last_stored_round: u64,
}

impl BeaconStatus {
    pub(super) fn of(node: &Node) -> Result<Self, ReadError> {
        let standing = node.beacon_standing()?;
        let Schedule { genesis_unix_s, period_s } = standing.config.schedule();
        Ok(Self {
            running: node.run_beacon(None),
            public_key: hex::encode(&standing.config.public_key),
            genesis_time: genesis_unix_s,
            period: period_s,
            last_stored_round: standing.last_round,
        })
    }

    /// When the beacon publishes which round.
    #[must_use]
    pub const fn schedule(&self) -> Schedule {
        Schedule { genesis_unix_s: self.genesis_time, period_s: self.period }
    }

    /// The key for which weights are sealed here.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        PublicKey::from_bytes(&hex::decode(&self.public_key).ok()?).ok()
    }
}

/// Starts a chain and returns when it serves.
///
/// # Errors
/// [`LocalnetError`] says what to change.
pub async fn spawn(config: LocalnetConfig) -> Result<Handle, LocalnetError> {
    if config.block_time < Duration::from_millis(1) {
        return Err(LocalnetError::BlockTime(config.block_time));
    }
    // First, because it is what fails most, and at once.
    let listener = listen(config.port)?;
    let port = listener.local_addr().map_err(|source| LocalnetError::Listen { port: config.port, source })?.port();
    let pace = Pace { mode: config.blocks, block_time: config.block_time };
    let (finality, origins) = (config.finality, config.origins.clone());
    let node = tokio::task::spawn_blocking(move || open(&config))
        .await
        .map_err(|error| LocalnetError::Start(error.to_string()))??;
    node.set_finality(finality);
    node.powers.set_pace(pace);
    let node = Arc::new(node);
    let server =
        rpc::serve(Arc::clone(&node), listener, origins).map_err(|error| LocalnetError::Start(error.to_string()))?;
    // The first client asks for the metadata; what is made by then it need not wait for.
    drop(tokio::task::spawn_blocking(metadata_hash));
    let cancel = CancellationToken::new();
    let author = tokio::spawn(author(Arc::clone(&node), cancel.clone()));
    tokio::spawn(cancel.clone().run_until_cancelled_owned(finalize(Arc::clone(&node))));
    Ok(Handle { node, port, server, cancel, author: Some(author) })
}

fn listen(port: u16) -> Result<TcpListener, LocalnetError> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LocalnetError::PortInUse(port),
        _ => LocalnetError::Listen { port, source },
    })
}

/// The chain of the state folder, or a new one with its first block.
fn open(config: &LocalnetConfig) -> Result<Node, LocalnetError> {
    let window = Window { states: config.states_kept, blocks: config.blocks_kept, bytes: BODY_BYTES };
    let folder = config.state.as_deref().map(Folder::open).transpose()?;
    // Only a saved chain has to know of which runtime it is.
    let runtime = folder.as_ref().map_or_else(H256::zero, |_| metadata_hash());
    let kept = folder.as_ref().map(|folder| folder.load(runtime, window)).transpose()?.flatten();
    let (chain, origin) = match kept {
        Some(kept) => kept,
        None => {
            let (block, state) = blocks::genesis(|| genesis::build(&config.genesis))
                .map_err(|error| LocalnetError::Start(error.to_string()))?;
            let genesis_time = u64::try_from(config.genesis.time.0).unwrap_or_default();
            (Chain::new(block, state, window), Origin { runtime, genesis_time })
        }
    };
    let secret =
        state::peek(&chain.state(chain.head().0).map_err(|error| LocalnetError::Start(error.to_string()))?, || {
            drand::secret_of(&pallet::GenesisFingerprint::<Runtime>::get().unwrap_or_default())
        })
        .map_err(|panic| LocalnetError::Start(panic.0))?;
    let journal: Option<Journal> = folder.map(|folder| folder.journal(&chain, origin)).transpose()?;
    let is_new = chain.height() == 0;
    let given = config.pulses.as_deref().map(beacon::read_pulses).transpose()?.unwrap_or_default();
    let node = Node::new(chain, journal, origin.genesis_time, Beacon::new(secret, given));
    if is_new {
        // Only from block 1 on does the state know the hash of genesis, which mortal signatures refer to.
        node.author().map_err(|error| LocalnetError::Start(error.to_string()))?;
    }
    Ok(node)
}

/// The hash of the runtime's metadata in all versions, in one shape: the chain's own spec version, which a rehearsed upgrade
/// changes, decides what is served.
fn metadata_hash() -> H256 {
    let blobs = METADATA_VERSIONS.map(|version| metadata_blob(version, VERSION.spec_version).unwrap_or_default());
    H256(blake2_256(&blobs.concat()))
}

/// Makes blocks at their pace until told to stop.
async fn author(node: Arc<Node>, cancel: CancellationToken) {
    let mut paces = node.powers.pace();
    loop {
        let pace = *paces.borrow_and_update();
        let mut ticks = tokio::time::interval(pace.block_time.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first is at once.
        ticks.tick().await;
        loop {
            let due = async {
                match pace.mode {
                    BlockMode::Interval => drop(ticks.tick().await),
                    BlockMode::Manual => std::future::pending().await,
                    BlockMode::Extrinsic => node.arrived.notified().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = paces.changed() => if changed.is_ok() { break } else { return },
                () = due => {}
            }
            if !node.powers.frozen() {
                author_one(&node, pace.mode).await;
            }
        }
    }
}

async fn author_one(node: &Arc<Node>, mode: BlockMode) {
    match on_a_thread_of_its_own(Arc::clone(node)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(target: "neuron::localnet", %error, "no block was made"),
        Err(error) => tracing::error!(target: "neuron::localnet", %error, "no block was made"),
    }
    // What did not fit waits for the next one, unless nothing fitted: the first extrinsic is the author's own.
    if mode == BlockMode::Extrinsic && node.chain().head().1.extrinsics.len() > 1 {
        node.asks_for_block();
    }
}

/// Makes a block. Not on tokio's threads for what blocks: requests may hold all of them, and a block waits for nobody.
async fn on_a_thread_of_its_own(node: Arc<Node>) -> Result<Result<H256, AuthorError>, oneshot::error::RecvError> {
    let (done, authored) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits any more when the chain stops.
        let _ = done.send(node.author());
    });
    authored.await
}

/// Makes heads final when their time has come. Those that came meanwhile follow together.
async fn finalize(node: Arc<Node>) {
    let (mut heads, mut finality) = (node.heads(), node.finality());
    while heads.changed().await.is_ok() {
        let (head, made) = (*heads.borrow_and_update(), Instant::now());
        loop {
            let lag = *finality.borrow_and_update();
            tokio::select! {
                () = sleep_until(made + lag) => break,
                // It may be shorter now.
                _ = finality.changed() => {}
            }
        }
        node.finalize(head);
    }
}

impl Handle {
    /// The endpoint, `ws://127.0.0.1:<port>`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The port, also when any free one was asked for.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of the newest block.
    #[must_use]
    pub fn block_number(&self) -> BlockNumber {
        BlockNumber::from(self.node.chain().height())
    }

    /// The hash of block 0.
    #[must_use]
    pub fn genesis_hash(&self) -> [u8; 32] {
        self.node.chain().genesis().0
    }

    /// Makes `count` blocks now, beside those of the block time.
    ///
    /// # Errors
    /// [`LocalnetError::Block`] when the runtime fails; the blocks before stay.
    pub async fn mine(&self, count: u32) -> Result<(), LocalnetError> {
        let node = Arc::clone(&self.node);
        let mined = tokio::task::spawn_blocking(move || (0..count).try_for_each(|_| node.author().map(|_| ())));
        mined
            .await
            .map_err(|error| LocalnetError::Block(error.to_string()))?
            .map_err(|error| LocalnetError::Block(error.to_string()))
    }

    /// How the chain's random beacon stands.
    ///
    /// # Errors
    /// [`LocalnetError::Start`] when the head's state cannot be read.
    pub async fn beacon(&self) -> Result<BeaconStatus, LocalnetError> {
        self.with_node(BeaconStatus::of).await?.map_err(|error| LocalnetError::Start(error.to_string()))
    }

    /// Stops the beacon, or lets it go on; what it missed is signed then, at most 50 rounds a block.
    pub fn run_beacon(&self, running: bool) {
        self.node.run_beacon(Some(running));
    }

    /// Gives the chain a pulse of drand's quicknet, or of its own beacon: a round and its signature. It takes the place of the
    /// beacon's own, and is stored in the first block at or after its time.
    ///
    /// # Errors
    /// [`LocalnetError::Pulse`] for a round that has passed, or a signature of neither beacon.
    pub async fn put_pulse(&self, round: u64, signature: [u8; 48]) -> Result<(), LocalnetError> {
        match self.with_node(move |node| node.give_pulse(round, &signature)).await? {
            Ok(_) => Ok(()),
            Err(GiveError::Pulse(error)) => Err(error.into()),
            Err(GiveError::Read(error)) => Err(LocalnetError::Start(error.to_string())),
        }
    }

    async fn with_node<R: Send + 'static>(
        &self,
        code: impl FnOnce(&Node) -> R + Send + 'static,
    ) -> Result<R, LocalnetError> {
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || code(&node)).await.map_err(|error| LocalnetError::Start(error.to_string()))
    }

    /// The number of transactions that wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.node.waiting()
    }

    /// Waits until the chain has block `number`.
    pub async fn reaches(&self, number: BlockNumber) {
        let mut heads = self.node.heads();
        // The sender lives in `self`, so the wait ends by the number alone.
        let _ = heads.wait_for(|head| BlockNumber::from(*head) >= number).await;
    }

    /// What a person wants to know first.
    ///
    /// # Errors
    /// [`LocalnetError::Start`] when the head's state cannot be read.
    pub async fn banner(&self) -> Result<Banner, LocalnetError> {
        let (node, endpoint) = (Arc::clone(&self.node), self.ws_url());
        tokio::task::spawn_blocking(move || Banner::of(&node, endpoint))
            .await
            .map_err(|error| LocalnetError::Start(error.to_string()))?
            .map_err(|error| LocalnetError::Start(error.to_string()))
    }

    /// Ends the author and all connections, frees the port, and has the state on disk when it returns.
    ///
    /// # Errors
    /// [`LocalnetError::State`] when the disk refuses the last bytes.
    pub async fn stop(mut self) -> Result<(), LocalnetError> {
        self.cancel.cancel();
        let _ = self.server.stop();
        if let Some(author) = self.author.take() {
            // A block in the making ends well.
            let _ = author.await;
        }
        if tokio::time::timeout(PATIENCE, self.server.clone().stopped()).await.is_err() {
            tracing::warn!(target: "neuron::localnet", "a connection did not end in time; it is dropped");
        }
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || node.close())
            .await
            .map_err(|error| LocalnetError::Start(error.to_string()))?
            .map_err(LocalnetError::State)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Fails only when it has stopped already.
        let _ = self.server.stop();
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("port", &self.port).field("block", &self.block_number()).finish_non_exhaustive()
    }
}
