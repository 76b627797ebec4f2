//! `neuron balance`: an account's free TAO.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::chain::{address, connect_at, refused, with_block, with_chain};
use super::output::Output;
use super::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::units::{Account, Rao};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "balance", command, run, prints: Prints::one::<Balance>() };

fn command() -> Command {
    let whose = Arg::new("address").value_name("ADDRESS").help("An ss58 address; the wallet's coldkey by default");
    let command = Command::new("balance").about("Prints the free TAO of an account").arg(whose);
    args::with_settings(with_block(command), &[Group::Wallet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Balance {
    address: Account,
    free_rao: Rao,
    free_tao: f64,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let address = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let free = connect_at(&settings, matches).await?.balance(&address).await.map_err(refused)?;
        let balance = Balance { address, free_rao: free, free_tao: free.as_tao() };
        Ok(output.result(&balance, |balance| format!("{}  {}\n", balance.address, balance.free_rao))?)
    })
}
