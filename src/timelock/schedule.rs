//! When a beacon publishes its rounds.

/// The first round's time and the time between rounds. Round 1 is the first; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// When round 1 is published, in unix seconds.
    pub genesis_unix_s: u64,
    /// Seconds between rounds; 0 counts as 1.
    pub period_s: u64,
}

impl Schedule {
    /// Of drand's network `quicknet`, chain hash `52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971`.
    pub const QUICKNET: Self = Self { genesis_unix_s: 1_692_803_367, period_s: 3 };

    /// The newest round that is published at this time; 0 before the first.
    #[must_use]
    pub fn round_at(&self, unix_s: u64) -> u64 {
        unix_s.checked_sub(self.genesis_unix_s).map_or(0, |since| since / self.period_s.max(1) + 1)
    }

    /// When this round is published, in unix seconds; saturates.
    #[must_use]
    pub fn time_of(&self, round: u64) -> u64 {
        round.saturating_sub(1).saturating_mul(self.period_s.max(1)).saturating_add(self.genesis_unix_s)
    }
}
