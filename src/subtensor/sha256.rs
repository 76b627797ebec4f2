//! SHA-256 of sixteen blocks of 64 bytes at once: each lane of a vector has the state of another message.
//!
//! One message at a time, with the processor's own instructions for SHA-256, each round waits for the one before; sixteen
//! lanes of 512 bits are three times as fast as that, and of 256 bits half as fast again (`scripts/bench-pow.sh`).

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u32x16};

/// Messages that are hashed together.
pub(super) const LANES: usize = 16;

/// The eight words between two blocks.
pub(super) type State = [u32; 8];

/// The state before the first block (FIPS 180-4, 5.3.3).
const INITIAL: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// What each round adds (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
const ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The state after the whole blocks of a message.
pub(super) fn after(blocks: &[[u8; 64]]) -> State {
    fn next<S: Simd>(simd: S, state: State, block: &[u8; 64]) -> State {
        let (words, _) = block.as_chunks::<4>();
        let word = |at: usize| words.get(at).map_or(0, |word| u32::from_be_bytes(*word));
        compress(simd, &state, std::array::from_fn(|at| u32x16::splat(simd, word(at))))
            .map(|lanes| <[u32; LANES]>::from(lanes)[0])
    }
    blocks.iter().fold(INITIAL, |state, block| dispatch!(Level::baseline(), simd => next(simd, state, block)))
}

/// The states after one more block each, whose words the lanes have: big-endian numbers.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "all indices are below the arrays' lengths")]
pub(super) fn compress<S: Simd>(simd: S, state: &State, mut words: [u32x16<S>; 16]) -> [u32x16<S>; 8] {
    let before = state.map(|word| u32x16::splat(simd, word));
    let mut after = before;
    for at in 0..16 {
        after = round(after, words[at], ROUNDS[at]);
    }
    for sixteen in [16, 32, 48] {
        for at in 0..16 {
            let (two, seven, fifteen) = (words[(at + 14) % 16], words[(at + 9) % 16], words[(at + 1) % 16]);
            words[at] += spread(fifteen, [7, 18, 3]) + seven + spread(two, [17, 19, 10]);
            after = round(after, words[at], ROUNDS[sixteen + at]);
        }
    }
    for at in 0..8 {
        after[at] += before[at];
    }
    after
}

/// σ₀ and σ₁: two turns and a shift.
#[inline(always)]
fn spread<S: Simd>(word: u32x16<S>, [one, two, shift]: [u32; 3]) -> u32x16<S> {
    rotated(word, one) ^ rotated(word, two) ^ (word >> shift)
}

/// Σ₀ and Σ₁: three turns.
#[inline(always)]
fn turned<S: Simd>(word: u32x16<S>, [one, two, three]: [u32; 3]) -> u32x16<S> {
    rotated(word, one) ^ rotated(word, two) ^ rotated(word, three)
}

/// Rotates each lane to the right.
#[inline(always)]
fn rotated<S: Simd>(word: u32x16<S>, bits: u32) -> u32x16<S> {
    (word >> bits) | (word << (32 - bits))
}

/// One round, with the steps' own names (FIPS 180-4, 6.2.2).
#[inline(always)]
fn round<S: Simd>([a, b, c, d, e, f, g, h]: [u32x16<S>; 8], word: u32x16<S>, constant: u32) -> [u32x16<S>; 8] {
    let choice = g ^ (e & (f ^ g));
    let majority = (a & b) | (c & (a | b));
    let t1 = h + turned(e, [6, 11, 25]) + choice + (word + constant);
    let t2 = turned(a, [2, 13, 22]) + majority;
    [t1 + t2, a, b, c, d + t1, e, f, g]
}

/// Each lane with its bytes in the other order.
#[inline(always)]
pub(super) fn swapped<S: Simd>(word: u32x16<S>) -> u32x16<S> {
    (rotated(word, 24) & 0x00ff_00ff) | (rotated(word, 8) & 0xff00_ff00)
}
