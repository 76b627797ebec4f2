//! `neuron transaction`: what became of a transaction, by its hash.

use clap::{Arg, ArgMatches, Command, value_parser};
use schemars::JsonSchema;
use serde::Serialize;

use super::chain::{connect, refused, with_chain};
use super::output::Output;
use super::{Exit, Failure, Prints, Verb, args};
use crate::config::table::Group;
use crate::subtensor::weights::Hash32;
use crate::units::{BlockNumber, Foreign};

pub(super) const VERB: Verb = Verb { name: "transaction", command, run, prints: Prints::one::<Shown>() };

fn command() -> Command {
    let hash = Arg::new("hash").value_name("HASH").required(true).value_parser(value_parser!(Hash32));
    let blocks = Arg::new("blocks").long("blocks").value_name("N").default_value("256");
    let command = Command::new("transaction")
        .about("Looks for a transaction in the newest blocks, and prints its outcome")
        .arg(hash.help("The transaction's hash, as every command that writes prints it"))
        .arg(
            blocks
                .value_parser(value_parser!(u64))
                .help("How many blocks are searched; a transaction is valid for 128"),
        );
    args::with_settings(command, &[Group::Chain])
}

#[derive(JsonSchema, Serialize)]
struct Shown {
    extrinsic: Hash32,
    block: BlockNumber,
    block_hash: Hash32,
    index: usize,
    finalised: bool,
    /// `null` when today's runtime does not know it.
    call: Option<String>,
    succeeded: bool,
    /// Why it failed.
    error: Option<Foreign>,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let extrinsic =
            *matches.get_one::<Hash32>("hash").ok_or_else(|| anyhow::anyhow!("the transaction's hash is missing"))?;
        let blocks = matches.get_one::<u64>("blocks").copied().unwrap_or_default();
        let found = connect(&settings).await?.transaction(extrinsic, blocks).await.map_err(refused)?;
        let missing = || {
            anyhow::anyhow!(
                "none of the last {blocks} blocks has {extrinsic}: it was never included, it is older (--blocks N), \
                 or it still waits"
            )
        };
        let found = found.ok_or_else(|| Failure::new(Exit::Missing, missing()))?;
        let shown = Shown {
            extrinsic,
            block: found.block,
            block_hash: found.block_hash,
            index: found.index,
            finalised: found.finalised,
            call: found.call,
            succeeded: found.refused.is_none(),
            error: found.refused.map(|refusal| Foreign::from(refusal.to_string())),
        };
        Ok(output.result(&shown, text)?)
    })
}

fn text(shown: &Shown) -> String {
    let call = shown.call.as_deref().unwrap_or("a call that the present runtime does not know");
    let ended = shown.error.as_ref().map_or_else(|| "succeeded".to_owned(), |error| format!("failed: {error}"));
    let state = if shown.finalised { "final" } else { "not final yet" };
    format!("{call} {ended}\nblock {} ({state}), place {}\n", shown.block, shown.index)
}
