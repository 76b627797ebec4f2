//! `neuron wallet verify-keys`: the doctor for wallets.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::exit::{Exit, Failure};
use super::super::output::Output;
use super::super::{Prints, Verb};
use super::context::{Context, with_password, with_target};
use super::failed;
use crate::wallet::{KeyReport, Listing, Verdict, examine};

pub(super) const VERIFY_KEYS: Verb = Verb { name: "verify-keys", command, run, prints: Prints::one::<Report>() };

fn command() -> Command {
    let about = "Opens every key that it can, and compares it with its address, its public file and what other tools \
                 read";
    with_password(with_target(Command::new("verify-keys").about(about)))
        .arg(
            Arg::new("all")
                .long("all-wallets")
                .alias("all")
                .action(ArgAction::SetTrue)
                .help("Every wallet in the folder (the default when none is named)"),
        )
        .arg(Arg::new("strict").long("strict").action(ArgAction::SetTrue).help("Exit with status 1 on warnings too"))
}

#[derive(Debug, JsonSchema, Serialize)]
struct Report {
    keys: Vec<KeyReport>,
    proven: usize,
    locked: usize,
    refused: usize,
    broken: usize,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let context = Context::read(matches, output)?;
    let names = if context.wallet_is_named && !matches.get_flag("all") {
        vec![context.name.clone()]
    } else {
        Listing::read(&context.root).map_err(failed)?.wallets.into_iter().map(|wallet| wallet.name).collect()
    };
    let mut keys = Vec::new();
    for name in names {
        keys.extend(examine(&context.root, &name, &context.unlock).map_err(failed)?);
    }
    if context.hotkey_is_named {
        keys.retain(|key| key.name == context.hotkey);
    }
    let count = |verdict: Verdict| keys.iter().filter(|key| key.verdict == verdict).count();
    let report = Report {
        proven: count(Verdict::Proven),
        locked: count(Verdict::Locked),
        refused: count(Verdict::Refused),
        broken: count(Verdict::Broken),
        keys,
    };
    output.result(&report, describe)?;
    // The result tells why; a second document would spoil the first.
    if report.broken > 0 {
        return Err(Failure::silent(Exit::BadFile));
    }
    if report.refused > 0 {
        return Err(Failure::silent(Exit::Locked));
    }
    if matches.get_flag("strict") && report.keys.iter().any(|key| !key.warnings.is_empty()) {
        return Err(Failure::silent(Exit::Failed));
    }
    Ok(())
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    for key in &report.keys {
        let verdict = match key.verdict {
            Verdict::Proven => "proven",
            Verdict::Locked => "locked, not checked",
            Verdict::Refused => "wrong password, not checked",
            Verdict::PublicOnly => "public only",
            Verdict::Broken => "BROKEN",
        };
        let address = key.ss58.map_or_else(|| "?".to_owned(), |account| account.ss58());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}/{}  {address}  {verdict}", key.wallet, key.name);
        for line in &key.problems {
            let _ = writeln!(text, "  problem: {line}");
        }
        for line in &key.warnings {
            let _ = writeln!(text, "  warning: {line}");
        }
    }
    let _ = writeln!(
        text,
        "{} good, {} locked, {} broken, of {}",
        report.proven,
        report.locked,
        report.broken,
        report.keys.len()
    );
    text
}
