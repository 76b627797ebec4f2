//! Where a key comes from: fresh words, a phrase, a seed, a private key, a secret URI, or a polkadot-js export.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use zeroize::Zeroizing;

use super::super::exit::{Exit, Failure};
use super::context::{Context, warn_of_secret};
use super::{failed, usage};
use crate::wallet::{Given, Phrase, Scheme, Secret, UnlockedKey, WalletError, polkadot_js};

const HEADING: &str = "Key";

fn scheme_flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("sr25519|ed25519")
        .value_parser(|text: &str| text.parse::<Scheme>())
        .default_value("sr25519")
        .help_heading(HEADING)
        .help(help)
}

/// The flags of a fresh key.
pub(super) fn with_fresh(command: Command) -> Command {
    command
        .arg(
            Arg::new("n-words")
                .long("n-words")
                .value_name("N")
                .value_parser(clap::value_parser!(usize))
                .default_value("12")
                .help_heading(HEADING)
                .help("The number of words: 12, 15, 18, 21 or 24"),
        )
        .arg(scheme_flag("crypto-type", "The signature scheme"))
        .arg(
            Arg::new("uri")
                .long("uri")
                .value_name("URI")
                .help_heading(HEADING)
                .help("Use the public development key `//Alice`, or another secret URI, instead of a new phrase"),
        )
}

/// Adds the scheme of the hotkey, for `create`.
pub(super) fn with_hotkey_scheme(command: Command) -> Command {
    command.arg(scheme_flag("hotkey-crypto-type", "The signature scheme of the hotkey"))
}

/// The flags of a key that exists already.
pub(super) fn with_known(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help_heading(HEADING).help(help)
    };
    let one_source = ["mnemonic", "mnemonic-file", "seed", "private-key", "uri", "json-path"];
    command
        .arg(
            text(
                "mnemonic",
                "WORDS",
                "The phrase, quoted or as single words (shell history shows it; a file or the prompt is better)",
            )
            .num_args(1..)
            .action(ArgAction::Append),
        )
        .arg(text("mnemonic-file", "FILE", "A file that holds the phrase").value_parser(clap::value_parser!(PathBuf)))
        .arg(text("mnemonic-password", "TEXT", "The BIP-39 password of the phrase, if it has one"))
        .arg(text("seed", "HEX", "The 32-byte seed, 0x and 64 hex digits"))
        .arg(text("private-key", "HEX", "The private key, 32 or 64 bytes in hex"))
        .arg(text("uri", "URI", "A secret URI: phrase or seed with a derivation path"))
        .arg(
            text("json-path", "FILE", "An account export of polkadot-js or a mobile app")
                .short('j')
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(text(
            "json-password",
            "TEXT",
            "The password of the export (shell history shows it; a file or the prompt is better)",
        ))
        .arg(
            text("json-password-file", "FILE", "A file that holds the password of the export")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with("json-password"),
        )
        .arg(scheme_flag("crypto-type", "The signature scheme; an export has its own"))
        .group(clap::ArgGroup::new("source").args(one_source))
}

fn scheme(matches: &ArgMatches, name: &str) -> Scheme {
    matches.try_get_one::<Scheme>(name).ok().flatten().copied().unwrap_or_default()
}

/// A fresh key, or the one `--uri` names.
pub(super) fn fresh(matches: &ArgMatches, scheme_flag: &str, allow_uri: bool) -> Result<UnlockedKey, Failure> {
    let scheme = scheme(matches, scheme_flag);
    if let Some(uri) = matches.try_get_one::<String>("uri").ok().flatten().filter(|_| allow_uri) {
        return development_key(uri, scheme);
    }
    let words = matches.try_get_one::<usize>("n-words").ok().flatten().copied().unwrap_or(12);
    let phrase = Phrase::generate(words).map_err(|e| failed(e.into()))?;
    Ok(UnlockedKey::from_phrase(phrase, scheme))
}

/// `//Alice`, or btcli 9's bare `alice` for it.
fn development_key(uri: &str, scheme: Scheme) -> Result<UnlockedKey, Failure> {
    let bare = !uri.is_empty() && uri.chars().all(|c| c.is_ascii_alphanumeric()) && !uri.starts_with("0x");
    let uri = if bare {
        let mut name = uri.to_ascii_lowercase();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        format!("//{name}")
    } else {
        uri.to_owned()
    };
    UnlockedKey::from_uri(&uri, scheme).map_err(|e| failed(e.into()))
}

/// The key that the flags name; with none of them, a phrase typed on the terminal.
pub(super) fn known(context: &Context, matches: &ArgMatches) -> Result<UnlockedKey, Failure> {
    let scheme = scheme(matches, "crypto-type");
    let text = |name: &str| matches.get_one::<String>(name);
    if let Some(words) = matches.get_many::<String>("mnemonic") {
        warn_of_secret(context.output, "--mnemonic");
        let words = Secret::new(words.map(String::as_str).collect::<Vec<_>>().join(" "));
        return from_phrase(&words, matches, scheme);
    }
    if let Some(path) = matches.get_one::<PathBuf>("mnemonic-file") {
        let words = Given::File(path.clone()).read().map_err(failed)?;
        return from_phrase(&words, matches, scheme);
    }
    if let Some(seed) = text("seed") {
        warn_of_secret(context.output, "--seed");
        return from_hex(seed, "--seed", &[32], scheme);
    }
    if let Some(key) = text("private-key") {
        warn_of_secret(context.output, "--private-key");
        return from_hex(key, "--private-key", &[32, 64], scheme);
    }
    if let Some(uri) = text("uri") {
        return development_key(uri, scheme);
    }
    if let Some(path) = matches.get_one::<PathBuf>("json-path") {
        return from_export(context, matches, path);
    }
    let person = context.unlock.person();
    if !person.is_possible() {
        return Err(usage(
            "there is no terminal to ask for the phrase: give --mnemonic-file FILE, --seed HEX, --private-key HEX, \
             --uri URI or --json-path FILE",
        ));
    }
    from_phrase(&person.ask("The phrase (not shown)")?, matches, scheme)
}

fn from_phrase(words: &Secret, matches: &ArgMatches, scheme: Scheme) -> Result<UnlockedKey, Failure> {
    let phrase = Phrase::lenient(words.expose()).map_err(|e| failed(e.into()))?;
    let password = matches.get_one::<String>("mnemonic-password").cloned().unwrap_or_default();
    Ok(UnlockedKey::from_phrase_and_password(phrase, &Secret::new(password), scheme))
}

fn from_hex(text: &str, flag: &str, lengths: &[usize], scheme: Scheme) -> Result<UnlockedKey, Failure> {
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .map(Zeroizing::new)
        .map_err(|_| usage(format!("{flag} is not hex digits")))?;
    if !lengths.contains(&bytes.len()) {
        return Err(usage(format!("{flag} has {} bytes; {lengths:?} are expected", bytes.len())));
    }
    UnlockedKey::from_private(&bytes, scheme).map_err(|e| failed(e.into()))
}

fn from_export(context: &Context, matches: &ArgMatches, path: &Path) -> Result<UnlockedKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|fault| {
        let exit = if fault.kind() == std::io::ErrorKind::NotFound { Exit::Missing } else { Exit::Failed };
        Failure::new(exit, anyhow::anyhow!("{}: cannot read it: {fault}", path.display()))
    })?;
    let password = export_password(context, matches, path)?;
    let imported = polkadot_js::import(&text, password.as_ref())
        .map_err(|fault| failed(WalletError::Keyfile { path: path.to_owned(), fault }))?;
    if imported.was_open {
        context.output.note("warning: the export is not encrypted; anyone who has it has the key");
    }
    context
        .output
        .note("note: an export has no phrase and no seed; keep it and its password as the backup of this key");
    Ok(imported.key)
}

fn export_password(context: &Context, matches: &ArgMatches, path: &Path) -> Result<Option<Secret>, Failure> {
    if let Some(text) = matches.get_one::<String>("json-password") {
        warn_of_secret(context.output, "--json-password");
        return Ok(Some(Secret::new(text.clone())));
    }
    if let Some(file) = matches.get_one::<PathBuf>("json-password-file") {
        return Given::File(file.clone()).read().map(Some).map_err(failed);
    }
    let person = context.unlock.person();
    if person.is_possible() {
        return Ok(Some(person.ask(&format!("Password of the export {}", path.display()))?));
    }
    Ok(None)
}
