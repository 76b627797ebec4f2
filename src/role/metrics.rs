//! What monitoring sees of a role: `/metrics` and `/health`, when `--metrics.port` says so.

use std::fmt;
use std::net::SocketAddr;

use serde_json::{Map, Value};

use super::error::RoleError;
use super::miner::Miner;
use super::setup;
use super::validator::Validator;
use crate::config::Settings;
use crate::telemetry::{Collector, DescriptorEncoder, Health, MetricsEndpoint, MetricsPort, Registry, Sheet};

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
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Build));
    role.register(&mut registry);
    let endpoint = port.serve(registry, role.health());
    tracing::info!("metrics on http://{0}/metrics, health on http://{0}/health", endpoint.local_addr());
    endpoint
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

/// Numbers of this moment that belong to a role and not to its axon or dendrite.
pub(super) struct Gauges<F>(pub(super) F);

impl<F> fmt::Debug for Gauges<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl<F: Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Gauges<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut encoder.into())
    }
}

/// An object of facts.
pub(super) fn facts<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Watched for Miner {
    fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.axon().metrics()));
        let (cache, subnet) = (self.cache().clone(), self.subnet().clone());
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| {
            let questions = cache.len() as f64;
            sheet.gauge("neuron_miner_questions_remembered", "Questions with a forecast in memory", questions)?;
            sheet.gauge("neuron_chain_block", "The block of the newest metagraph", subnet.now().metagraph.block as f64)
        })));
    }

    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let (axon, subnet) = (self.axon(), self.subnet().clone());
        Box::new(move || {
            let open = axon.snapshot().now.connections;
            let block = subnet.now().metagraph.block;
            let facts = facts([("role", "miner".into()), ("block", block.into()), ("connections", open.into())]);
            Health { ok: true, facts }
        })
    }
}

impl Watched for Validator {
    fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.events().dendrite().metrics()));
        let (status, subnet) = (self.status(), self.subnet().clone());
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| {
            status.write(sheet)?;
            sheet.gauge("neuron_chain_block", "The block of the newest metagraph", subnet.now().metagraph.block as f64)
        })));
    }

    fn health(&self) -> Box<dyn Fn() -> Health + Send + Sync> {
        let (status, subnet) = (self.status(), self.subnet().clone());
        Box::new(move || {
            let mut health = status.health();
            health.facts.insert("block".into(), subnet.now().metagraph.block.into());
            health
        })
    }
}
