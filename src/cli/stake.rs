//! `neuron stake list`, `add` and `remove`: the coldkey's stake on hotkeys.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use super::chain::{address, amount, coldkey, confirm, connect, netuid, refused, with_amount, with_chain};
use super::output::{Output, TextTable};
use super::{Exit, Failure, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Inclusion, Position};
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { command, run };

fn command() -> Command {
    let add = Command::new("add").about("Stakes TAO on a hotkey in a subnet; netuid 0 is root");
    let add = with_amount(add, "TAO to stake, such as 1.5", &[]);
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("The whole position");
    let remove = Command::new("remove").about("Takes stake off a hotkey in a subnet; it comes back as TAO").arg(all);
    let remove = with_amount(remove, "Alpha of the subnet to take off, such as 1.5; TAO on root", &["all"]);
    let whose = Arg::new("address").value_name("ADDRESS").help("A coldkey's ss58 address; the wallet's by default");
    let list = Command::new("list").about("Prints what a coldkey has staked, by subnet and hotkey").arg(whose);
    let groups = [Group::Subnet, Group::Wallet, Group::Chain];
    Command::new("stake")
        .about("Shows, adds and removes stake")
        .after_help("--wallet.hotkey also takes the address of somebody else's hotkey.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(args::with_settings(list, &[Group::Wallet, Group::Chain]))
        .subcommand(args::with_settings(add, &groups))
        .subcommand(args::with_settings(remove, &groups))
}

#[derive(Serialize)]
struct Staked {
    netuid: NetUid,
    hotkey: Account,
    coldkey: Account,
    /// The position after it, in alpha-rao (rao on root).
    stake_rao: Rao,
    /// The coldkey's free balance after it.
    free_rao: Rao,
    inclusion: Inclusion,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("list", matches)) => list(matches, output),
        Some((verb, matches)) => change(matches, output, verb == "add"),
        None => Err(anyhow::anyhow!("`neuron stake` knows `list`, `add` and `remove`").into()),
    }
}

fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let positions = connect(&settings).await?.stakes(&coldkey).await.map_err(refused)?;
        Ok(output.result(&positions, |positions| {
            let mut table = TextTable::new(["netuid", "hotkey", "alpha", "registered"]);
            for Position { hotkey, netuid, stake, is_registered } in positions {
                let registered = if *is_registered { "yes" } else { "" };
                let alpha = format!("{:.9}", stake.as_tao());
                table.row([netuid.to_string(), hotkey.to_string(), alpha, registered.to_owned()]);
            }
            table.render()
        })?)
    })
}

fn change(matches: &ArgMatches, output: Output, adding: bool) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let owner = address(&settings, KeyKind::Coldkey, None)?;
        let chain = connect(&settings).await?;
        let amount = match amount(matches)? {
            Some(amount) => amount,
            None => chain.stake(&hotkey, &owner, netuid).await.map_err(refused)?,
        };
        if amount == Rao(0) {
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!("an amount of 0 moves nothing")));
        }
        let (does, unit) = if adding { ("Stake", "TAO") } else { ("Take off", "alpha") };
        let shown = amount.as_tao();
        confirm(output, &format!("{does} {shown} {unit}: hotkey {hotkey}, subnet {netuid}, coldkey {owner}?"))?;
        let key = coldkey(&settings)?;
        let inclusion = match adding {
            true => chain.add_stake(&key, &hotkey, netuid, amount).await,
            false => chain.remove_stake(&key, &hotkey, netuid, amount).await,
        }
        .map_err(refused)?;
        let stake_rao = chain.stake(&hotkey, &owner, netuid).await.map_err(refused)?;
        let free_rao = chain.balance(&owner).await.map_err(refused)?;
        let staked = Staked { netuid, hotkey, coldkey: owner, stake_rao, free_rao, inclusion };
        Ok(output.result(&staked, |staked| {
            let Staked { hotkey, stake_rao, free_rao, inclusion, .. } = staked;
            format!("block {}: {:.9} alpha on {hotkey}, {free_rao} free\n", inclusion.block, stake_rao.as_tao())
        })?)
    })
}
