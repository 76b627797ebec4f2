//! Reports on a ledger of events, as data, tables and pictures: what explains a score, what other rules would have paid,
//! who looks like whom, exports and plots.
//!
//! The command line and the page show what is computed here. A ledger is opened for reading, so a validator may be using it.
//!
//! Blocks; for commands and for threads that may wait.

pub mod backtest;
pub mod candles;
pub mod compare;
pub mod explain;
pub mod export;
pub mod miner;
pub mod plot;
pub mod sybil;

use std::io;
use std::path::PathBuf;

use crate::ledger::LedgerError;
use crate::scoring::Rules;
use crate::subnets::events::ledger::{Archive, EventsLedgerError};
use crate::units::{Account, Identity};

/// What a report is about: a ledger, and the rules that it is judged by.
#[derive(Debug)]
pub struct Case {
    /// The ledger.
    pub archive: Archive<'static>,
    /// The rules.
    pub rules: Rules,
}

impl Case {
    /// The identity of a hotkey in this ledger: the registration at `registered_at`, else the latest, which is the one a
    /// person asks about.
    ///
    /// # Errors
    /// [`ReportError::UnknownMiner`].
    pub fn identity(&self, hotkey: &Account, registered_at: Option<u64>) -> Result<Identity, ReportError> {
        self.archive
            .identities()
            .filter(|identity| identity.hotkey == *hotkey)
            .filter(|identity| registered_at.is_none_or(|block| identity.registered_at == block))
            .max()
            .ok_or(ReportError::UnknownMiner { hotkey: *hotkey, registered_at })
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The tables of events cannot be read.
    #[error(transparent)]
    Events(#[from] EventsLedgerError),
    /// No such miner.
    #[error("the ledger knows no miner {hotkey}{}", at(*.registered_at))]
    UnknownMiner {
        /// Who was asked for.
        hotkey: Account,
        /// The block of the registration that was asked for.
        registered_at: Option<u64>,
    },
    /// No such event.
    #[error("the ledger knows no event {key}; `neuron score export` lists them in events.csv")]
    UnknownEvent {
        /// Its key.
        key: String,
    },
    /// A rule that cannot be read.
    #[error("--rule {rule}: {reason}")]
    Rule {
        /// As it was written.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A ledger without scores.
    #[error("nothing to plot yet: no event of the ledger has a score")]
    NothingToPlot,
    /// A known miner without scores.
    #[error("miner {hotkey} has no score on any event yet")]
    NoScore {
        /// Who was asked for.
        hotkey: Account,
    },
    /// A folder cannot be made.
    #[error("{path}: {source}; name a folder that can be written to with --to")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written to its end.
    #[error("{path}: {source}; the file is not complete")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn at(block: Option<u64>) -> String {
    block.map_or_else(String::new, |block| format!(" registered at block {block}"))
}

/// A hotkey short enough for a table, long enough to be found again.
#[must_use]
pub fn short(identity: &Identity) -> String {
    let text = identity.hotkey.ss58();
    format!("{}…{}", text.get(..8).unwrap_or(&text), text.get(text.len().saturating_sub(4)..).unwrap_or(""))
}

/// Makes a folder to write into.
fn create_folder(folder: &std::path::Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(folder).map_err(|source| ReportError::Folder { path: folder.to_owned(), source })
}
