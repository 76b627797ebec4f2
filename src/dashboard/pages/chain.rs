//! The chain: who answers for it, and who is in the subnet.

use maud::Markup;

use super::{Desk, Trouble, json};
use crate::subnets::shown::{Block, Cell, Table};

pub(super) fn page(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let watch = desk.watch()?;
    let snapshot = watch.subnet.now();
    let chain = watch.subnet.chain();
    let endpoint = chain.endpoint();
    let is_there = endpoint.is_some();
    let facts = vec![
        ("connection", Cell::State(if is_there { "connected" } else { "away" }.to_owned(), Some(is_there))),
        ("endpoint", Cell::maybe(endpoint, |endpoint| Cell::Foreign(endpoint.into()))),
        ("subnet", Cell::Count(watch.subnet.netuid().0.into())),
        ("newest metagraph at block", Cell::Count(snapshot.metagraph.block)),
        ("neurons", Cell::Count(snapshot.metagraph.neurons.len() as u64)),
    ];
    let distrusted = chain.distrusted();
    let doubt = |attempt: &crate::subtensor::Attempt| {
        vec![json(&attempt.endpoint.clone().into()), Cell::Foreign(attempt.reason.to_string().into())]
    };
    let neuron = |neuron: &crate::subtensor::Neuron| {
        vec![
            Cell::Count(neuron.uid.0.into()),
            Cell::Miner(neuron.hotkey),
            Cell::Number(neuron.total_stake.as_tao(), 1),
            Cell::Word(if neuron.validator_permit { "validator" } else { "miner" }.to_owned()),
            Cell::Share(neuron.incentive),
            Cell::Share(neuron.dividends),
            Cell::Count(snapshot.metagraph.block.saturating_sub(neuron.last_update)),
            Cell::maybe(neuron.axon.as_ref(), |axon| Cell::Word(axon.socket().to_string())),
        ]
    };
    let mut blocks = vec![Block::Facts(facts)];
    if !distrusted.is_empty() {
        blocks.push(Block::Heading("Endpoints that disagree with the others".to_owned()));
        blocks.push(Block::Table(Table {
            caption: "These are not used".to_owned(),
            heads: vec!["endpoint", "why"],
            rows: distrusted.iter().map(doubt).collect(),
            ..Table::default()
        }));
    }
    blocks.push(Block::Heading("Neurons of the subnet".to_owned()));
    blocks.push(Block::Table(Table {
        caption: "By uid".to_owned(),
        heads: vec!["uid", "hotkey", "stake", "role", "incentive", "dividends", "blocks since its weights", "address"],
        rows: snapshot.metagraph.neurons.iter().map(neuron).collect(),
        ..Table::default()
    }));
    Ok(desk.page("/chain", "Chain", &blocks))
}
