//! The first state of a development chain: funded accounts, root, and subnets that are open for business.
//!
//! The same settings give the same state, and any difference in settings or runtime another genesis hash.

mod population;

use super::{
    drand::{self, BeaconConfiguration},
    pallet::{self, SubnetIdentityV3},
    runtime::{
        AccountId, Balances, NetUid, Runtime, RuntimeGenesisConfig, VERSION, metadata_blob, note_code, scalars::I96F32,
    },
};
use crate::units::{Account, Rao, UnixMs};
use codec::Encode;
use frame_support::traits::{BuildGenesisConfig, fungible::Mutate};
use sp_core::{DeriveJunction, Pair, crypto::DEV_PHRASE, sr25519};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::LazyLock,
};

/// Accounts every development chain has, with their TAO: keys are `//Alice` and so on.
pub const DEV_ACCOUNTS: [(&str, u64); 6] =
    [("Alice", 1_000_000), ("Bob", 1_000_000), ("Charlie", 1_000_000), ("Dave", 2000), ("Eve", 2000), ("Ferdie", 2000)];

/// What the coldkey of a neuron at genesis has free: enough for fees and registrations.
pub const COLDKEY_FUNDS: Rao = Rao::from_tao(1_000);

/// What a development chain starts with.
#[derive(Debug, Clone, PartialEq)]
pub struct GenesisConfig {
    /// Chains with different seeds have different genesis hashes; nothing else in genesis is random.
    pub seed: u64,
    /// The version that the runtime reports. From 429 on its metadata has `NetUid` as a struct around a u16 instead of a
    /// plain one; an upgrade can be rehearsed by changing `SubtensorModule.SpecVersion`.
    pub spec_version: u32,
    /// Chain time of block 0.
    pub time: UnixMs,
    /// Accounts with balances, beside [`DEV_ACCOUNTS`].
    pub funded: Vec<(Account, Rao)>,
    /// The subnets; root is always there, and of several with one number the last counts. Each belongs to `//Alice` and has an owner's neuron at uid 0.
    pub subnets: Vec<SubnetGenesis>,
    /// Stake weight that setting weights and a permit need.
    pub stake_threshold: Rao,
}

impl Default for GenesisConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            spec_version: VERSION.spec_version,
            time: UnixMs::from_secs(1_767_225_600), // 2026-01-01
            funded: Vec::new(),
            subnets: vec![SubnetGenesis::timeseries(), SubnetGenesis::events()],
            stake_threshold: Rao(0),
        }
    }
}

/// A subnet at genesis. Settings not named here have the values of a freshly registered subnet.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetGenesis {
    /// Its number, above 0 and below 4096.
    pub netuid: u16,
    /// Its name.
    pub name: String,
    /// The symbol of its alpha.
    pub symbol: String,
    /// Period of epochs in blocks.
    pub tempo: u16,
    /// Most neurons.
    pub max_uids: u16,
    /// Most validator permits.
    pub max_validators: u16,
    /// Blocks in which a fresh neuron is not pruned.
    pub immunity_period: u16,
    /// Fewest weights in a row.
    pub min_allowed_weights: u16,
    /// Blocks between two settings of weights; 0 is no limit.
    pub weights_rate_limit: u64,
    /// Blocks between two announcements of an axon; 0 is no limit.
    pub serving_rate_limit: u64,
    /// Least version key of weights; 0 allows all.
    pub weights_version: u64,
    /// Price of a registration at the start.
    pub burn: Rao,
    /// Least price of a registration.
    pub min_burn: Rao,
    /// Yuma 3 instead of Yuma 2.
    pub yuma3: bool,
    /// Are weights committed and revealed later? Then plain weights are refused.
    pub commit_reveal: bool,
    /// Epochs from commit to reveal, at least 1.
    pub reveal_period: u64,
    /// TAO in the pool; with as much alpha the price starts at 1.
    pub pool: Rao,
    /// Its owner's coldkey, and the owner's hotkey at uid 0; `//Alice` and [`Self::owner_hotkey`] where nobody is named.
    pub owner: Option<(Account, Account)>,
    /// Its neurons behind the owner's, from uid 1 on; one with the owner's hotkey is the owner's.
    pub neurons: Vec<NeuronGenesis>,
}

/// A neuron at genesis. Its coldkey has [`COLDKEY_FUNDS`] to act with.
#[derive(Debug, Clone, PartialEq)]
pub struct NeuronGenesis {
    /// Its key; in all subnets of the same coldkey.
    pub hotkey: Account,
    /// Its owner, who holds the stake.
    pub coldkey: Account,
    /// Alpha staked in the subnet, in alpha-rao, beside what is in the pool.
    pub stake: Rao,
    /// TAO staked on root, in rao.
    pub root_stake: Rao,
    /// Where it serves.
    pub axon: Option<SocketAddr>,
    /// May it set weights for others, until the first epoch decides?
    pub permit: bool,
    /// Its weights: uid and value.
    pub weights: Vec<(u16, u16)>,
    /// What the chain shows of it until the first epoch.
    pub last_epoch: LastEpoch,
}

/// What an epoch finds about a neuron; shares are u16 fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastEpoch {
    /// Share of the miners' reward.
    pub incentive: u16,
    /// Share of the validators' reward.
    pub dividends: u16,
    /// The weight that the stake agreed on.
    pub consensus: u16,
    /// How far its weights followed that.
    pub validator_trust: u16,
    /// What it got, in alpha-rao.
    pub emission: Rao,
}

impl SubnetGenesis {
    /// Subnet 155, prediction of events.
    #[must_use]
    pub fn events() -> Self {
        Self::named(155, "events", "ε")
    }

    /// Subnet 8, prediction of time series.
    #[must_use]
    pub fn timeseries() -> Self {
        Self::named(8, "timeseries", "θ")
    }

    pub(super) fn named(netuid: u16, name: &str, symbol: &str) -> Self {
        Self {
            netuid,
            name: name.to_owned(),
            symbol: symbol.to_owned(),
            tempo: 100,
            max_uids: 256,
            max_validators: 64,
            immunity_period: 5000,
            min_allowed_weights: 1,
            weights_rate_limit: 100,
            serving_rate_limit: 50,
            weights_version: 0,
            burn: Rao::from_tao(1),
            min_burn: Rao(500_000),
            yuma3: true,
            commit_reveal: false,
            reveal_period: 1,
            pool: Rao::from_tao(10_000),
            owner: None,
            neurons: Vec::new(),
        }
    }

    /// The owner's hotkey, at uid 0: the key of `//Owner//<netuid>`.
    #[must_use]
    pub fn owner_hotkey(&self) -> Account {
        dev_account(&format!("Owner//{}", self.netuid))
    }
}

/// The key of the phrase itself; stretching it takes longer than all derivations together.
static ROOT: LazyLock<Option<sr25519::Pair>> = LazyLock::new(|| sr25519::Pair::from_string(DEV_PHRASE, None).ok());

/// The account of a development key: `Alice` for `//Alice`, `Owner//8` for `//Owner//8`.
#[must_use]
pub fn dev_account(path: &str) -> Account {
    let junctions = path.split("//").map(|junction| DeriveJunction::from(junction).harden());
    // The phrase is a constant and hard junctions always derive.
    let derived = ROOT.as_ref().and_then(|root| root.derive(junctions, None).ok());
    Account(derived.map(|(pair, _)| pair.public().0).unwrap_or_default())
}

pub(super) fn account_id(account: Account) -> AccountId {
    AccountId::new(account.0)
}

/// By what a chain differs from those of other settings and other runtimes.
fn fingerprint(config: &GenesisConfig) -> [u8; 32] {
    let mut config = config.clone();
    // As bytes: there may be a million of them, and to write each as a text takes longer than all else here.
    let neurons = config.subnets.iter_mut().flat_map(|subnet| &mut subnet.neurons);
    let weights: Vec<Vec<(u16, u16)>> = neurons.map(|neuron| std::mem::take(&mut neuron.weights)).collect();
    sp_io::hashing::blake2_256(&(metadata_blob(16, config.spec_version), weights, format!("{config:?}")).encode())
}

/// Writes the first state. Must run inside of externalities over an empty state.
pub fn build(config: &GenesisConfig) {
    std::thread::scope(|scope| {
        // Needs no state, and takes a quarter as long as all the rest.
        let signs = scope.spawn(|| {
            let fingerprint = fingerprint(config);
            (fingerprint, drand::secret_of(&fingerprint).public())
        });
        write(config);
        let (fingerprint, beacon) = signs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        pallet::GenesisFingerprint::<Runtime>::put(fingerprint);
        drand::BeaconConfig::<Runtime>::put(BeaconConfiguration::of(&beacon, &fingerprint, "localnet"));
    });
}

/// All but what the beacon signs with.
fn write(config: &GenesisConfig) {
    let alice = account_id(dev_account("Alice"));
    let mut balances: Vec<(AccountId, u64)> = DEV_ACCOUNTS
        .iter()
        .map(|(name, tao)| (account_id(dev_account(name)), Rao::from_tao(*tao).0))
        .chain(config.funded.iter().map(|(account, rao)| (account_id(*account), rao.0)))
        .chain(coldkeys(config).into_iter().map(|coldkey| (account_id(coldkey), COLDKEY_FUNDS.0)))
        .collect();
    merge_duplicates(&mut balances);
    let mut genesis = RuntimeGenesisConfig::default();
    genesis.balances.balances = balances;
    genesis.sudo.key = Some(alice.clone());
    genesis.build();

    pallet_timestamp::Now::<Runtime>::put(u64::try_from(config.time.0).unwrap_or(0));
    if config.spec_version != VERSION.spec_version {
        pallet::SpecVersion::<Runtime>::put(config.spec_version);
    }
    pallet::StakeThreshold::<Runtime>::put(config.stake_threshold.0);
    pallet::Pallet::<Runtime>::create_root();
    let subnets: BTreeMap<u16, &SubnetGenesis> =
        config.subnets.iter().map(|subnet| (subnet.netuid, subnet)).filter(|(netuid, _)| *netuid != 0).collect();
    for subnet in subnets.values() {
        build_subnet(subnet, &alice);
    }
    note_code();
    pallet::TotalIssuance::<Runtime>::put(pallet_balances::TotalIssuance::<Runtime>::get());
}

/// The coldkeys of neurons, each once, without the accounts that are funded anyway.
fn coldkeys(config: &GenesisConfig) -> BTreeSet<Account> {
    let owners = config.subnets.iter().filter_map(|subnet| Some(subnet.owner?.0));
    let neurons = config.subnets.iter().flat_map(|subnet| &subnet.neurons).map(|neuron| neuron.coldkey);
    let funded: BTreeSet<Account> = DEV_ACCOUNTS
        .iter()
        .map(|(name, _)| dev_account(name))
        .chain(config.funded.iter().map(|(account, _)| *account))
        .collect();
    owners.chain(neurons).filter(|coldkey| !funded.contains(coldkey)).collect()
}

/// Balances refuses the same account twice: the sums of each.
fn merge_duplicates(balances: &mut Vec<(AccountId, u64)>) {
    balances.sort();
    balances.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
}

fn build_subnet(subnet: &SubnetGenesis, alice: &AccountId) {
    let netuid = NetUid(subnet.netuid);
    let (owner, hotkey) = match subnet.owner {
        Some((owner, hotkey)) => (account_id(owner), account_id(hotkey)),
        None => (alice.clone(), account_id(subnet.owner_hotkey())),
    };
    let account = pallet::Pallet::<Runtime>::subnet_account(netuid);
    // Neither can fail: the accounts are new, and the amounts far below what a balance holds.
    let minted = Balances::mint_into(&account, subnet.pool.0);
    let created = pallet::Pallet::<Runtime>::create_subnet(netuid, &owner, &hotkey, subnet.pool.0, subnet.pool.0);
    if minted.is_err() || created.is_err() {
        tracing::error!(netuid = subnet.netuid, "the subnet could not be made");
        return;
    }
    pallet::Pallet::<Runtime>::start_subnet(netuid, 1);
    pallet::SubnetEmissionEnabled::<Runtime>::insert(netuid, true);
    // The average of a subnet that has been there for long: its price. So stakers on root earn from the first block.
    pallet::SubnetMovingPrice::<Runtime>::insert(netuid, I96F32 { bits: 1 << 32 });
    pallet::TokenSymbol::<Runtime>::insert(netuid, subnet.symbol.as_bytes());
    let identity = SubnetIdentityV3 { subnet_name: subnet.name.as_bytes().to_vec(), ..Default::default() };
    pallet::SubnetIdentitiesV3::<Runtime>::insert(netuid, identity);
    pallet::CommitRevealWeightsEnabled::<Runtime>::insert(netuid, subnet.commit_reveal);
    pallet::RevealPeriodEpochs::<Runtime>::insert(netuid, subnet.reveal_period.max(1));
    pallet::Tempo::<Runtime>::insert(netuid, subnet.tempo);
    pallet::MaxAllowedUids::<Runtime>::insert(netuid, subnet.max_uids);
    pallet::MinAllowedUids::<Runtime>::insert(netuid, subnet.max_uids.min(64));
    pallet::MaxAllowedValidators::<Runtime>::insert(netuid, subnet.max_validators);
    pallet::ImmunityPeriod::<Runtime>::insert(netuid, subnet.immunity_period);
    pallet::MinAllowedWeights::<Runtime>::insert(netuid, subnet.min_allowed_weights);
    pallet::WeightsSetRateLimit::<Runtime>::insert(netuid, subnet.weights_rate_limit);
    pallet::ServingRateLimit::<Runtime>::insert(netuid, subnet.serving_rate_limit);
    pallet::WeightsVersionKey::<Runtime>::insert(netuid, subnet.weights_version);
    pallet::Burn::<Runtime>::insert(netuid, subnet.burn.0);
    pallet::MinBurn::<Runtime>::insert(netuid, subnet.min_burn.0);
    pallet::Yuma3On::<Runtime>::insert(netuid, subnet.yuma3);
    population::seat(netuid, &subnet.neurons);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sp_io::TestExternalities;

    fn state_of(config: &GenesisConfig) -> Vec<u8> {
        let mut externalities = TestExternalities::default();
        externalities.execute_with(|| build(config));
        externalities.execute_with(|| sp_io::storage::root(sp_core::storage::StateVersion::V1))
    }

    #[test]
    fn the_same_settings_give_the_same_state_and_others_do_not() {
        let config = GenesisConfig::default();
        assert_eq!(state_of(&config), state_of(&config));
        assert_ne!(state_of(&config), state_of(&GenesisConfig { seed: 1, ..config.clone() }));
        let richer = GenesisConfig { funded: vec![(Account([7; 32]), Rao::from_tao(5))], ..config.clone() };
        assert_ne!(state_of(&config), state_of(&richer));
    }

    #[test]
    fn development_keys_are_those_that_tools_derive() {
        for path in ["Alice", "Owner//155", "Demo//7//validator"] {
            let pair = sr25519::Pair::from_string(&format!("//{path}"), None).unwrap();
            assert_eq!(dev_account(path), Account(pair.public().0), "{path}");
        }
    }

    #[test]
    fn a_subnet_named_twice_is_made_once() {
        let twice = SubnetGenesis { tempo: 7, ..SubnetGenesis::events() };
        let config = GenesisConfig { subnets: vec![SubnetGenesis::events(), twice], ..GenesisConfig::default() };
        TestExternalities::default().execute_with(|| {
            build(&config);
            assert_eq!(pallet::TotalNetworks::<Runtime>::get(), 2);
            assert_eq!(pallet::SubnetworkN::<Runtime>::get(NetUid(155)), 1);
            assert_eq!(pallet::Tempo::<Runtime>::get(NetUid(155)), 7);
        });
    }

    #[test]
    fn neurons_sit_stake_serve_and_have_weights_from_the_start() {
        let neuron = |name: &str, stake: u64| NeuronGenesis {
            hotkey: dev_account(&format!("{name}//hot")),
            coldkey: dev_account(name),
            stake: Rao::from_tao(stake),
            root_stake: Rao::from_tao(stake / 2),
            axon: (stake == 0).then(|| SocketAddr::from(([10, 0, 0, 1], 8091))),
            permit: stake > 0,
            weights: if stake > 0 { vec![(1, 65_535)] } else { Vec::new() },
            last_epoch: LastEpoch { incentive: 7, ..LastEpoch::default() },
        };
        let events = SubnetGenesis {
            neurons: vec![neuron("Miner", 0), neuron("Valid", 5_000)],
            owner: Some((dev_account("Charlie"), dev_account("Charlie//hot"))),
            ..SubnetGenesis::events()
        };
        let again = SubnetGenesis { neurons: vec![neuron("Valid", 10)], ..SubnetGenesis::timeseries() };
        let config = GenesisConfig { subnets: vec![events, again], ..GenesisConfig::default() };
        TestExternalities::default().execute_with(|| {
            build(&config);
            let netuid = NetUid(155);
            let [miner, validator] = ["Miner", "Valid"].map(|name| account_id(dev_account(&format!("{name}//hot"))));
            let owner = account_id(dev_account("Charlie//hot"));
            let uid = |hotkey| pallet::Uids::<Runtime>::get(netuid, hotkey);
            assert_eq!((uid(&owner), uid(&miner), uid(&validator)), (Some(0), Some(1), Some(2)));
            assert_eq!(pallet::SubnetOwner::<Runtime>::get(netuid), account_id(dev_account("Charlie")));
            let coldkey = account_id(dev_account("Valid"));
            let staked = |netuid| pallet::Pallet::<Runtime>::stake_of(&validator, &coldkey, netuid);
            let tao = |tao| Rao::from_tao(tao).0;
            assert_eq!((staked(netuid), staked(NetUid(8)), staked(NetUid::ROOT)), (tao(5_000), tao(10), tao(2_500)));
            assert_eq!(frame_system::Account::<Runtime>::get(&coldkey).data.free, COLDKEY_FUNDS.0);
            let index = netuid.main_mechanism();
            assert_eq!(pallet::Weights::<Runtime>::get(index, 2), [(1, 65_535)]);
            assert_eq!(pallet::ValidatorPermit::<Runtime>::get(netuid), [false, false, true]);
            assert_eq!(pallet::Incentive::<Runtime>::get(index), [0, 7, 7]);
            let axon = pallet::Axons::<Runtime>::get(netuid, &miner).unwrap();
            assert_eq!((axon.ip, axon.port, axon.ip_type), (0x0a00_0001, 8091, 4));
            // Every TAO is accounted for.
            let held = pallet_balances::TotalIssuance::<Runtime>::get();
            assert_eq!(pallet::TotalIssuance::<Runtime>::get(), held);
            let accounts: u64 = frame_system::Account::<Runtime>::iter_values().map(|account| account.data.free).sum();
            assert_eq!(accounts, held);
        });
    }

    #[test]
    fn accounts_are_funded_and_named_twice_they_get_both() {
        let alice = dev_account("Alice");
        assert_eq!(alice.ss58(), "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
        let config = GenesisConfig { funded: vec![(alice, Rao(5))], ..GenesisConfig::default() };
        TestExternalities::default().execute_with(|| {
            build(&config);
            let free = |account| frame_system::Account::<Runtime>::get(account_id(account)).data.free;
            assert_eq!(free(alice), 1_000_000_000_000_005);
            assert_eq!(free(dev_account("Ferdie")), 2_000_000_000_000);
        });
    }
}
