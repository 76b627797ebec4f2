//! Averages over the window of counted events.

use std::collections::{BTreeMap, HashMap};

use super::read::{self, Counted};
use super::types::{Standing, Standings};
use crate::ledger::Fault;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, params};
use crate::scoring::Rules;
use crate::scoring::window::{ScoredEvent, averages};
use crate::units::UnixMs;

/// The averages of the window that the rules ask for.
pub(super) fn standings(connection: &Connection, rules: &Rules) -> Result<Standings, Fault> {
    Remembered::default().standings(connection, rules)
}

/// A window as it was last read. A score changes only with its event's settlement: of a window that has moved on by one event,
/// the scores of that one are read.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    scores: HashMap<i64, (Counted, Vec<(MinerId, f64)>)>,
    last: Option<Last>,
}

/// What the last window came to.
#[derive(Debug)]
struct Last {
    rules: Rules,
    window: Vec<Counted>,
    standings: Standings,
}

impl Remembered {
    /// As [`standings`].
    pub(super) fn standings(&mut self, connection: &Connection, rules: &Rules) -> Result<Standings, Fault> {
        let mut window = read::counted(connection, rules.window_events)?;
        window.reverse();
        if let Some(last) = self.last.as_ref().filter(|last| last.window == window && last.rules == *rules) {
            return Ok(last.standings.clone());
        }
        let averages = averages(&self.scored(connection, &window)?, rules);
        let miners = miners::all(connection)?;
        let mut found: Vec<Standing> = averages
            .into_iter()
            .filter_map(|(id, average)| {
                let identity = miners.get(&id)?.0;
                Some(Standing { identity, average: average.mean, reward: average.reward, predicted: average.predicted })
            })
            .collect();
        found.sort_by_key(|standing| standing.identity);
        let standings = Standings { events: window.len(), miners: found };
        self.last = Some(Last { rules: rules.clone(), window, standings: standings.clone() });
        Ok(standings)
    }

    /// The events of a window with their scores; what is not in it is forgotten.
    fn scored(&mut self, connection: &Connection, window: &[Counted]) -> Result<Vec<ScoredEvent<MinerId>>, Fault> {
        let mut before = std::mem::take(&mut self.scores);
        let mut found = Vec::with_capacity(window.len());
        for event in window {
            let known = before.remove(&event.id).filter(|(as_it_was, _)| as_it_was == event);
            let scores = match known {
                Some((_, scores)) => scores,
                None => read::scores(connection, event.id)?,
            };
            found.push(ScoredEvent {
                outcome: event.outcome.unwrap_or(0.5),
                resolved: event.resolved_at.unwrap_or(UnixMs(0)),
                scores: scores.clone(),
            });
            self.scores.insert(event.id, (*event, scores));
        }
        Ok(found)
    }
}

/// How many events each miner has a score in, over all of the ledger.
pub(super) fn predicted(connection: &Connection) -> Result<BTreeMap<MinerId, u64>, Fault> {
    let mut query = connection.prepare_cached("SELECT miner, COUNT(*) FROM scores GROUP BY miner")?;
    let rows = query.query_map(params![], |row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnets::events::ledger::Archive;
    use crate::subnets::events::ledger::{
        EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
    };
    use crate::units::{Account, Identity};

    const HOUR: i64 = 3_600_000;

    async fn settle(ledger: &EventsLedger, number: i64, payout: f64, seen: i64) {
        let (event, at) = (format!("m-{number}"), Some(UnixMs(HOUR + number)));
        let resolution = Resolution { event, outcome: Outcome::Payout(payout), at, seen: UnixMs(seen) };
        ledger.resolve(resolution).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_remembered_is_what_would_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let rules = Rules { window_events: 3, ..Rules::default() };
        let ledger = EventsLedger::open(&path, Options { rules: rules.clone(), ..Options::default() }).unwrap();
        let event = |number: i64| NewEvent {
            key: format!("m-{number}"),
            provider: "m".into(),
            id: number.to_string(),
            description: "?".into(),
            opened_at: UnixMs(0),
            cutoff: UnixMs(2 * HOUR),
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events((0..6).map(event).collect()).await.unwrap();
        let at = UnixMs(60_000);
        let mut tick = Tick { at, ..Tick::default() };
        for number in 0..6 {
            let event: std::sync::Arc<str> = format!("m-{number}").into();
            tick.prices.push(PriceRow {
                event: event.clone(),
                price: 0.5,
                at,
                source: crate::market::PriceSource::File,
            });
            for (miner, p) in [(1, 0.9), (2, 0.3)] {
                let identity = Identity { hotkey: Account([miner; 32]), registered_at: 1 };
                tick.submissions.push(Submission { identity, event: event.clone(), p, at });
            }
        }
        ledger.record_tick(tick).await.unwrap();

        let archive = Archive::open(&path).unwrap();
        let agree = || {
            let fresh = Archive::open(&path).unwrap().standings(&rules).unwrap();
            assert_eq!(archive.standings(&rules).unwrap(), fresh);
            fresh
        };
        agree();
        let mut seen = Vec::new();
        for number in 0..6 {
            settle(&ledger, number, (number % 2) as f64, 2 * HOUR + number).await;
            seen.push(agree());
        }
        assert_eq!((seen[5].events, seen[5].miners.len()), (3, 2));
        // The outcome of one in the window is corrected, then of one that has left it.
        settle(&ledger, 4, 1.0, 3 * HOUR).await;
        let corrected = agree();
        assert_ne!(corrected, seen[5]);
        settle(&ledger, 0, 1.0, 3 * HOUR).await;
        assert_eq!(agree(), corrected);
        let other = Rules { window_events: 5, ..rules.clone() };
        assert_eq!(archive.standings(&other).unwrap().events, 5, "other rules are not those that are remembered");
        agree();
    }
}
