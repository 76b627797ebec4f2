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
use super::kept::Kept;
use super::live::Pulse;
use super::pages::{self, Trouble, Wanted};
use crate::ledger::Memo;
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
    kept: Kept,
    memo: Memo,
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
    let fixed = |wanted: Wanted| get(|State(desk): State<Desk>, headers: HeaderMap| desk.show(wanted, headers));
    let miner = |State(desk): State<Desk>, Path(hotkey): Path<String>, headers: HeaderMap| {
        desk.show(Wanted::Miner(hotkey), headers)
    };
    let mut router = Router::new()
        .route("/", fixed(Wanted::Overview))
        .route("/miners", fixed(Wanted::Miners))
        .route("/miners/{hotkey}", get(miner))
        .route("/weights", fixed(Wanted::Weights))
        .route("/requests-served", fixed(Wanted::Served))
        .route("/chain", fixed(Wanted::Chain))
        .route("/tasks", fixed(Wanted::Tasks))
        .route("/log", fixed(Wanted::Log))
        .route("/live", get(|State(desk): State<Desk>, headers: HeaderMap| async move { desk.pulse.tell(&headers) }))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/page.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)));
    if let Some(views) = source.kind.views {
        let list = |State(desk): State<Desk>, Query(Part { page, state }): Query<Part>, headers: HeaderMap| {
            desk.show(Wanted::List(Ask { page, state }), headers)
        };
        let one = |State(desk): State<Desk>, Path(key): Path<String>, headers: HeaderMap| {
            desk.show(Wanted::Thing(key), headers)
        };
        router = router.route(&format!("/{}", views.things), get(list));
        router = router.route(&format!("/{}/{{key}}", views.things), get(one));
    }
    let nothing = |State(desk): State<Desk>| async move { desk.trouble(&Trouble::NotFound) };
    let desk = Desk { source, pulse, kept: Kept::default(), memo: Memo::default() };
    router.fallback(nothing).with_state(desk).layer(middleware::from_fn_with_state(gate, gate::guard))
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=600")], text).into_response()
}

impl Desk {
    /// A page; made on a thread that may wait for the disk.
    async fn show(self, wanted: Wanted, headers: HeaderMap) -> Response {
        let make = |wanted: Wanted| {
            let (source, memo) = (Arc::clone(&self.source), self.memo.clone());
            let making = tokio::task::spawn_blocking(move || pages::page(&source, &memo, &wanted));
            async { Ok(making.await.map_err(|_| Trouble::Bug)??.into_string()) }
        };
        match self.kept.page(wanted, &headers, || self.pulse.number(), make).await {
            Ok(made) => made.answer(&headers),
            Err(trouble) => self.trouble(&trouble),
        }
    }

    fn trouble(&self, trouble: &Trouble) -> Response {
        let code = match trouble {
            Trouble::NotFound => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = html! { h1 { "No page" } p { (trouble.to_string()) } p { a href="/" { "Go to the overview" } } };
        (code, Html(frame::page(&self.source, "", "No page", &body, None).into_string())).into_response()
    }
}
