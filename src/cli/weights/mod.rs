//! `neuron weights`: how a validator's weights stand, what would be set now, what was set, and what consensus will make of it.

mod given;
mod show;
mod text;

use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::chain::{address, connect, hotkey, netuid, refused};
use super::output::Output;
use super::{Exit, Failure, Prints, Verb, args, block_on, role};
use crate::clock::Clock;
use crate::config::table::Group;
use crate::config::{Resolved, Settings};
use crate::ledger::{Ledger, LedgerError, Place, ReadOnly, Schema};
use crate::role::weights::{
    Job, PastJob, WeightsExplanation, WeightsForecast, WeightsOutcome, WeightsPolicy, WeightsStatus, WeightsWriter,
    forecast, history, open_jobs, row,
};
use crate::role::{Subnet, setup};
use crate::subnets::registry;
use crate::subnets::work::{Allotment, Kind, Shares, SharesIn};
use crate::subtensor::weights::WeightsGround;
use crate::subtensor::{Neuron, Subtensor};
use crate::units::{Account, Identity, NetUid, Uid};
use crate::wallet::KeyKind;
use given::Given;

pub(super) const VERB: Verb = Verb { name: "weights", command, run, prints: Prints::Each(PARTS) };

const PARTS: &[(&str, Prints)] = &[
    ("status", Prints::one::<WeightsStatus>()),
    ("explain", Prints::one::<WeightsExplanation>()),
    ("set", Prints::one::<Vec<WeightsOutcome>>()),
    ("history", Prints::one::<Vec<PastJob>>()),
    ("forecast", Prints::one::<WeightsForecast>()),
    ("show", show::PRINTS),
];

fn command() -> Command {
    let settings = |command: Command| {
        args::with_settings_that(command, |group| match group {
            Group::Subnet | Group::Wallet | Group::Chain | Group::Validator | Group::Housekeeping => true,
            Group::Work(work) => work.validator,
            _ => false,
        })
    };
    let ledger = || {
        Arg::new("ledger")
            .long("ledger")
            .value_name("PLACE")
            .value_parser(|text: &str| text.parse::<Place>())
            .help("The validator's ledger, or a copy of it [default: the one in --db.directory, or in --db.url]")
    };
    let count = Arg::new("count")
        .long("count")
        .value_name("N")
        .default_value("10")
        .value_parser(value_parser!(usize))
        .help("How many jobs, newest first");
    let status =
        Command::new("status").about("Prints the validator's weights on the chain, and the ones that are on their way");
    let explain = Command::new("explain").about("Prints the weights that would be set now, and why");
    let given = Arg::new("weight").value_name("UID=WEIGHT").num_args(0..).help(
        "Set these weights instead of those from the ledger's scores; only proportions count, all other miners get 0",
    );
    let set = Command::new("set")
        .about("Sets weights now, once for every mechanism; a running validator does it by itself")
        .arg(given);
    let past = Command::new("history").about("Prints the last jobs of the journal with each of their steps").arg(count);
    let forecast = Command::new("forecast")
        .about("Computes the next epoch from the present weights: validator trust, dividends, every miner's incentive")
        .arg(mechanism());
    Command::new("weights")
        .about("Shows, explains, forecasts and sets a validator's weights")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings(status.arg(ledger())))
        .subcommand(settings(explain.arg(ledger())))
        .subcommand(settings(set))
        .subcommand(settings(past.arg(ledger())))
        .subcommand(settings(forecast.arg(ledger())))
        .subcommand(show::command())
}

/// Which mechanism of a subnet.
fn mechanism() -> Arg {
    Arg::new("mechanism")
        .long("mechanism")
        .value_name("N")
        .default_value("0")
        .value_parser(value_parser!(u8))
        .help("The mechanism of the subnet")
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let Some((name, matches)) = matches.subcommand() else {
        return Err(anyhow::anyhow!("`neuron weights` knows status, explain, set, history, forecast and show").into());
    };
    if name == "show" {
        return show::run(matches, output);
    }
    let (resolved, settings) = args::resolve(matches)?;
    let case = Case::of(matches, resolved, settings)?;
    match name {
        "status" => block_on(status(&case, output)),
        "explain" => block_on(explain(&case, output)),
        "set" => block_on(set(case, given::pairs(matches)?, output)),
        "history" => past(&case, matches.get_one("count").copied().unwrap_or(10), output),
        "forecast" => block_on(foretell(&case, matches.get_one("mechanism").copied().unwrap_or(0), output)),
        other => Err(anyhow::anyhow!("there is no command `weights {other}`").into()),
    }
}

/// Whose weights, where.
struct Case {
    resolved: Resolved,
    settings: Settings,
    netuid: NetUid,
    hotkey: Account,
    ledger: Place,
    policy: WeightsPolicy,
}

impl Case {
    fn of(matches: &ArgMatches, resolved: Resolved, settings: Settings) -> Result<Self, Failure> {
        let netuid = netuid(&settings)?;
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let named = matches.try_get_one::<Place>("ledger").ok().flatten().cloned();
        let ledger = match named {
            Some(named) => setup::with_password(named, &settings)?,
            None => setup::ledger_place(&settings, netuid, &hotkey)?,
        };
        let policy = setup::weights_policy(&settings);
        Ok(Self { resolved, settings, netuid, hotkey, ledger, policy })
    }

    fn kind(&self) -> Result<&'static Kind, Failure> {
        registry::kind_of(self.netuid, self.settings.task.as_deref()).map_err(|e| role::failure(e.into()))
    }

    async fn ground(&self) -> Result<(Subtensor, WeightsGround), Failure> {
        let chain = connect(&self.settings).await?;
        let ground = chain.weights_ground(self.netuid, &self.hotkey, true).await.map_err(refused)?;
        Ok((chain, ground))
    }

    /// Whether there is no such file; a database says so by itself.
    fn is_missing(&self) -> bool {
        self.ledger.file().is_some_and(|path| !path.exists())
    }

    /// The ledger to look at.
    fn archive(&self) -> Result<ReadOnly, Failure> {
        let schema = self
            .kind()?
            .schema
            .ok_or_else(|| anyhow::anyhow!("this kind of work has no ledger, and so no weights of its own"))?;
        if self.is_missing() {
            let error = anyhow::anyhow!(
                "there is no ledger {}: a validator creates it; name another with --ledger",
                self.ledger
            );
            return Err(Failure::new(Exit::Missing, error));
        }
        Ok(ReadOnly::open(&self.ledger, schema)?)
    }

    /// The journal's open jobs; none where there is no ledger yet.
    fn jobs(&self) -> Result<Vec<Job>, Failure> {
        if self.is_missing() {
            return Ok(Vec::new());
        }
        let archive = self.archive()?;
        Ok(archive.ask(open_jobs)?)
    }

    /// Who earned what, as the ledger has it.
    fn shares(&self, ground: &WeightsGround) -> Result<Allotment, Failure> {
        let shares = self.kind()?.needs_validator().map_err(|e| role::failure(e.into()))?.shares;
        let archive = self.archive()?;
        let registered: Vec<Identity> = ground.metagraph.neurons.iter().map(Neuron::identity).collect();
        shares(&self.resolved, &archive, &registered).map_err(|e| role::failure(e.into()))
    }
}

async fn status(case: &Case, output: Output) -> Result<(), Failure> {
    let jobs = case.jobs()?;
    let (_, ground) = case.ground().await?;
    Ok(output.result(&WeightsStatus::of(&ground, &case.policy, &jobs), text::status)?)
}

async fn explain(case: &Case, output: Output) -> Result<(), Failure> {
    let jobs = case.jobs()?;
    let (_, ground) = case.ground().await?;
    let shares = case.shares(&ground)?;
    let explanation = WeightsExplanation::of(&ground, &case.policy, &jobs, shares.as_deref());
    Ok(output.result(&explanation, text::explanation)?)
}

fn past(case: &Case, count: usize, output: Output) -> Result<(), Failure> {
    let archive = case.archive()?;
    let jobs = archive.ask(|connection| history(connection, count))?;
    Ok(output.result(&jobs, |jobs| text::history(jobs))?)
}

async fn foretell(case: &Case, mechanism: u8, output: Output) -> Result<(), Failure> {
    let (chain, ground) = case.ground().await?;
    if usize::from(mechanism) >= ground.mechanisms.len() {
        let error = anyhow::anyhow!("subnet {} has {} mechanisms", case.netuid, ground.mechanisms.len());
        return Err(Failure::new(Exit::Usage, error));
    }
    let shares = case.shares(&ground)?;
    let row = shares.map(|shares| row(&ground, &shares)).unwrap_or_default();
    if row.0.is_empty() {
        let error = anyhow::anyhow!("there are no weights to forecast: no registered miner has earned anything yet");
        return Err(Failure::new(Exit::Missing, error));
    }
    let subnet = chain.before_epoch(&ground, mechanism).await.map_err(refused)?;
    Ok(output.result(&forecast(&subnet, &ground.metagraph, ground.own.uid, &row), text::forecast)?)
}

/// Shares out of a ledger that the command itself has open.
struct Kept {
    ledger: Place,
    schema: Schema,
    resolved: Resolved,
    shares: SharesIn,
}

impl Shares for Kept {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let found = ReadOnly::open(&self.ledger, self.schema).and_then(|archive| {
            (self.shares)(&self.resolved, &archive, registered)
                .map_err(|e| LedgerError::Bug { place: self.ledger.clone(), reason: e.to_string() })
        });
        async move { found }.boxed()
    }
}

async fn set(case: Case, given: Vec<(Uid, f64)>, output: Output) -> Result<(), Failure> {
    let kind = case.kind()?;
    let schema =
        kind.schema.ok_or_else(|| anyhow::anyhow!("this kind of work has no ledger, and so no weights of its own"))?;
    let shares: Arc<dyn Shares> = if given.is_empty() {
        // Nothing is made where there is nothing to read.
        drop(case.archive()?);
        let shares = kind.needs_validator().map_err(|e| role::failure(e.into()))?.shares;
        Arc::new(Kept { ledger: case.ledger.clone(), schema, resolved: case.resolved.clone(), shares })
    } else {
        let (_, ground) = case.ground().await?;
        Arc::new(Given::among(&ground.metagraph, &given)?)
    };
    let key = Arc::new(hotkey(&case.settings)?);
    let subnet = Subnet::read(connect(&case.settings).await?, case.netuid).await.map_err(refused)?;
    let ledger = Ledger::open(&case.ledger, &[schema])?;
    let writer = WeightsWriter::new(key, subnet, ledger, shares, Clock::wall(), case.policy);
    let done = writer.set_now().await.map_err(role::failure)?;
    if done.contains(&WeightsOutcome::NoScores) {
        let error = anyhow::anyhow!("nothing was set: no registered miner has earned anything yet");
        return Err(Failure::new(Exit::Missing, error));
    }
    Ok(output.result(&done, |done| text::outcomes(done))?)
}
