//! `neuron stake add`, `remove` and `remove-all`: TAO into alpha and back.

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::{amount_or_all, writing};
use crate::cli::chain::{address, netuid, refused, with_amount, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Moves, Writer, limit, told, with_limit, with_write};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Operation;
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const ADD: Verb = Verb { name: "add", command: add_command, run: add, prints: Prints::written::<Staked>() };
pub(super) const REMOVE: Verb =
    Verb { name: "remove", command: remove_command, run: remove, prints: Prints::written::<Staked>() };
pub(super) const REMOVE_ALL: Verb =
    Verb { name: "remove-all", command: remove_all_command, run: remove_all, prints: Prints::written::<Emptied>() };

fn add_command() -> Command {
    let add = Command::new("add").about("Stakes TAO on a hotkey in a subnet; netuid 0 is root");
    let add = with_amount(add, "TAO to stake, such as 1.5", &[]);
    writing(with_limit(add, "The highest price, in TAO per alpha"))
}

fn remove_command() -> Command {
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("All stake of the position");
    let remove = Command::new("remove").about("Takes stake off a hotkey in a subnet; it comes back as TAO").arg(all);
    let remove = with_amount(remove, "Alpha of the subnet to take off, such as 1.5; TAO on root", &["all"]);
    writing(with_limit(remove, "The lowest price, in TAO per alpha"))
}

fn remove_all_command() -> Command {
    let keep = Arg::new("keep-on-root")
        .long("keep-on-root")
        .action(ArgAction::SetTrue)
        .help("Keep the TAO staked on root with the same hotkey");
    let command = Command::new("remove-all")
        .aliases(["unstake-all"])
        .about("Takes everything off a hotkey, in all subnets")
        .arg(keep);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Staked {
    netuid: NetUid,
    hotkey: Account,
    coldkey: Account,
    amount_rao: Rao,
    /// The position after it, in alpha-rao (rao on root).
    stake_rao: Rao,
}

fn add(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    change(matches, output, Moves::Up)
}

fn remove(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    change(matches, output, Moves::Down)
}

/// Buys alpha, which moves the price up, or sells it.
fn change(matches: &ArgMatches, output: Output, moves: Moves) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let writer = Writer::open(matches, &settings, output).await?;
        let (chain, coldkey) = (&writer.chain, writer.owner()?);
        let amount_rao = amount_or_all(matches, chain, (&hotkey, &coldkey, netuid)).await?;
        let price = chain.alpha_price(netuid).await.map_err(refused)?;
        let limit = limit(matches, price, moves)?;
        let (operation, does) = match moves {
            Moves::Up => {
                let brings = told(chain.quote_stake(netuid, amount_rao).await, "alpha");
                (Operation::add_stake(&hotkey, netuid, amount_rao, limit), format!("Stake {amount_rao}{brings}"))
            }
            Moves::Down => {
                let (shown, brings) = (amount_rao.as_tao(), told(chain.quote_unstake(netuid, amount_rao).await, "TAO"));
                (Operation::remove_stake(&hotkey, netuid, amount_rao, limit), format!("Take off {shown} alpha{brings}"))
            }
        };
        let what = format!("{does}: hotkey {hotkey}, subnet {netuid}, coldkey {coldkey}");
        let outcome = writer.carry_out(operation, &what).await?;
        let stake_rao = chain.stake(&hotkey, &coldkey, netuid).await.map_err(refused)?;
        let staked = Staked { netuid, hotkey, coldkey, amount_rao, stake_rao };
        writer.done(staked, outcome, |Staked { hotkey, netuid, stake_rao, .. }| {
            format!("{:.9} alpha on {hotkey} in subnet {netuid}", stake_rao.as_tao())
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct Emptied {
    hotkey: Account,
    coldkey: Account,
}

fn remove_all(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        let (operation, end) = match matches.get_flag("keep-on-root") {
            true => (Operation::unstake_all_alpha(&hotkey), "onto root"),
            false => (Operation::unstake_all(&hotkey), "as TAO"),
        };
        let what = format!("Take everything off hotkey {hotkey} {end}, coldkey {coldkey}");
        let outcome = writer.carry_out(operation, &what).await?;
        writer
            .done(Emptied { hotkey, coldkey }, outcome, |Emptied { hotkey, .. }| format!("nothing is left on {hotkey}"))
    })
}
