//! `neuron register --pow`: a slot for work instead of TAO.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::cli::chain::refused;
use crate::cli::output::Output;
use crate::cli::write::{Outcome, Writer};
use crate::cli::{Exit, Failure};
use crate::clock::monotonic;
use crate::subtensor::{Operation, Puzzle, Solution};
use crate::units::{Account, BlockNumber, NetUid};

/// A block this old is left for a new one: the chain takes four, and the call needs one to land.
const OLDEST: BlockNumber = 3;
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// Between two looks at the chain.
const LOOK: Duration = Duration::from_millis(250);

/// How the search for one slot stands.
struct Search<'a> {
    writer: &'a Writer<'a>,
    output: Output,
    threads: NonZeroUsize,
    tried: Arc<AtomicU64>,
    since: Instant,
}

/// What ended the work on one block.
enum End {
    Solved(Solution),
    TooOld,
    /// Somebody with the same coldkey registered the hotkey otherwise.
    Registered,
}

/// Works until the hotkey has a slot. `None` when it got one by other means meanwhile.
pub(super) async fn register(
    writer: &mut Writer<'_>,
    output: Output,
    (netuid, hotkey): (NetUid, Account),
    threads: NonZeroUsize,
) -> Result<Option<Outcome>, Failure> {
    let coldkey = writer.owner()?;
    let first = writer.chain.puzzle(netuid, hotkey, coldkey).await.map_err(refused)?;
    let difficulty = first.difficulty;
    output.note(&format!("difficulty {difficulty}: about that many hashes are needed; {threads} threads search"));
    if writer.is_dry_run() {
        let unsolved = Solution { nonce: 0, seal: first.seal(0) };
        return writer.carry_out(Operation::pow_register(&first, &unsolved), "").await.map(Some);
    }
    writer.ask_first(&format!("Register {hotkey} in subnet {netuid} by proof of work; nothing is paid"))?;
    let writer = &*writer;
    let search = Search { writer, output, threads, tried: Arc::default(), since: monotonic() };
    loop {
        let puzzle = writer.chain.puzzle(netuid, hotkey, coldkey).await.map_err(refused)?;
        match search.on(puzzle).await? {
            End::Registered => return Ok(None),
            End::TooOld => {}
            End::Solved(solution) => match writer.carry_out(Operation::pow_register(&puzzle, &solution), "").await {
                // The block grew too old on the way, or its place in the block was taken: once more.
                Err(error) if search.may_go_on(&error) => output.note(&format!("trying again: {error}")),
                other => return other.map(Some),
            },
        }
    }
}

impl Search<'_> {
    async fn on(&self, puzzle: Puzzle) -> Result<End, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let (halt, tried, threads) = (stop.clone(), self.tried.clone(), self.threads);
        // Another process may work for the same hotkey: each begins elsewhere.
        let from = uuid::Uuid::new_v4().as_u64_pair().0;
        let work = tokio::task::spawn_blocking(move || puzzle.search(threads, from, &halt, &tried));
        tokio::pin!(work);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = monotonic();
        let mut seen = puzzle.block;
        loop {
            tokio::select! {
                found = &mut work => {
                    let found = found.map_err(|error| Failure::new(Exit::Failed, anyhow::anyhow!("the search for a \
                                                                                                  proof of work \
                                                                                                  failed: {error}")))?;
                    return Ok(found.map_or(End::TooOld, End::Solved));
                }
                _ = looks.tick() => {}
            }
            if told.elapsed() >= PROGRESS {
                told = monotonic();
                self.tell(puzzle.difficulty);
            }
            let best = *self.writer.chain.blocks().borrow();
            if best <= seen {
                continue;
            }
            seen = best;
            let end = match self.writer.chain.uid(puzzle.netuid, &puzzle.hotkey).await {
                Ok(Some(_)) => Some(End::Registered),
                _ => (best >= puzzle.block.saturating_add(OLDEST)).then_some(End::TooOld),
            };
            if let Some(end) = end {
                stop.store(true, Relaxed);
                // A solution that came in the same moment is as old as the block.
                let _ = (&mut work).await;
                return Ok(end);
            }
        }
    }

    fn tell(&self, difficulty: u64) {
        let tried = self.tried.load(Relaxed) as f64;
        let rate = tried / self.since.elapsed().as_secs_f64().max(0.001);
        let expected = difficulty as f64 / rate.max(1.0);
        self.output.note(&format!(
            "{tried:.3e} hashes tried, {:.2} million per second; it takes {expected:.0} s on average",
            rate / 1e6
        ));
    }

    fn may_go_on(&self, error: &Failure) -> bool {
        let names = ["InvalidWorkBlock", "TooManyRegistrationsThisBlock", "InvalidDifficulty"];
        error.exit == Exit::Refused && names.iter().any(|name| error.to_string().contains(name))
    }
}
