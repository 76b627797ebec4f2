//! What a validator has done: one line now and then, metrics, health.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::facts;
use super::subnet::Subnet;
use super::weights::WeightsOutcome;
use crate::clock;
use crate::subnets::events::TickSummary;
use crate::telemetry::{Health, Sheet};

/// Time beyond some ticks before a validator without one counts as failing: a chain or a market may be slow.
const SLACK: Duration = Duration::from_secs(60);

/// What the one human line, the metrics and the health are made of.
#[derive(Debug)]
pub(super) struct Status {
    state: Mutex<State>,
    started: Instant,
    tick: Duration,
}

#[derive(Debug, Default)]
struct State {
    ticks: u64,
    settled: u64,
    last: Option<(TickSummary, Instant)>,
    weights_at: Option<u64>,
}

impl Status {
    /// Nothing was done yet; there should be a tick in every `tick`.
    pub(super) fn new(tick: Duration) -> Self {
        Self { state: Mutex::default(), started: clock::monotonic(), tick }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ticked(&self, summary: TickSummary) {
        let mut state = self.state();
        state.ticks += 1;
        state.settled += summary.settled.len() as u64;
        tracing::debug!(
            open = summary.open_events,
            asked = summary.asked,
            answered = summary.answered,
            fates = ?summary.fates,
            settled = summary.settled.len(),
            "tick"
        );
        state.last = Some((summary, clock::monotonic()));
    }

    pub(super) fn weighed(&self, outcome: WeightsOutcome) {
        if let WeightsOutcome::Set { block, weights } = outcome {
            tracing::info!(block, ?weights, "weights set");
            self.state().weights_at = Some(block);
        }
    }

    pub(super) fn tell(&self, subnet: &Subnet) {
        let state = self.state();
        let Some((last, _)) = &state.last else { return };
        let snapshot = subnet.now();
        tracing::info!(
            block = snapshot.metagraph.block,
            ticks = state.ticks,
            open_events = last.open_events,
            asked = last.asked,
            answered = last.answered,
            settled = state.settled,
            weights_at_block = state.weights_at,
            "{} open events, {} of {} miners answered, {} events settled since the start",
            last.open_events,
            last.answered,
            last.asked,
            state.settled,
        );
    }

    pub(super) fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let state = self.state();
        sheet.counter("neuron_validator_ticks", "Ticks done", state.ticks)?;
        sheet.counter("neuron_validator_events_settled", "Events that ended and were scored", state.settled)?;
        let last = state.last.as_ref();
        let age = last.map(|(_, at)| at.elapsed().as_secs_f64());
        sheet.gauge("neuron_validator_last_tick_age_seconds", "Time since the last tick was done", age)?;
        let number = |of: fn(&TickSummary) -> usize| last.map(|(summary, _)| of(summary) as f64);
        for (name, help, value) in [
            ("neuron_validator_events_open", "Events asked about in the last tick", number(|tick| tick.open_events)),
            ("neuron_validator_miners_asked", "Miners asked in the last tick", number(|tick| tick.asked)),
            ("neuron_validator_miners_answered", "Of them, those with a usable answer", number(|tick| tick.answered)),
            (
                "neuron_validator_markets_failed",
                "Markets the last tick could not read",
                number(|tick| tick.markets_failed),
            ),
        ] {
            sheet.gauge(name, help, value)?;
        }
        let weights_at = state.weights_at.map(|block| block as f64);
        sheet.gauge("neuron_validator_weights_block", "The block of the last weights set since the start", weights_at)
    }

    /// Failing when the last tick, or the start, lies three ticks and [`SLACK`] back.
    pub(super) fn health(&self) -> Health {
        let state = self.state();
        let age = state.last.as_ref().map_or(self.started, |(_, at)| *at).elapsed();
        let facts = facts([
            ("role", "validator".into()),
            ("ticks", state.ticks.into()),
            ("last_tick_age_s", age.as_secs().into()),
            ("weights_block", state.weights_at.into()),
        ]);
        Health { ok: age <= self.tick * 3 + SLACK, facts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_without_ticks_is_failing_after_some() {
        let status = Status::new(Duration::from_secs(60));
        assert!(status.health().ok, "it has only begun");
        status.ticked(TickSummary { open_events: 3, ..TickSummary::default() });
        let health = status.health();
        assert_eq!((health.ok, &health.facts["ticks"]), (true, &1.into()));

        let long_ago = clock::monotonic().checked_sub(SLACK + Duration::from_secs(181)).unwrap();
        status.state().last.as_mut().unwrap().1 = long_ago;
        assert!(!status.health().ok);
        let mut never = Status::new(Duration::from_secs(60));
        never.started = long_ago;
        assert!(!never.health().ok);
    }
}
