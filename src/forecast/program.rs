//! Programs of the operator that we start: a forecaster, a model, a server.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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

/// Why a program that was asked once gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It cannot be started, or heard.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// More than was to be read.
    #[error("it wrote more than {0} bytes")]
    TooLong(usize),
    /// It did not end well.
    #[error("it ended with {0}")]
    Ended(ExitStatus),
}

/// Starts a program, tells it `told`, and reads what it says, `most` bytes at most, until it has ended. How long that may take is
/// the caller's to say: dropped, the program is killed.
///
/// # Errors
/// [`NoAnswer`].
pub async fn ask_once(program: &str, arguments: &[String], told: &[u8], most: usize) -> Result<Vec<u8>, NoAnswer> {
    let mut command = command(program, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let telling = async move {
        if let Some(mut stdin) = stdin {
            // A program that does not read is judged by what it says.
            let _ = stdin.write_all(told).await;
        }
    };
    let mut said = Vec::new();
    let listening = async {
        match stdout {
            Some(stdout) => stdout.take(most as u64 + 1).read_to_end(&mut said).await,
            None => Ok(0),
        }
    };
    let ((), heard) = tokio::join!(telling, listening);
    heard?;
    if said.len() > most {
        return Err(NoAnswer::TooLong(most));
    }
    let status = child.wait().await?;
    if status.success() { Ok(said) } else { Err(NoAnswer::Ended(status)) }
}
