//! `neuron proxy execute`: does what was announced, when the proxy's delay is over.

use clap::{Arg, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::{named, word, writing};
use crate::cli::chain::{address, refused, with_chain};
use crate::cli::output::Output;
use crate::cli::write::Writer;
use crate::cli::{Exit, Failure, Prints, Verb};
use crate::subtensor::weights::Hash32;
use crate::units::Account;
use crate::wallet::KeyKind;

pub(super) const VERB: Verb = Verb { name: "execute", command, run, prints: Prints::written::<Executed>() };

fn command() -> Command {
    let real =
        Arg::new("real").long("real").value_name("ADDRESS").required(true).help("The account for which it is done");
    let delegate = Arg::new("delegate").long("delegate").value_name("ADDRESS");
    let call = Arg::new("call").long("call-hex").alias("call").value_name("HEX").required(true);
    let command = Command::new("execute")
        .about(
            "Executes a call that was announced with --announce, when the proxy's delay is over; any account may sign",
        )
        .arg(real)
        .arg(delegate.help("The proxy that announced it; the wallet's coldkey by default"))
        .arg(call.help("The call's bytes, as --announce printed them"));
    writing(command)
}

#[derive(JsonSchema, Serialize)]
struct Executed {
    real: Account,
    delegate: Account,
    executed: String,
    call_hash: Hash32,
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    with_chain(matches, |settings| async move {
        let real = named(matches, "real", &settings, output)?;
        let delegate = match matches.contains_id("delegate") {
            true => named(matches, "delegate", &settings, output)?,
            false => address(&settings, KeyKind::Coldkey, None)?,
        };
        let bytes = hex::decode(word(matches, "call").trim_start_matches("0x"));
        let bytes = bytes.map_err(|error| Failure::new(Exit::Usage, anyhow::anyhow!("--call-hex: {error}")))?;
        let writer = Writer::open(matches, &settings, output).await?;
        let inner = writer.chain.operation_of(&bytes).await.map_err(refused)?;
        let (executed, call_hash) = (inner.name(), Hash32::of(&bytes));
        let what = format!("Execute {executed} ({call_hash}) for {real}, as {delegate} announced");
        let outcome = writer.carry_out(inner.announced_by(&delegate, &real), &what).await?;
        writer.done(Executed { real, delegate, executed, call_hash }, outcome, |it| {
            format!("{} was executed for {}", it.executed, it.real)
        })
    })
}
