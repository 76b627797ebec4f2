//! Calling axons.
