//! What the time series need from others, tried once: the exchanges.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::settings::TimeseriesSettings;
use crate::clock::{self, Clock};
use crate::config::Resolved;
use crate::market::klines::INTERVAL;
use crate::market::klines::samples::Times;
use crate::subnets::finding::{Finding, took};

const AREA: &str = "work";
const PATIENCE: Duration = Duration::from_secs(30);
/// Candles asked for.
const CANDLES: usize = 3;

/// Reads the last candles once.
pub(super) fn look(resolved: &Resolved, clock: &Clock) -> BoxFuture<'static, Vec<Finding>> {
    let settings = TimeseriesSettings::of(resolved).map_err(|e| e.to_string());
    let made = settings.and_then(|settings| settings.aggregate(clock).map_err(|e| e.to_string()));
    let clock = clock.clone();
    async move {
        let market = match made {
            Ok(market) => market,
            Err(error) => return vec![Finding::bad(AREA, "exchanges", error, "correct the setting that it names")],
        };
        let first = INTERVAL.floor(clock.now()).plus_ms(-INTERVAL.ms() * CANDLES as i64);
        let began = clock::monotonic();
        let asked = tokio::time::timeout(PATIENCE, market.samples(Times::candles(first, CANDLES)));
        vec![match asked.await {
            Ok(Ok(samples)) => {
                let known = samples.len();
                let seen = format!("{known} of {CANDLES} candles, in {}", took(began.elapsed()));
                if known == 0 {
                    Finding::bad(
                        AREA,
                        "exchanges",
                        seen,
                        "check the network of this machine, and the list of exchanges",
                    )
                } else {
                    Finding::good(AREA, "exchanges", seen)
                }
            }
            Ok(Err(error)) => {
                let remedy = "some exchanges serve some countries only: list others";
                Finding::bad(AREA, "exchanges", error.to_string(), remedy)
            }
            Err(_) => {
                let seen = format!("no answer within {} s", PATIENCE.as_secs());
                Finding::bad(AREA, "exchanges", seen, "check the network of this machine")
            }
        }]
    }
    .boxed()
}
