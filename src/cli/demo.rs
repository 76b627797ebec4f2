//! `neuron demo`: the whole job in one process, offline.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::live::{Redrawn, in_columns};
use super::output::{Output, TextTable};
use super::{Exit, Failure, OrExit as _, Prints, Verb, block_on, interrupted};
use crate::dashboard::{Dashboard, DashboardPort, Gate, Source};
use crate::demo::{Demo, DemoConfig, Progress, Report, WeightsLine};
use crate::ledger::{Address, AddressError, Place};
use crate::role::weights::Mode;
use crate::subnets::registry;
use crate::telemetry::{LogLevel, start_logs};

pub(super) const VERB: Verb = Verb { name: "demo", command, run, prints: Prints::one::<Report>() };

/// The narrowest terminal that the live view is made for.
const COLUMNS: usize = 79;
/// Width of the progress bar.
const BAR: usize = 40;
/// Lines of open events with their prices.
const QUOTES: usize = 4;
/// Without a terminal, a line of progress after so many ticks.
const TICKS_PER_LINE: u64 = 12;

fn command() -> Command {
    Command::new("demo")
        .about("Plays the whole job in one process: chain, market, validator and miners of known skill, offline")
        .arg(
            Arg::new("task")
                .long("task")
                .value_name("KIND")
                .default_value(registry::KINDS[0].name)
                .value_parser(registry::KINDS.map(|kind| kind.name))
                .help("The kind of work"),
        )
        .arg(
            Arg::new("events")
                .long("events")
                .value_name("N")
                .visible_alias("requests")
                .value_parser(value_parser!(u64).range(1..=10_000))
                .help("How many things are scored before the end [default: 60 events or questions, or a month of \
                       requests]"),
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .default_value("1")
                .value_parser(value_parser!(u64))
                .help("The seed of everything random: the same seed gives the same result"),
        )
        .arg(
            Arg::new("market")
                .long("market")
                .value_name("NAME")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("The market to play on, for kinds of work that have several: polymarket, azuro, or both; or \
                       ifgames alone, which has no prices"),
        )
        .arg(
            Arg::new("market.replay")
                .long("market.replay")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("Play the recorded markets, or candles, of this folder instead of simulated ones"),
        )
        .arg(
            Arg::new("weights")
                .long("weights")
                .value_name("MODE")
                .default_value("plain")
                .value_parser(["plain", "hashed", "timelocked"])
                .help("How the subnet wants its weights: in the open, or committed and revealed later"),
        )
        .arg(
            Arg::new("dashboard.port")
                .long("dashboard.port")
                .value_name("N")
                .value_parser(value_parser!(u16))
                .help("Serve the page for a browser on this port of 127.0.0.1; 0 takes a free one"),
        )
        .arg(
            Arg::new("db.url")
                .long("db.url")
                .value_name("URL")
                .value_parser(|text: &str| text.parse::<Address>())
                .help("Keep the ledger in this PostgreSQL database, in a schema of its own: postgres://user@host:port/database"),
        )
        .arg(
            Arg::new("hold")
                .long("hold")
                .action(ArgAction::SetTrue)
                .requires("dashboard.port")
                .help("Keep running after the end, with the page, until Ctrl-C"),
        )
        .arg(
            Arg::new("logging.debug")
                .long("logging.debug")
                .action(ArgAction::SetTrue)
                .help("Log what happens, on stderr"),
        )
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let level = if matches.get_flag("logging.debug") { LogLevel::Debug } else { LogLevel::Warnings };
    start_logs(level, false, None)?;
    let config = DemoConfig {
        task: matches.get_one("task").cloned().unwrap_or_default(),
        goal: matches.get_one("events").copied(),
        seed: matches.get_one("seed").copied().unwrap_or(1),
        replay: matches.get_one::<PathBuf>("market.replay").cloned(),
        markets: matches.get_many::<String>("market").unwrap_or_default().cloned().collect(),
        weights: match matches.get_one::<String>("weights").map(String::as_str) {
            Some("hashed") => Mode::Hashed,
            Some("timelocked") => Mode::Timelocked,
            _ => Mode::Plain,
        },
        ledger: matches.get_one::<Address>("db.url").cloned().map(stage_of).transpose().or_exit(Exit::Usage)?,
    };
    if let Some(ledger) = &config.ledger {
        output.note(&format!("ledger: {ledger}; it is kept"));
    }
    let port = matches.get_one::<u16>("dashboard.port").copied();
    let report = block_on(play(&config, port, matches.get_flag("hold"), output))?;
    if report.ranking_matches {
        return Ok(());
    }
    let error = anyhow::anyhow!("the miners' ranking is not that of their planted skill");
    Err(Failure::new(Exit::Failed, error).after_result())
}

/// A schema of its own in a database, for one demonstration; the one that the URL names, where it names one.
fn stage_of(address: Address) -> Result<Place, AddressError> {
    let address = address.with_password(std::env::var("PGPASSWORD").ok().map(Zeroizing::new));
    let is_named = address.schema() != Address::SCHEMA;
    let (high, _) = Uuid::new_v4().as_u64_pair();
    let address = if is_named { address } else { address.in_schema(format!("demo_{high:016x}"))? };
    Ok(Place::Database(address))
}

/// Plays it, with the page where one is wanted, and prints the result.
async fn play(config: &DemoConfig, port: Option<u16>, hold: bool, output: Output) -> Result<Report, Failure> {
    let interrupted_early = || anyhow::anyhow!("interrupted; everything is stopped and removed");
    let mut view = View::new(output);
    let whole = async {
        let page = match port {
            Some(port) => Some(take(port).await?),
            None => None,
        };
        let demo = Demo::set(config).await?;
        let page = page.map(|page| -> Result<Dashboard, Failure> {
            let (kind, settings) = (registry::kind(&config.task).or_exit(Exit::Usage)?, registry::layers().resolve());
            Ok(page.serve(Source::of(demo.watch(), kind, settings.or_exit(Exit::Failed)?)))
        });
        let page = page.transpose()?;
        if let Some(page) = &page {
            output.note(&format!("page: http://{}/", page.local_addr()));
        }
        let report = demo.play(|progress| view.show(progress)).await?;
        Ok::<_, Failure>((demo, page, report))
    };
    let ended = tokio::select! {
        ended = whole => ended,
        () = interrupted() => Err(Failure::new(Exit::Interrupted, interrupted_early())),
    };
    view.end();
    let (demo, page, report) = ended?;
    output.result(&report, text)?;
    if let Some(page) = page.filter(|_| hold) {
        output.note(&format!("the page stays at http://{}/ until Ctrl-C", page.local_addr()));
        interrupted().await;
    }
    demo.strike().await?;
    Ok(report)
}

async fn take(port: u16) -> Result<DashboardPort, Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let gate = Gate::of(address.ip(), None, Path::new("")).or_exit(Exit::Failed)?;
    DashboardPort::take(address, gate).await.or_exit(Exit::Failed)
}

/// The live view: one block of lines that is redrawn on a terminal, plain lines elsewhere.
struct View {
    output: Output,
    block: Redrawn,
}

impl View {
    fn new(output: Output) -> Self {
        Self { output, block: Redrawn::default() }
    }

    fn show(&mut self, progress: &Progress) {
        if self.output.is_terminal() {
            self.block.draw(&frame(progress));
        } else if progress.tick.is_multiple_of(TICKS_PER_LINE) || progress.scored == progress.goal {
            // Nobody is left to tell when stdout is closed; the end will say so.
            let _ = self.output.progress(&headline(progress));
        }
    }

    /// Leaves the last frame where it is.
    fn end(&mut self) {
        if self.block.leave() {
            let _ = self.output.progress("");
        }
    }
}

fn headline(progress: &Progress) -> String {
    let Progress { tick, things, scored, goal, open, answered, block, .. } = progress;
    let time = market_time(progress.at.as_secs());
    format!(
        "{time}  tick {tick:>4}  block {block:>4}  {scored:>3}/{goal} {things} scored, {open:>3} open, {answered} miners answered"
    )
}

/// Market time as a person reads it, UTC.
fn market_time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// The live view, always the same number of lines, none wider than [`COLUMNS`]: what wraps cannot be redrawn.
fn frame(progress: &Progress) -> String {
    let Progress { tick, things, scored, goal, open, answered, block, .. } = progress;
    let share = usize::try_from(scored.saturating_mul(BAR as u64) / (*goal).max(1)).unwrap_or(BAR).min(BAR);
    let bar: String = "█".repeat(share) + &"·".repeat(BAR - share);
    let time = market_time(progress.at.as_secs());
    let mut frame = format!("{bar} {scored}/{goal} {things} scored\n");
    frame
        .push_str(&format!("{time}  tick {tick}, block {block}, {open} {things} open, {answered} miners answered\n\n"));
    for line in 0..QUOTES {
        let quote = progress.shown.get(line).map(|(number, text)| {
            let line = text.lines_up_to(COLUMNS).next().map(|line| line.to_string()).unwrap_or_default();
            format!("{number:.3}  {}", in_columns(&line, COLUMNS - 7))
        });
        frame.push_str(&quote.unwrap_or_default());
        frame.push('\n');
    }
    let mut table = TextTable::new(["miner", "mean gain", "last weight"]);
    for (name, gain) in &progress.gains {
        let weight = progress.weights.iter().find(|(of, _)| of == name).map(|(_, weight)| *weight);
        table.row([
            (*name).to_owned(),
            format!("{gain:+.4}"),
            weight.map_or_else(|| "-".to_owned(), |w| w.to_string()),
        ]);
    }
    format!("{frame}\n{}", table.render())
}

fn text(report: &Report) -> String {
    let mut table =
        TextTable::new(["miner", "planted skill", "mean gain", "predicted", "weight", "incentive", "emission τ"]);
    for miner in &report.miners {
        table.row([
            miner.name.to_owned(),
            miner.planted_skill.map_or_else(|| "-".to_owned(), |skill| format!("{skill:+.4}")),
            format!("{:+.4}", miner.mean_gain),
            miner.predicted.to_string(),
            miner.weight.to_string(),
            format!("{:.4}", miner.incentive),
            format!("{:.3}", miner.emission_tao),
        ]);
    }
    let verdict =
        if report.ranking_matches { "the ranking is that of the planted skill" } else { "THE RANKING IS WRONG" };
    let weights = match &report.weights {
        WeightsLine { mode: Mode::Plain, .. } => String::new(),
        WeightsLine { mode, committed, revealed, .. } => {
            format!("weights {mode}: {committed} committed, {revealed} revealed\n")
        }
    };
    // Zero where the system does not say.
    let memory = match report.max_rss_mb {
        mb if mb > 0.0 => format!(", at most {mb:.0} MB"),
        _ => String::new(),
    };
    format!(
        "{}\n{weights}{} {} scored in {:.1} s, {} blocks{memory}: {verdict} (seed {})\n",
        table.render(),
        report.scored,
        report.things,
        report.seconds,
        report.blocks,
        report.seed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{UnixMs, is_harmful};
    use unicode_width::UnicodeWidthStr as _;

    /// What wraps or commands the terminal cannot be redrawn.
    #[test]
    fn the_live_view_has_as_many_lines_and_columns_whatever_is_asked() {
        let view = |questions: &[&str]| {
            frame(&Progress {
                tick: 7,
                at: UnixMs(1_717_200_000_000),
                things: "events",
                scored: 3,
                goal: 60,
                open: 4,
                shown: questions.iter().map(|question| (0.25, (*question).into())).collect(),
                answered: 6,
                block: 90,
                gains: vec![("sharp", 0.1)],
                weights: Vec::new(),
            })
        };
        let lines = view(&[]).lines().count();
        let long = "w".repeat(500);
        let wide = "漢字".repeat(100);
        for hostile in ["\x1b[2J\x1b]0;t\x07\u{9b}2J", "a\r\nb\n\nc", "\u{202e}\u{2028}\u{200b}", "", &long, &wide] {
            let drawn = view(&[hostile, "Will it rain?"]);
            assert_eq!(drawn.lines().count(), lines, "{drawn}");
            assert!(drawn.lines().all(|line| line.width() <= COLUMNS), "{drawn}");
            assert!(!drawn.chars().any(|c| c != '\n' && is_harmful(c)), "{drawn:?}");
            assert!(drawn.contains("Will it rain?"), "{drawn}");
        }
    }
}
