//! `passwd` and `upgrade`: the same key in another envelope.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::{Context, with_key_choice, with_password, with_target};
use super::failed;
use super::new_password::{second, with_new_password, with_second_password};
use crate::wallet::{Envelope, KeyKind, ListedWallet, Note, Secret, Unlocked, UnlockedKey, Wallet, WalletError};

pub(super) const PASSWD: Verb =
    Verb { name: "passwd", command: passwd_command, run: passwd, prints: Prints::one::<Rewritten>() };
pub(super) const UPGRADE: Verb =
    Verb { name: "upgrade", command: upgrade_command, run: upgrade, prints: Prints::one::<Vec<Rewritten>>() };

fn passwd_command() -> Command {
    let about = "Changes a key's password; encrypts a plain key, or with --no-password decrypts one";
    let command = with_key_choice(with_password(with_target(Command::new("passwd").about(about))));
    with_new_password(with_second_password(command))
}

/// A key that was rewritten, or why it was not.
#[derive(Debug, JsonSchema, Serialize)]
struct Rewritten {
    wallet: String,
    kind: KeyKind,
    name: String,
    path: PathBuf,
    /// Whether the file was written anew.
    changed: bool,
    /// The envelope before.
    from: Option<Envelope>,
    /// The envelope now.
    format: Option<Envelope>,
    /// Copies of what was there before.
    kept: Vec<PathBuf>,
    /// Why it is as it is.
    note: Option<String>,
    /// Why it failed.
    error: Option<String>,
}

fn open(
    context: &Context,
    wallet: &Wallet,
    kind: KeyKind,
) -> Result<(Envelope, UnlockedKey, Vec<Note>, Option<Secret>), WalletError> {
    let path = wallet.secret_path(kind);
    let locked = wallet.locked(kind)?;
    let Unlocked { opened, password, .. } = context.unlock.open_telling(&locked, &path, kind, wallet.name())?;
    let notes = opened.notes.clone();
    let key = opened.into_secret().map_err(|fault| WalletError::Keyfile { path, fault })?;
    Ok((locked.envelope(), key, notes, password))
}

fn passwd(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.existing()?;
    let kind = context.kind(matches);
    let (from, key, _, _) = open(&context, &wallet, kind).map_err(failed)?;
    let password = match matches.get_flag("no-password") {
        true => None,
        false => Some(second(&context, matches, &format!("the {kind}"))?),
    };
    let kept = wallet.rewrite(kind, &key, password.as_ref(), context.unlock.keys()).map_err(failed)?;
    let format = if password.is_some() { Envelope::Nacl } else { Envelope::Plain };
    let mut done = unchanged(&wallet, kind, Some(from), None);
    (done.changed, done.format, done.kept) = (true, Some(format), kept);
    done.note = Some(
        "other copies of the old file still open with the old password; delete them when you no longer need them"
            .to_owned(),
    );
    output.result(&done, describe)?;
    Ok(())
}

fn upgrade_command() -> Command {
    let about = "Rewrites keys in the form that every tool reads: Ansible and Fernet become NaCl, numbers become text, file \
         modes are corrected";
    with_new_password(with_second_password(with_password(with_target(Command::new("upgrade").about(about))))).arg(
        Arg::new("encrypt-coldkey")
            .long("encrypt-coldkey")
            .action(ArgAction::SetTrue)
            .help("Encrypt a plain coldkey too, with a new password"),
    )
}

fn upgrade(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.existing()?;
    let mut done = Vec::new();
    if wallet.secret_path(KeyKind::Coldkey).exists() && !context.hotkey_is_named {
        done.push(upgrade_key(&context, matches, &wallet, KeyKind::Coldkey));
    }
    for hotkey in ListedWallet::read(wallet.folder(), wallet.name().to_owned()).hotkeys {
        if hotkey.public_only || (context.hotkey_is_named && hotkey.name != context.hotkey) {
            continue;
        }
        let wallet = Wallet::open(&context.root, &context.name, &hotkey.name).map_err(failed)?;
        done.push(upgrade_key(&context, matches, &wallet, KeyKind::Hotkey));
    }
    output.result(&done, |done| done.iter().map(describe).collect())?;
    // Each record tells its own error.
    if done.iter().any(|each| each.error.is_some()) {
        return Err(Failure::silent(Exit::Failed));
    }
    Ok(())
}

/// Upgrades one key; a failure is a record, so that the others still get their turn.
fn upgrade_key(context: &Context, matches: &ArgMatches, wallet: &Wallet, kind: KeyKind) -> Rewritten {
    match try_upgrade(context, matches, wallet, kind) {
        Ok(done) => done,
        Err(failure) => {
            let mut done = unchanged(wallet, kind, None, None);
            done.error = Some(failure.to_string());
            done
        }
    }
}

fn try_upgrade(context: &Context, matches: &ArgMatches, wallet: &Wallet, kind: KeyKind) -> Result<Rewritten, Failure> {
    let (from, key, notes, mut password) = open(context, wallet, kind).map_err(failed)?;
    // How the password was spelled is no fault of the file.
    let of_file = notes.iter().filter(|note| **note != Note::PasswordRespelled);
    let mut reasons: Vec<String> = of_file.map(ToString::to_string).collect();
    if matches!(from, Envelope::Ansible | Envelope::Fernet) {
        reasons.push(format!("its {from} encryption is out of date"));
    }
    if kind == KeyKind::Coldkey && from == Envelope::Plain && matches.get_flag("encrypt-coldkey") {
        password = Some(second(context, matches, "the coldkey")?);
        reasons.push("it was not encrypted".to_owned());
    }
    let mended = wallet.mend_modes(kind).map_err(failed)?;
    if reasons.is_empty() {
        let note = if mended { "its mode was corrected" } else { "nothing to do" };
        return Ok(unchanged(wallet, kind, Some(from), Some(note.to_owned())));
    }
    let kept = wallet.rewrite(kind, &key, password.as_ref(), context.unlock.keys()).map_err(failed)?;
    let mut done = unchanged(wallet, kind, Some(from), Some(reasons.join("; ")));
    done.changed = true;
    done.format = Some(if password.is_some() { Envelope::Nacl } else { Envelope::Plain });
    done.kept = kept;
    Ok(done)
}

fn unchanged(wallet: &Wallet, kind: KeyKind, from: Option<Envelope>, note: Option<String>) -> Rewritten {
    let name = match kind {
        KeyKind::Coldkey => "coldkey".to_owned(),
        KeyKind::Hotkey => wallet.hotkey_name().to_owned(),
    };
    Rewritten {
        wallet: wallet.name().to_owned(),
        kind,
        name,
        path: wallet.secret_path(kind),
        changed: false,
        from,
        format: from,
        kept: Vec::new(),
        note,
        error: None,
    }
}

fn describe(done: &Rewritten) -> String {
    let format = |envelope: Option<Envelope>| envelope.map_or_else(|| "?".to_owned(), |envelope| envelope.to_string());
    let state = match (&done.error, done.changed) {
        (Some(error), _) => format!("FAILED: {error}"),
        (None, true) => format!("{} → {}", format(done.from), format(done.format)),
        (None, false) => "unchanged".to_owned(),
    };
    let mut text = format!("{}/{}  {state}\n", done.wallet, done.name);
    for line in done
        .note
        .iter()
        .cloned()
        .chain(done.kept.iter().map(|kept| format!("the old file is kept as {}", kept.display())))
    {
        text.push_str(&format!("  {line}\n"));
    }
    text
}
