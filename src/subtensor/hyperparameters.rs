//! A subnet's hyperparameters, from the storage items themselves: one request, and every runtime has them.

use subxt::ext::scale_decode::DecodeAsType;

use super::error::{Failure, SubtensorError};
use super::moved::{ACTIVITY_CUTOFF, Cutoff};
use super::snapshot::{PALLET, Snapshot};
use crate::units::{BlockNumber, NetUid, Rao};

/// A subnet's settings at one block. `None`: this runtime does not have the item.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Hyperparameters {
    /// The subnet.
    pub netuid: NetUid,
    /// The block.
    pub block: BlockNumber,
    /// Blocks between epochs.
    pub tempo: u16,
    /// Blocks that must pass between two weights of one validator.
    pub weights_rate_limit: u64,
    /// The least number of weights in one submission; zeros count.
    pub min_allowed_weights: u16,
    /// The largest share one weight may have, of 65535.
    pub max_weight_limit: u16,
    /// The lowest version key that is accepted.
    pub weights_version: u64,
    /// Blocks after registration in which a neuron is not pruned.
    pub immunity_period: u16,
    /// Whether weights must be committed first and are revealed later.
    pub commit_reveal_weights_enabled: bool,
    /// Epochs between commit and reveal.
    pub commit_reveal_period: Option<u64>,
    /// The version of commits that is accepted.
    pub commit_reveal_version: Option<u16>,
    /// Blocks without weights after which a validator counts as inactive.
    pub activity_cutoff: Option<u64>,
    /// Neurons now.
    pub neurons: u16,
    /// Neurons at most.
    pub max_neurons: Option<u16>,
    /// Validators at most.
    pub max_validators: Option<u16>,
    /// Whether anybody may register.
    pub registration_allowed: Option<bool>,
    /// The price of registration now, in rao.
    pub burn: Option<Rao>,
    /// Its lower bound, in rao.
    pub min_burn: Option<Rao>,
    /// Its upper bound, in rao.
    pub max_burn: Option<Rao>,
    /// Blocks between two announcements of one axon.
    pub serving_rate_limit: Option<u64>,
    /// The consensus majority, of 65535.
    pub kappa: Option<u16>,
    /// Whether stake can be added: the subnet is started.
    pub started: Option<bool>,
}

/// `MaxWeightsLimit` in storage is ignored by runtimes since 425: the limit is a constant.
const MAX_WEIGHT_LIMIT: u16 = u16::MAX;

impl Hyperparameters {
    pub(super) async fn read(at: &Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let rows = Rows::read(at, netuid).await?;
        if !rows.required("NetworksAdded")? {
            return Err(SubtensorError::NoSubnet(netuid).into());
        }
        let tempo = rows.required("Tempo")?;
        Ok(Self {
            netuid,
            block: at.block,
            tempo,
            weights_rate_limit: rows.required("WeightsSetRateLimit")?,
            min_allowed_weights: rows.required("MinAllowedWeights")?,
            max_weight_limit: MAX_WEIGHT_LIMIT,
            weights_version: rows.required("WeightsVersionKey")?,
            immunity_period: rows.required("ImmunityPeriod")?,
            commit_reveal_weights_enabled: rows.required("CommitRevealWeightsEnabled")?,
            commit_reveal_period: rows.optional("RevealPeriodEpochs")?,
            commit_reveal_version: rows.optional("CommitRevealWeightsVersion")?,
            activity_cutoff: rows.activity_cutoff(tempo)?,
            neurons: rows.required("SubnetworkN")?,
            max_neurons: rows.optional("MaxAllowedUids")?,
            max_validators: rows.optional("MaxAllowedValidators")?,
            registration_allowed: rows.optional("NetworkRegistrationAllowed")?,
            burn: rows.optional("Burn")?.map(Rao),
            min_burn: rows.optional("MinBurn")?.map(Rao),
            max_burn: rows.optional("MaxBurn")?.map(Rao),
            serving_rate_limit: rows.optional("ServingRateLimit")?,
            kappa: rows.optional("Kappa")?,
            started: rows.optional("SubtokenEnabled")?,
        })
    }
}

/// Blocks: `max(1, factor × tempo / 1000)`.
fn activity_cutoff(factor_milli: u32, tempo: u16) -> u64 {
    (u64::from(factor_milli) * u64::from(tempo) / 1000).max(1)
}

/// Everything that is read, in one request.
const ITEMS: [&str; 21] = [
    "NetworksAdded",
    "Tempo",
    "WeightsSetRateLimit",
    "MinAllowedWeights",
    "WeightsVersionKey",
    "ImmunityPeriod",
    "CommitRevealWeightsEnabled",
    "RevealPeriodEpochs",
    "ActivityCutoffFactorMilli",
    "ActivityCutoff",
    "SubnetworkN",
    "MaxAllowedUids",
    "MaxAllowedValidators",
    "NetworkRegistrationAllowed",
    "Burn",
    "MinBurn",
    "MaxBurn",
    "ServingRateLimit",
    "Kappa",
    "SubtokenEnabled",
    // The only one that is the same for all subnets.
    "CommitRevealWeightsVersion",
];
const GLOBAL: &str = "CommitRevealWeightsVersion";

struct Rows<'a> {
    at: &'a Snapshot,
    rows: Vec<(&'static str, Option<Vec<u8>>)>,
}

impl<'a> Rows<'a> {
    async fn read(at: &'a Snapshot, netuid: NetUid) -> Result<Self, Failure> {
        let known: Vec<&'static str> = ITEMS.into_iter().filter(|item| at.runtime.has_item(PALLET, item)).collect();
        let key = |item: &&str| match *item {
            GLOBAL => at.runtime.key(PALLET, item, ()),
            _ => at.runtime.key(PALLET, item, (netuid.0,)),
        };
        let keys = known.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let values = at.rows(&keys).await?;
        Ok(Self { at, rows: known.into_iter().zip(values).collect() })
    }

    /// The item's value or its default; `None` when the runtime does not have it.
    fn optional<T: DecodeAsType>(&self, item: &str) -> Result<Option<T>, SubtensorError> {
        let Some((_, row)) = self.rows.iter().find(|(name, _)| *name == item) else { return Ok(None) };
        self.at.runtime.value(PALLET, item, row.as_deref())
    }

    /// `None` when the runtime has it under no name.
    fn activity_cutoff(&self, tempo: u16) -> Result<Option<u64>, SubtensorError> {
        let Ok((item, form)) = self.at.runtime.form_of(&ACTIVITY_CUTOFF) else { return Ok(None) };
        Ok(match form {
            Cutoff::PerMilleOfTempo => self.optional(item)?.map(|factor| activity_cutoff(factor, tempo)),
            Cutoff::Blocks => self.optional::<u16>(item)?.map(u64::from),
        })
    }

    fn required<T: DecodeAsType>(&self, item: &str) -> Result<T, SubtensorError> {
        self.optional(item)?.ok_or_else(|| self.at.runtime.missing(format!("storage item {PALLET}.{item}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cutoff_of_the_usual_subnet_is_5000_blocks() {
        assert_eq!(activity_cutoff(13_889, 360), 5000);
        assert_eq!(activity_cutoff(13_889, 0), 1);
    }
}
