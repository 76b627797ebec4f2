//! Reading a body: never more than the cap, never longer than the deadline, and all bodies together within one budget.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Refused, Rung};

/// Bytes per unit of the budget.
const UNIT: usize = 1024;

/// What refused requests may still send so that their connection can be used again.
const DRAIN_BYTES: usize = 256 * 1024;
/// And for how long.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The memory that bodies being read may take, all together.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A whole body, with its share of the budget.
#[derive(Debug)]
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Reads `body` to its end.
    pub(crate) async fn read<B>(&self, body: B, cap: usize, deadline: Duration) -> Result<WholeBody, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        tokio::time::timeout(deadline, self.collect(body, cap)).await.unwrap_or_else(|_| {
            let message = format!("Request timeout: the body did not arrive within {} s", deadline.as_secs());
            Err(Refused::new(Rung::Integrity, 408, message))
        })
    }

    async fn collect<B>(&self, mut body: B, cap: usize) -> Result<WholeBody, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut whole, mut first) = (BytesMut::new(), Bytes::new());
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refused::new(Rung::Integrity, 400, "Bad Request: the body broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            let length = first.len() + whole.len() + data.len();
            if length > cap {
                return Err(too_large(Rung::Integrity, cap));
            }
            self.grow(&mut share, length)?;
            if first.is_empty() && whole.is_empty() {
                first = data;
                continue;
            }
            if whole.is_empty() {
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
        // One frame is the common small body: no copy.
        let bytes = if whole.is_empty() { first } else { whole.freeze() };
        Ok(WholeBody { bytes, _share: share })
    }

    fn grow(&self, share: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), Refused> {
        let needed = length.div_ceil(UNIT);
        let missing = needed.saturating_sub(share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let busy = || Refused::busy(Rung::Integrity, "Service busy: too many bodies at once", Duration::from_secs(1));
        let more = u32::try_from(missing).map_err(|_| busy())?;
        let more = Arc::clone(&self.0).try_acquire_many_owned(more).map_err(|_| busy())?;
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }
}

/// 413 with the limit.
pub(crate) fn too_large(rung: Rung, cap: usize) -> Refused {
    Refused::new(rung, 413, format!("Request body too large: the limit is {cap} bytes"))
}

/// The size rung: what a body announces about itself.
pub(crate) fn check_announced(announced: Option<u64>, cap: usize) -> Result<(), Refused> {
    match announced {
        Some(length) if usize::try_from(length).is_ok_and(|length| length <= cap) => Ok(()),
        Some(_) => Err(too_large(Rung::Size, cap)),
        None => Ok(()),
    }
}

/// Reads and throws away the rest of a refused request, within bounds, so that the peer can read the answer and use the
/// connection again. Says whether the end was reached.
pub(crate) async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B) -> bool {
    if body.is_end_stream() {
        return true;
    }
    let rest = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(remaining) = left.checked_sub(length) else { return false };
            left = remaining;
        }
        body.is_end_stream()
    };
    tokio::time::timeout(DRAIN_TIME, rest).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    fn body(pieces: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + use<> {
        let frames: Vec<_> = pieces.iter().map(|p| Ok(Frame::data(Bytes::from_static(p.as_bytes())))).collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn pieces_become_one_body_and_the_cap_is_exact() {
        let budget = Budget::new(1 << 20);
        let second = Duration::from_secs(1);
        let whole = budget.read(body(&["{\"a\"", ":", "1}"]), 7, second).await.unwrap();
        assert_eq!(whole.bytes, "{\"a\":1}");
        assert_eq!(budget.read(body(&["{\"a\"", ":", "1}"]), 6, second).await.unwrap_err().status, 413);
    }

    #[tokio::test]
    async fn bodies_share_one_budget() {
        let budget = Budget::new(2 * UNIT);
        let second = Duration::from_secs(1);
        let a = budget.read(body(&["a"]), 10, second).await.unwrap();
        let _b = budget.read(body(&["b"]), 10, second).await.unwrap();
        assert_eq!(budget.read(body(&["c"]), 10, second).await.unwrap_err().status, 503);
        drop(a);
        assert!(budget.read(body(&["c"]), 10, second).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_end_is_given_up() {
        let endless = StreamBody::new(Box::pin(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
        })));
        let refused = Budget::new(1 << 20).read(endless, 1 << 20, Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(refused.status, 408);
    }
}
