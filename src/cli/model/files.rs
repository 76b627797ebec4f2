//! `neuron model list`, `show` and `adopt`: the models there are, and what their manifests say.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::{models_argument, models_folder};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit};
use crate::forecast::series::network::{NAMED, named};
use crate::forecast::series::trained::{self, Manifest};
use crate::forecast::series::{NAMES, model};
use crate::units::UnixMs;

pub(super) fn list_command() -> Command {
    Command::new("list")
        .about("Lists the models that `--base_model` knows: built-in ones, and files")
        .arg(models_argument())
}

pub(super) fn show_command() -> Command {
    Command::new("show")
        .about("Checks a model's file against its manifest and says what it was trained on")
        .arg(Arg::new("model").value_name("NAME|FILE").required(true).help("The model"))
        .arg(models_argument())
}

pub(super) fn adopt_command() -> Command {
    Command::new("adopt")
        .about("Writes the manifest for a network that another program made, so that it can be used")
        .arg(Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help("Its file"))
        .arg(
            Arg::new("shape")
                .long("shape")
                .value_name("NAME")
                .value_parser(NAMED)
                .help("The shape of its input and output [default: by its name, else model_v5_1]"),
        )
}

/// A model, for people and for programs.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Shown {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Manifest>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Shown {
    pub(super) fn of(name: String, file: Option<&Path>, manifest: Result<&Manifest, String>) -> Self {
        let (manifest, refused) = match manifest {
            Ok(manifest) => (Some(manifest.clone()), None),
            Err(why) => (None, Some(why)),
        };
        Self { name, file: file.map(Path::to_owned), manifest, refused }
    }

    fn built_in(name: &str) -> Self {
        Self { name: name.to_owned(), file: None, manifest: None, refused: None }
    }

    fn kind(&self) -> String {
        match (&self.manifest, &self.refused) {
            (Some(manifest), _) => manifest.model.clone(),
            (None, Some(_)) => "-".to_owned(),
            (None, None) => "built in".to_owned(),
        }
    }

    fn skill(&self) -> String {
        let held_out = self.manifest.as_ref().and_then(|manifest| manifest.held_out);
        held_out.map_or_else(|| "-".to_owned(), |held_out| format!("{:.4}", held_out.ratio))
    }

    fn note(&self) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        self.refused.clone().or(file).unwrap_or_default()
    }
}

pub(super) fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let folder = models_folder(matches);
    let mut all: Vec<Shown> = NAMES.iter().map(|name| Shown::built_in(name)).collect();
    for found in trained::list(&folder).or_exit(Exit::Failed)? {
        let manifest = found.loaded.as_ref().map(|loaded| &loaded.manifest).map_err(ToString::to_string);
        all.push(Shown::of(found.name.clone(), Some(&found.file), manifest));
    }
    for name in NAMED {
        if let Err(error) = trained::find(name, &folder) {
            all.push(Shown::of(name.to_owned(), None, Err(error.to_string())));
        }
    }
    output.result(&all, |all| {
        let mut table = TextTable::new(["name", "kind", "error ratio", "file, or why it cannot be used"]);
        for shown in all {
            table.row([shown.name.clone(), shown.kind(), shown.skill(), shown.note()]);
        }
        table.render()
    })?;
    Ok(())
}

pub(super) fn show(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let name = matches.get_one::<String>("model").cloned().unwrap_or_default();
    let folder = models_folder(matches);
    if model(&name).is_some() {
        return Ok(output.result(&Shown::built_in(&name), |shown| {
            format!("{} is built in, and is fitted again for each forecast\n", shown.name)
        })?);
    }
    let Some(file) = trained::find(&name, &folder).or_exit(Exit::Missing)? else {
        let told = anyhow::anyhow!(
            "there is no model called `{name}`; `neuron model list` shows those of {}",
            folder.display()
        );
        return Err(Failure::new(Exit::Missing, told));
    };
    let loaded = trained::load(&file).or_exit(Exit::Failed)?;
    output.result(&Shown::of(name, Some(&file), Ok(&loaded.manifest)), text_of)?;
    Ok(())
}

pub(super) fn adopt(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let file = matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let usual = || if named(&name).is_some() { name.clone() } else { "model_v5_1".to_owned() };
    let shape = matches.get_one::<String>("shape").cloned().unwrap_or_else(usual);
    let shape = named(&shape)
        .ok_or_else(|| anyhow::anyhow!("there is no shape called `{shape}`; see `neuron model adopt --help`"))?;
    let kind = match file.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => "lstm",
        Some("onnx") => "onnx",
        _ => {
            let told = anyhow::anyhow!("{} does not end in .safetensors or .onnx", file.display());
            return Err(Failure::new(Exit::Usage, told));
        }
    };
    let manifest = trained::adopt(&file, kind, shape).or_exit(Exit::Failed)?;
    output.result(&Shown::of(name, Some(&file), Ok(&manifest)), text_of)?;
    Ok(())
}

/// A manifest in words.
pub(super) fn text_of(shown: &Shown) -> String {
    let Some(manifest) = &shown.manifest else { return format!("{}: {}\n", shown.name, shown.note()) };
    let mut lines = vec![
        format!("{}: `{}` in {}", shown.name, manifest.model, shown.note()),
        format!("  SHA-256     {}", manifest.sha256),
        format!("  written by  neuron {}", manifest.version),
        format!(
            "  sees        {} candles, {:?}; says {} numbers for {} closes",
            manifest.shape.window, manifest.shape.features, manifest.shape.outputs, manifest.shape.horizon
        ),
    ];
    if let Some(data) = &manifest.data {
        let (from, until) = (day(data.from_ms), day(data.until_ms));
        lines.push(format!("  trained on  {} candles of {}, {from} to {until}", data.candles, data.series));
    }
    if let Some(held_out) = manifest.held_out {
        let (from, until) = (day(held_out.from_ms), day(held_out.until_ms));
        lines.push(format!(
            "  held out    {} forecasts from {from} to {until}: rmse $ {:.1}, {:.4} times that of the last close",
            held_out.forecasts, held_out.rmse, held_out.ratio
        ));
    }
    lines.join("\n") + "\n"
}

fn day(at: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |time| time.to_string())
}
