//! Which web pages may speak to the chain. A browser lets any page open a WebSocket to this machine, and says in `Origin` whose page it
//! is: without a look at that, whoever is visited could spend what the development keys hold. Other programs send no `Origin`.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jsonrpsee::core::BoxError;
use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};
use tower::{Layer, Service};

/// Pages of this machine, and those that were named; `*` names all.
#[derive(Debug, Clone)]
pub(super) struct OnlyFrom(Arc<Vec<String>>);

impl OnlyFrom {
    pub(super) fn new(origins: Vec<String>) -> Self {
        Self(Arc::new(origins))
    }

    /// Whether a page of this origin may.
    fn allows(&self, origin: &str) -> bool {
        let named = |allowed: &String| allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin);
        self.0.iter().any(named) || is_of_this_machine(origin)
    }

    /// The first origin that may not; several in one request must all.
    fn refused(&self, headers: &HeaderMap) -> Option<String> {
        headers
            .get_all(ORIGIN)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .find(|origin| !self.allows(origin))
    }
}

fn is_of_this_machine(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    !authority.as_str().contains('@') && ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host())
}

impl<S> Layer<S> for OnlyFrom {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, only: self.clone() }
    }
}

/// The server behind [`OnlyFrom`].
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    only: OnlyFrom,
}

impl<S, B> Service<HttpRequest<B>> for Guarded<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse>,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<HttpResponse, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        if let Some(origin) = self.only.refused(request.headers()) {
            let origin = crate::units::Foreign::from(origin);
            tracing::warn!(target: "neuron::localnet", %origin, "a web page was refused; --allow-origin allows it");
            let text =
                format!("pages of {origin} may not call this chain; `neuron localnet --allow-origin` allows them\n");
            return Box::pin(async move { Ok(answer(StatusCode::FORBIDDEN, text)) });
        }
        let Some(origin) = request.headers().get(ORIGIN).cloned() else {
            let answered = self.inner.call(request);
            return Box::pin(async move { answered.await.map_err(Into::into) });
        };
        // A browser asks before it posts JSON, and shows the page an answer only when it is told that it may.
        if request.method() == Method::OPTIONS {
            return Box::pin(async move { Ok(readable_by(answer(StatusCode::NO_CONTENT, String::new()), origin)) });
        }
        let answered = self.inner.call(request);
        Box::pin(async move { answered.await.map(|answer| readable_by(answer, origin)).map_err(Into::into) })
    }
}

fn answer(status: StatusCode, text: String) -> HttpResponse {
    let mut answer = HttpResponse::new(HttpBody::from(text));
    *answer.status_mut() = status;
    answer
}

fn readable_by(mut answer: HttpResponse, origin: HeaderValue) -> HttpResponse {
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_and_named_ones_may() {
        let only = OnlyFrom::new(vec!["https://polkadot.js.org/".into()]);
        for good in [
            "http://localhost",
            "http://localhost:3000",
            "https://127.0.0.1:8080",
            "http://[::1]:5173",
            "https://polkadot.js.org",
        ] {
            assert!(only.allows(good), "{good}");
        }
        for bad in [
            "null",
            "",
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://127.0.0.1.evil.example",
            "https://polkadot.js.org.evil.example",
            "http://polkadot.js.org",
            "file://",
            "chrome-extension://abc",
        ] {
            assert!(!only.allows(bad), "{bad}");
        }
        assert!(OnlyFrom::new(vec!["*".into()]).allows("https://any.example"));
    }

    #[test]
    fn one_bad_origin_among_good_ones_is_refused() {
        let mut headers = HeaderMap::new();
        let only = OnlyFrom::new(Vec::new());
        assert_eq!(only.refused(&headers), None, "no browser");
        headers.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        headers.append(ORIGIN, HeaderValue::from_bytes(b"https://ev\xffil").unwrap());
        assert!(only.refused(&headers).is_some());
    }
}
