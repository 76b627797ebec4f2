//! SVG as PNG, with a font of our own, so that a picture is the same on every machine.

use std::io;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// DejaVu Sans, the characters of western Europe; its licence lies beside it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");
const FAMILY: &str = "DejaVu Sans";

/// Pixels per unit of the picture.
const SCALE: f32 = 2.0;

/// Draws an SVG document of ours.
///
/// # Errors
/// What the renderer says; a document of [`super::svg::Svg`] gives it no reason.
pub(super) fn draw(svg: &str) -> io::Result<Vec<u8>> {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let options = Options { fontdb: Arc::new(fonts), font_family: FAMILY.to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(io::Error::other)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or_else(|| io::Error::other("an empty picture"))?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or_else(|| io::Error::other("a picture too large"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::super::style::{BLACK, Type};
    use super::super::svg::Svg;
    use super::*;

    fn pixels(text: &str) -> Pixmap {
        let mut svg = Svg::new();
        svg.text((20.0, 100.0), text, Type { size: 40.0, anchor: super::super::style::Anchor::Start, colour: BLACK });
        Pixmap::decode_png(&draw(&svg.finish()).unwrap()).unwrap()
    }

    #[test]
    fn a_text_is_drawn_by_the_embedded_font_and_a_hostile_one_is_one_too() {
        let dark = |text: &str| pixels(text).pixels().iter().filter(|pixel| pixel.red() < 128).count();
        assert_eq!((pixels("").width(), pixels("").height(), dark("")), (1600, 1160, 0));
        let (narrow, wide) = (dark("i…"), dark("i…MMMM"));
        assert!(narrow > 50 && wide > 4 * narrow, "{narrow} {wide}");
        assert!(dark("</text><rect width='9' \u{1b}[2J\u{202e}&amp;\u{0}\u{ffff}") > 500);
    }
}
