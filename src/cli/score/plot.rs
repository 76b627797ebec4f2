//! `neuron score plot`: reliability diagram and score history as SVG.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::super::output::TextTable;
use super::svg::{Picture, Series};
use super::{Case, short};
use crate::cli::Failure;
use crate::scoring::admission::EventState;
use crate::scoring::calibration::{Calibration, calibration};
use crate::units::{Account, Identity};

const BINS: usize = 10;
/// Lines in one picture.
const SHOWN: usize = 7;

pub(super) fn command() -> Command {
    let to = Arg::new("to")
        .long("to")
        .required(true)
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("The folder to write into; made when it does not exist");
    let hotkey = Arg::new("hotkey")
        .long("hotkey")
        .value_name("SS58")
        .value_parser(value_parser!(Account))
        .help("Only this miner, beside the market [default: the best seven]");
    Command::new("plot")
        .about("Writes reliability.svg and history.svg into a folder, and prints the calibration of each miner")
        .arg(to)
        .arg(hotkey)
}

#[derive(Debug, Serialize)]
struct Plotted {
    files: Vec<PathBuf>,
    calibration: Vec<(String, Calibration)>,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let folder = matches.get_one::<PathBuf>("to").ok_or_else(|| anyhow!("--to is missing"))?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let history = history(case)?;
    let mut chosen: Vec<(Identity, f64)> =
        history.iter().map(|(who, line)| (*who, line.last().map_or(0.0, |point| point.1))).collect();
    match matches.get_one::<Account>("hotkey") {
        Some(hotkey) => chosen.retain(|(who, _)| who.hotkey == *hotkey),
        None => chosen.sort_by(|a, b| b.1.total_cmp(&a.1)),
    }
    let chosen: Vec<Identity> = chosen.into_iter().take(SHOWN).map(|(who, _)| who).collect();
    let calibration = reliability(case, &chosen)?;
    let bins = |c: &Calibration| {
        let most = c.bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
        let used = c.bins.iter().filter(|bin| bin.count > 0);
        used.map(|bin| (bin.mean_p, bin.frequency, 2.0 + 6.0 * (bin.count as f64 / most).sqrt())).collect()
    };
    let points: Vec<Series> =
        calibration.iter().map(|(name, c)| Series { name: name.clone(), points: bins(c) }).collect();
    let lines: Vec<Series> =
        chosen.iter().filter_map(|who| Some(Series { name: short(who), points: history.get(who)?.clone() })).collect();
    let square = Picture { title: "Reliability", x: "mean report", y: "frequency", unit_square: true };
    let over_time = Picture { title: "Sum of scores", x: "event", y: "score", unit_square: false };
    let files = vec![folder.join("reliability.svg"), folder.join("history.svg")];
    for (file, picture) in files.iter().zip([square.draw(&points), over_time.draw(&lines)]) {
        fs::write(file, picture).with_context(|| file.display().to_string())?;
    }
    case.output.result(&Plotted { files, calibration }, text)?;
    Ok(())
}

type Line = Vec<(f64, f64, f64)>;

/// The running sum of every miner's scores over the counted events.
fn history(case: &Case) -> Result<BTreeMap<Identity, Line>, Failure> {
    let mut lines: BTreeMap<Identity, Line> = BTreeMap::new();
    let counted = case.archive.rescored(&case.rules)?.into_iter().filter(|event| event.state == EventState::Scored);
    for (k, event) in counted.enumerate() {
        for (who, score) in event.scores {
            let line = lines.entry(who).or_default();
            let sum = line.last().map_or(0.0, |point| point.1);
            line.push((k as f64, sum + score, 1.0));
        }
    }
    Ok(lines)
}

/// Calibration of the market's price and of the chosen miners, over mean reports per event.
fn reliability(case: &Case, chosen: &[Identity]) -> Result<Vec<(String, Calibration)>, Failure> {
    let settled = case.archive.settled()?;
    let reports = case.archive.mean_reports()?;
    let outcome = |event: usize| settled.get(event).and_then(|event| event.outcome);
    let market = reports.iter().filter_map(|x| Some((x.event, (x.r, outcome(x.event)?)))).collect::<BTreeMap<_, _>>();
    let mut found = vec![("market".to_owned(), calibration(market.into_values(), BINS))];
    for who in chosen {
        let own = reports.iter().filter(|x| x.identity == *who).filter_map(|x| Some((x.p, outcome(x.event)?)));
        found.push((short(who), calibration(own, BINS)));
    }
    Ok(found)
}

fn text(plotted: &Plotted) -> String {
    let mut table = TextTable::new(["who", "events", "Brier", "reliability", "resolution"]);
    for (name, c) in &plotted.calibration {
        table.row([
            name.clone(),
            c.count.to_string(),
            format!("{:.4}", c.brier),
            format!("{:.4}", c.reliability),
            format!("{:.4}", c.resolution),
        ]);
    }
    let files: String = plotted.files.iter().map(|file| format!("{}\n", file.display())).collect();
    format!("{}\n{files}", table.render())
}
