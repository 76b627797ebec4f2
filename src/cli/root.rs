//! `neuron root …`: seats on the root network, and its dividends.

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::chain::{address, connect_at, refused, with_block, with_chain};
use super::output::{Output, TextTable};
use super::write::{Writer, with_write};
use super::{Exit, Failure, Prints, Verb, args, group_of, identity, run_one_of};
use crate::config::table::Group;
use crate::subtensor::{Metagraph, Neuron, Operation, RootClaim};
use crate::units::{Account, NetUid, Uid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "root", command, run, prints: Prints::Group(VERBS) };

const LIST: Verb = Verb { name: "list", command: list_command, run: list, prints: Prints::one::<Metagraph>() };
const REGISTER: Verb =
    Verb { name: "register", command: register_command, run: register, prints: Prints::written::<Seat>() };
const CLAIM: Verb = Verb { name: "claim", command: claim_command, run: claim, prints: Prints::written::<Claimed>() };
const CLAIM_TYPE: Verb = Verb {
    name: "claim-type",
    command: claim_type_command,
    run: claim_type,
    prints: Prints::shown_or_written::<ClaimType>(),
};
const VERBS: &[Verb] = &[LIST, REGISTER, CLAIM, CLAIM_TYPE];

/// How many subnets one claim may name.
const CLAIMS_AT_ONCE: usize = 5;

fn command() -> Command {
    let command = Command::new("root").about("Lists and takes seats on root; claims the dividends of stake there");
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "root", matches, output)
}

fn list_command() -> Command {
    let command = Command::new("list").about("Prints who has a seat on root, and its stake");
    args::with_settings(with_block(command), &[Group::Chain])
}

fn register_command() -> Command {
    let command = Command::new("register")
        .about("Takes a seat on root for the wallet's hotkey; the hotkey with the least stake loses its seat");
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

fn claim_command() -> Command {
    let subnets = Arg::new("netuids")
        .value_name("NETUID")
        .num_args(1..)
        .value_delimiter(',')
        .required(true)
        .value_parser(value_parser!(u16))
        .help("The subnets whose dividends are claimed, at most five");
    let command =
        Command::new("claim").about("Claims the dividends that stake on root earned in these subnets").arg(subnets);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

fn claim_type_command() -> Command {
    let kind = Arg::new("kind")
        .value_name("KIND")
        .value_parser(["swap", "keep"])
        .ignore_case(true)
        .help("swap: sold for TAO on root; keep: kept as alpha; without it the present choice is shown");
    let only = Arg::new("only")
        .long("only")
        .value_name("NETUIDS")
        .value_delimiter(',')
        .value_parser(value_parser!(u16))
        .help("With keep: only in these subnets; sold in the others");
    let command = Command::new("claim-type")
        .alias("set-claim-type")
        .about("Shows or sets whether the dividends of stake on root are sold or kept")
        .args([kind, only]);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let metagraph = connect_at(&settings, matches).await?.metagraph(NetUid(0)).await.map_err(refused)?;
        Ok(output.result(&metagraph, |metagraph| {
            let mut table = TextTable::new(["uid", "hotkey", "coldkey", "on root"]);
            for Neuron { uid, hotkey, coldkey, total_stake, .. } in &metagraph.neurons {
                let stake = format!("{:.4}", total_stake.as_tao());
                table.row([uid.to_string(), hotkey.to_string(), coldkey.to_string(), stake]);
            }
            format!(
                "{}{} seats at block {}; on root in TAO\n",
                table.render(),
                metagraph.neurons.len(),
                metagraph.block
            )
        })?)
    })
}

#[derive(JsonSchema, Serialize)]
struct Seat {
    hotkey: Account,
    uid: Option<Uid>,
}

fn register(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let outcome =
            writer.carry_out(Operation::root_register(&hotkey), &format!("A seat on root for {hotkey}")).await?;
        let uid = writer.chain.uid(NetUid(0), &hotkey).await.map_err(refused)?;
        writer.done(Seat { hotkey, uid }, outcome, |Seat { hotkey, uid }| match uid {
            Some(uid) => format!("{hotkey} is uid {uid} of root"),
            None => format!("{hotkey} has no seat on root"),
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct Claimed {
    netuids: Vec<NetUid>,
    coldkey: Account,
}

fn claim(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let mut netuids: Vec<NetUid> =
            matches.get_many::<u16>("netuids").unwrap_or_default().copied().map(NetUid).collect();
        // As the chain's set is ordered.
        netuids.sort_unstable();
        netuids.dedup();
        if netuids.len() > CLAIMS_AT_ONCE {
            let error =
                anyhow::anyhow!("{} subnets are too many: the chain takes {CLAIMS_AT_ONCE} in one call", netuids.len());
            return Err(Failure::new(Exit::Usage, error));
        }
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        let shown = netuids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let what = format!("Claim the dividends that stake of {coldkey} on root earned in subnets {shown}");
        let outcome = writer.carry_out(Operation::claim_root(&netuids), &what).await?;
        writer.done(Claimed { netuids, coldkey }, outcome, |claimed| {
            format!("claimed in {} subnets", claimed.netuids.len())
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct ClaimType {
    coldkey: Account,
    claim_type: Json,
}

fn claim_type(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        let told = |ClaimType { coldkey, claim_type }: &ClaimType| {
            let kind = claim_type.as_str().map_or_else(|| claim_type.to_string(), str::to_owned);
            format!("dividends of stake on root of {coldkey}: {kind}")
        };
        let key = coldkey.to_string();
        let Some(kind) = matches.get_one::<String>("kind") else {
            let claim_type = identity::stored(&writer.chain, "RootClaimType", key.into()).await?;
            return Ok(output.result(&ClaimType { coldkey, claim_type }, |kind| format!("{}\n", told(kind)))?);
        };
        let only: Vec<NetUid> = matches.get_many::<u16>("only").unwrap_or_default().copied().map(NetUid).collect();
        let claim = match (kind.to_lowercase().as_str(), only.as_slice()) {
            ("swap", []) => RootClaim::Swap,
            ("swap", _) => return Err(Failure::new(Exit::Usage, anyhow::anyhow!("--only needs keep"))),
            (_, []) => RootClaim::Keep,
            _ => RootClaim::KeepSubnets(only),
        };
        let what = format!("The dividends of stake of {coldkey} on root will be: {kind}");
        let outcome = writer.carry_out(Operation::set_root_claim(&claim), &what).await?;
        let claim_type = identity::stored(&writer.chain, "RootClaimType", key.into()).await?;
        writer.done(ClaimType { coldkey, claim_type }, outcome, told)
    })
}
