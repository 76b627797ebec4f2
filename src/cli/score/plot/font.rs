//! A stroke font for pictures of pixels: every character is a few lines and curves, drawn at any size.
//!
//! Our own, so that a plot needs no font file and no font library. A point is two characters: x from `0` (and on with `:`
//! after `9`), y from `a` (four below the baseline) over `e` (the baseline) and `m` (small letters) to `q` (capitals).
//! Strokes are separated by spaces; one that begins with `~` is smooth: a quadratic B-spline through its control points.

/// Height of a capital letter in units of the font.
pub(super) const CAPITAL: f64 = 12.0;
/// Space after a character.
const GAP: f64 = 3.0;
/// Straight pieces of one arc.
const PIECES: u32 = 5;

/// The lines of a text, which starts at x = 0 on the baseline y = 0, y upwards; and its width.
pub(super) fn strokes(text: &str) -> (Vec<Vec<(f64, f64)>>, f64) {
    let mut all = Vec::new();
    let mut x = 0.0;
    for character in text.chars() {
        let glyph = glyph(character);
        let mut width = if glyph.is_empty() { GAP } else { 0.0_f64 };
        for stroke in glyph.split(' ').filter(|stroke| !stroke.is_empty()) {
            let (smooth, points) = stroke.strip_prefix('~').map_or((false, stroke), |points| (true, points));
            let points: Vec<_> = points.as_bytes().as_chunks::<2>().0.iter().map(point).collect();
            width = points.iter().fold(width, |width, point| width.max(point.0));
            let points = if smooth { spline(&points) } else { points };
            all.push(points.into_iter().map(|(px, py)| (x + px, py)).collect());
        }
        x += width + GAP;
    }
    (all, (x - GAP).max(0.0))
}

fn point([x, y]: &[u8; 2]) -> (f64, f64) {
    (f64::from(x.saturating_sub(b'0')), f64::from(*y) - f64::from(b'e'))
}

/// From the first to the last control point, touching the middle of every edge between.
fn spline(control: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let middle = |a: (f64, f64), b: (f64, f64)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    let arcs = control.windows(3).count();
    let mut points: Vec<(f64, f64)> = control.first().copied().into_iter().collect();
    for (k, corner) in control.windows(3).enumerate() {
        let &[a, b, c] = corner else { continue };
        let from = if k == 0 { a } else { middle(a, b) };
        let to = if k + 1 == arcs { c } else { middle(b, c) };
        for step in 1..=PIECES {
            let t = f64::from(step) / f64::from(PIECES);
            let mix = |from: f64, b: f64, to: f64| (1.0 - t) * (1.0 - t) * from + 2.0 * t * (1.0 - t) * b + t * t * to;
            points.push((mix(from.0, b.0, to.0), mix(from.1, b.1, to.1)));
        }
    }
    points
}

/// A character's strokes; a box for those that the font does not have.
fn glyph(character: char) -> &'static str {
    match character {
        ' ' => "",
        '0' => "~4q0q0e7e7q4q",
        '1' => "1n4q4e",
        '2' => "~0n0q7q7k0e 0e7e",
        '3' => "~0o0q7q7k3k ~3k7k7e0e0g",
        '4' => "5e5q0i7i",
        '5' => "6q1q0k ~0k2m7m7e0e0g",
        '6' => "~6q0q0h ~0h0m7m7e0e0h",
        '7' => "0q7q2e",
        '8' => "~4k1k1q6q6k4k ~4k0k0e7e7k4k",
        '9' => "~7n7i0i0q7q7n ~7n7e1e",
        'A' => "0e4q8e 1h7h",
        'B' => "0e0q ~0q7q7k0k ~0k8k8e0e",
        'C' => "~8n8q0q0e8e8h",
        'D' => "0e0q ~0q8q8e0e",
        'E' => "7q0q0e7e 0k6k",
        'F' => "7q0q0e 0k6k",
        'G' => "~8n8q0q0e8e8k 8k5k",
        'H' => "0e0q 8e8q 0k8k",
        'I' => "0e0q",
        'J' => "5q5h ~5h5e0e0h",
        'K' => "0e0q 7q0i 2k7e",
        'L' => "0q0e6e",
        'M' => "0e0q4h8q8e",
        'N' => "0e0q8e8q",
        'O' => "~4q0q0e8e8q4q",
        'P' => "0e0q ~0q8q8j0j",
        'Q' => "~4q0q0e8e8q4q 5h8d",
        'R' => "0e0q ~0q8q8j0j 4j8e",
        'S' => "~7o7q0q0k7k7e0e0g",
        'T' => "0q8q 4q4e",
        'U' => "0q0i ~0i0e8e8i 8i8q",
        'V' => "0q4e8q",
        'W' => "0q3e5q7e:q",
        'X' => "0e8q 0q8e",
        'Y' => "0q4k8q 4k4e",
        'Z' => "0q8q0e8e",
        'a' => "6m6e ~6i6m0m0e6e6i",
        'b' => "0e0q ~0i0m6m6e0e0i",
        'c' => "~6k6m0m0e6e6g",
        'd' => "6e6q ~6i6m0m0e6e6i",
        'e' => "0i6i ~6i6m0m0e6e6g",
        'f' => "~5q2q2m 2m2e 0m5m",
        'g' => "~6i6m0m0e6e6i 6m6d ~6d6a0a0c",
        'h' => "0e0q ~0i0m6m6i 6i6e",
        'i' => "0e0m 0p0q",
        'j' => "2m2c ~2c2a0a 2p2q",
        'k' => "0e0q 5m0h 2j6e",
        'l' => "0e0q",
        'm' => "0e0m ~0i0m4m4i 4i4e ~4i4m8m8i 8i8e",
        'n' => "0e0m ~0i0m6m6i 6i6e",
        'o' => "~3m0m0e6e6m3m",
        'p' => "0a0m ~0i0m6m6e0e0i",
        'q' => "6a6m ~6i6m0m0e6e6i",
        'r' => "0e0m ~0i0m4m",
        's' => "~5k5m0m0i5i5e0e0g",
        't' => "2p2h ~2h2e5e 0m5m",
        'u' => "0m0i ~0i0e6e6i 6m6e",
        'v' => "0m3e6m",
        'w' => "0m2e4m6e8m",
        'x' => "0e6m 0m6e",
        'y' => "0m3e 6m2a",
        'z' => "0m6m0e6e",
        '.' => "0e0f",
        ',' => "1f0c",
        ':' => "0e0f 0l0m",
        ';' => "1f0c 1l1m",
        '-' | '−' | '–' => "0j5j",
        '+' => "0j6j 3g3m",
        '=' => "0l6l 0h6h",
        '<' => "6m0i6e",
        '>' => "0m6i0e",
        '%' => "8q1e ~2q0q0m4m4q2q ~7i5i5e9e9i7i",
        '(' => "~3q0n0d3a",
        ')' => "~0q3n3d0a",
        '[' => "3q0q0a3a",
        ']' => "0q3q3a0a",
        '/' => "0d6q",
        '|' => "0b0q",
        '_' => "0c7c",
        '…' => "0e0f 3e3f 6e6f",
        '!' => "0q0i 0e0f",
        '?' => "~0o0q6q6l3l3i 3e3f",
        '\'' => "0n0q",
        '"' => "0n0q 3n3q",
        '*' => "0l6p 3k3q 0p6l",
        'Σ' => "7q0q4k0e7e",
        '·' => "0i0j",
        _ => "0e0q6q6e0e",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_widths_and_stay_between_their_lines() {
        assert_eq!(strokes(""), (Vec::new(), 0.0));
        let (narrow, wide) = (strokes("il").1, strokes("MW").1);
        assert!(narrow < wide && narrow > 0.0, "{narrow} {wide}");
        let all: String = (' '..='~').chain("…−Σ·ж".chars()).collect();
        let (lines, width) = strokes(&all);
        for (x, y) in lines.iter().flatten() {
            assert!((0.0..=width).contains(x) && (-4.0..=CAPITAL).contains(y), "{x} {y}");
        }
        assert!(lines.iter().all(|line| line.len() > 1), "a stroke of one point is not seen");
    }

    #[test]
    fn every_sign_of_an_address_is_drawn() {
        let box_sign = glyph('ж');
        for sign in ('0'..='9').chain('A'..='Z').chain('a'..='z') {
            assert_ne!(glyph(sign), box_sign, "{sign}");
        }
    }

    #[test]
    fn curves_start_and_end_at_their_end_points() {
        let curve = spline(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]);
        assert_eq!((curve.first(), curve.last()), (Some(&(0.0, 0.0)), Some(&(0.0, 4.0))));
        // Half way it touches the middle of the edge between the two corners.
        assert!(curve.contains(&(4.0, 2.0)));
    }
}
