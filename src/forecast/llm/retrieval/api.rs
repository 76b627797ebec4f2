//! A search API over HTTP: an address with places for the query and the dates, and an answer in JSON (or a feed) of whatever
//! usual shape. GDELT's is `https://api.gdeltproject.org/api/v2/doc/doc?query={query}&mode=artlist&format=json&
//! startdatetime={from:compact}&enddatetime={until:compact}&maxrecords={limit}`.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};
use serde_json::Value;

use super::super::article::Article;
use super::feed::{body_at, client_at, items};
use super::folder::in_json;
use super::{RetrievalError, Retriever, Search};
use crate::forecast::openai::ApiKey;
use crate::units::UnixMs;

/// Longest answer, bytes.
const MAX_ANSWER: usize = 16 << 20;
/// How far back is searched where nobody says: 30 days.
const MONTH_MS: i64 = 30 * 86_400_000;

/// See the module.
#[derive(Debug)]
pub struct Api {
    template: String,
    client: Client,
}

impl Api {
    /// The API at `template`, an address with `{query}` in it; a token goes along as `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`RetrievalError::Setting`].
    pub fn new(template: &str, token: Option<&ApiKey>, deadline: Duration) -> Result<Self, RetrievalError> {
        if !template.contains("{query}") {
            let told = format!("the address of a search API must have {{query}} in it: `{}`", bare(template));
            return Err(RetrievalError::Setting(told));
        }
        let example = Search { query: "a".to_owned(), from: None, until: UnixMs(0), limit: 1 };
        let (mut client, url) = client_at(&filled(template, &example), deadline)?;
        if let Some(token) = token {
            let mut header = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
                RetrievalError::Setting("the token of the search API cannot be sent as a header".to_owned())
            })?;
            header.set_sensitive(true);
            let builder = crate::market::client_of(&url).timeout(deadline);
            let built = builder.default_headers([(AUTHORIZATION, header)].into_iter().collect()).build();
            client = built.map_err(|e| RetrievalError::Setting(format!("the HTTP client {e}")))?;
        }
        Ok(Self { template: template.to_owned(), client })
    }
}

/// The address without its query, which may hold a key.
fn bare(template: &str) -> &str {
    template.split('?').next().unwrap_or_default()
}

/// The address for a search; what is put in cannot change where it leads.
fn filled(template: &str, search: &Search) -> String {
    let from = search.from.unwrap_or(search.until.plus_ms(-MONTH_MS));
    let compact = |at: UnixMs| at.rfc3339().replace(['-', ':', 'T', 'Z'], "");
    let day = |at: UnixMs| at.rfc3339().get(..10).unwrap_or_default().to_owned();
    let limit = search.limit.to_string();
    let places = [
        ("{query}", search.query.clone()),
        ("{from}", day(from)),
        ("{until}", day(search.until)),
        ("{from:compact}", compact(from)),
        ("{until:compact}", compact(search.until)),
        ("{from:rfc3339}", from.rfc3339()),
        ("{until:rfc3339}", search.until.rfc3339()),
        ("{limit}", limit),
    ];
    // A query is put in last, so that it opens no other place.
    places.iter().rev().fold(template.to_owned(), |url, (place, value)| {
        let escaped: String = value.bytes().map(escaped).collect();
        url.replace(place, &escaped)
    })
}

fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

impl Retriever for Api {
    fn name(&self) -> &'static str {
        "api"
    }

    fn search<'a>(&'a self, search: &'a Search) -> BoxFuture<'a, Result<Vec<Article>, RetrievalError>> {
        async move {
            let address = filled(&self.template, search);
            let url =
                Url::parse(&address).map_err(|e| RetrievalError::Setting(format!("{}: {e}", bare(&self.template))))?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let body = body_at(&self.client, url, MAX_ANSWER).await?;
            match serde_json::from_slice::<Value>(&body) {
                Ok(document) => Ok(in_json(&document)),
                Err(_) if body.trim_ascii_start().starts_with(b"<") => Ok(items(&String::from_utf8_lossy(&body))),
                Err(error) => Err(RetrievalError::Server { host, reason: format!("not JSON: {error}").into() }),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_put_into_the_address_and_leads_nowhere_else() {
        let search = Search {
            query: "a b&x={limit}/../#\u{e9}".to_owned(),
            from: Some(UnixMs(0)),
            until: UnixMs(1_714_557_600_000),
            limit: 7,
        };
        let template = "http://h.example/s?q={query}&f={from}&u={until:compact}&r={until:rfc3339}&n={limit}";
        assert_eq!(
            filled(template, &search),
            "http://h.example/s?q=a%20b%26x%3D%7Blimit%7D%2F..%2F%23%C3%A9&f=1970-01-01&u=20240501100000\
             &r=2024-05-01T10%3A00%3A00Z&n=7"
        );
        for wrong in ["http://h.example/", "{query}", "ftp://h/{query}"] {
            assert!(Api::new(wrong, None, Duration::from_secs(1)).is_err(), "{wrong}");
        }
        let secret = Api::new("http://h.example/?key=s3cret", None, Duration::from_secs(1)).unwrap_err().to_string();
        assert!(!secret.contains("s3cret"), "{secret}");
    }
}
