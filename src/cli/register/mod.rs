//! `neuron register`: a slot in a subnet for the wallet's hotkey, at the price of the moment or for work.

mod pow;

use std::num::NonZeroUsize;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::chain::{address, netuid, refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Outcome, Writer, with_write};
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Operation;
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "register", command, run, prints: Prints::shown_or_written::<Registered>() };

fn command() -> Command {
    let limit = Arg::new("limit-price").long("limit-price").value_name("TAO").help("The most TAO that it may cost");
    let pow = Arg::new("pow").long("pow").action(ArgAction::SetTrue);
    // Work is stale in a minute: whoever signs elsewhere pays the price.
    let pow = pow.conflicts_with_all(["limit-price", "sign-offline"]);
    let pow = pow.help("Register by proof of work instead of paying, where the chain and the subnet's owner allow it");
    let threads = Arg::new("pow-workers").long("pow-workers").alias("num-processes").value_name("N").requires("pow");
    let threads = threads
        .value_parser(value_parser!(NonZeroUsize))
        .help("Threads for the proof of work [default: one for each core]");
    let command = Command::new("register")
        .about("Registers the wallet's hotkey in a subnet; the coldkey pays the present cost")
        .after_help("--wallet.hotkey also takes the address of a hotkey whose file is on another machine.")
        .args([limit, pow, threads]);
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
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
        let mut writer = Writer::open(matches, &settings, output).await?;
        let uid = writer.chain.uid(netuid, &hotkey).await.map_err(refused)?;
        if uid.is_some() {
            return done(&writer, output, (netuid, hotkey), None).await;
        }
        if matches.get_flag("pow") {
            let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            let threads = matches.get_one::<NonZeroUsize>("pow-workers").copied().unwrap_or_else(cores);
            let outcome = pow::register(&mut writer, output, (netuid, hotkey), threads).await?;
            return done(&writer, output, (netuid, hotkey), outcome).await;
        }
        let price = writer.chain.hyperparameters(netuid).await.map_err(refused)?.burn;
        let price = price.map_or_else(|| "an unknown cost".to_owned(), |price| price.to_string());
        let what = format!("Register {hotkey} in subnet {netuid} for {price}");
        let outcome = writer.carry_out(Operation::register(netuid, &hotkey, limit), &what).await?;
        done(&writer, output, (netuid, hotkey), Some(outcome)).await
    })
}

/// Prints the slot; without an outcome the hotkey got it by other means.
async fn done(
    writer: &Writer<'_>,
    output: Output,
    (netuid, hotkey): (NetUid, Account),
    outcome: Option<Outcome>,
) -> Result<(), Failure> {
    let uid = writer.chain.uid(netuid, &hotkey).await.map_err(refused)?;
    let paid_rao = outcome.as_ref().map(Outcome::spent);
    let registered = Registered { netuid, uid, hotkey, paid_rao };
    let told = |Registered { netuid, uid, hotkey, .. }: &Registered| match uid {
        Some(uid) => format!("{hotkey} is uid {uid} of subnet {netuid}"),
        None => format!("{hotkey} was registered in subnet {netuid}, but has lost its slot already"),
    };
    match outcome {
        Some(outcome) => writer.done(registered, outcome, told),
        None => Ok(output.result(&registered, |registered| format!("{}; nothing was paid\n", told(registered)))?),
    }
}
