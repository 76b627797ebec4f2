//! What miners say together about one event in one interval: their median, and the community prediction of the 2025
//! reference (`spec`, events 4.3), which listens to the best of those who spoke.

/// So many of the best count.
pub const BEST: usize = 10;

/// The mean of what the [`BEST`] miners said, weighted by their scores; the plain mean of the same where all their scores are
/// 0, and nothing where nobody spoke. `said` has for each miner its score (`0.0..`) and its report (`0.0..=1.0`). Who comes
/// first is the better of two with the same score.
#[must_use]
pub fn community(mut said: Vec<(f64, f64)>) -> Option<f64> {
    said.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    said.truncate(BEST);
    if said.is_empty() {
        return None;
    }
    let total: f64 = said.iter().map(|(score, _)| score).sum();
    if total > 0.0 {
        return Some(said.iter().map(|(score, p)| score * p).sum::<f64>() / total);
    }
    Some(said.iter().map(|(_, p)| p).sum::<f64>() / said.len() as f64)
}

/// The middle of some reports, or the mean of the two in the middle.
#[must_use]
pub fn median(mut reports: Vec<f64>) -> Option<f64> {
    reports.sort_by(f64::total_cmp);
    let (lower, upper) = (reports.get(reports.len().checked_sub(1)? / 2)?, reports.get(reports.len() / 2)?);
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_heard_by_their_scores() {
        assert_eq!(community(Vec::new()), None);
        assert_eq!(community(vec![(0.0, 0.2), (0.0, 0.6)]), Some(0.4));
        assert_eq!(community(vec![(1.0, 0.25), (3.0, 0.75)]), Some(0.625));
        let mut many = vec![(1.0, 0.5); BEST];
        many.extend([(0.5, 1.0); 5]);
        assert_eq!(community(many), Some(0.5), "the eleventh is not heard");
    }

    #[test]
    fn the_middle_of_a_few() {
        assert_eq!(median(Vec::new()), None);
        assert_eq!(median(vec![0.9, 0.1, 0.2]), Some(0.2));
        assert_eq!(median(vec![0.4, 0.1, 0.2, 0.9]), Some(0.300_000_000_000_000_04));
    }
}
