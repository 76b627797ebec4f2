//! `create`, `new-coldkey`, `new-hotkey`, `regen-coldkey`, `regen-hotkey`, `import`: commands that write secret keys.
//!
//! The order is the same for all: names, password and key are settled; the files are written and read back; only then
//! is a phrase shown, to a person on a terminal, or put into `--mnemonic-out`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::{Format, Output};
use super::super::{Prints, Verb};
use super::context::{Context, with_key_choice, with_password, write_secret_file};
use super::new_password::{for_new_key, with_new_password};
use super::sources::{fresh, known, with_fresh, with_hotkey_scheme, with_known};
use super::{failed, with_overwrite, with_wallet};
use crate::units::Account;
use crate::wallet::{KeyKind, OnExisting, Saved, Scheme, UnlockedKey, Wallet};

pub(super) const CREATE: Verb =
    Verb { name: "create", command: create_command, run: create, prints: Prints::one::<Done>() };
pub(super) const NEW_COLDKEY: Verb = Verb {
    name: "new-coldkey",
    command: || new_command("new-coldkey"),
    run: |m, o| new(KeyKind::Coldkey, m, o),
    prints: Prints::one::<Done>(),
};
pub(super) const NEW_HOTKEY: Verb = Verb {
    name: "new-hotkey",
    command: || new_command("new-hotkey"),
    run: |m, o| new(KeyKind::Hotkey, m, o),
    prints: Prints::one::<Done>(),
};
pub(super) const REGEN_COLDKEY: Verb = Verb {
    name: "regen-coldkey",
    command: || regen_command("regen-coldkey"),
    run: |m, o| regen(KeyKind::Coldkey, m, o),
    prints: Prints::one::<Done>(),
};
pub(super) const REGEN_HOTKEY: Verb = Verb {
    name: "regen-hotkey",
    command: || regen_command("regen-hotkey"),
    run: |m, o| regen(KeyKind::Hotkey, m, o),
    prints: Prints::one::<Done>(),
};
pub(super) const IMPORT: Verb =
    Verb { name: "import", command: import_command, run: import, prints: Prints::one::<Done>() };

/// What all writers of keys take.
fn writer(command: Command) -> Command {
    let help = "Replace an existing key; its files are kept beside it as NAME.bak-TIME";
    with_overwrite(with_new_password(with_password(with_wallet(command))), help)
}

fn with_phrase_output(command: Command) -> Command {
    command
        .arg(
            Arg::new("mnemonic-out")
                .long("mnemonic-out")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write the new phrases to this file (0600, must not exist) instead of showing them"),
        )
        .arg(
            Arg::new("show-mnemonic")
                .long("show-mnemonic")
                .action(ArgAction::SetTrue)
                .help("Show the new phrases also without a terminal, and in JSON"),
        )
}

fn create_command() -> Command {
    let about = "Creates a wallet: a coldkey if it has none, and a hotkey if it has none";
    with_phrase_output(with_hotkey_scheme(with_fresh(writer(Command::new("create").about(about)))))
}

fn new_command(name: &'static str) -> Command {
    let about = match name {
        "new-coldkey" => "Creates a coldkey, which owns the money",
        _ => "Creates a hotkey, which signs for a miner or validator",
    };
    with_phrase_output(with_fresh(writer(Command::new(name).about(about))))
}

fn regen_command(name: &'static str) -> Command {
    let about = match name {
        "regen-coldkey" => "Restores a coldkey from its phrase, seed, private key or export",
        _ => "Restores a hotkey from its phrase, seed, private key or export",
    };
    with_known(writer(Command::new(name).about(about)))
}

fn import_command() -> Command {
    let about = "Imports an account export of polkadot-js or a mobile app as coldkey, or with --use-hotkey as hotkey";
    with_key_choice(with_known(writer(Command::new("import").about(about))))
        .mut_arg("json-path", |arg| arg.required(true))
}

/// One key that a command wrote or found.
#[derive(Debug, JsonSchema, Serialize)]
struct KeyDone {
    ss58: Account,
    crypto_type: Scheme,
    path: PathBuf,
    /// False when the same key was there already.
    written: bool,
    encrypted: bool,
    /// Copies of what was there before.
    kept: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mnemonic: Option<String>,
}

/// What a writing command did.
#[derive(Debug, JsonSchema, Serialize)]
struct Done {
    wallet: String,
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    coldkey: Option<KeyDone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotkey: Option<KeyDone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hotkey_name: Option<String>,
}

impl Done {
    fn new(wallet: &Wallet) -> Self {
        Self {
            wallet: wallet.name().to_owned(),
            path: wallet.folder().to_owned(),
            coldkey: None,
            hotkey: None,
            hotkey_name: None,
        }
    }

    fn with(mut self, wallet: &Wallet, kind: KeyKind, key: KeyDone) -> Self {
        match kind {
            KeyKind::Coldkey => self.coldkey = Some(key),
            KeyKind::Hotkey => {
                self.hotkey = Some(key);
                self.hotkey_name = Some(wallet.hotkey_name().to_owned());
            }
        }
        self
    }
}

fn create(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.wallet()?;
    let overwrite = matches.get_flag("overwrite");
    let mut done = Done::new(&wallet);
    for (kind, scheme_flag) in [(KeyKind::Coldkey, "crypto-type"), (KeyKind::Hotkey, "hotkey-crypto-type")] {
        let is_there = wallet.secret_path(kind).exists() || wallet.public_path(kind).exists();
        let key = if is_there && !overwrite {
            found(&wallet, kind)?
        } else {
            // A development URI names the coldkey; the hotkey is fresh.
            let key = fresh(matches, scheme_flag, kind == KeyKind::Coldkey)?;
            write(&context, matches, &wallet, kind, &key).inspect_err(|_| {
                if done.coldkey.as_ref().is_some_and(|coldkey| coldkey.written) {
                    output.note("note: the coldkey was written; `neuron wallet show --show-mnemonic` shows its phrase");
                }
            })?
        };
        done = done.with(&wallet, kind, key);
    }
    finish(&context, matches, done)
}

fn new(kind: KeyKind, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.wallet()?;
    let key = fresh(matches, "crypto-type", true)?;
    let done = Done::new(&wallet).with(&wallet, kind, write(&context, matches, &wallet, kind, &key)?);
    finish(&context, matches, done)
}

fn regen(kind: KeyKind, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.wallet()?;
    let key = known(&context, matches)?;
    let mut done = write(&context, matches, &wallet, kind, &key)?;
    // Whoever regenerates has the phrase.
    done.mnemonic = None;
    finish(&context, matches, Done::new(&wallet).with(&wallet, kind, done))
}

fn import(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let kind = if matches.get_flag("use-hotkey") { KeyKind::Hotkey } else { KeyKind::Coldkey };
    regen(kind, matches, output)
}

fn write(
    context: &Context,
    matches: &ArgMatches,
    wallet: &Wallet,
    kind: KeyKind,
    key: &UnlockedKey,
) -> Result<KeyDone, Failure> {
    let existing = if matches.get_flag("overwrite") { OnExisting::Replace } else { OnExisting::Refuse };
    refuse_early(wallet, kind, key, existing)?;
    let whose = match kind {
        KeyKind::Coldkey => format!("the coldkey of wallet `{}`", wallet.name()),
        KeyKind::Hotkey => format!("the hotkey `{}`", wallet.hotkey_name()),
    };
    let password = for_new_key(context, matches, kind == KeyKind::Coldkey, &whose)?;
    let saved = wallet.save(kind, key, password.as_ref(), existing, context.unlock.keys()).map_err(failed)?;
    let (written, kept) = match saved {
        Saved::Written { kept } => (true, kept),
        Saved::AlreadyThere => (false, Vec::new()),
    };
    let public = key.public();
    Ok(KeyDone {
        ss58: public.account,
        crypto_type: public.scheme,
        path: wallet.secret_path(kind),
        written,
        encrypted: password.is_some(),
        kept,
        mnemonic: key.phrase().filter(|_| written).map(|phrase| phrase.expose().to_owned()),
    })
}

/// Before anybody is asked for a password: a fresh key never takes the place of one that is there.
fn refuse_early(wallet: &Wallet, kind: KeyKind, key: &UnlockedKey, existing: OnExisting) -> Result<(), Failure> {
    let path = wallet.secret_path(kind);
    if existing == OnExisting::Replace || !path.exists() {
        return Ok(());
    }
    let there = match kind {
        KeyKind::Coldkey => wallet.coldkeypub(),
        KeyKind::Hotkey => wallet.hotkeypub(),
    };
    match there {
        Ok(there) if there.account == key.public().account => Ok(()),
        Ok(there) => {
            Err(failed(crate::wallet::WalletError::Exists { path, what: format!("the key {}", there.account) }))
        }
        Err(_) => Ok(()),
    }
}

/// A key that `create` leaves as it is.
fn found(wallet: &Wallet, kind: KeyKind) -> Result<KeyDone, Failure> {
    let public = match kind {
        KeyKind::Coldkey => wallet.coldkeypub(),
        KeyKind::Hotkey => wallet.hotkeypub(),
    }
    .map_err(failed)?;
    let encrypted = wallet.locked(kind).is_ok_and(|locked| locked.envelope().is_encrypted());
    let path = wallet.secret_path(kind);
    Ok(KeyDone {
        ss58: public.account,
        crypto_type: public.scheme,
        path,
        written: false,
        encrypted,
        kept: Vec::new(),
        mnemonic: None,
    })
}

fn finish(context: &Context, matches: &ArgMatches, mut done: Done) -> Result<(), Failure> {
    let phrases: Vec<String> = [&done.coldkey, &done.hotkey]
        .into_iter()
        .zip(["coldkey", "hotkey"])
        .filter_map(|(key, name)| Some(format!("{name}: {}", key.as_ref()?.mnemonic.as_ref()?)))
        .collect();
    let asked = matches.try_get_one::<bool>("show-mnemonic").ok().flatten() == Some(&true);
    let file = matches.try_get_one::<PathBuf>("mnemonic-out").ok().flatten();
    let shown = asked || (file.is_none() && context.output.format == Format::Text && context.output.is_terminal());
    if let Some(path) = file.filter(|_| !phrases.is_empty()) {
        write_secret_file(path, &format!("{}\n", phrases.join("\n"))).map_err(|failure| {
            let text = format!(
                "the keys were written, their phrases were not: {failure}; see `neuron wallet show --show-mnemonic`"
            );
            Failure::new(failure.exit, anyhow::anyhow!(text))
        })?;
    }
    if !shown {
        for key in [&mut done.coldkey, &mut done.hotkey].into_iter().flatten() {
            key.mnemonic = None;
        }
        if file.is_none() && !phrases.is_empty() {
            context.output.note(
                "note: without a terminal the new phrases are not shown; `neuron wallet show --show-mnemonic` shows \
                 them, --mnemonic-out FILE writes them",
            );
        }
    }
    context.output.result(&done, describe).map_err(|fault| Failure::new(Exit::Failed, fault))
}

fn describe(done: &Done) -> String {
    let mut text = String::new();
    for (name, key) in [("coldkey", &done.coldkey), ("hotkey", &done.hotkey)] {
        let Some(key) = key else { continue };
        let name = match &done.hotkey_name {
            Some(hotkey) if name == "hotkey" => format!("hotkey `{hotkey}`"),
            _ => name.to_owned(),
        };
        let state = match (key.written, key.encrypted) {
            (true, true) => "written, encrypted",
            (true, false) => "written, not encrypted",
            (false, _) => "exists, not changed",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}  {}  ({state})\n  {}", key.ss58, key.path.display());
        for kept in &key.kept {
            let _ = writeln!(text, "  the old file is kept as {}", kept.display());
        }
        if let Some(mnemonic) = &key.mnemonic {
            let _ = writeln!(text, "  phrase: {mnemonic}");
        }
    }
    if text.contains("  phrase: ") {
        text.push_str(
            "Write each phrase down on paper. Anyone who has it has the key. Without it, a lost file cannot be \
             restored.\n",
        );
    }
    text
}
