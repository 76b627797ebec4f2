//! `neuron proxy list`: who may act for an account, and what is announced.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Proxy;
use crate::cli::chain::{address, connect_at, refused, with_block, with_chain};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::Subtensor;
use crate::subtensor::weights::Hash32;
use crate::units::{Account, BlockNumber, Rao};
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "list", command, run, prints: Prints::one::<Listed>() };

fn command() -> Command {
    let whose = Arg::new("address").value_name("ADDRESS").help("A coldkey's ss58 address; the wallet's by default");
    let command = Command::new("list")
        .about("Prints which accounts may act for a coldkey, and what it has announced as a proxy itself");
    args::with_settings(with_block(command.arg(whose)), &[Group::Wallet, Group::Chain])
}

/// What a proxy said that it will do.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
struct Announcement {
    real: Account,
    call_hash: Hash32,
    height: BlockNumber,
}

#[derive(JsonSchema, Serialize)]
struct Listed {
    account: Account,
    proxies: Vec<Proxy>,
    announcements: Vec<Announcement>,
    /// Held back for both lists, and given back with their last entries.
    deposit_rao: Rao,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let account = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let chain = connect_at(&settings, matches).await?;
        let (proxies, held) = of(&chain, "Proxies", &account).await?;
        let (announcements, announced) = of(&chain, "Announcements", &account).await?;
        let deposit_rao = Rao(held.saturating_add(announced));
        Ok(output.result(&Listed { account, proxies, announcements, deposit_rao }, text)?)
    })
}

/// What `Proxy.ITEM` has of an account: a list, and the deposit for it in rao.
async fn of<T: for<'de> Deserialize<'de>>(
    chain: &Subtensor,
    item: &str,
    of: &Account,
) -> Result<(Vec<T>, u64), Failure> {
    let stored = chain.storage(&format!("Proxy.{item}"), &[Json::from(of.to_string())], 1).await.map_err(refused)?;
    Ok(serde_json::from_value(stored.into_value())?)
}

/// The proxies of an account.
pub(super) async fn proxies_of(chain: &Subtensor, account: &Account) -> Result<Vec<Proxy>, Failure> {
    Ok(of(chain, "Proxies", account).await?.0)
}

fn text(Listed { account, proxies, announcements, deposit_rao }: &Listed) -> String {
    let mut table = TextTable::new(["may act", "as", "after blocks"]);
    for Proxy { delegate, proxy_type, delay } in proxies {
        table.row([delegate.to_string(), proxy_type.clone(), delay.to_string()]);
    }
    let mut lines = format!("{}{} proxies of {account}; deposit {deposit_rao}\n", table.render(), proxies.len());
    if !announcements.is_empty() {
        let mut table = TextTable::new(["announced for", "call", "in block"]);
        for Announcement { real, call_hash, height } in announcements {
            table.row([real.to_string(), call_hash.to_string(), height.to_string()]);
        }
        lines += &format!("\n{}", table.render());
    }
    lines
}
