//! Whose connections may be reused: an answer that never began on such a one says nothing about its axon.
//!
//! A Python axon closes a connection after five seconds of rest. A request that meets the closing is lost without a byte of
//! answer, which from here looks like an axon that hangs up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::target::Target;

/// More axons than any subnet has; beyond, what is too old is forgotten, or else all.
const MOST_REMEMBERED: usize = 4096;

/// Which addresses answered within the time a connection is kept.
#[derive(Debug)]
pub(super) struct Reuse {
    answered: Mutex<HashMap<SocketAddr, Instant>>,
    /// How long connections are kept; a stream may have held one as long again.
    kept: Duration,
}

impl Reuse {
    pub(super) fn new(pool_idle: Duration) -> Self {
        Self { answered: Mutex::default(), kept: pool_idle * 2 }
    }

    /// An answer began: its connection will be kept.
    pub(super) fn note(&self, target: &Target) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if answered.len() >= MOST_REMEMBERED {
            answered.retain(|_, at| at.elapsed() < self.kept);
        }
        if answered.len() >= MOST_REMEMBERED {
            answered.clear();
        }
        answered.insert(address(target), Instant::now());
    }

    /// Whether a request to this axon may have gone out on a connection that was used before. Says so once for each
    /// answer: an axon that hangs up every time is not asked twice every time.
    pub(super) fn possible(&self, target: &Target) -> bool {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.remove(&address(target)).is_some_and(|at| at.elapsed() < self.kept)
    }
}

fn address(target: &Target) -> SocketAddr {
    SocketAddr::new(target.ip, target.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Account;

    #[tokio::test(start_paused = true)]
    async fn an_axon_that_answered_lately_may_have_a_dying_connection_once() {
        let reuse = Reuse::new(Duration::from_secs(10));
        let target = |port| Target { hotkey: Account([0; 32]), ip: [127, 0, 0, 1].into(), port };
        assert!(!reuse.possible(&target(1)));
        reuse.note(&target(1));
        assert!(reuse.possible(&target(1)) && !reuse.possible(&target(1)) && !reuse.possible(&target(2)));
        reuse.note(&target(1));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(!reuse.possible(&target(1)));
        for port in 0..=u16::MAX {
            reuse.note(&target(port));
        }
        assert!(reuse.answered.lock().unwrap().len() <= MOST_REMEMBERED);
    }
}
