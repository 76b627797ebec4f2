//! `neuron metagraph` and `neuron hyperparameters`: what the chain says about a subnet.

use clap::{ArgMatches, Command};

use super::chain::{connect_at, netuid, refused, with_block, with_chain};
use super::output::{Output, TextTable};
use super::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Hyperparameters, Metagraph, Neuron};
use crate::units::BlockNumber;

pub(super) const METAGRAPH: Verb =
    Verb { name: "metagraph", command: metagraph_command, run: metagraph, prints: Prints::one::<Metagraph>() };
pub(super) const HYPERPARAMETERS: Verb = Verb {
    name: "hyperparameters",
    command: hyperparameters_command,
    run: hyperparameters,
    prints: Prints::one::<Hyperparameters>(),
};

const GROUPS: [Group; 2] = [Group::Subnet, Group::Chain];

fn metagraph_command() -> Command {
    let command = Command::new("metagraph").about("Prints the neurons of a subnet at one block");
    args::with_settings(with_block(command), &GROUPS)
}

fn hyperparameters_command() -> Command {
    let command = Command::new("hyperparameters").alias("hyperparams").about("Prints the hyperparameters of a subnet");
    args::with_settings(with_block(command), &GROUPS)
}

fn metagraph(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let chain = connect_at(&settings, matches).await?;
        let metagraph = chain.metagraph(netuid).await.map_err(refused)?;
        Ok(output.result(&metagraph, neurons)?)
    })
}

fn neurons(metagraph: &Metagraph) -> String {
    let heads = ["uid", "hotkey", "stake", "permit", "vtrust", "consensus", "incentive", "dividends", "emission"];
    let mut table = TextTable::new(heads.into_iter().chain(["updated", "axon"]));
    for neuron in &metagraph.neurons {
        table.row(cells(neuron, metagraph.block));
    }
    let Metagraph { netuid, block, neurons } = metagraph;
    format!(
        "{}subnet {netuid}, block {block}, {} neurons; stake and emission in alpha\n",
        table.render(),
        neurons.len()
    )
}

fn cells(neuron: &Neuron, block: BlockNumber) -> [String; 11] {
    let yes = |set: bool| if set { "yes" } else { "" }.to_owned();
    [
        neuron.uid.to_string(),
        neuron.hotkey.to_string(),
        format!("{:.3}", neuron.total_stake.as_tao()),
        yes(neuron.validator_permit),
        format!("{:.5}", neuron.validator_trust),
        format!("{:.5}", neuron.consensus),
        format!("{:.5}", neuron.incentive),
        format!("{:.5}", neuron.dividends),
        format!("{:.6}", neuron.emission.as_tao()),
        block.saturating_sub(neuron.last_update).to_string(),
        neuron.axon.as_ref().map(|axon| axon.socket().to_string()).unwrap_or_default(),
    ]
}

fn hyperparameters(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let parameters = connect_at(&settings, matches).await?.hyperparameters(netuid).await.map_err(refused)?;
        Ok(output.result(&parameters, rows)?)
    })
}

/// The same names as in JSON; amounts are in rao.
fn rows(parameters: &Hyperparameters) -> String {
    let mut table = TextTable::new(["name", "value"]);
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(parameters) {
        for (name, value) in fields {
            let value = if value.is_null() { "-".to_owned() } else { value.to_string() };
            table.row([name, value]);
        }
    }
    table.render()
}
