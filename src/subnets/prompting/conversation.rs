//! A conversation to be continued, read from what a stranger sent.

use std::fmt;

use super::synapse::StreamPromptingSynapse;
use crate::units::Foreign;

/// Turns in one conversation; the reference has at most five, and a longer list is somebody's trick.
pub const MAX_TURNS: usize = 256;
/// Bytes of all messages together: about 60,000 tokens, more than the models of this work read.
pub const MAX_BYTES: usize = 256 * 1024;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sets the manner.
    System,
    /// Asks.
    User,
    /// Answers.
    Assistant,
}

impl Role {
    /// The name on the wire and in every chat API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::System, Self::User, Self::Assistant].into_iter().find(|role| role.name() == name)
    }
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub role: Role,
    /// What.
    pub text: Foreign,
}

/// What was said so far; it ends with the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    turns: Vec<Turn>,
}

/// A conversation that cannot be continued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoConversation {
    /// Not one role for each message.
    Lengths {
        /// How many roles.
        roles: usize,
        /// How many messages.
        messages: usize,
    },
    /// Nothing was said, or the last message is blank.
    Empty,
    /// A role that nobody knows.
    Role(Foreign),
    /// More turns than are read.
    TooManyTurns(usize),
    /// More bytes than are read.
    TooLong(usize),
}

impl fmt::Display for NoConversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lengths { roles, messages } => {
                write!(f, "{roles} roles for {messages} messages; each message has one role")
            }
            Self::Empty => f.write_str("there is no question: the last message must say something"),
            Self::Role(role) => write!(f, "unknown role `{}`; user, assistant and system are known", role.up_to(40)),
            Self::TooManyTurns(turns) => write!(f, "{turns} messages; at most {MAX_TURNS} are read"),
            Self::TooLong(bytes) => write!(f, "{bytes} bytes of messages; at most {MAX_BYTES} are read"),
        }
    }
}

impl std::error::Error for NoConversation {}

impl Conversation {
    /// A single question.
    #[must_use]
    pub fn asking(question: &str) -> Self {
        Self { turns: vec![Turn { role: Role::User, text: question.into() }] }
    }

    /// Reads what a caller sent.
    ///
    /// # Errors
    /// [`NoConversation`].
    pub fn of(asked: StreamPromptingSynapse) -> Result<Self, NoConversation> {
        let StreamPromptingSynapse { roles, messages, .. } = asked;
        if roles.len() != messages.len() {
            return Err(NoConversation::Lengths { roles: roles.len(), messages: messages.len() });
        }
        Self::from_pairs(roles.into_iter().zip(messages))
    }

    /// Reads roles and messages.
    ///
    /// # Errors
    /// [`NoConversation`].
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, NoConversation> {
        let pairs: Vec<(String, String)> = pairs.into_iter().collect();
        if pairs.len() > MAX_TURNS {
            return Err(NoConversation::TooManyTurns(pairs.len()));
        }
        let bytes = pairs.iter().map(|(_, text)| text.len()).sum();
        if bytes > MAX_BYTES {
            return Err(NoConversation::TooLong(bytes));
        }
        if pairs.last().is_none_or(|(_, text)| text.trim().is_empty()) {
            return Err(NoConversation::Empty);
        }
        let turn = |(role, text): (String, String)| match Role::of(&role) {
            Some(role) => Ok(Turn { role, text: text.into() }),
            None => Err(NoConversation::Role(role.into())),
        };
        Ok(Self { turns: pairs.into_iter().map(turn).collect::<Result<_, _>>()? })
    }

    /// The same, one turn longer.
    #[must_use]
    pub fn then(mut self, role: Role, text: impl Into<Foreign>) -> Self {
        self.turns.push(Turn { role, text: text.into() });
        self
    }

    /// What was said, in order.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// The last message.
    #[must_use]
    pub fn question(&self) -> &str {
        self.turns.last().map_or("", |turn| turn.text.as_raw())
    }

    /// It as a question on the wire.
    #[must_use]
    pub fn synapse(&self) -> StreamPromptingSynapse {
        let roles = self.turns.iter().map(|turn| turn.role.name().to_owned()).collect();
        let messages = self.turns.iter().map(|turn| turn.text.as_raw().to_owned()).collect();
        StreamPromptingSynapse::new(roles, messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(roles: &[&str], messages: &[&str]) -> Result<Conversation, NoConversation> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Conversation::of(StreamPromptingSynapse::new(owned(roles), owned(messages)))
    }

    #[test]
    fn what_can_be_continued_is_read_whole_and_written_back() {
        let said = read(&["system", "user", "assistant", "user"], &["be kind", "hi", "", "and you?"]).unwrap();
        assert_eq!((said.turns().len(), said.question()), (4, "and you?"));
        assert_eq!(Conversation::of(said.synapse()).unwrap(), said);
    }

    #[test]
    fn what_cannot_is_refused_by_name() {
        assert_eq!(read(&["user"], &["a", "b"]).unwrap_err(), NoConversation::Lengths { roles: 1, messages: 2 });
        for empty in [read(&[], &[]), read(&["user"], &[" \n"])] {
            assert_eq!(empty.unwrap_err(), NoConversation::Empty);
        }
        assert!(read(&["root\x1b[2J"], &["a"]).unwrap_err().to_string().contains("\\u{1b}"));
        let long = "a".repeat(1 << 20);
        assert_eq!(read(&["user"], &[&long]).unwrap_err(), NoConversation::TooLong(1 << 20));
        assert_eq!(read(&["user"; 257], &["a"; 257]).unwrap_err(), NoConversation::TooManyTurns(257));
    }
}
