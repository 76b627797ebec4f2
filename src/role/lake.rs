//! The history of a validator's ledger, published in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RoleError;
use crate::clock::Clock;
use crate::config::LakeSettings;
use crate::lake::{self, Access, LakeError, Published, Target};
use crate::ledger::{Ledger, ReadOnly, Schema};
use crate::subnets::work::{Duty, HistoryIn, Kind, WorkError};
use crate::units::{Account, NetUid, UnixMs, millis};

/// The name of the duty.
pub(super) const LAKE: &str = "lake";

/// What a validator's lake is called inside: so that no other ledger is published into it.
#[must_use]
pub fn name(netuid: NetUid, hotkey: &Account) -> String {
    format!("netuid{netuid}/{hotkey}")
}

/// How a bucket is reached, as the settings say.
#[must_use]
pub fn access(settings: &LakeSettings) -> Access {
    let LakeSettings { endpoint, region, credentials, .. } = settings.clone();
    Access { endpoint, region, credentials }
}

/// Publishes what is over, every now and then; `None` where no lake is wanted.
///
/// # Errors
/// The target is none, or the kind of work keeps no history.
pub(super) fn duty(
    settings: &LakeSettings,
    kind: &Kind,
    name: String,
    ledger: &Ledger,
    clock: &Clock,
) -> Result<Option<Duty>, RoleError> {
    let Some(to) = &settings.to else { return Ok(None) };
    let refused = |error: LakeError| RoleError::Setting(format!("`lake.to`: {error}"));
    let target: Target = to.parse().map_err(refused)?;
    let access = access(settings);
    target.check(&access).map_err(refused)?;
    let (Some(open), Some(schema)) = (kind.history, kind.schema) else {
        return Err(RoleError::Setting(format!(
            "`lake.to`: the kind of work {} keeps no history for a lake; remove this setting",
            kind.name
        )));
    };
    let delay_ms = millis(settings.delay);
    let job =
        Arc::new(Job { target, access, ledger: ledger.clone(), schema, open, name, delay_ms, clock: clock.clone() });
    let duty = Duty::over(&job, LAKE, settings.every, clock.clone(), pass);
    Ok(Some(duty.jitter(0.05)))
}

struct Job {
    target: Target,
    access: Access,
    ledger: Ledger,
    schema: Schema,
    open: HistoryIn,
    name: String,
    delay_ms: i64,
    clock: Clock,
}

impl Job {
    /// Reads the ledger over a connection of its own: a validator at work is not held up.
    fn run(&self, until: UnixMs, goes_on: &dyn Fn() -> bool) -> Result<Published, LakeError> {
        let source = (self.open)(ReadOnly::open(self.ledger.place(), self.schema)?)?;
        let store = self.target.open(&self.access)?;
        lake::publish(&*source, &self.name, &*store, until, goes_on)
    }
}

/// Says to the thread that publishes that nobody waits for it any more.
struct EndOnDrop(Arc<AtomicBool>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn pass(job: Arc<Job>) -> Result<(), WorkError> {
    let ended = Arc::new(AtomicBool::new(false));
    let _ends = EndOnDrop(Arc::clone(&ended));
    let target = job.target.clone();
    // What is published once is not written again: a clock that is wrong must not make an hour over that is not.
    let until = job.ledger.patient_now(&job.clock).await?.plus_ms(-job.delay_ms);
    let publishing = tokio::task::spawn_blocking(move || job.run(until, &|| !ended.load(Ordering::Relaxed)));
    let done = publishing.await.map_err(|error| WorkError::Need(error.into()))?;
    let done = done.map_err(|error| WorkError::Need(error.into()))?;
    if done.files > 0 {
        tracing::info!(lake = %target, files = done.files, rows = done.rows, bytes = done.bytes, "history published");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::subnets::registry::KINDS;

    fn settings(to: Option<&str>) -> LakeSettings {
        let (every, delay) = (Duration::from_secs(3600), Duration::from_secs(1800));
        let to = to.map(str::to_owned);
        LakeSettings { to, every, delay, endpoint: None, region: None, credentials: None }
    }

    #[tokio::test]
    async fn a_lake_is_wanted_possible_or_refused_before_anything_begins() {
        let folder = tempfile::tempdir().unwrap();
        let with = KINDS.iter().find(|kind| kind.history.is_some()).unwrap();
        let without = &Kind { history: None, ..*with };
        let path = folder.path().join("a.sqlite");
        let ledger = Ledger::open(&path, &[with.schema.unwrap()]).unwrap();
        let lake = folder.path().join("lake");
        let told = |settings: LakeSettings, kind: &Kind| {
            duty(&settings, kind, "netuid1/a".into(), &ledger, &Clock::wall()).map_err(|error| error.to_string())
        };
        assert!(told(settings(None), with).unwrap().is_none());
        let here = settings(lake.to_str());
        assert!(told(here.clone(), without).unwrap_err().contains(without.name));
        assert!(told(settings(Some("gs://x")), with).unwrap_err().contains("lake.to"));
        told(here, with).unwrap().unwrap().pass().await.unwrap();
        assert!(lake.join("v1/_lake.json").exists());
    }

    #[test]
    fn a_build_without_buckets_says_so() {
        let target: Target = "s3://history".parse().unwrap();
        assert_eq!(target.check(&Access::default()).is_ok(), cfg!(feature = "s3"));
    }
}
