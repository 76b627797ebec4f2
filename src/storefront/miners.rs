//! Answers about miners: how they stand, and what became of their predictions.

use axum::extract::{Path, State};
use axum::response::Response;

use super::answers::{History, Line, Miners, Standing};
use super::paging::{Asked, page};
use super::problem::Problem;
use super::shelf::{Averages, Shelf, Shop, Uids};
use crate::subnets::events::ledger::{self, HistoryPlace};
use crate::units::UnixMs;

type Answer = Result<Response, Problem>;

/// Everybody in the window, the best first.
pub(super) async fn list(State(shop): State<Shop>) -> Answer {
    let read = |shelf: &Shelf| {
        let (averages, uids) = (shelf.averages()?, shelf.uids());
        let mut order: Vec<&ledger::Standing> = averages.standings.miners.iter().collect();
        order.sort_by(|a, b| b.average.total_cmp(&a.average).then(a.identity.cmp(&b.identity)));
        let row = |standing| shown(&averages, &uids, standing);
        Ok(Miners { events: averages.standings.events, miners: order.into_iter().map(row).collect() })
    };
    shop.answer(read).await
}

fn shown(averages: &Averages, uids: &Uids, standing: &ledger::Standing) -> Standing {
    Standing {
        who: uids.who(&standing.identity),
        average: standing.average,
        reward: standing.reward,
        share: if averages.total > 0.0 { standing.reward / averages.total } else { 0.0 },
        events_predicted: standing.predicted,
        events: averages.standings.events,
    }
}

/// One miner. One that the ledger knows and that has no score in the window stands at 0.
pub(super) async fn one(State(shop): State<Shop>, Path(hotkey): Path<String>, asked: Asked) -> Answer {
    let read = move |shelf: &Shelf| {
        let identity = shelf.identity(&hotkey, asked.one("registered_at"))?;
        let averages = shelf.averages()?;
        let nothing = ledger::Standing { identity, average: 0.0, reward: 0.0, predicted: 0 };
        let own = averages.standings.miners.iter().find(|standing| standing.identity == identity);
        Ok(shown(&averages, &shelf.uids(), own.unwrap_or(&nothing)))
    };
    shop.answer(read).await
}

/// A miner's counted events, the latest resolution first; those that it did not predict have no score.
pub(super) async fn history(State(shop): State<Shop>, Path(hotkey): Path<String>, asked: Asked) -> Answer {
    let limit = asked.limit(100, 500)?;
    let before: Option<(i64, String)> = asked.cursor()?;
    let read = move |shelf: &Shelf| {
        let identity = shelf.identity(&hotkey, asked.one("registered_at"))?;
        let before: Option<HistoryPlace> = before.map(|(at, key)| (UnixMs(at), key));
        let mut found = shelf.archive.history_before(identity, before.as_ref(), limit + 1)?;
        let next_cursor = page(&mut found, limit, |line| (line.resolved_at.0, line.event.clone()))?;
        let who = shelf.uids().who(&identity);
        Ok(History { who, history: found.into_iter().map(Line::from).collect(), next_cursor })
    };
    shop.answer(read).await
}
