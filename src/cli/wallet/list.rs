//! `neuron wallet list` and `neuron wallet show`.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::{Context, with_key_choice, with_password, with_target};
use super::{failed, with_wallet};
use crate::wallet::{EnvPassword, KeyKind, ListedKey, ListedWallet, Listing, WalletError};

pub(super) const LIST: Verb = Verb { name: "list", command: list_command, run: list, prints: Prints::one::<Listing>() };
pub(super) const SHOW: Verb = Verb { name: "show", command: show_command, run: show, prints: Prints::one::<Shown>() };

fn list_command() -> Command {
    let strict = Arg::new("strict").long("strict").action(ArgAction::SetTrue).help("Fail when any file has a problem");
    with_wallet(Command::new("list").about("Lists every wallet with its keys; nothing is unlocked")).arg(strict)
}

fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let listing = Listing::read(&context.root).map_err(failed)?;
    output.result(&listing, tree)?;
    let problems = listing.problems().count();
    if problems > 0 {
        output.note(&format!("{problems} keys have a problem; `neuron wallet verify-keys` says more"));
    }
    if matches.get_flag("strict") && problems > 0 {
        return Err(Failure::silent(Exit::Failed));
    }
    Ok(())
}

fn tree(listing: &Listing) -> String {
    if listing.wallets.is_empty() {
        return format!("no wallets in {}; create one with `neuron wallet create`\n", listing.path.display());
    }
    let mut text = String::new();
    for wallet in &listing.wallets {
        let coldkey = wallet.coldkey.as_ref().map_or_else(|| "no coldkey here".to_owned(), line);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}  {coldkey}", wallet.name);
        for hotkey in &wallet.hotkeys {
            let _ = writeln!(text, "  {}  {}", hotkey.name, line(hotkey));
        }
    }
    text
}

/// Address and state of a key.
fn line(key: &ListedKey) -> String {
    let address = key.ss58.map_or_else(|| "?".to_owned(), |account| account.ss58());
    let mut words = vec![address];
    words.extend(key.crypto_type.filter(|s| *s != crate::wallet::Scheme::Sr25519).map(|scheme| scheme.to_string()));
    words.extend((key.encrypted == Some(true)).then(|| "(encrypted)".to_owned()));
    words.extend(key.public_only.then(|| "(public only)".to_owned()));
    words.extend(key.problem.as_ref().map(|problem| format!("PROBLEM: {problem}")));
    words.join("  ")
}

fn show_command() -> Command {
    let command =
        Command::new("show").about("Shows a wallet: addresses, files, modes; with --show-mnemonic a key's phrase");
    with_key_choice(with_password(with_target(command))).arg(
        Arg::new("show-mnemonic")
            .long("show-mnemonic")
            .action(ArgAction::SetTrue)
            .help("Unlock the coldkey (or with --use-hotkey the hotkey) and print the phrase kept in its file"),
    )
}

#[derive(JsonSchema, Serialize)]
struct Shown {
    #[serde(flatten)]
    wallet: ListedWallet,
    path: std::path::PathBuf,
    /// The variables that other tools read the passwords from.
    password_variables: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mnemonic: Option<String>,
}

fn show(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.existing()?;
    let mut listed = ListedWallet::read(wallet.folder(), wallet.name().to_owned());
    if context.hotkey_is_named {
        listed.hotkeys.retain(|key| key.name == context.hotkey);
        if listed.hotkeys.is_empty() {
            return Err(wallet.hotkeypub().map(drop).map_or_else(failed, |()| {
                failed(WalletError::NoAccount { text: context.hotkey.clone(), reason: "it is not listed".to_owned() })
            }));
        }
    }
    let mnemonic = match matches.get_flag("show-mnemonic") {
        true => Some(phrase_of(&context, context.kind(matches))?),
        false => None,
    };
    let coldkey = listed.coldkey.iter().map(|key| (key, "coldkey".into()));
    let hotkeys = listed.hotkeys.iter().map(|key| (key, std::path::Path::new("hotkeys").join(&key.name)));
    let encrypted = coldkey.chain(hotkeys).filter(|(key, _)| key.encrypted == Some(true));
    let variables = encrypted.map(|(_, file)| EnvPassword::of(&wallet.folder().join(file)).name().to_owned()).collect();
    let shown = Shown { path: wallet.folder().to_owned(), wallet: listed, password_variables: variables, mnemonic };
    output.result(&shown, describe)?;
    Ok(())
}

fn phrase_of(context: &Context, kind: KeyKind) -> Result<String, Failure> {
    let key = context.existing()?.unlocked(kind, &context.unlock).map_err(failed)?;
    match key.phrase() {
        Some(phrase) => Ok(phrase.expose().to_owned()),
        None => {
            Err(anyhow::anyhow!("the {kind}'s file holds no phrase: it was made from a seed, a path or an export")
                .into())
        }
    }
}

fn describe(shown: &Shown) -> String {
    let mut text = format!("wallet   {}\nfolder   {}\n", shown.wallet.name, shown.path.display());
    let coldkey = shown.wallet.coldkey.as_ref().map_or_else(|| "not on this machine".to_owned(), line);
    let _ = writeln!(text, "coldkey  {coldkey}");
    for hotkey in &shown.wallet.hotkeys {
        let _ = writeln!(text, "hotkey   {}  {}", hotkey.name, line(hotkey));
    }
    for variable in &shown.password_variables {
        let _ = writeln!(text, "password from {variable} (`neuron wallet env-password` prints the line)");
    }
    if let Some(mnemonic) = &shown.mnemonic {
        let _ = writeln!(text, "phrase   {mnemonic}");
    }
    text
}
