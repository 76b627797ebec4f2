//! Keys and signatures of a beacon: BLS12-381 with signatures in G1, as drand's `quicknet` has it.

use std::fmt;

use ark_ec::PrimeGroup as _;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use sha2::Digest as _;
use timelock::engines::{EngineBLS, drand::TinyBLS381};

use super::{TimelockError, identity_of};

/// The curve, and how drand hashes onto it.
pub(super) type Engine = TinyBLS381;
/// Public keys, and the first part of a commit.
pub(super) type G2 = <Engine as EngineBLS>::PublicKeyGroup;
type G1 = <Engine as EngineBLS>::SignatureGroup;
type Scalar = <Engine as EngineBLS>::Scalar;

/// Set in the first byte of a compressed point that is the point at infinity, with which everything would verify.
const INFINITY: u8 = 0x40;

/// A beacon's public key: a compressed point of G2, checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 96]);

/// A beacon's signature of one round: a compressed point of G1, checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 48]);

/// A beacon's secret key: for a development chain, which is its own beacon.
#[derive(Clone)]
pub struct SecretKey(Scalar);

impl PublicKey {
    /// The key of drand's network `quicknet`, for which the real chain's weights are sealed.
    #[rustfmt::skip]
    pub const QUICKNET: Self = Self([
        0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22,
        0x12, 0xc4, 0x37, 0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c,
        0x8c, 0x4b, 0x45, 0x0b, 0x6a, 0x0a, 0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51,
        0x0d, 0x1f, 0xec, 0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b, 0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb,
        0x5e, 0xd6, 0x63, 0x04, 0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7, 0x3b, 0xab, 0x4a, 0xf5,
        0xa6, 0xe9, 0xc7, 0x6a, 0x4b, 0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4, 0x5a,
    ]);

    /// Reads a compressed point.
    ///
    /// # Errors
    /// [`TimelockError::NotAPoint`] unless these are 96 bytes of a point of the right subgroup, other than infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TimelockError> {
        let refused = TimelockError::NotAPoint("a beacon's public key");
        let bytes = <[u8; 96]>::try_from(bytes).map_err(|_| refused.clone())?;
        point::<G2>(&bytes, "a beacon's public key").map(|_| Self(bytes))
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 96] {
        &self.0
    }

    /// Is this the beacon's signature of `round`?
    #[must_use]
    pub fn verifies(&self, round: u64, signature: &Signature) -> bool {
        let (Ok(key), Ok(signature)) = (self.point(), signature.point()) else { return false };
        Engine::pairing(G2::generator(), signature) == Engine::pairing(key, identity_of(round).public::<Engine>())
    }

    /// It was checked when it was made.
    pub(super) fn point(&self) -> Result<G2, TimelockError> {
        G2::deserialize_compressed_unchecked(self.0.as_slice())
            .map_err(|_| TimelockError::NotAPoint("a beacon's public key"))
    }
}

impl Signature {
    /// Reads a compressed point.
    ///
    /// # Errors
    /// [`TimelockError::NotAPoint`] unless these are 48 bytes of a point of the right subgroup, other than infinity.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TimelockError> {
        let refused = TimelockError::NotAPoint("a beacon's signature");
        let bytes = <[u8; 48]>::try_from(bytes).map_err(|_| refused.clone())?;
        point::<G1>(&bytes, "a beacon's signature").map(|_| Self(bytes))
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 48] {
        &self.0
    }

    /// The random number that comes with it: its SHA-256.
    #[must_use]
    pub fn randomness(&self) -> [u8; 32] {
        sha2::Sha256::digest(self.0).into()
    }

    /// It was checked when it was made.
    pub(super) fn point(&self) -> Result<G1, TimelockError> {
        G1::deserialize_compressed_unchecked(self.0.as_slice())
            .map_err(|_| TimelockError::NotAPoint("a beacon's signature"))
    }
}

impl SecretKey {
    /// The same seed makes the same key. A seed that is known makes a beacon that hides nothing.
    #[must_use]
    pub fn from_seed(seed: &[u8]) -> Self {
        let mut bytes: [u8; 32] = sha2::Sha256::digest(seed).into();
        // Below the order of the group, which has 255 bits.
        bytes[31] &= 0x3f;
        Self(Scalar::deserialize_compressed(bytes.as_slice()).unwrap_or_default())
    }

    /// The key that others verify with and seal for.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(compressed(&(G2::generator() * self.0)))
    }

    /// Signs a round.
    #[must_use]
    pub fn sign(&self, round: u64) -> Signature {
        Signature(compressed(&identity_of(round).extract::<Engine>(self.0).0))
    }
}

/// A point of the right subgroup, other than infinity.
pub(super) fn point<P: CanonicalDeserialize>(bytes: &[u8], what: &'static str) -> Result<P, TimelockError> {
    if bytes.first().is_some_and(|first| first & INFINITY != 0) {
        return Err(TimelockError::NotAPoint(what));
    }
    P::deserialize_compressed(bytes).map_err(|_| TimelockError::NotAPoint(what))
}

fn compressed<const N: usize>(point: &impl CanonicalSerialize) -> [u8; N] {
    let mut bytes = [0; N];
    // Fails only for a buffer that is too short, and a point of this curve always has the same length.
    let written = point.serialize_compressed(bytes.as_mut_slice());
    debug_assert!(written.is_ok() && point.compressed_size() == N);
    bytes
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}
