//! A sentiment in a word.

const SCALE: [&str; 3] = ["positive", "neutral", "negative"];

/// `1 − distance / 2` on the scale positive, neutral, negative, if exactly one of these words occurs in the text.
#[must_use]
pub fn ordinal_score(reference: &str, answer: &str) -> f64 {
    match (place(reference), place(answer)) {
        (Some(wanted), Some(given)) => 1.0 - wanted.abs_diff(given) as f64 / (SCALE.len() - 1) as f64,
        _ => 0.0,
    }
}

fn place(text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let mut found = SCALE.iter().enumerate().filter(|(_, word)| text.contains(**word)).map(|(place, _)| place);
    found.next().filter(|_| found.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_half_right_and_a_hedge_is_wrong() {
        let cases =
            [("Positive!", 1.0), ("neutral.", 0.5), ("It is NEGATIVE", 0.0), ("positive or neutral", 0.0), ("?", 0.0)];
        for (answer, score) in cases {
            assert_eq!(ordinal_score("positive", answer), score, "{answer}");
        }
    }
}
