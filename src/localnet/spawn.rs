//! Starting a development chain, and the handle that stops it.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::server::ServerHandle;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::banner::Banner;
use super::chain::{Chain, Window};
use super::dump::{DumpError, Folder, Journal, Origin};
use super::genesis::{self, GenesisConfig};
use super::node::Node;
use super::runtime::{METADATA_VERSIONS, VERSION, metadata_blob};
use super::{blocks, rpc};
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
    /// Folder that keeps the chain over restarts; made when it is not there. Without it the chain is forgotten.
    pub state: Option<PathBuf>,
    /// How many states can be read, the newest included. Older ones answer "State already discarded".
    pub states_kept: usize,
    /// How many headers and bodies are kept; at least as many as states.
    pub blocks_kept: usize,
    /// What the chain starts with. A chain that is found in `state` goes on as it is, and this is not looked at.
    pub genesis: GenesisConfig,
}

impl Default for LocalnetConfig {
    fn default() -> Self {
        Self {
            port: 9944,
            block_time: Duration::from_millis(250),
            state: None,
            // An empty block keeps some 8 kB of memory for its state, and 1 kB for itself.
            states_kept: 1_024,
            // An era of polkadot-js reaches back 2,048 blocks.
            blocks_kept: 8_192,
            genesis: GenesisConfig::default(),
        }
    }
}

/// Why a development chain did not start or stop well.
#[derive(Debug, thiserror::Error)]
pub enum LocalnetError {
    /// Somebody else listens there.
    #[error(
        "port {0} on 127.0.0.1 is in use; stop the program that has it, or choose another port with --port (0 takes any free one)"
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
    let block_time = config.block_time;
    let node = tokio::task::spawn_blocking(move || open(&config))
        .await
        .map_err(|error| LocalnetError::Start(error.to_string()))??;
    let node = Arc::new(node);
    let server = rpc::serve(Arc::clone(&node), listener).map_err(|error| LocalnetError::Start(error.to_string()))?;
    let cancel = CancellationToken::new();
    let author = tokio::spawn(author(Arc::clone(&node), block_time, cancel.clone()));
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
    // In one shape: the chain's own spec version, which a rehearsed upgrade changes, decides what is served.
    let blobs = METADATA_VERSIONS.map(|version| metadata_blob(version, VERSION.spec_version).unwrap_or_default());
    let runtime = H256(blake2_256(&blobs.concat()));
    let folder = config.state.as_deref().map(Folder::open).transpose()?;
    let kept = folder.as_ref().map(|folder| folder.load(runtime, window)).transpose()?.flatten();
    let (chain, origin) = match kept {
        Some(kept) => kept,
        None => {
            let (block, delta) = blocks::genesis(|| genesis::build(&config.genesis))
                .map_err(|error| LocalnetError::Start(error.to_string()))?;
            let genesis_time = u64::try_from(config.genesis.time.0).unwrap_or_default();
            (Chain::new(block, delta, window), Origin { runtime, genesis_time })
        }
    };
    let journal: Option<Journal> = folder.map(|folder| folder.journal(&chain, origin)).transpose()?;
    let is_new = chain.height() == 0;
    let node = Node::new(chain, journal, origin.genesis_time);
    if is_new {
        // Only from block 1 on does the state know the hash of genesis, which mortal signatures refer to.
        node.author().map_err(|error| LocalnetError::Start(error.to_string()))?;
    }
    Ok(node)
}

/// Makes a block at every tick until told to stop.
async fn author(node: Arc<Node>, block_time: Duration, cancel: CancellationToken) {
    let mut ticks = tokio::time::interval(block_time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let authored = tokio::task::spawn_blocking({
            let node = Arc::clone(&node);
            move || node.author()
        });
        match authored.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(target: "neuron::localnet", %error, "no block was made"),
            Err(error) => tracing::error!(target: "neuron::localnet", %error, "no block was made"),
        }
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

    /// The number of transactions that wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.node.pending().len()
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
            tracing::warn!(target: "neuron::localnet", "a connection did not end in time; it is left behind");
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
