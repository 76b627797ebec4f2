//! The ratio of Python's `difflib.SequenceMatcher`: twice the characters in matching blocks, over all characters.

use std::collections::HashMap;

/// From this length on, characters that make up more than a hundredth of the second text start no block.
const CROWD: usize = 200;

/// `2·M / T`, M being the characters in the blocks that both texts share, longest block first, then left and right of it.
#[must_use]
pub fn sequence_ratio(reference: &str, answer: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (reference.chars().collect(), answer.chars().collect());
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    2.0 * matched(&a, &b) as f64 / (a.len() + b.len()) as f64
}

/// Part of both texts, still to be compared.
#[derive(Clone, Copy)]
struct Span {
    a: (usize, usize),
    b: (usize, usize),
}

fn matched(a: &[char], b: &[char]) -> usize {
    let places = places(b);
    let mut open = vec![Span { a: (0, a.len()), b: (0, b.len()) }];
    let mut total = 0;
    while let Some(span) = open.pop() {
        let (i, j, length) = longest(a, b, &places, span);
        if length == 0 {
            continue;
        }
        total += length;
        open.push(Span { a: (span.a.0, i), b: (span.b.0, j) });
        open.push(Span { a: (i + length, span.a.1), b: (j + length, span.b.1) });
    }
    total
}

/// Where each character stands in the second text, those aside that crowd it.
fn places(b: &[char]) -> HashMap<char, Vec<usize>> {
    let mut places: HashMap<char, Vec<usize>> = HashMap::new();
    for (j, character) in b.iter().enumerate() {
        places.entry(*character).or_default().push(j);
    }
    if b.len() >= CROWD {
        places.retain(|_, at| at.len() <= b.len() / 100 + 1);
    }
    places
}

/// The longest block in a span, the earliest of several: grown from characters that do not crowd, then by equal ones on
/// both sides.
fn longest(a: &[char], b: &[char], places: &HashMap<char, Vec<usize>>, span: Span) -> (usize, usize, usize) {
    let (mut best_i, mut best_j, mut best) = (span.a.0, span.b.0, 0);
    let mut ending: HashMap<usize, usize> = HashMap::new();
    for (i, character) in a.iter().enumerate().take(span.a.1).skip(span.a.0) {
        let mut next = HashMap::new();
        for j in places.get(character).into_iter().flatten().copied() {
            if j < span.b.0 || j >= span.b.1 {
                continue;
            }
            let length = j.checked_sub(1).and_then(|before| ending.get(&before)).copied().unwrap_or(0) + 1;
            next.insert(j, length);
            if length > best {
                (best_i, best_j, best) = (i + 1 - length, j + 1 - length, length);
            }
        }
        ending = next;
    }
    while best_i > span.a.0 && best_j > span.b.0 && a.get(best_i - 1) == b.get(best_j - 1) {
        (best_i, best_j, best) = (best_i - 1, best_j - 1, best + 1);
    }
    while best_i + best < span.a.1 && best_j + best < span.b.1 && a.get(best_i + best) == b.get(best_j + best) {
        best += 1;
    }
    (best_i, best_j, best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python 3.
    #[test]
    fn python_agrees() {
        let crowded = ("ab".repeat(150) + "xyz", "ba".repeat(120) + "xyzab", 0.010_948_905_109_489_052);
        let fox = ("the quick brown fox ".repeat(12), "the quack brown fix ".repeat(11), 0.026_086_956_521_739_13);
        let short = [
            ("abcd", "bcde", 0.75),
            ("", "x", 0.0),
            ("", "", 1.0),
            ("private Thread currentThread;", "private volatile Thread currentThread;", 0.865_671_641_791_044_7),
            ("qabxcd", "abycdf", 0.666_666_666_666_666_6),
        ];
        let short = short.map(|(a, b, ratio)| (a.to_owned(), b.to_owned(), ratio));
        for (a, b, ratio) in short.into_iter().chain([crowded, fox]) {
            assert!((sequence_ratio(&a, &b) - ratio).abs() < 1e-12, "{a} {b}: {}", sequence_ratio(&a, &b));
        }
    }
}
