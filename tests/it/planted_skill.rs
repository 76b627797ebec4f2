//! The skills planted in a demonstration come out in their order after 60 events, whatever the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use neuron::clock::Clock;
use neuron::forecast::planted::{How, PLANTED};
use neuron::forecast::{Forecaster, Question, Skilled, Source};
use neuron::market::EventKey;
use neuron::market::polymarket::NAME;
use neuron::market::simulator::{SimulatorConfig, World};
use neuron::units::{Probability, UnixMs};

const EVENTS: u64 = 60;
const HOUR_MS: i64 = 3_600_000;
const HOURS_UNTIL_CUTOFF: i64 = 24;

fn question(world: &World, index: u64) -> Question {
    let id = world.id(index);
    let key = EventKey::new(NAME, &id);
    Question { key, provider: NAME.to_owned(), id, description: "".into(), cutoff: None }
}

/// The mean gain of each planted miner: per event the mean over 4-hour intervals of the mean improvement on the price.
async fn mean_gains(seed: u64) -> Vec<f64> {
    let mut config = SimulatorConfig::new(seed, Clock::stepped(UnixMs(0)));
    config.events = Some(EVENTS);
    config.start = Some(UnixMs::from_secs(1_767_225_600));
    let world = Arc::new(World::new(&config).unwrap());
    let mut gains = Vec::new();
    for (number, planted) in PLANTED.iter().enumerate() {
        let forecaster = planted
            .how
            .skill(seed * 100 + number as u64)
            .map(|skill| Skilled::new(skill, Source::Here(Arc::clone(&world) as _)).unwrap());
        let mut total = 0.0;
        for index in 0..EVENTS {
            let mut intervals: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            let outcome = world.outcome(index).get();
            // The first tick only tells the miner that there is such an event.
            for hour in 1..HOURS_UNTIL_CUTOFF {
                let at = world.opens_at(index).plus_ms(hour * HOUR_MS);
                let price = world.price(index, at);
                let answer = match (&forecaster, planted.how) {
                    (Some(skilled), _) => {
                        skilled.forecast(&[question(&world, index)], at).await[0].probability.map(Probability::get)
                    }
                    (None, How::FollowsMarket) => Some(price),
                    (None, _) => None,
                };
                if let Some(p) = answer {
                    let gain = (p - price) * (2.0 * outcome - p - price);
                    intervals.entry(at.0.div_euclid(4 * HOUR_MS)).or_default().push(gain);
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let interval_means: Vec<f64> = intervals.values().map(Vec::as_slice).map(mean).collect();
            total += if interval_means.is_empty() { 0.0 } else { mean(&interval_means) };
        }
        gains.push(total / EVENTS as f64);
    }
    gains
}

#[tokio::test]
async fn the_order_of_planted_skill_shows_after_sixty_events() {
    let seeds = 0..40;
    let mut sums = vec![0.0; PLANTED.len()];
    let mut wrong = Vec::new();
    for seed in seeds.clone() {
        let gains = mean_gains(seed).await;
        sums.iter_mut().zip(&gains).for_each(|(sum, gain)| *sum += gain);
        assert_eq!((gains[4], gains[5]), (0.0, 0.0));
        if !gains[..5].is_sorted_by(|a, b| a > b) {
            wrong.push((seed, gains));
        }
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / seeds.clone().count() as f64).collect();
    assert!(wrong.is_empty(), "{wrong:.4?}");
    for (planted, mean) in PLANTED.iter().zip(means) {
        assert!((planted.expected_gain - mean).abs() < 0.002, "{}: {mean}", planted.name);
    }
}
