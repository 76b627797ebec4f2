//! The rules, one file per duty, on a chain with the subnets 8 and 155.

mod commitments;
mod commits;
mod emission;
mod leases;
mod mechanisms;
mod moves;
mod registration;
mod relations;
mod serving;
mod stake;
mod subnets;
mod timelocked;
mod weights;

use super::*;
use crate::localnet::{
    genesis::{self, GenesisConfig, SubnetGenesis},
    runtime::{AccountId, NetUid, Runtime, RuntimeOrigin, System, TaoBalance},
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

/// A subnet of events with commit-reveal on and an epoch every ten blocks, in block 12 and with a `//validator` that may set
/// weights, and a `//miner`. Gives their uids.
fn with_committer(test: impl FnOnce(u16, u16)) {
    let events = SubnetGenesis { tempo: 10, weights_rate_limit: 0, commit_reveal: true, ..SubnetGenesis::events() };
    on_chain_of(&GenesisConfig { subnets: vec![events], ..GenesisConfig::default() }, || {
        let (validator, miner) = (register("validator"), register("miner"));
        Module::add_stake(signed("Bob"), account("validator"), EVENTS, TaoBalance(100_000_000_000)).unwrap();
        advance(1);
        while Module::next_epoch(EVENTS) != Some(Module::block() + 9) {
            advance(1);
        }
        test(validator, miner);
    });
}

/// Goes on until the next epoch of the events subnet has run.
fn next_epoch() {
    let index = SubnetEpochIndex::<Runtime>::get(EVENTS);
    while SubnetEpochIndex::<Runtime>::get(EVENTS) == index {
        advance(1);
    }
}

/// The refusal of the pool, by its number.
fn refusal(who: &str, call: &Call<Runtime>) -> Option<u8> {
    Module::guard(&account(who), call).err().map(|error| Refusal::from(&error).code())
}
