//! What a kind of work tells a lake about its tables.

use super::error::LakeError;
use super::stretch::{Grain, Stretch};
use super::table::{Cell, Column};
use crate::units::UnixMs;

/// A table of a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its name, a folder's as well: small letters.
    pub name: &'static str,
    /// How much time a file of it covers.
    pub grain: Grain,
    /// The version of its columns. Columns are added at the end without a new one; a new one begins a folder of its own.
    pub version: u32,
    /// Its columns.
    pub columns: &'static [Column],
}

/// What reading a stretch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// All its rows were handed over.
    Whole,
    /// The ledger forgot some of them meanwhile: they are not to be published as if they were all.
    Forgotten,
}

/// Takes a row, a cell per column.
pub type Rows<'a> = dyn FnMut(&[Cell]) -> Result<(), LakeError> + 'a;

/// A ledger as a lake sees it. What it hands over of a stretch that is over never changes.
pub trait Source {
    /// Its tables.
    fn tables(&self) -> &'static [Kept];

    /// The start of the first stretch of a table that the ledger has all rows of; `None` when there is nothing yet.
    ///
    /// # Errors
    /// The ledger's.
    fn begins(&self, table: &Kept) -> Result<Option<UnixMs>, LakeError>;

    /// Hands over the rows of a stretch, those with the same first cell together.
    ///
    /// # Errors
    /// The ledger's, and those of `row`, which end it.
    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError>;
}
