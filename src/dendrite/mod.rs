//! Calling axons: one question to many peers, one typed result for each, no peer at the expense of another.
//!
//! * The body is written once and shared; only headers are signed per target, on a thread of its own.
//! * Every peer has its own deadline inside the one for all; its body counts against a cap (after decompression) and,
//!   with all others under way, against a budget; redirects are not followed; private addresses are refused.
//! * A request that was lost because a kept connection was closing is signed and sent once more on a new one.
//! * Nonces rise strictly, and no two requests under way to one axon share a uuid, so none can overtake another.
//! * The dialect is chosen for each axon: what the settings say, else `btauth/1` once the peer has said that it
//!   understands it, else the headers of SDK 10, which every axon since SDK 6 takes.

mod client;
pub mod counters;
mod dialect;
mod exchange;
mod failure;
mod lanes;
mod metrics;
mod reuse;
mod signer;
mod stream;
mod target;

pub use client::{Answer, Deadlines, Dendrite, DendriteConfig, DendriteError};
pub use counters::PeerTally;
pub use dialect::Dialect;
pub use failure::Failure;
pub use stream::{Chunk, Streamed, TextStream};
pub use target::{NotAllowed, Target};
