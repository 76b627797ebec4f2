//! `neuron stake child …`: hotkeys that one's stake counts for.

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::writing;
use crate::cli::chain::{account, address, connect_at, netuid, refused, with_block, with_chain};
use crate::cli::output::{Output, TextTable};
use crate::cli::write::{Writer, part};
use crate::cli::{Exit, Failure, Prints, Verb, args, group_of, run_one_of};
use crate::config::table::Group;
use crate::subtensor::{Family, Operation, Relative};
use crate::units::{Account, NetUid};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "child", command, run, prints: Prints::Group(VERBS) };

const GET: Verb = Verb { name: "get", command: get_command, run: get, prints: Prints::one::<Shown>() };
const SET: Verb = Verb { name: "set", command: set_command, run: set, prints: Prints::written::<Set>() };
const REVOKE: Verb = Verb { name: "revoke", command: revoke_command, run: revoke, prints: Prints::written::<Set>() };
const TAKE: Verb = Verb { name: "take", command: take_command, run: take, prints: Prints::shown_or_written::<Take>() };
const VERBS: &[Verb] = &[GET, SET, REVOKE, TAKE];

fn command() -> Command {
    let command = Command::new("child")
        .alias("children")
        .about("Shows and sets child hotkeys: the stake of the wallet's hotkey counts for them");
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "stake child", matches, output)
}

fn get_command() -> Command {
    let command = Command::new("get").about("Prints a hotkey's children and parents in a subnet");
    args::with_settings(with_block(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

fn set_command() -> Command {
    let children = Arg::new("child").value_name("ADDRESS=PART").num_args(1..).required(true).help(
        "A child and its part of the stake: 5F…=0.25 or wallet/hotkey=25%; children that are not named are revoked",
    );
    writing(Command::new("set").about("Sets the children of the wallet's hotkey in a subnet").arg(children))
}

fn revoke_command() -> Command {
    writing(Command::new("revoke").about("Revokes all children of the wallet's hotkey in a subnet"))
}

fn take_command() -> Command {
    let take = Arg::new("take").value_name("PART").value_parser(value_parser!(String)).help(
        "The new take as a child, of what it earns for its parents: 0.09 or 9%; without it the present one is shown",
    );
    writing(Command::new("take").about("Shows or sets the take of the wallet's hotkey as a child").arg(take))
}

#[derive(JsonSchema, Serialize)]
struct Shown {
    netuid: NetUid,
    hotkey: Account,
    #[serde(flatten)]
    family: Family,
}

fn get(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let family = connect_at(&settings, matches).await?.family(&hotkey, netuid).await.map_err(refused)?;
        Ok(output.result(&Shown { netuid, hotkey, family }, table)?)
    })
}

fn table(Shown { netuid, hotkey, family }: &Shown) -> String {
    let mut table = TextTable::new(["relation", "hotkey", "part"]);
    let mut rows = |relation: &str, relatives: &[Relative]| {
        for Relative { hotkey, proportion } in relatives {
            let percent = 100.0 * *proportion as f64 / u64::MAX as f64;
            table.row([relation.to_owned(), hotkey.to_string(), format!("{percent:.4} %")]);
        }
    };
    rows("child", &family.children);
    rows("parent", &family.parents);
    if let Some((pending, block)) = &family.pending {
        rows(&format!("child from block {block} on"), pending);
    }
    let take = percent(family.take);
    format!("{}hotkey {hotkey}, subnet {netuid}; as a child it keeps {take}\n", table.render())
}

#[derive(JsonSchema, Serialize)]
struct Set {
    netuid: NetUid,
    hotkey: Account,
    children: Vec<Relative>,
}

fn set(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let given = matches.get_many::<String>("child").unwrap_or_default();
        let children = given.map(|text| {
            let wrong = || Failure::new(Exit::Usage, anyhow::anyhow!("`{text}` is not a child: write ADDRESS=PART"));
            let (who, share) = text.rsplit_once('=').ok_or_else(wrong)?;
            Ok(Relative { hotkey: account(&settings, who, output)?, proportion: proportion(part(share)?) })
        });
        let children = children.collect::<Result<Vec<Relative>, Failure>>()?;
        if children.iter().try_fold(0_u64, |sum, child| sum.checked_add(child.proportion)).is_none() {
            let error = anyhow::anyhow!("the parts of the children add up to more than 100 %");
            return Err(Failure::new(Exit::Usage, error));
        }
        let writer = Writer::open(matches, &settings, output).await?;
        change(&writer, Set { netuid, hotkey, children }).await
    })
}

fn revoke(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let writer = Writer::open(matches, &settings, output).await?;
        change(&writer, Set { netuid, hotkey, children: Vec::new() }).await
    })
}

async fn change(writer: &Writer<'_>, set: Set) -> Result<(), Failure> {
    let pairs: Vec<(u64, Account)> = set.children.iter().map(|child| (child.proportion, child.hotkey)).collect();
    let named: Vec<String> = set.children.iter().map(|child| child.hotkey.to_string()).collect();
    let named = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
    let what = format!("The children of hotkey {} in subnet {} will be: {named}", set.hotkey, set.netuid);
    let outcome = writer.carry_out(Operation::set_children(&set.hotkey, set.netuid, &pairs), &what).await?;
    writer.done(set, outcome, |set| {
        format!("{} children, from the block that `stake child get` shows", set.children.len())
    })
}

#[derive(JsonSchema, Serialize)]
struct Take {
    netuid: NetUid,
    hotkey: Account,
    /// In 65535ths.
    take: u16,
}

fn take(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let (netuid, hotkey) = (netuid(&settings)?, address(&settings, KeyKind::Hotkey, None)?);
        let writer = Writer::open(matches, &settings, output).await?;
        let told = |Take { netuid, hotkey, take }: &Take| {
            format!("{hotkey} keeps {} as a child in subnet {netuid}", percent(*take))
        };
        let Some(text) = matches.get_one::<String>("take") else {
            let take = writer.chain.family(&hotkey, netuid).await.map_err(refused)?.take;
            return Ok(output.result(&Take { netuid, hotkey, take }, |take| format!("{}\n", told(take)))?);
        };
        let take = of_65535(part(text)?);
        let what = format!("Hotkey {hotkey} will keep {} as a child in subnet {netuid}", percent(take));
        let outcome = writer.carry_out(Operation::set_childkey_take(&hotkey, netuid, take), &what).await?;
        writer.done(Take { netuid, hotkey, take }, outcome, told)
    })
}

/// A part as the chain writes it, of 2⁶⁴−1; rounded down, so that parts of 100 % are no more than all.
fn proportion(part: f64) -> u64 {
    let billionths = (part * 1e9).round() as u128;
    u64::try_from(u128::from(u64::MAX) * billionths / 1_000_000_000).unwrap_or(u64::MAX)
}

/// A part as the chain writes takes: of 65535; rounded down as the field's tools do, so never more than was said.
pub(in crate::cli) fn of_65535(part: f64) -> u16 {
    (part * f64::from(u16::MAX)) as u16
}

/// A take for a person.
pub(in crate::cli) fn percent(take: u16) -> String {
    format!("{:.2} %", 100.0 * f64::from(take) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_chain() {
        assert_eq!((proportion(0.0), proportion(1.0)), (0, u64::MAX));
        assert_eq!((of_65535(0.18), percent(11_796)), (11_796, "18.00 %".to_owned()));
        for (children, part) in [(2, 0.5), (3, 1.0 / 3.0), (4, 0.25), (5, 0.2)] {
            let sum = (0..children).try_fold(0_u64, |sum, _| sum.checked_add(proportion(part)));
            assert!(sum.is_some(), "{children} children with {part} each are no more than all");
        }
    }
}
