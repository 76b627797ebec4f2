//! `neuron gateway`: an OpenAI-compatible API in front of a subnet of text.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit, Prints, Verb, args, block_on, chain, interrupted, role};
use crate::config::table::Group;
use crate::dendrite::{Dendrite, DendriteConfig, Target};
use crate::forecast::llm::money::{MicroUsd, Price};
use crate::gateway::{Candidate, Candidates, Gateway, GatewayConfig, GatewayError, KeyRow, Keys, Limits, NewKey};
use crate::ledger::Place;
use crate::role::{Subnet, setup};
use crate::storefront::{Source, forecasts};
use crate::subtensor::Neuron;
use crate::units::Account;

pub(super) const VERB: Verb = Verb { name: "gateway", command, run, prints: Prints::one::<Made>() };

const GROUPS: [Group; 5] = [Group::Subnet, Group::Wallet, Group::Chain, Group::Dendrite, Group::Housekeeping];
/// How often the metagraph is read anew: a block of the main network.
const METAGRAPH_EVERY: Duration = Duration::from_secs(12);

fn command() -> Command {
    let seconds = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("SECONDS")
            .default_value(default)
            .value_parser(value_parser!(f64))
            .help(help)
    };
    let connections = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .default_value(default)
            .value_parser(value_parser!(u32).range(1..))
            .help(help)
    };
    let gateway = Command::new("gateway")
        .about("Serves an OpenAI-compatible API that a subnet's miners answer")
        .args(args::listening(
            "The address to listen on; one that others can reach needs --keys",
            "8000",
            "The port to listen on; 0 takes a free one",
        ))
        .arg(
            Arg::new("keys")
                .long("keys")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("A file of hashed keys with their limits; only callers with one of these keys are answered"),
        )
        .arg(
            Arg::new("new-key")
                .long("new-key")
                .value_name("NAME")
                .help("Create a key, print it with its row for the file of keys, and exit"),
        )
        .arg(
            Arg::new("price-question")
                .long("price-question")
                .value_name("DOLLARS")
                .value_parser(value_parser!(MicroUsd))
                .help("The price of a million tokens of questions, for keys with `spend_per_day` or `spend_in_all`"),
        )
        .arg(
            Arg::new("price-answer")
                .long("price-answer")
                .value_name("DOLLARS")
                .value_parser(value_parser!(MicroUsd))
                .help("The price of a million tokens of answers"),
        )
        .arg(Arg::new("forecasts").long("forecasts").value_name("LEDGER").value_parser(|text: &str| text.parse::<Place>()).help(
            "A ledger of events, also one that a validator is writing: serves the miners' combined forecasts at \
             /v1/forecasts",
        ))
        .arg(
            Arg::new("max-behind")
                .long("max-behind")
                .value_name("SECONDS")
                .value_parser(value_parser!(f64))
                .help("How far the replica of --forecasts may be behind the ledger [default: storefront.max_behind]"),
        )
        .arg(connections("connections", "1024", "The most open connections"))
        .arg(connections(
            "connections-per-address",
            "64",
            "The most open connections of one address; behind a proxy all callers have the proxy's address",
        ))
        .arg(seconds("patience", "30", "How long a connection may be idle, and how long an answer may stay unread"))
        .arg(seconds("answer-timeout", "30", "The longest time that an answer may stream"))
        .arg(seconds("hedge-after", "2", "How long to wait for the first words before a second miner is asked"));
    args::with_settings(gateway, &GROUPS)
}

/// What `--new-key` prints; a gateway that serves prints nothing.
#[derive(JsonSchema, Serialize)]
struct Made {
    /// The key itself, shown this once.
    key: String,
    /// Its row for the file of keys.
    row: KeyRow,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    if let Some(name) = matches.get_one::<String>("new-key") {
        let NewKey { key, row } = NewKey::make(name);
        let file = format!("[[key]]\n{}", toml::to_string(&row)?);
        return Ok(output.result(&Made { key, row }, |Made { key, .. }| {
            format!("{key}\n\nIt is shown only now. Add this to the file of keys:\n\n{file}")
        })?);
    }
    let (resolved, settings) = args::resolve(matches)?;
    let mut config = config(matches)?;
    if let Some(ledger) = matches.get_one::<Place>("forecasts") {
        let ledger = setup::with_password(ledger.clone(), &settings)?;
        let source = Source::at_rest(ledger, &resolved).map_err(role::no_storefront)?;
        let oldest = given_seconds(matches, "max-behind")?.unwrap_or(settings.storefront.max_behind);
        config.beside = forecasts(source.no_older_than(oldest));
    }
    args::start_logs(&settings)?;
    block_on(async {
        let netuid = chain::netuid(&settings)?;
        let hotkey = Arc::new(chain::hotkey(&settings)?);
        let own = hotkey.account();
        let subnet = Subnet::read(chain::connect(&settings).await?, netuid).await.map_err(chain::refused)?;
        let calling = DendriteConfig {
            allow_private: settings.dendrite.allow_private,
            max_in_flight: settings.dendrite.concurrency,
            ..DendriteConfig::default()
        };
        let dendrite = Dendrite::new(calling, hotkey)?;
        let config = GatewayConfig { model: format!("subnet-{netuid}"), ..config };
        let miners = Arc::new(Miners { subnet: subnet.clone(), own });
        let gateway = Gateway::spawn(config, dendrite, miners).await.map_err(failure)?;
        output.note(&format!(
            "gateway: http://{}/v1 in front of subnet {netuid}, asking as {own}; Ctrl-C stops",
            gateway.local_addr()
        ));
        loop {
            tokio::select! {
                () = interrupted() => break,
                // A chain that is away leaves the last metagraph in force.
                read = subnet.follow(METAGRAPH_EVERY) => if let Err(error) = read {
                    tracing::warn!("the metagraph could not be read: {error}");
                },
            }
        }
        output.note("gateway: stopping");
        Ok(())
    })
}

fn failure(error: GatewayError) -> Failure {
    let exit = match error {
        GatewayError::Open(_) => Exit::Usage,
        GatewayError::Listen { .. } => Exit::Failed,
    };
    Failure::new(exit, error)
}

fn config(matches: &ArgMatches) -> Result<GatewayConfig, Failure> {
    let seconds = |name: &str| given_seconds(matches, name).map(Option::unwrap_or_default);
    let keys = match matches.get_one::<PathBuf>("keys") {
        Some(path) => Keys::load(path, price(matches)).or_exit(Exit::Usage)?,
        None => Keys::default(),
    };
    let (timeout, hedge_after) = (seconds("answer-timeout")?, seconds("hedge-after")?);
    let count = |name: &str| matches.get_one::<u32>(name).map_or(1, |count| *count as usize);
    let (connections, per_address) = (count("connections"), count("connections-per-address"));
    let limits = Limits { connections, per_address, patience: seconds("patience")? };
    Ok(GatewayConfig { keys, timeout, hedge_after, limits, ..GatewayConfig::at(args::listen_address(matches)) })
}

fn given_seconds(matches: &ArgMatches, name: &str) -> Result<Option<Duration>, Failure> {
    let Some(said) = matches.get_one::<f64>(name).copied() else { return Ok(None) };
    let time = Duration::try_from_secs_f64(said).ok().filter(|time| !time.is_zero());
    let wrong = || anyhow::anyhow!("--{name} cannot be {said}: give more than 0 seconds");
    time.ok_or_else(wrong).or_exit(Exit::Usage).map(Some)
}

fn price(matches: &ArgMatches) -> Price {
    let of = |name: &str| matches.get_one::<MicroUsd>(name).copied().unwrap_or_default();
    Price { input: of("price-question"), output: of("price-answer") }
}

/// The serving neurons of a subnet, ourselves left out.
struct Miners {
    subnet: Subnet,
    own: Account,
}

impl Candidates for Miners {
    fn now(&self) -> Vec<Candidate> {
        let candidate = |neuron: &Neuron| {
            let axon = neuron.axon.as_ref().filter(|_| neuron.hotkey != self.own)?;
            let target = Target { hotkey: neuron.hotkey, ip: axon.ip, port: axon.port };
            Some(Candidate { uid: neuron.uid, target, incentive: neuron.incentive })
        };
        self.subnet.now().metagraph.neurons.iter().filter_map(candidate).collect()
    }
}
