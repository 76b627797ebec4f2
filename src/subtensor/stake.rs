//! What a coldkey has staked on a hotkey in a subnet.
//!
//! The runtime API knows best. Where the metadata does not describe it, the position is worked out from the pool of
//! shares: the position's shares of all shares, times the hotkey's alpha.

use sp_core::U256;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::account;
use super::error::Failure;
use super::snapshot::{PALLET, Snapshot};
use crate::units::{Account, NetUid, Rao};

const INTERFACE: &str = "StakeInfoRuntimeApi";
const METHOD: &str = "get_stake_info_for_hotkey_coldkey_netuid";

/// `StakeInfo` of the runtime API.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct RawStake {
    hotkey: AccountId32,
    netuid: u16,
    stake: u64,
    is_registered: bool,
}

/// What a coldkey has staked on one hotkey in one subnet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Position {
    /// On whom.
    pub hotkey: Account,
    /// Where; 0 is root.
    pub netuid: NetUid,
    /// How much, in alpha-rao of the subnet (rao on root).
    pub stake: Rao,
    /// Whether the hotkey is registered there now.
    pub is_registered: bool,
}

/// All positions of a coldkey, by subnet and hotkey.
pub(super) async fn positions(at: &Snapshot, coldkey: AccountId32) -> Result<Vec<Position>, Failure> {
    let all: Vec<RawStake> = at.api(INTERFACE, "get_stake_info_for_coldkey", (coldkey,)).await?;
    let mut positions: Vec<Position> = all
        .iter()
        .filter(|row| row.stake > 0)
        .map(|row| Position {
            hotkey: account(&row.hotkey),
            netuid: NetUid(row.netuid),
            stake: Rao(row.stake),
            is_registered: row.is_registered,
        })
        .collect();
    positions.sort_by_key(|position| (position.netuid, position.hotkey));
    Ok(positions)
}

/// The chain's `SafeFloat`: mantissa × 10^exponent.
#[derive(Debug, Clone, Copy, Default, DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Shares {
    mantissa: u128,
    exponent: i64,
}

impl Shares {
    /// `alpha` × these / `whole`, rounded down; `None` when no such part of anything can be.
    fn part_of(self, alpha: u64, whole: Self) -> Option<u64> {
        if self.mantissa == 0 || whole.mantissa == 0 {
            return Some(0);
        }
        let power = self.exponent.checked_sub(whole.exponent)?;
        let ten = |power: u64| U256::from(10).checked_pow(U256::from(power));
        let mut dividend = U256::from(self.mantissa).checked_mul(U256::from(alpha))?;
        let mut divisor = U256::from(whole.mantissa);
        match ten(power.unsigned_abs()) {
            Some(scale) if power >= 0 => dividend = dividend.checked_mul(scale)?,
            // Beyond any number: a part too small to be one rao.
            Some(scale) => divisor = divisor.checked_mul(scale).unwrap_or(U256::MAX),
            None if power < 0 => return Some(0),
            None => return None,
        }
        u64::try_from(dividend.checked_div(divisor)?).ok()
    }
}

/// The position, in alpha-rao (rao on root).
pub(super) async fn position(
    at: &Snapshot,
    hotkey: AccountId32,
    coldkey: AccountId32,
    netuid: u16,
) -> Result<Rao, Failure> {
    if at.has_api(INTERFACE, METHOD) {
        let info: Option<RawStake> = at.api(INTERFACE, METHOD, (hotkey, coldkey, netuid)).await?;
        return Ok(Rao(info.map_or(0, |info| info.stake)));
    }
    let (shares, whole, alpha) = tokio::try_join!(
        at.value::<Shares>(PALLET, "AlphaV2", (hotkey, coldkey, netuid)),
        at.value::<Shares>(PALLET, "TotalHotkeySharesV2", (hotkey, netuid)),
        at.value::<u64>(PALLET, "TotalHotkeyAlpha", (hotkey, netuid)),
    )?;
    let stake = shares.unwrap_or_default().part_of(alpha.unwrap_or(0), whole.unwrap_or_default());
    let shape = || super::SubtensorError::Shape {
        what: format!("{PALLET}.AlphaV2"),
        reason: "a position is larger than the whole".to_owned(),
    };
    Ok(Rao(stake.ok_or_else(shape)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(mantissa: u128, exponent: i64) -> Shares {
        Shares { mantissa, exponent }
    }

    #[test]
    fn a_part_is_exact_whatever_the_exponents() {
        let half = 500_000_000_000_000_000_000;
        let one = 1_000_000_000_000_000_000_000;
        assert_eq!(shares(half, 0).part_of(u64::MAX, shares(one, 0)), Some(u64::MAX / 2));
        assert_eq!(shares(one, -21).part_of(100, shares(one, -20)), Some(10));
        assert_eq!(shares(one, -20).part_of(7, shares(one, -20)), Some(7));
        assert_eq!(shares(one, -19).part_of(7, shares(half, -18)), Some(1));
    }

    #[test]
    fn odd_numbers_of_the_chain_are_no_panic() {
        assert_eq!(shares(1, i64::MIN).part_of(1, shares(1, i64::MAX)), None);
        assert_eq!(shares(1, -100).part_of(1, shares(1, 100)), Some(0));
        assert_eq!(shares(1, 100).part_of(1, shares(1, -100)), None);
        assert_eq!(shares(u128::MAX, 0).part_of(u64::MAX, shares(1, 0)), None);
        assert_eq!(shares(5, 0).part_of(5, Shares::default()), Some(0));
    }
}
