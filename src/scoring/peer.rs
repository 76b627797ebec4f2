//! The peer rule of 2025: the logarithmic score of a miner against the mean of the other miners' scores.
//!
//! Per interval: reports are clipped to 0.01..=0.99; a miner that was registered and silent is given the mean of the
//! others moved a third of the way to the worst; a miner too new is neutral. Definitions: `spec` section 5.

use super::event::{EventView, Rule};

const LEAST: f64 = 0.01;
const MOST: f64 = 0.99;

/// `peer_log`. A score for every miner of the event. An event without any report at all is the caller's to
/// discard.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeerLog;

/// One miner in one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Presence {
    /// It reported this (mean) probability.
    Reported(f64),
    /// It was registered before the interval started, and silent.
    Absent,
    /// It registered too late to be blamed.
    New,
}

/// What the rule makes of one miner in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PeerCell {
    /// The clipped, imputed or back-filled probability.
    pub p: f64,
    /// Its logarithmic score.
    pub log: f64,
    /// The mean logarithmic score of the others.
    pub others: f64,
    /// The difference; 0 for a neutral miner.
    pub peer: f64,
}

impl Rule for PeerLog {
    fn score(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let mut sums = vec![0.0; event.miners()];
        let mut presence = Vec::with_capacity(event.miners());
        let mut cells = Vec::with_capacity(event.miners());
        let rows = event.count.rows().into_iter().zip(event.sum_p.rows()).zip(event.starts).zip(event.weights);
        for (((count, sum_p), start), weight) in rows {
            presence.clear();
            presence.extend(count.iter().zip(sum_p).zip(event.registered).map(
                |((count, sum_p), registered)| match count {
                    0 if registered < start => Presence::Absent,
                    0 => Presence::New,
                    n => Presence::Reported(sum_p / f64::from(*n)),
                },
            ));
            interval(&presence, event.outcome, &mut cells);
            sums.iter_mut().zip(&cells).for_each(|(sum, cell): (&mut f64, _)| *sum += weight * cell.peer);
        }
        let total: f64 = event.weights.sum();
        sums.into_iter().map(|sum| Some(if total > 0.0 { sum / total } else { 0.0 })).collect()
    }
}

/// Scores one interval into `cells`, one per miner. Outcomes between 0 and 1 mix both logarithms by the payout;
/// "worst" then means the side of the less likely outcome.
pub fn interval(presence: &[Presence], outcome: f64, cells: &mut Vec<PeerCell>) {
    let stand_in = imputed(presence, outcome);
    let log = |p: f64| {
        if outcome >= 1.0 {
            p.ln()
        } else if outcome <= 0.0 {
            (1.0 - p).ln()
        } else {
            outcome * p.ln() + (1.0 - outcome) * (1.0 - p).ln()
        }
    };
    let worst = LEAST.ln();
    cells.clear();
    let stand_in_log = log(stand_in);
    cells.extend(presence.iter().map(|presence| match presence {
        Presence::Reported(p) => {
            let p = p.clamp(LEAST, MOST);
            PeerCell { p, log: log(p), ..PeerCell::default() }
        }
        Presence::Absent => PeerCell { p: stand_in, log: stand_in_log, ..PeerCell::default() },
        Presence::New => PeerCell::default(),
    }));
    let counted = || cells.iter().zip(presence).filter(|(_, presence)| **presence != Presence::New);
    let c = counted().count() as f64;
    let sum: f64 = counted().map(|(cell, _)| cell.log).sum();
    for (cell, presence) in cells.iter_mut().zip(presence) {
        if *presence == Presence::New {
            let mean = if c > 0.0 { sum / c } else { worst };
            let p = if outcome >= 0.5 { mean.exp() } else { 1.0 - mean.exp() };
            *cell = PeerCell { p, log: mean, others: mean, peer: 0.0 };
        } else {
            cell.others = if c > 1.0 { (sum - cell.log) / (c - 1.0) } else { worst };
            cell.peer = cell.log - cell.others;
        }
    }
}

/// What a silent miner is taken to have said.
fn imputed(presence: &[Presence], outcome: f64) -> f64 {
    let yes = outcome >= 0.5;
    let reports = || {
        presence.iter().filter_map(|x| if let Presence::Reported(p) = x { Some(p.clamp(LEAST, MOST)) } else { None })
    };
    let n = reports().count();
    if n == 0 {
        return if yes { LEAST } else { MOST };
    }
    let mean = reports().sum::<f64>() / n as f64;
    let worst = if yes { reports().fold(MOST, f64::min) } else { reports().fold(LEAST, f64::max) };
    mean + (worst - mean) / 3.0
}
