//! When to be silent. Where the market is sure, or little was found, a model's word costs more than it earns: the only
//! setting of the paper in which it beat the crowd is an unsure crowd and at least five articles (Halawi et al. 2024, 4.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a forecast is worth giving.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The market's price lies in these bounds, both included; a question without a price passes.
    pub price: (f64, f64),
    /// At least so many relevant articles were found.
    pub articles: usize,
    /// The forecasts that became one lie no farther apart than this (standard deviation).
    pub spread: f64,
    /// The answer is at least so far from the price.
    pub edge: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { price: (0.3, 0.7), articles: 5, spread: 0.2, edge: 0.01 }
    }
}

impl Rule {
    /// Answers everything.
    pub const NEVER: Self = Self { price: (0.0, 1.0), articles: 0, spread: 1.0, edge: 0.0 };

    /// Why nothing is said; `None` when the answer is given.
    #[must_use]
    pub fn silence(&self, seen: &Seen) -> Option<Silence> {
        if let Some(silence) = self.silence_beforehand(seen.price) {
            Some(silence)
        } else if seen.articles < self.articles {
            Some(Silence::FewArticles)
        } else if seen.spread > self.spread {
            Some(Silence::Disagreement)
        } else if seen.price.is_some_and(|price| (seen.answer - price).abs() < self.edge) {
            Some(Silence::NoEdge)
        } else {
            None
        }
    }

    /// The part of the rule that is known before a model is asked: what fails here costs nothing.
    #[must_use]
    pub fn silence_beforehand(&self, price: Option<f64>) -> Option<Silence> {
        let (low, high) = self.price;
        price.is_some_and(|price| !(low..=high).contains(&price)).then_some(Silence::SureMarket)
    }
}

/// What the rule looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The market's price, if one is known.
    pub price: Option<f64>,
    /// Relevant articles.
    pub articles: usize,
    /// How far apart the forecasts are.
    pub spread: f64,
    /// What would be answered.
    pub answer: f64,
}

/// Why nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// The market's price is near 0 or 1.
    SureMarket,
    /// Too few relevant articles.
    FewArticles,
    /// The models disagree.
    Disagreement,
    /// The answer is as good as the price.
    NoEdge,
    /// No model gave a number.
    NoAnswer,
    /// The budget is used up.
    Budget,
}

impl Silence {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SureMarket => "the market is sure",
            Self::FewArticles => "too few relevant articles",
            Self::Disagreement => "the models disagree",
            Self::NoEdge => "no advantage over the price",
            Self::NoAnswer => "no model gave a probability",
            Self::Budget => "the budget is used up",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_rule_silences() {
        let rule = Rule::default();
        let good = Seen { price: Some(0.5), articles: 5, spread: 0.1, answer: 0.6 };
        let cases = [
            (good, None),
            (Seen { price: None, ..good }, None),
            (Seen { price: Some(0.29), ..good }, Some(Silence::SureMarket)),
            (Seen { price: Some(0.71), ..good }, Some(Silence::SureMarket)),
            (Seen { price: Some(f64::NAN), ..good }, Some(Silence::SureMarket)),
            (Seen { articles: 4, ..good }, Some(Silence::FewArticles)),
            (Seen { spread: 0.21, ..good }, Some(Silence::Disagreement)),
            (Seen { answer: 0.505, ..good }, Some(Silence::NoEdge)),
        ];
        for (seen, silence) in cases {
            assert_eq!(rule.silence(&seen), silence, "{seen:?}");
            assert_eq!(Rule::NEVER.silence(&Seen { price: Some(0.5), ..seen }), None);
        }
        assert_eq!(rule.silence_beforehand(Some(0.9)), Some(Silence::SureMarket));
        assert_eq!(rule.silence_beforehand(None), None);
    }
}
