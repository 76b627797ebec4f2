//! `neuron klines`: candles fetched, checked, exported, and served.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Output, TextTable};
use super::{Exit, Failure, OrExit, Prints, Verb, block_on, interrupted};
use crate::clock::Clock;
use crate::market::klines::series::{Integrity, Series};
use crate::market::klines::store::Store;
use crate::market::klines::{Exchange, INTERVAL, Span, VENUES, VenueSettings, files, server, venue};
use crate::report::candles;
use crate::telemetry::{LogLevel, start_logs};
use crate::units::UnixMs;

pub(super) const VERB: Verb = Verb { name: "klines", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[
    ("fetch", Prints::one::<Fetched>()),
    ("check", Prints::one::<Vec<Checked>>()),
    ("export", Prints::one::<Exported>()),
    ("simulate", Prints::one::<Announced>()),
];

const DAY_MS: i64 = 24 * 3_600_000;
/// Candles of a simulated price before and after now.
const SIMULATED_DAYS: i64 = 70;
/// Width of the progress bar.
const BAR: usize = 40;

fn command() -> Command {
    let store = || {
        Arg::new("store")
            .long("store")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The file of candles [default: ~/.neuron/klines.sqlite]")
    };
    let source = || {
        Arg::new("source")
            .long("source")
            .value_name("VENUE")
            .default_value("binance")
            .value_parser(VENUES.map(|venue| venue.name))
            .help("The exchange")
    };
    let days = || {
        Arg::new("days")
            .long("days")
            .value_name("N")
            .default_value("30")
            .value_parser(value_parser!(u32).range(1..=3650))
            .help("The number of days up to now")
    };
    let date = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("DATE").value_parser(parse_date).help(help)
    };
    Command::new("klines")
        .about("Candles of exchanges: fetch, check, export, simulate")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("fetch")
                .about("Fetches the candles that are missing in the store, also in its gaps")
                .args([source(), store(), days()])
                .arg(date("from", "The first day, such as 2026-01-31, UTC; instead of --days"))
                .arg(date("to", "The day after the last one [default: now]"))
                .arg(Arg::new("url").long("url").value_name("URL").help("Another server with the same API"))
                .arg(Arg::new("symbol").long("symbol").value_name("PAIR").help("Another trading pair")),
        )
        .subcommand(
            Command::new("check")
                .about("Checks the store, or recorded files, for missing, duplicate or impossible candles")
                .arg(store())
                .arg(path("path", "A file or folder of recorded candles instead of the store").required(false)),
        )
        .subcommand(
            Command::new("export")
                .about(
                    "Writes the candles of an exchange as CSV, Parquet, or the reference's history format, by the \
                     file's name",
                )
                .args([source(), store()])
                .arg(path("file", "The file: *.csv, *.parquet or *.taosfs").required(true)),
        )
        .subcommand(
            Command::new("simulate")
                .about("Serves recorded or simulated candles as if they were of now, by the APIs of all four exchanges")
                .arg(
                    Arg::new("listen")
                        .long("listen")
                        .value_name("ADDRESS")
                        .default_value("127.0.0.1:8901")
                        .value_parser(value_parser!(SocketAddr))
                        .help("The address to listen on"),
                )
                .arg(
                    Arg::new("seed")
                        .long("seed")
                        .value_name("N")
                        .default_value("1")
                        .value_parser(value_parser!(u64))
                        .help("The seed of the simulated price"),
                )
                .arg(
                    Arg::new("replay")
                        .long("replay")
                        .value_name("DIR")
                        .value_parser(value_parser!(PathBuf))
                        .help("Serve the longest recording in this folder; its middle becomes now"),
                ),
        )
}

fn path(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
}

/// The beginning of a day, UTC.
pub(super) fn parse_date(text: &str) -> Result<UnixMs, String> {
    let date: jiff::civil::Date = text.parse().map_err(|e| format!("{e}; expected a day such as 2026-01-31"))?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| e.to_string())?;
    Ok(UnixMs(zoned.timestamp().as_millisecond()))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    start_logs(LogLevel::Warnings, false, None)?;
    match matches.subcommand() {
        Some(("fetch", matches)) => block_on(fetch(matches, output)),
        Some(("check", matches)) => check(matches, output),
        Some(("export", matches)) => export(matches, output),
        Some(("simulate", matches)) => block_on(simulate(matches, output)),
        _ => Err(Failure::new(Exit::Usage, anyhow::anyhow!("see `neuron klines --help`"))),
    }
}

/// The store that was named, or the usual one.
pub(super) fn store(matches: &ArgMatches) -> Result<Store, Failure> {
    let usual = || {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        home.join(".neuron").join("klines.sqlite")
    };
    let path = matches.get_one::<PathBuf>("store").cloned().unwrap_or_else(usual);
    Store::open(&path).or_exit(Exit::Failed)
}

fn source_of(matches: &ArgMatches) -> String {
    matches.get_one::<String>("source").cloned().unwrap_or_default()
}

#[derive(JsonSchema, Serialize)]
struct Fetched {
    source: String,
    added: usize,
    integrity: Integrity,
}

async fn fetch(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let name = source_of(matches);
    let venue = venue(&name).ok_or_else(|| anyhow::anyhow!("there is no exchange called {name}"))?;
    let mut settings = VenueSettings::of(venue);
    settings.url = matches.get_one::<String>("url").cloned().unwrap_or(settings.url);
    settings.symbol = matches.get_one::<String>("symbol").cloned().unwrap_or(settings.symbol);
    let clock = Clock::wall();
    let until =
        INTERVAL.floor(matches.get_one::<UnixMs>("to").copied().unwrap_or_else(|| clock.now()).min(clock.now()));
    let days = i64::from(matches.get_one::<u32>("days").copied().unwrap_or(30));
    let from = matches.get_one::<UnixMs>("from").copied().unwrap_or_else(|| until.plus_ms(-days * DAY_MS));
    let exchange = Exchange::new(venue, settings, clock).or_exit(Exit::Usage)?;
    let mut store = store(matches)?;
    let watch = |share: f64| {
        if output.is_terminal() {
            let done = (share * BAR as f64) as usize;
            let bar: String = "█".repeat(done) + &"·".repeat(BAR.saturating_sub(done));
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r{bar} {:.0} %", share * 100.0);
            let _ = out.flush();
        }
    };
    let added = tokio::select! {
        added = store.backfill(&exchange, Span { from, until }, watch) => added.or_exit(Exit::Network)?,
        () = interrupted() => {
            let told = anyhow::anyhow!("interrupted; what was fetched is kept");
            return Err(Failure::new(Exit::Interrupted, told));
        }
    };
    let (_, integrity) = store.series(&name).or_exit(Exit::Failed)?;
    let fetched = Fetched { source: name, added, integrity };
    output
        .result(&fetched, |it| format!("{}: {} candles added; {}\n", it.source, it.added, in_words(&it.integrity)))?;
    Ok(())
}

fn in_words(integrity: &Integrity) -> String {
    let Integrity { candles, missing, longest_gap, duplicates, unordered, unsound } = integrity;
    format!(
        "{candles} candles, {missing} missing (longest gap {longest_gap}), {duplicates} duplicate, {unordered} out of \
         order, {unsound} impossible"
    )
}

#[derive(JsonSchema, Serialize)]
struct Checked {
    name: String,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    #[serde(flatten)]
    integrity: Integrity,
}

impl Checked {
    fn of(series: &Series, integrity: Integrity) -> Self {
        let span = series.span();
        let (from_ms, until_ms) = (span.map(|span| span.from.0), span.map(|span| span.until.0));
        Self { name: series.name.clone(), from_ms, until_ms, integrity }
    }
}

fn check(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let checked: Vec<Checked> = match matches.get_one::<PathBuf>("path") {
        Some(path) => {
            let found = files::load(path).or_exit(Exit::Missing)?;
            found.iter().map(|file| Checked::of(&file.series, file.integrity)).collect()
        }
        None => {
            let store = store(matches)?;
            let all = store.sources().and_then(|names| names.iter().map(|name| store.series(name)).collect());
            let all: Vec<(Series, Integrity)> = all.or_exit(Exit::Failed)?;
            all.iter().map(|(series, integrity)| Checked::of(series, *integrity)).collect()
        }
    };
    output.result(&checked, |all| {
        let mut table =
            TextTable::new(["series", "candles", "missing", "longest gap", "doubled", "unordered", "impossible"]);
        for Checked { name, integrity: i, .. } in all {
            let numbers = [i.candles, i.missing, i.longest_gap, i.duplicates, i.unordered, i.unsound];
            table.row(std::iter::once(name.clone()).chain(numbers.iter().map(ToString::to_string)));
        }
        table.render()
    })?;
    Ok(())
}

#[derive(JsonSchema, Serialize)]
struct Exported {
    file: PathBuf,
    candles: usize,
}

fn export(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let file = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let name = source_of(matches);
    let (series, _) = store(matches)?.series(&name).or_exit(Exit::Failed)?;
    if series.candles().is_empty() {
        let told =
            anyhow::anyhow!("the store has no candles of {name}; get some with `neuron klines fetch --source {name}`");
        return Err(Failure::new(Exit::Missing, told));
    }
    let kind = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match kind {
        "csv" => files::write_csv(&file, series.candles()).or_exit(Exit::Failed)?,
        "taosfs" => files::write_taosfs(&file, &series).or_exit(Exit::Failed)?,
        "parquet" => candles::write_parquet(&file, series.candles()).or_exit(Exit::Failed)?,
        _ => {
            let told = anyhow::anyhow!("{} does not end in .csv, .parquet or .taosfs", file.display());
            return Err(Failure::new(Exit::Usage, told));
        }
    }
    let exported = Exported { file, candles: series.candles().len() };
    output.result(&exported, |it| format!("{} candles in {}\n", it.candles, it.file.display()))?;
    Ok(())
}

#[derive(JsonSchema, Serialize)]
struct Announced {
    url: String,
    series: String,
    candles: usize,
}

async fn simulate(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let clock = Clock::wall();
    let now = INTERVAL.floor(clock.now());
    let series = match matches.get_one::<PathBuf>("replay") {
        Some(folder) => {
            let found = files::load(folder).or_exit(Exit::Missing)?;
            let longest = found.into_iter().next().map(|file| file.series).unwrap_or_default();
            let middle = longest.span().map_or(now, |span| UnixMs(i64::midpoint(span.from.0, span.until.0)));
            longest.moved(now.since(middle))
        }
        None => {
            let seed = matches.get_one::<u64>("seed").copied().unwrap_or(1);
            let candles = usize::try_from(2 * SIMULATED_DAYS * DAY_MS / INTERVAL.ms()).unwrap_or(0);
            Series::simulated(seed, now.plus_ms(-SIMULATED_DAYS * DAY_MS), candles)
        }
    };
    let (name, candles) = (series.name.clone(), series.candles().len());
    let listen = matches.get_one::<SocketAddr>("listen").copied().unwrap_or(([127, 0, 0, 1], 8901).into());
    let handle = server::spawn(Arc::new(series), clock, listen).or_exit(Exit::Usage)?;
    let announced = Announced { url: handle.url(), series: name, candles };
    output.result(&announced, |it| format!("Listening on {}, {} candles, {}", it.url, it.candles, it.series))?;
    interrupted().await;
    Ok(())
}
