//! When a subnet's epochs run, and when what is committed now will be revealed. Pure arithmetic on what the chain shows at
//! one block; rules of `coinbase/run_coinbase.rs` of subtensor.

use serde::Serialize;

use crate::timelock::Schedule;
use crate::units::{BlockNumber, NetUid, UnixMs};

/// After so many blocks without one, an epoch runs whatever the schedule says.
const LONGEST_TEMPO: u64 = 50_400;
/// So many blocks after the start of the epoch of the reveal, the round of the beacon is surely there; the tools of the field
/// choose the same.
const REVEAL_MARGIN: u64 = 3;

/// The schedule of a subnet at one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EpochClock {
    /// The subnet.
    pub netuid: NetUid,
    /// The block at which this was so.
    pub block: BlockNumber,
    /// Blocks from epoch to epoch; 0: there are none.
    pub tempo: u64,
    /// How the chain counts.
    pub rule: EpochRule,
}

/// The two ways of counting that runtimes have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EpochRule {
    /// The chain keeps the schedule in its state, and the period is the tempo (2026).
    Counted {
        /// The block of the last epoch.
        last: BlockNumber,
        /// The block to which the next one was moved; 0 when it was not.
        pending: BlockNumber,
        /// Epochs so far.
        index: u64,
        /// Blocks since an epoch really ran.
        since_last_step: u64,
    },
    /// It follows from the height, and the period is the tempo and one (before).
    Phased,
}

impl EpochClock {
    /// The number of the epoch in which this block is.
    #[must_use]
    pub const fn index(&self) -> u64 {
        match self.rule {
            EpochRule::Counted { index, .. } => index,
            EpochRule::Phased => self.phased_index(self.block),
        }
    }

    /// The first block after this one in which an epoch runs; `None` where none ever does.
    #[must_use]
    pub fn next(&self) -> Option<BlockNumber> {
        if self.tempo == 0 {
            return None;
        }
        let soonest = self.block.saturating_add(1);
        match self.rule {
            EpochRule::Counted { last, pending, since_last_step, .. } => {
                let regular = last.saturating_add(self.tempo);
                let moved = if pending > 0 { pending } else { u64::MAX };
                let overdue = soonest.saturating_add(LONGEST_TEMPO.saturating_sub(since_last_step));
                Some(regular.min(moved).min(overdue).max(soonest))
            }
            EpochRule::Phased => {
                let phase = soonest.saturating_add(u64::from(self.netuid.0)).saturating_add(1) % self.period();
                Some(soonest.saturating_add(if phase == 0 { 0 } else { self.period().saturating_sub(phase) }))
            }
        }
    }

    /// The block at which the running epoch began, or a little before: weights set after it count for the next one.
    #[must_use]
    pub fn began(&self) -> BlockNumber {
        match self.rule {
            EpochRule::Counted { last, .. } => last,
            EpochRule::Phased => {
                let phase = self.block.saturating_add(u64::from(self.netuid.0)).saturating_add(1) % self.period();
                self.block.saturating_sub(phase)
            }
        }
    }

    /// The block in which epoch number `index` begins, if nothing moves; this block when it has begun already.
    #[must_use]
    pub fn begins(&self, index: u64) -> Option<BlockNumber> {
        let ahead = index.saturating_sub(self.index());
        if ahead == 0 {
            return Some(self.block);
        }
        Some(self.next()?.saturating_add((ahead - 1).saturating_mul(self.period())))
    }

    /// The epoch to which a commit belongs that is included in block `lands`, which is after this one.
    #[must_use]
    pub fn commit_epoch(&self, lands: BlockNumber) -> u64 {
        match self.rule {
            EpochRule::Phased => self.phased_index(lands),
            EpochRule::Counted { index, .. } => match self.next() {
                Some(next) if next <= lands => {
                    index.saturating_add(1).saturating_add(lands.saturating_sub(next) / self.period())
                }
                _ => index,
            },
        }
    }

    /// The block at which what is committed in the next block will be revealed, by rule and margin. `None`: never.
    #[must_use]
    pub fn reveal_block(&self, reveal_period: u64) -> Option<BlockNumber> {
        let epoch = self.commit_epoch(self.block.saturating_add(1));
        let begins = self.begins(epoch.saturating_add(reveal_period.max(1)))?;
        Some(begins.saturating_add(REVEAL_MARGIN))
    }

    /// Blocks from epoch to epoch.
    #[must_use]
    pub const fn period(&self) -> u64 {
        match self.rule {
            EpochRule::Counted { .. } => self.tempo,
            EpochRule::Phased => self.tempo.saturating_add(1),
        }
    }

    const fn phased_index(&self, block: BlockNumber) -> u64 {
        block.saturating_add(self.netuid.0 as u64).saturating_add(1) / self.period()
    }
}

/// The round of a beacon to seal for, so that it is public when block `reveal` is made: `now` is the chain's time at block
/// `block`, and blocks come every `block_ms`. One before the newest of that time, as the tools of the field have it.
#[must_use]
pub(super) fn round_for(
    (block, now): (BlockNumber, UnixMs),
    reveal: BlockNumber,
    block_ms: u64,
    schedule: Schedule,
) -> u64 {
    let ahead = i64::try_from(reveal.saturating_sub(block).saturating_mul(block_ms)).unwrap_or(i64::MAX);
    let at = u64::try_from(now.plus_ms(ahead).as_secs()).unwrap_or(0);
    schedule.round_at(at).saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(block: u64, tempo: u64, last: u64, pending: u64, index: u64) -> EpochClock {
        let rule = EpochRule::Counted { last, pending, index, since_last_step: block.saturating_sub(last) };
        EpochClock { netuid: NetUid(155), block, tempo, rule }
    }

    #[test]
    fn a_commit_is_revealed_a_period_after_the_epoch_in_which_it_lands() {
        // (block, last epoch, pending, period) → (next epoch, epoch of a commit now, reveal)
        let cases = [
            ((105, 100, 0, 1), (110, 7, 113)),
            // The next block runs an epoch before the commit is applied.
            ((109, 100, 0, 1), (110, 8, 123)),
            ((105, 100, 0, 3), (110, 7, 133)),
            // The epoch was due, but waits its turn until 112.
            ((110, 100, 112, 1), (111, 8, 124)),
            ((105, 100, 107, 1), (107, 7, 110)),
        ];
        for ((block, last, pending, period), (next, epoch, reveal)) in cases {
            let clock = counted(block, 10, last, pending, 7);
            assert_eq!(clock.next(), Some(next), "{clock:?}");
            assert_eq!(clock.commit_epoch(block + 1), epoch, "{clock:?}");
            assert_eq!(clock.reveal_block(period), Some(reveal), "{clock:?}");
        }
        assert_eq!(counted(5, 0, 0, 0, 0).reveal_block(1), None);
    }

    #[test]
    fn the_round_is_that_of_the_fields_tools() {
        // Quicknet: 1692803367, 3 s. Ten blocks of 12 s ahead.
        let now = UnixMs::from_secs(1_767_225_600);
        assert_eq!(round_for((100, now), 110, 12_000, Schedule::QUICKNET), (1_767_225_600 + 120 - 1_692_803_367) / 3);
        assert_eq!(round_for((100, UnixMs(0)), 110, 12_000, Schedule::QUICKNET), 1, "never before the first");
    }

    /// The chain itself, block by block.
    fn simulated(mut clock: EpochClock, until: BlockNumber) -> EpochClock {
        while clock.block < until {
            let block = clock.block + 1;
            let EpochRule::Counted { last, pending, index, since_last_step } = clock.rule else { unreachable!() };
            let runs =
                (pending > 0 && block >= pending) || since_last_step + 1 > LONGEST_TEMPO || block - last >= clock.tempo;
            let rule = match runs {
                true => EpochRule::Counted { last: block, pending: 0, index: index + 1, since_last_step: 0 },
                false => EpochRule::Counted { last, pending, index, since_last_step: since_last_step + 1 },
            };
            clock = EpochClock { block, rule, ..clock };
        }
        clock
    }

    proptest! {
        #[test]
        fn what_is_foretold_happens(
            tempo in 1_u64..40, last in 0_u64..500, since in 0_u64..60, moved in 0_u64..50, period in 1_u64..5,
            index in 0_u64..1000,
        ) {
            let block = last + since;
            let pending = if moved > 20 { block + moved - 20 } else { 0 };
            let clock = counted(block, tempo, last, pending, index);
            let next = clock.next().unwrap();
            prop_assert_eq!(simulated(clock, next - 1).index(), index);
            prop_assert_eq!(simulated(clock, next).index(), index + 1);
            let landed = simulated(clock, block + 1);
            prop_assert_eq!(clock.commit_epoch(block + 1), landed.index());
            let begins = clock.begins(landed.index() + period).unwrap();
            prop_assert_eq!(simulated(clock, begins).index(), landed.index() + period);
            prop_assert!(begins == block + 1 || simulated(clock, begins - 1).index() < landed.index() + period);
        }

        #[test]
        fn the_old_rule_is_a_remainder(block in 0_u64..5000, tempo in 1_u64..100, netuid in 0_u16..300) {
            let clock = EpochClock { netuid: NetUid(netuid), block, tempo, rule: EpochRule::Phased };
            let runs = |at: u64| (at + u64::from(netuid) + 1).is_multiple_of(tempo + 1);
            let next = clock.next().unwrap();
            prop_assert!(runs(next) && (block + 1..next).all(|at| !runs(at)));
            prop_assert_eq!(clock.commit_epoch(next), clock.index() + 1);
            prop_assert!(clock.began() <= block && (clock.began() == 0 || runs(clock.began())));
        }
    }
}
