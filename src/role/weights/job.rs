//! One job: weights that were due once, and how far they are on their way to the chain.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::machine::Ruling;
use crate::ledger::{WeightJob, WeightStep};
use crate::subtensor::weights::{Hash32, MechId, Row, SignedCall};
use crate::subtensor::{Metagraph, Neuron};
use crate::units::{BlockNumber, Uid, UnixMs};
use crate::yuma::stored_weights;

/// How weights get onto the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Set in the open, at once.
    Plain,
    /// A hash is committed, and revealed by us when its epoch comes.
    Hashed,
    /// Committed sealed to a round of the beacon; the chain reveals them.
    Timelocked,
}

impl Mode {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Hashed => "hashed",
            Self::Timelocked => "timelocked",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a job is. The last five are its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The numbers stand, and with them what makes a commit secret.
    Built,
    /// The transaction is signed and kept; it may have been sent.
    Signed,
    /// A node has taken it.
    Sent,
    /// It is in a block: plain weights count, others are committed.
    Included,
    /// The reveal is signed and kept; it may have been sent.
    RevealSigned,
    /// A node has taken the reveal.
    RevealSent,
    /// The reveal is in a block.
    Revealed,
    /// The chain shows these weights.
    Shown,
    /// They were never in a block, and never will be.
    Failed,
    /// They were committed or set, and the chain does not show them.
    Lost,
    /// Newer weights came before these were looked at.
    Superseded,
}

impl Stage {
    /// Its name, as the ledger has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Signed => "signed",
            Self::Sent => "sent",
            Self::Included => "included",
            Self::RevealSigned => "reveal_signed",
            Self::RevealSent => "reveal_sent",
            Self::Revealed => "revealed",
            Self::Shown => "shown",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Shown | Self::Failed | Self::Lost | Self::Superseded)
    }

    fn of(name: &str) -> Option<Self> {
        use Stage::{
            Built, Failed, Included, Lost, RevealSent, RevealSigned, Revealed, Sent, Shown, Signed, Superseded,
        };
        let all = [Built, Signed, Sent, Included, RevealSigned, RevealSent, Revealed, Shown, Failed, Lost, Superseded];
        all.into_iter().find(|stage| stage.name() == name)
    }
}

/// A place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The block's height.
    pub block: BlockNumber,
    /// The block's hash.
    pub hash: Hash32,
}

/// What is kept of a job beside its numbers: enough for another process to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The version key that goes with the weights.
    pub version_key: u64,
    /// For each weight, the block at which the owner of that slot registered: who is there later is somebody else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registered: Vec<BlockNumber>,
    /// What makes the hash of a commit impossible to guess.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub salt: Vec<u16>,
    /// The hash that is committed, or the hash of the sealed bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Hash32>,
    /// The round of the beacon that opens the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// The signed transaction of weights or commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedCall>,
    /// The block that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included: Option<At>,
    /// The signed transaction of the reveal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reveal: Option<SignedCall>,
    /// The block that has it, or in which the chain's own reveal was first seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revealed: Option<At>,
}

/// Weights on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The ledger's number; 0 before it has one.
    pub id: i64,
    /// The mechanism of the subnet.
    pub mechanism: MechId,
    /// The chain's last update when the job became due: one job is included after each, at most.
    pub after: BlockNumber,
    /// The way.
    pub mode: Mode,
    /// How far.
    pub stage: Stage,
    /// The numbers.
    pub row: Row,
    /// The rest.
    pub plan: Plan,
}

impl Job {
    /// The slots with a weight that have another owner than when they were scored.
    #[must_use]
    pub fn changed_hands(&self, metagraph: &Metagraph) -> Option<Uid> {
        let weighted = self.row.0.iter().zip(&self.plan.registered).filter(|((_, value), _)| *value > 0);
        let is_new = |uid: Uid, at: BlockNumber| metagraph.neuron(uid).map(|n: &Neuron| n.registered_at) != Some(at);
        weighted.map(|((uid, _), at)| (*uid, *at)).find(|(uid, at)| is_new(*uid, *at)).map(|(uid, _)| uid)
    }

    /// Whether a validator's weights on the chain are these: scaled as the chain does, slots with a new owner left out, whose
    /// weights the chain takes away by itself.
    #[must_use]
    pub fn is_shown(&self, shown: &Row, metagraph: &Metagraph) -> bool {
        let (uids, values) = self.row.columns();
        let own: Vec<(Uid, u16)> = uids.into_iter().map(Uid).zip(stored_weights(&values)).collect();
        let at = |uid: Uid| own.iter().position(|(of, _)| *of == uid).and_then(|i| self.plan.registered.get(i));
        let stays = |uid: Uid| at(uid).is_none_or(|at| metagraph.neuron(uid).is_some_and(|n| n.registered_at == *at));
        let kept = |row: &[(Uid, u16)]| {
            let mut kept: Vec<_> = row.iter().copied().filter(|(uid, value)| *value > 0 && stays(*uid)).collect();
            kept.sort_unstable();
            kept
        };
        kept(&own) == kept(&shown.0)
    }

    /// The last block at which the chain is known to have had something of this job.
    #[must_use]
    pub fn seen_at(&self) -> BlockNumber {
        let at = |place: Option<At>| place.map_or(0, |at| at.block);
        at(self.plan.included).max(at(self.plan.revealed))
    }

    /// As the ledger keeps it. What only an open job needs is let go at its end.
    pub(super) fn kept(&self) -> WeightJob {
        let mut plan = self.plan.clone();
        if self.stage.is_end() {
            plan.registered.clear();
            plan.salt.clear();
            for call in [&mut plan.signed, &mut plan.reveal].into_iter().flatten() {
                call.bytes.clear();
            }
        }
        WeightJob {
            id: self.id,
            mechanism: self.mechanism,
            after: self.after,
            mode: self.mode.name().to_owned(),
            stage: self.stage.name().to_owned(),
            open: !self.stage.is_end(),
            weights: self.row.0.iter().map(|(uid, value)| (uid.0, *value)).collect(),
            plan: serde_json::to_string(&plan).unwrap_or_default(),
        }
    }

    /// From what the ledger keeps; `None` when that makes no sense.
    pub(super) fn of(kept: WeightJob) -> Option<Self> {
        Some(Self {
            id: kept.id,
            mechanism: kept.mechanism,
            after: kept.after,
            mode: [Mode::Plain, Mode::Hashed, Mode::Timelocked].into_iter().find(|mode| mode.name() == kept.mode)?,
            stage: Stage::of(&kept.stage)?,
            row: Row(kept.weights.into_iter().map(|(uid, value)| (Uid(uid), value)).collect()),
            plan: serde_json::from_str(&kept.plan).ok()?,
        })
    }
}

/// What happened to a job, at a place in the chain.
pub(super) fn step(at: UnixMs, place: (BlockNumber, Option<Hash32>), ruling: &Ruling) -> WeightStep {
    WeightStep {
        at,
        block: place.0,
        hash: place.1.map(|hash| hash.to_string()),
        step: ruling.stage.name().to_owned(),
        cause: ruling.cause.clone(),
    }
}
