//! `neuron proxy …`: accounts that may act for the wallet's coldkey, and acting for others.

mod change;
mod execute;
mod list;
mod pure;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::chain::{account, refused};
use super::output::Output;
use super::write::with_write;
use super::{Failure, Prints, Verb, args, group_of, run_one_of};
use crate::config::Settings;
use crate::config::table::Group;
use crate::subtensor::{Operation, Subtensor};
use crate::units::Account;

pub(super) const VERB: Verb = Verb { name: "proxy", command, run, prints: Prints::Group(VERBS) };

/// Every subcommand, in the order of the help page.
const VERBS: &[Verb] = &[list::VERB, change::ADD, change::REMOVE, pure::CREATE, pure::KILL, execute::VERB];

fn command() -> Command {
    let command = Command::new("proxy")
        .about("Lists, adds and removes accounts that may act for the wallet's coldkey")
        .after_help(
            "To act for another account, add --proxy ADDRESS to any command that writes. With --announce the call is \
             only announced; `neuron proxy execute` executes it when the proxy's delay is over.",
        );
    group_of(VERBS, command)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "proxy", matches, output)
}

/// A command that writes with the coldkey.
fn writing(command: Command) -> Command {
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

/// What a proxy may do. There is no default: the mightiest kind should be typed.
fn kind() -> Arg {
    Arg::new("kind")
        .long("proxy-type")
        .alias("kind")
        .value_name("KIND")
        .help("What it may do: Any, NonTransfer, Staking, Registration, Transfer, … (`neuron api ProxyFilterRuntimeApi.get_proxy_types`)")
}

fn delay() -> Arg {
    Arg::new("delay")
        .long("delay")
        .value_name("BLOCKS")
        .value_parser(value_parser!(u32))
        .default_value("0")
        .help("How many blocks in advance the proxy must announce a call")
}

/// A proxy, as the chain stores it.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
struct Proxy {
    delegate: Account,
    proxy_type: String,
    delay: u32,
}

impl Proxy {
    /// What names it in a call.
    fn arguments(&self) -> [(&'static str, Json); 3] {
        [
            ("delegate", self.delegate.to_string().into()),
            ("proxy_type", self.proxy_type.as_str().into()),
            ("delay", self.delay.into()),
        ]
    }
}

fn word<'a>(matches: &'a ArgMatches, id: &str) -> &'a str {
    matches.get_one::<String>(id).map_or("", String::as_str)
}

fn number(matches: &ArgMatches, id: &str) -> u32 {
    matches.get_one::<u32>(id).copied().unwrap_or_default()
}

/// The account behind an argument; the name of a wallet is told.
fn named(matches: &ArgMatches, id: &str, settings: &Settings, output: Output) -> Result<Account, Failure> {
    account(settings, word(matches, id), output)
}

/// A call of the pallet, as the chain's metadata has it: which kinds there are, it knows.
async fn operation<const N: usize>(
    chain: &Subtensor,
    call: &str,
    arguments: [(&str, Json); N],
) -> Result<Operation, Failure> {
    let arguments: Map<String, Json> = arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    chain.operation(&format!("Proxy.{call}"), &arguments).await.map_err(refused)
}
