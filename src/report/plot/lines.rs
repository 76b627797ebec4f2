//! Lines over time or another number, small enough to stand in a page.

use super::chart::{Frame, SMALL, colours, ticks};
use super::style::{Anchor, BLACK, GREY, PALE, Pen, Type};
use super::svg::Svg;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 300.0;
/// Points of a line that are drawn; more would be less than two pixels apart.
const POINTS: usize = 320;

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Curve<'a> {
    /// Its points; what is not finite is left out.
    pub points: &'a [(f64, f64)],
    /// With dashes, in grey: a reference.
    pub dashed: bool,
    /// With its points marked.
    pub dots: bool,
}

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Curves<'a> {
    /// What it shows, for who does not see it.
    pub title: &'a str,
    /// What is along the bottom; `None` is time, in ms since 1970.
    pub x: Option<&'a str>,
    /// What is along the side.
    pub y: &'a str,
    /// Where the side runs from and to; otherwise from the numbers.
    pub range: Option<(f64, f64)>,
    /// The lines; a solid one takes the next colour of the series, in their order.
    pub lines: &'a [Curve<'a>],
}

/// An SVG element. A page has the legend; [`series`] names its colours.
#[must_use]
pub fn curves(picture: &Curves<'_>) -> String {
    let mut svg = Svg::inline(WIDTH, HEIGHT, picture.title);
    let lines: Vec<Vec<(f64, f64)>> = picture.lines.iter().map(|line| thinned(line.points)).collect();
    let all = || lines.iter().flatten();
    let (mut left, mut right) = range(all().map(|point| point.0));
    if right <= left {
        (left, right) =
            if picture.x.is_none() { (left - 1_800_000.0, left + 1_800_000.0) } else { (left - 0.5, left + 0.5) };
    }
    let (low, high) = picture.range.unwrap_or_else(|| {
        let (low, high) = range(all().map(|point| point.1));
        let margin = if high > low { 0.06 * (high - low) } else { low.abs().max(1.0) * 0.05 };
        (low - margin, high + margin)
    });
    let frame =
        Frame { left: 56.0, right: WIDTH - 46.0, top: 26.0, bottom: HEIGHT - 42.0, x: (left, right), y: (low, high) };
    axes(&mut svg, &frame, picture);
    if low < 0.0 && high > 0.0 {
        frame.line(&mut svg, &[(left, 0.0), (right, 0.0)], Pen::new(GREY, 1.0));
    }
    let mut series = colours();
    for (line, points) in picture.lines.iter().zip(&lines) {
        let colour = if line.dashed { GREY } else { series.next().unwrap_or(BLACK) };
        let pen = Pen { dashed: line.dashed, ..Pen::new(colour, if line.dashed { 1.4 } else { 2.0 }) };
        frame.line(&mut svg, points, pen);
        if line.dots || points.len() == 1 {
            points.iter().for_each(|point| svg.dot(frame.place(*point), 3.2, colour, 1.0));
        }
    }
    svg.finish()
}

/// The number of the colour, from 0 on, of each line: in [`curves`] a dashed one has none.
#[must_use]
pub fn series(lines: &[Curve<'_>]) -> Vec<Option<usize>> {
    let mut next = 0;
    let number = |line: &Curve<'_>| {
        (!line.dashed).then(|| {
            next += 1;
            next - 1
        })
    };
    lines.iter().map(number).collect()
}

fn axes(svg: &mut Svg, frame: &Frame, picture: &Curves<'_>) {
    let how = |anchor| Type { size: 12.0, anchor, colour: BLACK };
    for (value, text) in ticks(frame.y, 5.0) {
        let at = frame.place((frame.x.0, value)).1;
        svg.line(&[(frame.left, at), (frame.right, at)], Pen::new(PALE, 1.0));
        svg.text((frame.left - 7.0, at + 4.0), &text, how(Anchor::End));
    }
    let below = match picture.x {
        None => hours(frame.x),
        Some(_) => ticks(frame.x, 6.0),
    };
    for (value, text) in below {
        let at = frame.place((value, frame.y.0)).0;
        svg.line(&[(at, frame.top), (at, frame.bottom)], Pen::new(PALE, 1.0));
        svg.text((at, frame.bottom + 17.0), &text, how(Anchor::Middle));
    }
    svg.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], Pen::new(GREY, 1.0));
    svg.text((8.0, 14.0), picture.y, SMALL);
    let x = picture.x.unwrap_or("time, UTC");
    svg.text((frame.right, frame.bottom + 35.0), x, Type { anchor: Anchor::End, ..SMALL });
}

/// Round moments of a span of time, with their texts: hours, days or months, as it is long.
fn hours((from, to): (f64, f64)) -> Vec<(f64, String)> {
    const MINUTE: f64 = 60_000.0;
    const HOUR: f64 = 60.0 * MINUTE;
    const DAY: f64 = 24.0 * HOUR;
    const STEPS: [f64; 14] = [
        MINUTE,
        5.0 * MINUTE,
        15.0 * MINUTE,
        30.0 * MINUTE,
        HOUR,
        2.0 * HOUR,
        4.0 * HOUR,
        8.0 * HOUR,
        DAY,
        2.0 * DAY,
        7.0 * DAY,
        14.0 * DAY,
        56.0 * DAY,
        364.0 * DAY,
    ];
    let wanted = (to - from) / 6.0;
    let step = STEPS.into_iter().find(|step| *step >= wanted).unwrap_or(1820.0 * DAY);
    let pattern = if step >= DAY {
        "%b %-d"
    } else if to - from > DAY {
        "%b %-d %H:%M"
    } else {
        "%H:%M"
    };
    let text = |ms: f64| {
        let time = jiff::Timestamp::from_millisecond(ms as i64).ok()?;
        Some((ms, time.strftime(pattern).to_string()))
    };
    let (first, last) = ((from / step).ceil() as i64, (to / step).floor() as i64);
    (first..=last).take(12).filter_map(|k| text(k as f64 * step)).collect()
}

/// The least and the most of some numbers; `(0, 1)` of none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) }
}

/// At most [`POINTS`] of the finite points: of each stretch the last one, and always the very last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let stretch = points.len().div_ceil(POINTS).max(1);
    points.chunks(stretch).filter_map(<[(f64, f64)]>::last).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_numbers_draw_a_sound_picture() {
        let wild = [(f64::NAN, 1.0), (1.0, f64::INFINITY), (1.7e12, 0.5), (1.7e12, -0.5)];
        let many: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i) * 60_000.0, f64::from(i % 7))).collect();
        for points in [&[] as &[(f64, f64)], &wild, &many, &[(5.0, 5.0)], &[(0.0, 1.0), (9e15, 1e300)]] {
            let line = Curve { points, dashed: false, dots: false };
            let drawn = curves(&Curves { title: "a <b>", x: None, y: "y", range: None, lines: &[line] });
            assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"), "{drawn}");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf") && !drawn.contains("<b>"), "{drawn}");
            assert!(drawn.len() < 20_000, "{}", drawn.len());
        }
    }

    #[test]
    fn time_has_round_ticks() {
        let day = 86_400_000.0;
        let texts = |from: f64, to: f64| hours((from, to)).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(0.0, day), ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00", "00:00"]);
        assert!(texts(0.0, 30.0 * day).iter().all(|text| text.starts_with("Jan")));
        assert!((2..=8).contains(&texts(0.0, 3000.0 * day).len()));
    }

    #[test]
    fn a_dashed_line_takes_no_colour() {
        let curve = |dashed| Curve { points: &[], dashed, dots: false };
        assert_eq!(series(&[curve(false), curve(true), curve(false)]), [Some(0), None, Some(1)]);
    }
}
