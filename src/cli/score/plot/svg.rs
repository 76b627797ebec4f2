//! The canvas as SVG text.

use std::fmt::Write;

use super::canvas::{Anchor, Canvas, Colour, DASH, Pen, Type};
use super::chart::{HEIGHT, WIDTH};
use crate::units::harmless_lines;

/// An SVG document on its way.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new() -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }
}

// Writing to a String cannot fail.
impl Canvas for Svg {
    fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let mut path = String::new();
        for (k, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if k == 0 { 'M' } else { 'L' });
        }
        let dash = if pen.dashed { format!(" stroke-dasharray=\"{DASH} {DASH}\"") } else { String::new() };
        let (colour, width) = (hex(pen.colour), pen.width);
        let _ = writeln!(
            self.0,
            "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\" fill=\"none\"{dash}/>"
        );
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, opacity: f64) {
        let fill = hex(colour);
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>"
        );
    }

    fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: Colour, opacity: f64) {
        let fill = hex(colour);
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\" \
             fill-opacity=\"{opacity}\"/>"
        );
    }

    fn text(&mut self, (x, y): (f64, f64), text: &str, how: Type) {
        let anchor = match how.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (size, fill, text) = (how.size, hex(how.colour), escaped(text));
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{fill}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn finish(self: Box<Self>) -> std::io::Result<Vec<u8>> {
        Ok((self.0 + "</svg>\n").into_bytes())
    }
}

fn hex([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    // What XML forbids is harmful to a terminal as well, and is shown as an escape.
    harmless_lines(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
