//! Averages over the window of counted events.

use std::collections::BTreeMap;

use super::read::{self, Which};
use super::types::{Standing, Standings};
use crate::ledger::Fault;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, params};
use crate::scoring::Rules;
use crate::scoring::window::{ScoredEvent, averages};
use crate::units::UnixMs;

/// The averages of the window that the rules ask for.
pub(super) fn standings(connection: &Connection, rules: &Rules) -> Result<Standings, Fault> {
    let mut events = read::events(connection, Which::Counted(rules.window_events))?;
    events.reverse();
    let mut window = Vec::with_capacity(events.len());
    for (id, event) in &events {
        window.push(ScoredEvent {
            outcome: event.outcome.unwrap_or(0.5),
            resolved: event.resolved_at.unwrap_or(UnixMs(0)),
            scores: read::scores(connection, *id)?,
        });
    }
    let miners = miners::all(connection)?;
    let mut found: Vec<Standing> = averages(&window, rules)
        .into_iter()
        .filter_map(|(id, average)| {
            let identity = miners.get(&id)?.0;
            Some(Standing { identity, average: average.mean, reward: average.reward, predicted: average.predicted })
        })
        .collect();
    found.sort_by_key(|standing| standing.identity);
    Ok(Standings { events: window.len(), miners: found })
}

/// How many events each miner has a score in, over all of the ledger.
pub(super) fn predicted(connection: &Connection) -> Result<BTreeMap<MinerId, u64>, Fault> {
    let mut query = connection.prepare_cached("SELECT miner, COUNT(*) FROM scores GROUP BY miner")?;
    let rows = query.query_map(params![], |row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
