//! `neuron market-record`: writes down what a market shows, for `market-sim --replay`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit, Verb, args, block_on, interrupted};
use crate::clock::Clock;
use crate::config::parse_duration;
use crate::config::table::Group;
use crate::market::tape::{Recorder, Recording};
use crate::market::{self, MarketSettings};
use crate::subnets::events::settings::{self, EventsSettings};

pub(super) const VERB: Verb = Verb { command, run };

fn command() -> Command {
    let command = Command::new("market-record")
        .about("Writes down the events, prices and outcomes of a market, for `market-sim --replay`")
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The folder to write into, one file per day; what is there is kept"),
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
            Arg::new("rounds")
                .long("rounds")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help("Stop after N looks"),
        );
    args::with_settings(command, &[settings::MARKET, Group::Housekeeping]).mut_arg("db.directory", |arg| arg.hide(true))
}

#[derive(Serialize)]
struct Recorded {
    rounds: u64,
    /// Those in which the market was not read.
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
    let mut markets = market::providers(settings, &clock).or_exit(Exit::Usage)?;
    let (Some(market), true) = (markets.pop(), markets.is_empty()) else {
        let error = anyhow::anyhow!("a folder holds the recording of one market; name one with `--market`");
        return Err(Failure::new(Exit::Usage, error));
    };
    let folder = matches.get_one::<PathBuf>("to").ok_or_else(|| anyhow::anyhow!("--to is missing"))?;
    let every = matches.get_one::<Duration>("every").copied().unwrap_or_default();
    let rounds = matches.get_one::<u64>("rounds").copied().unwrap_or(u64::MAX);
    let mut recorder = Recorder::open(folder, clock.clone()).await?;
    let mut done = Recorded { rounds: 0, rounds_lost: 0, lines: 0, events_followed: 0 };
    let stop = interrupted();
    tokio::pin!(stop);
    while done.rounds < rounds {
        let Recording { events, lines, read } = recorder.round(market.as_ref()).await?;
        if read {
            tracing::info!(events, lines, "recorded");
        }
        (done.rounds, done.lines, done.events_followed) = (done.rounds + 1, done.lines + lines, events);
        done.rounds_lost += u64::from(!read);
        if done.rounds < rounds {
            tokio::select! {
                () = clock.sleep(every) => {}
                () = &mut stop => break,
            }
        }
    }
    output.result(&done, |it| {
        format!("{} lines in {} rounds; {} events followed at the end", it.lines, it.rounds, it.events_followed)
    })?;
    // Ctrl-C ends a recording, however it went; but who asked for some rounds and got none has to hear of it.
    if done.rounds == rounds && done.rounds_lost == rounds && rounds > 0 {
        let error = anyhow::anyhow!("the market was read in none of {rounds} rounds; the warnings above say why");
        return Err(Failure::new(Exit::Network, error).after_result());
    }
    Ok(())
}
