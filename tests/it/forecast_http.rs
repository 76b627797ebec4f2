//! A forecaster's server may be down, slow or talk nonsense: its questions are abstained from, and it is left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use neuron::forecast::{BreakerSettings, Forecast, Forecaster, Http, Question, ServerSettings};
use neuron::market::EventKey;
use neuron::units::{Probability, UnixMs};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

/// What a server of the tests has seen, and whether it works.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    broken: std::sync::atomic::AtomicBool,
}

struct Server {
    base: String,
    seen: Arc<Seen>,
    _serving: AbortOnDropHandle<()>,
}

async fn answer(
    State(seen): State<Arc<Seen>>,
    Path(how): Path<String>,
    headers: HeaderMap,
    axum::Json(asked): axum::Json<Value>,
) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    if seen.broken.load(Ordering::SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let said = |p: Value| axum::Json(json!({ "id": asked["id"], "probability": p })).into_response();
    match how.as_str() {
        // Every field of a question, as `exec` has them.
        "fields" => {
            let fields = [
                asked["event"] == "polymarket-a",
                asked["provider"] == "polymarket",
                asked["event_id"] == "a",
                asked["description"] == "Will it?",
                asked["cutoff"] == 1000,
                asked["now"] == 7,
                headers.get("authorization").is_some_and(|token| token == "Bearer s3cret"),
            ];
            said(json!(fields.iter().filter(|holds| **holds).count() as f64 / 10.0))
        }
        "by_id" => said(json!(if asked["event_id"] == "a" { 0.25 } else { 0.75 })),
        "no_id" => axum::Json(json!({ "probability": 0.5 })).into_response(),
        "percent" => said(json!(70)),
        "other" => axum::Json(json!({ "id": 1_000_000, "probability": 0.5 })).into_response(),
        "long" => format!("{{\"probability\":0.5,\"why\":\"{}\"}}", "x".repeat(70_000)).into_response(),
        "hang" => std::future::pending().await,
        "busy" => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response(),
        "elsewhere" => (StatusCode::FOUND, [("location", "/by_id")]).into_response(),
        "rules" => axum::Json(json!({ "probability": null, "conditions":
            [{ "if_event": "polymarket-x", "above": 0.5, "probability": 0.75 }] }))
        .into_response(),
        _ => "hello".into_response(),
    }
}

async fn server() -> Server {
    let seen = Arc::new(Seen::default());
    let router = axum::Router::new().route("/{how}", post(answer)).with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server { base, seen, _serving: AbortOnDropHandle::new(serving) }
}

fn settings(server: &Server, how: &str) -> ServerSettings {
    ServerSettings { deadline: Duration::from_secs(20), ..ServerSettings::at(format!("{}/{how}", server.base)) }
}

fn question(id: &str) -> Question {
    Question {
        key: EventKey::new("polymarket", id),
        provider: "polymarket".to_owned(),
        id: id.to_owned(),
        description: "Will it?".into(),
        cutoff: Some(UnixMs(1_000_500)),
    }
}

async fn forecasts(forecaster: &Http, ids: &[&str]) -> Vec<Forecast> {
    let questions: Vec<Question> = ids.iter().map(|id| question(id)).collect();
    forecaster.forecast(&questions, UnixMs(7000)).await
}

async fn ask(forecaster: &Http, ids: &[&str]) -> Vec<Option<f64>> {
    forecasts(forecaster, ids).await.into_iter().map(|f| f.probability.map(Probability::get)).collect()
}

#[tokio::test]
async fn a_server_is_told_what_a_program_is_told_with_a_token() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "s3cret\n").unwrap();
    let told = Http::new(ServerSettings { token_file: Some(token_file), ..settings(&server, "fields") }).unwrap();
    assert_eq!(ask(&told, &["a"]).await, [Some(0.7)], "each field is a tenth");
    assert!(!format!("{told:?}").contains("s3cret"));
}

#[tokio::test]
async fn every_question_gets_its_own_answer_and_nonsense_is_none() {
    let server = server().await;
    let at = |how: &str| Http::new(settings(&server, how)).unwrap();
    let ids = ["a", "b", "b", "a", "b", "a", "b", "b", "a", "b"];
    let expected = ids.map(|id| Some(if id == "a" { 0.25 } else { 0.75 }));
    assert_eq!(ask(&at("by_id"), &ids).await, expected);
    assert_eq!(ask(&at("no_id"), &["a"]).await, [Some(0.5)]);
    for nonsense in ["percent", "other", "long", "hello", "busy", "elsewhere"] {
        assert_eq!(ask(&at(nonsense), &["a", "b"]).await, [None, None], "{nonsense}");
    }
    let ruled = forecasts(&at("rules"), &["a"]).await;
    assert_eq!((ruled[0].probability, ruled[0].conditions[0].event.as_str()), (None, "polymarket-a"));
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_deadline_and_then_nothing() {
    let server = server().await;
    let breaker = BreakerSettings { patience: 2, ..BreakerSettings::default() };
    let deadline = Duration::from_millis(200);
    let hung = Http::new(ServerSettings { deadline, in_flight: 2, breaker, ..settings(&server, "hang") }).unwrap();
    let began = neuron::clock::monotonic();
    assert_eq!(ask(&hung, &["a"; 50]).await, [None; 50]);
    assert!(began.elapsed() < Duration::from_secs(4), "fifty deadlines would be five seconds: {:?}", began.elapsed());
    let requests = server.seen.requests.load(Ordering::SeqCst);
    assert!((2..=4).contains(&requests), "{requests}");
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone_and_tried_again() {
    let server = server().await;
    let pause = Duration::from_millis(100);
    let breaker = BreakerSettings { patience: 3, first_pause: pause, max_pause: pause };
    let forecaster = Http::new(ServerSettings { in_flight: 1, breaker, ..settings(&server, "by_id") }).unwrap();
    server.seen.broken.store(true, Ordering::SeqCst);
    assert_eq!(ask(&forecaster, &["a"; 20]).await, [None; 20]);
    assert_eq!(server.seen.requests.load(Ordering::SeqCst), 3, "then it was left alone");
    server.seen.broken.store(false, Ordering::SeqCst);
    tokio::time::sleep(pause * 2).await;
    assert_eq!(ask(&forecaster, &["a", "b"]).await, [Some(0.25), Some(0.75)]);
}

#[tokio::test]
async fn one_word_of_a_busy_server_is_enough() {
    let server = server().await;
    let forecaster = Http::new(ServerSettings { in_flight: 1, ..settings(&server, "busy") }).unwrap();
    assert_eq!(ask(&forecaster, &["a"; 20]).await, [None; 20]);
    assert_eq!(server.seen.requests.load(Ordering::SeqCst), 1);
}

#[test]
fn an_address_or_a_token_that_cannot_be_used_is_named_and_no_password_shown() {
    for bad in ["", "model", "ftp://me:pw@host/", "http://", "http//me:pw@x"] {
        let error = Http::new(ServerSettings::at(bad)).unwrap_err().to_string();
        assert!(error.contains("forecaster.url") && !error.contains("pw"), "{bad}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    for text in [None, Some(" \n"), Some("two\nlines")] {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let settings = ServerSettings { token_file: Some(path.clone()), ..ServerSettings::at("http://127.0.0.1:1/") };
        let error = Http::new(settings).unwrap_err().to_string();
        assert!(error.contains("forecaster.token_file") && !error.contains("two"), "{text:?}: {error}");
    }
}
