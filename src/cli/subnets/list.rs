//! `neuron subnets list`, `show`, `price` and `create-cost`.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::chain::{connect_at, netuid, refused, with_block, with_chain};
use crate::cli::output::{Output, TextTable};
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Quote, SubnetSummary};
use crate::units::{NetUid, Rao};

pub(super) const LIST: Verb =
    Verb { name: "list", command: list_command, run: list, prints: Prints::one::<Vec<SubnetSummary>>() };
pub(super) const SHOW: Verb =
    Verb { name: "show", command: show_command, run: show, prints: Prints::one::<SubnetSummary>() };
pub(super) const PRICE: Verb =
    Verb { name: "price", command: price_command, run: price, prints: Prints::one::<Price>() };
pub(super) const CREATION_COST: Verb =
    Verb { name: "create-cost", command: creation_cost_command, run: creation_cost, prints: Prints::one::<Cost>() };

fn list_command() -> Command {
    let command = Command::new("list").about("Prints all subnets: name, price, pool, neurons, cost of a slot");
    args::with_settings(with_block(command), &[Group::Chain])
}

fn show_command() -> Command {
    let command = Command::new("show").about("Prints one subnet in detail");
    args::with_settings(with_block(command), &[Group::Subnet, Group::Chain])
}

fn price_command() -> Command {
    let tao = Arg::new("tao").long("tao").value_name("AMOUNT").help("Also print what staking this much TAO would give");
    let alpha = Arg::new("alpha")
        .long("alpha")
        .value_name("AMOUNT")
        .help("Also print what unstaking this much alpha would give");
    let command = Command::new("price").about("Prints the price of a subnet's alpha").args([tao, alpha]);
    args::with_settings(with_block(command), &[Group::Subnet, Group::Chain])
}

fn creation_cost_command() -> Command {
    let command = Command::new("create-cost")
        .aliases(["lock-cost", "burn-cost"])
        .about("Prints the present cost of creating a subnet; `subnets list` has the cost of a slot");
    args::with_settings(with_block(command), &[Group::Chain])
}

fn list(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let subnets = connect_at(&settings, matches).await?.subnets().await.map_err(refused)?;
        Ok(output.result(&subnets, |subnets| table(subnets))?)
    })
}

fn table(subnets: &[SubnetSummary]) -> String {
    let heads =
        ["netuid", "name", "symbol", "price", "TAO in pool", "alpha out", "emission", "neurons", "tempo", "slot"];
    let mut table = TextTable::new(heads);
    for subnet in subnets {
        let tao = |rao: Rao| format!("{:.4}", rao.as_tao());
        table.row([
            subnet.netuid.to_string(),
            subnet.name.to_string(),
            subnet.symbol.to_string(),
            format!("{:.6}", subnet.price_rao.as_tao()),
            tao(subnet.tao_in_rao),
            tao(subnet.alpha_out_rao),
            format!("{:.6}", subnet.emission_rao.as_tao()),
            format!("{}/{}", subnet.neurons, subnet.max_neurons),
            subnet.tempo.to_string(),
            tao(subnet.burn_rao),
        ]);
    }
    format!("{}{} subnets; price, emission per block and slot in TAO\n", table.render(), subnets.len())
}

fn show(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let subnet = connect_at(&settings, matches).await?.subnet(netuid).await.map_err(refused)?;
        Ok(output.result(&subnet, details)?)
    })
}

fn details(subnet: &SubnetSummary) -> String {
    let mut table = TextTable::new(["subnet", &subnet.netuid.to_string()]);
    let owner = subnet.owner.map(|owner| owner.to_string()).unwrap_or_default();
    let started = if subnet.started { "yes" } else { "no: `neuron subnets start`" };
    for (name, value) in [
        ("name", subnet.name.to_string()),
        ("symbol", subnet.symbol.to_string()),
        ("owner", owner),
        ("created in block", subnet.registered_at.to_string()),
        ("started", started.to_owned()),
        ("price of alpha", subnet.price_rao.to_string()),
        ("TAO in the pool", subnet.tao_in_rao.to_string()),
        ("alpha in the pool", format!("{:.9}", subnet.alpha_in_rao.as_tao())),
        ("alpha outside", format!("{:.9}", subnet.alpha_out_rao.as_tao())),
        ("emission per block", subnet.emission_rao.to_string()),
        ("neurons", format!("{} of {}", subnet.neurons, subnet.max_neurons)),
        ("tempo", format!("{} blocks", subnet.tempo)),
        ("price of a slot", subnet.burn_rao.to_string()),
    ] {
        table.row([name.to_owned(), value]);
    }
    table.render()
}

#[derive(JsonSchema, Serialize)]
struct Price {
    netuid: NetUid,
    /// Rao per 10⁹ alpha-rao.
    price_rao: Rao,
    buying: Option<Quote>,
    selling: Option<Quote>,
}

fn price(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let amount = |flag: &str| {
            matches.get_one::<String>(flag).map(|text| text.parse::<Rao>().or_exit(Exit::Usage)).transpose()
        };
        let (tao, alpha) = (amount("tao")?, amount("alpha")?);
        let chain = connect_at(&settings, matches).await?;
        let price_rao = chain.alpha_price(netuid).await.map_err(refused)?;
        let buying = match tao {
            Some(tao) => Some(chain.quote_stake(netuid, tao).await.map_err(refused)?),
            None => None,
        };
        let selling = match alpha {
            Some(alpha) => Some(chain.quote_unstake(netuid, alpha).await.map_err(refused)?),
            None => None,
        };
        Ok(output.result(&Price { netuid, price_rao, buying, selling }, told)?)
    })
}

fn told(Price { netuid, price_rao, buying, selling }: &Price) -> String {
    let mut text = format!("1 alpha of subnet {netuid} is {price_rao}\n");
    let quotes = [(buying, "TAO", "alpha"), (selling, "alpha", "TAO")];
    for (quote, from, to) in quotes.into_iter().filter_map(|(quote, from, to)| Some((quote.as_ref()?, from, to))) {
        let (paid, received, fee) = (quote.paid.as_tao(), quote.received.as_tao(), quote.fee.as_tao());
        let line = format!(
            "{paid} {from} → {received:.9} {to}; fee {fee:.9} {from}, {:.2} % worse than the price\n",
            quote.impact_percent
        );
        text.push_str(&line);
    }
    text
}

#[derive(JsonSchema, Serialize)]
struct Cost {
    cost_rao: Rao,
}

fn creation_cost(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let cost_rao = connect_at(&settings, matches).await?.subnet_creation_cost().await.map_err(refused)?;
        Ok(output.result(&Cost { cost_rao }, |Cost { cost_rao }| format!("creating a subnet costs {cost_rao}\n"))?)
    })
}
