//! Reading: each question is answered from one block, within the read deadline.

use std::future::Future;

use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::{account, account_id};
use super::error::{Failure, SubtensorError};
use super::metagraph::RawAxon;
use super::snapshot::{PALLET, Snapshot};
use super::{AxonInfo, Hyperparameters, Metagraph, Position, Subtensor, stake};
use crate::units::{Account, BlockNumber, NetUid, Rao, Uid, UnixMs};

/// `System.Account`, as far as it is about money.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawAccount {
    data: RawBalance,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawBalance {
    free: u64,
}

impl Subtensor {
    /// Everybody in a subnet, at one block.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// use neuron::units::{NetUid, Uid};
    ///
    /// let metagraph = chain.metagraph(NetUid(155)).await?;
    /// let owner = metagraph.neuron(Uid(0)).expect("the subnet's owner is there from the start");
    /// assert_eq!(metagraph.by_hotkey(&owner.hotkey), Some(owner));
    /// println!("{} has {} alpha and a validator trust of {}", owner.hotkey, owner.alpha_stake, owner.validator_trust);
    /// # Ok(()) }
    /// ```
    pub async fn metagraph(&self, netuid: NetUid) -> Result<Metagraph, SubtensorError> {
        let what = format!("the metagraph of subnet {netuid}");
        self.ask(&what, |at| async move { Metagraph::read(&at, netuid).await }).await
    }

    /// A subnet's hyperparameters, at one block.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn hyperparameters(&self, netuid: NetUid) -> Result<Hyperparameters, SubtensorError> {
        let what = format!("the hyperparameters of subnet {netuid}");
        self.ask(&what, |at| async move { Hyperparameters::read(&at, netuid).await }).await
    }

    /// Refuses a subnet that is not there.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn require_subnet(&self, netuid: NetUid) -> Result<(), SubtensorError> {
        self.ask(&format!("subnet {netuid}"), |at| async move { at.require_subnet(netuid).await }).await
    }

    /// The height of the best block.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn block_number(&self) -> Result<BlockNumber, SubtensorError> {
        let deadline = self.connection.config.read_deadline;
        self.connection.run("the best block", deadline, |link| async move { Ok(link.best().await?.1) }).await
    }

    /// The time of the best block, as its maker had it.
    ///
    /// # Errors
    /// When the chain cannot be read, or keeps no time.
    pub async fn time(&self) -> Result<UnixMs, SubtensorError> {
        let read = |at: Snapshot| async move { at.value::<u64>("Timestamp", "Now", ()).await };
        let now = self.ask("the time of the best block", read).await?.unwrap_or(0);
        Ok(UnixMs(i64::try_from(now).unwrap_or(i64::MAX)))
    }

    /// An account's free balance; an account that does not exist has none.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn balance(&self, owner: &Account) -> Result<Rao, SubtensorError> {
        let key = account_id(owner);
        let account = self
            .ask(&format!("the balance of {owner}"), |at| async move {
                at.value::<RawAccount>("System", "Account", (key,)).await
            })
            .await?;
        Ok(account.map_or(Rao(0), |account| Rao(account.data.free)))
    }

    /// The slot of a hotkey in a subnet; `None` when it is not registered there.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn uid(&self, netuid: NetUid, hotkey: &Account) -> Result<Option<Uid>, SubtensorError> {
        let key = account_id(hotkey);
        let uid = self
            .ask(&format!("the uid of {hotkey} in subnet {netuid}"), |at| async move {
                at.value(PALLET, "Uids", (netuid.0, key)).await
            })
            .await?;
        Ok(uid.map(Uid))
    }

    /// The coldkey that owns a hotkey; `None` when no one ever did.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn owner(&self, hotkey: &Account) -> Result<Option<Account>, SubtensorError> {
        let key = account_id(hotkey);
        let owner: Option<AccountId32> = self
            .ask(&format!("the owner of {hotkey}"), |at| async move { at.value(PALLET, "Owner", (key,)).await })
            .await?;
        // The item's default is the zero account.
        Ok(owner.map(|owner| account(&owner)).filter(|owner| owner.0 != [0; 32]))
    }

    /// The weights that a validator has on the chain: uid and value, as stored (the largest is 65535).
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn weights_of(&self, netuid: NetUid, uid: Uid) -> Result<Vec<(Uid, u16)>, SubtensorError> {
        let what = format!("the weights of uid {uid} in subnet {netuid}");
        let row: Option<Vec<(u16, u16)>> =
            self.ask(&what, |at| async move { at.value(PALLET, "Weights", (netuid.0, uid.0)).await }).await?;
        Ok(row.unwrap_or_default().into_iter().map(|(uid, value)| (Uid(uid), value)).collect())
    }

    /// What a coldkey has staked on a hotkey in a subnet, in alpha-rao (rao on root, netuid 0).
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn stake(&self, hotkey: &Account, coldkey: &Account, netuid: NetUid) -> Result<Rao, SubtensorError> {
        let (hot, cold) = (account_id(hotkey), account_id(coldkey));
        self.ask(&format!("the stake on {hotkey} in subnet {netuid}"), |at| async move {
            stake::position(&at, hot, cold, netuid.0).await
        })
        .await
    }

    /// Everything a coldkey has staked, by subnet and hotkey.
    ///
    /// # Errors
    /// When the chain cannot be read, or its runtime does not describe the API.
    pub async fn stakes(&self, coldkey: &Account) -> Result<Vec<Position>, SubtensorError> {
        let key = account_id(coldkey);
        let what = format!("the stakes of {coldkey}");
        self.ask(&what, |at| async move { stake::positions(&at, key).await }).await
    }

    /// Where a hotkey serves in a subnet, as the chain has it.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn axon(&self, netuid: NetUid, hotkey: &Account) -> Result<Option<AxonInfo>, SubtensorError> {
        let key = account_id(hotkey);
        let raw: Option<RawAxon> = self
            .ask(&format!("the axon of {hotkey} in subnet {netuid}"), |at| async move {
                at.value(PALLET, "Axons", (netuid.0, key)).await
            })
            .await?;
        Ok(raw.and_then(|raw| raw.announced()))
    }

    /// One question to the best block, or to the one that this chain is pinned to ([`Subtensor::at`]).
    pub(super) async fn ask<T, W, F>(&self, what: &str, question: W) -> Result<T, SubtensorError>
    where
        W: Fn(Snapshot) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        if let Some(block) = self.pinned {
            return self.ask_at(&format!("{what} at block {block}"), block, question).await;
        }
        let question = &question;
        let deadline = self.connection.config.read_deadline;
        let at_best = |link| async move { question(Snapshot::best(link).await?).await };
        self.connection.run(what, deadline, at_best).await
    }
}
