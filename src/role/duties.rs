//! Running the duties of a kind of work.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::status::Board;
use crate::subnets::work::Duty;
use crate::units::Account;

/// Does `duty` until `stop`. A pass under way is finished first; one that fails or panics costs itself only.
pub(super) async fn perform(duty: Duty, hotkey: Account, board: Arc<Board>, stop: CancellationToken) {
    for round in 0_u64.. {
        if round > 0 || !duty.at_once {
            let pause = duty.every.mul_f64(1.0 + duty.jitter * wobble(&hotkey, duty.name, round));
            tokio::select! {
                () = duty.clock.sleep(pause) => {}
                () = duty.news() => {}
                () = stop.cancelled() => return,
            }
        }
        let error = match AbortOnDropHandle::new(tokio::spawn(duty.pass())).await {
            Ok(Ok(())) => None,
            Ok(Err(e)) => {
                tracing::error!(
                    duty = duty.name,
                    "{e}; this pass of `{}` is lost, the next one tries again",
                    duty.name
                );
                Some(e.to_string())
            }
            Err(e) if e.is_panic() => {
                tracing::error!(duty = duty.name, "`{}` panicked; this is a bug; the next pass tries again", duty.name);
                Some("panicked".to_owned())
            }
            Err(_) => return,
        };
        board.passed(duty.name, error);
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
    use std::time::Duration;

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
}
