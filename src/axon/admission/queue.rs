//! The queue rung: a fixed number of handlers, a bounded line before them, the highest priority first.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Refused, Rung};

/// What a refused caller is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The gate before the handlers. Cheap to clone; clones are the same gate.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    line: Mutex<Line>,
    concurrency: usize,
    cap: usize,
    max_wait: Duration,
}

#[derive(Debug, Default)]
struct Line {
    running: usize,
    waiting: BTreeMap<Position, oneshot::Sender<Turn>>,
    arrivals: u64,
}

/// The right to run a handler; dropping it calls the next in line.
#[derive(Debug)]
pub(crate) struct Turn(Option<Arc<Inner>>);

/// A position in the line: higher priority first, then who came first.
#[derive(Debug, Clone, Copy)]
struct Position {
    priority: f64,
    arrival: u64,
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        other.priority.total_cmp(&self.priority).then(self.arrival.cmp(&other.arrival))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Position {}

impl Gate {
    pub(crate) fn new(concurrency: usize, cap: usize, max_wait: Duration) -> Self {
        Self(Arc::new(Inner { line: Mutex::default(), concurrency: concurrency.max(1), cap, max_wait }))
    }

    /// Waits for a turn, at most the gate's bound. When the line is full the least of all waits no longer: the newcomer,
    /// or whoever waits with a lower priority. A priority that is no number is the lowest.
    pub(crate) async fn enter(&self, priority: f64) -> Result<Turn, Refused> {
        let priority = if priority.is_nan() { f64::NEG_INFINITY } else { priority };
        let (position, turn) = match self.0.line_up(priority)? {
            Entered::Turn(turn) => return Ok(turn),
            Entered::Waiting(position, turn) => (position, turn),
        };
        let _left = LeaveOnDrop { gate: &self.0, position };
        match tokio::time::timeout(self.0.max_wait, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(full()),
            Err(_) => Err(Refused::busy(Rung::Queue, "Service busy: no handler came free in time", RETRY_AFTER)),
        }
    }

    /// Handlers running and requests waiting now.
    pub(crate) fn load(&self) -> (usize, usize) {
        let line = self.0.lock();
        (line.running, line.waiting.len())
    }
}

fn full() -> Refused {
    Refused::busy(Rung::Queue, "Service busy: the queue is full", RETRY_AFTER)
}

enum Entered {
    Turn(Turn),
    Waiting(Position, oneshot::Receiver<Turn>),
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line_up(self: &Arc<Self>, priority: f64) -> Result<Entered, Refused> {
        let mut line = self.lock();
        if line.running < self.concurrency {
            line.running += 1;
            return Ok(Entered::Turn(Turn(Some(Arc::clone(self)))));
        }
        let position = Position { priority, arrival: line.arrivals };
        line.arrivals += 1;
        if line.waiting.len() >= self.cap {
            match line.waiting.last_key_value() {
                Some((last, _)) if position < *last => line.waiting.pop_last(),
                _ => return Err(full()),
            };
        }
        let (sender, receiver) = oneshot::channel();
        line.waiting.insert(position, sender);
        Ok(Entered::Waiting(position, receiver))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(gate) = self.0.take() else { return };
        let mut line = gate.lock();
        while let Some((_, next)) = line.waiting.pop_first() {
            match next.send(Self(Some(Arc::clone(&gate)))) {
                Ok(()) => return,
                // It left meanwhile. Its turn must not call the next itself: we hold the line.
                Err(mut unused) => unused.0 = None,
            }
        }
        line.running -= 1;
    }
}

/// Whoever stops waiting, for whatever reason, makes room in the line at once.
struct LeaveOnDrop<'a> {
    gate: &'a Inner,
    position: Position,
}

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.gate.lock().waiting.remove(&self.position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn the_highest_priority_goes_first() {
        let gate = Gate::new(1, 10, LONG);
        let turn = gate.enter(0.0).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for priority in [1.0, 3.0, f64::NAN, 2.0] {
            let (gate, order) = (gate.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _turn = gate.enter(priority).await.unwrap();
                order.lock().unwrap().push(priority);
            }));
            tokio::task::yield_now().await;
        }
        drop(turn);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order[..3], [3.0, 2.0, 1.0]);
        assert!(order[3].is_nan());
        assert_eq!(gate.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_line_refuses_the_least() {
        let gate = Gate::new(1, 1, LONG);
        let turn = gate.enter(0.0).await.unwrap();
        let low = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1.0).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(gate.enter(1.0).await.unwrap_err(), full(), "an equal one does not push");
        let high = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(2.0).await }
        });
        assert_eq!(low.await.unwrap().unwrap_err().status, 503, "a higher one pushes the lower one out");
        drop(turn);
        assert!(high.await.unwrap().is_ok());
        assert_eq!(gate.load(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded_and_leaves_nothing_behind() {
        let gate = Gate::new(1, 10, Duration::from_secs(2));
        let turn = gate.enter(0.0).await.unwrap();
        let refused = gate.enter(0.0).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (503, Some(RETRY_AFTER)));
        let gone = tokio::time::timeout(Duration::from_millis(1), gate.enter(0.0)).await;
        assert!(gone.is_err(), "the caller left while it waited");
        assert_eq!(gate.load(), (1, 0));
        drop(turn);
        assert_eq!(gate.load(), (0, 0));
    }
}
