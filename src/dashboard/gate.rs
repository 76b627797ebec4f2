//! Who may see the page, and what a browser may do with it.
//!
//! On a loopback address whoever uses this machine may look; a request must name that address or `localhost`, so that no
//! website can reach it under a name of its own (DNS rebinding). Anywhere else, and behind a proxy, a token is asked for: once as
//! `?token=…`, then it is in a cookie; programs send `Authorization: Bearer …`.

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::DashboardError;

const COOKIE_NAME: &str = "neuron_dashboard";
/// Nothing but what this server sends: one stylesheet, one script, and its own events.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What is asked of who wants to look.
#[derive(Clone, PartialEq, Eq)]
pub struct Gate {
    token: Option<String>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("token", &self.token.as_ref().map(|_| "…")).finish()
    }
}

impl Gate {
    /// For a page on `address`: a token where others can reach it, or where a file for one is named. The file is made, for its
    /// owner alone, when it does not exist.
    ///
    /// # Errors
    /// [`DashboardError::Token`].
    pub fn of(address: IpAddr, named: Option<&Path>, otherwise: &Path) -> Result<Self, DashboardError> {
        let path = match named {
            Some(path) => path,
            None if address.is_loopback() => return Ok(Self { token: None }),
            None => otherwise,
        };
        let token = token(path).map_err(|source| DashboardError::Token { path: path.to_owned(), source })?;
        Ok(Self { token: Some(token) })
    }

    /// Whether a token is asked for.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.token.is_some()
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return names_this_machine(headers) };
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bearer = text(AUTHORIZATION).strip_prefix("Bearer ").is_some_and(|said| same(said.trim(), token));
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        bearer || cookies.any(|(name, value)| name == COOKIE_NAME && same(value, token))
    }
}

/// Takes as long whatever is said.
fn same(said: &str, token: &str) -> bool {
    said.len() == token.len() && said.bytes().zip(token.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn token(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= 16 => Ok(text.trim().to_owned()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a token must have 16 characters or more")),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{token}")?;
            Ok(token)
        }
        Err(e) => Err(e),
    }
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let address = host.parse::<SocketAddr>().map(|address| address.ip());
    let address = address.or_else(|_| name.trim_matches(['[', ']']).parse::<IpAddr>());
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Lets in who may look; tells browsers what they may do.
pub(super) async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let mut response = match (gate.admits(request.headers()), offered(&gate, &request)) {
        (_, Some(response)) => response,
        (true, None) => next.run(request).await,
        (false, None) if gate.asks() => {
            let said = "this page needs its token: open /?token=TOKEN with the text of the token file\n";
            (StatusCode::UNAUTHORIZED, said).into_response()
        }
        (false, None) => {
            let said = "this page can only be opened as localhost; behind a proxy, give it a token with \
                        --dashboard.token_file\n";
            (StatusCode::FORBIDDEN, said).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A right `?token=…` becomes a cookie, and leaves the address.
fn offered(gate: &Gate, request: &Request) -> Option<Response> {
    let token = gate.token.as_ref()?;
    let said = request.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    if !same(said, token) {
        return None;
    }
    let cookie = format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Strict; Path=/");
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(request.uri().path()).ok()?);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn on_loopback_only_its_own_names_are_answered() {
        let gate = Gate::of([127, 0, 0, 1].into(), None, Path::new("unused")).unwrap();
        assert!(!gate.asks());
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "127.0.0.2", "[::1]:9000", "[::1]"] {
            assert!(gate.admits(&asking(HOST, host)), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1:80", "", "localhost.evil"]
        {
            assert!(!gate.admits(&asking(HOST, host)), "{host}");
        }
    }

    #[test]
    fn elsewhere_a_token_is_made_once_and_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/dashboard.token");
        let gate = Gate::of([0, 0, 0, 0].into(), None, &path).unwrap();
        assert_eq!(Gate::of([0, 0, 0, 0].into(), None, &path).unwrap(), gate, "the same after a restart");
        let token = gate.token.clone().unwrap();
        assert!(!format!("{gate:?}").contains(&token));
        assert!(!gate.admits(&asking(HOST, "localhost")));
        assert!(gate.admits(&asking(AUTHORIZATION, &format!("Bearer {token}"))));
        assert!(gate.admits(&asking(COOKIE, &format!("a=b; {COOKIE_NAME}={token}"))));
        assert!(!gate.admits(&asking(COOKIE, &format!("{COOKIE_NAME}={}", &token[1..]))));
        std::fs::write(&path, "short\n").unwrap();
        assert!(Gate::of([0, 0, 0, 0].into(), None, &path).is_err());
    }
}
