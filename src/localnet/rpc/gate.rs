//! What every call passes: its connection's turn, and the fault that a tester planned for it.
//!
//! Methods run on threads that may block, of which there are only so many. So a connection has a few calls under way at a
//! time and some more that wait; what it sends beyond that is refused. Whoever floods waits for himself alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jsonrpsee::MethodResponse;
use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee::types::{ErrorObjectOwned, Id, Request};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::author::SUBMIT;
use super::errors;
use crate::localnet::node::Node;
use crate::localnet::powers::Fault;

/// Calls of one connection that are under way at a time.
const AT_ONCE: usize = 16;
/// Extrinsics of one connection that are validated, or wait for that, at a time.
const SUBMISSIONS: usize = 128;
/// Calls of one connection that are under way or wait for that; further ones are refused.
const OPEN: usize = 4_096;

/// The service of one connection.
#[derive(Clone)]
pub(super) struct Gate<S> {
    service: S,
    node: Arc<Node>,
    turns: Arc<Semaphore>,
    /// For extrinsics, which hold no thread while they wait.
    submissions: Arc<Semaphore>,
    open: Arc<AtomicUsize>,
}

/// A call that is counted as open as long as this lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Gate<S> {
    pub(super) fn new(service: S, node: Arc<Node>) -> Self {
        let [turns, submissions] = [AT_ONCE, SUBMISSIONS].map(|count| Arc::new(Semaphore::new(count)));
        Self { service, node, turns, submissions, open: Arc::default() }
    }

    /// Counts a call in; `None`: too many are open already.
    fn enter(&self) -> Option<Open> {
        let open = Open(Arc::clone(&self.open));
        (self.open.fetch_add(1, Ordering::Relaxed) < OPEN).then_some(open)
    }

    /// Waits for the turn of a call of this name. The semaphores are never closed.
    async fn turn(&self, method: &str) -> Result<SemaphorePermit<'_>, AcquireError> {
        if method == SUBMIT { self.submissions.acquire().await } else { self.turns.acquire().await }
    }
}

/// The fault that was planned for a call of this name; a delay is over when this returns.
pub(super) async fn planned(node: &Node, method: &str) -> Result<(), ErrorObjectOwned> {
    match node.powers.fault_of(method) {
        Some(Fault::Error { code, message }) => Err(errors::planned(code, message)),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(time.max(Duration::from_millis(1))).await;
            Ok(())
        }
        None => Ok(()),
    }
}

impl<S> RpcServiceT for Gate<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        let gate = self.clone();
        let open = gate.enter();
        async move {
            let Some(_open) = open else { return MethodResponse::error(request.id, errors::flood()) };
            if let Err(refusal) = planned(&gate.node, &request.method).await {
                return MethodResponse::error(request.id, refusal);
            }
            let _turn = gate.turn(&request.method).await;
            gate.service.call(request).await
        }
    }

    fn batch<'a>(&self, requests: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        let gate = self.clone();
        let open = gate.enter();
        async move {
            // A batch has no number of its own.
            let Some(_open) = open else { return MethodResponse::error(Id::Null, errors::flood()) };
            let _turn = gate.turns.acquire().await;
            gate.service.batch(requests).await
        }
    }

    fn notification<'a>(&self, n: Notification<'a>) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.service.notification(n)
    }
}
