//! One kind of work each.
pub mod events;
pub mod prompting;
pub mod timeseries;
