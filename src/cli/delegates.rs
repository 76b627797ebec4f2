//! `neuron delegates …`: hotkeys that take stake of others, and what they keep of its dividends.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::chain::{address, connect_at, refused, with_block, with_chain};
use super::output::{Output, TextTable};
use super::stake::{of_65535, percent};
use super::write::{Writer, part, with_write};
use super::{Exit, Failure, Prints, Verb, args, group_of, run_one_of};
use crate::config::table::Group;
use crate::subtensor::{Delegate, Operation};
use crate::units::{Account, NetUid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "delegates", command, run, prints: Prints::Group(VERBS) };

const LIST: Verb = Verb { name: "list", command: list_command, run: list, prints: Prints::one::<Vec<Delegate>>() };
const TAKE: Verb = Verb { name: "take", command: take_command, run: take, prints: Prints::shown_or_written::<Take>() };
const VERBS: &[Verb] = &[LIST, TAKE];

fn command() -> Command {
    let command = Command::new("delegates")
        .about(
            "Lists the hotkeys that take stake of others; shows and sets which part of their dividends one keeps (its \
             take)",
        )
        .after_help("To delegate is to stake on somebody else's hotkey: `neuron stake add --hotkey ADDRESS`.");
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "delegates", matches, output)
}

fn list_command() -> Command {
    let command = Command::new("list").about("Prints all delegates, by their stake on root");
    args::with_settings(with_block(command), &[Group::Chain])
}

fn take_command() -> Command {
    let take = Arg::new("take")
        .value_name("PART")
        .help("The new take of the wallet's hotkey: 0.09 or 9%; without it the present one is shown");
    let command = Command::new("take")
        .about("Shows or sets which part of its stakers' dividends a hotkey keeps (its take)")
        .arg(take);
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let delegates = connect_at(&settings, matches).await?.delegates().await.map_err(refused)?;
        Ok(output.result(&delegates, |delegates| table(delegates))?)
    })
}

fn table(delegates: &[Delegate]) -> String {
    let mut table = TextTable::new(["hotkey", "name", "take", "on root", "nominators", "subnets", "permits"]);
    let numbers = |netuids: &[NetUid]| netuids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    for delegate in delegates {
        let root = delegate.stake_rao.get(&NetUid(0)).copied().unwrap_or_default();
        table.row([
            delegate.hotkey.to_string(),
            delegate.name.to_string(),
            percent(delegate.take),
            format!("{:.4}", root.as_tao()),
            delegate.nominators.to_string(),
            numbers(&delegate.registrations),
            numbers(&delegate.permits),
        ]);
    }
    format!("{}{} delegates; on root in TAO\n", table.render(), delegates.len())
}

#[derive(JsonSchema, Serialize)]
struct Take {
    hotkey: Account,
    /// In 65535ths.
    take: u16,
}

fn take(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let now = writer.chain.take(&hotkey).await.map_err(refused)?;
        let unknown = || {
            anyhow::anyhow!(
                "no coldkey has ever owned hotkey {hotkey}: check --wallet.hotkey, and register the hotkey first"
            )
        };
        let now = now.ok_or_else(|| Failure::new(Exit::Missing, unknown()))?;
        let told =
            |Take { hotkey, take }: &Take| format!("{hotkey} keeps {} of its stakers' dividends", percent(*take));
        let Some(text) = matches.get_one::<String>("take") else {
            return Ok(output.result(&Take { hotkey, take: now }, |take| format!("{}\n", told(take)))?);
        };
        let take = of_65535(part(text)?);
        if take == now {
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!("{hotkey} keeps {} already", percent(now))));
        }
        let what = format!(
            "Hotkey {hotkey} will keep {} of its stakers' dividends instead of {}",
            percent(take),
            percent(now)
        );
        let outcome = writer.carry_out(Operation::set_take(&hotkey, now, take), &what).await?;
        writer.done(Take { hotkey, take }, outcome, told)
    })
}
