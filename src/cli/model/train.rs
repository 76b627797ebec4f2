//! `neuron model train`: a model made of recorded candles.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};

use super::files::{Shown, text_of};
use super::{candles, candles_arguments, date, day, file};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit};
use crate::forecast::series::network::{NAMED, named};
use crate::forecast::training::{Recipe, TRAINABLE, train};
use crate::market::klines::Span;
use crate::market::klines::series::Series;

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("N")
        .default_value(default)
        .value_parser(value_parser!(u32).range(1..=100_000))
        .help(help)
}

pub(super) fn command() -> Command {
    Command::new("train")
        .about("Fits a model to recorded candles and writes it, with a manifest, to a file for `--base_model`")
        .arg(
            Arg::new("model")
                .long("model")
                .value_name("NAME")
                .required(true)
                .help(format!("What to train: {}", TRAINABLE.join(", "))),
        )
        .arg(file("out", "The file to write: *.json, or *.safetensors for a network").required(true))
        .arg(date("from", "The first day used, UTC [default: all]"))
        .arg(date("to", "The day after the last one"))
        .arg(
            Arg::new("shape")
                .long("shape")
                .value_name("NAME")
                .default_value("model_v5_1")
                .value_parser(NAMED)
                .help("The shape of a network's input and output"),
        )
        .arg(number("units", "32", "Units in each of the two layers of a network; the reference has 1024"))
        .arg(number("epochs", "10", "The most passes of a network through the candles"))
        .arg(number("seed", "1", "The seed of everything random"))
        .args(candles_arguments())
}

pub(super) fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
    let out = matches.get_one::<PathBuf>("out").cloned().unwrap_or_default();
    let model = text("model");
    let ending = if model == "lstm" { "safetensors" } else { "json" };
    if out.extension().is_none_or(|found| found != ending) {
        let told = anyhow::anyhow!("{} does not end in .{ending}: a file of the model `{model}` must", out.display());
        return Err(Failure::new(Exit::Usage, told));
    }
    let shape = named(&text("shape"))
        .ok_or_else(|| anyhow::anyhow!("there is no such shape; see `neuron model train --help`"))?;
    let recipe = Recipe {
        model,
        shape,
        units: number("units") as usize,
        epochs: number("epochs") as usize,
        seed: u64::from(number("seed")),
    };
    let (series, span) = candles(matches)?;
    let span =
        Span { from: day(matches, "from").unwrap_or(span.from), until: day(matches, "to").unwrap_or(span.until) };
    let (series, _) = Series::of(&series.name, series.within(span).iter().copied());
    let mut watch = |progress: &str| {
        if output.is_terminal() {
            tracing::warn!("{progress}");
        }
    };
    let loaded = train(&series, &recipe, &out, &mut watch).or_exit(Exit::Failed)?;
    let shown = Shown::of(name_of(&out), Some(&out), Ok(&loaded.manifest));
    output.result(&shown, text_of)?;
    Ok(())
}

fn name_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
