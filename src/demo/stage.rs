//! Everything of a demonstration, set up and driven step by step.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::DemoConfig;
use super::error::DemoError;
use super::report::{MinerLine, WeightsLine};
use crate::axon::{AdmissionPolicy, AxonConfig};
use crate::dendrite::{Dendrite, DendriteConfig};
use crate::ledger::{Ledger, Schema};
use crate::localnet::genesis::{GenesisConfig, SubnetGenesis};
use crate::localnet::{self, LocalnetConfig};
use crate::role::weights::{CommitBy, Mode, Stage as JobStage, history};
use crate::role::{Miner, MinerParts, Others, Subnet, Watch, WeightsOutcome, WeightsPolicy, WeightsWriter};
use crate::subnets::cast::{Cast, Member, Play, Scene, Script, Seat};
use crate::subnets::registry;
use crate::subnets::work::ValidatorNeeds;
use crate::subtensor::{Announcement, Subtensor, SubtensorConfig};
use crate::synapse::VERSION;
use crate::telemetry::{Health, facts};
use crate::units::{Account, NetUid, Rao, Uid};
use crate::wallet::{Keypair, Scheme};

/// The subnet it is played on; the kind of work is asked for by name.
const NETUID: NetUid = NetUid(155);
/// Blocks per epoch: short, so that incentive follows scores within the demonstration.
const TEMPO: u16 = 10;
/// Where the miners serve: the chain refuses to publish 127.0.0.1, and this is as local.
const AXON_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// What the validator stakes.
const STAKE: Rao = Rao::from_tao(1_000);
/// Nobody makes blocks but us.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// How often waiting transactions are looked for while one is under way.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long a miner may take to answer; none that works takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// A miner of the cast with its key.
struct Role {
    member: Member,
    hotkey: Arc<Keypair>,
}

/// See the module. Dropped as a whole, everything stops and every port is free.
pub(super) struct Stage {
    localnet: localnet::Handle,
    subnet: Subnet,
    play: Box<dyn Play>,
    weights: WeightsWriter,
    /// The block before which nothing is to be done with them.
    weights_from: AtomicU64,
    mode: Mode,
    ledger: Ledger,
    dendrite: Arc<Dendrite>,
    validator: Account,
    cast: Vec<Role>,
    miners: Vec<Miner>,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn set(config: &DemoConfig) -> Result<Self, DemoError> {
        let kind = registry::kind(&config.task)?;
        let seed = config.seed;
        let mut company = (kind.needs_cast()?)(&Script {
            goal: config.goal,
            seed,
            replay: config.replay.clone(),
            markets: config.markets.clone(),
            address: (AXON_IP, 0).into(),
        })?;
        let clock = company.clock();
        let cast = company.members().into_iter().map(|member| role(member, seed)).collect::<Result<Vec<_>, _>>()?;
        let folder = tempfile::TempDir::with_prefix("neuron-demo-").map_err(DemoError::Folder)?;
        let localnet = localnet::spawn(chain_config(seed, config.weights)).await?;
        let validator = Arc::new(Keypair::from_uri(&format!("//Demo//{seed}//validator"), Scheme::Sr25519)?);
        let chain = Subtensor::connect(SubtensorConfig::new([localnet.ws_url()])).await?;
        register(&localnet, &chain, &validator, &cast).await?;
        let subnet = Subnet::read(chain, NETUID).await?;
        let miners = seat(&mut *company, &cast, &localnet, &subnet).await?;

        let tables: Vec<Schema> = kind.schema.into_iter().collect();
        let ledger =
            Ledger::open(config.ledger.clone().unwrap_or_else(|| folder.path().join("ledger.sqlite").into()), &tables)?;
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        let dendrite = Arc::new(Dendrite::new(dendrite, Arc::clone(&validator))?);
        let play = company.rise(ValidatorNeeds {
            hotkey: Arc::clone(&validator),
            dendrite: Arc::clone(&dendrite),
            deadline: DEADLINE,
            ledger: ledger.clone(),
            clock: clock.clone(),
            peers: Arc::new(Others::than(validator.account(), subnet.clone())),
        })?;
        let account = validator.account();
        let mode = config.weights;
        let commit = if mode == Mode::Hashed { CommitBy::Hash } else { CommitBy::WhatWorks };
        let policy = WeightsPolicy { commit, ..WeightsPolicy::default() };
        let weights = WeightsWriter::new(validator, subnet.clone(), ledger.clone(), play.shares(), clock, policy);
        Ok(Self {
            localnet,
            subnet,
            play,
            weights,
            weights_from: AtomicU64::new(0),
            mode,
            ledger,
            dendrite,
            validator: account,
            cast,
            miners,
            _folder: folder,
        })
    }

    /// What there is to look at.
    pub(super) fn watch(&self) -> Watch {
        let subnet = self.subnet.clone();
        let health = move || {
            let block = subnet.now().metagraph.block;
            Health { ok: true, facts: facts([("role", "demo".into()), ("block", block.into())]) }
        };
        Watch {
            role: "demo",
            hotkey: self.validator,
            subnet: self.subnet.clone(),
            health: Arc::new(health),
            weights: Some(self.weights.view()),
            ledger: Some(self.ledger.place().clone()),
            dendrite: Some(Arc::clone(&self.dendrite)),
            axon: None,
            answers: None,
            names: self.cast.iter().map(|role| (role.hotkey.account(), role.member.name)).collect(),
        }
    }

    /// How many things are scored until it is over.
    pub(super) fn goal(&self) -> u64 {
        self.play.goal()
    }

    /// What they are.
    pub(super) fn things(&self) -> &'static str {
        self.play.scored_things()
    }

    /// Moves market time on; false when it is over.
    pub(super) fn advance(&self) -> bool {
        self.play.advance()
    }

    /// One scene, one block.
    pub(super) async fn tick(&self) -> Result<Scene, DemoError> {
        self.subnet.refresh().await?;
        let scene = self.play.scene().await?;
        self.localnet.mine(1).await?;
        Ok(scene)
    }

    /// Does with the weights what is to be done now, if the chain is at the block that was waited for. The ones that were written, if any were.
    pub(super) async fn weigh_when_due(&self) -> Result<Option<Vec<(Uid, u16)>>, DemoError> {
        let mut written = None;
        if self.block() < self.weights_from.load(Relaxed) {
            return Ok(written);
        }
        loop {
            match included(&self.localnet, self.weights.set_when_due()).await? {
                WeightsOutcome::NotDue { from_block, .. } => {
                    self.weights_from.store(from_block, Relaxed);
                    return Ok(written);
                }
                WeightsOutcome::NoScores => return Ok(written),
                WeightsOutcome::Set { weights, .. } => written = Some(weights),
                WeightsOutcome::Advanced { .. } => {}
            }
        }
    }

    /// Writes the last weights, and makes blocks until they are revealed and two epochs have seen them.
    pub(super) async fn last_epoch(&self) -> Result<(), DemoError> {
        included(&self.localnet, self.weights.set_now()).await?;
        // There is news that nobody waited for.
        self.weights_from.store(0, Relaxed);
        if self.mode == Mode::Plain {
            self.weigh_when_due().await?;
            return Ok(self.localnet.mine(2 * (u32::from(TEMPO) + 1)).await?);
        }
        for _ in 0..4 * (TEMPO + 1) {
            self.localnet.mine(1).await?;
            self.weigh_when_due().await?;
        }
        Ok(())
    }

    /// How weights got onto the chain, from the journal and from what the chain shows now.
    pub(super) async fn weights(&self) -> Result<WeightsLine, DemoError> {
        let jobs = self.ledger.read(|connection| history(connection, usize::MAX)).await?;
        let took =
            |step: JobStage| jobs.iter().filter(|job| job.steps.iter().any(|taken| taken.step == step.name())).count();
        let own = self.subnet.now().neuron(&self.validator).map(|neuron| neuron.uid);
        let shown = match own {
            Some(uid) => self.subnet.chain().weights_of(NETUID, uid).await?,
            None => Vec::new(),
        };
        let last = jobs.iter().find(|job| job.stage == JobStage::Shown.name());
        Ok(WeightsLine {
            mode: self.mode,
            committed: if self.mode == Mode::Plain { 0 } else { took(JobStage::Included) },
            revealed: took(JobStage::Revealed),
            read_back_equal: last.is_some_and(|job| job.weights.0 == shown),
        })
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
        self.cast.iter().map(|role| (role.member.name, of(role))).collect()
    }

    /// The mean gain of each so far.
    pub(super) async fn gains(&self) -> Result<Vec<(&'static str, f64)>, DemoError> {
        let standings = self.play.standings().await?;
        let of = |role: &Role| {
            let hotkey = role.hotkey.account();
            standings.iter().find(|s| s.hotkey == hotkey).map_or(0.0, |s| s.mean_gain)
        };
        Ok(self.cast.iter().map(|role| (role.member.name, of(role))).collect())
    }

    /// The end, with everything that the chain says read back from it.
    pub(super) async fn lines(&self) -> Result<Vec<MinerLine>, DemoError> {
        let snapshot = self.subnet.refresh().await?;
        let standings = self.play.standings().await?;
        let own = snapshot.neuron(&self.validator).map(|neuron| neuron.uid);
        let weights = match own {
            Some(uid) => self.by_name(&self.subnet.chain().weights_of(NETUID, uid).await?),
            None => Vec::new(),
        };
        let line = |role: &Role| {
            let hotkey = role.hotkey.account();
            let standing = standings.iter().find(|s| s.hotkey == hotkey);
            let neuron = snapshot.neuron(&hotkey);
            MinerLine {
                name: role.member.name,
                planted_skill: role.member.planted_skill,
                mean_gain: standing.map_or(0.0, |s| s.mean_gain),
                predicted: standing.map_or(0, |s| s.predicted),
                weight: weights.iter().find(|(name, _)| *name == role.member.name).map_or(0, |(_, weight)| *weight),
                incentive: neuron.map_or(0.0, |n| n.incentive),
                emission_tao: neuron.map_or(0.0, |n| n.alpha_stake.as_tao()),
            }
        };
        Ok(self.cast.iter().map(line).collect())
    }

    /// Ends everything: first whoever calls the chain, then the chain.
    pub(super) async fn strike(self) -> Result<(), DemoError> {
        let Self { localnet, subnet, play, weights, ledger, miners, .. } = self;
        for miner in miners {
            miner.stop(DEADLINE).await;
        }
        drop((play, weights, ledger, subnet));
        Ok(localnet.stop().await?)
    }
}

/// A member of the cast with a key of its own.
fn role(member: Member, seed: u64) -> Result<Role, DemoError> {
    let hotkey = Keypair::from_uri(&format!("//Demo//{seed}//{}", member.name), Scheme::Sr25519)?;
    Ok(Role { member, hotkey: Arc::new(hotkey) })
}

/// Starts every miner and publishes where it serves.
async fn seat(
    company: &mut dyn Cast,
    cast: &[Role],
    localnet: &localnet::Handle,
    subnet: &Subnet,
) -> Result<Vec<Miner>, DemoError> {
    let mut miners = Vec::new();
    for (index, role) in cast.iter().enumerate() {
        match company.miner(index).await? {
            Seat::Miner(work) => {
                let parts = MinerParts {
                    hotkey: Arc::clone(&role.hotkey),
                    subnet: subnet.clone(),
                    axon: AxonConfig::at((AXON_IP, 0).into()),
                    policy: admission(),
                    external: (None, None),
                    work,
                };
                miners.push(included(localnet, Miner::start(parts)).await?);
            }
            Seat::Stranger(address) => included(localnet, publish(subnet, &role.hotkey, address)).await?,
        }
    }
    Ok(miners)
}

/// Whom the cast's axons let in: the validator, however often it asks. Here a month passes in half a minute, and rates count in
/// the seconds of the machine.
fn admission() -> AdmissionPolicy {
    AdmissionPolicy { min_stake: STAKE, hotkey_rate: None, ip_rate: None, ..AdmissionPolicy::default() }
}

fn chain_config(seed: u64, weights: Mode) -> LocalnetConfig {
    let subnet = SubnetGenesis {
        tempo: TEMPO,
        weights_rate_limit: 0,
        serving_rate_limit: 0,
        commit_reveal: weights != Mode::Plain,
        ..SubnetGenesis::events()
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A month of rounds is 4,320 questions of one validator, on a fast machine a few hundred in a second.
    #[test]
    fn the_cast_counts_no_requests_by_a_clock_that_is_not_its_own() {
        let AdmissionPolicy { hotkey_rate, ip_rate, min_stake, .. } = admission();
        assert_eq!((hotkey_rate, ip_rate, min_stake), (None, None, STAKE));
    }
}
