//! `neuron market-record`: writes down what markets show, for `--market.replay` and `market-sim --replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb, args, block_on, interrupted};
use crate::clock::Clock;
use crate::config::parse_duration;
use crate::config::table::Group;
use crate::market::tape::{Recorder, Recording, Rotation};
use crate::market::{self, MarketSettings};
use crate::subnets::events::settings::{self, EventsSettings};

pub(super) const VERB: Verb = Verb { name: "market-record", command, run, prints: Prints::one::<Recorded>() };

fn command() -> Command {
    let command = Command::new("market-record")
        .about("Records the events, prices and outcomes of markets, for `--market.replay` and `market-sim --replay`")
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder to write into, one compressed file after the other; existing files are kept"),
        )
        .arg(
            Arg::new("every")
                .long("every")
                .value_name("DURATION")
                .value_parser(parse_duration)
                .default_value("60s")
                .help("Time between two looks at the market"),
        )
        .arg(
            Arg::new("rotate.every")
                .long("rotate.every")
                .value_name("DURATION")
                .value_parser(parse_duration)
                .default_value("24h")
                .help("Begin a new file after this time"),
        )
        .arg(
            Arg::new("rotate.megabytes")
                .long("rotate.megabytes")
                .value_name("N")
                .value_parser(value_parser!(u64).range(1..=1_000_000))
                .default_value("64")
                .help("Begin a new file when one has this size, compressed"),
        )
        .arg(
            Arg::new("rounds")
                .long("rounds")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help("Stop after N rounds; exit with status 5 when a round could not read a market"),
        );
    args::with_settings(command, &[settings::MARKET, Group::Housekeeping]).mut_arg("db.directory", |arg| arg.hide(true))
}

#[derive(JsonSchema, Serialize)]
struct Recorded {
    rounds: u64,
    /// Those in which a market was not read.
    rounds_lost: u64,
    lines: usize,
    events_followed: usize,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (resolved, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    let market = EventsSettings::of(&resolved).or_exit(Exit::Usage)?.market;
    block_on(record(matches, &market, output))
}

async fn record(matches: &ArgMatches, settings: &MarketSettings, output: Output) -> Result<(), Failure> {
    let clock = Clock::wall();
    let markets = market::providers(settings, &clock).or_exit(Exit::Usage)?;
    let folder = matches.get_one::<PathBuf>("to").ok_or_else(|| anyhow::anyhow!("--to is missing"))?;
    let duration = |name: &str| matches.get_one::<Duration>(name).copied().unwrap_or_default();
    let megabytes = matches.get_one::<u64>("rotate.megabytes").copied().unwrap_or_default();
    let rotation = Rotation { bytes: megabytes << 20, every: duration("rotate.every") };
    let rounds = matches.get_one::<u64>("rounds").copied().unwrap_or(u64::MAX);
    let mut recorder = Recorder::open(folder, rotation, clock.clone()).await?;
    let mut done = Recorded { rounds: 0, rounds_lost: 0, lines: 0, events_followed: 0 };
    let stop = interrupted();
    tokio::pin!(stop);
    while done.rounds < rounds {
        let mut all_read = true;
        for market in &markets {
            let Recording { events, lines, read } = recorder.round(market.as_ref()).await?;
            tracing::info!(market = market.name(), events, lines, read, "looked");
            (done.lines, done.events_followed) = (done.lines + lines, events);
            all_read &= read;
        }
        done.rounds += 1;
        done.rounds_lost += u64::from(!all_read);
        if done.rounds < rounds {
            tokio::select! {
                () = clock.sleep(duration("every")) => {}
                () = &mut stop => break,
            }
        }
    }
    output.result(&done, |it| {
        format!("{} lines in {} rounds; {} events followed at the end", it.lines, it.rounds, it.events_followed)
    })?;
    // Ctrl-C ends a recording, however it went; but who asked for some rounds has to hear of those that are lost.
    let (lost, all) = (done.rounds_lost, done.rounds);
    if all == rounds && lost > 0 {
        let error = anyhow::anyhow!("in {lost} of {all} rounds a market could not be read; the warnings above say why");
        return Err(Failure::new(Exit::Network, error).after_result());
    }
    Ok(())
}
