//! Fields as markets write them, read the same way whoever wrote them.

use serde_json::Value;

use crate::units::{UnixMs, is_harmful};

/// Bytes of an id; real ones have some 100.
const LONGEST_ID: usize = 256;

/// The end of the year 9999, in seconds: later dates are no dates.
const LATEST_S: i64 = 253_402_300_799;

/// An id, unless it is blank, too long, or has characters that command a terminal: it becomes a key, which is shown.
pub(super) fn plain_id(id: &str) -> Option<&str> {
    let is_plain = !id.trim().is_empty() && id.len() <= LONGEST_ID && !id.chars().any(is_harmful);
    is_plain.then_some(id)
}

/// A number, or a text that is one.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

/// Seconds since the epoch, within what is a date.
pub(super) fn date_of(seconds: i64) -> Option<UnixMs> {
    (0..=LATEST_S).contains(&seconds).then(|| UnixMs::from_secs(seconds))
}

/// RFC 3339, or a date alone, which is the beginning of its day in UTC.
pub(super) fn moment(text: &str) -> Result<UnixMs, jiff::Error> {
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(error) => {
            let Ok(day) = text.parse::<jiff::civil::Date>() else { return Err(error) };
            day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp()
        }
    };
    Ok(UnixMs(moment.as_millisecond()))
}
