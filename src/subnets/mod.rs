//! One kind of work each.
pub mod events;
