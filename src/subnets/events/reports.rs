//! What the event service of 2025 is told, a few times an hour: what miners said in intervals that are over, and what scored
//! events came to. The ledger remembers what was told; what the service did not take is told again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ledger::{ClosedInterval, EventsLedger, ScoredRows};
use crate::clock::Clock;
use crate::market::ifgames::{NAME, PredictionRow, Reporter, ResultRow};
use crate::scoring::grid::minutes_since_origin;
use crate::subnets::work::{Peers, WorkError};
use crate::units::{Identity, Uid, UnixMs};

/// Rows of one report, as the reference has it.
const BATCH: usize = 300;
/// Intervals, and events, told of in one pass.
const AT_ONCE: usize = 500;
/// The least version of the rules that the service takes results of.
const SPEC_VERSION: &str = "1039";

/// See the module.
#[derive(Debug)]
pub struct Reports {
    reporter: Reporter,
    ledger: EventsLedger,
    peers: Arc<dyn Peers>,
    clock: Clock,
}

/// Who everybody is in one pass.
struct Names {
    validator_hotkey: String,
    validator_uid: Uid,
    miners: BTreeMap<Identity, Uid>,
    now: UnixMs,
}

impl Reports {
    /// Tells `reporter` of what is in `ledger`.
    #[must_use]
    pub const fn new(reporter: Reporter, ledger: EventsLedger, peers: Arc<dyn Peers>, clock: Clock) -> Self {
        Self { reporter, ledger, peers, clock }
    }

    /// Tells what is new; how many rows that were. Without a uid of our own there is nothing that would be taken.
    ///
    /// # Errors
    /// The ledger's, or the service did not take a report: what it took before stays told.
    pub async fn tell(&self) -> Result<usize, WorkError> {
        let Some(validator_uid) = self.peers.own() else { return Ok(0) };
        let names = Names {
            validator_hotkey: self.reporter.hotkey().ss58(),
            validator_uid,
            miners: self.peers.now().iter().map(|peer| (peer.identity, peer.uid)).collect(),
            now: self.clock.now(),
        };
        Ok(self.tell_predictions(&names).await? + self.tell_results(&names).await?)
    }

    /// An interval is told when all its rows are: of one that goes in two reports, both.
    async fn tell_predictions(&self, names: &Names) -> Result<usize, WorkError> {
        let mut told = 0;
        let mut batch: Vec<PredictionRow> = Vec::new();
        let mut within: Vec<(String, i64)> = Vec::new();
        for interval in self.ledger.untold_intervals(NAME, names.now, AT_ONCE).await? {
            batch.extend(names.predictions(&interval));
            within.push((interval.event, interval.interval));
            if batch.len() >= BATCH {
                told += self.send(&mut batch, &mut within).await?;
            }
        }
        Ok(told + self.send(&mut batch, &mut within).await?)
    }

    async fn send(&self, batch: &mut Vec<PredictionRow>, within: &mut Vec<(String, i64)>) -> Result<usize, WorkError> {
        let rows = std::mem::take(batch);
        for part in rows.chunks(BATCH) {
            self.reporter.predictions(part).await?;
        }
        if !within.is_empty() {
            self.ledger.told_intervals(std::mem::take(within)).await?;
        }
        Ok(rows.len())
    }

    async fn tell_results(&self, names: &Names) -> Result<usize, WorkError> {
        let results = self.ledger.untold_results(NAME, names.now, AT_ONCE).await?;
        if results.is_empty() {
            return Ok(0);
        }
        let standings = self.ledger.standings().await?;
        let total: f64 = standings.miners.iter().map(|standing| standing.reward).sum();
        let share = |reward: f64| if total > 0.0 { reward / total } else { 0.0 };
        let shares = standings.miners.iter().map(|standing| (standing.identity, share(standing.reward))).collect();
        let mut told = 0;
        for scored in results {
            let rows = names.results(&scored, &shares);
            for part in rows.chunks(BATCH) {
                self.reporter.results(part).await?;
            }
            told += rows.len();
            if let Some(settled_at) = scored.event.settled_at {
                self.ledger.told_results(scored.event.key, settled_at).await?;
            }
        }
        Ok(told)
    }
}

impl Names {
    /// A row for each miner that is registered now.
    fn predictions(&self, interval: &ClosedInterval) -> Vec<PredictionRow> {
        let row = |(identity, stats): &(Identity, crate::scoring::IntervalStats)| {
            Some(PredictionRow {
                unique_event_id: interval.event.clone(),
                provider_type: NAME.to_owned(),
                prediction: stats.last.p,
                interval_start_minutes: minutes_since_origin(interval.start),
                interval_agg_prediction: stats.mean_p(),
                interval_agg_count: stats.count,
                interval_datetime: interval.start.rfc3339(),
                miner_hotkey: identity.hotkey.ss58(),
                miner_uid: self.miners.get(identity)?.0,
                validator_hotkey: self.validator_hotkey.clone(),
                validator_uid: self.validator_uid.0,
                title: None,
                outcome: None,
                submitted_at: self.now.rfc3339(),
            })
        };
        interval.said.iter().filter_map(row).collect()
    }

    /// A row for each miner that is registered now and made a prediction: a score of silence has none to tell.
    fn results(&self, scored: &ScoredRows, shares: &BTreeMap<Identity, f64>) -> Vec<ResultRow> {
        let event = &scored.event;
        let Some(answer) = event.outcome else { return Vec::new() };
        let row = |(identity, since, said, score): &(Identity, UnixMs, Option<f64>, f64)| {
            Some(ResultRow {
                event_id: event.id.clone(),
                prediction: (*said)?,
                answer,
                miner_hotkey: identity.hotkey.ss58(),
                miner_uid: self.miners.get(identity)?.0,
                miner_score: *score,
                miner_effective_score: shares.get(identity).copied().unwrap_or(0.0),
                validator_hotkey: self.validator_hotkey.clone(),
                validator_uid: self.validator_uid.0,
                spec_version: SPEC_VERSION.to_owned(),
                registered_date: since.rfc3339(),
                scored_at: event.settled_at.unwrap_or(self.now).rfc3339(),
            })
        };
        scored.rows.iter().filter_map(row).collect()
    }
}
