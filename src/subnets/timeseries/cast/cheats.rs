//! Miners that break the rules: none of it pays.

use std::sync::{Arc, OnceLock};

use crate::axon::{Builder, Caller, Handler, Refusal, Reply};
use crate::clock::Clock;
use crate::subnets::timeseries::miner::TimeseriesMiner;
use crate::subnets::timeseries::schedule::CLOSES;
use crate::subnets::timeseries::synapse::{LiveForward, LiveForwardHash, prediction_hash};
use crate::subnets::work::MinerWork;
use crate::synapse::Tensor;

/// What a cheat does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trick {
    /// Commits to the last close for ever, and shows better numbers.
    OtherNumbers,
    /// Has no commitment while commitments are taken, and numbers when it has seen more.
    Late,
    /// Commits to the hash of the best miner, and shows its numbers.
    Copies,
}

/// The best miner, as others overhear it: its numbers, and the name that it commits under.
#[derive(Clone, Default)]
pub(super) struct Overheard {
    miner: Arc<OnceLock<TimeseriesMiner>>,
    ss58: Arc<OnceLock<String>>,
}

impl Overheard {
    /// `miner`, who does not know that it is overheard.
    pub(super) fn listen_to(&self, miner: TimeseriesMiner) -> Watched {
        let _ = self.miner.set(miner.clone());
        Watched { miner, ss58: Arc::clone(&self.ss58) }
    }
}

/// An honest miner whose name is overheard when it begins to serve.
pub(super) struct Watched {
    miner: TimeseriesMiner,
    ss58: Arc<OnceLock<String>>,
}

impl MinerWork for Watched {
    fn serve(&self, axon: Builder) -> Builder {
        let _ = self.ss58.set(axon.hotkey().ss58());
        self.miner.serve(axon)
    }

    fn manner(&self) -> String {
        self.miner.manner()
    }

    fn status(&self) -> String {
        self.miner.status()
    }
}

/// See [`Trick`].
#[derive(Clone)]
pub(super) struct Cheat {
    pub(super) trick: Trick,
    pub(super) naive: TimeseriesMiner,
    pub(super) best: Overheard,
    pub(super) clock: Clock,
    pub(super) own: OnceLock<String>,
}

impl MinerWork for Cheat {
    fn serve(&self, axon: Builder) -> Builder {
        let _ = self.own.set(axon.hotkey().ss58());
        axon.serve::<LiveForwardHash>(self.clone()).serve::<LiveForward>(self.clone())
    }

    fn manner(&self) -> String {
        format!("the trick {:?}", self.trick)
    }

    fn status(&self) -> String {
        "up to no good".to_owned()
    }
}

impl Cheat {
    fn closes_of(&self, miner: Option<&TimeseriesMiner>) -> Result<Vec<f64>, Refusal> {
        let ready = miner.and_then(TimeseriesMiner::ready);
        let closes = ready.and_then(|ready| ready.closes_from(self.clock.now(), CLOSES));
        closes.ok_or_else(|| Refusal::unavailable("nothing is ready"))
    }
}

impl Handler<LiveForwardHash> for Cheat {
    async fn handle(&self, _: &Caller, mut asked: LiveForwardHash) -> Result<Reply<LiveForwardHash>, Refusal> {
        let name = |name: &OnceLock<String>| name.get().cloned().unwrap_or_default();
        let hash = match self.trick {
            Trick::OtherNumbers => prediction_hash(&name(&self.own), &self.closes_of(Some(&self.naive))?),
            Trick::Late => return Err(Refusal::unavailable("not yet")),
            Trick::Copies => prediction_hash(&name(&self.best.ss58), &self.closes_of(self.best.miner.get())?),
        };
        asked.hashed_predictions = Some(hash);
        Ok(Reply::Answer(asked))
    }
}

impl Handler<LiveForward> for Cheat {
    async fn handle(&self, _: &Caller, mut asked: LiveForward) -> Result<Reply<LiveForward>, Refusal> {
        asked.predictions = Some(Tensor::from_f64(&self.closes_of(self.best.miner.get())?, false));
        Ok(Reply::Answer(asked))
    }
}
