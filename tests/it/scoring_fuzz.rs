//! Any bytes, read as rules, prices, answers and outcomes, come to finite scores, to shares that sum to 1 or to none,
//! and to numbers that the chain takes.

use std::collections::BTreeMap;

use neuron::scoring::admission::{EventState, Prices, Window};
use neuron::scoring::event::{EventFrame, EventStats, selected};
use neuron::scoring::grid::ORIGIN;
use neuron::scoring::rules::{
    Average, Clip, Duplicates, IntervalWeight, ReferencePick, RuleName, SequentialOrder, SubmissionPick,
};
use neuron::scoring::weights::{read_back, weights_u16};
use neuron::scoring::window::{ScoredEvent, averages, shares};
use neuron::scoring::{IntervalStats, Report, Rules};
use neuron::units::{Uid, UnixMs};

use crate::wire_fuzz::fuzz;

const MINERS: usize = 5;
const MINUTE: i64 = 60_000;

/// Bytes as a source of decisions; zeros behind their end.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    fn bits(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A sound number, a troublesome one, or any.
    fn number(&mut self) -> f64 {
        const ODD: [f64; 12] = [
            0.0,
            -0.0,
            1.0,
            0.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            5e-324,
            1.0 - f64::EPSILON,
            f64::MAX,
            -1e-300,
        ];
        match self.byte() % 8 {
            0 => f64::from_bits(self.bits()),
            1 => self.of(&ODD),
            _ => f64::from(self.byte()) / 255.0,
        }
    }

    /// Up to 22 days around the origin of the grid.
    fn time(&mut self) -> UnixMs {
        ORIGIN.plus_ms(i64::from(i16::from_le_bytes([self.byte(), self.byte()])) * MINUTE)
    }

    fn rules(&mut self) -> Rules {
        use IntervalWeight::{Exponential, ExponentialFlat2, Power, Uniform};
        Rules {
            rule: self.of(&[RuleName::MarketDelta, RuleName::Sequential, RuleName::Brier, RuleName::PeerLog]),
            submission: self.of(&[SubmissionPick::IntervalMean, SubmissionPick::Last, SubmissionPick::First]),
            interval_minutes: self.of(&[240, 10, 1440, 10_080]),
            interval_weight: self.of(&[Uniform, Exponential, ExponentialFlat2, Power]),
            interval_power: self.number(),
            price_max_age_seconds: u32::from(self.byte()) * 60,
            reference_pick: self.of(&[ReferencePick::AtOrBefore, ReferencePick::WorstBracket]),
            clip: self.of(&[Clip::Aggregate, Clip::Event]),
            average: self.of(&[Average::Window, Average::Ema, Average::Daily]),
            window_events: 500,
            exponent: self.byte(),
            confidence_z: self.number(),
            class_balance: self.of(&[false, true]),
            duplicates: self.of(&[Duplicates::Independent, Duplicates::Split]),
            sequential_order: self.of(&[SequentialOrder::Rounds, SequentialOrder::Arrival]),
            min_events: 1,
        }
    }

    /// One event from its offer to its scores; `None` when it does not count.
    fn event(&mut self, rules: &Rules) -> Option<ScoredEvent<usize>> {
        let (opened, cutoff) = (self.time(), self.time());
        let resolved = self.byte().is_multiple_of(2).then(|| self.time());
        let window = Window { opened, cutoff, resolved };
        let observed: Vec<_> = (0..self.byte() % 16).map(|_| (self.time(), self.number())).collect();
        let prices = Prices::new(observed);
        let outcome = self.number();
        let registered = (0..MINERS).map(|_| self.time()).collect();
        let mut cells: BTreeMap<(i64, usize), IntervalStats> = BTreeMap::new();
        for _ in 0..self.byte() % 64 {
            let (miner, t, p) = (usize::from(self.byte()) % MINERS, self.time(), self.number());
            let Ok(admitted) = window.admit(t, p, &prices, rules.price_max_age_ms()) else { continue };
            let r = admitted.reference(rules.reference_pick, outcome);
            assert!((0.0..=1.0).contains(&admitted.p) && (0.0..=1.0).contains(&r));
            let report = Report { t, p: admitted.p, r };
            let row = rules.grid().index(t) - rules.grid().index(opened);
            cells.entry((row, miner)).and_modify(|s| s.add(report)).or_insert(IntervalStats::of(report));
        }
        // A payout that is none never gets past the ledger's door.
        if window.state(&prices, rules.price_max_age_ms()) != EventState::Scored || !(0.0..=1.0).contains(&outcome) {
            return None;
        }
        let prior = prices.first_in(opened.plus_ms(-rules.price_max_age_ms()), window.close()).unwrap_or(0.5);
        let frame = EventFrame { opened, close: window.close(), outcome, prior };
        let mut stats = EventStats::new(&frame, rules, registered);
        for ((row, miner), cell) in &cells {
            stats.set(usize::try_from(*row).unwrap(), *miner, cell);
        }
        let scores = selected(rules).score(&stats.view());
        assert_eq!(scores.len(), MINERS);
        // Logarithms of 0.01 to 0.99 differ by less than 4.6; every other rule stays within one unit.
        let bound = if rules.rule == RuleName::PeerLog { 4.6 } else { 1.0 } + 1e-9;
        assert!(scores.iter().flatten().all(|s| s.abs() <= bound), "{scores:?} by {rules:?}");
        let predicted = |m: usize| cells.keys().any(|(_, miner)| *miner == m);
        if rules.rule != RuleName::PeerLog {
            assert!((0..MINERS).all(|m| scores[m].is_some() == predicted(m)), "{scores:?} by {rules:?}");
        }
        let scores = scores.into_iter().enumerate().filter_map(|(m, s)| Some((m, s?))).collect();
        Some(ScoredEvent { outcome, resolved: resolved.unwrap_or(cutoff), scores })
    }
}

/// The whole way of a score.
fn walk(bytes: &[u8]) -> bool {
    let mut tape = Tape(bytes);
    let mut rules = tape.rules();
    if rules.validate().is_err() {
        rules = Rules { interval_power: 2.0, exponent: 1, confidence_z: 0.0, ..rules };
        if rules.validate().is_err() {
            return false;
        }
    }
    let events: Vec<_> = (0..=tape.byte() % 6).filter_map(|_| tape.event(&rules)).collect();
    let averages = averages(&events, &rules);
    for (miner, average) in &averages {
        assert!(average.mean.is_finite() && average.reward.is_finite() && average.reward >= 0.0, "{miner} {average:?}");
    }
    let rewards: Vec<_> = (0..MINERS).map(|m| (m, averages.get(&m).map_or(0.0, |a| a.reward))).collect();
    let Some(shares) = shares(&rewards) else {
        assert!(rewards.iter().all(|(_, reward)| *reward == 0.0), "{rewards:?}");
        return false;
    };
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    assert!(shares.iter().all(|(_, share)| (0.0..=1.0).contains(share)), "{shares:?}");
    assert!((total - 1.0).abs() < 1e-12, "{shares:?}");
    let by_uid: Vec<_> = shares.iter().map(|(m, share)| (Uid(*m as u16 * 7), *share)).collect();
    let minimum = usize::from(tape.byte()) % (MINERS + 2);
    let weights = weights_u16(&by_uid, minimum, tape.number());
    assert_eq!(weights.is_empty(), minimum > MINERS, "{shares:?}");
    assert!(weights.len() >= minimum || minimum > MINERS, "{weights:?} for a minimum of {minimum}");
    assert!(weights.windows(2).all(|pair| pair[0].0 < pair[1].0));
    if !weights.is_empty() {
        assert_eq!(weights.iter().map(|(_, weight)| *weight).max(), Some(u16::MAX));
        assert!((read_back(&weights).iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
    }
    true
}

/// Bytes that lead to a market with prices and answers under the rule, far more often than chance would.
fn seed(rule: u8) -> Vec<u8> {
    // Rule, pick, interval, weights, power, price age (hours), bracket, clip, average, exponent, z, …
    // For brier a week: it takes silence in an interval for a wrong answer.
    let mut bytes = vec![rule, 0, if rule == 2 { 3 } else { 0 }, rule, 2, 200, 255, 0, 0, rule, 1, 2, 0, 0, 0, 0, 2];
    for event in 0..3_u8 {
        bytes.extend([0, 0, 0, 8, 1, 4]);
        for hour in 0..4_u8 {
            bytes.extend([hour * 60, 0, 2, 40 * hour + event]);
        }
        bytes.extend([2, if event == 1 { 0 } else { 255 }]);
        bytes.extend([0x80; 2 * MINERS]);
        bytes.push(12);
        for answer in 0..12_u8 {
            bytes.extend([answer, answer * 20, 0, 2, answer * 21]);
        }
    }
    bytes.extend([3, 2, 255]);
    bytes
}

#[test]
fn any_bytes_come_to_finite_scores_and_weights() {
    let seeds: Vec<_> = (0..4).map(seed).collect();
    for (rule, seed) in seeds.iter().enumerate() {
        assert!(walk(seed), "the seed of rule {rule} earns somebody something");
    }
    fuzz("scoring", &seeds, |bytes| {
        walk(bytes);
    });
}
