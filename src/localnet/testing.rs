//! A chain without blocks and clients, for the tests of the runtime's rules.

use sp_io::TestExternalities;

use super::genesis::{self, GenesisConfig};
use super::runtime::System;

/// Runs `test` in block 1 of a fresh chain with the subnets 8 and 155.
pub(super) fn on_chain(test: impl FnOnce()) {
    on_chain_of(&GenesisConfig::default(), test);
}

/// Runs `test` in block 1 of a fresh chain.
pub(super) fn on_chain_of(config: &GenesisConfig, test: impl FnOnce()) {
    TestExternalities::default().execute_with(|| {
        genesis::build(config);
        System::set_block_number(1);
        test();
    });
}
