//! `StreamPromptingSynapse` of the text-prompting subnet (SDK 7.1): a conversation in, a stream of text out.

use serde::{Deserialize, Serialize};

use crate::synapse::{BodyHash, Hollow, Synapse};

/// A conversation to be continued. The signature covers `messages`, not `roles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamPromptingSynapse {
    /// Always `["messages"]`. The Python class declares it as a field, so it travels; what a peer says here is not read.
    #[serde(skip_deserializing, default = "hash_field_names")]
    required_hash_fields: [&'static str; 1],
    /// Who says each message: `user`, `assistant`, `system`.
    pub roles: Vec<String>,
    /// The messages, in order.
    pub messages: Vec<String>,
    /// The answer's text.
    #[serde(default)]
    pub completion: String,
}

const fn hash_field_names() -> [&'static str; 1] {
    ["messages"]
}

impl StreamPromptingSynapse {
    /// A conversation without answer; one role per message.
    #[must_use]
    pub const fn new(roles: Vec<String>, messages: Vec<String>) -> Self {
        Self { required_hash_fields: hash_field_names(), roles, messages, completion: String::new() }
    }
}

impl Synapse for StreamPromptingSynapse {
    const NAME: &'static str = "StreamPromptingSynapse";
    const STREAMING: bool = true;

    fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
        vec![("roles", Hollow::List), ("messages", Hollow::List)]
    }

    fn hash_fields(&self, hash: &mut BodyHash) {
        hash.field(&self.messages);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synapse::{body, body_hash};

    #[test]
    fn only_messages_are_hashed() {
        let ask = |role: &str, message: &str| StreamPromptingSynapse::new(vec![role.into()], vec![message.into()]);
        assert_eq!(body_hash(&ask("user", "hi")), body_hash(&ask("system", "hi")));
        assert_ne!(body_hash(&ask("user", "hi")), body_hash(&ask("user", "ho")));
    }

    #[test]
    fn a_peer_cannot_choose_what_is_hashed() {
        let text = r#"{"required_hash_fields":[],"roles":["user"],"messages":["hi"]}"#;
        let synapse: StreamPromptingSynapse = body::read(text.as_bytes()).unwrap();
        assert_eq!(synapse, StreamPromptingSynapse::new(vec!["user".into()], vec!["hi".into()]));
        assert!(serde_json::to_string(&synapse).unwrap().starts_with(r#"{"required_hash_fields":["messages"],"#));
    }
}
