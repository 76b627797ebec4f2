//! A request on its way up the ladder, and its answer.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;

use super::admission::body::{WholeBody, check_announced, drain};
use super::admission::claim::Claim;
use super::admission::freshness::Ticket;
use super::admission::policy::{AdmissionPolicy, Standing};
use super::admission::queue::Turn;
use super::admission::{Refused, Rung};
use super::counters::Outcome;
use super::handler::{Caller, Dialect, Refusal};
use super::node::Node;
use super::route::{Done, Exchange, Ready, Route, refusal_status};
use super::socket::Busy;
use super::stream::{self, Ended, StreamedBody};
use crate::clock;
use crate::synapse::answer::{self, AnswerHead};
use crate::synapse::btauth::Options;
use crate::synapse::sign::verify_claim;
use crate::synapse::{Ping, Refusal as Unverified, RequestHeaders, Synapse, status};

/// Bodies from here on are parsed off the threads that drive sockets: 1 ms of work or more.
const LARGE_BODY: usize = 256 * 1024;

pub(super) type AnswerBody = Either<Full<Bytes>, StreamedBody>;

/// What is known of a request, for its answer and its log line; grows while it climbs.
struct Visit<'a> {
    node: &'a Arc<Node>,
    peer: SocketAddr,
    began: Instant,
    trace: u64,
    route: Option<(&'static str, Arc<dyn Route>)>,
    dialect: Dialect,
    headers: Option<RequestHeaders>,
    /// The signature was right: from here on an answer may cost a signature of ours.
    proven: bool,
}

/// The answer to one request. Whatever happens, there is one, with both status headers.
pub(super) async fn respond(
    node: &Arc<Node>,
    peer: SocketAddr,
    request: Request<Incoming>,
    busy: Busy,
) -> Response<AnswerBody> {
    let (head, body) = request.into_parts();
    let peer = SocketAddr::new(node.config.proxies.caller(peer.ip(), &head.headers), peer.port());
    let mut body = Some(body);
    let mut visit = Visit {
        node,
        peer,
        began: clock::monotonic(),
        trace: node.next_trace(),
        route: None,
        dialect: Dialect::Legacy,
        headers: None,
        proven: false,
    };
    match visit.climb(&head, &mut body).await {
        Ok(response) => response.map(|body| match body {
            Either::Right(stream) => Either::Right(stream.keeping(busy)),
            whole => whole,
        }),
        Err(refused) => {
            let reusable = match body {
                Some(body) => drain(body).await,
                None => !matches!(refused.rung, Rung::Integrity) || matches!(refused.status, 400 | 422),
            };
            visit.refuse(&refused, reusable)
        }
    }
}

impl Visit<'_> {
    async fn climb(&mut self, head: &Parts, body: &mut Option<Incoming>) -> Result<Response<AnswerBody>, Refused> {
        let node = self.node;
        let policy = node.policy.get();
        node.check_ip_rate(&policy, self.peer.ip())?;
        let announced = body.as_ref().and_then(|body| body.size_hint().exact());
        check_announced(announced, policy.max_body_bytes)?;
        let (name, route) = node.route(&head.method, head.uri.path())?;
        self.route = Some((name, Arc::clone(&route)));

        let claim = Claim::read(&head.headers)?;
        self.dialect = claim.dialect;
        self.headers = Some(claim.headers.clone());
        let standing = node.standing.standing(&claim.hotkey);
        policy.judge(&claim.hotkey, standing.as_ref())?;
        let known = standing.is_some() || policy.allow.contains(&claim.hotkey);
        let ticket = self.check_freshness(&claim, known, &policy)?;

        let early = match claim.btauth {
            Some(_) => Some(self.read_body(body, &policy).await?),
            None => None,
        };
        let claim = self.check_signature(claim, head, early.as_ref()).await?;
        node.freshness.claim(ticket)?;
        self.proven = true;
        node.check_hotkey_rate(&policy, &claim.hotkey)?;

        let whole = match early {
            Some(whole) => whole,
            None => self.read_body(body, &policy).await?,
        };
        let ready = self.check_integrity(Arc::clone(&route), whole, &claim).await?;
        let deadline = self.deadline(route.as_ref(), &policy, &claim.headers);
        let exchange = Arc::new(self.exchange(name, claim, standing, deadline));
        let turn = node.gate.enter(route.priority(&exchange.caller)).await?;
        self.handle(ready, exchange, turn, deadline).await
    }

    fn check_freshness(&self, claim: &Claim, known: bool, policy: &AdmissionPolicy) -> Result<Ticket, Refused> {
        let (node, now_ns) = (self.node, self.node.now_ns());
        let Some(auth) = &claim.btauth else {
            return node.freshness.look(&claim.headers, claim.hotkey, known, policy, now_ns);
        };
        let options = Options::default();
        auth.check_receiver_and_time(node.identity.hotkey(), now_ns, &options)
            .map_err(|e| Refused::new(Rung::Freshness, status::UNVERIFIED, e.to_string()))?;
        let horizon_ns = now_ns.saturating_sub(options.max_age_ns);
        node.freshness.look_btauth(claim.hotkey, known, auth.nonce, horizon_ns)
    }

    async fn read_body(&self, body: &mut Option<Incoming>, policy: &AdmissionPolicy) -> Result<WholeBody, Refused> {
        let gone = || Refused::new(Rung::Integrity, status::BAD_REQUEST, "Bad Request: no body");
        let body = body.take().ok_or_else(gone)?;
        let budget = if self.proven { &self.node.budget } else { &self.node.unproven_budget };
        budget.read(body, policy.max_body_bytes, self.node.config.body_timeout).await
    }

    /// The signature rung, on the threads for such work.
    async fn check_signature(&self, claim: Claim, head: &Parts, body: Option<&WholeBody>) -> Result<Claim, Refused> {
        let refuse = |message: String| Refused::new(Rung::Signature, status::UNVERIFIED, message);
        if claim.btauth.is_none() && claim.headers.signature.is_none() {
            return Err(refuse(Unverified::MissingSignature.message()));
        }
        let own = self.node.identity.hotkey().to_owned();
        let (method, target) = (head.method.clone(), head.uri.to_string());
        let bytes = body.map(|body| body.bytes.clone()).unwrap_or_default();
        let verified = self.node.pool.run(Rung::Signature, move || {
            let verified = match &claim.btauth {
                Some(auth) => {
                    auth.check_signature(method.as_str(), &target, &bytes).map(drop).map_err(|e| e.to_string())
                }
                None => verify_claim(&claim.headers, &claim.hotkey, &own).map_err(|e| e.message()),
            };
            verified.map(|()| claim)
        });
        verified.await?.map_err(refuse)
    }

    /// The integrity rung: the type's own reading of the body, elsewhere when it is large.
    async fn check_integrity(&self, route: Arc<dyn Route>, body: WholeBody, claim: &Claim) -> Result<Ready, Refused> {
        if body.bytes.len() < LARGE_BODY {
            return route.read(&body.bytes, &claim.headers, claim.dialect);
        }
        let (headers, dialect) = (claim.headers.clone(), claim.dialect);
        self.node.pool.run(Rung::Integrity, move || route.read(&body.bytes, &headers, dialect)).await?
    }

    fn exchange(&self, name: &str, claim: Claim, standing: Option<Standing>, allowed: Duration) -> Exchange {
        let body_authenticated = claim.dialect == Dialect::Btauth;
        if !body_authenticated && name != Ping::NAME && self.node.counters.unauthenticated(claim.hotkey) {
            tracing::info!(
                caller.hotkey = %claim.hotkey,
                dialect = claim.dialect.name(),
                "the signature of this caller does not cover the body; that of `btauth/1` does"
            );
        }
        let caller = Caller {
            hotkey: claim.hotkey,
            ip: self.peer.ip().to_canonical(),
            uuid: claim.headers.uuid.clone(),
            dialect: claim.dialect,
            version: claim.headers.version,
            standing,
            body_authenticated,
            until: self.began + allowed,
        };
        Exchange {
            caller,
            headers: claim.headers,
            own_hotkey: self.node.identity.hotkey().to_owned(),
            began: self.began,
        }
    }

    /// The least of what the axon, the handler and the caller allow, from the request's arrival on.
    fn deadline(&self, route: &dyn Route, policy: &AdmissionPolicy, headers: &RequestHeaders) -> Duration {
        let axons = self.node.config.handler_deadline;
        let handlers = route.deadline().unwrap_or(axons);
        let patience = headers.timeout.filter(|seconds| *seconds > 0.0);
        let callers = patience.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        axons.min(handlers).min(callers.unwrap_or(policy.max_timeout))
    }

    async fn handle(
        &self,
        ready: Ready,
        exchange: Arc<Exchange>,
        turn: Turn,
        allowed: Duration,
    ) -> Result<Response<AnswerBody>, Refused> {
        let deadline = tokio::time::Instant::from_std(self.began) + allowed;
        let work = AssertUnwindSafe(ready(exchange)).catch_unwind();
        match tokio::time::timeout_at(deadline, work).await {
            Ok(Ok(Ok(Done::Body(body, described)))) => {
                drop(turn);
                Ok(self.answered(body, described))
            }
            Ok(Ok(Ok(Done::Stream(chunks, described)))) => {
                let (body, work) = stream::streamed(chunks, deadline);
                self.node.tasks.spawn(self.follow_stream(work, turn));
                Ok(self.streaming(body, described))
            }
            Ok(Ok(Err(refusal))) => Err(self.declined(&refusal)),
            Ok(Err(_panic)) => Err(self.declined(&Refusal::internal("the handler panicked"))),
            Err(_late) => {
                let message = format!("Response timeout after: {:.1}s", allowed.as_secs_f64());
                Err(Refused::new(Rung::Handler, status::TIMEOUT, message))
            }
        }
    }

    /// A handler's no. What went wrong inside stays in our log, under the number the caller gets.
    fn declined(&self, refusal: &Refusal) -> Refused {
        let code = refusal_status(refusal);
        if code == status::INTERNAL_ERROR {
            tracing::error!(trace = self.trace, synapse = self.name(), error = %refusal.message, "a handler failed");
            return Refused::new(Rung::Handler, code, format!("Internal Server Error #{}", self.trace));
        }
        Refused::new(Rung::Handler, code, &refusal.message)
    }

    /// Draws a stream to its end, keeping its place, and counts it then.
    fn follow_stream(
        &self,
        work: impl Future<Output = Ended> + Send + 'static,
        turn: Turn,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (node, route, name) = (Arc::clone(self.node), self.route.clone(), self.name());
        let (dialect, began, trace) = (self.dialect, self.began, self.trace);
        async move {
            let ended = work.await;
            drop(turn);
            let outcome = match &ended {
                Ended::Complete => Outcome::Answered,
                _ => Outcome::Refused(Rung::Handler),
            };
            if ended == Ended::Complete {
                node.counters.answered(node.now_ns());
            } else {
                node.counters.streams_cut.fetch_add(1, Relaxed);
                match &ended {
                    Ended::Failed(refusal) if refusal.status == status::INTERNAL_ERROR => {
                        tracing::warn!(trace, synapse = name, error = %refusal.message, "a stream was cut");
                    }
                    // A caller that leaves or waits no longer, and a handler that breaks off on purpose.
                    _ => tracing::debug!(trace, synapse = name, ?ended, "a stream was cut"),
                }
            }
            if let Some((_, route)) = route {
                route.counters().count(dialect, outcome, began.elapsed());
            }
        }
    }

    fn answered(&self, body: Vec<u8>, described: HeaderMap) -> Response<AnswerBody> {
        self.count(Outcome::Answered);
        let headers = self.success_headers(described);
        response(StatusCode::OK, headers, Either::Left(Full::new(body.into())))
    }

    fn streaming(&self, body: StreamedBody, described: HeaderMap) -> Response<AnswerBody> {
        let mut headers = self.success_headers(described);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response(StatusCode::OK, headers, Either::Right(body))
    }

    /// Old callers log the axon's signature; to the others a success comes without, as from the SDK.
    fn success_headers(&self, described: HeaderMap) -> HeaderMap {
        let signed = self.dialect == Dialect::Legacy;
        let mut headers = self.headers(status::SUCCESS, status::SUCCESS_MESSAGE, signed);
        headers.extend(described);
        headers
    }

    fn headers(&self, code: u16, message: &str, signed: bool) -> HeaderMap {
        let head = AnswerHead {
            name: self.name(),
            status: code,
            message,
            process_time: self.began.elapsed(),
            request: self.headers.as_ref(),
            peer: Some(self.peer),
        };
        answer::headers(&head, signed.then(|| (&self.node.identity, self.node.now_ns())))
    }

    /// An error's answer. Only proven callers are worth a signature: the others must cost less than they pay.
    fn refuse(&self, refused: &Refused, reusable: bool) -> Response<AnswerBody> {
        self.count(Outcome::Refused(refused.rung));
        let mut headers = self.headers(refused.status, &refused.message, self.proven);
        if let Some(wait) = refused.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil() as u64));
        }
        if refused.status == status::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        if !reusable {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let code = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response(code, headers, Either::Left(Full::new(answer::error_body(&refused.message).into())))
    }

    fn count(&self, outcome: Outcome) {
        let took = self.began.elapsed();
        if outcome == Outcome::Answered {
            self.node.counters.answered(self.node.now_ns());
        }
        match (&self.route, outcome) {
            (Some((_, route)), _) => route.counters().count(self.dialect, outcome, took),
            (None, Outcome::Refused(rung)) => self.node.counters.stray(rung),
            (None, Outcome::Answered) => {}
        }
        tracing::debug!(
            trace = self.trace,
            synapse = self.name(),
            dialect = self.dialect.name(),
            outcome = outcome.name(),
            caller.hotkey = self.headers.as_ref().and_then(|headers| headers.hotkey.as_deref()),
            caller.proven = self.proven,
            peer.ip = %self.peer.ip(),
            duration_ms = took.as_secs_f64() * 1000.0,
            "request"
        );
    }

    fn name(&self) -> &'static str {
        self.route.as_ref().map_or(Ping::NAME, |(name, _)| name)
    }
}

fn response(code: StatusCode, headers: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    *response.headers_mut() = headers;
    response
}
