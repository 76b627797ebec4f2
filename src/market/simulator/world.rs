//! The hidden probabilities, their outcomes, and the prices that limp behind them.
//!
//! An outcome θ is drawn with the prior chance. From then on the log odds of what can be known move as
//! `L(u) = L₀ ± A·u/2 + √A·W(u)` with `u` the share of the event's life that has passed, `W` a Brownian motion, and the
//! sign that of the outcome: they are the log likelihood ratio of a signal with that drift. So `p = 1/(1+e⁻ᴸ)` is the
//! chance of θ given the path, stays inside (0, 1), and is a martingale; and given its last value, the outcome is a
//! draw with that chance. `W` comes from Lévy's construction, halving the life again and again: any moment costs
//! [`DEPTH`] draws and no memory.

use std::ops::Range;

use super::draw;
use super::random::{bits, normal, sign, uniform};
use super::{SimulatorConfig, SimulatorError};
use crate::market::exchange::{Exchange, Shown, Stage};
use crate::market::truth::Truth;
use crate::units::{Probability, UnixMs};

/// The Brownian path has 2^DEPTH steps per life.
const DEPTH: u32 = 16;

/// The first opening of an endless supply: 2024-01-01.
const EPOCH: UnixMs = UnixMs::from_secs(1_704_067_200);

/// Prices stay this far from 0 and 1, and are multiples of it.
const TICK: f64 = 0.001;

/// See the module.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    events: u64,
    start: UnixMs,
    spacing_ms: i64,
    horizon_ms: i64,
    step_ms: i64,
    lag_ms: i64,
    dispute_ms: i64,
    error: f64,
    information: f64,
}

impl World {
    /// The world of `config`, without a server.
    ///
    /// # Errors
    /// [`SimulatorError::Setting`] for a setting that makes no sense.
    pub fn new(config: &SimulatorConfig) -> Result<Self, SimulatorError> {
        let time = |setting, duration: std::time::Duration, least: u128| {
            let ms = duration.as_millis();
            let fits = i64::try_from(ms).ok().filter(|ms| *ms < i64::MAX / 1_000_000);
            fits.filter(|_| ms >= least).ok_or(SimulatorError::Setting {
                setting,
                value: format!("{duration:?}"),
                rule: "a millisecond or more, and less than 200 years",
            })
        };
        let number = |setting, value: f64, range: Range<f64>, rule| {
            let refused = SimulatorError::Setting { setting, value: value.to_string(), rule };
            if range.contains(&value) { Ok(value) } else { Err(refused) }
        };
        let default_start = if config.events.is_some() { config.clock.now() } else { EPOCH };
        Ok(Self {
            seed: config.seed,
            events: config.events.unwrap_or(u64::MAX),
            start: config.start.unwrap_or(default_start),
            spacing_ms: time("spacing", config.spacing, 1)?,
            horizon_ms: time("horizon", config.horizon, 1)?,
            step_ms: time("step", config.step, 1)?,
            lag_ms: time("lag", config.lag, 0)?,
            dispute_ms: time("dispute", config.dispute, 0)?,
            error: number("error", config.error, 0.0..0.4 + f64::EPSILON, "between 0 and 0.4")?,
            information: number("information", config.information, 0.0..1000.0, "between 0 and 1000")?,
        })
    }

    /// The condition id of event `index`: recognisable, and telling the index.
    #[must_use]
    pub fn id(&self, index: u64) -> String {
        let part = |n: u64| bits(&[self.seed, draw::NAME, index, n]);
        format!("0x{:016x}{:016x}{:016x}{index:016x}", part(0), part(1), part(2))
    }

    /// The event of a condition id, if it is one of this world.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<u64> {
        let index = u64::from_str_radix(id.get(50..)?, 16).ok()?;
        (index < self.events && self.id(index).eq_ignore_ascii_case(id)).then_some(index)
    }

    /// When event `index` opens.
    #[must_use]
    pub fn opens_at(&self, index: u64) -> UnixMs {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.start.plus_ms(index.saturating_mul(self.spacing_ms))
    }

    /// When event `index` ends; its outcome is told after the time for disputes.
    #[must_use]
    pub fn ends_at(&self, index: u64) -> UnixMs {
        self.opens_at(index).plus_ms(self.horizon_ms)
    }

    /// How event `index` will end: 1 or 0.
    #[must_use]
    pub fn outcome(&self, index: u64) -> Probability {
        let happens = uniform(&[self.seed, draw::OUTCOME, index]) < self.prior(index);
        if happens { Probability::ONE } else { Probability::ZERO }
    }

    /// The hidden probability of event `index` in the step that holds `at`.
    #[must_use]
    pub fn hidden(&self, index: u64, at: UnixMs) -> Probability {
        let age = self.step_start(at).since(self.opens_at(index)).clamp(0, self.horizon_ms);
        let life = age as f64 / self.horizon_ms as f64;
        let prior = self.prior(index);
        let direction = 2.0 * self.outcome(index).get() - 1.0;
        let evidence = self.information * direction * life / 2.0 + self.information.sqrt() * self.brownian(index, life);
        let odds = (prior / (1.0 - prior)).ln() + evidence;
        Probability::clamped(1.0 / (1.0 + (-odds).exp())).unwrap_or(Probability::ZERO)
    }

    /// The price of event `index` at `at`: what was known a lag ago, off by the error, up or down.
    #[must_use]
    pub fn price(&self, index: u64, at: UnixMs) -> f64 {
        let known = self.hidden(index, at.plus_ms(-self.lag_ms)).get();
        let error = self.error * sign(&[self.seed, draw::QUOTE, index], self.step(at));
        let price = off_by(known, error, TICK);
        ((price / TICK).round() * TICK * 1e9).round() / 1e9
    }

    fn prior(&self, index: u64) -> f64 {
        0.3 + 0.4 * uniform(&[self.seed, draw::PRIOR, index])
    }

    /// A Brownian motion at `life` in `0..=1`, by Lévy's construction.
    fn brownian(&self, index: u64, life: f64) -> f64 {
        let steps = 1u64 << DEPTH;
        let target = (life * steps as f64) as u64;
        let draw = |from: u64, to: u64| normal(&[self.seed, draw::PATH, index, from, to]);
        let (mut from, mut to) = (0, steps);
        // The end's draw is named backwards, for the first middle's has the other name.
        let (mut low, mut high) = (0.0, draw(steps, 0));
        while target != from && target != to {
            let middle = from.midpoint(to);
            // A bridge over a stretch of variance v has variance v/4 in its middle.
            let variance = (to - from) as f64 / steps as f64 / 4.0;
            let value = f64::midpoint(low, high) + variance.sqrt() * draw(from, to);
            if target < middle { (to, high) = (middle, value) } else { (from, low) = (middle, value) }
        }
        if target == from { low } else { high }
    }

    fn step(&self, at: UnixMs) -> i64 {
        at.since(self.start).div_euclid(self.step_ms)
    }

    fn step_start(&self, at: UnixMs) -> UnixMs {
        self.start.plus_ms(self.step(at).saturating_mul(self.step_ms))
    }

    /// The number of events that have opened by `at`.
    fn opened_by(&self, at: UnixMs) -> u64 {
        let spacings = at.since(self.start).div_euclid(self.spacing_ms);
        u64::try_from(spacings.saturating_add(1)).unwrap_or(0).min(self.events)
    }

    /// The first event that has not ended at `at`.
    fn first_alive(&self, at: UnixMs) -> u64 {
        self.opened_by(at.plus_ms(-self.horizon_ms))
    }

    fn show(&self, index: u64, at: UnixMs) -> Shown {
        let ends_at = self.ends_at(index);
        let state = match at.since(ends_at) {
            ..0 => Stage::Trading,
            past if past < self.dispute_ms => Stage::Awaiting,
            _ => Stage::Settled(self.outcome(index)),
        };
        Shown {
            id: self.id(index),
            question: format!("Will signal {index} of world {} be on?", self.seed),
            rules: "A simulated event: it resolves to \"On\" or \"Off\" by a draw when it ends.".to_owned(),
            outcomes: ["On".to_owned(), "Off".to_owned()],
            opened_at: self.opens_at(index),
            ends_at: Some(ends_at),
            starts_at: Some(self.opens_at(index).plus_ms(self.horizon_ms / 2)),
            price: Some(self.price(index, at)),
            state,
        }
    }

    fn show_some(&self, indices: Range<u64>, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown> {
        indices.skip(skip).take(limit).map(|index| self.show(index, at)).collect()
    }
}

/// `value` moved by `error`, or by as much the other way when that would leave `margin..=1-margin`.
///
/// So the result is always exactly `|error|` away (for errors below 0.5 − margin): an error of a set size.
#[must_use]
pub fn off_by(value: f64, error: f64, margin: f64) -> f64 {
    let moved = value + error;
    if (margin..=1.0 - margin).contains(&moved) { moved } else { (value - error).clamp(margin, 1.0 - margin) }
}

impl Truth for World {
    fn truth(&self, id: &str, at: UnixMs) -> Option<Probability> {
        let index = self.index(id).filter(|index| *index < self.opened_by(at))?;
        Some(if at >= self.ends_at(index) { self.outcome(index) } else { self.hidden(index, at) })
    }
}

impl Exchange for World {
    fn opened(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown> {
        self.show_some(0..self.opened_by(at), at, skip, limit)
    }

    fn trading(&self, at: UnixMs, skip: usize, limit: usize) -> Vec<Shown> {
        self.show_some(self.first_alive(at)..self.opened_by(at), at, skip, limit)
    }

    fn market(&self, id: &str, at: UnixMs) -> Option<Shown> {
        let index = self.index(id).filter(|index| *index < self.opened_by(at))?;
        Some(self.show(index, at))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    const HOUR: i64 = 3_600_000;

    fn world(seed: u64) -> World {
        let mut config = SimulatorConfig::new(seed, Clock::stepped(UnixMs(0)));
        config.start = Some(UnixMs(0));
        config.events = Some(10_000);
        World::new(&config).unwrap()
    }

    #[test]
    fn the_hidden_probability_is_a_martingale_that_ends_in_a_fair_draw() {
        let world = world(1);
        let events = 4000;
        // E[(p(t₂) − p(t₁))·g(p(t₁))] = 0 for a martingale, whatever g; the outcome is its last value.
        for (t1, t2) in [(0, 1), (1, 12), (6, 24), (24, 36), (36, 48), (24, i64::MAX)] {
            let at = |index: u64, hour: i64| {
                let open = world.opens_at(index);
                if hour == i64::MAX {
                    world.outcome(index).get()
                } else {
                    // The very end is taken just before it.
                    world.hidden(index, open.plus_ms((hour * HOUR).min(48 * HOUR - 1))).get()
                }
            };
            for g in [|_: f64| 1.0, |p: f64| if p > 0.5 { 1.0 } else { 0.0 }, |p: f64| (p - 0.5).powi(2) * 4.0] {
                let terms: Vec<f64> = (0..events).map(|i| (at(i, t2) - at(i, t1)) * g(at(i, t1))).collect();
                let mean = terms.iter().sum::<f64>() / events as f64;
                let variance = terms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / events as f64;
                let z = mean / (variance / events as f64).sqrt();
                assert!(z.abs() < 4.0, "{t1} → {t2}: mean {mean}, z {z}");
                assert!(variance > 0.0);
            }
        }
    }

    #[test]
    fn news_comes_all_the_time_and_is_as_much_as_set() {
        let world = world(2);
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let odds = |i: u64, h: i64| logit(world.hidden(i, world.opens_at(i).plus_ms(h * HOUR)).get());
        // Half a life: variance of the increments is half the information, in both halves.
        for (from, to) in [(0, 24), (24, 48)] {
            let steps: Vec<f64> = (0..4000).map(|i| odds(i, to) - odds(i, from)).collect();
            let drift = |i: usize, x: f64| x - (world.outcome(i as u64).get() - 0.5) / 2.0;
            let variance = steps.iter().enumerate().map(|(i, x)| drift(i, *x).powi(2)).sum::<f64>() / 4000.0;
            assert!((variance - 0.5).abs() < 0.05, "{variance}");
        }
    }

    #[test]
    fn a_price_is_the_truth_of_a_lag_ago_off_by_the_error() {
        let world = world(3);
        for index in 0..200 {
            for hour in 0..48 {
                let at = world.opens_at(index).plus_ms(hour * HOUR + 5);
                let known = world.hidden(index, at.plus_ms(-HOUR)).get();
                let price = world.price(index, at);
                let off = (price - known).abs();
                assert!((off - 0.15).abs() < 0.0011, "{index} {hour}: {price} for {known}");
                assert_eq!(price, world.price(index, world.step_start(at)), "the same for the whole step");
            }
        }
    }

    #[test]
    fn events_come_and_go_by_the_clock_and_ids_are_theirs_alone() {
        let world = world(4);
        let at = UnixMs(60 * HOUR);
        let trading = world.trading(at, 0, usize::MAX);
        assert_eq!(trading.len(), 48);
        assert_eq!(trading.first().map(|m| m.id.clone()), Some(world.id(13)));
        assert_eq!(world.opened(at, 10, 20).len(), 20);
        assert_eq!(world.market(&world.id(12), at).unwrap().state, Stage::Settled(world.outcome(12)));
        assert_eq!(world.market(&world.id(60), at).unwrap().state, Stage::Trading);
        assert_eq!(world.market(&world.id(61), at), None);
        assert_eq!(world.index(&super::tests::world(5).id(3)), None);
        let disputed = World { dispute_ms: HOUR + 1, ..world.clone() };
        assert_eq!(disputed.market(&world.id(11), at).unwrap().state, Stage::Awaiting);
        assert_eq!(disputed.market(&world.id(10), at).unwrap().state, Stage::Settled(world.outcome(10)));
        for stranger in ["", "0x", "é".repeat(40).as_str(), &"f".repeat(66)] {
            assert_eq!(world.index(stranger), None);
        }
    }

    #[test]
    fn an_endless_supply_is_the_same_after_a_restart() {
        let at = |now: i64| {
            let config = SimulatorConfig::new(6, Clock::stepped(UnixMs::from_secs(now)));
            World::new(&config).unwrap()
        };
        let later = UnixMs::from_secs(1_760_000_000);
        assert_eq!(at(1_750_000_000).trading(later, 0, 5), at(1_755_555_555).trading(later, 0, 5));
        assert_eq!(at(1_750_000_000).trading(later, 0, 100).len(), 48);
    }

    #[test]
    fn a_senseless_setting_is_named() {
        let mut config = SimulatorConfig::new(1, Clock::wall());
        config.error = f64::NAN;
        assert!(World::new(&config).unwrap_err().to_string().contains("error = NaN"));
        config.error = 0.1;
        config.step = Duration::ZERO;
        assert!(World::new(&config).unwrap_err().to_string().contains("step = 0ns"));
    }
}
