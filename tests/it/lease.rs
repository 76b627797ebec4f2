//! One holder at a time: the lease of a ledger in PostgreSQL, with all that can come between a look and a write.
#![cfg(all(feature = "postgres", target_os = "linux"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use neuron::ledger::lease::{self, Lease};
use neuron::ledger::sql::{Connection, params};
use neuron::ledger::{Fault, Ledger, LedgerError, Ownership, Place, Schema, notes};

use crate::cutter::Cutter;
use crate::postgres::{Postgres, USER};
use crate::support::wait_until;

tests! { blocking: of_many_takers_one_has_it, an_expired_lease_is_taken_and_the_late_write_is_refused,
a_take_over_waits_for_a_write_that_has_looked, a_holder_paused_in_mid_transaction_does_not_block_the_next,
a_lease_given_back_is_free_at_once, a_database_that_comes_back_finds_the_same_holder,
a_holder_that_is_cut_off_learns_it_and_is_refused, who_writes_alone_and_who_has_a_lease_see_each_other }

const SECOND: Duration = Duration::from_secs(1);
const T: Schema = Schema { kind: "t", migrations: &["CREATE TABLE t (n INTEGER PRIMARY KEY, by TEXT NOT NULL)"] };

fn place(port: u16, database: &str) -> Place {
    format!("postgres://{USER}@127.0.0.1:{port}/{database}?schema=sn1").parse().unwrap()
}

/// A server with a database, and where its ledger is.
fn world() -> (Postgres, Place) {
    let server = Postgres::start();
    let database = server.database();
    let place = place(server.port, &database);
    (server, place)
}

fn connect(place: &Place) -> Connection {
    lease::connect(place).unwrap()
}

/// A holder with its ledger.
struct Writer {
    // Closed in this order.
    ledger: Ledger,
    lease: Lease,
}

impl Writer {
    fn open(place: &Place, who: &str, term: Duration) -> Self {
        let connection = connect(place);
        let token = lease::take(&connection, who, term).unwrap().expect("the lease is free");
        let lease = Lease::keep(place.clone(), connection, token, term).unwrap();
        let ledger = Ledger::open_as(place.clone(), &[T], Ownership::Leased(lease.fence())).unwrap();
        Self { ledger, lease }
    }

    fn write(&self, n: i64, by: &'static str) -> Result<(), LedgerError> {
        run(self.ledger.write(move |tx| -> Result<(), Fault> {
            tx.execute("INSERT INTO t (n, by) VALUES (?1, ?2)", params![n, by])?;
            Ok(())
        }))
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn rows(place: &Place) -> Vec<(i64, String)> {
    let connection = connect(place);
    let mut query = connection.prepare_cached("SELECT n, by FROM t ORDER BY n").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn of_many_takers_one_has_it() {
    let (_server, place) = world();
    for round in 1..=5 {
        let taken: Vec<i64> = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..8)
                .map(|n| {
                    let place = &place;
                    scope.spawn(move || lease::take(&connect(place), &format!("taker {n}"), SECOND / 5).unwrap())
                })
                .collect();
            takers.into_iter().filter_map(|taker| taker.join().unwrap()).collect()
        });
        // A slow taker may come after the end of the first one's lease; the number is then the next.
        assert!(!taken.is_empty() && taken.windows(2).all(|pair| pair[0] != pair[1]), "round {round}: {taken:?}");
        wait_until("it is free again", || lease::holder(&connect(&place)).unwrap().unwrap().left.is_none());
    }
}

fn an_expired_lease_is_taken_and_the_late_write_is_refused() {
    let (_server, place) = world();
    let connection = connect(&place);
    let token = lease::take(&connection, "a", SECOND).unwrap().unwrap();
    let paused = Paused::of(&place, token).with_ledger(&place);
    paused.write(1, "a").unwrap();
    assert_eq!(lease::take(&connection, "b", SECOND).unwrap(), None, "it is held");
    std::thread::sleep(SECOND + SECOND / 5);
    // Over its time, but nobody's else: what it writes now harms nobody.
    paused.write(2, "a").unwrap();
    let next = Writer::open(&place, "b", SECOND * 2);
    assert_eq!(next.lease.token(), token + 1);
    let late = paused.write(3, "a").unwrap_err();
    assert!(matches!(late, LedgerError::Fenced { .. }), "{late}");
    assert!(!paused.lease.sight().is_held());
    next.write(3, "b").unwrap();
    let seen = lease::holder(&connection).unwrap().unwrap();
    assert_eq!((seen.name.as_str(), seen.token, seen.takeovers), ("b", token + 1, 1));
    assert_eq!(rows(&place), [(1, "a".into()), (2, "a".into()), (3, "b".into())]);
}

/// A lease that is not renewed for a minute: it stands for a process that is paused.
struct Paused {
    lease: Lease,
}

impl Paused {
    fn of(place: &Place, token: i64) -> Self {
        Self { lease: Lease::keep(place.clone(), connect(place), token, Duration::from_secs(240)).unwrap() }
    }

    fn with_ledger(self, place: &Place) -> Writer {
        let ledger = Ledger::open_as(place.clone(), &[T], Ownership::Leased(self.lease.fence())).unwrap();
        Writer { ledger, lease: self.lease }
    }
}

fn a_take_over_waits_for_a_write_that_has_looked() {
    let (_server, place) = world();
    let first = connect(&place);
    let token = lease::take(&first, "a", SECOND / 10).unwrap().unwrap();
    let fence = Paused::of(&place, token).lease;
    let mut writing = Connection::connect(&place).unwrap();
    let write = writing.transaction().unwrap();
    fence.fence().check(&write).unwrap();
    let committed = Arc::new(AtomicBool::new(false));
    std::thread::sleep(SECOND / 5);
    let taker = std::thread::spawn({
        let (place, committed) = (place.clone(), Arc::clone(&committed));
        move || {
            let taken = lease::take(&connect(&place), "b", SECOND).unwrap();
            (taken, committed.load(Ordering::SeqCst))
        }
    });
    std::thread::sleep(SECOND / 2);
    committed.store(true, Ordering::SeqCst);
    write.commit().unwrap();
    assert_eq!(taker.join().unwrap(), (Some(token + 1), true), "the token, and whether the write was over before");
    let late = writing.transaction().unwrap();
    assert!(matches!(fence.fence().check(&late), Err(Fault::Fenced(_))));
}

fn a_holder_paused_in_mid_transaction_does_not_block_the_next() {
    let (_server, place) = world();
    let token = lease::take(&connect(&place), "a", SECOND).unwrap().unwrap();
    let paused = Paused::of(&place, token).with_ledger(&place);
    // Its thread stands still in a transaction that has written row 1, for longer than the server lets it.
    let stands = std::thread::spawn(move || {
        run(paused.ledger.write(|tx| -> Result<(), Fault> {
            tx.execute("INSERT INTO t (n, by) VALUES (1, 'a')", [])?;
            std::thread::sleep(Duration::from_secs(14));
            Ok(())
        }))
    });
    std::thread::sleep(SECOND + SECOND / 2);
    let begin = Instant::now();
    let next = Writer::open(&place, "b", SECOND * 3);
    next.write(1, "b").unwrap();
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    let late = stands.join().unwrap();
    assert!(late.is_err(), "the paused one's write was taken");
    assert_eq!(rows(&place), [(1, "b".into())]);
}

fn a_lease_given_back_is_free_at_once() {
    let (_server, place) = world();
    let writer = Writer::open(&place, "a", SECOND * 60);
    let connection = connect(&place);
    assert_eq!(lease::take(&connection, "b", SECOND).unwrap(), None);
    drop(writer);
    assert!(lease::take(&connection, "b", SECOND).unwrap().is_some());
    assert_eq!(lease::holder(&connection).unwrap().unwrap().takeovers, 0, "nobody was driven out");
}

fn a_database_that_comes_back_finds_the_same_holder() {
    let (mut server, place) = world();
    let writer = Writer::open(&place, "a", SECOND * 2);
    writer.write(1, "a").unwrap();
    server.kill9();
    assert!(writer.write(2, "a").is_err());
    std::thread::sleep(SECOND * 3);
    assert!(!writer.lease.sight().is_held(), "it cannot be sure");
    server.boot();
    wait_until("it is renewed", || writer.lease.sight().is_held());
    wait_until("it writes", || writer.write(3, "a").is_ok());
    let written = rows(&place);
    assert!(written.contains(&(1, "a".into())) && written.contains(&(3, "a".into())), "{written:?}");
}

fn a_holder_that_is_cut_off_learns_it_and_is_refused() {
    let server = Postgres::start();
    let database = server.database();
    let line = Cutter::to(server.port);
    let (near, far) = (place(server.port, &database), place(line.port, &database));
    let cut_off = Writer::open(&far, "a", SECOND * 2);
    cut_off.write(1, "a").unwrap();
    line.cut();
    std::thread::sleep(SECOND * 2 + SECOND / 2);
    let next = Writer::open(&near, "b", SECOND * 60);
    assert!(cut_off.write(2, "a").is_err());
    line.heal();
    let begin = Instant::now();
    run(async { tokio::time::timeout(SECOND * 30, cut_off.lease.sight().lost()).await }).expect("it is never told");
    assert!(begin.elapsed() < SECOND * 10);
    next.write(2, "b").unwrap();
    wait_until("its writes are refused by the fence", || {
        matches!(cut_off.write(3, "a"), Err(LedgerError::Fenced { .. }))
    });
    assert_eq!(rows(&near), [(1, "a".into()), (2, "b".into())]);
}

fn who_writes_alone_and_who_has_a_lease_see_each_other() {
    let (_server, place) = world();
    let holder = Writer::open(&place, "a", SECOND * 60);
    let refused = Ledger::open(place.clone(), &[T]).unwrap_err();
    assert!(matches!(refused, LedgerError::InUse { .. }), "{refused}");
    drop(holder);
    let alone = Ledger::open(place.clone(), &[T]).unwrap();
    run(alone.write(|tx| notes::set(tx, "alone", "yes"))).unwrap();
    assert_eq!(lease::take(&connect(&place), "b", SECOND).unwrap(), None, "somebody writes alone");
    drop(alone);
    wait_until("it is free", || lease::take(&connect(&place), "b", SECOND).unwrap().is_some());
}
