//! How the weights stand: for the log's line of each tempo, metrics and health.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::job::{Job, Mode, Stage};
use super::machine::{self, Move, Wait};
use crate::subtensor::weights::{MechId, MechanismGround, WeightsGround};
use crate::telemetry::Sheet;
use crate::units::BlockNumber;

/// What is said where weights are due, and there are none.
pub const NO_SCORES: &str = "no miner has earned anything yet";

/// What is known of each mechanism's weights, as of the last pass.
#[derive(Debug, Default)]
pub struct WeightsView(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told_epoch: Option<u64>,
    mechanisms: BTreeMap<MechId, MechanismView>,
    shown: u64,
    failed: u64,
    lost: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
struct MechanismView {
    /// The last weights or commit; `None` when there never was any.
    last_update: Option<BlockNumber>,
    /// What is on its way, by stage.
    open: Vec<(i64, Mode, Stage)>,
    /// The block at which something is to be done next, and what.
    next_at: Option<BlockNumber>,
    next: String,
    /// The last job whose weights the chain showed, and when that was seen.
    shown: Option<(i64, BlockNumber)>,
    /// The last thing that went wrong, until the next weights are shown.
    trouble: Option<String>,
}

impl WeightsView {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pass has looked at a mechanism.
    pub(super) fn decided(&self, ground: &WeightsGround, mechanism: &MechanismGround, jobs: &[Job], step: &Move) {
        let last = machine::last_update(mechanism, jobs);
        let never = mechanism.row.0.is_empty() && last <= ground.own.registered_at;
        let mut state = self.state();
        let view = state.mechanisms.entry(mechanism.mechanism).or_default();
        view.last_update = (!never).then_some(last);
        view.open = jobs.iter().filter(|job| !job.stage.is_end()).map(|job| (job.id, job.mode, job.stage)).collect();
        let (at, next) = match step {
            Move::Wait { until, why } => (*until, told(why)),
            _ => (ground.block, "at work".to_owned()),
        };
        (view.next_at, view.next) = (Some(at), next);
        if let Move::Wait { why: Wait::Remedy(obstacle), .. } = step {
            view.trouble = Some(obstacle.to_string());
        }
        if let Move::Wait { why: Wait::Reveal { job, late: true }, .. } = step {
            let trouble = format!("the chain has not revealed job {job} yet: its beacon is late or has stopped");
            if view.trouble.as_ref() != Some(&trouble) {
                tracing::warn!(
                    job,
                    mechanism = mechanism.mechanism,
                    newest_round = ground.beacon.last_round,
                    "{trouble}"
                );
                view.trouble = Some(trouble);
            }
        }
    }

    /// Weights are due, and there are none: nobody has earned anything.
    pub(super) fn without_scores(&self, mechanism: MechId) {
        self.state().mechanisms.entry(mechanism).or_default().next = NO_SCORES.to_owned();
    }

    /// The chain shows what was written.
    pub(super) fn shown(&self, job: &Job, block: BlockNumber) {
        tracing::info!(job = job.id, mechanism = job.mechanism, block, mode = %job.mode, "the chain has our weights");
        let mut state = self.state();
        state.shown = state.shown.saturating_add(1);
        let view = state.mechanisms.entry(job.mechanism).or_default();
        (view.shown, view.trouble) = (Some((job.id, block)), None);
    }

    /// A transaction was refused, or never included.
    pub(super) fn failed(&self, job: &Job, cause: &str) {
        let mut state = self.state();
        state.failed = state.failed.saturating_add(1);
        state.mechanisms.entry(job.mechanism).or_default().trouble = Some(cause.to_owned());
    }

    /// Weights were committed or set, and are not there.
    pub(super) fn lost(&self, job: &Job, cause: &str) {
        let mut state = self.state();
        state.lost = state.lost.saturating_add(1);
        state.mechanisms.entry(job.mechanism).or_default().trouble = Some(cause.to_owned());
    }

    /// One line per epoch about each mechanism.
    pub(super) fn tell(&self, ground: &WeightsGround) {
        let mut state = self.state();
        let epoch = ground.epochs.index();
        if state.told_epoch.replace(epoch) == Some(epoch) {
            return;
        }
        for (mechanism, view) in &state.mechanisms {
            let age = view.last_update.map(|at| ground.block.saturating_sub(at));
            let age = age.map_or_else(|| "never set".to_owned(), |age| format!("{age} blocks old"));
            let trouble = view.trouble.as_ref().map_or_else(String::new, |trouble| format!("; {trouble}"));
            tracing::info!(
                mechanism,
                epoch,
                block = ground.block,
                next_epoch = ground.epochs.next(),
                "weights: {age}, {}{trouble}",
                view.next
            );
        }
    }

    /// The block of the oldest mechanism's last weights; `None` when any was never set, or none was looked at.
    #[must_use]
    pub fn last_update(&self) -> Option<BlockNumber> {
        let state = self.state();
        let all: Option<Vec<BlockNumber>> = state.mechanisms.values().map(|view| view.last_update).collect();
        all?.into_iter().min()
    }

    /// Writes the metrics; `block` is the newest one.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn write(&self, sheet: &mut Sheet<'_>, block: BlockNumber) -> fmt::Result {
        let age = self.last_update().map(|at| block.saturating_sub(at) as f64);
        sheet.gauge("neuron_weights_age_blocks", "Blocks since the chain's last update of our weights", age)?;
        let (shown, failed, lost) = {
            let state = self.state();
            (state.shown, state.failed, state.lost)
        };
        sheet.counter("neuron_weights_shown", "Weights that the chain showed as written", shown)?;
        sheet.counter(
            "neuron_weights_failed",
            "Transactions of weights that were refused or never included",
            failed,
        )?;
        sheet.counter("neuron_weights_lost", "Weights that were in a block and that the chain does not show", lost)
    }

    /// The same as a fact of `/health`.
    #[must_use]
    pub fn fact(&self, block: BlockNumber) -> Value {
        let age = self.last_update().map(|at| block.saturating_sub(at));
        let state = self.state();
        serde_json::json!({
            "age_blocks": age,
            "shown": state.shown,
            "failed": state.failed,
            "lost": state.lost,
            "mechanisms": state.mechanisms,
        })
    }
}

fn told(why: &Wait) -> String {
    match why {
        Wait::Due => "due later".to_owned(),
        Wait::Reveal { job, .. } => format!("job {job} waits for its reveal"),
        Wait::Node => "the node is late".to_owned(),
        Wait::Remedy(obstacle) => format!("cannot be set: {obstacle}"),
    }
}
