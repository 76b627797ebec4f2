//! Sparse rows: (uid, value) in the order of storage. A value of zero is not the same as no value.

use super::fixed::Fixed;

/// So many values are shared among cores: a thread costs as much as some thousand of them.
const MANY: usize = 16_384;

/// One validator's values.
pub(super) type Row = Vec<(u16, Fixed)>;
/// By validator; as many rows as there are neurons.
pub(super) type Rows = Vec<Row>;

/// The value of a row for `uid`.
pub(super) fn value(row: &[(u16, Fixed)], uid: u16) -> Option<Fixed> {
    row.iter().find(|(other, _)| *other == uid).map(|(_, value)| *value)
}

/// The row spread over `size` uids, zero where it has no value.
pub(super) fn spread(row: &[(u16, Fixed)], size: usize) -> Vec<Fixed> {
    let mut dense = vec![Fixed::ZERO; size];
    for (uid, value) in row {
        if let Some(place) = dense.get_mut(usize::from(*uid)) {
            *place = *value;
        }
    }
    dense
}

/// Each row multiplied by its validator's factor.
pub(super) fn rows_times(rows: &[Row], factors: &[Fixed]) -> Rows {
    rows.iter()
        .zip(factors)
        .map(|(row, factor)| row.iter().map(|(uid, value)| (*uid, *value * *factor)).collect())
        .collect()
}

/// The sum of each column.
pub(super) fn column_sums(rows: &[Row]) -> Vec<Fixed> {
    fold_columns(rows, |sum, value| sum + value)
}

/// Each column divided by its sum.
pub(super) fn columns_to_one(rows: Rows) -> Rows {
    let sums = column_sums(&rows);
    divide_columns(rows, &sums)
}

/// Each column divided by its largest value.
pub(super) fn columns_to_top(rows: Rows) -> Rows {
    let tops = fold_columns(&rows, Fixed::max);
    divide_columns(rows, &tops)
}

fn fold_columns(rows: &[Row], fold: impl Fn(Fixed, Fixed) -> Fixed) -> Vec<Fixed> {
    let mut columns = vec![Fixed::ZERO; rows.len()];
    for (uid, value) in rows.iter().flatten() {
        if let Some(column) = columns.get_mut(usize::from(*uid)) {
            *column = fold(*column, *value);
        }
    }
    columns
}

fn divide_columns(mut rows: Rows, divisors: &[Fixed]) -> Rows {
    each(&mut rows, |row| {
        for (uid, value) in row {
            match divisors.get(usize::from(*uid)) {
                Some(divisor) if *divisor != Fixed::ZERO => *value = *value / *divisor,
                _ => {}
            }
        }
    });
    rows
}

/// Does the same to every row. No row sees another, so the outcome is that of one core on any number of them.
fn each(rows: &mut [Row], what: impl Fn(&mut Row) + Sync) {
    let values: usize = rows.iter().map(Vec::len).sum();
    let cores = if values < MANY { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let mut shares = rows.chunks_mut(rows.len().div_ceil(cores).max(1));
    let (own, what) = (shares.next(), &what);
    std::thread::scope(|scope| {
        for share in shares {
            scope.spawn(move || share.iter_mut().for_each(what));
        }
        own.into_iter().flatten().for_each(what);
    });
}
