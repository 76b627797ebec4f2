//! `neuron forecast backtest`: forecasters on recorded questions that have ended, against the market's price.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::{models, pipeline, with_models};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, block_on};
use crate::clock::monotonic;
use crate::config::parse_duration;
use crate::forecast::llm::pipeline::Record;
use crate::forecast::llm::settings::LlmSettings;
use crate::forecast::resolved::language::{Language, Took, ask_all};
use crate::forecast::resolved::{Asked, Judged, Line, ModelName, Sampling, Value, answers, asked, judge};
use crate::market::tape;
use crate::units::millis;

pub(super) const VERB: Verb = Verb { name: "backtest", command, run, prints: Prints::one::<Told>() };

fn command() -> Command {
    let names = ModelName::ALL.map(ModelName::as_str);
    let command = Command::new("backtest")
        .about(
            "Asks forecasters recorded questions that have ended, as of several days before their end, and compares \
             the answers with the price",
        )
        .arg(
            Arg::new("data")
                .long("data")
                .value_name("DIR")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Recorded markets, in the shapes that `--market.replay` reads (docs/markets.md)"),
        )
        .arg(
            Arg::new("models")
                .long("models")
                .value_name("NAMES")
                .value_delimiter(',')
                .default_values(["market", "constant", "base_rate", "statistical", "ensemble"])
                .value_parser(names)
                .help("The forecasters, separated by commas"),
        )
        .arg(
            Arg::new("moments")
                .long("moments")
                .value_name("N")
                .default_value("5")
                .value_parser(value_parser!(u32).range(1..=100))
                .help("How many times a question is asked, besides its first day"),
        )
        .arg(
            Arg::new("price_age")
                .long("price_age")
                .value_name("DURATION")
                .default_value("2d")
                .value_parser(parse_duration)
                .help("A question is not asked when its last price is older than this"),
        )
        .arg(
            Arg::new("price_between")
                .long("price_between")
                .value_name("LOW,HIGH")
                .value_parser(bounds)
                .help("Only questions whose price is between these two, both included: 0.3,0.7"),
        );
    with_models(
        command.arg(
            Arg::new("records")
                .long("records")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Write everything about each question that `llm` was asked to this file, as JSON lines"),
        ),
    )
}

/// Two probabilities with a comma between.
fn bounds(text: &str) -> Result<(f64, f64), String> {
    let (low, high) = text.split_once(',').ok_or("expected two numbers such as 0.3,0.7")?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let (low, high) = (number(low)?, number(high)?);
    if (0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high) && low <= high {
        Ok((low, high))
    } else {
        Err("expected two numbers from 0 to 1, the smaller one first".to_owned())
    }
}

#[derive(JsonSchema, Serialize)]
struct Told {
    data: PathBuf,
    seconds: f64,
    #[serde(flatten)]
    judged: Judged,
    /// What language models took, if they were asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    llm: Option<Took>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let settings = models(matches)?;
    let began = monotonic();
    let data = matches.get_one::<PathBuf>("data").cloned().unwrap_or_default();
    let tape = tape::load(&data).or_exit(Exit::Missing)?;
    let all = questions(matches, &tape)?;
    let names = matches.get_many::<String>("models").into_iter().flatten();
    let names: Vec<ModelName> = names.filter_map(|name| ModelName::of(name)).collect();
    let language = match names.contains(&ModelName::Llm) {
        true => Some(block_on(language(&settings, &all))?),
        false => None,
    };
    if let (Some(file), Some(language)) = (matches.get_one::<PathBuf>("records"), &language) {
        write(file, &language.records)?;
    }
    let said = language.as_ref().map(|language| language.answers.as_slice());
    let judged = judge(&all, &answers(&all, &names, said));
    let llm = language.as_ref().map(Language::took);
    let told = Told { data, seconds: began.elapsed().as_secs_f64(), judged, llm };
    output.result(&told, text)?;
    Ok(())
}

async fn language(settings: &LlmSettings, all: &[Asked]) -> Result<Language, Failure> {
    let (pipeline, _script) = pipeline(settings).await?;
    Ok(ask_all(&pipeline, all, settings.calibration).await)
}

fn write(file: &Path, records: &[Record]) -> Result<(), Failure> {
    let mut text = String::new();
    for record in records {
        text.push_str(&serde_json::to_string(record).or_exit(Exit::Failed)?);
        text.push('\n');
    }
    let named = |e: std::io::Error| Failure::new(Exit::Failed, anyhow::anyhow!("{}: {e}", file.display()));
    std::fs::write(file, text).map_err(named)
}

/// The questions of `tape` that are asked.
fn questions(matches: &ArgMatches, tape: &tape::Tape) -> Result<Vec<Asked>, Failure> {
    let age = matches.get_one::<Duration>("price_age").copied().unwrap_or_default();
    let sampling =
        Sampling { moments: matches.get_one::<u32>("moments").copied().unwrap_or(5), price_age_ms: millis(age) };
    let mut all = asked(tape, sampling);
    if let Some((low, high)) = matches.get_one::<(f64, f64)>("price_between") {
        all.retain(|asked| (*low..=*high).contains(&asked.price));
    }
    if all.is_empty() {
        let told = anyhow::anyhow!(
            "none of the {} recorded markets has ended and had a price while it was open; docs/markets.md says what \
             can be used",
            tape.markets().len()
        );
        return Err(Failure::new(Exit::Missing, told));
    }
    Ok(all)
}

fn with_interval(value: &Value) -> String {
    format!("{:.4} ({:.4} to {:.4})", value.value, value.interval.low, value.interval.high)
}

fn text(told: &Told) -> String {
    let judged = &told.judged;
    let mut table = TextTable::new([
        "model",
        "answered",
        "Brier (95 %)",
        "log score (95 %)",
        "calibration error (95 %)",
        "slope",
        "gain on the price (95 %)",
    ]);
    for line in &judged.models {
        table.row([
            line.model.clone(),
            format!("{:.0} %", line.share * 100.0),
            with_interval(&line.brier),
            with_interval(&line.log_score),
            with_interval(&line.calibration_error),
            format!("{:.2}", line.slope),
            with_interval(&line.gain),
        ]);
    }
    format!(
        "{}\n{}{} questions of {} markets ({:.0} % yes) in {:.1} s: {}\n",
        table.render(),
        curve(&judged.models),
        judged.questions,
        judged.markets,
        judged.yes * 100.0,
        told.seconds,
        verdict(&judged.models)
    ) + &told.llm.as_ref().map_or_else(String::new, took)
}

fn took(took: &Took) -> String {
    let silences: Vec<String> =
        took.silences.iter().map(|(why, count)| format!("{count} for {}", why.as_str())).collect();
    let silent = if silences.is_empty() { "none".to_owned() } else { silences.join(", ") };
    format!(
        "llm: {} for {} calls ({} failed), {} replies from the cache; abstained: {silent}\n",
        took.cost.micro_usd, took.cost.calls, took.cost.failed, took.cost.remembered
    )
}

/// The gain on the price where an answer is farthest from it.
fn curve(models: &[Line]) -> String {
    let Some(first) = models.iter().find(|line| !line.selective.is_empty()) else { return String::new() };
    let heads = first.selective.iter().map(|at| format!("farthest {:.0} %", at.share * 100.0));
    let mut table = TextTable::new(std::iter::once("gain by distance from the price".to_owned()).chain(heads));
    for line in models {
        let gains = line.selective.iter().map(|at| format!("{:+.4}", at.gain));
        table.row(std::iter::once(line.model.clone()).chain(gains));
    }
    format!("{}\n", table.render())
}

fn verdict(models: &[Line]) -> String {
    let surely: Vec<&str> =
        models.iter().filter(|line| line.gain.interval.low > 0.0).map(|line| line.model.as_str()).collect();
    if surely.is_empty() {
        "none is better than the price with certainty".to_owned()
    } else {
        format!("better than the price with certainty: {}", surely.join(", "))
    }
}
