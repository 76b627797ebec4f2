//! What every wallet command needs: which wallet, which key of it, and where passwords come from.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::super::args;
use super::super::exit::Failure;
use super::super::output::Output;
use super::{failed, usage, with_wallet};
use crate::config::Layer;
use crate::wallet::{Ask, Environment, Given, KeyKind, Secret, Terminal, Unlock, Wallet, split_name};

/// A wallet command's surroundings.
pub(super) struct Context {
    pub(super) root: PathBuf,
    pub(super) name: String,
    pub(super) hotkey: String,
    /// Whether the hotkey was named on this command line.
    pub(super) hotkey_is_named: bool,
    /// Whether the wallet was named on this command line.
    pub(super) wallet_is_named: bool,
    pub(super) unlock: Unlock,
    pub(super) output: Output,
}

/// A person who is not to be asked because of `--yes`.
struct NotAsked;

impl Ask for NotAsked {
    fn is_possible(&self) -> bool {
        false
    }

    fn ask(&self, _: &str) -> std::io::Result<Secret> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// The flags of wallets, with `[WALLET[/HOTKEY]]` behind the command.
pub(super) fn with_target(command: Command) -> Command {
    with_wallet(command).arg(
        Arg::new("target")
            .value_name("WALLET[/HOTKEY]")
            .help("The wallet, or one hotkey of it; the same as --wallet.name"),
    )
}

/// The flags that say where the password of an existing key comes from.
pub(super) fn with_password(command: Command) -> Command {
    const HEADING: &str = "Password";
    command
        .arg(
            Arg::new("password-fd")
                .long("password-fd")
                .value_name("N")
                .value_parser(clap::value_parser!(u32))
                .conflicts_with_all(["password-stdin", "password"])
                .help_heading(HEADING)
                .help("Read the password from this open file descriptor"),
        )
        .arg(
            Arg::new("password-stdin")
                .long("password-stdin")
                .action(ArgAction::SetTrue)
                .conflicts_with("password")
                .help_heading(HEADING)
                .help("Read the password from standard input"),
        )
        .arg(
            Arg::new("password")
                .long("password")
                .alias("wallet.password")
                .value_name("TEXT")
                .help_heading(HEADING)
                .help("The password itself; shell history and `ps` show it, so a file is better"),
        )
}

/// Adds `--use-hotkey`, by which a command means the hotkey instead of the coldkey.
pub(super) fn with_key_choice(command: Command) -> Command {
    let no = Arg::new("no-use-hotkey").long("no-use-hotkey").hide(true).action(ArgAction::SetTrue);
    command.arg(no.overrides_with("use-hotkey")).arg(
        Arg::new("use-hotkey")
            .long("use-hotkey")
            .overrides_with("no-use-hotkey")
            .action(ArgAction::SetTrue)
            .help("Use the hotkey instead of the coldkey (a target WALLET/HOTKEY does the same)"),
    )
}

impl Context {
    pub(super) fn read(matches: &ArgMatches, output: Output) -> Result<Self, Failure> {
        let (resolved, settings) = args::resolve(matches)?;
        let layer = |key: &str| resolved.values.iter().find(|v| v.setting.key == key).map(|v| v.layer.clone());
        let is_flag = |key: &str| layer(key) == Some(Layer::Flag);
        let target = matches.try_get_one::<String>("target").ok().flatten();
        if target.is_some() && is_flag("wallet.name") {
            return Err(usage("the wallet is given twice: after the command and with --wallet.name; give it once"));
        }
        let wallet = target.unwrap_or(&settings.wallet.name);
        let named_hotkey = is_flag("wallet.hotkey").then_some(settings.wallet.hotkey.as_str());
        let (name, inner) = split_name(wallet, named_hotkey).map_err(|e| failed(e.into()))?;
        let given = given(matches, settings.wallet.password_file, output);
        let ask: Box<dyn Ask> = if output.yes { Box::new(NotAsked) } else { Box::new(Terminal) };
        Ok(Self {
            root: settings.wallet.path,
            name,
            hotkey_is_named: inner.is_some(),
            hotkey: inner.unwrap_or(settings.wallet.hotkey),
            wallet_is_named: target.is_some() || is_flag("wallet.name"),
            unlock: Unlock::new(given, Environment::of_process(), ask),
            output,
        })
    }

    /// The wallet, existing or not.
    pub(super) fn wallet(&self) -> Result<Wallet, Failure> {
        Wallet::at(&self.root, &self.name, &self.hotkey).map_err(failed)
    }

    /// The wallet, which must exist.
    pub(super) fn existing(&self) -> Result<Wallet, Failure> {
        Wallet::open(&self.root, &self.name, &self.hotkey).map_err(failed)
    }

    /// Which key is meant: the hotkey when it is asked for or named in the target.
    pub(super) fn kind(&self, matches: &ArgMatches) -> KeyKind {
        let asked = matches.try_get_one::<bool>("use-hotkey").ok().flatten() == Some(&true);
        let in_target = matches.try_get_one::<String>("target").ok().flatten().is_some_and(|t| t.contains('/'));
        if asked || in_target { KeyKind::Hotkey } else { KeyKind::Coldkey }
    }
}

fn given(matches: &ArgMatches, file: Option<PathBuf>, output: Output) -> Option<Given> {
    if let Ok(Some(number)) = matches.try_get_one::<u32>("password-fd") {
        return Some(Given::Descriptor(*number));
    }
    if matches.try_get_one::<bool>("password-stdin").ok().flatten() == Some(&true) {
        return Some(Given::Stdin);
    }
    if let Ok(Some(text)) = matches.try_get_one::<String>("password") {
        warn_of_secret(output, "--password");
        return Some(Given::Value(Secret::new(text.clone())));
    }
    file.map(Given::File)
}

/// Says that a secret on the command line is seen by others.
pub(super) fn warn_of_secret(output: Output, flag: &str) {
    output
        .note(&format!("warning: shell history and `ps` show the secret of {flag}; use a file or the prompt instead"));
}

/// Writes a secret to a file of the user's choice, which must not exist, for its owner only.
pub(super) fn write_secret_file(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.map_err(|fault| failed(crate::wallet::WalletError::Io { path: path.to_owned(), action: "write it", fault }))
}
