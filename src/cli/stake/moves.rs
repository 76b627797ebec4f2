//! `neuron stake move`, `swap` and `transfer`: to another hotkey, another subnet, another coldkey.

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::{amount_or_all, destination, destination_or_here, writing};
use crate::cli::chain::{account, address, netuid, refused, with_amount, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Moves, Writer, limit, with_limit};
use crate::cli::{Exit, Failure, Prints, Verb};
use crate::config::Settings;
use crate::subtensor::Operation;
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const MOVE: Verb =
    Verb { name: "move", command: move_command, run: move_stake, prints: Prints::written::<Moved>() };
pub(super) const SWAP: Verb =
    Verb { name: "swap", command: swap_command, run: swap, prints: Prints::written::<Moved>() };
pub(super) const TRANSFER: Verb =
    Verb { name: "transfer", command: transfer_command, run: transfer, prints: Prints::written::<Moved>() };

const TO_NETUID: &str = "to-netuid";

fn with_part(command: Command) -> Command {
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("All stake of the position");
    with_amount(command.arg(all), "Alpha of --netuid to move, such as 1.5; TAO on root", &["all"])
}

fn whom(help: &'static str) -> Arg {
    Arg::new("to").long("to").alias("dest").alias("destination").value_name("ADDRESS").required(true).help(help)
}

fn move_command() -> Command {
    let command = Command::new("move")
        .about("Moves stake from the wallet's hotkey to another hotkey, in the same or another subnet")
        .arg(whom("The other hotkey: an address, or WALLET/HOTKEY").alias("destination-hotkey"))
        .arg(destination(TO_NETUID, "dest-netuid", "The other hotkey's subnet; the same by default"));
    writing(with_part(command))
}

fn swap_command() -> Command {
    let to = destination(TO_NETUID, "dest-netuid", "The subnet to swap into").required(true);
    let command = Command::new("swap").about("Swaps stake on a hotkey from one subnet into another").arg(to);
    writing(with_limit(with_part(command), "The lowest ratio of the prices, --netuid by --to-netuid"))
}

fn transfer_command() -> Command {
    let command = Command::new("transfer")
        .about("Gives stake on a hotkey to another coldkey")
        .arg(whom("The other coldkey: an address, or WALLET").alias("dest-coldkey"))
        .arg(destination(
            TO_NETUID,
            "dest-netuid",
            "The subnet in which the other coldkey gets it; the same by default",
        ));
    writing(with_part(command))
}

#[derive(JsonSchema, Serialize)]
struct Moved {
    from_hotkey: Account,
    from_coldkey: Account,
    from_netuid: NetUid,
    to_hotkey: Account,
    to_coldkey: Account,
    to_netuid: NetUid,
    /// In alpha-rao of the origin.
    amount_rao: Rao,
    /// The position that it went to, after it; in alpha-rao (rao on root).
    stake_rao: Rao,
}

/// A position.
#[derive(Clone, Copy)]
struct Place {
    hotkey: Account,
    coldkey: Account,
    netuid: NetUid,
}

/// Asks, sends, reads the position that it went to, and prints.
async fn carried(
    writer: &Writer<'_>,
    (operation, what): (Operation, &str),
    (from, to): (Place, Place),
    amount_rao: Rao,
) -> Result<(), Failure> {
    let outcome = writer.carry_out(operation, what).await?;
    let stake_rao = writer.chain.stake(&to.hotkey, &to.coldkey, to.netuid).await.map_err(refused)?;
    let moved = Moved {
        from_hotkey: from.hotkey,
        from_coldkey: from.coldkey,
        from_netuid: from.netuid,
        to_hotkey: to.hotkey,
        to_coldkey: to.coldkey,
        to_netuid: to.netuid,
        amount_rao,
        stake_rao,
    };
    writer.done(moved, outcome, |Moved { to_hotkey, to_netuid, to_coldkey, stake_rao, .. }| {
        let stake = stake_rao.as_tao();
        format!("{stake:.9} alpha on {to_hotkey} in subnet {to_netuid}, of coldkey {to_coldkey}")
    })
}

fn move_stake(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (from_netuid, from_hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let to_netuid = destination_or_here(matches, TO_NETUID, &settings)?;
        let to_hotkey = named(matches, &settings, output)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let owner = writer.owner()?;
        let amount_rao = amount_or_all(matches, &writer.chain, (&from_hotkey, &owner, from_netuid)).await?;
        let operation = Operation::move_stake((&from_hotkey, from_netuid), (&to_hotkey, to_netuid), amount_rao);
        let shown = amount_rao.as_tao();
        let what = format!(
            "Move {shown} alpha of subnet {from_netuid} from hotkey {from_hotkey} to {to_hotkey} in subnet {to_netuid}"
        );
        let from = Place { hotkey: from_hotkey, coldkey: owner, netuid: from_netuid };
        let to = Place { hotkey: to_hotkey, coldkey: owner, netuid: to_netuid };
        carried(&writer, (operation, &what), (from, to), amount_rao).await
    })
}

fn swap(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (from_netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let to_netuid = destination_or_here(matches, TO_NETUID, &settings)?;
        if from_netuid == to_netuid {
            let error = anyhow::anyhow!("a swap from subnet {from_netuid} to itself moves nothing: check --to-netuid");
            return Err(Failure::new(Exit::Usage, error));
        }
        let writer = Writer::open(matches, &settings, output).await?;
        let owner = writer.owner()?;
        let amount_rao = amount_or_all(matches, &writer.chain, (&hotkey, &owner, from_netuid)).await?;
        let from_price = writer.chain.alpha_price(from_netuid).await.map_err(refused)?;
        let to_price = writer.chain.alpha_price(to_netuid).await.map_err(refused)?;
        let ratio = from_price.as_tao() / to_price.as_tao().max(f64::MIN_POSITIVE);
        let now = Rao((ratio * Rao::PER_TAO as f64) as u64);
        let operation =
            Operation::swap_stake(&hotkey, from_netuid, to_netuid, amount_rao, limit(matches, now, Moves::Down)?);
        let (shown, about) = (amount_rao.as_tao(), amount_rao.as_tao() * ratio);
        let what = format!(
            "Swap {shown} alpha of subnet {from_netuid} for about {about:.9} alpha of subnet {to_netuid}, before fee and \
             slippage: hotkey {hotkey}, coldkey {owner}"
        );
        let from = Place { hotkey, coldkey: owner, netuid: from_netuid };
        carried(&writer, (operation, &what), (from, Place { netuid: to_netuid, ..from }), amount_rao).await
    })
}

fn transfer(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (from_netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let to_netuid = destination_or_here(matches, TO_NETUID, &settings)?;
        let to_coldkey = named(matches, &settings, output)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let from_coldkey = writer.owner()?;
        let amount_rao = amount_or_all(matches, &writer.chain, (&hotkey, &from_coldkey, from_netuid)).await?;
        let operation = Operation::transfer_stake(&to_coldkey, &hotkey, from_netuid, to_netuid, amount_rao);
        let shown = amount_rao.as_tao();
        let what = format!(
            "Give {shown} alpha of subnet {from_netuid} on hotkey {hotkey}, of {from_coldkey}, to coldkey {to_coldkey} in subnet \
             {to_netuid}"
        );
        let from = Place { hotkey, coldkey: from_coldkey, netuid: from_netuid };
        let to = Place { hotkey, coldkey: to_coldkey, netuid: to_netuid };
        carried(&writer, (operation, &what), (from, to), amount_rao).await
    })
}

fn named(matches: &ArgMatches, settings: &Settings, output: Output) -> Result<Account, Failure> {
    let text = matches.get_one::<String>("to").map_or("", String::as_str);
    account(settings, text, output)
}
