//! The validator as a long-running process.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::status::Status;
use super::subnet::{Snapshot, Subnet};
use super::tasks::Tasks;
use super::weights::{WeightsOutcome, WeightsWriter};
use crate::clock::Clock;
use crate::dendrite::Target;
use crate::ledger::LedgerError;
use crate::subnets::events::{EventsValidator, Miner};
use crate::subtensor::Neuron;
use crate::units::Account;

/// How often the metagraph is read anew: a block of the main network.
const METAGRAPH_EVERY: Duration = Duration::from_secs(12);
/// How often one line tells that all is well.
const STATUS_EVERY: Duration = Duration::from_secs(60);
/// How often old rows are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// A pause after weights failed, so that a refusal is not repeated at every block.
const WEIGHTS_PAUSE: Duration = Duration::from_secs(30);

/// Everything a validator consists of.
#[derive(Debug)]
pub struct ValidatorParts {
    /// Its hotkey's account.
    pub hotkey: Account,
    /// The subnet.
    pub subnet: Subnet,
    /// What a tick does.
    pub events: EventsValidator,
    /// What writes weights; `None` when that is disabled.
    pub weights: Option<WeightsWriter>,
    /// Market time.
    pub clock: Clock,
    /// Time between two ticks.
    pub tick: Duration,
    /// The share of `tick` by which each is moved, `0.0..=0.5`.
    pub jitter: f64,
}

/// A running validator; dropping it ends it, [`Validator::stop`] lets it finish what it has begun.
#[derive(Debug)]
pub struct Validator {
    events: Arc<EventsValidator>,
    subnet: Subnet,
    status: Arc<Status>,
    tasks: Tasks,
}

impl Validator {
    /// Starts ticking. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(parts: ValidatorParts) -> Self {
        let mut tasks = Tasks::new();
        let ValidatorParts { hotkey, subnet, events, weights, clock, tick, jitter } = parts;
        let events = Arc::new(events);
        let status = Arc::new(Status::new(tick));
        let (watched, seen) = ((Arc::clone(&events), subnet.clone()), Arc::clone(&status));

        tasks.supervise("metagraph", {
            let subnet = subnet.clone();
            move || {
                let subnet = subnet.clone();
                async move { subnet.follow(METAGRAPH_EVERY).await }
            }
        });
        tasks.run(ticks(Ticker {
            hotkey,
            subnet: subnet.clone(),
            events: Arc::clone(&events),
            clock: clock.clone(),
            tick,
            jitter,
            status: Arc::clone(&status),
            stop: tasks.stopping(),
        }));
        if let Some(writer) = weights {
            let writer = Arc::new(writer);
            tasks.supervise("weights", move || write_weights(Arc::clone(&writer), subnet.clone(), Arc::clone(&status)));
        } else {
            tracing::warn!("weights are disabled: this validator scores, but writes nothing to the chain");
        }
        tasks.supervise("pruning", move || prune(Arc::clone(&events), clock.clone()));
        let (events, subnet) = watched;
        Self { events, subnet, status: seen, tasks }
    }

    pub(super) fn events(&self) -> &EventsValidator {
        &self.events
    }

    pub(super) const fn subnet(&self) -> &Subnet {
        &self.subnet
    }

    pub(super) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Ends it: a tick in flight is finished and recorded first, if it takes less than `patience`.
    pub async fn stop(self, patience: Duration) {
        self.tasks.stop(patience).await;
    }
}

/// The neurons that can be asked: all that serve, except ourselves.
#[must_use]
pub fn miners_of(snapshot: &Snapshot, own: &Account) -> Vec<Miner> {
    let ask = |neuron: &Neuron| {
        let axon = neuron.axon.as_ref()?;
        let target = Target { hotkey: neuron.hotkey, ip: axon.ip, port: axon.port };
        Some(Miner { uid: neuron.uid, identity: neuron.identity(), target })
    };
    snapshot.metagraph.neurons.iter().filter(|neuron| neuron.hotkey != *own).filter_map(ask).collect()
}

struct Ticker {
    hotkey: Account,
    subnet: Subnet,
    events: Arc<EventsValidator>,
    clock: Clock,
    tick: Duration,
    jitter: f64,
    status: Arc<Status>,
    stop: tokio_util::sync::CancellationToken,
}

async fn ticks(ticker: Ticker) {
    let mut told = None;
    for round in 0_u64.. {
        let miners = miners_of(&ticker.subnet.now(), &ticker.hotkey);
        match ticker.events.tick(&miners).await {
            Ok(summary) => ticker.status.ticked(summary),
            Err(e) => tracing::error!("{e}; the tick is lost, the next one tries again"),
        }
        if told.is_none_or(|last: std::time::Instant| last.elapsed() >= STATUS_EVERY) {
            told = Some(crate::clock::monotonic());
            ticker.status.tell(&ticker.subnet);
        }
        let pause = ticker.tick.mul_f64(1.0 + ticker.jitter * wobble(&ticker.hotkey, round));
        tokio::select! {
            () = ticker.clock.sleep(pause) => {}
            () = ticker.stop.cancelled() => return,
        }
    }
}

/// A number in `-1.0..=1.0` for this hotkey and round, so that validators neither tick together nor drift.
fn wobble(hotkey: &Account, round: u64) -> f64 {
    let hash = Sha256::new().chain_update(hotkey.as_bytes()).chain_update(round.to_le_bytes()).finalize();
    let bits = hash.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / u64::MAX as f64 * 2.0 - 1.0
}

async fn write_weights(
    writer: Arc<WeightsWriter>,
    subnet: Subnet,
    status: Arc<Status>,
) -> Result<(), super::error::RoleError> {
    let mut blocks = subnet.chain().blocks();
    loop {
        match writer.set_when_due().await {
            Ok(WeightsOutcome::NotDue { from_block }) => {
                if blocks.wait_for(|block| *block >= from_block).await.is_err() {
                    return Ok(());
                }
            }
            Ok(WeightsOutcome::NoScores) => tokio::time::sleep(WEIGHTS_PAUSE).await,
            Ok(outcome @ WeightsOutcome::Set { .. }) => status.weighed(outcome),
            Err(e) => {
                tracing::warn!(retry_in_s = WEIGHTS_PAUSE.as_secs(), "weights were not set: {e}");
                tokio::time::sleep(WEIGHTS_PAUSE).await;
            }
        }
    }
}

async fn prune(events: Arc<EventsValidator>, clock: Clock) -> Result<(), LedgerError> {
    loop {
        tokio::time::sleep(PRUNE_EVERY).await;
        events.ledger().prune(clock.now()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validators_wobble_apart_but_stay_around_the_tick() {
        let (one, two) = (Account([1; 32]), Account([2; 32]));
        let mean = (0..1000).map(|round| wobble(&one, round)).sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.1, "{mean}");
        assert!((0..1000).all(|round| wobble(&one, round).abs() <= 1.0));
        assert_ne!(wobble(&one, 0), wobble(&two, 0));
    }
}
