//! Durations as people write them: `250ms`, `60s`, `5m`, `4h`, `30d`; a bare number is seconds.

use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write a number with ms, s, m, h or d, such as 250ms, 60s or 4h")]
pub struct ParseDurationError(pub String);

/// Reads a duration.
///
/// # Errors
/// [`ParseDurationError`] for anything else, negative and infinite numbers included.
pub fn parse_duration(text: &str) -> Result<Duration, ParseDurationError> {
    let refuse = || ParseDurationError(text.to_owned());
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let seconds_per_unit = match unit.trim() {
        "ms" => 0.001,
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(refuse()),
    };
    let number: f64 = number.parse().map_err(|_| refuse())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in
            [("250ms", 250), ("60s", 60_000), ("5 m", 300_000), ("4h", 14_400_000), ("2", 2_000), ("1.5s", 1_500)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1w", "1e400s", "fast"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
