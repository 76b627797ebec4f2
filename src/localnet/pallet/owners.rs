//! What a subnet's owner sets by calls of this pallet: the schedule, and the symbol.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{dispatch::DispatchResult, ensure};
use sp_runtime::DispatchError;

/// Tempos that an owner may choose, in blocks.
const TEMPOS: std::ops::RangeInclusive<u16> = 360..=50_400;
/// Activity cutoffs that may be chosen, in thousandths of a tempo.
const CUTOFFS: std::ops::RangeInclusive<u32> = 1000..=50_000;
/// Blocks between two changes of the tempo.
const BLOCKS_BETWEEN_TEMPOS: u64 = 360;

impl<T: Config> Pallet<T> {
    fn ensure_owner(who: &AccountId, netuid: NetUid) -> Result<(), DispatchError> {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubnetOwner::<T>::get(netuid) == *who, DispatchError::BadOrigin);
        Ok(())
    }

    /// Whether an owner may set something now.
    ///
    /// # Errors
    /// `TxRateLimitExceeded`: it did so less than `OwnerHyperparamRateLimit` tempos ago.
    pub(crate) fn may_set(netuid: NetUid, what: Hyperparameter) -> DispatchResult {
        let last = LastRateLimitedBlock::<T>::get(RateLimitKey::OwnerHyperparamUpdate(netuid, what));
        Self::ensure_waited(last, OwnerHyperparamRateLimit::<T>::get().into(), netuid)
    }

    /// Takes note that it has.
    pub(crate) fn has_set(netuid: NetUid, what: Hyperparameter) {
        LastRateLimitedBlock::<T>::insert(RateLimitKey::OwnerHyperparamUpdate(netuid, what), Self::block());
    }

    /// The same of the version key, which has a limit of its own, counted by whoever sets it.
    ///
    /// # Errors
    /// `TxRateLimitExceeded`.
    pub(crate) fn may_set_version_key(who: &AccountId, netuid: NetUid) -> DispatchResult {
        let last = TransactionKeyLastBlock::<T>::get((who, netuid, RateLimited::SetWeightsVersionKey.key()));
        Self::ensure_waited(last, WeightsVersionKeyRateLimit::<T>::get(), netuid)
    }

    /// Takes note that it has.
    pub(crate) fn has_set_version_key(who: &AccountId, netuid: NetUid) {
        TransactionKeyLastBlock::<T>::insert((who, netuid, RateLimited::SetWeightsVersionKey.key()), Self::block());
    }

    /// Whether so many tempos have passed since `last`; 0 is never.
    fn ensure_waited(last: u64, tempos: u64, netuid: NetUid) -> DispatchResult {
        let limit = tempos.saturating_mul(Tempo::<T>::get(netuid).into());
        ensure!(last == 0 || Self::block().saturating_sub(last) >= limit, Error::<T>::TxRateLimitExceeded);
        Ok(())
    }

    /// Sets the tempo; the cycle of epochs starts anew with this block.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `BadOrigin` for others than the owner, `TempoOutOfBounds`,
    /// `AdminActionProhibitedDuringWeightsWindow`, `TxRateLimitExceeded`.
    pub(crate) fn do_set_tempo(who: &AccountId, netuid: NetUid, tempo: u16) -> DispatchResult {
        Self::ensure_owner(who, netuid)?;
        ensure!(TEMPOS.contains(&tempo), Error::<T>::TempoOutOfBounds);
        Self::check_freeze_window(netuid)?;
        let key = (SubnetOwnerHotkey::<T>::get(netuid), netuid, RateLimited::TempoUpdate.key());
        let last = TransactionKeyLastBlock::<T>::get(&key);
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || waited >= BLOCKS_BETWEEN_TEMPOS, Error::<T>::TxRateLimitExceeded);
        TransactionKeyLastBlock::<T>::insert(key, Self::block());
        Tempo::<T>::insert(netuid, tempo);
        LastEpochBlock::<T>::insert(netuid, Self::block());
        Self::deposit_event(Event::TempoSet(netuid, tempo));
        Ok(())
    }

    /// Sets after how many thousandths of a tempo a validator without new weights is inactive; `who` is none for root.
    ///
    /// # Errors
    /// `SubnetNotExists`, `BadOrigin` for others than owner and root, `TxRateLimitExceeded`,
    /// `ActivityCutoffFactorMilliOutOfBounds`.
    pub(crate) fn do_set_activity_cutoff_factor(
        who: Option<&AccountId>,
        netuid: NetUid,
        factor: u32,
    ) -> DispatchResult {
        match who {
            Some(who) => {
                Self::ensure_owner(who, netuid)?;
                Self::may_set(netuid, Hyperparameter::ActivityCutoffFactorMilli)?;
            }
            None => ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists),
        }
        ensure!(CUTOFFS.contains(&factor), Error::<T>::ActivityCutoffFactorMilliOutOfBounds);
        if who.is_some() {
            Self::has_set(netuid, Hyperparameter::ActivityCutoffFactorMilli);
        }
        ActivityCutoffFactorMilli::<T>::insert(netuid, factor);
        Self::deposit_event(Event::ActivityCutoffFactorMilliSet { netuid, factor_milli: factor });
        Ok(())
    }

    /// Orders an epoch, to run when the freeze window is over.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `BadOrigin` for others than the owner, `DynamicTempoBlockedByCommitReveal`,
    /// `EpochTriggerAlreadyPending`, `AutoEpochAlreadyImminent`.
    pub(crate) fn do_trigger_epoch(who: &AccountId, netuid: NetUid) -> DispatchResult {
        Self::ensure_owner(who, netuid)?;
        ensure!(!CommitRevealWeightsEnabled::<T>::get(netuid), Error::<T>::DynamicTempoBlockedByCommitReveal);
        ensure!(PendingEpochAt::<T>::get(netuid) == 0, Error::<T>::EpochTriggerAlreadyPending);
        let fires_at = Self::block().saturating_add(AdminFreezeWindow::<T>::get().into());
        let near = Self::next_epoch(netuid).is_some_and(|next| next < fires_at);
        ensure!(!near, Error::<T>::AutoEpochAlreadyImminent);
        PendingEpochAt::<T>::insert(netuid, fires_at);
        Self::deposit_event(Event::EpochTriggered { netuid, by: who.clone(), fires_at });
        Ok(())
    }

    /// Sets the symbol of a subnet's alpha; `who` is none for root.
    ///
    /// # Errors
    /// `SubnetNotExists`, `BadOrigin` for others than owner and root, `SymbolDoesNotExist` for what is not one letter of the
    /// alphabets that symbols are from, `SymbolAlreadyInUse`.
    pub(crate) fn do_update_symbol(who: Option<&AccountId>, netuid: NetUid, symbol: Vec<u8>) -> DispatchResult {
        match who {
            Some(who) => {
                Self::ensure_owner(who, netuid)?;
                Self::may_set(netuid, Hyperparameter::ActivityCutoffFactorMilli)?;
            }
            None => ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists),
        }
        ensure!(is_letter(&symbol), Error::<T>::SymbolDoesNotExist);
        let taken = TokenSymbol::<T>::iter().any(|(other, theirs)| other != netuid && theirs == symbol);
        ensure!(!taken, Error::<T>::SymbolAlreadyInUse);
        TokenSymbol::<T>::insert(netuid, &symbol);
        Self::deposit_event(Event::SymbolUpdated { netuid, symbol });
        Ok(())
    }
}

/// One letter, which may carry marks. (The real chain has a list of 439.)
fn is_letter(symbol: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(symbol) else { return false };
    let mut letters = text.chars();
    text.len() <= 16 && letters.next().is_some_and(char::is_alphabetic) && !letters.any(char::is_whitespace)
}
