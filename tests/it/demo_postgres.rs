//! The demonstration with its ledger in a PostgreSQL database: the same result as with a file, and a ledger that stays there.
#![cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]

use crate::demo::{lasting, report};
use crate::postgres::Postgres;
use crate::score::score;

tests! { blocking: the_whole_job_on_a_database_ends_as_on_a_file_and_its_scores_stay_there }

/// After so many, luck does not hide skill.
const EVENTS: u64 = 60;
/// Miners of the demonstration that predict every event.
const PREDICTING: u64 = 4;

fn the_whole_job_on_a_database_ends_as_on_a_file_and_its_scores_stay_there() {
    let server = Postgres::start();
    let database = server.database();
    let url = server.url(&database);
    let events = EVENTS.to_string();
    let arguments = ["--events", events.as_str(), "--seed", "1"];
    let played = report(&[arguments.as_slice(), &["--db.url", &url]].concat());
    assert_eq!((&played["ranking_matches"], &played["events_scored"]), (&true.into(), &EVENTS.into()));
    assert_eq!(lasting(played), lasting(report(&arguments)), "a database changes nothing of the result");

    // It had a schema of its own, which is the only ledger there.
    let schemas = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'scores'";
    let schema = server.sql(&database, schemas).unwrap();
    assert!(schema.starts_with("demo_") && schema.lines().count() == 1, "{schema}");
    let count = |of: &str| -> u64 {
        server.sql(&database, &format!("SELECT count(*) FROM {schema}.{of}")).unwrap().parse().unwrap()
    };
    assert_eq!(count("events WHERE state = 'scored'"), EVENTS);
    let scores = count("scores");
    assert!(scores >= EVENTS * PREDICTING, "{scores}");
    assert!(count("weight_jobs") > 0, "no weights are recorded");
    // What was scored comes out of what was kept, to the last bit; and a changed score is found.
    let folder = tempfile::tempdir().unwrap();
    let (status, found) = score(folder.path(), &["verify", "--db.url", &url]);
    assert_eq!((status, found["events"].as_u64(), found["scores"].as_u64()), (Some(0), Some(EVENTS), Some(scores)));
    assert_eq!(found["differences"].as_array().unwrap().len(), 0, "{found}");
    let change = format!(
        "UPDATE {schema}.scores SET score = score + 0.001 WHERE (event, miner) = \
         (SELECT event, miner FROM {schema}.scores ORDER BY event, miner LIMIT 1)"
    );
    server.sql(&database, &change).unwrap();
    let (status, found) = score(folder.path(), &["verify", "--db.url", &url]);
    assert_eq!((status, found["differences"].as_array().unwrap().len()), (Some(1), 1), "{found}");
}
