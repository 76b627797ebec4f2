//! At which days of its life a question is asked: close together in the beginning, where a forecast is worth most.

const DAY_MS: f64 = 86_400_000.0;

/// The moments at which a question is asked that opens at `begin`, closes at `close` and ended at `resolve`, all ms of any
/// one epoch: after `days^(i/total)` days for `i` from 0 to `total`, at the latest a day before it closes. None where it has
/// ended by then, or where the last moment before was no earlier (Halawi et al. 2024, appendix; as the released code counts).
#[must_use]
pub fn retrieval_times(begin: i64, close: i64, resolve: i64, total: u32) -> Vec<Option<i64>> {
    let days = (close.saturating_sub(begin) as f64 / DAY_MS).floor();
    let moment = |index: u32| {
        let offset = (days.ln() / f64::from(total.max(1)) * f64::from(index)).exp();
        let at = begin.saturating_add((offset * DAY_MS).round() as i64);
        if at >= close { close.saturating_sub(DAY_MS as i64) } else { at }
    };
    let open = |index: u32| {
        let at = moment(index);
        let stands_still = index > 1 && at <= moment(index - 1);
        (days >= 1.0 && at < resolve && !stands_still).then_some(at)
    };
    (0..=total).map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_closes_at_once_is_never_asked() {
        assert_eq!(retrieval_times(0, 0, 1000, 3), [None; 4]);
        assert_eq!(retrieval_times(0, -5, 1000, 2), [None; 3]);
        let day = DAY_MS as i64;
        assert_eq!(retrieval_times(0, 10 * day, 15 * day, 3).iter().flatten().count(), 4);
        assert_eq!(retrieval_times(i64::MIN, i64::MAX, i64::MAX, 1).len(), 2);
    }
}
