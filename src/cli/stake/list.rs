//! `neuron stake list`: positions, and what they are worth at the price of the moment.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::chain::{address, connect_at, refused, with_block, with_chain};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Position, Subtensor};
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "list", command, run, prints: Prints::one::<Vec<Worth>>() };

fn command() -> Command {
    let whose = Arg::new("address").value_name("ADDRESS").help("A coldkey's ss58 address; the wallet's by default");
    let list = Command::new("list").about("Prints what a coldkey has staked, by subnet and hotkey").arg(whose);
    args::with_settings(with_block(list), &[Group::Wallet, Group::Chain])
}

/// A position with its worth.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::cli) struct Worth {
    #[serde(flatten)]
    pub(in crate::cli) position: Position,
    /// At the price of the moment, before fee and slippage; in rao.
    pub(in crate::cli) worth_rao: Rao,
}

/// All positions of a coldkey, with their worth.
pub(in crate::cli) async fn worths(chain: &Subtensor, coldkey: &Account) -> Result<Vec<Worth>, Failure> {
    let positions = chain.stakes(coldkey).await.map_err(refused)?;
    let netuids: BTreeSet<NetUid> = positions.iter().map(|position| position.netuid).collect();
    let netuids: Vec<NetUid> = netuids.into_iter().collect();
    let prices = chain.alpha_prices(&netuids).await.map_err(refused)?;
    let prices: BTreeMap<NetUid, Rao> = netuids.into_iter().zip(prices).collect();
    let worth = |position: Position| {
        let price = prices.get(&position.netuid).copied().unwrap_or_default();
        let rao = u128::from(position.stake.0) * u128::from(price.0) / u128::from(Rao::PER_TAO);
        Worth { position, worth_rao: Rao(u64::try_from(rao).unwrap_or(u64::MAX)) }
    };
    Ok(positions.into_iter().map(worth).collect())
}

/// The positions as a table, with their sum.
pub(in crate::cli) fn table(worths: &[Worth]) -> String {
    let mut table = TextTable::new(["netuid", "hotkey", "alpha", "worth in TAO", "registered"]);
    for Worth { position: Position { hotkey, netuid, stake, is_registered }, worth_rao } in worths {
        let registered = if *is_registered { "yes" } else { "" };
        let (alpha, worth) = (format!("{:.9}", stake.as_tao()), format!("{:.9}", worth_rao.as_tao()));
        table.row([netuid.to_string(), hotkey.to_string(), alpha, worth, registered.to_owned()]);
    }
    let sum = worths.iter().fold(0_u64, |sum, worth| sum.saturating_add(worth.worth_rao.0));
    format!("{}{} positions, worth {} at the present prices\n", table.render(), worths.len(), Rao(sum))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let worths = worths(&connect_at(&settings, matches).await?, &coldkey).await?;
        Ok(output.result(&worths, |worths| table(worths))?)
    })
}
