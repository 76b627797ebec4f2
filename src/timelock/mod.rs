//! Time-locked weights: what is sealed for a round of a random beacon opens with the signature that the beacon publishes for
//! that round, and not before.
//!
//! ```
//! use neuron::timelock::{Payload, PublicKey, Schedule, open, seal};
//! use neuron::units::Account;
//!
//! let payload = Payload { hotkey: Some(Account([1; 32])), uids: vec![0, 3], values: vec![65535, 1], version_key: 0 };
//! let round = Schedule::QUICKNET.round_at(1_767_225_600) + 20;
//! let commit = seal(&payload, round, &PublicKey::QUICKNET)?;
//! // A minute later, with the signature of that round: `open(&commit, &signature)`.
//! # use neuron::timelock::SecretKey;
//! # let wrong = SecretKey::from_seed(b"another beacon").sign(round);
//! assert!(open(&commit, &wrong).is_err());
//! # Ok::<(), neuron::timelock::TimelockError>(())
//! ```
//!
//! The scheme is that of drand's tlock: identity-based encryption (Boneh and Franklin) of a random key over BLS12-381,
//! signatures in G1, with the SHA-256 of the round as the identity; the data itself under AES-256-GCM. The pairings are the
//! crate `timelock`'s; the bytes around them are read here, because the crate would believe any length that a stranger writes.

mod beacon;
mod layout;
mod payload;
mod schedule;
#[cfg(test)]
mod tests;

pub use beacon::{PublicKey, SecretKey, Signature};
pub use payload::Payload;
pub use schedule::Schedule;

use crypto_secretbox::aead::OsRng;
use crypto_secretbox::aead::rand_core::RngCore as _;
use timelock::block_ciphers::AESGCMBlockCipherProvider;
use timelock::ibe::fullident::Identity;
use timelock::tlock::{tld, tle};
use zeroize::Zeroizing;

use beacon::Engine;

/// Most bytes of a commit that the chain takes: about 1170 weights.
pub const MAX_COMMIT_BYTES: usize = 5000;
/// How many bytes sealing adds to a payload.
pub const OVERHEAD_BYTES: usize = 244;

/// Why something does not seal or open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimelockError {
    /// The bytes end within a part.
    #[error("a time-locked commit ends within its {part}: {have} bytes where {need} belong")]
    Short {
        /// Which part.
        part: &'static str,
        /// Bytes that belong there.
        need: u64,
        /// Bytes that are there.
        have: usize,
    },
    /// A part has another length than the scheme gives it.
    #[error("the {part} of a time-locked commit says it has {says} bytes, not {expected}")]
    Length {
        /// Which part.
        part: &'static str,
        /// The length that is written.
        says: u64,
        /// The only length it can have.
        expected: u64,
    },
    /// Bytes are left when all parts are read.
    #[error("{0} bytes follow the end of a time-locked commit")]
    Trailing(usize),
    /// The cipher is not the one the chain knows.
    #[error("a time-locked commit is sealed with the unknown cipher {0:?}; the chain opens AES_GCM_")]
    UnknownSuite(String),
    /// The bytes are no point of the curve's right subgroup, or the point at infinity.
    #[error("the bytes of {0} are not a valid point of BLS12-381")]
    NotAPoint(&'static str),
    /// The signature belongs to another round or beacon, or the commit was changed.
    #[error("the commit does not open with this signature: it is sealed for another round or beacon, or was changed")]
    DoesNotOpen,
    /// What was sealed are no weights.
    #[error("the time-locked payload is not a list of weights: {0}")]
    Payload(String),
    /// More weights than the chain takes at once.
    #[error(
        "{weights} weights make a commit of {bytes} bytes, and the chain takes {MAX_COMMIT_BYTES}; set fewer weights"
    )]
    TooLong {
        /// How many weights.
        weights: usize,
        /// What the commit would have.
        bytes: usize,
    },
}

/// Seals weights for a round of the beacon with this key: the bytes that `commit_timelocked_mechanism_weights` takes.
///
/// Costs two scalar multiplications and a pairing. Each sealing takes fresh randomness from the system.
///
/// # Errors
/// [`TimelockError::TooLong`] for more weights than a commit holds.
pub fn seal(payload: &Payload, round: u64, beacon: &PublicKey) -> Result<Vec<u8>, TimelockError> {
    let plain = Zeroizing::new(payload.encode());
    let bytes = plain.len() + OVERHEAD_BYTES;
    if bytes > MAX_COMMIT_BYTES {
        return Err(TimelockError::TooLong { weights: payload.uids.len(), bytes });
    }
    seal_bytes(&plain, round, beacon)
}

/// Seals bytes that are no weights, such as a commitment.
///
/// # Errors
/// As [`PublicKey::from_bytes`], for a key that is not one.
pub fn seal_bytes(plain: &[u8], round: u64, beacon: &PublicKey) -> Result<Vec<u8>, TimelockError> {
    let mut key = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(key.as_mut_slice());
    let sealed = tle::<Engine, AESGCMBlockCipherProvider, _>(beacon.point()?, *key, plain, identity_of(round), OsRng)
        .map_err(|_| TimelockError::TooLong { weights: 0, bytes: plain.len() + OVERHEAD_BYTES })?;
    layout::write(&sealed)
}

/// Opens a commit with the signature of the round that it was sealed for. What comes out is what the sealer put in: whose
/// weights these are is for the caller to compare.
///
/// # Errors
/// Each kind of wrong bytes has its own; nothing is allocated on the word of a length. [`TimelockError::DoesNotOpen`] for the
/// signature of another round or beacon, and for a commit that was changed.
pub fn open(commit: &[u8], signature: &Signature) -> Result<Payload, TimelockError> {
    Payload::decode(&open_bytes(commit, signature)?)
}

/// Opens sealed bytes that are no weights, such as a sealed commitment.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(sealed: &[u8], signature: &Signature) -> Result<Vec<u8>, TimelockError> {
    tld::<Engine, AESGCMBlockCipherProvider>(layout::read(sealed)?, signature.point()?)
        .map_err(|_| TimelockError::DoesNotOpen)
}

/// What a round is called: the message that the beacon signs, and the identity that is sealed for.
fn identity_of(round: u64) -> Identity {
    use sha2::Digest as _;
    Identity::new(b"", &sha2::Sha256::digest(round.to_be_bytes()))
}
