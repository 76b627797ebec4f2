//! The subnet as the chain shows it, kept fresh in the background.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::axon::{Standing, StandingOf};
use crate::clock;
use crate::subtensor::{Fault, Metagraph, Neuron, Subtensor, SubtensorError};
use crate::units::{Account, NetUid};

/// A metagraph with its index by hotkey.
#[derive(Debug)]
pub struct Snapshot {
    /// Everybody, at one block.
    pub metagraph: Metagraph,
    /// When it was read from the chain; `None` when it comes from a file.
    pub read_at: Option<Instant>,
    by_hotkey: HashMap<Account, usize>,
}

impl Snapshot {
    fn new(metagraph: Metagraph, read_at: Option<Instant>) -> Self {
        let by_hotkey = metagraph.neurons.iter().enumerate().map(|(i, neuron)| (neuron.hotkey, i)).collect();
        Self { metagraph, read_at, by_hotkey }
    }

    /// The neuron of a hotkey.
    #[must_use]
    pub fn neuron(&self, hotkey: &Account) -> Option<&Neuron> {
        self.by_hotkey.get(hotkey).and_then(|i| self.metagraph.neurons.get(*i))
    }
}

/// The newest snapshot of a subnet. Cheap to clone; clones see the same.
#[derive(Debug, Clone)]
pub struct Subnet {
    chain: Subtensor,
    netuid: NetUid,
    newest: Arc<watch::Sender<Arc<Snapshot>>>,
    /// The last metagraph on disk, for a start while the chain is away.
    kept: Option<Arc<Kept>>,
}

/// A metagraph on disk.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    written: Mutex<Option<Instant>>,
}

impl Kept {
    /// Writes a metagraph, but not at every block: what matters is who is there.
    fn write(&self, metagraph: &Metagraph) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_some_and(|at| at.elapsed() < KEEP_EVERY) {
            return;
        }
        *written = Some(clock::monotonic());
        let folder = self.path.parent().map_or(Ok(()), fs::create_dir_all);
        let saved =
            folder.map_err(|e| e.to_string()).and_then(|()| metagraph.save(&self.path).map_err(|e| e.to_string()));
        if let Err(error) = saved {
            tracing::warn!(path = %self.path.display(), error, "the metagraph could not be written to disk");
        }
    }
}

/// How often the metagraph is written to disk.
const KEEP_EVERY: Duration = Duration::from_secs(60);

impl Subnet {
    /// Reads the subnet a first time.
    ///
    /// # Errors
    /// The chain cannot be read, or has no such subnet.
    pub async fn read(chain: Subtensor, netuid: NetUid) -> Result<Self, SubtensorError> {
        let first = chain.metagraph(netuid).await?;
        Ok(Self::new(chain, Snapshot::new(first, Some(clock::monotonic())), None))
    }

    /// Reads the subnet a first time, or while the chain is away, as it was when it was last seen; `path` keeps it.
    ///
    /// # Errors
    /// The chain has no such subnet, or it cannot be read and nothing is kept.
    pub async fn open(chain: Subtensor, netuid: NetUid, path: PathBuf) -> Result<Self, SubtensorError> {
        let read = async {
            chain.ready().await?;
            chain.metagraph(netuid).await
        };
        let first = match read.await {
            Ok(metagraph) => metagraph,
            Err(error) if error.fault() == Fault::Peer => match Metagraph::load(&path) {
                Ok(metagraph) if metagraph.netuid == netuid => {
                    tracing::warn!(%error, block = metagraph.block, "the chain is away: starting from the last metagraph");
                    let kept = Kept { path, written: Mutex::new(Some(clock::monotonic())) };
                    return Ok(Self::new(chain, Snapshot::new(metagraph, None), Some(kept)));
                }
                _ => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let kept = Kept { path, written: Mutex::default() };
        kept.write(&first);
        Ok(Self::new(chain, Snapshot::new(first, Some(clock::monotonic())), Some(kept)))
    }

    fn new(chain: Subtensor, first: Snapshot, kept: Option<Kept>) -> Self {
        let (netuid, first) = (first.metagraph.netuid, Arc::new(first));
        Self { chain, netuid, newest: Arc::new(watch::Sender::new(first)), kept: kept.map(Arc::new) }
    }

    /// Whether there is a connection to the chain now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.chain.endpoint().is_some()
    }

    /// The chain it is read from.
    #[must_use]
    pub const fn chain(&self) -> &Subtensor {
        &self.chain
    }

    /// Its number.
    #[must_use]
    pub const fn netuid(&self) -> NetUid {
        self.netuid
    }

    /// The newest snapshot.
    #[must_use]
    pub fn now(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    /// Reads it anew.
    ///
    /// # Errors
    /// The chain cannot be read; the snapshot stays as it was.
    pub async fn refresh(&self) -> Result<Arc<Snapshot>, SubtensorError> {
        self.offer(self.chain.metagraph(self.netuid).await?);
        Ok(self.now())
    }

    /// Takes over what somebody read.
    pub fn offer(&self, metagraph: Metagraph) {
        let snapshot = Arc::new(Snapshot::new(metagraph, Some(clock::monotonic())));
        self.newest.send_replace(Arc::clone(&snapshot));
        if let Some(kept) = self.kept.clone() {
            // Nobody waits for the disk, and its failure is in the log.
            drop(tokio::task::spawn_blocking(move || kept.write(&snapshot.metagraph)));
        }
    }

    /// Keeps it fresh for ever: at most once in `every`, and only when there is a new block.
    ///
    /// # Errors
    /// A reading failed; call again later, the last snapshot stays in force.
    pub async fn follow(&self, every: Duration) -> Result<(), SubtensorError> {
        self.follow_and(every, |_| {}).await
    }

    /// As [`Subnet::follow`]; `read` hears of each reading.
    pub(super) async fn follow_and(
        &self,
        every: Duration,
        read: impl Fn(Result<(), &SubtensorError>) + Send,
    ) -> Result<(), SubtensorError> {
        let mut blocks = self.chain.blocks();
        loop {
            tokio::time::sleep(every).await;
            if blocks.changed().await.is_err() {
                return Ok(());
            }
            let outcome = self.refresh().await;
            read(outcome.as_ref().map(|_| ()));
            outcome?;
        }
    }
}

impl StandingOf for Subnet {
    fn standing(&self, hotkey: &Account) -> Option<Standing> {
        let snapshot = self.now();
        let neuron = snapshot.neuron(hotkey)?;
        Some(Standing { uid: neuron.uid, stake: neuron.total_stake, validator_permit: neuron.validator_permit })
    }
}
