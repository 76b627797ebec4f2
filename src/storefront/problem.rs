//! A no, always in the same shape: `{"detail": "…", "code": "…"}`, a sentence for a person and a word for a program.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::gateway::Denied;
use crate::ledger::LedgerError;
use crate::subnets::events::ledger::EventsLedgerError;

/// See the module.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Problem {
    detail: String,
    code: &'static str,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    wait: Option<Duration>,
}

impl Problem {
    pub(super) fn of(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), code, status, wait: None }
    }

    /// The same in the shape that OpenAI's API has.
    pub(super) fn as_openai(&self) -> Response {
        let kind = if self.status.is_client_error() { "invalid_request_error" } else { "server_error" };
        let error = serde_json::json!({ "message": self.detail, "type": kind, "param": null, "code": self.code });
        let mut response = (self.status, Json(serde_json::json!({ "error": error }))).into_response();
        self.tell_when(&mut response);
        response
    }

    fn tell_when(&self, response: &mut Response) {
        if let Some(wait) = self.wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
    }

    /// The sentence.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// A question that makes no sense.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, "bad_request", detail)
    }

    pub(super) fn no_event() -> Self {
        Self::of(StatusCode::NOT_FOUND, "event_not_found", "Event not found")
    }

    pub(super) fn no_miner() -> Self {
        Self::of(StatusCode::NOT_FOUND, "miner_not_found", "Miner not found")
    }

    pub(super) fn no_path() -> Self {
        Self::of(StatusCode::NOT_FOUND, "path_not_found", "There is no such path: /openapi.json lists all paths")
    }

    pub(super) fn no_method() -> Self {
        Self::of(StatusCode::METHOD_NOT_ALLOWED, "read_only", "This API can only be read: use GET")
    }

    /// Too much at once; worth another try after `wait`.
    pub(super) fn busy(detail: &str, wait: Duration) -> Self {
        Self { wait: Some(wait), ..Self::of(StatusCode::SERVICE_UNAVAILABLE, "busy", detail) }
    }

    /// What could be read here is older than it may be.
    pub(super) fn stale(age: Duration) -> Self {
        let detail = format!("The replica that is read here is {} s behind the ledger", age.as_secs());
        Self { wait: Some(Duration::from_secs(5)), ..Self::of(StatusCode::SERVICE_UNAVAILABLE, "stale", detail) }
    }

    /// Something of ours does not work. What it is stands in the log, not in the answer.
    pub(super) fn broken() -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal Server Error")
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoKey => Self::of(
                StatusCode::UNAUTHORIZED,
                "missing_key",
                "The key is missing: send it as X-API-Key, or as a bearer token",
            ),
            Denied::WrongKey => Self::of(StatusCode::FORBIDDEN, "wrong_key", "This key is not valid here"),
            Denied::TooOften { wait } => {
                let detail = "The key has reached its limit of requests per minute";
                Self { wait: Some(wait), ..Self::of(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail) }
            }
            // Answers of a storefront cost nothing: a key of the gateway, which has spent its own there.
            Denied::AtOnce | Denied::UsedUp { .. } | Denied::Spent { .. } => {
                Self::of(StatusCode::TOO_MANY_REQUESTS, "used_up", "The key is used up")
            }
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        tracing::warn!("the storefront cannot read its ledger: {error}");
        Self::broken()
    }
}

impl From<EventsLedgerError> for Problem {
    fn from(error: EventsLedgerError) -> Self {
        match error {
            EventsLedgerError::Ledger(error) => error.into(),
            EventsLedgerError::UnknownEvent { .. } | EventsLedgerError::BadOutcome { .. } => Self::no_event(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        self.tell_when(&mut response);
        response
    }
}
