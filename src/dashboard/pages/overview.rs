//! How things stand.

use std::sync::Weak;

use maud::Markup;

use super::{Desk, Trouble};
use crate::axon::Outcome;
use crate::role::Watch;
use crate::subnets::shown::{Block, Cell};

pub(super) fn page(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let mut blocks = Vec::new();
    if let Some(watch) = &desk.source.watch {
        blocks.push(Block::Facts(running(watch)));
        if let Some(work) = &watch.answers {
            blocks.extend(work.show());
        }
    }
    if desk.source.ledger.is_some() {
        let (views, ledger) = desk.kept()?;
        blocks.extend((views.overview)(&desk.source.resolved, &ledger, &())?);
    }
    Ok(desk.page("/", "Overview", &blocks))
}

fn running(watch: &Watch) -> Vec<(&'static str, Cell)> {
    let health = (watch.health)();
    let snapshot = watch.subnet.now();
    let block = snapshot.metagraph.block;
    let word = if health.ok { "working" } else { "failing" };
    let mut facts = vec![
        ("state", Cell::State(word.to_owned(), Some(health.ok))),
        ("block", Cell::Count(block)),
        ("neurons in the subnet", Cell::Count(snapshot.metagraph.neurons.len() as u64)),
    ];
    if let Some(neuron) = snapshot.neuron(&watch.hotkey) {
        facts.push(("own uid", Cell::Count(neuron.uid.0.into())));
        facts.push(("incentive", Cell::Share(neuron.incentive)));
    }
    if let Some(weights) = &watch.weights {
        let age = weights.last_update().map(|at| block.saturating_sub(at));
        facts.push(("age of the weights", Cell::maybe(age, |age| Cell::Word(format!("{age} blocks")))));
    }
    if let Some(axon) = watch.axon.as_ref().and_then(Weak::upgrade) {
        let seen = axon.snapshot();
        let count = |wanted: fn(Outcome) -> bool| -> u64 {
            let outcomes = seen.routes.iter().flat_map(|route| &route.outcomes);
            outcomes.filter(|(outcome, _)| wanted(*outcome)).map(|(_, took)| took.count()).sum()
        };
        facts.push(("requests answered", Cell::Count(count(|outcome| outcome == Outcome::Answered))));
        let strays: u64 = seen.strays.iter().map(|(_, n)| n).sum();
        facts.push(("requests refused", Cell::Count(count(|outcome| outcome != Outcome::Answered) + strays)));
        facts.push(("open connections", Cell::Count(seen.now.connections as u64)));
    }
    if let Some(work) = &watch.answers {
        facts.push(("answers with", Cell::Word(work.manner())));
        facts.push(("memory", Cell::Word(work.status())));
    }
    facts
}
