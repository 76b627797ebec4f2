//! A ledger of very many events, filled by the database itself: ten million by the way of a validator would take days.
//!
//! A few events are recorded and settled as a validator does it. Then every row of theirs is copied, under other numbers and keys and
//! some days later, as often as it takes. What comes out is what the code would have written, but for the times inside the blocks of
//! statistics; `score verify` finds no difference.

use std::process::Command;
use std::sync::Arc;

use neuron::ledger::sql::{Connection, Owned};
use neuron::ledger::{Place, rusqlite};
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{EventsLedger, Options, Outcome, PriceRow, Resolution, Submission, Tick};
use neuron::units::UnixMs;

use crate::store::Store;
use crate::year::{DAY, DAYS, HOUR, ROUNDS, START, event, identity};

/// Events that are copied: two for each pair of miners.
const PATTERNS: i64 = 256;
/// Statistics of a miner in an interval that one statement copies.
const AT_ONCE: i64 = 20_000;
/// When the patterns were, whole days before the first copy.
const BEFORE: i64 = 30;

/// The numbers from ?1 to ?2, and what is made of them. ?3 is by how much it is later.
const COPIES: [&str; 6] = [
    "INSERT INTO events (id, key, provider, provider_id, description, opened_at, cutoff, ends_at, interval_minutes, state,
                         outcome, resolved_at, settled_at, kind, metadata)
     SELECT 256 + i, 'bulk-' || CAST(1000000000 + i AS TEXT), provider, CAST(1000000000 + i AS TEXT), description,
            opened_at + ?3, cutoff + ?3, ends_at, interval_minutes, state, outcome, resolved_at + ?3, settled_at + ?3, kind,
            metadata
     FROM n JOIN events ON id = 1 + i % 256",
    "INSERT INTO prices (event, at, price, source) SELECT 256 + i, at + ?3, price, source
     FROM n JOIN prices ON event = 1 + i % 256",
    "INSERT INTO stats (event, interval, bracket, block) SELECT 256 + i, interval + ?3, bracket, block
     FROM n JOIN stats ON event = 1 + i % 256",
    "INSERT INTO scores (event, miner, score) SELECT 256 + i, miner, score FROM n JOIN scores ON event = 1 + i % 256",
    "INSERT INTO changes (event, at, state, cutoff, outcome) SELECT 256 + i, at + ?3, state, cutoff + ?3, outcome
     FROM n JOIN changes ON event = 1 + i % 256 ORDER BY i, at",
    "INSERT INTO aggregates (event, tick, p, reports) SELECT 256 + i, tick + ?3, p, reports
     FROM n JOIN aggregates ON event = 1 + i % 256",
];

/// What is said of each event.
#[derive(Debug, Clone, Copy)]
pub enum Said {
    /// Two of 256 miners say something, once.
    Little,
    /// So many say something in each interval of a day.
    Much(u16),
}

/// Fills an empty store with so many events, spread over a year of [`DAYS`].
pub async fn fill(store: &Store, events: u64, said: Said) {
    patterns(&store.place, said).await;
    let at_once = match said {
        Said::Little => AT_ONCE / 2,
        Said::Much(miners) => (AT_ONCE / (i64::from(miners) * ROUNDS)).max(1),
    };
    let connection = match &store.place {
        Place::File(path) => {
            let file = rusqlite::Connection::open(path).unwrap();
            let habits = "PRAGMA synchronous = off; PRAGMA foreign_keys = off; PRAGMA cache_size = -400000;
                          PRAGMA wal_autocheckpoint = 50000";
            file.execute_batch(habits).unwrap();
            Connection::from(file)
        }
        place @ Place::Database(_) => {
            let connection = Connection::connect(place).unwrap();
            connection.execute_batch("SET synchronous_commit = off").unwrap();
            connection
        }
    };
    let events = i64::try_from(events).unwrap();
    for day in 0..DAYS {
        let (mut first, last) = (1 + events * day / DAYS, 1 + events * (day + 1) / DAYS);
        while first < last {
            let until = last.min(first + at_once);
            copy(&connection, (first, until), BEFORE + day);
            first = until;
        }
    }
    let counted = "UPDATE event_counts SET n = n + ?1 WHERE state = 'scored'";
    connection.execute(counted, [events]).unwrap();
    if let Place::Database(address) = &store.place {
        let sql = "SELECT setval(pg_get_serial_sequence('events', 'id'), MAX(id)) FROM events";
        connection.query_row(sql, [], |_| Ok(())).unwrap();
        // As the server does by itself in its own time.
        let tables = ["events", "prices", "stats", "scores", "changes", "aggregates", "raw", "miners"];
        let names: Vec<String> = tables.iter().map(|table| format!("{}.{table}", address.quoted_schema())).collect();
        let Some(programs) = std::env::var_os("NEURON_POSTGRES") else {
            eprintln!("NEURON_POSTGRES is not set: the tables are not vacuumed");
            return;
        };
        let psql = std::path::Path::new(&programs).join("psql");
        let vacuum = format!("VACUUM ANALYZE {}", names.join(", "));
        assert!(Command::new(psql).args([address.server(), "-qc", &vacuum]).status().unwrap().success());
    }
}

fn copy(connection: &Connection, (first, until): (i64, i64), days: i64) {
    let in_file = !connection.is_postgres();
    if in_file {
        connection.execute_batch("BEGIN").unwrap();
    }
    for sql in COPIES {
        let later = if sql.starts_with("INSERT INTO stats") { days * 6 } else { days * DAY };
        let sql = format!(
            "WITH RECURSIVE n (i) AS (SELECT CAST(?1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) {sql}"
        );
        let mut values = vec![Owned::Int(first), Owned::Int(until)];
        if sql.contains("?3") {
            values.push(Owned::Int(later));
        }
        connection.execute(&sql, values.as_slice()).unwrap();
    }
    if in_file {
        connection.execute_batch("COMMIT").unwrap();
    }
}

/// Half of them end with yes.
async fn patterns(place: &Place, said: Said) {
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    let opened = UnixMs(START - BEFORE * DAY);
    let keys: Vec<Arc<str>> = (0..PATTERNS).map(|n| format!("pattern-{n:03}").into()).collect();
    ledger.upsert_events(keys.iter().map(|key| event(key, opened)).collect()).await.unwrap();
    let (miners, rounds) = match said {
        Said::Little => (2, 1),
        Said::Much(miners) => (miners, ROUNDS),
    };
    for round in 0..rounds {
        let at = opened.plus_ms(round * 4 * HOUR + 60_000);
        let mut tick = Tick { at, ..Tick::default() };
        for (n, key) in (0_u16..).zip(&keys) {
            let price = 0.1 + f64::from(n % 9) * 0.1;
            tick.prices.push(PriceRow { event: Arc::clone(key), price, at, source: PriceSource::File });
            let first = if miners == 2 { n % 128 * 2 } else { 0 };
            tick.submissions.extend((0..miners).map(|m| Submission {
                identity: identity(first + m),
                event: Arc::clone(key),
                p: (price + f64::from(m % 7) * 0.03 - 0.05 + round as f64 * 0.01).clamp(0.0, 1.0),
                at: at.plus_ms(1_000 + i64::from(m)),
            }));
        }
        assert!(ledger.record_tick(tick).await.unwrap().recorded);
    }
    for (n, key) in (0..).zip(&keys) {
        let (outcome, seen) = (Outcome::Payout(f64::from(n / 128)), opened.plus_ms(DAY + HOUR));
        let resolution = Resolution { event: key.to_string(), outcome, at: Some(opened.plus_ms(DAY)), seen };
        ledger.resolve(resolution).await.unwrap();
    }
    ledger.prune(opened.plus_ms(2 * DAY)).await.unwrap();
}
