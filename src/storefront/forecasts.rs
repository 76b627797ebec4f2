//! What the miners of events say together, for the door of a gateway: forecasts as plain JSON, in the manner of its API.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::Source;
use super::answers::time;
use super::forecast::together;
use super::paging::{Asked, page};
use super::problem::Problem;
use super::shelf::{Shelf, Shop};
use crate::scoring::community::median;
use crate::subnets::events::ledger::{EventRow, Listed, state_name, state_named};
use crate::units::Foreign;

/// What the miners together say of an event now.
#[derive(Debug, Serialize)]
struct Forecast {
    object: &'static str,
    id: String,
    question: Foreign,
    state: &'static str,
    /// The chance that the first outcome comes true: what the best say together, or the mean while nobody has a record.
    probability: Option<f64>,
    community: Option<f64>,
    mean: Option<f64>,
    median: Option<f64>,
    /// Miners that answered in the current interval.
    miners: usize,
    /// The last price of the market.
    market_price: Option<f64>,
    cutoff: String,
    resolves_at: Option<String>,
    outcome: Option<f64>,
}

#[derive(Debug, Serialize)]
struct List {
    object: &'static str,
    data: Vec<Forecast>,
    next_cursor: Option<String>,
}

/// A no in the shape of the gateway's API.
struct No(Problem);

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        self.0.as_openai()
    }
}

/// `/v1/forecasts` (of `state`, usually `open`; `limit`, `cursor`) and `/v1/forecasts/{id}`. Who may come in is for the
/// door to say that they are put behind ([`crate::gateway::GatewayConfig::beside`]).
pub fn forecasts(source: Source) -> Router {
    let router = Router::new().route("/v1/forecasts", get(list)).route("/v1/forecasts/{id}", get(one));
    router.with_state(Shop::new(source))
}

async fn list(State(shop): State<Shop>, asked: Result<Asked, Problem>) -> Result<Response, No> {
    let asked = asked?;
    let limit = asked.limit(20, 100)?;
    let before: Option<i64> = asked.cursor()?;
    let word = asked.one("state").unwrap_or("open");
    let state = state_named(word).ok_or_else(|| Problem::bad("`state` is no state of an event"))?;
    let read = move |shelf: &Shelf| {
        let mut found = shelf.archive.newest(Some(state), before, limit + 1)?;
        let next_cursor = page(&mut found, limit, |(number, _)| *number)?;
        let data = found.into_iter().map(|(_, listed)| forecast(shelf, listed)).collect::<Result<_, _>>()?;
        Ok(List { object: "list", data, next_cursor })
    };
    Ok(shop.answer(read).await?)
}

async fn one(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Response, No> {
    let read = move |shelf: &Shelf| {
        let listed = shelf.archive.listed_one(&id)?.ok_or_else(Problem::no_event)?;
        forecast(shelf, listed)
    };
    Ok(shop.answer(read).await?)
}

fn forecast(shelf: &Shelf, listed: Listed) -> Result<Forecast, Problem> {
    let Listed { event, price, .. } = listed;
    let (_, cells) = shelf.archive.said_at(&event.key, shelf.now())?.ok_or_else(Problem::no_event)?;
    let said: Vec<f64> = cells.iter().map(|cell| cell.stats.mean_p()).collect();
    let mean = (!said.is_empty()).then(|| said.iter().sum::<f64>() / said.len() as f64);
    let community = together(cells.iter(), &*shelf.averages()?);
    let EventRow { key, description, state, cutoff, ends_at, outcome, .. } = event;
    Ok(Forecast {
        object: "forecast",
        id: key,
        question: description,
        state: state_name(state),
        probability: community.or(mean),
        community,
        mean,
        median: median(said),
        miners: cells.len(),
        market_price: price,
        cutoff: time(cutoff),
        resolves_at: ends_at.map(time),
        outcome,
    })
}
