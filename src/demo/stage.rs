//! Everything of a demonstration, set up and driven step by step.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::DemoConfig;
use super::cast::{GarbageAxon, Role, cast};
use super::error::DemoError;
use super::market::Market;
use super::report::MinerLine;
use crate::axon::{AdmissionPolicy, AxonConfig};
use crate::clock::Clock;
use crate::dendrite::{Dendrite, DendriteConfig};
use crate::forecast::CacheSettings;
use crate::localnet::genesis::{GenesisConfig, SubnetGenesis};
use crate::localnet::{self, LocalnetConfig};
use crate::role::{Miner, MinerParts, Subnet, WeightsOutcome, WeightsWriter, miners_of};
use crate::subnets::events::ledger::{EventsLedger, Options};
use crate::subnets::events::{EventsValidator, Limits, TickSummary};
use crate::subtensor::{Announcement, Subtensor, SubtensorConfig};
use crate::synapse::VERSION;
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::{Keypair, Scheme};

/// The subnet it is played on.
const NETUID: NetUid = NetUid(155);
/// Blocks per epoch: short, so that incentive follows scores within the demonstration.
const TEMPO: u16 = 10;
/// Where the miners serve: the chain refuses to publish 127.0.0.1, and this is as local.
pub(super) const AXON_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// What the validator stakes.
const STAKE: Rao = Rao::from_tao(1_000);
/// Nobody makes blocks but us.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Forecasts are made anew at every step of market time.
const AT_EVERY_TICK: Duration = Duration::from_millis(1);
/// How often waiting transactions are looked for while one is under way.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long a miner may take to answer; none that works takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// See the module. Dropped as a whole, everything stops and every port is free.
pub(super) struct Stage {
    localnet: localnet::Handle,
    subnet: Subnet,
    events: EventsValidator,
    ledger: EventsLedger,
    weights: WeightsWriter,
    validator: Account,
    cast: Vec<Role>,
    miners: Vec<Miner>,
    _garbage: Option<GarbageAxon>,
    market: Market,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn set(config: &DemoConfig) -> Result<Self, DemoError> {
        let (market, clock) = Market::open(config)?;
        let truth = market.truth();
        let folder = tempfile::TempDir::with_prefix("neuron-demo-").map_err(DemoError::Folder)?;
        let cast = cast(config.seed)?;
        let localnet = localnet::spawn(chain_config(config.seed)).await?;
        let key = Keypair::from_uri(&format!("//Demo//{}//validator", config.seed), Scheme::Sr25519)?;
        let validator = Arc::new(key);
        let chain = Subtensor::connect(SubtensorConfig::new([localnet.ws_url()])).await?;
        register(&localnet, &chain, &validator, &cast).await?;
        let subnet = Subnet::read(chain, NETUID).await?;

        let mut miners = Vec::new();
        let mut garbage = None;
        for (index, role) in cast.iter().enumerate() {
            match role.forecaster(index, config.seed, &truth, market.provider(&clock)?)? {
                Some(forecaster) => {
                    let parts = MinerParts {
                        hotkey: Arc::clone(&role.hotkey),
                        subnet: subnet.clone(),
                        axon: AxonConfig::at((AXON_IP, 0).into()),
                        policy: AdmissionPolicy { min_stake: STAKE, ..AdmissionPolicy::default() },
                        external: (None, None),
                        forecaster,
                        cache: CacheSettings {
                            refresh: AT_EVERY_TICK,
                            forget_after: NEVER,
                            ..CacheSettings::default()
                        },
                        clock: clock.clone(),
                    };
                    miners.push(included(&localnet, Miner::start(parts)).await?);
                }
                None => {
                    let axon = GarbageAxon::spawn().await?;
                    included(&localnet, publish(&subnet, &role.hotkey, axon.address)).await?;
                    garbage = Some(axon);
                }
            }
        }

        let ledger = EventsLedger::open(folder.path().join("ledger.sqlite"), Options::default())?;
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        let dendrite = Dendrite::new(dendrite, Arc::clone(&validator))?;
        let limits = Limits { max_events: 1_000, void_after: Duration::from_secs(30 * 24 * 3600), lookups: 1_000 };
        let events = EventsValidator::new(
            vec![market.provider(&clock)?],
            ledger.clone(),
            dendrite,
            clock.clone(),
            limits,
            DEADLINE,
        );
        let weights = WeightsWriter::new(Arc::clone(&validator), subnet.clone(), ledger.clone(), clock.clone(), None);
        Ok(Self {
            localnet,
            subnet,
            events,
            ledger,
            weights,
            validator: validator.account(),
            cast,
            miners,
            _garbage: garbage,
            market,
            clock,
            _folder: folder,
        })
    }

    /// The number of events after which it is over.
    pub(super) const fn events(&self) -> u64 {
        self.market.events
    }

    /// Moves market time to the next look at the market; false when there is none.
    pub(super) fn advance(&self) -> bool {
        let step = self.market.until_next_look(self.clock.now());
        step.inspect(|step| self.clock.advance(*step)).is_some()
    }

    /// One tick: fresh forecasts, one round of questions, one block.
    pub(super) async fn tick(&self) -> Result<TickSummary, DemoError> {
        for miner in &self.miners {
            miner.cache().refresh().await;
        }
        let snapshot = self.subnet.refresh().await?;
        let summary = self.events.tick(&miners_of(&snapshot, &self.validator)).await?;
        self.localnet.mine(1).await?;
        Ok(summary)
    }

    /// Writes weights when the subnet's cadence says so.
    pub(super) async fn weigh_when_due(&self) -> Result<WeightsOutcome, DemoError> {
        included(&self.localnet, self.weights.set_when_due()).await
    }

    /// Writes the last weights, and makes blocks until two epochs have seen them.
    pub(super) async fn last_epoch(&self) -> Result<(), DemoError> {
        included(&self.localnet, self.weights.set_now()).await?;
        Ok(self.localnet.mine(2 * (u32::from(TEMPO) + 1)).await?)
    }

    pub(super) fn block(&self) -> u64 {
        self.localnet.block_number()
    }

    /// Weights by the cast's names.
    pub(super) fn by_name(&self, weights: &[(Uid, u16)]) -> Vec<(&'static str, u16)> {
        let snapshot = self.subnet.now();
        let of = |role: &Role| {
            let uid = snapshot.neuron(&role.hotkey.account()).map(|neuron| neuron.uid);
            weights.iter().find(|(of, _)| Some(*of) == uid).map_or(0, |(_, weight)| *weight)
        };
        self.cast.iter().map(|role| (role.name, of(role))).collect()
    }

    /// The mean gain of each so far.
    pub(super) async fn gains(&self) -> Result<Vec<(&'static str, f64)>, DemoError> {
        let standings = self.ledger.standings().await?;
        let of = |role: &Role| {
            let hotkey = role.hotkey.account();
            standings.miners.iter().find(|s| s.identity.hotkey == hotkey).map_or(0.0, |s| s.average)
        };
        Ok(self.cast.iter().map(|role| (role.name, of(role))).collect())
    }

    /// The end, with everything that the chain says read back from it.
    pub(super) async fn lines(&self) -> Result<Vec<MinerLine>, DemoError> {
        let snapshot = self.subnet.refresh().await?;
        let standings = self.ledger.standings().await?;
        let own = snapshot.neuron(&self.validator).map(|neuron| neuron.uid);
        let weights = match own {
            Some(uid) => self.by_name(&self.subnet.chain().weights_of(NETUID, uid).await?),
            None => Vec::new(),
        };
        let line = |role: &Role| {
            let hotkey = role.hotkey.account();
            let standing = standings.miners.iter().find(|s| s.identity.hotkey == hotkey);
            let neuron = snapshot.neuron(&hotkey);
            MinerLine {
                name: role.name,
                planted_skill: self.market.has_planted_skill().then_some(role.planted_skill),
                mean_gain: standing.map_or(0.0, |s| s.average),
                predicted: standing.map_or(0, |s| s.predicted),
                weight: weights.iter().find(|(name, _)| *name == role.name).map_or(0, |(_, weight)| *weight),
                incentive: neuron.map_or(0.0, |n| n.incentive),
                emission_tao: neuron.map_or(0.0, |n| n.alpha_stake.as_tao()),
            }
        };
        Ok(self.cast.iter().map(line).collect())
    }

    /// Ends everything: first whoever calls the chain, then the chain.
    pub(super) async fn strike(self) -> Result<(), DemoError> {
        let Self { localnet, subnet, events, weights, miners, .. } = self;
        for miner in miners {
            miner.stop(DEADLINE).await;
        }
        drop((events, weights, subnet));
        Ok(localnet.stop().await?)
    }
}

fn chain_config(seed: u64) -> LocalnetConfig {
    let subnet =
        SubnetGenesis { tempo: TEMPO, weights_rate_limit: 0, serving_rate_limit: 0, ..SubnetGenesis::events() };
    let genesis = GenesisConfig { seed, subnets: vec![subnet], ..GenesisConfig::default() };
    LocalnetConfig { port: 0, block_time: NEVER, genesis, ..LocalnetConfig::default() }
}

/// Registers everybody, and stakes for the validator, all paid by `//Bob`: what the subnet's owner `//Alice` would earn
/// is burned by the chain.
async fn register(
    localnet: &localnet::Handle,
    chain: &Subtensor,
    validator: &Keypair,
    cast: &[Role],
) -> Result<(), DemoError> {
    let bob = Keypair::from_uri("//Bob", Scheme::Sr25519)?;
    let hotkeys = std::iter::once(validator.account()).chain(cast.iter().map(|role| role.hotkey.account()));
    for hotkey in hotkeys {
        included(localnet, chain.burned_register(&bob, NETUID, &hotkey)).await?;
    }
    included(localnet, chain.add_stake(&bob, &validator.account(), NETUID, STAKE)).await?;
    // The permit comes with the next epoch.
    Ok(localnet.mine(2 * (u32::from(TEMPO) + 1)).await?)
}

async fn publish(subnet: &Subnet, hotkey: &Keypair, address: SocketAddr) -> Result<(), DemoError> {
    let version = u32::try_from(VERSION).unwrap_or(u32::MAX);
    let announcement = Announcement { ip: address.ip(), port: address.port(), version };
    subnet.chain().serve_axon(hotkey, subnet.netuid(), announcement).await?;
    Ok(())
}

/// Runs `work`, making one block whenever a transaction waits for one.
async fn included<T, E>(localnet: &localnet::Handle, work: impl Future<Output = Result<T, E>>) -> Result<T, DemoError>
where
    DemoError: From<E>,
{
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done?),
            () = tokio::time::sleep(LOOK_EVERY) => {
                if localnet.waiting() > 0 {
                    localnet.mine(1).await?;
                }
            }
        }
    }
}
