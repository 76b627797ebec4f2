//! `neuron register`: a slot in a subnet for the wallet's hotkey, at the price of the moment.

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::chain::{address, netuid, refused, with_chain};
use super::output::Output;
use super::write::{Writer, with_write};
use super::{Exit, Failure, OrExit, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Operation;
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { command, run };

fn command() -> Command {
    let limit = Arg::new("limit-price").long("limit-price").value_name("TAO").help("The most that it may cost");
    let command = Command::new("register")
        .about("Registers the wallet's hotkey in a subnet; the coldkey pays the price of the moment")
        .after_help("--wallet.hotkey also takes the address of a hotkey whose file is elsewhere.")
        .arg(limit);
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

#[derive(Serialize)]
struct Registered {
    netuid: NetUid,
    /// `null` in a dry run.
    uid: Option<Uid>,
    hotkey: Account,
    /// What the coldkey has less now; `null` when the hotkey was registered before.
    paid_rao: Option<Rao>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let limit = matches.get_one::<String>("limit-price");
        let limit = limit.map(|text| text.parse::<Rao>().or_exit(Exit::Usage)).transpose()?;
        let writer = Writer::open(matches, &settings, output).await?;
        let uid = writer.chain.uid(netuid, &hotkey).await.map_err(refused)?;
        if let Some(uid) = uid {
            let registered = Registered { netuid, uid: Some(uid), hotkey, paid_rao: None };
            return Ok(output.result(&registered, |Registered { netuid, hotkey, .. }| {
                format!("{hotkey} already is uid {uid} of subnet {netuid}; nothing was paid\n")
            })?);
        }
        let price = writer.chain.hyperparameters(netuid).await.map_err(refused)?.burn;
        let price = price.map_or_else(|| "an unknown price".to_owned(), |price| price.to_string());
        let what = format!("Register {hotkey} in subnet {netuid} for {price}");
        let outcome = writer.carry_out(Operation::register(netuid, &hotkey, limit), &what).await?;
        let uid = writer.chain.uid(netuid, &hotkey).await.map_err(refused)?;
        let registered = Registered { netuid, uid, hotkey, paid_rao: Some(outcome.spent()) };
        writer.done(registered, outcome, |Registered { netuid, uid, hotkey, .. }| match uid {
            Some(uid) => format!("{hotkey} is uid {uid} of subnet {netuid}"),
            None => format!("{hotkey} was registered in subnet {netuid}, and has no slot any more"),
        })
    })
}
