//! How the oracle stands to single markets, which the Gamma API alone tells: `GET /markets?condition_ids=…`.
//!
//! That list leaves out markets that are closed unless they are asked for, so both are: a market that waits for its outcome may be
//! either.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::market::http::HttpClient;
use crate::market::{MarketError, Review};

/// Markets asked for in one request.
const AT_ONCE: usize = 20;

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Reviewed {
    condition_id: String,
    uma_resolution_status: Option<String>,
}

/// The reviews of these markets, by id, of those that have one.
pub(super) async fn reviews(gamma: &HttpClient, ids: &[String]) -> Result<Vec<(String, Review)>, MarketError> {
    // By ids as they were asked for, however the API writes them.
    let wanted: HashMap<String, &String> = ids.iter().map(|id| (id.to_lowercase(), id)).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        for closed in ["false", "true"] {
            let limit = AT_ONCE.to_string();
            let mut query = vec![("limit", limit.as_str()), ("closed", closed)];
            query.extend(ids.iter().map(|id| ("condition_ids", id.as_str())));
            let markets: Vec<Box<RawValue>> = gamma.read(&["markets"], &query, "a list of markets").await?;
            // One that cannot be read costs itself only.
            let markets = markets.iter().filter_map(|text| serde_json::from_str::<Reviewed>(text.get()).ok());
            found.extend(markets.filter_map(|market| {
                let id = wanted.get(&market.condition_id.to_lowercase())?;
                Some(((*id).clone(), Review::named(market.uma_resolution_status.as_deref()?)?))
            }));
        }
    }
    Ok(found)
}
