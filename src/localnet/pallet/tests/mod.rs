//! The rules, one file per duty, on a chain with the subnets 8 and 155.

mod emission;
mod registration;
mod serving;
mod stake;
mod subnets;
mod weights;

use super::*;
use crate::localnet::{
    genesis::{self, GenesisConfig},
    runtime::{AccountId, NetUid, Runtime, RuntimeOrigin, System},
    testing::{on_chain, on_chain_of},
};
use frame_support::traits::Hooks;

type Module = Pallet<Runtime>;
type Failure = Error<Runtime>;

const EVENTS: NetUid = NetUid(155);
const NOWHERE: NetUid = NetUid(77);

/// Goes on by some blocks, with all that happens at the start of each.
fn advance(blocks: u32) {
    for _ in 0..blocks {
        let next = System::block_number() + 1;
        System::set_block_number(next);
        System::reset_events();
        Module::on_initialize(next);
    }
}

fn account(name: &str) -> AccountId {
    AccountId::new(genesis::dev_account(name).0)
}

fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

/// Registers `//hotkey` in the events subnet for `//Alice`; gives its uid.
fn register(hotkey: &str) -> u16 {
    Module::burned_register(signed("Alice"), EVENTS, account(hotkey)).unwrap();
    Uids::<Runtime>::get(EVENTS, account(hotkey)).unwrap()
}

fn happened(event: Event<Runtime>) -> bool {
    let event = event.into();
    System::events().iter().any(|record| record.event == event)
}

fn free(name: &str) -> u64 {
    System::account(account(name)).data.free
}
