//! What monitoring sees of a role: `/metrics` and `/health`, when `--metrics.port` says so.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::RoleError;
use super::miner::Miner;
use super::setup;
use super::subnet::Subnet;
use super::turn::Rank;
use super::validator::Validator;
use crate::clock::Clock;
use crate::config::Settings;
use crate::subtensor::Subtensor;
use crate::telemetry::{
    Collector, DescriptorEncoder, Gauges, Health, MetricsEndpoint, MetricsPort, Registry, Sheet, facts,
};
use crate::units::Account;

/// Something that can be watched.
pub trait Watched {
    /// Hands over everything it counts.
    fn register(&self, registry: &mut Registry);

    /// Whether it does its work, asked now and then.
    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync>;
}

/// Takes the port where the settings want metrics; `None` when they want none.
///
/// # Errors
/// The address makes no sense, or its port is taken.
pub async fn port(settings: &Settings) -> Result<Option<MetricsPort>, RoleError> {
    let Some(port) = settings.metrics.port else { return Ok(None) };
    let address = SocketAddr::new(setup::ip("metrics.ip", &settings.metrics.ip)?, port);
    Ok(Some(MetricsPort::take(address).await?))
}

/// Serves the metrics of `role` there.
pub fn serve(port: MetricsPort, role: &impl Watched) -> MetricsEndpoint {
    let endpoint = port.serve(registry(role), role.health());
    tracing::info!("metrics on http://{0}/metrics, health on http://{0}/health", endpoint.local_addr());
    endpoint
}

/// Serves those of another role from now on, as a validator's whose turn has come or gone.
pub fn change(endpoint: &MetricsEndpoint, role: &impl Watched) {
    endpoint.change(registry(role), role.health());
}

fn registry(role: &impl Watched) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Build));
    role.register(&mut registry);
    registry
}

/// Which program this is.
#[derive(Debug)]
struct Build;

impl Collector for Build {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let labels = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        Sheet::from(encoder).gauges("neuron_build", "The version of this program; always 1", [(labels, 1.0)])
    }
}

/// A role that has its turn at a ledger.
#[derive(Debug)]
pub struct AtWork<'a, R>(pub &'a R, pub Rank);

impl<R: Watched> Watched for AtWork<'_, R> {
    fn register(&self, registry: &mut Registry) {
        self.0.register(registry);
        StandingBy(self.1.clone()).register(registry);
    }

    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let (health, rank) = (self.0.health(), self.1.clone());
        Box::new(move || {
            let mut health = health();
            health.facts.extend(rank_facts(&rank));
            health
        })
    }
}

/// A validator that waits for its turn.
#[derive(Debug)]
pub struct StandingBy(pub Rank);

/// A standby that could not look for so long may not be there when it is needed.
const LOOK_PATIENCE: Duration = Duration::from_secs(30);

impl Watched for StandingBy {
    fn register(&self, registry: &mut Registry) {
        let rank = self.0.clone();
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| {
            let active = rank.is_active();
            let row = |name: &str, is_so: bool| (vec![("role", name.to_owned())], f64::from(u8::from(is_so)));
            let rows = [row("active", active), row("standby", !active)];
            sheet.gauges("neuron_ledger_role", "Whether this process writes the ledger, or stands by: 1 or 0", rows)?;
            let Some(takeovers) = rank.takeovers() else { return Ok(()) };
            sheet.counter(
                "neuron_ledger_takeovers",
                "How often the ledger's lease was taken from a process that had not given it back",
                takeovers,
            )
        })));
    }

    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let rank = self.0.clone();
        Box::new(move || {
            let mut facts = facts([("role", "validator".into())]);
            facts.extend(rank_facts(&rank));
            Health { ok: rank.looked().is_some_and(|age| age < LOOK_PATIENCE), facts }
        })
    }
}

fn rank_facts(rank: &Rank) -> serde_json::Map<String, Value> {
    facts([("ledger_role", rank.name().into()), ("ledger", rank.fact())])
}

impl Watched for Miner {
    fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.axon().metrics()));
        let (work, board, subnet, hotkey) = (self.work(), self.board(), self.subnet().clone(), self.hotkey());
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| {
            work.write(sheet)?;
            board.write(sheet)?;
            place(sheet, &subnet, &hotkey)
        })));
    }

    /// Failing when the hotkey is not registered (any more), or the chain was not read for ten minutes. A miner without
    /// questions is well: who asks is not its doing.
    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        self.health_while_it_lives()
    }
}

impl Miner {
    /// How it is; it keeps no axon, and its port is free when the miner is gone.
    pub(super) fn health_while_it_lives(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let (hotkey, axon, board, subnet) =
            (self.hotkey(), Arc::downgrade(&self.axon()), self.board(), self.subnet().clone());
        Box::new(move || {
            let snapshot = subnet.now();
            let read = snapshot.read_at.map(|at| at.elapsed());
            let neuron = snapshot.neuron(&hotkey);
            let served = axon.upgrade().map(|axon| axon.snapshot());
            let asked = served
                .as_ref()
                .and_then(|served| served.last_answered)
                .map(|at| Clock::wall().now().since(at).max(0) / 1000);
            let facts = facts([
                ("role", "miner".into()),
                ("block", snapshot.metagraph.block.into()),
                ("block_read_age_s", read.map(|age| age.as_secs()).into()),
                ("registered", neuron.is_some().into()),
                ("uid", neuron.map(|neuron| neuron.uid.0).into()),
                ("published", neuron.is_some_and(|neuron| neuron.axon.is_some()).into()),
                ("last_answered_age_s", asked.into()),
                ("connections", served.map(|served| served.now.connections).into()),
                ("chain", chain_fact(subnet.chain())),
                ("duties", board.facts().into()),
            ]);
            Health { ok: neuron.is_some() && read.is_some_and(|age| age < CHAIN_PATIENCE), facts }
        })
    }
}

/// A chain that was not read for so long is out of reach: blocks come every 12 seconds.
const CHAIN_PATIENCE: Duration = Duration::from_secs(600);

/// Where a role stands on its subnet.
fn place(sheet: &mut Sheet<'_>, subnet: &Subnet, hotkey: &Account) -> fmt::Result {
    let snapshot = subnet.now();
    let neuron = snapshot.neuron(hotkey);
    let flag = |is_so: bool| if is_so { 1.0 } else { 0.0 };
    let registered = flag(neuron.is_some());
    sheet.gauge("neuron_chain_registered", "Whether the hotkey is registered on the subnet: 1 or 0", registered)?;
    let permit = neuron.map(|neuron| flag(neuron.validator_permit));
    sheet.gauge("neuron_chain_validator_permit", "Whether it may set weights: 1 or 0", permit)?;
    sheet.gauge("neuron_chain_block", "The block of the newest metagraph", snapshot.metagraph.block as f64)
}

/// The endpoint in use, and those that contradict the others.
pub(super) fn chain_fact(chain: &Subtensor) -> Value {
    let distrusted: Vec<Value> = chain
        .distrusted()
        .iter()
        .map(|attempt| json!({ "endpoint": attempt.endpoint, "reason": attempt.reason.to_string() }))
        .collect();
    json!({ "endpoint": chain.endpoint(), "distrusted": distrusted })
}

impl Watched for Validator {
    fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.dendrite().metrics()));
        self.work().register(registry);
        let (board, subnet, weights, hotkey) = (self.board(), self.subnet().clone(), self.weights(), self.hotkey());
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| {
            board.write(sheet)?;
            let block = subnet.now().metagraph.block;
            if let Some(weights) = &weights {
                let at = weights.last_update().map(|at| at as f64);
                sheet.gauge("neuron_validator_weights_block", "The block of the last weights or commit", at)?;
                weights.write(sheet, block)?;
            }
            place(sheet, &subnet, &hotkey)
        })));
    }

    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let (work, board, subnet) = (self.work(), self.board(), self.subnet().clone());
        let weights = self.weights();
        Box::new(move || {
            let mut health = work.health();
            let block = subnet.now().metagraph.block;
            health.facts.extend(facts([
                ("role", "validator".into()),
                ("weights_block", weights.as_ref().and_then(|weights| weights.last_update()).into()),
                ("weights", weights.as_ref().map(|weights| weights.fact(block)).into()),
                ("block", block.into()),
                ("chain", chain_fact(subnet.chain())),
                ("duties", board.facts().into()),
            ]));
            health
        })
    }
}
