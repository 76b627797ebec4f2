//! Any server as a forecaster: each question is posted as JSON, in the words of `exec` (`docs/forecasters.md`).
//!
//! The server is not trusted to live: a request has a deadline, and after some failures in a row none is sent for a while.
//! Its words are not trusted either: what is no answer is an abstention.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};

use super::breaker::{Breaker, BreakerSettings};
use super::spoken::{self, Answer};
use super::{Forecast, ForecastError, Forecaster, Question};
use crate::clock;
use crate::market::{BrokenBody, body_of, client_of, retry_after};
use crate::units::{Foreign, UnixMs};

/// Longest answer, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Where the server is, and how long to believe in it.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where each question is posted to.
    pub url: String,
    /// A file whose text is sent as `Authorization: Bearer …`.
    pub token_file: Option<PathBuf>,
    /// Longest wait for one answer.
    pub deadline: Duration,
    /// Questions it has before it at once.
    pub in_flight: usize,
    /// When it is left alone.
    pub breaker: BreakerSettings,
}

impl ServerSettings {
    /// Defaults for a server at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token_file: None,
            deadline: Duration::from_secs(30),
            in_flight: 8,
            breaker: BreakerSettings::default(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Http {
    url: Url,
    client: Client,
    token: Option<HeaderValue>,
    in_flight: usize,
    deadline: Duration,
    breaker: Breaker,
    asked: AtomicU64,
}

/// One question that got no answer.
struct Failure {
    reason: Foreign,
    /// For how long the server wants no further question.
    leave_alone: Option<Duration>,
}

impl Http {
    /// A forecaster that asks this server; nothing is sent yet.
    ///
    /// # Errors
    /// [`ForecastError::Setting`] for a URL that is none, or a token that cannot be read or sent.
    pub fn new(settings: ServerSettings) -> Result<Self, ForecastError> {
        let ServerSettings { url: text, token_file, deadline, in_flight, breaker } = settings;
        // What is wrong with it may hold a password.
        let refuse = |value: &str| ForecastError::Setting {
            forecaster: "http",
            setting: "forecaster.url",
            value: value.to_owned(),
            rule: "an address with http:// or https:// and a host",
        };
        let url = Url::parse(&text).map_err(|_| refuse(if text.is_empty() { "nothing" } else { "what it is" }))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refuse(url.scheme()));
        }
        let client = client_of(&url).timeout(deadline).build().map_err(|_| refuse("what it is"))?;
        let token = token_file.as_deref().map(bearer).transpose()?;
        let breaker = Breaker::new(breaker);
        Ok(Self { url, client, token, in_flight: in_flight.max(1), deadline, breaker, asked: AtomicU64::new(0) })
    }

    async fn ask(&self, question: &Question, now: UnixMs) -> Forecast {
        if !self.breaker.lets_through(clock::monotonic(), self.deadline) {
            return Forecast::default();
        }
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        match self.post(question, number, now).await {
            Ok(answer) => {
                if self.breaker.succeeded() {
                    tracing::info!("the forecaster's server answers again");
                }
                answer.about(question)
            }
            Err(Failure { reason, leave_alone }) => {
                match self.breaker.failed(clock::monotonic(), leave_alone) {
                    Some(pause) => tracing::warn!(
                        event = %question.key, ?pause,
                        "the forecaster's server fails ({reason}); it is not asked for a while, and the miner abstains"
                    ),
                    None => tracing::debug!(event = %question.key, "the forecaster's server fails: {reason}"),
                }
                Forecast::default()
            }
        }
    }

    async fn post(&self, question: &Question, number: u64, now: UnixMs) -> Result<Answer, Failure> {
        let told = spoken::asking(question, number, now).to_string();
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(told);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        if !status.is_success() {
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            let leave_alone = busy.then(|| retry_after(response.headers())).flatten();
            return Err(Failure { leave_alone, ..failure(&format!("HTTP {status}")) });
        }
        match Answer::read(&body(response).await?) {
            Some((id, answer)) if id.is_none_or(|id| id == number) => Ok(answer),
            Some(_) => Err(failure("an answer to another question")),
            None => Err(failure("not an answer")),
        }
    }
}

fn failure(reason: &str) -> Failure {
    Failure { reason: reason.into(), leave_alone: None }
}

fn no_answer(error: reqwest::Error) -> Failure {
    let kind = if error.is_timeout() { "no answer in time: " } else { "" };
    failure(&format!("{kind}{}", error.without_url()))
}

async fn body(response: Response) -> Result<Vec<u8>, Failure> {
    body_of(response, MAX_ANSWER).await.map_err(|broken| match broken {
        BrokenBody::Line(error) => no_answer(error),
        BrokenBody::TooLong => failure(&format!("an answer of more than {MAX_ANSWER} bytes")),
    })
}

/// The header that a token makes, which no log shows.
fn bearer(path: &Path) -> Result<HeaderValue, ForecastError> {
    let refuse = |rule| ForecastError::Setting {
        forecaster: "http",
        setting: "forecaster.token_file",
        value: path.display().to_string(),
        rule,
    };
    let token = std::fs::read_to_string(path).map_err(|_| refuse("a file that can be read"))?;
    if token.trim().is_empty() {
        return Err(refuse("a file with a token in it"));
    }
    let header = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut header = header.map_err(|_| refuse("a file with one token of letters that a header may have"))?;
    header.set_sensitive(true);
    Ok(header)
}

impl Forecaster for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn batch(&self) -> usize {
        self.in_flight
    }

    fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
        stream::iter(questions).map(move |question| self.ask(question, now)).buffered(self.in_flight).collect().boxed()
    }
}
