//! What goes through the door: the JSON of chat completions, both ways.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::choice::Candidate;
use super::keys::Denied;
use crate::scoring::text::tokens;
use crate::subnets::prompting::conversation::Conversation;
use crate::units::{Account, Foreign};

/// The most answers to one question.
const MAX_ANSWERS: usize = 16;

/// A request for a chat completion. What concerns a model of one's own (temperature and its like) is the miners' business
/// and read past.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Asked {
    pub(super) model: Option<String>,
    messages: Vec<Message>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    n: Option<usize>,
    /// Of ours: the miner to ask, by hotkey.
    pub(super) hotkey: Option<Account>,
    /// Of ours: the miner to ask, by slot.
    pub(super) uid: Option<u16>,
    /// Of ours: the answers of all miners that are asked, `n` of them or as many as there may be.
    #[serde(default)]
    return_all: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Deserialize)]
struct Part {
    text: Option<String>,
}

impl Asked {
    /// How many answers are wanted.
    pub(super) fn answers(&self) -> usize {
        let all = if self.return_all { MAX_ANSWERS } else { 1 };
        self.n.unwrap_or(all).clamp(1, MAX_ANSWERS)
    }

    /// Whether a stream ends with what was used.
    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    pub(super) fn conversation(&self) -> Result<Conversation, Problem> {
        let mut pairs = Vec::new();
        for message in &self.messages {
            let role = if message.role == "developer" { "system" } else { &message.role };
            let text = match &message.content {
                Content::Text(text) => text.clone(),
                Content::Parts(parts) if parts.iter().all(|part| part.text.is_some()) => {
                    parts.iter().filter_map(|part| part.text.as_deref()).collect()
                }
                Content::Parts(_) => return Err(Problem::bad("only text can be sent here")),
            };
            pairs.push((role.to_owned(), text));
        }
        Conversation::from_pairs(pairs).map_err(|e| Problem::bad(&e.to_string()))
    }
}

/// Tokens of question and answer, as estimated.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    total_tokens: u64,
}

impl Usage {
    pub(super) fn of(said: &Conversation, completion_tokens: u64) -> Self {
        let prompt_tokens = said.turns().iter().map(|turn| u64::from(tokens(turn.text.as_raw()))).sum();
        Self { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    }
}

/// What one answer is, apart from its words.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) model: String,
}

impl Envelope {
    /// A piece of a streamed answer; `end` says why nothing follows.
    pub(super) fn piece(&self, text: &str, first: bool, end: Option<&str>) -> Value {
        let mut delta = serde_json::Map::new();
        if first {
            delta.insert("role".into(), "assistant".into());
        }
        if end.is_none() {
            delta.insert("content".into(), text.into());
        }
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": end }],
        })
    }

    /// The last event of a stream whose caller wants to know.
    pub(super) fn used(&self, usage: Usage) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [], "usage": usage,
        })
    }

    /// Whole answers.
    pub(super) fn whole(&self, answers: &[Answer], usage: Usage) -> Value {
        let choices: Vec<Value> = answers.iter().enumerate().map(|(index, answer)| answer.choice(index)).collect();
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": choices, "usage": usage,
        })
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) who: Candidate,
    pub(super) text: String,
    /// `stop`, or `length` where it was cut.
    pub(super) end: &'static str,
    /// Why it was cut.
    pub(super) partial: Option<Foreign>,
    pub(super) first_s: f64,
}

impl Answer {
    fn choice(&self, index: usize) -> Value {
        json!({
            "index": index,
            "message": { "role": "assistant", "content": self.text, "refusal": null },
            "logprobs": null,
            "finish_reason": self.end,
            "source": { "uid": self.who.uid, "hotkey": self.who.target.hotkey.ss58(), "first_chunk_s": self.first_s,
                        "partial": self.partial },
        })
    }
}

/// A no in the API's own shape.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub(super) fn bad(message: &str) -> Self {
        Self::of(StatusCode::BAD_REQUEST, "invalid_request_error", "bad_request", message)
    }

    pub(super) fn of(status: StatusCode, kind: &'static str, code: &'static str, message: &str) -> Self {
        Self { status, kind, code, message: message.to_owned(), retry_after_s: None }
    }

    /// The object inside `{"error": …}`.
    pub(super) fn body(&self) -> Value {
        json!({ "error": { "message": self.message, "type": self.kind, "param": null, "code": self.code } })
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        const KIND: &str = "invalid_request_error";
        let wait = |wait: std::time::Duration| Some(wait.as_secs() + 1);
        match denied {
            Denied::NoKey => {
                let message = "the key is missing: send `Authorization: Bearer KEY`";
                Self::of(StatusCode::UNAUTHORIZED, KIND, "missing_api_key", message)
            }
            Denied::WrongKey => {
                Self::of(StatusCode::UNAUTHORIZED, KIND, "invalid_api_key", "this key is not valid here")
            }
            Denied::TooOften { wait: time } => {
                let message = "the key has reached its limit of questions per minute";
                let problem = Self::of(StatusCode::TOO_MANY_REQUESTS, "requests", "rate_limit_exceeded", message);
                Self { retry_after_s: wait(time), ..problem }
            }
            Denied::AtOnce => {
                let message = "the key has reached its limit of answers at the same time";
                Self::of(StatusCode::TOO_MANY_REQUESTS, "requests", "concurrency_exceeded", message)
            }
            Denied::Spent { wait: time } => {
                let message = match time {
                    Some(_) => "the key has reached its limit of spending for this day",
                    None => "the key has reached its limit of spending",
                };
                let problem = Self::of(StatusCode::TOO_MANY_REQUESTS, "billing", "insufficient_quota", message);
                Self { retry_after_s: time.and_then(wait), ..problem }
            }
            Denied::UsedUp { wait: time } => {
                let message = "the key has reached its limit of tokens for this day";
                let problem = Self::of(StatusCode::TOO_MANY_REQUESTS, "tokens", "insufficient_quota", message);
                Self { retry_after_s: wait(time), ..problem }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
        }
        response
    }
}
