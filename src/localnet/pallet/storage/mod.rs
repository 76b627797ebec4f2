//! What the chain remembers, by subject. Names, hashers, value types and defaults are those of the real chain.

pub(super) mod commits;
pub(super) mod economy;
pub(super) mod hyperparameters;
pub(super) mod leases;
pub(super) mod networks;
pub(super) mod neurons;
pub(super) mod relations;
