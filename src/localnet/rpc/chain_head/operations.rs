//! Operations about a held block: its body, a runtime call, storage. Each is answered with its id at once, and later with events.

use std::sync::Arc;

use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::{ConnectionId, ResponsePayload};
use serde_json::{Value, json};
use sp_core::H256;

use super::follows::{Begun, Follows, Refusal};
use crate::localnet::node::{Node, ReadError};
use crate::localnet::rpc::queries::{Page, Query};
use crate::localnet::rpc::{Args, errors, hex};

/// Most questions of one operation; the rest is discarded, and the answer says so.
const QUERIES: usize = 1_024;

/// What an operation answers with.
type Response = ResponsePayload<'static, Value>;

/// What is to be done with the block.
enum Task {
    Body,
    Call { function: String, arguments: Vec<u8> },
    Storage(Vec<Query>),
}

/// `chainHead_v1_body [follow, hash]`
pub(super) fn body(node: &Arc<Node>, follows: &Arc<Follows>, args: &Args, connection: ConnectionId) -> Response {
    start(node, follows, args, connection, || Ok((Task::Body, None)))
}

/// `chainHead_v1_call [follow, hash, function, arguments]`
pub(super) fn call(node: &Arc<Node>, follows: &Arc<Follows>, args: &Args, connection: ConnectionId) -> Response {
    start(node, follows, args, connection, || {
        let arguments = args.optional_bytes(3)?.unwrap_or_default();
        Ok((Task::Call { function: args.text(2)?.to_owned(), arguments }, None))
    })
}

/// `chainHead_v1_storage [follow, hash, queries, child trie]`. There are no child tries: what is below one is nothing.
pub(super) fn storage(node: &Arc<Node>, follows: &Arc<Follows>, args: &Args, connection: ConnectionId) -> Response {
    start(node, follows, args, connection, || {
        let mut queries = Query::list(args, 2)?;
        let discarded = queries.len().saturating_sub(QUERIES);
        queries.truncate(QUERIES);
        if args.optional_bytes(3)?.is_some() {
            queries.clear();
        }
        Ok((Task::Storage(queries), Some(discarded)))
    })
}

/// Begins an operation; it runs when the answer with its id has left.
fn start(
    node: &Arc<Node>,
    follows: &Arc<Follows>,
    args: &Args,
    connection: ConnectionId,
    task: impl FnOnce() -> Result<(Task, Option<usize>), ErrorObjectOwned>,
) -> Response {
    let parsed: Result<_, ErrorObjectOwned> = (|| Ok((args.text(0)?.to_owned(), args.needed_hash(1)?, task()?)))();
    let (follow, hash, (task, discarded)) = match parsed {
        Ok(parsed) => parsed,
        Err(refusal) => return Response::error(refusal),
    };
    let begun = match follows.begin(connection, &follow, hash, matches!(task, Task::Call { .. })) {
        Ok(begun) => begun,
        Err(Refusal::LimitReached) => return Response::success(json!({ "result": "limitReached" })),
        Err(Refusal::NotPinned) => return Response::error(errors::not_pinned(hash)),
        Err(Refusal::WithoutRuntime) => return Response::error(errors::no_runtime()),
    };
    let mut answer = json!({ "result": "started", "operationId": begun.id });
    if let (Some(discarded), Some(answer)) = (discarded, answer.as_object_mut()) {
        answer.insert("discardedItems".into(), json!(discarded));
    }
    let (response, answered) = Response::success(answer).notify_on_completion();
    let (node, follows) = (Arc::clone(node), Arc::clone(follows));
    tokio::spawn(async move {
        // Of a batch it is not told when its answer left; there the first event may overtake it.
        let _ = answered.await;
        let stopped = begun.operation.stopped.clone();
        stopped.run_until_cancelled(run(node, &begun, hash, task)).await;
        follows.end(connection, &follow, &begun);
    });
    response
}

async fn run(node: Arc<Node>, begun: &Begun, hash: H256, task: Task) {
    let done = match task {
        Task::Body => {
            let extrinsics: Vec<String> = begun.block.extrinsics.iter().map(hex).collect();
            Ok(json!({ "event": "operationBodyDone", "operationId": begun.id, "value": extrinsics }))
        }
        Task::Call { function, arguments } => {
            let output = off_the_async_threads(move || node.call(hash, &function, &arguments)).await;
            output.map(|output| json!({ "event": "operationCallDone", "operationId": begun.id, "output": hex(output) }))
        }
        Task::Storage(queries) => read(node, begun, hash, queries).await,
    };
    let last = done.unwrap_or_else(|error| match error {
        ReadError::State(_) => json!({ "event": "operationInaccessible", "operationId": begun.id }),
        error => json!({ "event": "operationError", "operationId": begun.id, "error": error.to_string() }),
    });
    // The subscription is gone if it takes no event.
    let _ = begun.events.send(last).await;
}

/// Sends what the questions find, and gives the last event. After each full page it waits for the client's word.
async fn read(node: Arc<Node>, begun: &Begun, hash: H256, queries: Vec<Query>) -> Result<Value, ReadError> {
    let mut found = Vec::new();
    for query in queries {
        let mut next = Some(query);
        while let Some(query) = next {
            let node = Arc::clone(&node);
            let Page { items, rest } =
                off_the_async_threads(move || node.read(hash, |state| query.answer(state))).await?;
            found.extend(items);
            next = rest;
            if next.is_some() {
                send_items(begun, &mut found).await;
                begun.operation.waits(true);
                let wait = json!({ "event": "operationWaitingForContinue", "operationId": begun.id });
                let _ = begun.events.send(wait).await;
                begun.operation.go_on.notified().await;
            }
        }
    }
    send_items(begun, &mut found).await;
    Ok(json!({ "event": "operationStorageDone", "operationId": begun.id }))
}

async fn send_items(begun: &Begun, found: &mut Vec<Value>) {
    if !found.is_empty() {
        let items = std::mem::take(found);
        let event = json!({ "event": "operationStorageItems", "operationId": begun.id, "items": items });
        let _ = begun.events.send(event).await;
    }
}

async fn off_the_async_threads<R: Send + 'static>(
    code: impl FnOnce() -> Result<R, ReadError> + Send + 'static,
) -> Result<R, ReadError> {
    tokio::task::spawn_blocking(code).await.unwrap_or_else(|error| Err(ReadError::Panicked(error.to_string())))
}
