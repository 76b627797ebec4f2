//! The chain as the writer uses it: five things, each of which may be the last that a process does.

use std::future::Future;
use std::sync::Arc;

use crate::role::subnet::Subnet;
use crate::subtensor::weights::{Fate, MechId, SignedCall, WeightsCall, WeightsGround};
use crate::subtensor::{Inclusion, Refusal, SubtensorError};
use crate::units::Account;
use crate::wallet::Keypair;

/// A chain on which one hotkey writes weights in one subnet. Errors are those of [`crate::subtensor::Subtensor`].
pub trait WeightsChain: Send + Sync {
    /// Whose weights.
    fn hotkey(&self) -> Account;

    /// What is true now; with the sealed commits that wait, if they are wanted.
    fn ground(&self, with_sealed: bool) -> impl Future<Output = Result<WeightsGround, SubtensorError>> + Send;

    /// Signs; nothing is sent.
    fn sign(
        &self,
        mechanism: MechId,
        call: &WeightsCall,
        has_mechanisms: bool,
    ) -> impl Future<Output = Result<SignedCall, SubtensorError>> + Send;

    /// Hands it to a node. `Some`: the pool refuses it.
    fn post(&self, signed: &SignedCall) -> impl Future<Output = Result<Option<Refusal>, SubtensorError>> + Send;

    /// Waits until it is in a final block, or never will be.
    fn follow(
        &self,
        signed: &SignedCall,
        refused: Option<Refusal>,
    ) -> impl Future<Output = Result<Inclusion, SubtensorError>> + Send;

    /// What the blocks say of it.
    fn fate(&self, signed: &SignedCall) -> impl Future<Output = Result<Fate, SubtensorError>> + Send;
}

/// The real one.
pub struct OnChain {
    hotkey: Arc<Keypair>,
    subnet: Subnet,
}

impl OnChain {
    /// `hotkey` in a subnet.
    #[must_use]
    pub const fn new(hotkey: Arc<Keypair>, subnet: Subnet) -> Self {
        Self { hotkey, subnet }
    }
}

impl std::fmt::Debug for OnChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnChain").field("hotkey", &self.hotkey).finish_non_exhaustive()
    }
}

impl WeightsChain for OnChain {
    fn hotkey(&self) -> Account {
        self.hotkey.account()
    }

    async fn ground(&self, with_sealed: bool) -> Result<WeightsGround, SubtensorError> {
        let (netuid, hotkey) = (self.subnet.netuid(), self.hotkey.account());
        let ground = self.subnet.chain().weights_ground(netuid, &hotkey, with_sealed).await?;
        // What was read anyway is news for everybody.
        self.subnet.offer(ground.metagraph.clone());
        Ok(ground)
    }

    async fn sign(
        &self,
        mechanism: MechId,
        call: &WeightsCall,
        has_mechanisms: bool,
    ) -> Result<SignedCall, SubtensorError> {
        let place = (self.subnet.netuid(), mechanism);
        self.subnet.chain().sign_weights(&self.hotkey, place, call, has_mechanisms).await
    }

    async fn post(&self, signed: &SignedCall) -> Result<Option<Refusal>, SubtensorError> {
        self.subnet.chain().post(signed).await
    }

    async fn follow(&self, signed: &SignedCall, refused: Option<Refusal>) -> Result<Inclusion, SubtensorError> {
        self.subnet.chain().follow(signed, refused).await
    }

    async fn fate(&self, signed: &SignedCall) -> Result<Fate, SubtensorError> {
        self.subnet.chain().fate(signed).await
    }
}
