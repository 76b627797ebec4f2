//! The miner as a long-running process.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::error::RoleError;
use super::subnet::Subnet;
use super::tasks::Tasks;
use crate::axon::{AdmissionPolicy, Axon, AxonConfig, Handle, Outcome};
use crate::clock::Clock;
use crate::forecast::{Cache, CacheSettings, Forecaster};
use crate::subnets::events::EventsMiner;
use crate::subnets::events::synapse::EventPredictionSynapse;
use crate::subtensor::Announcement;
use crate::synapse::{Synapse, VERSION};
use crate::wallet::Keypair;

/// How often the metagraph is read anew: a block of the main network.
const METAGRAPH_EVERY: Duration = Duration::from_secs(12);
/// How often one line tells that all is well.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// Everything a miner consists of.
pub struct MinerParts {
    /// Its hotkey.
    pub hotkey: Arc<Keypair>,
    /// The subnet.
    pub subnet: Subnet,
    /// Where and how it serves.
    pub axon: AxonConfig,
    /// Who may call.
    pub policy: AdmissionPolicy,
    /// The address to publish; without it the one it listens on, which others must be able to reach.
    pub external: (Option<IpAddr>, Option<u16>),
    /// How it answers.
    pub forecaster: Arc<dyn Forecaster>,
    /// What is remembered for how long.
    pub cache: CacheSettings,
    /// Market time.
    pub clock: Clock,
}

impl std::fmt::Debug for MinerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MinerParts")
            .field("hotkey", &self.hotkey)
            .field("axon", &self.axon.listen)
            .field("forecaster", &self.forecaster.name())
            .finish_non_exhaustive()
    }
}

/// A running miner; dropping it ends it and frees the port.
#[derive(Debug)]
pub struct Miner {
    axon: Arc<Handle>,
    cache: Cache,
    subnet: Subnet,
    published: SocketAddr,
    tasks: Tasks,
    _refreshing: AbortOnDropHandle<()>,
}

impl Miner {
    /// Serves, publishes its address on the chain, and keeps its forecasts fresh.
    ///
    /// # Errors
    /// The port is taken, the address cannot be published, or the hotkey is not registered.
    pub async fn start(parts: MinerParts) -> Result<Self, RoleError> {
        let MinerParts { hotkey, subnet, axon, policy, external, forecaster, cache, clock } = parts;
        let cache = Cache::new(forecaster, cache, clock);
        let axon = Axon::builder(axon, Arc::clone(&hotkey))
            .serve(EventsMiner::new(cache.clone()))
            .policy(policy)
            .standing(Arc::new(subnet.clone()))
            .spawn()
            .await?;
        let published = publish(&hotkey, &subnet, axon.local_addr(), external).await?;
        let axon = Arc::new(axon);
        let mut tasks = Tasks::new();
        tasks.supervise("metagraph", {
            let subnet = subnet.clone();
            move || {
                let subnet = subnet.clone();
                async move { subnet.follow(METAGRAPH_EVERY).await }
            }
        });
        tasks.supervise("status", {
            let (axon, cache) = (Arc::clone(&axon), cache.clone());
            move || tell(Arc::clone(&axon), cache.clone())
        });
        let refreshing = cache.spawn();
        Ok(Self { axon, cache, subnet, published, tasks, _refreshing: refreshing })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.axon.local_addr()
    }

    /// Where the chain says it is reached.
    #[must_use]
    pub const fn published(&self) -> SocketAddr {
        self.published
    }

    pub(super) fn axon(&self) -> Arc<Handle> {
        Arc::clone(&self.axon)
    }

    pub(super) const fn subnet(&self) -> &Subnet {
        &self.subnet
    }

    /// Its memory of forecasts.
    #[must_use]
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Ends it; requests in flight may take `patience`. Then its port is free and it asks the chain nothing any more.
    pub async fn stop(self, patience: Duration) {
        let Self { axon, tasks, .. } = self;
        tasks.stop(patience).await;
        if tokio::time::timeout(patience, axon.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time and are left");
        }
    }
}

/// Tells the chain where the axon is reached, unless it shows just that already.
async fn publish(
    hotkey: &Keypair,
    subnet: &Subnet,
    listening: SocketAddr,
    external: (Option<IpAddr>, Option<u16>),
) -> Result<SocketAddr, RoleError> {
    let address = SocketAddr::new(external.0.unwrap_or(listening.ip()), external.1.unwrap_or(listening.port()));
    if address.ip().is_unspecified() {
        return Err(RoleError::Setting(format!(
            "nobody can be told to call {}: say with `--axon.external_ip` by which address others reach this machine",
            address.ip()
        )));
    }
    let version = u32::try_from(VERSION).unwrap_or(u32::MAX);
    let announcement = Announcement { ip: address.ip(), port: address.port(), version };
    match subnet.chain().serve_axon(hotkey, subnet.netuid(), announcement).await? {
        Some(inclusion) => tracing::info!(block = inclusion.block, %address, "axon published on the chain"),
        None => tracing::info!(%address, "the chain shows this axon already"),
    }
    Ok(address)
}

async fn tell(axon: Arc<Handle>, cache: Cache) -> Result<(), std::convert::Infallible> {
    loop {
        tokio::time::sleep(STATUS_EVERY).await;
        let seen = axon.snapshot();
        let answered = seen.count(EventPredictionSynapse::NAME, Outcome::Answered);
        let all: u64 = seen.routes.iter().flat_map(|route| &route.outcomes).map(|(_, took)| took.count()).sum();
        tracing::info!(
            answered,
            refused = all - answered,
            connections = seen.now.connections,
            questions = cache.len(),
            unauthenticated_callers = seen.unauthenticated_bodies.len(),
            "serving on {}: {answered} requests answered, {} refused, {} questions in memory",
            axon.local_addr(),
            all - answered,
            cache.len(),
        );
    }
}
