//! Where requests are answered.

use std::sync::PoisonError;

use ndarray::ArrayView1;

use super::memory::Promise;
use super::{Record, TimeseriesMiner};
use crate::axon::{Builder, Caller, Dialect, Handler, Refusal, Reply};
use crate::market::klines::Candle;
use crate::market::klines::INTERVAL;
use crate::scoring::timeseries::rmse::{check_forecast, weighted_rmse};
use crate::subnets::timeseries::schedule::{CLOSES, Schedule};
use crate::subnets::timeseries::synapse::{
    LiveBackward, LiveForward, LiveForwardHash, TrainingBackward, TrainingForward, prediction_hash,
};
use crate::synapse::Tensor;
use crate::synapse::tensor::Values;
use crate::units::UnixMs;

/// Rows of a history that comes with a request: open time, close, high, low, volume.
const ROWS: usize = 5;
/// The longest history looked at: 35 days.
const LONGEST: usize = 35 * 288;

/// The miner, and under which name it commits.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    miner: TimeseriesMiner,
    own_ss58: String,
}

impl Desk {
    pub(super) const fn new(miner: TimeseriesMiner, own_ss58: String) -> Self {
        Self { miner, own_ss58 }
    }

    pub(super) fn serve(self, axon: Builder) -> Builder {
        axon.serve::<LiveForwardHash>(self.clone())
            .serve::<LiveForward>(self.clone())
            .serve::<LiveBackward>(self.clone())
            .serve::<TrainingForward>(self.clone())
            .serve::<TrainingBackward>(self)
    }

    fn schedule(&self) -> Schedule {
        self.miner.0.schedule
    }

    fn now(&self) -> UnixMs {
        self.miner.0.clock.now()
    }

    /// The answer to a history that comes along: no commitment, any time.
    async fn answer_history(&self, samples: &Tensor) -> Result<Tensor, Refusal> {
        let history = history(samples).map_err(Refusal::bad_request)?;
        let said = self.miner.0.strategy.closes_after(&history, CLOSES).await;
        let closes = said.map_err(|reason| Refusal::unavailable(format!("no forecast: {reason}")))?;
        Ok(Tensor::from_f64(&closes, samples.is_torch()))
    }

    /// What was promised, or the forecast of now for a validator that asks for no promise.
    async fn numbers(&self, caller: &Caller) -> Result<Vec<f64>, Refusal> {
        let now = self.now();
        let round = self.schedule().round(now);
        if !self.schedule().may_reveal(round, now) {
            return Err(out_of_time("numbers are shown"));
        }
        let promised = self.miner.0.memory.promised(caller.hotkey, round).await;
        let Some(promise) = promised.map_err(|error| Refusal::internal(error.to_string()))? else {
            return self.miner.closes_from(now).map(|(closes, _)| closes).ok_or_else(not_ready);
        };
        // What is kept might have been changed by somebody else: another value than the promised one is never shown.
        if prediction_hash(&self.own_ss58, &promise.closes) != promise.hash {
            return Err(Refusal::internal("the numbers kept are not those that were committed"));
        }
        Ok(promise.closes)
    }
}

fn out_of_time(what: &str) -> Refusal {
    Refusal { status: 403, message: format!("Forbidden. Not the time at which {what}.") }
}

fn not_ready() -> Refusal {
    Refusal::unavailable("no forecast is ready")
}

fn check_size(asked: i64) -> Result<(), Refusal> {
    if usize::try_from(asked) == Ok(CLOSES) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("prediction_size is {asked}, but must be {CLOSES}")))
}

/// The candles of a request.
fn history(samples: &Tensor) -> Result<Vec<Candle>, String> {
    let array = samples.decode().map_err(|error| error.to_string())?;
    let [rows, columns] = array.shape.as_slice() else {
        return Err(format!("samples have {} dimensions, 2 are expected", array.shape.len()));
    };
    let columns = usize::try_from(*columns).unwrap_or(usize::MAX);
    if *rows != ROWS as u64 || !(2..=LONGEST).contains(&columns) {
        return Err(format!("samples are {rows}×{columns}, {ROWS}×2 to {ROWS}×{LONGEST} are expected"));
    }
    let values: Vec<f64> = match array.values {
        Values::Float(values) => values,
        Values::Int(values) => values.into_iter().map(|value| value as f64).collect(),
        Values::Bool(_) => return Err("samples are not numbers".to_owned()),
    };
    let cell = |row: usize, column: usize| values.get(row * columns + column).copied().unwrap_or(f64::NAN);
    let candle = |column: usize| {
        let [time, close, high, low, volume] = [0, 1, 2, 3, 4].map(|row| cell(row, column));
        Candle { open_at: INTERVAL.floor(UnixMs(time as i64)), open: close, high, low, close, volume }
    };
    let candles: Vec<Candle> = (0..columns).map(candle).collect();
    match candles.iter().position(|candle| !(candle.close.is_finite() && candle.close > 0.0)) {
        Some(place) => Err(format!("close {place} of the samples is not a positive number")),
        None => Ok(candles),
    }
}

impl Handler<LiveForwardHash> for Desk {
    async fn handle(&self, caller: &Caller, mut asked: LiveForwardHash) -> Result<Reply<LiveForwardHash>, Refusal> {
        check_size(asked.prediction_size)?;
        let now = self.now();
        if !self.schedule().may_commit(now) {
            return Err(out_of_time("commitments are made"));
        }
        let make = || {
            let (closes, last_close) = self.miner.closes_from(now)?;
            let hash = prediction_hash(&self.own_ss58, &closes);
            Some(Promise { uuid: asked.request_uuid.chars().take(64).collect(), hash, closes, last_close })
        };
        let round = self.schedule().round(now);
        let promised = self.miner.0.memory.promise(caller.hotkey, round, make).await;
        let promise = promised.map_err(|error| Refusal::internal(error.to_string()))?.ok_or_else(not_ready)?;
        asked.hashed_predictions = Some(promise.hash);
        Ok(Reply::Answer(asked))
    }
}

impl Handler<LiveForward> for Desk {
    async fn handle(&self, caller: &Caller, mut asked: LiveForward) -> Result<Reply<LiveForward>, Refusal> {
        check_size(asked.prediction_size)?;
        let answer = match asked.samples.take() {
            Some(samples) => self.answer_history(&samples).await?,
            None => Tensor::from_f64(&self.numbers(caller).await?, caller.dialect == Dialect::Legacy),
        };
        asked.predictions = Some(answer);
        Ok(Reply::Answer(asked))
    }
}

impl Handler<LiveBackward> for Desk {
    async fn handle(&self, caller: &Caller, mut told: LiveBackward) -> Result<Reply<LiveBackward>, Refusal> {
        let samples = told.samples.take().ok_or_else(|| Refusal::bad_request("no samples"))?;
        let truth = samples.to_f64().map_err(|error| Refusal::bad_request(error.to_string()))?;
        check_forecast(&truth, CLOSES).map_err(|error| Refusal::bad_request(error.to_string()))?;
        let promised = self.miner.0.memory.of_request(caller.hotkey, &told.request_uuid).await;
        if let Some(promise) = promised.map_err(|error| Refusal::internal(error.to_string()))? {
            self.judge(&promise, &truth);
        }
        told.received = true;
        Ok(Reply::Answer(told))
    }
}

impl Desk {
    /// Takes the truth about a promise into our own record.
    fn judge(&self, promise: &Promise, truth: &[f64]) {
        let truth = ArrayView1::from(truth);
        let error = |said: &[f64]| weighted_rmse(ArrayView1::from(said), truth);
        let (Ok(ours), Ok(naive)) = (error(&promise.closes), error(&[promise.last_close; CLOSES])) else { return };
        let ratio = if naive > 0.0 { ours / naive } else { 1.0 };
        let mut record = self.miner.0.record.write().unwrap_or_else(PoisonError::into_inner);
        let judged = record.judged + 1;
        *record = Record {
            judged,
            better_than_persistence: record.better_than_persistence + u64::from(ours < naive),
            mean_ratio: record.mean_ratio + (ratio - record.mean_ratio) / judged as f64,
        };
        tracing::info!(rmse = ours, persistence = naive, "a validator sent the outcome of a forecast");
    }
}

impl Handler<TrainingForward> for Desk {
    /// On past data whatever its scale: the last value of the second row goes on. Validators never send it.
    async fn handle(&self, _: &Caller, mut asked: TrainingForward) -> Result<Reply<TrainingForward>, Refusal> {
        check_size(asked.prediction_size)?;
        let samples = asked.samples.take().ok_or_else(|| Refusal::bad_request("no samples"))?;
        let answer = self.answer_history(&samples).await?;
        asked.predictions = Some(answer);
        Ok(Reply::Answer(asked))
    }
}

impl Handler<TrainingBackward> for Desk {
    async fn handle(&self, _: &Caller, mut told: TrainingBackward) -> Result<Reply<TrainingBackward>, Refusal> {
        (told.samples, told.received) = (None, true);
        Ok(Reply::Answer(told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_checked_before_it_is_believed() {
        let tensor = |rows: u64, columns: u64, value: f64| {
            Tensor::with_shape(&vec![value; (rows * columns) as usize], &[rows, columns], false)
        };
        assert_eq!(history(&tensor(5, 300, 7.0)).unwrap().len(), 300);
        for bad in [tensor(4, 300, 7.0), tensor(5, 1, 7.0), tensor(5, 20_000, 7.0), Tensor::from_f64(&[1.0], false)] {
            assert!(history(&bad).unwrap_err().contains("expected"));
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(history(&tensor(5, 3, bad)).unwrap_err().contains("positive"));
        }
    }
}
