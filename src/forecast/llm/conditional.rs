//! Forecasts that depend on another question: where two are linked, what one is if the other ends one way or the other.

use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Said, said};
use super::combine::median;
use super::desk::{Account, Call, DeskError};
use super::pipeline::{Asking, Pipeline, day};
use super::prompts::{self, fenced};
use super::retrieval::terms;
use crate::scoring::conditional::Conditional;
use crate::units::Foreign;

/// Telling words that two linked questions have in common at least, and their share of the shorter title.
const SHARED: usize = 3;
const SHARE: f64 = 0.5;
/// Bytes of a question that are told.
const QUESTION_BYTES: usize = 3000;
/// The other question counts as likely above this probability, and as unlikely below the rest to 1.
const LIKELY: f64 = 0.7;
/// What is likely is about so likely.
const ABOUT: f64 = 0.85;
/// A dependence smaller than this is none worth a rule.
const LEAST: f64 = 0.1;

/// What a question is, if another ends one way or the other.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Link {
    /// If it ends with yes.
    pub if_yes: f64,
    /// If it ends with no.
    pub if_no: f64,
}

impl Link {
    /// What a model said, when both numbers stand behind the mark `word`.
    fn read(text: &str, word: &str) -> Option<Self> {
        let behind = |label: &str| {
            let (_, rest) = text.rsplit_once(&format!("[{word}] {label}"))?;
            match said(rest.lines().next()?) {
                Said::Probability(p) => Some(p.get()),
                Said::Refusal | Said::Nothing => None,
            }
        };
        Some(Self { if_yes: behind("if yes")?, if_no: behind("if no")? })
    }

    /// The probability when the other's is `other`: the law of total probability.
    #[must_use]
    pub fn at(&self, other: f64) -> f64 {
        other * self.if_yes + (1.0 - other) * self.if_no
    }

    /// The rules for a validator: two, or none where the other hardly matters.
    #[must_use]
    pub fn rules(&self, event: &str, if_event: &str) -> Vec<Conditional<String>> {
        if (self.if_yes - self.if_no).abs() < LEAST {
            return Vec::new();
        }
        let rule = |p: f64, above: Option<f64>, below: Option<f64>| {
            Conditional::new(event.to_owned(), p, if_event.to_owned(), above, below).ok()
        };
        let both = [rule(self.at(ABOUT), Some(LIKELY), None), rule(self.at(1.0 - ABOUT), None, Some(1.0 - LIKELY))];
        both.into_iter().flatten().collect()
    }
}

/// Whether two questions speak of the same things without being the same.
#[must_use]
pub fn are_linked(one: &str, other: &str) -> bool {
    let (one, other) = (terms(one.lines().next().unwrap_or_default()), terms(other.lines().next().unwrap_or_default()));
    let shared = one.iter().filter(|word| other.contains(word)).count();
    let shorter = one.len().min(other.len());
    one != other && shared >= SHARED && shared as f64 >= SHARE * shorter as f64
}

impl Pipeline {
    /// What `asking` is if `other` ends one way or the other: the middle of what the models say; `None` when none of them
    /// gives both numbers.
    ///
    /// # Errors
    /// [`DeskError`], when no model could be asked.
    pub async fn conditional(
        &self,
        asking: &Asking,
        other: &Foreign,
        account: &Account,
    ) -> Result<Option<Link>, DeskError> {
        let parts = ["conditional", asking.text.as_raw(), other.as_raw()];
        let (word, fence) = (self.mark(&parts), self.mark(&[parts.as_slice(), &["fence"]].concat()));
        let told = |text: &Foreign| fenced("question", &fence, &text.as_raw().replace(&word, ""), QUESTION_BYTES);
        let (one, two, date) = (told(&asking.text), told(other), day(asking.at));
        let places = [("date", date.as_str()), ("question", &one), ("other", &two), ("mark", &word)];
        let prompt = prompts::conditional();
        let call =
            |endpoint| Call { endpoint, prompt, draw: 0, prompted: prompt.filled(&places, 0.0, self.plan.max_tokens) };
        let calls: Vec<Call<'_>> = self.models.iter().map(|model| call(&**model)).collect();
        let (mut links, mut failure) = (Vec::new(), None);
        for said in self.desk.ask_all(&asking.key, &calls, account).await {
            match said {
                Ok(text) => links.extend(Link::read(&text, &word)),
                Err(error) => failure = Some(error),
            }
        }
        let middle = |of: fn(&Link) -> f64| median(&links.iter().map(of).collect::<Vec<_>>());
        match (middle(|link| link.if_yes), middle(|link| link.if_no), failure) {
            (Some(if_yes), Some(if_no), _) => Ok(Some(Link { if_yes, if_no })),
            (_, _, Some(error)) => Err(error),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_the_same_things_are_linked() {
        let question = "Will the ECB cut rates in June 2026?\nRules.";
        assert!(are_linked(question, "Will the ECB cut rates in July 2026?"));
        assert!(!are_linked(question, question));
        assert!(!are_linked(question, "Will the ECB have a new president?"));
        assert!(!are_linked("", ""));
    }

    #[test]
    fn a_link_becomes_two_rules_and_a_loose_one_none() {
        let link = Link { if_yes: 0.8, if_no: 0.2 };
        let rules = link.rules("m-a", "m-b");
        assert_eq!(rules.len(), 2);
        assert!((rules[0].p - 0.71).abs() < 1e-12 && (rules[1].p - 0.29).abs() < 1e-12);
        assert!(rules.iter().all(|rule| rule.event == "m-a" && rule.if_event == "m-b"));
        assert!(Link { if_yes: 0.5, if_no: 0.45 }.rules("a", "b").is_empty());
    }
}
