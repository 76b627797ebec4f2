//! `neuron score plot`: calibration, reliability and score history as pictures.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::super::output::{Output, TextTable};
use super::{classified, target, target_args};
use crate::cli::Failure;
use crate::report::Case;
use crate::report::plot::{Format, Plotted, plot};
use crate::scoring::calibration::Calibration;
use crate::units::Account;

#[cfg(feature = "png")]
const FORMATS: &[&str] = &["svg", "png"];
#[cfg(not(feature = "png"))]
const FORMATS: &[&str] = &["svg"];

pub(super) fn command() -> Command {
    let target =
        target_args(FORMATS, "The format of the pictures; png is 1600 x 1160, only in builds with the feature `png`");
    let hotkey = Arg::new("hotkey")
        .long("hotkey")
        .value_name("SS58")
        .value_parser(value_parser!(Account))
        .help("Only this miner, and the market [default: the best seven]");
    Command::new("plot")
        .about("Draws calibration, reliability and score history, and prints the calibration of each miner")
        .long_about(
            "Draws into a folder: `calibration` (how often events happened, by bin of reports, with 95 % intervals \
             and the number of reports; of the market and one miner), `reliability` (the same curve of up to seven \
             miners) and `history` (the running sum of scores). Prints the calibration of each miner.",
        )
        .args(target)
        .arg(hotkey)
}

pub(super) fn run(case: &Case, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let (folder, format) = target(matches)?;
    let format = match format {
        #[cfg(feature = "png")]
        "png" => Format::Png,
        _ => Format::Svg,
    };
    let plotted = plot(case, folder, format, matches.get_one("hotkey")).map_err(classified)?;
    output.result(&plotted, text)?;
    Ok(())
}

fn text(plotted: &Plotted) -> String {
    let mut table = TextTable::new(["who", "events", "Brier", "reliability", "resolution"]);
    for (name, c) in &plotted.calibration {
        let of = |c: &Calibration| [c.brier, c.reliability, c.resolution].map(|x| format!("{x:.4}"));
        table.row([name.clone(), c.count.to_string()].into_iter().chain(of(c)));
    }
    let files: String = plotted.files.iter().map(|file| format!("{}\n", file.display())).collect();
    format!("{}\n{files}", table.render())
}
