//! `neuron wallet swap-coldkey …`: another coldkey in the place of the wallet's, announced days before it is done.

use clap::{Arg, ArgGroup, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{Exit, Failure, Output, Prints, Verb, args};
use crate::cli::chain::{account, address, connect_at, refused, with_block, with_chain};
use crate::cli::write::{Writer, with_write};
use crate::cli::{group_of, run_one_of};
use crate::config::Settings;
use crate::config::table::Group;
use crate::subtensor::weights::Hash32;
use crate::subtensor::{Operation, Subtensor};
use crate::units::{Account, BlockNumber};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "swap-coldkey", command, run, prints: Prints::Group(VERBS) };

const ANNOUNCE: Verb =
    Verb { name: "announce", command: announce_command, run: announce, prints: Prints::written::<State>() };
const CHECK: Verb = Verb { name: "check", command: check_command, run: check, prints: Prints::one::<State>() };
const EXECUTE: Verb =
    Verb { name: "execute", command: execute_command, run: execute, prints: Prints::written::<Swapped>() };
const CLEAR: Verb = Verb { name: "clear", command: clear_command, run: clear, prints: Prints::written::<State>() };
const DISPUTE: Verb =
    Verb { name: "dispute", command: dispute_command, run: dispute, prints: Prints::written::<State>() };
const VERBS: &[Verb] = &[ANNOUNCE, CHECK, EXECUTE, CLEAR, DISPUTE];

const GROUPS: [Group; 2] = [Group::Wallet, Group::Chain];

fn command() -> Command {
    let command = Command::new("swap-coldkey")
        .about("Replaces the wallet's coldkey by a new one: balance, stake, hotkeys, subnets and identity move to it")
        .after_help(
            "First `announce`: it freezes the coldkey, and does not show the new one. When `check` says that it is \
             time, `execute`. If you did not announce the swap yourself, `dispute` it.",
        );
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "wallet swap-coldkey", matches, output)
}

/// The new coldkey, as a bare word or as btcli has it.
fn with_new_coldkey(command: Command) -> Command {
    let flag = Arg::new("new-coldkey").long("new-coldkey").aliases(["new-coldkey-ss58", "new-wallet", "new"]);
    let bare = Arg::new("new").value_name("NEW").help("The new coldkey: an address, or WALLET");
    let one_of = ArgGroup::new("a coldkey").args(["new", "new-coldkey"]).required(true);
    command.arg(bare).arg(flag.value_name("NEW").help("The new coldkey, as a flag")).group(one_of)
}

/// What was given for [`with_new_coldkey`].
fn new_coldkey(matches: &ArgMatches, settings: &Settings, output: Output) -> Result<Account, Failure> {
    let given = matches.get_one::<String>("new").or_else(|| matches.get_one("new-coldkey"));
    account(settings, given.map_or("", String::as_str), output)
}

fn writing(command: Command) -> Command {
    args::with_settings(with_write(command), &GROUPS)
}

fn announce_command() -> Command {
    let about = "Announces the new coldkey by its hash; until the swap the old one can do nothing else";
    writing(with_new_coldkey(Command::new("announce").about(about)))
}

fn check_command() -> Command {
    let whose = Arg::new("address").value_name("ADDRESS").help("A coldkey's ss58 address; the wallet's by default");
    let command =
        Command::new("check").about("Prints whether a swap of a coldkey is announced, and when it can be executed");
    args::with_settings(with_block(command.arg(whose)), &GROUPS)
}

fn execute_command() -> Command {
    writing(with_new_coldkey(Command::new("execute").about("Executes the announced swap")))
}

fn clear_command() -> Command {
    writing(Command::new("clear").about("Withdraws the announcement"))
}

fn dispute_command() -> Command {
    let about = "Freezes the coldkey until the chain's root decides: for owners who did not announce the swap";
    writing(Command::new("dispute").about(about))
}

/// What the chain has about a swap.
#[derive(Debug, PartialEq, JsonSchema, Serialize)]
struct State {
    coldkey: Account,
    /// The block now.
    block: BlockNumber,
    /// From this block on it can be done; `null` when none is announced.
    from_block: Option<BlockNumber>,
    /// Blake2-256 of the new coldkey.
    new_coldkey_hash: Option<Hash32>,
    /// In which block it was disputed.
    disputed_in: Option<BlockNumber>,
}

impl State {
    async fn of(chain: &Subtensor, coldkey: Account) -> Result<Self, Failure> {
        let block = chain.block_number().await.map_err(refused)?;
        let announced = stored(chain, "ColdkeySwapAnnouncements", &coldkey).await?;
        let announced: Option<(BlockNumber, Hash32)> = serde_json::from_value(announced)?;
        let (from_block, new_coldkey_hash) = announced.unzip();
        let disputed_in = serde_json::from_value(stored(chain, "ColdkeySwapDisputes", &coldkey).await?)?;
        Ok(Self { coldkey, block, from_block, new_coldkey_hash, disputed_in })
    }

    fn text(&self) -> String {
        let Self { coldkey, block, from_block, disputed_in, .. } = self;
        match (from_block, disputed_in) {
            (None, _) => format!("no swap of {coldkey} is announced\n"),
            (Some(_), Some(since)) => format!("the swap of {coldkey} is disputed since block {since}: root decides\n"),
            (Some(from), None) if from <= block => format!(
                "the swap of {coldkey} can be executed now (block {block}): neuron wallet swap-coldkey execute NEW\n"
            ),
            (Some(from), None) => {
                format!(
                    "the swap of {coldkey} can be executed from block {from} on, {} blocks from now\n",
                    from - block
                )
            }
        }
    }
}

async fn stored(chain: &Subtensor, item: &str, coldkey: &Account) -> Result<Json, Failure> {
    let key = [Json::from(coldkey.to_string())];
    Ok(chain.storage(&format!("SubtensorModule.{item}"), &key, 1).await.map_err(refused)?.into_value())
}

fn check(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let chain = connect_at(&settings, matches).await?;
        Ok(output.result(&State::of(&chain, coldkey).await?, State::text)?)
    })
}

/// A call about swaps, with its arguments by name.
async fn operation(chain: &Subtensor, call: &str, argument: Option<(&str, String)>) -> Result<Operation, Failure> {
    let arguments: Map<String, Json> =
        argument.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    chain.operation(&format!("SubtensorModule.{call}"), &arguments).await.map_err(refused)
}

fn announce(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let new = new_coldkey(matches, &settings, output)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let old = writer.owner()?;
        if new == old {
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{new} already is the wallet's coldkey")));
        }
        let hash = Hash32::of(&new.0);
        let argument = ("new_coldkey_hash", hash.to_string());
        let operation = operation(&writer.chain, "announce_coldkey_swap", Some(argument)).await?;
        let what = format!("Announce that {new} will replace coldkey {old}, which can do nothing until then");
        let outcome = writer.carry_out(operation, &what).await?;
        let state = State::of(&writer.chain, old).await?;
        writer.done(state, outcome, |state| state.text().trim_end().to_owned())
    })
}

#[derive(JsonSchema, Serialize)]
struct Swapped {
    old: Account,
    new: Account,
}

fn execute(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let new = new_coldkey(matches, &settings, output)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let old = writer.owner()?;
        let state = State::of(&writer.chain, old).await?;
        if state.new_coldkey_hash.is_some_and(|hash| hash != Hash32::of(&new.0)) {
            let error =
                anyhow::anyhow!("the announced coldkey for {old} is not {new}: give the one that you announced");
            return Err(Failure::new(Exit::Usage, error));
        }
        if state.from_block.is_none_or(|from| from > state.block) {
            return Err(Failure::new(Exit::Refused, anyhow::anyhow!(state.text().trim_end().to_owned())));
        }
        let operation =
            operation(&writer.chain, "swap_coldkey_announced", Some(("new_coldkey", new.to_string()))).await?;
        let what = format!("Replace coldkey {old} by {new}, with everything that it has");
        let outcome = writer.carry_out(operation, &what).await?;
        writer.done(Swapped { old, new }, outcome, |it| format!("{} has everything that {} had", it.new, it.old))
    })
}

fn clear(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    end(matches, output, "clear_coldkey_swap_announcement", "Withdraw the announcement of a swap of")
}

fn dispute(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    end(matches, output, "dispute_coldkey_swap", "Dispute, and freeze until root decides, the swap of")
}

fn end(matches: &ArgMatches, output: Output, call: &'static str, what: &'static str) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        let operation = operation(&writer.chain, call, None).await?;
        let outcome = writer.carry_out(operation, &format!("{what} {coldkey}")).await?;
        let state = State::of(&writer.chain, coldkey).await?;
        writer.done(state, outcome, |state| state.text().trim_end().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_swap_is_one_sentence() {
        let state = |from_block, disputed_in| State {
            coldkey: Account([7; 32]),
            block: 100,
            from_block,
            new_coldkey_hash: None,
            disputed_in,
        };
        assert!(state(None, None).text().starts_with("no swap"));
        assert!(state(Some(100), None).text().contains("can be executed now"));
        assert!(state(Some(103), None).text().contains("from block 103 on, 3 blocks from now"));
        assert!(state(Some(103), Some(99)).text().contains("disputed since block 99"));
    }
}
