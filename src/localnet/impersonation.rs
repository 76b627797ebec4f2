//! Acting for an account without its key: a tester says for whom any signature is good, for ever or in one block.
//!
//! It is kept in the state, under a key of no pallet, so that it is the same for whoever validates, in whatever block.

use std::sync::Arc;

use codec::{Compact, Decode, DecodeLimit, Encode};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::transaction_validity::ValidTransaction;

use super::blocks::{Fate, MAX_NESTING};
use super::narration;
use super::node::{AuthorError, Node, ReadError};
use super::pool::Transaction;
use super::powers::Edit;
use super::runtime::{AccountId, RuntimeCall, System};
use super::state;

/// Whether any signature is good for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Impersonation {
    /// From the block on.
    On,
    /// No longer.
    Off,
    /// In the block in which it is set alone.
    Once,
}

/// The block that it is good for, 0 for all.
type Until = u32;

impl Impersonation {
    /// Notes it; must run in externalities.
    pub(super) fn set(self, account: &AccountId) {
        let until: Until = match self {
            Self::Off => return sp_io::storage::clear(&key(account)),
            Self::On => 0,
            // What is on stays on.
            Self::Once if is_on(account) => return,
            Self::Once => System::block_number(),
        };
        sp_io::storage::set(&key(account), &until.encode());
    }
}

/// Is any signature of the account good now? Never outside of a chain.
pub(super) fn is_on(account: &AccountId) -> bool {
    if sp_externalities::with_externalities(|_| ()).is_none() {
        return false;
    }
    let until = sp_io::storage::get(&key(account)).and_then(|bytes| Until::decode(&mut &bytes[..]).ok());
    until.is_some_and(|until| until == 0 || until == System::block_number())
}

fn key(account: &AccountId) -> Vec<u8> {
    (b":localnet:impersonated:", account).encode()
}

/// An extrinsic of the account with a signature of zeros, immortal and without a tip.
///
/// # Errors
/// The bytes are no call of this runtime.
pub(crate) fn unsigned_by(account: &AccountId, nonce: u32, mut call: &[u8]) -> Result<Vec<u8>, codec::Error> {
    const SIGNED_V4: u8 = 0x84;
    const ADDRESS_ID: u8 = 0;
    const SR25519: u8 = 1;
    const IMMORTAL: u8 = 0;
    const NO_TIP: u8 = 0;
    const NO_METADATA_HASH: u8 = 0;
    let call = RuntimeCall::decode_all_with_depth_limit(MAX_NESTING, &mut call)?;
    let mut body = vec![SIGNED_V4, ADDRESS_ID];
    account.encode_to(&mut body);
    body.push(SR25519);
    body.extend([0; 64]);
    body.push(IMMORTAL);
    Compact(nonce).encode_to(&mut body);
    body.extend([NO_TIP, NO_METADATA_HASH]);
    call.encode_to(&mut body);
    Ok(body.encode())
}

/// An extrinsic that was put into a block for an account.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) block: H256,
    pub(crate) extrinsic: H256,
    /// Its place in the block.
    pub(crate) index: usize,
    /// `done`, or how it failed.
    pub(crate) outcome: String,
}

/// Why nothing was done for an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    /// The bytes are no call.
    #[error("parameter 1 is no call of this runtime: {0}")]
    Call(codec::Error),
    /// The runtime does not take it.
    #[error("the runtime refuses it: {0}")]
    Refused(String),
    /// The account's nonce, or the outcome, cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no block.
    #[error(transparent)]
    Author(#[from] AuthorError),
}

impl Node {
    /// Makes a block with a call of the account, ahead of what waits in the pool. A block is made also when the runtime refuses it.
    pub(crate) fn act_for(&self, account: &AccountId, call: &[u8]) -> Result<Done, ActError> {
        let bytes = unsigned_by(account, self.next_nonce_in_block(account)?, call).map_err(ActError::Call)?;
        let extrinsic = H256(blake2_256(&bytes));
        let first = Transaction {
            hash: extrinsic,
            bytes: bytes.clone(),
            validity: ValidTransaction::default(),
            validated_at: self.chain().height(),
        };
        let edit = Edit::Impersonate(account.clone(), Impersonation::Once);
        let (block, fates) = self.author_with(0, vec![edit], vec![Arc::new(first)])?;
        match fates.into_iter().find(|(hash, _)| *hash == extrinsic) {
            Some((_, Fate::Included)) => {}
            Some((_, Fate::Refused(reason))) => return Err(ActError::Refused(reason)),
            Some((_, Fate::Postponed)) | None => return Err(ActError::Refused("there was no room for it".into())),
        }
        let made = self.chain().by_hash(&block).cloned();
        let index = made.and_then(|made| made.extrinsics.iter().position(|other| *other == bytes)).unwrap_or_default();
        let outcomes = self.read(block, |state| {
            state::peek(state, narration::outcomes).map_err(|panic| ReadError::Panicked(panic.0))
        })?;
        let outcome = outcomes.into_iter().find(|(at, _)| usize::try_from(*at) == Ok(index));
        let outcome = outcome.map_or_else(|| "no outcome".to_owned(), |(_, outcome)| outcome);
        Ok(Done { block, extrinsic, index, outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::blocks;
    use crate::localnet::genesis::{account_id, dev_account};
    use crate::localnet::testing::on_chain;

    #[test]
    fn it_is_on_until_it_is_off_or_for_one_block() {
        let [alice, bob] = ["Alice", "Bob"].map(|name| account_id(dev_account(name)));
        assert!(!is_on(&alice), "outside of a chain");
        on_chain(|| {
            Impersonation::On.set(&alice);
            Impersonation::Once.set(&alice);
            Impersonation::Once.set(&bob);
            assert!(is_on(&alice) && is_on(&bob));
            System::set_block_number(2);
            assert!(is_on(&alice) && !is_on(&bob));
            Impersonation::Off.set(&alice);
            assert!(!is_on(&alice));
        });
    }

    #[test]
    fn the_extrinsic_is_one_of_the_runtime() {
        let alice = account_id(dev_account("Alice"));
        let remark = RuntimeCall::System(frame_system::Call::remark { remark: b"hello".to_vec() });
        let bytes = unsigned_by(&alice, 300, &remark.encode()).unwrap();
        let extrinsic = blocks::decode(&bytes).unwrap();
        assert_eq!(extrinsic.function, remark);
        assert!(unsigned_by(&alice, 0, &[255, 255]).is_err());
        assert!(unsigned_by(&alice, 0, &[&remark.encode()[..], &[0]].concat()).is_err(), "nothing may be left over");
    }
}
