//! What alpha costs: the price in each subnet, and what a purchase or a sale would bring after fee and slippage.
//!
//! The chain's own simulation answers (`SwapRuntimeApi`). A runtime that does not describe it has the pool in storage, which
//! gives the price alone.

use subxt::ext::scale_decode::DecodeAsType;

use super::error::Failure;
use super::snapshot::{PALLET, Snapshot};
use super::{Subtensor, SubtensorError};
use crate::units::{NetUid, Rao};

const INTERFACE: &str = "SwapRuntimeApi";

/// `SimSwapResult` of the runtime API.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawQuote {
    tao_amount: u64,
    alpha_amount: u64,
    tao_fee: u64,
    alpha_fee: u64,
}

/// `SubnetPrice` of the runtime API.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawPrice {
    netuid: u16,
    price: u64,
}

/// What a swap would do now.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Quote {
    /// What is paid: rao for a purchase, alpha-rao for a sale.
    pub paid: Rao,
    /// What comes back: alpha-rao for a purchase, rao for a sale.
    pub received: Rao,
    /// The pool's fee, in what is paid.
    pub fee: Rao,
    /// Rao per 10⁹ alpha-rao before it.
    pub price: Rao,
    /// How much worse than `price` the swap is, fee included, in percent.
    pub impact_percent: f64,
}

impl Subtensor {
    /// The price of alpha in a subnet: rao per 10⁹ alpha-rao. On root it is 10⁹.
    ///
    /// # Errors
    /// [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn alpha_price(&self, netuid: NetUid) -> Result<Rao, SubtensorError> {
        self.ask(&format!("the price in subnet {netuid}"), |at| async move {
            at.require_subnet(netuid).await?;
            Ok(Rao(price(&at, netuid.0).await?))
        })
        .await
    }

    /// The prices of alpha in these subnets at one block, in their order; 0 for a subnet that is not there.
    ///
    /// # Errors
    /// When the chain cannot be read.
    pub async fn alpha_prices(&self, netuids: &[NetUid]) -> Result<Vec<Rao>, SubtensorError> {
        let netuids: Vec<u16> = netuids.iter().map(|netuid| netuid.0).collect();
        let netuids = netuids.as_slice();
        let prices = self.ask("the prices of alpha", |at| async move { prices(&at, netuids).await }).await?;
        Ok(prices.into_iter().map(Rao).collect())
    }

    /// What staking this much TAO, in rao, in a subnet would bring.
    ///
    /// # Errors
    /// The chain cannot be read, or its runtime does not simulate swaps.
    pub async fn quote_stake(&self, netuid: NetUid, tao: Rao) -> Result<Quote, SubtensorError> {
        self.quote(netuid, "sim_swap_tao_for_alpha", tao).await
    }

    /// What taking off this much alpha, in alpha-rao, would bring.
    ///
    /// # Errors
    /// The chain cannot be read, or its runtime does not simulate swaps.
    pub async fn quote_unstake(&self, netuid: NetUid, alpha: Rao) -> Result<Quote, SubtensorError> {
        self.quote(netuid, "sim_swap_alpha_for_tao", alpha).await
    }

    async fn quote(&self, netuid: NetUid, method: &'static str, paid: Rao) -> Result<Quote, SubtensorError> {
        let buys = method == "sim_swap_tao_for_alpha";
        self.ask(&format!("a quote in subnet {netuid}"), |at| async move {
            let (raw, price) =
                tokio::try_join!(at.api::<_, RawQuote>(INTERFACE, method, (netuid.0, paid.0)), price(&at, netuid.0))?;
            let (received, fee) = if buys { (raw.alpha_amount, raw.tao_fee) } else { (raw.tao_amount, raw.alpha_fee) };
            let price_in_tao = price as f64 / Rao::PER_TAO as f64;
            let ideal = if buys { paid.as_tao() / price_in_tao } else { paid.as_tao() * price_in_tao };
            let lost = 1.0 - Rao(received).as_tao() / ideal;
            let impact_percent = if lost.is_finite() { 100.0 * lost.max(0.0) } else { 0.0 };
            Ok(Quote { paid, received: Rao(received), fee: Rao(fee), price: Rao(price), impact_percent })
        })
        .await
    }
}

/// Rao per 10⁹ alpha-rao.
async fn price(at: &Snapshot, netuid: u16) -> Result<u64, Failure> {
    if at.runtime.describes(INTERFACE, "current_alpha_price") {
        return at.api(INTERFACE, "current_alpha_price", (netuid,)).await;
    }
    Ok(prices(at, &[netuid]).await?.first().copied().unwrap_or(0))
}

/// The prices of all these subnets, in their order.
pub(super) async fn prices(at: &Snapshot, netuids: &[u16]) -> Result<Vec<u64>, Failure> {
    if at.runtime.describes(INTERFACE, "current_alpha_price_all") {
        let all: Vec<RawPrice> = at.api(INTERFACE, "current_alpha_price_all", ()).await?;
        let of = |netuid: &u16| all.iter().find(|row| row.netuid == *netuid).map_or(0, |row| row.price);
        return Ok(netuids.iter().map(of).collect());
    }
    if !at.runtime.has_item(PALLET, "SubnetAlphaIn") {
        return Ok(vec![Rao::PER_TAO; netuids.len()]);
    }
    let keys = || netuids.iter().map(|netuid| (*netuid,));
    let (tao, alpha) =
        tokio::try_join!(at.values::<u64, _>("SubnetTAO", keys()), at.values::<u64, _>("SubnetAlphaIn", keys()))?;
    Ok(tao.iter().zip(&alpha).map(|(tao, alpha)| from_pool(tao.unwrap_or(0), alpha.unwrap_or(0))).collect())
}

/// The price in a pool with equal weights. A side that is empty belongs to root or to a subnet of before: one to one.
fn from_pool(tao: u64, alpha: u64) -> u64 {
    let price = u128::from(tao) * u128::from(Rao::PER_TAO) / u128::from(alpha.max(1));
    if alpha == 0 { Rao::PER_TAO } else { u64::try_from(price).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_a_price_and_an_empty_one_is_one_to_one() {
        assert_eq!(from_pool(1_000, 4_000), 250_000_000);
        assert_eq!(from_pool(0, 0), Rao::PER_TAO);
        assert_eq!(from_pool(u64::MAX, 1), u64::MAX, "beyond any price");
    }
}
