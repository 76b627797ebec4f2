//! What a coldkey has staked on a hotkey in a subnet.
//!
//! The runtime API knows best. Where the metadata does not describe it, positions are worked out from storage: a
//! position's shares of all shares in the hotkey's pool, times the hotkey's alpha. Where shares lie is in `moved.rs`.

use frame_decode::storage::IntoEncodableValues;
use sp_core::{U256, U512};
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::AccountId32;

use super::chain::account;
use super::error::Failure;
use super::moved::{self, HOTKEY_STAKE, POSITION, SHARES, ShareItems, SharesAre, StakeOn};
use super::snapshot::{PALLET, Snapshot};
use crate::units::{Account, NetUid, Rao};

const INTERFACE: &str = "StakeInfoRuntimeApi";
const ONE: &str = "get_stake_info_for_hotkey_coldkey_netuid";
const ALL: &str = "get_stake_info_for_coldkey";
const ROOT: u16 = 0;

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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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
    let all: Vec<RawStake> = match at.runtime.describes(INTERFACE, ALL) {
        true => at.api(INTERFACE, ALL, (coldkey,)).await?,
        false => from_storage(at, coldkey).await?,
    };
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

/// The position, in alpha-rao (rao on root).
pub(super) async fn position(
    at: &Snapshot,
    hotkey: AccountId32,
    coldkey: AccountId32,
    netuid: u16,
) -> Result<Rao, Failure> {
    if at.runtime.describes(INTERFACE, ONE) {
        let info: Option<RawStake> = at.api(INTERFACE, ONE, (hotkey, coldkey, netuid)).await?;
        return Ok(Rao(info.map_or(0, |info| info.stake)));
    }
    let stakes = amounts(at, coldkey, &[(hotkey, netuid)]).await?;
    Ok(Rao(stakes.first().copied().unwrap_or(0)))
}

/// The stake on hotkeys as a whole, all coldkeys together: in this subnet in alpha-rao, and on root in rao.
pub(super) async fn on_hotkeys(
    at: &Snapshot,
    hotkeys: &[AccountId32],
    netuid: u16,
) -> Result<(Vec<u64>, Vec<u64>), Failure> {
    match at.runtime.form_of(&HOTKEY_STAKE)? {
        (item, StakeOn::EachSubnet) => {
            let of = |netuid: u16| numbers(at, item, hotkeys.iter().map(move |hotkey| (*hotkey, netuid)));
            Ok(tokio::try_join!(of(netuid), of(ROOT))?)
        }
        (item, StakeOn::TheWholeChain) => {
            let stakes = numbers(at, item, hotkeys.iter().map(|hotkey| (*hotkey,))).await?;
            Ok((vec![0; hotkeys.len()], stakes))
        }
    }
}

async fn from_storage(at: &Snapshot, coldkey: AccountId32) -> Result<Vec<RawStake>, Failure> {
    let hotkeys: Option<Vec<AccountId32>> = at.value(PALLET, "StakingHotkeys", (coldkey,)).await?;
    let subnets = match at.runtime.form_of(&POSITION)? {
        (_, moved::Position::Shares) => at.subnets().await?,
        (_, moved::Position::Amount) => vec![ROOT],
    };
    let pairs = |hotkey: AccountId32| subnets.iter().map(move |netuid| (hotkey, *netuid));
    let places: Vec<(AccountId32, u16)> = hotkeys.unwrap_or_default().into_iter().flat_map(pairs).collect();
    let stakes = amounts(at, coldkey, &places).await?;
    let held: Vec<_> = places.into_iter().zip(stakes).filter(|(_, stake)| *stake > 0).collect();
    let uids: Vec<Option<u16>> = at.values("Uids", held.iter().map(|((hotkey, netuid), _)| (*netuid, *hotkey))).await?;
    let rows = held.into_iter().zip(uids).map(|(((hotkey, netuid), stake), uid)| RawStake {
        hotkey,
        netuid,
        stake,
        is_registered: uid.is_some(),
    });
    Ok(rows.collect())
}

/// What a coldkey has on each hotkey in each subnet, in alpha-rao (rao on root).
async fn amounts(at: &Snapshot, coldkey: AccountId32, places: &[(AccountId32, u16)]) -> Result<Vec<u64>, Failure> {
    if let (item, moved::Position::Amount) = at.runtime.form_of(&POSITION)? {
        let stakes = numbers(at, item, places.iter().map(|(hotkey, _)| (*hotkey, coldkey))).await?;
        let on_root = |((_, netuid), stake): (&(AccountId32, u16), u64)| if *netuid == ROOT { stake } else { 0 };
        return Ok(places.iter().zip(stakes).map(on_root).collect());
    }
    let parts = places.iter().map(|(hotkey, netuid)| (*hotkey, coldkey, *netuid));
    let parts = shares(at, |items| items.part, parts).await?;
    let wholes = shares(at, |items| items.whole, places.iter().copied()).await?;
    let alphas = numbers(at, "TotalHotkeyAlpha", places.iter().copied()).await?;
    let stakes = parts.iter().zip(&wholes).zip(alphas).map(|((part, whole), alpha)| part.part_of(alpha, *whole));
    let shape = || super::SubtensorError::Shape {
        what: format!("{PALLET}.{}", POSITION.names()),
        reason: "a position is larger than the whole".into(),
    };
    Ok(stakes.collect::<Option<Vec<u64>>>().ok_or_else(shape)?)
}

/// Numbers, 0 where there is none.
async fn numbers<K: IntoEncodableValues>(
    at: &Snapshot,
    item: &str,
    keys: impl IntoIterator<Item = K>,
) -> Result<Vec<u64>, Failure> {
    Ok(at.values::<u64, K>(item, keys).await?.into_iter().map(Option::unwrap_or_default).collect())
}

/// Shares under whichever name the chain keeps each of them.
async fn shares<K: IntoEncodableValues + Clone>(
    at: &Snapshot,
    which: impl Fn(&ShareItems) -> &'static str,
    keys: impl Iterator<Item = K> + Clone,
) -> Result<Vec<Shares>, Failure> {
    let mut all = vec![Shares::default(); keys.clone().count()];
    for items in &SHARES {
        let item = which(items);
        if !at.runtime.has_item(PALLET, item) {
            continue;
        }
        let found: Vec<Shares> = match items.form {
            SharesAre::Binary => at.values::<Fixed, K>(item, keys.clone()).await?.into_iter().map(Into::into).collect(),
            SharesAre::Decimal => {
                at.values::<SafeFloat, K>(item, keys.clone()).await?.into_iter().map(Into::into).collect()
            }
        };
        for (known, found) in all.iter_mut().zip(found) {
            if known.mantissa == 0 {
                *known = found;
            }
        }
    }
    Ok(all)
}

/// The chain's `U64F64`.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct Fixed {
    bits: u128,
}

/// The chain's `SafeFloat`: mantissa × 10^exponent.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct SafeFloat {
    mantissa: u128,
    exponent: i64,
}

/// A number of shares: mantissa × 2^twos × 10^tens.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    mantissa: u128,
    twos: i32,
    tens: i64,
}

impl From<Option<Fixed>> for Shares {
    fn from(fixed: Option<Fixed>) -> Self {
        Self { mantissa: fixed.map_or(0, |fixed| fixed.bits), twos: -64, tens: 0 }
    }
}

impl From<Option<SafeFloat>> for Shares {
    fn from(float: Option<SafeFloat>) -> Self {
        float.map_or_else(Self::default, |float| Self { mantissa: float.mantissa, twos: 0, tens: float.exponent })
    }
}

impl Shares {
    /// `alpha` × these / `whole`, rounded down; `None` when no such part of anything can be.
    fn part_of(self, alpha: u64, whole: Self) -> Option<u64> {
        if self.mantissa == 0 || whole.mantissa == 0 {
            return Some(0);
        }
        // At most 192 and 128 bits; with a difference of 64 binary digits there is room for 77 decimal ones.
        let mut dividend = U512::from(self.mantissa).checked_mul(U512::from(alpha))?;
        let mut divisor = U512::from(whole.mantissa);
        match self.twos - whole.twos {
            more @ 0.. => dividend <<= more.unsigned_abs(),
            fewer => divisor <<= fewer.unsigned_abs(),
        }
        let power = self.tens.checked_sub(whole.tens)?;
        let scale = U256::from(10).checked_pow(U256::from(power.unsigned_abs())).map(U512::from);
        match scale {
            Some(scale) if power >= 0 => dividend = dividend.checked_mul(scale)?,
            // Beyond any number: a part too small to be one rao.
            Some(scale) => divisor = divisor.checked_mul(scale).unwrap_or(U512::MAX),
            None if power < 0 => return Some(0),
            None => return None,
        }
        u64::try_from(dividend.checked_div(divisor)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(mantissa: u128, tens: i64) -> Shares {
        Shares::from(Some(SafeFloat { mantissa, exponent: tens }))
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

    #[test]
    fn old_and_new_shares_are_of_one_kind() {
        let one = 1_000_000_000_000_000_000_000_u128;
        let fixed = |units: u128| Shares::from(Some(Fixed { bits: units << 64 }));
        assert_eq!(fixed(3).part_of(100, fixed(4)), Some(75));
        // A position that has moved already, in a pool that has not, and the reverse.
        assert_eq!(shares(one, -21).part_of(100, fixed(4)), Some(25));
        assert_eq!(fixed(1).part_of(100, shares(4 * one, -21)), Some(25));
        let largest = Shares::from(Some(Fixed { bits: u128::MAX }));
        assert_eq!(largest.part_of(u64::MAX, largest), Some(u64::MAX));
        assert_eq!(Shares::from(None::<Fixed>).part_of(5, fixed(1)), Some(0));
    }
}
