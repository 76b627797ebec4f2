//! Registration by proof of work (`pow_register`): the puzzle, its seal, and a search on all cores.
//!
//! The seal of a nonce is keccak256(sha256("subtensor-pow-register-v1" ‖ netuid ‖ block hash ‖ hotkey ‖ coldkey ‖ nonce)), numbers
//! little-endian. It solves the puzzle when, as a little-endian number, it is at most ⌊(2²⁵⁶−1) / difficulty⌋. The block may be
//! four blocks old. (`register`, the older call, burns TAO in today's runtimes whatever work comes with it; it is not used.)
//!
//! SHA-256 works on 64 bytes at a time. All bytes but the three highest of the nonce lie in the first two such blocks, so
//! those are hashed once for each 2²⁴ nonces: one block of SHA-256 and one of Keccak are left for each, done for sixteen nonces at
//! once ([`super::seals`]).

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use fearless_simd::Level;
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;
use sp_core::U256;

use super::calls::{bytes, number};
use super::seals::{LANES, Start};
use super::snapshot::PALLET;
use super::{Operation, Subtensor, SubtensorError};
use crate::units::{Account, BlockNumber, NetUid};

const DOMAIN: &[u8] = b"subtensor-pow-register-v1";
const CALL: &str = "pow_register";
/// The nonce's low five bytes are hashed before the other three.
const LOW_BITS: u32 = 40;
/// How many nonces are tried between two looks at whether to stop.
const BATCH: u64 = 1 << 12;

/// What is to be solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Puzzle {
    /// Where a slot is wanted.
    pub netuid: NetUid,
    /// The block that is worked on; the chain takes work on it for four more blocks.
    pub block: BlockNumber,
    /// Its hash.
    pub block_hash: [u8; 32],
    /// Who gets the slot.
    pub hotkey: Account,
    /// Whose hotkey it is; signs the call.
    pub coldkey: Account,
    /// How many nonces it takes on average.
    pub difficulty: u64,
}

/// A nonce that solves a puzzle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solution {
    /// It.
    pub nonce: u64,
    /// What the chain calls `work`.
    pub seal: [u8; 32],
}

impl Puzzle {
    /// What is hashed: 131 bytes.
    fn message(&self, nonce: u64) -> Vec<u8> {
        let (netuid, nonce) = (self.netuid.0.to_le_bytes(), nonce.to_le_bytes());
        [DOMAIN, &netuid, &self.block_hash, &self.hotkey.0, &self.coldkey.0, &nonce].concat()
    }

    /// The seal of a nonce.
    #[must_use]
    pub fn seal(&self, nonce: u64) -> [u8; 32] {
        Keccak256::digest(Sha256::digest(self.message(nonce))).into()
    }

    /// The largest seal that solves it.
    fn target(&self) -> U256 {
        U256::MAX / U256::from(self.difficulty.max(1))
    }

    /// Whether a seal solves it.
    #[must_use]
    pub fn is_solved_by(&self, seal: &[u8; 32]) -> bool {
        U256::from_little_endian(seal) <= self.target()
    }

    /// Tries nonces on so many threads until one solves it or `stop` is set; `tried` counts them meanwhile.
    ///
    /// `from` is where the search begins: two machines that begin elsewhere do not try the same.
    #[must_use]
    pub fn search(&self, threads: NonZeroUsize, from: u64, stop: &AtomicBool, tried: &AtomicU64) -> Option<Solution> {
        let next = AtomicU64::new(from);
        std::thread::scope(|scope| {
            let work = || {
                while !stop.load(Relaxed) {
                    let low = next.fetch_add(1, Relaxed);
                    if let Some(solution) = self.search_high(low, stop, tried) {
                        stop.store(true, Relaxed);
                        return Some(solution);
                    }
                }
                None
            };
            let all: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
            // Every thread has ended before the first solution is taken.
            let found: Vec<_> = all.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect();
            found.first().copied()
        })
    }

    /// All nonces with these low bits.
    fn search_high(&self, low: u64, stop: &AtomicBool, tried: &AtomicU64) -> Option<Solution> {
        let low = low & ((1 << LOW_BITS) - 1);
        let target = self.target();
        // The highest eight bytes decide nearly always.
        let highest = (target >> 192).low_u64();
        let (level, start) = (Level::new(), Start::new(self.message(low).first_chunk()?));
        for first in (0..1_u32 << (u64::BITS - LOW_BITS)).step_by(LANES) {
            if u64::from(first) % BATCH == 0 {
                if stop.load(Relaxed) {
                    return None;
                }
                tried.fetch_add(BATCH, Relaxed);
            }
            let ends = start.ends_of_seals(level, first);
            for (high, _) in (u64::from(first)..).zip(ends).filter(|(_, end)| *end <= highest) {
                let nonce = low | high << LOW_BITS;
                let seal = self.seal(nonce);
                if self.is_solved_by(&seal) {
                    return Some(Solution { nonce, seal });
                }
            }
        }
        None
    }
}

impl Operation {
    /// A slot for the work that was done.
    #[must_use]
    pub fn pow_register(puzzle: &Puzzle, solution: &Solution) -> Self {
        let Puzzle { netuid, block, hotkey, .. } = puzzle;
        let arguments = [
            ("netuid", number(netuid.0)),
            ("work_block", number(*block)),
            ("nonce", number(solution.nonce)),
            ("work", subxt::dynamic::Value::from_bytes(solution.seal)),
            ("hotkey", bytes(hotkey)),
        ];
        Self::of_subtensor(CALL, arguments, format!("subnet {netuid}, hotkey {hotkey}, block {block}"))
    }
}

impl Subtensor {
    /// The puzzle of the best block.
    ///
    /// # Errors
    /// [`SubtensorError::Missing`] where the runtime takes no work, [`SubtensorError::NoSubnet`], or the chain cannot be read.
    pub async fn puzzle(&self, netuid: NetUid, hotkey: Account, coldkey: Account) -> Result<Puzzle, SubtensorError> {
        self.ask(&format!("the puzzle of subnet {netuid}"), |at| async move {
            let pallet = at.runtime.metadata.pallet_by_name(PALLET);
            if pallet.and_then(|pallet| pallet.call_variant_by_name(CALL)).is_none() {
                let what = "proof of work (here `register` always burns TAO: register without --pow)";
                return Err(at.runtime.missing(what.to_owned()).into());
            }
            let number = async |item: &str| at.value::<u64>(PALLET, item, (netuid.0,)).await;
            let ((), now, least, most) = tokio::try_join!(
                at.require_subnet(netuid),
                number("Difficulty"),
                number("MinDifficulty"),
                number("MaxDifficulty"),
            )?;
            let difficulty = now.unwrap_or(1).min(most.unwrap_or(u64::MAX)).max(least.unwrap_or(1)).max(1);
            Ok(Puzzle { netuid, block: at.block, block_hash: at.hash.0, hotkey, coldkey, difficulty })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn puzzle(difficulty: u64) -> Puzzle {
        Puzzle {
            netuid: NetUid(8),
            block: 5,
            block_hash: [0x11; 32],
            hotkey: Account([0x22; 32]),
            coldkey: Account([0x33; 32]),
            difficulty,
        }
    }

    #[test]
    fn the_seal_is_that_of_the_python_tools() {
        // From the native solver of bittensor-core 0.1.5.
        let known = "55d5d336d9f557f16ea2c6efa07dcb80e0bd03fe19d2b3558eb78281f1e9ac41";
        assert_eq!(hex::encode(puzzle(1).seal(7)), known);
    }

    #[test]
    fn what_is_found_solves_it_and_is_the_seal_of_its_nonce() {
        let (stop, tried) = (AtomicBool::new(false), AtomicU64::new(0));
        let puzzle = puzzle(5_000);
        let two = NonZeroUsize::new(2).unwrap();
        // The low bits wrap round.
        let found = puzzle.search(two, u64::MAX - 3, &stop, &tried).unwrap();
        assert_eq!(found.seal, puzzle.seal(found.nonce));
        assert!(puzzle.is_solved_by(&found.seal) && tried.load(Relaxed) >= BATCH);
        assert!(!Puzzle { difficulty: u64::MAX, ..puzzle }.is_solved_by(&found.seal), "work for another difficulty");
    }

    #[test]
    fn a_search_ends_when_it_is_told_to() {
        let (stop, tried) = (AtomicBool::new(true), AtomicU64::new(0));
        assert_eq!(puzzle(u64::MAX).search(NonZeroUsize::MIN, 0, &stop, &tried), None);
        assert_eq!(tried.load(Relaxed), 0);
    }
}
