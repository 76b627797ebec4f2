//! The same for a person.

use crate::cli::output::TextTable;
use crate::role::weights::{
    MechanismStatus, Mode, Moves, NO_SCORES, PastJob, WeightsExplanation, WeightsForecast, WeightsOutcome,
    WeightsStatus,
};

pub(super) fn status(status: &WeightsStatus) -> String {
    let WeightsStatus { netuid, hotkey, uid, block, epoch, rules, .. } = status;
    let way = match (status.mode, &status.obstacle) {
        (Some(mode), _) => format!("weights are set {}", told(mode)),
        (None, obstacle) => {
            format!("NO WEIGHTS CAN BE SET: {}", obstacle.as_deref().unwrap_or("the chain gives no reason"))
        }
    };
    let next = status.next_epoch.map_or_else(|| "never".to_owned(), |at| format!("at block {at}"));
    let mut lines = vec![
        format!("subnet {netuid}, uid {uid}, hotkey {hotkey}"),
        format!("block {block}, epoch {epoch}, the next one {next}"),
        format!("{way}; at most once in {} blocks, at least {} weights", rules.rate_limit, rules.min_allowed),
    ];
    if let Some(beacon) = &status.beacon {
        let period = rules.reveal_period;
        lines.push(format!(
            "commits are revealed {period} epochs later; the last round of the beacon on the chain is {}",
            beacon.last_round
        ));
    }
    lines.extend(status.mechanisms.iter().map(mechanism));
    lines.join("\n")
}

fn told(mode: Mode) -> &'static str {
    match mode {
        Mode::Plain => "plainly",
        Mode::Hashed => "by hashed commits",
        Mode::Timelocked => "by time-locked commits",
    }
}

fn mechanism(status: &MechanismStatus) -> String {
    let age = match (status.last_update, status.age_blocks) {
        (Some(at), Some(age)) => format!("last update at block {at}, {age} blocks ago"),
        _ => "never set".to_owned(),
    };
    let due = match status.blocks_to_go {
        0 => "due now".to_owned(),
        blocks => format!("due at block {}, in {blocks}", status.due_at),
    };
    let mut lines = vec![format!("mechanism {}: {age}; {due}", status.mechanism)];
    for commit in &status.commits {
        let at = commit.reveal_block.map_or_else(|| "never".to_owned(), |at| format!("from block {at}"));
        let round = commit.round.map_or_else(String::new, |round| format!(", round {round}"));
        lines.push(format!("  committed {}: reveal in epoch {}, {at}{round}", commit.hash, commit.reveal_epoch));
    }
    for job in &status.jobs {
        lines.push(format!("  job {} ({}): {}", job.id, job.mode, job.stage.name()));
    }
    let mut table = TextTable::new(["  uid", "weight"]);
    for (uid, value) in &status.weights.0 {
        table.row([format!("  {uid}"), value.to_string()]);
    }
    lines.push(if status.weights.0.is_empty() { "  no weights are in force now".to_owned() } else { table.render() });
    lines.join("\n")
}

pub(super) fn explanation(explanation: &WeightsExplanation) -> String {
    let mut text = status(&WeightsStatus { mechanisms: Vec::new(), ..explanation.status.clone() });
    text.push_str(&format!("\nwhy: {}; version key {}", explanation.why, explanation.version_key));
    if let Some(block) = explanation.reveal_block {
        let round = explanation.round.map_or_else(String::new, |round| format!(", sealed for round {round}"));
        text.push_str(&format!("\ncommitted now, they would be revealed at block {block}{round}"));
    }
    for mechanism in &explanation.status.mechanisms {
        text.push_str(&format!(
            "\nmechanism {}: due at block {}, in {}",
            mechanism.mechanism, mechanism.due_at, mechanism.blocks_to_go
        ));
    }
    if let Some(nothing) = &explanation.nothing {
        return format!("{text}\nnothing would be set: {nothing}");
    }
    let mut table = TextTable::new(["uid", "hotkey", "earned", "sent", "stands for", "on chain"]);
    for line in &explanation.weights {
        table.row([
            line.uid.to_string(),
            line.hotkey.to_string(),
            format!("{:.6}", line.share),
            line.value.to_string(),
            format!("{:.6}", line.rounded),
            line.on_chain.to_string(),
        ]);
    }
    format!("{text}\n{}", table.render())
}

pub(super) fn history(jobs: &[PastJob]) -> String {
    if jobs.is_empty() {
        return "no weights were due yet".to_owned();
    }
    let mut text = String::new();
    for job in jobs {
        let PastJob { id, mechanism, mode, stage, after, weights, .. } = job;
        text.push_str(&format!(
            "job {id}, mechanism {mechanism}, {mode}: {stage}; {} weights, due after block {after}\n",
            weights.0.len()
        ));
        for step in &job.steps {
            let hash = step.hash.as_deref().unwrap_or_default();
            let cause = step.cause.as_ref().map_or_else(String::new, |cause| format!(" — {cause}"));
            let time = jiff::Timestamp::from_millisecond(step.at.0)
                .map_or_else(|_| "-".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string());
            text.push_str(&format!("  {time}  block {}  {}  {hash}{cause}\n", step.block, step.step));
        }
    }
    text
}

pub(super) fn forecast(forecast: &WeightsForecast) -> String {
    let WeightsForecast { block, epoch_block, uid, validator_trust, dividends, miners } = forecast;
    let mut table =
        TextTable::new(["uid", "hotkey", "weight", "consensus", "incentive now", "if kept", "forecast", "change"]);
    for miner in miners {
        table.row([
            miner.uid.to_string(),
            miner.hotkey.to_string(),
            miner.weight.to_string(),
            format!("{:.5}", miner.consensus.forecast),
            format!("{:.5}", miner.incentive.shown),
            format!("{:.5}", miner.incentive.kept),
            format!("{:.5}", miner.incentive.forecast),
            format!("{:+.5}", miner.incentive.change),
        ]);
    }
    let line = |what: &str, moves: &Moves| {
        let Moves { shown, kept, forecast, change } = moves;
        format!("{what}: {forecast:.5} ({change:+.5} compared with {kept:.5} without new weights; {shown:.5} now)\n")
    };
    format!(
        "the epoch at block {epoch_block}, from the state of block {block}, for uid {uid}\n{}{}{}",
        line("validator trust", validator_trust),
        line("dividends", dividends),
        table.render()
    )
}

pub(super) fn outcomes(done: &[WeightsOutcome]) -> String {
    let line = |outcome: &WeightsOutcome| match outcome {
        WeightsOutcome::Set { block, mode, mechanism, weights } => {
            format!("block {block}: {} weights of mechanism {mechanism} set {}\n", weights.len(), told(*mode))
        }
        WeightsOutcome::NoScores => format!("{NO_SCORES}\n"),
        WeightsOutcome::NotDue { from_block, .. } => format!("to be checked again at block {from_block}\n"),
        WeightsOutcome::Advanced { job, stage } => format!("job {job}: {}\n", stage.name()),
    };
    done.iter().map(line).collect()
}
