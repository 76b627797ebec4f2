//! What a block did, one line per extrinsic, for who reads the log: `RUST_LOG=neuron::localnet::extrinsics=debug`.

use codec::Decode;
use frame_support::traits::{GetCallMetadata, PalletInfoAccess};
use sp_runtime::generic::Preamble;
use sp_runtime::{DispatchError, MultiAddress};

use super::blocks;
use super::chain::Block;
use super::pallet;
use super::runtime::{BlockNumber, Runtime, RuntimeEvent, SubtensorModule};
use super::state::{self, State};

/// Where the lines go.
const TARGET: &str = "neuron::localnet::extrinsics";

/// Whether anybody reads.
pub(crate) fn is_wanted() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::DEBUG)
}

/// Tells what the extrinsics of a block did. `state` is the state after it.
pub(crate) fn tell(number: BlockNumber, block: &Block, state: &State) {
    let Ok(outcomes) = state::peek(state, outcomes) else { return };
    for (index, bytes) in (0u32..).zip(&block.extrinsics) {
        let Ok(extrinsic) = blocks::decode(bytes) else { continue };
        let call = extrinsic.function.get_call_metadata();
        let signer = match &extrinsic.preamble {
            Preamble::Signed(MultiAddress::Id(account), ..) => account.to_string(),
            _ => "the author".to_owned(),
        };
        let outcome = outcomes.iter().find(|(at, _)| *at == index).map_or("no outcome", |(_, outcome)| outcome);
        tracing::debug!(
            target: TARGET,
            block = number,
            index,
            call = format!("{}.{}", call.pallet_name, call.function_name),
            %signer,
            outcome,
        );
    }
}

/// How each extrinsic of the block ended, by its index; must run in externalities.
pub(crate) fn outcomes() -> Vec<(u32, String)> {
    let ended = |record: &frame_system::EventRecord<RuntimeEvent, sp_core::H256>| {
        let frame_system::Phase::ApplyExtrinsic(index) = record.phase else { return None };
        let outcome = match &record.event {
            RuntimeEvent::System(frame_system::Event::ExtrinsicSuccess { .. }) => "done".to_owned(),
            RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) => {
                failure(*dispatch_error)
            }
            _ => return None,
        };
        Some((index, outcome))
    };
    frame_system::Pallet::<Runtime>::read_events_no_consensus().filter_map(|record| ended(&record)).collect()
}

/// The error, of Bittensor's own pallet by its name.
fn failure(error: DispatchError) -> String {
    let named = match error {
        DispatchError::Module(module) if usize::from(module.index) == SubtensorModule::index() => {
            pallet::Error::<Runtime>::decode(&mut &module.error[..]).ok()
        }
        _ => None,
    };
    named.map_or_else(|| format!("failed: {error:?}"), |error| format!("failed: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::{runtime::System, testing::on_chain};
    use frame_system::DispatchEventInfo;

    #[test]
    fn an_outcome_belongs_to_its_extrinsic() {
        on_chain(|| {
            System::note_finished_initialize();
            let dispatch_info = DispatchEventInfo {
                weight: frame_support::weights::Weight::zero(),
                class: frame_support::dispatch::DispatchClass::Normal,
                pays_fee: frame_support::dispatch::Pays::Yes,
            };
            let dispatch_error = DispatchError::BadOrigin;
            System::deposit_event(frame_system::Event::ExtrinsicFailed { dispatch_error, dispatch_info });
            assert_eq!(outcomes(), [(0, "failed: BadOrigin".to_owned())]);
            assert_eq!(failure(pallet::Error::<Runtime>::SameNetuid.into()), "failed: SameNetuid");
        });
    }
}
