//! One synapse on an axon: the handler behind a face that does not know the synapse's type.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderMap;

use super::admission::{Refused, Rung};
use super::counters::RouteCounters;
use super::handler::{Caller, Chunks, Dialect, Handler, Refusal, Reply};
use crate::synapse::{RequestHeaders, Synapse, answer, body, status};

/// A request that passed every rung up to the queue.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) caller: Caller,
    pub(super) headers: RequestHeaders,
    pub(super) own_hotkey: String,
    pub(super) began: Instant,
}

/// What a handler gave, ready for the wire.
pub(super) enum Done {
    /// A JSON body, and the headers that describe the synapse in it.
    Body(Vec<u8>, HeaderMap),
    /// A stream.
    Stream(Chunks, HeaderMap),
}

/// A typed request waiting for its turn.
pub(super) type Ready = Box<dyn FnOnce(Arc<Exchange>) -> BoxFuture<'static, Result<Done, Refusal>> + Send>;

/// A handler and its counters, the synapse's type hidden.
pub(super) trait Route: Send + Sync {
    fn counters(&self) -> &RouteCounters;
    fn priority(&self, caller: &Caller) -> f64;
    fn deadline(&self) -> Option<Duration>;
    /// The integrity rung: the body has the signed hash and the synapse's shape.
    fn read(self: Arc<Self>, body: &Bytes, headers: &RequestHeaders, dialect: Dialect) -> Result<Ready, Refused>;
}

pub(super) struct Serving<S, H> {
    handler: H,
    counters: RouteCounters,
    synapse: PhantomData<fn() -> S>,
}

impl<S: Synapse, H: Handler<S>> Serving<S, H> {
    pub(super) fn new(handler: H) -> Self {
        Self { handler, counters: RouteCounters::default(), synapse: PhantomData }
    }

    async fn run(self: Arc<Self>, exchange: Arc<Exchange>, synapse: S) -> Result<Done, Refusal> {
        let mut described = HeaderMap::new();
        if S::STREAMING {
            answer::describe(&mut described, &synapse);
        }
        match self.handler.handle(&exchange.caller, synapse).await? {
            Reply::Stream(chunks) => Ok(Done::Stream(chunks, described)),
            Reply::Answer(synapse) => {
                answer::describe(&mut described, &synapse);
                let took = exchange.began.elapsed();
                let body = answer::success_body(&synapse, &exchange.headers, &exchange.own_hotkey, took)
                    .map_err(|e| Refusal::internal(format!("the answer has no JSON: {e}")))?;
                Ok(Done::Body(body, described))
            }
        }
    }
}

impl<S: Synapse, H: Handler<S>> Route for Serving<S, H> {
    fn counters(&self) -> &RouteCounters {
        &self.counters
    }

    fn priority(&self, caller: &Caller) -> f64 {
        self.handler.priority(caller)
    }

    fn deadline(&self) -> Option<Duration> {
        self.handler.deadline()
    }

    fn read(self: Arc<Self>, body: &Bytes, headers: &RequestHeaders, dialect: Dialect) -> Result<Ready, Refused> {
        let refuse = |e: body::BodyError| Refused::new(Rung::Integrity, e.status(), e.to_string());
        // `btauth/1` signs the bytes and names no schema; a synapse without fields may then come without a body.
        let bytes: &[u8] = if dialect == Dialect::Btauth && body.is_empty() { b"{}" } else { body };
        let synapse: S = body::read(bytes).map_err(refuse)?;
        if dialect != Dialect::Btauth {
            body::check_hash(&synapse, headers.body_hash.as_deref()).map_err(refuse)?;
        }
        Ok(Box::new(move |exchange| Box::pin(self.run(exchange, synapse))))
    }
}

/// The status of a refusal as the wire allows it: an error, never a success or a redirect.
pub(super) fn refusal_status(refusal: &Refusal) -> u16 {
    if (400..600).contains(&refusal.status) { refusal.status } else { status::INTERNAL_ERROR }
}
