//! Packed columns: the statistics of many miners in one BLOB, and the single reports of one tick in another.
//!
//! Statistics, little endian: `n: u32`, then one column after the other, `n` entries each, miners ascending:
//! miner u32, count u32, Σp f64, Σr f64, Σ(p²−r²) f64, first t i64, first p f64, first r f64, last t, last p, last r.
//! Eighty bytes per miner and interval; columns, because rules read three sums and a count of everybody.
//!
//! Reports, 16 bytes each in order of arrival: miner u32, milliseconds after the tick i32, p f64.

use crate::ledger::Fault;
use crate::ledger::miners::MinerId;
use crate::scoring::{IntervalStats, Report};
use crate::units::UnixMs;

/// Bytes of one miner in a block of statistics.
const STATS_BYTES: usize = 80;
/// Bytes of one report.
const REPORT_BYTES: usize = 16;

/// Statistics of one event in one interval, ascending by miner.
pub(super) type Cells = Vec<(MinerId, IntervalStats)>;

pub(super) fn pack(cells: &Cells) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + cells.len() * STATS_BYTES);
    out.extend((cells.len() as u32).to_le_bytes());
    out.extend(cells.iter().flat_map(|(miner, _)| miner.to_le_bytes()));
    out.extend(cells.iter().flat_map(|(_, s)| s.count.to_le_bytes()));
    out.extend(cells.iter().flat_map(|(_, s)| s.sum_p.to_le_bytes()));
    out.extend(cells.iter().flat_map(|(_, s)| s.sum_r.to_le_bytes()));
    out.extend(cells.iter().flat_map(|(_, s)| s.sum_p2_minus_r2.to_le_bytes()));
    for report in [|s: &IntervalStats| s.first, |s: &IntervalStats| s.last] {
        out.extend(cells.iter().flat_map(|(_, s)| report(s).t.0.to_le_bytes()));
        out.extend(cells.iter().flat_map(|(_, s)| report(s).p.to_le_bytes()));
        out.extend(cells.iter().flat_map(|(_, s)| report(s).r.to_le_bytes()));
    }
    out
}

/// The columns of a packed block, not copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a> {
    bytes: &'a [u8],
    n: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn of(block: &'a [u8]) -> Result<Self, Fault> {
        let (head, bytes) = block.split_first_chunk::<4>().ok_or_else(|| damaged(block.len()))?;
        let n = u32::from_le_bytes(*head) as usize;
        if bytes.len() == n * STATS_BYTES { Ok(Self { bytes, n }) } else { Err(damaged(block.len())) }
    }

    // Decoded from references: `copied` and the `map` of arrays may stay calls, which made a recomputation a third longer.
    fn four(&self, column: usize) -> impl Iterator<Item = u32> + use<'a> {
        let start = column * 4 * self.n;
        let bytes = self.bytes.get(start..start + 4 * self.n).unwrap_or_default();
        bytes.as_chunks::<4>().0.iter().map(|value| u32::from_le_bytes(*value))
    }

    fn eight(&self, column: usize) -> std::slice::Iter<'a, [u8; 8]> {
        let start = (8 + column * 8) * self.n;
        self.bytes.get(start..start + 8 * self.n).unwrap_or_default().as_chunks::<8>().0.iter()
    }

    fn numbers(&self, column: usize) -> impl Iterator<Item = f64> + use<'a> {
        self.eight(column).map(|value| f64::from_le_bytes(*value))
    }

    fn times(&self, column: usize) -> impl Iterator<Item = UnixMs> + use<'a> {
        self.eight(column).map(|value| UnixMs(i64::from_le_bytes(*value)))
    }

    fn reports(&self, column: usize) -> impl Iterator<Item = Report> + use<'a> {
        let values = self.times(column).zip(self.numbers(column + 1)).zip(self.numbers(column + 2));
        values.map(|((t, p), r)| Report { t, p, r })
    }

    /// The miners' numbers, ascending.
    pub(super) fn miners(&self) -> impl Iterator<Item = MinerId> + use<'a> {
        self.four(0)
    }

    /// Count, Σp, Σr and Σ(p²−r²) of each: what rules on interval means need.
    pub(super) fn sums(&self) -> impl Iterator<Item = (u32, [f64; 3])> + use<'a> {
        let sums = self.numbers(0).zip(self.numbers(1)).zip(self.numbers(2));
        self.four(1).zip(sums).map(|(count, ((p, r), d))| (count, [p, r, d]))
    }

    /// Whether a report is as late as `close` or later.
    pub(super) fn reaches(&self, close: UnixMs) -> bool {
        self.times(6).any(|t| t >= close)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (MinerId, IntervalStats)> + use<'a> {
        let sums = self.sums().zip(self.reports(3).zip(self.reports(6)));
        self.miners().zip(sums).map(|(miner, ((count, [sum_p, sum_r, sum_p2_minus_r2]), (first, last)))| {
            (miner, IntervalStats { count, sum_p, sum_r, sum_p2_minus_r2, first, last })
        })
    }
}

fn damaged(length: usize) -> Fault {
    Fault::Damaged(format!("a block of statistics has an impossible length of {length} bytes"))
}

/// Folds reports, in order of arrival, into the statistics of their interval.
pub(super) fn merge(cells: &mut Cells, reports: impl IntoIterator<Item = (MinerId, Report)>) {
    for (miner, report) in reports {
        match cells.binary_search_by_key(&miner, |(miner, _)| *miner) {
            Ok(found) => {
                if let Some((_, stats)) = cells.get_mut(found) {
                    stats.add(report);
                }
            }
            Err(place) => cells.insert(place, (miner, IntervalStats::of(report))),
        }
    }
}

/// A single report as it is logged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Logged {
    pub(super) miner: MinerId,
    pub(super) t: UnixMs,
    pub(super) p: f64,
}

pub(super) fn pack_reports(tick: UnixMs, reports: &[Logged]) -> Vec<u8> {
    let mut out = Vec::with_capacity(reports.len() * REPORT_BYTES);
    for report in reports {
        let after = report.t.since(tick).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        out.extend(report.miner.to_le_bytes());
        out.extend(after.to_le_bytes());
        out.extend(report.p.to_le_bytes());
    }
    out
}

pub(super) fn unpack_reports(tick: UnixMs, block: &[u8]) -> impl Iterator<Item = Logged> + '_ {
    block.as_chunks::<REPORT_BYTES>().0.iter().map(move |record| {
        let [a, b, c, d, e, f, g, h, p @ ..] = *record;
        Logged {
            miner: u32::from_le_bytes([a, b, c, d]),
            t: tick.plus_ms(i64::from(i32::from_le_bytes([e, f, g, h]))),
            p: f64::from_le_bytes(p),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(t: i64, p: f64, r: f64) -> Report {
        Report { t: UnixMs(t), p, r }
    }

    #[test]
    fn statistics_survive_packing_to_the_last_bit() {
        let mut cells = Cells::new();
        merge(&mut cells, [(7, report(3, 0.1, 0.3)), (2, report(4, 0.7, 0.3)), (7, report(5, 1.0 / 3.0, 0.3))]);
        let packed = pack(&cells);
        assert_eq!(packed.len(), 4 + 2 * STATS_BYTES);
        assert_eq!(Columns::of(&packed).unwrap().cells().collect::<Cells>(), cells);
        let columns = Columns::of(&packed).unwrap();
        assert_eq!(columns.miners().collect::<Vec<_>>(), [2, 7]);
        let sums: Vec<_> = cells.iter().map(|(_, s)| (s.count, [s.sum_p, s.sum_r, s.sum_p2_minus_r2])).collect();
        assert_eq!(columns.sums().collect::<Vec<_>>(), sums);
        assert!(columns.reaches(UnixMs(5)) && !columns.reaches(UnixMs(6)));
        assert!(Columns::of(&packed[..packed.len() - 1]).is_err());
        assert!(Columns::of(&[]).is_err());
    }

    #[test]
    fn reports_survive_packing() {
        let reports = [Logged { miner: 1, t: UnixMs(990), p: 0.25 }, Logged { miner: 9, t: UnixMs(1234), p: 1e-30 }];
        let packed = pack_reports(UnixMs(1000), &reports);
        assert_eq!(unpack_reports(UnixMs(1000), &packed).collect::<Vec<_>>(), reports);
    }
}
