//! Keys: files, addresses, signing.

mod pair;

pub use pair::{KeyError, Keypair, Scheme, verify};
