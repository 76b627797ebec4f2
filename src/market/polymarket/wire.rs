//! The market object of the CLOB API, and what it says.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::market::{PriceSource, Quote, Resolution, asked, fields};
use crate::units::{Probability, UnixMs};

/// How far the prices of the two tokens may be from summing to 1.
const PAIR_TOLERANCE: f64 = 0.05;

/// One page of a list; entries are read one by one, so that a bad one costs only itself.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) next_cursor: Option<String>,
}

/// The fields used of a market; any may be missing or null.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Market {
    condition_id: Option<String>,
    question: Option<String>,
    description: Option<String>,
    end_date_iso: Option<String>,
    game_start_time: Option<String>,
    active: Option<bool>,
    closed: Option<bool>,
    archived: Option<bool>,
    is_50_50_outcome: Option<bool>,
    tokens: Vec<Token>,
    /// Who says it.
    #[serde(skip, default = "listed")]
    source: PriceSource,
}

const fn listed() -> PriceSource {
    PriceSource::Listed
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Token {
    token_id: Option<String>,
    outcome: Option<String>,
    /// Integer, float, or either as text; anything else is no price.
    price: Value,
    winner: Option<bool>,
}

impl Token {
    fn price(&self) -> Option<Probability> {
        Probability::new(fields::number(&self.price)?).ok()
    }
}

/// A moment; blank is none. A date alone is the beginning of its day: every `end_date_iso` that was recorded names midnight, so
/// the forms say the same.
fn moment(text: &str) -> Result<Option<UnixMs>, jiff::Error> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { fields::moment(text).map(Some) }
}

impl Market {
    /// A market that another API of the same exchange tells of: condition id, question, rules, end, start of the game; active,
    /// closed, archived; tokens' ids, labels and prices.
    pub(super) fn of_gamma(
        [condition_id, question, description, end_date_iso, game_start_time]: [Option<String>; 5],
        [active, closed, archived]: [Option<bool>; 3],
        tokens: Vec<(Option<String>, Option<String>, Value)>,
    ) -> Self {
        let token = |(token_id, outcome, price)| Token { token_id, outcome, price, winner: None };
        Self {
            condition_id,
            question,
            description,
            end_date_iso,
            game_start_time,
            active,
            closed,
            archived,
            is_50_50_outcome: None,
            tokens: tokens.into_iter().map(token).collect(),
            source: PriceSource::Gamma,
        }
    }

    /// The id, when it is there and can be one.
    pub(super) fn condition_id(&self) -> Option<&str> {
        self.condition_id.as_deref().and_then(fields::plain_id)
    }

    pub(super) fn is_binary(&self) -> bool {
        self.tokens.len() == 2
    }

    /// Neither over, nor withdrawn, nor not yet begun.
    pub(super) fn is_trading(&self) -> bool {
        self.active != Some(false) && self.closed != Some(true) && self.archived != Some(true)
    }

    /// The expected end; `None` when the market gives none.
    pub(super) fn ends_at(&self) -> Result<Option<UnixMs>, jiff::Error> {
        self.end_date_iso.as_deref().map_or(Ok(None), moment)
    }

    /// When the game starts that the market is about; `None` when it is about none.
    pub(super) fn game_starts_at(&self) -> Result<Option<UnixMs>, jiff::Error> {
        self.game_start_time.as_deref().map_or(Ok(None), moment)
    }

    /// Question, rules, and which outcome's probability is asked: the first token is not always "Yes".
    pub(super) fn text(&self) -> String {
        let question = self.question.as_deref().unwrap_or_default();
        let rules = self.description.as_deref().unwrap_or_default();
        let label = self.tokens.first().and_then(|token| token.outcome.as_deref()).unwrap_or_default();
        asked::text(&[question, rules], label)
    }

    /// The id of the token whose probability is asked.
    pub(super) fn first_token(&self) -> Option<&str> {
        let id = self.tokens.first()?.token_id.as_deref()?;
        (!id.is_empty() && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(id)
    }

    /// The first token's price, if the pair of prices makes sense.
    pub(super) fn quote(&self, now: UnixMs) -> Option<Quote> {
        let [first, second] = self.tokens.as_slice() else { return None };
        let (first, second) = (first.price()?, second.price()?);
        let sums_to_one = (first.get() + second.get() - 1.0).abs() <= PAIR_TOLERANCE;
        sums_to_one.then_some(Quote { price: first, at: now, source: self.source })
    }

    /// How the market stands. Closed without a winner is no outcome: it may be disputed, annulled, or late.
    pub(super) fn resolution(&self) -> Resolution {
        let resolved = |outcome: f64| match Probability::new(outcome) {
            Ok(outcome) => Resolution::Resolved { outcome, at: None },
            Err(_) => Resolution::Open,
        };
        let won = |token: &Token| token.winner == Some(true);
        let closed = self.closed == Some(true);
        match self.tokens.as_slice() {
            [first, second] if closed => match (won(first), won(second)) {
                (true, false) => resolved(1.0),
                (false, true) => resolved(0.0),
                (true, true) => resolved(0.5),
                (false, false) if self.is_50_50_outcome == Some(true) => resolved(0.5),
                (false, false) => self.without_winner(),
            },
            _ => self.without_winner(),
        }
    }

    /// Archived is the API's word for withdrawn.
    fn without_winner(&self) -> Resolution {
        if self.archived == Some(true) { Resolution::Void } else { Resolution::Open }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn market(json: &str) -> Market {
        serde_json::from_str(json).unwrap()
    }

    fn tokens(first: &str, second: &str) -> Market {
        market(&format!(r#"{{"tokens":[{{"price":{first}}},{{"price":{second}}}]}}"#))
    }

    #[test]
    fn only_a_pair_of_probabilities_that_sums_to_one_is_a_price() {
        let price = |m: Market| m.quote(UnixMs(7)).map(|q| (q.price.get(), q.at));
        assert_eq!(price(tokens("0.3", "0.7")), Some((0.3, UnixMs(7))));
        assert_eq!(price(tokens("1", "0")), Some((1.0, UnixMs(7))));
        assert_eq!(price(tokens("0.30", "0.74")), Some((0.3, UnixMs(7))));
        assert_eq!(price(tokens("\"0.3\"", "\".7\"")), Some((0.3, UnixMs(7))), "as text");
        for (first, second) in [("0.3", "0.76"), ("0", "0"), ("1.2", "-0.2"), ("null", "1"), ("\"a\"", "0.7")] {
            assert_eq!(price(tokens(first, second)), None, "{first} {second}");
        }
        assert_eq!(market(r#"{"tokens":[{"price":1}]}"#).quote(UnixMs(0)), None);
    }

    #[test]
    fn a_date_alone_is_the_beginning_of_its_day() {
        let end = |text: &str| market(&json!({ "end_date_iso": text }).to_string()).ends_at();
        let midnight = end("2031-05-04T00:00:00Z").unwrap();
        assert!(midnight.is_some());
        assert_eq!(end("2031-05-04").unwrap(), midnight);
        assert_eq!(end(" ").unwrap(), None);
        assert!(end("2031-05-34").is_err() && end("soon").is_err());
    }

    #[test]
    fn every_resolution_state_is_told_apart() {
        let state = |flags: &str, first: bool, second: bool| {
            let text = format!(r#"{{{flags},"tokens":[{{"winner":{first}}},{{"winner":{second}}}]}}"#);
            match market(&text).resolution() {
                Resolution::Resolved { outcome, .. } => outcome.to_string(),
                other => format!("{other:?}"),
            }
        };
        let closed = r#""closed":true"#;
        assert_eq!(state(closed, true, false), "1");
        assert_eq!(state(closed, false, true), "0");
        assert_eq!(state(closed, true, true), "0.5");
        assert_eq!(state(r#""closed":true,"is_50_50_outcome":true"#, false, false), "0.5");
        assert_eq!(state(closed, false, false), "Open");
        assert_eq!(state(r#""closed":true,"archived":true"#, false, false), "Void");
        assert_eq!(state(r#""closed":true,"archived":true"#, false, true), "0");
        assert_eq!(state(r#""closed":false,"archived":true,"active":false"#, false, false), "Void");
        assert_eq!(state(r#""closed":false"#, true, false), "Open");
    }

    proptest! {
        #[test]
        fn no_object_makes_a_price_out_of_range_or_a_panic(
            first in json_value(), second in json_value(), winner in json_value(), end in json_value(), flag in any::<Option<bool>>()
        ) {
            let text = json!({
                "condition_id": "0x1", "end_date_iso": end, "closed": flag, "archived": flag, "is_50_50_outcome": flag,
                "tokens": [{"price": first, "winner": winner, "outcome": "Yes"}, {"price": second}],
            });
            if let Ok(market) = serde_json::from_value::<Market>(text) {
                let _ = (market.ends_at(), market.resolution(), market.text());
                if let Some(quote) = market.quote(UnixMs(0)) {
                    prop_assert!((0.0..=1.0).contains(&quote.price.get()));
                    prop_assert!(!first.is_null() && !second.is_null());
                }
            }
        }
    }

    fn json_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (0.0..1.0).prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from),
            Just(json!([0.5])),
        ]
    }

    #[test]
    fn the_text_names_the_outcome_asked_for() {
        let text = market(r#"{"question":"A vs. B?","description":null,"tokens":[{"outcome":"B"},{"outcome":"A"}]}"#);
        assert_eq!(text.text(), "A vs. B?\nThe probability asked is that of the outcome \"B\".");
    }
}
