//! When epochs run, and what is read and written by one.

use super::{raw_list::RawList, *};
use crate::{
    localnet::runtime::{AccountId, AlphaBalance, NetUid, NetUidStorageIndex},
    yuma::{self, BondRule, Neuron, Outcome, Subnet},
};
use frame_support::ensure;

/// Blocks after which an epoch runs whatever the schedule says.
const LONGEST_TEMPO: u64 = 50_400;

impl<T: Config> Pallet<T> {
    /// Runs the epochs that are due, at most `MaxEpochsPerBlock`; the others wait a block.
    pub(crate) fn run_due_epochs() {
        let now = Self::block();
        let mut left = MaxEpochsPerBlock::<T>::get();
        for netuid in NetworksAdded::<T>::iter_keys().filter(|netuid| *netuid != NetUid::ROOT).collect::<Vec<_>>() {
            BlocksSinceLastStep::<T>::mutate(netuid, |blocks| *blocks = blocks.saturating_add(1));
            if !Self::epoch_is_due(netuid) {
                continue;
            }
            if left == 0 {
                let next = now.saturating_add(1);
                PendingEpochAt::<T>::insert(netuid, next);
                Self::deposit_event(Event::EpochDeferred { netuid, from_block: now, to_block: next });
                continue;
            }
            left = left.saturating_sub(1);
            Self::run_epoch(netuid);
            LastEpochBlock::<T>::insert(netuid, now);
            PendingEpochAt::<T>::remove(netuid);
            SubnetEpochIndex::<T>::mutate(netuid, |index| *index = index.saturating_add(1));
            BlocksSinceLastStep::<T>::insert(netuid, 0);
            LastMechansimStepBlock::<T>::insert(netuid, now);
        }
    }

    /// The subnets whose epoch is due in this block and has to wait, because too many are.
    pub(crate) fn deferred_subnets() -> Vec<NetUid> {
        let due =
            NetworksAdded::<T>::iter_keys().filter(|netuid| *netuid != NetUid::ROOT && Self::epoch_is_due(*netuid));
        due.skip(usize::from(MaxEpochsPerBlock::<T>::get())).collect()
    }

    /// Has an epoch begun in this block that has not run yet?
    pub(crate) fn epoch_is_due(netuid: NetUid) -> bool {
        let (now, tempo) = (Self::block(), u64::from(Tempo::<T>::get(netuid)));
        let pending = PendingEpochAt::<T>::get(netuid);
        tempo != 0
            && ((pending > 0 && now >= pending)
                || BlocksSinceLastStep::<T>::get(netuid) > LONGEST_TEMPO
                || now.saturating_sub(LastEpochBlock::<T>::get(netuid)) >= tempo)
    }

    /// The block of the next epoch; `None` where there are none.
    #[must_use]
    pub fn next_epoch(netuid: NetUid) -> Option<u64> {
        let tempo = u64::from(Tempo::<T>::get(netuid));
        if tempo == 0 || netuid == NetUid::ROOT || !NetworksAdded::<T>::get(netuid) {
            return None;
        }
        let regular = LastEpochBlock::<T>::get(netuid).saturating_add(tempo);
        let pending = PendingEpochAt::<T>::get(netuid);
        Some(if pending > 0 { regular.min(pending) } else { regular })
    }

    /// May the owner change settings now?
    ///
    /// # Errors
    /// `AdminActionProhibitedDuringWeightsWindow` when an epoch is near or deferred.
    pub(crate) fn check_freeze_window(netuid: NetUid) -> Result<(), Error<T>> {
        let left = Self::next_epoch(netuid).map_or(u64::MAX, |next| next.saturating_sub(Self::block()));
        let frozen =
            PendingEpochAt::<T>::get(netuid) > Self::block() || left < u64::from(AdminFreezeWindow::<T>::get());
        ensure!(!frozen, Error::AdminActionProhibitedDuringWeightsWindow);
        Ok(())
    }

    /// Blocks without new weights after which a validator is inactive.
    #[must_use]
    pub fn activity_cutoff(netuid: NetUid) -> u64 {
        let factor = u64::from(ActivityCutoffFactorMilli::<T>::get(netuid));
        (factor.saturating_mul(u64::from(Tempo::<T>::get(netuid))) / 1000).max(1)
    }

    /// Alpha that the next epoch pays to miners and validators.
    #[must_use]
    pub fn pending_emission(netuid: NetUid) -> u64 {
        PendingServerEmission::<T>::get(netuid)
            .saturating_add(PendingValidatorEmission::<T>::get(netuid))
            .saturating_add(PendingRootAlphaDivs::<T>::get(netuid))
    }

    fn run_epoch(netuid: NetUid) {
        let hotkeys: Vec<AccountId> =
            (0..SubnetworkN::<T>::get(netuid)).map(|uid| Keys::<T>::get(netuid, uid)).collect();
        let parts = Self::split_emission(netuid, Self::pending_emission(netuid));
        let outcomes = Self::mechanisms(netuid).zip(parts).map(|(mechanism, part)| {
            let index = netuid.mechanism(mechanism);
            let outcome = yuma::epoch(&Self::before_epoch(netuid, index, part, &hotkeys));
            Self::store_mechanism(index, &outcome);
            (part, outcome)
        });
        let Some(outcome) = super::mechanisms::merged(outcomes.collect()) else { return };
        Self::store_epoch(netuid, &outcome);
        Self::pay_epoch(netuid, &hotkeys, &outcome);
    }

    fn before_epoch(netuid: NetUid, index: NetUidStorageIndex, emission: u64, hotkeys: &[AccountId]) -> Subnet {
        Subnet {
            block: Self::block(),
            tempo: u64::from(Tempo::<T>::get(netuid)),
            last_step_block: LastMechansimStepBlock::<T>::get(netuid),
            activity_cutoff: Self::activity_cutoff(netuid),
            stake_threshold: StakeThreshold::<T>::get(),
            tao_weight: TaoWeight::<T>::get(),
            owner: Uids::<T>::get(netuid, SubnetOwnerHotkey::<T>::get(netuid)),
            max_validators: MaxAllowedValidators::<T>::get(netuid),
            kappa: Kappa::<T>::get(netuid),
            bonds_penalty: BondsPenalty::<T>::get(netuid),
            bonds_moving_average: BondsMovingAverage::<T>::get(netuid),
            bond_rule: Self::bond_rule(netuid),
            emission,
            neurons: Self::neurons_before_epoch(netuid, index, hotkeys),
        }
    }

    fn bond_rule(netuid: NetUid) -> BondRule {
        match (Yuma3On::<T>::get(netuid), LiquidAlphaOn::<T>::get(netuid)) {
            (false, _) => BondRule::Yuma2,
            (true, false) => BondRule::Yuma3,
            (true, true) => {
                let (low, high) = AlphaValues::<T>::get(netuid);
                BondRule::Liquid { low, high, steepness: AlphaSigmoidSteepness::<T>::get(netuid) }
            }
        }
    }

    fn neurons_before_epoch(netuid: NetUid, index: NetUidStorageIndex, hotkeys: &[AccountId]) -> Vec<Neuron> {
        let hidden = CommitRevealWeightsEnabled::<T>::get(netuid);
        let commits = if hidden { Self::oldest_commits(netuid, index) } else { Vec::new() };
        let committed_at = |hotkey| commits.iter().find(|(other, _)| other == hotkey).map(|(_, block)| *block);
        let (updates, permits) = (LastUpdate::<T>::get(index), ValidatorPermit::<T>::get(netuid));
        (0u16..)
            .zip(hotkeys)
            .map(|(uid, hotkey)| {
                let [alpha_stake, root_stake] = Self::inherited_in(hotkey, netuid, [netuid, NetUid::ROOT]);
                Neuron {
                    alpha_stake,
                    root_stake,
                    last_update: updates.get(usize::from(uid)).copied(),
                    registered_at: BlockAtRegistration::<T>::get(netuid, uid),
                    permit: permits.get(usize::from(uid)).copied(),
                    weights: row_at(&Weights::<T>::hashed_key_for(index, uid)),
                    bonds: row_at(&Bonds::<T>::hashed_key_for(index, uid)),
                    committed_at: committed_at(hotkey),
                }
            })
            .collect()
    }

    fn store_mechanism(index: NetUidStorageIndex, outcome: &Outcome) {
        Incentive::<T>::insert(index, &outcome.incentive);
        for (uid, row) in (0u16..).zip(&outcome.bonds) {
            if row.is_empty() {
                Bonds::<T>::remove(index, uid);
            } else {
                Bonds::<T>::insert(index, uid, row);
            }
        }
        let emissions = outcome.server_emission.iter().copied().map(AlphaBalance).collect();
        Self::deposit_event(Event::IncentiveAlphaEmittedToMiners { netuid: index, emissions });
    }

    fn store_epoch(netuid: NetUid, outcome: &Outcome) {
        Active::<T>::insert(netuid, &outcome.active);
        ValidatorPermit::<T>::insert(netuid, &outcome.validator_permit);
        ValidatorTrust::<T>::insert(netuid, &outcome.validator_trust);
        Consensus::<T>::insert(netuid, &outcome.consensus);
        Dividends::<T>::insert(netuid, &outcome.dividends);
        Emission::<T>::insert(netuid, &outcome.emission);
        StakeWeight::<T>::insert(netuid, &outcome.stake_weight);
    }
}

/// A row of weights or bonds: pairs of two bytes each. To decode 256 rows of 256 value by value takes longer than what an epoch
/// makes of them.
fn row_at(key: &[u8]) -> Vec<(u16, u16)> {
    let pair = |[a, b, c, d]: &[u8; 4]| (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
    RawList::at(key).items().iter().map(pair).collect()
}
