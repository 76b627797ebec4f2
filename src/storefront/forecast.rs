//! What the miners say about an event: together in each interval, and each by itself in the current one.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::answers::{Who, time};
use super::paging::Asked;
use super::problem::Problem;
use super::shelf::{Averages, Shelf, Shop};
use crate::scoring::community::{community, median};
use crate::scoring::grid::minutes_since_origin;
use crate::subnets::events::ledger::{CellLine, EventRow};
use crate::units::{Identity, UnixMs};

type Answer = Result<Response, Problem>;

/// Events whose community prediction may be asked for at once.
const AT_ONCE: usize = 20;

/// What the miners say together in one interval.
#[derive(Debug, Serialize)]
struct Interval {
    start: String,
    miners: usize,
    answers: u64,
    mean: f64,
    median: Option<f64>,
    community_prediction: Option<f64>,
    /// The mean of the prices that the answers are compared with.
    price: f64,
}

/// The same, interval by interval.
#[derive(Debug, Serialize)]
struct Forecast {
    unique_event_id: String,
    interval_minutes: u32,
    intervals: Vec<Interval>,
}

/// What the best say together in the current interval.
#[derive(Debug, Serialize)]
struct Community {
    event_id: String,
    community_prediction: Option<f64>,
    /// A second opinion: a regression on what the miners at each rank say. None while too few are ranked, or too little has ended.
    community_prediction_lr: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Communities {
    count: usize,
    community_predictions: Vec<Community>,
}

/// What one miner said in the current interval.
#[derive(Debug, Serialize)]
struct Prediction {
    unique_event_id: String,
    #[serde(flatten)]
    who: Who,
    interval_start_minutes: i64,
    interval_agg_prediction: f64,
    interval_count: u32,
    latest_prediction: f64,
    submitted_at: String,
}

#[derive(Debug, Serialize)]
struct Predictions {
    count: usize,
    predictions: Vec<Prediction>,
}

/// The forecast of all, by interval.
pub(super) async fn by_interval(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    shop.answer(move |shelf| {
        let (event, cells) = shelf.archive.said_about(&key)?.ok_or_else(Problem::no_event)?;
        let averages = shelf.averages()?;
        let mut by_start: BTreeMap<UnixMs, Vec<&CellLine>> = BTreeMap::new();
        for cell in &cells {
            by_start.entry(cell.start).or_default().push(cell);
        }
        let intervals = by_start.iter().map(|(start, cells)| interval(*start, cells, &averages)).collect();
        Ok(Forecast { unique_event_id: event.key, interval_minutes: event.interval_minutes, intervals })
    })
    .await
}

fn interval(start: UnixMs, cells: &[&CellLine], averages: &Averages) -> Interval {
    let n = cells.len().max(1) as f64;
    let sum = |of: fn(&CellLine) -> f64| cells.iter().map(|cell| of(cell)).sum::<f64>();
    Interval {
        start: time(start),
        miners: cells.len(),
        answers: cells.iter().map(|cell| u64::from(cell.stats.count)).sum(),
        mean: sum(|cell| cell.stats.mean_p()) / n,
        median: median(cells.iter().map(|cell| cell.stats.mean_p()).collect()),
        community_prediction: together(cells.iter().copied(), averages),
        price: sum(|cell| cell.stats.mean_r()) / n,
    }
}

pub(super) fn together<'a>(cells: impl Iterator<Item = &'a CellLine>, averages: &Averages) -> Option<f64> {
    community(cells.map(|cell| (averages.weight(&cell.identity), cell.stats.mean_p())).collect())
}

/// The community predictions of the events that are known among these. One that has fewer miners than the regression wants is
/// judged by it all the same when it is asked together with one that has enough, as the reference does.
fn communities_of(shelf: &Shelf, keys: &[String]) -> Result<Vec<Community>, Problem> {
    let averages = shelf.averages()?;
    let mut found = Vec::new();
    for key in keys {
        found.extend(shelf.archive.said_at(key, shelf.now())?);
    }
    let said: Vec<Vec<f64>> = found.iter().map(|(_, cells)| best_first(cells, &averages)).collect();
    let second = shelf.learnt().map_or_else(|| vec![None; said.len()], |learnt| learnt.chances(&said));
    let community = |((event, cells), community_prediction_lr): ((EventRow, Vec<CellLine>), Option<f64>)| Community {
        event_id: event.key,
        community_prediction: together(cells.iter(), &averages),
        community_prediction_lr,
    };
    Ok(found.into_iter().zip(second).map(community).collect())
}

/// What the miners with a score of the last two days say, who stands best first.
fn best_first(cells: &[CellLine], averages: &Averages) -> Vec<f64> {
    let heard = |cell: &CellLine| Some((averages.standing(&cell.identity)?, cell.identity, cell.stats.mean_p()));
    let mut heard: Vec<(f64, Identity, f64)> = cells.iter().filter_map(heard).collect();
    heard.sort_by(|(a, x, _), (b, y, _)| b.total_cmp(a).then(y.cmp(x)));
    heard.into_iter().map(|(_, _, p)| p).collect()
}

/// The community prediction of one event.
pub(super) async fn community_prediction(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    shop.answer(move |shelf| communities_of(shelf, &[key])?.pop().ok_or_else(Problem::no_event)).await
}

/// The same of several events; those that are not known are left out.
pub(super) async fn community_predictions(State(shop): State<Shop>, asked: Asked) -> Answer {
    let keys: Vec<String> = asked.all("event_ids").map(str::to_owned).collect();
    if keys.is_empty() || keys.len() > AT_ONCE {
        return Err(Problem::bad(format!("`event_ids` must be said 1 to {AT_ONCE} times, with one id each")));
    }
    shop.answer(move |shelf| {
        let community_predictions = communities_of(shelf, &keys)?;
        Ok(Communities { count: community_predictions.len(), community_predictions })
    })
    .await
}

/// What each miner said in the current interval, by uid and hotkey.
pub(super) async fn predictions(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    shop.answer(move |shelf| {
        let (event, cells) = shelf.archive.said_at(&key, shelf.now())?.ok_or_else(Problem::no_event)?;
        let uids = shelf.uids();
        let row = |cell: &CellLine| Prediction {
            unique_event_id: event.key.clone(),
            who: uids.who(&cell.identity),
            interval_start_minutes: minutes_since_origin(cell.start),
            interval_agg_prediction: cell.stats.mean_p(),
            interval_count: cell.stats.count,
            latest_prediction: cell.stats.last.p,
            submitted_at: time(cell.stats.last.t),
        };
        let mut predictions: Vec<Prediction> = cells.iter().map(row).collect();
        predictions.sort_by(|a, b| (a.who.miner_uid, &a.who.miner_hotkey).cmp(&(b.who.miner_uid, &b.who.miner_hotkey)));
        Ok(Predictions { count: predictions.len(), predictions })
    })
    .await
}
