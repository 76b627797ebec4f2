//! The metagraph: everybody in a subnet, at one block.
//!
//! Read with two requests where the runtime describes `get_metagraph`, else from storage. `rank` and `trust` do not
//! appear: the chain does not keep them any more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::account;
use super::error::{Failure, SubtensorError};
use super::snapshot::{PALLET, Snapshot};
use super::stake;
use crate::units::{Account, BlockNumber, Identity, NetUid, Rao, Uid};

/// Where a neuron serves, as it announced itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema, serde::Deserialize)]
pub struct AxonInfo {
    /// The announced address.
    pub ip: IpAddr,
    /// The announced port.
    pub port: u16,
    /// The software's version as one number: 10.5.0 is 10005000.
    pub version: u32,
    /// The protocol's number; the field uses 4.
    pub protocol: u8,
    /// The block of the announcement.
    pub block: BlockNumber,
}

impl AxonInfo {
    /// Address and port.
    #[must_use]
    pub const fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

/// One neuron of a subnet.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema, serde::Deserialize)]
pub struct Neuron {
    /// Its slot, which changes hands.
    pub uid: Uid,
    /// Its key.
    pub hotkey: Account,
    /// Its owner.
    pub coldkey: Account,
    /// The block of its registration.
    pub registered_at: BlockNumber,
    /// Where it serves; `None` when it announced nothing, or withdrew it.
    pub axon: Option<AxonInfo>,
    /// Alpha staked on the hotkey in this subnet, with what it inherits from parents, in alpha-rao.
    pub alpha_stake: Rao,
    /// TAO staked on the hotkey on root, with what it inherits, in rao; not weighted.
    pub root_stake: Rao,
    /// The stake that counts here: alpha + root × the chain's TAO weight, in rao.
    pub total_stake: Rao,
    /// Whether it may set weights on others.
    pub validator_permit: bool,
    /// Whether it was counted as active in the last epoch.
    pub active: bool,
    /// The block of its last weights, or of its registration.
    pub last_update: BlockNumber,
    /// Share of the miners' reward, `0.0..=1.0`.
    pub incentive: f64,
    /// Share of the validators' reward, `0.0..=1.0`.
    pub dividends: f64,
    /// What the last epoch gave, in alpha-rao.
    pub emission: Rao,
    /// The stake-weighted consensus weight, `0.0..=1.0`.
    pub consensus: f64,
    /// How far its weights follow the consensus (vtrust), `0.0..=1.0`.
    pub validator_trust: f64,
}

impl Neuron {
    /// Who it is: the same hotkey registered again is somebody new.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        Identity { hotkey: self.hotkey, registered_at: self.registered_at }
    }
}

/// A subnet's neurons at one block, by uid.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema, serde::Deserialize)]
pub struct Metagraph {
    /// The subnet.
    pub netuid: NetUid,
    /// The block.
    pub block: BlockNumber,
    /// The neurons; the index is the uid.
    pub neurons: Vec<Neuron>,
}

impl Metagraph {
    /// The neuron in a slot.
    #[must_use]
    pub fn neuron(&self, uid: Uid) -> Option<&Neuron> {
        self.neurons.get(usize::from(uid.0))
    }

    /// The neuron with this hotkey.
    #[must_use]
    pub fn by_hotkey(&self, hotkey: &Account) -> Option<&Neuron> {
        self.neurons.iter().find(|neuron| neuron.hotkey == *hotkey)
    }

    pub(super) async fn read(at: &Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let columns = if at.runtime.describes(INTERFACE, METHOD) {
            match Columns::from_api(at, netuid).await {
                // Another shape of the answer: the storage items change less often.
                Err(Failure::Final(SubtensorError::Shape { what, reason })) => {
                    tracing::debug!(what, %reason, "reading the metagraph from storage instead");
                    Columns::from_storage(at, netuid).await?
                }
                other => other?,
            }
        } else {
            Columns::from_storage(at, netuid).await?
        };
        Ok(Self { netuid, block: at.block, neurons: columns.neurons() })
    }
}

const INTERFACE: &str = "SubnetInfoRuntimeApi";
const METHOD: &str = "get_metagraph";

/// The chain's `AxonInfo`, in storage and in runtime APIs.
#[derive(Debug, Clone, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
pub(super) struct RawAxon {
    block: u64,
    version: u32,
    ip: u128,
    port: u16,
    ip_type: u8,
    protocol: u8,
}

impl RawAxon {
    /// `None` for the zeros that stand for "no axon".
    pub(super) fn announced(&self) -> Option<AxonInfo> {
        let ip = match self.ip_type {
            6 => IpAddr::V6(Ipv6Addr::from_bits(self.ip)),
            _ => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.ip).ok()?)),
        };
        let nothing = self.ip == 0 || self.port == 0;
        (!nothing).then_some(AxonInfo {
            ip,
            port: self.port,
            version: self.version,
            protocol: self.protocol,
            block: self.block,
        })
    }
}

/// The part of the chain's `Metagraph` that a neuron needs, by the chain's names. A column may be short.
#[derive(Debug, Default, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Columns {
    hotkeys: Vec<AccountId32>,
    coldkeys: Vec<AccountId32>,
    axons: Vec<RawAxon>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    last_update: Vec<u64>,
    emission: Vec<u64>,
    dividends: Vec<u16>,
    incentives: Vec<u16>,
    consensus: Vec<u16>,
    block_at_registration: Vec<u64>,
    alpha_stake: Vec<u64>,
    tao_stake: Vec<u64>,
    total_stake: Vec<u64>,
    /// In no struct of the chain: filled from storage.
    #[decode_as_type(skip)]
    validator_trust: Vec<u16>,
}

/// `TaoWeight` is a fraction of this.
const TAO_WEIGHT_ONE: u128 = u64::MAX as u128;

impl Columns {
    async fn from_api(at: &Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let api = at.api::<_, Option<Self>>(INTERFACE, METHOD, (netuid.0,));
        let (columns, validator_trust) = tokio::try_join!(api, at.value(PALLET, "ValidatorTrust", (netuid.0,)))?;
        let columns = columns.ok_or(SubtensorError::NoSubnet(netuid))?;
        Ok(Self { validator_trust: validator_trust.unwrap_or_default(), ..columns })
    }

    /// The same from storage, without what stake inherits from parents.
    async fn from_storage(at: &Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let net = netuid.0;
        at.require_subnet(netuid).await?;
        let size: u16 = at.value(PALLET, "SubnetworkN", (net,)).await?.unwrap_or(0);
        let hotkeys: Vec<AccountId32> = full(at.values("Keys", (0..size).map(|uid| (net, uid))).await?, "Keys")?;
        let of_hotkeys = || hotkeys.iter().map(move |hotkey| (net, *hotkey));
        let (coldkeys, axons, registered, (alpha, root), tao_weight) = tokio::try_join!(
            at.values::<AccountId32, _>("Owner", hotkeys.iter().map(|hotkey| (*hotkey,))),
            at.values::<RawAxon, _>("Axons", of_hotkeys()),
            at.values::<u64, _>("BlockAtRegistration", (0..size).map(|uid| (net, uid))),
            stake::on_hotkeys(at, &hotkeys, net),
            tao_weight(at),
        )?;
        let none = RawAxon { block: 0, version: 0, ip: 0, port: 0, ip_type: 4, protocol: 0 };
        let total = |alpha: &u64, root: &u64| {
            let weighted = u128::from(*root) * tao_weight / TAO_WEIGHT_ONE;
            alpha.saturating_add(u64::try_from(weighted).unwrap_or(u64::MAX))
        };
        Ok(Self {
            coldkeys: full(coldkeys, "Owner")?,
            axons: axons.into_iter().map(|axon| axon.unwrap_or_else(|| none.clone())).collect(),
            active: column(at, "Active", net).await?,
            validator_permit: column(at, "ValidatorPermit", net).await?,
            last_update: column(at, "LastUpdate", net).await?,
            emission: column(at, "Emission", net).await?,
            dividends: column(at, "Dividends", net).await?,
            incentives: column(at, "Incentive", net).await?,
            consensus: column(at, "Consensus", net).await?,
            validator_trust: column(at, "ValidatorTrust", net).await?,
            block_at_registration: registered.into_iter().map(Option::unwrap_or_default).collect(),
            total_stake: alpha.iter().zip(&root).map(|(a, r)| total(a, r)).collect(),
            alpha_stake: alpha,
            tao_stake: root,
            hotkeys,
        })
    }

    fn neurons(&self) -> Vec<Neuron> {
        // The two key columns decide who is there; a missing element elsewhere is 0 or false, as before the first epoch.
        let keys = self.hotkeys.iter().zip(&self.coldkeys);
        let at = |column: &[u64], uid: usize| column.get(uid).copied().unwrap_or(0);
        let share = |column: &[u16], uid: usize| f64::from(column.get(uid).copied().unwrap_or(0)) / f64::from(u16::MAX);
        let set = |column: &[bool], uid: usize| column.get(uid).copied().unwrap_or(false);
        let neuron = |(uid, (hotkey, coldkey)): (u16, (&AccountId32, &AccountId32))| {
            let i = usize::from(uid);
            Neuron {
                uid: Uid(uid),
                hotkey: account(hotkey),
                coldkey: account(coldkey),
                registered_at: at(&self.block_at_registration, i),
                axon: self.axons.get(i).and_then(RawAxon::announced),
                alpha_stake: Rao(at(&self.alpha_stake, i)),
                root_stake: Rao(at(&self.tao_stake, i)),
                total_stake: Rao(at(&self.total_stake, i)),
                validator_permit: set(&self.validator_permit, i),
                active: set(&self.active, i),
                last_update: at(&self.last_update, i),
                incentive: share(&self.incentives, i),
                dividends: share(&self.dividends, i),
                emission: Rao(at(&self.emission, i)),
                consensus: share(&self.consensus, i),
                validator_trust: share(&self.validator_trust, i),
            }
        };
        (0..=u16::MAX).zip(keys).map(neuron).collect()
    }
}

/// What a rao on root counts for in a subnet, of [`TAO_WEIGHT_ONE`]. Before there was a weight, it counted in full.
async fn tao_weight(at: &Snapshot) -> Result<u128, Failure> {
    if !at.runtime.has_item(PALLET, "TaoWeight") {
        return Ok(TAO_WEIGHT_ONE);
    }
    Ok(at.value::<u64>(PALLET, "TaoWeight", ()).await?.map_or(0, u128::from))
}

async fn column<T: DecodeAsType>(at: &Snapshot, item: &str, netuid: u16) -> Result<Vec<T>, Failure> {
    Ok(at.value(PALLET, item, (netuid,)).await?.unwrap_or_default())
}

fn full<T>(column: Vec<Option<T>>, item: &str) -> Result<Vec<T>, SubtensorError> {
    let shape = || SubtensorError::Shape { what: format!("{PALLET}.{item}"), reason: "a value is missing".into() };
    column.into_iter().collect::<Option<_>>().ok_or_else(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(ip: u128, port: u16, ip_type: u8) -> RawAxon {
        RawAxon { block: 5, version: 10_005_000, ip, port, ip_type, protocol: 4 }
    }

    #[test]
    fn an_axon_is_read_in_both_families_and_zeros_are_none() {
        let four = raw(0xc0a8_0001, 8091, 4).announced().unwrap();
        assert_eq!(four.socket().to_string(), "192.168.0.1:8091");
        let six = raw(0x2001_0db8 << 96 | 1, 8091, 6).announced().unwrap();
        assert_eq!(six.socket().to_string(), "[2001:db8::1]:8091");
        assert_eq!(raw(0, 0, 0).announced(), None);
        assert_eq!(raw(0xc0a8_0001, 0, 4).announced(), None);
        // A number that is no IPv4 address under its own type.
        assert_eq!(raw(u128::MAX, 1, 4).announced(), None);
    }

    #[test]
    fn short_columns_are_zeros_and_no_panic() {
        let columns = Columns {
            hotkeys: vec![AccountId32([1; 32]), AccountId32([2; 32])],
            coldkeys: vec![AccountId32([3; 32]), AccountId32([3; 32])],
            incentives: vec![u16::MAX],
            ..Columns::default()
        };
        let neurons = columns.neurons();
        assert_eq!(neurons.len(), 2);
        assert_eq!((neurons[0].incentive, neurons[1].incentive), (1.0, 0.0));
        assert_eq!(neurons[1].uid, Uid(1));
        let metagraph = Metagraph { netuid: NetUid(8), block: 1, neurons };
        assert_eq!(metagraph.by_hotkey(&Account([2; 32])).map(|n| n.uid), Some(Uid(1)));
        assert_eq!(metagraph.neuron(Uid(2)), None);
    }
}
