//! The writes of a neuron and its owner. Each waits until its block is final, and names the chain's refusal.

use std::net::IpAddr;

use subxt::dynamic::Value;
use subxt::ext::scale_value::Composite;

use super::snapshot::PALLET;
use super::{Inclusion, Operation, Subtensor, SubtensorError};
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::Keypair;

/// The number of the axon protocol that the field announces.
const PROTOCOL: u8 = 4;

/// A hotkey's slot, and the transaction that got it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Registration {
    /// The slot.
    pub uid: Uid,
    /// `None` when the hotkey was registered before.
    pub inclusion: Option<Inclusion>,
}

/// Where an axon is reached, for [`Subtensor::serve_axon`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The address that others call.
    pub ip: IpAddr,
    /// The port that others call.
    pub port: u16,
    /// The software's version as one number: 10.5.0 is 10005000.
    pub version: u32,
}

impl Subtensor {
    /// Registers a hotkey in a subnet for the price of the moment, paid and signed by the coldkey.
    ///
    /// A hotkey that is registered already costs nothing.
    ///
    /// # Errors
    /// The chain's refusal, or it cannot be read or written.
    pub async fn burned_register(
        &self,
        coldkey: &Keypair,
        netuid: NetUid,
        hotkey: &Account,
    ) -> Result<Registration, SubtensorError> {
        if let Some(uid) = self.uid(netuid, hotkey).await? {
            return Ok(Registration { uid, inclusion: None });
        }
        let inclusion = match self.submit(&Operation::register(netuid, hotkey, None), coldkey).await {
            Ok(inclusion) => Some(inclusion),
            // Somebody else with this coldkey was faster.
            Err(error) if error.refusal().is_some_and(|r| r.name == "HotKeyAlreadyRegisteredInSubNet") => None,
            Err(error) => return Err(error),
        };
        let uid = self.uid(netuid, hotkey).await?;
        let uid = uid.ok_or(SubtensorError::NotRegistered { hotkey: *hotkey, netuid })?;
        Ok(Registration { uid, inclusion })
    }

    /// Announces where the hotkey's axon is reached. `None` when the chain shows just that already: announcements are
    /// limited in rate.
    ///
    /// # Errors
    /// The chain's refusal, or it cannot be read or written.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::units::NetUid;
    /// # use neuron::wallet::{Keypair, Scheme};
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// # let (coldkey, hotkey) = (Keypair::from_uri("//Bob", Scheme::Sr25519)?, Keypair::from_uri("//Tide", Scheme::Sr25519)?);
    /// # chain.burned_register(&coldkey, NetUid(155), &hotkey.account()).await?;
    /// use neuron::subtensor::Announcement;
    ///
    /// let here = Announcement { ip: [203, 0, 113, 7].into(), port: 8091, version: 10_005_000 };
    /// let inclusion = chain.serve_axon(&hotkey, NetUid(155), here).await?;
    /// assert!(inclusion.is_some_and(|inclusion| inclusion.finalised));
    ///
    /// let shown = chain.axon(NetUid(155), &hotkey.account()).await?.map(|axon| axon.socket());
    /// assert_eq!(shown, Some(([203, 0, 113, 7], 8091).into()));
    /// assert_eq!(chain.serve_axon(&hotkey, NetUid(155), here).await?, None, "nothing to say");
    /// # Ok(()) }
    /// ```
    pub async fn serve_axon(
        &self,
        hotkey: &Keypair,
        netuid: NetUid,
        announcement: Announcement,
    ) -> Result<Option<Inclusion>, SubtensorError> {
        let Announcement { ip, port, version } = announcement;
        let shown = self.axon(netuid, &hotkey.account()).await?;
        if shown.is_some_and(|axon| (axon.ip, axon.port, axon.version) == (ip, port, version)) {
            return Ok(None);
        }
        self.submit(&Operation::serve_axon(netuid, announcement), hotkey).await.map(Some)
    }

    /// Sets a validator's weights: uid and value, of which only the proportions count.
    ///
    /// # Errors
    /// The chain's refusal (rate limit, permit, stake, version key, …), or it cannot be read or written.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, genesis::{GenesisConfig, SubnetGenesis}, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::wallet::{Keypair, Scheme};
    /// # let subnets = vec![SubnetGenesis { weights_rate_limit: 0, ..SubnetGenesis::events() }];
    /// # let genesis = GenesisConfig { subnets, ..GenesisConfig::default() };
    /// # let node = spawn(LocalnetConfig { port: 0, genesis, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// # // The subnet's owner needs no permit.
    /// # let hotkey = Keypair::from_uri("//Owner//155", Scheme::Sr25519)?;
    /// use neuron::units::{NetUid, Uid};
    ///
    /// let version_key = chain.hyperparameters(NetUid(155)).await?.weights_version;
    /// chain.set_weights(&hotkey, NetUid(155), &[(Uid(0), 7)], version_key).await?;
    /// assert_eq!(chain.weights_of(NetUid(155), Uid(0)).await?, [(Uid(0), u16::MAX)], "the largest is scaled to this");
    /// # Ok(()) }
    /// ```
    pub async fn set_weights(
        &self,
        hotkey: &Keypair,
        netuid: NetUid,
        weights: &[(Uid, u16)],
        version_key: u64,
    ) -> Result<Inclusion, SubtensorError> {
        let arguments = named([
            ("netuid", number(netuid.0)),
            ("dests", list(weights.iter().map(|(uid, _)| uid.0))),
            ("weights", list(weights.iter().map(|(_, value)| *value))),
            ("version_key", number(version_key)),
        ]);
        let subject = format!("subnet {netuid}, {} weights", weights.len());
        self.submit(&Operation::new(PALLET, "set_weights", arguments, subject), hotkey).await
    }

    /// Stakes `amount` of the coldkey's TAO, in rao, on a hotkey in a subnet.
    ///
    /// # Errors
    /// The chain's refusal, or it cannot be read or written.
    pub async fn add_stake(
        &self,
        coldkey: &Keypair,
        hotkey: &Account,
        netuid: NetUid,
        amount: Rao,
    ) -> Result<Inclusion, SubtensorError> {
        self.submit(&Operation::add_stake(hotkey, netuid, amount, None), coldkey).await
    }

    /// Takes `amount` of stake, in alpha-rao (rao on root), off a hotkey in a subnet. The chain takes no more than the
    /// position holds.
    ///
    /// # Errors
    /// The chain's refusal, or it cannot be read or written.
    pub async fn remove_stake(
        &self,
        coldkey: &Keypair,
        hotkey: &Account,
        netuid: NetUid,
        amount: Rao,
    ) -> Result<Inclusion, SubtensorError> {
        self.submit(&Operation::remove_stake(hotkey, netuid, amount, None), coldkey).await
    }

    /// Sends `amount` of TAO, in rao, to another account; refused rather than letting the sender's account die.
    ///
    /// # Errors
    /// The chain's refusal, or it cannot be read or written.
    pub async fn transfer(
        &self,
        coldkey: &Keypair,
        destination: &Account,
        amount: Rao,
    ) -> Result<Inclusion, SubtensorError> {
        self.submit(&Operation::transfer(destination, amount), coldkey).await
    }
}

impl Operation {
    /// Where the signing hotkey's axon is reached.
    #[must_use]
    pub fn serve_axon(netuid: NetUid, Announcement { ip, port, version }: Announcement) -> Self {
        let (family, bits) = match ip {
            IpAddr::V4(ip) => (4_u8, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (6, ip.to_bits()),
        };
        let arguments = named([
            ("netuid", number(netuid.0)),
            ("version", number(version)),
            ("ip", number(bits)),
            ("port", number(port)),
            ("ip_type", number(family)),
            ("protocol", number(PROTOCOL)),
            ("placeholder1", number(0_u8)),
            ("placeholder2", number(0_u8)),
        ]);
        Self::new(PALLET, "serve_axon", arguments, format!("subnet {netuid}, {ip} port {port}"))
    }
}

pub(super) fn named<'a>(arguments: impl IntoIterator<Item = (&'a str, Value)>) -> Composite<()> {
    Composite::named(arguments)
}

pub(super) fn number(value: impl Into<u128>) -> Value {
    Value::u128(value.into())
}

pub(super) fn list(values: impl Iterator<Item = u16>) -> Value {
    Value::unnamed_composite(values.map(number))
}

pub(super) fn bytes(account: &Account) -> Value {
    Value::from_bytes(account.0)
}
