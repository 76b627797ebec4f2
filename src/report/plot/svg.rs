//! A picture as SVG text.

use std::fmt::Write;

use super::chart::{HEIGHT, WIDTH};
use super::style::{Anchor, Colour, DASH, Pen, Type};
use crate::units::harmless_lines;

/// An SVG document on its way: [`WIDTH`] × [`HEIGHT`], y downwards, white at first.
pub(super) struct Svg(String);

impl Svg {
    pub(super) fn new() -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ))
    }

    /// One that stands in a page, on the page's own ground, and says in words what it shows.
    pub(super) fn inline(width: f64, height: f64, title: &str) -> Self {
        let title = escaped(title).replace('"', "&quot;");
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"{title}\" font-family=\"sans-serif\">\n"
        ))
    }

    /// A line from point to point.
    pub(super) fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let mut path = String::new();
        // Writing to a String cannot fail.
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

    /// A filled circle; `opacity` 0 to 1.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, opacity: f64) {
        let fill = hex(colour);
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A filled rectangle: its upper left corner, its size.
    pub(super) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: Colour, opacity: f64) {
        let fill = hex(colour);
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\" \
             fill-opacity=\"{opacity}\"/>"
        );
    }

    /// A filled area with these corners.
    pub(super) fn area(&mut self, corners: &[(f64, f64)], colour: Colour, opacity: f64) {
        let fill = hex(colour);
        let mut points = String::new();
        for (x, y) in corners {
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
        let _ = writeln!(self.0, "<polygon points=\"{points}\" fill=\"{fill}\" fill-opacity=\"{opacity}\"/>");
    }

    /// A text whose baseline is at `(x, y)`.
    pub(super) fn text(&mut self, (x, y): (f64, f64), text: &str, how: Type) {
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

    /// The document.
    pub(super) fn finish(self) -> String {
        self.0 + "</svg>\n"
    }
}

fn hex([r, g, b]: Colour) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    // What XML forbids is harmful to a terminal as well, and is shown as an escape.
    harmless_lines(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
