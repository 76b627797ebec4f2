//! The password of a key that is about to be written.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::super::exit::{Exit, Failure};
use super::context::Context;
use super::failed;
use crate::wallet::{Given, Secret, check_new_password};

/// The flags of a new password.
pub(super) fn with_new_password(command: Command) -> Command {
    command
        .arg(
            Arg::new("no-password")
                .long("no-password")
                .aliases(["no-use-password", "decrypt"])
                .action(ArgAction::SetTrue)
                .conflicts_with("use-password")
                .help_heading("Password")
                .help("Write the key without encryption"),
        )
        .arg(
            Arg::new("use-password")
                .long("use-password")
                .action(ArgAction::SetTrue)
                .help_heading("Password")
                .help("Encrypt the key (the default for coldkeys)"),
        )
        .arg(
            Arg::new("weak-password-ok")
                .long("weak-password-ok")
                .action(ArgAction::SetTrue)
                .help_heading("Password")
                .help("Accept a short or common password"),
        )
}

/// Adds the sources of a new password beside an old one.
pub(super) fn with_second_password(command: Command) -> Command {
    command
        .arg(
            Arg::new("new-password-file")
                .long("new-password-file")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .conflicts_with("new-password-fd")
                .help_heading("Password")
                .help("A file that holds the new password"),
        )
        .arg(
            Arg::new("new-password-fd")
                .long("new-password-fd")
                .value_name("N")
                .value_parser(clap::value_parser!(u32))
                .help_heading("Password")
                .help("Read the new password from this open file descriptor"),
        )
}

/// The password for a new key: `None` when it is to be written plain.
///
/// `wanted` says whether it is encrypted when no flag says anything: coldkeys yes, hotkeys no.
pub(super) fn for_new_key(
    context: &Context,
    matches: &ArgMatches,
    wanted: bool,
    whose: &str,
) -> Result<Option<Secret>, Failure> {
    let flag = |name: &str| matches.try_get_one::<bool>(name).ok().flatten() == Some(&true);
    if flag("no-password") || !(wanted || flag("use-password")) {
        return Ok(None);
    }
    let given = context.unlock.given_secret().map_err(failed)?.map(|secret| Secret::new(secret.expose().to_owned()));
    choose(context, matches, given, whose).map(Some)
}

/// The second password of a command that has one already.
pub(super) fn second(context: &Context, matches: &ArgMatches, whose: &str) -> Result<Secret, Failure> {
    let given = match (matches.get_one::<PathBuf>("new-password-file"), matches.get_one::<u32>("new-password-fd")) {
        (Some(path), _) => Some(Given::File(path.clone())),
        (_, Some(number)) => Some(Given::Descriptor(*number)),
        _ => None,
    };
    let given = given.map(|given| given.read()).transpose().map_err(failed)?;
    choose(context, matches, given, whose)
}

fn choose(context: &Context, matches: &ArgMatches, given: Option<Secret>, whose: &str) -> Result<Secret, Failure> {
    let weak_is_fine = matches.try_get_one::<bool>("weak-password-ok").ok().flatten() == Some(&true);
    let password = match given {
        Some(password) => password,
        None => ask_twice(context, whose)?,
    };
    check_new_password(&password, weak_is_fine).map_err(failed)?;
    Ok(password)
}

fn ask_twice(context: &Context, whose: &str) -> Result<Secret, Failure> {
    let person = context.unlock.person();
    if !person.is_possible() {
        let text = format!(
            "{whose} must be encrypted, and there is no terminal to ask for a password: give one with \
             --wallet.password_file FILE, --password-fd N or --password-stdin (passwd and export: \
             --new-password-file), or write the key without encryption with --no-password"
        );
        return Err(Failure::new(Exit::Locked, anyhow::anyhow!(text)));
    }
    context.output.note("All wallets use the same salt, so only a long password protects the key.");
    let first = person.ask(&format!("New password for {whose}"))?;
    let again = person.ask("The same again")?;
    if first.expose() != again.expose() {
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!("the two passwords differ; nothing was written")));
    }
    Ok(first)
}
