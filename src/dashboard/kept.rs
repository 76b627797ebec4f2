//! Pages that many browsers show at once: each is made once for a change, and sent to everybody who was told of it.
//!
//! Who opens a page gets one that is made after it was asked for. The script of an open page says which change it was told of
//! ([`TOLD`]); for it a page that was made since then is as good.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::pages::{Trouble, Wanted};
use crate::clock;

/// In a request: the number of the last change that an open page was told of.
pub(super) const TOLD: HeaderName = HeaderName::from_static("x-neuron-told");
/// Pages that are made at once: each may read much of the ledger.
const AT_ONCE: usize = 4;
/// Pages that are kept, of up to 200 KB each.
const PAGES: usize = 32;

/// Where they are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Kept(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pages: Mutex<HashMap<Wanted, Slot>>,
    makers: Semaphore,
}

/// A page, or the place for it; locked while it is made.
type Slot = Arc<tokio::sync::Mutex<Option<Made>>>;

/// A page that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    html: Bytes,
    /// Its name: another one when anything in it differs.
    tag: HeaderValue,
    /// When its making began, and the number of the last change then.
    begun: (Instant, u64),
}

impl Default for Kept {
    fn default() -> Self {
        Self(Arc::new(Inner { pages: Mutex::default(), makers: Semaphore::new(AT_ONCE) }))
    }
}

impl Kept {
    /// The page that is wanted: one that is kept when it is new enough for who asks with `headers`, else the one that `make`
    /// makes. `change` is the number of the last change.
    ///
    /// # Errors
    /// Those of `make`; they are not kept.
    pub(super) async fn page<F: Future<Output = Result<String, Trouble>>>(
        &self,
        wanted: Wanted,
        headers: &HeaderMap,
        change: impl Fn() -> u64,
        make: impl FnOnce(Wanted) -> F,
    ) -> Result<Made, Trouble> {
        let asked = clock::monotonic();
        let told = headers.get(TOLD).and_then(|number| number.to_str().ok()?.parse::<u64>().ok());
        let slot = self.slot(&wanted);
        let mut kept = slot.lock().await;
        if let Some(made) = kept.as_ref().filter(|made| made.is_new_enough(asked, told)) {
            return Ok(made.clone());
        }
        // The semaphore is never closed; without a turn the page would be made all the same.
        let _turn = self.0.makers.acquire().await;
        let begun = (clock::monotonic(), change());
        let made = Made::of(make(wanted).await?, begun);
        *kept = Some(made.clone());
        Ok(made)
    }

    fn slot(&self, wanted: &Wanted) -> Slot {
        let mut pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= PAGES && !pages.contains_key(wanted) {
            pages.clear();
        }
        Arc::clone(pages.entry(wanted.clone()).or_default())
    }
}

impl Made {
    fn of(html: String, begun: (Instant, u64)) -> Self {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let tag = HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish()));
        Self { html: html.into(), tag: tag.unwrap_or(HeaderValue::from_static("\"\"")), begun }
    }

    fn is_new_enough(&self, asked: Instant, told: Option<u64>) -> bool {
        let (begun, change) = self.begun;
        begun >= asked || told.is_some_and(|told| told <= change)
    }

    /// What is sent of it to who asks with `headers`: nothing when it has it.
    pub(super) fn answer(self, headers: &HeaderMap) -> Response {
        if headers.get(IF_NONE_MATCH) == Some(&self.tag) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, self.tag)]).into_response();
        }
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        ([(CONTENT_TYPE, kind), (ETAG, self.tag)], self.html).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use super::*;

    fn told(number: u64) -> HeaderMap {
        HeaderMap::from_iter([(TOLD, number.into())])
    }

    #[tokio::test]
    async fn a_page_is_made_for_who_opens_it_and_once_for_a_change() {
        let (kept, change, made) = (Kept::default(), AtomicU64::new(4), AtomicU64::new(0));
        let ask = async |headers: HeaderMap| {
            let make = |_| async { Ok(format!("page {}", made.fetch_add(1, SeqCst))) };
            kept.page(Wanted::Overview, &headers, || change.load(SeqCst), make).await.unwrap().html
        };
        assert_eq!(ask(HeaderMap::new()).await, "page 0");
        assert_eq!(ask(HeaderMap::new()).await, "page 1", "who opens it sees now");
        for _ in 0..100 {
            assert_eq!(ask(told(4)).await, "page 1");
        }
        change.store(5, SeqCst);
        assert_eq!(ask(told(4)).await, "page 1", "it was told of no more than that");
        assert_eq!(ask(told(5)).await, "page 2");
        assert_eq!(ask(told(5)).await, "page 2");
        assert_eq!(ask(told(7)).await, "page 3", "a number of another process");
    }

    #[tokio::test]
    async fn many_who_open_it_together_wait_for_one_making() {
        let (kept, made) = (Kept::default(), AtomicU64::new(0));
        let (kept, made) = (&kept, &made);
        let ask = || async move {
            let make = |_| async {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                Ok(made.fetch_add(1, SeqCst).to_string())
            };
            kept.page(Wanted::Miners, &HeaderMap::new(), || 0, make).await.unwrap()
        };
        futures_util::future::join_all((0..50).map(|_| ask())).await;
        assert!(made.load(SeqCst) <= 2, "{made:?} times for 50 who came together");
    }

    #[tokio::test]
    async fn a_fault_is_not_kept_and_what_is_kept_is_bounded() {
        let kept = Kept::default();
        let fail = |_| async { Err(Trouble::Bug) };
        assert!(kept.page(Wanted::Log, &told(0), || 0, fail).await.is_err());
        let make = |_| async { Ok("well".to_owned()) };
        let page = kept.page(Wanted::Log, &told(0), || 0, make).await.unwrap();
        let tag = page.tag.clone();
        assert_eq!(page.clone().answer(&HeaderMap::new()).status(), StatusCode::OK);
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, tag)]);
        assert_eq!(page.answer(&known).status(), StatusCode::NOT_MODIFIED);
        for number in 0..10 * PAGES {
            kept.page(Wanted::Thing(number.to_string()), &told(0), || 0, make).await.unwrap();
        }
        assert!(kept.0.pages.lock().unwrap().len() <= PAGES);
    }
}
