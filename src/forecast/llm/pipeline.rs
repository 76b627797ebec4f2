//! From a question to a forecast: queries, articles, ratings, summaries, reasons, one number, and whether to say it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::abstain::{Rule, Seen, Silence};
use super::answer::{Said, rating, said, search_queries};
use super::article::Article;
use super::calibrate::Calibration;
use super::combine::{spread, towards, trimmed_mean};
use super::desk::{Account, Call, Cost, Desk, DeskError};
use super::endpoint::{Endpoint, Prompted};
use super::prompts::{self, Prompt, behind_mark, fenced, mark};
use super::retrieval::{Found, Retriever, retrieve};
use crate::clock;
use crate::units::{Foreign, UnixMs};

/// Queries that one prompt asks for.
const QUERIES: usize = 3;
/// Articles of one search.
const PER_SEARCH: usize = 10;
/// Articles that are rated, at most.
const MOST_RATED: usize = 30;
/// The least rating of an article that is read.
const RELEVANT: f64 = 4.0;
/// Bytes of an article that are rated, and summed up.
const RATED_BYTES: usize = 1500;
const SUMMED_BYTES: usize = 12_000;
/// Bytes of a question that are told.
const QUESTION_BYTES: usize = 6000;
/// Bytes of a summary that are told on.
const SUMMARY_BYTES: usize = 1500;

/// How the pipeline works.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The most articles that are read for an answer.
    pub articles: usize,
    /// Articles published so long before the question is asked are too old, ms.
    pub window_ms: i64,
    /// The prompts that end in a probability.
    pub reasoning: Vec<Prompt>,
    /// Draws of each prompt from each model.
    pub draws: u32,
    /// The share of the way from the price to the models that is gone.
    pub weight: f64,
    /// When nothing is said.
    pub rule: Rule,
    /// The most tokens of a chain of reasons.
    pub max_tokens: u32,
}

/// The pipeline. Cheap to share.
#[derive(Debug)]
pub struct Pipeline {
    /// Where money goes through.
    pub desk: Desk,
    /// For queries, ratings and summaries.
    pub small: Arc<Endpoint>,
    /// For reasons.
    pub models: Vec<Arc<Endpoint>>,
    /// Where articles come from.
    pub sources: Vec<Box<dyn Retriever>>,
    /// How it works.
    pub plan: Plan,
}

/// A question for the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// What its money is counted under.
    pub key: String,
    /// Its text.
    pub text: Foreign,
    /// When it closes, if that is known.
    pub closes: Option<UnixMs>,
    /// The moment of asking: nothing that was known later is read.
    pub at: UnixMs,
    /// The market's price at that moment, if there is one.
    pub price: Option<f64>,
}

/// An article that was read.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Source {
    /// Its title.
    pub title: Foreign,
    /// Its address.
    pub url: Foreign,
    /// Who published it.
    pub source: Foreign,
    /// When.
    pub published: Option<UnixMs>,
    /// Copies of it that were found elsewhere.
    pub copies: usize,
    /// How much it helps, 1 to 6.
    pub rating: f64,
    /// What it reports, in the words of a model.
    pub summary: Foreign,
}

/// What one model made of one prompt.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Thought {
    /// The model.
    pub model: String,
    /// The prompt, with its version.
    pub prompt: String,
    /// The number, if there was one.
    pub probability: Option<f64>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Its reasons.
    pub text: Foreign,
}

/// All about one forecast.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Record {
    /// What the question is called.
    pub question: String,
    /// When it was asked, which is the cut-off too.
    pub at: UnixMs,
    /// The price then.
    pub price: Option<f64>,
    /// What is answered; `None` abstains.
    pub answer: Option<f64>,
    /// Why nothing is answered.
    pub silence: Option<Silence>,
    /// What the models came to.
    pub models_said: Option<f64>,
    /// The same, corrected.
    pub corrected: Option<f64>,
    /// How far they lie apart.
    pub spread: f64,
    /// What was searched for.
    pub queries: Vec<String>,
    /// What was read.
    pub sources: Vec<Source>,
    /// Articles found, copies folded.
    pub found: usize,
    /// Articles left out, for they were written later or have no date.
    pub late: usize,
    /// Articles left out, for they speak to a model.
    pub hostile: usize,
    /// What was thought.
    pub thoughts: Vec<Thought>,
    /// What went wrong.
    pub failures: Vec<String>,
    /// What it took.
    pub cost: Cost,
    /// Seconds.
    pub seconds: f64,
}

impl Pipeline {
    /// A forecast of `asking`, corrected by `calibration`. What goes wrong inside is told in the record; a question without an
    /// answer is abstained from.
    pub async fn forecast(&self, asking: &Asking, calibration: &Calibration) -> Record {
        let (began, account) = (clock::monotonic(), Account::default());
        let mut record = Record::of(asking);
        match self.plan.rule.silence_beforehand(asking.price) {
            Some(silence) => record.silence = Some(silence),
            None => self.work(asking, calibration, &account, &mut record).await,
        }
        record.cost = account.cost();
        record.seconds = began.elapsed().as_secs_f64();
        record
    }

    async fn work(&self, asking: &Asking, calibration: &Calibration, account: &Account, record: &mut Record) {
        let mut failures = Vec::new();
        record.queries = self.queries(asking, account, &mut failures).await;
        let from = Some(asking.at.plus_ms(-self.plan.window_ms));
        let found = retrieve(&self.sources, &record.queries, from, asking.at, PER_SEARCH).await;
        (record.found, record.late, record.hostile) = (found.articles.len(), found.late, found.hostile);
        failures.extend(found.failures.iter().cloned().map(Failed::from));
        record.sources = self.read(asking, &found, account, &mut failures).await;
        // The models are not paid for an answer that would not be given.
        let enough = record.sources.len() >= self.plan.rule.articles;
        if enough {
            record.thoughts = self.think(asking, &record.sources, account, &mut failures).await;
        } else {
            record.silence = Some(Silence::FewArticles);
        }
        let numbers: Vec<f64> = record.thoughts.iter().filter_map(|thought| thought.probability).collect();
        record.spread = spread(&numbers);
        record.models_said = trimmed_mean(&numbers);
        self.conclude(record, calibration);
        if record.answer.is_none() && failures.iter().any(Failed::is_budget) {
            record.silence = Some(Silence::Budget);
        }
        record.failures = failures.into_iter().map(|failed| failed.text).collect();
        record.failures.dedup();
    }

    /// The answer out of what the models said, and whether it is given; again, when the price or the correction is another.
    pub fn conclude(&self, record: &mut Record, calibration: &Calibration) {
        record.corrected = record.models_said.map(|p| calibration.apply(p));
        let Some(corrected) = record.corrected else {
            record.answer = None;
            record.silence = record.silence.or(Some(Silence::NoAnswer));
            return;
        };
        let answer = record.price.map_or(corrected, |price| towards(price, corrected, self.plan.weight));
        let seen = Seen { price: record.price, articles: record.sources.len(), spread: record.spread, answer };
        record.silence = self.plan.rule.silence(&seen);
        record.answer = record.silence.is_none().then_some(answer);
    }

    /// The question's own title, and what a model would search for, directly and for the questions behind it.
    ///
    /// They are made before any article is read, so that no article can send words of its own, or of ours, to a search engine.
    pub async fn queries(&self, asking: &Asking, account: &Account, failures: &mut Vec<Failed>) -> Vec<String> {
        let title = asking.text.as_raw().lines().next().unwrap_or_default().trim().to_owned();
        let mut all = vec![title];
        if self.sources.is_empty() {
            return all;
        }
        let (word, date) = (self.mark(&["queries", asking.text.as_raw()]), day(asking.at));
        let question = fenced("question", &word, asking.text.as_raw(), QUESTION_BYTES);
        let count = QUERIES.to_string();
        let places = [("date", date.as_str()), ("question", &question), ("count", &count)];
        let calls = [prompts::queries(), prompts::subquestions()]
            .map(|prompt| self.of_small(prompt, prompt.filled(&places, 0.0, 500)));
        for said in self.desk.ask_all(&asking.key, &calls, account).await {
            match said {
                Ok(text) => all.extend(search_queries(&text).into_iter().take(QUERIES)),
                Err(error) => failures.push(error.into()),
            }
        }
        all.dedup();
        all
    }

    /// The relevant articles of `found`, newest first, summed up.
    async fn read(&self, asking: &Asking, found: &Found, account: &Account, failures: &mut Vec<Failed>) -> Vec<Source> {
        let articles: Vec<&Article> = found.articles.iter().take(MOST_RATED).collect();
        let mut relevant = Vec::new();
        let rated = self.about(prompts::relevance(), (RATED_BYTES, 0.0, 200), asking, &articles, account).await;
        for (said, article) in rated.into_iter().zip(articles) {
            // A model that does not keep to the form has rated nothing.
            match said.map(|said| rating(&said).unwrap_or(1.0)) {
                Ok(rating) if rating >= RELEVANT => relevant.push((rating, article)),
                Ok(_) => {}
                Err(error) => failures.push(error.into()),
            }
        }
        // Of too many the best rated; then the newest first.
        relevant.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.published.cmp(&a.1.published)));
        relevant.truncate(self.plan.articles);
        relevant.sort_by_key(|(_, article)| std::cmp::Reverse(article.published));
        let articles: Vec<&Article> = relevant.iter().map(|(_, article)| *article).collect();
        let summed = self.about(prompts::summary(), (SUMMED_BYTES, 0.2, 400), asking, &articles, account).await;
        let source = |(said, (rating, article)): (Result<String, DeskError>, (f64, &Article))| match said {
            Ok(summary) => Some(Source::of(article, rating, summary)),
            Err(error) => {
                failures.push(error.into());
                None
            }
        };
        summed.into_iter().zip(relevant).filter_map(source).collect()
    }

    /// What the small model says to a prompt about each of `articles`, of which it is told so many bytes, at this temperature, in
    /// at most so many tokens. Each stands alone, so that it can tell nothing of another.
    async fn about(
        &self,
        prompt: Prompt,
        (bound, heat, tokens): (usize, f64, u32),
        asking: &Asking,
        articles: &[&Article],
        account: &Account,
    ) -> Vec<Result<String, DeskError>> {
        let call = |article: &&Article| {
            let text = format!("{}\n\n{}", article.title, article.text);
            let word = self.mark(&[prompt.name, asking.text.as_raw(), &text]);
            let question = fenced("question", &word, asking.text.as_raw(), QUESTION_BYTES);
            let article = fenced("article", &word, &text, bound);
            self.of_small(prompt, prompt.filled(&[("question", &question), ("article", &article)], heat, tokens))
        };
        let calls: Vec<Call<'_>> = articles.iter().map(call).collect();
        self.desk.ask_all(&asking.key, &calls, account).await
    }

    fn of_small(&self, prompt: Prompt, prompted: Prompted) -> Call<'_> {
        Call { endpoint: &self.small, prompt, draw: 0, prompted }
    }

    /// What every model makes of every prompt.
    async fn think(
        &self,
        asking: &Asking,
        sources: &[Source],
        account: &Account,
        failures: &mut Vec<Failed>,
    ) -> Vec<Thought> {
        let prompted: Vec<(Prompt, String, Prompted)> = self
            .plan
            .reasoning
            .iter()
            .map(|prompt| {
                let (word, prompted) = self.reasons(*prompt, asking, sources);
                (*prompt, word, prompted)
            })
            .collect();
        let mut calls = Vec::new();
        let mut words = Vec::new();
        for endpoint in &self.models {
            for (prompt, word, prompted) in &prompted {
                for draw in 0..self.plan.draws {
                    calls.push(Call { endpoint, prompt: *prompt, draw, prompted: prompted.clone() });
                    words.push(word);
                }
            }
        }
        let said = self.desk.ask_all(&asking.key, &calls, account).await;
        let mut thoughts = Vec::new();
        for ((said, call), word) in said.into_iter().zip(&calls).zip(words) {
            match said {
                Ok(text) => thoughts.push(Thought::of(call, word, text)),
                Err(error) => failures.push(error.into()),
            }
        }
        thoughts
    }

    /// The mark behind which a number must stand, and what a model is told to find it.
    fn reasons(&self, prompt: Prompt, asking: &Asking, sources: &[Source]) -> (String, Prompted) {
        let told: Vec<String> = sources.iter().map(told).collect();
        let parts: Vec<&str> =
            [prompt.name, asking.text.as_raw()].into_iter().chain(told.iter().map(String::as_str)).collect();
        let (fence, word) = (self.mark(&[parts.as_slice(), &["fence"]].concat()), self.mark(&parts));
        let question = fenced("question", &fence, asking.text.as_raw(), QUESTION_BYTES);
        let articles: Vec<String> =
            told.iter().map(|text| fenced("article", &fence, &text.replace(&word, ""), SUMMARY_BYTES)).collect();
        let articles = if articles.is_empty() { "(nothing)".to_owned() } else { articles.join("\n\n") };
        let price = asking.price.map_or_else(String::new, |price| {
            format!("A market of people who pay for being wrong gives it {price:.3}.")
        });
        let (date, closes) = (day(asking.at), asking.closes.map_or_else(|| "a day that is not known".to_owned(), day));
        let places = [
            ("date", date.as_str()),
            ("question", &question),
            ("closes", &closes),
            ("price", &price),
            ("articles", &articles),
            ("mark", &word),
        ];
        let prompted = prompt.filled(&places, 1.0, self.plan.max_tokens);
        (word, prompted)
    }

    /// A word that nobody outside can know, for this text.
    #[must_use]
    pub fn mark(&self, parts: &[&str]) -> String {
        mark(&self.desk.salt(), parts)
    }
}

impl Source {
    fn of(article: &Article, rating: f64, summary: String) -> Self {
        Self {
            title: article.title.as_str().into(),
            url: article.url.as_str().into(),
            source: article.source.as_str().into(),
            published: article.published,
            copies: article.copies,
            rating,
            summary: summary.into(),
        }
    }
}

impl Thought {
    /// What `text`, said to `call`, comes to: the number behind the mark `word`.
    fn of(call: &Call<'_>, word: &str, text: String) -> Self {
        let (probability, failure) = match behind_mark(&text, word).map(said) {
            Some(Said::Probability(p)) => (Some(p.get()), None),
            Some(Said::Refusal | Said::Nothing) => (None, Some("no number behind its mark")),
            None if said(&text) == Said::Refusal => (None, Some("it declines")),
            None => (None, Some("it does not keep to the form of an answer")),
        };
        let (model, prompt) = (call.endpoint.model.clone(), call.prompt.label());
        Self { model, prompt, probability, failure: failure.map(str::to_owned), text: text.into() }
    }
}

/// Something that went wrong on the way.
#[derive(Debug)]
pub struct Failed {
    text: String,
    budget: bool,
}

impl Failed {
    fn is_budget(&self) -> bool {
        self.budget
    }
}

impl From<DeskError> for Failed {
    fn from(error: DeskError) -> Self {
        Self { text: error.to_string(), budget: error.is_budget() }
    }
}

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Self { text, budget: false }
    }
}

impl Record {
    fn of(asking: &Asking) -> Self {
        Self {
            question: asking.key.clone(),
            at: asking.at,
            price: asking.price,
            answer: None,
            silence: None,
            models_said: None,
            corrected: None,
            spread: 0.0,
            queries: Vec::new(),
            sources: Vec::new(),
            found: 0,
            late: 0,
            hostile: 0,
            thoughts: Vec::new(),
            failures: Vec::new(),
            cost: Cost::default(),
            seconds: 0.0,
        }
    }
}

/// A source as a reasoning model is told of it.
fn told(source: &Source) -> String {
    let when = source.published.map_or_else(|| "no date".to_owned(), day);
    let (title, name) = (source.title.as_raw(), source.source.as_raw());
    format!("{title} ({name}, {when})\n{}", source.summary.as_raw())
}

/// The day of a moment, UTC.
pub(super) fn day(at: UnixMs) -> String {
    at.rfc3339().get(..10).unwrap_or_default().to_owned()
}
