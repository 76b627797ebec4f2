//! The canvas as pixels: what a shape covers of a pixel decides how much of its colour the pixel takes.

use super::canvas::{Anchor, Canvas, Colour, DASH, Pen, Type};
use super::chart::{HEIGHT, WIDTH};
use super::{font, png};

/// Pixels per unit: sharp on a screen of high density, and in print.
const SCALE: f64 = 2.0;
/// Capital letters are this part of a text's size, as in most fonts.
const CAPITAL_HEIGHT: f64 = 0.72;
/// The width of a text's strokes, as a part of its size.
const STROKE: f64 = 0.105;

/// A picture of pixels.
pub(super) struct Raster {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
    /// How much of each pixel the shape in work covers; 0 everywhere between shapes.
    cover: Vec<f32>,
}

/// Pixels touched: columns and rows, ends excluded.
type Area = (std::ops::Range<usize>, std::ops::Range<usize>);

impl Raster {
    pub(super) fn new() -> Self {
        let (width, height) = ((WIDTH * SCALE) as usize, (HEIGHT * SCALE) as usize);
        Self { width, height, rgb: vec![255; 3 * width * height], cover: vec![0.0; width * height] }
    }

    fn area(&self, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> Area {
        // `as` saturates: what is left of the picture becomes 0, NaN too.
        let range = |a: f64, b: f64, end: usize| (a.floor() as usize).min(end)..(b.ceil() as usize).min(end);
        (range(x0, x1, self.width), range(y0, y1, self.height))
    }

    /// Raises the cover of the pixels of an area to what `cover` says for their centres.
    fn shape(&mut self, (columns, rows): &Area, cover: impl Fn(f64, f64) -> f64) {
        for y in rows.clone() {
            let row = self.cover.get_mut(y * self.width + columns.start..y * self.width + columns.end);
            for (x, cell) in columns.clone().zip(row.unwrap_or_default()) {
                let part = cover(x as f64 + 0.5, y as f64 + 0.5).clamp(0.0, 1.0) as f32;
                *cell = cell.max(part);
            }
        }
    }

    /// Mixes a colour into the pixels of an area by their cover, and clears it.
    fn paint(&mut self, (columns, rows): &Area, colour: Colour, opacity: f64) {
        for y in rows.clone() {
            let places = y * self.width + columns.start..y * self.width + columns.end;
            let pixels = self.rgb.get_mut(3 * places.start..3 * places.end).unwrap_or_default();
            let cover = self.cover.get_mut(places).unwrap_or_default();
            for (pixel, cover) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(cover) {
                let part = *cover * opacity as f32;
                *cover = 0.0;
                for (old, new) in pixel.iter_mut().zip(colour) {
                    *old = (f32::from(*old) + part * (f32::from(new) - f32::from(*old))).round() as u8;
                }
            }
        }
    }

    /// A line of pixels' coordinates, with round ends.
    fn stroke(&mut self, points: &[(f64, f64)], width: f64, touched: &mut Area) {
        let reach = width / 2.0 + 1.0;
        for pair in points.windows(2) {
            let &[a, b] = pair else { continue };
            let low = (a.0.min(b.0) - reach, a.1.min(b.1) - reach);
            let area = self.area(low, (a.0.max(b.0) + reach, a.1.max(b.1) + reach));
            self.shape(&area, |x, y| width / 2.0 + 0.5 - distance((x, y), a, b));
            touched.0 = touched.0.start.min(area.0.start)..touched.0.end.max(area.0.end);
            touched.1 = touched.1.start.min(area.1.start)..touched.1.end.max(area.1.end);
        }
    }

    fn nothing() -> Area {
        let (start, end) = (usize::MAX, 0);
        (start..end, start..end)
    }
}

/// How far a point is from the line between two others.
fn distance((x, y): (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let square = dx * dx + dy * dy;
    let t = if square > 0.0 { (((x - a.0) * dx + (y - a.1) * dy) / square).clamp(0.0, 1.0) } else { 0.0 };
    (x - a.0 - t * dx).hypot(y - a.1 - t * dy)
}

/// The dashes of a line.
fn dashes(points: &[(f64, f64)], length: f64) -> Vec<Vec<(f64, f64)>> {
    let mut found = Vec::new();
    for pair in points.windows(2) {
        let &[a, b] = pair else { continue };
        let total = (b.0 - a.0).hypot(b.1 - a.1);
        let at = |s: f64| (a.0 + (b.0 - a.0) * s / total, a.1 + (b.1 - a.1) * s / total);
        let count = (total / (2.0 * length)).ceil() as u32;
        let dash = |k: u32| vec![at(2.0 * length * f64::from(k)), at((length * f64::from(2 * k + 1)).min(total))];
        found.extend((0..count).map(dash));
    }
    found
}

impl Canvas for Raster {
    fn line(&mut self, points: &[(f64, f64)], pen: Pen) {
        let points: Vec<_> = points.iter().map(|(x, y)| (x * SCALE, y * SCALE)).collect();
        let lines = if pen.dashed { dashes(&points, DASH * SCALE) } else { vec![points] };
        let mut touched = Self::nothing();
        lines.iter().for_each(|line| self.stroke(line, pen.width * SCALE, &mut touched));
        self.paint(&touched, pen.colour, 1.0);
    }

    fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, opacity: f64) {
        let (x, y, radius) = (x * SCALE, y * SCALE, radius * SCALE);
        let area = self.area((x - radius - 1.0, y - radius - 1.0), (x + radius + 1.0, y + radius + 1.0));
        self.shape(&area, |px, py| radius + 0.5 - (px - x).hypot(py - y));
        self.paint(&area, colour, opacity);
    }

    fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: Colour, opacity: f64) {
        let (x0, y0, x1, y1) = (x * SCALE, y * SCALE, (x + width) * SCALE, (y + height) * SCALE);
        let area = self.area((x0, y0), (x1, y1));
        let overlap = |a: f64, b: f64, centre: f64| (b.min(centre + 0.5) - a.max(centre - 0.5)).clamp(0.0, 1.0);
        self.shape(&area, |px, py| overlap(x0, x1, px) * overlap(y0, y1, py));
        self.paint(&area, colour, opacity);
    }

    fn text(&mut self, (x, y): (f64, f64), text: &str, how: Type) {
        let unit = SCALE * how.size * CAPITAL_HEIGHT / font::CAPITAL;
        let (strokes, width) = font::strokes(text);
        let left = SCALE * x
            - unit
                * match how.anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => width / 2.0,
                    Anchor::End => width,
                };
        let mut touched = Self::nothing();
        for stroke in strokes {
            let points: Vec<_> = stroke.iter().map(|(px, py)| (left + unit * px, SCALE * y - unit * py)).collect();
            self.stroke(&points, SCALE * how.size * STROKE, &mut touched);
        }
        self.paint(&touched, how.colour, 1.0);
    }

    fn finish(self: Box<Self>) -> std::io::Result<Vec<u8>> {
        png::encode(self.width as u32, self.height as u32, &self.rgb)
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::BLACK;
    use super::*;

    fn pixel(raster: &Raster, x: usize, y: usize) -> &[u8] {
        &raster.rgb[3 * (y * raster.width + x)..][..3]
    }

    #[test]
    fn shapes_cover_what_they_should_and_nothing_else() {
        let mut raster = Raster::new();
        raster.bar((10.0, 10.0), (5.0, 5.0), [255, 0, 0], 0.5);
        assert_eq!(pixel(&raster, 25, 25), [255, 128, 128]);
        assert_eq!(pixel(&raster, 30, 25), [255, 255, 255]);
        raster.dot((100.0, 100.0), 4.0, BLACK, 1.0);
        assert_eq!(pixel(&raster, 200, 200), BLACK);
        assert_eq!(pixel(&raster, 210, 200), [255, 255, 255]);
        raster.line(&[(50.0, 50.0), (80.0, 50.0)], Pen::new(BLACK, 2.0));
        assert_eq!((pixel(&raster, 130, 100), pixel(&raster, 130, 104)), (&BLACK[..], &[255, 255, 255][..]));
        assert!(raster.cover.iter().all(|cover| *cover == 0.0));
    }

    #[test]
    fn shapes_outside_of_the_picture_do_no_harm() {
        let mut raster = Raster::new();
        raster.line(&[(-1e9, f64::NAN), (1e9, 5.0)], Pen::new(BLACK, 1.0));
        raster.dot((1e9, -50.0), 5.0, BLACK, 1.0);
        raster.bar((-100.0, -100.0), (50.0, 50.0), BLACK, 1.0);
        raster.text((-500.0, 900.0), "far away", Type { size: 12.0, anchor: Anchor::End, colour: BLACK });
        assert!(raster.rgb.iter().all(|channel| *channel == 255));
    }

    #[test]
    fn dashes_leave_gaps() {
        let found = dashes(&[(0.0, 0.0), (25.0, 0.0)], 5.0);
        assert_eq!(found, [[(0.0, 0.0), (5.0, 0.0)], [(10.0, 0.0), (15.0, 0.0)], [(20.0, 0.0), (25.0, 0.0)]]);
        assert!(dashes(&[(1.0, 1.0), (1.0, 1.0)], 5.0).is_empty());
    }
}
