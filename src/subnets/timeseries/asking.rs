//! What is said to miners, and what their answers are worth.

use std::collections::{HashMap, HashSet};

use super::ledger::Commitment;
use super::schedule::CLOSES;
use super::synapse::{LiveForward, LiveForwardHash, prediction_hash};
use crate::market::klines::Candle;
use crate::scoring::timeseries::rmse::check_forecast;
use crate::synapse::Tensor;
use crate::units::Identity;

/// The series that is asked about.
pub(super) const STREAM: &str = "BTCUSD-5m";
/// Subject and layout, as every version has them.
const TOPIC: i64 = 1;
const SCHEMA: i64 = 1;
/// The names of the five features, as validators send them.
const FEATURES: [f64; 5] = [0.001, 0.002, 0.003, 0.004, 0.005];

/// Asks for a commitment.
pub(super) fn for_hash(uuid: &str) -> LiveForwardHash {
    LiveForwardHash {
        request_uuid: uuid.to_owned(),
        stream_id: STREAM.to_owned(),
        samples: None,
        topic_id: Some(TOPIC),
        feature_ids: FEATURES.to_vec(),
        prediction_size: CLOSES as i64,
        schema_id: Some(SCHEMA),
        hashed_predictions: None,
    }
}

/// Asks for the numbers, with the history where the protocol wants one.
pub(super) fn for_numbers(uuid: &str, samples: Option<Tensor>) -> LiveForward {
    LiveForward {
        request_uuid: uuid.to_owned(),
        stream_id: STREAM.to_owned(),
        samples,
        topic_id: Some(TOPIC),
        feature_ids: FEATURES.to_vec(),
        prediction_size: CLOSES as i64,
        schema_id: Some(SCHEMA),
        predictions: None,
    }
}

/// A history as it goes out: rows of open time (ms), close, high, low, volume, unscaled.
pub(super) fn history(candles: &[Candle]) -> Tensor {
    let row = |of: fn(&Candle) -> f64| candles.iter().map(of);
    let values: Vec<f64> = row(|candle| candle.open_at.0 as f64)
        .chain(row(|candle| candle.close))
        .chain(row(|candle| candle.high))
        .chain(row(|candle| candle.low))
        .chain(row(|candle| candle.volume))
        .collect();
    Tensor::with_shape(&values, &[5, candles.len() as u64], false)
}

/// A commitment that can be one: 64 lower-case hexadecimal digits.
pub(super) fn hash_of(answer: &LiveForwardHash) -> Result<String, &'static str> {
    let hash = answer.hashed_predictions.as_deref().ok_or("no_commitment")?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if hash.len() == 64 && hash.bytes().all(is_digit) { Ok(hash.to_owned()) } else { Err("malformed_commitment") }
}

/// The closes of an answer, if they can be closes.
pub(super) fn closes_of(answer: &LiveForward) -> Result<Vec<f64>, &'static str> {
    let tensor = answer.predictions.as_ref().ok_or("no_numbers")?;
    let closes = tensor.to_f64().map_err(|_| "malformed_numbers")?;
    check_forecast(&closes, CLOSES).map_err(|_| "impossible_numbers")?;
    Ok(closes)
}

/// The commitments of a round.
pub(super) struct Promised<'a> {
    own: HashMap<Identity, &'a str>,
    /// Those that more than one miner made.
    repeated: HashSet<&'a str>,
}

impl<'a> Promised<'a> {
    pub(super) fn of(commitments: &'a [Commitment]) -> Self {
        let (mut seen, mut repeated) = (HashSet::new(), HashSet::new());
        for commitment in commitments {
            if !seen.insert(commitment.hash.as_str()) {
                repeated.insert(commitment.hash.as_str());
            }
        }
        let own = commitments.iter().map(|commitment| (commitment.miner, commitment.hash.as_str())).collect();
        Self { own, repeated }
    }

    /// Whether `miner` promised anything.
    pub(super) fn has(&self, miner: Identity) -> bool {
        self.own.contains_key(&miner)
    }

    /// The closes of `miner`, if they are the promised ones. The hash covers the hotkey: a copy of somebody else's
    /// opens nothing.
    pub(super) fn opened(&self, miner: Identity, answer: &LiveForward) -> Result<Vec<f64>, &'static str> {
        let promised = self.own.get(&miner).ok_or("no_commitment")?;
        let closes = closes_of(answer)?;
        if prediction_hash(&miner.hotkey.ss58(), &closes) == **promised {
            return Ok(closes);
        }
        Err(if self.repeated.contains(promised) { "copied_commitment" } else { "other_numbers" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Account;

    fn miner(byte: u8) -> Identity {
        Identity { hotkey: Account([byte; 32]), registered_at: 1 }
    }

    fn answer(closes: &[f64]) -> LiveForward {
        LiveForward { predictions: Some(Tensor::from_f64(closes, false)), ..for_numbers("u", None) }
    }

    #[test]
    fn only_the_promised_numbers_open_a_commitment() {
        let closes: Vec<f64> = (0..100).map(|i| 60_000.0 + f64::from(i) / 3.0).collect();
        let hash = prediction_hash(&miner(1).hotkey.ss58(), &closes);
        let promise = |miner, hash: &str| Commitment { miner, hash: hash.to_owned() };
        let commitments = [promise(miner(1), &hash), promise(miner(2), &hash), promise(miner(3), &"0".repeat(64))];
        let promised = Promised::of(&commitments);
        assert_eq!(promised.opened(miner(1), &answer(&closes)), Ok(closes.clone()));
        assert_eq!(promised.opened(miner(2), &answer(&closes)), Err("copied_commitment"));
        assert_eq!(promised.opened(miner(3), &answer(&closes)), Err("other_numbers"));
        assert_eq!(promised.opened(miner(4), &answer(&closes)), Err("no_commitment"));
        assert!(promised.has(miner(3)) && !promised.has(miner(4)));
        let mut other = closes.clone();
        other[99] += 1e-9;
        let alone = Promised::of(&commitments[..1]);
        assert_eq!(alone.opened(miner(1), &answer(&other)), Err("other_numbers"));
    }

    #[test]
    fn what_cannot_be_closes_is_none() {
        let good = vec![60_000.0; 100];
        assert_eq!(closes_of(&answer(&good)), Ok(good.clone()));
        for bad in [f64::NAN, f64::INFINITY, 0.0, -5.0] {
            let mut closes = good.clone();
            closes[50] = bad;
            assert_eq!(closes_of(&answer(&closes)), Err("impossible_numbers"), "{bad}");
        }
        assert_eq!(closes_of(&answer(&good[..99])), Err("impossible_numbers"));
        assert_eq!(closes_of(&for_numbers("u", None)), Err("no_numbers"));
        let wrong = |tensor| LiveForward { predictions: Some(tensor), ..for_numbers("u", None) };
        assert_eq!(closes_of(&wrong(Tensor::with_shape(&good, &[10, 10], false))), Err("malformed_numbers"));
        let other_dtype = Tensor { dtype: "complex64".into(), ..Tensor::from_f64(&good, false) };
        assert_eq!(closes_of(&wrong(other_dtype)), Err("malformed_numbers"));
        let garbled = Tensor { buffer: "!!".into(), ..Tensor::from_f64(&good, false) };
        assert_eq!(closes_of(&wrong(garbled)), Err("malformed_numbers"));
    }

    #[test]
    fn a_commitment_has_sixty_four_digits() {
        let told =
            |hash: Option<&str>| LiveForwardHash { hashed_predictions: hash.map(str::to_owned), ..for_hash("u") };
        assert!(hash_of(&told(Some(&"0f".repeat(32)))).is_ok());
        assert_eq!(hash_of(&told(None)), Err("no_commitment"));
        for bad in ["", "0f", &"0F".repeat(32), &"zz".repeat(32), &"0".repeat(65)] {
            assert_eq!(hash_of(&told(Some(bad))), Err("malformed_commitment"), "{bad}");
        }
    }
}
