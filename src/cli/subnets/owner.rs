//! `neuron subnets create`, `start`, `set-identity` and `get-identity`.

use clap::{ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::cli::chain::{address, connect_at, netuid, refused, with_block, with_chain};
use crate::cli::identity::{self, text_of};
use crate::cli::output::Output;
use crate::cli::write::{Writer, with_write};
use crate::cli::{Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::{Operation, SubnetIdentity};
use crate::units::{Account, NetUid, Rao};
use crate::wallet::KeyKind;

pub(super) const CREATE: Verb =
    Verb { name: "create", command: create_command, run: create, prints: Prints::written::<Created>() };
pub(super) const START: Verb =
    Verb { name: "start", command: start_command, run: start, prints: Prints::written::<Started>() };
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
    prints: Prints::one::<Option<SubnetIdentity>>(),
};

/// The fields of a subnet's identity: flag and help.
const FIELDS: [(&str, &str); 8] = [
    ("subnet-name", "The subnet's name"),
    ("github-repo", "The address of its code"),
    ("subnet-contact", "The address to contact"),
    ("subnet-url", "The address of its website"),
    ("discord", "Its Discord channel"),
    ("description", "A description"),
    ("logo-url", "The address of its logo"),
    ("additional", "Anything else"),
];

fn create_command() -> Command {
    let command = Command::new("create").about(
        "Creates a subnet, for the present cost; the wallet's hotkey gets the first slot, the coldkey owns the subnet",
    );
    let command = identity::with_fields(command, &FIELDS)
        .after_help("With a name or another part of the identity, the identity is set in the same transaction.");
    args::with_settings(with_write(command), &[Group::Wallet, Group::Chain])
}

fn start_command() -> Command {
    let command = Command::new("start").about("Starts emission and staking of your own subnet");
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

fn set_identity_command() -> Command {
    let command = Command::new("set-identity")
        .about("Sets the identity of your own subnet; parts that are not given are emptied");
    let command = identity::with_fields(command, &FIELDS);
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain])
}

fn get_identity_command() -> Command {
    let command = Command::new("get-identity").about("Prints a subnet's identity, as its owner has set it");
    args::with_settings(with_block(command), &[Group::Subnet, Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Created {
    /// The new subnet; `null` in a dry run.
    netuid: Option<NetUid>,
    hotkey: Account,
    cost_rao: Rao,
}

fn create(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let hotkey = address(&settings, KeyKind::Hotkey, None)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let (chain, owner) = (&writer.chain, writer.owner()?);
        let cost_rao = chain.subnet_creation_cost().await.map_err(refused)?;
        let before = chain.subnets().await.map_err(refused)?;
        let what = format!("Create a subnet for {cost_rao}: owner {owner}, hotkey {hotkey}");
        let identity = identity_of(matches);
        let operation = match identity == SubnetIdentity::default() {
            true => Operation::register_network(&hotkey),
            false => Operation::register_network_as(&hotkey, &identity),
        };
        let outcome = writer.carry_out(operation, &what).await?;
        let after = chain.subnets().await.map_err(refused)?;
        // A netuid can be used again after a subnet was dissolved: the block of creation tells them apart.
        let known = |netuid, block| before.iter().any(|old| (old.netuid, old.registered_at) == (netuid, block));
        let new = after.iter().find(|new| new.owner == Some(owner) && !known(new.netuid, new.registered_at));
        let netuid = new.map(|new| new.netuid);
        writer.done(Created { netuid, hotkey, cost_rao }, outcome, |created| match created.netuid {
            Some(netuid) => format!("subnet {netuid} is yours; start it with `neuron subnets start --netuid {netuid}`"),
            None => "the subnet is created".to_owned(),
        })
    })
}

#[derive(JsonSchema, Serialize)]
struct Started {
    netuid: NetUid,
}

fn start(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let writer = Writer::open(matches, &settings, output).await?;
        let what = format!("Start staking and emission of subnet {netuid}");
        let outcome = writer.carry_out(Operation::start_subnet(netuid), &what).await?;
        writer.done(Started { netuid }, outcome, |Started { netuid }| format!("subnet {netuid} is started"))
    })
}

#[derive(JsonSchema, Serialize)]
struct Identified {
    netuid: NetUid,
    identity: SubnetIdentity,
}

/// What the flags of [`FIELDS`] say.
fn identity_of(matches: &ArgMatches) -> SubnetIdentity {
    SubnetIdentity {
        subnet_name: text_of(matches, "subnet-name"),
        github_repo: text_of(matches, "github-repo"),
        subnet_contact: text_of(matches, "subnet-contact"),
        subnet_url: text_of(matches, "subnet-url"),
        discord: text_of(matches, "discord"),
        description: text_of(matches, "description"),
        logo_url: text_of(matches, "logo-url"),
        additional: text_of(matches, "additional"),
    }
}

fn set_identity(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let identity = identity_of(matches);
        let writer = Writer::open(matches, &settings, output).await?;
        let what = format!("Subnet {netuid} will be called `{}`", identity.subnet_name);
        let outcome = writer.carry_out(Operation::set_subnet_identity(netuid, &identity), &what).await?;
        writer.done(Identified { netuid, identity }, outcome, |done| {
            format!("subnet {} is `{}`", done.netuid, done.identity.subnet_name)
        })
    })
}

fn get_identity(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let chain = connect_at(&settings, matches).await?;
        let identity: Json = identity::stored(&chain, "SubnetIdentitiesV3", netuid.0.into()).await?;
        identity::print(output, &identity, &format!("subnet {netuid}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_the_fields() {
        let Ok(Json::Object(fields)) = serde_json::to_value(SubnetIdentity::default()) else { panic!("an object") };
        for (flag, _) in FIELDS {
            assert!(fields.contains_key(&flag.replace('-', "_")), "{flag}");
        }
        assert_eq!(fields.len(), FIELDS.len());
    }
}
