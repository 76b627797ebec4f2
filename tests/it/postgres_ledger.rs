//! The ledger in a PostgreSQL database: what is written comes back to the last bit, a broken connection leaves nothing half, and a
//! ledger moves from a file to a database and back. The tests of the ledger itself run on both (`places`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use neuron::ledger::sql::{self, Connection, Transaction, params};
use neuron::ledger::{Fault, Fence, Ledger, LedgerError, Ownership, Place, ReadOnly, Schema, notes, transfer};
use neuron::scoring::Rules;
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, SCHEMA, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};

use crate::needs::lacks;
use crate::places;

tests! {
    asynchronous:
        doubles_and_texts_come_back_as_they_were,
        there_is_one_writer_and_a_schema_is_a_ledger_of_its_own,
        a_connection_that_breaks_in_a_transaction_leaves_nothing,
        who_is_fenced_writes_nothing,
        a_ledger_moves_to_a_database_and_back
}

const RAIN: Schema = Schema {
    kind: "rain",
    migrations: &[
        "CREATE TABLE rain (at INTEGER NOT NULL, mm REAL, place TEXT, raw BLOB); CREATE INDEX rain_at ON rain (at)",
    ],
};

/// A schema that nobody has used.
fn fresh() -> Place {
    let Some(database) = places::database() else {
        lacks("postgres", "NEURON_TEST_POSTGRES names no server (scripts/postgres.sh start)")
    };
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    Place::Database(database.in_schema(format!("test_{high:016x}")).unwrap())
}

async fn note(ledger: &Ledger, value: &str) -> Result<(), LedgerError> {
    ledger.set_note("word".into(), value.into()).await
}

async fn doubles_and_texts_come_back_as_they_were() {
    let ledger = Ledger::open(fresh(), &[RAIN]).unwrap();
    let numbers = [f64::NAN, -0.0, f64::MIN_POSITIVE, 0.1, f64::MAX, f64::NEG_INFINITY];
    let write = move |transaction: &Transaction<'_>| -> Result<(), Fault> {
        let mut insert = transaction.prepare_cached("INSERT INTO rain (at, mm, place, raw) VALUES (?1, ?2, ?3, ?4)")?;
        for mm in numbers {
            insert.send(params![1_i64, mm, "Zoë \"x\" \\ ?1 ☂\0", mm.to_le_bytes().as_slice()])?;
        }
        insert.execute(params![2_i64, None::<f64>, None::<&str>, None::<Vec<u8>>])?;
        Ok(())
    };
    ledger.write(write).await.unwrap();
    type Line = (Option<f64>, Option<String>, Option<Vec<u8>>);
    let read = |connection: &Connection| -> Result<Vec<Line>, Fault> {
        let mut query = connection.prepare_cached("SELECT mm, place, raw FROM rain ORDER BY rowid")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<sql::Result<_>>()?)
    };
    let mut found = ledger.read(read).await.unwrap();
    assert_eq!(found.pop(), Some((None, None, None)));
    for ((mm, place, raw), want) in found.into_iter().zip(numbers) {
        assert_eq!(mm.map(f64::to_bits), Some(want.to_bits()));
        assert_eq!(place.as_deref(), Some("Zoë \"x\" \\ ?1 ☂\u{fffd}"), "what PostgreSQL has no text for is marked");
        assert_eq!(raw.as_deref(), Some(want.to_le_bytes().as_slice()));
    }
}

async fn there_is_one_writer_and_a_schema_is_a_ledger_of_its_own() {
    let (place, other) = (fresh(), fresh());
    assert!(matches!(ReadOnly::open(&place, RAIN), Err(LedgerError::Corrupt { .. })), "there is none yet");
    let ledger = Ledger::open(&place, &[RAIN]).unwrap();
    assert!(matches!(Ledger::open(&place, &[RAIN]), Err(LedgerError::InUse { .. })));
    let second = Ledger::open(&other, &[RAIN]).unwrap();
    note(&ledger, "here").await.unwrap();
    assert_eq!(second.note("word").await.unwrap(), None);
    let reader = ReadOnly::open(&place, RAIN).unwrap();
    let before = reader.connection().pulse();
    assert!(before.is_some());
    assert!(reader.connection().execute("DELETE FROM notes", []).is_err(), "a reader does not write");
    note(&ledger, "there").await.unwrap();
    assert_ne!(reader.connection().pulse(), before);
    drop(ledger);
    Ledger::open(&place, &[RAIN]).unwrap();
}

/// Ends the session of a transaction from outside.
fn cut(transaction: &Transaction<'_>, place: &Place) -> Result<(), Fault> {
    let pid: i64 = transaction.query_row("SELECT pg_backend_pid()", [], |row| row.get(0))?;
    let other = Connection::connect(place).unwrap();
    other.query_row("SELECT pg_terminate_backend(CAST(?1 AS INT))", [pid], |_| Ok(()))?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

async fn a_connection_that_breaks_in_a_transaction_leaves_nothing() {
    let place = fresh();
    let ledger = Ledger::open(&place, &[RAIN]).unwrap();
    note(&ledger, "before").await.unwrap();
    let elsewhere = place.clone();
    let broken = move |transaction: &Transaction<'_>| -> Result<(), Fault> {
        notes::set(transaction, "word", "during")?;
        cut(transaction, &elsewhere)?;
        notes::set(transaction, "other", "during")
    };
    let refused = ledger.write(broken).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Away { .. }), "{refused}");
    assert_eq!(ledger.note("word").await.unwrap().as_deref(), Some("before"));
    note(&ledger, "after").await.unwrap();
    assert_eq!(
        ledger.note("word").await.unwrap().as_deref(),
        Some("after"),
        "the next one goes on, with a new connection"
    );
    assert_eq!(ledger.note("other").await.unwrap(), None);
}

#[derive(Debug)]
struct Gate(AtomicBool);

impl Fence for Gate {
    fn check(&self, _: &Transaction<'_>) -> Result<(), Fault> {
        if self.0.load(Ordering::SeqCst) { Ok(()) } else { Err(Fault::Fenced("another one is active".into())) }
    }
}

async fn who_is_fenced_writes_nothing() {
    let place = fresh();
    let (old, new) = (Arc::new(Gate(true.into())), Arc::new(Gate(true.into())));
    let open = |gate: &Arc<Gate>| {
        let gate: Arc<dyn Fence> = Arc::clone(gate) as Arc<dyn Fence>;
        Ledger::open_as(place.clone(), &[RAIN], Ownership::Leased(gate)).unwrap()
    };
    let (first, second) = (open(&old), open(&new));
    note(&first, "first").await.unwrap();
    old.0.store(false, Ordering::SeqCst);
    note(&second, "second").await.unwrap();
    let refused = note(&first, "late").await.unwrap_err();
    assert!(matches!(refused, LedgerError::Fenced { .. }), "{refused}");
    assert_eq!(first.note("word").await.unwrap().as_deref(), Some("second"));
}

fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: u64::from(n) }
}

/// Three events with answers, two of them settled.
async fn filled(ledger: &EventsLedger) {
    const START: UnixMs = UnixMs(1_717_200_000_000);
    let event = |n: i64| NewEvent {
        key: format!("test-{n}"),
        provider: "test".into(),
        id: n.to_string(),
        description: "Will it?".into(),
        opened_at: START,
        cutoff: START.plus_ms(86_400_000),
        ends_at: None,
        beside: Default::default(),
    };
    ledger.upsert_events((0..3).map(event).collect()).await.unwrap();
    for minute in 0..40_i64 {
        let at = START.plus_ms(minute * 60_000);
        let mut tick = Tick { at, dropped: vec![("timeout".into(), 1)], ..Tick::default() };
        for n in 0..3 {
            let key: Arc<str> = format!("test-{n}").into();
            let price = 0.3 + 0.01 * (minute % 7) as f64;
            tick.prices.push(PriceRow { event: key.clone(), price, at, source: neuron::market::PriceSource::File });
            let said = |m: u8| Submission { identity: miner(m), event: key.clone(), p: f64::from(m) / 11.0, at };
            tick.submissions.extend((1..=9).map(said));
        }
        assert_eq!(ledger.record_tick(tick).await.unwrap().counted(), 27);
    }
    for n in 0..2 {
        let (at, outcome) = (START.plus_ms(90_000_000), Outcome::Payout(f64::from(n)));
        ledger.resolve(Resolution { event: format!("test-{n}"), outcome, at: Some(at), seen: at }).await.unwrap();
    }
}

async fn a_ledger_moves_to_a_database_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, back): (Place, Place) = (folder.path().join("a.sqlite").into(), folder.path().join("b.sqlite").into());
    let database = fresh();
    let ledger = EventsLedger::open(&file, Options::default()).unwrap();
    filled(&ledger).await;
    let standings = ledger.standings().await.unwrap();
    assert!(
        matches!(transfer(&file, &database, &[SCHEMA]), Err(LedgerError::InUse { .. })),
        "its validator is running"
    );
    drop(ledger);
    let there = transfer(&file, &database, &[SCHEMA]).unwrap();
    assert!(matches!(transfer(&file, &database, &[SCHEMA]), Err(LedgerError::NotEmpty { .. })));
    for place in [&database, &back] {
        if place == &back {
            assert_eq!(transfer(&database, &back, &[SCHEMA]).unwrap(), there);
        }
        let verified = Archive::open(place).unwrap().verify(&Rules::default()).unwrap();
        assert!(verified.scores == 18 && verified.differences.is_empty(), "{verified:?}");
    }
    let ledger = EventsLedger::open(&database, Options::default()).unwrap();
    assert_eq!(ledger.standings().await.unwrap(), standings);
    // Numbers go on behind those that came.
    let at = UnixMs(1_717_200_000_000 + 50 * 60_000);
    let answer = Submission { identity: miner(200), event: "test-2".into(), p: 0.5, at };
    let price = PriceRow { event: "test-2".into(), price: 0.5, at, source: neuron::market::PriceSource::File };
    let tick = Tick { at, prices: vec![price], submissions: vec![answer], ..Tick::default() };
    assert_eq!(ledger.record_tick(tick).await.unwrap().counted(), 1);
    let copy = folder.path().join("copy.sqlite");
    Archive::open(&database).unwrap().copy_to(&copy).unwrap();
    assert!(Archive::open(&copy).unwrap().verify(&Rules::default()).unwrap().differences.is_empty());
}
