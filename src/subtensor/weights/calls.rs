//! The calls that write weights.

use serde::{Deserialize, Serialize};
use subxt::dynamic::Value;

use super::super::calls::{list, named, number};
use super::super::snapshot::PALLET;
use super::super::submit::Call;
use super::{Hash32, MechId};
use crate::units::{NetUid, Uid};

/// A validator's weights as the calls take them: uid and value, of which only the proportions count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row(pub Vec<(Uid, u16)>);

impl Row {
    /// Uids and values apart, in the same order.
    #[must_use]
    pub fn columns(&self) -> (Vec<u16>, Vec<u16>) {
        self.0.iter().map(|(uid, value)| (uid.0, *value)).unzip()
    }
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightsCall {
    /// Plain weights.
    Set {
        /// The weights.
        row: Row,
        /// The version key.
        version_key: u64,
    },
    /// The hash of weights.
    Commit {
        /// See [`super::commit_hash`].
        hash: Hash32,
    },
    /// What a hash was made of.
    Reveal {
        /// The weights.
        row: Row,
        /// The salt.
        salt: Vec<u16>,
        /// The version key.
        version_key: u64,
    },
    /// Weights sealed to a round of the beacon.
    CommitSealed {
        /// The ciphertext.
        commit: Vec<u8>,
        /// The round.
        round: u64,
        /// The version of such commits.
        version: u16,
    },
}

impl WeightsCall {
    /// The call for one mechanism of a subnet. A runtime without mechanisms has one, under other names of the calls.
    pub(super) fn call(&self, netuid: NetUid, mechanism: MechId, has_mechanisms: bool) -> Call {
        let (with, without) = self.names();
        let mut arguments = vec![("netuid", number(netuid.0))];
        if has_mechanisms {
            arguments.push(("mecid", number(mechanism)));
        }
        arguments.extend(self.arguments());
        let name = if has_mechanisms { with } else { without };
        Call { pallet: PALLET, name, arguments: named(arguments), subject: self.subject(netuid, mechanism) }
    }

    /// What it is about, for messages.
    pub(super) fn subject(&self, netuid: NetUid, mechanism: MechId) -> String {
        let what = match self {
            Self::Set { row, .. } | Self::Reveal { row, .. } => format!("{} weights", row.0.len()),
            Self::Commit { hash } => format!("commit {hash}"),
            Self::CommitSealed { round, .. } => format!("sealed for round {round}"),
        };
        match mechanism {
            0 => format!("subnet {netuid}, {what}"),
            _ => format!("subnet {netuid}, mechanism {mechanism}, {what}"),
        }
    }

    const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Set { .. } => ("set_mechanism_weights", "set_weights"),
            Self::Commit { .. } => ("commit_mechanism_weights", "commit_weights"),
            Self::Reveal { .. } => ("reveal_mechanism_weights", "reveal_weights"),
            Self::CommitSealed { .. } => ("commit_timelocked_mechanism_weights", "commit_timelocked_weights"),
        }
    }

    fn arguments(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Set { row, version_key } => {
                let (uids, values) = row.columns();
                let (dests, weights) = (list(uids.into_iter()), list(values.into_iter()));
                vec![("dests", dests), ("weights", weights), ("version_key", number(*version_key))]
            }
            Self::Commit { hash } => vec![("commit_hash", Value::from_bytes(hash.0))],
            Self::Reveal { row, salt, version_key } => {
                let (uids, values) = row.columns();
                vec![
                    ("uids", list(uids.into_iter())),
                    ("values", list(values.into_iter())),
                    ("salt", list(salt.iter().copied())),
                    ("version_key", number(*version_key)),
                ]
            }
            Self::CommitSealed { commit, round, version } => vec![
                ("commit", Value::from_bytes(commit)),
                ("reveal_round", number(*round)),
                ("commit_reveal_version", number(*version)),
            ],
        }
    }
}
