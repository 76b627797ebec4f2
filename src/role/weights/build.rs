//! From shares to a job: the numbers, and what makes a commit of them.

use crypto_secretbox::aead::OsRng;
use crypto_secretbox::aead::rand_core::RngCore as _;

use super::due::SEALED_VERSION;
use super::job::{Job, Mode, Plan, Stage};
use crate::scoring::weights::weights_u16;
use crate::subtensor::weights::{Hash32, MechId, Row, WeightsCall, WeightsGround, commit_hash};
use crate::timelock::{self, Payload, PublicKey, TimelockError};
use crate::units::{Account, BlockNumber, Identity, Uid};

/// Numbers of a salt: as many as the field's tools take.
const SALT: usize = 8;
/// The chain's limit of one weight's share is a constant: all of it.
const NO_LIMIT: f64 = 1.0;

/// The numbers for these shares, by uid; empty when nobody has a share, or the subnet is too small for its own minimum.
///
/// A share is of an identity: a newcomer in a slot has none of those that were earned there before.
#[must_use]
pub fn row(ground: &WeightsGround, shares: &[(Identity, f64)]) -> Row {
    let of = |identity: Identity| shares.iter().find(|(who, _)| *who == identity).map_or(0.0, |(_, share)| *share);
    let by_uid: Vec<(Uid, f64)> =
        ground.metagraph.neurons.iter().map(|neuron| (neuron.uid, of(neuron.identity()))).collect();
    // The chain itself asks for no more than there are neurons.
    let least = usize::from(ground.rules.min_allowed).min(by_uid.len());
    Row(weights_u16(&by_uid, least, NO_LIMIT))
}

/// A job that is about to be opened.
pub(super) fn job(ground: &WeightsGround, mechanism: MechId, after: BlockNumber, mode: Mode, row: Row) -> Job {
    let registered = |uid: &Uid| ground.metagraph.neuron(*uid).map_or(0, |neuron| neuron.registered_at);
    let plan = Plan {
        version_key: ground.rules.version_key,
        registered: row.0.iter().map(|(uid, _)| registered(uid)).collect(),
        ..Plan::default()
    };
    Job { id: 0, mechanism, after, mode, stage: Stage::Built, row, plan }
}

/// The call of a job, with what it commits to noted in the plan. Sealing takes some milliseconds of pure computation.
pub(super) fn call(job: &mut Job, ground: &WeightsGround, hotkey: &Account) -> Result<WeightsCall, TimelockError> {
    let version_key = job.plan.version_key;
    match job.mode {
        Mode::Plain => Ok(WeightsCall::Set { row: job.row.clone(), version_key }),
        Mode::Hashed => {
            job.plan.salt = salt();
            let hash = commit_hash(hotkey, ground.epochs.netuid, job.mechanism, &job.row, &job.plan.salt, version_key);
            job.plan.commit = Some(hash);
            Ok(WeightsCall::Commit { hash })
        }
        Mode::Timelocked => {
            let (uids, values) = job.row.columns();
            let payload = Payload { hotkey: Some(*hotkey), uids, values, version_key };
            let round = ground.reveal_round().unwrap_or(1);
            let key = PublicKey::from_bytes(&ground.beacon.public_key)?;
            let commit = timelock::seal(&payload, round, &key)?;
            (job.plan.commit, job.plan.round) = (Some(Hash32::of(&commit)), Some(round));
            Ok(WeightsCall::CommitSealed { commit, round, version: SEALED_VERSION })
        }
    }
}

/// The reveal of a hashed commit.
pub(super) fn reveal(job: &Job) -> WeightsCall {
    WeightsCall::Reveal { row: job.row.clone(), salt: job.plan.salt.clone(), version_key: job.plan.version_key }
}

fn salt() -> Vec<u16> {
    let mut bytes = [0_u8; 2 * SALT];
    OsRng.fill_bytes(&mut bytes);
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect()
}
