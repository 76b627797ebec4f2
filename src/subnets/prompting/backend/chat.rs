//! A model behind an OpenAI-compatible API, anywhere: chat completions with `stream`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url};
use serde_json::{Map, Value, json};

use super::sse::{Events, Part};
use super::{Backend, BackendError, Deltas};
use crate::clock;
pub use crate::forecast::openai::ApiKey;
pub(in crate::subnets::prompting) use crate::forecast::openai::below;
use crate::forecast::openai::{self, words_of};
use crate::market::{self, BrokenBody};
use crate::subnets::prompting::conversation::Conversation;

/// Pause before the first further attempt; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Attempts in all, before the first token.
const ATTEMPTS: u32 = 4;
/// The most of an answer that is no stream, bytes.
const MAX_WHOLE: usize = 8 << 20;

/// How a model draws its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// 0 is always the likeliest word.
    pub temperature: f64,
    /// The share of likelihood that is drawn from.
    pub top_p: f64,
    /// The number of words that is drawn from; `None` where the API does not know it.
    pub top_k: Option<u32>,
}

/// Which API, with which key, and what it is asked for.
#[derive(Debug, Clone)]
pub struct ChatSettings {
    /// Its base, up to `/v1`.
    pub url: String,
    /// Goes into `Authorization: Bearer`.
    pub key: Option<ApiKey>,
    /// The model.
    pub model: String,
    /// Said before everything else; empty says nothing.
    pub system_prompt: String,
    /// How it draws.
    pub sampling: Sampling,
    /// An HTTP proxy, besides those of the environment.
    pub proxy: Option<String>,
}

/// The key in `file`, else in the environment's `OPENAI_API_KEY`.
///
/// # Errors
/// [`BackendError::Setting`]: the file cannot be read, or holds none.
pub fn key_of_process(file: Option<&Path>) -> Result<Option<ApiKey>, BackendError> {
    openai::key_of_process(file, "backend.key_file").map_err(BackendError::Setting)
}

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Chat {
    name: &'static str,
    /// In messages: the API's host.
    what: String,
    client: Client,
    url: Url,
    settings: Arc<ChatSettings>,
}

/// The client and address of an API.
///
/// # Errors
/// [`BackendError::Setting`]: the URL or the proxy is none.
pub(in crate::subnets::prompting) fn client_of(base: &str, proxy: Option<&str>) -> Result<(Client, Url), BackendError> {
    openai::client_of(base, proxy, "backend.proxy").map_err(BackendError::Setting)
}

impl Chat {
    /// An API as a backend called `name`.
    ///
    /// # Errors
    /// [`BackendError::Setting`].
    pub fn new(name: &'static str, settings: ChatSettings) -> Result<Self, BackendError> {
        let (client, base) = client_of(&settings.url, settings.proxy.as_deref())?;
        let what = base.host_str().unwrap_or("the API").to_owned();
        let url = below(&base, "chat/completions");
        Ok(Self { name, what, client, url, settings: Arc::new(settings) })
    }

    /// The model it asks for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.settings.model
    }

    /// Like [`Backend::answer`], from `model`.
    pub(super) async fn begin(
        &self,
        model: &str,
        conversation: &Conversation,
        until: Instant,
    ) -> Result<Deltas, BackendError> {
        let body = self.body(model, conversation);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let error = match tokio::time::timeout_at(until.into(), self.attempt(&body)).await {
                Ok(Ok(deltas)) => return Ok(deltas),
                Ok(Err(error)) => error,
                Err(_) => return Err(BackendError::Late { what: self.what.clone() }),
            };
            let wait = match &error {
                BackendError::Refused { retry_after: Some(asked), .. } => pause.max(*asked),
                _ => pause,
            };
            if !error.may_pass() || attempt >= ATTEMPTS || clock::monotonic() + wait >= until {
                return Err(error);
            }
            tracing::debug!(backend = self.name, attempt, "{error}; trying again");
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(BackendError::Late { what: self.what.clone() })
    }

    fn body(&self, model: &str, conversation: &Conversation) -> Value {
        let ChatSettings { system_prompt, sampling, .. } = &*self.settings;
        let system = (!system_prompt.is_empty()).then(|| json!({ "role": "system", "content": system_prompt }));
        let said = conversation.turns().iter().map(|turn| json!({ "role": turn.role.name(), "content": turn.text }));
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        body.insert("messages".into(), system.into_iter().chain(said).collect());
        body.insert("stream".into(), true.into());
        body.insert("max_tokens".into(), sampling.max_tokens.into());
        body.insert("temperature".into(), sampling.temperature.into());
        body.insert("top_p".into(), sampling.top_p.into());
        if let Some(top_k) = sampling.top_k {
            body.insert("top_k".into(), top_k.into());
        }
        Value::Object(body)
    }

    /// One request, up to its first piece of text.
    async fn attempt(&self, body: &Value) -> Result<Deltas, BackendError> {
        let mut request = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.settings.key {
            request = request.bearer_auth(key.expose());
        }
        let response = request.send().await.map_err(|e| unreachable(&self.what, e))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/json") {
            return self.whole(response).await;
        }
        let mut events = Events::of(self.what.clone(), response);
        let first = events.next().await?.ok_or_else(|| BackendError::Silent { what: self.what.clone() })?;
        let rest =
            stream::try_unfold(events, |mut events| async move { Ok(events.next().await?.map(|text| (text, events))) });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }

    /// An answer of a server that does not stream.
    async fn whole(&self, response: Response) -> Result<Deltas, BackendError> {
        let body = body_of(&self.what, response, MAX_WHOLE).await?;
        let part: Result<Part, _> = serde_json::from_slice(&body);
        let part =
            part.map_err(|e| BackendError::Malformed { what: self.what.clone(), reason: e.to_string().into() })?;
        let text =
            part.choices.into_iter().next().and_then(|choice| choice.message).and_then(|message| message.content);
        let text =
            text.filter(|text| !text.is_empty()).ok_or_else(|| BackendError::Silent { what: self.what.clone() })?;
        Ok(stream::iter([Ok(text)]).boxed())
    }

    async fn refusal(&self, response: Response) -> BackendError {
        let status = response.status().as_u16();
        let retry_after = market::retry_after(response.headers());
        let (body, _) = market::beginning_of(response, 4096).await;
        let words = serde_json::from_slice::<Value>(&body).map(|error| words_of(&error));
        let words = words.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned());
        BackendError::Refused { what: self.what.clone(), status, message: words.into(), retry_after }
    }
}

/// The whole of an answer of `what`, of at most `most` bytes.
pub(in crate::subnets::prompting) async fn body_of(
    what: &str,
    response: Response,
    most: usize,
) -> Result<Vec<u8>, BackendError> {
    market::body_of(response, most).await.map_err(|broken| match broken {
        BrokenBody::Line(error) => unreachable(what, error),
        BrokenBody::TooLong => {
            let reason = format!("it is longer than {most} bytes").into();
            BackendError::Malformed { what: what.to_owned(), reason }
        }
    })
}

/// What failed, without the URL, which may hold secrets.
pub(in crate::subnets::prompting) fn unreachable(what: &str, error: reqwest::Error) -> BackendError {
    BackendError::Unreachable { what: what.to_owned(), reason: openai::innermost(error).into() }
}

impl Backend for Chat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn answer(&self, conversation: Arc<Conversation>, until: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        async move { self.begin(&self.settings.model, &conversation, until).await }.boxed()
    }
}
