//! A validator's axon: it answers the echo and nothing else, for miners whose firewalls know only callers that the chain
//! shows an address of.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::error::RoleError;
use super::miner::{external_address, publish};
use super::subnet::Subnet;
use super::tasks::Tasks;
use crate::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use crate::wallet::Keypair;

/// What a validator announces.
#[derive(Debug)]
pub struct Announcement {
    /// Its hotkey.
    pub hotkey: Arc<Keypair>,
    /// Where and how it serves.
    pub axon: AxonConfig,
    /// The address to publish; without it the one it listens on.
    pub external: (Option<IpAddr>, Option<u16>),
}

/// The axon, serving; dropping it frees the port. The chain goes on showing its address.
#[derive(Debug)]
pub struct Announced {
    axon: Handle,
    published: SocketAddr,
    tasks: Tasks,
}

impl Announcement {
    /// Serves, and publishes the address on the chain, as soon as that is there.
    ///
    /// # Errors
    /// The port is taken, or nobody can be told to call the address.
    pub async fn start(self, subnet: &Subnet) -> Result<Announced, RoleError> {
        let Self { hotkey, axon, external } = self;
        // Whoever is registered may ask whether somebody is there.
        let policy = AdmissionPolicy { force_validator_permit: false, ..AdmissionPolicy::default() };
        let builder = Axon::builder(axon, Arc::clone(&hotkey)).policy(policy);
        let axon = builder.standing(Arc::new(subnet.clone())).spawn().await?;
        let published = external_address(axon.local_addr(), external)?;
        let mut tasks = Tasks::new();
        let subnet = subnet.clone();
        tasks.supervise("publication", move || {
            let (hotkey, subnet) = (Arc::clone(&hotkey), subnet.clone());
            async move { publish(&hotkey, &subnet, published).await }
        });
        Ok(Announced { axon, published, tasks })
    }
}

impl Announced {
    /// Where the chain says it is reached, or will when it is back.
    #[must_use]
    pub const fn published(&self) -> SocketAddr {
        self.published
    }

    /// Ends it.
    pub async fn stop(self, patience: Duration) {
        self.tasks.stop(patience).await;
        // Nobody waits long for an echo.
        let _ = tokio::time::timeout(patience, self.axon.shutdown()).await;
    }
}
