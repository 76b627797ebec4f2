//! A validator of events that works for some minutes as it does for months, at one tick a minute: what it keeps in memory, and by
//! how much its ledger grows. `scripts/events-hour.sh` runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use neuron::clock::{self, Clock};
use neuron::ledger::rusqlite::{Connection, OpenFlags};
use neuron::market::Provider;
use neuron::subnets::events::EventsValidator;
use neuron::subnets::events::ledger::{EventsLedger, Options};
use neuron::subnets::work::Peer;

use crate::swarm::Swarm;
use crate::{Market, dendrite, limits, peer};

const MINUTE: Duration = Duration::from_secs(60);
/// Minutes between two lines of the table.
const TOLD_EVERY: u32 = 5;
const INTERVALS_A_DAY: f64 = 6.0;
const MINUTES_A_DAY: f64 = 1_440.0;

/// Works for so many minutes and tells.
pub(crate) fn report(minutes: u32, axons: usize, events: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let swarm = Swarm::start(axons);
    let peers: Vec<Peer> = swarm.targets.iter().enumerate().map(peer).collect();
    runtime.block_on(work(minutes, &peers, events));
}

async fn work(minutes: u32, peers: &[Peer], events: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let clock = Clock::wall().steady();
    let market = Arc::new(Market { clock: clock.clone(), events, opens: clock.now() }) as Arc<dyn Provider>;
    let ledger = EventsLedger::open(&path, Options::default()).unwrap();
    let validator =
        EventsValidator::new(vec![market], ledger.clone(), Arc::new(dendrite()), clock.clone(), limits(events), MINUTE);
    println!("| minute | tick, s | resident, MB | most so far, MB | ledger, MB | counted |\n|---|---|---|---|---|---|");
    let (mut intervals, mut early) = (std::collections::BTreeSet::new(), None);
    for minute in 1..=minutes {
        let began = clock::monotonic();
        let summary = validator.tick(peers).await.unwrap();
        let took = began.elapsed();
        intervals.insert(Options::default().rules.grid().index(summary.at));
        if minute % 60 == 0 {
            ledger.prune(clock.now()).await.unwrap();
        }
        if minute == 1 || minute % TOLD_EVERY == 0 || minute == minutes {
            let counted = summary.fates.get("scored").copied().unwrap_or_default();
            let [now, most] = ["VmRSS:", "VmHWM:"].map(memory);
            early = early.or_else(|| (minute >= TOLD_EVERY).then_some(now));
            let seconds = took.as_secs_f64();
            println!("| {minute} | {seconds:.2} | {now:.0} | {most:.0} | {:.1} | {counted} |", size(folder.path()));
        }
        if minute < minutes {
            tokio::time::sleep(MINUTE.saturating_sub(took)).await;
        }
    }
    if let Some(early) = early {
        println!("\nresident memory since minute {TOLD_EVERY}: {:+.0} MB", memory("VmRSS:") - early);
    }
    tell_growth(&path, f64::from(minutes), intervals.len() as f64);
}

/// What a day adds: statistics by interval and prices by minute stay for as long as the event is kept; single answers stay for
/// [`Options::raw_hours`] only.
fn tell_growth(path: &Path, minutes: f64, intervals: f64) {
    let sizes = tables(path);
    let of = |names: &[&str]| -> f64 {
        sizes.iter().filter(|(name, _)| names.iter().any(|it| name.contains(it))).map(|(_, bytes)| bytes).sum()
    };
    let (stats, prices, raw) = (of(&["stats"]), of(&["prices"]), of(&["raw"]));
    let day = stats / intervals * INTERVALS_A_DAY + prices / minutes * MINUTES_A_DAY;
    let kept = raw / minutes * 60.0 * f64::from(Options::default().raw_hours);
    println!(
        "growth per day: {:.0} MB ({:.1} MB of statistics an interval, {:.3} MB of prices a minute); beside it single answers of \
         {} hours, {:.0} MB, which do not grow further",
        day / 1e6,
        stats / intervals / 1e6,
        prices / minutes / 1e6,
        Options::default().raw_hours,
        kept / 1e6
    );
}

/// Bytes of each table and index.
pub(crate) fn tables(path: &Path) -> Vec<(String, f64)> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = connection.prepare("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as f64))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// MB of the ledger's files.
pub(crate) fn size(folder: &Path) -> f64 {
    let files = std::fs::read_dir(folder).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len() as f64).sum::<f64>() / 1e6
}

/// MB that this process has in memory, or had at most.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(f64::NAN) * 1.024 / 1e3
}
