//! Where a time lies in its day, week, month and year: -1 at the beginning, towards 1 at the end.
//!
//! All in UTC; a week begins on Sunday; months and years have their true length.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::units::UnixMs;

const DAY_MS: i64 = 24 * 3_600_000;
/// The first Sunday of the epoch, 4 January 1970.
const SUNDAY_MS: i64 = 3 * DAY_MS;

/// In its day.
#[must_use]
pub fn of_day(at: UnixMs) -> f32 {
    position(at.0.rem_euclid(DAY_MS), DAY_MS)
}

/// In its week, from Sunday.
#[must_use]
pub fn of_week(at: UnixMs) -> f32 {
    position((at.0 - SUNDAY_MS).rem_euclid(7 * DAY_MS), 7 * DAY_MS)
}

/// In its month; -1 for a time beyond the calendar (the year 9999).
#[must_use]
pub fn of_month(at: UnixMs) -> f32 {
    let within = day(at).map(|day| (i64::from(day.day()) - 1, i64::from(day.days_in_month())));
    in_days(at, within)
}

/// In its year; -1 for a time beyond the calendar.
#[must_use]
pub fn of_year(at: UnixMs) -> f32 {
    let within = day(at).map(|day| (i64::from(day.day_of_year()) - 1, i64::from(day.days_in_year())));
    in_days(at, within)
}

fn day(at: UnixMs) -> Option<Date> {
    Some(Timestamp::from_millisecond(at.0).ok()?.to_zoned(TimeZone::UTC).date()).filter(|day| *day < date(9999, 12, 31))
}

/// So many days and the time of this one, of so many days.
fn in_days(at: UnixMs, within: Option<(i64, i64)>) -> f32 {
    let (before, all) = within.unwrap_or((0, 1));
    let today = within.map_or(0, |_| at.0.rem_euclid(DAY_MS));
    position(before * DAY_MS + today, all * DAY_MS)
}

fn position(part: i64, whole: i64) -> f32 {
    (part as f64 / whole as f64 * 2.0 - 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_minus_one_and_middles_zero() {
        // 2023-01-01 was a Sunday: day, week, month and year begin together.
        let begin = UnixMs(1_672_531_200_000);
        let all = |at| [of_day(at), of_week(at), of_month(at), of_year(at)];
        assert_eq!(all(begin), [-1.0; 4]);
        assert_eq!(of_day(begin.plus_ms(DAY_MS / 2)), 0.0);
        assert_eq!(of_week(begin.plus_ms(7 * DAY_MS / 2)), 0.0);
        assert_eq!(of_month(begin.plus_ms(31 * DAY_MS / 2)), 0.0);
        assert_eq!(of_year(begin.plus_ms(365 * DAY_MS / 2)), 0.0);
        assert!(all(UnixMs(i64::MAX)).iter().all(|x| (-1.0..=1.0).contains(x)));
        let last_of_1969 = UnixMs(-1);
        assert!([of_day(last_of_1969), of_month(last_of_1969), of_year(last_of_1969)].iter().all(|x| *x > 0.99));
        assert!((of_week(last_of_1969) - 1.0 / 7.0).abs() < 1e-6, "a Wednesday ended");
    }
}
