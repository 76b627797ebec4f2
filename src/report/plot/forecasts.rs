//! Pictures of a back-test: one forecast with its bands, skill by horizon, rank over time.

use super::chart::{BOTTOM, Frame, SMALL, TOP, colours, legend, title};
use super::style::{Anchor, BLACK, GREY, Pen, Type};
use super::svg::Svg;
use crate::forecast::backtest::{Fan, KNOTS, Line, Standing};
use crate::market::klines::INTERVAL;

/// A forecast between what was known and what came, with its bands, hours from its time on.
pub(in crate::report) fn fan(fan: &Fan, model: &str, when: &str) -> String {
    let mut svg = Svg::new();
    title(
        &mut svg,
        &format!("Forecast of {model}"),
        &format!("made {when}; bands by conformal prediction on the week before"),
    );
    let hours = |steps: f64| steps * INTERVAL.ms() as f64 / 3_600_000.0;
    let edges = fan.bands.iter().flat_map(|band| band.edges.iter().flat_map(|(_, low, high)| [*low, *high]));
    let all = || fan.before.iter().chain(&fan.said).chain(&fan.after).copied();
    let (low, high) = all().chain(edges).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let margin = if high > low { 0.04 * (high - low) } else { 1.0 };
    let begin = -hours(fan.before.len().saturating_sub(1) as f64);
    let end = hours(fan.said.len().max(1) as f64);
    let (low, high) = if low.is_finite() { (low, high) } else { (0.0, 1.0) };
    let frame = Frame { x: (begin, end), y: (low - margin, high + margin), ..Frame::unit(TOP, BOTTOM) };
    frame.axes(&mut svg, "hours", "dollars");
    let last = fan.before.last().copied().unwrap_or(low);
    let mut series = colours();
    let (market, ours) = (series.next().unwrap_or(BLACK), series.next().unwrap_or(GREY));
    for band in &fan.bands {
        let start = std::iter::once((0.0, last));
        let upper = band.edges.iter().map(|(steps, _, high)| (hours(*steps as f64), *high));
        let lower = band.edges.iter().rev().map(|(steps, low, _)| (hours(*steps as f64), *low));
        let corners: Vec<_> = start.chain(upper).chain(lower).map(|point| frame.place(point)).collect();
        svg.area(&corners, ours, 0.16);
    }
    let known = fan.before.iter().rev().enumerate().map(|(i, close)| (-hours(i as f64), *close));
    frame.line(&mut svg, &known.collect::<Vec<_>>(), Pen::new(market, 1.6));
    let from_last = |closes: &[f64]| -> Vec<(f64, f64)> {
        let closes = std::iter::once(last).chain(closes.iter().copied());
        closes.enumerate().map(|(i, close)| (hours(i as f64), close)).collect()
    };
    frame.line(&mut svg, &from_last(&fan.after), Pen::new(market, 1.2).dashed());
    frame.line(&mut svg, &from_last(&fan.said), Pen::new(ours, 1.8));
    let levels: Vec<String> = fan.bands.iter().rev().map(|band| format!("{:.0} %", band.level * 100.0)).collect();
    let about = if levels.is_empty() { "no errors were known yet".to_owned() } else { levels.join(", ") };
    let details = [("closes".to_owned(), "dashed: what came".to_owned()), (model.to_owned(), about)];
    legend(&mut svg, details.into_iter(), "");
    svg.finish()
}

/// The error of each model as a share of the first one's, by how far ahead it looks.
pub(in crate::report) fn skill(lines: &[Line]) -> String {
    let mut svg = Svg::new();
    title(&mut svg, "Skill by horizon", "root mean square error as a share of the first model's; below 1 is better");
    let hours = |minutes: i64| minutes as f64 / 60.0;
    let values = || lines.iter().flat_map(|line| line.horizons.iter().map(|at| at.ratio)).filter(|x| x.is_finite());
    let (low, high) = values().fold((0.995_f64, 1.005_f64), |(low, high), x| (low.min(x), high.max(x)));
    let margin = 0.06 * (high - low);
    let end = KNOTS.last().map_or(1.0, |steps| hours(*steps as i64 * INTERVAL.in_minutes()));
    let frame = Frame { x: (0.0, end), y: (low - margin, high + margin), ..Frame::unit(TOP, BOTTOM) };
    frame.axes(&mut svg, "hours ahead", "error ratio");
    for (line, colour) in lines.iter().zip(colours()) {
        let points = line.horizons.iter().filter(|at| at.ratio.is_finite()).map(|at| (hours(at.minutes), at.ratio));
        let points: Vec<_> = points.collect();
        frame.line(&mut svg, &points, Pen::new(colour, 1.6));
        points.iter().for_each(|point| svg.dot(frame.place(*point), 2.5, colour, 1.0));
    }
    let details = lines.iter().map(|line| (line.model.clone(), format!("{:.4} on the whole", line.ratio)));
    legend(&mut svg, details, "");
    svg.finish()
}

/// The place of each model by the subnet's long-run weights, day by day.
pub(in crate::report) fn ranks(models: &[String], standings: &[Standing]) -> String {
    let mut svg = Svg::new();
    title(&mut svg, "Rank over time", "by the subnet's long-run weights, were these models the only miners");
    let days =
        |standing: &Standing| standings.first().map_or(0.0, |first| standing.at.since(first.at) as f64 / 86_400_000.0);
    let end = standings.last().map_or(1.0, days).max(1.0);
    let count = models.len().max(1) as f64;
    // The best on top: values fall as the picture rises.
    let frame = Frame { x: (0.0, end), y: (count + 0.5, 0.5), ..Frame::unit(TOP, BOTTOM) };
    frame.axes(&mut svg, "days", "rank");
    for rank in 1..=models.len() {
        let (x, y) = frame.place((0.0, rank as f64));
        svg.text((x - 7.0, y + 4.0), &rank.to_string(), Type { anchor: Anchor::End, ..SMALL });
    }
    for (model, colour) in (0..models.len()).zip(colours()) {
        // Equals lie side by side.
        let aside = 0.05 * (model as f64 - (count - 1.0) / 2.0);
        let point = |standing: &Standing| Some((days(standing), f64::from(*standing.ranks.get(model)?) + aside));
        frame.line(&mut svg, &standings.iter().filter_map(point).collect::<Vec<_>>(), Pen::new(colour, 1.8));
    }
    let last = standings.last();
    let details = models.iter().enumerate().map(|(model, name)| {
        let weight = last.and_then(|standing| standing.weights.get(model)).copied().unwrap_or(0.0);
        (name.clone(), format!("weight {weight:.4} at the end"))
    });
    legend(&mut svg, details, "");
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::backtest::FanBand;
    use crate::units::UnixMs;

    #[test]
    fn pictures_are_sound_also_of_nothing() {
        let empty = Fan { at: UnixMs(0), before: vec![], said: vec![], after: vec![], bands: vec![] };
        let flat = Fan { before: vec![5.0; 3], said: vec![5.0; 100], after: vec![5.0; 2], ..empty.clone() };
        let edges = KNOTS.map(|steps| (steps, 4.0, 6.0)).to_vec();
        let bands = vec![FanBand { level: 0.8, edges }];
        let banded = Fan { bands, ..flat.clone() };
        let standing = |day: i64| Standing { at: UnixMs(day * 86_400_000), weights: vec![0.5, 0.2], ranks: vec![1, 2] };
        let names = ["a < b".to_owned(), "c".to_owned()];
        for text in [
            fan(&empty, "a < b", "now"),
            fan(&flat, "m", "now"),
            fan(&banded, "m", "now"),
            skill(&[]),
            ranks(&[], &[]),
            ranks(&names, &[standing(0), standing(3)]),
        ] {
            assert!(text.ends_with("</svg>\n") && !text.contains("NaN") && !text.contains("inf"), "{text}");
            assert!(!text.contains("a < b"));
        }
        assert!(fan(&banded, "m", "now").contains("polygon"));
    }
}
