//! Who would lead, were the models the only miners: the subnet's own long-run weights, request by request. No money is in it.

use std::collections::BTreeMap;

use super::Moment;
use crate::market::klines::INTERVAL;
use crate::scoring::timeseries::long_run::{Start, update};
use crate::units::UnixMs;

/// The subnet asks so often, ms.
const PERIOD_MS: i64 = 1_800_000;

/// The weights after one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// When it was made.
    pub at: UnixMs,
    /// The long-run weight of each model.
    pub weights: Vec<f64>,
    /// Its place by that, 1 for the largest; equals share the better one.
    pub ranks: Vec<u32>,
}

/// The standing after each of the requests that the subnet would have made during the walk: every half hour, or as often as
/// there are moments.
#[must_use]
pub fn standings(moments: &[Moment]) -> Vec<Standing> {
    let mut stored: BTreeMap<usize, f64> = BTreeMap::new();
    let mut found: Vec<Standing> = Vec::new();
    for moment in moments {
        if found.last().is_some_and(|last| moment.at.since(last.at) < PERIOD_MS - INTERVAL.ms() / 2) {
            continue;
        }
        let shares: Vec<(usize, f64)> = moment.shares.iter().copied().enumerate().collect();
        update(&mut stored, &shares, moment.weight, Start::Mean);
        let weights: Vec<f64> = stored.values().copied().collect();
        let rank = |own: &f64| 1 + weights.iter().filter(|other| *other > own).count() as u32;
        found.push(Standing { at: moment.at, ranks: weights.iter().map(rank).collect(), weights });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::backtest::KNOTS;

    #[test]
    fn who_is_nearer_leads_and_a_turn_takes_time() {
        let moment = |i: i64| {
            let first = if i < 600 { 0.7 } else { 0.3 };
            Moment {
                at: UnixMs(i * INTERVAL.ms()),
                errors: vec![1.0; 2],
                squares: vec![[1.0; KNOTS.len()]; 2],
                moves: vec![[0.0; KNOTS.len()]; 2],
                shares: vec![first, 1.0 - first],
                weight: 0.5,
            }
        };
        let moments: Vec<Moment> = (0..1800).map(moment).collect();
        let found = standings(&moments);
        assert_eq!(found.len(), 300, "every half hour");
        assert_eq!(found[90].ranks, [1, 2]);
        assert_eq!(found[101].ranks, [1, 2], "one better request does not turn it");
        assert_eq!(found[299].ranks, [2, 1]);
        assert!(standings(&[]).is_empty());
    }
}
