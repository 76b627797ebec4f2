//! What kinds of miners can expect under each rule: a simulated season, scored by the rules themselves.
//!
//! The world: each event has a hidden probability that moves as a martingale; the market's price lags it and errs by an
//! amount of its own per event. In one round of ten the price jumps towards the truth while miners answer: who looks at
//! the market late sees what the recorded reference does not know yet.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::event::{EventFrame, EventStats, selected};
use super::grid::ORIGIN;
use super::rules::{Clip, Duplicates, ReferencePick, RuleName, Rules, SequentialOrder};
use super::stats::{IntervalStats, Report};
use super::window::{ScoredEvent, averages, shares};
use crate::units::UnixMs;

/// A way to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Player {
    /// Knows the hidden probability.
    Informed,
    /// Knows it up to an error of 0.05.
    NearlyInformed,
    /// Copies the first player's report of the round before.
    CopiesInformed,
    /// Repeats the market's price.
    CopiesMarket,
    /// The price plus an error of 0.1.
    Noisy,
    /// One half of a pair: always 1.
    SybilOne,
    /// The other half: always 0.
    SybilZero,
    /// Repeats the price, but looked at later than the reference.
    FreshPrice,
}

const PLAYERS: [Player; 8] = [
    Player::Informed,
    Player::NearlyInformed,
    Player::CopiesInformed,
    Player::CopiesMarket,
    Player::Noisy,
    Player::SybilOne,
    Player::SybilZero,
    Player::FreshPrice,
];

const ROUNDS: usize = 12;
const ROUND_MS: i64 = 3_600_000;

/// The rules that are compared, by name.
#[must_use]
pub fn contenders() -> Vec<(&'static str, Rules)> {
    let rules = |change: &dyn Fn(&mut Rules)| {
        let mut rules = Rules::default();
        change(&mut rules);
        rules
    };
    vec![
        ("market_delta", Rules::default()),
        ("worst_bracket", rules(&|r| r.reference_pick = ReferencePick::WorstBracket)),
        ("clip = event", rules(&|r| r.clip = Clip::Event)),
        ("exponent = 2", rules(&|r| r.exponent = 2)),
        ("confidence_z = 1", rules(&|r| r.confidence_z = 1.0)),
        ("duplicates = split", rules(&|r| r.duplicates = Duplicates::Split)),
        ("sequential rounds", rules(&|r| r.rule = RuleName::Sequential)),
        (
            "sequential arrival",
            rules(&|r| {
                r.rule = RuleName::Sequential;
                r.sequential_order = SequentialOrder::Arrival;
            }),
        ),
        ("brier", rules(&|r| r.rule = RuleName::Brier)),
        ("peer_log", rules(&|r| r.rule = RuleName::PeerLog)),
    ]
}

/// The expected share of the rewards of each player under one rule.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Earnings {
    /// The rule.
    pub rule: &'static str,
    /// Shares, mean over the seasons; they sum to 1 unless nobody earned anything in a season.
    pub shares: Vec<(Player, f64)>,
}

/// Plays `seasons` seasons of `events` events and scores each under every contender.
#[must_use]
pub fn simulate(seasons: u32, events: usize, seed: u64) -> Vec<Earnings> {
    let contenders = contenders();
    let mut sums = vec![BTreeMap::<usize, f64>::new(); contenders.len()];
    for season in 0..seasons {
        let mut random = Random(seed.wrapping_add(u64::from(season).wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let stories: Vec<Story> = (0..events).map(|_| Story::happen(&mut random)).collect();
        for ((_, rules), sums) in contenders.iter().zip(&mut sums) {
            let scored: Vec<_> = stories.iter().map(|story| story.score(rules)).collect();
            let averages = averages(&scored, rules);
            let rewards: Vec<_> = averages.iter().map(|(player, average)| (*player, average.reward)).collect();
            for (player, share) in shares(&rewards).unwrap_or_default() {
                *sums.entry(player).or_default() += share / f64::from(seasons);
            }
        }
    }
    let row = |sums: &BTreeMap<usize, f64>| {
        PLAYERS.iter().enumerate().map(|(k, player)| (*player, sums.get(&k).copied().unwrap_or(0.0))).collect()
    };
    contenders.iter().zip(&sums).map(|((rule, _), sums)| Earnings { rule, shares: row(sums) }).collect()
}

/// One event as it went: per round the prices around it and what each player said.
struct Story {
    outcome: f64,
    rounds: Vec<(f64, f64, Vec<f64>)>,
}

impl Story {
    fn happen(random: &mut Random) -> Self {
        let clamp = |x: f64| x.clamp(0.01, 0.99);
        let mut q = 0.1 + 0.8 * random.unit();
        let mispricing = 0.05 * random.normal();
        let (mut price, mut said) = (clamp(q + mispricing), q);
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let step = if random.unit() < 0.5 { 0.25 } else { -0.25 };
            q += step * q * (1.0 - q);
            let before = clamp(price + 0.6 * (q + mispricing - price));
            let jump = if random.unit() < 0.1 { 0.5 } else { 0.0 };
            let after = clamp(before + jump * (q - before));
            let near = clamp(q + 0.05 * random.normal());
            let noisy = clamp(before + 0.1 * random.normal());
            rounds.push((before, after, vec![q, near, said, before, noisy, 1.0, 0.0, after]));
            (price, said) = (after, q);
        }
        let outcome = if random.unit() < q { 1.0 } else { 0.0 };
        Self { outcome, rounds }
    }

    fn score(&self, rules: &Rules) -> ScoredEvent<usize> {
        let close = ORIGIN.plus_ms(ROUNDS as i64 * ROUND_MS);
        let prior = self.rounds.first().map_or(0.5, |(before, ..)| *before);
        let frame = EventFrame { opened: ORIGIN, close, outcome: self.outcome, prior };
        let mut stats = EventStats::new(&frame, rules, vec![UnixMs(0); PLAYERS.len()]);
        let per_interval = (i64::from(rules.interval_minutes) * 60_000 / ROUND_MS).max(1) as usize;
        for (row, rounds) in self.rounds.chunks(per_interval).enumerate() {
            for player in 0..PLAYERS.len() {
                let mut cell: Option<IntervalStats> = None;
                for (k, (before, after, reports)) in rounds.iter().enumerate() {
                    let Some(p) = reports.get(player).copied() else { continue };
                    let worse = (self.outcome - after).abs() < (self.outcome - before).abs();
                    let bracket = rules.reference_pick == ReferencePick::WorstBracket && worse;
                    let t = ORIGIN.plus_ms((row * per_interval + k) as i64 * ROUND_MS);
                    let report = Report { t, p, r: if bracket { *after } else { *before } };
                    match &mut cell {
                        None => cell = Some(IntervalStats::of(report)),
                        Some(cell) => cell.add(report),
                    }
                }
                if let Some(cell) = cell {
                    stats.set(row, player, &cell);
                }
            }
        }
        let scores = selected(rules).score(&stats.view());
        let scores = scores.into_iter().enumerate().filter_map(|(player, score)| Some((player, score?))).collect();
        ScoredEvent { outcome: self.outcome, resolved: close, scores }
    }
}

/// SplitMix64: small, fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let u = (1.0 - self.unit()).ln() * -2.0;
        u.sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(earnings: &[Earnings], rule: &str, player: Player) -> f64 {
        let row = earnings.iter().find(|e| e.rule == rule).unwrap();
        row.shares.iter().find(|(p, _)| *p == player).unwrap().1
    }

    #[test]
    fn the_main_rule_pays_knowledge_and_starves_the_pair() {
        let earnings = simulate(4, 300, 1);
        let of = |rule, player| share(&earnings, rule, player);
        assert!(of("market_delta", Player::Informed) > 0.3);
        assert!(of("market_delta", Player::CopiesMarket) < 1e-12);
        let pair = |rule| of(rule, Player::SybilOne) + of(rule, Player::SybilZero);
        assert!(pair("market_delta") < 0.01, "{}", pair("market_delta"));
        assert!(pair("clip = event") > 0.3, "{}", pair("clip = event"));
        assert!(of("worst_bracket", Player::FreshPrice) < of("market_delta", Player::FreshPrice));
        assert_eq!(simulate(1, 20, 7), simulate(1, 20, 7));
    }
}
