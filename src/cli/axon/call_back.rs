//! `neuron axon call-back`: tries the axons of those who ask, from here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::axon::call_back::CallBack;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, OrExit, Verb, block_on, interrupted};

pub(super) const CALL_BACK: Verb = Verb { command, run };

fn command() -> Command {
    Command::new("call-back")
        .about("Tries the axon of whoever asks, from here, until Ctrl-C: `neuron doctor --peer` on another machine asks")
        .after_help(
            "Who asks is called back at the address the question came from and at no other, once in ten seconds. Without \
             --host only this machine can ask.",
        )
        .arg(
            Arg::new("host")
                .long("host")
                .value_name("IP")
                .default_value("127.0.0.1")
                .value_parser(value_parser!(IpAddr))
                .help("Where to listen; 0.0.0.0 for other machines"),
        )
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .default_value("8093")
                .value_parser(value_parser!(u16))
                .help("The port to listen on"),
        )
}

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    block_on(answer_calls(matches, output))
}

async fn answer_calls(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let host = matches.get_one::<IpAddr>("host").copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
    let address = SocketAddr::new(host, matches.get_one::<u16>("port").copied().unwrap_or_default());
    let open = CallBack::serve(address)
        .await
        .map_err(|error| anyhow::anyhow!("{address} cannot be listened on: {error}; choose another --host or --port"))
        .or_exit(Exit::Usage)?;
    output.note(&format!("calls back whoever asks at {}; Ctrl-C stops", open.local_addr()));
    interrupted().await;
    Ok(())
}
