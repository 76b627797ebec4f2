use super::*;
use crate::forecast::Question;
use crate::units::Probability;

const ALICE: Account = Account([1; 32]);
const BOB: Account = Account([2; 32]);
const HOUR: i64 = 3_600_000;
const KEEP: Duration = Duration::from_secs(30 * 86_400);

fn question(id: &str, cutoff: Option<i64>) -> Question {
    Question {
        key: EventKey::new("polymarket", id),
        provider: "polymarket".to_owned(),
        id: id.to_owned(),
        description: format!("Will {id}?").into(),
        cutoff: cutoff.map(UnixMs),
    }
}

fn record(folder: &Path) -> Record {
    Record::open(&folder.join("miner.db"), KEEP).unwrap()
}

fn ask(record: &Record, who: Account, at: i64, question: &Question, answer: Option<f64>, price: Option<f64>) {
    record.asked(who, UnixMs(at), std::iter::once(Asked { question, answer, price }));
}

fn history(folder: &Path) -> History {
    History::read(folder.join("miner.db"), UnixMs(0)).unwrap()
}

#[tokio::test]
async fn what_was_asked_and_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (question("a", Some(10 * HOUR)), question("b", None));
    {
        let record = record(folder.path());
        ask(&record, ALICE, 1, &a, None, None);
        ask(&record, ALICE, 2, &a, Some(0.75), Some(0.5));
        record.write().await.unwrap();
        ask(&record, BOB, 3, &a, Some(0.25), None);
        ask(&record, BOB, 5 * HOUR, &a, Some(1.0), Some(0.5));
        ask(&record, BOB, 5 * HOUR, &b, Some(0.5), None);
        record.write().await.unwrap();
        record.write().await.unwrap();
    }
    let _again = record(folder.path());
    let History { events, askers } = history(folder.path());
    assert_eq!(
        events.iter().map(|e| (e.key.as_str(), e.asked, e.answered)).collect::<Vec<_>>(),
        [("polymarket-a", 4, 3), ("polymarket-b", 1, 1)]
    );
    assert_eq!((events[0].asked_between, events[0].outcome), ((UnixMs(1), UnixMs(5 * HOUR)), Outcome::Open));
    assert_eq!(
        events[0].tallies.iter().map(|t| (t.answers, t.sum_p, t.priced)).collect::<Vec<_>>(),
        [(2, 1.0, 1), (1, 1.0, 1)]
    );
    assert_eq!(askers.iter().map(|a| (a.hotkey, a.requests)).collect::<Vec<_>>(), [(BOB, 3), (ALICE, 2)]);
}

#[tokio::test]
async fn ends_are_asked_for_after_the_cutoff_and_not_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let record = record(folder.path());
    for (id, cutoff) in [("soon", Some(HOUR)), ("late", Some(9 * HOUR)), ("never", None)] {
        ask(&record, ALICE, 1, &question(id, cutoff), Some(0.5), None);
    }
    record.write().await.unwrap();
    let due = async |at: i64| {
        let found = record.unsettled(UnixMs(at), Duration::from_secs(600), 10).await.unwrap();
        found.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert!(due(HOUR - 1).await.is_empty());
    assert_eq!(due(2 * HOUR).await, ["never", "soon"]);
    let key = |id| EventKey::new("polymarket", id);
    let won = Resolution::Resolved { outcome: Probability::ONE, at: Some(UnixMs(HOUR)) };
    record.looked(vec![(key("soon"), Some(won)), (key("never"), None)], UnixMs(2 * HOUR)).await.unwrap();
    assert!(due(2 * HOUR + 1).await.is_empty(), "asked a moment ago");
    assert_eq!(due(10 * HOUR).await, ["late", "never"]);
    record.looked(vec![(key("late"), Some(Resolution::Void))], UnixMs(10 * HOUR)).await.unwrap();
    let found = history(folder.path()).events.into_iter().map(|event| (event.key, event.outcome));
    let mut outcomes: Vec<(String, Outcome)> = found.collect();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        outcomes,
        [
            ("polymarket-late".to_owned(), Outcome::Void),
            ("polymarket-never".to_owned(), Outcome::Open),
            ("polymarket-soon".to_owned(), Outcome::Ended { outcome: 1.0, at: UnixMs(HOUR) }),
        ]
    );
}

#[tokio::test]
async fn old_events_are_forgotten_with_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let record = record(folder.path());
    let day = 24 * HOUR;
    ask(&record, ALICE, day, &question("old", None), Some(0.5), None);
    ask(&record, BOB, 20 * day, &question("new", None), Some(0.5), None);
    record.write().await.unwrap();
    let clock = Clock::stepped(UnixMs(30 * day));
    assert_eq!(record.forget(&clock).await.unwrap(), 0);
    clock.set_by(1000 * day);
    assert_eq!(record.forget(&clock).await.unwrap(), 0, "a clock that was set forward");
    clock.set_by(-1000 * day);
    clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(record.forget(&clock).await.unwrap(), 1);
    let History { events, askers } = history(folder.path());
    assert_eq!((events.len(), events[0].key.as_str()), (1, "polymarket-new"));
    assert_eq!(askers.iter().map(|asker| asker.hotkey).collect::<Vec<_>>(), [BOB]);
    let orphans = record.0.file.read(|connection| {
        Ok::<_, Fault>(connection.query_row("SELECT COUNT(*) FROM answer_tallies", [], |row| row.get::<i64>(0))?)
    });
    assert_eq!(orphans.await.unwrap(), 1);
    let most = record.0.file.write(|transaction| Ok::<_, Fault>(store::forget(transaction, UnixMs(0), 0)?));
    assert_eq!(most.await.unwrap(), 1, "beyond the bound");
}

#[test]
fn what_could_not_be_written_is_not_lost() {
    let a = question("a", None);
    let asked = |answer| std::iter::once(Asked { question: &a, answer: Some(answer), price: None });
    let (mut older, mut newer) = (Pending::default(), Pending::default());
    older.add(ALICE, UnixMs(1), asked(0.25));
    newer.add(ALICE, UnixMs(2), asked(0.5));
    newer.add(BOB, UnixMs(3), asked(0.75));
    newer.put_back(older);
    let seen = &newer.events[&a.key];
    assert_eq!((seen.first, seen.last, seen.asked, seen.last_p), (UnixMs(1), UnixMs(3), 3, Some(0.75)));
    assert_eq!(seen.tallies.values().map(|t| (t.answers, t.sum_p)).collect::<Vec<_>>(), [(3, 1.5)]);
    assert_eq!((newer.askers[&ALICE].requests, newer.askers[&BOB].requests), (2, 1));
}
