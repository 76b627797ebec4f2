//! The ledger: rounds and resolutions are recorded once, corrections replace, two validators never share a file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use neuron::ledger::{Fault, LedgerError, WeightJob, WeightStep, weight_jobs};
use neuron::scoring::Rules;
use neuron::scoring::admission::EventState;
use neuron::scoring::conditional::{Conditional, MAX_PER_MINER, Side};
use neuron::scoring::rules::{ReferencePick, RuleName};
use neuron::subnets::events::ledger::{
    Archive, ConditionSet, EventsLedger, EventsLedgerError, NewEvent, Options, Outcome, PriceRow, Resolution,
    Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};

use crate::places::{are_files, place};
use crate::support::open_ledger;

/// 2024-06-01T00:00Z, the start of an interval.
const START: i64 = 1_717_200_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: u64::from(n) }
}

fn event(id: &str, hours: i64) -> NewEvent {
    NewEvent {
        key: format!("test-{id}"),
        provider: "test".into(),
        id: id.into(),
        description: format!("Will {id} happen?").into(),
        opened_at: UnixMs(START),
        cutoff: UnixMs(START + hours * HOUR),
        ends_at: None,
        beside: Default::default(),
    }
}

fn tick(minute: i64, key: &str, price: f64, answers: &[(u8, f64)]) -> Tick {
    let at = UnixMs(START + minute * MINUTE);
    let event: Arc<str> = key.into();
    let submission = |(n, p): &(u8, f64)| Submission { identity: miner(*n), event: event.clone(), p: *p, at };
    Tick {
        at,
        prices: vec![PriceRow { event: event.clone(), price, at, source: neuron::market::PriceSource::File }],
        submissions: answers.iter().map(submission).collect(),
        dropped: vec![("timeout".into(), 2)],
        ..Tick::default()
    }
}

fn resolution(key: &str, outcome: Outcome, at: Option<i64>) -> Resolution {
    let seen = UnixMs(START + 1000 * HOUR);
    Resolution { event: key.into(), outcome, at: at.map(|minute| UnixMs(START + minute * MINUTE)), seen }
}

fn open(folder: &Path, rules: Rules) -> EventsLedger {
    open_ledger(&folder.join("db/ledger.sqlite"), &Options { rules, ..Options::default() })
}

fn near(got: f64, want: f64) {
    assert!((got - want).abs() < 1e-12, "{got} instead of {want}");
}

#[tokio::test]
async fn a_round_is_recorded_once_and_scored_against_its_price() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    assert_eq!(ledger.upsert_events(vec![event("a", 8)]).await.unwrap(), 1);
    assert_eq!(ledger.upsert_events(vec![event("a", 8)]).await.unwrap(), 0);
    let first = tick(0, "test-a", 0.5, &[(1, 0.8), (2, 0.5), (3, f64::NAN)]);
    let report = ledger.record_tick(first.clone()).await.unwrap();
    assert!(report.recorded);
    assert_eq!((report.counted(), report.fates["invalid"]), (2, 1));
    assert!(!ledger.record_tick(first).await.unwrap().recorded);
    ledger.record_tick(tick(300, "test-a", 0.6, &[(1, 0.9)])).await.unwrap();
    let late = ledger.record_tick(tick(480, "test-a", 0.6, &[(1, 1.0)])).await.unwrap();
    assert_eq!(late.fates["late"], 1);
    assert_eq!(ledger.core().counters().await.unwrap()["timeout"], 6);

    let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), Some(600))).await.unwrap();
    assert_eq!(settled.state, EventState::Scored);
    // Two intervals: 0.25 − 0.04 and 0.16 − 0.01; the copy of the price gains nothing.
    near(settled.scores[0].1, (0.21 + 0.15) / 2.0);
    assert_eq!(settled.scores[1], (miner(2), 0.0));
    assert_eq!(settled.scores.len(), 2);
}

#[tokio::test]
async fn a_round_that_finds_the_disk_full_is_refused_whole_and_recorded_when_there_is_room() {
    if !are_files() {
        return; // The disk of a database is somebody else's.
    }
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    let events = |from: usize| (from..from + 200).map(|n| event(&n.to_string(), 8)).collect::<Vec<_>>();
    ledger.upsert_events(events(0)).await.unwrap();
    ledger.record_tick(tick(0, "test-0", 0.5, &[(1, 0.8)])).await.unwrap();
    // No more pages than there are.
    let pages = async |most: u32| {
        let limit = format!("PRAGMA max_page_count = {most}");
        ledger.core().write(move |transaction| Ok::<_, Fault>(transaction.execute_batch(&limit)?)).await.unwrap();
    };
    pages(1).await;
    let mut round = tick(1, "test-0", 0.5, &[]);
    for n in 0..200 {
        let said = (1..=200).map(|m| (m, f64::from(m) / 201.0)).collect::<Vec<_>>();
        let part = tick(1, &format!("test-{n}"), 0.5, &said);
        round.prices.extend(part.prices);
        round.submissions.extend(part.submissions);
    }
    for _ in 0..2 {
        let full = ledger.record_tick(round.clone()).await.unwrap_err();
        assert!(matches!(full, LedgerError::Full { .. }), "{full}");
        assert!(ledger.prices("test-7".into()).await.unwrap().is_empty(), "nothing of it is there");
    }
    assert!(matches!(ledger.upsert_events(events(200)).await.unwrap_err(), LedgerError::Full { .. }));
    assert_eq!(ledger.all_events().await.unwrap().len(), 200);
    pages(u32::MAX - 1).await;
    let report = ledger.record_tick(round).await.unwrap();
    assert_eq!((report.recorded, report.counted()), (true, 40_000));
    assert_eq!(ledger.intervals(miner(1), "test-0".into()).await.unwrap()[0].stats.count, 2);
}

#[tokio::test]
async fn resolving_again_changes_nothing_and_a_correction_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 8), event("b", 8)]).await.unwrap();
    ledger.record_tick(tick(0, "test-a", 0.5, &[(1, 0.8), (2, 0.4)])).await.unwrap();
    let yes = resolution("test-a", Outcome::Payout(1.0), None);
    let first = ledger.resolve(yes.clone()).await.unwrap();
    let again = ledger.resolve(yes).await.unwrap();
    assert!(first.changed && !again.changed);
    assert_eq!(first.scores, again.scores);
    let registered = [miner(1), miner(2)];
    assert_eq!(ledger.weights(&registered).await.unwrap(), Some(vec![(miner(1), 1.0), (miner(2), 0.0)]));

    let no = ledger.resolve(resolution("test-a", Outcome::Payout(0.0), None)).await.unwrap();
    assert!(no.changed);
    near(no.scores[0].1, 0.25 - 0.64);
    assert_eq!(ledger.weights(&registered).await.unwrap(), Some(vec![(miner(1), 0.0), (miner(2), 1.0)]));

    let void = ledger.resolve(resolution("test-a", Outcome::Void, None)).await.unwrap();
    assert_eq!((void.state, void.scores.len()), (EventState::Void, 0));
    assert_eq!(ledger.weights(&registered).await.unwrap(), None);
    assert_eq!(ledger.standings().await.unwrap().events, 0);
    assert_eq!(ledger.unsettled().await.unwrap().len(), 1);
    assert!(matches!(
        ledger.resolve(resolution("test-b", Outcome::Payout(f64::NAN), None)).await,
        Err(EventsLedgerError::BadOutcome { .. })
    ));
    assert!(matches!(
        ledger.resolve(resolution("test-z", Outcome::Void, None)).await,
        Err(EventsLedgerError::UnknownEvent { .. })
    ));
}

#[tokio::test]
async fn every_change_of_an_event_is_kept_with_its_time_and_no_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let at = |hours: i64| UnixMs(START + hours * HOUR);
    let seen = |hours: i64, cutoff: i64| NewEvent { opened_at: at(hours), ..event("a", cutoff) };
    let resolved = |hours: i64, outcome| Resolution { seen: at(hours), ..resolution("test-a", outcome, Some(60)) };
    for restart in 0..2 {
        let ledger = open(folder.path(), Rules::default());
        for offer in [seen(0, 8), seen(1, 8), seen(2, 9)].into_iter().skip(2 * restart) {
            ledger.upsert_events(vec![offer]).await.unwrap();
        }
        if restart == 1 {
            for resolution in [
                resolved(10, Outcome::Payout(1.0)),
                resolved(11, Outcome::Payout(1.0)),
                resolved(12, Outcome::Payout(0.0)),
                resolved(13, Outcome::Void),
            ] {
                ledger.resolve(resolution).await.unwrap();
            }
            // Over is over.
            ledger.upsert_events(vec![seen(14, 20)]).await.unwrap();
            assert!(ledger.changes("test-b".into()).await.unwrap().is_empty());
            let life = ledger.changes("test-a".into()).await.unwrap();
            let told: Vec<_> = life.iter().map(|it| (it.at, it.state, it.cutoff, it.outcome)).collect();
            let no_price = EventState::NoPrice;
            assert_eq!(
                told,
                [
                    (at(0), EventState::Open, at(8), None),
                    (at(2), EventState::Open, at(9), None),
                    (at(10), no_price, at(9), Some(1.0)),
                    (at(12), no_price, at(9), Some(0.0)),
                    (at(13), EventState::Void, at(9), None),
                ]
            );
            // With the event its life is forgotten.
            assert_eq!(ledger.prune(at(24 * 500)).await.unwrap(), 1);
            assert!(ledger.changes("test-a".into()).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn answers_after_an_early_resolution_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 12)]).await.unwrap();
    for (minute, price, p) in [(0, 0.5, 0.7), (10, 0.5, 0.6), (20, 0.5, 0.99), (250, 0.99, 1.0)] {
        ledger.record_tick(tick(minute, "test-a", price, &[(1, p)])).await.unwrap();
    }
    // It ended at minute 20, between the second and the third answer, and this was noticed much later.
    let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), Some(20))).await.unwrap();
    near(settled.scores[0].1, ((0.25 - 0.09) + (0.25 - 0.16)) / 2.0);
    assert_eq!(settled.inseparable, 0);
}

#[tokio::test]
async fn where_single_answers_are_gone_a_cut_interval_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 12)]).await.unwrap();
    ledger.record_tick(tick(0, "test-a", 0.5, &[(1, 0.7), (2, 0.7)])).await.unwrap();
    ledger.record_tick(tick(30, "test-a", 0.5, &[(1, 1.0)])).await.unwrap();
    ledger.prune(UnixMs(START + 24 * HOUR)).await.unwrap();
    let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), Some(20))).await.unwrap();
    assert_eq!(settled.inseparable, 1);
    assert_eq!(settled.scores.len(), 1);
    near(settled.scores[0].1, 0.25 - 0.09);
}

#[tokio::test]
async fn events_that_nobody_could_have_answered_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 8), event("b", 8)]).await.unwrap();
    let no_price = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), Some(600))).await.unwrap();
    assert_eq!(no_price.state, EventState::NoPrice);
    let no_window = ledger.resolve(resolution("test-b", Outcome::Payout(1.0), Some(-5))).await.unwrap();
    assert_eq!(no_window.state, EventState::NoWindow);
    assert_eq!(ledger.standings().await.unwrap().events, 0);
}

#[tokio::test]
async fn a_miner_registered_again_is_somebody_new() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 8)]).await.unwrap();
    ledger.record_tick(tick(0, "test-a", 0.5, &[(1, 0.8)])).await.unwrap();
    ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
    let newcomer = Identity { registered_at: 999, ..miner(1) };
    assert_eq!(ledger.weights(&[newcomer]).await.unwrap(), None);
    assert_eq!(ledger.weights(&[newcomer, miner(1)]).await.unwrap(), Some(vec![(newcomer, 0.0), (miner(1), 1.0)]));
    assert_eq!(ledger.history(miner(1), 10).await.unwrap().len(), 1);
    assert!(ledger.history(newcomer, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_rule_scores_from_the_same_records() {
    for rule in [RuleName::MarketDelta, RuleName::Sequential, RuleName::Brier, RuleName::PeerLog] {
        for reference_pick in [ReferencePick::AtOrBefore, ReferencePick::WorstBracket] {
            let folder = tempfile::tempdir().unwrap();
            let ledger = open(folder.path(), Rules { rule, reference_pick, ..Rules::default() });
            ledger.upsert_events(vec![event("a", 8)]).await.unwrap();
            let mut round = tick(0, "test-a", 0.5, &[(1, 0.8), (2, 0.4)]);
            // A price right after the round, moved towards the outcome.
            round.prices.push(PriceRow {
                event: "test-a".into(),
                price: 0.6,
                at: UnixMs(START + 1),
                source: neuron::market::PriceSource::File,
            });
            ledger.record_tick(round).await.unwrap();
            let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
            let scores: Vec<f64> = settled.scores.iter().map(|(_, score)| *score).collect();
            assert!(scores[0] > scores[1], "{rule:?}: {scores:?}");
            if rule == RuleName::MarketDelta {
                let r: f64 = if reference_pick == ReferencePick::AtOrBefore { 0.5 } else { 0.6 };
                near(scores[0], (1.0 - r).powi(2) - 0.04);
            }
        }
    }
}

#[tokio::test]
async fn what_was_recorded_before_the_pick_of_prices_changed_is_still_scored() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 8)]).await.unwrap();
    ledger.record_tick(tick(0, "test-a", 0.5, &[(1, 0.8)])).await.unwrap();
    drop(ledger);
    let ledger = open(folder.path(), Rules { reference_pick: ReferencePick::WorstBracket, ..Rules::default() });
    let mut round = tick(240, "test-a", 0.5, &[(1, 0.8)]);
    round.prices.push(PriceRow {
        event: "test-a".into(),
        price: 0.6,
        at: UnixMs(START + 240 * MINUTE + 1),
        source: neuron::market::PriceSource::File,
    });
    ledger.record_tick(round).await.unwrap();
    let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
    near(settled.scores[0].1, ((0.25 - 0.04) + (0.16 - 0.04)) / 2.0);
}

#[tokio::test]
async fn two_validators_never_share_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), Rules::default());
    let path = folder.path().join("db/ledger.sqlite");
    let refused = EventsLedger::open(place(&path), Options::default()).unwrap_err();
    assert!(matches!(refused, LedgerError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("--db.directory"), "{refused}");
    drop(first);
    open_ledger(&path, &Options::default());
    if are_files() {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    std::fs::write(&path, "this is a letter, not a database. ".repeat(40)).unwrap();
    let refused = EventsLedger::open(&path, Options::default()).unwrap_err();
    assert!(matches!(refused, LedgerError::Corrupt { .. }), "{refused}");
    assert!(refused.to_string().contains("ledger.sqlite"));
}

#[tokio::test]
async fn what_was_recorded_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("a", 8)]).await.unwrap();
    ledger.record_tick(tick(0, "test-a", 0.5, &[(1, 0.8)])).await.unwrap();
    let job = WeightJob {
        id: 1,
        mechanism: 0,
        after: 70,
        mode: "plain".into(),
        stage: "built".into(),
        open: true,
        weights: vec![(3, 65535), (9, 2)],
        plan: "{}".into(),
    };
    let step = |block, step: &str| WeightStep { at: UnixMs(5), block, hash: None, step: step.into(), cause: None };
    let (opening, done) = (job.clone(), WeightJob { stage: "shown".into(), open: false, ..job.clone() });
    let (due, shown) = (step(75, "due"), step(77, "shown"));
    let first = due.clone();
    let id = ledger.core().write(move |transaction| weight_jobs::open(transaction, &opening, &[first])).await.unwrap();
    assert_eq!((id, ledger.core().read(weight_jobs::open_ones).await.unwrap()), (1, vec![job]));
    let (closing, last) = (done.clone(), shown.clone());
    ledger.core().write(move |transaction| weight_jobs::advance(transaction, &closing, &[last])).await.unwrap();
    ledger.core().set_note("cursor".into(), "abc".into()).await.unwrap();
    drop(ledger);
    let ledger = open(folder.path(), Rules::default());
    assert_eq!(ledger.core().read(weight_jobs::open_ones).await.unwrap(), []);
    assert_eq!(ledger.core().read(|c| weight_jobs::last(c, 5)).await.unwrap(), [done]);
    assert_eq!(ledger.core().read(|c| weight_jobs::steps(c, 1)).await.unwrap(), [due, shown]);
    assert_eq!(ledger.core().note("cursor").await.unwrap().as_deref(), Some("abc"));
    assert_eq!(ledger.open_events(UnixMs(START + HOUR)).await.unwrap().len(), 1);
    assert!(ledger.open_events(UnixMs(START + 8 * HOUR)).await.unwrap().is_empty());
    let lines = ledger.intervals(miner(1), "test-a".into()).await.unwrap();
    assert_eq!((lines.len(), lines[0].stats.count, lines[0].start), (1, 1, UnixMs(START)));
    assert_eq!(ledger.prices("test-a".into()).await.unwrap(), [(UnixMs(START), 0.5)]);
    ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
    assert_eq!(ledger.predicted().await.unwrap()[&miner(1)], 1);
    let much_later = UnixMs(START + 2000 * 24 * HOUR);
    assert_eq!(ledger.prune(much_later).await.unwrap(), 1);
    assert!(ledger.all_events().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_conditional_forecast_speaks_for_an_absent_miner_until_it_answers_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("x", 8), event("z", 8)]).await.unwrap();
    let rule = |p, side| Conditional { event: "test-z".into(), p, if_event: "test-x".into(), side, threshold: 0.5 };
    // Miner 9: if the others think that x is likely, z is too; if not, not.
    let round = |minute: i64, x: f64| {
        let mut round = tick(minute, "test-x", 0.5, &[(1, x), (2, x)]);
        round.prices.push(PriceRow {
            event: "test-z".into(),
            price: 0.5,
            at: round.at,
            source: neuron::market::PriceSource::File,
        });
        round
    };
    let mut first = round(0, 0.9);
    let rules = vec![rule(0.8, Side::Above), rule(0.3, Side::Below)];
    first.conditions.push(ConditionSet { identity: miner(9), rules });
    // Rules speak from the next round on, about the aggregate of the round before.
    assert_eq!(ledger.record_tick(first).await.unwrap().counted(), 2);
    assert_eq!(ledger.record_tick(round(1, 0.1)).await.unwrap().counted(), 3);
    assert_eq!(ledger.record_tick(round(2, 0.5)).await.unwrap().counted(), 3);
    // The aggregate is on the threshold: neither rule holds.
    assert_eq!(ledger.record_tick(round(3, 0.9)).await.unwrap().counted(), 2);
    let said = ledger.intervals(miner(9), "test-z".into()).await.unwrap()[0].stats;
    assert_eq!((said.count, said.first.p, said.last.p), (2, 0.8, 0.3));
    assert_eq!(ledger.intervals(miner(9), "test-z".into()).await.unwrap()[0].by_rule, 2);

    let mut plain = round(4, 0.9);
    plain.submissions.push(Submission { identity: miner(9), event: "test-z".into(), p: 0.6, at: plain.at });
    assert_eq!(ledger.record_tick(plain).await.unwrap().counted(), 3);
    assert_eq!(ledger.record_tick(round(5, 0.9)).await.unwrap().counted(), 2);
    let lines = ledger.intervals(miner(9), "test-z".into()).await.unwrap();
    assert_eq!((lines[0].stats.count, lines[0].by_rule), (3, 2));
    assert_eq!(ledger.intervals(miner(1), "test-x".into()).await.unwrap()[0].by_rule, 0);
    let settled = ledger.resolve(resolution("test-z", Outcome::Payout(1.0), None)).await.unwrap();
    let gain = |p: f64| 0.25 - (1.0 - p) * (1.0 - p);
    near(settled.scores[0].1, (gain(0.8) + gain(0.3) + gain(0.6)) / 3.0);
}

#[tokio::test]
async fn conditional_forecasts_are_bounded_and_end_with_their_miner() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    let names: Vec<String> = (0..MAX_PER_MINER + 8).map(|n| format!("e{n:02}")).collect();
    ledger.upsert_events(names.iter().map(|name| event(name, 48)).collect()).await.unwrap();
    let round = |minute: i64| {
        let mut round = tick(minute, "test-e00", 0.5, &[(1, 0.9)]);
        let price = |name: &String| PriceRow {
            event: format!("test-{name}").into(),
            price: 0.5,
            at: round.at,
            source: neuron::market::PriceSource::File,
        };
        round.prices = names.iter().map(price).collect();
        round
    };
    let rule = |name: &String, p: f64| Conditional {
        event: format!("test-{name}").into(),
        p,
        if_event: "test-e00".into(),
        side: Side::Above,
        threshold: 0.5,
    };
    let mut first = round(0);
    let mut rules: Vec<_> = names.iter().map(|name| rule(name, 7.0)).collect();
    rules.insert(0, rule(&names[1], f64::NAN));
    first.conditions.push(ConditionSet { identity: miner(9), rules });
    ledger.record_tick(first).await.unwrap();
    assert_eq!(ledger.record_tick(round(1)).await.unwrap().counted(), 1 + MAX_PER_MINER as u64);
    let clamped = ledger.intervals(miner(9), "test-e01".into()).await.unwrap()[0].stats;
    assert_eq!((clamped.count, clamped.last.p), (1, 1.0));
    // A day later the rules are forgotten, unless they were sent again.
    assert_eq!(ledger.record_tick(round(24 * 60 - 1)).await.unwrap().counted(), 1);
    assert_eq!(ledger.record_tick(round(24 * 60)).await.unwrap().counted(), 1 + MAX_PER_MINER as u64);
    assert_eq!(ledger.record_tick(round(24 * 60 + 1)).await.unwrap().counted(), 1);
}

#[tokio::test]
async fn the_rules_of_a_miner_that_is_gone_are_silent() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules::default());
    ledger.upsert_events(vec![event("x", 8), event("z", 8)]).await.unwrap();
    let round = |minute: i64| {
        let mut round = tick(minute, "test-x", 0.5, &[(1, 0.9)]);
        round.prices.push(PriceRow {
            event: "test-z".into(),
            price: 0.5,
            at: round.at,
            source: neuron::market::PriceSource::File,
        });
        round
    };
    let rule = Conditional::new("test-z".into(), 0.8, "test-x".into(), Some(0.5), None).unwrap();
    let mut first = round(0);
    first.conditions.push(ConditionSet { identity: miner(9), rules: vec![rule] });
    ledger.record_tick(first).await.unwrap();
    ledger.core().know_miners(vec![miner(1), miner(9)], UnixMs(START + MINUTE)).await.unwrap();
    assert_eq!(ledger.record_tick(round(1)).await.unwrap().counted(), 2);
    // Ten minutes later only the other one is registered.
    ledger.core().know_miners(vec![miner(1)], UnixMs(START + 12 * MINUTE)).await.unwrap();
    assert_eq!(ledger.record_tick(round(12)).await.unwrap().counted(), 1);
    ledger.core().know_miners(vec![miner(1), miner(9)], UnixMs(START + 13 * MINUTE)).await.unwrap();
    assert_eq!(ledger.record_tick(round(13)).await.unwrap().counted(), 2);
}

#[tokio::test]
async fn the_peer_rule_judges_the_silence_of_those_that_were_there() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(folder.path(), Rules { rule: RuleName::PeerLog, ..Rules::default() });
    ledger.upsert_events(vec![event("a", 8)]).await.unwrap();
    let at = |hours: i64| UnixMs(START + hours * HOUR);
    // 3 was there all the time, 4 has left before the end, 5 came too late to be judged.
    ledger.core().know_miners(vec![miner(1), miner(2), miner(3), miner(4)], at(-5)).await.unwrap();
    for minute in [0, 240] {
        ledger.record_tick(tick(minute, "test-a", 0.5, &[(1, 0.8), (2, 0.6)])).await.unwrap();
    }
    ledger.core().know_miners(vec![miner(1), miner(2), miner(3), miner(5)], at(7)).await.unwrap();
    let early = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
    assert_eq!(early.scores.len(), 2, "nobody was seen at the end yet: only those that spoke are judged");
    ledger.core().know_miners(vec![miner(1), miner(2), miner(3), miner(5)], at(8)).await.unwrap();
    let settled = ledger.resolve(resolution("test-a", Outcome::Payout(1.0), None)).await.unwrap();
    let who: Vec<_> = settled.scores.iter().map(|(who, _)| *who).collect();
    assert_eq!(who, [miner(1), miner(2), miner(3)]);
    // The mean of 0.8 and 0.6, a third of the way to the worse of them.
    let silent: f64 = 0.7 + (0.6 - 0.7) / 3.0;
    let want = |own: f64, others: [f64; 2]| own.ln() - (others[0].ln() + others[1].ln()) / 2.0;
    near(settled.scores[0].1, want(0.8, [0.6, silent]));
    near(settled.scores[2].1, want(silent, [0.8, 0.6]));
}

#[tokio::test]
async fn a_ledger_of_before_there_were_kinds_of_work_is_taken_over_whole() {
    if !are_files() {
        return; // Nobody has such a database.
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(&crate::support::fixture("ledger_format3.sql")).unwrap();
    let count = |connection: &rusqlite::Connection, table: &str| -> i64 {
        connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let tables = ["events", "miners", "prices", "stats", "scores", "counters", "notes", "ticks"];
    let sets: Vec<(i64, i64, String, String)> = old
        .prepare("SELECT at, block, outcome, weights FROM weight_sets ORDER BY at")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(!sets.is_empty());
    let before = tables.map(|table| count(&old, table));
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
    drop(old);
    let unread = Archive::open(&path).unwrap_err();
    assert!(matches!(unread, LedgerError::TooOld { found: 3, .. }), "{unread}");

    let ledger = open_ledger(&path, &Options::default());
    let open = ledger.unsettled().await.unwrap();
    assert_eq!(open.len(), 1);
    let at = open[0].opened_at.plus_ms(MINUTE);
    let price =
        PriceRow { event: open[0].key.as_str().into(), price: 0.5, at, source: neuron::market::PriceSource::File };
    let tick = Tick { at, prices: vec![price], ..Tick::default() };
    assert!(ledger.record_tick(tick).await.unwrap().recorded, "it goes on being written");
    // The weights of before are jobs that are over.
    let mut jobs = ledger.core().read(|connection| weight_jobs::last(connection, 100)).await.unwrap();
    jobs.reverse();
    assert_eq!(jobs.len(), sets.len());
    for (job, (at, block, outcome, weights)) in jobs.iter().zip(&sets) {
        let id = job.id;
        let steps = ledger.core().read(move |connection| weight_jobs::steps(connection, id)).await.unwrap();
        assert_eq!((steps[0].at.0, steps[0].block as i64), (*at, *block));
        assert_eq!(job.stage == "included", outcome == "included");
        assert_eq!((job.open, serde_json::to_string(&job.weights).unwrap()), (false, weights.replace(' ', "")));
    }
    drop(ledger);
    let archive = Archive::open(&path).unwrap();
    let verified = archive.verify(&Rules::default()).unwrap();
    assert!(verified.scores > 0 && verified.differences.is_empty(), "{verified:?}");
    drop(archive);
    let after = tables.map(|table| count(&rusqlite::Connection::open(&path).unwrap(), table));
    let grown: Vec<_> = (0..tables.len()).filter(|i| after[*i] != before[*i]).map(|i| tables[i]).collect();
    assert_eq!(grown, ["prices", "ticks"]);
}
