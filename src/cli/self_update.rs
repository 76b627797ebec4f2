//! `neuron self-update`: a newer release in the place of this program, and back again.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::Output;
use super::{Exit, Failure, OrExit as _, Prints, Verb, block_on, interrupted};
use crate::config::parse_duration;
use crate::update::{self, Outcome, PublicKey, Request, Restart, Source, UpdateError};

pub(super) const VERB: Verb =
    Verb { name: "self-update", command, run, prints: Prints::either::<Outcome, RolledBack>() };

/// The key of those who made this build, when `NEURON_RELEASE_KEY` was set while it was built.
const BUILT_IN_KEY: Option<&str> = option_env!("NEURON_RELEASE_KEY");

const AFTER: &str = "\
Nothing is fetched unless you ask for it, and no program is installed that is not signed by the key that you name. \
The old program is kept as neuron.old; `neuron self-update --rollback` puts it back.

  neuron self-update --from https://example.org/neuron --public-key minisign.pub --check
  neuron self-update --from /mnt/release --public-key RWQ… --restart 'pm2 restart neuron-miner-default' \\
    --ready http://127.0.0.1:9100/health

With --restart the process is restarted and watched: when it is not ready within --ready-within, the old program is \
put back and restarted. The command is split at spaces; no shell is used.";

fn command() -> Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("self-update")
        .about(
            "Replaces this program by a newer signed release, and puts the old one back when the new one does not \
             become ready",
        )
        .after_help(AFTER)
        .arg(text("from", "URL|DIR").required_unless_present("rollback").help("The URL or folder of the releases"))
        .arg(text("channel", "NAME").default_value("stable").help("The release channel"))
        .arg(text("public-key", "KEY|FILE").help(match BUILT_IN_KEY {
            Some(_) => "The minisign public key that releases are signed with [default: that of this build]",
            None => "The minisign public key that releases are signed with; this build has no default",
        }))
        .arg(
            text("program", "FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The program to replace [default: this one]"),
        )
        .arg(flag("check").help("Only print which version is there"))
        .arg(flag("allow-older").help("Allow an older version to replace a newer one"))
        .arg(
            flag("rollback")
                .conflicts_with_all(["from", "check"])
                .help("Put back the program that the last update replaced"),
        )
        .arg(text("restart", "COMMAND").requires("ready").help("The command that restarts the process of this program"))
        .arg(text("ready", "URL").help("The URL of its /health (`--metrics.port`), which says when it is ready"))
        .arg(
            text("ready-within", "TIME")
                .default_value("60s")
                .value_parser(parse_duration)
                .help("The longest time until it must be ready"),
        )
}

/// What a roll-back ends with.
#[derive(JsonSchema, Serialize)]
struct RolledBack {
    /// `rolled_back`.
    outcome: &'static str,
    program: PathBuf,
}

const BACK: &str = "rolled_back";

fn run(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let program = program(matches)?;
    if matches.get_flag("rollback") {
        update::roll_back(&program).map_err(failure)?;
        return Ok(output.result(&RolledBack { outcome: BACK, program }, |RolledBack { program, .. }| {
            format!(
                "{} is the program of before the last update again; restart the process that uses it",
                program.display()
            )
        })?);
    }
    let asked = async {
        let request = request(matches, program).await?;
        let work = async {
            if matches.get_flag("check") { update::check(&request).await } else { update::update(&request).await }
        };
        // Whoever interrupts it before the exchange has changed nothing; after it the new program is in place, and the
        // old one beside it.
        tokio::select! {
            done = work => done.map_err(failure),
            () = interrupted() => Err(Failure::new(Exit::Interrupted, anyhow::anyhow!("interrupted"))),
        }
    };
    Ok(output.result(&block_on(asked)?, told)?)
}

/// What is to be replaced, behind all links.
fn program(matches: &ArgMatches) -> Result<PathBuf, Failure> {
    match matches.get_one::<PathBuf>("program") {
        Some(given) => {
            let found = given.canonicalize();
            found
                .map_err(|e| anyhow::anyhow!("{}: {e}; name a program with --program", given.display()))
                .or_exit(Exit::Missing)
        }
        None => std::env::current_exe()
            .map_err(|e| anyhow::anyhow!("the path of this program is not known: {e}; name it with --program"))
            .or_exit(Exit::Failed),
    }
}

async fn request(matches: &ArgMatches, program: PathBuf) -> Result<Request, Failure> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let Some(key) = text("public-key").or(BUILT_IN_KEY) else {
        let error = anyhow::anyhow!("the public key of the releases is missing: name it with --public-key");
        return Err(Failure::new(Exit::Usage, error));
    };
    let within = matches.get_one::<Duration>("ready-within").copied().unwrap_or(Duration::from_secs(60));
    let restart = match (text("restart"), text("ready")) {
        (Some(command), Some(ready)) => Some(Restart::new(command, ready, within).map_err(failure)?),
        _ => None,
    };
    Ok(Request {
        from: Source::given(text("from").unwrap_or_default()).map_err(failure)?,
        channel: text("channel").unwrap_or("stable").to_owned(),
        key: PublicKey::given(key).map_err(failure)?,
        allow_older: matches.get_flag("allow-older"),
        version: update::version_of(&program).await.map_err(failure)?,
        program,
        restart,
    })
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Current { version } => format!("{version} is the newest version"),
        Outcome::Available { version, offered } => format!("{offered} is there; this is {version}"),
        Outcome::Updated { installed, version, kept, restarted } => {
            let next = if *restarted { "restarted, and ready" } else { "restart the process that uses it" };
            format!("{installed} is in place: {next}; {version} is kept as {}", kept.display())
        }
    }
}

fn failure(error: UpdateError) -> Failure {
    let exit = match &error {
        UpdateError::Source { .. } => Exit::Network,
        UpdateError::Key { .. } => Exit::Usage,
        UpdateError::Untrusted { .. }
        | UpdateError::Description { .. }
        | UpdateError::Channel { .. }
        | UpdateError::Bytes { .. } => Exit::BadFile,
        UpdateError::NothingKept { .. } | UpdateError::NotForThisMachine { .. } => Exit::Missing,
        UpdateError::Disk { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => Exit::Permission,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}
