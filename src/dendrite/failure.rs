//! Why an axon gave no answer, for programs, for counters and for people.

use super::target::NotAllowed;
use crate::units::Foreign;

/// Why an axon gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The target was not called.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The axon answered with a status other than 200.
    #[error("refused with {status}: {message}")]
    Refused {
        /// The status.
        status: u16,
        /// The axon's words, one line of ASCII.
        message: Foreign,
    },
    /// No whole answer in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or closed without a word.
    #[error("not reachable: {0}")]
    Unreachable(Foreign),
    /// Something came, but no answer of this protocol.
    #[error("not an answer: {0}")]
    Malformed(Foreign),
    /// The answer is larger than allowed.
    #[error("the answer is larger than {limit} bytes, or there is not enough memory for it now")]
    TooLarge {
        /// The cap on one answer, bytes.
        limit: usize,
    },
}

impl Failure {
    /// The status a Python dendrite would note for it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Timeout => 408,
            Self::Unreachable(_) | Self::NotAllowed(_) => 503,
            Self::Malformed(_) => 422,
            Self::TooLarge { .. } => 413,
        }
    }

    /// The failure in one word, for counting.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "not_allowed",
            Self::Refused { .. } => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } => "too_large",
        }
    }

    /// The failure in few words for a person, the same for all of its kind: `refused (403)`.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::NotAllowed(_) => "not called, the address is not allowed".to_owned(),
            Self::Refused { status, .. } => format!("refused ({status})"),
            Self::Timeout => "no answer in time".to_owned(),
            Self::Unreachable(_) => "not reachable".to_owned(),
            Self::Malformed(_) => "no answer of this protocol".to_owned(),
            Self::TooLarge { .. } => "answer too large".to_owned(),
        }
    }
}
