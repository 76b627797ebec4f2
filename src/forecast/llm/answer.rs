//! What a model's words mean: a probability, a rating, search queries.
//!
//! Models say "99%", "between 20 and 30", "I cannot answer that", or nothing to the point. [`said`] makes a probability of
//! what is one, and nothing of the rest: a question without an answer is abstained from. The functions of the released
//! pipeline of Halawi et al. (arXiv 2402.18563), which answers 0.5 instead, are here under their own names.

use crate::units::Probability;

/// What a model said about a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Said {
    /// A number.
    Probability(Probability),
    /// That it does not answer.
    Refusal,
    /// Nothing that is a probability.
    Nothing,
}

/// Beginnings of an answer in which a model declines.
const REFUSALS: [&str; 9] =
    ["i can't", "i cannot", "i can not", "i'm sorry", "i am sorry", "i won't", "i'm unable", "i am unable", "as an ai"];

/// Words in front of the number that is meant.
const LABELS: [&str; 4] = ["probability", "final answer", "answer", "forecast"];

/// The most of an answer's end that is looked at, bytes: the number stands last.
const TAIL: usize = 2000;

/// A number in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Number {
    /// Where it begins and ends, the sign of percent included.
    begin: usize,
    end: usize,
    value: f64,
    percent: bool,
}

impl Number {
    /// As a probability; a bare number above 1 is none, for nobody knows of what it is a share.
    fn share(self) -> Option<f64> {
        let value = if self.percent { self.value / 100.0 } else { self.value };
        (0.0..=1.0).contains(&value).then_some(value)
    }
}

/// The numbers of a text: digits with at most one dot, a minus in front left out, `%` or ` percent` behind.
fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let is_part = |at: usize| bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_part(at) {
            at += 1;
            continue;
        }
        let begin = at;
        while is_part(at) {
            at += 1;
        }
        // A full stop behind a number ends a sentence.
        let word = text.get(begin..at).unwrap_or_default().trim_end_matches('.');
        let Ok(value) = word.parse::<f64>() else { continue };
        let rest = text.get(at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(' ');
        let sign = ["%", "percent", "per cent"].iter().find(|sign| trimmed.starts_with(**sign));
        let end = at + sign.map_or(0, |sign| rest.len() - trimmed.len() + sign.len());
        found.push(Number { begin, end, value, percent: sign.is_some() });
        at = at.max(end);
    }
    found
}

/// What a model said: the last marked number wins (`*0.3*`, `Probability: 30%`), then a range, whose middle is meant, then
/// the last percentage, then an answer that is a number and nothing else.
#[must_use]
pub fn said(text: &str) -> Said {
    let tail = (text.len().saturating_sub(TAIL)..).find_map(|from| text.get(from..)).unwrap_or_default();
    let number = starred(tail).or_else(|| labelled(tail)).or_else(|| range(tail)).or_else(|| bare(tail));
    if let Some(probability) = number.and_then(|value| Probability::new(value).ok()) {
        return Said::Probability(probability);
    }
    let opening: String = text.trim_start().chars().take(200).collect::<String>().to_lowercase().replace('’', "'");
    if REFUSALS.iter().any(|refusal| opening.contains(refusal)) { Said::Refusal } else { Said::Nothing }
}

/// The last number between two asterisks, a range there being its middle.
fn starred(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split('*').collect();
    let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
    inner.iter().rev().filter(|part| part.len() <= 60).find_map(|part| {
        let found = numbers(part);
        range(part).or_else(|| if found.len() == 1 { found.first()?.share() } else { None })
    })
}

/// The number right behind the last label.
fn labelled(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let ends = LABELS.iter().flat_map(|label| lower.match_indices(label).map(|(at, label)| at + label.len()));
    let mut ends: Vec<usize> = ends.collect();
    ends.sort_unstable();
    ends.iter().rev().find_map(|end| {
        let rest = lower.get(*end..)?.lines().next()?;
        let first = *numbers(rest).first()?;
        let between = rest.get(..first.begin)?;
        // What stands between a label and its number is short and no other statement.
        (between.len() <= 24 && !between.contains('.')).then(|| range(rest).or_else(|| first.share())).flatten()
    })
}

/// The middle of the last two neighbours of a range: `20-30%`, `between 20 and 30`, `0.2 to 0.3`.
fn range(text: &str) -> Option<f64> {
    let found = numbers(text);
    found.windows(2).rev().find_map(|pair| {
        let [low, high] = pair else { return None };
        let joint = text.get(low.end..high.begin)?.trim();
        let before = text.get(..low.begin)?.trim_end().to_ascii_lowercase();
        let joined = match joint {
            "-" | "–" | "—" | "to" => true,
            "and" => before.ends_with("between"),
            _ => false,
        };
        if !joined || low.value > high.value {
            return None;
        }
        // "20 to 30%", and "between 20 and 30", which can only be percentages.
        let percent = high.percent || low.percent || low.value > 1.0;
        let middle = f64::midpoint(low.value, high.value) / if percent { 100.0 } else { 1.0 };
        (0.0..=1.0).contains(&middle).then_some(middle)
    })
}

/// The last percentage; or the whole text, when it is one number.
fn bare(text: &str) -> Option<f64> {
    let found = numbers(text);
    if let Some(percent) = found.iter().rev().find(|number| number.percent) {
        return percent.share();
    }
    let [only] = found.as_slice() else { return None };
    let around = [text.get(..only.begin)?, text.get(only.end..)?];
    around.iter().all(|part| !part.contains(char::is_alphanumeric)).then(|| only.share()).flatten()
}

/// The last number between asterisks, where `%` divides by 100; else the last number in front of an asterisk; else 0.5.
/// Numbers above 1 count as none. As the released pipeline reads answers.
#[must_use]
pub fn star_probability(text: &str) -> f64 {
    let parts: Vec<&str> = text.split('*').collect();
    let value = |part: &str, last: bool| {
        let found = tokens(part);
        let token = if last { found.last() } else { found.first() };
        token.and_then(|(word, percent)| {
            let value = word.parse::<f64>().ok()? / if *percent { 100.0 } else { 1.0 };
            (value <= 1.0).then_some(value)
        })
    };
    let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
    if let Some(found) = inner.iter().rev().find_map(|part| value(part, false)) {
        return found;
    }
    let before = parts.get(..parts.len().saturating_sub(1)).unwrap_or_default();
    let ends_in_number = |part: &&&str| part.trim_end().trim_end_matches('%').ends_with(|c: char| c.is_ascii_digit());
    before.iter().rev().filter(ends_in_number).find_map(|part| value(part, true)).unwrap_or(0.5)
}

/// Runs of digits and dots, and whether `%` follows.
fn tokens(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit() || c == '.') {
        let run = rest.get(begin..).unwrap_or_default();
        let length = run.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(run.len());
        let (word, after) = run.split_at(length);
        found.push((word, after.starts_with('%')));
        rest = after;
    }
    found
}

/// A rating: the first word if it is digits, else the word after `Rating:`, 1 when that is no number; `None` when there is
/// neither.
#[must_use]
pub fn rating(text: &str) -> Option<f64> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit()) {
        return first.parse().ok();
    }
    let word = text.split("Rating:").nth(1)?.split_whitespace().next()?;
    Some(if word.bytes().all(|byte| byte.is_ascii_digit()) { word.parse().unwrap_or(1.0) } else { 1.0 })
}

/// The search queries behind the line `Search Queries:`, with semicolons between.
#[must_use]
pub fn search_queries(text: &str) -> Vec<String> {
    let Some((_, after)) = text.rsplit_once("Search Queries:") else { return Vec::new() };
    let (same_line, below) = after.split_once('\n').unwrap_or((after, ""));
    let listed = if below.trim().is_empty() { same_line.to_owned() } else { below.replace('\n', " ") };
    let bare = |query: &str| {
        query.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '“' | '”' | '.' | '-')).to_owned()
    };
    listed.split(';').map(bare).filter(|query| !query.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<f64> {
        match said(text) {
            Said::Probability(p) => Some((p.get() * 1e6).round() / 1e6),
            _ => None,
        }
    }

    #[test]
    fn what_is_a_probability_is_read_as_one() {
        for (text, value) in [
            ("99%", 0.99),
            ("0.42", 0.42),
            ("  .6 ", 0.6),
            ("*0.35*", 0.35),
            ("**35%**", 0.35),
            ("*-0.2*", 0.2),
            ("There are *3* reasons. Answer: *0.15*", 0.15),
            ("between 20 and 30", 0.25),
            ("I would say between 20% and 30%.", 0.25),
            ("20-30%", 0.25),
            ("0.2 to 0.3", 0.25),
            ("Somewhere in 5–15 %", 0.1),
            ("In 2026, 3 of 4 said so. Probability: 12%", 0.12),
            ("Final answer: 0.07.", 0.07),
            ("The probability is about 70 percent", 0.7),
            ("Probability: 0.2\nOn reflection: Probability: 0.3", 0.3),
            ("I think it is 80% likely, or rather 75%", 0.75),
            ("I'm sorry to say that the chance is *0.9*", 0.9),
            ("*100%*", 1.0),
            ("0", 0.0),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_nothing_and_a_refusal_is_told_apart() {
        for text in
            ["", "no number", "*12*", "150%", "*0.1.2*", "It was 0.5 in 2024 and 0.7 in 2025", "NaN", "12", "1e400"]
        {
            assert_eq!(said(text), Said::Nothing, "{text}");
        }
        for text in
            ["I cannot predict the future.", "I’m sorry, but I can’t help with that.", "As an AI, I do not bet."]
        {
            assert_eq!(said(text), Said::Refusal, "{text}");
        }
    }

    #[test]
    fn no_text_is_too_odd() {
        for text in
            ["*", "**", "***", "%%%", "é*½*é", "between and", "0.2 to", &"*1".repeat(10_000), &"½".repeat(3_000)]
        {
            let _ = (said(text), star_probability(text), rating(text), search_queries(text));
        }
    }

    #[test]
    fn queries_may_stand_on_the_line_of_the_label() {
        assert_eq!(search_queries("Search Queries: a; \"b\"."), ["a", "b"]);
        assert!(search_queries("none").is_empty());
    }
}
