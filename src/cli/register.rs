//! `neuron register`: a slot in a subnet for the wallet's hotkey, at the price of the moment.

use clap::{ArgMatches, Command};
use serde::Serialize;

use super::chain::{address, coldkey, confirm, connect, netuid, refused, with_chain};
use super::output::Output;
use super::{Failure, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Inclusion;
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { command, run };

fn command() -> Command {
    let command = Command::new("register")
        .about("Registers the wallet's hotkey in a subnet; the coldkey pays the price of the moment")
        .after_help("--wallet.hotkey also takes the address of a hotkey whose file is elsewhere.");
    args::with_settings(command, &[Group::Subnet, Group::Wallet, Group::Chain])
}

#[derive(Serialize)]
struct Registered {
    netuid: NetUid,
    uid: Uid,
    hotkey: Account,
    /// What the coldkey has less now; `None` when the hotkey was registered before.
    paid_rao: Option<Rao>,
    inclusion: Option<Inclusion>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let chain = connect(&settings).await?;
        if let Some(uid) = chain.uid(netuid, &hotkey).await.map_err(refused)? {
            return done(output, &Registered { netuid, uid, hotkey, paid_rao: None, inclusion: None });
        }
        let payer = address(&settings, KeyKind::Coldkey, None)?;
        let price = chain.hyperparameters(netuid).await.map_err(refused)?.burn;
        let before = chain.balance(&payer).await.map_err(refused)?;
        let price = price.map_or_else(|| "an unknown price".to_owned(), |price| price.to_string());
        confirm(output, &format!("Register {hotkey} in subnet {netuid} for {price}, of {before} on {payer}?"))?;
        let coldkey = coldkey(&settings)?;
        let registration = chain.burned_register(&coldkey, netuid, &hotkey).await.map_err(refused)?;
        let after = chain.balance(&payer).await.map_err(refused)?;
        let paid_rao = registration.inclusion.is_some().then(|| Rao(before.0.saturating_sub(after.0)));
        let inclusion = registration.inclusion;
        done(output, &Registered { netuid, uid: registration.uid, hotkey, paid_rao, inclusion })
    })
}

fn done(output: Output, registered: &Registered) -> Result<(), Failure> {
    Ok(output.result(registered, |Registered { netuid, uid, hotkey, paid_rao, .. }| match paid_rao {
        Some(paid) => format!("{hotkey} is uid {uid} of subnet {netuid}; paid {paid}\n"),
        None => format!("{hotkey} already is uid {uid} of subnet {netuid}; nothing was paid\n"),
    })?)
}
