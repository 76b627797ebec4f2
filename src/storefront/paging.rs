//! What may be asked for behind a `?`: filters, a bound, and a cursor, which is where the page before ended.

use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The parameters of a request, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|e| Problem::bad(e.body_text()))?;
        Ok(Self(pairs))
    }
}

impl Asked {
    /// A parameter that is said once; of several the last.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// A parameter that may be said several times.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How many rows are wanted: `limit`, of 1 to `most`.
    pub(super) fn limit(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.one("limit") else { return Ok(usual) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Problem::bad(format!("`limit` must be a whole number from 1 to {most}")))
    }

    /// Where the page before ended.
    pub(super) fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let Some(text) = self.one("cursor") else { return Ok(None) };
        let place = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        place.map(Some).ok_or_else(|| Problem::bad("`cursor` is none that this list has given"))
    }
}

/// A part of a list: one more row than wanted was read, to know whether there is more.
pub(super) fn page<T, C: Serialize>(
    rows: &mut Vec<T>,
    limit: usize,
    place: impl FnOnce(&T) -> C,
) -> Result<Option<String>, Problem> {
    if rows.len() <= limit {
        return Ok(None);
    }
    rows.truncate(limit);
    let Some(last) = rows.last() else { return Ok(None) };
    let text = serde_json::to_vec(&place(last)).map_err(|_| Problem::broken())?;
    Ok(Some(URL_SAFE_NO_PAD.encode(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Asked {
        Asked(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let mut rows = vec![3, 2, 1];
        let cursor = page(&mut rows, 2, |row| (*row, "a/b")).unwrap().unwrap();
        assert_eq!(rows, [3, 2]);
        assert_eq!(asked(&[("cursor", &cursor)]).cursor::<(i64, String)>().unwrap(), Some((2, "a/b".to_owned())));
        assert_eq!(page(&mut rows, 2, |row| *row).unwrap(), None, "nothing is left");
        for wrong in ["", "?", "bm8", "WzFd"] {
            assert!(asked(&[("cursor", wrong)]).cursor::<(i64, String)>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_are_bounds() {
        assert_eq!(asked(&[]).limit(50, 200).unwrap(), 50);
        assert_eq!(asked(&[("limit", "7"), ("limit", "200")]).limit(50, 200).unwrap(), 200);
        for wrong in ["0", "201", "-1", "x", "", "1e2"] {
            assert!(asked(&[("limit", wrong)]).limit(50, 200).is_err(), "{wrong}");
        }
    }
}
