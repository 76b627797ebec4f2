//! The time series' part of a ledger: requests, commitments, forecasts, long-run weights.
//!
//! Each step of a request is one transaction: its commitments, its forecasts, its scores with the new weights. Kill the
//! process anywhere: a round is never begun twice, a request never scored twice, and what was begun is taken up again.

mod look;
mod read;
mod record;

use crate::ledger::{Fault, Ledger, LedgerError, Schema, sql};
use crate::scoring::timeseries::chain::Spread;
use crate::scoring::timeseries::long_run::Start;
use crate::scoring::timeseries::volatility::PercentileTables;
use crate::units::{Identity, UnixMs};

pub use look::{OfMiner, Request, Said, Whole};
pub(super) use look::{counts, of_miner, requests, whole};
pub use read::{Open, Standing};
pub(super) use read::{allotment, standings};

/// The tables.
pub const SCHEMA: Schema = Schema {
    kind: "timeseries",
    migrations: &[include_str!("migrations/0001.sql"), include_str!("migrations/0002.sql")],
};

/// How requests are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How much a volatile request counts.
    pub tables: PercentileTables,
    /// What a new miner starts from.
    pub start: Start,
    /// How weights are spread for the chain.
    pub spread: Spread,
}

/// A request that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Joins commitment and numbers.
    pub uuid: String,
    /// The beginning of its round: there is one request in each.
    pub round: UnixMs,
    /// What miners committed to.
    pub commitments: Vec<Commitment>,
}

/// What a miner committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The miner.
    pub miner: Identity,
    /// 64 hexadecimal digits, lower case.
    pub hash: String,
}

/// A forecast that counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The miner.
    pub miner: Identity,
    /// Its closes, all positive.
    pub closes: Vec<f64>,
}

/// The numbers of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Revealed {
    /// When they begin.
    pub starts_at: UnixMs,
    /// Those that count.
    pub forecasts: Vec<Forecast>,
    /// What became of the other commitments, in a word.
    pub fates: Vec<(Identity, &'static str)>,
}

/// A request that was scored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scored {
    /// Errors in dollars and shares, best first.
    pub miners: Vec<(Identity, f64, f64)>,
    /// How much it counted, `0.01..=1.0`.
    pub volatility: f64,
}

/// A ledger that keeps requests. Cheap to clone; the last clone that is dropped closes it.
#[derive(Debug, Clone)]
pub struct TimeseriesLedger {
    core: Ledger,
    rules: Rules,
}

impl TimeseriesLedger {
    /// The requests in a ledger that was opened with [`SCHEMA`].
    #[must_use]
    pub const fn over(core: Ledger, rules: Rules) -> Self {
        Self { core, rules }
    }

    /// The ledger that they are in.
    #[must_use]
    pub const fn core(&self) -> &Ledger {
        &self.core
    }

    /// How requests are judged.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether the round that began at `round` has its request.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn has_round(&self, round: UnixMs) -> Result<bool, LedgerError> {
        self.core.read(move |connection| read::has_round(connection, round)).await
    }

    /// Records a request with its commitments. False, and nothing is done, when its round has one.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn begin(&self, request: NewRequest) -> Result<bool, LedgerError> {
        self.core.write(move |transaction| record::begin(transaction, &request)).await
    }

    /// Records a request that had no commitments, with its numbers, at once. False, and nothing is done, when its round has
    /// one.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_whole(&self, request: NewRequest, revealed: Revealed) -> Result<bool, LedgerError> {
        let whole = move |transaction: &sql::Transaction<'_>| {
            let is_new = record::begin(transaction, &request)?;
            if is_new {
                record::reveal(transaction, &request.uuid, &revealed)?;
            }
            Ok::<bool, Fault>(is_new)
        };
        self.core.write(whole).await
    }

    /// Requests whose numbers are not there yet, with their commitments, oldest first.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn committed(&self) -> Result<Vec<NewRequest>, LedgerError> {
        self.core.read(read::committed).await
    }

    /// Records the numbers of a request. Repeating it changes nothing.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn reveal(&self, uuid: String, revealed: Revealed) -> Result<(), LedgerError> {
        self.core.write(move |transaction| record::reveal(transaction, &uuid, &revealed)).await
    }

    /// Gives a request up, for a reason in a word.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn drop_request(&self, uuid: String, reason: &'static str) -> Result<(), LedgerError> {
        self.core.write(move |transaction| record::give_up(transaction, &uuid, reason)).await
    }

    /// Requests that wait for what happens, oldest first.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn open_requests(&self) -> Result<Vec<Open>, LedgerError> {
        self.core.read(read::open).await
    }

    /// Scores a request against the closes that happened, and updates every miner's long-run weight; those that are not
    /// among `registered` leave (an empty list says that nobody knows). `None` when it was scored before, or is not open.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn score(
        &self,
        uuid: String,
        truth: Vec<f64>,
        registered: Vec<Identity>,
        now: UnixMs,
    ) -> Result<Option<Scored>, LedgerError> {
        let rules = self.rules.clone();
        self.core.write(move |transaction| record::score(transaction, &uuid, &truth, &registered, now, &rules)).await
    }

    /// How every miner stands.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn standings(&self) -> Result<Vec<Standing>, LedgerError> {
        self.core.read(read::standings).await
    }

    /// The shares of those that are registered; `None` when nobody has earned anything.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn shares(&self, registered: &[Identity]) -> Result<Option<Vec<(Identity, f64)>>, LedgerError> {
        let (registered, spread) = (registered.to_vec(), self.rules.spread);
        self.core.read(move |connection| allotment(connection, spread, &registered)).await
    }

    /// Forgets requests that began before `before`; how many.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn prune(&self, before: UnixMs) -> Result<usize, LedgerError> {
        self.core.write(move |transaction| record::prune(transaction, before)).await
    }
}

/// Doubles as bytes.
pub(super) fn pack(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The doubles in bytes; what is left over at the end is none.
pub(in super::super) fn unpack(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect()
}
