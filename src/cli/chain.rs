//! What the commands share that talk to the chain: connecting, whose keys, asking before money moves.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};

use super::output::Output;
use super::{Exit, Failure, OrExit, args, wallet};
use crate::config::Settings;
use crate::subtensor::{Fault, Subtensor, SubtensorConfig, SubtensorError};
use crate::units::{Account, BlockNumber, NetUid, Rao};
use crate::wallet::{AccountFrom, Given, KeyKind, Keypair, ResolvedAccount, Unlock, Wallet, split_name};

/// The settings of a command that talks to the chain, and the connection.
pub(super) async fn connect(settings: &Settings) -> Result<Subtensor, Failure> {
    let config = SubtensorConfig::from_settings(&settings.subtensor).map_err(refused)?;
    Subtensor::connect(config).await.map_err(refused)
}

/// Adds `--block`, for commands that read.
pub(super) fn with_block(command: Command) -> Command {
    command.arg(
        Arg::new("block")
            .long("block")
            .alias("at-block")
            .value_name("N")
            .value_parser(value_parser!(BlockNumber))
            .help("An earlier block instead of the newest; old ones need an archive node (--subtensor.archive)"),
    )
}

/// The connection of a command made by [`with_block`].
pub(super) async fn connect_at(settings: &Settings, matches: &ArgMatches) -> Result<Subtensor, Failure> {
    let chain = connect(settings).await?;
    Ok(matches.get_one::<BlockNumber>("block").map_or_else(|| chain.clone(), |block| chain.at(*block)))
}

/// The chain's or the connection's failure with its exit status.
pub(super) fn refused(error: SubtensorError) -> Failure {
    let exit = match (&error, error.fault()) {
        (SubtensorError::NotRegistered { .. } | SubtensorError::NoSubnet(_), _) => Exit::Missing,
        (_, Fault::Config) => Exit::Usage,
        (_, Fault::Peer) => Exit::Network,
        (_, Fault::Chain) => Exit::Refused,
    };
    Failure::new(exit, error)
}

/// `--netuid`, which has no default.
pub(super) fn netuid(settings: &Settings) -> Result<NetUid, Failure> {
    let missing = || anyhow::anyhow!("no subnet is chosen: add --netuid N (or set `netuid` in the file, or BT_NETUID)");
    settings.netuid.map(NetUid).ok_or_else(missing).or_exit(Exit::Usage)
}

/// The wallet of the settings.
pub(super) fn wallet(settings: &Settings) -> Result<Wallet, Failure> {
    let wallet = &settings.wallet;
    let (name, hotkey) = split_name(&wallet.name, None).map_err(|e| wallet::failed(e.into()))?;
    Wallet::open(&wallet.path, &name, hotkey.as_deref().unwrap_or(&wallet.hotkey)).map_err(wallet::failed)
}

/// The coldkey, unlocked by whatever the settings, the environment or a person offer.
pub(super) fn coldkey(settings: &Settings) -> Result<Keypair, Failure> {
    let unlock = Unlock::of_process(settings.wallet.password_file.clone().map(Given::File));
    let wallet = self::wallet(settings)?;
    // Deriving the key of an encrypted file takes a second of work, and a person may have to type.
    tokio::task::block_in_place(|| wallet.coldkey(&unlock)).map_err(wallet::failed)
}

/// The hotkey, unlocked in the same way.
pub(super) fn hotkey(settings: &Settings) -> Result<Keypair, Failure> {
    let unlock = Unlock::of_process(settings.wallet.password_file.clone().map(Given::File));
    let wallet = self::wallet(settings)?;
    tokio::task::block_in_place(|| wallet.hotkey(&unlock)).map_err(wallet::failed)
}

/// An account that a person named: an address, a public key, WALLET or WALLET/HOTKEY. What a name means is told.
pub(super) fn account(settings: &Settings, text: &str, output: Output) -> Result<Account, Failure> {
    let found = ResolvedAccount::find(text, &settings.wallet.path).map_err(wallet::failed)?;
    if found.from != AccountFrom::Address {
        output.note(&format!("{text} is {found}"));
    }
    Ok(found.account)
}

/// One of the wallet's addresses; nothing is unlocked. `given` names another account instead.
pub(super) fn address(settings: &Settings, kind: KeyKind, given: Option<&String>) -> Result<Account, Failure> {
    if let Some(text) = given {
        return ResolvedAccount::find(text, &settings.wallet.path).map(|found| found.account).map_err(wallet::failed);
    }
    // A hotkey's address where its name is expected means just that.
    if let (KeyKind::Hotkey, Ok(account)) = (kind, settings.wallet.hotkey.parse()) {
        return Ok(account);
    }
    let wallet = self::wallet(settings)?;
    let public = match kind {
        KeyKind::Coldkey => wallet.coldkeypub(),
        KeyKind::Hotkey => wallet.hotkeypub(),
    };
    Ok(public.map_err(wallet::failed)?.account)
}

/// Adds an amount, `--amount 1.5` or the number alone. `instead` are flags that take its place.
pub(super) fn with_amount(command: Command, help: &'static str, instead: &[&'static str]) -> Command {
    let flag = Arg::new("amount").long("amount").value_name("AMOUNT").help(help);
    let bare = Arg::new("bare amount").value_name("AMOUNT").help("The same, without a flag");
    let one_of = ArgGroup::new("an amount").args(["amount", "bare amount"]).args(instead).required(true);
    command.arg(flag).arg(bare).group(one_of)
}

/// An amount of TAO or alpha given on the command line.
pub(super) fn amount(matches: &ArgMatches) -> Result<Option<Rao>, Failure> {
    let given = matches.get_one::<String>("amount").or_else(|| matches.get_one("bare amount"));
    given.map(|text| text.parse().or_exit(Exit::Usage)).transpose()
}

/// Asks before something irreversible. Without a terminal, only `--yes` means yes.
pub(super) fn confirm(output: Output, question: &str) -> Result<(), Failure> {
    if output.yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        let error = anyhow::anyhow!("{question} There is no terminal to answer on: add --yes");
        return Err(Failure::new(Exit::Declined, error));
    }
    output.say(&format!("{question} [y/N]"));
    let mut answer = String::new();
    tokio::task::block_in_place(|| stdin().lock().read_line(&mut answer))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Declined, anyhow::anyhow!("nothing was changed"))),
    }
}

/// Runs one command: settings from `matches`, a runtime, a connection.
pub(super) fn with_chain<F>(matches: &ArgMatches, work: impl FnOnce(Settings) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let (_, settings) = args::resolve(matches)?;
    super::block_briefly_on(work(settings))
}
