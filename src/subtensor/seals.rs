//! Seals of sixteen nonces at once: SHA-256 of the puzzle with the nonce, and Keccak-256 of that, in the lanes of vectors as wide as
//! the machine has. A search for work spends all its time here.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u32x16, u64x8};

use super::{keccak, sha256};

/// Nonces that are tried together.
pub const LANES: usize = sha256::LANES;
/// Bytes of the message that are hashed once for many nonces: all whole blocks.
const BLOCKS: usize = 128;
/// Bytes that are left for the last block.
const REST: usize = 3;

/// A message of 131 bytes without its last three, which are tried.
#[derive(Debug, Clone, Copy)]
pub struct Start(sha256::State);

impl Start {
    /// The message begins with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; BLOCKS]) -> Self {
        Self(sha256::after(bytes.as_chunks().0))
    }

    /// The last eight bytes of the Keccak-256 hashes of the SHA-256 hashes of sixteen messages, as little-endian numbers. The
    /// messages end with the low three bytes of `first` and the numbers behind it, little-endian. `level` says how wide vectors are.
    #[must_use]
    pub fn ends_of_seals(&self, level: Level, first: u32) -> [u64; LANES] {
        dispatch!(level, simd => ends(simd, &self.0, first))
    }
}

#[inline(always)]
fn ends<S: Simd>(simd: S, start: &sha256::State, first: u32) -> [u64; LANES] {
    let numbers = u32x16::from_fn(simd, |lane| first.wrapping_add(lane as u32));
    let mut words = [u32x16::splat(simd, 0); 16];
    // Three bytes and the bit that ends the message; and its length in bits.
    words[0] = (sha256::swapped(numbers) & 0xffff_ff00) | 0x80;
    words[15] = u32x16::splat(simd, 8 * (BLOCKS + REST) as u32);
    // SHA-256 writes its words with the highest byte first, Keccak reads words of eight bytes with the lowest first.
    let [a, b, c, d, e, f, g, h] = sha256::compress(simd, start, words).map(sha256::swapped);
    let pairs = [a.interleave(b), c.interleave(d), e.interleave(f), g.interleave(h)];
    let (low, high): ([u64x8<S>; 4], [u64x8<S>; 4]) =
        (pairs.map(|(low, _)| low.bitcast()), pairs.map(|(_, high)| high.bitcast()));
    let halves: [[u64; keccak::LANES]; 2] = [keccak::end(simd, low).into(), keccak::end(simd, high).into()];
    let mut ends = [0; LANES];
    for (end, seal) in ends.iter_mut().zip(halves.as_flattened()) {
        *end = *seal;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use sha3::Keccak256;

    proptest! {
        #[test]
        fn sixteen_at_once_are_as_one_by_one(bytes: [u8; 32], first: u32) {
            let bytes: [u8; BLOCKS] = std::array::from_fn(|at| bytes[at % 32].wrapping_add(at as u8));
            let one_by_one: [u64; LANES] = std::array::from_fn(|lane| {
                let rest = first.wrapping_add(lane as u32).to_le_bytes();
                let seal = Keccak256::digest(Sha256::digest([&bytes[..], &rest[..REST]].concat()));
                u64::from_le_bytes(seal[24..].try_into().unwrap())
            });
            for level in [Level::new(), Level::baseline()] {
                prop_assert_eq!(Start::new(&bytes).ends_of_seals(level, first), one_by_one);
            }
        }
    }
}
