//! `neuron metagraph` and `neuron hyperparameters`: what the chain says about a subnet.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::chain::{connect, netuid, refused, with_chain};
use super::output::{Output, TextTable};
use super::{Failure, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Hyperparameters, Metagraph, Neuron};
use crate::units::BlockNumber;

pub(super) const METAGRAPH: Verb = Verb { command: metagraph_command, run: metagraph };
pub(super) const HYPERPARAMETERS: Verb = Verb { command: hyperparameters_command, run: hyperparameters };

const GROUPS: [Group; 2] = [Group::Subnet, Group::Chain];

fn metagraph_command() -> Command {
    let command = Command::new("metagraph").about("Prints the neurons of a subnet, all at one block").arg(
        Arg::new("block")
            .long("block")
            .value_name("N")
            .value_parser(value_parser!(BlockNumber))
            .help("An earlier block instead of the newest; old ones need an archive node (--subtensor.archive)"),
    );
    args::with_settings(command, &GROUPS)
}

fn hyperparameters_command() -> Command {
    let command = Command::new("hyperparameters").alias("hyperparams").about("Prints the settings of a subnet");
    args::with_settings(command, &GROUPS)
}

fn metagraph(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let block = matches.get_one::<BlockNumber>("block").copied();
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let chain = connect(&settings).await?;
        let metagraph = match block {
            Some(block) => chain.metagraph_at(netuid, block).await,
            None => chain.metagraph(netuid).await,
        };
        let metagraph = metagraph.map_err(refused)?;
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
        let parameters = connect(&settings).await?.hyperparameters(netuid).await.map_err(refused)?;
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
