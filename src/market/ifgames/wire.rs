//! The service's JSON: pages of events, of those that ended, of those that were withdrawn. Numbers may be texts, times Unix
//! seconds or RFC 3339.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::NAME;
use crate::market::{Beside, Event, EventKey, Listing, Resolution, fields};
use crate::units::{Foreign, Probability, UnixMs};

/// What stands between an event's title and what is said about it.
const FURTHER: &str = " ==Further Information==: ";

/// A page of a list. Each entry is read by itself, so that a bad one costs nobody else.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) items: Vec<Box<RawValue>>,
}

/// An event of any list, or by itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    event_id: Value,
    title: Option<Foreign>,
    description: Option<Foreign>,
    created_at: Value,
    cutoff: Value,
    answer: Value,
    resolved_at: Value,
    deleted_at: Value,
    market_type: Value,
    event_metadata: Option<Box<RawValue>>,
}

impl Item {
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Its id, unless that is unfit to be one.
    pub(super) fn id(&self) -> Option<String> {
        let text = match &self.event_id {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        fields::plain_id(&text).map(str::to_owned)
    }

    pub(super) fn created_at(&self) -> Option<UnixMs> {
        moment(&self.created_at)
    }

    pub(super) fn resolved_at(&self) -> Option<UnixMs> {
        moment(&self.resolved_at)
    }

    pub(super) fn deleted_at(&self) -> Option<UnixMs> {
        moment(&self.deleted_at)
    }

    /// How it ended, if it did: an answer that is no probability is none.
    pub(super) fn resolution(&self) -> Resolution {
        let outcome = fields::number(&self.answer).and_then(|answer| Probability::new(answer).ok());
        outcome.map_or(Resolution::Open, |outcome| Resolution::Resolved { outcome, at: self.resolved_at() })
    }

    /// The event as it is asked about; `None` without an id, a title or a cutoff.
    pub(super) fn listing(&self) -> Option<Listing> {
        let id = self.id()?;
        let title = self.title.as_ref().filter(|title| !title.as_raw().trim().is_empty())?;
        let further = self.description.as_ref().map_or("", Foreign::as_raw);
        let event = Event {
            key: EventKey::new(NAME, &id),
            provider: NAME.to_owned(),
            id,
            description: format!("{}{FURTHER}{further}", title.as_raw()).into(),
            cutoff: moment(&self.cutoff)?,
            ends_at: None,
            beside: Beside::of(self.market_type.as_str(), self.event_metadata.as_deref().map(RawValue::get)),
        };
        Some(Listing { event, quote: None, resolution: self.resolution() })
    }
}

fn moment(value: &Value) -> Option<UnixMs> {
    match fields::number(value) {
        // Whole seconds are what is documented; a fraction is cut off.
        Some(seconds) if seconds.is_finite() => fields::date_of(seconds as i64),
        _ => fields::moment(value.as_str()?.trim()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(json: &str) -> Item {
        Item::read(json).unwrap()
    }

    #[test]
    fn an_event_is_read_whatever_its_numbers_look_like() {
        let plain = item(
            r#"{"event_id":"a-1","title":"Will it?","description":"By noon.","created_at":1751328000,"cutoff":"1751414400",
                "market_type":"LLM","answer":null,"event_metadata":{"x":1}}"#,
        );
        let listing = plain.listing().unwrap();
        assert_eq!(listing.event.key.0, "ifgames-a-1");
        assert_eq!(listing.event.description.as_raw(), "Will it? ==Further Information==: By noon.");
        assert_eq!((listing.event.cutoff, listing.resolution), (UnixMs::from_secs(1_751_414_400), Resolution::Open));
        let beside = &listing.event.beside;
        assert_eq!(beside.kind.as_deref(), Some("llm"));
        assert_eq!(beside.metadata.as_ref().map(Foreign::as_raw), Some(r#"{"x":1}"#));
        assert_eq!(plain.created_at(), Some(UnixMs::from_secs(1_751_328_000)));
        let ended = item(r#"{"event_id":7,"answer":"1","resolved_at":"2025-07-02T00:00:00Z"}"#);
        let at = Some(UnixMs::from_secs(1_751_414_400));
        assert_eq!(ended.resolution(), Resolution::Resolved { outcome: Probability::ONE, at });
        assert_eq!((ended.id().as_deref(), ended.listing().is_none()), (Some("7"), true));
    }

    #[test]
    fn what_is_no_event_is_none() {
        for bad in [
            r#"{"event_id":null,"title":"T","cutoff":1751414400}"#,
            r#"{"event_id":"a\u001b[2J","title":"T","cutoff":1751414400}"#,
            r#"{"event_id":"a","title":" ","cutoff":1751414400}"#,
            r#"{"event_id":"a","title":"T","cutoff":"soon"}"#,
            r#"{"event_id":"a","title":"T","cutoff":1e30}"#,
        ] {
            assert!(item(bad).listing().is_none(), "{bad}");
        }
        for strange in ["2", "-1", "\"NaN\"", "true", "[]", "{}"] {
            let text = format!(r#"{{"event_id":"a","answer":{strange}}}"#);
            assert_eq!(item(&text).resolution(), Resolution::Open, "{strange}");
        }
        assert!(Item::read("7").is_none() && Item::read(r#"{"title":3}"#).is_none());
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,60}|\\{\"event_id\":.{0,9},\"cutoff\":.{0,20}\\}") {
            let _ = Item::read(&text).map(|item| (item.listing(), item.created_at()));
        }
    }
}
