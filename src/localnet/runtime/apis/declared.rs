//! The runtime APIs of Bittensor itself: names, methods and argument order of the real chain.

use super::{
    hyperparameters::{HyperparamEntry, SubnetHyperparams, SubnetHyperparamsV2},
    metagraph::{Metagraph, SelectiveMetagraph},
    neuron_info::{NeuronInfo, NeuronInfoLite},
    stake_info::{DelegateInfo, Holding, SimSwapResult, StakeAvailability, StakeInfo, SubnetPrice},
    subnet_info::{DynamicInfo, SubnetInfov2, SubnetState},
};
use crate::localnet::{
    pallet::LockState,
    runtime::{
        AccountId, MechId, NetUid,
        proxies::{ProxyFilterInfo, ProxyTypeInfo},
        scalars::U64F64,
    },
};
use std::collections::BTreeMap;

sp_api::decl_runtime_apis! {
    /// Neurons of a subnet, in order of uid.
    pub trait NeuronInfoRuntimeApi {
        /// All with weights and bonds.
        fn get_neurons(netuid: NetUid) -> Vec<NeuronInfo>;
        /// One with weights and bonds.
        fn get_neuron(netuid: NetUid, uid: u16) -> Option<NeuronInfo>;
        /// All without weights and bonds.
        fn get_neurons_lite(netuid: NetUid) -> Vec<NeuronInfoLite>;
        /// One without weights and bonds.
        fn get_neuron_lite(netuid: NetUid, uid: u16) -> Option<NeuronInfoLite>;
    }

    /// Subnets.
    #[api_version(2)]
    pub trait SubnetInfoRuntimeApi {
        /// One in short.
        fn get_subnet_info_v2(netuid: NetUid) -> Option<SubnetInfov2>;
        /// All in short, in order of number.
        fn get_subnets_info_v2() -> Vec<Option<SubnetInfov2>>;
        /// Hyperparameters, oldest shape.
        fn get_subnet_hyperparams(netuid: NetUid) -> Option<SubnetHyperparams>;
        /// Hyperparameters, second shape.
        fn get_subnet_hyperparams_v2(netuid: NetUid) -> Option<SubnetHyperparamsV2>;
        /// Hyperparameters by name.
        fn get_subnet_hyperparams_v3(netuid: NetUid) -> Option<Vec<HyperparamEntry>>;
        /// The economy of all, in order of number.
        fn get_all_dynamic_info() -> Vec<Option<DynamicInfo>>;
        /// The economy of one.
        fn get_dynamic_info(netuid: NetUid) -> Option<DynamicInfo>;
        /// All with their neurons.
        fn get_all_metagraphs() -> Vec<Option<Metagraph>>;
        /// One with its neurons.
        fn get_metagraph(netuid: NetUid) -> Option<Metagraph>;
        /// All mechanisms with their neurons.
        fn get_all_mechagraphs() -> Vec<Option<Metagraph>>;
        /// One mechanism with its neurons.
        fn get_mechagraph(netuid: NetUid, mecid: MechId) -> Option<Metagraph>;
        /// Chosen fields of one.
        fn get_selective_metagraph(netuid: NetUid, metagraph_indexes: Vec<u16>) -> Option<SelectiveMetagraph>;
        /// Chosen fields of one mechanism.
        fn get_selective_mechagraph(
            netuid: NetUid,
            mecid: MechId,
            metagraph_indexes: Vec<u16>,
        ) -> Option<SelectiveMetagraph>;
        /// The neurons of one, column by column.
        fn get_subnet_state(netuid: NetUid) -> Option<SubnetState>;
        /// The account that holds the subnet's TAO.
        fn get_subnet_account_id(netuid: NetUid) -> Option<AccountId>;
        /// The hotkey on which a coldkey's miners are paid.
        fn get_coldkey_auto_stake_hotkey(coldkey: AccountId, netuid: NetUid) -> Option<AccountId>;
        /// The block of the next epoch.
        fn get_next_epoch_start_block(netuid: NetUid) -> Option<u64>;
    }

    /// Stakes.
    pub trait StakeInfoRuntimeApi {
        /// All that a coldkey holds.
        fn get_stake_info_for_coldkey(coldkey_account: AccountId) -> Vec<StakeInfo>;
        /// All that several coldkeys hold.
        fn get_stake_info_for_coldkeys(coldkey_accounts: Vec<AccountId>) -> Vec<(AccountId, Vec<StakeInfo>)>;
        /// What a coldkey holds on a hotkey in a subnet; zeros where it is nothing.
        fn get_stake_info_for_hotkey_coldkey_netuid(
            hotkey_account: AccountId,
            coldkey_account: AccountId,
            netuid: NetUid,
        ) -> Option<StakeInfo>;
        /// What coldkeys hold in some subnets, or in all, and what of it can be sold.
        fn get_stake_availability_for_coldkeys(
            coldkey_accounts: Vec<AccountId>,
            netuids: Option<Vec<NetUid>>,
        ) -> BTreeMap<AccountId, BTreeMap<NetUid, StakeAvailability>>;
        /// The fee of adding, removing or moving stake: of a purchase in rao, of a sale in alpha-rao.
        fn get_stake_fee(
            origin: Option<(AccountId, NetUid)>,
            origin_coldkey_account: AccountId,
            destination: Option<(AccountId, NetUid)>,
            destination_coldkey_account: AccountId,
            amount: u64,
        ) -> u64;
        /// What a coldkey has locked in a subnet: nothing, as there is no call to lock here.
        fn get_coldkey_lock(coldkey: AccountId, netuid: NetUid) -> Option<LockState>;
        /// The conviction of a hotkey: none, as nobody locks here.
        fn get_hotkey_conviction(hotkey: AccountId, netuid: NetUid) -> U64F64;
    }

    /// Baskets of later runtimes, as far as wallets ask for them. There are none here; what stakers on root are owed is.
    pub trait BetaBasketRuntimeApi {
        /// TAO that a coldkey would get for what its stake on root is owed, in rao.
        fn get_root_basket_owed(coldkey: AccountId) -> u64;
        /// Hotkey, shares and worth of the baskets that a coldkey has a part of.
        fn get_root_basket_positions(coldkey: AccountId) -> Vec<(AccountId, u128, u64)>;
    }

    /// Hotkeys that take stake from others.
    pub trait DelegateInfoRuntimeApi {
        /// All.
        fn get_delegates() -> Vec<DelegateInfo>;
        /// One.
        fn get_delegate(delegate_account: AccountId) -> Option<DelegateInfo>;
        /// Those a coldkey has staked to, with its stake in each subnet.
        fn get_delegated(delegatee_account: AccountId) -> Vec<(DelegateInfo, Holding)>;
    }

    /// Creation of subnets.
    pub trait SubnetRegistrationRuntimeApi {
        /// What a subnet costs now, in rao.
        fn get_network_registration_cost() -> u64;
    }

    /// Kinds of proxies.
    pub trait ProxyFilterRuntimeApi {
        /// All in short.
        fn get_proxy_types() -> Vec<ProxyTypeInfo>;
        /// What one lets pass, or what each does.
        fn get_proxy_filter(proxy_type: Option<u8>) -> Vec<ProxyFilterInfo>;
    }

    /// Pools.
    pub trait SwapRuntimeApi {
        /// Rao per alpha.
        fn current_alpha_price(netuid: NetUid) -> u64;
        /// Rao per alpha in all subnets.
        fn current_alpha_price_all() -> Vec<SubnetPrice>;
        /// What buying alpha would do.
        fn sim_swap_tao_for_alpha(netuid: NetUid, tao: u64) -> SimSwapResult;
        /// What selling alpha would do.
        fn sim_swap_alpha_for_tao(netuid: NetUid, alpha: u64) -> SimSwapResult;
    }
}
