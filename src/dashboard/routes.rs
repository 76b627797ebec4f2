//! Addresses, and what is sent for each.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use maud::html;
use serde::Deserialize;

use super::Source;
use super::frame;
use super::gate::{self, Gate};
use super::live::Pulse;
use super::pages::{self, Trouble, Wanted};
use crate::subnets::shown::Ask;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");
const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><rect width=\"16\" height=\"16\" rx=\"4\" \
                    fill=\"#0b6e4f\"/><path d=\"M3 11L6 7L9 9L13 4\" stroke=\"#fff\" stroke-width=\"1.8\" fill=\"none\"/></svg>";

/// What handlers need.
#[derive(Debug, Clone)]
struct Desk {
    source: Arc<Source>,
    pulse: Pulse,
}

/// A page of a list, in an address.
#[derive(Debug, Default, Deserialize)]
struct Part {
    #[serde(default)]
    page: usize,
    #[serde(default)]
    state: String,
}

/// Every address.
pub(super) fn router(source: Arc<Source>, pulse: Pulse, gate: Gate) -> Router {
    let mut router = Router::new()
        .route("/", get(|State(desk): State<Desk>| desk.show(Wanted::Overview)))
        .route("/miners", get(|State(desk): State<Desk>| desk.show(Wanted::Miners)))
        .route(
            "/miners/{hotkey}",
            get(|State(desk): State<Desk>, Path(hotkey): Path<String>| desk.show(Wanted::Miner(hotkey))),
        )
        .route("/weights", get(|State(desk): State<Desk>| desk.show(Wanted::Weights)))
        .route("/requests-served", get(|State(desk): State<Desk>| desk.show(Wanted::Served)))
        .route("/chain", get(|State(desk): State<Desk>| desk.show(Wanted::Chain)))
        .route("/tasks", get(|State(desk): State<Desk>| desk.show(Wanted::Tasks)))
        .route("/log", get(|State(desk): State<Desk>| desk.show(Wanted::Log)))
        .route("/live", get(|State(desk): State<Desk>, headers: HeaderMap| async move { desk.pulse.tell(&headers) }))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/page.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)));
    if let Some(views) = source.kind.views {
        let list = |State(desk): State<Desk>, Query(Part { page, state }): Query<Part>| {
            desk.show(Wanted::List(Ask { page, state }))
        };
        let one = |State(desk): State<Desk>, Path(key): Path<String>| desk.show(Wanted::Thing(key));
        router = router.route(&format!("/{}", views.things), get(list));
        router = router.route(&format!("/{}/{{key}}", views.things), get(one));
    }
    let nothing = |State(desk): State<Desk>| async move { desk.trouble(&Trouble::NotFound) };
    router.fallback(nothing).with_state(Desk { source, pulse }).layer(middleware::from_fn_with_state(gate, gate::guard))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=600")], text).into_response()
}

impl Desk {
    /// A page; made on a thread that may wait for the disk.
    async fn show(self, wanted: Wanted) -> Response {
        let source = Arc::clone(&self.source);
        match tokio::task::spawn_blocking(move || pages::page(&source, &wanted)).await {
            Ok(Ok(page)) => Html(page.into_string()).into_response(),
            Ok(Err(trouble)) => self.trouble(&trouble),
            Err(_) => self.trouble(&Trouble::Bug),
        }
    }

    fn trouble(&self, trouble: &Trouble) -> Response {
        let code = match trouble {
            Trouble::NotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = html! { h1 { "Nothing to see" } p { (trouble.to_string()) } p { a href="/" { "To the overview" } } };
        (code, Html(frame::page(&self.source, "", "Nothing to see", &body, None).into_string())).into_response()
    }
}
