//! `neuron axon probe`: is an axon reachable, and would it answer?

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use crate::axon::probe::{Probe, Step, Verdict};
use crate::cli::chain::hotkey;
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, args, block_on};
use crate::subnets::registry;
use crate::subnets::work::Harmless;
use crate::synapse::request::{NotSendable, Prepared};
use crate::units::Account;
use crate::wallet::{Keypair, Phrase, Scheme, UnlockedKey};

pub(super) const PROBE: Verb = Verb { name: "probe", command, run, prints: Prints::one::<Report>() };

/// Seconds for each step: what a person waits.
const PATIENCE_S: u64 = 8;

fn command() -> Command {
    let wallet = |key: &'static str, help: &'static str| {
        Arg::new(key).long(key).value_name("TEXT").help(help).help_heading("Wallet")
    };
    Command::new("probe")
        .about("Tests an axon step by step, and says why it would refuse a request")
        .after_help("Without --wallet.name the axon is asked with a new hotkey that nobody knows.")
        .arg(Arg::new("address").value_name("HOST:PORT").required(true).help("Where the axon listens"))
        .arg(
            Arg::new("hotkey")
                .long("hotkey")
                .value_name("SS58")
                .required(true)
                .value_parser(value_parser!(Account))
                .help("The hotkey the axon should have"),
        )
        .arg(
            Arg::new("synapse")
                .long("synapse")
                .value_name("NAME")
                .value_parser(harmless().map(|it| it.name).collect::<Vec<_>>())
                .help("A synapse to send as well; it is empty, so that it makes no work"),
        )
        .arg(wallet("wallet.name", "Ask with the hotkey of this wallet"))
        .arg(wallet("wallet.hotkey", "The name of the wallet's hotkey"))
        .arg(wallet("wallet.path", "The folder of wallets"))
}

/// Every synapse of every kind of work, as a request that makes none.
fn harmless() -> impl Iterator<Item = &'static Harmless> {
    registry::KINDS.iter().flat_map(|kind| kind.harmless)
}

/// The one called `name`.
fn prepared(name: &str, sender: &str) -> Result<Option<Prepared>, NotSendable> {
    harmless().find(|it| it.name == name).map(|it| (it.prepare)(PATIENCE_S as f64, sender)).transpose()
}

#[derive(JsonSchema, Serialize)]
struct Report {
    address: SocketAddr,
    hotkey: Account,
    asked_by: Account,
    reachable: bool,
    steps: Vec<Step>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let report = block_on(probe(matches))?;
    output.result(&report, text)?;
    if report.reachable {
        return Ok(());
    }
    let error = anyhow::anyhow!("{} would not answer {}", report.address, report.asked_by);
    Err(Failure::new(Exit::Network, error).after_result())
}

async fn probe(matches: &ArgMatches) -> Result<Report, Failure> {
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let address = resolve(given("address")).await?;
    let hotkey = *matches.get_one::<Account>("hotkey").ok_or_else(|| anyhow::anyhow!("--hotkey is missing"))?;
    let caller = caller(matches)?;
    let asked_by = caller.account();
    let synapse =
        matches.get_one::<String>("synapse").map(|name| prepared(name, &asked_by.ss58())).transpose()?.flatten();
    let probe =
        Probe { address, hotkey, caller, is_stranger: false, synapse, patience: Duration::from_secs(PATIENCE_S) };
    let steps = probe.run().await?;
    let reachable = steps.iter().all(|step| step.verdict != Verdict::Bad);
    Ok(Report { address, hotkey, asked_by, reachable, steps })
}

pub(in crate::cli) async fn resolve(text: &str) -> Result<SocketAddr, Failure> {
    let found = tokio::net::lookup_host(text).await;
    let mut found = found
        .map_err(|e| anyhow::anyhow!("`{text}` is not HOST:PORT that can be resolved: {e}"))
        .or_exit(Exit::Usage)?;
    found.next().ok_or_else(|| anyhow::anyhow!("`{text}` has no address")).or_exit(Exit::Network)
}

/// The hotkey to ask with: the wallet's when one is named, else one that nobody knows.
fn caller(matches: &ArgMatches) -> Result<Keypair, Failure> {
    if matches.contains_id("wallet.name") || matches.contains_id("wallet.hotkey") {
        let (_, settings) = args::resolve(matches)?;
        return hotkey(&settings);
    }
    let phrase = Phrase::generate(12)?;
    Ok(UnlockedKey::from_phrase(phrase, Scheme::Sr25519).into_keypair())
}

fn text(report: &Report) -> String {
    let mut table = TextTable::new(["step", "", "what was heard", "ms"]);
    for step in &report.steps {
        let mark = match step.verdict {
            Verdict::Good => "ok",
            Verdict::Odd => "note",
            Verdict::Bad => "FAILED",
        };
        table.row([step.step, mark, &step.heard.to_string(), &format!("{:.1}", step.took_ms)]);
    }
    let mut lines = table.render();
    for step in &report.steps {
        if let Some(advice) = step.advice {
            lines += &format!("{}: {advice}\n", step.step);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_synapse_has_a_harmless_request() {
        assert!(harmless().count() >= registry::KINDS.len());
        for it in harmless() {
            assert_eq!(prepared(it.name, "5Grw").unwrap().unwrap().path(), format!("/{}", it.name));
        }
    }
}
