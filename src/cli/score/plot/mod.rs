//! `neuron score plot`: calibration, reliability and score history as pictures.

mod canvas;
mod chart;
mod font;
mod png;
mod raster;
mod svg;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde::Serialize;

use super::super::output::TextTable;
use super::{Case, create_folder, short, target, target_args};
use crate::cli::{Exit, Failure};
use crate::scoring::admission::EventState;
use crate::scoring::calibration::{Calibration, calibration};
use crate::units::{Account, Identity};
use canvas::Canvas;
use chart::Named;

const BINS: usize = 10;
/// Miners in one picture.
const SHOWN: usize = 7;

pub(super) fn command() -> Command {
    let target = target_args(["svg", "png"], "svg scales and is text; png is pixels, 1600 x 1160");
    let hotkey = Arg::new("hotkey")
        .long("hotkey")
        .value_name("SS58")
        .value_parser(value_parser!(Account))
        .help("Only this miner, beside the market [default: the best seven]");
    Command::new("plot")
        .about("Draws calibration, reliability and score history, and prints the calibration of each miner")
        .long_about(
            "Draws into a folder: `calibration` (how often it happened by bin of reports, with 95 % intervals and the number \
             of reports; the market beside one miner), `reliability` (the same curve of up to seven miners) and `history` \
             (the running sum of scores); and prints the calibration of each miner.",
        )
        .args(target)
        .arg(hotkey)
}

#[derive(Debug, Serialize)]
struct Plotted {
    files: Vec<PathBuf>,
    calibration: Vec<Named>,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let (folder, format) = target(matches)?;
    let history = history(case)?;
    let chosen = chosen(case, &history, matches.get_one::<Account>("hotkey"))?;
    let calibration = reliability(case, &chosen)?;
    let line = |who: &Identity| Some((short(who), history.get(who)?.clone()));
    let lines: Vec<chart::Line> = chosen.iter().filter_map(line).collect();
    let rule = serde_json::to_value(case.rules.rule)?.as_str().unwrap_or_default().to_owned();
    let few = calibration.get(..2).unwrap_or(&calibration);
    let charts: [(&str, Draw<'_>); 3] = [
        ("calibration", &|canvas| chart::calibration(canvas, few)),
        ("reliability", &|canvas| chart::reliability(canvas, &calibration)),
        ("history", &|canvas| chart::history(canvas, &lines, &rule)),
    ];
    create_folder(folder)?;
    let mut files = Vec::new();
    for (name, draw) in charts {
        let mut canvas: Box<dyn Canvas> =
            if format == "png" { Box::new(raster::Raster::new()) } else { Box::new(svg::Svg::new()) };
        draw(&mut *canvas);
        let file = folder.join(format!("{name}.{format}"));
        fs::write(&file, canvas.finish()?).with_context(|| file.display().to_string())?;
        files.push(file);
    }
    case.output.result(&Plotted { files, calibration }, text)?;
    Ok(())
}

type Draw<'a> = &'a dyn Fn(&mut dyn Canvas);
type History = BTreeMap<Identity, Vec<(f64, f64)>>;

/// The miner asked for, or those with the largest sums.
fn chosen(case: &Case, history: &History, hotkey: Option<&Account>) -> Result<Vec<Identity>, Failure> {
    if history.is_empty() {
        return Err(anyhow!("nothing to plot: no event of the ledger has been scored").into());
    }
    let mut all: Vec<(Identity, f64)> =
        history.iter().map(|(who, line)| (*who, line.last().map_or(0.0, |point| point.1))).collect();
    if let Some(hotkey) = hotkey {
        all.retain(|(who, _)| who.hotkey == *hotkey);
        if all.is_empty() {
            let known = case.archive.identities().any(|who| who.hotkey == *hotkey);
            let what = if known { "has no score on any event" } else { "is no miner of this ledger" };
            return Err(Failure::new(Exit::Missing, anyhow!("{hotkey} {what}")));
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all.into_iter().take(SHOWN).map(|(who, _)| who).collect())
}

/// The running sum of every miner's scores over the counted events, numbered from 1.
fn history(case: &Case) -> Result<History, Failure> {
    let mut lines = History::new();
    let counted = case.archive.rescored(&case.rules)?.into_iter().filter(|event| event.state == EventState::Scored);
    for (k, event) in counted.enumerate() {
        for (who, score) in event.scores {
            let line = lines.entry(who).or_insert_with(|| vec![(k as f64, 0.0)]);
            let sum = line.last().map_or(0.0, |point| point.1);
            line.push(((k + 1) as f64, sum + score));
        }
    }
    Ok(lines)
}

/// Calibration of the market's price and of the chosen miners, over mean reports per event.
fn reliability(case: &Case, chosen: &[Identity]) -> Result<Vec<Named>, Failure> {
    let settled = case.archive.settled()?;
    let reports = case.archive.mean_reports(usize::MAX)?;
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
        let of = |c: &Calibration| [c.brier, c.reliability, c.resolution].map(|x| format!("{x:.4}"));
        table.row([name.clone(), c.count.to_string()].into_iter().chain(of(c)));
    }
    let files: String = plotted.files.iter().map(|file| format!("{}\n", file.display())).collect();
    format!("{}\n{files}", table.render())
}
