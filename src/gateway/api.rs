//! The routes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::{Value, json};

use super::Door;
use super::choice::Candidate;
use super::keys::{Bill, Denied, Guest};
use super::race::{Silence, Speaking, first_words};
use super::shapes::{Answer, Asked, Envelope, Problem, Usage};
use crate::clock;
use crate::dendrite::{Failure, TextStream};
use crate::scoring::text::tokens;
use crate::subnets::prompting::conversation::Conversation;

/// The largest request, bytes.
const MAX_BODY: usize = 2 << 20;
/// How long its body may take.
const BODY_TIME: Duration = Duration::from_secs(20);

pub(super) fn router(door: Arc<Door>) -> Router {
    let mut beside = door.config.beside.clone();
    // A layer over no route is a mistake to axum.
    if beside.has_routes() {
        beside = beside.route_layer(from_fn_with_state(Arc::clone(&door), let_in));
    }
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models))
        .with_state(door)
        .merge(beside)
        .fallback(|| async {
            Problem::of(StatusCode::NOT_FOUND, "invalid_request_error", "not_found", "there is no such path")
        })
}

/// What is served beside is for the same guests.
async fn let_in(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match guest(&door, request.headers()) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The body of a request, in time and in size.
async fn whole_body(body: Body) -> Result<Bytes, Problem> {
    let late = || {
        Problem::of(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "late", "the request did not arrive in time")
    };
    let broken =
        |e: axum::Error| Problem::bad(&format!("the request cannot be read, or is larger than {MAX_BODY} bytes: {e}"));
    tokio::time::timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await.map_err(|_| late())?.map_err(broken)
}

fn guest(door: &Door, headers: &HeaderMap) -> Result<Guest, Problem> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(door.config.keys.admit(authorization)?)
}

async fn models(State(door): State<Arc<Door>>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    guest(&door, &headers)?;
    let model = json!({ "id": door.config.model, "object": "model", "created": 0, "owned_by": "miners" });
    Ok(Json(json!({ "object": "list", "data": [model] })))
}

async fn chat(State(door): State<Arc<Door>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let guest = guest(&door, &head.headers)?;
    let body = whole_body(body).await?;
    let asked: Asked = serde_json::from_slice(&body).map_err(|e| Problem::bad(&format!("the request: {e}")))?;
    let said = asked.conversation()?;
    let candidates = candidates(&door, &asked)?;
    let bill = guest.bill()?;
    let id = format!("chatcmpl-{}", uuid::Uuid::new_v4().simple());
    let created = i64::try_from(clock::wall_ns() / 1_000_000_000).unwrap_or(i64::MAX);
    let model = asked.model.clone().unwrap_or_else(|| door.config.model.clone());
    let envelope = Envelope { id, created, model };
    if asked.answers() > 1 {
        if asked.stream {
            return Err(Problem::bad(
                "several answers cannot be streamed: leave out `stream`, or `n` and `return_all`",
            ));
        }
        return several(&door, bill, &candidates, &said, &asked, &envelope).await;
    }
    let speaking = first_words(&door, &candidates, &said).await.map_err(|silence| problem(&silence))?;
    if asked.stream {
        return Ok(relay(bill, envelope, speaking, said, asked.wants_usage()));
    }
    let answer = collect(speaking).await;
    Ok(whole(bill, &envelope, &said, &[answer]))
}

/// Those who may be asked, best first: all, or the one that the caller names.
fn candidates(door: &Door, asked: &Asked) -> Result<Vec<Candidate>, Problem> {
    let unavailable = |code, message: &str| Problem::of(StatusCode::SERVICE_UNAVAILABLE, "server_error", code, message);
    let mut order = door.choice.order();
    if order.is_empty() {
        return Err(unavailable("no_miners", "no miner of this subnet serves now"));
    }
    if asked.hotkey.is_some() || asked.uid.is_some() {
        let named = |candidate: &Candidate| {
            asked.hotkey.is_none_or(|hotkey| candidate.target.hotkey == hotkey)
                && asked.uid.is_none_or(|uid| candidate.uid.0 == uid)
        };
        order.retain(named);
        if order.is_empty() {
            let message = "no miner with this hotkey or uid serves now";
            return Err(Problem::of(StatusCode::NOT_FOUND, "invalid_request_error", "no_such_miner", message));
        }
    }
    Ok(order)
}

fn problem(silence: &Silence) -> Problem {
    let reason = silence.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    let message = format!("none of {} miners answered; the last one: {reason}", silence.asked);
    Problem::of(StatusCode::BAD_GATEWAY, "server_error", "no_answer", &message)
}

/// The answers of several miners, each asked by itself.
async fn several(
    door: &Arc<Door>,
    bill: Bill,
    candidates: &[Candidate],
    said: &Conversation,
    asked: &Asked,
    envelope: &Envelope,
) -> Result<Response, Problem> {
    let ask = |candidate: &Candidate| {
        let candidate = *candidate;
        async move {
            let speaking = first_words(door, &[candidate], said).await?;
            Ok::<Answer, Silence>(collect(speaking).await)
        }
    };
    let heard = join_all(candidates.iter().take(asked.answers()).map(ask)).await;
    let count = heard.len();
    let mut last = None;
    let answers: Vec<Answer> =
        heard.into_iter().filter_map(|answer| answer.map_err(|silence| last = Some(silence)).ok()).collect();
    if answers.is_empty() {
        let reason = last.and_then(|silence| silence.reason);
        return Err(problem(&Silence { asked: count, reason }));
    }
    Ok(whole(bill, envelope, said, &answers))
}

fn whole(mut bill: Bill, envelope: &Envelope, said: &Conversation, answers: &[Answer]) -> Response {
    let usage = Usage::of(said, answers.iter().map(|answer| u64::from(tokens(&answer.text))).sum());
    // Each of the miners was told the question. What it comes to is given; the next question is the one that is refused.
    let told = usage.prompt_tokens.saturating_mul(answers.len() as u64);
    let _ = bill.charge(told, usage.completion_tokens);
    Json(envelope.whole(answers, usage)).into_response()
}

/// Why a stream ended, in the API's words.
fn end_of(stream: &TextStream) -> &'static str {
    if stream.failure().is_none() { "stop" } else { "length" }
}

async fn collect(speaking: Speaking) -> Answer {
    let Speaking { who, first, mut rest } = speaking;
    let first_s = first.at.as_secs_f64();
    let mut text = first.text;
    while let Some(chunk) = rest.next().await {
        text.push_str(&chunk.text);
    }
    let partial = rest.failure().map(|failure| failure.to_string().into());
    Answer { who, text, end: end_of(&rest), partial, first_s }
}

/// A stream on its way to the caller. Dropped, the miner is told to stop, and nothing more is charged.
struct Relay {
    bill: Bill,
    /// What the bill says to everything that follows.
    left: Result<(), Denied>,
    envelope: Envelope,
    first: Option<String>,
    rest: TextStream,
    said: Conversation,
    wants_usage: bool,
    used: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Words,
    Usage,
    Done,
    Over,
}

impl Relay {
    /// The next event.
    async fn next(&mut self) -> Option<Value> {
        match self.stage {
            Stage::Words => Some(self.words().await),
            Stage::Usage => {
                self.stage = Stage::Done;
                Some(self.envelope.used(Usage::of(&self.said, self.used)))
            }
            Stage::Done | Stage::Over => None,
        }
    }

    async fn words(&mut self) -> Value {
        let first = self.first.take();
        let is_first = first.is_some();
        let text = match first {
            Some(text) => Some(text),
            None => self.rest.next().await.map(|chunk| chunk.text),
        };
        if let Some(text) = text {
            if let Err(denied) = std::mem::replace(&mut self.left, Ok(())) {
                self.stage = Stage::Over;
                return Problem::from(denied).body();
            }
            let said = u64::from(tokens(&text));
            self.used += said;
            self.left = self.bill.charge(0, said);
            return self.envelope.piece(&text, is_first, None);
        }
        match self.rest.failure() {
            // What came until the time was up is the answer.
            None | Some(Failure::Timeout) => {
                self.stage = if self.wants_usage { Stage::Usage } else { Stage::Done };
                self.envelope.piece("", false, Some(end_of(&self.rest)))
            }
            Some(failure) => {
                self.stage = Stage::Over;
                let message = format!("the miner's answer ended early: {failure}");
                Problem::of(StatusCode::BAD_GATEWAY, "server_error", "broke_off", &message).body()
            }
        }
    }
}

fn relay(mut bill: Bill, envelope: Envelope, speaking: Speaking, said: Conversation, wants_usage: bool) -> Response {
    let Speaking { who, first, rest } = speaking;
    // Somebody speaks: the question was told. Its price alone does not keep the first words back.
    let _ = bill.charge(Usage::of(&said, 0).prompt_tokens, 0);
    let (first, left) = (Some(first.text), Ok(()));
    let relay = Relay { bill, left, envelope, first, rest, said, wants_usage, used: 0, stage: Stage::Words };
    let events = stream::unfold(Some(relay), |relay| async move {
        let mut relay = relay?;
        match relay.next().await {
            Some(event) => Some((format!("data: {event}\n\n"), Some(relay))),
            None if relay.stage == Stage::Done => Some(("data: [DONE]\n\n".to_owned(), None)),
            None => None,
        }
    });
    let events = futures_util::StreamExt::map(events, Ok::<_, std::convert::Infallible>);
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-cache"));
    headers.insert("x-neuron-uid", axum::http::HeaderValue::from(who.uid.0));
    response
}
