//! The dendrite: one question to one axon or to many.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Response, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::counters::{Counters, PeerTally, Snapshot};
use super::dialect::{Dialect, Dialects};
use super::exchange::{self, Budget, Collected};
use super::failure::Failure;
use super::lanes::{Lane, Lanes};
use super::metrics::DendriteMetrics;
use super::reuse::Reuse;
use super::signer::Signer;
use super::target::Target;
use crate::synapse::Synapse;
use crate::synapse::reply::{self, Reply, ReplyHead};
use crate::synapse::request::{NotSendable, Prepared};
use crate::telemetry::Collector;
use crate::units::Account;
use crate::wallet::{Keypair, Scheme};

/// A question of more bytes gets a connection of its own: one that is kept keeps buffers as large as what went over it, some
/// 400 kB for each of hundreds of axons, and a new one costs little beside so long an answer.
const LARGE_QUESTION: usize = 64 << 10;

/// How a dendrite calls.
#[derive(Debug, Clone)]
pub struct DendriteConfig {
    /// Whether private, loopback and other addresses outside the internet may be called.
    pub allow_private: bool,
    /// Largest body of an answer, bytes after decompression.
    pub max_response: usize,
    /// Bytes of answers held at once, over all requests under way; beyond, bodies over 1 MiB are refused.
    pub max_held: usize,
    /// Requests under way at once, streams until their end included.
    pub max_in_flight: usize,
    /// Longest time for a connection to stand; its peer then counts as unreachable.
    pub connect_timeout: Duration,
    /// How long a connection is kept for the next tick.
    pub pool_idle: Duration,
    /// The address we are seen under, told to axons; they replace it by what they see.
    pub external_ip: Option<IpAddr>,
    /// One protocol for all axons; `None` to choose for each.
    pub dialect: Option<Dialect>,
    /// The protocol for single axons, before all else.
    pub dialects: HashMap<Account, Dialect>,
}

impl Default for DendriteConfig {
    fn default() -> Self {
        Self {
            allow_private: false,
            max_response: 16 << 20,
            max_held: 512 << 20,
            max_in_flight: 512,
            connect_timeout: Duration::from_secs(5),
            pool_idle: Duration::from_secs(90),
            external_ip: None,
            dialect: None,
            dialects: HashMap::new(),
        }
    }
}

/// Why there is no dendrite, or no question.
#[derive(Debug, thiserror::Error)]
pub enum DendriteError {
    /// The HTTP client was not made.
    #[error("the HTTP client did not start: {0}")]
    Client(#[from] reqwest::Error),
    /// The signing thread was not made.
    #[error("the signing thread did not start: {0}")]
    Thread(#[from] std::io::Error),
    /// The synapse cannot be put on the wire.
    #[error(transparent)]
    NotSendable(#[from] NotSendable),
}

/// How long answers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For all peers together.
    pub total: Duration,
    /// For each peer, from when its turn comes; told to it as its timeout.
    pub per_peer: Duration,
}

/// What came of asking one axon.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<S> {
    /// Whom was asked.
    pub hotkey: Account,
    /// The synapse filled in, or why not.
    pub result: Result<S, Failure>,
    /// From the turn of this peer to the last byte, or to the failure.
    pub latency: Duration,
    /// The protocol used.
    pub dialect: Dialect,
}

/// Calls axons. Cheap to clone; clones share connections, nonces and what was learned.
#[derive(Debug, Clone)]
pub struct Dendrite(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    client: Client,
    /// Opens a connection for each request.
    fresh: Client,
    reuse: Reuse,
    signer: Signer,
    scheme: Scheme,
    own_ss58: String,
    lanes: Arc<Lanes>,
    dialects: Dialects,
    budget: Arc<Budget>,
    in_flight: Arc<Semaphore>,
    /// Bodies read into synapses at once: as many as there are cores.
    readers: Arc<Semaphore>,
    counters: Arc<Counters>,
    allow_private: bool,
    max_response: usize,
}

impl Dendrite {
    /// A dendrite that signs with `key`. With an ed25519 key every axon is spoken to in `btauth/1`, the only protocol
    /// that knows such keys.
    ///
    /// # Errors
    /// [`DendriteError::Client`], [`DendriteError::Thread`].
    pub fn new(config: DendriteConfig, key: Arc<Keypair>) -> Result<Self, DendriteError> {
        // Axons speak plain HTTP; the client wants a TLS implementation nevertheless, but no certificates, which a bare machine
        // does not have. An error says there is an implementation.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = |idle: usize| {
            Client::builder()
                .user_agent(concat!("neuron/", env!("CARGO_PKG_VERSION")))
                .http1_only()
                .tls_certs_only([])
                .no_proxy()
                .tcp_nodelay(true)
                .redirect(redirect::Policy::none())
                .connect_timeout(config.connect_timeout)
                .pool_idle_timeout(config.pool_idle)
                .pool_max_idle_per_host(idle)
                .build()
        };
        let default = if key.scheme() == Scheme::Ed25519 { Some(Dialect::BtAuth) } else { config.dialect };
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self(Arc::new(Inner {
            client: client(4)?,
            fresh: client(0)?,
            reuse: Reuse::new(config.pool_idle),
            scheme: key.scheme(),
            own_ss58: key.account().ss58(),
            signer: Signer::spawn(key, config.external_ip.map(|ip| ip.to_string()))?,
            lanes: Lanes::new(),
            dialects: Dialects::new(config.dialects, default),
            budget: Budget::new(config.max_held),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.max(1))),
            readers: Arc::new(Semaphore::new(cores)),
            counters: Arc::default(),
            allow_private: config.allow_private,
            max_response: config.max_response,
        })))
    }

    /// Asks every target at once; the results stand in the order of the targets.
    ///
    /// Returns when the last peer has answered or failed, at the total deadline at the latest (reading what has come by
    /// then excepted). Dropping the future ends all requests.
    ///
    /// # Errors
    /// [`DendriteError::NotSendable`]: nobody was asked.
    pub async fn broadcast<S: Synapse>(
        &self,
        targets: &[Target],
        synapse: &S,
        deadlines: Deadlines,
    ) -> Result<Vec<Answer<S>>, DendriteError> {
        self.gather(targets, synapse, deadlines, |answer| answer).await
    }

    /// The same, keeping of each answer only what `take` makes of it. It runs as soon as an answer has been read, on a thread
    /// for such work: of many large answers only as many are in memory at once as there are cores.
    ///
    /// # Errors
    /// [`DendriteError::NotSendable`]: nobody was asked.
    pub async fn gather<S: Synapse, T: Send + 'static>(
        &self,
        targets: &[Target],
        synapse: &S,
        deadlines: Deadlines,
        take: impl Fn(S) -> T + Send + Sync + 'static,
    ) -> Result<Vec<Answer<T>>, DendriteError> {
        let take = Arc::new(take);
        let prepared = self.prepare(synapse, deadlines)?;
        let until = Instant::now() + deadlines.total;
        let mut exchanges = JoinSet::new();
        for (index, target) in targets.iter().copied().enumerate() {
            let (inner, prepared, take) = (Arc::clone(&self.0), Arc::clone(&prepared), Arc::clone(&take));
            exchanges
                .spawn(async move { (index, inner.call(&target, &prepared, until, deadlines.per_peer, &take).await) });
        }
        let mut answers: Vec<Option<Answer<T>>> = targets.iter().map(|_| None).collect();
        while let Some(done) = exchanges.join_next().await {
            if let Ok((index, answer)) = done
                && let Some(slot) = answers.get_mut(index)
            {
                *slot = Some(answer);
            }
        }
        let missing = |target: &Target| Answer {
            hotkey: target.hotkey,
            result: Err(Failure::Malformed("reading the answer failed".into())),
            latency: deadlines.per_peer,
            dialect: Dialect::Headers,
        };
        Ok(answers.into_iter().zip(targets).map(|(answer, target)| answer.unwrap_or_else(|| missing(target))).collect())
    }

    /// Asks one target.
    ///
    /// # Errors
    /// [`DendriteError::NotSendable`]: it was not asked.
    pub async fn call<S: Synapse>(
        &self,
        target: &Target,
        synapse: &S,
        deadlines: Deadlines,
    ) -> Result<Answer<S>, DendriteError> {
        let prepared = self.prepare(synapse, deadlines)?;
        let until = Instant::now() + deadlines.total;
        Ok(self.0.call(target, &prepared, until, deadlines.per_peer, &Arc::new(|answer: S| answer)).await)
    }

    /// What came of all requests so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.counters.snapshot()
    }

    /// What came of the questions to each peer, the last one's outcome among it.
    #[must_use]
    pub fn peers(&self) -> BTreeMap<Account, PeerTally> {
        self.0.counters.peers()
    }

    /// The same as metrics, read anew at every scrape.
    #[must_use]
    pub fn metrics(&self) -> impl Collector {
        DendriteMetrics(Arc::clone(&self.0.counters))
    }

    pub(super) fn prepare<S: Synapse>(&self, synapse: &S, deadlines: Deadlines) -> Result<Arc<Prepared>, NotSendable> {
        let timeout_s = deadlines.per_peer.min(deadlines.total).as_secs_f64();
        Prepared::new(synapse, timeout_s, &self.0.own_ss58).map(Arc::new)
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }
}

/// The head of an answer, with what must live as long as the body is read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) head: ReplyHead,
    pub(super) response: Response,
    /// The uuid stays ours until the exchange is over.
    pub(super) lane: Lane,
}

impl Inner {
    pub(super) const fn max_response(&self) -> usize {
        self.max_response
    }

    pub(super) const fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    async fn call<S: Synapse, T: Send + 'static>(
        self: &Arc<Self>,
        target: &Target,
        prepared: &Arc<Prepared>,
        until: Instant,
        per_peer: Duration,
        take: &Arc<impl Fn(S) -> T + Send + Sync + 'static>,
    ) -> Answer<T> {
        let dialect = self.dialects.of(&target.hotkey);
        let mut started = Instant::now();
        let exchange = async {
            let _turn = self.turn().await;
            started = Instant::now();
            let within = until.min(started + per_peer);
            let whole = async {
                let Opened { head, response, lane } = self.open(target, prepared, dialect).await?;
                let body = exchange::collect(response, self.max_response, &self.budget).await?;
                drop(lane);
                Ok((head, body))
            };
            timeout_at(within, whole).await.unwrap_or(Err(Failure::Timeout))
        };
        let came = timeout_at(until, exchange).await.unwrap_or(Err(Failure::Timeout));
        let latency = started.elapsed();
        let result = match came {
            Ok((head, body)) => self.read(head, body, take).await,
            Err(failure) => Err(failure),
        };
        self.note::<S>(target, dialect, result.as_ref().err(), latency);
        Answer { hotkey: target.hotkey, result, latency, dialect }
    }

    /// Counts an exchange that is over.
    pub(super) fn note<S: Synapse>(
        &self,
        target: &Target,
        dialect: Dialect,
        failure: Option<&Failure>,
        took: Duration,
    ) {
        self.counters.count(S::NAME, dialect, failure, took);
        self.counters.heard(target.hotkey, failure, took);
        tracing::debug!(
            synapse = S::NAME,
            dialect = dialect.name(),
            axon.hotkey = %target.hotkey,
            duration_ms = took.as_millis(),
            failure = failure.map(tracing::field::display),
            "asked an axon"
        );
    }

    pub(super) const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Sends the request and waits for the head of the answer; checks who answers.
    pub(super) async fn open(
        &self,
        target: &Target,
        prepared: &Arc<Prepared>,
        dialect: Dialect,
    ) -> Result<Opened, Failure> {
        target.check(self.allow_private)?;
        let lane = self.lanes.take(target.hotkey);
        let is_large = prepared.body.len() > LARGE_QUESTION;
        let client = if is_large { &self.fresh } else { &self.client };
        let mut sent = self.send(client, target, prepared, dialect, &lane).await?;
        // Lost on a connection that was closing: asked again, under a new nonce, on one that is not.
        if !is_large && sent.as_ref().is_err_and(exchange::hung_up) && self.reuse.possible(target) {
            tracing::debug!(axon.hotkey = %target.hotkey, "a kept connection was closing; asking again on a new one");
            sent = self.send(&self.fresh, target, prepared, dialect, &lane).await?;
        }
        let response = sent.map_err(|e| exchange::no_head(&e))?;
        if !is_large {
            self.reuse.note(target);
        }
        let mut head = ReplyHead::read(response.status().as_u16(), response.headers());
        match dialect {
            Dialect::Headers => {
                reply::check_identity(response.headers(), &target.hotkey, &self.own_ss58)
                    .map_err(|reason| Failure::Malformed(reason.into()))?;
            }
            // Plain signed HTTP: there is no other status than that of HTTP.
            Dialect::BtAuth => head.status = head.status.or(Some(head.http)),
        }
        if self.scheme == Scheme::Sr25519 {
            self.dialects.learn(target.hotkey, &head);
        }
        Ok(Opened { head, response, lane })
    }

    /// Signs and sends once; the inner error says what became of it on the wire.
    async fn send(
        &self,
        client: &Client,
        target: &Target,
        prepared: &Arc<Prepared>,
        dialect: Dialect,
        lane: &Lane,
    ) -> Result<Result<Response, reqwest::Error>, Failure> {
        let headers = self.signer.headers(prepared, target, dialect, lane.uuid()).await;
        let headers = headers.ok_or_else(|| Failure::Unreachable("the signing thread is gone".into()))?;
        let url = format!("http://{}{}", target.authority(), prepared.path());
        Ok(client.post(url).headers(headers).body(prepared.body.clone()).send().await)
    }

    /// A turn among the requests under way, kept until it is dropped.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it; without a turn it would be one request too many, no more.
        Arc::clone(&self.in_flight).acquire_owned().await.ok()
    }

    pub(super) fn dialect_of(&self, target: &Target) -> Dialect {
        self.dialects.of(&target.hotkey)
    }

    /// Reads a body into its synapse and takes from that what is wanted, on a thread for such work: a large one must not hold
    /// up the others.
    async fn read<S: Synapse, T: Send + 'static>(
        &self,
        head: ReplyHead,
        body: Collected,
        take: &Arc<impl Fn(S) -> T + Send + Sync + 'static>,
    ) -> Result<T, Failure> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let take = Arc::clone(take);
        let read = tokio::task::spawn_blocking(move || {
            let reply = reply::read(&head, body.bytes());
            drop(body);
            let taken = match reply {
                Reply::Answer(synapse) => Ok(take(synapse)),
                Reply::Refused { status, message } => Err(Failure::Refused { status, message }),
                Reply::Malformed(reason) => Err(Failure::Malformed(reason)),
            };
            drop(permit);
            taken
        });
        read.await.unwrap_or_else(|error| Err(Failure::Malformed(broken_reader(&error).into())))
    }
}

fn broken_reader(error: &JoinError) -> String {
    if error.is_panic() { "reading the answer failed".into() } else { "reading the answer was cancelled".into() }
}
