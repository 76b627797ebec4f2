//! The forecasters of a back-test by name, those that need no language model.

use std::cell::LazyCell;

use super::{Asked, baseline};
use crate::forecast::ensemble::{Combine, combined};

/// What `ensemble` cuts off at each end, as a miner's does by default.
const TRIM: f64 = 0.1;

/// A forecaster of a back-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelName {
    /// The price.
    Market,
    /// One half.
    Constant,
    /// The share of "yes" in the category, so far.
    BaseRate,
    /// The price corrected by how prices erred so far.
    Statistical,
    /// The middle of price, `statistical` and, where it answers, `llm`.
    Ensemble,
    /// Language models.
    Llm,
}

impl ModelName {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Market, Self::Constant, Self::BaseRate, Self::Statistical, Self::Ensemble, Self::Llm];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Constant => "constant",
            Self::BaseRate => "base_rate",
            Self::Statistical => "statistical",
            Self::Ensemble => "ensemble",
            Self::Llm => "llm",
        }
    }

    /// The forecaster of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.as_str() == name)
    }
}

/// What each of `names` says about each question of `all`, `llm` being what the language models said, if they were asked.
#[must_use]
pub fn answers(all: &[Asked], names: &[ModelName], llm: Option<&[Option<f64>]>) -> Vec<(String, Vec<Option<f64>>)> {
    let said = LazyCell::new(|| baseline::walk(all));
    let of_llm = |place: usize| llm.and_then(|llm| llm.get(place).copied().flatten());
    let ensemble = |place: usize, asked: &Asked| {
        let members = [Some(asked.price), said.statistical.get(place).copied(), of_llm(place)];
        let members: Vec<(f64, f64)> = members.into_iter().flatten().map(|p| (p, 1.0)).collect();
        combined(&members, Combine::TrimmedMean, TRIM)
    };
    let one = |name: ModelName| {
        let answer = |(place, asked): (usize, &Asked)| match name {
            ModelName::Market => Some(asked.price),
            ModelName::Constant => Some(0.5),
            ModelName::BaseRate => said.base_rate.get(place).copied(),
            ModelName::Statistical => said.statistical.get(place).copied(),
            ModelName::Ensemble => ensemble(place, asked),
            ModelName::Llm => of_llm(place),
        };
        (name.as_str().to_owned(), all.iter().enumerate().map(answer).collect())
    };
    names.iter().copied().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::resolved::tests::tape;
    use crate::forecast::resolved::{Sampling, asked};

    #[test]
    fn an_ensemble_takes_the_language_model_in_where_it_speaks() {
        let all = asked(&tape(3, 1.0), Sampling::default());
        let mut llm = vec![None; all.len()];
        llm[0] = Some(0.9);
        let found = answers(&all, &[ModelName::Market, ModelName::Ensemble, ModelName::Llm], Some(&llm));
        let [(_, market), (_, ensemble), (_, own)] = found.as_slice() else { panic!("three") };
        assert_eq!(own, &llm);
        // Nothing is known yet, so that `statistical` is the price.
        assert!((ensemble[1].unwrap() - market[1].unwrap()).abs() < 1e-9);
        assert!(ensemble[0].unwrap() > market[0].unwrap() || market[0].unwrap() > 0.9);
        for name in ModelName::ALL {
            assert_eq!(ModelName::of(name.as_str()), Some(name));
        }
    }
}
