//! A subnet by its owner.

use super::{Operation, text};
use crate::subtensor::calls::{bytes, number};
use crate::units::{Account, NetUid};

/// What a subnet's owner says about it (`set_subnet_identity`). Empty texts are "not said".
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct SubnetIdentity {
    pub subnet_name: String,
    pub github_repo: String,
    pub subnet_contact: String,
    pub subnet_url: String,
    pub discord: String,
    pub description: String,
    pub logo_url: String,
    pub additional: String,
}

impl Operation {
    /// What a subnet is, said by its owner.
    #[must_use]
    pub fn set_subnet_identity(netuid: NetUid, identity: &SubnetIdentity) -> Self {
        let SubnetIdentity {
            subnet_name,
            github_repo,
            subnet_contact,
            subnet_url,
            discord,
            description,
            logo_url,
            additional,
        } = identity;
        let texts = [
            ("subnet_name", subnet_name),
            ("github_repo", github_repo),
            ("subnet_contact", subnet_contact),
            ("subnet_url", subnet_url),
            ("discord", discord),
            ("description", description),
            ("logo_url", logo_url),
            ("additional", additional),
        ];
        let arguments = [("netuid", number(netuid.0))].into_iter().chain(texts.map(|(name, said)| (name, text(said))));
        Self::of_subtensor("set_subnet_identity", arguments, format!("subnet {netuid}, `{subnet_name}`"))
    }

    /// A new subnet, of which this hotkey gets uid 0.
    #[must_use]
    pub fn register_network(hotkey: &Account) -> Self {
        Self::of_subtensor("register_network", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }

    /// Staking and emission of a new subnet begin.
    #[must_use]
    pub fn start_subnet(netuid: NetUid) -> Self {
        Self::of_subtensor("start_call", [("netuid", number(netuid.0))], format!("subnet {netuid}"))
    }
}
