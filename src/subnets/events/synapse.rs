//! `EventPredictionSynapse`, both generations: June 2024 (untyped entries) and July 2025 (typed, all eight members).
//!
//! Both share name and path. Which one an entry is shows in its members; each entry is written in the generation it was
//! read in, so that a miner answers as it was asked by filling in what came.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::conditions::Conditions;
use crate::synapse::{Hollow, Scalar, Synapse, lax_opt_bool, lax_opt_i64};
use crate::units::{Foreign, Probability};

/// What a validator asks and a miner fills in: events by key, market type and event id joined by a dash.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventPredictionSynapse {
    /// The events; keys are the asker's and come back unchanged.
    #[serde(default)]
    pub events: BTreeMap<String, EventPrediction>,
    /// The miner's conditional forecasts; an addition of this program, left out where there are none.
    #[serde(default, skip_serializing_if = "Conditions::is_absent")]
    pub conditions: Conditions,
}

impl Synapse for EventPredictionSynapse {
    const NAME: &'static str = "EventPredictionSynapse";

    fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
        match self.generation() {
            Generation::June2024 => Vec::new(),
            Generation::July2025 => vec![("events", Hollow::Object)],
        }
    }
}

impl EventPredictionSynapse {
    /// The generation of the message: that of its entries, the current one when there are none.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.events.values().next().map_or(Generation::July2025, |event| event.generation)
    }
}

/// Which body a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Six untyped members; a probability of 0 means "no answer".
    June2024,
    /// Eight typed members, all present; null means "no answer".
    July2025,
}

/// One event, as asked or as answered.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPrediction {
    /// How the entry is written.
    pub generation: Generation,
    /// The market's own id.
    pub event_id: String,
    /// The market (2024) or the event's type (2025).
    pub market_type: String,
    /// The question in words.
    pub description: Foreign,
    /// Only 2024: when the event starts, s since the epoch.
    pub starts: Option<i64>,
    /// After this moment no forecast counts, s since the epoch; `resolve_date` in 2024.
    pub cutoff: Option<i64>,
    /// Only 2024: members beside those, which come back as they came; in 2025 they are dropped.
    pub others: BTreeMap<String, Verbatim>,
    /// Only 2025: whatever the asker says beside.
    pub metadata: Verbatim,
    /// The forecast of the second outcome (2024) or of "yes" (2025). In 2025 always in `0.0..=1.0`; in 2024 any number.
    pub probability: Option<f64>,
    /// Only 2025: the miner's words.
    pub reasoning: Option<Foreign>,
    /// Only 2025: whether the miner filled the entry in.
    pub miner_answered: bool,
}

impl EventPrediction {
    /// A question in the current generation, without answer.
    #[must_use]
    pub fn ask(event_id: String, market_type: String, description: Foreign, cutoff: Option<i64>) -> Self {
        Self {
            generation: Generation::July2025,
            event_id,
            market_type,
            description,
            starts: None,
            cutoff,
            others: BTreeMap::new(),
            metadata: Verbatim::default(),
            probability: None,
            reasoning: None,
            miner_answered: false,
        }
    }

    /// Fills the answer in.
    pub fn answer(&mut self, probability: Probability, reasoning: Option<Foreign>) {
        self.probability = Some(probability.get());
        self.reasoning = reasoning;
        self.miner_answered = true;
    }

    /// The forecast, if there is one: finite, clamped; in 2024 a zero is none, as its validators count it.
    #[must_use]
    pub fn forecast(&self) -> Option<Probability> {
        let reported = self.probability?;
        match self.generation {
            Generation::June2024 if reported == 0.0 => None,
            _ => Probability::clamped(reported),
        }
    }
}

/// JSON kept as its text: it is passed through, not looked into.
#[derive(Clone)]
pub struct Verbatim(Box<RawValue>);

impl Verbatim {
    /// From the text of a JSON object; `None` when it is none.
    #[must_use]
    pub fn object(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().filter(|raw| raw.get().starts_with('{')).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl Default for Verbatim {
    fn default() -> Self {
        // The only text that can fail here is one that is not JSON.
        Self(RawValue::from_string("{}".into()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl fmt::Debug for Verbatim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl Serialize for EventPrediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.generation {
            Generation::June2024 => {
                let mut out = serializer.serialize_map(Some(6 + self.others.len()))?;
                out.serialize_entry("event_id", &self.event_id)?;
                out.serialize_entry("market_type", &self.market_type)?;
                out.serialize_entry("probability", &self.probability)?;
                out.serialize_entry("description", &self.description)?;
                out.serialize_entry("starts", &self.starts)?;
                out.serialize_entry("resolve_date", &self.cutoff)?;
                for (name, value) in &self.others {
                    out.serialize_entry(name, &value.0)?;
                }
                out.end()
            }
            Generation::July2025 => {
                let mut out = serializer.serialize_struct("EventPrediction", 8)?;
                out.serialize_field("event_id", &self.event_id)?;
                out.serialize_field("market_type", &self.market_type)?;
                out.serialize_field("description", &self.description)?;
                out.serialize_field("cutoff", &self.cutoff)?;
                out.serialize_field("metadata", &self.metadata.0)?;
                out.serialize_field("probability", &self.probability)?;
                out.serialize_field("reasoning", &self.reasoning)?;
                out.serialize_field("miner_answered", &self.miner_answered)?;
                out.end()
            }
        }
    }
}

/// Every member of both generations; the outer `Option` tells an absent member from a null one.
#[derive(Default)]
struct Members {
    event_id: Option<String>,
    market_type: Option<String>,
    description: Option<Foreign>,
    starts: Option<i64>,
    resolve_date: Option<i64>,
    cutoff: Option<Option<i64>>,
    metadata: Option<Box<RawValue>>,
    probability: Option<Scalar>,
    reasoning: Option<Option<Foreign>>,
    miner_answered: Option<bool>,
    others: BTreeMap<String, Verbatim>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Member {
    EventId,
    MarketType,
    Description,
    Starts,
    ResolveDate,
    Cutoff,
    Metadata,
    Probability,
    Reasoning,
    MinerAnswered,
    Other(String),
}

#[derive(Deserialize)]
#[serde(transparent)]
struct LaxInteger(#[serde(deserialize_with = "lax_opt_i64")] Option<i64>);

#[derive(Deserialize)]
#[serde(transparent)]
struct LaxBool(#[serde(deserialize_with = "lax_opt_bool")] Option<bool>);

/// By hand, for derived code keeps no unknown member as its text.
impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        while let Some(member) = map.next_key()? {
            match member {
                Member::EventId => members.event_id = map.next_value()?,
                Member::MarketType => members.market_type = map.next_value()?,
                Member::Description => members.description = map.next_value()?,
                Member::Starts => members.starts = integer_or_nothing(&map.next_value()?),
                Member::ResolveDate => members.resolve_date = integer_or_nothing(&map.next_value()?),
                Member::Cutoff => members.cutoff = Some(map.next_value::<LaxInteger>()?.0),
                Member::Metadata => members.metadata = map.next_value()?,
                Member::Probability => members.probability = Some(map.next_value()?),
                Member::Reasoning => members.reasoning = Some(map.next_value()?),
                Member::MinerAnswered => members.miner_answered = map.next_value::<LaxBool>()?.0,
                Member::Other(name) => {
                    members.others.insert(name, Verbatim(map.next_value()?));
                }
            }
        }
        Ok(members)
    }
}

impl<'de> Deserialize<'de> for EventPrediction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        let is_2025 = members.cutoff.is_some()
            || members.metadata.is_some()
            || members.reasoning.is_some()
            || members.miner_answered.is_some();
        if is_2025 { members.into_2025() } else { Ok(members.into_2024()) }
    }
}

impl Members {
    /// Untyped then: what is missing or no number is simply no answer.
    fn into_2024(self) -> EventPrediction {
        let probability = match self.probability {
            Some(Scalar::Integer(value)) => Some(value as f64),
            Some(Scalar::Float(value)) if value.is_finite() => Some(value),
            _ => None,
        };
        EventPrediction {
            generation: Generation::June2024,
            event_id: self.event_id.unwrap_or_default(),
            market_type: self.market_type.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            starts: self.starts,
            cutoff: self.resolve_date,
            others: self.others,
            metadata: Verbatim::default(),
            probability,
            reasoning: None,
            miner_answered: probability.is_some(),
        }
    }

    /// Typed: one entry out of order spoils the message, as it does for the Python validators.
    fn into_2025<E: de::Error>(self) -> Result<EventPrediction, E> {
        let missing = E::missing_field;
        let probability = match self.probability {
            None => return Err(missing("probability")),
            Some(Scalar::Null) => None,
            Some(Scalar::Integer(value @ 0..=1)) => Some(value as f64),
            Some(Scalar::Float(value)) if (0.0..=1.0).contains(&value) => Some(value),
            Some(_) => return Err(E::custom("probability is not a number in 0..=1")),
        };
        let metadata = self.metadata.ok_or_else(|| missing("metadata"))?;
        if !metadata.get().starts_with('{') {
            return Err(E::custom("metadata is not an object"));
        }
        Ok(EventPrediction {
            generation: Generation::July2025,
            event_id: self.event_id.ok_or_else(|| missing("event_id"))?,
            market_type: self.market_type.ok_or_else(|| missing("market_type"))?,
            description: self.description.ok_or_else(|| missing("description"))?,
            starts: None,
            cutoff: self.cutoff.ok_or_else(|| missing("cutoff"))?,
            others: BTreeMap::new(),
            metadata: Verbatim(metadata),
            probability,
            reasoning: self.reasoning.ok_or_else(|| missing("reasoning"))?,
            miner_answered: self.miner_answered.ok_or_else(|| missing("miner_answered"))?,
        })
    }
}

fn integer_or_nothing(value: &Scalar) -> Option<i64> {
    match *value {
        Scalar::Integer(value) => Some(value),
        // Floats of whole seconds count too; the range is that of exact integers.
        Scalar::Float(value) if value.abs() <= 9_007_199_254_740_992.0 => Some(value as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synapse::body;

    const OF_2024: &str = r#"{"events":{"polymarket-0x1":{"event_id":"0x1","market_type":"polymarket","probability":null,"description":"Will it?","starts":1718000000,"resolve_date":null}}}"#;
    const OF_2025: &str = r#"{"events":{"ifgames-1":{"event_id":"1","market_type":"llm","description":"Will it?","cutoff":1752000000,"metadata":{"topics":["FX"], "n":12345678901234567890123},"probability":null,"reasoning":null,"miner_answered":false}}}"#;

    fn read(text: &str) -> EventPredictionSynapse {
        body::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_generation_is_written_as_it_was_read() {
        for (text, generation) in [(OF_2024, Generation::June2024), (OF_2025, Generation::July2025)] {
            let synapse = read(text);
            assert_eq!(synapse.generation(), generation);
            assert_eq!(serde_json::to_string(&synapse).unwrap(), text);
        }
        assert!(read(OF_2024).required_fields().is_empty());
        assert_eq!(read(OF_2025).required_fields(), [("events", Hollow::Object)]);
        assert!(read("{}").events.is_empty());
    }

    #[test]
    fn in_2024_members_that_nobody_reads_come_back_as_they_came() {
        let stranger = r#""resolve_date":null,"extra":{"k":[false,1e-07]},"tags":null"#;
        let text = OF_2024.replace("\"resolve_date\":null", stranger);
        assert_eq!(serde_json::to_string(&read(&text)).unwrap(), text);
        let typed = OF_2025.replace("\"cutoff\"", "\"extra\":7,\"cutoff\"");
        assert_eq!(serde_json::to_string(&read(&typed)).unwrap(), OF_2025);
    }

    #[test]
    fn an_answer_is_filled_in_and_read() {
        for text in [OF_2024, OF_2025] {
            let mut synapse = read(text);
            let event = synapse.events.values_mut().next().unwrap();
            assert_eq!(event.forecast(), None);
            event.answer(Probability::new(0.3).unwrap(), Some("since".into()));
            let back = read(&serde_json::to_string(&synapse).unwrap());
            assert_eq!(back.events.values().next().unwrap().forecast(), Probability::clamped(0.3));
        }
    }

    #[test]
    fn in_2024_anything_comes_back() {
        for (reported, forecast) in [
            ("0.25", Some(0.25)),
            ("2.5", Some(1.0)),
            ("\"0.5\"", Some(0.5)),
            ("0", None),
            ("0.0", None),
            ("NaN", None),
            ("1e999", None),
            ("\"maybe\"", None),
            ("[1]", None),
            ("{\"a\":1}", None),
            ("true", None),
        ] {
            let text = OF_2024.replace("\"probability\":null", &format!("\"probability\":{reported}"));
            let event = read(&text).events.into_values().next().unwrap();
            assert_eq!(event.forecast().map(Probability::get), forecast, "{reported}");
        }
    }

    #[test]
    fn in_2025_an_entry_is_right_or_spoils_the_message() {
        let set = |reported: &str| OF_2025.replace("\"probability\":null", &format!("\"probability\":{reported}"));
        for (reported, forecast) in [("0.25", 0.25), ("1", 1.0), ("\"0.5\"", 0.5), ("0", 0.0)] {
            let event = read(&set(reported)).events.into_values().next().unwrap();
            assert_eq!(event.forecast().map(Probability::get), Some(forecast));
        }
        for bad in ["1.1", "-0.1", "NaN", "Infinity", "\"x\"", "[]", "true"] {
            assert!(body::read::<EventPredictionSynapse>(set(bad).as_bytes()).is_err(), "{bad}");
        }
        for member in ["event_id", "market_type", "description", "cutoff", "metadata", "probability", "reasoning"] {
            let text = OF_2025.replace(&format!("\"{member}\":"), "\"other\":");
            assert!(body::read::<EventPredictionSynapse>(text.as_bytes()).is_err(), "{member}");
        }
        assert!(Verbatim::object("[]".into()).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_byte_changed_is_read_or_refused(at in 0usize..OF_2025.len(), byte: u8) {
            for text in [OF_2024, OF_2025] {
                let mut bytes = text.as_bytes().to_vec();
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
                if let Ok(synapse) = body::read::<EventPredictionSynapse>(&bytes) {
                    proptest::prop_assert!(serde_json::to_vec(&synapse).is_ok());
                }
            }
        }
    }
}
