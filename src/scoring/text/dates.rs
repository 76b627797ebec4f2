//! Dates in text.

use jiff::civil::{Date, date};

/// Days at which a guess is worth 1/e, squared.
const SPREAD: f64 = 1000.0;
/// What is worth less is worth nothing.
const LEAST: f64 = 0.001;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// `exp(−days² / 1000)` between the first dates of two texts; 0 below 0.001, and where there is no date.
#[must_use]
pub fn date_score(reference: &str, answer: &str) -> f64 {
    let (Some(wanted), Some(given)) = (first_date(reference), first_date(answer)) else { return 0.0 };
    let days = (wanted - given).get_days();
    let score = (-f64::from(days).powi(2) / SPREAD).exp();
    if score < LEAST { 0.0 } else { score }
}

/// The dates of a text, in their order: `2026-01-31`, `31/01/2026` or `01/31/2026` (whichever is one; both are: month first),
/// `January 31, 2026`, `31 January 2026`.
#[must_use]
pub fn dates_in(text: &str) -> Vec<Date> {
    found(text, usize::MAX)
}

fn first_date(text: &str) -> Option<Date> {
    found(text, 1).first().copied()
}

/// The first `most` dates.
fn found(text: &str, most: usize) -> Vec<Date> {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let date_at = |start: usize| {
        let word = |offset: usize| words.get(start + offset).copied().unwrap_or_default();
        in_digits(word(0)).or_else(|| in_words(word(0), word(1), word(2)))
    };
    (0..words.len()).filter_map(date_at).take(most).collect()
}

fn in_digits(word: &str) -> Option<Date> {
    let parts: Vec<i64> = word.split(['-', '/', '.']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match *parts.as_slice() {
        [year, month, day] if year > 31 => day_of(year, month, day),
        [a, b, year] => day_of(year, a, b).or_else(|| day_of(year, b, a)),
        _ => None,
    }
}

fn in_words(first: &str, second: &str, third: &str) -> Option<Date> {
    let month = |word: &str| {
        let word = word.to_lowercase();
        let named = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(&word))?;
        i64::try_from(named + 1).ok()
    };
    let day = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<i64>().ok();
    let year = third.parse().ok()?;
    match (month(first), month(second)) {
        (Some(month), _) => day_of(year, month, day(second)?),
        (None, Some(month)) => day_of(year, month, day(first)?),
        (None, None) => None,
    }
}

fn day_of(year: i64, month: i64, day: i64) -> Option<Date> {
    let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    // What `date` would panic at.
    Date::new(year, month, day).ok().filter(|found| *found >= date(1, 1, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_as_people_write_them() {
        let wanted = Some(date(2021, 3, 5));
        for text in
            ["2021-03-05", "On March 5, 2021.", "it was 5 March 2021", "Mar 5th 2021", "(03/05/2021)", "5 mar 2021!"]
        {
            assert_eq!(first_date(text), wanted, "{text}");
        }
        assert_eq!(first_date("25/12/1999"), Some(date(1999, 12, 25)));
        for text in ["", "2021", "maybe 5 of 2021", "2021-02-30", "99999-01-01", "March of 2021", "1.2"] {
            assert_eq!(first_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_month_off_is_worth_two_fifths_and_a_season_nothing() {
        assert_eq!(date_score("1969-07-20", "20 July 1969"), 1.0);
        assert!((date_score("1969-07-20", "1969-08-19") - (-0.9_f64).exp()).abs() < 1e-12);
        assert_eq!(date_score("1969-07-20", "1969-10-20"), 0.0);
        assert_eq!(date_score("1969-07-20", "no date"), 0.0);
    }
}
