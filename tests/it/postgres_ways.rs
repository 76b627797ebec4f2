//! The way to a PostgreSQL server: how often it is gone for what a validator does, that nobody listens on it, and how many there are
//! at once.
#![cfg(all(feature = "postgres", target_os = "linux"))]

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use neuron::ledger::lease::{self, Lease};
use neuron::ledger::sql::Connection;
use neuron::ledger::{Address, Fault, Ledger, LedgerError, Ownership, Place, ReadOnly, Schema};
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, SCHEMA, Submission, Tick,
};
use neuron::units::{Account, Identity, UnixMs};
use tempfile::TempDir;

use crate::cutter::Cutter;
use crate::needs::openssl;
use crate::postgres::{Postgres, USER};
use crate::support::wait_until;

tests! { blocking: an_event_is_settled_in_few_ways_to_the_server, a_commit_in_doubt_is_looked_up, an_encrypted_way_is_checked_and_says_what_to_do,
a_process_has_no_more_connections_than_it_may, a_server_without_room_stops_readers_and_nothing_else }

const RAIN: Schema = Schema { kind: "rain", migrations: &["CREATE TABLE rain (at INTEGER NOT NULL, mm REAL)"] };
const START: UnixMs = UnixMs(1_767_225_600_000);
const HOUR: i64 = 3_600_000;

fn place(port: u16, database: &str) -> Place {
    Place::Database(address(&format!("postgres://{USER}@127.0.0.1:{port}/{database}")))
}

fn address(url: &str) -> Address {
    url.parse().unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A ledger of events as a validator has it: alone, or with a lease.
fn ledger(place: &Place, lease: Option<&Lease>) -> EventsLedger {
    let ownership = lease.map_or(Ownership::Alone, |lease| Ownership::Leased(lease.fence()));
    EventsLedger::over(Ledger::open_as(place.clone(), &[SCHEMA], ownership).unwrap(), Options::default())
}

fn key(n: usize) -> Arc<str> {
    format!("way-{n}").into()
}

/// `events` events that were open for a day, with what `miners` miners said in each of its intervals.
fn fill(ledger: &EventsLedger, events: usize, miners: u8) {
    let event = |n: usize| NewEvent {
        key: key(n).to_string(),
        provider: "way".into(),
        id: n.to_string(),
        description: "Will it?".into(),
        opened_at: START,
        cutoff: START.plus_ms(24 * HOUR),
        ends_at: None,
        beside: Default::default(),
    };
    run(ledger.upsert_events((0..events).map(event).collect())).unwrap();
    for interval in 0..6 {
        assert!(run(ledger.record_tick(round(events, miners, interval, 0))).unwrap().recorded);
    }
}

/// Everybody about everything, in a minute of an interval.
fn round(events: usize, miners: u8, interval: i64, minute: i64) -> Tick {
    let at = START.plus_ms(interval * 4 * HOUR + (minute + 1) * 60_000);
    let mut tick = Tick { at, ..Tick::default() };
    for n in 0..events {
        tick.prices.push(PriceRow { event: key(n), price: 0.4, at, source: PriceSource::File });
        tick.submissions.extend((0..miners).map(|m| Submission {
            identity: Identity { hotkey: Account([m; 32]), registered_at: 1 },
            event: key(n),
            p: f64::from(m) / 255.0,
            at: at.plus_ms(1_000),
        }));
    }
    tick
}

fn settle(ledger: &EventsLedger, n: usize) {
    let (at, seen) = (Some(START.plus_ms(24 * HOUR)), START.plus_ms(25 * HOUR));
    let resolution = Resolution { event: key(n).to_string(), outcome: Outcome::Payout(1.0), at, seen };
    let settled = run(ledger.resolve(resolution)).unwrap();
    assert!(settled.changed && !settled.scores.is_empty());
}

fn an_event_is_settled_in_few_ways_to_the_server() {
    let server = Postgres::start();
    let database = server.database();
    let line = Cutter::to(server.port);
    let far = place(line.port, &database);
    let near = place(server.port, &database);
    // A lease is renewed over a line of its own, which is not counted.
    let own = |who: &str| {
        let connection = lease::connect(&near).unwrap();
        let mut token = None;
        wait_until("nobody writes alone", || {
            token = lease::take(&connection, who, Duration::from_secs(60)).unwrap();
            token.is_some()
        });
        let token = token.unwrap();
        Lease::keep(near.clone(), connection, token, Duration::from_secs(60)).unwrap()
    };
    for (leased, most) in [(false, 3), (true, 4)] {
        let lease = leased.then(|| own("a"));
        let ledger = ledger(&far, lease.as_ref());
        let first = if leased { 16 } else { 0 };
        if !leased {
            fill(&ledger, 32, 250);
            let (before, begin) = (line.ways(), Instant::now());
            run(ledger.record_tick(round(32, 250, 5, 1))).unwrap();
            let (ways, took) = (line.ways() - before, begin.elapsed());
            eprintln!("a round of 32 events and 250 miners: {ways} ways, {took:?}");
            assert!(ways <= 10, "{ways} ways to the server for a round");
        }
        // The first of a session also has the server prepare its statements.
        settle(&ledger, first);
        let (before, begin) = (line.ways(), Instant::now());
        (1..11).for_each(|n| settle(&ledger, first + n));
        let (ways, each) = (line.ways() - before, begin.elapsed() / 10);
        eprintln!("settled with{} a lease: {ways} ways for 10 events, {each:?} each", if leased { "" } else { "out" });
        // One more for each would be ten. A few may be none: what goes together can arrive in two pieces on a busy machine, with the
        // first answer between them.
        assert!(ways < 10 * (most + 1), "{ways} ways to the server for 10 events");
    }
}

fn a_commit_in_doubt_is_looked_up() {
    let server = Postgres::start();
    let database = server.database();
    let line = Arc::new(Cutter::to(server.port));
    let ledger = Ledger::open(place(line.port, &database), &[RAIN]).unwrap();
    rain(&ledger, 0).unwrap();
    // The line breaks while a commit is under way: either its answer is lost, or the commit itself.
    let broken = |at: i64, fault: fn(&Cutter)| {
        let (breaks, heals) = (Arc::clone(&line), Arc::clone(&line));
        run(ledger.write(move |transaction| -> Result<(), Fault> {
            let there: i64 = transaction.query_row("SELECT COUNT(*) FROM rain", [], |row| row.get(0))?;
            assert!(there > 0);
            transaction.prepare_cached("INSERT INTO rain (at, mm) VALUES (?1, 0.5)")?.send([at])?;
            fault(&breaks);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                heals.cut();
                std::thread::sleep(Duration::from_millis(100));
                heals.heal();
            });
            Ok(())
        }))
    };
    broken(1, Cutter::deafen).unwrap();
    assert_eq!(rained(&server, &database), 2, "it was through, and the ledger knows");
    let lost = broken(2, Cutter::stall).unwrap_err();
    assert!(matches!(lost, LedgerError::Away { .. }) && lost.to_string().contains("was not through"), "{lost}");
    assert_eq!(rained(&server, &database), 2, "it was not, and the ledger knows that as well");
    rain(&ledger, 3).unwrap();
    assert_eq!(rained(&server, &database), 3);
}

/// Certificates made for a test.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// A root, a server's certificate for `db.example` and 127.0.0.1 that it has signed, and a root that has signed nothing.
    fn make() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        let settings = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = a test's\n\
                        [root]\nbasicConstraints = critical,CA:TRUE\n\
                        [server]\nbasicConstraints = CA:FALSE\nsubjectAltName = DNS:db.example,IP:127.0.0.1\n";
        std::fs::write(made.path("settings"), settings).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-config", "settings"];
        for name in ["root", "other"] {
            let (key_file, out) = (format!("{name}.key"), format!("{name}.pem"));
            let to = ["-days", "2", "-extensions", "root", "-keyout", &key_file, "-out", &out];
            made.openssl(&[&["req", "-x509"], &key[..], &to].concat());
        }
        made.openssl(&[&["req"], &key[..], &["-keyout", "server.key", "-out", "server.csr"]].concat());
        let signed = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2", "-out", "server.pem"];
        let with = ["x509", "-req", "-in", "server.csr", "-extfile", "settings", "-extensions", "server"];
        made.openssl(&[&with[..], &signed].concat());
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let done = openssl().args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// What a connection says of itself, or why there is none.
fn encrypted(url: &str, roots: Option<&Path>) -> Result<bool, String> {
    let place = Place::Database(address(url).with_roots(roots.map(Path::to_path_buf)));
    let ledger = Ledger::open(place, &[RAIN]).map_err(|error| error.to_string())?;
    let asked = |connection: &Connection| -> Result<bool, Fault> {
        Ok(connection.query_row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", [], |row| row.get(0))?)
    };
    run(ledger.read(asked)).map_err(|error| error.to_string())
}

fn an_encrypted_way_is_checked_and_says_what_to_do() {
    let made = Certificates::make();
    let server = Postgres::with_certificate(&made.path("server.pem"), &made.path("server.key"));
    let database = server.database();
    let (root, other) = (made.path("root.pem"), made.path("other.pem"));
    let at = |host: &str, more: &str| format!("postgres://{USER}@{host}:{}/{database}?{more}", server.port);
    let named = |mode: &str| at("db.example", &format!("hostaddr=127.0.0.1&sslmode={mode}"));

    assert_eq!(encrypted(&at("127.0.0.1", ""), None), Ok(false), "this machine is spoken to in clear");
    for mode in ["require", "verify-ca", "verify-full", "prefer"] {
        assert_eq!(encrypted(&named(mode), Some(&root)), Ok(true), "{mode}");
        assert_eq!(encrypted(&at("127.0.0.1", &format!("sslmode={mode}")), Some(&root)), Ok(true), "{mode}, by number");
    }
    let in_url = at("db.example", &format!("hostaddr=127.0.0.1&sslrootcert={}", root.display()));
    assert_eq!(encrypted(&in_url, None), Ok(true), "elsewhere than on this machine it is encrypted unasked");

    // Nothing goes over a way that is not what it should be, whatever the mode is called.
    for mode in ["require", "verify-full", "prefer"] {
        let refused = encrypted(&named(mode), Some(&other)).unwrap_err();
        assert!(
            refused.contains("signed by nobody who is trusted here") && refused.contains("db.tls_roots"),
            "{refused}"
        );
        let elsewhere = at("elsewhere.example", &format!("hostaddr=127.0.0.1&sslmode={mode}"));
        let refused = encrypted(&elsewhere, Some(&root)).unwrap_err();
        assert!(refused.contains("is for db.example, 127.0.0.1") && refused.contains("elsewhere.example"), "{refused}");
        assert!(refused.contains("connect by a name that it has") && !refused.contains('\n'), "{refused}");
    }
    assert!(encrypted(&named("require"), None).is_err(), "the system does not know the root of a test");
    let unread = encrypted(&named("require"), Some(&made.path("server.key"))).unwrap_err();
    assert!(unread.contains("there is no certificate in it"), "{unread}");

    let open = Postgres::start();
    let clear = format!("postgres://{USER}@127.0.0.1:{}/postgres?sslmode=require", open.port);
    let refused = encrypted(&clear, Some(&root)).unwrap_err();
    assert!(refused.contains("offers no encryption") && refused.contains("ssl = on"), "{refused}");
    assert_eq!(encrypted(&clear.replace("require", "prefer"), Some(&root)), Ok(false));
}

/// What this thread logs while it does something.
fn logged<T>(job: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let done = tracing::subscriber::with_default(subscriber, job);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (done, text)
}

fn rain(ledger: &Ledger, at: i64) -> Result<(), LedgerError> {
    run(ledger.write(move |transaction| -> Result<(), Fault> {
        transaction.execute("INSERT INTO rain (at, mm) VALUES (?1, 0.5)", [at])?;
        Ok(())
    }))
}

fn rained(server: &Postgres, database: &str) -> i64 {
    server.sql(database, "SELECT count(*) FROM neuron.rain").unwrap().parse().unwrap()
}

fn a_process_has_no_more_connections_than_it_may() {
    let server = Postgres::start();
    let database = server.database();
    let Place::Database(address) = place(server.port, &database) else { unreachable!() };
    let place = Place::Database(address.with_connections(6));
    let ledger = Ledger::open(&place, &[RAIN]).unwrap();
    let done = AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'neuron'";
            let mut most = 0;
            while !done.load(Ordering::SeqCst) {
                most = most.max(server.sql(&database, asked).unwrap().parse::<u32>().unwrap());
            }
            most
        });
        let readers: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..4 {
                        let reader = ReadOnly::open(&place, RAIN).unwrap();
                        std::thread::sleep(Duration::from_millis(10));
                        assert!(reader.connection().pulse().is_some());
                    }
                })
            })
            .collect();
        (0..50).for_each(|n| rain(&ledger, n).unwrap());
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        done.store(true, Ordering::SeqCst);
        looks.join().unwrap()
    });
    assert!((3..=6).contains(&most), "{most} connections at once");
    assert_eq!(rained(&server, &database), 50);

    // Who keeps them all lets a reader wait in vain; it is told once, and writing goes on.
    let held: Vec<ReadOnly> = (0..2).map(|_| ReadOnly::open(&place, RAIN).unwrap()).collect();
    let (refused, log) = logged(|| [(); 2].map(|()| ReadOnly::open(&place, RAIN).unwrap_err()));
    for error in refused {
        assert!(
            matches!(error, LedgerError::Away { .. }) && error.to_string().contains("all 6 connections"),
            "{error}"
        );
    }
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("db.connections"), "{log}");
    rain(&ledger, 50).unwrap();
    drop(held);
    ReadOnly::open(&place, RAIN).unwrap();
    assert_eq!(rained(&server, &database), 51);
}

fn a_server_without_room_stops_readers_and_nothing_else() {
    let server = Postgres::with(&[("max_connections", "8"), ("superuser_reserved_connections", "0")]);
    let place = place(server.port, &server.database());
    let ledger = Ledger::open(&place, &[RAIN]).unwrap();
    let mut held = Vec::new();
    let (refused, log) = logged(|| {
        loop {
            match ReadOnly::open(&place, RAIN) {
                Ok(reader) => held.push(reader),
                Err(error) => break [error, ReadOnly::open(&place, RAIN).unwrap_err()],
            }
        }
    });
    // Two are the ledger's.
    assert!((5..=6).contains(&held.len()), "{} {refused:?}", held.len());
    for error in refused {
        assert!(matches!(error, LedgerError::Away { .. }) && error.to_string().contains("too many clients"), "{error}");
    }
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("takes no further connection"), "{log}");
    assert!(lines[0].contains("max_connections") && lines[0].contains("goes on"), "{log}");
    (0..20).for_each(|n| rain(&ledger, n).unwrap());
    drop(held);
    ReadOnly::open(&place, RAIN).unwrap();
    // Over a connection that there is: those that were left idle take all the room there was.
    let count = |connection: &Connection| -> Result<i64, Fault> {
        Ok(connection.query_row("SELECT COUNT(*) FROM rain", [], |row| row.get(0))?)
    };
    assert_eq!(run(ledger.read(count)).unwrap(), 20);
}
