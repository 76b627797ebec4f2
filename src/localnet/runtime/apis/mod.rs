//! The runtime APIs: what `state_call` can ask.
#![allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "the items are made by FRAME's macros, which also fix the signatures"
)]

mod declared;
pub mod hyperparameters;
pub mod metagraph;
pub mod neuron_info;
pub mod stake_info;
pub mod subnet_info;
#[cfg(test)]
mod tests;

use super::{
    AccountId, Balance, Block, Executive, Header, MechId, NetUid, Nonce, Runtime, RuntimeCall, SubtensorModule, System,
    TransactionPayment, metadata,
    proxies::{self, ProxyFilterInfo, ProxyTypeInfo},
    scalars::U64F64,
    version::Version,
};
use crate::localnet::pallet::{self as chain, LockState};
use frame_support::{traits::Get, weights::Weight};
use hyperparameters::{HyperparamEntry, SubnetHyperparams, SubnetHyperparamsV2};
use metagraph::{Metagraph, SelectiveMetagraph};
use neuron_info::{NeuronInfo, NeuronInfoLite};
use sp_runtime::{
    ApplyExtrinsicResult, ExtrinsicInclusionMode,
    traits::Block as BlockT,
    transaction_validity::{TransactionSource, TransactionValidity},
};
use sp_version::RuntimeVersion;
use stake_info::{DelegateInfo, Holding, SimSwapResult, StakeAvailability, StakeInfo, SubnetPrice};
use std::collections::BTreeMap;
use subnet_info::{DynamicInfo, SubnetInfov2, SubnetState};

sp_api::impl_runtime_apis! {
    impl sp_api::Core<Block> for Runtime {
        fn version() -> RuntimeVersion {
            Version::get()
        }
        fn execute_block(block: <Block as BlockT>::LazyBlock) {
            Executive::execute_block(block);
        }
        fn initialize_block(header: &Header) -> ExtrinsicInclusionMode {
            Executive::initialize_block(header)
        }
    }

    impl sp_api::Metadata<Block> for Runtime {
        fn metadata() -> sp_core::OpaqueMetadata {
            sp_core::OpaqueMetadata::new(metadata::blob(14, Version::get().spec_version).unwrap_or_default().to_vec())
        }
        fn metadata_at_version(version: u32) -> Option<sp_core::OpaqueMetadata> {
            metadata::blob(version, Version::get().spec_version).map(|blob| sp_core::OpaqueMetadata::new(blob.to_vec()))
        }
        fn metadata_versions() -> Vec<u32> {
            metadata::VERSIONS.to_vec()
        }
    }

    impl sp_block_builder::BlockBuilder<Block> for Runtime {
        fn apply_extrinsic(extrinsic: <Block as BlockT>::Extrinsic) -> ApplyExtrinsicResult {
            Executive::apply_extrinsic(extrinsic)
        }
        fn finalize_block() -> Header {
            Executive::finalize_block()
        }
        fn inherent_extrinsics(_data: sp_inherents::InherentData) -> Vec<<Block as BlockT>::Extrinsic> {
            Vec::new()
        }
        fn check_inherents(
            _block: <Block as BlockT>::LazyBlock,
            _data: sp_inherents::InherentData,
        ) -> sp_inherents::CheckInherentsResult {
            sp_inherents::CheckInherentsResult::default()
        }
    }

    impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
        fn validate_transaction(
            source: TransactionSource,
            tx: <Block as BlockT>::Extrinsic,
            block_hash: <Block as BlockT>::Hash,
        ) -> TransactionValidity {
            Executive::validate_transaction(source, tx, block_hash)
        }
    }

    impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
        fn account_nonce(account: AccountId) -> Nonce {
            System::account_nonce(account)
        }
    }

    impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentApi<Block, Balance> for Runtime {
        fn query_info(
            uxt: <Block as BlockT>::Extrinsic,
            len: u32,
        ) -> pallet_transaction_payment::RuntimeDispatchInfo<Balance> {
            TransactionPayment::query_info(uxt, len)
        }
        fn query_fee_details(
            uxt: <Block as BlockT>::Extrinsic,
            len: u32,
        ) -> pallet_transaction_payment::FeeDetails<Balance> {
            TransactionPayment::query_fee_details(uxt, len)
        }
        fn query_weight_to_fee(weight: Weight) -> Balance {
            TransactionPayment::weight_to_fee(weight)
        }
        fn query_length_to_fee(length: u32) -> Balance {
            TransactionPayment::length_to_fee(length)
        }
    }

    impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentCallApi<Block, Balance, RuntimeCall>
        for Runtime
    {
        fn query_call_info(
            call: RuntimeCall,
            len: u32,
        ) -> pallet_transaction_payment::RuntimeDispatchInfo<Balance> {
            TransactionPayment::query_call_info(call, len)
        }
        fn query_call_fee_details(call: RuntimeCall, len: u32) -> pallet_transaction_payment::FeeDetails<Balance> {
            TransactionPayment::query_call_fee_details(call, len)
        }
        fn query_weight_to_fee(weight: Weight) -> Balance {
            TransactionPayment::weight_to_fee(weight)
        }
        fn query_length_to_fee(length: u32) -> Balance {
            TransactionPayment::length_to_fee(length)
        }
    }

    impl declared::NeuronInfoRuntimeApi<Block> for Runtime {
        fn get_neurons(netuid: NetUid) -> Vec<NeuronInfo> {
            neuron_info::neurons(netuid)
        }
        fn get_neuron(netuid: NetUid, uid: u16) -> Option<NeuronInfo> {
            neuron_info::neuron(netuid, uid)
        }
        fn get_neurons_lite(netuid: NetUid) -> Vec<NeuronInfoLite> {
            neuron_info::neurons_lite(netuid)
        }
        fn get_neuron_lite(netuid: NetUid, uid: u16) -> Option<NeuronInfoLite> {
            neuron_info::neuron_lite(netuid, uid)
        }
    }

    impl declared::SubnetInfoRuntimeApi<Block> for Runtime {
        fn get_subnet_info_v2(netuid: NetUid) -> Option<SubnetInfov2> {
            subnet_info::subnet_info(netuid)
        }
        fn get_subnets_info_v2() -> Vec<Option<SubnetInfov2>> {
            subnet_info::all().into_iter().map(subnet_info::subnet_info).collect()
        }
        fn get_subnet_hyperparams(netuid: NetUid) -> Option<SubnetHyperparams> {
            hyperparameters::v1(netuid)
        }
        fn get_subnet_hyperparams_v2(netuid: NetUid) -> Option<SubnetHyperparamsV2> {
            hyperparameters::v2(netuid)
        }
        fn get_subnet_hyperparams_v3(netuid: NetUid) -> Option<Vec<HyperparamEntry>> {
            hyperparameters::v3(netuid)
        }
        fn get_all_dynamic_info() -> Vec<Option<DynamicInfo>> {
            subnet_info::all().into_iter().map(subnet_info::dynamic_info).collect()
        }
        fn get_dynamic_info(netuid: NetUid) -> Option<DynamicInfo> {
            subnet_info::dynamic_info(netuid)
        }
        fn get_all_metagraphs() -> Vec<Option<Metagraph>> {
            subnet_info::all().into_iter().map(metagraph::metagraph).collect()
        }
        fn get_metagraph(netuid: NetUid) -> Option<Metagraph> {
            metagraph::metagraph(netuid)
        }
        fn get_all_mechagraphs() -> Vec<Option<Metagraph>> {
            let mechanisms = |netuid| SubtensorModule::mechanisms(netuid).map(move |mecid| (netuid, mecid));
            let all = subnet_info::all().into_iter().flat_map(mechanisms);
            all.map(|(netuid, mecid)| metagraph::mechagraph(netuid, mecid)).collect()
        }
        fn get_mechagraph(netuid: NetUid, mecid: MechId) -> Option<Metagraph> {
            metagraph::mechagraph(netuid, mecid)
        }
        fn get_selective_metagraph(netuid: NetUid, metagraph_indexes: Vec<u16>) -> Option<SelectiveMetagraph> {
            metagraph::selective(netuid, MechId(0), &metagraph_indexes)
        }
        fn get_selective_mechagraph(
            netuid: NetUid,
            mecid: MechId,
            metagraph_indexes: Vec<u16>,
        ) -> Option<SelectiveMetagraph> {
            metagraph::selective(netuid, mecid, &metagraph_indexes)
        }
        fn get_subnet_state(netuid: NetUid) -> Option<SubnetState> {
            subnet_info::subnet_state(netuid)
        }
        fn get_subnet_account_id(netuid: NetUid) -> Option<AccountId> {
            subnet_info::exists(netuid).then(|| SubtensorModule::subnet_account(netuid))
        }
        fn get_coldkey_auto_stake_hotkey(coldkey: AccountId, netuid: NetUid) -> Option<AccountId> {
            chain::AutoStakeDestination::<Runtime>::get(coldkey, netuid)
        }
        fn get_next_epoch_start_block(netuid: NetUid) -> Option<u64> {
            SubtensorModule::next_epoch(netuid)
        }
    }

    impl declared::StakeInfoRuntimeApi<Block> for Runtime {
        fn get_stake_info_for_coldkey(coldkey_account: AccountId) -> Vec<StakeInfo> {
            stake_info::stakes_of(&coldkey_account)
        }
        fn get_stake_info_for_coldkeys(coldkey_accounts: Vec<AccountId>) -> Vec<(AccountId, Vec<StakeInfo>)> {
            coldkey_accounts.into_iter().map(|coldkey| (coldkey.clone(), stake_info::stakes_of(&coldkey))).collect()
        }
        fn get_stake_info_for_hotkey_coldkey_netuid(
            hotkey_account: AccountId,
            coldkey_account: AccountId,
            netuid: NetUid,
        ) -> Option<StakeInfo> {
            Some(stake_info::stake_info(hotkey_account, coldkey_account, netuid))
        }
        fn get_stake_availability_for_coldkeys(
            coldkey_accounts: Vec<AccountId>,
            netuids: Option<Vec<NetUid>>,
        ) -> BTreeMap<AccountId, BTreeMap<NetUid, StakeAvailability>> {
            stake_info::availability(coldkey_accounts, netuids.as_deref())
        }
        fn get_stake_fee(
            origin: Option<(AccountId, NetUid)>,
            _origin_coldkey_account: AccountId,
            destination: Option<(AccountId, NetUid)>,
            _destination_coldkey_account: AccountId,
            amount: u64,
        ) -> u64 {
            stake_info::fee(origin.map(|(_, netuid)| netuid), destination.map(|(_, netuid)| netuid), amount)
        }
        fn get_coldkey_lock(_coldkey: AccountId, _netuid: NetUid) -> Option<LockState> {
            None
        }
        fn get_hotkey_conviction(_hotkey: AccountId, _netuid: NetUid) -> U64F64 {
            U64F64::default()
        }
    }

    impl declared::BetaBasketRuntimeApi<Block> for Runtime {
        fn get_root_basket_owed(coldkey: AccountId) -> u64 {
            stake_info::root_owed(&coldkey)
        }
        fn get_root_basket_positions(_coldkey: AccountId) -> Vec<(AccountId, u128, u64)> {
            Vec::new()
        }
    }

    impl declared::DelegateInfoRuntimeApi<Block> for Runtime {
        fn get_delegates() -> Vec<DelegateInfo> {
            stake_info::delegates()
        }
        fn get_delegate(delegate_account: AccountId) -> Option<DelegateInfo> {
            stake_info::delegate(&delegate_account)
        }
        fn get_delegated(delegatee_account: AccountId) -> Vec<(DelegateInfo, Holding)> {
            stake_info::delegated(&delegatee_account)
        }
    }

    impl declared::SubnetRegistrationRuntimeApi<Block> for Runtime {
        fn get_network_registration_cost() -> u64 {
            SubtensorModule::lock_cost()
        }
    }

    impl declared::ProxyFilterRuntimeApi<Block> for Runtime {
        fn get_proxy_types() -> Vec<ProxyTypeInfo> {
            proxies::kinds()
        }
        fn get_proxy_filter(proxy_type: Option<u8>) -> Vec<ProxyFilterInfo> {
            proxies::filters(proxy_type)
        }
    }

    impl declared::SwapRuntimeApi<Block> for Runtime {
        fn current_alpha_price(netuid: NetUid) -> u64 {
            stake_info::price(netuid)
        }
        fn current_alpha_price_all() -> Vec<SubnetPrice> {
            stake_info::prices()
        }
        fn sim_swap_tao_for_alpha(netuid: NetUid, tao: u64) -> SimSwapResult {
            stake_info::sim_buy(netuid, tao)
        }
        fn sim_swap_alpha_for_tao(netuid: NetUid, alpha: u64) -> SimSwapResult {
            stake_info::sim_sell(netuid, alpha)
        }
    }
}
