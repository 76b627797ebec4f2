//! `neuron subnets set`: one setting of a subnet, by its owner or by root.

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::cli::chain::{netuid, refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::{Writer, with_write};
use crate::cli::{Exit, Failure, Prints, Verb, args, raw};
use crate::config::table::Group;
use crate::subtensor::SubtensorError;
use crate::units::NetUid;

pub(super) const SET: Verb = Verb { name: "set", command, run, prints: Prints::written::<Set>() };

/// Settings whose call has another name than they have in `neuron hyperparameters`.
const CALLS: [(&str, &str); 12] = [
    ("weights_rate_limit", "weights_set_rate_limit"),
    ("weights_version", "weights_version_key"),
    ("max_validators", "max_allowed_validators"),
    ("registration_allowed", "network_registration_allowed"),
    ("bonds_moving_avg", "bonds_moving_average"),
    ("target_regs_per_interval", "target_registrations_per_interval"),
    ("max_regs_per_block", "max_registrations_per_block"),
    ("commit_reveal_period", "commit_reveal_weights_interval"),
    ("commit_reveal_enabled", "commit_reveal_weights_enabled"),
    ("transfers_enabled", "toggle_transfer"),
    ("subnet_is_active", "subtoken_enabled"),
    ("max_uids", "max_allowed_uids"),
];

fn command() -> Command {
    let name = Arg::new("name")
        .value_name("NAME")
        .required(true)
        .help("The name, as in `neuron hyperparameters`, or that of the call: tempo, min_allowed_weights, …");
    let value = Arg::new("value")
        .value_name("VALUE")
        .required(true)
        .num_args(1..)
        .allow_negative_numbers(true)
        .help("The new value, or values; amounts in rao, as the chain takes them");
    let root = Arg::new("as-root")
        .long("as-root")
        .action(ArgAction::SetTrue)
        .help("Do it as root: the wallet must have the chain's sudo key (development chains)");
    let command = Command::new("set").about("Sets one hyperparameter of your own subnet").args([name, value, root]);
    args::with_settings(with_write(command), &[Group::Subnet, Group::Wallet, Group::Chain]).after_help(
        "Limits: an owner may not set hyperparameters during the last blocks of a tempo, and each only once in two \
         tempos.",
    )
}

/// What the chain says to an owner who sets the same thing again too soon.
const LIMITED: &str = "TxRateLimitExceeded";
/// Where it keeps the limits, in tempos.
const SETTING_LIMIT: &str = "SubtensorModule.OwnerHyperparamRateLimit";
const VERSION_LIMIT: &str = "SubtensorModule.WeightsVersionKeyRateLimit";

#[derive(JsonSchema, Serialize)]
struct Set {
    netuid: NetUid,
    name: String,
    value: Vec<String>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let netuid = netuid(&settings)?;
        let name = matches.get_one::<String>("name").map(|name| name.replace('-', "_")).unwrap_or_default();
        let value: Vec<String> = matches.get_many::<String>("value").unwrap_or_default().cloned().collect();
        let writer = Writer::open(matches, &settings, output).await?;
        let call = call(&name);
        let arguments = writer.chain.arguments_of(&call).await.map_err(refused)?;
        let places: Vec<&String> = arguments.iter().filter(|argument| *argument != "netuid").collect();
        if places.len() != value.len() {
            let wanted = places.iter().map(|place| place.as_str()).collect::<Vec<_>>().join(" ");
            let error =
                anyhow::anyhow!("`{name}` takes {} values ({wanted}), and {} are given", places.len(), value.len());
            return Err(Failure::new(Exit::Usage, error));
        }
        let mut given: Map<String, Json> = Map::new();
        if arguments.iter().any(|argument| argument == "netuid") {
            given.insert("netuid".to_owned(), netuid.0.into());
        }
        given.extend(places.into_iter().cloned().zip(value.iter().map(|text| raw::json(text))));
        let operation = writer.chain.operation(&call, &given).await.map_err(refused)?;
        let operation = if matches.get_flag("as-root") { operation.as_root() } else { operation };
        let what = format!("Set {name} of subnet {netuid} to {}", value.join(" "));
        let outcome = match writer.carry_out(operation, &what).await {
            Ok(outcome) => outcome,
            Err(failure) => return Err(too_fast(&writer, netuid, &name, failure).await),
        };
        writer.done(Set { netuid, name, value }, outcome, |set| {
            format!("{} of subnet {} is {}", set.name, set.netuid, set.value.join(" "))
        })
    })
}

/// A refusal with how often an owner may set something, where that is why.
async fn too_fast(writer: &Writer<'_>, netuid: NetUid, name: &str, failure: Failure) -> Failure {
    let refusal = failure.error.chain().find_map(|cause| cause.downcast_ref::<SubtensorError>()?.refusal());
    if refusal.is_none_or(|refusal| refusal.name != LIMITED) {
        return failure;
    }
    let limit = if name.starts_with("weights_version") { VERSION_LIMIT } else { SETTING_LIMIT };
    let tempos = writer.chain.storage(limit, &[], 1).await.ok().and_then(|stored| stored.into_value().as_u64());
    let parameters = writer.chain.hyperparameters(netuid).await.ok();
    let (Some(tempos), Some(parameters)) = (tempos, parameters) else { return failure };
    let blocks = tempos.saturating_mul(parameters.tempo.into());
    let told = format!(
        "the owner of subnet {netuid} may set {name} only once in {tempos} tempos ({blocks} blocks), and has set it \
         in this time: wait until it is over, or use --as-root on a development chain"
    );
    Failure { error: failure.error.context(told), ..failure }
}

/// The call that sets `name`.
fn call(name: &str) -> String {
    let known = CALLS.iter().find(|(shown, _)| *shown == name).map_or(name, |(_, call)| call);
    let call = known.strip_prefix("sudo_set_").unwrap_or(known);
    format!("AdminUtils.sudo_set_{call}")
}
