//! What a miner of text answers with: a model behind an API, a program, or something fixed.

mod chat;
mod exec;
mod fixed;
mod local;
mod sse;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::conversation::Conversation;
use crate::units::Foreign;

pub use chat::{ApiKey, Chat, ChatSettings, Sampling, key_of_process};
pub(super) use chat::{below, body_of, client_of, unreachable};
pub use exec::Exec;
pub use fixed::Fixed;
pub use local::{Local, Supervision};

/// Text as a model makes it, piece by piece. Dropped, the work behind it ends.
pub type Deltas = BoxStream<'static, Result<String, BackendError>>;

/// Something that continues a conversation.
pub trait Backend: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Begins an answer: resolves with the first piece under way, or tells why there is none. Until then a backend may try
    /// again; after it, it may not. What is not said by `until` nobody hears.
    fn answer(&self, conversation: Arc<Conversation>, until: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>>;

    /// Its part of the status line, if it has something to say.
    fn status(&self) -> Option<String> {
        None
    }
}

impl fmt::Debug for dyn Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.name())
    }
}

/// Why a backend gives no answer, or not the whole of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Nobody is there, or the connection broke.
    #[error("{what} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        what: String,
        /// The system's words.
        reason: Foreign,
    },
    /// It refuses.
    #[error("{what} answered {status}: {message}{}", advice(*.status))]
    Refused {
        /// Who.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: Foreign,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// It has too much to do.
    #[error("{what} is busy")]
    Busy {
        /// Who.
        what: String,
    },
    /// What it says is no text of this protocol.
    #[error("the answer of {what} cannot be read: {reason}")]
    Malformed {
        /// Who.
        what: String,
        /// What is wrong.
        reason: Foreign,
    },
    /// It ended without a word.
    #[error("{what} ended without a word")]
    Silent {
        /// Who.
        what: String,
    },
    /// It says more than anybody may.
    #[error("{what} said more than {limit} bytes")]
    TooMuch {
        /// Who.
        what: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// No word came in time.
    #[error("{what} said nothing in time")]
    Late {
        /// Who.
        what: String,
    },
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(String),
}

const fn advice(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check the key (OPENAI_API_KEY, or `--backend.key_file`)",
        404 => "; check `--backend.url` and `--neuron.model_id`",
        429 => "; the account's rate or quota is used up",
        _ => "",
    }
}

impl BackendError {
    /// The failure in one word, for counting.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::Malformed { .. } => "malformed",
            Self::Silent { .. } => "silent",
            Self::TooMuch { .. } => "too_much",
            Self::Late { .. } => "late",
            Self::Setting(_) => "setting",
        }
    }

    /// Whether the same question may be answered a moment later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Silent { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 409 | 425 | 429) || *status >= 500,
            Self::Malformed { .. } | Self::TooMuch { .. } | Self::Late { .. } | Self::Setting(_) => false,
        }
    }
}
