//! What every caller of an OpenAI-compatible API needs: its key, its address, its words when it refuses.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::market;

/// The longest time for a connection to stand.
const CONNECT: Duration = Duration::from_secs(5);

/// A key. It is shown nowhere.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// The key in this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// The key in `file`, which the setting called `setting` names, else in the environment's `OPENAI_API_KEY`.
///
/// # Errors
/// In words: the file cannot be read, or holds none.
pub fn key_of_process(file: Option<&Path>, setting: &str) -> Result<Option<ApiKey>, String> {
    let Some(path) = file else {
        let said = std::env::var("OPENAI_API_KEY").ok().filter(|key| !key.trim().is_empty());
        return Ok(said.map(Zeroizing::new).map(|key| ApiKey::new(&key)));
    };
    let wrong = |reason: &str| format!("`{setting}` {}: {reason}", path.display());
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| wrong(&e.to_string()))?);
    if text.trim().is_empty() { Err(wrong("it has no key")) } else { Ok(Some(ApiKey::new(&text))) }
}

/// The client and address of an API; `proxy` is an HTTP proxy besides those of the environment, said by `proxy_setting`.
///
/// # Errors
/// In words: the URL or the proxy is none.
pub(crate) fn client_of(base: &str, proxy: Option<&str>, proxy_setting: &str) -> Result<(Client, Url), String> {
    let base = Url::parse(base.trim_end_matches('/'))
        .map_err(|e| format!("the API's URL is not valid: {e}; expected http://HOST:PORT/v1 or https://…"))?;
    if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
        return Err("the API's URL must be http://… or https://…".to_owned());
    }
    let mut builder = market::client_of(&base).connect_timeout(CONNECT).tcp_nodelay(true);
    if let Some(proxy) = proxy {
        let proxy = reqwest::Proxy::all(proxy);
        builder = builder.proxy(proxy.map_err(|e| format!("`{proxy_setting}` {}", e.without_url()))?);
    }
    let client = builder.build().map_err(|e| format!("the HTTP client could not be made: {e}"))?;
    Ok((client, base))
}

/// `base` with `path` below it.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// What failed at the bottom of it, without the URL, which may hold secrets.
pub(crate) fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The text of an error object, in whichever shape a server likes.
pub(crate) fn words_of(error: &Value) -> String {
    let inner = error.get("error").unwrap_or(error);
    let words = inner.get("message").or_else(|| error.get("message")).or_else(|| error.get("detail")).unwrap_or(inner);
    words.as_str().map_or_else(|| words.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_the_servers_words() {
        for (error, words) in [
            (serde_json::json!({"detail": "Not Found"}), "Not Found"),
            (serde_json::json!({"error": "no such model"}), "no such model"),
            (serde_json::json!({"error": {"message": "bad"}}), "bad"),
            (serde_json::json!({"object": "error", "message": "worse"}), "worse"),
        ] {
            assert_eq!(words_of(&error), words);
        }
    }

    #[test]
    fn a_key_is_shown_nowhere_and_a_path_is_kept() {
        assert_eq!(format!("{:?}", ApiKey::new("sk-s3cret\n")), "ApiKey(…)");
        let (_, base) = client_of("http://127.0.0.1:1/prefix/v1/", None, "x").unwrap();
        assert_eq!(below(&base, "chat/completions").as_str(), "http://127.0.0.1:1/prefix/v1/chat/completions");
        for wrong in ["", "api", "ftp://host/v1"] {
            assert!(client_of(wrong, None, "x").is_err(), "{wrong}");
        }
        assert!(client_of("http://h/v1", Some("::"), "x.proxy").unwrap_err().contains("x.proxy"));
    }
}
