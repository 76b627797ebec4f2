//! "Is my miner reachable?": what an axon answers, step by step, and why it would refuse.
//!
//! A probe speaks to one axon as a dendrite would, each step a request of its own, and puts what it hears in words. It
//! trusts nothing of the answers: sizes and times are bounded, texts are made one line of ASCII.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, DATE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::clock;
use crate::synapse::reply::{self, ReplyHead};
use crate::synapse::request::{Addressee, NotSendable, Prepared};
use crate::synapse::{Ping, new_uuid, status};
use crate::units::{Account, Foreign};
use crate::wallet::Keypair;

/// The largest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;
/// The clocks of caller and axon may differ by this much and nobody notices: every SDK allows 4 s of age.
const SKEW_S: i64 = 3;

/// What to probe, and as whom.
#[derive(Debug)]
pub struct Probe {
    /// Where the axon listens.
    pub address: SocketAddr,
    /// The hotkey it should have.
    pub hotkey: Account,
    /// The hotkey to ask with.
    pub caller: Keypair,
    /// Nobody knows `caller`: an axon that refuses it by 403 does what it should.
    pub is_stranger: bool,
    /// A synapse to ask for after the echo.
    pub synapse: Option<Prepared>,
    /// How long each step may take.
    pub patience: Duration,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, but an operator should know.
    Odd,
    /// It does not work.
    Bad,
}

/// One step: what was tried, what was heard, what to do.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Step {
    /// What was tried.
    pub step: &'static str,
    /// How it went.
    pub verdict: Verdict,
    /// What was heard.
    pub heard: Foreign,
    /// What to do about it.
    pub advice: Option<&'static str>,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}

/// What came back.
struct Heard {
    head: ReplyHead,
    headers: HeaderMap,
    body: Bytes,
}

impl Heard {
    fn status(&self) -> u16 {
        self.head.refusal().unwrap_or(self.head.http)
    }

    fn words(&self) -> String {
        let body = || String::from_utf8_lossy(&self.body).into_owned();
        let said = self.head.message.clone().map_or_else(body, Foreign::into_raw);
        status::header_message(&format!("{}: {said}", self.status()))
    }

    fn is_axon(&self) -> bool {
        self.head.status.is_some()
    }

    /// Seconds by which the axon's clock is ahead of ours, from its `date` header; they count whole seconds.
    fn clock_ahead_s(&self) -> Option<i64> {
        let text = self.headers.get(DATE)?.to_str().ok()?;
        let theirs = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
        let ours = i64::try_from(clock::wall_ns() / 1_000_000_000).ok()?;
        Some(theirs - ours)
    }
}

/// When a signed request is refused in the words of an unsigned one.
const LOST_FIELDS: &str = "the signature does not reach it: a proxy in front drops names with underscores \
                           (nginx: underscores_in_headers on, as in config/nginx.conf)";

impl Probe {
    /// Tries everything; steps that make no sense after an earlier one are left out.
    ///
    /// # Errors
    /// [`NotSendable`] when the echo cannot be written, which is a fault of ours.
    pub async fn run(&self) -> Result<Vec<Step>, NotSendable> {
        let mut steps = vec![self.connect().await];
        if failed(&steps) {
            return Ok(steps);
        }
        let patience = self.patience.as_secs_f64();
        let echo = Prepared::new(&Ping {}, patience, &self.caller.account().ss58())?;
        steps.push(self.unsigned(&echo).await);
        if failed(&steps) {
            return Ok(steps);
        }
        let (mut signed, offers_btauth) = self.signed("signed echo", &echo).await;
        if let (Some(unsigned), Some(signed)) = (steps.last(), signed.first_mut())
            && signed.verdict == Verdict::Bad
            && without_number(signed.heard.as_raw()) == without_number(unsigned.heard.as_raw())
        {
            signed.advice = Some(LOST_FIELDS);
        }
        steps.extend(signed);
        if let Some(synapse) = &self.synapse {
            steps.extend(self.signed("signed request for the synapse", synapse).await.0);
        }
        steps.push(self.btauth(&echo, offers_btauth).await);
        Ok(steps)
    }

    async fn connect(&self) -> Step {
        let began = clock::monotonic();
        let connected = tokio::time::timeout(self.patience, TcpStream::connect(self.address)).await;
        let (verdict, heard, advice) = match connected {
            Ok(Ok(_)) => (Verdict::Good, format!("{} accepts connections", self.address), None),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => (
                Verdict::Bad,
                error.to_string(),
                Some("nothing listens there: check that the miner runs, and its port"),
            ),
            Ok(Err(error)) => (Verdict::Bad, error.to_string(), Some("check the address")),
            Err(_) => {
                let advice = "packets are dropped on the way: open the port in the firewall and forward it in the \
                              router";
                (Verdict::Bad, format!("no answer within {} s", self.patience.as_secs()), Some(advice))
            }
        };
        step("connection", verdict, heard, advice, began)
    }

    /// A request without a signature: an axon says 401 or 403, and anything else is worth knowing.
    async fn unsigned(&self, echo: &Prepared) -> Step {
        const STEP: &str = "unsigned echo";
        let began = clock::monotonic();
        let heard = match self.ask(echo, HeaderMap::new()).await {
            Ok(heard) => heard,
            Err(error) => {
                let advice = "something listens there, but it does not speak HTTP/1.1";
                return step(STEP, Verdict::Bad, error, Some(advice), began);
            }
        };
        let words = heard.words();
        if !heard.is_axon() {
            let advice = "this is a web server, but not an axon: if it is a proxy, check that it passes headers with \
                 underscores";
            return step(STEP, Verdict::Bad, words, Some(advice), began);
        }
        if heard.status() == status::SUCCESS {
            let advice = "it answers unsigned requests, as SDK 9.3 to 10.4 do: anybody can pretend to be a validator";
            return step(STEP, Verdict::Odd, words, Some(advice), began);
        }
        match heard.clock_ahead_s() {
            Some(ahead) if ahead.abs() > SKEW_S => {
                let heard = format!("{words}; its clock is {ahead} s ahead of ours");
                let advice = "set the clocks (NTP): requests are refused as too old or too far ahead";
                step(STEP, Verdict::Odd, heard, Some(advice), began)
            }
            _ => step(STEP, Verdict::Good, words, None, began),
        }
    }

    /// A signed request as SDK 10 sends it; also whether the axon says that it understands `btauth/1`.
    async fn signed(&self, name: &'static str, ask: &Prepared) -> (Vec<Step>, bool) {
        let began = clock::monotonic();
        let hotkey = self.hotkey.ss58();
        let ip = self.address.ip().to_string();
        let to = Addressee { hotkey: &hotkey, ip: &ip, port: self.address.port() };
        let headers = ask.headers(&self.caller, to, clock::wall_ns(), &new_uuid(), None);
        let heard = match self.ask(ask, headers).await {
            Ok(heard) => heard,
            Err(error) => return (vec![step(name, Verdict::Bad, error, None, began)], false),
        };
        let (verdict, advice) = match heard.status() {
            status::SUCCESS => (Verdict::Good, None),
            status::FORBIDDEN if self.is_stranger => (Verdict::Good, None),
            _ => (Verdict::Bad, advice(&heard)),
        };
        let mut steps = vec![step(name, verdict, heard.words(), advice, began)];
        if let Err(error) = reply::check_identity(&heard.headers, &self.hotkey, &self.caller.account().ss58()) {
            let advice = "another hotkey answers at this address: compare it with the metagraph";
            steps.push(step("who answered", Verdict::Bad, error, Some(advice), began));
        }
        (steps, heard.head.offers_btauth)
    }

    async fn btauth(&self, echo: &Prepared, offered: bool) -> Step {
        const STEP: &str = "echo signed by btauth/1";
        let began = clock::monotonic();
        if !offered {
            let heard = "not offered".to_owned();
            let advice =
                "bodies are not covered by the signature of the older protocol; SDK 11 and neuron offer one that is";
            return step(STEP, Verdict::Odd, heard, Some(advice), began);
        }
        let headers = echo.btauth_headers(&self.caller, &self.hotkey.ss58(), clock::wall_ns());
        match self.ask(echo, headers).await {
            Ok(heard) if heard.status() == status::SUCCESS => step(STEP, Verdict::Good, heard.words(), None, began),
            Ok(heard) if self.is_stranger && heard.status() == status::FORBIDDEN => {
                step(STEP, Verdict::Good, heard.words(), None, began)
            }
            Ok(heard) => step(STEP, Verdict::Bad, heard.words(), advice(&heard), began),
            Err(error) => step(STEP, Verdict::Bad, error, None, began),
        }
    }

    /// One request on a connection of its own, within the patience.
    async fn ask(&self, ask: &Prepared, headers: HeaderMap) -> Result<Heard, String> {
        match tokio::time::timeout(self.patience, self.exchange(ask, headers)).await {
            Ok(Ok(heard)) => Ok(heard),
            Ok(Err(error)) => Err(status::header_message(&error.to_string())),
            Err(_) => Err(format!("no answer within {} s", self.patience.as_secs())),
        }
    }

    async fn exchange(
        &self,
        ask: &Prepared,
        headers: HeaderMap,
    ) -> Result<Heard, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = ask.path().parse()?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&self.address.to_string())?);
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(ask.body.len()));
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let (parts, body) = answer.into_parts();
            let head = ReplyHead::read(parts.status.as_u16(), &parts.headers);
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Heard { head, headers: parts.headers, body })
        };
        tokio::pin!(exchange);
        tokio::select! {
            heard = &mut exchange => heard,
            ended = connection => {
                ended?;
                exchange.await
            }
        }
    }
}

/// What is heard, without the number that each refusal of a Python axon has of its own.
fn without_number(heard: &str) -> &str {
    heard.split_once('#').map_or(heard, |(words, _)| words)
}

/// What a refusal means for the operator.
fn advice(heard: &Heard) -> Option<&'static str> {
    let words = heard.words().to_ascii_lowercase();
    match heard.status() {
        status::SUCCESS => None,
        status::FORBIDDEN => {
            Some("it does not admit everybody: ask with a registered hotkey that has a permit or enough stake")
        }
        status::UNVERIFIED if words.contains("nonce") || words.contains("stale") => {
            Some("the clocks of the two machines differ, or the axon has just started: set both by NTP")
        }
        status::UNVERIFIED if words.contains("mismatch") || words.contains("receiver") => {
            Some("the axon has another hotkey than --hotkey says, or a proxy changes the headers")
        }
        status::UNVERIFIED => Some("it does not accept the signature of this caller"),
        status::NOT_FOUND => Some("it does not serve this synapse: perhaps it is of another subnet"),
        status::TOO_MANY_REQUESTS | status::UNAVAILABLE => Some("it is busy: try again"),
        status::TIMEOUT => Some("its handler did not answer in time"),
        _ => Some("the axon failed on a correct request: read its log"),
    }
}

fn failed(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.verdict == Verdict::Bad)
}

fn step(step: &'static str, verdict: Verdict, heard: String, advice: Option<&'static str>, began: Instant) -> Step {
    Step { step, verdict, heard: heard.into(), advice, took_ms: began.elapsed().as_secs_f64() * 1000.0 }
}
