//! What events need from others, tried once: the markets.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use super::settings::EventsSettings;
use crate::clock::{self, Clock};
use crate::config::Resolved;
use crate::market;
use crate::subnets::finding::{Finding, took};

const AREA: &str = "work";
/// How long a market may take to list its events.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads every market once.
pub(super) fn look(resolved: &Resolved, clock: &Clock) -> BoxFuture<'static, Vec<Finding>> {
    let remedy = "correct the setting that it names";
    let made = EventsSettings::of(resolved)
        .map_err(|e| e.to_string())
        .and_then(|settings| market::providers(&settings.market, clock).map_err(|e| e.to_string()));
    let providers = match made {
        Ok(providers) => providers,
        Err(error) => {
            let found = vec![Finding::bad(AREA, "markets", error, remedy)];
            return std::future::ready(found).boxed();
        }
    };
    let looks = providers.into_iter().map(|provider| async move {
        let what = format!("market {}", provider.name());
        let began = clock::monotonic();
        match tokio::time::timeout(PATIENCE, provider.list()).await {
            Ok(Ok(found)) if found.is_empty() => {
                let remedy = "the market may have no open event now, or the filters in the settings leave none";
                Finding::odd(AREA, what, format!("no event, in {}", took(began.elapsed())), remedy)
            }
            Ok(Ok(found)) => {
                let priced = found.iter().filter(|listing| listing.quote.is_some()).count();
                let seen = format!("{} events, {priced} with a price, in {}", found.len(), took(began.elapsed()));
                Finding::good(AREA, what, seen)
            }
            Ok(Err(error)) => {
                let remedy = "some markets serve some countries only; otherwise check the address and the network";
                Finding::bad(AREA, what, error.to_string(), remedy)
            }
            Err(_) => {
                let seen = format!("no answer within {} s", PATIENCE.as_secs());
                Finding::bad(AREA, what, seen, "check the network of this machine")
            }
        }
    });
    join_all(looks).boxed()
}
