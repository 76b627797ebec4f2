//! The seam between a demonstration and a kind of work: the stage is the demonstration's (chain, registration, blocks,
//! weights, report), who plays what is the kind's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::work::{MinerWork, Shares, ValidatorNeeds, WorkError};
use crate::clock::Clock;
use crate::units::{Account, Foreign, UnixMs};

/// What is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Things to score until the end; what the cast finds enough where nobody says.
    pub goal: Option<u64>,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// A folder of recordings to play instead of a simulation.
    pub replay: Option<PathBuf>,
    /// The markets it is played on, where the kind has several; empty leaves the choice to it.
    pub markets: Vec<String>,
    /// Where miners may listen that serve on their own.
    pub address: SocketAddr,
}

impl Script {
    /// For a kind of work whose world is always the same.
    ///
    /// # Errors
    /// [`WorkError::Setting`] when a market is named.
    pub(super) fn names_no_market(&self) -> Result<(), WorkError> {
        match self.markets.first() {
            None => Ok(()),
            Some(market) => {
                Err(WorkError::Setting(format!("this kind of work is not played on a market such as `{market}`")))
            }
        }
    }
}

/// A cast before the curtain rises.
pub trait Cast: Send {
    /// The miners, best planted skill first.
    fn members(&self) -> Vec<Member>;

    /// Market time: it stands at the first moment.
    fn clock(&self) -> Clock;

    /// Makes the miner number `index` of [`Cast::members`].
    fn miner(&mut self, index: usize) -> BoxFuture<'_, Result<Seat, WorkError>>;

    /// Makes the validator's part; the play can begin.
    ///
    /// # Errors
    /// What it consists of cannot be made.
    fn rise(self: Box<Self>, needs: ValidatorNeeds) -> Result<Box<dyn Play>, WorkError>;
}

/// One miner of the cast.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What its skill earns in the long run, in the measure of [`Standing::mean_gain`]; `None` where skill cannot be planted.
    pub planted_skill: Option<f64>,
}

/// How a miner serves.
pub enum Seat {
    /// As every miner does.
    Miner(Arc<dyn MinerWork>),
    /// By an HTTP server of its own, that is no neuron: it answers here until the play is over.
    Stranger(SocketAddr),
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Miner(work) => f.debug_tuple("Miner").field(&work.manner()).finish(),
            Self::Stranger(address) => f.debug_tuple("Stranger").field(address).finish(),
        }
    }
}

/// A play that runs. Dropped, everything of it stops.
pub trait Play: Send + Sync {
    /// Who earns what.
    fn shares(&self) -> Arc<dyn Shares>;

    /// What is scored, in the plural: `events`.
    fn scored_things(&self) -> &'static str;

    /// How many of them there are until the end.
    fn goal(&self) -> u64;

    /// Everything that is to be done at this moment of market time.
    fn scene(&self) -> BoxFuture<'_, Result<Scene, WorkError>>;

    /// Moves market time to the next scene; false when there is none.
    fn advance(&self) -> bool;

    /// How the miners stand.
    fn standings(&self) -> BoxFuture<'_, Result<Vec<Standing>, WorkError>>;
}

/// What was done in a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scene {
    /// Market time.
    pub at: UnixMs,
    /// Things scored in it.
    pub scored: u64,
    /// Things that wait for their outcome and are asked about.
    pub open: usize,
    /// Some of them with a number worth seeing, such as a price.
    pub shown: Vec<(f64, Foreign)>,
    /// Miners that answered.
    pub answered: usize,
}

/// How a miner stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its hotkey.
    pub hotkey: Account,
    /// What it has gained, on average over the things scored.
    pub mean_gain: f64,
    /// Things it had an answer for.
    pub predicted: usize,
}
