//! Supervised tasks: named, restarted with growing pauses when they fail or panic, stopped together.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The pause before the first restart; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Long enough not to hammer a chain that is down, short enough to be back within a tempo.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A set of tasks that live and end together. Dropping it ends them.
#[derive(Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Tasks {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Told when the set is asked to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs `body` until it returns `Ok` or the set stops. An error or a panic is logged under `name`, and the body is
    /// made anew after a pause.
    pub fn supervise<F, E>(&mut self, name: &'static str, mut body: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + Send + 'static,
    {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                let mut attempt = AbortOnDropHandle::new(tokio::spawn(body()));
                let outcome = tokio::select! {
                    outcome = &mut attempt => outcome,
                    () = stop.cancelled() => {
                        attempt.abort();
                        // Until then it holds what it uses.
                        let _ = attempt.await;
                        return;
                    }
                };
                match outcome {
                    Ok(Ok(())) => return,
                    Ok(Err(e)) => tracing::warn!(task = name, restart_in_s = pause.as_secs(), "{name} failed: {e}"),
                    Err(e) if e.is_panic() => {
                        tracing::error!(task = name, restart_in_s = pause.as_secs(), "{name} panicked; this is a bug");
                    }
                    Err(_) => return,
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    /// Runs `body` once; it is expected to watch [`Tasks::stopping`] itself and to finish what it has begun.
    pub fn run(&mut self, body: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(body);
    }

    /// Asks all to stop and waits until they have, at most `patience`; then they are ended.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.cancel();
        let ended = tokio::time::timeout(patience, async { while self.running.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(still_running = self.running.len(), "some tasks did not stop in time; they are ended now");
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_or_panics_is_made_anew() {
        let attempts = Arc::new(AtomicUsize::new(0));
        let (done, finished) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(std::sync::Mutex::new(Some(done)));
        let mut tasks = Tasks::new();
        tasks.supervise("probe", {
            let attempts = attempts.clone();
            move || {
                let attempt = attempts.fetch_add(1, Ordering::SeqCst);
                let done = done.clone();
                async move {
                    match attempt {
                        0 => Err("failed".to_owned()),
                        1 => panic!("on purpose"),
                        _ => {
                            drop(done.lock().unwrap().take());
                            Ok(())
                        }
                    }
                }
            }
        });
        finished.await.unwrap_err();
        assert_eq!(attempts.load(Ordering::SeqCst), 3);
        tasks.stop(Duration::from_secs(1)).await;
    }

    #[tokio::test]
    async fn stopping_ends_what_waits_for_ever() {
        let mut tasks = Tasks::new();
        let held = Arc::new(());
        let holder = Arc::clone(&held);
        tasks.supervise("sleeper", move || {
            let holder = Arc::clone(&holder);
            async move {
                std::future::pending::<()>().await;
                drop(holder);
                Ok::<(), String>(())
            }
        });
        tokio::task::yield_now().await;
        tasks.stop(Duration::from_secs(5)).await;
        assert_eq!(Arc::strong_count(&held), 1, "what it used is free");
    }
}
