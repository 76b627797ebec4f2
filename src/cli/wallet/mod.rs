//! `neuron wallet …`: keys and their files. Thin handlers over [`crate::wallet`].

mod account;
mod context;
mod create;
mod export;
mod list;
mod new_password;
mod passwd;
mod public;
mod sign;
mod sources;
mod swap_coldkey;
mod verify_keys;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::exit::{Exit, Failure};
use super::output::Output;
use super::{Prints, Verb, args};
use crate::config::table::Group;
use crate::wallet::{Class, WalletError};

pub(super) const VERB: Verb = Verb { name: "wallet", command, run, prints: Prints::Group(VERBS) };

/// Every subcommand, in the order of the help page.
const VERBS: &[Verb] = &[
    list::LIST,
    list::SHOW,
    create::CREATE,
    create::NEW_COLDKEY,
    create::NEW_HOTKEY,
    create::REGEN_COLDKEY,
    create::REGEN_HOTKEY,
    public::REGEN_COLDKEYPUB,
    public::REGEN_HOTKEYPUB,
    verify_keys::VERIFY_KEYS,
    passwd::PASSWD,
    passwd::UPGRADE,
    export::EXPORT,
    create::IMPORT,
    export::ENV_PASSWORD,
    sign::SIGN,
    sign::VERIFY,
    account::OVERVIEW,
    account::INSPECT,
    account::ASSOCIATE_HOTKEY,
    account::SWAP_HOTKEY,
    swap_coldkey::VERB,
    account::SET_IDENTITY,
    account::GET_IDENTITY,
];

const ABOUT: &str = "Creates, lists, checks and uses the keys of wallets\n\
                     \n\
                     Key files are those of the Bittensor tools: this program reads every file that they ever wrote, \
                     and they read the files of this program. A file that holds a secret is never replaced without \
                     --overwrite, and then a copy is kept beside it.";

fn command() -> Command {
    VERBS.iter().fold(
        Command::new("wallet")
            .aliases(["w", "wallets"])
            .about("Creates, lists, checks and uses the keys of wallets")
            .long_about(ABOUT)
            .subcommand_required(true)
            .arg_required_else_help(true),
        |tree, verb| {
            let sub = (verb.command)();
            // btcli 9's twins: `new_coldkey` for `new-coldkey`.
            let twin = sub.get_name().replace('-', "_");
            let sub = if twin == sub.get_name() { sub } else { sub.alias(twin) };
            tree.subcommand(sub)
        },
    )
}

/// A subcommand with the settings of wallets. btcli gives these commands a network and more that key files have no use
/// for; its scripts work unchanged.
fn with_wallet(command: Command) -> Command {
    let unused = |name: &'static str| Arg::new(format!("unused-{name}")).long(name).hide(true);
    let network = unused("network").aliases(["subtensor.network", "chain", "subtensor.chain_endpoint"]);
    args::with_settings(command, &[Group::Wallet])
        .mut_arg("wallet.hotkey", |arg| arg.alias("hotkey.ss58"))
        .arg(network.value_name("NETWORK"))
        .arg(unused("no-version-checking").action(ArgAction::SetTrue))
        .arg(unused("verbose").short('v').action(ArgAction::Count))
}

/// The flags that allow a file to be replaced, and btcli 9's word for the default.
fn with_overwrite(command: Command, help: &'static str) -> Command {
    let yes = Arg::new("overwrite")
        .long("overwrite")
        .aliases(["overwrite-coldkey", "overwrite-hotkey", "overwrite-coldkeypub"])
        .help(help);
    let no = Arg::new("no-overwrite").long("no-overwrite").hide(true);
    command
        .arg(yes.action(ArgAction::SetTrue).overrides_with("no-overwrite"))
        .arg(no.action(ArgAction::SetTrue).overrides_with("overwrite"))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    super::run_one_of(VERBS, "wallet", matches, output)
}

/// A wallet failure with the exit status of its class.
pub(super) fn failed(error: WalletError) -> Failure {
    let exit = match error.class() {
        Class::Usage => Exit::Usage,
        Class::Locked => Exit::Locked,
        Class::Missing => Exit::Missing,
        Class::BadFile => Exit::BadFile,
        Class::Permission => Exit::Permission,
        Class::Exists => Exit::Exists,
        Class::Failed => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn usage(text: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, anyhow::anyhow!(text.into()))
}
