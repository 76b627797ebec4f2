//! `neuron score verify`: recomputes every score from its statistics and says where it differs from what is stored.

use clap::Command;

use super::super::output::{Output, TextTable};
use crate::cli::{Exit, Failure};
use crate::report::{Case, short};
use crate::subnets::events::ledger::Verification;

/// Rows shown to a person.
const SHOWN: usize = 20;

pub(super) fn command() -> Command {
    Command::new("verify").about("Recomputes every score and compares it with the stored one, to the last bit")
}

pub(super) fn run(case: &Case, output: Output) -> Result<(), Failure> {
    let found = case.archive.verify(&case.rules)?;
    output.result(&found, text)?;
    if found.differences.is_empty() {
        return Ok(());
    }
    let text = format!("{} differences; were these scores made under other rules?", found.differences.len());
    Err(Failure::new(Exit::Failed, anyhow::anyhow!(text)).after_result())
}

fn text(found: &Verification) -> String {
    let summary = format!("{} events, {} scores recomputed", found.events, found.scores);
    if found.events == 0 {
        return "nothing to recompute yet: no event is settled".to_owned();
    }
    if found.differences.is_empty() {
        return format!("{summary}: all equal to the stored ones");
    }
    let mut table = TextTable::new(["event", "miner", "stored", "recomputed"]);
    let score = |score: Option<f64>| score.map_or_else(|| "none".to_owned(), |score| format!("{score:+.9}"));
    for difference in found.differences.iter().take(SHOWN) {
        let miner = difference.identity.as_ref().map_or_else(|| "state".to_owned(), short);
        let computed = match difference.state {
            Some(state) => format!("{state:?}"),
            None => score(difference.computed),
        };
        table.row([difference.event.clone(), miner, score(difference.stored), computed]);
    }
    let more = found.differences.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("… and {more} more\n") } else { String::new() };
    format!("{summary}\n{}{more}", table.render())
}
