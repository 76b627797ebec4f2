//! A recording, gone through from its first moment to its last: `--test_only_historical 1`.
//!
//! It is moved by whole days so that it begins after now: miners, ours and others', take no question whose cutoff has passed, and
//! intervals fall where they fell.

use std::sync::Arc;
use std::time::Duration;

use super::ledger::EventsLedger;
use crate::clock::Clock;
use crate::ledger::LedgerError;
use crate::market::tape::Tape;
use crate::market::{MarketError, MarketSettings, Provider, replay};
use crate::subnets::past::{Next, Past};
use crate::subnets::work::{Peer, WorkError};
use crate::units::UnixMs;

/// Where nothing changes, ticks are this far apart: several in an interval of four hours.
const LONGEST_STEP_MS: i64 = 3_600_000;

/// See the module.
#[derive(Debug)]
pub(super) struct History {
    tape: Arc<Tape>,
    past: Past,
    starts: UnixMs,
}

impl History {
    /// `tape`, moved to begin within a day from `now`.
    ///
    /// # Errors
    /// [`MarketError::Recording`]: nothing happens in it.
    pub(super) fn begin(tape: Tape, now: UnixMs) -> Result<Self, MarketError> {
        let tape = Arc::new(tape.days_later(now));
        let span = tape.span().ok_or_else(|| MarketError::Recording("the recording is empty".to_owned()))?;
        // A moment before the first, which is then the next change.
        let (starts, ends) = (span.0.plus_ms(-1), span.1);
        Ok(Self { tape, past: Past::between(starts, ends), starts })
    }

    pub(super) fn clock(&self) -> Clock {
        self.past.clock().clone()
    }

    pub(super) fn is_over(&self) -> bool {
        self.past.is_over()
    }

    /// Its providers.
    pub(super) fn markets(&self, settings: &MarketSettings) -> Vec<Arc<dyn Provider>> {
        replay::providers(&self.tape, settings, self.past.clock())
    }

    /// Goes on to the next tick, once there is somebody to ask.
    ///
    /// # Errors
    /// [`WorkError::Setting`]: the ledger has other events; those of the file.
    pub(super) async fn go_on(&self, tick: Duration, peers: &[Peer], ledger: &EventsLedger) -> Result<Next, WorkError> {
        let now = self.past.clock().now();
        if now == self.starts {
            if !ledger.all_events().await?.is_empty() {
                let path = ledger.core().place().to_string();
                return Err(WorkError::Setting(format!(
                    "`--test_only_historical 1` does not mix a recording with the events in {path}: name another \
                     `--db.directory`"
                )));
            }
            if peers.is_empty() {
                tracing::info!("no miner serves yet; the recording waits");
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Ok(Next::Over);
            }
        }
        Ok(self.past.go_to(next_tick(&self.tape, now, tick)))
    }
}

/// The time of the tick after `now`: when something has changed, and not sooner than `tick`.
fn next_tick(tape: &Tape, now: UnixMs, tick: Duration) -> UnixMs {
    let soonest = now.plus_ms(i64::try_from(tick.as_millis()).unwrap_or(LONGEST_STEP_MS));
    let latest = now.plus_ms(LONGEST_STEP_MS).max(soonest);
    match tape.next_change(now) {
        Some(change) if change <= soonest => soonest.min(tape.span().map_or(soonest, |(_, ends)| ends.max(change))),
        Some(change) => change.min(latest),
        None => soonest,
    }
}

/// Says who stands where at its end.
///
/// # Errors
/// Those of the file.
pub(super) async fn tell(ledger: &EventsLedger) -> Result<(), LedgerError> {
    let standings = ledger.standings().await?;
    tracing::info!(events = standings.events, miners = standings.miners.len(), "the recording is over");
    for standing in standings.miners {
        tracing::info!(
            hotkey = %standing.identity.hotkey, average = standing.average, reward = standing.reward,
            events = standing.predicted, "the result of a miner"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tape::{Recorded, Unusable};
    use crate::units::Probability;

    const MINUTE: Duration = Duration::from_secs(60);

    fn tape(prices: &[i64], settled: i64) -> Tape {
        let price = |minute: &i64| (UnixMs(minute * 60_000), Probability::new(0.5).unwrap());
        let market = Recorded {
            provider: "polymarket".into(),
            id: "0x1".into(),
            question: "?".into(),
            rules: String::new(),
            outcomes: ["Yes".into(), "No".into()],
            opens_at: UnixMs(0),
            ends_at: None,
            cutoff: Some(UnixMs(settled * 60_000)),
            prices: prices.iter().map(price).collect(),
            sources: Vec::new(),
            unpriced: Vec::new(),
            void_at: None,
            settled: Some((UnixMs(settled * 60_000), Probability::ONE)),
        };
        Tape::new(vec![market], Unusable::default())
    }

    #[test]
    fn ticks_are_at_changes_not_too_dense_and_not_too_far_apart() {
        let tape = tape(&[0, 1, 2, 30, 200], 240);
        let mut at = UnixMs(-1);
        let mut minutes = Vec::new();
        while at.0 < 240 * 60_000 {
            at = next_tick(&tape, at, MINUTE * 2);
            minutes.push((at.0 as f64 / 60_000.0).round() as i64);
        }
        assert_eq!(minutes, [2, 4, 30, 90, 150, 200, 240]);
    }

    #[tokio::test]
    async fn it_begins_on_another_day_at_the_same_time_of_day() {
        let now = UnixMs(1_767_225_600_000 + 12_345);
        let history = History::begin(tape(&[0, 5], 10), now).unwrap();
        let start = history.tape.span().unwrap().0;
        assert!(start > now && start.since(now) <= 86_400_000 && start.0 % 86_400_000 == 0);
        assert_eq!(history.tape.markets()[0].cutoff, Some(start.plus_ms(600_000)));
        assert_eq!(history.clock().now(), start.plus_ms(-1));
    }
}
