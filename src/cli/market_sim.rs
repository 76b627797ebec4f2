//! `neuron market-sim`: a market of our own, simulated or recorded, on a port.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb, args, block_on, interrupted};
use crate::clock::Clock;
use crate::config::parse_duration;
use crate::config::table::Group;
use crate::market::{simulator, tape};

pub(super) const VERB: Verb = Verb { name: "market-sim", command, run, prints: Prints::one::<Announced>() };

const ABOUT: &str =
    "Serves a market by the APIs of Polymarket and Azuro: simulated events with random outcomes, or recorded ones";

const AFTER: &str = "\
Give its address to validators and miners: `neuron validator --market.polymarket.url URL --market.cutoff_before_end \
2m`, `neuron miner --forecaster skilled --market.polymarket.url URL`; or, as Azuro, `--market azuro --market.azuro.url \
URL`. A simulator that is restarted with the same seed continues with the same events.";

fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).default_value(default).help(help)
    };
    let time = |name, default, help| flag(name, "DURATION", default, help).value_parser(parse_duration);
    let command = Command::new("market-sim")
        .about(ABOUT)
        .after_help(AFTER)
        .arg(
            flag("listen", "ADDRESS", "127.0.0.1:8900", "The address to listen on")
                .value_parser(value_parser!(SocketAddr)),
        )
        .arg(flag("seed", "N", "1", "The seed of the events and their outcomes").value_parser(value_parser!(u64)))
        .arg(
            Arg::new("events")
                .long("events")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .help("End after this many events [default: never]"),
        )
        .arg(time("spacing", "20s", "Time between the openings of two events"))
        .arg(time("horizon", "20m", "The time from the opening of an event to its end"))
        .arg(time("dispute", "0s", "Time from the end of an event until its outcome is published"))
        .arg(time("step", "30s", "How often prices and probabilities change"))
        .arg(time("lag", "30s", "How old the information in a price is"))
        .arg(flag("error", "P", "0.15", "The error of a price, at most 0.4").value_parser(value_parser!(f64)))
        .arg(
            Arg::new("replay")
                .long("replay")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with_all(["seed", "events", "spacing", "horizon", "dispute", "step", "lag", "error"])
                .help("Serve the recorded markets in this folder, starting now"),
        )
        .arg(
            flag("speed", "N", "1", "How many times faster than recorded the replay runs")
                .value_parser(value_parser!(f64))
                .requires("replay"),
        );
    args::with_settings(command, &[Group::Housekeeping]).mut_arg("db.directory", |arg| arg.hide(true))
}

/// What is announced when the server is there.
#[derive(JsonSchema, Serialize)]
struct Announced {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_markets: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<tape::Unusable>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (_, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    match matches.get_one::<PathBuf>("replay") {
        Some(folder) => block_on(replay(matches, folder, output)),
        None => block_on(simulate(matches, output)),
    }
}

async fn simulate(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let mut config = simulator::SimulatorConfig::new(given(matches, "seed")?, Clock::wall());
    config.listen = given(matches, "listen")?;
    config.events = matches.get_one("events").copied();
    config.spacing = given(matches, "spacing")?;
    config.horizon = given(matches, "horizon")?;
    config.dispute = given(matches, "dispute")?;
    config.step = given(matches, "step")?;
    config.lag = given(matches, "lag")?;
    config.error = given(matches, "error")?;
    let seed = config.seed;
    let handle = simulator::spawn(config).or_exit(Exit::Usage)?;
    let announced = Announced { url: handle.url(), seed: Some(seed), recorded_markets: None, unusable: None };
    output.result(&announced, |it| format!("Listening on {}, world {seed}", it.url))?;
    interrupted().await;
    Ok(())
}

async fn replay(matches: &ArgMatches, folder: &std::path::Path, output: Output) -> Result<(), Failure> {
    let clock = Clock::wall();
    let speed: f64 = given(matches, "speed")?;
    let tape = tape::load(folder).or_exit(Exit::Missing)?.rebased(clock.now(), speed);
    let handle = tape::spawn(tape, clock, given(matches, "listen")?).or_exit(Exit::Usage)?;
    let markets = handle.tape().markets().len();
    let unusable = handle.tape().unusable();
    let announced =
        Announced { url: handle.url(), seed: None, recorded_markets: Some(markets), unusable: Some(unusable) };
    output.result(&announced, |it| format!("Listening on {}, {markets} recorded markets, {unusable:?}", it.url))?;
    interrupted().await;
    Ok(())
}

/// The value of a flag that has a default.
fn given<T: Copy + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Result<T, Failure> {
    matches.get_one::<T>(name).copied().ok_or_else(|| anyhow::anyhow!("--{name} is missing").into())
}
