//! `neuron stake auto`: where a coldkey's earnings as a miner are staked.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::writing;
use crate::cli::chain::{account, netuid, refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::Writer;
use crate::cli::{Failure, Prints, Verb};
use crate::subtensor::Operation;
use crate::units::{Account, NetUid};

pub(super) const VERB: Verb = Verb { name: "auto", command, run, prints: Prints::shown_or_written::<Auto>() };

fn command() -> Command {
    let to = Arg::new("to")
        .long("to")
        .value_name("ADDRESS")
        .help("The hotkey on which earnings in --netuid will be staked: an address, or WALLET/HOTKEY");
    let command = Command::new("auto")
        .aliases(["set-auto", "get-auto"])
        .about("Shows on which hotkey the coldkey's earnings as a miner of a subnet are staked; with --to, changes it")
        .arg(to);
    writing(command)
}

#[derive(JsonSchema, Serialize)]
struct Auto {
    netuid: NetUid,
    coldkey: Account,
    /// `null`: on the hotkey that earned it.
    hotkey: Json,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        if let Some(text) = matches.get_one::<String>("to") {
            let hotkey = account(&settings, text, output)?;
            let what = format!("Stake the earnings of {coldkey} as a miner of subnet {netuid} on hotkey {hotkey}");
            let outcome = writer.carry_out(Operation::set_auto_stake(netuid, &hotkey), &what).await?;
            let auto = Auto { netuid, coldkey, hotkey: hotkey.to_string().into() };
            return writer.done(auto, outcome, told);
        }
        let keys = [coldkey.to_string().into(), netuid.0.into()];
        let stored = writer.chain.storage("SubtensorModule.AutoStakeDestination", &keys, 1).await.map_err(refused)?;
        let hotkey = stored.into_value();
        Ok(output.result(&Auto { netuid, coldkey, hotkey }, |auto| format!("{}\n", told(auto)))?)
    })
}

fn told(Auto { netuid, coldkey, hotkey }: &Auto) -> String {
    let on = hotkey.as_str().unwrap_or("the hotkey that earns it");
    format!("the earnings of {coldkey} as a miner of subnet {netuid} are staked on {on}")
}
