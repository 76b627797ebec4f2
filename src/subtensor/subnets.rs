//! All subnets at a glance, and what creating one costs.

use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::account;
use super::error::Failure;
use super::market::prices;
use super::snapshot::{PALLET, Snapshot};
use super::{Subtensor, SubtensorError};
use crate::units::{Account, BlockNumber, Foreign, NetUid, Rao};

/// A subnet in one line.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct SubnetSummary {
    /// Its number.
    pub netuid: NetUid,
    /// What its owner calls it; empty when nothing was said.
    pub name: Foreign,
    /// The symbol of its alpha.
    pub symbol: Foreign,
    /// Rao per 10⁹ alpha-rao.
    pub price_rao: Rao,
    /// TAO in its pool, in rao; all stake on root.
    pub tao_in_rao: Rao,
    /// Alpha in its pool, in alpha-rao.
    pub alpha_in_rao: Rao,
    /// Alpha outside its pool, in alpha-rao.
    pub alpha_out_rao: Rao,
    /// TAO that it got in the last block, in rao.
    pub emission_rao: Rao,
    /// Neurons.
    pub neurons: u16,
    /// Places for neurons.
    pub max_neurons: u16,
    /// Blocks between two epochs.
    pub tempo: u16,
    /// What a registration burns now, in rao.
    pub burn_rao: Rao,
    /// The owner's coldkey; `None` for root.
    pub owner: Option<Account>,
    /// The block of its creation.
    pub registered_at: BlockNumber,
    /// Whether staking has begun.
    pub started: bool,
}

/// `SubnetIdentityV3`, as far as it is about the name.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawIdentity {
    subnet_name: Vec<u8>,
}

impl Subtensor {
    /// All subnets, root included, at one block, in the order of their numbers.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn subnets(&self) -> Result<Vec<SubnetSummary>, SubtensorError> {
        self.ask("the subnets", |at| async move { summaries(&at, &at.subnets().await?).await }).await
    }

    /// One subnet.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn subnet(&self, netuid: NetUid) -> Result<SubnetSummary, SubtensorError> {
        self.ask(&format!("subnet {netuid}"), |at| async move {
            at.require_subnet(netuid).await?;
            let found = summaries(&at, &[netuid.0]).await?;
            Ok(found.into_iter().next().ok_or(SubtensorError::NoSubnet(netuid))?)
        })
        .await
    }

    /// What creating a subnet locks now, in rao.
    ///
    /// # Errors
    /// The chain cannot be read, or its runtime does not say.
    pub async fn subnet_creation_cost(&self) -> Result<Rao, SubtensorError> {
        let what = "the cost of a subnet";
        self.ask(what, |at| async move {
            Ok(Rao(at.api("SubnetRegistrationRuntimeApi", "get_network_registration_cost", ()).await?))
        })
        .await
    }
}

async fn summaries(at: &Snapshot, netuids: &[u16]) -> Result<Vec<SubnetSummary>, Failure> {
    let numbers = async |item: &str| column::<u64>(at, item, netuids).await;
    let small = async |item: &str| column::<u16>(at, item, netuids).await;
    let (prices, tao, alpha_in, alpha_out, emission) = tokio::try_join!(
        prices(at, netuids),
        numbers("SubnetTAO"),
        numbers("SubnetAlphaIn"),
        numbers("SubnetAlphaOut"),
        numbers("SubnetTaoInEmission"),
    )?;
    let (neurons, places, tempo, burn, since) = tokio::try_join!(
        small("SubnetworkN"),
        small("MaxAllowedUids"),
        small("Tempo"),
        numbers("Burn"),
        numbers("NetworkRegisteredAt"),
    )?;
    let (owners, symbols, identities, started) = tokio::try_join!(
        column::<AccountId32>(at, "SubnetOwner", netuids),
        column::<Vec<u8>>(at, "TokenSymbol", netuids),
        column::<RawIdentity>(at, "SubnetIdentitiesV3", netuids),
        column::<bool>(at, "SubtokenEnabled", netuids),
    )?;
    let of = |column: &[Option<u64>], index: usize| Rao(column.get(index).copied().flatten().unwrap_or(0));
    let short = |column: &[Option<u16>], index: usize| column.get(index).copied().flatten().unwrap_or(0);
    let row = |(index, netuid): (usize, &u16)| SubnetSummary {
        netuid: NetUid(*netuid),
        name: identities
            .get(index)
            .and_then(Option::as_ref)
            .map(|identity| text(&identity.subnet_name))
            .unwrap_or_default(),
        symbol: symbols.get(index).and_then(Option::as_ref).map(|bytes| text(bytes)).unwrap_or_default(),
        price_rao: Rao(prices.get(index).copied().unwrap_or(0)),
        tao_in_rao: of(&tao, index),
        alpha_in_rao: of(&alpha_in, index),
        alpha_out_rao: of(&alpha_out, index),
        emission_rao: of(&emission, index),
        neurons: short(&neurons, index),
        max_neurons: short(&places, index),
        tempo: short(&tempo, index),
        burn_rao: of(&burn, index),
        owner: owners.get(index).and_then(Option::as_ref).map(account).filter(|owner| owner.0 != [0; 32]),
        registered_at: of(&since, index).0,
        started: started.get(index).copied().flatten().unwrap_or(false),
    };
    Ok(netuids.iter().enumerate().map(row).collect())
}

/// One item for each subnet; nothing where the runtime does not have the item.
async fn column<T: DecodeAsType>(at: &Snapshot, item: &str, netuids: &[u16]) -> Result<Vec<Option<T>>, Failure> {
    match at.runtime.has_item(PALLET, item) {
        true => at.values(item, netuids.iter().map(|netuid| (*netuid,))).await,
        false => Ok(netuids.iter().map(|_| None).collect()),
    }
}

pub(super) fn text(bytes: &[u8]) -> Foreign {
    String::from_utf8_lossy(bytes).into_owned().into()
}
