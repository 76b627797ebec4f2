//! Exit statuses: one per class of failure, the same for every command.

use std::fmt;

/// Why the process ends. The numbers are part of the interface; `neuron --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something failed that has no number of its own.
    Failed = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    /// A key is locked, or the password is wrong.
    Locked = 3,
    /// There is no such wallet, key or file.
    Missing = 4,
    /// The chain, a market or a peer cannot be reached.
    Network = 5,
    /// The chain refused.
    Refused = 6,
    /// A person said no.
    Declined = 7,
    /// A key file is damaged, contradicts itself, or is no key file.
    BadFile = 8,
    /// The operating system does not permit it, or others are permitted too much.
    Permission = 9,
    /// It would replace a key.
    Exists = 10,
    /// Ctrl-C.
    Interrupted = 130,
}

/// What `neuron --help` says about the numbers.
pub const EXIT_STATUSES: &str = "Exit status: 0 done; 1 failed; 2 wrong usage or setting; 3 key locked or wrong \
                                 password; 4 no such wallet, key or file; 5 network; 6 refused by the chain; 7 you \
                                 said no; 8 damaged key file; 9 no permission; 10 would replace a key; 130 \
                                 interrupted.";

/// An error on its way to a person, with the status that the process ends with.
#[derive(Debug)]
pub struct Failure {
    /// The class.
    pub exit: Exit,
    /// What happened, to what, and what to do.
    pub error: anyhow::Error,
    /// The result was printed and says it already: in JSON there is one document, not two.
    pub after_result: bool,
}

impl Failure {
    /// A failure of class `exit`.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), after_result: false }
    }

    /// A failure whose result was printed before.
    #[must_use]
    pub fn after_result(self) -> Self {
        Self { after_result: true, ..self }
    }
}

/// A status whose reason the result itself has told.
#[derive(Debug, thiserror::Error)]
#[error("see the result")]
struct Told;

impl Failure {
    /// A status without a message: the result on stdout says it all.
    #[must_use]
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, Told)
    }

    /// Whether nothing more is to be said.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.error.is::<Told>()
    }
}

/// The error and its causes; a cause that an error in front of it has told already is not told again.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                text.push_str(": ");
                text.push_str(&cause);
            }
        }
        f.write_str(&text)
    }
}

/// Without a class of its own, a failure is [`Exit::Failed`].
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(Exit::Failed, error)
    }
}

/// Gives a result's error its class: `open(path).or_exit(Exit::Missing)?`.
pub trait OrExit<T> {
    /// The error becomes a [`Failure`] of class `exit`.
    ///
    /// # Errors
    /// The same error, classified.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("port in use").context("cannot listen: port in use; take another").context("start");
        assert_eq!(Failure::from(error).to_string(), "start: cannot listen: port in use; take another");
    }
}
