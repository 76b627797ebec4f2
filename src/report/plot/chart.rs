//! Axes, legends and the three charts.

use super::style::{Anchor, BLACK, Colour, GREY, PALE, Pen, SERIES, Type};
use super::svg::Svg;
use crate::scoring::calibration::Calibration;

/// Width of every picture, in units that are pixels on an old screen.
pub(super) const WIDTH: f64 = 800.0;
/// Height of every picture.
pub(super) const HEIGHT: f64 = 580.0;
const LEFT: f64 = 64.0;
pub(super) const TOP: f64 = 82.0;
pub(super) const BOTTOM: f64 = 532.0;
const RIGHT: f64 = 556.0;
const LEGEND: f64 = 584.0;

pub(super) const SMALL: Type = Type { size: 12.0, anchor: Anchor::Start, colour: GREY };
const LABEL: Type = Type { size: 13.0, anchor: Anchor::Start, colour: BLACK };

/// A forecaster's calibration under its name.
pub type Named = (String, Calibration);
/// A miner's name and its points `(event, sum of scores)`.
pub(super) type Line = (String, Vec<(f64, f64)>);

/// What was said against how often it happened, for several forecasters, a dot per bin.
pub(super) fn reliability(svg: &mut Svg, all: &[Named]) {
    title(svg, "Reliability", "what was reported against how often it came true; the dashed diagonal is perfect");
    let frame = Frame { left: LEFT, right: LEFT + BOTTOM - TOP, ..Frame::unit(TOP, BOTTOM) };
    frame.axes(svg, "mean report of the bin", "frequency of the outcome");
    frame.line(svg, &[(0.0, 0.0), (1.0, 1.0)], Pen::new(GREY, 1.0).dashed());
    let most = all.iter().flat_map(|(_, c)| &c.bins).map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    for ((_, calibration), colour) in all.iter().zip(colours()) {
        let used = || calibration.bins.iter().filter(|bin| bin.count > 0);
        let points: Vec<_> = used().map(|bin| (bin.mean_p, bin.frequency)).collect();
        frame.line(svg, &points, Pen::new(colour, 1.5));
        for (point, bin) in points.iter().zip(used()) {
            svg.dot(frame.place(*point), 2.5 + 6.0 * (bin.count as f64 / most).sqrt(), colour, 0.65);
        }
    }
    let details = all.iter().map(|(name, c)| (name.clone(), format!("n = {}, Brier {:.4}", c.count, c.brier)));
    legend(svg, details, "dots by their number of reports");
}

/// The calibration of a few forecasters with 95 % intervals, over the number of reports in each bin.
pub(super) fn calibration(svg: &mut Svg, all: &[Named]) {
    const SPLIT: f64 = 386.0;
    title(svg, "Calibration", "frequency of the outcome by bin of reports, with 95 % Wilson intervals");
    let above = Frame::unit(TOP, SPLIT);
    above.axes(svg, "", "frequency of the outcome");
    above.line(svg, &[(0.0, 0.0), (1.0, 1.0)], Pen::new(GREY, 1.0).dashed());
    let most = all.iter().flat_map(|(_, c)| &c.bins).map(|bin| bin.count).max().unwrap_or(1).max(1) as f64;
    let below = Frame { y: (0.0, 1.2 * most), ..Frame::unit(SPLIT + 56.0, BOTTOM) };
    below.axes(svg, "report", "reports");
    for (k, ((_, calibration), colour)) in all.iter().zip(colours()).enumerate() {
        let bins = calibration.bins.len().max(1) as f64;
        let slot = 0.9 / (bins * all.len() as f64);
        let mut points = Vec::new();
        for (b, bin) in calibration.bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
            let (low, high) = wilson(bin.frequency, bin.count);
            above.line(svg, &[(bin.mean_p, low), (bin.mean_p, high)], Pen::new(colour, 1.5));
            points.push((bin.mean_p, bin.frequency));
            let corner = (b as f64 / bins + 0.05 / bins + k as f64 * slot, bin.count as f64);
            let (x, y) = below.place(corner);
            let (end, floor) = below.place((corner.0 + slot, 0.0));
            svg.bar((x, y), (end - x, floor - y), colour, 0.75);
            let count = Type { size: 9.0, anchor: Anchor::Middle, colour };
            svg.text(((x + end) / 2.0, y - 3.0), &bin.count.to_string(), count);
        }
        above.line(svg, &points, Pen::new(colour, 1.0));
        points.iter().for_each(|point| svg.dot(above.place(*point), 3.5, colour, 1.0));
    }
    let details = all.iter().map(|(name, c)| {
        let text = format!("n = {}\nreliability {:.4}\nresolution {:.4}", c.count, c.reliability, c.resolution);
        (name.clone(), text)
    });
    legend(svg, details, "");
}

/// The running sum of scores of several miners over the counted events.
pub(super) fn history(svg: &mut Svg, lines: &[Line], rule: &str) {
    title(svg, "Score history", &format!("sum of scores under {rule}, over the counted events by time of resolution"));
    let points = || lines.iter().flat_map(|(_, points)| points);
    let last = points().fold(1.0, |last: f64, point| last.max(point.0));
    let (low, high) = points().fold((0.0_f64, 0.0_f64), |(low, high), point| (low.min(point.1), high.max(point.1)));
    let margin = if high > low { 0.06 * (high - low) } else { 1.0 };
    let frame = Frame { x: (0.0, last), y: (low - margin, high + margin), ..Frame::unit(TOP, BOTTOM) };
    frame.axes(svg, "counted events", "sum of scores");
    frame.line(svg, &[(0.0, 0.0), (last, 0.0)], Pen::new(GREY, 1.0));
    // The best on top, and the others a little wider, so that a line does not hide its equal.
    let drawn: Vec<_> = lines.iter().zip(colours().skip(1)).enumerate().collect();
    for (k, ((_, points), colour)) in drawn.into_iter().rev() {
        frame.line(svg, points, Pen::new(colour, 1.4 + 0.3 * k as f64));
    }
    let details = lines.iter().map(|(name, points)| {
        let sum = points.last().map_or(0.0, |point| point.1);
        // The first point is where the line starts, before any score.
        (name.clone(), format!("n = {}, sum {sum:+.4}", points.len().saturating_sub(1)))
    });
    // The market has no line here; its colour stays its own.
    legend(svg, [(String::new(), String::new())].into_iter().chain(details), "n: events with a score");
}

pub(super) fn colours() -> impl Iterator<Item = Colour> {
    SERIES.into_iter().cycle()
}

pub(super) fn title(svg: &mut Svg, text: &str, below: &str) {
    svg.text((16.0, 24.0), text, Type { size: 17.0, ..LABEL });
    svg.text((16.0, 42.0), below, SMALL);
}

/// Names with a line of detail each, in the order and colours of the series; an unnamed one only takes its colour.
pub(super) fn legend(svg: &mut Svg, details: impl Iterator<Item = (String, String)>, note: &str) {
    let mut y = TOP + 12.0;
    for ((name, text), colour) in details.zip(colours()).filter(|((name, _), _)| !name.is_empty()) {
        svg.dot((LEGEND + 5.0, y - 4.5), 5.0, colour, 1.0);
        svg.text((LEGEND + 17.0, y), &name, LABEL);
        for line in text.lines() {
            y += 16.0;
            svg.text((LEGEND + 17.0, y), line, SMALL);
        }
        y += 25.0;
    }
    svg.text((LEGEND, y + 4.0), note, Type { size: 11.0, ..SMALL });
}

/// The 95 % interval of a frequency seen in `n` reports (Wilson 1927).
fn wilson(frequency: f64, n: u64) -> (f64, f64) {
    const Z: f64 = 1.96;
    let n = n as f64;
    let centre = (frequency + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z * (frequency * (1.0 - frequency) / n + Z * Z / (4.0 * n * n)).max(0.0).sqrt() / (1.0 + Z * Z / n);
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// A rectangle of the picture and the values that its edges stand for.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
}

impl Frame {
    pub(super) const fn unit(top: f64, bottom: f64) -> Self {
        Self { left: LEFT, right: RIGHT, top, bottom, x: (0.0, 1.0), y: (0.0, 1.0) }
    }

    /// Where a point of values lies in the picture.
    pub(super) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |v: f64, (from, to): (f64, f64)| (v - from) / (to - from);
        (
            self.left + part(x, self.x) * (self.right - self.left),
            self.bottom - part(y, self.y) * (self.bottom - self.top),
        )
    }

    pub(super) fn line(&self, svg: &mut Svg, points: &[(f64, f64)], pen: Pen) {
        let points: Vec<_> = points.iter().map(|point| self.place(*point)).collect();
        if points.len() > 1 {
            svg.line(&points, pen);
        }
    }

    /// Grid, ticks with their numbers, border, and the names of both axes.
    pub(super) fn axes(&self, svg: &mut Svg, x: &str, y: &str) {
        let how = |anchor| Type { size: 11.0, anchor, colour: BLACK };
        for (value, text) in ticks(self.x, 5.0) {
            let at = self.place((value, self.y.0)).0;
            svg.line(&[(at, self.top), (at, self.bottom)], Pen::new(PALE, 1.0));
            svg.text((at, self.bottom + 16.0), &text, how(Anchor::Middle));
        }
        for (value, text) in ticks(self.y, (self.bottom - self.top) / 60.0) {
            let at = self.place((self.x.0, value)).1;
            svg.line(&[(self.left, at), (self.right, at)], Pen::new(PALE, 1.0));
            svg.text((self.left - 7.0, at + 4.0), &text, how(Anchor::End));
        }
        let (a, b) = ((self.left, self.top), (self.right, self.bottom));
        svg.line(&[a, (a.0, b.1), b, (b.0, a.1), a], Pen::new(BLACK, 1.0));
        svg.text(((self.left + self.right) / 2.0, self.bottom + 36.0), x, Type { anchor: Anchor::Middle, ..LABEL });
        svg.text((16.0, self.top - 12.0), y, LABEL);
    }
}

/// Round values in a range, about `wanted` of them, with their texts.
pub(super) fn ticks((from, to): (f64, f64), wanted: f64) -> Vec<(f64, String)> {
    let rough = (to - from) / wanted.max(1.0);
    if !rough.is_normal() || rough < 0.0 {
        return Vec::new();
    }
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = power * [1.0, 2.0, 5.0].into_iter().find(|m| m * power >= rough * 0.999).unwrap_or(10.0);
    // A step of 0.05 needs two digits, of 5 none.
    let digits = (-(step * 1.001).log10().floor()).clamp(0.0, 9.0) as usize;
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    let text = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$}") };
    (first..=last).map(|k| k as f64 * step).map(|value| (value, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: (f64, f64)) -> Vec<String> {
        ticks(range, 5.0).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels((0.0, 1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels((-0.013, 0.031)), ["-0.01", "0", "0.01", "0.02", "0.03"]);
        assert_eq!(labels((0.0, 480.0)), ["0", "100", "200", "300", "400"]);
        assert!(labels((0.0, 0.0)).is_empty() && labels((f64::NAN, 1.0)).is_empty());
    }

    #[test]
    fn an_interval_holds_its_frequency_and_narrows() {
        let (low, high) = wilson(0.5, 100);
        // 0.4038 to 0.5962 in every table of it.
        assert!((low - 0.4038).abs() < 1e-4 && (high - 0.5962).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0.0, 10).0, 0.0);
        assert!(wilson(1.0, 10).0 > 0.7);
    }

    #[test]
    fn empty_charts_are_sound_and_names_escaped() {
        type Draw = fn(&mut Svg);
        let draws: [Draw; 4] = [
            |svg| reliability(svg, &[]),
            |svg| calibration(svg, &[("a < b".into(), Calibration::default())]),
            |svg| history(svg, &[], "market_delta"),
            |svg| history(svg, &[("m".into(), vec![(1.0, 2.0)])], "a < b"),
        ];
        for draw in draws {
            let mut svg = Svg::new();
            draw(&mut svg);
            let text = svg.finish();
            assert!(text.ends_with("</svg>\n") && !text.contains("NaN") && !text.contains("inf"), "{text}");
            assert!(!text.contains("a < b"));
        }
    }
}
