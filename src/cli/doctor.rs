//! `neuron doctor`: looks at everything that a role needs, and says what to do.

use clap::{Arg, ArgMatches, Command};

use super::output::Output;
use super::{Exit, Failure, Prints, Verb, args, axon, block_on};
use crate::role::doctor::Checkup;
use crate::subnets::finding::{Finding, Verdict};

pub(super) const VERB: Verb = Verb { name: "doctor", command, run, prints: Prints::one::<Checkup>() };

const AFTER: &str = "\
Checks: versions, settings and where they come from, wallet, ledger, disk, every endpoint of the chain, clock, \
registration, permit, stake, weights, the published axon, a role that runs here (with --metrics.port), and what the \
kind of work needs from others. Nothing is unlocked, written, or sent to the chain. Secrets are masked, so you can \
show the result to others.

Exit status: 0 when everything works, also with warnings; 1 when something does not work.";

fn command() -> Command {
    let peer = Arg::new("peer")
        .long("peer")
        .value_name("HOST:PORT")
        .help("The address of `neuron axon call-back` on another machine, which then tests the axon of this machine");
    let doctor = Command::new("doctor")
        .about("Checks everything that a role needs, and says what to do")
        .after_help(AFTER)
        .arg(peer);
    args::with_settings_that(doctor, |_| true)
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (resolved, settings) = args::resolve(matches)?;
    let peer = matches.get_one::<String>("peer");
    let checkup = block_on(async {
        let peer = match peer {
            Some(text) => Some(axon::resolve(text).await?),
            None => None,
        };
        Ok(Checkup::of(&resolved, &settings, peer).await)
    })?;
    output.result(&checkup, text)?;
    if checkup.verdict() == Verdict::Bad {
        return Err(Failure::silent(Exit::Failed));
    }
    Ok(())
}

fn text(checkup: &Checkup) -> String {
    let features = if checkup.features.is_empty() { "no features".to_owned() } else { checkup.features.join(", ") };
    let mut lines = vec![format!("neuron {} ({features}), {}", checkup.version, checkup.platform)];
    lines.push(String::new());
    lines.push("Settings that differ from the default:".to_owned());
    if checkup.settings.is_empty() {
        lines.push("  none".to_owned());
    }
    for said in &checkup.settings {
        let value = said.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        lines.push(format!("  {} = {value}   ({})", said.key, said.from));
    }
    let mut area = "";
    for finding in &checkup.findings {
        if finding.area != area {
            area = finding.area;
            lines.push(String::new());
            lines.push(format!("{area}:"));
        }
        lines.extend(shown(finding));
    }
    let count = |verdict: Verdict| checkup.findings.iter().filter(|finding| finding.verdict == verdict).count();
    lines.push(String::new());
    lines.push(match (count(Verdict::Bad), count(Verdict::Odd)) {
        (0, 0) => "Everything works.".to_owned(),
        (0, odd) => format!("Everything works; warnings: {odd}."),
        (bad, odd) => format!("{bad} things do not work; warnings: {odd}."),
    });
    lines.join("\n")
}

fn shown(finding: &Finding) -> Vec<String> {
    let mark = match finding.verdict {
        Verdict::Good => "ok ",
        Verdict::Odd => "?  ",
        Verdict::Bad => "BAD",
    };
    let mut lines = vec![format!("  {mark} {}: {}", finding.what, finding.seen)];
    lines.extend(finding.remedy.iter().map(|remedy| format!("      → {remedy}")));
    lines
}
