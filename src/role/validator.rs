//! The validator as a long-running process.

use std::sync::Arc;
use std::time::Duration;

use super::announce::Announcement;
use super::duties::{METAGRAPH, follow, perform};
use super::status::{Board, Outcome, Rhythm};
use super::subnet::{Snapshot, Subnet};
use super::tasks::Tasks;
use super::weights::{WeightsOutcome, WeightsView, WeightsWriter};
use crate::dendrite::{Dendrite, Target};
use crate::ledger::{Ledger, Place};
use crate::subnets::work::{ChainSeen, Duty, Known, Peer, Peers, ValidatorWork};
use crate::subtensor::{Neuron, Retry};
use crate::units::{Account, Identity, Uid};

/// How often one line tells that all is well.
const STATUS_EVERY: Duration = Duration::from_secs(60);
/// The name of its own duty.
const WEIGHTS: &str = "weights";
/// A pause after weights failed, so that a refusal is not repeated at every block.
const WEIGHTS_PAUSE: Duration = Duration::from_secs(30);
/// Weights that wait for a block are looked at again after so long in any case: five blocks of the main network.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Everything a validator consists of.
pub struct ValidatorParts {
    /// Its hotkey's account.
    pub hotkey: Account,
    /// The subnet.
    pub subnet: Subnet,
    /// Its kind of work.
    pub work: Arc<dyn ValidatorWork>,
    /// What it calls with.
    pub dendrite: Arc<Dendrite>,
    /// Where everything that must survive is kept.
    pub ledger: Ledger,
    /// What writes weights; `None` when that is disabled.
    pub weights: Option<WeightsWriter>,
    /// Publishes the history; `None` when no lake is wanted.
    pub lake: Option<Duty>,
    /// The axon to be announced: [`Announcement::start`] is for whoever starts the validator.
    pub announcement: Option<Announcement>,
}

impl std::fmt::Debug for ValidatorParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValidatorParts")
            .field("hotkey", &self.hotkey)
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

/// A running validator; dropping it ends it, [`Validator::stop`] lets it finish what it has begun.
pub struct Validator {
    work: Arc<dyn ValidatorWork>,
    dendrite: Arc<Dendrite>,
    subnet: Subnet,
    hotkey: Account,
    ledger: Place,
    board: Arc<Board>,
    weights: Option<Arc<WeightsView>>,
    tasks: Tasks,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator").field("board", &self.board).finish_non_exhaustive()
    }
}

impl Validator {
    /// Starts its duties. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(parts: ValidatorParts) -> Self {
        let mut tasks = Tasks::new();
        let ValidatorParts { hotkey, subnet, work, dendrite, ledger, weights, lake, announcement: _ } = parts;
        let board = Arc::new(Board::default());
        tasks.supervise(METAGRAPH, follow(subnet.clone(), Arc::clone(&board)));
        for duty in Arc::clone(&work).duties().into_iter().chain(lake) {
            tasks.run(perform(duty, hotkey, Arc::clone(&board), tasks.stopping()));
        }
        let view = weights.as_ref().map(WeightsWriter::view);
        tasks.supervise("status", {
            let (work, subnet, board, view) = (Arc::clone(&work), subnet.clone(), Arc::clone(&board), view.clone());
            move || tell(Arc::clone(&work), subnet.clone(), Arc::clone(&board), view.clone())
        });
        if let Some(writer) = weights {
            let writer = Arc::new(writer);
            let (subnet, board) = (subnet.clone(), Arc::clone(&board));
            board.expects(WEIGHTS, Rhythm { every: LOOK_AGAIN, jitter: 0.0, deadline: None });
            tasks.supervise(WEIGHTS, move || write_weights(Arc::clone(&writer), subnet.clone(), Arc::clone(&board)));
        } else {
            tracing::warn!("weights are disabled: this validator scores, but writes nothing to the chain");
        }
        let ledger = ledger.place().clone();
        Self { work, dendrite, subnet, hotkey, ledger, board, weights: view, tasks }
    }

    pub(super) fn work(&self) -> Arc<dyn ValidatorWork> {
        Arc::clone(&self.work)
    }

    pub(super) fn dendrite(&self) -> &Dendrite {
        &self.dendrite
    }

    pub(super) fn shared_dendrite(&self) -> Arc<Dendrite> {
        Arc::clone(&self.dendrite)
    }

    pub(super) const fn hotkey(&self) -> Account {
        self.hotkey
    }

    pub(super) const fn ledger(&self) -> &Place {
        &self.ledger
    }

    pub(super) const fn subnet(&self) -> &Subnet {
        &self.subnet
    }

    pub(super) fn weights(&self) -> Option<Arc<WeightsView>> {
        self.weights.clone()
    }

    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Ends it: what is under way is finished and recorded first, if it takes less than `patience`.
    pub async fn stop(self, patience: Duration) {
        self.tasks.stop(patience).await;
    }
}

/// The neurons of a subnet that can be asked: all that serve, except ourselves.
#[derive(Debug, Clone)]
pub struct Others {
    subnet: Subnet,
    own: Account,
}

impl Others {
    /// All but `own`.
    #[must_use]
    pub const fn than(own: Account, subnet: Subnet) -> Self {
        Self { subnet, own }
    }
}

impl Peers for Others {
    fn now(&self) -> Vec<Peer> {
        let snapshot: Arc<Snapshot> = self.subnet.now();
        let ask = |neuron: &Neuron| {
            let axon = neuron.axon.as_ref()?;
            let target = Target { hotkey: neuron.hotkey, ip: axon.ip, port: axon.port };
            Some(Peer { uid: neuron.uid, identity: neuron.identity(), target })
        };
        snapshot.metagraph.neurons.iter().filter(|neuron| neuron.hotkey != self.own).filter_map(ask).collect()
    }

    fn own(&self) -> Option<Uid> {
        self.subnet.now().neuron(&self.own).map(|neuron| neuron.uid)
    }

    fn known(&self, identity: &Identity) -> Option<Known> {
        let snapshot = self.subnet.now();
        let neuron = snapshot.neuron(&identity.hotkey).filter(|neuron| neuron.identity() == *identity)?;
        let Neuron { coldkey, total_stake, validator_permit, .. } = neuron;
        Some(Known { coldkey: *coldkey, stake: *total_stake, validator_permit: *validator_permit })
    }
}

async fn tell(
    work: Arc<dyn ValidatorWork>,
    subnet: Subnet,
    board: Arc<Board>,
    weights: Option<Arc<WeightsView>>,
) -> Result<(), std::convert::Infallible> {
    board.first_pass().await;
    loop {
        let weights_at = weights.as_ref().and_then(|view| view.last_update());
        work.tell(ChainSeen { block: subnet.now().metagraph.block, weights_at });
        tokio::time::sleep(STATUS_EVERY).await;
    }
}

async fn write_weights(
    writer: Arc<WeightsWriter>,
    subnet: Subnet,
    board: Arc<Board>,
) -> Result<(), super::error::RoleError> {
    let mut blocks = subnet.chain().blocks();
    loop {
        board.begins(WEIGHTS);
        let written = writer.set_when_due().await;
        board.passed(WEIGHTS, written.as_ref().map_or_else(|e| Outcome::Failed(e.to_string()), |_| Outcome::Well));
        match written {
            Ok(WeightsOutcome::NotDue { from_block, .. }) => {
                // Rules change, and epochs with them: no sleep is longer than the patience for news.
                let due = tokio::time::timeout(LOOK_AGAIN, blocks.wait_for(|block| *block >= from_block));
                if matches!(due.await, Ok(Err(_))) {
                    return Ok(());
                }
            }
            Ok(WeightsOutcome::NoScores) => tokio::time::sleep(WEIGHTS_PAUSE).await,
            Ok(WeightsOutcome::Set { .. } | WeightsOutcome::Advanced { .. }) => {}
            Err(e) => {
                let pause = pause_after(&e);
                tracing::warn!(retry_in_s = pause.as_secs(), "weights were not set: {e}");
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Not long: what is refused now may pass once the chain has moved, and a pass that finds nothing to do costs a few reads.
fn pause_after(error: &super::error::RoleError) -> Duration {
    match error {
        super::error::RoleError::Chain(e) if e.retry() == Retry::Now => Duration::from_secs(1),
        _ => WEIGHTS_PAUSE,
    }
}
