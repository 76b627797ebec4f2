//! ROUGE by distinct words, as the Python package `rouge` counts it: sentences end at full stops, words at white space,
//! letters are compared as they stand.

use std::collections::BTreeSet;

/// Keeps the mean of two zeros finite.
const EPSILON: f64 = 1e-8;

type Words<'a> = Vec<&'a str>;

/// The sentences of a text, as words. One of white space alone holds a single empty word, as it does there.
fn sentences(text: &str) -> Vec<Words<'_>> {
    text.split('.').filter(|sentence| !sentence.is_empty()).map(words).collect()
}

fn words(sentence: &str) -> Words<'_> {
    let words: Words<'_> = sentence.split_whitespace().collect();
    if words.is_empty() { vec![""] } else { words }
}

fn distinct<'a>(sentences: &[Words<'a>]) -> BTreeSet<&'a str> {
    sentences.iter().flatten().copied().collect()
}

/// The harmonic mean of precision and recall.
fn f_measure(common: usize, reference: usize, answer: usize) -> f64 {
    if reference == 0 || answer == 0 {
        return 0.0;
    }
    let (recall, precision) = (common as f64 / reference as f64, common as f64 / answer as f64);
    2.0 * (precision * recall / (precision + recall + EPSILON))
}

/// ROUGE-1 F: the distinct words that two texts have in common.
#[must_use]
pub fn rouge_1(reference: &str, answer: &str) -> f64 {
    let (reference, answer) = (sentences(reference), sentences(answer));
    let (reference, answer) = (distinct(&reference), distinct(&answer));
    f_measure(reference.intersection(&answer).count(), reference.len(), answer.len())
}

/// ROUGE-L F of the summary: the distinct words on the longest common subsequences of any sentence of the one with any
/// of the other.
#[must_use]
pub fn rouge_l(reference: &str, answer: &str) -> f64 {
    let (reference, answer) = (sentences(reference), sentences(answer));
    let mut union = BTreeSet::new();
    for wanted in &reference {
        for given in &answer {
            union.extend(common_subsequence(wanted, given));
        }
    }
    f_measure(union.len(), distinct(&reference).len(), distinct(&answer).len())
}

/// The words of a longest common subsequence; of several the one that steps back in `given` first.
fn common_subsequence<'a>(wanted: &[&'a str], given: &[&'a str]) -> Words<'a> {
    let width = given.len() + 1;
    let mut lengths = vec![0_u32; width * (wanted.len() + 1)];
    let at = |lengths: &[u32], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or(0);
    for (i, word) in wanted.iter().enumerate() {
        for (j, other) in given.iter().enumerate() {
            let longest =
                if word == other { at(&lengths, i, j) + 1 } else { at(&lengths, i, j + 1).max(at(&lengths, i + 1, j)) };
            if let Some(cell) = lengths.get_mut((i + 1) * width + j + 1) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j, mut found) = (wanted.len(), given.len(), Vec::new());
    while let (Some(word), Some(other)) = (last(wanted, i), last(given, j)) {
        if word == other {
            found.push(word);
            (i, j) = (i - 1, j - 1);
        } else if at(&lengths, i - 1, j) > at(&lengths, i, j - 1) {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found
}

/// The last of the first `count` words.
fn last<'a>(words: &[&'a str], count: usize) -> Option<&'a str> {
    words.get(count.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `rouge` 1.0.1.
    const CASES: [(&str, &str, f64, f64); 7] = [
        (
            "The tide rises. The moon pulls it.",
            "The moon pulls the tide. It rises twice a day.",
            0.624_999_995,
            0.624_999_995,
        ),
        ("a b c d e f", "a c e g", 0.599_999_995, 0.599_999_995),
        ("one. two. three. ", "three. one. ", 0.857_142_852, 0.857_142_852),
        ("x y z", "p q r", 0.0, 0.0),
        ("Hello world", "hello world", 0.499_999_995, 0.499_999_995),
        ("a b. c d. e f", "a d. c b. f e a c", 0.999_999_995, 0.833_333_328),
        ("the cat sat on the mat", "the mat sat on the cat. the cat.", 0.999_999_995, 0.799_999_995),
    ];

    #[test]
    fn the_package_agrees() {
        for (reference, answer, one, l) in CASES {
            assert!((rouge_1(reference, answer) - one).abs() < 1e-8, "{answer}");
            assert!((rouge_l(reference, answer) - l).abs() < 1e-8, "{answer}");
        }
    }

    #[test]
    fn nothing_has_nothing_in_common() {
        for (reference, answer) in [("", "a"), ("a", ""), ("...", "a"), ("a", "..."), ("", "")] {
            assert_eq!(
                (rouge_1(reference, answer), rouge_l(reference, answer)),
                (0.0, 0.0),
                "{reference:?} {answer:?}"
            );
        }
    }
}
