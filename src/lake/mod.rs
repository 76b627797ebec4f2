//! A lake: the history of a ledger as Parquet files that any engine reads where they lie.
//!
//! A kind of work says which tables it has and hands over their rows ([`Source`]); here they become files, one per table
//! and stretch of time ([`Stretch`]), in a [`Store`]: a folder, or a bucket that speaks S3 (feature `s3`).
//!
//! A stretch is published once. Its rows are written to a draft that no reader sees, the whole draft takes its place in one
//! step (a rename, a completed upload), and a manifest lists it. The place of a stretch is always the same, so that a run
//! that was killed between the two is repeated into the same file: whoever reads the folder by its names sees every
//! stretch once, and so does who goes by the manifests.
//!
//! Memory does not grow with the ledger: a row group of one file is held, and nothing else.
//!
//! Blocks; for commands and for threads that may wait.

#[cfg(feature = "s3")]
mod bucket;
mod error;
mod folder;
mod manifest;
pub mod parquet;
mod publish;
mod source;
mod store;
mod stretch;
pub mod table;
mod target;

#[cfg(feature = "s3")]
pub use bucket::Bucket;
pub use error::LakeError;
pub use folder::Folder;
pub use manifest::{FORMAT, Listed, Manifest};
pub use publish::{Published, publish};
pub use source::{Kept, Read, Rows, Source};
pub use store::{Draft, Store, Version};
pub use stretch::{Grain, Stretch};
pub use target::{Access, Target};
