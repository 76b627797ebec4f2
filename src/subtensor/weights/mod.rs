//! Weights by whatever a subnet asks: what the chain says about them at one block, and the calls that write them.
//!
//! Three ways are in use. *Plain*: `set_weights` stores them at once. *Hashed*: a hash is committed and its preimage revealed
//! a few epochs later, by us. *Time-locked*: the weights are committed sealed to a future round of a randomness beacon, and
//! the chain reveals them itself. Which one it is may change at any block, so nothing here is remembered.

mod calls;
mod commit;
mod consensus;
mod epochs;
mod ground;
mod signed;

pub use calls::{Row, WeightsCall};
pub use commit::{Hash32, commit_hash};
pub use epochs::{EpochClock, EpochRule};
pub use ground::{Beacon, HashedCommit, MechanismGround, SealedCommit, WeightRules, WeightsGround};
pub use signed::{Fate, SignedCall};

/// A mechanism of a subnet: most have one, number 0.
pub type MechId = u8;

/// How far apart the numbers of two mechanisms of a subnet are.
pub const PER_MECHANISM: u16 = 4096;

/// The number under which the chain keeps what is of one mechanism: mechanism 0 has that of its subnet.
#[must_use]
pub const fn storage_index(netuid: crate::units::NetUid, mechanism: MechId) -> u16 {
    netuid.0.wrapping_add((mechanism as u16).wrapping_mul(PER_MECHANISM))
}
