//! Text in answer to text, streamed.

pub mod synapse;
