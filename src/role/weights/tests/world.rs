//! A chain of one validator, small enough to run thousands of lives: blocks, epochs, a pool, commits and reveals by the rules
//! of the real one; and a process that can be killed before and after anything it does to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::ledger::LedgerError;
use crate::role::weights::WeightsChain;
use crate::subnets::work::{Allotment, Shares};
use crate::subtensor::weights::{
    Beacon, EpochClock, EpochRule, Fate, Hash32, HashedCommit, MechId, MechanismGround, Row, SealedCommit, SignedCall,
    WeightRules, WeightsCall, WeightsGround, commit_hash,
};
use crate::subtensor::{Inclusion, Metagraph, Neuron, Refusal, Retry, SubtensorError};
use crate::timelock::{Schedule, SecretKey};
use crate::units::{Account, BlockNumber, Foreign, Identity, NetUid, Rao, Uid, UnixMs};

pub(super) const NETUID: NetUid = NetUid(155);
const OWN: Account = Account([1; 32]);
/// Blocks in which a transaction lives.
const LIFETIME: u64 = 16;
const SLOTS: u16 = 5;

/// Something that others do to the subnet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    CommitReveal(bool),
    Replace(u16),
    Beacon(bool),
}

/// Weights or a commit that went through.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Landed {
    pub(super) hash: Hash32,
    pub(super) block: BlockNumber,
    /// The chain's last update before it.
    pub(super) after: BlockNumber,
}

pub(super) struct World {
    pub(super) block: BlockNumber,
    pub(super) rules: WeightRules,
    pub(super) script: Vec<(BlockNumber, Change)>,
    pub(super) landed: Vec<Landed>,
    pub(super) row: Row,
    pub(super) last_update: BlockNumber,
    /// What the process may still do before it is killed.
    pub(super) actions: Option<u32>,
    /// Weights on slots whose owner they were not made for, as they were revealed or set.
    pub(super) strangers_paid: u32,
    tempo: u64,
    last_epoch: BlockNumber,
    index: u64,
    registered: Vec<BlockNumber>,
    hashed: Vec<HashedCommit>,
    sealed: Vec<(SealedCommit, Row, Vec<BlockNumber>)>,
    beacon_speaks: bool,
    last_round: u64,
    nonce: u64,
    signed: BTreeMap<Hash32, (WeightsCall, Row, Vec<BlockNumber>)>,
    pool: Vec<SignedCall>,
    ended: BTreeMap<Hash32, (BlockNumber, Result<(), &'static str>)>,
    shares: Vec<f64>,
}

const NOW: i64 = 1_767_225_600;

impl World {
    pub(super) fn new(tempo: u64, rate_limit: u64, commit_reveal: bool, takes_sealed: bool) -> Self {
        let rules = WeightRules {
            commit_reveal,
            reveal_period: 1,
            commit_version: Some(4),
            rate_limit,
            min_allowed: 1,
            version_key: 0,
            stake_threshold: Rao(0),
            freeze_window: 10,
            takes_hashes: true,
            takes_sealed,
            has_mechanisms: true,
        };
        Self {
            block: 100,
            rules,
            script: Vec::new(),
            landed: Vec::new(),
            row: Row::default(),
            last_update: 50,
            actions: None,
            strangers_paid: 0,
            tempo,
            last_epoch: 95,
            index: 7,
            registered: vec![50, 51, 52, 53, 54],
            hashed: Vec::new(),
            sealed: Vec::new(),
            beacon_speaks: true,
            last_round: schedule().round_at(u64::try_from(NOW + 1200).unwrap_or(0)),
            nonce: 0,
            signed: BTreeMap::new(),
            pool: Vec::new(),
            ended: BTreeMap::new(),
            shares: Vec::new(),
        }
    }

    fn now(&self) -> UnixMs {
        UnixMs::from_secs(NOW + 12 * i64::try_from(self.block).unwrap())
    }

    pub(super) fn mine(&mut self) {
        self.block += 1;
        if self.beacon_speaks {
            self.last_round = schedule().round_at(u64::try_from(self.now().as_secs()).unwrap());
        }
        if self.block - self.last_epoch >= self.tempo {
            (self.last_epoch, self.index) = (self.block, self.index + 1);
            let (index, period) = (self.index, self.rules.reveal_period);
            self.hashed.retain(|commit| commit.epoch + period >= index);
        }
        self.reveal_sealed();
        let block = self.block;
        for (_, change) in self.script.clone().into_iter().filter(|(at, _)| *at == block) {
            self.change(change);
        }
        let pool = std::mem::take(&mut self.pool);
        for signed in pool {
            if signed.nonce == self.nonce && signed.last_block >= block {
                self.nonce += 1;
                let outcome = self.apply(&signed);
                self.ended.insert(signed.hash, (block, outcome));
            } else if signed.nonce > self.nonce && signed.last_block >= block {
                self.pool.push(signed);
            }
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::CommitReveal(on) => self.rules.commit_reveal = on,
            Change::Beacon(on) => self.beacon_speaks = on,
            Change::Replace(slot) => {
                self.registered[usize::from(slot)] = self.block;
                for (uid, value) in &mut self.row.0 {
                    if uid.0 == slot {
                        *value = 0;
                    }
                }
            }
        }
    }

    fn reveal_sealed(&mut self) {
        let (index, period) = (self.index, self.rules.reveal_period);
        self.sealed.retain(|(commit, ..)| commit.epoch + period >= index);
        let last_round = self.last_round;
        let is_ripe = |(commit, ..): &(SealedCommit, Row, Vec<BlockNumber>)| {
            commit.epoch + period == index && commit.round <= last_round
        };
        let ripe: Vec<_> = self.sealed.iter().filter(|entry| is_ripe(entry)).cloned().collect();
        self.sealed.retain(|entry| !is_ripe(entry));
        for (_, row, _) in ripe {
            self.row = row;
        }
    }

    fn apply(&mut self, signed: &SignedCall) -> Result<(), &'static str> {
        let (call, row, registered) = self.signed[&signed.hash].clone();
        let is_reveal = matches!(call, WeightsCall::Reveal { .. });
        if self.rules.commit_reveal == matches!(call, WeightsCall::Set { .. }) {
            return Err(if self.rules.commit_reveal { "CommitRevealEnabled" } else { "CommitRevealDisabled" });
        }
        if !is_reveal && self.block - self.last_update < self.rules.rate_limit {
            return Err("SettingWeightsTooFast");
        }
        match call {
            WeightsCall::Set { row, .. } => self.show(row, &registered),
            WeightsCall::Commit { hash } => self.hashed.push(HashedCommit { hash, epoch: self.index }),
            WeightsCall::CommitSealed { commit, round, .. } => {
                let hash = Hash32::of(&commit);
                let entry = SealedCommit { hash, epoch: self.index, block: self.block, round };
                self.sealed.push((entry, row, registered.clone()));
            }
            WeightsCall::Reveal { row, salt, version_key } => {
                let hash = commit_hash(&OWN, NETUID, 0, &row, &salt, version_key);
                let found = self.hashed.iter().position(|commit| commit.hash == hash);
                let place = found.ok_or("NoWeightsCommitFound")?;
                if self.hashed[place].epoch + self.rules.reveal_period != self.index {
                    return Err("RevealTooEarly");
                }
                self.hashed.drain(..=place);
                self.show(row, &registered);
            }
        }
        if !is_reveal {
            self.landed.push(Landed { hash: signed.hash, block: self.block, after: self.last_update });
            self.last_update = self.block;
        }
        Ok(())
    }

    /// Weights become those that count. `registered`: who was in the slots when they were made.
    fn show(&mut self, row: Row, registered: &[BlockNumber]) {
        // One that came in this very block nobody could know of; the chain does not count a weight that old for it.
        let strange = |uid: &Uid| {
            let now = self.registered[usize::from(uid.0)];
            now != registered[usize::from(uid.0)] && now < self.block
        };
        self.strangers_paid += u32::from(row.0.iter().any(|(uid, value)| *value > 0 && strange(uid)));
        self.row = row;
    }

    pub(super) fn ground(&self, with_sealed: bool) -> WeightsGround {
        let neurons: Vec<Neuron> = (0..SLOTS).map(|uid| self.neuron(uid)).collect();
        let own = neurons[0].clone();
        let since_last_step = self.block - self.last_epoch;
        let rule = EpochRule::Counted { last: self.last_epoch, pending: 0, index: self.index, since_last_step };
        WeightsGround {
            block: self.block,
            hash: Hash32::of(&self.block.to_le_bytes()),
            now: self.now(),
            block_ms: 12_000,
            epochs: EpochClock { netuid: NETUID, block: self.block, tempo: self.tempo, rule },
            rules: self.rules.clone(),
            beacon: Beacon {
                public_key: SecretKey::from_seed(b"world").public().as_bytes().to_vec(),
                schedule: schedule(),
                last_round: self.last_round,
            },
            is_owner: false,
            metagraph: Metagraph { netuid: NETUID, block: self.block, neurons },
            own,
            mechanisms: vec![MechanismGround {
                mechanism: 0,
                last_update: self.last_update,
                row: self.row.clone(),
                hashed: self.hashed.clone(),
                sealed: with_sealed.then(|| self.sealed.iter().map(|(commit, ..)| commit.clone()).collect()),
            }],
        }
    }

    fn neuron(&self, uid: u16) -> Neuron {
        Neuron {
            uid: Uid(uid),
            hotkey: if uid == 0 { OWN } else { Account([uid.to_le_bytes()[0] + 10; 32]) },
            coldkey: OWN,
            registered_at: self.registered[usize::from(uid)],
            axon: None,
            alpha_stake: Rao(1),
            root_stake: Rao(0),
            total_stake: Rao(1),
            validator_permit: true,
            active: true,
            last_update: self.last_update,
            incentive: 0.0,
            dividends: 0.0,
            emission: Rao(0),
            consensus: 0.0,
            validator_trust: 0.0,
        }
    }

    /// One thing that the process does; an error kills it.
    fn act(&mut self) -> Result<(), SubtensorError> {
        match &mut self.actions {
            None => Ok(()),
            Some(0) => Err(SubtensorError::NoEndpoint),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

fn schedule() -> Schedule {
    Schedule { genesis_unix_s: u64::try_from(NOW).unwrap(), period_s: 3 }
}

/// The world as a process sees it.
#[derive(Clone)]
pub(super) struct Seen(pub(super) Arc<Mutex<World>>);

impl Seen {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Killed before it, or after it: what is done stays done.
    fn acting<T>(&self, act: impl FnOnce(&mut World) -> T) -> Result<T, SubtensorError> {
        let mut world = self.world();
        world.act()?;
        let done = act(&mut world);
        world.act()?;
        Ok(done)
    }
}

impl WeightsChain for Seen {
    fn hotkey(&self) -> Account {
        OWN
    }

    async fn ground(&self, with_sealed: bool) -> Result<WeightsGround, SubtensorError> {
        Ok(self.world().ground(with_sealed))
    }

    async fn sign(&self, _: MechId, call: &WeightsCall, _: bool) -> Result<SignedCall, SubtensorError> {
        let call = call.clone();
        self.acting(move |world| {
            let shares = world.shares.clone();
            let ground = world.ground(false);
            let row = crate::role::weights::row(&ground, &allotted(&ground.metagraph, &shares));
            let nonce = world.nonce + u64::try_from(world.pool.len()).unwrap();
            let hash = Hash32::of(format!("{nonce} {} {}", world.block, world.signed.len()).as_bytes());
            world.signed.insert(hash, (call, row, world.registered.clone()));
            let (birth, last_block) = (world.block, world.block + LIFETIME);
            SignedCall { subject: "weights".into(), bytes: "00".into(), hash, account: OWN, nonce, birth, last_block }
        })
    }

    async fn post(&self, signed: &SignedCall) -> Result<Option<Refusal>, SubtensorError> {
        let signed = signed.clone();
        self.acting(move |world| {
            if signed.nonce >= world.nonce && !world.pool.contains(&signed) {
                world.pool.push(signed);
            }
            None
        })
    }

    async fn follow(&self, signed: &SignedCall, _: Option<Refusal>) -> Result<Inclusion, SubtensorError> {
        let hash = signed.hash;
        let last_block = signed.last_block;
        let ended = self.acting(move |world| {
            while !world.ended.contains_key(&hash) && world.block < last_block {
                world.mine();
            }
            world.ended.get(&hash).copied()
        })?;
        let extrinsic = hash.to_string();
        match ended {
            Some((block, Ok(()))) => {
                Ok(Inclusion { block, block_hash: Hash32::of(b"block").to_string(), extrinsic, finalised: true })
            }
            Some((block, Err(name))) => Err(SubtensorError::Refused(Box::new(refusal(name, block)))),
            None => Err(SubtensorError::Expired { call: "weights".into(), extrinsic, last_block }),
        }
    }

    async fn fate(&self, signed: &SignedCall) -> Result<Fate, SubtensorError> {
        let (hash, last_block) = (signed.hash, signed.last_block);
        self.acting(move |world| match world.ended.get(&hash) {
            Some((block, Ok(()))) => Fate::Included { block: *block, hash: Hash32::of(b"block") },
            Some((block, Err(name))) => Fate::Refused(Box::new(refusal(name, *block))),
            None if world.block >= last_block => Fate::Never,
            None => Fate::Open,
        })
    }
}

fn refusal(name: &str, block: BlockNumber) -> Refusal {
    Refusal {
        call: "weights".into(),
        pallet: "SubtensorModule".into(),
        name: name.into(),
        docs: Foreign::default(),
        cause: "the rules".into(),
        next_step: "wait".into(),
        block: Some(block),
        retry: Retry::Now,
    }
}

fn allotted(metagraph: &Metagraph, shares: &[f64]) -> Vec<(Identity, f64)> {
    metagraph.neurons.iter().map(Neuron::identity).zip(shares.iter().copied()).collect()
}

/// Shares that differ from block to block.
impl Shares for Seen {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let mut world = self.world();
        let block = world.block;
        let share = |slot: u64| ((block * 7 + slot * 13) % 97) as f64 + 1.0;
        world.shares = (0..registered.len() as u64).map(share).collect();
        let allotment = registered.iter().copied().zip(world.shares.clone()).collect();
        async move { Ok(Some(allotment)) }.boxed()
    }
}
