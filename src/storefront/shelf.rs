//! Reading for an answer: a connection of its own on a thread that may wait, a few at a time; and what several answers need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::Source;
use super::answers::Who;
use super::problem::Problem;
use crate::clock;
use crate::role::{Snapshot, Subnet};
use crate::scoring::ranks::RankModel;
use crate::subnets::events::ledger::{Archive, Standings};
use crate::units::{Account, Identity, UnixMs};

/// Answers that are read at once.
const READERS: usize = 4;
/// How long an answer waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// How old the averages in an answer may be: they are the sum of a window, which moves with a resolution.
const KEEP_AVERAGES: Duration = Duration::from_secs(5);
/// How far back a score may lie to count in a community prediction, ms.
const FRESH_MS: i64 = 2 * 24 * 3_600_000;

/// How far the replica that answers is behind the ledger, in ms.
const BEHIND: HeaderName = HeaderName::from_static("x-ledger-behind-ms");

/// A time as a number of milliseconds.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is read from. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Shop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    readers: Arc<Semaphore>,
    averages: Mutex<Option<(Instant, Arc<Averages>)>>,
    /// What was learnt last, if anything was.
    learnt: Mutex<Option<Arc<RankModel>>>,
}

/// How everybody stands.
#[derive(Debug)]
pub(super) struct Averages {
    /// The window.
    pub(super) standings: Standings,
    /// The sum of its rewards.
    pub(super) total: f64,
    /// Rewards of those who have a score of the last two days.
    fresh: BTreeMap<Identity, f64>,
}

impl Averages {
    /// What a miner's word counts: its reward, 0 without a score of the last two days.
    pub(super) fn weight(&self, identity: &Identity) -> f64 {
        self.standing(identity).unwrap_or(0.0)
    }

    /// The reward of a miner that has a score of the last two days.
    pub(super) fn standing(&self, identity: &Identity) -> Option<f64> {
        self.fresh.get(identity).copied()
    }
}

/// A ledger, open for one answer.
pub(super) struct Shelf {
    pub(super) archive: Archive<'static>,
    /// How old what is read may be, where that is a replica's.
    pub(super) behind: Option<Duration>,
    shop: Shop,
}

impl Shop {
    pub(super) fn new(source: Source) -> Self {
        let readers = Arc::new(Semaphore::new(READERS));
        Self(Arc::new(Inner { source, readers, averages: Mutex::default(), learnt: Mutex::default() }))
    }

    /// What it shows.
    pub(super) fn source(&self) -> &Source {
        &self.0.source
    }

    /// What was learnt last from how events ended.
    pub(super) fn learnt(&self) -> Option<Arc<RankModel>> {
        self.0.learnt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was learnt now.
    pub(super) fn has_learnt(&self, model: RankModel) {
        *self.0.learnt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(model));
    }

    /// Reads something.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Shelf) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::busy("Too many requests are waiting for the ledger", PATIENCE);
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0.readers).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let shop = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // Kept until the reading is done, also when the caller has gone away.
            let _turn = turn;
            let archive = Archive::open(&shop.0.source.ledger)?;
            let behind = archive.behind()?;
            if let Some(age) = behind.filter(|age| *age > shop.0.source.oldest) {
                return Err(Problem::stale(age));
            }
            job(&Shelf { archive, behind, shop })
        });
        reading.await.map_err(|_| Problem::broken())?
    }

    /// Reads something and sends it.
    pub(super) async fn answer<T: Serialize>(
        &self,
        job: impl FnOnce(&Shelf) -> Result<T, Problem> + Send + 'static,
    ) -> Result<Response, Problem> {
        self.read(move |shelf| {
            let mut answer = json(&job(shelf)?)?;
            if let Some(behind) = shelf.behind {
                answer.headers_mut().insert(BEHIND, HeaderValue::from(milliseconds(behind)));
            }
            Ok(answer)
        })
        .await
    }
}

/// Who has which slot now, where somebody knows.
#[derive(Debug)]
pub(super) struct Uids(Option<Arc<Snapshot>>);

impl Uids {
    /// How an answer names this miner.
    pub(super) fn who(&self, identity: &Identity) -> Who {
        let neuron = self.0.as_ref().and_then(|now| now.neuron(&identity.hotkey));
        Who::is(identity, neuron.filter(|neuron| neuron.identity() == *identity).map(|neuron| neuron.uid.0))
    }
}

impl Shelf {
    pub(super) fn now(&self) -> UnixMs {
        self.shop.0.source.clock.now()
    }

    /// What was learnt last from how events ended.
    pub(super) fn learnt(&self) -> Option<Arc<RankModel>> {
        self.shop.learnt()
    }

    pub(super) fn uids(&self) -> Uids {
        Uids(self.shop.0.source.subnet.as_ref().map(Subnet::now))
    }

    /// How everybody stands, as of a few seconds ago at most.
    pub(super) fn averages(&self) -> Result<Arc<Averages>, Problem> {
        let now = clock::monotonic();
        let keep = || self.shop.0.averages.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keep().clone().filter(|(at, _)| now.saturating_duration_since(*at) < KEEP_AVERAGES);
        if let Some((_, averages)) = kept {
            return Ok(averages);
        }
        let standings = self.archive.standings(&self.shop.0.source.rules)?;
        let heard = self.archive.scored_since(self.now().plus_ms(-FRESH_MS))?;
        let heard = standings.miners.iter().filter(|standing| heard.contains(&standing.identity));
        let fresh = heard.map(|standing| (standing.identity, standing.reward)).collect();
        let total = standings.miners.iter().map(|standing| standing.reward).sum();
        let averages = Arc::new(Averages { standings, total, fresh });
        *keep() = Some((now, Arc::clone(&averages)));
        Ok(averages)
    }

    /// A hotkey as the ledger has it: by its last registration, or by the one that is named.
    pub(super) fn identity(&self, hotkey: &str, registered_at: Option<&str>) -> Result<Identity, Problem> {
        let hotkey: Account = hotkey.parse().map_err(|_| Problem::no_miner())?;
        let block = registered_at.map(str::parse::<u64>).transpose();
        let block = block.map_err(|_| Problem::bad("`registered_at` must be the number of a block"))?;
        let is_meant = |one: &Identity| one.hotkey == hotkey && block.is_none_or(|block| one.registered_at == block);
        let found = self.archive.identities().filter(is_meant).max_by_key(|one| one.registered_at);
        found.ok_or_else(Problem::no_miner)
    }
}

/// An answer, named after its content: who has it already need not be sent it again.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(|e| {
        tracing::warn!("an answer of the storefront is no JSON: {e}");
        Problem::broken()
    })?;
    let name = hex::encode(Sha256::digest(&text).get(..16).unwrap_or_default());
    let tag = HeaderValue::from_str(&format!("\"{name}\"")).map_err(|_| Problem::broken())?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}
