//! What an operator can say about work on prompts. The names of the models' settings are those of the reference.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::table::{COUNT, Group, Kind, Setting, WorkGroup, setting};
use crate::config::{ConfigError, Resolved, duration};

const MINER: WorkGroup = WorkGroup { place: 10, heading: "Backend", miner: true, validator: false };
/// What a miner answers with.
pub(super) const BACKEND: Group = Group::Work(MINER);
/// How a model is asked.
pub(super) const MODEL: Group = Group::Work(WorkGroup { place: 11, heading: "Model", ..MINER });
/// What a validator asks.
pub(super) const PROMPTING: Group =
    Group::Work(WorkGroup { place: 12, heading: "Prompting", miner: false, validator: true });

/// Its rows of the table of settings.
pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "backend.kind",
        Kind::Choice(&["openai", "local", "exec", "echo", "phrase", "mock"]),
        Some("openai"),
        BACKEND,
        "openai asks a chat API, local asks a chat API on this machine, exec asks a program; echo, phrase and mock \
         need no model.",
    )
    .alias(&["backend"]),
    setting(
        "backend.url",
        Kind::Text,
        None,
        BACKEND,
        "The API's base up to /v1: https://api.openai.com/v1 for openai, http://127.0.0.1:8000/v1 for local by default.",
    ),
    setting(
        "backend.key_file",
        Kind::Path,
        None,
        BACKEND,
        "A file that holds the API's key; without it the environment's OPENAI_API_KEY is used.",
    ),
    setting("backend.proxy", Kind::Text, None, BACKEND, "An HTTP proxy for the API, besides those of the environment."),
    setting(
        "backend.command",
        Kind::Text,
        None,
        BACKEND,
        "The program that exec runs for each answer, or the server that local starts and keeps alive; with its arguments.",
    ),
    setting(
        "backend.env",
        Kind::List,
        None,
        BACKEND,
        "NAME=VALUE for that program's environment, such as CUDA_VISIBLE_DEVICES=0; repeat it for several.",
    ),
    setting(
        "backend.start",
        Kind::Duration,
        Some("5m"),
        BACKEND,
        "How long the server that local starts may take to load its model.",
    ),
    setting(
        "backend.at_once",
        Kind::Integer { min: 1, max: 4096 },
        Some("8"),
        BACKEND,
        "The most programs of exec at the same time; one more question is refused with 503.",
    ),
    setting(
        "neuron.model_id",
        Kind::Text,
        None,
        MODEL,
        "The model; by default gpt-3.5-turbo-1106 for openai, and the first one that the server lists for local.",
    )
    .alias(&["model_id", "model"]),
    setting(
        "neuron.system_prompt",
        Kind::Text,
        Some("You are a friendly assistant. Answer truthfully, to the point, and say so when you do not know."),
        MODEL,
        "The system prompt of the model; empty sends none.",
    )
    .alias(&["system_prompt"]),
    setting(
        "neuron.max_tokens",
        Kind::Integer { min: 1, max: 1_000_000 },
        Some("256"),
        MODEL,
        "The most tokens of an answer.",
    )
    .alias(&["max_tokens"]),
    setting(
        "neuron.temperature",
        Kind::Number { min: 0.0, max: 2.0 },
        Some("0.7"),
        MODEL,
        "How random the words are; 0 always takes the most likely word.",
    )
    .alias(&["temperature"]),
    setting(
        "neuron.top_p",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.95"),
        MODEL,
        "Words are drawn from the most likely ones, up to this share of probability.",
    )
    .alias(&["top_p"]),
    setting(
        "neuron.top_k",
        Kind::Integer { min: 1, max: 100_000 },
        Some("50"),
        MODEL,
        "Words are drawn from this number of most likely ones; local only.",
    )
    .alias(&["top_k"]),
    setting(
        "neuron.streaming_batch_size",
        Kind::Integer { min: 1, max: 4096 },
        Some("12"),
        MODEL,
        "How many pieces of the model are sent as one chunk.",
    )
    .alias(&["streaming_batch_size"]),
    setting("neuron.phrase", Kind::Text, Some("Can you please repeat that?"), MODEL, "The answer of phrase.")
        .alias(&["phrase"]),
    setting(
        "prompting.questions",
        Kind::Path,
        None,
        PROMPTING,
        "A file with questions and their answers as JSON lines (docs/prompting.md); by default those that come with \
         the program.",
    ),
    setting(
        "prompting.url",
        Kind::Text,
        None,
        PROMPTING,
        "The base URL, up to /v1, of a chat API that writes questions, and answers those that have no answer.",
    ),
    setting("prompting.model", Kind::Text, Some("gpt-3.5-turbo-1106"), PROMPTING, "The model of that API."),
    setting(
        "prompting.key_file",
        Kind::Path,
        None,
        PROMPTING,
        "A file that holds the key of these APIs; by default OPENAI_API_KEY is used.",
    ),
    setting(
        "prompting.embeddings_url",
        Kind::Text,
        None,
        PROMPTING,
        "The base URL, up to /v1, of an embeddings API that judges relevance; without it, relevance is not part of the \
         reward.",
    ),
    setting(
        "prompting.embeddings_model",
        Kind::Text,
        Some("WhereIsAI/UAE-Large-V1"),
        PROMPTING,
        "The model of that API; that of the reference by default.",
    ),
    setting("prompting.every", Kind::Duration, Some("30s"), PROMPTING, "Time between two questions."),
    setting(
        "prompting.timeout",
        Kind::Duration,
        Some("15s"),
        PROMPTING,
        "How long an answer may stream; what has arrived by then counts.",
    ),
    setting(
        "prompting.sample",
        Kind::Integer { min: 1, max: 65_535 },
        Some("100"),
        PROMPTING,
        "How many miners are asked each time, at random.",
    ),
    setting("prompting.one_per_ip", Kind::Bool, Some("false"), PROMPTING, "Ask one miner of each address only."),
    setting("prompting.one_per_coldkey", Kind::Bool, Some("false"), PROMPTING, "Ask one miner of each coldkey only."),
    setting(
        "prompting.vpermit_tao_limit",
        Kind::Number { min: 0.0, max: 1e12 },
        Some("4096"),
        PROMPTING,
        "Neurons with a validator permit and more stake than this are not asked: they are validators.",
    )
    .alias(&["vpermit_tao_limit", "neuron.vpermit_tao_limit"]),
    setting(
        "prompting.turns",
        Kind::Integer { min: 0, max: 10 },
        Some("2"),
        PROMPTING,
        "The most follow-up questions; each is asked half the time.",
    ),
    setting(
        "prompting.alpha",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.1"),
        PROMPTING,
        "The share of a new reward in the moving average.",
    ),
    setting(
        "prompting.decay",
        Kind::Number { min: 0.0, max: 1.0 },
        Some("0.001"),
        PROMPTING,
        "How much every miner's average loses with every question.",
    ),
    setting(
        "prompting.max_tokens_per_chunk",
        COUNT,
        Some("200"),
        PROMPTING,
        "A chunk with more tokens is not streaming: each costs 5 % of the reward, 20 % at most.",
    ),
    setting(
        "prompting.log",
        Kind::Path,
        None,
        PROMPTING,
        "A file to which everything about each question is appended, as JSON lines.",
    ),
    setting(
        "prompting.wandb",
        Kind::Path,
        None,
        PROMPTING,
        "A folder for the same as an offline run of Weights & Biases: only `wandb sync` uploads it.",
    ),
    setting(
        "prompting.retention_days",
        Kind::Integer { min: 1, max: 3650 },
        Some("30"),
        PROMPTING,
        "How long answers are kept in the ledger.",
    ),
];

/// The same, typed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct PromptingSettings {
    pub backend: BackendSettings,
    pub neuron: ModelSettings,
    pub prompting: AskingSettings,
}

/// What a miner answers with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct BackendSettings {
    pub kind: String,
    pub url: Option<String>,
    pub key_file: Option<PathBuf>,
    pub proxy: Option<String>,
    pub command: Option<String>,
    #[serde(default)]
    pub env: Vec<String>,
    #[serde(deserialize_with = "duration")]
    pub start: Duration,
    pub at_once: usize,
}

/// How a model is asked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct ModelSettings {
    pub model_id: Option<String>,
    pub system_prompt: String,
    pub max_tokens: u32,
    pub temperature: f64,
    pub top_p: f64,
    pub top_k: u32,
    pub streaming_batch_size: usize,
    pub phrase: String,
}

/// What a validator asks, and how it judges.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the rows of settings explain each")]
pub struct AskingSettings {
    pub questions: Option<PathBuf>,
    pub url: Option<String>,
    pub model: String,
    pub key_file: Option<PathBuf>,
    pub embeddings_url: Option<String>,
    pub embeddings_model: String,
    #[serde(deserialize_with = "duration")]
    pub every: Duration,
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    pub sample: usize,
    pub one_per_ip: bool,
    pub one_per_coldkey: bool,
    pub vpermit_tao_limit: f64,
    pub turns: u32,
    pub alpha: f64,
    pub decay: f64,
    pub max_tokens_per_chunk: u32,
    pub log: Option<PathBuf>,
    pub wandb: Option<PathBuf>,
    pub retention_days: u32,
}

impl PromptingSettings {
    /// What was said about prompts.
    ///
    /// # Errors
    /// As [`Resolved::typed`].
    pub fn of(resolved: &Resolved) -> Result<Self, ConfigError> {
        resolved.typed(|row| SETTINGS.iter().any(|own| own.key == row.key))
    }
}
