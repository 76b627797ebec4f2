//! `neuron weights show`: the weights that the validators of a subnet have on the chain.

use std::collections::BTreeMap;

use clap::{ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::cli::chain::{connect_at, netuid, refused, with_block, with_chain};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, Prints, args};
use crate::config::table::Group;
use crate::subtensor::Stored;
use crate::subtensor::weights::PER_MECHANISM;
use crate::units::NetUid;

/// Rows beyond this are none of a subnet: it has 256 places.
const ROWS: u32 = 4096;

/// What it prints.
pub(super) const PRINTS: Prints = Prints::one::<Matrix>();

pub(super) fn command() -> Command {
    let command = Command::new("show")
        .about(
            "Prints the weights that validators have on the chain, without those that are committed and not yet \
             revealed",
        )
        .arg(super::mechanism());
    args::with_settings(with_block(command), &[Group::Subnet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Matrix {
    netuid: NetUid,
    mechanism: u8,
    /// By validator's uid: miner's uid and weight, the largest of a row 65535.
    rows: BTreeMap<u64, Vec<(u64, u64)>>,
}

pub(super) fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let mechanism = matches.get_one::<u8>("mechanism").copied().unwrap_or(0);
        let index = u16::from(mechanism).checked_mul(PER_MECHANISM).and_then(|first| first.checked_add(netuid.0));
        let no_such = || Failure::new(Exit::Usage, anyhow::anyhow!("the subnet has no mechanism {mechanism}"));
        let chain = connect_at(&settings, matches).await?;
        // An unknown subnet is an error, not one without weights.
        chain.require_subnet(netuid).await.map_err(refused)?;
        let index = Json::from(index.ok_or_else(no_such)?);
        let stored = chain.storage("SubtensorModule.Weights", &[index], ROWS).await.map_err(refused)?;
        let Stored::Entries { entries, .. } = stored else {
            return Err(anyhow::anyhow!("the chain's weights cannot be read: expected a map").into());
        };
        let row = |value: &Json| serde_json::from_value::<Vec<(u64, u64)>>(value.clone()).unwrap_or_default();
        let rows =
            entries.iter().filter_map(|entry| Some((entry.keys.first()?.as_u64()?, row(&entry.value)))).collect();
        Ok(output.result(&Matrix { netuid, mechanism, rows }, table)?)
    })
}

fn table(Matrix { netuid, rows, .. }: &Matrix) -> String {
    let mut table = TextTable::new(["validator", "weights (uid: share)"]);
    for (uid, row) in rows {
        let sum: u64 = row.iter().map(|(_, weight)| weight).sum();
        let share = |weight: u64| 100.0 * weight as f64 / sum.max(1) as f64;
        let cells: Vec<String> = row.iter().map(|(uid, weight)| format!("{uid}: {:.2} %", share(*weight))).collect();
        table.row([uid.to_string(), cells.join("  ")]);
    }
    format!("{}subnet {netuid}: {} validators have weights on the chain\n", table.render(), rows.len())
}
