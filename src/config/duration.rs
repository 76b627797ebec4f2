//! Durations as people write them: `250ms`, `60s`, `5m`, `4h`, `30d`, `1h 30m`; a bare number is seconds.

use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write a number with ms, s, m, h or d, such as 250ms, 60s or 4h")]
pub struct ParseDurationError(pub String);

/// Reads a duration: jiff's friendly format, with weeks as its longest unit, a bare number as seconds, and days that may
/// have a fraction.
///
/// # Errors
/// [`ParseDurationError`] for anything else, negative and infinite numbers included.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let refuse = || ParseDurationError(text.to_owned());
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    // What jiff does not know: no unit, and a fraction of a day.
    let seconds = match unit.trim() {
        "" => Some(1.0),
        "d" => Some(86_400.0),
        _ => None,
    };
    if let Some(seconds) = seconds {
        let number: f64 = number.parse().map_err(|_| refuse())?;
        return Duration::try_from_secs_f64(number * seconds).map_err(|_| refuse());
    }
    let span = SpanParser::new().parse_span(trimmed).map_err(|_| refuse())?;
    // Months and years are refused here: nobody knows how long they are.
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refuse())?;
    duration.try_into().map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in
            [("250ms", 250), ("60s", 60_000), ("5 m", 300_000), ("4h", 14_400_000), ("2", 2_000), ("1.5s", 1_500)]
                .into_iter()
                .chain([
                    ("1h 30m", 5_400_000),
                    ("1h30m", 5_400_000),
                    ("2 weeks", 1_209_600_000),
                    ("30 seconds", 30_000),
                ])
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1 month", "1e400s", "fast", "1s ago", "1d 1.5", "9999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_number_with_every_unit_is_read() {
        let units = [
            ("ms", 0.001),
            ("", 1.0),
            ("s", 1.0),
            ("sec", 1.0),
            ("m", 60.0),
            ("min", 60.0),
            ("h", 3_600.0),
            ("d", 86_400.0),
        ];
        for (unit, seconds) in units {
            for number in ["0", "1", "007", "0.5", "1.25", "90"] {
                for text in [format!("{number}{unit}"), format!(" {number}  {unit} ")] {
                    let expected = Duration::from_secs_f64(number.parse::<f64>().unwrap() * seconds);
                    assert_eq!(parse_duration(&text), Ok(expected), "`{text}`");
                }
            }
        }
    }
}
