//! The calls that write weights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subxt::dynamic::Value;

use super::super::calls::{list, named, number};
use super::super::snapshot::PALLET;
use super::super::submit::Call;
use super::{Hash32, MechId};
use crate::subtensor::{Inclusion, Subtensor, SubtensorError};
use crate::units::{NetUid, Uid};
use crate::wallet::Keypair;

/// A validator's weights as the calls take them: uid and value, of which only the proportions count.
#[derive(Debug, Clone, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
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
        Call {
            pallet: PALLET.into(),
            name: name.into(),
            arguments: named(arguments),
            subject: self.subject(netuid, mechanism),
        }
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

/// For the main mechanism. `neuron validator` does the same with a journal, which a process that may be killed needs.
impl Subtensor {
    /// Commits the hash of weights, [`super::commit_hash`], in a subnet that wants them hidden at first. The weights count when
    /// [`Subtensor::reveal_weights`] shows them in the epoch that the subnet's reveal period says, and are lost after it.
    ///
    /// # Errors
    /// The chain's refusal (no commit-reveal here, rate limit, ten commits wait already, …), or it cannot be read or written.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, genesis::{GenesisConfig, SubnetGenesis}, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::wallet::{Keypair, Scheme};
    /// # let subnets = vec![SubnetGenesis { weights_rate_limit: 0, commit_reveal: true, ..SubnetGenesis::events() }];
    /// # let genesis = GenesisConfig { subnets, ..GenesisConfig::default() };
    /// # let node = spawn(LocalnetConfig { port: 0, genesis, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// # // The subnet's owner needs no permit.
    /// # let hotkey = Keypair::from_uri("//Owner//155", Scheme::Sr25519)?;
    /// use neuron::subtensor::weights::{Row, commit_hash};
    /// use neuron::units::{NetUid, Uid};
    ///
    /// let (netuid, row, salt) = (NetUid(155), Row(vec![(Uid(0), 65535)]), [3, 1, 4, 1]);
    /// chain.commit_weights(&hotkey, netuid, commit_hash(&hotkey.account(), netuid, 0, &row, &salt, 0)).await?;
    /// let early = chain.reveal_weights(&hotkey, netuid, &row, &salt, 0).await.unwrap_err();
    /// assert!(early.to_string().contains("RevealTooEarly"), "{early}");
    /// # Ok(()) }
    /// ```
    pub async fn commit_weights(
        &self,
        hotkey: &Keypair,
        netuid: NetUid,
        hash: Hash32,
    ) -> Result<Inclusion, SubtensorError> {
        self.write_weights(hotkey, netuid, &WeightsCall::Commit { hash }).await
    }

    /// Shows what was committed: the same weights, salt and version key that the hash was made of.
    ///
    /// # Errors
    /// The chain's refusal (too early, too late, another hash, …), or it cannot be read or written.
    pub async fn reveal_weights(
        &self,
        hotkey: &Keypair,
        netuid: NetUid,
        row: &Row,
        salt: &[u16],
        version_key: u64,
    ) -> Result<Inclusion, SubtensorError> {
        let call = WeightsCall::Reveal { row: row.clone(), salt: salt.to_vec(), version_key };
        self.write_weights(hotkey, netuid, &call).await
    }

    async fn write_weights(
        &self,
        hotkey: &Keypair,
        netuid: NetUid,
        call: &WeightsCall,
    ) -> Result<Inclusion, SubtensorError> {
        self.connection.submit(&call.call(netuid, 0, false), hotkey, &mut |_| {}).await
    }
}
