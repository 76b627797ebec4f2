//! The miners of a demonstration: skills so far apart that 60 events show their order, whatever the seed.
//!
//! In the simulator's default world (an hourly tick, prices an hour old and 0.15 off) someone who knows the truth gains
//! 0.0235 per event on the price, and an error of `e` costs `e²`. The steps between the skills below are at least 0.003
//! in that measure. `tests/it/planted_skill.rs` plays it through for many seeds.

use std::time::Duration;

use super::Skill;

/// A miner with a known skill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planted {
    /// Its name.
    pub name: &'static str,
    /// What it earns in the long run of the default world, as mean gain per event; also its rank.
    pub expected_gain: f64,
    /// How it answers.
    pub how: How,
}

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How {
    /// [`super::Skilled`] with this error, answering this share of the events.
    Skilled {
        /// See [`Skill::error`].
        error: f64,
        /// See [`Skill::presence`].
        presence: f64,
    },
    /// [`super::FollowMarket`].
    FollowsMarket,
    /// Answers what is no probability.
    Garbage,
}

impl How {
    /// The skill behind it, if it has one; `seed` must differ between miners.
    #[must_use]
    pub const fn skill(&self, seed: u64) -> Option<Skill> {
        match *self {
            Self::Skilled { error, presence } => Some(Skill { seed, error, presence, step: Duration::from_secs(3600) }),
            Self::FollowsMarket | Self::Garbage => None,
        }
    }
}

/// Three of different skill, one that is absent half of the time, one that copies the market, one that talks rubbish;
/// best first. The last two earn nothing, so their order among themselves means nothing.
pub const PLANTED: [Planted; 6] = [
    Planted { name: "sharp", expected_gain: 0.0232, how: How::Skilled { error: 0.02, presence: 1.0 } },
    Planted { name: "good", expected_gain: 0.02, how: How::Skilled { error: 0.06, presence: 1.0 } },
    Planted { name: "fair", expected_gain: 0.0155, how: How::Skilled { error: 0.09, presence: 1.0 } },
    Planted { name: "part-time", expected_gain: 0.0058, how: How::Skilled { error: 0.11, presence: 0.5 } },
    Planted { name: "copycat", expected_gain: 0.0, how: How::FollowsMarket },
    Planted { name: "garbage", expected_gain: 0.0, how: How::Garbage },
];
