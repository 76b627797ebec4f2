//! Where a lake lies: what a folder and a bucket have in common.

use std::fs::File;
use std::path::PathBuf;

use super::error::LakeError;

/// Which writing of a small file is meant. Empty where nobody else writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// A file that no reader of the lake sees yet.
#[derive(Debug)]
pub struct Draft {
    /// To be written to, from its start.
    pub file: File,
    /// Its name, where it has one.
    pub(super) path: Option<PathBuf>,
}

/// A place for files. Paths have `/` between their parts.
pub trait Store {
    /// Its name, for people.
    fn name(&self) -> String;

    /// A small file, and which writing of it this is; `None` when there is none.
    ///
    /// # Errors
    /// [`LakeError::File`].
    fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, LakeError>;

    /// Writes a small file as a whole or not at all, over the writing that is `expected`; `None`: it must be new. `false`:
    /// somebody else has written meanwhile, and nothing was done.
    ///
    /// # Errors
    /// [`LakeError::File`].
    fn replace(&self, path: &str, bytes: &[u8], expected: Option<&Version>) -> Result<bool, LakeError>;

    /// Begins a large file.
    ///
    /// # Errors
    /// [`LakeError::File`].
    fn draft(&self) -> Result<Draft, LakeError>;

    /// Puts a whole draft where readers see it, in one step, over what is there.
    ///
    /// # Errors
    /// [`LakeError::File`]; then nothing is there, or what was there before.
    fn place(&self, draft: Draft, path: &str) -> Result<(), LakeError>;
}
