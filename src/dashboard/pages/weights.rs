//! Weights: how they stand, what comes next, and the journal of what was written.

use maud::Markup;

use super::{Desk, Trouble, json};
use crate::ledger::Fault;
use crate::role::weights::{PastJob, history};
use crate::subnets::shown::{Block, Cell, Table};

/// Jobs of the journal on the page.
const JOBS: usize = 25;

pub(super) fn page(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let (_, ledger) = desk.kept()?;
    let jobs: Result<Vec<PastJob>, Fault> = history(ledger.connection(), JOBS);
    let jobs = ledger.named(jobs)?;
    let mut blocks = Vec::new();
    if let Some(watch) = &desk.source.watch {
        blocks.extend(now(watch));
    }
    blocks.push(Block::Heading("Journal".to_owned()));
    blocks.push(Block::Table(Table {
        caption: "The last weights, latest first, and the steps that each took".to_owned(),
        heads: vec!["job", "mode", "stage", "last step", "at block", "miners", "steps"],
        rows: jobs.iter().map(row).collect(),
        ..Table::default()
    }));
    if let Some(last) = jobs.first() {
        blocks.push(Block::Heading(format!("Weights of job {}", last.id)));
        let whole: f64 = last.weights.0.iter().map(|(_, value)| f64::from(*value)).sum();
        let line = |(uid, value): &(crate::units::Uid, u16)| {
            let share = Cell::Share(f64::from(*value) / whole.max(1.0));
            vec![Cell::Count(uid.0.into()), miner(desk, *uid), Cell::Count((*value).into()), share]
        };
        blocks.push(Block::Table(Table {
            caption: "By uid".to_owned(),
            heads: vec!["uid", "miner", "weight", "share"],
            rows: last.weights.0.iter().map(line).collect(),
            ..Table::default()
        }));
    }
    Ok(desk.page("/weights", "Weights", &blocks))
}

fn miner(desk: &Desk<'_>, uid: crate::units::Uid) -> Cell {
    let snapshot = desk.source.watch.as_ref().map(|watch| watch.subnet.now());
    Cell::maybe(snapshot.and_then(|snapshot| snapshot.metagraph.neuron(uid).map(|neuron| neuron.hotkey)), Cell::Miner)
}

/// What the writer knows of each mechanism.
fn now(watch: &crate::role::Watch) -> Vec<Block> {
    let Some(weights) = &watch.weights else {
        return vec![Block::Note(
            "Weights are disabled: this validator scores, but writes nothing to the chain.".to_owned(),
        )];
    };
    let fact = weights.fact(watch.subnet.now().metagraph.block);
    let of = |name: &str| fact.get(name).map_or(Cell::Nothing, json);
    let mut blocks = vec![Block::Facts(vec![
        ("age, blocks", of("age_blocks")),
        ("on the chain as written", of("shown")),
        ("refused or never included", of("failed")),
        ("in a block, but not on the chain", of("lost")),
    ])];
    let mechanisms = fact.get("mechanisms").and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
    let row = |(mechanism, view): (&String, &serde_json::Value)| {
        let trouble = match &view["problem"] {
            serde_json::Value::String(text) => Cell::State(text.clone(), Some(false)),
            _ => Cell::Nothing,
        };
        vec![
            Cell::Word(mechanism.clone()),
            json(&view["last_update"]),
            json(&view["next"]),
            json(&view["next_at"]),
            trouble,
        ]
    };
    blocks.push(Block::Heading("Next".to_owned()));
    blocks.push(Block::Table(Table {
        caption: "By mechanism".to_owned(),
        heads: vec!["mechanism", "last update at block", "next", "at block", "problem"],
        rows: mechanisms.iter().map(row).collect(),
        ..Table::default()
    }));
    blocks
}

fn row(job: &PastJob) -> Vec<Cell> {
    let well = match job.stage.as_str() {
        "shown" => Some(true),
        "failed" | "lost" | "expired" => Some(false),
        _ => None,
    };
    let last = job.steps.last();
    let steps: Vec<String> = job
        .steps
        .iter()
        .map(|step| match &step.cause {
            Some(cause) => format!("{} ({cause})", step.step),
            None => step.step.clone(),
        })
        .collect();
    vec![
        Cell::Count(job.id.unsigned_abs()),
        Cell::Word(job.mode.clone()),
        Cell::State(job.stage.clone(), well),
        Cell::maybe(last, |step| Cell::Time(step.at)),
        Cell::maybe(last, |step| Cell::Count(step.block)),
        Cell::Count(job.weights.0.len() as u64),
        Cell::Foreign(steps.join(" → ").into()),
    ]
}
