//! Packed columns: the statistics of many miners in one BLOB, and the single reports of one tick in another.
//!
//! Statistics, little endian: a head of 44 bytes, then one column after the other, `n` entries each, miners ascending. The head is
//! `n | 2³¹: u32`; for miner, count, first t, last t the least of them, i64, and the bytes of each above that, u8; for first p,
//! first r, last p, last r how many words, u8 (column.rs). The columns are those in this order, then Σp, Σr, Σ(p²−r²), f64 each.
//! With 256 miners and intervals of four hours that makes 50 bytes per miner and interval, where no answers are alike. Columns,
//! because rules read three sums and a count of everybody.
//!
//! Ledgers of before wrote `n: u32`, then miner u32, count u32, Σp f64, Σr f64, Σ(p²−r²) f64, first t i64, first p f64, first r f64,
//! last t, last p, last r: eighty bytes. Those blocks are read as well.
//!
//! Reports, 16 bytes each in order of arrival: miner u32, milliseconds after the tick i32, p f64.

use super::column::{Real, Whole};
use crate::ledger::Fault;
use crate::ledger::miners::MinerId;
use crate::scoring::{IntervalStats, Report};
use crate::units::UnixMs;

/// Bytes of one miner in a block of statistics of before.
const WIDE_BYTES: usize = 80;
/// What says that a block is not one of those.
const NARROW: u32 = 1 << 31;
/// Bytes in front of the columns.
const HEAD_BYTES: usize = 44;
/// Bytes of one report.
const REPORT_BYTES: usize = 16;

/// Statistics of one event in one interval, ascending by miner.
pub(super) type Cells = Vec<Cell>;
type Cell = (MinerId, IntervalStats);

pub(super) fn pack(cells: &Cells) -> Vec<u8> {
    let whole: [fn(&Cell) -> i64; 4] =
        [|(miner, _)| (*miner).into(), |(_, s)| s.count.into(), |(_, s)| s.first.t.0, |(_, s)| s.last.t.0];
    let real: [fn(&IntervalStats) -> f64; 4] = [|s| s.first.p, |s| s.first.r, |s| s.last.p, |s| s.last.r];
    let (mut head, mut columns) = (Vec::with_capacity(HEAD_BYTES), Vec::with_capacity(64 * cells.len()));
    head.extend((cells.len() as u32 | NARROW).to_le_bytes());
    for of in whole {
        let shape = Whole::shape(cells.iter().map(of));
        head.extend(shape.0.to_le_bytes());
        head.push(shape.1 as u8);
        Whole::pack(cells.iter().map(of), shape, &mut columns);
    }
    let mut values = Vec::with_capacity(cells.len());
    for of in real {
        values.clear();
        values.extend(cells.iter().map(|(_, s)| of(s)));
        head.push(Real::pack(&values, &mut columns));
    }
    for of in [|s: &IntervalStats| s.sum_p, |s: &IntervalStats| s.sum_r, |s: &IntervalStats| s.sum_p2_minus_r2] {
        columns.extend(cells.iter().flat_map(|(_, s)| of(s).to_le_bytes()));
    }
    head.append(&mut columns);
    head
}

/// The columns of a single report.
#[derive(Debug, Clone, Copy)]
struct Said {
    t: Whole,
    p: Real,
    r: Real,
}

/// The columns of a packed block, not copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<'a> {
    bytes: &'a [u8],
    n: usize,
    miner: Whole,
    count: Whole,
    /// Where the three columns of sums begin.
    sums: usize,
    first: Said,
    last: Said,
}

impl<'a> Columns<'a> {
    pub(super) fn of(block: &'a [u8]) -> Result<Self, Fault> {
        let head = block.first_chunk::<4>().map(|head| u32::from_le_bytes(*head));
        let n = (head.unwrap_or_default() & !NARROW) as usize;
        let (columns, length) = if head.is_some_and(|head| head & NARROW != 0) {
            Self::narrow(block, n).ok_or_else(|| damaged(block.len()))?
        } else {
            Self::wide(block, n)
        };
        if length == block.len() { Ok(columns) } else { Err(damaged(block.len())) }
    }

    /// Where everything is, and how long the block is to be.
    fn narrow(bytes: &'a [u8], n: usize) -> Option<(Self, usize)> {
        let (head, _) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let mut end = HEAD_BYTES;
        let mut whole = |place: usize| {
            let (least, rest) = head.get(4 + 9 * place..)?.split_first_chunk::<8>()?;
            let width = usize::from(*rest.first()?);
            let start = end;
            end += width * n;
            (width <= 8).then_some(Whole { start, width, least: i64::from_le_bytes(*least) })
        };
        let (miner, count, first_t, last_t) = (whole(0)?, whole(1)?, whole(2)?, whole(3)?);
        let mut real = |place: usize| {
            let words = usize::from(*head.get(40 + place)?);
            let start = end;
            end += Real::length(words, n);
            Some(Real { start, words })
        };
        let first = Said { t: first_t, p: real(0)?, r: real(1)? };
        let last = Said { t: last_t, p: real(2)?, r: real(3)? };
        Some((Self { bytes, n, miner, count, sums: end, first, last }, end + 24 * n))
    }

    /// The same of a block of before.
    const fn wide(bytes: &'a [u8], n: usize) -> (Self, usize) {
        const fn whole(start: usize, width: usize) -> Whole {
            Whole { start, width, least: 0 }
        }
        const fn said(start: usize, n: usize) -> Said {
            let (p, r) = (Real { start: start + 8 * n, words: 0 }, Real { start: start + 16 * n, words: 0 });
            Said { t: whole(start, 8), p, r }
        }
        let (miner, count) = (whole(4, 4), whole(4 + 4 * n, 4));
        let (first, last) = (said(4 + 32 * n, n), said(4 + 56 * n, n));
        (Self { bytes, n, miner, count, sums: 4 + 8 * n, first, last }, 4 + WIDE_BYTES * n)
    }

    // Decoded from references: `copied` and the `map` of arrays may stay calls, which made a recomputation a third longer.
    fn sum(&self, column: usize) -> impl Iterator<Item = f64> + use<'a> {
        let start = self.sums + column * 8 * self.n;
        let bytes = self.bytes.get(start..start + 8 * self.n).unwrap_or_default();
        bytes.as_chunks::<8>().0.iter().map(|value| f64::from_le_bytes(*value))
    }

    fn reports(&self, said: Said) -> impl Iterator<Item = Report> + use<'a> {
        let numbers = said.p.values(self.bytes, self.n).zip(said.r.values(self.bytes, self.n));
        said.t.values(self.bytes, self.n).zip(numbers).map(|(t, (p, r))| Report { t: UnixMs(t), p, r })
    }

    /// The miners' numbers, ascending.
    pub(super) fn miners(&self) -> impl Iterator<Item = MinerId> + use<'a> {
        self.miner.values(self.bytes, self.n).map(|miner| miner as MinerId)
    }

    /// Count, Σp, Σr and Σ(p²−r²) of each: what rules on interval means need.
    pub(super) fn sums(&self) -> impl Iterator<Item = (u32, [f64; 3])> + use<'a> {
        let sums = self.sum(0).zip(self.sum(1)).zip(self.sum(2));
        let counts = self.count.values(self.bytes, self.n).map(|count| count as u32);
        counts.zip(sums).map(|(count, ((p, r), d))| (count, [p, r, d]))
    }

    /// Whether a report is as late as `close` or later.
    pub(super) fn reaches(&self, close: UnixMs) -> bool {
        self.last.t.values(self.bytes, self.n).any(|t| t >= close.0)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (MinerId, IntervalStats)> + use<'a> {
        let sums = self.sums().zip(self.reports(self.first).zip(self.reports(self.last)));
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

    /// As ledgers of before wrote them.
    fn pack_wide(cells: &Cells) -> Vec<u8> {
        let mut out = (cells.len() as u32).to_le_bytes().to_vec();
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

    #[test]
    fn statistics_survive_packing_to_the_last_bit() {
        let mut cells = Cells::new();
        merge(&mut cells, [(7, report(3, 0.1, 0.3)), (2, report(4, 0.7, 0.3)), (7, report(5, 1.0 / 3.0, 0.3))]);
        for packed in [pack(&cells), pack_wide(&cells)] {
            assert_eq!(Columns::of(&packed).unwrap().cells().collect::<Cells>(), cells);
            let columns = Columns::of(&packed).unwrap();
            assert_eq!(columns.miners().collect::<Vec<_>>(), [2, 7]);
            let sums: Vec<_> = cells.iter().map(|(_, s)| (s.count, [s.sum_p, s.sum_r, s.sum_p2_minus_r2])).collect();
            assert_eq!(columns.sums().collect::<Vec<_>>(), sums);
            assert!(columns.reaches(UnixMs(5)) && !columns.reaches(UnixMs(6)));
            // Whatever a disk makes of it is an error or other numbers, never the end of the process.
            (0..packed.len()).for_each(|length| assert!(Columns::of(&packed[..length]).is_err()));
            for place in 0..packed.len() {
                let mut other = packed.clone();
                other[place] ^= 0xff;
                if let Ok(columns) = Columns::of(&other) {
                    assert_eq!(columns.cells().count(), columns.miners().count());
                }
            }
        }
    }

    #[test]
    fn four_hours_of_many_miners_take_fifty_bytes_of_each() {
        let start = 1_767_225_600_000;
        let mut cells = Cells::new();
        for minute in 0..240 {
            let said = (0..256_u32).map(|miner| {
                let n = i64::from(miner);
                (1000 + miner, report(start + minute * 60_000 + n * 41, (n + minute) as f64 / 499.0, 0.4))
            });
            merge(&mut cells, said);
        }
        let packed = pack(&cells);
        assert_eq!(Columns::of(&packed).unwrap().cells().collect::<Cells>(), cells);
        assert!(packed.len() <= 256 * 51, "{}", packed.len());
        let none = pack(&Cells::new());
        assert_eq!(Columns::of(&none).unwrap().cells().count(), 0);
    }

    #[test]
    fn reports_survive_packing() {
        let reports = [Logged { miner: 1, t: UnixMs(990), p: 0.25 }, Logged { miner: 9, t: UnixMs(1234), p: 1e-30 }];
        let packed = pack_reports(UnixMs(1000), &reports);
        assert_eq!(unpack_reports(UnixMs(1000), &packed).collect::<Vec<_>>(), reports);
    }
}
