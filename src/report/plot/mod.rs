//! Calibration, reliability and score history as pictures.

mod chart;
mod forecasts;
mod lines;
#[cfg(feature = "png")]
mod png;
mod style;
mod svg;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::miner::MinerReport;
use super::{Case, ReportError, create_folder, short};
use crate::scoring::admission::EventState;
use crate::scoring::calibration::calibration;
use crate::units::{Account, Identity};
pub use chart::Named;
pub(super) use forecasts::{fan, ranks, skill};
pub use lines::{Curve, Curves, curves, series};
use svg::Svg;

const BINS: usize = 10;
/// Miners in one picture.
const SHOWN: usize = 7;

/// What kind of files the pictures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text that scales.
    Svg,
    /// Pixels, 1600 × 1160; with feature `png`.
    #[cfg(feature = "png")]
    Png,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            #[cfg(feature = "png")]
            Self::Png => "png",
        }
    }

    fn encode(self, svg: String) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Svg => Ok(svg.into_bytes()),
            #[cfg(feature = "png")]
            Self::Png => png::draw(&svg),
        }
    }
}

/// What was drawn.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Plotted {
    /// The pictures.
    pub files: Vec<PathBuf>,
    /// Calibration of the market, then of each miner in the pictures.
    pub calibration: Vec<Named>,
}

/// Draws into a folder, which is made when it does not exist: `calibration`, `reliability` and `history`; of the seven
/// miners with the largest sums of scores, or of `hotkey` alone.
///
/// # Errors
/// [`ReportError::NothingToPlot`], [`ReportError::UnknownMiner`], [`ReportError::NoScore`], [`ReportError::Folder`],
/// [`ReportError::File`], or the ledger's.
pub fn plot(case: &Case, folder: &Path, format: Format, hotkey: Option<&Account>) -> Result<Plotted, ReportError> {
    let history = history(case)?;
    let chosen = chosen(case, &history, hotkey)?;
    let calibration = reliability(case, &chosen)?;
    let line = |who: &Identity| Some((short(who), history.get(who)?.clone()));
    let lines: Vec<chart::Line> = chosen.iter().filter_map(line).collect();
    let few = calibration.get(..2).unwrap_or(&calibration);
    let charts: [(&str, Draw<'_>); 3] = [
        ("calibration", &|svg| chart::calibration(svg, few)),
        ("reliability", &|svg| chart::reliability(svg, &calibration)),
        ("history", &|svg| chart::history(svg, &lines, case.rules.rule.name())),
    ];
    let files = draw_all(folder, format, &charts)?;
    Ok(Plotted { files, calibration })
}

/// Draws a miner's own record into a folder, which is made when it does not exist: `calibration`, and `history`, the running
/// sum of its gains.
///
/// # Errors
/// [`ReportError::NothingToPlot`], [`ReportError::Folder`], [`ReportError::File`].
pub fn plot_miner(report: &MinerReport, folder: &Path, format: Format) -> Result<Vec<PathBuf>, ReportError> {
    if report.all.events == 0 {
        return Err(ReportError::NothingToPlot);
    }
    let market = ("market".to_owned(), report.market_calibration.clone());
    let both = [market, ("this miner".to_owned(), report.calibration.clone())];
    let sums = report.history.iter().enumerate().map(|(k, (_, sum))| ((k + 1) as f64, *sum));
    let line = [("this miner".to_owned(), std::iter::once((0.0, 0.0)).chain(sums).collect())];
    let charts: [(&str, Draw<'_>); 2] = [
        ("calibration", &|svg| chart::calibration(svg, &both)),
        ("history", &|svg| chart::history(svg, &line, "gain on the price")),
    ];
    draw_all(folder, format, &charts)
}

fn draw_all(folder: &Path, format: Format, charts: &[(&str, Draw<'_>)]) -> Result<Vec<PathBuf>, ReportError> {
    create_folder(folder)?;
    let mut files = Vec::new();
    for (name, draw) in charts {
        let mut svg = Svg::new();
        draw(&mut svg);
        let path = folder.join(name).with_extension(format.extension());
        let written = format.encode(svg.finish()).and_then(|bytes| fs::write(&path, bytes));
        written.map_err(|source| ReportError::File { path: path.clone(), source })?;
        files.push(path);
    }
    Ok(files)
}

type Draw<'a> = &'a dyn Fn(&mut Svg);
type History = BTreeMap<Identity, Vec<(f64, f64)>>;

/// The miner asked for, or those with the largest sums.
fn chosen(case: &Case, history: &History, hotkey: Option<&Account>) -> Result<Vec<Identity>, ReportError> {
    if history.is_empty() {
        return Err(ReportError::NothingToPlot);
    }
    let mut all: Vec<(Identity, f64)> =
        history.iter().map(|(who, line)| (*who, line.last().map_or(0.0, |point| point.1))).collect();
    if let Some(hotkey) = hotkey {
        // Of a stranger more is to be said than that it has no score.
        case.identity(hotkey, None)?;
        all.retain(|(who, _)| who.hotkey == *hotkey);
        if all.is_empty() {
            return Err(ReportError::NoScore { hotkey: *hotkey });
        }
    }
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(all.into_iter().take(SHOWN).map(|(who, _)| who).collect())
}

/// The running sum of every miner's scores over the counted events, numbered from 1.
fn history(case: &Case) -> Result<History, ReportError> {
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
fn reliability(case: &Case, chosen: &[Identity]) -> Result<Vec<Named>, ReportError> {
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
