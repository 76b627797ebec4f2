//! What is sealed: the weights of one hotkey.

use codec::{Decode, Encode};

use super::TimelockError;
use crate::units::Account;

/// The weights of one hotkey, as the chain reads them out of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Whose weights these are; the chain throws away what another committed. Versions before 4 had no hotkey.
    pub hotkey: Option<Account>,
    /// Who is weighted.
    pub uids: Vec<u16>,
    /// How much, in the order of `uids`.
    pub values: Vec<u16>,
    /// The validator's version, which the subnet may demand.
    pub version_key: u64,
}

#[derive(Encode, Decode)]
struct Owned {
    /// A list of bytes rather than an account: its length is written.
    hotkey: Vec<u8>,
    weights: Anonymous,
}

#[derive(Encode, Decode)]
struct Anonymous {
    uids: Vec<u16>,
    values: Vec<u16>,
    version_key: u64,
}

impl Payload {
    /// SCALE: hotkey (with its length), uids, values, version key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let weights = Anonymous { uids: self.uids.clone(), values: self.values.clone(), version_key: self.version_key };
        match self.hotkey {
            Some(hotkey) => Owned { hotkey: hotkey.0.to_vec(), weights }.encode(),
            None => weights.encode(),
        }
    }

    /// Reads both forms, as the chain does: with a hotkey where one can be read, else without. Bytes behind the end, and of a
    /// hotkey those behind 32, are not looked at, there as here.
    ///
    /// # Errors
    /// [`TimelockError::Payload`] if neither form fits.
    pub fn decode(bytes: &[u8]) -> Result<Self, TimelockError> {
        let of = |hotkey, Anonymous { uids, values, version_key }| Self { hotkey, uids, values, version_key };
        if let Ok(Owned { hotkey, weights }) = Owned::decode(&mut &*bytes)
            && let Some(hotkey) = hotkey.first_chunk()
        {
            return Ok(of(Some(Account(*hotkey)), weights));
        }
        Anonymous::decode(&mut &*bytes)
            .map(|weights| of(None, weights))
            .map_err(|error| TimelockError::Payload(error.to_string()))
    }
}
