//! Binance spot: `GET /api/v3/klines`, oldest first, numbers as texts.

use super::row::{Columns, bare_rows};
use super::{Ask, INTERVAL, Page, Span, Unreadable, Venue};

pub(super) const VENUE: Venue = Venue {
    name: "binance",
    url: "https://api.binance.com",
    symbol: "BTCUSDT",
    page: 1000,
    // A call weighs 2 of 6,000 a minute.
    spacing_ms: 50,
    has_history: true,
    ask,
    read,
};

/// The range is of open times, both ends included.
fn ask(symbol: &str, span: Span) -> Ask {
    let path = ["api", "v3", "klines"].map(str::to_owned).to_vec();
    let query = vec![
        ("symbol", symbol.to_owned()),
        ("interval", format!("{}m", INTERVAL.in_minutes())),
        ("startTime", span.from.0.to_string()),
        ("endTime", span.until.plus_ms(-INTERVAL.ms()).0.to_string()),
        ("limit", VENUE.page.to_string()),
    ];
    Ask { path, query }
}

pub(super) const COLUMNS: Columns = Columns { time_unit_ms: 1, open: 1, high: 2, low: 3, close: 4, volume: 5 };

fn read(body: &[u8]) -> Result<Page, Unreadable> {
    Ok(COLUMNS.read(&bare_rows(body, "msg")?))
}
