//! `sign` and `verify`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::{Context, with_key_choice, with_password, with_target};
use super::{failed, usage, with_wallet};
use crate::units::Account;
use crate::wallet::{KeyKind, ResolvedAccount, Scheme, verify_message};

pub(super) const SIGN: Verb = Verb { name: "sign", command: sign_command, run: sign, prints: Prints::one::<Signed>() };
pub(super) const VERIFY: Verb =
    Verb { name: "verify", command: verify_command, run: verify, prints: Prints::one::<Verified>() };

fn with_message(command: Command) -> Command {
    command
        .arg(Arg::new("message").long("message").value_name("TEXT").help("The message, signed as its UTF-8 bytes"))
        .arg(
            Arg::new("message-file")
                .long("message-file")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with("message")
                .help("A file whose bytes are the message"),
        )
        .arg(
            Arg::new("hex")
                .long("hex")
                .action(ArgAction::SetTrue)
                .requires("message")
                .help("The message is hex digits"),
        )
}

fn message(matches: &ArgMatches) -> Result<Vec<u8>, Failure> {
    if let Some(path) = matches.get_one::<PathBuf>("message-file") {
        return std::fs::read(path).map_err(|fault| {
            Failure::new(Exit::Missing, anyhow::anyhow!("{}: cannot read it: {fault}", path.display()))
        });
    }
    let text =
        matches.get_one::<String>("message").ok_or_else(|| usage("give --message TEXT or --message-file FILE"))?;
    if matches.get_flag("hex") {
        return hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| usage("--message is not hex digits"));
    }
    Ok(text.as_bytes().to_vec())
}

fn sign_command() -> Command {
    let about = "Signs a message with the coldkey, or with --use-hotkey the hotkey";
    with_message(with_key_choice(with_password(with_target(Command::new("sign").about(about)))))
}

#[derive(Debug, JsonSchema, Serialize)]
struct Signed {
    signed_message: String,
    signer_address: Account,
    crypto_type: Scheme,
}

fn sign(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let message = message(matches)?;
    let wallet = context.existing()?;
    let key = match context.kind(matches) {
        KeyKind::Coldkey => wallet.coldkey(&context.unlock),
        KeyKind::Hotkey => wallet.hotkey(&context.unlock),
    }
    .map_err(failed)?;
    let signed = Signed {
        signed_message: hex::encode(key.sign(&message)),
        signer_address: key.account(),
        crypto_type: key.scheme(),
    };
    output.result(&signed, |signed| {
        format!("signer     {}\nsignature  {}\n", signed.signer_address, signed.signed_message)
    })?;
    Ok(())
}

fn verify_command() -> Command {
    let about = "Checks a signature; exits with status 1 when it is not the signer's";
    with_message(with_wallet(Command::new("verify").about(about)))
        .mut_arg("message", |arg| arg.short('m'))
        .mut_arg("wallet.path", |arg| arg.short(None))
        .arg(
            Arg::new("signature")
                .long("signature")
                .short('s')
                .value_name("HEX")
                .required(true)
                .help("The signature, 64 bytes in hex"),
        )
        .arg(
            Arg::new("signer")
                .long("address")
                .aliases(["ss58", "ss58-address", "public-key", "signer"])
                .short('a')
                .short_alias('p')
                .value_name("ACCOUNT")
                .required(true)
                .help("The expected signer: an address, 0x and a public key, WALLET, or WALLET/HOTKEY"),
        )
        .arg(
            Arg::new("crypto-type")
                .long("crypto-type")
                .value_name("sr25519|ed25519")
                .value_parser(|text: &str| text.parse::<Scheme>())
                .help("The signature scheme [default: that of the local key, else both are tried]"),
        )
}

/// With the fields of btcli 9 (`verified`, `signer`, `message`) and 11 (`valid`, `ss58`).
#[derive(Debug, JsonSchema, Serialize)]
struct Verified {
    verified: bool,
    valid: bool,
    signer: Account,
    ss58: Account,
    message: String,
    crypto_type: Option<Scheme>,
    signer_from: crate::wallet::AccountFrom,
}

fn verify(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let message = message(matches)?;
    let text = matches.get_one::<String>("signature").map(String::as_str).unwrap_or_default();
    let mut signature = [0; 64];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut signature)
        .map_err(|_| usage("--signature is not 64 bytes in hex"))?;
    let signer = matches.get_one::<String>("signer").map(String::as_str).unwrap_or_default();
    let signer = ResolvedAccount::find(signer, &context.root).map_err(failed)?;
    let schemes = match matches.get_one::<Scheme>("crypto-type").copied().or(signer.scheme) {
        Some(scheme) => vec![scheme],
        None => vec![Scheme::Sr25519, Scheme::Ed25519],
    };
    let fits = schemes.into_iter().find(|scheme| verify_message(*scheme, &signer.account, &message, &signature));
    let verified = Verified {
        verified: fits.is_some(),
        valid: fits.is_some(),
        signer: signer.account,
        ss58: signer.account,
        message: String::from_utf8_lossy(&message).into_owned(),
        crypto_type: fits,
        signer_from: signer.from.clone(),
    };
    output.result(&verified, |verified| {
        let word = if verified.valid { "valid" } else { "NOT valid" };
        format!("{word}: {signer}\n")
    })?;
    // The result says it; a second document or message would say it twice.
    if fits.is_none() { Err(Failure::silent(Exit::Failed)) } else { Ok(()) }
}
