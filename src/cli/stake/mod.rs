//! `neuron stake …`: what a coldkey has on hotkeys, more of it, less of it, elsewhere.

mod amounts;
mod auto;
mod child;
mod list;
mod moves;

use clap::{Arg, ArgMatches, Command};

use super::chain::{netuid, refused};
use super::output::Output;
use super::{Exit, Failure, Prints, Verb, args, write};
use crate::config::Settings;
use crate::config::table::Group;
use crate::subtensor::Subtensor;
use crate::units::{Account, NetUid, Rao};

pub(super) use child::{of_65535, percent};
pub(super) use list::{Worth, table as worth_table, worths};

pub(super) const VERB: Verb = Verb { name: "stake", command, run, prints: Prints::Group(VERBS) };

/// Every subcommand, in the order of the help page.
const VERBS: &[Verb] = &[
    list::VERB,
    amounts::ADD,
    amounts::REMOVE,
    amounts::REMOVE_ALL,
    moves::MOVE,
    moves::SWAP,
    moves::TRANSFER,
    auto::VERB,
    child::VERB,
];

fn command() -> Command {
    let command = Command::new("stake")
        .about("Shows, adds, removes and moves stake")
        .after_help("--wallet.hotkey also takes the address of somebody else's hotkey.");
    super::group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    super::run_one_of(VERBS, "stake", matches, output)
}

/// A command that writes with the coldkey, about a subnet and a hotkey.
fn writing(command: Command) -> Command {
    args::with_settings(write::with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

/// The flag for another subnet than `--netuid`.
fn destination(id: &'static str, alias: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).alias(alias).value_name("N").value_parser(clap::value_parser!(u16)).help(help)
}

/// The subnet that was named by [`destination`], or `--netuid`.
fn destination_or_here(matches: &ArgMatches, id: &str, settings: &Settings) -> Result<NetUid, Failure> {
    matches.get_one::<u16>(id).map_or_else(|| netuid(settings), |n| Ok(NetUid(*n)))
}

/// What was asked for, or all that is there.
async fn amount_or_all(
    matches: &ArgMatches,
    chain: &Subtensor,
    (hotkey, coldkey, netuid): (&Account, &Account, NetUid),
) -> Result<Rao, Failure> {
    let amount = match super::chain::amount(matches)? {
        Some(amount) => amount,
        None => chain.stake(hotkey, coldkey, netuid).await.map_err(refused)?,
    };
    if amount == Rao(0) {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("an amount of 0 moves nothing: give more")));
    }
    Ok(amount)
}
