//! A polite HTTP client: paced, patient with failures, deaf to redirects, and never drowned by a body.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect};
use rustls_platform_verifier::ConfigVerifierExt as _;
use serde::de::DeserializeOwned;

use super::MarketError;
use crate::clock::{self, Clock};
use crate::units::Foreign;

/// How much of an error body is repeated in a message, in bytes.
const ERROR_TEXT: usize = 200;

/// How a market is called.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Where the API lives, `https://…` or `http://…`; a path prefix is kept. Several with commas serve the same API, the first is
    /// preferred.
    pub base_url: String,
    /// Longest time for one request, from the first byte sent to the last byte read.
    pub timeout: Duration,
    /// Longest body read, in bytes after decompression.
    pub max_body: usize,
    /// Further attempts after a failure that may pass (no answer, 408, 429, 5xx).
    pub retries: usize,
    /// Pause before the first further attempt; doubles with each.
    pub first_pause: Duration,
    /// Longest pause; a server that asks for more (`Retry-After`) gets an error back at once, and no request
    /// before its time has come.
    pub max_pause: Duration,
    /// Least time between the starts of two requests.
    pub spacing: Duration,
    /// What every request carries beside the usual.
    pub headers: HeaderMap,
}

impl HttpSettings {
    /// Defaults for an API at `base_url`.
    #[must_use]
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            timeout: Duration::from_secs(30),
            // A page of 1000 markets is about 2.5 MB.
            max_body: 32 << 20,
            retries: 3,
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(60),
            spacing: Duration::from_millis(50),
            headers: HeaderMap::new(),
        }
    }
}

/// Makes `ring` the process's TLS implementation, once; later calls change nothing.
pub fn install_tls() {
    // An error says that one is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client for one server: it says who we are, follows no redirect, and asks no proxy about this machine.
pub(crate) fn client_of(base: &Url) -> ClientBuilder {
    install_tls();
    let mut builder =
        Client::builder().user_agent(concat!("neuron/", env!("CARGO_PKG_VERSION"))).redirect(redirect::Policy::none());
    if base.scheme() == "http" {
        // No TLS will happen: a machine without certificates must still reach its own server.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(base) { builder.no_proxy() } else { builder }
}

/// TLS that trusts whom this machine trusts; why not, where it has nothing to trust a server by.
pub(super) fn trusting_tls() -> Result<rustls::ClientConfig, String> {
    install_tls();
    rustls::ClientConfig::with_platform_verifier().map_err(|error| {
        format!(
            "this machine has no certificates of the web ({error}): install the package ca-certificates, or let SSL_CERT_FILE name \
             a file with some"
        )
    })
}

/// After so long with another server the first one is tried again.
const BACK_AFTER: Duration = Duration::from_secs(600);

/// See the module. Several servers of the same API may be named: when one is away, refuses callers from here, or wants to be left
/// alone, the next one is asked, and goes on to be asked for a while.
#[derive(Debug)]
pub(crate) struct HttpClient {
    provider: &'static str,
    servers: Vec<Server>,
    settings: HttpSettings,
    chosen: Mutex<Chosen>,
}

/// One server of the API.
#[derive(Debug)]
struct Server {
    client: Client,
    base: Url,
    /// No request starts before this moment.
    free_from: Mutex<Instant>,
}

/// Which server is asked, and since when that is not the first.
#[derive(Debug, Clone, Copy, Default)]
struct Chosen {
    place: usize,
    since: Option<Instant>,
}

/// One failed attempt.
struct Failure {
    error: MarketError,
    may_pass: bool,
    retry_after: Option<Duration>,
}

impl HttpClient {
    /// Refuses a base URL that is none, or not HTTP.
    pub(crate) fn new(provider: &'static str, settings: HttpSettings) -> Result<Self, MarketError> {
        let server = |url: &str| {
            let refuse = |reason: String| MarketError::Misconfigured { provider, url: url.to_owned(), reason };
            let base = Url::parse(url).map_err(|e| refuse(e.to_string()))?;
            if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
                return Err(refuse("expected http:// or https:// and a host".to_owned()));
            }
            let client = client_of(&base).timeout(settings.timeout).default_headers(settings.headers.clone());
            let client = client.build().map_err(|e| refuse(trusting_tls().err().unwrap_or_else(|| with_causes(&e))))?;
            Ok(Server { client, base, free_from: Mutex::new(clock::monotonic()) })
        };
        let servers = settings.base_url.split(',').map(|url| server(url.trim())).collect::<Result<_, _>>()?;
        Ok(Self { provider, servers, settings, chosen: Mutex::default() })
    }

    /// `GET` of the path made of `segments` below the base URL, with the retries of the settings.
    pub(crate) async fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, MarketError> {
        self.ask_any(segments, query, None, &HeaderMap::new()).await
    }

    /// `POST` of a JSON text to the path made of `segments`, likewise: for questions, which may be asked twice.
    pub(crate) async fn post(&self, segments: &[&str], json: &str) -> Result<Vec<u8>, MarketError> {
        self.post_with(segments, json, HeaderMap::new()).await
    }

    /// The same with headers of its own.
    pub(crate) async fn post_with(
        &self,
        segments: &[&str],
        json: &str,
        headers: HeaderMap,
    ) -> Result<Vec<u8>, MarketError> {
        self.ask_any(segments, &[], Some(json), &headers).await
    }

    fn chosen(&self) -> MutexGuard<'_, Chosen> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the server that is chosen, or from the next ones, each once.
    async fn ask_any(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        json: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Vec<u8>, MarketError> {
        let first = {
            let mut chosen = self.chosen();
            if chosen.since.is_some_and(|since| since.elapsed() > BACK_AFTER) {
                *chosen = Chosen::default();
            }
            chosen.place
        };
        let places: Vec<usize> = (first..self.servers.len()).chain(0..first.min(self.servers.len())).collect();
        let mut failed = None;
        for (turn, place) in places.iter().copied().enumerate() {
            let Some(server) = self.servers.get(place) else { continue };
            let has_another = turn + 1 < places.len();
            let url = url_below(&server.base, segments, query);
            // While there is another server nobody waits long for this one.
            let retries = if has_another { self.settings.retries.min(1) } else { self.settings.retries };
            match self.patiently(server, &url, (json, headers), retries).await {
                Ok(body) => {
                    if place != first {
                        tracing::warn!(provider = self.provider, server = %server.base, "this server is used from now on");
                        *self.chosen() = Chosen { place, since: (place > 0).then(clock::monotonic) };
                    }
                    return Ok(body);
                }
                Err(failure) if failure.is_of_the_server() && has_another => {
                    tracing::warn!(provider = self.provider, error = %failure.error, "the server failed; the next one \
                                                                                      is asked");
                    failed = Some(failure.error);
                }
                Err(failure) => return Err(failure.error),
            }
        }
        // There is always a server; the last one ends above.
        Err(failed.unwrap_or_else(|| self.refused("no server is named")))
    }

    async fn patiently(
        &self,
        server: &Server,
        url: &Url,
        (json, headers): (Option<&str>, &HeaderMap),
        retries: usize,
    ) -> Result<Vec<u8>, Failure> {
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(self.settings.first_pause)
            .with_max_delay(self.settings.max_pause)
            .with_max_times(retries)
            .with_jitter()
            .build();
        loop {
            self.take_turn(server, url).await?;
            let failure = match self.attempt(&server.client, url, json, headers).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            if let Some(wait) = failure.retry_after {
                server.hold_back(wait);
            }
            let pause = if failure.may_pass { pauses.next() } else { None };
            let Some(pause) = pause else { return Err(failure) };
            tracing::debug!(provider = self.provider, %url, error = %failure.error, "market request failed, trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// The answer to a `GET`, read as JSON of the shape that `expected` names for a person.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        expected: &'static str,
    ) -> Result<T, MarketError> {
        self.json(segments, expected, &self.get(segments, query).await?)
    }

    /// `GET` of one thing by its id; one that the server does not know, or has no more, is [`MarketError::Unknown`].
    pub(crate) async fn find(&self, segments: &[&str], id: &str) -> Result<Vec<u8>, MarketError> {
        match self.get(segments, &[]).await {
            Err(MarketError::Refused { status: 404 | 410, .. }) => {
                Err(MarketError::Unknown { provider: self.provider, id: id.into() })
            }
            other => other,
        }
    }

    /// The body of an answer of `segments` as JSON of the shape that `expected` names for a person.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        expected: &'static str,
        body: &[u8],
    ) -> Result<T, MarketError> {
        serde_json::from_slice(body).map_err(|e| self.malformed(segments, expected, e.to_string()))
    }

    /// What `error` of a parser means for the answer of `segments`.
    pub(crate) fn malformed(&self, segments: &[&str], expected: &'static str, reason: String) -> MarketError {
        MarketError::Malformed {
            provider: self.provider,
            url: self.shown_url(segments),
            expected,
            reason: reason.into(),
        }
    }

    /// An answer in good form that says what is wrong, with HTTP status 200.
    pub(crate) fn refused(&self, text: &str) -> MarketError {
        MarketError::Refused { provider: self.provider, url: self.shown_url(&[]), status: 200, text: text.into() }
    }

    /// The address of `segments` at the server that is chosen.
    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Option<Url> {
        let place = self.chosen().place;
        self.servers.get(place).map(|server| url_below(&server.base, segments, query))
    }

    fn shown_url(&self, segments: &[&str]) -> String {
        self.url(segments, &[]).map(|url| url.to_string()).unwrap_or_default()
    }

    /// Waits until the next request may start.
    async fn take_turn(&self, server: &Server, url: &Url) -> Result<(), Failure> {
        let wait = {
            let mut free_from = server.free_from.lock().unwrap_or_else(PoisonError::into_inner);
            let now = clock::monotonic();
            let wait = free_from.saturating_duration_since(now);
            if wait > self.settings.max_pause {
                let text = format!("it asked for no requests for another {} s", wait.as_secs());
                let status = StatusCode::TOO_MANY_REQUESTS.as_u16();
                let (provider, url, text) = (self.provider, url.to_string(), text.into());
                let error = MarketError::Refused { provider, url, status, text };
                return Err(Failure { error, may_pass: false, retry_after: None });
            }
            *free_from = now + wait + self.settings.spacing;
            wait
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn attempt(
        &self,
        client: &Client,
        url: &Url,
        json: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Vec<u8>, Failure> {
        let request = match json {
            None => client.get(url.clone()),
            Some(text) => client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(text.to_owned()),
        };
        let response = request.headers(headers.clone()).send().await.map_err(|e| self.no_answer(url, e))?;
        let status = response.status();
        if status.is_success() {
            return self.body(url, response).await;
        }
        let retry_after = (status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE)
            .then(|| retry_after(response.headers()))
            .flatten();
        let may_pass =
            status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let text = if status.is_redirection() {
            let target = response.headers().get(reqwest::header::LOCATION).and_then(|v| v.to_str().ok());
            format!("a redirect to {}, which is not followed", target.unwrap_or("nowhere"))
        } else {
            first_words(response).await
        };
        let (provider, text, code) = (self.provider, text.into(), status.as_u16());
        let error = match is_about_the_region(status, &text) {
            true => MarketError::Region { provider, status: code, text },
            false => MarketError::Refused { provider, url: url.to_string(), status: code, text },
        };
        Err(Failure { error, may_pass, retry_after })
    }

    async fn body(&self, url: &Url, response: Response) -> Result<Vec<u8>, Failure> {
        body_of(response, self.settings.max_body).await.map_err(|broken| match broken {
            BrokenBody::Line(error) => self.no_answer(url, error),
            BrokenBody::TooLong => {
                let reason = format!("it is longer than {} bytes", self.settings.max_body);
                let error = MarketError::Malformed {
                    provider: self.provider,
                    url: url.to_string(),
                    expected: "an answer of reasonable size",
                    reason: reason.into(),
                };
                Failure { error, may_pass: false, retry_after: None }
            }
        })
    }

    fn no_answer(&self, url: &Url, error: reqwest::Error) -> Failure {
        let reason = with_causes(&error.without_url());
        let error = MarketError::Unreachable { provider: self.provider, url: url.to_string(), reason: reason.into() };
        Failure { error, may_pass: true, retry_after: None }
    }
}

impl Server {
    /// No request at all for the next `wait`.
    fn hold_back(&self, wait: Duration) {
        let mut free_from = self.free_from.lock().unwrap_or_else(PoisonError::into_inner);
        // A day is for ever here; it also keeps the sum inside what an `Instant` can hold.
        let until = clock::monotonic() + wait.min(Duration::from_secs(86_400));
        *free_from = (*free_from).max(until);
    }
}

impl Failure {
    /// Whether another server of the same API may answer what this one did not.
    const fn is_of_the_server(&self) -> bool {
        self.may_pass
            || match &self.error {
                MarketError::Region { .. } => true,
                MarketError::Refused { status, .. } => *status == 429,
                _ => false,
            }
    }
}

fn url_below(base: &Url, segments: &[&str], query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// Why an answer was not read to its end.
#[derive(Debug)]
pub(crate) enum BrokenBody {
    /// The line broke, or the time was up.
    Line(reqwest::Error),
    /// It has more bytes than are wanted.
    TooLong,
}

/// The whole of an answer, of at most `most` bytes.
pub(crate) async fn body_of(response: Response, most: usize) -> Result<Vec<u8>, BrokenBody> {
    match beginning_of(response, most.saturating_add(1)).await {
        (_, Some(error)) => Err(BrokenBody::Line(error)),
        (body, None) if body.len() > most => Err(BrokenBody::TooLong),
        (body, None) => Ok(body),
    }
}

/// The first `most` bytes of an answer, or fewer when it ends or breaks before them; with the fault that broke it.
pub(crate) async fn beginning_of(mut response: Response, most: usize) -> (Vec<u8>, Option<reqwest::Error>) {
    let mut body = Vec::new();
    while body.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(chunk.get(..most - body.len()).unwrap_or(&chunk)),
            Ok(None) => break,
            Err(error) => return (body, Some(error)),
        }
    }
    (body, None)
}

/// Whether a refusal says that callers from here are not served. 451 is made for it; others say 403 and why.
fn is_about_the_region(status: StatusCode, text: &Foreign) -> bool {
    let text = text.as_raw().to_lowercase();
    match status {
        StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => true,
        StatusCode::FORBIDDEN => {
            ["region", "country", "countries", "restricted location"].iter().any(|it| text.contains(it))
        }
        _ => false,
    }
}

/// Whether this is our own machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// How long `Retry-After` asks to wait, in either of its forms: seconds, or a date (RFC 9110, 10.2.3). A date is read by
/// the server's own clock where it tells that.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second());
    let until = date(text)?;
    let now = headers.get(DATE).and_then(|now| date(now.to_str().ok()?.trim()));
    let now = now.unwrap_or_else(|| Clock::wall().now().as_secs());
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or_default()))
}

/// The first words of an error body, on one line.
async fn first_words(response: Response) -> String {
    let (text, _) = beginning_of(response, ERROR_TEXT).await;
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    #[test]
    fn a_base_url_must_be_http() {
        for bad in ["", "clob", "ftp://host/", "http://"] {
            let error = HttpClient::new("polymarket", HttpSettings::at(bad)).unwrap_err();
            assert!(matches!(error, MarketError::Misconfigured { .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn a_refusal_by_region_is_told_from_others() {
        let told = |status: u16, text: &str| is_about_the_region(StatusCode::from_u16(status).unwrap(), &text.into());
        assert!(told(451, "") && told(403, "Trading restricted in your Region") && told(403, "<b>your country</b>"));
        assert!(!told(403, "bad key") && !told(400, "unknown region") && !told(500, "country"));
    }

    #[test]
    fn a_server_may_ask_for_patience_in_seconds_or_until_a_date() {
        let wait = |pairs: &[(HeaderName, &str)]| {
            let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            retry_after(&headers.collect()).map(|wait| wait.as_secs())
        };
        let (date, later) = ("Fri, 02 May 2031 09:58:30 GMT", "Fri, 02 May 2031 10:00:00 GMT");
        assert_eq!(wait(&[(RETRY_AFTER, "7")]), Some(7));
        assert_eq!(wait(&[(RETRY_AFTER, later), (DATE, date)]), Some(90));
        assert_eq!(wait(&[(RETRY_AFTER, date), (DATE, later)]), Some(0), "it is over");
        assert!(wait(&[(RETRY_AFTER, later)]).is_some(), "by our clock");
        for nonsense in ["soon", "-1", "1.5", "Fri, 99 May 2031 10:00:00 GMT", ""] {
            assert_eq!(wait(&[(RETRY_AFTER, nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn a_path_is_built_below_the_base_and_an_id_cannot_leave_it() {
        let client = HttpClient::new("polymarket", HttpSettings::at("http://127.0.0.1:1/prefix/")).unwrap();
        let url = client.url(&["markets", "../a b?x"], &[("next_cursor", "MA==")]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:1/prefix/markets/..%2Fa%20b%3Fx?next_cursor=MA%3D%3D");
    }
}
