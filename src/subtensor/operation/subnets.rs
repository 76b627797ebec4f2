//! A subnet by its owner.

use subxt::dynamic::Value;

use super::{Operation, option, text};
use crate::subtensor::calls::{bytes, number};
use crate::units::{Account, NetUid};

/// What a subnet's owner says about it (`set_subnet_identity`). Empty texts are "not said".
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
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

impl SubnetIdentity {
    fn fields(&self) -> [(&'static str, &str); 8] {
        let SubnetIdentity {
            subnet_name,
            github_repo,
            subnet_contact,
            subnet_url,
            discord,
            description,
            logo_url,
            additional,
        } = self;
        [
            ("subnet_name", subnet_name),
            ("github_repo", github_repo),
            ("subnet_contact", subnet_contact),
            ("subnet_url", subnet_url),
            ("discord", discord),
            ("description", description),
            ("logo_url", logo_url),
            ("additional", additional),
        ]
    }
}

impl Operation {
    /// What a subnet is, said by its owner.
    #[must_use]
    pub fn set_subnet_identity(netuid: NetUid, identity: &SubnetIdentity) -> Self {
        let said = identity.fields().map(|(name, said)| (name, text(said)));
        let arguments = [("netuid", number(netuid.0))].into_iter().chain(said);
        Self::of_subtensor("set_subnet_identity", arguments, format!("subnet {netuid}, `{}`", identity.subnet_name))
    }

    /// A new subnet, of which this hotkey gets uid 0.
    #[must_use]
    pub fn register_network(hotkey: &Account) -> Self {
        Self::of_subtensor("register_network", [("hotkey", bytes(hotkey))], format!("hotkey {hotkey}"))
    }

    /// The same, with its identity.
    #[must_use]
    pub fn register_network_as(hotkey: &Account, identity: &SubnetIdentity) -> Self {
        let said = Value::named_composite(identity.fields().map(|(name, said)| (name, text(said))));
        let arguments = [("hotkey", bytes(hotkey)), ("identity", option(Some(said)))];
        let subject = format!("hotkey {hotkey}, `{}`", identity.subnet_name);
        Self::of_subtensor("register_network_with_identity", arguments, subject)
    }

    /// Staking and emission of a new subnet begin.
    #[must_use]
    pub fn start_subnet(netuid: NetUid) -> Self {
        Self::of_subtensor("start_call", [("netuid", number(netuid.0))], format!("subnet {netuid}"))
    }
}
