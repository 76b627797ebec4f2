//! What the chain has of a wallet: `overview`, `inspect`, `associate-hotkey`, `swap-hotkey`, `set-identity`, `get-identity`.

use std::collections::{BTreeMap, BTreeSet};

use clap::builder::Resettable;
use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, Output, Prints, Verb, args};
use crate::cli::chain::{account, address, connect_at, refused, with_block, with_chain};
use crate::cli::identity::{self, text_of};
use crate::cli::output::TextTable;
use crate::cli::stake::{Worth, worth_table, worths};
use crate::cli::write::{Writer, with_write};
use crate::config::table::Group;
use crate::subtensor::{Identity, Neuron, Operation, Subtensor};
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const OVERVIEW: Verb =
    Verb { name: "overview", command: overview_command, run: overview, prints: Prints::one::<Overview>() };
pub(super) const INSPECT: Verb =
    Verb { name: "inspect", command: inspect_command, run: inspect, prints: Prints::one::<Inspected>() };
pub(super) const ASSOCIATE_HOTKEY: Verb = Verb {
    name: "associate-hotkey",
    command: associate_command,
    run: associate,
    prints: Prints::written::<Associated>(),
};
pub(super) const SWAP_HOTKEY: Verb =
    Verb { name: "swap-hotkey", command: swap_hotkey_command, run: swap_hotkey, prints: Prints::written::<Swapped>() };
pub(super) const SET_IDENTITY: Verb = Verb {
    name: "set-identity",
    command: set_identity_command,
    run: set_identity,
    prints: Prints::written::<Identified>(),
};
pub(super) const GET_IDENTITY: Verb = Verb {
    name: "get-identity",
    command: get_identity_command,
    run: get_identity,
    prints: Prints::one::<Option<Identity>>(),
};

const GROUPS: [Group; 2] = [Group::Wallet, Group::Chain];

/// The fields of an account's identity: flag and help.
const FIELDS: [(&str, &str); 7] = [
    ("name", "Your name"),
    ("url", "The address of your website"),
    ("github-repo", "The address of your code"),
    ("image", "The address of your picture"),
    ("discord", "Your name on Discord"),
    ("description", "A description"),
    ("additional", "Anything else"),
];

fn of_a_coldkey(name: &'static str, about: &'static str) -> Command {
    let whose = Arg::new("address").value_name("ADDRESS").help("A coldkey's ss58 address; the wallet's by default");
    args::with_settings(with_block(Command::new(name).about(about).arg(whose)), &GROUPS)
}

fn overview_command() -> Command {
    of_a_coldkey("overview", "Prints a coldkey's neurons in all subnets, with their earnings")
}

fn inspect_command() -> Command {
    of_a_coldkey("inspect", "Prints a coldkey's balance, hotkeys and stake, and their total value")
}

fn get_identity_command() -> Command {
    of_a_coldkey("get-identity", "Prints the identity that a coldkey has published on the chain")
}

fn associate_command() -> Command {
    let command = Command::new("associate-hotkey")
        .about("Records on the chain that the wallet's hotkey belongs to the coldkey, without a registration");
    args::with_settings(with_write(command), &GROUPS)
}

fn swap_hotkey_command() -> Command {
    let new = Arg::new("to").value_name("NEW").required(true).help("The new hotkey: WALLET/HOTKEY, or an address");
    let netuid = Arg::new("netuid")
        .long("netuid")
        .value_name("N")
        .value_parser(value_parser!(u16))
        .help("Only in this subnet; in all subnets by default");
    let command = Command::new("swap-hotkey")
        .about("Replaces the wallet's hotkey by a new one: slots, stake, children and everything else move to it")
        .args([new, netuid]);
    args::with_settings(with_write(command), &GROUPS)
}

fn set_identity_command() -> Command {
    let command = Command::new("set-identity")
        .about("Publishes your identity on the chain; parts that are not given are emptied");
    let command = args::with_settings(with_write(command), &GROUPS);
    // Here --name is the identity's; --wallet.name stays what it is.
    let command = command.mut_arg("wallet.name", |arg| arg.alias(Resettable::Reset));
    identity::with_fields(command, &FIELDS)
}

#[derive(JsonSchema, Serialize)]
struct Overview {
    coldkey: Account,
    free_rao: Rao,
    subnets: Vec<InSubnet>,
}

#[derive(JsonSchema, Serialize)]
struct InSubnet {
    netuid: NetUid,
    neurons: Vec<Neuron>,
}

fn overview(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let chain = connect_at(&settings, matches).await?;
        let free_rao = chain.balance(&coldkey).await.map_err(refused)?;
        let hotkeys = chain.owned_hotkeys(&coldkey).await.map_err(refused)?;
        let slots = chain.slots(&hotkeys).await.map_err(refused)?;
        let netuids: BTreeSet<NetUid> = slots.iter().map(|(netuid, ..)| *netuid).collect();
        let mut subnets = Vec::new();
        for netuid in netuids {
            let metagraph = chain.metagraph(netuid).await.map_err(refused)?;
            let mine = metagraph.neurons.into_iter().filter(|neuron| hotkeys.contains(&neuron.hotkey)).collect();
            subnets.push(InSubnet { netuid, neurons: mine });
        }
        Ok(output.result(&Overview { coldkey, free_rao, subnets }, neurons)?)
    })
}

fn neurons(overview: &Overview) -> String {
    let heads = [
        "netuid",
        "uid",
        "hotkey",
        "stake",
        "permit",
        "vtrust",
        "incentive",
        "dividends",
        "emission",
        "updated",
        "axon",
    ];
    let mut table = TextTable::new(heads);
    let mut count = 0;
    for InSubnet { netuid, neurons } in &overview.subnets {
        for neuron in neurons {
            count += 1;
            table.row([
                netuid.to_string(),
                neuron.uid.to_string(),
                neuron.hotkey.to_string(),
                format!("{:.3}", neuron.total_stake.as_tao()),
                if neuron.validator_permit { "yes" } else { "" }.to_owned(),
                format!("{:.5}", neuron.validator_trust),
                format!("{:.5}", neuron.incentive),
                format!("{:.5}", neuron.dividends),
                format!("{:.6}", neuron.emission.as_tao()),
                neuron.last_update.to_string(),
                neuron.axon.as_ref().map(|axon| axon.socket().to_string()).unwrap_or_default(),
            ]);
        }
    }
    let Overview { coldkey, free_rao, .. } = overview;
    format!("{}{count} neurons of {coldkey}; {free_rao} free\n", table.render())
}

#[derive(JsonSchema, Serialize)]
struct Inspected {
    coldkey: Account,
    free_rao: Rao,
    /// Each hotkey with the subnets in which it has a slot.
    hotkeys: BTreeMap<Account, Vec<NetUid>>,
    stakes: Vec<Worth>,
    /// Free TAO and the worth of all stake at the present prices, in rao.
    total_rao: Rao,
}

fn inspect(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let chain = connect_at(&settings, matches).await?;
        let inspected = inspected(&chain, coldkey).await?;
        Ok(output.result(&inspected, |Inspected { coldkey, free_rao, hotkeys, stakes, total_rao }| {
            let mut table = TextTable::new(["hotkey", "subnets"]);
            for (hotkey, netuids) in hotkeys {
                let netuids = netuids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                table.row([hotkey.to_string(), netuids]);
            }
            let (hotkeys, stakes) = (table.render(), worth_table(stakes));
            format!("coldkey {coldkey}\nfree {free_rao}, with all stake {total_rao}\n\n{hotkeys}\n{stakes}")
        })?)
    })
}

async fn inspected(chain: &Subtensor, coldkey: Account) -> Result<Inspected, Failure> {
    let free_rao = chain.balance(&coldkey).await.map_err(refused)?;
    let owned = chain.owned_hotkeys(&coldkey).await.map_err(refused)?;
    let slots = chain.slots(&owned).await.map_err(refused)?;
    let mut hotkeys: BTreeMap<Account, Vec<NetUid>> = owned.into_iter().map(|hotkey| (hotkey, Vec::new())).collect();
    for (netuid, _, hotkey) in slots {
        hotkeys.entry(hotkey).or_default().push(netuid);
    }
    let stakes = worths(chain, &coldkey).await?;
    let total = stakes.iter().fold(free_rao.0, |sum, worth| sum.saturating_add(worth.worth_rao.0));
    Ok(Inspected { coldkey, free_rao, hotkeys, stakes, total_rao: Rao(total) })
}

#[derive(JsonSchema, Serialize)]
struct Associated {
    hotkey: Account,
    coldkey: Account,
}

fn associate(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        // The chain takes the call silently when somebody else has it.
        if let Some(owner) = writer.chain.owner(&hotkey).await.map_err(refused)? {
            let error = anyhow::anyhow!("hotkey {hotkey} belongs to coldkey {owner} already");
            return Err(Failure::new(if owner == coldkey { Exit::Usage } else { Exit::Refused }, error));
        }
        let what = format!("Record on the chain that hotkey {hotkey} belongs to coldkey {coldkey}");
        let outcome = writer.carry_out(Operation::associate_hotkey(&hotkey), &what).await?;
        writer.done(Associated { hotkey, coldkey }, outcome, |it| format!("{} belongs to {}", it.hotkey, it.coldkey))
    })
}

#[derive(JsonSchema, Serialize)]
struct Swapped {
    old: Account,
    new: Account,
    /// `null`: in all subnets.
    netuid: Option<NetUid>,
}

fn swap_hotkey(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let old = address(&settings, KeyKind::Hotkey, None)?;
        let new = account(&settings, matches.get_one::<String>("to").map_or("", String::as_str), output)?;
        let netuid = matches.get_one::<u16>("netuid").copied().map(NetUid);
        let writer = Writer::open(matches, &settings, output).await?;
        let places = netuid.map_or_else(|| "all subnets".to_owned(), |netuid| format!("subnet {netuid}"));
        let what = format!("Replace hotkey {old} by {new} in {places}");
        let outcome = writer.carry_out(Operation::swap_hotkey(&old, &new, netuid), &what).await?;
        writer.done(Swapped { old, new, netuid }, outcome, |Swapped { old, new, .. }| {
            format!("{new} has replaced {old}; start the neuron with the new hotkey")
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct Identified {
    coldkey: Account,
    identity: Identity,
}

fn set_identity(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let identity = Identity {
            name: text_of(matches, "name"),
            url: text_of(matches, "url"),
            github_repo: text_of(matches, "github-repo"),
            image: text_of(matches, "image"),
            discord: text_of(matches, "discord"),
            description: text_of(matches, "description"),
            additional: text_of(matches, "additional"),
        };
        let writer = Writer::open(matches, &settings, output).await?;
        let coldkey = writer.owner()?;
        let what = format!("Coldkey {coldkey} will be called `{}`", identity.name);
        let outcome = writer.carry_out(Operation::set_identity(&identity), &what).await?;
        writer.done(Identified { coldkey, identity }, outcome, |it| format!("{} is `{}`", it.coldkey, it.identity.name))
    })
}

fn get_identity(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let coldkey = address(&settings, KeyKind::Coldkey, matches.get_one("address"))?;
        let chain = connect_at(&settings, matches).await?;
        let identity = identity::stored(&chain, "IdentitiesV2", coldkey.to_string().into()).await?;
        identity::print(output, &identity, &format!("coldkey {coldkey}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_the_fields() {
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(Identity::default()) else {
            panic!("an object")
        };
        for (flag, _) in FIELDS {
            assert!(fields.contains_key(&flag.replace('-', "_")), "{flag}");
        }
        assert_eq!(fields.len(), FIELDS.len());
    }
}
