//! `export` and `env-password`: keys and passwords for other tools.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::{Context, with_key_choice, with_password, with_target, write_secret_file};
use super::failed;
use super::new_password::{second, with_new_password, with_second_password};
use crate::units::Account;
use crate::wallet::{EnvPassword, Unlocked, WalletError, polkadot_js};

pub(super) const EXPORT: Verb = Verb {
    name: "export",
    command: export_command,
    run: export,
    prints: Prints::either::<Exported, Map<String, Json>>(),
};
pub(super) const ENV_PASSWORD: Verb =
    Verb { name: "env-password", command: env_command, run: env_password, prints: Prints::one::<Variable>() };

fn export_command() -> Command {
    let about = "Exports a key as the encrypted JSON that polkadot-js, its extension and mobile apps import";
    let command = with_key_choice(with_password(with_target(Command::new("export").about(about))));
    with_new_password(with_second_password(command))
        .mut_arg("no-password", |arg| arg.hide(true))
        .mut_arg("use-password", |arg| arg.hide(true))
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(["polkadot-js"])
                .default_value("polkadot-js")
                .help("The format; there is only this one"),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Write the export to this file (0600, must not exist) instead of stdout"),
        )
}

#[derive(Debug, JsonSchema, Serialize)]
struct Exported {
    ss58: Account,
    path: PathBuf,
}

fn export(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.existing()?;
    let kind = context.kind(matches);
    let key = wallet.unlocked(kind, &context.unlock).map_err(failed)?;
    let password = second(&context, matches, "the export")?;
    let text = polkadot_js::export(&key, &password, &format!("{} ({kind})", wallet.name()))
        .map_err(|fault| failed(WalletError::Keyfile { path: wallet.secret_path(kind), fault }))?;
    match matches.get_one::<PathBuf>("out") {
        Some(path) => {
            write_secret_file(path, &text)?;
            let done = Exported { ss58: key.public().account, path: path.clone() };
            output.result(&done, |done| format!("{} exported to {}\n", done.ss58, done.path.display()))?;
        }
        None => {
            let document: Map<String, Json> = serde_json::from_str(&text)?;
            output.result(&document, |_| text)?;
        }
    }
    Ok(())
}

fn env_command() -> Command {
    let about = "Prints the BT_PW_… line with which the Python tools unlock a key without asking; it does not protect \
                 the password";
    with_key_choice(with_password(with_target(Command::new("env-password").about(about))))
}

#[derive(Debug, JsonSchema, Serialize)]
struct Variable {
    variable: String,
    value: String,
    /// Whether a shell's `export` can set it.
    exportable: bool,
    path: PathBuf,
}

fn env_password(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let wallet = context.existing()?;
    let kind = context.kind(matches);
    let path = wallet.secret_path(kind);
    let locked = wallet.locked(kind).map_err(failed)?;
    // Proven before it is printed: the password opens the file.
    let Unlocked { password, .. } = context.unlock.open_telling(&locked, &path, kind, wallet.name()).map_err(failed)?;
    let Some(password) = password else {
        return Err(Failure::new(
            Exit::Usage,
            anyhow::anyhow!("{} is not encrypted: no variable is needed", path.display()),
        ));
    };
    let variable = EnvPassword::of(&path);
    let line = Variable {
        variable: variable.name().to_owned(),
        value: variable.encode(&password).expose().to_owned(),
        exportable: variable.is_exportable(),
        path,
    };
    output.result(&line, |line| match line.exportable {
        true => format!("export {}='{}'\n", line.variable, line.value),
        false => format!("env '{}={}' PROGRAM   # a shell's export cannot set this name\n", line.variable, line.value),
    })?;
    Ok(())
}
