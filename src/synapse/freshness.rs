//! Whether a nonce is of now: the window rules of the header protocol, made safe.
//!
//! The Python axon widens its window by the caller's unsigned timeout without bound, has no upper bound at all, and
//! exempts callers who claim an old version. Here the timeout is clamped, the future bounded, and old callers are
//! served only when the operator says so.

use super::headers::RequestHeaders;
use super::sign::Refusal;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: f64 = 1e9;

/// The window's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FreshnessPolicy {
    /// Age allowed on top of the caller's timeout, ns.
    pub grace_ns: u64,
    /// The largest timeout that widens the window, s.
    pub max_timeout_s: f64,
    /// How far ahead of our clock a nonce may lie, ns.
    pub future_ns: u64,
    /// Whether callers before SDK 7.2, whose nonces count from their boot, are served.
    pub legacy_peers: bool,
}

/// The window of the Python axon (4 s and the timeout), with the timeout clamped to ten minutes, ten seconds of future,
/// and no callers before SDK 7.2.
impl Default for FreshnessPolicy {
    fn default() -> Self {
        Self { grace_ns: 4_000_000_000, max_timeout_s: 600.0, future_ns: 10_000_000_000, legacy_peers: false }
    }
}

/// What is known about an acceptable nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Inside the window; a second one may be refused by its age from this moment on, so remember it until then.
    Until {
        /// Wall time in ns since the epoch.
        expires_ns: u64,
    },
    /// A nonce without time, of a caller before SDK 7.2: only its order within its uuid can be judged.
    Legacy,
}

/// Judges the nonce of a request by the clock alone. Replay is another question.
///
/// # Errors
/// [`Refusal::MissingNonce`], [`Refusal::TooOld`], [`Refusal::TooFarAhead`], [`Refusal::LegacyPeer`].
pub fn check(headers: &RequestHeaders, now_ns: u64, policy: &FreshnessPolicy) -> Result<Freshness, Refusal> {
    let nonce = headers.nonce.ok_or(Refusal::MissingNonce)?;
    if !headers.is_modern() {
        return if policy.legacy_peers { Ok(Freshness::Legacy) } else { Err(Refusal::LegacyPeer) };
    }
    let timeout = headers.timeout.unwrap_or(0.0).clamp(0.0, policy.max_timeout_s);
    let window_ns = policy.grace_ns.saturating_add((timeout * NS_PER_S) as u64);
    if nonce > now_ns.saturating_add(policy.future_ns) {
        return Err(Refusal::TooFarAhead { ahead_ms: (nonce - now_ns) / NS_PER_MS });
    }
    let age_ns = now_ns.saturating_sub(nonce);
    if age_ns >= window_ns {
        return Err(Refusal::TooOld { window_ms: window_ns / NS_PER_MS, age_ms: age_ns / NS_PER_MS });
    }
    // The timeout is not signed: a replay may claim the largest one.
    let widest_ns = policy.grace_ns.saturating_add((policy.max_timeout_s.max(0.0) * NS_PER_S) as u64);
    Ok(Freshness::Until { expires_ns: nonce.saturating_add(widest_ns) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_206_220_000_000_000;

    fn headers(nonce: u64, timeout: f64) -> RequestHeaders {
        RequestHeaders {
            nonce: Some(nonce),
            timeout: Some(timeout),
            version: Some(10_005_000),
            ..RequestHeaders::default()
        }
    }

    #[test]
    fn the_window_is_four_seconds_and_the_timeout() {
        let policy = FreshnessPolicy::default();
        assert!(check(&headers(NOW - 15_999_999_999, 12.0), NOW, &policy).is_ok());
        assert!(matches!(check(&headers(NOW - 16_000_000_000, 12.0), NOW, &policy), Err(Refusal::TooOld { .. })));
        assert!(check(&headers(NOW + 10_000_000_000, 12.0), NOW, &policy).is_ok());
        assert!(matches!(
            check(&headers(NOW + 3_600_000_000_000, 12.0), NOW, &policy),
            Err(Refusal::TooFarAhead { .. })
        ));
        assert!(matches!(check(&headers(u64::MAX, 12.0), NOW, &policy), Err(Refusal::TooFarAhead { .. })));
    }

    #[test]
    fn an_inflated_timeout_does_not_revive_an_old_request() {
        let policy = FreshnessPolicy::default();
        let old = headers(NOW - 700_000_000_000, 1e300);
        assert!(matches!(check(&old, NOW, &policy), Err(Refusal::TooOld { .. })));
        // Whatever timeout the first use claimed, the nonce is remembered for as long as any replay could pass.
        let Freshness::Until { expires_ns } = check(&headers(NOW, 0.0), NOW, &policy).unwrap() else {
            unreachable!("a modern caller has a window")
        };
        assert!(matches!(check(&headers(NOW, 1e300), expires_ns, &policy), Err(Refusal::TooOld { .. })));
        assert!(check(&headers(NOW, 1e300), expires_ns - 1, &policy).is_ok());
    }

    #[test]
    fn a_lowered_version_buys_nothing() {
        let mut old = headers(5, 12.0);
        old.version = Some(701);
        assert_eq!(check(&old, NOW, &FreshnessPolicy::default()), Err(Refusal::LegacyPeer));
        let lenient = FreshnessPolicy { legacy_peers: true, ..FreshnessPolicy::default() };
        assert_eq!(check(&old, NOW, &lenient), Ok(Freshness::Legacy));
    }
}
