//! `neuron transfer`: TAO from the wallet's coldkey to another account.

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::chain::{account, amount, with_amount, with_chain};
use super::output::Output;
use super::write::{Writer, with_write};
use super::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Operation;
use crate::units::{Account, Rao};

pub(super) const VERB: Verb = Verb { name: "transfer", command, run, prints: Prints::written::<Transferred>() };

fn command() -> Command {
    let to = Arg::new("to").long("to").alias("dest").alias("destination").value_name("ADDRESS").required(true);
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue);
    let command = Command::new("transfer")
        .about("Sends TAO from the wallet's coldkey to another account")
        .arg(to.help("The receiver: an address, a public key, WALLET, or WALLET/HOTKEY"))
        .arg(all.help("Everything, except the minimum that keeps the account"));
    let command = with_amount(command, "How much TAO, such as 1.5", &["all"]);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Transferred {
    from: Account,
    to: Account,
    /// `null`: everything.
    amount_rao: Option<Rao>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let text = matches.get_one::<String>("to").map_or("", String::as_str);
        let to = account(&settings, text, output)?;
        let amount_rao = amount(matches)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let from = writer.owner()?;
        let shown = amount_rao.map_or_else(|| "everything".to_owned(), |amount| amount.to_string());
        let operation = match amount_rao {
            Some(amount) => Operation::transfer(&to, amount),
            None => Operation::transfer_all(&to, true),
        };
        let outcome = writer.carry_out(operation, &format!("Send {shown} from {from} to {to}")).await?;
        writer.done(Transferred { from, to, amount_rao }, outcome, |sent| format!("{shown} sent to {}", sent.to))
    })
}
