//! Doing what the machine says: builds, signs, sends, follows, reads back, with an entry in the journal between any two.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::build;
use super::due::{self, WeightsPolicy};
use super::job::{At, Job, Mode, Stage};
use super::journal::{WeightsJournal, of_mechanism, place};
use super::machine::{self, Move, Ruling, Wait};
use super::on_chain::{OnChain, WeightsChain};
use super::view::WeightsView;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::role::RoleError;
use crate::role::subnet::Subnet;
use crate::subnets::work::Shares;
use crate::subtensor::weights::{Fate, Hash32, MechId, Row, SignedCall, WeightsCall, WeightsGround};
use crate::subtensor::{Neuron, SubtensorError};
use crate::units::{BlockNumber, Identity, Uid};
use crate::wallet::Keypair;

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum WeightsOutcome {
    /// Nothing is to be done before a block.
    NotDue {
        /// The first block at which something may be.
        from_block: BlockNumber,
        /// What is waited for.
        why: Wait,
    },
    /// Nobody has earned anything yet, or too few things count: the chain keeps what it has.
    NoScores,
    /// A job went on by a step, and the next one may follow at once.
    Advanced {
        /// The ledger's number of the job.
        job: i64,
        /// How far it is now.
        stage: Stage,
    },
    /// Weights or a commit are in a final block.
    Set {
        /// The block of inclusion.
        block: BlockNumber,
        /// The way they were written.
        mode: Mode,
        /// The mechanism of the subnet.
        mechanism: MechId,
        /// The numbers, by uid.
        weights: Vec<(Uid, u16)>,
    },
}

/// Writes weights when they are due, by whatever way the subnet asks for.
pub struct WeightsWriter<C = OnChain> {
    chain: C,
    journal: WeightsJournal,
    shares: Arc<dyn Shares>,
    policy: WeightsPolicy,
    view: Arc<WeightsView>,
}

impl<C: std::fmt::Debug> std::fmt::Debug for WeightsWriter<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeightsWriter").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// What one pass works with.
struct Pass {
    ground: WeightsGround,
    jobs: Vec<Job>,
}

impl WeightsWriter {
    /// A writer for `hotkey`'s weights: `shares` says who earned what, `ledger` keeps the journal.
    #[must_use]
    pub fn new(
        hotkey: Arc<Keypair>,
        subnet: Subnet,
        ledger: Ledger,
        shares: Arc<dyn Shares>,
        clock: Clock,
        policy: WeightsPolicy,
    ) -> Self {
        Self::over(OnChain::new(hotkey, subnet), ledger, shares, clock, policy)
    }
}

impl<C: WeightsChain> WeightsWriter<C> {
    /// The same over any chain.
    pub fn over(chain: C, ledger: Ledger, shares: Arc<dyn Shares>, clock: Clock, policy: WeightsPolicy) -> Self {
        let journal = WeightsJournal::new(ledger, clock);
        Self { chain, journal, shares, policy, view: Arc::default() }
    }

    /// How things stand, for whoever shows it.
    #[must_use]
    pub fn view(&self) -> Arc<WeightsView> {
        Arc::clone(&self.view)
    }

    /// Does the next thing that is to be done for any mechanism, and says what it was.
    ///
    /// # Errors
    /// The chain refused or cannot be reached, or the ledger cannot be used. Call again: nothing is done twice.
    pub async fn set_when_due(&self) -> Result<WeightsOutcome, RoleError> {
        let pass = self.pass().await?;
        let mut soonest: Option<(BlockNumber, Wait)> = None;
        for mechanism in &pass.ground.mechanisms {
            let jobs = of_mechanism(&pass.jobs, mechanism.mechanism);
            let step = machine::next(&pass.ground, mechanism, &jobs, &self.policy);
            self.view.decided(&pass.ground, mechanism, &jobs, &step);
            match step {
                Move::Wait { until, why } => {
                    if soonest.as_ref().is_none_or(|(before, _)| until < *before) {
                        soonest = Some((until, why));
                    }
                }
                step => {
                    let outcome = self.take(&pass, mechanism.mechanism, jobs, step).await?;
                    self.view.tell(&pass.ground);
                    return Ok(outcome);
                }
            }
        }
        self.view.tell(&pass.ground);
        let (from_block, why) = soonest.unwrap_or((pass.ground.block.saturating_add(1), Wait::Due));
        Ok(WeightsOutcome::NotDue { from_block, why })
    }

    /// Writes weights now, whatever the time, once for every mechanism; what is under way is settled first.
    ///
    /// # Errors
    /// As [`WeightsWriter::set_when_due`]; also what stands in the way.
    pub async fn set_now(&self) -> Result<Vec<WeightsOutcome>, RoleError> {
        let mut done = Vec::new();
        let mut mechanism: MechId = 0;
        loop {
            let pass = self.pass().await?;
            if usize::from(mechanism) >= pass.ground.mechanisms.len() {
                return Ok(done);
            }
            let jobs = of_mechanism(&pass.jobs, mechanism);
            let before = jobs.iter().find(|job| matches!(job.stage, Stage::Built | Stage::Signed | Stage::Sent));
            if let Some(job) = before {
                let step = match job.stage {
                    Stage::Built => {
                        Move::Rule { job: job.id, ruling: Ruling::because(Stage::Failed, "computed again") }
                    }
                    _ => Move::Settle { job: job.id, send: job.changed_hands(&pass.ground.metagraph).is_none() },
                };
                self.take(&pass, mechanism, jobs, step).await?;
                continue;
            }
            let obstacle = due::obstacle(&pass.ground).map_or_else(|| due::mode(&pass.ground, &self.policy), Err);
            let mode = obstacle.map_err(|obstacle| RoleError::Weights(obstacle.to_string()))?;
            done.push(self.take(&pass, mechanism, jobs, Move::Open(mode)).await?);
            mechanism = mechanism.saturating_add(1);
        }
    }

    async fn pass(&self) -> Result<Pass, RoleError> {
        let jobs = self.journal.jobs().await?;
        let sealed = jobs.iter().any(|job| job.mode == Mode::Timelocked && job.stage == Stage::Included);
        Ok(Pass { ground: self.chain.ground(sealed).await?, jobs })
    }

    async fn take(
        &self,
        pass: &Pass,
        mechanism: MechId,
        jobs: Vec<Job>,
        step: Move,
    ) -> Result<WeightsOutcome, RoleError> {
        let after = pass.ground.mechanisms.iter().find(|m| m.mechanism == mechanism);
        let after = after.map_or(0, |ground| machine::last_update(ground, &jobs));
        let find = |id: i64| jobs.into_iter().find(|job| job.id == id);
        match step {
            Move::Open(mode) => self.open(pass, (mechanism, after), mode).await,
            Move::Wait { until, why } => Ok(WeightsOutcome::NotDue { from_block: until, why }),
            Move::Settle { job, send } => match find(job) {
                Some(job) => self.settle(pass, job, Leg::First, send).await,
                None => Ok(gone(job)),
            },
            Move::Reveal { job } => match find(job) {
                Some(job) => self.reveal(pass, job).await,
                None => Ok(gone(job)),
            },
            Move::SettleReveal { job, send } => match find(job) {
                Some(job) => self.settle(pass, job, Leg::Reveal, send).await,
                None => Ok(gone(job)),
            },
            Move::Rule { job, ruling } => match find(job) {
                Some(job) => self.rule(pass, job, ruling).await,
                None => Ok(gone(job)),
            },
        }
    }

    /// Due → built → signed → sent → included.
    async fn open(
        &self,
        pass: &Pass,
        (mechanism, after): (MechId, BlockNumber),
        mode: Mode,
    ) -> Result<WeightsOutcome, RoleError> {
        let ground = &pass.ground;
        let Some(row) = self.numbers(ground).await? else {
            self.view.without_scores(mechanism);
            return Ok(WeightsOutcome::NoScores);
        };
        let (job, call) = self.built(ground, build::job(ground, mechanism, after, mode, row)).await?;
        let mut job = self.journal.open(job, ground.block).await?;
        let signed = match self.chain.sign(mechanism, &call, ground.rules.has_mechanisms).await {
            Ok(signed) => signed,
            Err(error) => {
                let ruling = Ruling::because(Stage::Failed, error.to_string());
                self.journal.advance(&mut job, (ground.block, None), ruling).await?;
                return Err(error.into());
            }
        };
        let hash = signed.hash;
        job.plan.signed = Some(signed);
        self.journal.advance(&mut job, (ground.block, Some(hash)), Ruling::to(Stage::Signed)).await?;
        self.deliver(job, Leg::First).await
    }

    /// The numbers of now; `None` when there are none.
    async fn numbers(&self, ground: &WeightsGround) -> Result<Option<Row>, RoleError> {
        let registered: Vec<Identity> = ground.metagraph.neurons.iter().map(Neuron::identity).collect();
        let Some(shares) = self.shares.shares(&registered).await? else { return Ok(None) };
        let row = build::row(ground, &shares);
        Ok((!row.0.is_empty()).then_some(row))
    }

    async fn built(&self, ground: &WeightsGround, mut job: Job) -> Result<(Job, WeightsCall), RoleError> {
        let (ground, hotkey) = (ground.clone(), self.chain.hotkey());
        let building = tokio::task::spawn_blocking(move || {
            let call = build::call(&mut job, &ground, &hotkey);
            call.map(|call| (job, call))
        });
        let built =
            building.await.map_err(|e| RoleError::Weights(format!("the weights could not be computed: {e}")))?;
        built.map_err(|e| RoleError::Weights(format!("the weights could not be sealed for the chain's beacon: {e}")))
    }

    /// Signed → sent → in a block. Whatever happens on the way, the journal has the bytes.
    async fn deliver(&self, mut job: Job, leg: Leg) -> Result<WeightsOutcome, RoleError> {
        let Some(signed) = leg.signed(&job).cloned() else { return self.nothing_signed(job, leg).await };
        let sent_at = (signed.birth, Some(signed.hash));
        let refused = self.chain.post(&signed).await?;
        if refused.is_none() {
            self.journal.advance(&mut job, sent_at, Ruling::to(leg.sent())).await?;
        }
        match self.chain.follow(&signed, refused).await {
            Ok(inclusion) => {
                let at = At { block: inclusion.block, hash: hash_of(&inclusion.block_hash) };
                self.landed(job, leg, at, signed.hash).await
            }
            Err(error) => {
                if ended(&error, job.stage) {
                    let ruling = Ruling::because(leg.without(), error.to_string());
                    self.journal.advance(&mut job, sent_at, ruling).await?;
                    self.view.failed(&job, &error.to_string());
                }
                Err(error.into())
            }
        }
    }

    async fn landed(&self, job: Job, leg: Leg, at: At, extrinsic: Hash32) -> Result<WeightsOutcome, RoleError> {
        match leg {
            Leg::First => self.included(job, at, extrinsic).await,
            Leg::Reveal => self.revealed(job, at, extrinsic).await,
        }
    }

    async fn included(&self, mut job: Job, at: At, extrinsic: Hash32) -> Result<WeightsOutcome, RoleError> {
        job.plan.included = Some(at);
        self.journal.advance(&mut job, (at.block, Some(extrinsic)), Ruling::to(Stage::Included)).await?;
        let (mode, mechanism) = (job.mode, job.mechanism);
        tracing::info!(job = job.id, block = at.block, %mode, mechanism, weights = ?job.row.0, "{}", match mode {
            Mode::Plain => "weights set",
            Mode::Hashed | Mode::Timelocked => "weights committed",
        });
        Ok(WeightsOutcome::Set { block: at.block, mode, mechanism, weights: job.row.0 })
    }

    /// A transaction of unknown fate: the blocks are asked first, then the same bytes are sent again.
    async fn settle(&self, pass: &Pass, mut job: Job, leg: Leg, send: bool) -> Result<WeightsOutcome, RoleError> {
        let Some(signed) = leg.signed(&job).cloned() else { return self.nothing_signed(job, leg).await };
        match self.fate(pass, &job, &signed).await? {
            Ending::In(at) => self.landed(job, leg, at, signed.hash).await,
            Ending::Never(cause) => {
                let (id, place) = (job.id, (pass.ground.block, Some(signed.hash)));
                self.journal.advance(&mut job, place, Ruling::because(leg.without(), cause)).await?;
                Ok(WeightsOutcome::Advanced { job: id, stage: leg.without() })
            }
            Ending::Open if send => self.deliver(job, leg).await,
            Ending::Open => {
                let next = pass.ground.block.saturating_add(1);
                let (from_block, why) = match leg {
                    Leg::First => (next.min(signed.last_block.saturating_add(1)), Wait::Due),
                    Leg::Reveal => (next, Wait::Reveal { job: job.id, late: false }),
                };
                Ok(WeightsOutcome::NotDue { from_block, why })
            }
        }
    }

    /// Included → reveal signed → sent → revealed.
    async fn reveal(&self, pass: &Pass, mut job: Job) -> Result<WeightsOutcome, RoleError> {
        let has_mechanisms = pass.ground.rules.has_mechanisms;
        let signed = self.chain.sign(job.mechanism, &build::reveal(&job), has_mechanisms).await?;
        let place = (pass.ground.block, Some(signed.hash));
        job.plan.reveal = Some(signed);
        self.journal.advance(&mut job, place, Ruling::to(Stage::RevealSigned)).await?;
        self.deliver(job, Leg::Reveal).await
    }

    async fn revealed(&self, mut job: Job, at: At, extrinsic: Hash32) -> Result<WeightsOutcome, RoleError> {
        job.plan.revealed = Some(at);
        self.journal.advance(&mut job, (at.block, Some(extrinsic)), Ruling::to(Stage::Revealed)).await?;
        tracing::info!(job = job.id, block = at.block, mechanism = job.mechanism, "weights revealed");
        Ok(WeightsOutcome::Advanced { job: job.id, stage: Stage::Revealed })
    }

    async fn fate(&self, pass: &Pass, job: &Job, signed: &SignedCall) -> Result<Ending, RoleError> {
        Ok(match self.chain.fate(signed).await? {
            Fate::Open => Ending::Open,
            Fate::Never => Ending::Never("it was not included in a block while it was valid".to_owned()),
            Fate::Refused(refusal) => Ending::Never(refusal.to_string()),
            Fate::Included { block, hash } => Ending::In(At { block, hash }),
            // Only the state tells: what succeeded moved the last update (a commit or plain weights), or the commit is gone.
            Fate::Unknown { block, hash } => {
                let ground = pass.ground.mechanisms.iter().find(|m| m.mechanism == job.mechanism);
                let worked = ground.is_some_and(|ground| ground.last_update >= block);
                match worked {
                    true => Ending::In(At { block, hash }),
                    false => Ending::Never(format!("it is in block {block}, but changed nothing")),
                }
            }
        })
    }

    /// What the machine saw, written down; an end that is no good one is an alarm.
    async fn rule(&self, pass: &Pass, mut job: Job, ruling: Ruling) -> Result<WeightsOutcome, RoleError> {
        let here = At { block: pass.ground.block, hash: pass.ground.hash };
        if ruling.stage == Stage::Revealed {
            job.plan.revealed = Some(here);
        }
        let (id, stage) = (job.id, ruling.stage);
        if let (Stage::Lost, Some(cause)) = (stage, &ruling.cause) {
            tracing::error!(
                job = id, mode = %job.mode, mechanism = job.mechanism, block = here.block, cause,
                "the weights are lost: {cause}; new ones are set when they are due"
            );
            self.view.lost(&job, cause);
        }
        self.journal.advance(&mut job, place(here), ruling).await?;
        if stage == Stage::Shown {
            self.view.shown(&job, here.block);
        }
        Ok(WeightsOutcome::Advanced { job: id, stage })
    }

    /// The journal says signed and has no signature: written by another hand.
    async fn nothing_signed(&self, mut job: Job, leg: Leg) -> Result<WeightsOutcome, RoleError> {
        let (id, stage) = (job.id, leg.without());
        let ruling = Ruling::because(stage, "the journal has no signed transaction for this job");
        self.journal.advance(&mut job, (0, None), ruling).await?;
        Ok(WeightsOutcome::Advanced { job: id, stage })
    }
}

/// The transactions of a job: that of the weights or their commit, and that of a hashed commit's reveal.
#[derive(Clone, Copy)]
enum Leg {
    First,
    Reveal,
}

impl Leg {
    const fn signed(self, job: &Job) -> Option<&SignedCall> {
        match self {
            Self::First => job.plan.signed.as_ref(),
            Self::Reveal => job.plan.reveal.as_ref(),
        }
    }

    const fn sent(self) -> Stage {
        match self {
            Self::First => Stage::Sent,
            Self::Reveal => Stage::RevealSent,
        }
    }

    /// Where a job stands whose transaction never will be in a block. Committed it is still; whether it can be revealed again
    /// is for the machine to say.
    const fn without(self) -> Stage {
        match self {
            Self::First => Stage::Failed,
            Self::Reveal => Stage::Included,
        }
    }
}

/// What became of a transaction.
enum Ending {
    Open,
    In(At),
    Never(String),
}

const fn gone(job: i64) -> WeightsOutcome {
    WeightsOutcome::Advanced { job, stage: Stage::Failed }
}

/// Whether the transaction of this error never will succeed. What one node took, the pool of another cannot take back.
fn ended(error: &SubtensorError, stage: Stage) -> bool {
    let was_taken = matches!(stage, Stage::Sent | Stage::RevealSent);
    match error {
        SubtensorError::Refused(refusal) => refusal.block.is_some() || !was_taken,
        SubtensorError::Expired { .. } | SubtensorError::Overtaken { .. } => true,
        _ => false,
    }
}

fn hash_of(text: &str) -> Hash32 {
    let mut bytes = [0; 32];
    // The client wrote it from a hash.
    let _ = hex::decode_to_slice(text.trim_start_matches("0x"), &mut bytes);
    Hash32(bytes)
}
