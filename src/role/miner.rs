//! The miner as a long-running process.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::duties::{METAGRAPH, follow, perform};
use super::error::RoleError;
use super::status::Board;
use super::subnet::Subnet;
use super::tasks::Tasks;
use crate::axon::{AdmissionPolicy, Axon, AxonConfig, Handle, Outcome};
use crate::subnets::work::MinerWork;
use crate::subtensor::Announcement;
use crate::synapse::VERSION;
use crate::units::Account;
use crate::wallet::Keypair;

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
    /// Its kind of work.
    pub work: Arc<dyn MinerWork>,
}

impl std::fmt::Debug for MinerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MinerParts")
            .field("hotkey", &self.hotkey)
            .field("axon", &self.axon.listen)
            .field("work", &self.work.manner())
            .finish_non_exhaustive()
    }
}

/// A running miner; dropping it ends it and frees the port.
pub struct Miner {
    hotkey: Account,
    axon: Arc<Handle>,
    work: Arc<dyn MinerWork>,
    subnet: Subnet,
    board: Arc<Board>,
    published: SocketAddr,
    tasks: Tasks,
}

impl std::fmt::Debug for Miner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miner").field("axon", &self.axon).field("work", &self.work.manner()).finish_non_exhaustive()
    }
}

impl Miner {
    /// Serves, publishes its address on the chain, and does its duties.
    ///
    /// # Errors
    /// The port is taken, the address cannot be published, or the hotkey is not registered.
    pub async fn start(parts: MinerParts) -> Result<Self, RoleError> {
        let MinerParts { hotkey, subnet, axon, policy, external, work } = parts;
        let axon = work
            .serve(Axon::builder(axon, Arc::clone(&hotkey)))
            .policy(work.admission(policy))
            .standing(Arc::new(subnet.clone()))
            .spawn()
            .await?;
        let published = external_address(axon.local_addr(), external)?;
        let mut tasks = Tasks::new();
        if subnet.is_connected() {
            publish(&hotkey, &subnet, published).await?;
        } else {
            tracing::warn!(address = %published, "the chain is away: the axon serves already, and is published on the \
                                                  chain later");
            tasks.supervise("publication", {
                let (hotkey, subnet) = (Arc::clone(&hotkey), subnet.clone());
                move || {
                    let (hotkey, subnet) = (Arc::clone(&hotkey), subnet.clone());
                    async move { publish(&hotkey, &subnet, published).await }
                }
            });
        }
        let axon = Arc::new(axon);
        let board = Arc::new(Board::default());
        tasks.supervise(METAGRAPH, follow(subnet.clone(), Arc::clone(&board)));
        tasks.supervise("status", {
            let (axon, work) = (Arc::clone(&axon), Arc::clone(&work));
            move || tell(Arc::clone(&axon), Arc::clone(&work))
        });
        for duty in work.duties() {
            tasks.run(perform(duty, hotkey.account(), Arc::clone(&board), tasks.stopping()));
        }
        Ok(Self { hotkey: hotkey.account(), axon, work, subnet, board, published, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.axon.local_addr()
    }

    /// Where the chain says it is reached, or will when it is back.
    #[must_use]
    pub const fn published(&self) -> SocketAddr {
        self.published
    }

    pub(super) const fn hotkey(&self) -> Account {
        self.hotkey
    }

    pub(super) fn axon(&self) -> Arc<Handle> {
        Arc::clone(&self.axon)
    }

    pub(super) const fn subnet(&self) -> &Subnet {
        &self.subnet
    }

    pub(super) fn work(&self) -> Arc<dyn MinerWork> {
        Arc::clone(&self.work)
    }

    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Ends it; requests in flight may take `patience`. Then its port is free and it asks the chain nothing any more.
    pub async fn stop(self, patience: Duration) {
        let Self { axon, work, tasks, .. } = self;
        tasks.stop(patience).await;
        if tokio::time::timeout(patience, axon.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in time; they are dropped");
        }
        match tokio::time::timeout(patience, work.finish()).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::warn!("the record of the last minute was not written: {e}"),
            Err(_) => tracing::warn!("the last part of the record was not written in time"),
        }
    }
}

/// The address by which others reach the axon.
pub(super) fn external_address(
    listening: SocketAddr,
    external: (Option<IpAddr>, Option<u16>),
) -> Result<SocketAddr, RoleError> {
    let address = SocketAddr::new(external.0.unwrap_or(listening.ip()), external.1.unwrap_or(listening.port()));
    if address.ip().is_unspecified() {
        return Err(RoleError::Setting(format!(
            "others cannot reach {}: set `--axon.external_ip` to the address by which others reach this machine",
            address.ip()
        )));
    }
    Ok(address)
}

/// Tells the chain where the axon is reached, unless it shows just that already.
pub(super) async fn publish(hotkey: &Keypair, subnet: &Subnet, address: SocketAddr) -> Result<(), RoleError> {
    let version = u32::try_from(VERSION).unwrap_or(u32::MAX);
    let announcement = Announcement { ip: address.ip(), port: address.port(), version };
    match subnet.chain().serve_axon(hotkey, subnet.netuid(), announcement).await? {
        Some(inclusion) => tracing::info!(block = inclusion.block, %address, "axon published on the chain"),
        None => tracing::info!(%address, "the chain has this axon already"),
    }
    Ok(())
}

async fn tell(axon: Arc<Handle>, work: Arc<dyn MinerWork>) -> Result<(), std::convert::Infallible> {
    loop {
        tokio::time::sleep(STATUS_EVERY).await;
        let seen = axon.snapshot();
        let of = |wanted: fn(Outcome) -> bool| -> u64 {
            let outcomes = seen.routes.iter().flat_map(|route| &route.outcomes);
            outcomes.filter(|(outcome, _)| wanted(*outcome)).map(|(_, took)| took.count()).sum()
        };
        let (answered, all) = (of(|outcome| outcome == Outcome::Answered), of(|_| true));
        tracing::info!(
            answered,
            refused = all - answered,
            connections = seen.now.connections,
            unauthenticated_callers = seen.unauthenticated_bodies.len(),
            "serving on {}: {answered} requests answered, {} refused, {}",
            axon.local_addr(),
            all - answered,
            work.status(),
        );
    }
}
