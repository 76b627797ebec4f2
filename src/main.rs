//! The `neuron` binary: everything is in the library.

fn main() {}
