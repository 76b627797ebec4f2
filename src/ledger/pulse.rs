//! A number that rises when something has changed, in a ledger that somebody else writes or beside it. One look serves all who wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::sql::Connection;

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at the `state` of a ledger for as long as the task lives, and counts how often it was another than before. The ledger is
/// opened when it is there, and kept open.
pub(crate) fn pulse<T: Default + PartialEq + Send + 'static>(
    open: impl Fn() -> Option<Connection> + Send + Sync + 'static,
    state: impl Fn(Option<&Connection>) -> T + Send + Sync + 'static,
) -> (watch::Receiver<u64>, JoinHandle<()>) {
    let (beat, seen) = watch::channel(0);
    let eyes = Arc::new((open, state));
    let looking = tokio::spawn(async move {
        let mut file = None;
        let mut last = T::default();
        loop {
            let eyes = Arc::clone(&eyes);
            // A database may wait for a disk.
            let looked = tokio::task::spawn_blocking(move || {
                let (open, state) = &*eyes;
                let file = file.or_else(open);
                let state = state(file.as_ref());
                (file, state)
            });
            let Ok((kept, state)) = looked.await else { return };
            file = kept;
            if state != last {
                last = state;
                beat.send_modify(|n| *n += 1);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    (seen, looking)
}
