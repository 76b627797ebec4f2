//! What a kind of work has to show, as data: facts, tables, charts. Whoever shows it decides how it looks, and escapes it; so a
//! kind writes no HTML, and what it shows can be read by a program as well.
//!
//! Everything is read from the ledger and the settings at the moment somebody looks.

use crate::config::Resolved;
use crate::ledger::ReadOnly;
use crate::units::{Account, Foreign, Identity, UnixMs};

use super::work::WorkError;

/// What a kind of work shows of a ledger. Blocks; for threads that may wait.
#[derive(Debug, Clone, Copy)]
pub struct Views {
    /// What it asks about, in the plural, as in `events`: a heading, and the word in addresses.
    pub things: &'static str,
    /// How things stand, in short.
    pub overview: View<()>,
    /// A page of the list of things.
    pub list: View<Ask>,
    /// One of them by its key, with a heading; `None` when there is none.
    pub one: fn(&Resolved, &ReadOnly, &str) -> Result<Option<Titled>, WorkError>,
    /// What is known of each miner, for a table of miners.
    pub marks: fn(&Resolved, &ReadOnly) -> Result<Marks, WorkError>,
    /// What is known of one miner.
    pub miner: View<Identity>,
}

/// Blocks under a heading.
pub type Titled = (Foreign, Vec<Block>);

/// Reads what is shown about something.
pub type View<T> = fn(&Resolved, &ReadOnly, &T) -> Result<Vec<Block>, WorkError>;

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Ask {
    /// The page, from 0 on.
    pub page: usize,
    /// Of those in this state, a word of the kind's own; all when empty or unknown.
    pub state: String,
}

/// Rows of a page of a list.
pub const PER_PAGE: usize = 50;

impl Ask {
    /// How many rows stand before this page.
    #[must_use]
    pub const fn skip(&self) -> usize {
        self.page.saturating_mul(PER_PAGE)
    }
}

/// Columns of a table of miners that only the kind can fill.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks {
    /// Their heads.
    pub heads: Vec<&'static str>,
    /// The cells by miner, as many as heads; the best first.
    pub rows: Vec<(Identity, Vec<Cell>)>,
}

/// Something to show.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading above what follows.
    Heading(String),
    /// A sentence.
    Note(String),
    /// A text of strangers, whole, with its lines.
    Text(Foreign),
    /// Names with values.
    Facts(Vec<(&'static str, Cell)>),
    /// Rows with columns.
    Table(Table),
    /// Numbers over time or another number.
    Chart(Chart),
}

/// Rows with columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What it is about.
    pub caption: String,
    /// The heads of the columns.
    pub heads: Vec<&'static str>,
    /// The rows, each with as many cells as there are heads.
    pub rows: Vec<Vec<Cell>>,
    /// How many rows there are on all pages, where the table is one of several.
    pub of: Option<usize>,
    /// States by which the list may be narrowed, with how many there are.
    pub states: Vec<(&'static str, usize)>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Nothing,
    /// A word of ours.
    Word(String),
    /// Words of a stranger.
    Foreign(Foreign),
    /// A number of things.
    Count(u64),
    /// A number with so many digits after the point.
    Number(f64, usize),
    /// The same with its sign: a gain or a loss.
    Gain(f64, usize),
    /// A share of one, shown in per cent.
    Share(f64),
    /// A moment.
    Time(UnixMs),
    /// A length of time, milliseconds.
    Took(f64),
    /// A hotkey; leads to its page.
    Miner(Account),
    /// One of the kind's things by its key, under the words of a stranger; leads to its page.
    Thing(String, Foreign),
    /// A state in a word, and whether it is well; `None` is neither.
    State(String, Option<bool>),
}

impl Cell {
    /// The value, or nothing.
    pub fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Nothing, cell)
    }
}

/// Lines in a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// What it shows, for those who do not see it as well.
    pub title: String,
    /// What is along the bottom.
    pub x: Axis,
    /// What is along the side.
    pub y: &'static str,
    /// The values between which the side runs; from the numbers themselves where nothing is said.
    pub range: Option<(f64, f64)>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// What is along the bottom of a chart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Axis {
    /// Milliseconds since 1970.
    #[default]
    Time,
    /// A number with a name.
    Number(&'static str),
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points, by their place along the bottom.
    pub points: Vec<(f64, f64)>,
    /// Whether it is a mere reference, drawn with dashes.
    pub dashed: bool,
    /// Whether its points are marked.
    pub dots: bool,
    /// The miner that it is about: the legend leads to its page.
    pub miner: Option<Account>,
}

impl Line {
    /// A line without marks.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, dashed: false, dots: false, miner: None }
    }

    /// A miner's line.
    #[must_use]
    pub fn of(miner: &Identity, points: Vec<(f64, f64)>) -> Self {
        Self { miner: Some(miner.hotkey), ..Self::new(miner.hotkey.ss58(), points) }
    }

    /// The same with its points marked.
    #[must_use]
    pub const fn dotted(mut self) -> Self {
        self.dots = true;
        self
    }

    /// The same with dashes.
    #[must_use]
    pub const fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }
}
