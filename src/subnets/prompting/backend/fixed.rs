//! Backends without a model: for a first walk, and for whoever tests the others.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use super::{Backend, BackendError, Deltas};
use crate::subnets::prompting::conversation::Conversation;

/// What `mock` says.
const MOCK: &str = "This is a mock answer. It was written before the question.";

/// Says in one piece what needs no thought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fixed {
    /// The last message.
    Echo,
    /// The operator's phrase.
    Phrase(String),
    /// A text of ours.
    Mock,
}

impl Backend for Fixed {
    fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Phrase(_) => "phrase",
            Self::Mock => "mock",
        }
    }

    fn answer(&self, conversation: Arc<Conversation>, _: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        let text = match self {
            Self::Echo => conversation.question().to_owned(),
            Self::Phrase(phrase) => phrase.clone(),
            Self::Mock => MOCK.to_owned(),
        };
        async move { Ok(stream::iter([Ok(text)]).boxed()) }.boxed()
    }
}
