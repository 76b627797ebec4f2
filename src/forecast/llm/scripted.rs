//! A model server that says what a script tells it: the pipeline runs offline, in tests and in a back-test of recorded
//! answers. It speaks as an OpenAI-compatible API does, and fails as one does when told so.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

/// Requests remembered for whoever looks.
const REMEMBERED: usize = 10_000;

/// A line of a script: what is answered to which request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Line {
    /// All of these are in what the model is told; none means every request.
    pub when: Vec<String>,
    /// The model asked for; `None` means any.
    pub model: Option<String>,
    /// The answer. `{mark}` in it becomes the mark that the request asks for, `{told}` what it was told.
    pub say: String,
    /// Another HTTP status than 200, with `say` as its error.
    pub status: Option<u16>,
    /// `Retry-After` with that, seconds.
    pub retry_after: Option<u64>,
    /// Time before it answers, ms.
    pub delay_ms: u64,
    /// Bytes instead of a chat completion.
    pub raw: Option<String>,
    /// The tokens it counts, told and said, instead of a quarter of the bytes; an empty list does not count.
    pub tokens: Option<Vec<u64>>,
    /// Answers so often, then never again; `None` is always.
    pub times: Option<usize>,
}

impl Line {
    /// A line that says `say` to everything that holds `when`.
    #[must_use]
    pub fn of(when: &str, say: &str) -> Self {
        Self { when: vec![when.to_owned()], say: say.to_owned(), ..Self::default() }
    }
}

/// A script: the first line that fits a request answers it.
#[derive(Debug, Clone, Default)]
pub struct Script(pub Vec<Line>);

/// Why there is no script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("the script {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is none.
    #[error("line {line} of the script {path} is not valid: {reason}; docs/llm.md shows an example")]
    Line {
        /// The file.
        path: String,
        /// Its number.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// No port.
    #[error("the scripted server cannot listen: {0}")]
    Listen(std::io::Error),
}

impl Script {
    /// The script in a file of JSON lines; blank ones and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`ScriptError::Read`], [`ScriptError::Line`].
    pub fn read(path: &Path) -> Result<Self, ScriptError> {
        let named = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Read { path: named.clone(), source })?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let line = |(place, line): (usize, &str)| {
            let wrong = |e: serde_json::Error| ScriptError::Line {
                path: named.clone(),
                line: place + 1,
                reason: e.to_string(),
            };
            serde_json::from_str(line).map_err(wrong)
        };
        lines.map(line).collect::<Result<_, _>>().map(Self)
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The model asked for.
    pub model: String,
    /// What it was told, system and user in one text.
    pub told: String,
}

struct Stage {
    lines: Vec<(Line, AtomicUsize)>,
    heard: Mutex<Vec<Heard>>,
}

/// A running server; dropping it stops it.
pub struct Handle {
    address: SocketAddr,
    stage: Arc<Stage>,
    _serving: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Handle {
    /// The base of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it was asked so far, the first ten thousand requests.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.stage.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves `script` on a free port of this machine; must be called inside a tokio runtime.
///
/// # Errors
/// [`ScriptError::Listen`].
pub fn spawn(script: Script) -> Result<Handle, ScriptError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(ScriptError::Listen)?;
    listener.set_nonblocking(true).map_err(ScriptError::Listen)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ScriptError::Listen)?;
    let address = listener.local_addr().map_err(ScriptError::Listen)?;
    let lines = script.0.into_iter().map(|line| (line, AtomicUsize::new(0))).collect();
    let stage = Arc::new(Stage { lines, heard: Mutex::default() });
    let router = axum::Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&stage));
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the scripted server ended");
        }
    });
    Ok(Handle { address, stage, _serving: AbortOnDropHandle::new(serving) })
}

/// A request, as far as a script looks at it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    model: String,
    messages: Vec<Message>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: String,
}

async fn answer(State(stage): State<Arc<Stage>>, Json(Asked { model, messages }): Json<Asked>) -> Response {
    let told = messages.iter().map(|message| message.content.as_str()).collect::<Vec<_>>().join("\n\n");
    let fits = |(line, used): &&(Line, AtomicUsize)| {
        line.when.iter().all(|part| told.contains(part.as_str()))
            && line.model.as_ref().is_none_or(|wanted| *wanted == model)
            && line.times.is_none_or(|times| used.fetch_add(1, Ordering::SeqCst) < times)
    };
    let line = stage.lines.iter().find(fits).map(|(line, _)| line.clone());
    {
        let mut heard = stage.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < REMEMBERED {
            heard.push(Heard { model: model.clone(), told: told.clone() });
        }
    }
    let Some(line) = line else {
        let error = json!({ "error": { "message": "the script has no line for this" } });
        return (StatusCode::NOT_FOUND, Json(error)).into_response();
    };
    tokio::time::sleep(Duration::from_millis(line.delay_ms)).await;
    if let Some(raw) = line.raw {
        return Response::new(Body::from(raw));
    }
    let say = line.say.replace("{mark}", mark_in(&told).unwrap_or_default()).replace("{told}", &told);
    if let Some(status) = line.status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(json!({ "error": { "message": say } }))).into_response();
        if let Some(seconds) = line.retry_after {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        return response;
    }
    let tokens = line.tokens.unwrap_or_else(|| [&told, &say].map(|text| text.len() as u64 / 4 + 1).to_vec());
    let usage = match tokens.as_slice() {
        [told, said] => json!({ "prompt_tokens": told, "completion_tokens": said }),
        _ => Value::Null,
    };
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": say }, "finish_reason": "stop" });
    Json(json!({ "object": "chat.completion", "model": model, "choices": [choice], "usage": usage })).into_response()
}

/// The mark that a request wants in front of its answer: `[…]` behind its last `Probability`, which no article can write.
fn mark_in(told: &str) -> Option<&str> {
    let (_, after) = told.rsplit_once("Probability [")?;
    after.split_once(']').map(|(mark, _)| mark)
}
