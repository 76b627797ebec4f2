//! The plan of the house stays true: a room uses only rooms of a lower level.

use std::fs;
use std::path::{Path, PathBuf};

/// The level of each room; a room may use itself, `units`, and what is strictly lower.
const LEVELS: [(&str, u8); 18] = [
    ("units", 0),
    ("clock", 0),
    ("config", 1),
    ("telemetry", 1),
    ("wallet", 1),
    ("scoring", 1),
    ("synapse", 2),
    ("axon", 3),
    ("dendrite", 3),
    ("subtensor", 3),
    ("market", 3),
    ("ledger", 3),
    ("forecast", 4),
    ("subnets", 5),
    ("role", 6),
    ("localnet", 6),
    ("demo", 7),
    ("cli", 8),
];

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
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
fn used_rooms(text: &str) -> Vec<String> {
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut upward = Vec::new();
    let mut seen = 0;
    for file in &files {
        let inside = file.strip_prefix(&root).unwrap();
        let room = inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some(own) = level(&room) else { continue };
        for used in used_rooms(&fs::read_to_string(file).unwrap()) {
            let Some(theirs) = level(&used) else { continue };
            seen += 1;
            if used != room && used != "units" && theirs >= own {
                upward.push(format!("{}: uses crate::{used} (level {theirs}) from level {own}", inside.display()));
            }
        }
    }
    assert!(seen > 0, "no import was recognised: the test is blind");
    assert!(upward.is_empty(), "upward arrows:\n{}", upward.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    assert_eq!(
        used_rooms("use crate::{units::A, clock};\n// crate::role\nlet x = crate::axon::y();"),
        ["units", "clock", "axon"]
    );
}
