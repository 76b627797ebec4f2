//! The optional member `conditions` of the events synapse: a miner's conditional forecasts.
//!
//! The Python peers' synapse and our own older versions ignore members that they do not know, and the body hash covers
//! `events` alone, so that whoever knows nothing of it is not disturbed. Absent or null: nothing new. A list, even an
//! empty one: it replaces what the miner sent before.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::scoring::conditional::{Conditional, MAX_PER_MINER};

/// The member as it was read, or is to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    /// The rules, at most [`MAX_PER_MINER`]; `None` where the member is absent or no list.
    pub rules: Option<Vec<Conditional<String>>>,
    /// Entries that are no rule, or too many; 1 for a member that is no list.
    pub misfits: u64,
}

impl Conditions {
    /// These rules, the first [`MAX_PER_MINER`] of them.
    #[must_use]
    pub fn of(rules: impl IntoIterator<Item = Conditional<String>>) -> Self {
        Self { rules: Some(rules.into_iter().take(MAX_PER_MINER).collect()), misfits: 0 }
    }

    /// Whether the member is left out.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.rules.is_none()
    }
}

impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rules.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match text.get() {
            "null" => Self::default(),
            list if list.starts_with('[') => {
                let mut reader = serde_json::Deserializer::from_str(list);
                reader.deserialize_seq(Entries).unwrap_or(Self { rules: None, misfits: 1 })
            }
            _ => Self { rules: None, misfits: 1 },
        })
    }
}

/// Reads entry by entry, so that a long list of garbage is never held.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Conditions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of conditional forecasts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Conditions, A::Error> {
        let (mut rules, mut misfits) = (Vec::new(), 0);
        while rules.len() < MAX_PER_MINER {
            let Some(entry) = entries.next_element::<&RawValue>()? else { break };
            match serde_json::from_str(entry.get()) {
                Ok(rule) => rules.push(rule),
                Err(_) => misfits += 1,
            }
        }
        while entries.next_element::<IgnoredAny>()?.is_some() {
            misfits += 1;
        }
        Ok(Conditions { rules: Some(rules), misfits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_counted_and_dropped() {
        let rule = r#"{"event":"z","probability":0.75,"if_event":"x","above":0.5}"#;
        let text = format!("[7,{}]", vec![rule; MAX_PER_MINER + 100_000].join(","));
        let read: Conditions = serde_json::from_str(&text).unwrap();
        assert_eq!((read.rules.as_ref().unwrap().len(), read.misfits), (MAX_PER_MINER, 100_001));
        let written = serde_json::to_string(&Conditions::of(read.rules.unwrap())).unwrap();
        assert_eq!(written, format!("[{}]", vec![rule; MAX_PER_MINER].join(",")));
    }
}
