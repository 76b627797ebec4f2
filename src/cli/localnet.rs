//! `neuron localnet`: a development chain in the foreground.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use subxt_rpcs as rpcs;
use subxt_rpcs::client::{RpcClient, RpcParams};

use super::exit::{Exit, Failure};
use super::output::Output;
use super::{Prints, Verb, args, block_on, interrupted};
use crate::config::parse_duration;
use crate::config::table::Group;
use crate::localnet::genesis::GenesisConfig;
use crate::localnet::scenario::{self, Scenario, ScenarioError};
use crate::localnet::{Banner, BlockMode, ChainStatus, LocalnetConfig, LocalnetError, spawn};
use crate::units::Foreign;

pub(super) const VERB: Verb = Verb { name: "localnet", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[("", Prints::one::<Banner>()), ("status", Prints::one::<ChainStatus>())];

/// Bounds of the finality that nobody chose. Under the first, a client that reads the events of a block when it is told of it
/// hears that the block is final before it has them, and polkadot-js then skips `inBlock`.
const FINALITY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// A hundred blocks may wait for their finality, and a client that follows them reads a little behind.
const LEAST_HISTORY: i64 = 128;

fn command() -> Command {
    let command = Command::new("localnet")
        .about("Runs a development chain with funded accounts and open subnets")
        .long_about(
            "Runs a development chain: a FRAME runtime with Bittensor's calls and storage, in this process, with funded \
             accounts //Alice … //Ferdie and the subnets 8 and 155. It serves Substrate JSON-RPC over WebSocket and HTTP \
             on 127.0.0.1 and stops on Ctrl-C. Chain time advances 12 s per block at whatever speed blocks come. \
             `dev_mine [n]` makes n blocks at once, `dev_beacon false` stops its random beacon, \
             `dev_finality ms` delays finality.",
        )
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .value_parser(value_parser!(u16))
                .default_value("9944")
                .help("The port on 127.0.0.1; 0 takes a free one"),
        )
        .arg(
            Arg::new("block-time")
                .long("block-time")
                .value_name("DURATION")
                .value_parser(|text: &str| parse_duration(text))
                .default_value("250ms")
                .help("Real time between two blocks"),
        )
        .arg(
            Arg::new("finality")
                .long("finality")
                .value_name("DURATION")
                .value_parser(|text: &str| parse_duration(text))
                .help("How long after it was made a block becomes final; 0s is at once [default: one block time, but \
                       100ms to 1s]"),
        )
        .arg(
            Arg::new("blocks")
                .long("blocks")
                .value_name("WHEN")
                .value_parser(BlockMode::ALL.map(BlockMode::name))
                .default_value(BlockMode::Interval.name())
                .help("When blocks are made: one per block time, only by dev_mine, or as soon as an extrinsic waits"),
        )
        .arg(
            Arg::new("allow-origin")
                .long("allow-origin")
                .value_name("ORIGIN")
                .action(ArgAction::Append)
                .help("Web pages that may call the chain, such as https://polkadot.js.org, besides those of this \
                       machine; * allows all"),
        )
        .arg(
            Arg::new("state")
                .long("state")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("The folder that keeps the chain; a chain that is there is continued"),
        )
        .arg(
            Arg::new("history")
                .long("history")
                .value_name("N")
                .value_parser(value_parser!(u32).range(LEAST_HISTORY..))
                .help("How many blocks can be read back, states included; from then on the memory does not grow [default: 1024 states, 8192 blocks]"),
        )
        .arg(
            Arg::new("subnets")
                .long("subnets")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("TOML: the subnets to start with, their settings and neurons, instead of 8 and 155 (docs/localnet.md)"),
        )
        .arg(
            Arg::new("fork")
                .long("fork")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A saved metagraph (neuron metagraph --output json): the chain starts with that subnet's neurons, stakes and axons"),
        )
        .arg(
            Arg::new("fork-weights")
                .long("fork-weights")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .requires("fork")
                .help("With --from-metagraph: these weights too (neuron weights show --output json)"),
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .default_value("0")
                .help("Gives another genesis hash, and so another chain"),
        )
        .arg(
            Arg::new("spec-version")
                .long("spec-version")
                .value_name("N")
                .value_parser(value_parser!(u32))
                .help("The runtime version to report [default: 425]; from 429 on NetUid is a struct, not a plain u16"),
        )
        .arg(
            Arg::new("commit-reveal")
                .long("commit-reveal")
                .action(ArgAction::SetTrue)
                .help("The first subnets take committed weights only, hashed or time-locked, as most subnets of the \
                       real chain do"),
        )
        .arg(
            Arg::new("pulses")
                .long("pulses")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A file with real pulses of drand's quicknet, as its HTTP API gives them, one per line: each is \
                       stored when its time comes"),
        );
    args::with_settings(command, &[Group::Housekeeping])
        .mut_arg("db.directory", |arg| arg.hide(true))
        .subcommand(status_command())
}

fn status_command() -> Command {
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .help("The chain's endpoint [default: ws://127.0.0.1: and the port]");
    let port = Arg::new("port")
        .long("port")
        .value_name("PORT")
        .value_parser(value_parser!(u16))
        .default_value("9944")
        .conflicts_with("url")
        .help("The chain's port on 127.0.0.1");
    Command::new("status").about("Prints the state of a running development chain").args([url, port])
}

/// How long a chain may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn status(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let port = matches.get_one::<u16>("port").copied().unwrap_or_default();
    let url = matches.get_one::<String>("url").cloned().unwrap_or_else(|| format!("ws://127.0.0.1:{port}"));
    let ask = async {
        let rpc = RpcClient::from_insecure_url(&url).await?;
        rpc.request::<ChainStatus>("dev_status", RpcParams::new()).await
    };
    let asked = block_on(async { Ok(tokio::time::timeout(PATIENCE, ask).await) })?;
    let status = match asked {
        Ok(Ok(status)) => status,
        Ok(Err(rpcs::Error::User(refusal))) if refusal.code == NO_SUCH_METHOD => {
            return Err(anyhow::anyhow!("{url} is not a development chain: it has no method dev_status").into());
        }
        Ok(Err(error)) => {
            let error = Foreign::from(error.to_string());
            return Err(anyhow::anyhow!(
                "no development chain answers at {url} ({error}); is `neuron localnet` running there?"
            )
            .into());
        }
        Err(_) => return Err(anyhow::anyhow!("{url} did not answer within {PATIENCE:?}").into()),
    };
    Ok(output.result(&status, ToString::to_string)?)
}

/// JSON-RPC's code for a method that is not there.
const NO_SUCH_METHOD: i32 = -32601;

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    if let Some(("status", matches)) = matches.subcommand() {
        return status(matches, output);
    }
    let (_, settings) = args::resolve(matches)?;
    args::start_logs(&settings)?;
    let defaults = LocalnetConfig::default();
    let mut genesis = GenesisConfig::default();
    genesis.seed = matches.get_one("seed").copied().unwrap_or_default();
    genesis.spec_version = matches.get_one("spec-version").copied().unwrap_or(genesis.spec_version);
    from_files(matches, &mut genesis)?;
    for subnet in &mut genesis.subnets {
        subnet.commit_reveal |= matches.get_flag("commit-reveal");
    }
    let block_time = matches.get_one::<Duration>("block-time").copied().unwrap_or(defaults.block_time);
    let history = matches.get_one::<u32>("history").and_then(|blocks| usize::try_from(*blocks).ok());
    let config = LocalnetConfig {
        finality: matches.get_one("finality").copied().unwrap_or(block_time.clamp(FINALITY[0], FINALITY[1])),
        block_time,
        blocks: matches.get_one::<String>("blocks").and_then(|name| BlockMode::named(name)).unwrap_or_default(),
        origins: matches.get_many::<String>("allow-origin").into_iter().flatten().cloned().collect(),
        port: matches.get_one("port").copied().unwrap_or(defaults.port),
        state: matches.get_one::<PathBuf>("state").cloned(),
        pulses: matches.get_one::<PathBuf>("pulses").cloned(),
        states_kept: history.unwrap_or(defaults.states_kept),
        blocks_kept: history.unwrap_or(defaults.blocks_kept),
        genesis,
    };
    block_on(serve(config, output))
}

/// Subnets of `--subnets` in place of the usual ones, and that of `--fork` in place of the one with its number.
fn from_files(matches: &ArgMatches, genesis: &mut GenesisConfig) -> Result<(), Failure> {
    let wrong = |error: ScenarioError| Failure::new(Exit::Usage, error);
    if let Some(path) = matches.get_one::<PathBuf>("subnets") {
        let Scenario { subnets, funded } = Scenario::load(path).map_err(wrong)?;
        (genesis.subnets, genesis.funded) = (subnets, funded);
    }
    if let Some(path) = matches.get_one::<PathBuf>("fork") {
        let weights = matches.get_one::<PathBuf>("fork-weights").map(PathBuf::as_path);
        let subnet = scenario::fork(path, weights, &genesis.subnets).map_err(wrong)?;
        genesis.subnets.retain(|other| other.netuid != subnet.netuid);
        genesis.subnets.push(subnet);
    }
    Ok(())
}

async fn serve(config: LocalnetConfig, output: Output) -> Result<(), Failure> {
    let chain = spawn(config).await.map_err(classified)?;
    output.result(&chain.banner().await?, ToString::to_string)?;
    interrupted().await;
    let block = chain.block_number();
    chain.stop().await?;
    output.note(&format!("Stopped at block {block}."));
    Ok(())
}

fn classified(error: LocalnetError) -> Failure {
    match error {
        LocalnetError::BlockTime(_) => Failure::new(Exit::Usage, error),
        _ => error.into(),
    }
}
