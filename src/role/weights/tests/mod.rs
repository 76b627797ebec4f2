//! The machine by table, and whole lives in a small world: killed before and after anything, weights are on the chain exactly
//! once per due time.

mod world;

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use proptest::prelude::*;

use self::world::{Change, Seen, World};
use super::due::due_at;
use super::job::{Job, Mode, Stage};
use super::journal::WeightsJournal;
use super::machine::{Move, Ruling, Wait, next};
use super::view::WeightsView;
use super::{CommitBy, WeightsOutcome, WeightsPolicy, WeightsWriter, build, mode, obstacle};
use crate::clock::Clock;
use crate::ledger::{Fault, Ledger, LedgerError, weight_jobs};
use crate::role::RoleError;
use crate::subnets::work::{Allotment, Shares};
use crate::subtensor::SubtensorError;
use crate::subtensor::weights::{Row, WeightsGround};
use crate::telemetry::{Gauges, Registry, Sheet};
use crate::units::{Identity, Rao, Uid};

const ANY: WeightsPolicy = WeightsPolicy { interval_blocks: None, commit: CommitBy::WhatWorks };

/// Lives until a block, or until it is killed. What it knows of its weights at the end.
async fn live(seen: &Seen, ledger: &Ledger, policy: WeightsPolicy, until: u64) -> Arc<WeightsView> {
    let writer = WeightsWriter::over(seen.clone(), ledger.clone(), Arc::new(seen.clone()), Clock::wall(), policy);
    let view = writer.view();
    for _ in 0..10_000 {
        if seen.world().block >= until {
            return view;
        }
        match writer.set_when_due().await {
            Ok(WeightsOutcome::NotDue { from_block, .. }) => {
                let mut world = seen.world();
                let until = from_block.min(until).max(world.block + 1);
                while world.block < until {
                    world.mine();
                }
            }
            Ok(WeightsOutcome::NoScores) => panic!("there are always shares"),
            Ok(_) => {}
            Err(RoleError::Chain(SubtensorError::NoEndpoint)) => return view,
            Err(_) => seen.world().mine(),
        }
    }
    panic!("it goes round in circles at block {}", seen.world().block);
}

async fn jobs(ledger: &Ledger) -> Vec<Job> {
    let kept = ledger.read(|connection| -> Result<_, Fault> { weight_jobs::last(connection, 10_000) }).await.unwrap();
    kept.into_iter().rev().filter_map(Job::of).collect()
}

/// What went through, each exactly after the update it was due after, and all of it in the journal.
async fn once_each(seen: &Seen, ledger: &Ledger) -> Result<Vec<Job>, TestCaseError> {
    let landed = seen.world().landed.clone();
    let jobs = jobs(ledger).await;
    for one in &landed {
        let owner: Vec<&Job> =
            jobs.iter().filter(|job| job.plan.signed.as_ref().is_some_and(|call| call.hash == one.hash)).collect();
        prop_assert_eq!(owner.len(), 1, "{:?} is in the journal once", one);
        prop_assert_eq!(owner[0].after, one.after, "it was due after that update, and no other came between");
        prop_assert_eq!(owner[0].plan.included.map(|at| at.block), Some(one.block));
    }
    let included = jobs.iter().filter(|job| job.plan.included.is_some()).count();
    prop_assert_eq!(included, landed.len(), "nothing is taken for included that is not");
    Ok(jobs)
}

fn ledger(folder: &Path) -> Ledger {
    Ledger::open(folder.join("weights.sqlite"), &[]).unwrap()
}

fn with_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The mode of a world: plain, hashed, time-locked.
fn world(way: u8, tempo: u64, rate_limit: u64) -> World {
    World::new(tempo, rate_limit, way > 0, way == 2)
}

#[test]
fn in_every_mode_there_are_weights_once_before_each_epoch() {
    for way in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let (seen, ledger) = (Seen(Arc::new(Mutex::new(world(way, 20, 5)))), ledger(folder.path()));
        with_runtime(async {
            live(&seen, &ledger, ANY, 400).await;
            let jobs = once_each(&seen, &ledger).await.unwrap();
            let expected = [Mode::Plain, Mode::Hashed, Mode::Timelocked][usize::from(way)];
            assert!(jobs.iter().all(|job| job.mode == expected));
            // The first at once, then late in each of the fifteen epochs from block 115 on.
            assert_eq!(jobs.len(), 16, "{:?}", jobs.iter().map(|job| (job.after, job.stage)).collect::<Vec<_>>());
            let landed = seen.world().landed.clone();
            assert!(landed.iter().skip(1).all(|one| (one.block - 95) % 20 > 10), "{landed:?}");
            let not_shown = jobs.iter().filter(|job| job.stage != Stage::Shown).count();
            // A commit of the last epoch waits for its reveal; two that are revealed together show the later one.
            assert!(not_shown <= 2, "{:?}", jobs.iter().map(|job| job.stage).collect::<Vec<_>>());
            assert!(jobs.iter().all(|job| ![Stage::Lost, Stage::Failed].contains(&job.stage)));
        });
    }
}

#[test]
fn a_beacon_that_stands_still_costs_one_reveal_and_then_hashes_take_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(2, 20, 5);
    // An hour is 300 blocks.
    world.script = vec![(230, Change::Beacon(false)), (530, Change::Beacon(true))];
    let (seen, ledger) = (Seen(Arc::new(Mutex::new(world))), ledger(folder.path()));
    with_runtime(async {
        live(&seen, &ledger, ANY, 700).await;
        let jobs = once_each(&seen, &ledger).await.unwrap();
        let lost: Vec<_> = jobs.iter().filter(|job| job.stage == Stage::Lost).collect();
        assert!((1..=3).contains(&lost.len()) && lost.iter().all(|job| job.mode == Mode::Timelocked), "{lost:?}");
        let shown = |mode: Mode, from: u64, to: u64| {
            let jobs = jobs.iter().filter(|job| job.mode == mode && job.stage == Stage::Shown);
            jobs.filter(|job| (from..to).contains(&job.after)).count()
        };
        assert!(shown(Mode::Hashed, 290, 530) >= 10, "hashes while it is silent");
        assert!(shown(Mode::Timelocked, 540, 700) >= 5, "sealed again when it speaks");
    });
}

/// The lines that the code logs at info and above while it runs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The value of a metric without labels.
fn metric(page: &str, name: &str) -> f64 {
    let row = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    row.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

#[test]
fn metrics_health_and_a_line_per_epoch_say_what_the_journal_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(2, 20, 5);
    world.script = vec![(230, Change::Beacon(false)), (530, Change::Beacon(true))];
    let (seen, ledger) = (Seen(Arc::new(Mutex::new(world))), ledger(folder.path()));
    let lines = Lines::default();
    let sink = lines.clone();
    let logs = tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).finish();
    // While there is one subscriber only, an event that a thread without it comes to first is switched off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(logs);
    with_runtime(async {
        let view = live(&seen, &ledger, ANY, 700).await;
        let jobs = once_each(&seen, &ledger).await.unwrap();
        let count = |stage: Stage| jobs.iter().filter(|job| job.stage == stage).count();
        let (shown, failed, lost) = (count(Stage::Shown), count(Stage::Failed), count(Stage::Lost));
        assert!(shown > 20 && lost > 0, "{shown} shown, {lost} lost");
        let (block, last_update) = {
            let world = seen.world();
            (world.block, world.last_update)
        };

        let mut registry = Registry::default();
        let written = Arc::clone(&view);
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| written.write(sheet, block))));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        assert_eq!(metric(&page, "neuron_weights_age_blocks"), (block - last_update) as f64);
        for (name, count) in [("shown", shown), ("failed", failed), ("lost", lost)] {
            assert_eq!(metric(&page, &format!("neuron_weights_{name}_total")), count as f64, "{name}");
        }
        let fact = view.fact(block);
        assert_eq!((&fact["age_blocks"], &fact["shown"]), (&(block - last_update).into(), &shown.into()));
        assert_eq!((&fact["lost"], &fact["mechanisms"]["0"]["trouble"]), (&lost.into(), &serde_json::Value::Null));
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.contains(" weights: ")).collect();
    let epochs: std::collections::BTreeSet<&str> =
        told.iter().filter_map(|line| line.split(" epoch=").nth(1)?.split(' ').next()).collect();
    // Epochs of twenty blocks, from block 100 to 700.
    assert!((30..=31).contains(&told.len()) && epochs.len() == told.len(), "one each: {told:#?}");
    assert!(told[0].contains("never set"), "{}", told[0]);
    assert!(told.iter().any(|line| line.contains("waits for its reveal")), "{told:#?}");
    let troubled = told.iter().filter(|line| line.contains("; the commit is no longer on the chain")).count();
    assert!((1..=6).contains(&troubled), "from the missed reveal until weights are shown again: {told:#?}");
}

/// A subnet on whose miners nothing is known yet.
struct NoShares;

impl Shares for NoShares {
    fn shares<'a>(&'a self, _: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        async { Ok(None) }.boxed()
    }
}

#[test]
fn weights_that_are_due_while_nobody_has_earned_anything_are_not_said_to_be_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, ledger) = (Seen(Arc::new(Mutex::new(world(0, 20, 5)))), ledger(folder.path()));
    with_runtime(async {
        let writer = WeightsWriter::over(seen.clone(), ledger.clone(), Arc::new(NoShares), Clock::wall(), ANY);
        assert_eq!(writer.set_when_due().await.unwrap(), WeightsOutcome::NoScores);
        let view = writer.view();
        assert_eq!(view.fact(seen.world().block)["mechanisms"]["0"]["next"], "no miner has earned anything yet");
        let view = live(&seen, &ledger, ANY, 200).await;
        assert_ne!(view.fact(200)["mechanisms"]["0"]["next"], "no miner has earned anything yet");
    });
}

#[test]
fn a_slot_that_changes_hands_before_the_reveal_is_not_revealed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(1, 20, 5);
    // Epochs are at 115, 135, …: committed some blocks before one, revealed right after it.
    world.script = vec![(174, Change::Replace(3))];
    let (seen, ledger) = (Seen(Arc::new(Mutex::new(world))), ledger(folder.path()));
    with_runtime(async {
        live(&seen, &ledger, ANY, 300).await;
        let jobs = once_each(&seen, &ledger).await.unwrap();
        let lost: Vec<_> = jobs.iter().filter(|job| job.stage == Stage::Lost).collect();
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(seen.world().strangers_paid, 0);
        let later = jobs.iter().filter(|job| job.id > lost[0].id && job.stage == Stage::Shown).count();
        assert!(later >= 4, "the next ones are shown again");
        assert!(seen.world().row.0.iter().any(|(uid, value)| *uid == Uid(3) && *value > 0), "also for the newcomer");
    });
}

#[test]
fn a_subnet_that_changes_its_mode_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = world(0, 20, 5);
    world.rules.takes_sealed = true;
    // In the middle of a window, between build and send, too: every block of one window is tried below.
    world.script = vec![(186, Change::CommitReveal(true)), (350, Change::CommitReveal(false))];
    let (seen, ledger) = (Seen(Arc::new(Mutex::new(world))), ledger(folder.path()));
    with_runtime(async {
        live(&seen, &ledger, ANY, 500).await;
        let jobs = once_each(&seen, &ledger).await.unwrap();
        let modes: Vec<_> = jobs.iter().filter(|job| job.stage == Stage::Shown).map(|job| job.mode).collect();
        let changes = modes.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!((changes, modes.first(), modes.last()), (2, Some(&Mode::Plain), Some(&Mode::Plain)), "{modes:?}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn killed_before_and_after_anything_there_is_exactly_one_weight_per_due_time(
        way in 0_u8..3,
        tempo in 4_u64..40,
        rate_limit in 0_u64..50,
        kills in prop::collection::vec((0_u32..14, 0_u64..12), 1..9),
        changes in prop::collection::vec((101_u64..250, 0_u8..4), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut world = world(way, tempo, rate_limit);
        let change = |(at, what): (u64, u8)| match what {
            0 => (at, Change::CommitReveal(true)),
            1 => (at, Change::CommitReveal(false)),
            slot => (at, Change::Replace(u16::from(slot))),
        };
        world.script = changes.into_iter().map(change).collect();
        let (seen, ledger) = (Seen(Arc::new(Mutex::new(world))), ledger(folder.path()));
        with_runtime(async {
            for (actions, asleep) in kills {
                seen.world().actions = Some(actions);
                let until = seen.world().block + 60;
                live(&seen, &ledger, ANY, until).await;
                // The chain goes on while nobody is there.
                (0..asleep).for_each(|_| seen.world().mine());
            }
            seen.world().actions = None;
            let rest = seen.world().block.max(251) + 4 * tempo.max(rate_limit) + 60;
            live(&seen, &ledger, ANY, rest).await;
            let jobs = once_each(&seen, &ledger).await?;
            prop_assert_eq!(seen.world().strangers_paid, 0);
            // In the end all is well again: fresh weights, shown, nothing left behind.
            let last = jobs.iter().rev().find(|job| job.stage == Stage::Shown);
            let age = rest - last.map_or(0, |job| job.plan.included.unwrap().block);
            prop_assert!(age <= 3 * tempo + 2 * rate_limit + 20, "the last weights that are shown are {} blocks old", age);
            let unsettled = |job: &&Job| !job.stage.is_end() && rest - job.after > 4 * tempo + 2 * rate_limit + 40;
            prop_assert_eq!(jobs.iter().filter(unsettled).count(), 0);
            Ok(())
        })?;
    }
}

/// A ground to ask the pure parts about: block 100, epochs of 20 at 95 and 115, last update 50, registered at 50.
fn ground(change: impl FnOnce(&mut WeightsGround)) -> WeightsGround {
    let mut ground = world(0, 20, 5).ground(true);
    ground.mechanisms[0].row = Row(vec![(Uid(1), 65535)]);
    change(&mut ground);
    ground
}

#[test]
fn weights_are_due_late_in_an_epoch_and_early_enough_to_land() {
    // (block, last update, rate limit, interval) → due. Epochs at 115, 135, …; the window opens 10 blocks before.
    let cases = [
        ((100, 88, 5, None), 105),
        ((104, 88, 5, None), 105),
        // Set in this window: the next one.
        ((107, 106, 5, None), 125),
        // Too late to land before 115.
        ((114, 88, 5, None), 125),
        // The rate limit ends within the window, or after it.
        ((100, 88, 22, None), 110),
        ((100, 99, 40, None), 145),
        ((100, 99, 50, None), 149),
        // Missed: as soon as allowed.
        ((100, 60, 5, None), 65),
        ((100, 88, 5, Some(30)), 118),
        ((100, 88, 40, Some(30)), 128),
    ];
    for ((block, last, rate_limit, interval_blocks), due) in cases {
        let ground = ground(|ground| {
            (ground.block, ground.epochs.block, ground.rules.rate_limit) = (block, block, rate_limit);
        });
        let policy = WeightsPolicy { interval_blocks, ..ANY };
        let found = due_at(&ground, &ground.mechanisms[0], &policy, last);
        assert_eq!(found, due, "block {block}, last {last}, limit {rate_limit}, interval {interval_blocks:?}");
    }
    let fresh = ground(|ground| ground.mechanisms[0].row = Row::default());
    assert_eq!(due_at(&fresh, &fresh.mechanisms[0], &ANY, 50), 55, "a newcomer waits for nothing but the limit");
    let frozen = ground(|ground| ground.epochs.tempo = 0);
    assert_eq!(due_at(&frozen, &frozen.mechanisms[0], &ANY, 99), 104, "without epochs there is only the limit");
}

#[test]
fn the_mode_is_what_the_chain_takes_now() {
    let by = |commit: CommitBy, change: fn(&mut WeightsGround)| {
        let ground = ground(|ground| {
            ground.rules.commit_reveal = true;
            ground.rules.takes_sealed = true;
            ground.beacon.last_round = 400;
            change(ground);
        });
        mode(&ground, &WeightsPolicy { commit, ..ANY }).ok()
    };
    assert_eq!(by(CommitBy::WhatWorks, |g| g.rules.commit_reveal = false), Some(Mode::Plain));
    assert_eq!(by(CommitBy::WhatWorks, |_| ()), Some(Mode::Timelocked));
    assert_eq!(by(CommitBy::WhatWorks, |g| g.rules.commit_version = Some(5)), Some(Mode::Hashed));
    assert_eq!(by(CommitBy::WhatWorks, |g| g.beacon.last_round = 3), Some(Mode::Hashed), "a silent beacon");
    assert_eq!(by(CommitBy::Seal, |g| g.beacon.last_round = 3), Some(Mode::Timelocked), "as said");
    assert_eq!(by(CommitBy::Hash, |_| ()), Some(Mode::Hashed));
    assert_eq!(by(CommitBy::Seal, |g| g.rules.takes_sealed = false), None);
    assert_eq!(by(CommitBy::WhatWorks, |g| g.epochs.tempo = 0), None);
}

#[test]
fn what_an_operator_has_to_do_is_said() {
    let told = |change: fn(&mut WeightsGround)| obstacle(&ground(change)).map(|obstacle| obstacle.to_string());
    assert_eq!(told(|_| ()), None);
    assert!(told(|g| g.own.validator_permit = false).unwrap().contains("permit"));
    assert!(told(|g| g.rules.stake_threshold = Rao(7)).unwrap().contains("7 rao"));
    assert_eq!(told(|g| (g.own.validator_permit, g.is_owner) = (false, true)), None, "the owner needs none");
}

#[test]
fn a_node_that_is_behind_is_not_believed() {
    let ground = ground(|_| ());
    let mut job = build::job(&ground, 0, 50, Mode::Plain, Row(vec![(Uid(1), 65535)]));
    (job.id, job.stage) = (1, Stage::Shown);
    job.plan.included = Some(super::At { block: 103, hash: ground.hash });
    let step = next(&ground, &ground.mechanisms[0], &[job], &ANY);
    assert_eq!(step, Move::Wait { until: 103, why: Wait::Node });
}

#[test]
fn weights_of_another_hand_are_told_apart_from_lost_ones() {
    let ground = ground(|ground| ground.block = 104);
    let mut job = build::job(&ground, 0, 50, Mode::Plain, Row(vec![(Uid(2), 65535)]));
    (job.id, job.stage) = (1, Stage::Included);
    let at = |block| Some(super::At { block, hash: ground.hash });
    let ruled = |job: &Job| match next(&ground, &ground.mechanisms[0], std::slice::from_ref(job), &ANY) {
        Move::Rule { ruling: Ruling { stage, .. }, .. } => stage,
        other => panic!("{other:?}"),
    };
    job.plan.included = at(103);
    assert_eq!(ruled(&job), Stage::Lost);
    job.plan.included = at(40);
    assert_eq!(ruled(&job), Stage::Superseded, "the chain's last update is later");
    job.row = Row(vec![(Uid(1), 7)]);
    assert_eq!(ruled(&job), Stage::Shown, "scaled as the chain does");
    job.row = Row(vec![(Uid(1), 65535), (Uid(3), 100)]);
    job.plan.registered = vec![51, 52];
    assert_eq!(ruled(&job), Stage::Shown, "slot 3 has a new owner, and the chain took its weight away");
}

#[tokio::test]
async fn a_job_survives_the_ledger_and_lets_go_of_its_secrets_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let ground = ground(|_| ());
    let mut job = build::job(&ground, 0, 50, Mode::Hashed, Row(vec![(Uid(1), 65535)]));
    build::call(&mut job, &ground, &ground.own.hotkey).unwrap();
    let journal = WeightsJournal::new(ledger.clone(), Clock::wall());
    let mut job = journal.open(job, 100).await.unwrap();
    assert_eq!(journal.jobs().await.unwrap(), [job.clone()]);
    assert_eq!(job.plan.salt.len(), 8);
    let ruling = Ruling::because(Stage::Failed, "refused");
    journal.advance(&mut job, (101, None), ruling).await.unwrap();
    let kept = jobs(&ledger).await;
    assert_eq!((kept[0].stage, kept[0].plan.salt.len()), (Stage::Failed, 0));
    let steps = ledger.read(|connection| weight_jobs::steps(connection, 1)).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.step.as_str(), step.block, step.cause.as_deref())).collect();
    assert_eq!(told, [("due", 100, None), ("built", 100, None), ("failed", 101, Some("refused"))]);
    assert_eq!(steps[1].hash, job.plan.commit.map(|hash| hash.to_string()));
}
