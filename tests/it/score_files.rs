//! `neuron score` on files that are not what they should be, and what it writes as others read it.

use std::path::Path;

use neuron::subnets::events::ledger::{EventsLedger, NewEvent, Options};
use neuron::units::UnixMs;

use crate::score::{ledger, miner, score};
use crate::support::neuron;

/// The part of the message that says what is wrong, and the exit status.
fn refused(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (status, document) = score(folder, arguments);
    (status, document["error"]["message"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned())
}

#[tokio::test]
async fn files_that_are_no_ledgers_are_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(
        path("text.sqlite"),
        "This is a text, and a rather long one, for a header has a hundred bytes. ".repeat(9),
    )
    .unwrap();
    std::fs::write(path("empty.sqlite"), "").unwrap();
    drop(EventsLedger::open(path("newer.sqlite"), Options::default()).unwrap());
    let newer = rusqlite::Connection::open(path("newer.sqlite")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    drop(EventsLedger::open(path("older.sqlite"), Options::default()).unwrap());
    let older = rusqlite::Connection::open(path("older.sqlite")).unwrap();
    older.pragma_update(None, "user_version", 1).unwrap();
    drop(older);
    let cases = [
        ("older.sqlite", 1, "format 1"),
        ("text.sqlite", 1, "not a ledger"),
        ("empty.sqlite", 1, "no tables of a ledger"),
        ("newer.sqlite", 1, "format 99"),
        ("missing.sqlite", 4, "there is no file"),
        (".", 2, "is a folder"),
    ];
    for (name, status, part) in cases {
        for command in [&["verify"][..], &["compare", "--rule", "brier"], &["sybil"], &["plot", "--to", &path("out")]] {
            let (found, message) = refused(folder.path(), &[command, &["--ledger", &path(name)]].concat());
            assert_eq!(found, Some(status), "{name}: {message}");
            assert!(message.contains(part) && message.contains(&path(name)), "{name}: {message}");
        }
    }
    assert!(!folder.path().join("out").exists(), "nothing to draw, so nothing is made");
    let (status, message) = refused(folder.path(), &["verify"]);
    assert_eq!(status, Some(2), "{message}");
    assert!(message.contains("several ledgers") && message.contains("--ledger"), "{message}");
}

#[tokio::test]
async fn an_empty_ledger_has_nothing_to_say_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    drop(EventsLedger::open(folder.path().join("one.sqlite"), Options::default()).unwrap());
    for (command, field) in
        [(&["verify"][..], "differences"), (&["compare", "--rule", "brier"], "miners"), (&["sybil"], "pairs")]
    {
        let (status, found) = score(folder.path(), command);
        assert_eq!((status, found[field].as_array().map(Vec::len)), (Some(0), Some(0)), "{found}");
        let text = neuron().arg("score").args(command).env("NEURON_DB_DIRECTORY", folder.path()).output().unwrap();
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(["nothing to", "no two miners"].iter().any(|word| text.contains(word)), "{text}");
    }
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().join("out");
    let to = out.to_str().unwrap();
    let (status, message) = refused(folder.path(), &["plot", "--to", to]);
    assert_eq!((status, out.exists()), (Some(1), false));
    assert!(message.contains("nothing to plot"), "{message}");
    let (status, found) = score(folder.path(), &["export", "--to", to, "--format", "parquet"]);
    assert_eq!((status, found["files"].as_array().map(Vec::len)), (Some(0), Some(5)), "{found}");
    let hotkey = miner(0).hotkey.ss58();
    assert_eq!(refused(folder.path(), &["explain", "--hotkey", &hotkey, "--event", "x"]).0, Some(4));
}

#[tokio::test]
async fn a_ledger_in_use_is_read_and_differences_are_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path()).await;
    let owner = EventsLedger::open(&path, Options::default()).unwrap();
    let event = |n: i64| NewEvent {
        key: format!("new-{n}"),
        provider: "new".into(),
        id: n.to_string(),
        description: "Written while others read".into(),
        opened_at: UnixMs(n),
        cutoff: UnixMs(n + 1000),
        ends_at: None,
        beside: Default::default(),
    };
    // What the owner has not yet moved from its log into the file counts as well.
    owner.upsert_events((0..100).map(event).collect()).await.unwrap();
    let (status, found) = score(folder.path(), &["verify"]);
    assert_eq!((status, found["scores"].as_u64()), (Some(0), Some(180)));
    let copy = folder.path().join("copy");
    let (status, _) = score(folder.path(), &["export", "--to", copy.to_str().unwrap(), "--tables", "ledger"]);
    assert_eq!(status, Some(0));
    let (status, found) = score(folder.path(), &["verify"]);
    assert_eq!(
        (status, found["scores"].as_u64()),
        (Some(0), Some(180)),
        "a copy below the same folder is no second ledger"
    );
    let copied = EventsLedger::open(copy.join("ledger.sqlite"), Options::default()).unwrap();
    assert_eq!(copied.all_events().await.unwrap().len(), 130);
    // Under another rule nearly every score differs: status 1, and still one document.
    let (status, found) =
        score(folder.path(), &["verify", "--ledger", path.to_str().unwrap(), "--scoring.rule", "brier"]);
    assert_eq!(status, Some(1));
    assert!(found["differences"].as_array().unwrap().len() > 150, "{found}");
}

#[tokio::test]
async fn where_nothing_can_be_written_nothing_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let below = file.join("folder");
    for command in ["export", "plot"] {
        let (status, message) = refused(folder.path(), &[command, "--to", below.to_str().unwrap()]);
        assert_eq!(status, Some(1), "{message}");
        assert!(message.contains(below.to_str().unwrap()) && message.contains("--to"), "{message}");
    }
    let outside = tempfile::tempdir().unwrap();
    let to = outside.path().join("full");
    std::fs::create_dir(&to).unwrap();
    // Every byte written to this file is refused as on a full disk.
    std::os::unix::fs::symlink("/dev/full", to.join("scores.csv")).unwrap();
    let (status, message) = refused(folder.path(), &["export", "--to", to.to_str().unwrap(), "--tables", "scores"]);
    assert_eq!(status, Some(1));
    assert!(message.contains("scores.csv") && message.contains("not complete"), "{message}");
    let existing = to.join("ledger.sqlite");
    std::fs::write(&existing, "precious").unwrap();
    let (status, message) = refused(folder.path(), &["export", "--to", to.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    assert!(message.contains("exists") && message.contains("another folder"), "{message}");
    assert_eq!(std::fs::read_to_string(existing).unwrap(), "precious");
    assert!(!to.join("events.csv").exists());
    let (status, message) =
        refused(folder.path(), &["export", "--to", to.to_str().unwrap(), "--tables", "scores,nonsense"]);
    assert_eq!(status, Some(2), "{message}");
}

#[tokio::test]
async fn a_damaged_ledger_is_called_damaged() {
    let damages = [
        ("UPDATE stats SET block = substr(block, 1, length(block) - 3) WHERE rowid = 7", "impossible length"),
        ("UPDATE stats SET block = x'' WHERE rowid = 7", "impossible length"),
        ("PRAGMA foreign_keys = off; DELETE FROM miners WHERE id = 3", "not in the table of miners"),
        ("UPDATE miners SET hotkey = '5nonsense' WHERE id = 3", "miners.hotkey"),
        ("UPDATE events SET state = 'maybe' WHERE id = 3", "`maybe`"),
        ("DROP TABLE scores", "scores"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let whole = ledger(folder.path()).await;
    for (sql, part) in damages {
        let copy = folder.path().join("damaged.sqlite");
        let _ = std::fs::remove_file(&copy);
        let connection = rusqlite::Connection::open(&whole).unwrap();
        connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        rusqlite::Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
        let (status, message) = refused(folder.path(), &["verify", "--ledger", copy.to_str().unwrap()]);
        assert_eq!(status, Some(1), "{sql}: {message}");
        let words = ["damaged.sqlite is damaged or not a ledger", part];
        assert!(words.iter().all(|word| message.contains(word)), "{sql}: {message}");
    }
}
