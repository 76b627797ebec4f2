//! Numbers in text.

/// What is off by more than this share is wrong.
const HOPELESS: f64 = 0.999;

/// `1 − |r − x| / |r|` for the last number x of a text: 1 for the right one, 0 for what is off by as much as it is large.
#[must_use]
pub fn float_score(reference: f64, answer: &str) -> f64 {
    let Some(number) = last_number(answer) else { return 0.0 };
    let off = ((reference - number) / (reference + 1e-10)).abs().min(1.0);
    if off.is_nan() || off > HOPELESS { 0.0 } else { 1.0 - off }
}

/// The last word that is a number, signs of a sentence around it and commas between its digits aside.
fn last_number(text: &str) -> Option<f64> {
    let number = |word: &str| -> Option<f64> {
        let word = word.trim_matches(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '+' | '.'));
        let word = word.trim_end_matches(['.', '-', '+']);
        let plain: String = word.chars().filter(|c| *c != ',').collect();
        plain.parse().ok().filter(|number: &f64| number.is_finite() && plain.contains(|c: char| c.is_ascii_digit()))
    };
    text.split(|c: char| c.is_whitespace() || c == '=').rev().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_counts() {
        let cases = [
            ("So the answer is 42.", Some(42.0)),
            ("x=1,024", Some(1024.0)),
            ("about $3.50 (or 1e3)!", Some(1000.0)),
            ("minus -7, I think", Some(-7.0)),
            ("**12**", Some(12.0)),
            ("no idea - none.", None),
            ("inf nan", None),
            ("", None),
        ];
        for (text, number) in cases {
            assert_eq!(last_number(text), number, "{text}");
        }
    }

    #[test]
    fn nearness_is_relative_and_far_is_nothing() {
        assert_eq!(float_score(42.0, "42"), 1.0);
        assert!((float_score(50.0, "45") - 0.9).abs() < 1e-9);
        assert_eq!(float_score(42.0, "420"), 0.0);
        assert_eq!(float_score(42.0, "forty-two"), 0.0);
        assert_eq!(float_score(0.0, "0"), 1.0);
        assert_eq!(float_score(0.0, "1"), 0.0);
    }
}
