//! Building a block: the runtime is initialised, fed with the pool's candidates, and finalised.
//!
//! An extrinsic that is refused or panics leaves no trace and costs nothing but itself, also when it is the block's own
//! hooks that it makes panic. When they panic without any, there is no block: the parent stays the head.

use std::sync::Arc;

use codec::{DecodeLimit, Encode};
use sp_core::H256;
use sp_runtime::traits::Header as _;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};
use sp_runtime::{Digest, DigestItem};

use super::chain::Block;
use super::drand::{self, Pulse, PulsesPayload};
use super::pool::Transaction;
use super::powers::Edit;
use super::runtime::{
    BlockNumber, Executive, FeesToAuthor, Header, MevShield, RuntimeCall, SLOT_DURATION_MS, UncheckedExtrinsic,
};
use super::shield::{self, Ciphertext, Sealed};
use super::state::{self, Next, Overlay, Panicked, State};

/// How deep calls may be nested in calls. Deeper ones could exhaust a thread's stack, which no `catch_unwind` stops.
pub(crate) const MAX_NESTING: u32 = 32;

/// After so many extrinsics that no longer fit, the block counts as full.
const FULL_AFTER: usize = 8;

/// Why no block could be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    /// A hook of the runtime panicked.
    #[error("block {number} was not built, its parent stays the head: {source}")]
    Hook {
        /// The block's number.
        number: BlockNumber,
        /// The panic.
        source: Panicked,
    },
    /// What the author puts in was refused.
    #[error("block {number} was not built: the runtime refused its {what} ({reason})")]
    Inherent {
        /// Timestamp or pulses.
        what: &'static str,
        /// The block's number.
        number: BlockNumber,
        /// The runtime's answer.
        reason: String,
    },
    /// The state's root could not be computed.
    #[error("block {number} was not built: {reason}")]
    Root {
        /// The block's number.
        number: BlockNumber,
        /// The trie's answer.
        reason: String,
    },
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the block; whether its call succeeded is in the block's events.
    Included,
    /// It stays in the pool: no room, or an earlier nonce is missing.
    Postponed,
    /// It can never be included; the text says why.
    Refused(String),
}

/// What the author puts into a block, ahead of all transactions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inherents {
    /// The block's time in Unix milliseconds.
    pub(crate) now: u64,
    /// Pulses of the beacon, in the order of rounds.
    pub(crate) pulses: Vec<Pulse>,
    /// What a tester changes, before all extrinsics.
    pub(crate) edits: Vec<Edit>,
}

impl Inherents {
    fn extrinsics(&self, number: BlockNumber) -> Vec<(&'static str, UncheckedExtrinsic)> {
        let time = RuntimeCall::Timestamp(pallet_timestamp::Call::set { now: self.now });
        let mut inherents = vec![("timestamp", UncheckedExtrinsic::new_bare(time))];
        if !self.pulses.is_empty() {
            let public = sp_core::sr25519::Public::from_raw(FeesToAuthor::account().into()).into();
            let pulses_payload = PulsesPayload { block_number: number, pulses: self.pulses.clone(), public };
            let call = drand::Call::write_pulse { pulses_payload, signature: None };
            inherents.push(("pulses", UncheckedExtrinsic::new_bare(RuntimeCall::Drand(call))));
        }
        inherents
    }
}

/// A new block, not yet part of a chain.
pub(crate) struct Built {
    /// The block.
    pub(crate) block: Block,
    /// The state after it.
    pub(crate) state: Next,
    /// Hash and fate of each candidate that was looked at.
    pub(crate) fates: Vec<(H256, Fate)>,
}

/// Decodes an extrinsic with its length prefix; nothing may be left over.
pub(crate) fn decode(bytes: &[u8]) -> Result<UncheckedExtrinsic, codec::Error> {
    UncheckedExtrinsic::decode_all_with_depth_limit(MAX_NESTING, &mut &*bytes)
}

/// Block 0: `write` fills an empty state.
///
/// # Errors
/// When `write` panics or the root cannot be computed.
pub(crate) fn genesis(write: impl FnOnce()) -> Result<(Block, Next), BlockError> {
    let empty = State::default();
    let mut overlay = Overlay::default();
    state::enter(&empty, &mut overlay, write).map_err(|source| BlockError::Hook { number: 0, source })?;
    let (root, state) = state::settle(&empty, &mut overlay).map_err(|reason| BlockError::Root { number: 0, reason })?;
    let header = Header::new(0, H256::zero(), root, H256::zero(), Digest::default());
    Ok((Block { header, extrinsics: Vec::new() }, state))
}

/// Builds the block after `parent`, whose state is `state`.
///
/// # Errors
/// When no block can be built even without candidates.
pub(crate) fn build(
    parent: &Block,
    state: &State,
    inherents: &Inherents,
    candidates: &[Arc<Transaction>],
) -> Result<Built, BlockError> {
    let mut candidates = candidates.to_vec();
    let mut breakers = Vec::new();
    loop {
        let error = match build_once(parent, state, inherents, &candidates) {
            Ok(mut built) => {
                built.fates.extend(breakers);
                return Ok(built);
            }
            Err(error) => error,
        };
        // A candidate can leave something behind that makes the hooks panic. It would do so for ever.
        if candidates.is_empty() || build_once(parent, state, inherents, &[]).is_err() {
            return Err(error);
        }
        let breaker = candidates.remove(shortest_failing(parent, state, inherents, &candidates) - 1);
        tracing::warn!(target: "neuron::localnet", transaction = ?breaker.hash, %error, "an extrinsic broke its block");
        breakers.push((breaker.hash, Fate::Refused(error.to_string())));
    }
}

/// The length of the shortest head of `candidates` with which no block can be built; their whole is one.
fn shortest_failing(parent: &Block, state: &State, inherents: &Inherents, candidates: &[Arc<Transaction>]) -> usize {
    let (mut good, mut bad) = (0, candidates.len());
    while good + 1 < bad {
        let middle = good.midpoint(bad);
        match candidates.get(..middle).map(|head| build_once(parent, state, inherents, head)) {
            Some(Ok(_)) => good = middle,
            _ => bad = middle,
        }
    }
    bad
}

fn build_once(
    parent: &Block,
    state: &State,
    inherents: &Inherents,
    candidates: &[Arc<Transaction>],
) -> Result<Built, BlockError> {
    let number = parent.number() + 1;
    let hook = |source| BlockError::Hook { number, source };
    let digest = Digest { logs: vec![DigestItem::PreRuntime(*b"aura", (inherents.now / SLOT_DURATION_MS).encode())] };
    let header = Header::new(number, H256::zero(), H256::zero(), parent.hash(), digest);
    let mut overlay = Overlay::default();

    state::enter(state, &mut overlay, || {
        Executive::initialize_block(&header);
        inherents.edits.iter().for_each(Edit::apply);
    })
    .map_err(hook)?;
    let mut extrinsics = Vec::with_capacity(candidates.len() + 2);
    for (what, inherent) in inherents.extrinsics(number) {
        extrinsics.push(inherent.encode());
        match state::attempt(state, &mut overlay, || Executive::apply_extrinsic(inherent)).map_err(hook)? {
            Ok(Ok(())) => {}
            refusal => return Err(BlockError::Inherent { number, what, reason: format!("{refusal:?}") }),
        }
    }
    let mut fates = Vec::with_capacity(candidates.len());
    let mut did_not_fit = 0;
    for candidate in candidates {
        let (fate, fits, sealed) = apply(&candidate.bytes, state, &mut overlay);
        if fate == Fate::Included {
            extrinsics.push(candidate.bytes.clone());
            // What was sealed comes right behind its carrier; what is refused then leaves no trace, as on the real chain.
            if let Some(inner) = unsealed(sealed.as_ref(), state, &mut overlay).map_err(hook)? {
                let (fate, ..) = apply(&inner, state, &mut overlay);
                tracing::debug!(target: "neuron::localnet", carrier = ?candidate.hash, ?fate, "an extrinsic was opened");
                if fate == Fate::Included {
                    extrinsics.push(inner);
                }
            }
        }
        fates.push((candidate.hash, fate));
        did_not_fit += usize::from(!fits);
        if did_not_fit >= FULL_AFTER {
            break;
        }
    }
    let header = state::enter(state, &mut overlay, Executive::finalize_block).map_err(hook)?;
    let (_, next) = state::settle(state, &mut overlay).map_err(|reason| BlockError::Root { number, reason })?;
    Ok(Built { block: Block { header, extrinsics }, state: next, fates })
}

/// The extrinsic in what another carried sealed, when it opens.
fn unsealed(carried: Option<&Ciphertext>, state: &State, overlay: &mut Overlay) -> Result<Option<Vec<u8>>, Panicked> {
    let Some(sealed) = carried.and_then(|bytes| Sealed::parse(bytes)) else { return Ok(None) };
    state::enter(state, overlay, || MevShield::open(&sealed))
}

/// The candidate's fate, whether there was room for it, and what it carries sealed.
fn apply(bytes: &[u8], state: &State, overlay: &mut Overlay) -> (Fate, bool, Option<Ciphertext>) {
    let extrinsic = match decode(bytes) {
        Ok(extrinsic) => extrinsic,
        Err(error) => return (Fate::Refused(error.to_string()), true, None),
    };
    let sealed = match &extrinsic.function {
        RuntimeCall::MevShield(call) => shield::ciphertext_of(call).cloned(),
        _ => None,
    };
    match state::attempt(state, overlay, || Executive::apply_extrinsic(extrinsic)) {
        Ok(Ok(_outcome)) => (Fate::Included, true, sealed),
        Ok(Err(TransactionValidityError::Invalid(InvalidTransaction::ExhaustsResources))) => {
            (Fate::Postponed, false, None)
        }
        Ok(Err(TransactionValidityError::Invalid(InvalidTransaction::Future))) => (Fate::Postponed, true, None),
        Ok(Err(refusal)) => (Fate::Refused(<&'static str>::from(refusal).to_owned()), true, None),
        Err(panic) => (Fate::Refused(panic.to_string()), true, None),
    }
}

/// Whether the arguments of a runtime API that takes calls are nested no deeper than [`MAX_NESTING`].
///
/// The runtime's own dispatch decodes them without a limit.
pub(crate) fn arguments_are_shallow(api: &str, arguments: &[u8]) -> bool {
    fn decodes<T: codec::Decode>(mut arguments: &[u8]) -> bool {
        T::decode_with_depth_limit(MAX_NESTING, &mut arguments).is_ok()
    }
    match api {
        "Core_execute_block" => decodes::<(Header, Vec<UncheckedExtrinsic>)>(arguments),
        "BlockBuilder_apply_extrinsic"
        | "TransactionPaymentApi_query_info"
        | "TransactionPaymentApi_query_fee_details" => decodes::<UncheckedExtrinsic>(arguments),
        "BlockBuilder_check_inherents" => decodes::<(Header, Vec<UncheckedExtrinsic>)>(arguments),
        "TaggedTransactionQueue_validate_transaction" => {
            decodes::<(sp_runtime::transaction_validity::TransactionSource, UncheckedExtrinsic)>(arguments)
        }
        "TransactionPaymentCallApi_query_call_info" | "TransactionPaymentCallApi_query_call_fee_details" => {
            decodes::<RuntimeCall>(arguments)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signed extrinsic of batches in batches, with a signature of zeros.
    fn nested(levels: usize) -> Vec<u8> {
        let mut body: Vec<u8> = vec![0x84, 0];
        body.extend([1; 32]);
        body.push(1);
        body.extend([0; 64 + 4]);
        // Utility.batch_all of one call, and at last System.remark of nothing.
        body.extend([11, 2, 4].repeat(levels));
        body.extend([0, 0, 0]);
        body.encode()
    }

    #[test]
    fn nesting_is_limited_when_decoding_and_when_asking() {
        for levels in [1, 20, 40, 1_000, 100_000] {
            let bytes = nested(levels);
            let shallow = levels <= 20;
            assert_eq!(decode(&bytes).is_ok(), shallow, "{levels}");
            assert_eq!(arguments_are_shallow("TransactionPaymentApi_query_info", &bytes), shallow);
            let validate = [&[2], &bytes[..], &[0; 32]].concat();
            assert_eq!(arguments_are_shallow("TaggedTransactionQueue_validate_transaction", &validate), shallow);
        }
        assert!(arguments_are_shallow("Core_version", &[]));
    }

    /// Signed by SDK 10.5 for a development node of spec version 381: the layout is the same.
    const TRANSFER: &str = "3d028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d014e1c48f880dcab7b\
                            bd76f38e291fd5b9be05d2f19b381768e7e470c4b6956615ac03cc26db1a27e908c961083267be112db5bf1e270fa\
                            5ed4f5c42c3b7163f8576041c00000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa479\
                            4f26a4802286bee";

    #[test]
    fn an_extrinsic_of_the_python_sdk_decodes_to_what_it_signed() {
        let bytes = hex::decode(TRANSFER).unwrap();
        let extrinsic = decode(&bytes).unwrap();
        assert_eq!(extrinsic.encode(), bytes);
        let bob = crate::localnet::genesis::dev_account("Bob");
        let expected = pallet_balances::Call::transfer_keep_alive {
            dest: crate::localnet::genesis::account_id(bob).into(),
            value: 1_000_000_000,
        };
        assert_eq!(extrinsic.function, RuntimeCall::Balances(expected));
        let sp_runtime::generic::Preamble::Signed(_, _, extension) = extrinsic.preamble else { panic!("not signed") };
        assert_eq!(extension.encode(), [0x76, 0x04, 0x1c, 0x00, 0x00]);
        assert!(decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
