//! Models behind OpenAI-compatible APIs: what is asked, what it costs, and why there is no answer.

use std::str::FromStr;
use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::money::{MicroUsd, Price};
use crate::clock;
use crate::forecast::BreakerSettings;
use crate::forecast::breaker::Breaker;
use crate::forecast::openai::{self, ApiKey, below, innermost, words_of};
use crate::market::{BrokenBody, body_of, is_loopback, retry_after};
use crate::units::Foreign;

/// The most of an answer, bytes.
const MAX_ANSWER: usize = 4 << 20;
/// Tokens that a message costs beside its text, at most.
const PER_MESSAGE: u64 = 16;

/// A model as an operator names it: `gpt-4o-mini=0.15/0.60`, dollars for a million tokens told and said, and
/// `@http://127.0.0.1:8000/v1` behind it where it is served elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ModelSpec {
    /// Its name at the API.
    pub name: String,
    /// What it costs; a model on this machine costs nothing.
    pub price: Option<Price>,
    /// The API's base, where it is not the usual one.
    pub url: Option<String>,
}

impl FromStr for ModelSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, url) = match text.find("@http") {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let url = url.strip_prefix('@').map(str::to_owned);
        let (name, price) = match rest.split_once('=') {
            Some((name, prices)) => {
                let (input, output) = prices
                    .split_once('/')
                    .ok_or_else(|| format!("`{prices}` in `{text}` is not a price such as 0.15/0.60"))?;
                (name, Some(Price { input: input.parse()?, output: output.parse()? }))
            }
            None => (rest, None),
        };
        let name = name.trim().to_owned();
        if name.is_empty() { Err(format!("`{text}` is not a model")) } else { Ok(Self { name, price, url }) }
    }
}

impl TryFrom<String> for ModelSpec {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompted {
    /// What it is.
    pub system: String,
    /// What it is told.
    pub user: String,
    /// 0 is always the likeliest word.
    pub temperature: f64,
    /// The most tokens of its answer.
    pub max_tokens: u32,
}

/// What it said, and how many tokens that took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// What the server counted; `None` where it does not say.
    pub tokens: Option<(u64, u64)>,
}

/// Why a model gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nobody is there.
    #[error("{model}: {host} cannot be reached: {reason}")]
    Unreachable {
        /// The model.
        model: String,
        /// Who.
        host: String,
        /// The system's words.
        reason: Foreign,
        /// Whether there was a connection: then the work may have been done, and charged.
        connected: bool,
    },
    /// No answer in time.
    #[error("{model}: no answer from {host} within {} s", .deadline.as_secs())]
    Late {
        /// The model.
        model: String,
        /// Who.
        host: String,
        /// The time it had.
        deadline: Duration,
    },
    /// It refuses.
    #[error("{model}: {host} answered HTTP {status}: {message}")]
    Refused {
        /// The model.
        model: String,
        /// Who.
        host: String,
        /// The status.
        status: u16,
        /// Its words.
        message: Foreign,
    },
    /// What it says is no answer.
    #[error("{model}: the answer of {host} is not a chat completion: {reason}")]
    Malformed {
        /// The model.
        model: String,
        /// Who.
        host: String,
        /// What is wrong.
        reason: Foreign,
    },
    /// It failed too often and is left alone.
    #[error("{model}: {host} failed several times and is not asked for a while")]
    LeftAlone {
        /// The model.
        model: String,
        /// Who.
        host: String,
    },
}

impl EndpointError {
    /// Whether it is sure that nothing is charged: the server refused to do the work, or nobody was there to do it.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status < 500,
            Self::Unreachable { connected, .. } => !*connected,
            Self::LeftAlone { .. } => true,
            Self::Late { .. } | Self::Malformed { .. } => false,
        }
    }

    /// Whether the same may be answered a moment later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500,
            Self::Unreachable { .. } | Self::Malformed { .. } => true,
            Self::Late { .. } | Self::LeftAlone { .. } => false,
        }
    }
}

/// A model that can be asked.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name at the API.
    pub model: String,
    /// What it costs.
    pub price: Price,
    host: String,
    url: Url,
    client: Client,
    key: Option<ApiKey>,
    deadline: Duration,
    breaker: Breaker,
}

/// A request as the API wants it.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Said<'a>; 2],
    temperature: f64,
    max_tokens: u32,
    stream: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Endpoint {
    /// The model of `spec` at its own API or at `usual`. Nothing is sent yet.
    ///
    /// # Errors
    /// In words: the URL is none, or a model that is not on this machine has no price.
    pub fn new(spec: &ModelSpec, usual: &str, key: Option<ApiKey>, deadline: Duration) -> Result<Self, String> {
        let (client, base) = openai::client_of(spec.url.as_deref().unwrap_or(usual), None, "")?;
        let price = match spec.price {
            Some(price) => price,
            None if is_loopback(&base) => Price::default(),
            None => {
                return Err(format!(
                    "the model `{0}` has no price: give it in dollars for a million tokens, `{0}=0.15/0.60`; budgets \
                     need it",
                    spec.name
                ));
            }
        };
        let host = base.host_str().unwrap_or("the API").to_owned();
        // A key is for the usual API: another one has no business with it, unless it is on this machine.
        let key = key.filter(|_| spec.url.is_none());
        let url = below(&base, "chat/completions");
        let breaker = Breaker::new(BreakerSettings::default());
        Ok(Self { model: spec.name.clone(), price, host, url, client, key, deadline, breaker })
    }

    /// Where it is, for keys of a cache.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.as_str()
    }

    /// The most that asking this can cost: no token is shorter than a byte, and none more is said than allowed.
    #[must_use]
    pub fn most(&self, prompted: &Prompted) -> MicroUsd {
        let told = (prompted.system.len() + prompted.user.len()) as u64 + 2 * PER_MESSAGE;
        self.price.of(told, u64::from(prompted.max_tokens))
    }

    /// What a reply did cost; as much as it could have where the server does not count.
    #[must_use]
    pub fn cost(&self, prompted: &Prompted, reply: &Reply) -> MicroUsd {
        reply.tokens.map_or_else(|| self.most(prompted), |(told, said)| self.price.of(told, said))
    }

    /// Asks once. Retries are the caller's, who pays for them.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn ask(&self, prompted: &Prompted) -> Result<Reply, EndpointError> {
        if !self.breaker.lets_through(clock::monotonic(), self.deadline) {
            return Err(EndpointError::LeftAlone { model: self.model.clone(), host: self.host.clone() });
        }
        let mut leave_alone = None;
        let asked = tokio::time::timeout(self.deadline, self.send(prompted, &mut leave_alone)).await;
        let late =
            || EndpointError::Late { model: self.model.clone(), host: self.host.clone(), deadline: self.deadline };
        let answer = asked.unwrap_or_else(|_| Err(late()));
        match &answer {
            Ok(_) => {
                self.breaker.succeeded();
            }
            Err(error) => {
                if let Some(pause) = self.breaker.failed(clock::monotonic(), leave_alone) {
                    tracing::warn!(?pause, "{error}; the model is not asked for a while");
                }
            }
        }
        answer
    }

    async fn send(&self, prompted: &Prompted, leave_alone: &mut Option<Duration>) -> Result<Reply, EndpointError> {
        let body = Body {
            model: &self.model,
            messages: [
                Said { role: "system", content: &prompted.system },
                Said { role: "user", content: &prompted.user },
            ],
            temperature: prompted.temperature,
            max_tokens: prompted.max_tokens,
            stream: false,
        };
        let mut request = self.client.post(self.url.clone()).json(&body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let (model, host) = (self.model.clone(), self.host.clone());
        let broken = |error: reqwest::Error| EndpointError::Unreachable {
            model: model.clone(),
            host: host.clone(),
            connected: !error.is_connect(),
            reason: innermost(error).into(),
        };
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            *leave_alone = retry_after(response.headers());
        }
        let body = match body_of(response, MAX_ANSWER).await {
            Ok(body) => body,
            Err(BrokenBody::Line(error)) => return Err(broken(error)),
            Err(BrokenBody::TooLong) => return Err(self.malformed(&format!("more than {MAX_ANSWER} bytes"))),
        };
        if !status.is_success() {
            let words = serde_json::from_slice::<Value>(&body).map(|error| words_of(&error));
            let message = words.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned()).into();
            return Err(EndpointError::Refused { model, host, status: status.as_u16(), message });
        }
        let completion: Completion = serde_json::from_slice(&body).map_err(|e| self.malformed(&e.to_string()))?;
        if let Some(error) = completion.error.filter(|error| !error.is_null()) {
            return Err(self.malformed(&words_of(&error)));
        }
        let text = completion.choices.into_iter().next().and_then(|choice| choice.message?.content);
        let text = text.ok_or_else(|| self.malformed("no text in it"))?;
        let tokens = completion.usage.and_then(|usage| Some((usage.prompt_tokens?, usage.completion_tokens?)));
        Ok(Reply { text, tokens })
    }

    fn malformed(&self, reason: &str) -> EndpointError {
        EndpointError::Malformed { model: self.model.clone(), host: self.host.clone(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_a_name_a_price_and_perhaps_a_place() {
        let spec: ModelSpec = "gpt-4o-mini=0.15/0.60".parse().unwrap();
        let price = Price { input: MicroUsd(150_000), output: MicroUsd(600_000) };
        assert_eq!(spec, ModelSpec { name: "gpt-4o-mini".into(), price: Some(price), url: None });
        let spec: ModelSpec = "@cf/llama=0/0@http://[::1]:9/v1".parse().unwrap();
        assert_eq!((spec.name.as_str(), spec.url.as_deref()), ("@cf/llama", Some("http://[::1]:9/v1")));
        for wrong in ["", "=1/2", "m=1", "m=x/1", "m=1/-2", "@http://h/v1"] {
            assert!(wrong.parse::<ModelSpec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_on_this_machine_may_be_without_a_price() {
        let made = |spec: &str, usual: &str| {
            Endpoint::new(&spec.parse().unwrap(), usual, Some(ApiKey::new("k")), Duration::from_secs(1))
        };
        assert!(made("m", "https://api.example/v1").unwrap_err().contains("m=0.15/0.60"));
        assert!(made("m", "http://127.0.0.1:1/v1").unwrap().key.is_some());
        assert!(
            made("m=1/1@https://other.example/v1", "http://127.0.0.1:1/v1").unwrap().key.is_none(),
            "no key for others"
        );
    }

    #[test]
    fn the_most_is_more_than_any_count_of_tokens() {
        let endpoint =
            Endpoint::new(&"m=1/2".parse().unwrap(), "http://127.0.0.1:1/v1", None, Duration::from_secs(1)).unwrap();
        let prompted = Prompted { system: "a".repeat(10), user: "b".repeat(20), temperature: 0.0, max_tokens: 100 };
        assert_eq!(endpoint.most(&prompted), MicroUsd(30 + 32 + 200));
        assert_eq!(endpoint.cost(&prompted, &Reply { text: String::new(), tokens: Some((7, 3)) }), MicroUsd(13));
        assert_eq!(endpoint.cost(&prompted, &Reply { text: String::new(), tokens: None }), MicroUsd(262));
    }
}
