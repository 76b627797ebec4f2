//! The plan of the house stays true: a room uses only rooms of a lower level.

use std::fs;
use std::path::{Path, PathBuf};

/// The level of each room; a room may use itself, `units`, and what is strictly lower.
const LEVELS: &[(&str, u8)] = &[
    ("units", 0),
    ("clock", 0),
    ("config", 1),
    ("telemetry", 1),
    ("wallet", 1),
    ("scoring", 1),
    ("yuma", 1),
    ("timelock", 1),
    ("synapse", 2),
    ("axon", 3),
    ("dendrite", 3),
    ("subtensor", 3),
    ("market", 3),
    ("ledger", 3),
    ("forecast", 4),
    ("lake", 4),
    ("subnets", 5),
    ("role", 6),
    ("report", 6),
    ("gateway", 6),
    ("update", 6),
    ("localnet", 6),
    ("dashboard", 7),
    ("storefront", 7),
    ("demo", 7),
    ("cli", 8),
];

/// The commands that are a kind of work's own, with what is behind them: they may name it.
const OWN_TO_A_KIND: [&str; 6] =
    ["cli/forecast", "cli/score", "cli/market_record.rs", "cli/market_sim.rs", "cli/query", "report"];

pub fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

/// Every source file, by its path below `src`, with its text.
pub fn house() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let inside = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        (file.strip_prefix(&root).unwrap().to_path_buf(), text)
    };
    files.into_iter().map(inside).collect()
}

pub fn room_of(file: &Path) -> String {
    file.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The rooms named by `crate::room` in a source text, comments left out.
pub fn used_rooms(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let grouped = part.strip_prefix('{').and_then(|rest| rest.split('}').next());
            let names = grouped.unwrap_or(part);
            for name in names.split(if grouped.is_some() { ',' } else { '\0' }) {
                let room: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                rooms.push(room);
            }
        }
    }
    rooms
}

#[test]
fn imports_run_downwards() {
    let mut upward = Vec::new();
    let mut seen = 0;
    for (file, text) in house() {
        let room = room_of(&file);
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        let own = level(&room).unwrap_or_else(|| panic!("the room `{room}` has no level: {}", file.display()));
        for used in used_rooms(&text) {
            let Some(theirs) = level(&used) else { continue };
            seen += 1;
            if used != room && used != "units" && theirs >= own {
                upward.push(format!("{}: uses crate::{used} (level {theirs}) from level {own}", file.display()));
            }
        }
    }
    assert!(seen > 0, "no import was recognised: the test is blind");
    assert!(upward.is_empty(), "upward arrows:\n{}", upward.join("\n"));
}

/// What a text names of the folders of kinds of work: as a path, or as a word in a text.
fn named_kinds(text: &str, kinds: &[String], words_too: bool) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let of_code = code.join("\n");
    let names = |kind: &&String| {
        let path = of_code.match_indices(kind.as_str()).any(|(at, _)| {
            let before = of_code[..at].trim_end_matches(['{', ' ', '\n', ',']);
            let after = &of_code[at + kind.len()..];
            (before.ends_with("subnets::") || before.ends_with("super::"))
                && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        });
        path || words_too && of_code.contains(&format!("\"{kind}\""))
    };
    kinds.iter().filter(names).cloned().collect()
}

#[test]
fn only_the_registry_names_the_kinds_of_work() {
    let kinds: Vec<String> = neuron::subnets::registry::KINDS.iter().map(|kind| kind.name.to_owned()).collect();
    let folders: Vec<String> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/subnets"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(
        kinds.len() == folders.len() && folders.iter().all(|folder| kinds.contains(folder)),
        "{kinds:?} {folders:?}"
    );
    let mut naming = Vec::new();
    for (file, text) in house() {
        let room = room_of(&file);
        let above = ["role", "report", "dashboard", "demo", "cli"].contains(&room.as_str());
        // `--events` is a flag of the demonstration; elsewhere the word is the kind.
        let words = room != "cli";
        let at_home = file.starts_with("subnets") && file.components().count() > 2;
        let seam =
            file.starts_with("subnets") && !at_home && !file.ends_with("registry.rs") && !file.ends_with("mod.rs");
        let own = OWN_TO_A_KIND.iter().any(|own| file.starts_with(own));
        // `//!` pages aside, tests of a room may play with a kind.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        if (above && !own) || seam {
            naming.extend(
                named_kinds(text, &kinds, words).into_iter().map(|kind| format!("{} names {kind}", file.display())),
            );
        }
    }
    assert!(naming.is_empty(), "{}", naming.join("\n"));
    let registry = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/subnets/registry.rs")).unwrap();
    assert!(kinds.iter().all(|kind| registry.contains(&format!("{kind}::KIND"))), "the test is blind");
}

#[test]
fn a_kind_is_seen_in_paths_and_in_texts() {
    let kinds = ["tides".to_owned()];
    for naming in ["use crate::subnets::tides::Moon;", "use super::{tides, other};", "let x = \"tides\";"] {
        assert_eq!(named_kinds(naming, &kinds, true), ["tides"], "{naming}");
    }
    for innocent in ["// crate::subnets::tides", "let tides = 3;", "use crate::subnets::tidesman;"] {
        assert!(named_kinds(innocent, &kinds, true).is_empty(), "{innocent}");
    }
}

#[test]
fn the_tour_stops_in_every_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let page = fs::read_to_string(root.join("lib.rs")).unwrap();
    let tour = fs::read_to_string(root.join("tour.md")).unwrap();
    let mut rooms: Vec<String> = house().iter().map(|(file, _)| room_of(file)).collect();
    rooms.retain(|room| !["lib", "main"].contains(&room.as_str()));
    rooms.dedup();
    for room in rooms {
        let (_, stop) = tour.split_once(&format!("## `{room}`: ")).unwrap_or_else(|| panic!("no stop in `{room}`"));
        let stop = stop.split("\n## ").next().unwrap();
        let shows = match room.as_str() {
            "cli" => stop.contains("```console\n$ neuron "),
            _ => stop.contains("\n```\n") && stop.contains("assert"),
        };
        assert!(shows, "the example of `{room}` shows nothing");
        let line = format!("| {} |", level(&room).unwrap());
        let table = page.lines().find(|text| text.contains(&line)).unwrap();
        assert!(table.contains(&format!("[`{room}`]")), "the table of rooms does not have `{room}`");
    }
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    assert_eq!(
        used_rooms("use crate::{units::A, clock};\n// crate::role\nlet x = crate::axon::y();"),
        ["units", "clock", "axon"]
    );
}

/// The runner of `outside.rs` does not see `#[test]`: such a test would vanish without a word.
#[test]
fn every_test_has_a_runner() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some("rs") = path.extension().and_then(|e| e.to_str()) else { continue };
        let text = fs::read_to_string(&path).unwrap();
        let is_attributed = text.lines().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
        let module = path.file_stem().unwrap().to_str().unwrap();
        assert!(!is_attributed || main.contains(&format!("mod {module};")), "{module} has a #[test] that nobody runs");
        assert!(!text.contains("SKIP\u{50}ED"), "{module} skips without being counted");
    }
}
