//! Running the duties of a kind of work.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::status::{Board, Outcome, Rhythm};
use super::subnet::Subnet;
use crate::ledger::LedgerError;
use crate::subnets::work::{Duty, WorkError};
use crate::subtensor::SubtensorError;
use crate::units::Account;

/// How often the metagraph is read anew: a block of the main network.
const METAGRAPH_EVERY: Duration = Duration::from_secs(12);
/// The name of that duty.
pub(super) const METAGRAPH: &str = "metagraph";

/// Keeps the metagraph fresh, and the board informed: for [`Tasks::supervise`](super::tasks::Tasks::supervise).
pub(super) fn follow(
    subnet: Subnet,
    board: Arc<Board>,
) -> impl FnMut() -> BoxFuture<'static, Result<(), SubtensorError>> + Send + 'static {
    board.expects(METAGRAPH, Rhythm { every: METAGRAPH_EVERY, jitter: 0.0, deadline: None });
    move || {
        let (subnet, board) = (subnet.clone(), Arc::clone(&board));
        let noted = move |read: Result<(), &SubtensorError>| {
            board.passed(METAGRAPH, read.map_or_else(|e| Outcome::Failed(e.to_string()), |()| Outcome::Well));
        };
        async move { subnet.follow_and(METAGRAPH_EVERY, noted).await }.boxed()
    }
}

/// Does `duty` until `stop`. A pass under way is finished first; one that fails or panics costs itself only.
pub(super) async fn perform(duty: Duty, hotkey: Account, board: Arc<Board>, stop: CancellationToken) {
    board.expects(duty.name, Rhythm { every: duty.every, jitter: duty.jitter, deadline: duty.deadline });
    for round in 0_u64.. {
        if round > 0 || !duty.at_once {
            let pause = duty.every.mul_f64(1.0 + duty.jitter * wobble(&hotkey, duty.name, round));
            tokio::select! {
                () = duty.clock.sleep(pause) => {}
                () = duty.news() => {}
                () = stop.cancelled() => return,
            }
        }
        board.begins(duty.name);
        let pass = AbortOnDropHandle::new(tokio::spawn(duty.pass()));
        let ended = match duty.deadline {
            Some(deadline) => tokio::time::timeout(deadline, pass).await,
            None => Ok(pass.await),
        };
        let outcome = match ended {
            Ok(Ok(Ok(()))) => {
                if board.has_room(duty.name) {
                    tracing::warn!(duty = duty.name, "there is room on the ledger's disk again");
                }
                Outcome::Well
            }
            // The ledger says once that its database is away, and once that it is back.
            Ok(Ok(Err(e @ WorkError::Ledger(LedgerError::Away { .. })))) => {
                tracing::debug!(duty = duty.name, "`{}` failed this time: {e}", duty.name);
                Outcome::Failed(e.to_string())
            }
            // However many passes it costs, it is said once that the disk is full, and once that it is not.
            Ok(Ok(Err(e @ WorkError::Ledger(LedgerError::Full { .. })))) => {
                if board.lacks_room(duty.name) {
                    tracing::error!(duty = duty.name, "{e}; passes are lost until then, what was recorded is safe");
                } else {
                    tracing::debug!(duty = duty.name, "`{}` failed this time: {e}", duty.name);
                }
                Outcome::Failed(e.to_string())
            }
            Ok(Ok(Err(e))) => {
                tracing::error!(duty = duty.name, "`{}` failed this time and will try again: {e}", duty.name);
                Outcome::Failed(e.to_string())
            }
            Ok(Err(e)) if e.is_panic() => {
                tracing::error!(duty = duty.name, "`{}` panicked; this is a bug; the next pass tries again", duty.name);
                Outcome::Failed("panicked".to_owned())
            }
            Ok(Err(_)) => return,
            Err(_) => {
                let deadline = duty.deadline.unwrap_or_default();
                tracing::error!(duty = duty.name, ?deadline, "`{}` took too long and was stopped", duty.name);
                Outcome::Late
            }
        };
        board.passed(duty.name, outcome);
        if duty.at_once {
            board.worked();
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// A number in `-1.0..=1.0` for this hotkey, duty and round, so that neurons neither act together nor drift.
fn wobble(hotkey: &Account, duty: &str, round: u64) -> f64 {
    let hash = Sha256::new().chain_update(hotkey.as_bytes()).chain_update(duty).chain_update(round.to_le_bytes());
    let bits = hash.finalize().iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / u64::MAX as f64 * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::clock::Clock;
    use crate::subnets::work::WorkError;

    #[test]
    fn neurons_wobble_apart_but_stay_around_the_period() {
        let (one, two) = (Account([1; 32]), Account([2; 32]));
        let mean = (0..1000).map(|round| wobble(&one, "tick", round)).sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.1, "{mean}");
        assert!((0..1000).all(|round| wobble(&one, "tick", round).abs() <= 1.0));
        assert_ne!(wobble(&one, "tick", 0), wobble(&two, "tick", 0));
        assert_ne!(wobble(&one, "tick", 0), wobble(&one, "pruning", 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_fails_or_panics_costs_itself_and_the_last_one_is_finished() {
        let (begun, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let stop = CancellationToken::new();
        let pass = {
            let (begun, ended, stop) = (begun.clone(), ended.clone(), stop.clone());
            move || {
                let (begun, ended, stop) = (begun.clone(), ended.clone(), stop.clone());
                async move {
                    match begun.fetch_add(1, Ordering::SeqCst) {
                        0 => return Err(WorkError::Setting("failed".into())),
                        1 => panic!("on purpose"),
                        2 => {}
                        _ => {
                            stop.cancel();
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                    ended.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                }
            }
        };
        let board = Arc::new(Board::default());
        let duty = Duty::new("probe", Duration::from_secs(60), Clock::wall(), pass).jitter(0.1).later();
        perform(duty, Account([1; 32]), Arc::clone(&board), stop).await;
        assert_eq!((begun.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (4, 2));
        assert_eq!(board.facts()["probe"]["failures"], 2);
    }

    #[test]
    fn a_full_disk_is_told_once_and_so_is_its_end() {
        let board = Board::default();
        assert!(!board.has_room("tick"), "it was never full");
        assert_eq!(
            [board.lacks_room("tick"), board.lacks_room("tick"), board.lacks_room("look")],
            [true, false, false]
        );
        assert_eq!([board.has_room("tick"), board.has_room("look"), board.has_room("look")], [false, true, false]);
        assert!(board.lacks_room("look"));
    }

    #[tokio::test]
    async fn setting_the_clock_brings_no_pass_and_keeps_none_waiting() {
        const MINUTE: Duration = Duration::from_secs(60);
        let (clock, stop) = (Clock::stepped(crate::units::UnixMs(0)), CancellationToken::new());
        let (passed, mut passes) = tokio::sync::mpsc::unbounded_channel();
        let pass = move || {
            let passed = passed.clone();
            async move {
                passed.send(()).unwrap();
                Ok(())
            }
        };
        let duty = Duty::new("probe", MINUTE, clock.clone().steady(), pass);
        let running = tokio::spawn(perform(duty, Account([1; 32]), Arc::new(Board::default()), stop.clone()));
        passes.recv().await.unwrap();
        for set_by in [3_600_000, -3_600_000, -30 * 86_400_000] {
            clock.set_by(set_by);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            assert!(passes.try_recv().is_err(), "{set_by}");
            clock.advance(MINUTE);
            passes.recv().await.unwrap();
        }
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_that_takes_too_long_is_abandoned_and_the_next_one_comes() {
        let begun = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        let pass = {
            let (begun, stop) = (begun.clone(), stop.clone());
            move || {
                let (first, stop) = (begun.fetch_add(1, Ordering::SeqCst) == 0, stop.clone());
                async move {
                    if first {
                        std::future::pending::<()>().await;
                    }
                    stop.cancel();
                    Ok(())
                }
            }
        };
        let board = Arc::new(Board::default());
        let duty = Duty::new("probe", Duration::from_secs(60), Clock::wall(), pass).within(Duration::from_secs(5));
        perform(duty, Account([1; 32]), Arc::clone(&board), stop).await;
        let facts = &board.facts()["probe"];
        assert_eq!(
            (&facts["passes"], &facts["failures"], &facts["last_outcome"]),
            (&2.into(), &1.into(), &"ok".into())
        );
        assert_eq!((&facts["period_s"], &facts["deadline_s"]), (&60.0.into(), &5.0.into()));
    }
}
