//! What an operator can say about language models, and the pipeline that it comes to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::abstain::Rule;
use super::calibrate::Method;
use super::desk::Desk;
use super::endpoint::{Endpoint, ModelSpec};
use super::money::MicroUsd;
use super::pipeline::{Pipeline, Plan};
use super::prompts::{self, Prompt};
use super::retrieval::api::Api;
use super::retrieval::feed::Feed;
use super::retrieval::folder::Folder;
use super::retrieval::program::Program;
use super::retrieval::{RetrievalError, Retriever};
use super::spend::{Budget, SpendError, SpendLedger};
use crate::clock::Clock;
use crate::config::table::{Group, Kind, Setting, WorkGroup, setting};
use crate::config::{duration, words};
use crate::forecast::openai::key_of_process;
use crate::units::millis;

/// The heading of language models.
pub const LLM: Group =
    Group::Work(WorkGroup { place: 3, heading: "Language models (forecaster llm)", miner: true, validator: false });

/// Where the ledger of spend and the index of articles are by default.
const FOLDER: &str = ".neuron/llm";

/// The rows of the table of settings.
pub const SETTINGS: [Setting; 29] = [
    setting(
        "llm.url",
        Kind::Text,
        Some("https://api.openai.com/v1"),
        LLM,
        "The OpenAI-compatible API of the models, its base up to /v1.",
    ),
    setting(
        "llm.key_file",
        Kind::Path,
        None,
        LLM,
        "A file that holds the API's key; without it the environment's OPENAI_API_KEY is used.",
    ),
    setting(
        "llm.models",
        Kind::List,
        None,
        LLM,
        "The models that forecast, with their price in dollars for a million input and output tokens, and their URL \
         when it is not `llm.url`: NAME=0.15/0.60, NAME@http://127.0.0.1:8000/v1.",
    ),
    setting(
        "llm.small",
        Kind::Text,
        None,
        LLM,
        "The model for search queries, ratings and summaries, written in the same way; by default the first of \
         `llm.models`.",
    ),
    setting("llm.budget_day", Kind::Text, Some("1.00"), LLM, "The most dollars that may be spent in a day, UTC."),
    setting(
        "llm.budget_question",
        Kind::Text,
        Some("0.10"),
        LLM,
        "The most dollars that may be spent on one question in a day.",
    ),
    setting(
        "llm.directory",
        Kind::Path,
        None,
        LLM,
        "The folder of the ledger of spend, the cached replies and the index of articles; ~/.neuron/llm by default. \
         Several processes may share it, and its budgets.",
    ),
    setting(
        "llm.in_flight",
        Kind::Integer { min: 1, max: 256 },
        Some("8"),
        LLM,
        "The most calls of models at the same time.",
    ),
    setting("llm.deadline", Kind::Duration, Some("120s"), LLM, "How long one call of a model may take."),
    setting(
        "llm.max_tokens",
        Kind::Integer { min: 16, max: 100_000 },
        Some("1500"),
        LLM,
        "The most tokens of one answer; their cost is reserved before the call.",
    ),
    setting(
        "llm.draws",
        Kind::Integer { min: 1, max: 32 },
        Some("1"),
        LLM,
        "How many answers to each prompt are asked from each model.",
    ),
    setting(
        "llm.prompts",
        Kind::List,
        Some("scratchpad,base-rates,critic"),
        LLM,
        "The prompts that end in a probability: scratchpad, base-rates, critic (config/prompts).",
    ),
    setting(
        "llm.articles",
        Kind::Path,
        None,
        LLM,
        "A folder of articles to search (docs/llm.md lists the shapes of files).",
    ),
    setting("llm.feeds", Kind::List, None, LLM, "Addresses of feeds (RSS, Atom) to search."),
    setting(
        "llm.api",
        Kind::Text,
        None,
        LLM,
        "The address of a search API, with {query} in it, and {from}, {until}, {limit} where it wants them.",
    ),
    setting("llm.api_token_file", Kind::Path, None, LLM, "A file with the token of that API (Authorization: Bearer)."),
    setting(
        "llm.program",
        Kind::Text,
        None,
        LLM,
        "A program that finds articles: it reads a search as JSON on its stdin, and writes articles as JSON.",
    ),
    setting("llm.window", Kind::Duration, Some("90d"), LLM, "Articles older than this are not read."),
    setting(
        "llm.most_articles",
        Kind::Integer { min: 1, max: 100 },
        Some("15"),
        LLM,
        "The most articles that are read for an answer.",
    ),
    setting(
        "llm.least_articles",
        Kind::Integer { min: 0, max: 100 },
        Some("5"),
        LLM,
        "With fewer relevant articles the miner abstains.",
    ),
    setting(
        "llm.least_price",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.3"),
        LLM,
        "When the market's price is lower, the miner abstains.",
    ),
    setting(
        "llm.most_price",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.7"),
        LLM,
        "When the market's price is higher, the miner abstains.",
    ),
    setting(
        "llm.most_spread",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.2"),
        LLM,
        "When the forecasts differ more than this (standard deviation), the miner abstains.",
    ),
    setting(
        "llm.least_edge",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.01"),
        LLM,
        "When the answer is nearer to the price than this, the miner abstains.",
    ),
    setting(
        "llm.weight",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.25"),
        LLM,
        "The share of the way from the price to the models that the answer goes, in log odds.",
    ),
    setting(
        "llm.calibration",
        Kind::Choice(&["none", "platt", "isotonic"]),
        Some("platt"),
        LLM,
        "How the models' probabilities are corrected by their past results, once there are 30 ended questions.",
    ),
    setting(
        "llm.least_worth",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.0004"),
        LLM,
        "A miner asks the models again when their answer is expected to have moved by the square root of this: by \
         price, news, disagreement and age, less near the end. Until then its answer follows the price.",
    ),
    setting(
        "llm.conditional",
        Kind::Bool,
        Some("false"),
        LLM,
        "When a miner abstains on a question that has words in common with another question, the models forecast it \
         for both outcomes of the other question: a conditional forecast.",
    ),
    setting(
        "llm.script",
        Kind::Path,
        None,
        LLM,
        "A script of replies instead of the models: everything runs offline (docs/llm.md).",
    ),
];

/// What was said, typed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct LlmSettings {
    pub url: String,
    pub key_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "parsed_list")]
    pub models: Vec<ModelSpec>,
    pub small: Option<ModelSpec>,
    pub budget_day: MicroUsd,
    pub budget_question: MicroUsd,
    pub directory: Option<PathBuf>,
    pub in_flight: usize,
    #[serde(deserialize_with = "duration")]
    pub deadline: Duration,
    pub max_tokens: u32,
    pub draws: u32,
    #[serde(default, deserialize_with = "words")]
    pub prompts: Vec<String>,
    pub articles: Option<PathBuf>,
    #[serde(default, deserialize_with = "words")]
    pub feeds: Vec<String>,
    pub api: Option<String>,
    pub api_token_file: Option<PathBuf>,
    pub program: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub window: Duration,
    pub most_articles: usize,
    pub least_articles: usize,
    pub least_price: f64,
    pub most_price: f64,
    pub most_spread: f64,
    pub least_edge: f64,
    pub weight: f64,
    pub calibration: Method,
    pub least_worth: f64,
    pub conditional: bool,
    pub script: Option<PathBuf>,
}

fn parsed_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ModelSpec>, D::Error> {
    words(deserializer)?.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
}

/// Why there is no pipeline.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// A setting.
    #[error("language models: {0}")]
    Setting(String),
    /// The ledger of spend.
    #[error(transparent)]
    Spend(#[from] SpendError),
    /// A source of articles.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
}

impl LlmSettings {
    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.directory.clone().unwrap_or_else(|| std::env::home_dir().unwrap_or_default().join(FOLDER))
    }

    /// The ledger of spend.
    ///
    /// # Errors
    /// [`SpendError`].
    pub fn ledger(&self) -> Result<SpendLedger, SpendError> {
        SpendLedger::open(&self.folder().join("spend.sqlite"))
    }

    /// The budgets.
    #[must_use]
    pub const fn budget(&self) -> Budget {
        Budget { per_day: self.budget_day, per_question: self.budget_question }
    }

    /// When nothing is said.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        Rule {
            price: (self.least_price, self.most_price),
            articles: self.least_articles,
            spread: self.most_spread,
            edge: self.least_edge,
        }
    }

    /// The sources of articles. Blocking: a folder's index is brought up to date.
    ///
    /// # Errors
    /// [`LlmError`].
    pub fn sources(&self) -> Result<Vec<Box<dyn Retriever>>, LlmError> {
        let mut sources: Vec<Box<dyn Retriever>> = Vec::new();
        if let Some(folder) = &self.articles {
            let (articles, done) = Folder::open(folder, Some(&self.index_of(folder)))?;
            tracing::info!(folder = %folder.display(), articles = done.articles, read = done.read, "articles indexed");
            sources.push(Box::new(articles));
        }
        for feed in &self.feeds {
            sources.push(Box::new(Feed::new(feed, self.deadline)?));
        }
        if let Some(api) = &self.api {
            let token = self.api_token_file.as_deref().map(|file| key_of_process(Some(file), "llm.api_token_file"));
            let token = token.transpose().map_err(LlmError::Setting)?.flatten();
            sources.push(Box::new(Api::new(api, token.as_ref(), self.deadline)?));
        }
        if let Some(program) = &self.program {
            sources.push(Box::new(Program::new(program, self.deadline)?));
        }
        Ok(sources)
    }

    /// The index of a folder: one file for each.
    fn index_of(&self, folder: &Path) -> PathBuf {
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = format!("articles-{:016x}.sqlite", crate::market::simulator::label(&whole.display().to_string()));
        self.folder().join(name)
    }

    /// The pipeline. Blocking as [`LlmSettings::sources`]; `clock` is that by which money is counted. With `scripted`, the
    /// base of a scripted server, every model is there.
    ///
    /// # Errors
    /// [`LlmError`].
    pub fn pipeline(&self, clock: &Clock, scripted: Option<&str>) -> Result<Pipeline, LlmError> {
        let key = match scripted {
            Some(_) => None,
            None => key_of_process(self.key_file.as_deref(), "llm.key_file").map_err(LlmError::Setting)?,
        };
        let scripted_model = || ModelSpec { name: "scripted".to_owned(), price: None, url: None };
        let mut specs = self.models.clone();
        if specs.is_empty() {
            if scripted.is_none() {
                return Err(LlmError::Setting(
                    "no model is named: name one with `--llm.models NAME=0.15/0.60`".to_owned(),
                ));
            }
            specs.push(scripted_model());
        }
        let endpoint = |spec: &ModelSpec| {
            let spec = ModelSpec { url: spec.url.clone().filter(|_| scripted.is_none()), ..spec.clone() };
            let made = Endpoint::new(&spec, scripted.unwrap_or(&self.url), key.clone(), self.deadline);
            made.map(Arc::new).map_err(LlmError::Setting)
        };
        let models = specs.iter().map(endpoint).collect::<Result<Vec<_>, _>>()?;
        let small = match (&self.small, models.first()) {
            (Some(spec), _) => endpoint(spec)?,
            (None, Some(first)) => Arc::clone(first),
            (None, None) => return Err(LlmError::Setting("no model is named".to_owned())),
        };
        let plan = Plan {
            articles: self.most_articles,
            window_ms: millis(self.window),
            reasoning: self.reasoning()?,
            draws: self.draws,
            weight: self.weight,
            rule: self.rule(),
            max_tokens: self.max_tokens,
        };
        let desk = Desk::new(self.ledger()?, self.budget(), clock.clone(), self.in_flight);
        Ok(Pipeline { desk, small, models, sources: self.sources()?, plan })
    }

    fn reasoning(&self) -> Result<Vec<Prompt>, LlmError> {
        let known = prompts::reasoning();
        let named = |name: &String| {
            let found = known.iter().find(|prompt| prompt.name == name).copied();
            found.ok_or_else(|| {
                LlmError::Setting(format!("there is no prompt `{name}` in `llm.prompts`: {}", names(&known)))
            })
        };
        let found = self.prompts.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() {
            Err(LlmError::Setting(format!("`llm.prompts` names none of {}", names(&known))))
        } else {
            Ok(found)
        }
    }
}

fn names(prompts: &[Prompt]) -> String {
    prompts.iter().map(|prompt| prompt.name).collect::<Vec<_>>().join(", ")
}
