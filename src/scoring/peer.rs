//! The peer rule of 2025: the logarithmic score of a miner against the mean of the other miners' scores.
//!
//! Per interval: reports are clipped to 0.01..=0.99; a miner that was registered and silent is given the mean of the
//! others moved a third of the way to the worst; a miner too new is neutral. Definitions: `spec` section 5.

use super::event::{EventView, Rule};
use super::ln::{ln, ln_each, wide};
use crate::units::UnixMs;

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
        let mut interval = Interval::of(event.miners());
        // From which interval on silence is a miner's own fault: the first that starts after it registered.
        let starts = event.starts.to_vec();
        let blamed = |registered: &UnixMs| starts.partition_point(|start| start <= registered) as f64;
        let blamed: Vec<f64> = event.registered.iter().map(blamed).collect();
        let mut row = 0.0;
        event.each_row(|weight, [sum_p, ..], count| {
            // In here everything is inlined: it is compiled once for every width of vector instructions.
            wide(
                #[inline(always)]
                || {
                    interval.read(sum_p, count, &blamed, row);
                    let others = interval.complete(event.outcome);
                    interval.add_to(&mut sums, weight, &others);
                },
            );
            row += 1.0;
        });
        let total: f64 = event.weights.sum();
        sums.into_iter().map(|sum| Some(if total > 0.0 { sum / total } else { 0.0 })).collect()
    }

    /// As the reference keeps it: silence counts as what it was taken for.
    fn said(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let mut sums = vec![0.0; event.miners()];
        let (mut presence, mut cells) = (Vec::new(), Vec::new());
        let mut starts = event.starts.iter();
        event.each_row(|weight, [sum_p, ..], count| {
            let start = starts.next().copied().unwrap_or(UnixMs(i64::MAX));
            presence.clear();
            presence.extend(count.iter().zip(sum_p).zip(event.registered).map(
                |((count, sum_p), registered)| match count {
                    0 if *registered < start => Presence::Absent,
                    0 => Presence::New,
                    n => Presence::Reported(sum_p / f64::from(*n)),
                },
            ));
            interval(&presence, event.outcome, &mut cells);
            sums.iter_mut().zip(&cells).for_each(|(sum, cell)| *sum += weight * cell.p);
        });
        let total: f64 = event.weights.sum();
        sums.into_iter().map(|sum| (total > 0.0).then(|| sum / total)).collect()
    }
}

/// Scores one interval into `cells`, one per miner. Outcomes between 0 and 1 mix both logarithms by the payout;
/// "worst" then means the side of the less likely outcome.
pub fn interval(presence: &[Presence], outcome: f64, cells: &mut Vec<PeerCell>) {
    let mut columns = Interval::of(presence.len());
    let places = columns.p.iter_mut().zip(&mut columns.reported).zip(&mut columns.counted);
    for (((p, reported), counted), presence) in places.zip(presence) {
        (*p, *reported, *counted) = match presence {
            Presence::Reported(p) => (clipped(*p), 1.0, 1.0),
            Presence::Absent => (LEAST, 0.0, 1.0),
            Presence::New => (LEAST, 0.0, 0.0),
        };
    }
    let others = columns.complete(outcome);
    let back_filled = {
        let mean = if others.counted > 0.0 { others.sum / others.counted } else { ln(LEAST) };
        let p = if outcome >= 0.5 { mean.exp() } else { 1.0 - mean.exp() };
        PeerCell { p, log: mean, others: mean, peer: 0.0 }
    };
    cells.clear();
    cells.extend(presence.iter().zip(columns.p.iter().zip(&columns.log)).map(|(presence, (p, log))| {
        if *presence == Presence::New {
            return back_filled;
        }
        let mean = others.mean(*log);
        PeerCell { p: *p, log: *log, others: mean, peer: log - mean }
    }));
}

#[inline(always)]
fn logs_of_yes(log: &mut [f64], p: &[f64]) {
    log.copy_from_slice(p);
    ln_each(log);
}

#[inline(always)]
fn logs_of_no(log: &mut [f64], p: &[f64]) {
    log.iter_mut().zip(p).for_each(|(log, p)| *log = 1.0 - p);
    ln_each(log);
}

#[inline(always)]
fn clipped(p: f64) -> f64 {
    p.clamp(LEAST, MOST)
}

/// One interval, a column per property and a place in it per miner, so that each step is one pass of vector instructions.
/// Yes is 1, no is 0.
struct Interval {
    /// The clipped mean report; of who did not report, anything until [`Interval::complete`].
    p: Vec<f64>,
    reported: Vec<f64>,
    /// Reported, or blamed for its silence.
    counted: Vec<f64>,
    log: Vec<f64>,
    less_likely: Vec<f64>,
}

/// What a miner is compared with.
struct Others {
    sum: f64,
    counted: f64,
    /// 1/(counted − 1); 0 where nobody else is.
    share: f64,
    /// Taken where nobody else is, else 0.
    worst: f64,
}

impl Others {
    /// The mean logarithmic score of those who are not the one with `log`.
    #[inline(always)]
    fn mean(&self, log: f64) -> f64 {
        (self.sum - log) * self.share + self.worst
    }
}

impl Interval {
    fn of(miners: usize) -> Self {
        let zeros = || vec![0.0; miners];
        Self { p: zeros(), reported: zeros(), counted: zeros(), log: zeros(), less_likely: Vec::new() }
    }

    /// Takes the sums of one interval, the `row`-th, of miners that are blamed from certain rows on.
    #[inline(always)]
    fn read(&mut self, sum_p: &[f64], count: &[u32], blamed: &[f64], row: f64) {
        let columns = self.p.iter_mut().zip(&mut self.reported).zip(&mut self.counted);
        for (((p, reported), counted), ((count, sum_p), blamed)) in columns.zip(count.iter().zip(sum_p).zip(blamed)) {
            // Signed: vector units convert that directly. Counts end at 2³¹.
            let n = f64::from(*count as i32);
            *reported = n.min(1.0);
            *p = clipped(sum_p / n.max(1.0));
            *counted = if row >= *blamed { 1.0 } else { *reported };
        }
    }

    /// Adds each miner's difference from the others, with the interval's weight.
    #[inline(always)]
    fn add_to(&self, sums: &mut [f64], weight: f64, others: &Others) {
        for (sum, (log, counted)) in sums.iter_mut().zip(self.log.iter().zip(&self.counted)) {
            *sum += weight * (counted * (log - others.mean(*log)));
        }
    }

    /// Gives the silent their stand-in, and everybody a logarithmic score.
    #[inline(always)]
    fn complete(&mut self, outcome: f64) -> Others {
        let stand_in = self.stand_in(outcome);
        for (p, reported) in self.p.iter_mut().zip(&self.reported) {
            *p = if *reported > 0.0 { *p } else { stand_in };
        }
        if outcome >= 1.0 {
            logs_of_yes(&mut self.log, &self.p);
        } else if outcome <= 0.0 {
            logs_of_no(&mut self.log, &self.p);
        } else {
            self.less_likely.resize(self.p.len(), 0.0);
            logs_of_yes(&mut self.log, &self.p);
            logs_of_no(&mut self.less_likely, &self.p);
            for (log, no) in self.log.iter_mut().zip(&self.less_likely) {
                *log = outcome * *log + (1.0 - outcome) * no;
            }
        }
        let counted = lanes(&self.counted, &self.counted, |sum, counted, _| sum + counted).iter().sum::<f64>();
        let sum = lanes(&self.log, &self.counted, |sum, log, counted| sum + log * counted).iter().sum();
        let alone = counted <= 1.0;
        let (share, worst) = if alone { (0.0, ln(LEAST)) } else { (1.0 / (counted - 1.0), 0.0) };
        Others { sum, counted, share, worst }
    }

    /// What a silent miner is taken to have said.
    #[inline(always)]
    fn stand_in(&self, outcome: f64) -> f64 {
        let yes = outcome >= 0.5;
        let n: f64 = lanes(&self.reported, &self.reported, |sum, reported, _| sum + reported).iter().sum();
        if n == 0.0 {
            return if yes { LEAST } else { MOST };
        }
        let sum: f64 = lanes(&self.p, &self.reported, |sum, p, reported| sum + p * reported).iter().sum();
        // Distances from the best report there can be: they are positive, and those of the silent count nothing.
        let far = if yes {
            lanes(&self.p, &self.reported, |far, p, reported| larger(far, (MOST - p) * reported))
        } else {
            lanes(&self.p, &self.reported, |far, p, reported| larger(far, (p - LEAST) * reported))
        };
        let far = far.into_iter().fold(0.0, larger);
        let (mean, worst) = (sum / n, if yes { MOST - far } else { LEAST + far });
        mean + (worst - mean) / 3.0
    }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Eight independent folds over two columns, which vector instructions take side by side.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "eight places in arrays of eight")]
fn lanes(a: &[f64], b: &[f64], fold: impl Fn(f64, f64, f64) -> f64) -> [f64; 8] {
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut folded = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            folded[i] = fold(folded[i], a[i], b[i]);
        }
    }
    for ((folded, a), b) in folded.iter_mut().zip(last_a).zip(last_b) {
        *folded = fold(*folded, *a, *b);
    }
    folded
}
