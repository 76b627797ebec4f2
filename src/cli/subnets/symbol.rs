//! `neuron subnets set-symbol` and `trigger-epoch`.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::cli::chain::{netuid, refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Writer, with_write};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::units::NetUid;

pub(super) const SET_SYMBOL: Verb =
    Verb { name: "set-symbol", command: symbol_command, run: set_symbol, prints: Prints::written::<Named>() };
pub(super) const TRIGGER_EPOCH: Verb =
    Verb { name: "trigger-epoch", command: epoch_command, run: trigger_epoch, prints: Prints::written::<Triggered>() };

fn writing(command: Command) -> Command {
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

fn symbol_command() -> Command {
    let symbol = Arg::new("symbol").value_name("SYMBOL").required(true);
    let command = Command::new("set-symbol").about("Gives the alpha of your own subnet another symbol");
    writing(command.arg(symbol.help("A symbol that the chain knows and no other subnet has")))
}

fn epoch_command() -> Command {
    let command = Command::new("trigger-epoch")
        .about("Asks for an early epoch of your own subnet; it runs some blocks later")
        .after_help("The chain refuses it while commit-reveal is on, and when the next epoch is near.");
    writing(command)
}

#[derive(JsonSchema, Serialize)]
struct Named {
    netuid: NetUid,
    symbol: String,
}

fn set_symbol(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let symbol = matches.get_one::<String>("symbol").cloned().unwrap_or_default();
        let writer = Writer::open(matches, &settings, output).await?;
        let arguments = arguments([("netuid", netuid.0.into()), ("symbol", symbol.clone().into())]);
        let operation = writer.chain.operation("SubtensorModule.update_symbol", &arguments).await.map_err(refused)?;
        let outcome = writer.carry_out(operation, &format!("The symbol of subnet {netuid} will be {symbol}")).await?;
        writer.done(Named { netuid, symbol }, outcome, |it| {
            format!("the symbol of subnet {} is {}", it.netuid, it.symbol)
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct Triggered {
    netuid: NetUid,
}

fn trigger_epoch(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let arguments = arguments([("netuid", netuid.0.into())]);
        let operation = writer.chain.operation("SubtensorModule.trigger_epoch", &arguments).await.map_err(refused)?;
        let outcome = writer.carry_out(operation, &format!("Ask for an early epoch of subnet {netuid}")).await?;
        writer.done(Triggered { netuid }, outcome, |it| format!("an epoch of subnet {} will run soon", it.netuid))
    })
}

fn arguments<const N: usize>(named: [(&str, Json); N]) -> Map<String, Json> {
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
