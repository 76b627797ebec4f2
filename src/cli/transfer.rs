//! `neuron transfer`: TAO from the wallet's coldkey to another account.

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::chain::{account, address, amount, coldkey, confirm, connect, refused, with_amount, with_chain};
use super::output::Output;
use super::{Failure, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Inclusion;
use crate::units::{Account, Rao};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { command, run };

fn command() -> Command {
    let to = Arg::new("to").long("to").alias("dest").alias("destination").value_name("ADDRESS").required(true);
    let command = Command::new("transfer")
        .about("Sends TAO from the wallet's coldkey to another account")
        .arg(to.help("Who gets it: an address, a public key, WALLET, or WALLET/HOTKEY"));
    let command = with_amount(command, "How much TAO, such as 1.5", &[]);
    args::with_settings(command, &[Group::Wallet, Group::Chain])
}

#[derive(Serialize)]
struct Transferred {
    from: Account,
    to: Account,
    amount_rao: Rao,
    /// The sender's free balance after it.
    free_rao: Rao,
    inclusion: Inclusion,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let text = matches.get_one::<String>("to").map_or("", String::as_str);
        let to = account(&settings, text, output)?;
        let amount = amount(matches)?.unwrap_or_default();
        let from = address(&settings, KeyKind::Coldkey, None)?;
        let chain = connect(&settings).await?;
        let free = chain.balance(&from).await.map_err(refused)?;
        confirm(output, &format!("Send {amount} of {free}, from {from} to {to}?"))?;
        let key = coldkey(&settings)?;
        let inclusion = chain.transfer(&key, &to, amount).await.map_err(refused)?;
        let free_rao = chain.balance(&from).await.map_err(refused)?;
        let transferred = Transferred { from, to, amount_rao: amount, free_rao, inclusion };
        Ok(output.result(&transferred, |Transferred { to, amount_rao, free_rao, inclusion, .. }| {
            format!("{amount_rao} sent to {to} in block {}; {free_rao} left\n", inclusion.block)
        })?)
    })
}
