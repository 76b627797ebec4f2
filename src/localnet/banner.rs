//! The first screen: endpoint, accounts with their keys, subnets.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sp_core::crypto::DEV_PHRASE;

use super::genesis::{DEV_ACCOUNTS, account_id, dev_account};
use super::node::{Node, ReadError};
use super::pallet;
use super::runtime::{NetUid, Runtime, System};
use super::state;
use crate::units::{Account, Rao};

/// What a person or a script wants to know when a development chain starts.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Banner {
    /// WebSocket and, with `http`, HTTP.
    pub endpoint: String,
    /// The newest block.
    pub block: u32,
    /// Hash of block 0.
    pub genesis_hash: String,
    /// Version of the runtime.
    pub spec_version: u32,
    /// The phrase from which the accounts' keys are derived. Known to everybody.
    pub phrase: &'static str,
    /// The accounts that genesis funded.
    pub accounts: Vec<FundedAccount>,
    /// The subnets, root left out.
    pub subnets: Vec<OpenSubnet>,
}

/// A development account.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct FundedAccount {
    /// Its secret, as every tool understands it: `//Alice`.
    pub uri: String,
    /// Its address.
    pub address: Account,
    /// Its free balance now, in rao.
    pub balance_rao: Rao,
}

/// A subnet that takes registrations.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct OpenSubnet {
    /// Its number.
    pub netuid: u16,
    /// Its name.
    pub name: String,
    /// Blocks between two epochs.
    pub tempo: u16,
    /// Neurons now.
    pub neurons: u16,
    /// Most neurons.
    pub max_neurons: u16,
    /// Price of a registration, in rao.
    pub burn_rao: Rao,
}

impl Banner {
    /// Reads it from the head's state.
    pub(crate) fn of(node: &Node, endpoint: String) -> Result<Self, ReadError> {
        let (head, block, genesis) = {
            let chain = node.chain();
            (chain.head().0, chain.height(), chain.genesis())
        };
        let (accounts, subnets, spec_version) = node.read(head, |state| {
            state::peek(state, || (accounts(), subnets(), System::runtime_version().spec_version))
                .map_err(|panic| ReadError::Panicked(panic.0))
        })?;
        let genesis_hash = format!("{genesis:?}");
        Ok(Self { endpoint, block, genesis_hash, spec_version, phrase: DEV_PHRASE, accounts, subnets })
    }
}

fn accounts() -> Vec<FundedAccount> {
    let funded = |(name, _): &(&str, u64)| {
        let address = dev_account(name);
        let balance_rao = Rao(frame_system::Account::<Runtime>::get(account_id(address)).data.free);
        FundedAccount { uri: format!("//{name}"), address, balance_rao }
    };
    DEV_ACCOUNTS.iter().map(funded).collect()
}

/// The subnets, root left out, by number; must run in externalities.
pub(super) fn subnets() -> Vec<OpenSubnet> {
    let mut subnets: Vec<OpenSubnet> = pallet::NetworksAdded::<Runtime>::iter_keys()
        .filter(|netuid| netuid.0 != 0)
        .map(|netuid: NetUid| OpenSubnet {
            netuid: netuid.0,
            name: pallet::SubnetIdentitiesV3::<Runtime>::get(netuid)
                .map(|identity| String::from_utf8_lossy(&identity.subnet_name).into_owned())
                .unwrap_or_default(),
            tempo: pallet::Tempo::<Runtime>::get(netuid),
            neurons: pallet::SubnetworkN::<Runtime>::get(netuid),
            max_neurons: pallet::MaxAllowedUids::<Runtime>::get(netuid),
            burn_rao: Rao(pallet::Burn::<Runtime>::get(netuid)),
        })
        .collect();
    subnets.sort_by_key(|subnet| subnet.netuid);
    subnets
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "A development chain. Everybody knows its keys: never use them on a real chain, and never send anything to \
             them there.\n"
        )?;
        writeln!(f, "Accounts")?;
        for account in &self.accounts {
            writeln!(f, "  {:<10} {}  {:>12.0} τ", account.uri, account.address, account.balance_rao.as_tao())?;
        }
        writeln!(f, "  derived from: {}\n", self.phrase)?;
        writeln!(f, "Subnets")?;
        for subnet in &self.subnets {
            let OpenSubnet { netuid, name, tempo, neurons, max_neurons, burn_rao } = subnet;
            writeln!(
                f,
                "  {netuid:<5} {name:<12} tempo {tempo}, neurons {neurons}/{max_neurons}, registration {burn_rao}"
            )?;
        }
        writeln!(f, "\nGenesis   {}", self.genesis_hash)?;
        writeln!(f, "Runtime   node-subtensor {}", self.spec_version)?;
        writeln!(f, "Block     {}\n", self.block)?;
        write!(f, "Listening on {}", self.endpoint)
    }
}
