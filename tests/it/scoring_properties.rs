//! What must hold for every input, tried on 10,000 generated ones each.

use std::collections::BTreeMap;

use neuron::scoring::admission::{Prices, Window};
use neuron::scoring::event::{EventFrame, EventStats, selected};
use neuron::scoring::grid::ORIGIN;
use neuron::scoring::quadratic::{delta, loss};
use neuron::scoring::rules::{Average, Clip, Duplicates, IntervalWeight, RuleName, SequentialOrder, SubmissionPick};
use neuron::scoring::sequential::chain;
use neuron::scoring::weights::{read_back, weights_u16};
use neuron::scoring::window::{ScoredEvent, averages, shares};
use neuron::scoring::{IntervalStats, Report, Rules};
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Account, Identity, Uid, UnixMs};
use proptest::prelude::*;

use crate::places::place;

const HOUR: i64 = 3_600_000;
const INTERVAL: i64 = 4 * HOUR;

/// One report as generated: miner, time after the origin, probability and price.
type Raw = (usize, i64, f64, f64);

fn thousandths() -> impl Strategy<Value = f64> {
    (0..=1000_i32).prop_map(|n| f64::from(n) / 1000.0)
}

/// Reports of up to four miners in three intervals.
fn reports() -> impl Strategy<Value = Vec<Raw>> {
    prop::collection::vec((0..4_usize, 0..3 * INTERVAL, thousandths(), thousandths()), 0..12)
}

/// Any bits at all, with the troublesome ones often.
fn any_bits() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            1e308
        ]),
        thousandths(),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    use prop::sample::select;
    let picks = (
        select(vec![RuleName::MarketDelta, RuleName::Sequential, RuleName::Brier, RuleName::PeerLog]),
        select(vec![SubmissionPick::IntervalMean, SubmissionPick::Last, SubmissionPick::First]),
        select(vec![
            IntervalWeight::Uniform,
            IntervalWeight::Exponential,
            IntervalWeight::ExponentialFlat2,
            IntervalWeight::Power,
        ]),
        select(vec![Clip::Aggregate, Clip::Event]),
        select(vec![Average::Window, Average::Ema, Average::Daily]),
    );
    let rest = (any::<bool>(), any::<bool>(), any::<bool>(), 1..=4_u8, select(vec![0.0, 1.0]));
    (picks, rest).prop_map(
        |((rule, submission, interval_weight, clip, average), (split, arrival, balance, exponent, z))| Rules {
            rule,
            submission,
            interval_weight,
            clip,
            average,
            duplicates: if split { Duplicates::Split } else { Duplicates::Independent },
            sequential_order: if arrival { SequentialOrder::Arrival } else { SequentialOrder::Rounds },
            class_balance: balance,
            exponent,
            confidence_z: z,
            ..Rules::default()
        },
    )
}

/// Scores generated reports of `miners` miners on an event that is open for three intervals from `shift` on.
fn score(rules: &Rules, outcome: f64, miners: usize, reports: &[Raw], shift: i64) -> Vec<Option<f64>> {
    let opened = ORIGIN.plus_ms(shift);
    let grid = rules.grid();
    let mut cells: BTreeMap<(usize, usize), IntervalStats> = BTreeMap::new();
    for (miner, after, p, r) in reports {
        let report = Report { t: opened.plus_ms(*after), p: *p, r: *r };
        let row = usize::try_from(grid.index(report.t) - grid.index(opened)).unwrap();
        cells.entry((row, *miner)).and_modify(|s| s.add(report)).or_insert(IntervalStats::of(report));
    }
    let frame = EventFrame { opened, close: opened.plus_ms(3 * INTERVAL), outcome, prior: 0.5 };
    let mut stats = EventStats::new(&frame, rules, vec![UnixMs(0); miners]);
    cells.iter().for_each(|((row, miner), cell)| stats.set(*row, *miner, cell));
    selected(rules).score(&stats.view())
}

fn assert_near(a: &[Option<f64>], b: &[Option<f64>], tolerance: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        match (a, b) {
            (Some(a), Some(b)) => prop_assert!((a - b).abs() <= tolerance, "{} against {}", a, b),
            (a, b) => prop_assert_eq!(a, b),
        }
    }
    Ok(())
}

/// An exact fraction, positive denominator, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Exact(i128, i128);

impl Exact {
    fn of(n: i128, d: i128) -> Self {
        let (mut a, mut b) = (n.abs(), d.abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let sign = if d < 0 { -1 } else { 1 };
        Self(sign * n / a.max(1), sign * d / a.max(1))
    }

    fn plus(self, other: Self) -> Self {
        Self::of(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }

    fn times(self, other: Self) -> Self {
        Self::of(self.0 * other.0, self.1 * other.1)
    }

    fn over(self, other: Self) -> Self {
        Self::of(self.0 * other.1, self.1 * other.0)
    }
}

/// The main rule as its definition says, from single reports in units of `1/unit`, in exact fractions: per interval the
/// mean of `(o−r)² − (o−p)²`, over the intervals with a report the weighted mean, the plain one where all weights are 0.
fn exactly(
    reports: &[(usize, usize, i128, i128)],
    miner: usize,
    o: i128,
    unit: i128,
    weights: &[Exact],
) -> Option<Exact> {
    let zero = Exact(0, 1);
    let (mut weighted, mut weight, mut plain, mut intervals) = (zero, zero, zero, 0);
    for (row, w) in weights.iter().enumerate() {
        let gains: Vec<i128> = reports
            .iter()
            .filter(|x| x.0 == miner && x.1 == row)
            .map(|(_, _, p, r)| (o - r) * (o - r) - (o - p) * (o - p))
            .collect();
        if gains.is_empty() {
            continue;
        }
        let mean = Exact::of(gains.iter().sum(), unit * unit * gains.len() as i128);
        weighted = weighted.plus(mean.times(*w));
        weight = weight.plus(*w);
        plain = plain.plus(mean);
        intervals += 1;
    }
    let mean = if weight.0 == 0 { plain.over(Exact(intervals.max(1), 1)) } else { weighted.over(weight) };
    (intervals > 0).then_some(mean)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn delta_is_zero_on_the_price_antisymmetric_additive_and_bounded(
        a in thousandths(), b in thousandths(), c in thousandths(), o in thousandths(),
    ) {
        prop_assert_eq!(delta(a, a, o), 0.0);
        prop_assert_eq!(delta(a, b, o), -delta(b, a, o));
        prop_assert!((delta(c, a, o) - delta(c, b, o) - delta(b, a, o)).abs() < 1e-15);
        prop_assert!((-1.0..=1.0).contains(&delta(a, b, o)));
        prop_assert!((delta(a, b, o) - (loss(b, o) - loss(a, o))).abs() < 1e-15);
    }

    #[test]
    fn delta_is_the_same_seen_from_the_other_outcome(p in thousandths(), r in thousandths(), o in thousandths()) {
        prop_assert!((delta(1.0 - p, 1.0 - r, 1.0 - o) - delta(p, r, o)).abs() < 1e-15);
    }

    #[test]
    fn an_honest_report_is_best_on_average_and_an_extreme_one_under_the_clip_per_event(
        q in 0..=100_i32, r in 1..100_i32,
    ) {
        let (q, r) = (f64::from(q) / 100.0, f64::from(r) / 100.0);
        let expected = |p: f64, gain: &dyn Fn(f64, f64) -> f64| q * gain(p, 1.0) + (1.0 - q) * gain(p, 0.0);
        let grid: Vec<f64> = (0..=100).map(|n| f64::from(n) / 100.0).collect();
        let best = |gain: &dyn Fn(f64, f64) -> f64| {
            grid.iter().copied().max_by(|a, b| expected(*a, gain).total_cmp(&expected(*b, gain))).unwrap()
        };
        prop_assert_eq!(best(&|p, o| delta(p, r, o)), q);
        let clipped = |p: f64, o: f64| delta(p, r, o).max(0.0);
        let extreme = expected(0.0, &clipped).max(expected(1.0, &clipped));
        prop_assert!(expected(best(&clipped), &clipped) <= extreme + 1e-15);
        let threshold = r * r / (r * r + (1.0 - r) * (1.0 - r));
        if (q - threshold).abs() > 1e-9 {
            prop_assert_eq!(expected(1.0, &clipped) > expected(0.0, &clipped), q > threshold);
        }
    }

    /// Exact: all numbers are thousandths, so that sums of their products are whole millionths.
    #[test]
    fn statistics_give_the_exact_mean_of_the_single_gains(
        raw in prop::collection::vec((0..=1000_i64, 0..=1000_i64), 1..200), o in 0..=1000_i64,
    ) {
        let single: i64 = raw.iter().map(|(p, r)| (o - r).pow(2) - (o - p).pow(2)).sum();
        let (sum_p, sum_r) = (raw.iter().map(|x| x.0).sum::<i64>(), raw.iter().map(|x| x.1).sum::<i64>());
        let sum_d: i64 = raw.iter().map(|(p, r)| p * p - r * r).sum();
        prop_assert_eq!(single, 2 * o * (sum_p - sum_r) - sum_d);
        let report = |(p, r): &(i64, i64)| Report { t: UnixMs(0), p: *p as f64 / 1000.0, r: *r as f64 / 1000.0 };
        let mut stats = IntervalStats::of(report(&raw[0]));
        raw[1..].iter().for_each(|x| stats.add(report(x)));
        let exact = single as f64 / (1e6 * raw.len() as f64);
        prop_assert!((stats.mean_delta(o as f64 / 1000.0) - exact).abs() < 1e-14);
    }

    /// The score of an event from statistics against its definition on the single reports, in exact fractions. In
    /// sixty-fourths all sums are exact, too, and a miner with one interval gets the correctly rounded quotient.
    #[test]
    fn market_delta_is_the_sum_over_single_reports(
        raw in prop::collection::vec((0..3_usize, 0..3_usize, 0..=1000_i128, 0..=1000_i128), 0..24),
        o in 0..=1000_i128, fine in any::<bool>(), power in any::<bool>(),
    ) {
        let unit = if fine { 1000 } else { 64 };
        let cut = |x: i128| if fine { x } else { x % 65 };
        let (o, raw): (_, Vec<_>) = (cut(o), raw.into_iter().map(|(m, k, p, r)| (m, k, cut(p), cut(r))).collect());
        let weights = if power { [Exact(1, 1), Exact(3, 4), Exact(0, 1)] } else { [Exact(1, 1); 3] };
        let interval_weight = if power { IntervalWeight::Power } else { IntervalWeight::Uniform };
        let rules = Rules { interval_weight, ..Rules::default() };
        let number = |x: i128| x as f64 / unit as f64;
        let reports: Vec<Raw> =
            raw.iter().enumerate().map(|(n, (m, k, p, r))| (*m, *k as i64 * INTERVAL + n as i64, number(*p), number(*r))).collect();
        let got = score(&rules, number(o), 3, &reports, 0);
        for (miner, got) in got.iter().enumerate() {
            let want = exactly(&raw, miner, o, unit, &weights);
            prop_assert_eq!(got.is_some(), want.is_some());
            let (Some(got), Some(Exact(n, d))) = (got, want) else { continue };
            prop_assert!((got - n as f64 / d as f64).abs() < 1e-14, "{} instead of {}/{}", got, n, d);
            let mut rows: Vec<usize> = raw.iter().filter(|x| x.0 == miner).map(|x| x.1).collect();
            rows.dedup();
            if !fine && rows.len() == 1 && !(power && rows == [1]) {
                prop_assert_eq!(*got, n as f64 / d as f64);
            }
        }
    }

    #[test]
    fn a_strict_chain_telescopes(
        prior in thousandths(), o in thousandths(),
        raw in prop::collection::vec((0..5_i64, thousandths()), 1..12),
    ) {
        let reports = raw.iter().enumerate().map(|(k, (t, p))| (k, UnixMs(*t), *p)).collect();
        let chain = chain(reports, prior, o, SequentialOrder::Arrival);
        let total: f64 = chain.scores.iter().map(|(_, s)| s).sum();
        prop_assert!((total - (loss(prior, o) - loss(chain.state, o))).abs() < 1e-12);
    }

    #[test]
    fn rounds_pay_at_most_what_telescopes_and_all_of_it_when_all_agree(
        prior in thousandths(), o in thousandths(), agree in any::<bool>(),
        raw in prop::collection::vec((0..3_i64, thousandths()), 1..12),
    ) {
        // Under `agree` everybody in a round says the same.
        let say = |t: i64, p: f64| if agree { raw.iter().find(|x| x.0 == t).map_or(p, |x| x.1) } else { p };
        let reports: Vec<_> = raw.iter().enumerate().map(|(k, (t, p))| (k, UnixMs(*t), say(*t, *p))).collect();
        let spread = reports.iter().any(|a| reports.iter().any(|b| a.1 == b.1 && a.2 != b.2));
        let chain = chain(reports, prior, o, SequentialOrder::Rounds);
        let total: f64 = chain.scores.iter().map(|(_, s)| s).sum();
        let telescoped = loss(prior, o) - loss(chain.state, o);
        prop_assert!(total <= telescoped + 1e-12);
        prop_assert_eq!(telescoped - total < 1e-9, !spread);
    }

    #[test]
    fn rounds_do_not_depend_on_order_nor_on_how_many_slots_a_miner_has(
        prior in thousandths(), o in thousandths(), copies in 1..5_usize,
        raw in prop::collection::vec(thousandths(), 1..6),
    ) {
        let at = UnixMs(1);
        let total = |reports: Vec<(usize, UnixMs, f64)>| -> f64 {
            chain(reports, prior, o, SequentialOrder::Rounds).scores.iter().map(|(_, s)| s).sum()
        };
        let forward = raw.iter().enumerate().map(|(k, p)| (k, at, *p)).collect();
        let backward = raw.iter().rev().enumerate().map(|(k, p)| (k, at, *p)).collect();
        prop_assert!((total(forward) - total(backward)).abs() < 1e-12);
        let one = total(vec![(0, at, raw[0])]);
        prop_assert!((total((0..copies).map(|k| (k, at, raw[0])).collect()) - one).abs() < 1e-12);
        // The same when everybody comes in as many copies, over several rounds.
        let round = |k: usize| UnixMs((k % 3) as i64);
        let single: Vec<_> = raw.iter().enumerate().map(|(k, p)| (k, round(k), *p)).collect();
        let copied = single.iter().flat_map(|(k, t, p)| (0..copies).map(move |copy| (k * 5 + copy, *t, *p))).collect();
        prop_assert!((total(copied) - total(single)).abs() < 1e-12);
    }

    #[test]
    fn order_of_arrival_and_whole_intervals_of_time_do_not_matter(
        rules in any_rules(), o in thousandths(), raw in reports(), shift in 0..1000_i64,
    ) {
        // Reports of one miner at one time keep their order: it decides which is first and last.
        let mut sorted = raw.clone();
        sorted.sort_by_key(|x| (x.0, x.1));
        let plain = score(&rules, o, 4, &raw, 0);
        // Under `split` the last bit of a mean decides who is equal to whom, and that depends on the order of adding.
        if rules.duplicates == Duplicates::Independent {
            assert_near(&plain, &score(&rules, o, 4, &sorted, 0), 1e-12)?;
        }
        prop_assert_eq!(plain, score(&rules, o, 4, &raw, shift * INTERVAL));
    }

    #[test]
    fn the_order_of_miners_does_not_matter(o in thousandths(), raw in reports(), rules in any_rules()) {
        // Under `arrival` ties are broken by the miner's key; here times are made different.
        let raw: Vec<Raw> = raw.iter().map(|x| (x.0, x.1 - x.1 % 4 + x.0 as i64, x.2, x.3)).collect();
        let turned: Vec<Raw> = raw.iter().map(|x| (3 - x.0, x.1, x.2, x.3)).collect();
        let mut back = score(&rules, o, 4, &turned, 0);
        back.reverse();
        assert_near(&score(&rules, o, 4, &raw, 0), &back, 1e-12)?;
    }

    #[test]
    fn the_order_of_prices_does_not_matter(
        observed in prop::collection::vec((0..50_i64, any_bits()), 0..12), t in 0..60_i64, p in any_bits(),
    ) {
        let mut seen = std::collections::HashSet::new();
        let distinct: Vec<_> = observed.into_iter().filter(|x| seen.insert(x.0)).map(|x| (UnixMs(x.0), x.1)).collect();
        let window = Window { opened: UnixMs(5), cutoff: UnixMs(55), resolved: None };
        let forward = Prices::new(distinct.clone());
        let backward = Prices::new(distinct.into_iter().rev());
        prop_assert_eq!(&forward, &backward);
        let admitted = window.admit(UnixMs(t), p, &forward, 10);
        prop_assert_eq!(admitted, window.admit(UnixMs(t), p, &backward, 10));
        if let Ok(admitted) = admitted {
            prop_assert!([admitted.p, admitted.before, admitted.after].iter().all(|x| (0.0..=1.0).contains(x)));
        }
    }

    #[test]
    fn a_new_miner_changes_nobody_elses_market_delta(o in thousandths(), raw in reports(), more in reports()) {
        let rules = Rules::default();
        let alone = score(&rules, o, 4, &raw, 0);
        let mut all = raw;
        all.extend(more.into_iter().map(|x| (4, x.1, x.2, x.3)));
        prop_assert_eq!(&alone[..], &score(&rules, o, 5, &all, 0)[..4]);
    }

    #[test]
    fn repeating_an_answer_does_not_multiply_it(
        o in thousandths(), p in thousandths(), r in thousandths(), m in 1..300_usize, later in thousandths(),
    ) {
        let rules = Rules::default();
        let other = (0, 2 * INTERVAL, later, r);
        let once = score(&rules, o, 1, &[(0, 0, p, r), other], 0);
        let mut often: Vec<Raw> = (0..m).map(|k| (0, k as i64, p, r)).collect();
        often.push(other);
        assert_near(&once, &score(&rules, o, 1, &often, 0), 1e-12)?;
    }

    #[test]
    fn shares_sum_to_one_or_there_are_none(rewards in prop::collection::vec(any_bits(), 0..20)) {
        let rewards: Vec<_> = rewards.into_iter().enumerate().collect();
        match shares(&rewards) {
            None => prop_assert!(rewards.iter().all(|(_, r)| !(r.is_finite() && *r > 0.0))),
            Some(shares) => {
                prop_assert_eq!(shares.len(), rewards.len());
                prop_assert!(shares.iter().all(|(_, s)| (0.0..=1.0).contains(s)));
                prop_assert!((shares.iter().map(|(_, s)| s).sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn chain_weights_are_sane_for_any_shares(
        shares in prop::collection::vec((any::<u16>(), any_bits()), 0..20), minimum in 0..12_usize, limit in any_bits(),
    ) {
        let shares: Vec<_> = shares.into_iter().map(|(uid, share)| (Uid(uid), share)).collect();
        let weights = weights_u16(&shares, minimum, limit);
        prop_assert!(weights.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert!(weights.iter().all(|(uid, weight)| *weight > 0 && shares.iter().any(|(given, _)| given == uid)));
        prop_assert!(weights.is_empty() || weights.len() >= minimum);
        if !weights.is_empty() {
            prop_assert_eq!(weights.iter().map(|(_, w)| *w).max(), Some(u16::MAX));
            prop_assert!((read_back(&weights).iter().map(|(_, s)| s).sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn no_rule_ever_says_nan(
        rules in any_rules(), o in thousandths(),
        raw in prop::collection::vec((0..4_usize, -INTERVAL..4 * INTERVAL, any_bits(), any_bits()), 0..12),
    ) {
        // As the ledger does it: what is not admitted does not enter.
        let window = Window { opened: ORIGIN, cutoff: ORIGIN.plus_ms(3 * INTERVAL), resolved: None };
        let admitted: Vec<Raw> = raw.iter().filter_map(|(miner, after, p, r)| {
            let t = ORIGIN.plus_ms(*after);
            let admitted = window.admit(t, *p, &Prices::new([(t, *r)]), 1000).ok()?;
            Some((*miner, *after, admitted.p, admitted.before))
        }).collect();
        let scores = score(&rules, o, 4, &admitted, 0);
        prop_assert!(scores.iter().flatten().all(|s| s.is_finite()), "{:?}", scores);
        if rules.rule == RuleName::MarketDelta {
            prop_assert!(scores.iter().flatten().all(|s| (-1.0 - 1e-12..=1.0 + 1e-12).contains(s)));
        }
        let scored = scores.iter().enumerate().filter_map(|(m, s)| Some((m, (*s)?))).collect();
        let events = [ScoredEvent { outcome: o, resolved: ORIGIN, scores: scored }];
        let averages = averages(&events, &rules);
        prop_assert!(averages.values().all(|a| a.mean.is_finite() && a.reward.is_finite() && a.reward >= 0.0));
    }

    /// Only the moving averages of old know an order of events, and the class balance which one is the newest.
    #[test]
    fn the_order_of_events_does_not_change_a_window(
        any in any_rules(), seed in any::<u64>(),
        events in prop::collection::vec((any::<bool>(), prop::collection::btree_map(0..6_u8, -1.0..1.0_f64, 0..6)), 0..8),
    ) {
        let rules = Rules { average: Average::Window, class_balance: false, ..any };
        let of = |(k, (yes, scores)): (usize, &(bool, BTreeMap<u8, f64>))| ScoredEvent {
            outcome: f64::from(u8::from(*yes)),
            resolved: UnixMs(k as i64),
            scores: scores.iter().map(|(m, s)| (*m, *s)).collect(),
        };
        let forward: Vec<_> = events.iter().enumerate().map(of).collect();
        let mut turned = forward.clone();
        turned.sort_by_key(|event| (event.resolved.0 as u64).wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (a, b) = (averages(&forward, &rules), averages(&turned, &rules));
        prop_assert_eq!(a.len(), b.len());
        for ((m, a), (n, b)) in a.iter().zip(&b) {
            prop_assert_eq!((m, a.predicted), (n, b.predicted));
            // The penalty is the root of a difference, which shows the last bits of the sums before it.
            let tolerance = if rules.confidence_z > 0.0 { 1e-6 } else { 1e-12 };
            prop_assert!((a.mean - b.mean).abs() < 1e-12 && (a.reward - b.reward).abs() < tolerance, "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn the_order_inside_an_event_does_not_change_its_average(
        rules in any_rules(),
        events in prop::collection::vec((any::<bool>(), prop::collection::btree_map(0..6_u8, -1.0..1.0_f64, 0..6)), 0..8),
    ) {
        let of = |reverse: bool| -> Vec<ScoredEvent<u8>> {
            events.iter().enumerate().map(|(k, (yes, scores))| {
                let mut scores: Vec<_> = scores.iter().map(|(m, s)| (*m, *s)).collect();
                if reverse {
                    scores.reverse();
                }
                ScoredEvent { outcome: f64::from(u8::from(*yes)), resolved: UnixMs(k as i64 * 10 * HOUR), scores }
            }).collect()
        };
        prop_assert_eq!(averages(&of(false), &rules), averages(&of(true), &rules));
    }
}

/// One event resolved ten thousand times, each time in another way: the second time in the same way changes nothing, and
/// what is there is what a ledger would hold that never knew another outcome.
#[tokio::test]
async fn settling_again_is_idempotent_and_forgets_what_was_settled_before() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = EventsLedger::open(place(folder.path().join("ledger.sqlite")), Options::default()).unwrap();
    let offered = |id: &str| NewEvent {
        key: format!("test-{id}"),
        provider: "test".into(),
        id: id.into(),
        description: "".into(),
        opened_at: ORIGIN,
        cutoff: ORIGIN.plus_ms(3 * INTERVAL),
        ends_at: None,
        beside: Default::default(),
    };
    ledger.upsert_events(vec![offered("a")]).await.unwrap();
    let miner = |n: u8| Identity { hotkey: Account([n; 32]), registered_at: 1 };
    let rounds: Vec<(UnixMs, f64, [f64; 3])> = (0..36)
        .map(|k| {
            let number = |salt: i64| ((k * 7919 + salt * 104_729) % 1000) as f64 / 1000.0;
            (ORIGIN.plus_ms(k * HOUR / 3), number(0), [number(1), number(2), number(3)])
        })
        .collect();
    for (at, price, answers) in &rounds {
        let event: std::sync::Arc<str> = "test-a".into();
        let answer =
            |(n, p): (usize, &f64)| Submission { identity: miner(n as u8), event: event.clone(), p: *p, at: *at };
        let tick = Tick {
            at: *at,
            prices: vec![PriceRow {
                event: event.clone(),
                price: *price,
                at: *at,
                source: neuron::market::PriceSource::File,
            }],
            submissions: answers.iter().enumerate().map(answer).collect(),
            ..Tick::default()
        };
        ledger.record_tick(tick).await.unwrap();
    }
    let mut dice = 1_u64;
    let mut last = None;
    for case in 0..10_000 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (payout, minute) = ((dice >> 33) % 1001, (dice >> 50) % 720);
        let outcome = if dice >> 60 == 0 { Outcome::Void } else { Outcome::Payout(payout as f64 / 1000.0) };
        let close = ORIGIN.plus_ms(minute as i64 * 60_000);
        let resolution = Resolution { event: "test-a".into(), outcome, at: Some(close), seen: ORIGIN };
        let first = ledger.resolve(resolution.clone()).await.unwrap();
        let again = ledger.resolve(resolution).await.unwrap();
        assert_eq!(first.changed, last != Some((outcome, close)), "case {case}");
        assert!(!again.changed, "case {case}");
        assert_eq!((&first.scores, first.state), (&again.scores, again.state), "case {case}");
        last = Some((outcome, close));
        let Outcome::Payout(o) = outcome else {
            assert!(first.scores.is_empty(), "case {case}");
            continue;
        };
        let mut raw: Vec<Raw> = Vec::new();
        for (at, price, answers) in rounds.iter().filter(|(at, ..)| *at < close) {
            raw.extend(answers.iter().enumerate().map(|(n, p)| (n, at.since(ORIGIN), *p, *price)));
        }
        let want: Vec<_> = score(&Rules::default(), o, 3, &raw, 0).into_iter().flatten().collect();
        let got: Vec<f64> = first.scores.iter().map(|(_, score)| *score).collect();
        assert_eq!(got.len(), want.len(), "case {case}");
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "case {case}: {got:?} for {want:?}");
    }
}
