//! Rows of numbers that may be texts.

use serde_json::Value;

use super::{Candle, Page};
use crate::units::UnixMs;

/// Why an answer has no candles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It says that something is wrong, inside an answer that is fine for HTTP.
    #[error("it answered: {0}")]
    Refused(String),
    /// It is something else.
    #[error("{0}")]
    Malformed(String),
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Where what stands in a row.
pub(super) struct Columns {
    /// Milliseconds in one unit of the first column.
    pub(super) time_unit_ms: i64,
    pub(super) open: usize,
    pub(super) high: usize,
    pub(super) low: usize,
    pub(super) close: usize,
    pub(super) volume: usize,
}

impl Columns {
    /// Reads what is a candle and counts the rest.
    pub(super) fn read(&self, rows: &[Value]) -> Page {
        let candles: Vec<Candle> = rows.iter().filter_map(|row| self.candle(row)).filter(Candle::is_sound).collect();
        Page { bad_rows: rows.len() - candles.len(), candles }
    }

    fn candle(&self, row: &Value) -> Option<Candle> {
        let row = row.as_array()?;
        let number = |column: usize| number(row.get(column)?);
        let time = number(0)?;
        // Times beyond what a double holds exactly are none.
        let whole = (time.fract() == 0.0 && time.abs() < 9e15).then_some(time as i64)?;
        Some(Candle {
            open_at: UnixMs(whole.checked_mul(self.time_unit_ms)?),
            open: number(self.open)?,
            high: number(self.high)?,
            low: number(self.low)?,
            close: number(self.close)?,
            volume: number(self.volume)?,
        })
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The rows of an answer that is nothing but rows; an object instead is a refusal, whose words stand in `member`.
pub(super) fn bare_rows(body: &[u8], member: &str) -> Result<Vec<Value>, Unreadable> {
    match serde_json::from_slice(body)? {
        Value::Array(rows) => Ok(rows),
        Value::Object(object) => match object.get(member).and_then(Value::as_str) {
            Some(words) => Err(Unreadable::Refused(words.to_owned())),
            None => Err(Unreadable::Malformed("an object instead of rows".to_owned())),
        },
        _ => Err(Unreadable::Malformed("no rows".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::VENUES;
    use super::*;

    #[test]
    fn rows_that_are_no_candles_are_counted_and_the_others_stay() {
        let good = json!([
            1_706_039_400_000_i64,
            "43000.0",
            "43032.26",
            "42999.14",
            "43028.91",
            "7.4",
            0,
            "1",
            1,
            "1",
            "1",
            "0"
        ]);
        let with = |column: usize, value: Value| {
            let mut row = good.clone();
            row[column] = value;
            row
        };
        let rows = json!([
            good,
            with(4, json!("NaN")),
            with(4, json!("0")),
            with(4, json!("-5")),
            with(4, json!("inf")),
            with(2, json!("42000")),
            with(0, json!(1_706_039_400_001_i64)),
            with(5, json!("-1")),
            [],
            7,
            null
        ]);
        let page = (super::super::binance::VENUE.read)(rows.to_string().as_bytes()).unwrap();
        assert_eq!((page.candles.len(), page.bad_rows), (1, 10));
    }

    #[test]
    fn a_refusal_in_words_is_told() {
        let read = |name: &str, body: &str| {
            let venue = VENUES.iter().find(|venue| venue.name == name).unwrap();
            (venue.read)(body.as_bytes())
        };
        let refused = |words: &str| Err(Unreadable::Refused(words.to_owned()));
        assert_eq!(read("binance", r#"{"code":-1121,"msg":"Invalid symbol."}"#), refused("Invalid symbol."));
        assert_eq!(
            read("bybit", r#"{"retCode":10006,"retMsg":"Too many visits!","result":{}}"#),
            refused("Too many visits! (10006)")
        );
        assert_eq!(read("coinbase", r#"{"message":"NotFound"}"#), refused("NotFound"));
        assert_eq!(read("kraken", r#"{"error":["EQuery:Unknown asset pair"]}"#), refused("EQuery:Unknown asset pair"));
        for venue in VENUES {
            let page = (venue.read)(b"<html>Down for maintenance</html>");
            assert!(matches!(page, Err(Unreadable::Malformed(_))), "{}", venue.name);
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_a_panic(body in "[\\[\\]{}\",:0-9.eE+-]{0,80}|\\{\"(result|error|list|retCode)\":[\\[\\]{}\",:0-9a-z]{0,40}\\}") {
            for venue in VENUES {
                let _ = (venue.read)(body.as_bytes());
            }
        }
    }
}
