//! How fast work on time series is. `cargo bench --bench timeseries`.
//!
//! Prints the time of a back-test of five models over 30 days, a forecast every five minutes; of the scoring of 480 requests of
//! 256 miners; and of loading a year of five-minute candles from the store, beside what each may take.
#![allow(
    clippy::disallowed_macros,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a program that prints for a person"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use ndarray::ArrayView1;
use neuron::clock::monotonic;
use neuron::forecast::backtest::{Walk, summary, walk};
use neuron::forecast::series::{Model, model};
use neuron::market::klines::series::Series;
use neuron::market::klines::store::Store;
use neuron::scoring::timeseries::long_run::{Start, update};
use neuron::scoring::timeseries::rmse::weighted_rmse;
use neuron::scoring::timeseries::scaling::request_shares;
use neuron::scoring::timeseries::volatility::PercentileTables;
use neuron::units::UnixMs;

const BEGIN: UnixMs = UnixMs(1_767_225_600_000);
const DAY: usize = 288;
const CLOSES: usize = 100;
const MINERS: usize = 256;
const REQUESTS: usize = 480;
const MODELS: [&str; 5] = ["persistence", "drift", "ar", "ridge", "holt"];

fn main() {
    // `cargo test --benches` calls it with `--test`: nothing to prove there.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    back_test();
    scoring();
    store();
}

fn told(what: &str, took: Duration, may: Duration) {
    println!("{what:<75} {:>9.1} ms of {:>6} ms", took.as_secs_f64() * 1e3, may.as_millis());
}

fn timed<T>(job: impl FnOnce() -> T) -> (T, Duration) {
    let start = monotonic();
    let result = job();
    (result, start.elapsed())
}

fn back_test() {
    let models: Vec<Box<dyn Model>> = MODELS.iter().filter_map(|name| model(name)).collect();
    let before = models.iter().map(|model| model.window()).max().unwrap_or(0);
    let series = Series::simulated(1, BEGIN, before + 30 * DAY + CLOSES);
    let span = series.span().unwrap();
    let whole = Walk { from: span.from, until: span.until, stride: 1, closes: CLOSES };
    let names = MODELS.map(str::to_owned);
    let (found, took) = timed(|| {
        let moments = walk(&series, &models, whole).unwrap();
        summary(&names, &moments, 1)
    });
    let what = format!("back-test of {} models, {} forecasts each, with bands", MODELS.len(), found.forecasts);
    told(&what, took, Duration::from_secs(20));
}

fn scoring() {
    let series = Series::simulated(2, BEGIN, REQUESTS * 6 + CLOSES);
    let closes: Vec<f64> = series.candles().iter().map(|candle| candle.close).collect();
    // Each miner's forecast is what comes, more or less.
    let said: Vec<Vec<f64>> =
        (0..MINERS).map(|miner| closes.iter().map(|close| close * (1.0 + 1e-5 * miner as f64)).collect()).collect();
    let tables = PercentileTables::built_in().unwrap();
    let ((), took) = timed(|| {
        let mut stored: BTreeMap<usize, f64> = BTreeMap::new();
        for request in 0..REQUESTS {
            let span = request * 6..request * 6 + CLOSES;
            let truth = ArrayView1::from(closes.get(span.clone()).unwrap_or_default());
            let error = |(miner, said): (usize, &Vec<f64>)| {
                let said = ArrayView1::from(said.get(span.clone()).unwrap_or_default());
                Some((miner, weighted_rmse(said, truth).ok()?))
            };
            let errors: Vec<(usize, f64)> = said.iter().enumerate().filter_map(error).collect();
            let shares = request_shares(&errors).unwrap_or_default();
            update(&mut stored, &shares, tables.weight(truth), Start::Mean);
        }
        black_box(stored);
    });
    told(
        &format!("scoring of {MINERS} miners x {CLOSES} closes x {REQUESTS} requests"),
        took,
        Duration::from_millis(500),
    );
}

fn store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("klines.sqlite");
    let year = Series::simulated(3, BEGIN, 365 * DAY);
    Store::open(&path).unwrap().add("binance", year.candles()).unwrap();
    let load = || timed(|| black_box(Store::open(&path).unwrap().series("binance").unwrap())).1;
    let best = (0..5).map(|_| load()).min().unwrap_or_default();
    told(
        &format!("a year of five-minute candles ({}) from the store", year.candles().len()),
        best,
        Duration::from_millis(50),
    );
}
