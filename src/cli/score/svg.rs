//! Two small pictures as SVG text: points on a unit square, and lines over time.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 480.0;
const MARGIN: f64 = 56.0;
const COLOURS: [&str; 8] = ["#0b6e4f", "#b23a48", "#2f6690", "#c08401", "#6d597a", "#3a7d44", "#8d5524", "#444444"];

/// A line or a cloud of points with a name.
pub(super) struct Series {
    pub(super) name: String,
    /// `(x, y, radius)`; the radius matters for points only.
    pub(super) points: Vec<(f64, f64, f64)>,
}

/// How a picture is drawn.
pub(super) struct Picture<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// Points on the unit square with its diagonal, or lines in the range of their values.
    pub(super) unit_square: bool,
}

impl Picture<'_> {
    pub(super) fn draw(&self, series: &[Series]) -> String {
        let frame = self.frame(series);
        let mut out = String::new();
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
        );
        let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"24\" font-size=\"15\">{}</text>", escaped(self.title));
        let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{}</text>", WIDTH / 2.0, HEIGHT - 12.0, escaped(self.x));
        let _ = writeln!(out, "<text x=\"12\" y=\"{}\">{}</text>", MARGIN - 14.0, escaped(self.y));
        for step in 0..=4 {
            let part = f64::from(step) / 4.0;
            let (x, y) = (frame.x0 + part * (frame.x1 - frame.x0), frame.y0 + part * (frame.y1 - frame.y0));
            let (px, py) = frame.place(x, y);
            let _ = writeln!(
                out,
                "<path d=\"M{px:.1} {MARGIN}V{:.1}M{MARGIN} {py:.1}H{:.1}\" stroke=\"#ddd\" fill=\"none\"/>\
                 <text x=\"{px:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
                 <text x=\"{:.1}\" y=\"{py:.1}\" text-anchor=\"end\">{}</text>",
                HEIGHT - MARGIN,
                WIDTH - MARGIN,
                HEIGHT - MARGIN + 16.0,
                short(x),
                MARGIN - 6.0,
                short(y),
            );
        }
        if self.unit_square {
            let ((ax, ay), (bx, by)) = (frame.place(0.0, 0.0), frame.place(1.0, 1.0));
            let _ = writeln!(
                out,
                "<path d=\"M{ax:.1} {ay:.1}L{bx:.1} {by:.1}\" stroke=\"#999\" stroke-dasharray=\"4 4\" fill=\"none\"/>"
            );
        }
        for (k, one) in series.iter().enumerate() {
            let colour = COLOURS.get(k % COLOURS.len()).copied().unwrap_or("black");
            self.series(&mut out, &frame, one, colour);
            let y = MARGIN + 16.0 * k as f64;
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>",
                MARGIN + 10.0,
                escaped(&one.name)
            );
        }
        out.push_str("</svg>\n");
        out
    }

    fn series(&self, out: &mut String, frame: &Frame, series: &Series, colour: &str) {
        let mut path = String::new();
        for (k, (x, y, radius)) in series.points.iter().enumerate() {
            let (px, py) = frame.place(*x, *y);
            let _ = write!(path, "{}{px:.1} {py:.1}", if k == 0 { 'M' } else { 'L' });
            if self.unit_square {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"{radius:.1}\" fill=\"{colour}\" fill-opacity=\"0.6\"/>"
                );
            }
        }
        let _ = writeln!(out, "<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\"/>");
    }

    fn frame(&self, series: &[Series]) -> Frame {
        if self.unit_square {
            return Frame { x0: 0.0, x1: 1.0, y0: 0.0, y1: 1.0 };
        }
        let points = || series.iter().flat_map(|one| &one.points);
        let range = |of: &dyn Fn(&(f64, f64, f64)) -> f64| {
            let (a, b) = points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            if a < b {
                (a, b)
            } else if a.is_finite() {
                (a - 0.5, a + 0.5)
            } else {
                (0.0, 1.0)
            }
        };
        let ((x0, x1), (y0, y1)) = (range(&|p| p.0), range(&|p| p.1));
        Frame { x0, x1, y0, y1 }
    }
}

struct Frame {
    x0: f64,
    x1: f64,
    y0: f64,
    y1: f64,
}

impl Frame {
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let px = MARGIN + (x - self.x0) / (self.x1 - self.x0) * (WIDTH - 2.0 * MARGIN);
        let py = HEIGHT - MARGIN - (y - self.y0) / (self.y1 - self.y0) * (HEIGHT - 2.0 * MARGIN);
        (px, py)
    }
}

fn short(x: f64) -> String {
    if x != 0.0 && x.abs() < 0.01 { format!("{x:.1e}") } else { format!("{x:.2}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_empty_pictures_are_sound() {
        let picture = Picture { title: "a < b", x: "x", y: "y", unit_square: false };
        let empty = picture.draw(&[]);
        assert!(empty.contains("a &lt; b") && empty.ends_with("</svg>\n") && !empty.contains("NaN"));
        let one = picture.draw(&[Series { name: "m".into(), points: vec![(1.0, 2.0, 1.0)] }]);
        assert!(!one.contains("NaN") && !one.contains("inf"));
    }
}
