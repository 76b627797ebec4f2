//! `regen-coldkeypub` and `regen-hotkeypub`: public files for a machine that watches.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::Failure;
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::Context;
use super::{failed, usage, with_overwrite, with_wallet};
use crate::units::Account;
use crate::wallet::{KeyKind, OnExisting, PublicKey, ResolvedAccount, Saved, Scheme};

pub(super) const REGEN_COLDKEYPUB: Verb = Verb {
    name: "regen-coldkeypub",
    command: || command("regen-coldkeypub"),
    run: |m, o| run(KeyKind::Coldkey, m, o),
    prints: Prints::one::<Done>(),
};
pub(super) const REGEN_HOTKEYPUB: Verb = Verb {
    name: "regen-hotkeypub",
    command: || command("regen-hotkeypub"),
    run: |m, o| run(KeyKind::Hotkey, m, o),
    prints: Prints::one::<Done>(),
};

fn command(name: &'static str) -> Command {
    let about = match name {
        "regen-coldkeypub" => {
            "Writes coldkeypub.txt from an address or public key; the coldkey itself stays on another machine"
        }
        _ => "Writes a hotkey's public file from an address or public key",
    };
    let command = with_wallet(Command::new(name).about(about))
        .arg(
            Arg::new("ss58")
                .long("ss58")
                .aliases(["ss58-address", "addr", "address"])
                .value_name("ADDRESS")
                .help("The address; also a local WALLET or WALLET/HOTKEY"),
        )
        .arg(
            Arg::new("public-key")
                .long("public-key")
                .aliases(["pubkey", "public-key-hex"])
                .value_name("HEX")
                .help("The public key, 0x and 64 hex digits; when both are given, they must agree"),
        )
        .arg(
            Arg::new("crypto-type")
                .long("crypto-type")
                .value_name("sr25519|ed25519")
                .value_parser(|text: &str| text.parse::<Scheme>())
                .help("The signature scheme of the key [default: sr25519]"),
        );
    with_overwrite(command, "Replace an existing file; it is kept as NAME.bak-TIME")
}

#[derive(Debug, JsonSchema, Serialize)]
struct Done {
    wallet: String,
    ss58: Account,
    crypto_type: Scheme,
    path: PathBuf,
    written: bool,
    kept: Vec<PathBuf>,
}

fn run(kind: KeyKind, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.wallet()?;
    let find = |text: &String| ResolvedAccount::find(text, &context.root).map_err(failed);
    let by_key = matches.get_one::<String>("public-key").map(|text| {
        let text = if text.starts_with("0x") { text.clone() } else { format!("0x{text}") };
        find(&text)
    });
    let by_address = matches.get_one::<String>("ss58").map(find);
    let resolved = match (by_address.transpose()?, by_key.transpose()?) {
        (Some(one), Some(other)) if one.account != other.account => {
            return Err(usage(format!("--ss58 and --public-key disagree: the key's address is {}", other.account)));
        }
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => return Err(usage("give --ss58 ADDRESS or --public-key HEX")),
    };
    let scheme = matches.get_one::<Scheme>("crypto-type").copied().or(resolved.scheme).unwrap_or_default();
    let existing = if matches.get_flag("overwrite") { OnExisting::Replace } else { OnExisting::Refuse };
    let key = PublicKey { account: resolved.account, scheme };
    let (written, kept) = match wallet.save_public(kind, &key, existing).map_err(failed)? {
        Saved::Written { kept } => (true, kept),
        Saved::AlreadyThere => (false, Vec::new()),
    };
    let path = wallet.public_path(kind);
    let done = Done { wallet: wallet.name().to_owned(), ss58: key.account, crypto_type: scheme, path, written, kept };
    output.result(&done, |done| {
        let state = if done.written { "written" } else { "exists, not changed" };
        format!("{resolved}  ({state})\n  {}\n", done.path.display())
    })?;
    Ok(())
}
