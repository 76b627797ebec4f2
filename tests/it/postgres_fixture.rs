//! The server of the tests does what their faults need.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cutter::Cutter;
use crate::postgres::Postgres;
use crate::support::wait_until;

tests! { blocking: committed_rows_outlive_kill9_and_open_ones_do_not, a_full_disk_refuses_and_forgets_nothing,
a_promoted_replica_has_every_row, a_paused_server_and_a_cut_line_are_noticed, the_script_starts_and_stops_a_server }

fn count(server: &Postgres, database: &str) -> Result<u64, String> {
    server.sql(database, "SELECT count(*) FROM t").map(|n| n.parse().unwrap())
}

fn committed_rows_outlive_kill9_and_open_ones_do_not() {
    let mut server = Postgres::start();
    let database = server.database();
    server.sql(&database, "CREATE TABLE t AS SELECT generate_series(1, 100) AS n").unwrap();
    let url = server.url(&database);
    let open = std::thread::scope(|scope| {
        let asking = scope.spawn(|| server.sql(&database, "BEGIN; INSERT INTO t VALUES (0); SELECT pg_sleep(60)"));
        wait_until("the transaction is open", || {
            server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").unwrap() == "1"
        });
        server.signal_all("KILL");
        asking.join().unwrap()
    });
    assert!(open.is_err(), "{open:?}");
    server.kill9();
    assert!(count(&server, &database).is_err(), "{url} answers");
    server.boot();
    assert_eq!(count(&server, &database), Ok(100));
}

fn a_full_disk_refuses_and_forgets_nothing() {
    let server = Postgres::with_disk(160);
    let database = server.database();
    server.sql(&database, "CREATE TABLE t AS SELECT generate_series(1, 100) AS n").unwrap();
    server.fill_disk(1 << 20);
    let refused = server.sql(&database, "INSERT INTO t SELECT generate_series(1, 200000)").unwrap_err();
    assert!(refused.contains("No space left on device"), "{refused}");
    assert_eq!(count(&server, &database), Ok(100));
    server.empty_disk();
    server.sql(&database, "INSERT INTO t VALUES (101)").unwrap();
    assert_eq!(count(&server, &database), Ok(101));
}

fn a_promoted_replica_has_every_row() {
    let mut server = Postgres::start();
    let database = server.database();
    let replica = server.replica(true);
    server.sql(&database, "CREATE TABLE t AS SELECT generate_series(1, 100) AS n").unwrap();
    assert_eq!(count(&replica, &database), Ok(100), "a commit waits for the replica");
    let refused = replica.sql(&database, "INSERT INTO t VALUES (0)").unwrap_err();
    assert!(refused.contains("read-only"), "{refused}");
    server.kill9();
    replica.promote();
    replica.sql(&database, "INSERT INTO t VALUES (101)").unwrap();
    assert_eq!(count(&replica, &database), Ok(101));
}

fn a_paused_server_and_a_cut_line_are_noticed() {
    let server = Postgres::start();
    server.pause();
    let begin = Instant::now();
    let nothing = server.sql("postgres", "SELECT 1").unwrap_err();
    assert!(nothing.contains("timeout") && begin.elapsed() > Duration::from_secs(2), "{nothing}");
    server.resume();
    assert_eq!(server.sql("postgres", "SELECT 1").as_deref(), Ok("1"));

    let line = Cutter::to(server.port);
    let through = Postgres::behind(&server, line.port);
    assert_eq!(through("SELECT 1").as_deref(), Ok("1"));
    line.slow(Duration::from_millis(200));
    let begin = Instant::now();
    assert_eq!(through("SELECT 1").as_deref(), Ok("1"));
    assert!(begin.elapsed() > Duration::from_millis(400), "{:?}", begin.elapsed());
    line.stall();
    assert!(through("SELECT 1").unwrap_err().contains("timeout"));
    line.heal();
    assert_eq!(through("SELECT 1").as_deref(), Ok("1"));
    line.cut();
    assert!(through("SELECT 1").is_err());
}

fn the_script_starts_and_stops_a_server() {
    let _ = crate::needs::postgres();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("server");
    let script = |what: &str| {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres.sh"));
        command.arg(what).arg(&place).stdin(Stdio::null()).stderr(Stdio::null());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    // Root's server is another user's, who has to get there.
    Command::new("chmod").arg("a+x").arg(folder.path()).status().unwrap();
    let told = script("start");
    let url = told.lines().find_map(|line| line.strip_prefix("export NEURON_TEST_POSTGRES=")).unwrap_or_default();
    let port: u16 = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok()).unwrap();
    let is_there = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(url.starts_with("postgres://neuron@127.0.0.1:") && is_there(), "{told}");
    assert_eq!(script("start"), told, "a server that runs is not started again");
    script("stop");
    assert!(!is_there());
}
