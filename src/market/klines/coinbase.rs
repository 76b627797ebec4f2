//! Coinbase Exchange: `GET /products/{id}/candles`, newest first, seconds, low and high before open.

use super::row::{Columns, bare_rows};
use super::{Ask, INTERVAL, Page, Span, Unreadable, Venue};

pub(super) const VENUE: Venue = Venue {
    name: "coinbase",
    url: "https://api.exchange.coinbase.com",
    symbol: "BTC-USD",
    page: 300,
    // Ten a second from one address.
    spacing_ms: 150,
    has_history: true,
    ask,
    read,
};

/// The range is of open times, both ends included; one wider than a page is refused.
fn ask(symbol: &str, span: Span) -> Ask {
    let path = ["products", symbol, "candles"].map(str::to_owned).to_vec();
    let query = vec![
        ("granularity", (INTERVAL.ms() / 1000).to_string()),
        ("start", span.from.as_secs().to_string()),
        ("end", span.until.plus_ms(-INTERVAL.ms()).as_secs().to_string()),
    ];
    Ask { path, query }
}

pub(super) const COLUMNS: Columns = Columns { time_unit_ms: 1000, open: 3, high: 2, low: 1, close: 4, volume: 5 };

fn read(body: &[u8]) -> Result<Page, Unreadable> {
    Ok(COLUMNS.read(&bare_rows(body, "message")?))
}
