//! What goes by another name, or has another shape, in another runtime: all of it is in this file.
//!
//! The client asks a runtime's metadata for each form in turn, and takes the first
//! that is there. What moved beyond storage:
//!
//! | what | how it is met |
//! |---|---|
//! | `NetUid`: a u16, or since spec 429 a struct around one | written and read by shape (`runtime.rs`) |
//! | runtime APIs whose answer is declared as `Vec<u8>` (until early 2025) | not asked: the same is read from storage |
//! | metadata 14, which describes no runtime API | likewise |
//! | `ChargeTransactionPayment`, or `…Wrapper` as the source has it | both carry the tip (`chain.rs`) |
//! | other transaction extensions | left out when empty, `None` when optional, else named in an error (`chain.rs`) |
//! | `add_stake`, `remove_stake` without `netuid` (before dynamic TAO) | refused by the name of the argument |

/// A thing that storage has under one of several names. `F` says how to read each.
#[derive(Debug)]
pub(super) struct Moved<F: 'static> {
    /// What it is, for messages.
    pub(super) what: &'static str,
    /// Items of SubtensorModule; the first that a runtime has counts.
    pub(super) forms: &'static [(&'static str, F)],
}

impl<F> Moved<F> {
    /// All names, for messages.
    pub(super) fn names(&self) -> String {
        self.forms.iter().map(|(item, _)| *item).collect::<Vec<_>>().join(", ")
    }
}

/// How the stake on a hotkey is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StakeOn {
    /// Per subnet: alpha, and TAO on root.
    EachSubnet,
    /// Before dynamic TAO (spec 185): one amount of TAO that counts in every subnet, shown as root's.
    TheWholeChain,
}

/// All stake on a hotkey.
pub(super) const HOTKEY_STAKE: Moved<StakeOn> = Moved {
    what: "the stake on a hotkey",
    forms: &[("TotalHotkeyAlpha", StakeOn::EachSubnet), ("TotalHotkeyStake", StakeOn::TheWholeChain)],
};

/// How a coldkey's part of the stake on a hotkey is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Shares of the hotkey's pool, by (hotkey, coldkey, netuid).
    Shares,
    /// Before dynamic TAO: TAO, by (hotkey, coldkey).
    Amount,
}

/// What a coldkey has on a hotkey. Runtimes since dynamic TAO keep the old `Stake`, empty.
pub(super) const POSITION: Moved<Position> = Moved {
    what: "a coldkey's stake on a hotkey",
    forms: &[("AlphaV2", Position::Shares), ("Alpha", Position::Shares), ("Stake", Position::Amount)],
};

/// One pair of items that holds shares: a position's and the whole's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShareItems {
    /// By (hotkey, coldkey, netuid).
    pub(super) part: &'static str,
    /// By (hotkey, netuid).
    pub(super) whole: &'static str,
    /// How they are written.
    pub(super) form: SharesAre,
}

/// How a number of shares is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SharesAre {
    /// `U64F64`.
    Binary,
    /// `SafeFloat`.
    Decimal,
}

/// Where shares lie. While a runtime has both (spec 425), a value under an old name counts, and one under the new name
/// where the old has none: the chain moves them one by one.
pub(super) const SHARES: [ShareItems; 2] = [
    ShareItems { part: "Alpha", whole: "TotalHotkeyShares", form: SharesAre::Binary },
    ShareItems { part: "AlphaV2", whole: "TotalHotkeySharesV2", form: SharesAre::Decimal },
];

/// How long a validator without new weights stays active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cutoff {
    /// In thousandths of a tempo.
    PerMilleOfTempo,
    /// In blocks.
    Blocks,
}

/// The activity cutoff.
pub(super) const ACTIVITY_CUTOFF: Moved<Cutoff> = Moved {
    what: "the activity cutoff",
    forms: &[("ActivityCutoffFactorMilli", Cutoff::PerMilleOfTempo), ("ActivityCutoff", Cutoff::Blocks)],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_told_in_messages() {
        assert_eq!(HOTKEY_STAKE.names(), "TotalHotkeyAlpha, TotalHotkeyStake");
        for names in [HOTKEY_STAKE.names(), POSITION.names(), ACTIVITY_CUTOFF.names()] {
            let mut all: Vec<&str> = names.split(", ").collect();
            all.sort_unstable();
            let before = all.len();
            all.dedup();
            assert_eq!(all.len(), before, "{names}");
        }
    }
}
