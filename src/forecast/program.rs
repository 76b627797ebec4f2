//! Programs of the operator that we start: a forecaster, a model, a server.

use std::ffi::OsStr;

use tokio::process::Command;

/// Settings of ours in the environment, which may hold secrets and are no business of a program.
const OUR_ENVIRONMENT: [&str; 2] = ["NEURON_", "BT_"];

/// Program and arguments of a command line, split at white space; quotes are not interpreted. `None` when it is blank.
#[must_use]
pub fn words(line: &str) -> Option<(String, Vec<String>)> {
    let mut words = line.split_whitespace().map(str::to_owned);
    Some((words.next()?, words.collect()))
}

/// A command that dies with us, in an environment without our settings.
pub fn command(program: impl AsRef<OsStr>, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OUR_ENVIRONMENT.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}
