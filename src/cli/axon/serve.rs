//! `neuron axon set` and `reset`: where the chain says that the wallet's hotkey answers.

use std::net::{IpAddr, Ipv4Addr};

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::chain::{address, netuid, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Writer, with_write};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Announcement, Operation};
use crate::synapse::VERSION;
use crate::units::{Account, NetUid};
use crate::wallet::KeyKind;

pub(super) const SET: Verb = Verb { name: "set", command: set_command, run: set, prints: Prints::written::<Served>() };
pub(super) const RESET: Verb =
    Verb { name: "reset", command: reset_command, run: reset, prints: Prints::written::<Served>() };

/// What btcli announces for nowhere; a port of 0 is refused by the chain.
const NOWHERE: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 1);

fn writing(command: Command) -> Command {
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

fn set_command() -> Command {
    let ip = Arg::new("ip").long("ip").value_name("IP").required(true).value_parser(value_parser!(IpAddr));
    let port =
        Arg::new("port").long("port").value_name("PORT").required(true).value_parser(value_parser!(u16).range(1..));
    let command = Command::new("set")
        .about("Publishes on the chain at which address the wallet's hotkey serves in a subnet; the hotkey signs")
        .arg(ip.help("The address that others call"))
        .arg(port.help("The port that others call"));
    writing(command)
}

fn reset_command() -> Command {
    writing(
        Command::new("reset").about("Publishes on the chain that the wallet's hotkey serves at no address in a subnet"),
    )
}

#[derive(JsonSchema, Serialize)]
struct Served {
    netuid: NetUid,
    hotkey: Account,
    ip: IpAddr,
    port: u16,
}

fn set(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let ip = matches.get_one::<IpAddr>("ip").copied().unwrap_or(NOWHERE.0);
    let port = matches.get_one::<u16>("port").copied().unwrap_or(NOWHERE.1);
    announce(matches, output, (ip, port), &format!("serves at {}", std::net::SocketAddr::from((ip, port))))
}

fn reset(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    announce(matches, output, NOWHERE, "serves at no address")
}

fn announce(matches: &ArgMatches, output: Output, (ip, port): (IpAddr, u16), told: &str) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let writer = Writer::open(matches, &settings, output).await?.signed_by_hotkey();
        let announcement = Announcement { ip, port, version: u32::try_from(VERSION).unwrap_or(u32::MAX) };
        let what = format!("Publish on the chain that {hotkey} {told} in subnet {netuid}");
        let outcome = writer.carry_out(Operation::serve_axon(netuid, announcement), &what).await?;
        writer.done(Served { netuid, hotkey, ip, port }, outcome, |it| {
            format!("{} {told} in subnet {}", it.hotkey, it.netuid)
        })
    })
}
