//! How close a text comes to a reference, as the prompting subnet measured it in June 2024: words and sequences in common,
//! a date, a number, a sentiment. Each measure is `0.0..=1.0`, and a text without any answer in it is 0.

mod dates;
mod numbers;
mod ordinal;
mod rouge;
mod sequence;

pub use dates::{date_score, dates_in};
pub use numbers::float_score;
pub use ordinal::ordinal_score;
pub use rouge::{rouge_1, rouge_l};
pub use sequence::sequence_ratio;

/// Letters that a model's tokenizer makes one token of, about.
const LETTERS_PER_TOKEN: usize = 4;

/// An estimate of the tokens in a text: a model's vocabulary is not here. Four letters or digits in a row are one token,
/// every other sign is one, and so is every character of a script that writes words without spaces; white space is free.
#[must_use]
pub fn tokens(text: &str) -> u32 {
    let (mut count, mut run) = (0_usize, 0_usize);
    for character in text.chars() {
        if character.is_alphanumeric() && character < '\u{2e80}' {
            run += 1;
            continue;
        }
        count += run.div_ceil(LETTERS_PER_TOKEN) + usize::from(!character.is_whitespace());
        run = 0;
    }
    u32::try_from(count + run.div_ceil(LETTERS_PER_TOKEN)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_about_four_letters() {
        let cases = [("", 0), ("  \n", 0), ("word", 1), ("words", 2), ("a, b", 3), ("漢字", 2), ("2026-01-01", 5)];
        for (text, count) in cases {
            assert_eq!(tokens(text), count, "{text}");
        }
        assert_eq!(tokens(&"word ".repeat(300)), 300);
    }
}
