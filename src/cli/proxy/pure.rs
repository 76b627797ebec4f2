//! `neuron proxy create` and `kill`: accounts without a key, of which the wallet's coldkey is the proxy.

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{delay, kind, named, number, operation, word, writing};
use crate::cli::chain::{refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::Writer;
use crate::cli::{Failure, Prints, Verb};
use crate::subtensor::{Inclusion, Subtensor};
use crate::units::{Account, BlockNumber};

pub(super) const CREATE: Verb =
    Verb { name: "create", command: create_command, run: create, prints: Prints::written::<Created>() };
pub(super) const KILL: Verb =
    Verb { name: "kill", command: kill_command, run: kill, prints: Prints::written::<Killed>() };

fn index() -> Arg {
    Arg::new("index")
        .long("index")
        .value_name("N")
        .value_parser(value_parser!(u16))
        .default_value("0")
        .help("A number that distinguishes accounts created by one transaction")
}

fn create_command() -> Command {
    let command = Command::new("create")
        .about("Creates an account without a key, of which the wallet's coldkey is the proxy")
        .after_help("Keep the output: you need the block and the place in it to remove the account.")
        .args([kind().required(true), delay(), index()]);
    writing(command)
}

fn kill_command() -> Command {
    let place = |id: &'static str, help: &'static str| {
        Arg::new(id).long(id).value_name("N").required(true).value_parser(value_parser!(u32)).help(help)
    };
    let spawner = Arg::new("spawner").long("spawner").value_name("ADDRESS").required(true).help("Who created it");
    let command = Command::new("kill")
        .about("Removes an account that `create` made, for ever: its balance is lost")
        .long_about(
            "Removes an account that `create` made, for ever. The account itself must ask for it: --proxy ADDRESS. \
             Its balance is lost, so empty it first.",
        )
        .args([spawner, kind().required(true), index()])
        .args([place("height", "The block in which it was created"), place("ext-index", "The place in that block")]);
    writing(command).mut_arg("proxy", |arg| arg.required(true))
}

/// `Proxy.PureCreated`, by which an account is told from others and found again.
#[derive(Debug, Deserialize)]
struct Pure {
    pure: Account,
    who: Account,
    disambiguation_index: u16,
}

#[derive(JsonSchema, Serialize)]
struct Created {
    spawner: Account,
    proxy_type: String,
    index: u16,
    /// `null` in a dry run.
    account: Option<Account>,
    height: Option<BlockNumber>,
    ext_index: Option<u32>,
}

fn create(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (kind, delay) = (word(matches, "kind").to_owned(), number(matches, "delay"));
        let index = matches.get_one::<u16>("index").copied().unwrap_or_default();
        let writer = Writer::open(matches, &settings, output).await?;
        let spawner = writer.owner()?;
        let arguments = [("proxy_type", kind.clone().into()), ("delay", delay.into()), ("index", index.into())];
        let operation = operation(&writer.chain, "create_pure", arguments).await?;
        let what = format!("Create an account without a key, for which {spawner} acts as {kind}");
        let outcome = writer.carry_out(operation, &what).await?;
        let found = match outcome.inclusion() {
            Some(inclusion) => created_in(&writer.chain, inclusion, (&spawner, index)).await?,
            None => None,
        };
        let (account, ext_index) = found.unzip();
        let height = outcome.inclusion().map(|inclusion| inclusion.block);
        let created = Created { spawner, proxy_type: kind, index, account, height, ext_index };
        writer.done(created, outcome, |created| match (created.account, created.height, created.ext_index) {
            (Some(account), Some(height), Some(place)) => format!(
                "{account} is created; to act for it, add --proxy {account}; to remove it, you need --height {height} \
                 --ext-index {place} --index {index}"
            ),
            _ => "the account is created".to_owned(),
        })
    })
}

/// The account that was created by this transaction, and the transaction's place in its block, as its event tells.
async fn created_in(
    chain: &Subtensor,
    inclusion: &Inclusion,
    (spawner, index): (&Account, u16),
) -> Result<Option<(Account, u32)>, Failure> {
    let events = chain.at(inclusion.block).storage("System.Events", &[], 1).await.map_err(refused)?.into_value();
    let mut created = events.as_array().into_iter().flatten().filter_map(|record| {
        let place = u32::try_from(record.pointer("/phase/ApplyExtrinsic")?.as_u64()?).ok()?;
        let pure = Pure::deserialize(record.pointer("/event/Proxy/PureCreated")?).ok()?;
        (pure.who == *spawner && pure.disambiguation_index == index).then_some((pure.pure, place))
    });
    Ok(created.next_back())
}

#[derive(JsonSchema, Serialize)]
struct Killed {
    account: Account,
    spawner: Account,
}

fn kill(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let spawner = named(matches, "spawner", &settings, output)?;
        let index = matches.get_one::<u16>("index").copied().unwrap_or_default();
        let writer = Writer::open(matches, &settings, output).await?;
        let account = writer.owner()?;
        let arguments = [
            ("spawner", Json::from(spawner.to_string())),
            ("proxy_type", word(matches, "kind").into()),
            ("index", index.into()),
            ("height", number(matches, "height").into()),
            ("ext_index", number(matches, "ext-index").into()),
        ];
        let operation = operation(&writer.chain, "kill_pure", arguments).await?;
        let what = format!("Remove {account} for ever, with its whole balance");
        let outcome = writer.carry_out(operation, &what).await?;
        writer.done(Killed { account, spawner }, outcome, |killed| format!("{} is removed", killed.account))
    })
}
