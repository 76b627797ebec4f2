//! The bytes of a commit: every part with its length as eight bytes, little-endian, as `ark-serialize` writes lists. The chain
//! keeps V and W as lists and the crate `timelock` as arrays, which is the only difference between their bytes.
//!
//! | bytes | part |
//! |---|---|
//! | 96 | U, compressed point of G2 |
//! | 8 + 32 | V |
//! | 8 + 32 | W |
//! | 8 + L | body: 8 + n ciphertext with its tag of 16 bytes, 8 + 12 nonce |
//! | 8 + 8 | `AES_GCM_` |

use ark_serialize::CanonicalSerialize as _;
use timelock::ibe::fullident::Ciphertext;
use timelock::tlock::TLECiphertext;

use super::TimelockError;
use super::beacon::{Engine, G2, point};

const POINT_BYTES: usize = 96;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const SUITE: &[u8] = b"AES_GCM_";

/// What the chain stores of it.
pub(super) fn write(sealed: &TLECiphertext<Engine>) -> Result<Vec<u8>, TimelockError> {
    let mut commit = Vec::with_capacity(POINT_BYTES + 2 * 40 + 16 + sealed.body.len() + SUITE.len());
    sealed.header.u.serialize_compressed(&mut commit).map_err(|_| TimelockError::NotAPoint("the commit's U"))?;
    for part in [sealed.header.v.as_slice(), &sealed.header.w, &sealed.body, &sealed.cipher_suite] {
        commit.extend_from_slice(&(part.len() as u64).to_le_bytes());
        commit.extend_from_slice(part);
    }
    Ok(commit)
}

/// Reads and checks all lengths before anything is made of them.
pub(super) fn read(commit: &[u8]) -> Result<TLECiphertext<Engine>, TimelockError> {
    let mut rest = Parts(commit);
    let u = rest.take("U", POINT_BYTES as u64)?;
    let v = rest.array("V")?;
    let w = rest.array("W")?;
    let body = rest.list("body")?;
    let suite = rest.list("cipher's name")?;
    rest.end()?;
    if suite != SUITE {
        return Err(TimelockError::UnknownSuite(suite.escape_ascii().take(64).map(char::from).collect()));
    }
    check_body(body)?;
    let header = Ciphertext { u: point::<G2>(u, "the commit's U")?, v, w };
    Ok(TLECiphertext { header, body: body.to_vec(), cipher_suite: suite.to_vec() })
}

/// The crate reads the body itself; after this it finds nothing to stumble over.
fn check_body(body: &[u8]) -> Result<(), TimelockError> {
    let mut rest = Parts(body);
    let sealed = rest.list("ciphertext")?.len();
    if sealed < TAG_BYTES {
        return Err(TimelockError::Short { part: "ciphertext", need: TAG_BYTES as u64, have: sealed });
    }
    let nonce = rest.list("nonce")?.len() as u64;
    if nonce != NONCE_BYTES as u64 {
        return Err(TimelockError::Length { part: "nonce", says: nonce, expected: NONCE_BYTES as u64 });
    }
    rest.end()
}

/// What is not read yet.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, part: &'static str, length: u64) -> Result<&'a [u8], TimelockError> {
        let short = TimelockError::Short { part, need: length, have: self.0.len() };
        let taken = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, rest) = taken.ok_or(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self, part: &'static str) -> Result<u64, TimelockError> {
        let bytes = self.take(part, 8)?;
        Ok(bytes.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte)))
    }

    fn list(&mut self, part: &'static str) -> Result<&'a [u8], TimelockError> {
        let length = self.length(part)?;
        self.take(part, length)
    }

    fn array(&mut self, part: &'static str) -> Result<[u8; 32], TimelockError> {
        let says = self.length(part)?;
        let wrong = TimelockError::Length { part, says, expected: 32 };
        if says != 32 {
            return Err(wrong);
        }
        self.take(part, says)?.try_into().map_err(|_| wrong)
    }

    fn end(self) -> Result<(), TimelockError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(TimelockError::Trailing(left)),
        }
    }
}
