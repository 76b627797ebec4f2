//! Kraken: `GET /0/public/OHLC`, oldest first, seconds; the last 720 candles and no others; refusals under HTTP 200.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::row::Columns;
use super::{Ask, INTERVAL, Page, Span, Unreadable, Venue};

pub(super) const VENUE: Venue = Venue {
    name: "kraken",
    url: "https://api.kraken.com",
    symbol: "XBTUSD",
    page: 720,
    // One a second from one address.
    spacing_ms: 1100,
    has_history: false,
    ask,
    read,
};

/// `since` is a time before the first candle, so one second less than its open time; there is no end.
fn ask(symbol: &str, span: Span) -> Ask {
    let path = ["0", "public", "OHLC"].map(str::to_owned).to_vec();
    let query = vec![
        ("pair", symbol.to_owned()),
        ("interval", INTERVAL.in_minutes().to_string()),
        ("since", (span.from.as_secs() - 1).to_string()),
    ];
    Ask { path, query }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Vec<String>,
    /// Rows under the exchange's own name of the pair, and `last`.
    #[serde(default)]
    result: BTreeMap<String, Value>,
}

/// A mean price stands between close and volume.
pub(super) const COLUMNS: Columns = Columns { time_unit_ms: 1000, open: 1, high: 2, low: 3, close: 4, volume: 6 };

fn read(body: &[u8]) -> Result<Page, Unreadable> {
    let Envelope { error, result } = serde_json::from_slice(body)?;
    if !error.is_empty() {
        return Err(Unreadable::Refused(error.join(", ")));
    }
    let rows = result.values().find_map(Value::as_array);
    let rows = rows.ok_or_else(|| Unreadable::Malformed("no rows under `result`".to_owned()))?;
    Ok(COLUMNS.read(rows))
}
