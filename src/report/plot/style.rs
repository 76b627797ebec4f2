//! What a picture is drawn with, and the colours of plots.

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

pub(super) const BLACK: Colour = [0x22, 0x22, 0x22];
pub(super) const GREY: Colour = [0x77, 0x77, 0x77];
pub(super) const PALE: Colour = [0xdd, 0xdd, 0xdd];
/// Apart also for those who do not see red and green apart; the first is the market's.
pub(super) const SERIES: [Colour; 8] = [
    [0x44, 0x44, 0x44],
    [0x0b, 0x6e, 0x4f],
    [0xb2, 0x3a, 0x48],
    [0x2f, 0x66, 0x90],
    [0xc0, 0x84, 0x01],
    [0x6d, 0x59, 0x7a],
    [0x3a, 0xa5, 0x9a],
    [0x8d, 0x55, 0x24],
];

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) colour: Colour,
    pub(super) width: f64,
    pub(super) dashed: bool,
}

impl Pen {
    pub(super) const fn new(colour: Colour, width: f64) -> Self {
        Self { colour, width, dashed: false }
    }

    pub(super) const fn dashed(self) -> Self {
        Self { dashed: true, ..self }
    }
}

/// Which point of a text its position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is drawn: height of its letters as CSS has it (em), anchor, colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) colour: Colour,
}

/// Length of a dash and of the gap after it.
pub(super) const DASH: f64 = 5.0;
