//! Going back: a tester marks a moment of the chain, and later puts the chain back to it.

use std::collections::BTreeMap;

use sp_core::H256;

use super::chain::Chain;
use super::dump::DumpError;
use super::node::{Books, Node};

/// Most moments that are kept; the oldest goes when there are more. Each keeps what the chain then kept; what is the same in several is there once.
const KEPT: usize = 16;

/// Marked moments by their number.
#[derive(Default)]
pub(crate) struct Marks {
    last: u64,
    kept: BTreeMap<u64, Chain>,
}

/// Why the chain is not put back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevertError {
    /// It was never marked, left the list, or belongs to a future that is gone.
    #[error("there is no snapshot {0}; dev_status lists those that there are")]
    Unknown(u64),
    /// It cannot be written down, so nothing changed.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The chain was stopped.
    #[error("the chain was stopped")]
    Stopped,
}

impl Marks {
    /// The numbers of the moments that are kept.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.kept.keys().copied().collect()
    }
}

impl Node {
    /// Marks this moment, and gives its number.
    pub(crate) fn mark(&self) -> u64 {
        // No block is made meanwhile.
        let _books = self.books.lock();
        let chain = self.chain().clone();
        let mut marks = self.marks.lock();
        marks.last += 1;
        let number = marks.last;
        marks.kept.insert(number, chain);
        while marks.kept.len() > KEPT {
            marks.kept.pop_first();
        }
        number
    }

    /// Puts the chain back to a marked moment, which stays marked; later ones are gone. What waits in the pool is dropped, and all
    /// that is there is final. Gives the hash of the newest block.
    pub(crate) fn go_back(&self, number: u64) -> Result<H256, RevertError> {
        let mut books = self.books.lock();
        if matches!(*books, Books::Closed) {
            return Err(RevertError::Stopped);
        }
        let chain = self.marks.lock().kept.get(&number).cloned().ok_or(RevertError::Unknown(number))?;
        if let Books::Open(journal) = &mut *books {
            journal.compact(&chain.snapshot())?;
        }
        self.marks.lock().kept.split_off(&(number + 1));
        let (height, hash) = (chain.height(), chain.head().0);
        {
            let mut pool = self.pool.lock();
            *self.chain.write() = chain;
            pool.clear(height);
            self.finals.send_replace(height);
        }
        self.heads.send_replace(height);
        Ok(hash)
    }
}
