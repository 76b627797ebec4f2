//! `neuron axon call-back`: tries the axons of those who ask, from here.

use clap::{ArgMatches, Command};

use crate::axon::call_back::CallBack;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit, Prints, Verb, args, block_on, interrupted};

pub(super) const CALL_BACK: Verb = Verb { name: "call-back", command, run, prints: Prints::Nothing };

fn command() -> Command {
    Command::new("call-back")
        .about("Tests the axons of other machines from here, when `neuron doctor --peer` asks there; runs until Ctrl-C")
        .after_help(
            "A machine that asks is called back at the address that it asked from, and at no other, once in ten \
             seconds. Without --host only this machine can ask.",
        )
        .args(args::listening(
            "The address to listen on; 0.0.0.0 for other machines",
            "8093",
            "The port to listen on; 0 takes a free one",
        ))
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    block_on(answer_calls(matches, output))
}

async fn answer_calls(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let address = args::listen_address(matches);
    let open = CallBack::serve(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}; choose another --host or --port"))
        .or_exit(Exit::Usage)?;
    output.note(&format!("calls back each machine that asks at {}; Ctrl-C stops", open.local_addr()));
    interrupted().await;
    Ok(())
}
