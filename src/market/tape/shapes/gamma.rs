//! Market objects of Polymarket's Gamma API, alone, in lists, or inside their events.

use serde::Deserialize;
use serde_json::Value;

use super::super::recordings::{Entry, Found};
use super::{probability, timestamp};
use crate::units::{Probability, UnixMs};

/// How far the prices of a settled market may lie from 0, 1 or a half: markets of the automated market maker were
/// settled at 0.9999975.
const SETTLED_WITHIN: f64 = 1e-3;

pub(super) fn market(value: &Value) -> Option<Entry> {
    GammaMarket::deserialize(value).ok()?.found().map(Entry::from)
}

/// The fields used; lists are strings that hold JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GammaMarket {
    condition_id: String,
    question: String,
    #[serde(default)]
    description: Option<String>,
    outcomes: String,
    outcome_prices: Option<String>,
    start_date: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    end_date: Option<String>,
    closed_time: Option<String>,
    closed: bool,
    uma_resolution_status: Option<String>,
}

impl GammaMarket {
    fn found(self) -> Option<Found> {
        let [first, second]: [String; 2] = serde_json::from_str(&self.outcomes).ok()?;
        if self.condition_id.is_empty() {
            return None;
        }
        let mut found = Found::new(&self.condition_id, &self.question, &first);
        found.outcomes[1] = second;
        found.opens_at = time(&self.start_date).or(time(&self.created_at));
        found.ends_at = time(&self.end_date);
        let prices = self.outcome_prices.as_deref().and_then(two_prices);
        if !self.closed {
            // The price of the moment at which the object was made.
            found.prices.extend(time(&self.updated_at).zip(prices.map(|[first, _]| first)));
        } else if !matches!(self.uma_resolution_status.as_deref(), Some("proposed" | "disputed")) {
            found.settled = prices.and_then(outcome).map(|outcome| (time(&self.closed_time), outcome));
        }
        found.rules = self.description.unwrap_or_default();
        Some(found)
    }
}

fn time(text: &Option<String>) -> Option<UnixMs> {
    timestamp(text.as_deref()?)
}

fn two_prices(text: &str) -> Option<[Probability; 2]> {
    let [first, second]: [String; 2] = serde_json::from_str(text).ok()?;
    Some([probability(first.parse().ok()?)?, probability(second.parse().ok()?)?])
}

/// How a closed market ended; `None` for 0 and 0, which the oldest have.
fn outcome([first, second]: [Probability; 2]) -> Option<Probability> {
    let near = |price: Probability, value: f64| (price.get() - value).abs() <= SETTLED_WITHIN;
    let ends = [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)];
    let (value, _) = ends.into_iter().find(|(one, other)| near(first, *one) && near(second, *other))?;
    Probability::new(value).ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::recordings::Reading;

    fn object(more: &str) -> String {
        let fixed = r#""conditionId": "0xa", "question": "Will it?", "outcomes": "[\"Acend\", \"Bebop\"]", "startDate": "2026-01-22T00:01:27.770446Z", "endDate": "2026-01-23T18:30:00Z""#;
        format!("{{{fixed}, {more}}}")
    }

    #[test]
    fn markets_are_found_open_settled_and_in_doubt() {
        let open = r#""closed": false, "updatedAt": "2026-01-22T12:00:00Z", "outcomePrices": "[\"0.25\", \"0.75\"]""#;
        let closed = |prices: &str, status: &str| {
            format!(
                r#""closed": true, "closedTime": "2026-01-23 20:56:36+00", "outcomePrices": "{prices}", "umaResolutionStatus": {status}"#
            )
        };
        let won = closed(r#"[\"0.0000078\", \"0.9999922\"]"#, "null");
        for (what, price, settled) in [
            (object(open), Some(0.25), None),
            (object(&won), None, Some(0.0)),
            (object(&closed(r#"[\"0.5\", \"0.5\"]"#, r#""resolved""#)), None, Some(0.5)),
            (object(&closed(r#"[\"1\", \"0\"]"#, r#""disputed""#)), None, None),
            (object(&closed(r#"[\"0\", \"0\"]"#, "null")), None, None),
            (object(r#""closed": false"#), None, None),
            (format!(r#"[{{"id": "7", "markets": [{}]}}]"#, object(&won)), None, Some(0.0)),
        ] {
            let mut reading = Reading::default();
            assert!(reading.take_document(&what), "{what}");
            let tape = reading.finish();
            let [market] = tape.markets() else { panic!("one market: {what}") };
            assert_eq!(market.prices.first().map(|(_, price)| price.get()), price, "{what}");
            assert_eq!(market.settled.map(|(_, outcome)| outcome.get()), settled, "{what}");
            if let Some((at, _)) = market.settled {
                assert_eq!(at.0, 1_769_201_796_000);
            }
        }
    }

    #[test]
    fn what_is_no_market_is_none() {
        for text in [
            "[]",
            "7",
            r#"{"history": []}"#,
            r#"[{"conditionId": "", "question": "", "outcomes": "[]", "closed": false}]"#,
        ] {
            assert!(!Reading::default().take_document(text), "{text}");
        }
    }
}
