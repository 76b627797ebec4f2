//! Bybit v5 spot: `GET /v5/market/kline`, newest first, all texts, refusals under HTTP 200.

use serde::Deserialize;
use serde_json::Value;

use super::row::Columns;
use super::{Ask, INTERVAL, Page, Span, Unreadable, Venue};

pub(super) const VENUE: Venue = Venue {
    name: "bybit",
    url: "https://api.bybit.com",
    symbol: "BTCUSDT",
    page: 1000,
    // 600 requests in 5 s from one address.
    spacing_ms: 50,
    has_history: true,
    ask,
    read,
};

/// The range is of open times, both ends included.
fn ask(symbol: &str, span: Span) -> Ask {
    let path = ["v5", "market", "kline"].map(str::to_owned).to_vec();
    let query = vec![
        ("category", "spot".to_owned()),
        ("symbol", symbol.to_owned()),
        ("start", span.from.0.to_string()),
        ("end", span.until.plus_ms(-INTERVAL.ms()).0.to_string()),
        ("interval", INTERVAL.in_minutes().to_string()),
        ("limit", VENUE.page.to_string()),
    ];
    Ask { path, query }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(default)]
    ret_code: i64,
    #[serde(default)]
    ret_msg: String,
    #[serde(default)]
    result: Rows,
}

#[derive(Default, Deserialize)]
struct Rows {
    list: Option<Vec<Value>>,
}

pub(super) const COLUMNS: Columns = Columns { time_unit_ms: 1, open: 1, high: 2, low: 3, close: 4, volume: 5 };

fn read(body: &[u8]) -> Result<Page, Unreadable> {
    let Envelope { ret_code, ret_msg, result } = serde_json::from_slice(body)?;
    if ret_code != 0 {
        return Err(Unreadable::Refused(format!("{ret_msg} ({ret_code})")));
    }
    let rows = result.list.ok_or_else(|| Unreadable::Malformed("no `result.list`".to_owned()))?;
    Ok(COLUMNS.read(&rows))
}
