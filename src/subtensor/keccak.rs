//! Keccak-256 of eight messages of 32 bytes at once: each lane of a vector has the state of another message. Of the hash only the
//! last eight bytes are made.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u64x8};

/// Messages that are hashed together.
pub(super) const LANES: usize = 8;

/// What each round but the last adds to the first word.
const ROUNDS: [u64; 23] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
];
/// Words of the state that are filled with a message: 136 bytes, the last bit of which is set.
const LAST_OF_BLOCK: usize = 16;

/// The last eight bytes of each message's hash, as little-endian numbers. A lane of `words` has the words of one message.
#[inline(always)]
pub(super) fn end<S: Simd>(simd: S, words: [u64x8<S>; 4]) -> u64x8<S> {
    let zero = u64x8::splat(simd, 0);
    let mut state = [zero; 25];
    [state[0], state[1], state[2], state[3]] = words;
    state[4] = u64x8::splat(simd, 1);
    state[LAST_OF_BLOCK] = u64x8::splat(simd, 1 << 63);
    for constant in ROUNDS {
        state = round(state, constant);
    }
    last_round(&state)
}

/// Rotates each lane to the left.
#[inline(always)]
fn rotated<S: Simd>(word: u64x8<S>, bits: u32) -> u64x8<S> {
    (word << bits) | (word >> (64 - bits))
}

/// The parity of a column.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the columns of 25 words are the first five")]
fn column<S: Simd>(a: &[u64x8<S>; 25], x: usize) -> u64x8<S> {
    a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]
}

/// χ of one row: each word is changed by the two behind it.
#[inline(always)]
fn changed<S: Simd>([a, b, c, d, e]: [u64x8<S>; 5]) -> [u64x8<S>; 5] {
    [a ^ (!b & c), b ^ (!c & d), c ^ (!d & e), d ^ (!e & a), e ^ (!a & b)]
}

/// One round of Keccak-f\[1600\], with the steps' own names (FIPS 202, 3.2).
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "five rows of five words")]
fn round<S: Simd>(mut a: [u64x8<S>; 25], constant: u64) -> [u64x8<S>; 25] {
    // θ: each word gets the parity of two columns.
    let c = [column(&a, 0), column(&a, 1), column(&a, 2), column(&a, 3), column(&a, 4)];
    let d = [
        c[4] ^ rotated(c[1], 1),
        c[0] ^ rotated(c[2], 1),
        c[1] ^ rotated(c[3], 1),
        c[2] ^ rotated(c[4], 1),
        c[3] ^ rotated(c[0], 1),
    ];
    for y in [0, 5, 10, 15, 20] {
        for x in 0..5 {
            a[x + y] ^= d[x];
        }
    }
    // ρ and π: each word is turned and goes to another place.
    macro_rules! turned {
        ($($from:literal by $bits:literal),*) => { [$(rotated(a[$from], $bits)),*] };
    }
    let [b1, b2, b3, b4] = turned![6 by 44, 12 by 43, 18 by 21, 24 by 14];
    let [b5, b6, b7, b8, b9] = turned![3 by 28, 9 by 20, 10 by 3, 16 by 45, 22 by 61];
    let [b10, b11, b12, b13, b14] = turned![1 by 1, 7 by 6, 13 by 25, 19 by 8, 20 by 18];
    let [b15, b16, b17, b18, b19] = turned![4 by 27, 5 by 36, 11 by 10, 17 by 15, 23 by 56];
    let [b20, b21, b22, b23, b24] = turned![2 by 62, 8 by 55, 14 by 39, 15 by 41, 21 by 2];
    let [mut a0, a1, a2, a3, a4] = changed([a[0], b1, b2, b3, b4]);
    // ι
    a0 ^= constant;
    let [a5, a6, a7, a8, a9] = changed([b5, b6, b7, b8, b9]);
    let [a10, a11, a12, a13, a14] = changed([b10, b11, b12, b13, b14]);
    let [a15, a16, a17, a18, a19] = changed([b15, b16, b17, b18, b19]);
    let [a20, a21, a22, a23, a24] = changed([b20, b21, b22, b23, b24]);
    [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24]
}

/// The fourth word after the last round: what it is made of is the same as in [`round`].
#[inline(always)]
fn last_round<S: Simd>(a: &[u64x8<S>; 25]) -> u64x8<S> {
    let c = [column(a, 0), column(a, 1), column(a, 2), column(a, 3), column(a, 4)];
    let b0 = a[0] ^ c[4] ^ rotated(c[1], 1);
    let b3 = rotated(a[18] ^ c[2] ^ rotated(c[4], 1), 21);
    let b4 = rotated(a[24] ^ c[3] ^ rotated(c[0], 1), 14);
    b3 ^ (!b4 & b0)
}
