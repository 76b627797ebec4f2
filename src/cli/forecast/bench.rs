//! `neuron forecast bench`: a question set of ForecastBench answered, and a submission scored.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;

use super::{models, parse_moment, pipeline, with_models};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, block_on, group_of, run_one_of};
use crate::forecast::forecastbench::{BenchScore, QuestionSet, ResolutionSet, Submission, Wanted, score};
use crate::forecast::llm::calibrate::Calibration;
use crate::forecast::llm::desk::Cost;
use crate::forecast::llm::pipeline::{Asking, Pipeline};
use crate::units::UnixMs;

pub(super) const VERB: Verb = Verb { name: "bench", command, run, prints: Prints::Group(VERBS) };

const VERBS: &[Verb] = &[
    Verb { name: "write", command: write_command, run: write, prints: Prints::one::<Written>() },
    Verb { name: "score", command: score_command, run: score_file, prints: Prints::one::<BenchScore>() },
];
/// Questions under way at once.
const IN_FLIGHT: usize = 16;
/// Characters of reasons that are handed in.
const REASONING: usize = 4000;

fn command() -> Command {
    group_of(VERBS, Command::new("bench").about("ForecastBench: write a submission, score one"))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    run_one_of(VERBS, "forecast bench", matches, output)
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
}

fn write_command() -> Command {
    let text = |name: &'static str, usual: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("NAME").default_value(usual).help(help)
    };
    let command = Command::new("write")
        .about(
            "Answers a question set and writes the submission; where the models abstain, the market's price is written",
        )
        .arg(file("questions", "The question set, as it is published"))
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("DIR")
                .default_value(".")
                .value_parser(value_parser!(PathBuf))
                .help("The folder for the submission; the file gets the name that the benchmark wants"),
        )
        .arg(text("organization", "neuron", "The organization that submits"))
        .arg(text("model", "neuron llm", "The model's name on the leaderboard"))
        .arg(
            Arg::new("price_only")
                .long("price_only")
                .action(ArgAction::SetTrue)
                .help("Submit the price of markets and 0.5 for the rest, and ask no model"),
        );
    with_models(command)
}

#[derive(JsonSchema, Serialize)]
struct Written {
    file: PathBuf,
    forecasts: usize,
    /// Those that the models gave.
    by_models: usize,
    complaints: Vec<String>,
    cost: Cost,
}

fn write(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let settings = models(matches)?;
    let set = QuestionSet::read(path(matches, "questions")).or_exit(Exit::Missing)?;
    let due = parse_moment(&set.forecast_due_date).map_err(|e| Failure::new(Exit::Usage, anyhow::anyhow!(e)))?;
    let wanted = set.wanted();
    let (said, cost) = if matches.get_flag("price_only") {
        (vec![(None, None); wanted.len()], Cost::default())
    } else {
        block_on(async {
            let (pipeline, _script) = pipeline(&settings).await?;
            Ok(ask(&pipeline, &wanted, due).await)
        })?
    };
    let by_models = said.iter().filter(|(answer, _)| answer.is_some()).count();
    let answers: Vec<_> = wanted
        .into_iter()
        .zip(said)
        .map(|(wanted, (answer, reasons))| {
            let answer = answer.or(wanted.price).unwrap_or(0.5);
            (wanted, Some(answer), reasons)
        })
        .collect();
    let name = |key: &str| matches.get_one::<String>(key).cloned().unwrap_or_default();
    let submission = Submission::of(&set, &name("organization"), &name("model"), &answers);
    let file = path(matches, "to").join(submission.file_name(&set.forecast_due_date, 1));
    let text = serde_json::to_vec_pretty(&submission)?;
    std::fs::write(&file, text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?;
    let complaints = submission.complaints(&set);
    let written = Written { file, forecasts: submission.forecasts.len(), by_models, complaints, cost };
    output.result(&written, |it| {
        let complaints =
            it.complaints.iter().map(|complaint| format!("the benchmark will not accept this: {complaint}\n"));
        format!(
            "{} forecasts, {} of them by models, in {}; cost {}\n{}",
            it.forecasts,
            it.by_models,
            it.file.display(),
            it.cost.micro_usd,
            complaints.collect::<String>()
        )
    })?;
    Ok(())
}

/// What the models say to each, with reasons.
async fn ask(pipeline: &Pipeline, wanted: &[Wanted], due: UnixMs) -> (Vec<(Option<f64>, Option<String>)>, Cost) {
    let records: Vec<_> =
        stream::iter(wanted).map(|wanted| one(pipeline, wanted, due)).buffered(IN_FLIGHT).collect().await;
    let cost = records.iter().map(|record| record.cost).sum();
    let mut said = Vec::new();
    for record in records {
        let reasons = record.thoughts.first().map(|thought| thought.text.as_raw().chars().take(REASONING).collect());
        said.push((record.answer, reasons.filter(|_| record.answer.is_some())));
    }
    (said, cost)
}

async fn one(pipeline: &Pipeline, wanted: &Wanted, due: UnixMs) -> crate::forecast::llm::pipeline::Record {
    let closes = wanted.resolution_date.as_deref().and_then(|day| parse_moment(day).ok());
    let (text, price) = (wanted.text.clone(), wanted.price);
    let key = format!("forecastbench-{}-{}", due.0, wanted.question);
    pipeline.forecast(&Asking { key, text, closes, at: due, price }, &Calibration::Identity).await
}

fn score_command() -> Command {
    Command::new("score")
        .about("Scores a submission on the questions that have resolved, by the benchmark's rules")
        .arg(file("questions", "The question set, as it is published"))
        .arg(file("resolutions", "The resolution set, as it is published"))
        .arg(file("forecasts", "The submission"))
}

fn score_file(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let set = QuestionSet::read(path(matches, "questions")).or_exit(Exit::Missing)?;
    let ends = ResolutionSet::read(path(matches, "resolutions")).or_exit(Exit::Missing)?;
    let submission = Submission::read(path(matches, "forecasts")).or_exit(Exit::Missing)?;
    output.result(&score(&set, &submission, &ends), told)?;
    Ok(())
}

fn path<'a>(matches: &'a ArgMatches, name: &str) -> &'a Path {
    matches.get_one::<PathBuf>(name).map_or(Path::new("."), PathBuf::as_path)
}

fn told(score: &BenchScore) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let mut table = TextTable::new(["source", "resolved", "Brier"]);
    for (name, source) in &score.sources {
        table.row([name.clone(), source.count.to_string(), format!("{:.4}", source.brier)]);
    }
    format!(
        "{}\noverall {} (index {}): dataset {}, market {} (the price {}); {} without a forecast, counted as 0.5\n",
        table.render(),
        number(score.overall),
        number(score.index),
        number(score.dataset),
        number(score.market),
        number(score.market_price),
        score.imputed
    )
}
