//! A page of the book that is made from the code: compared with it, or written anew. The unit tests of the command line,
//! whose pages only they can make, use this file too.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "it is a test's, in the library too")]

use std::fs;
use std::path::Path;

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a page with what the code says, or writes it.
pub fn same(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("NEURON_WRITE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(text.lines()).position(|(a, b)| a != b).unwrap_or(there.lines().count()) + 1;
    assert!(there == text, "{file} differs from the code in line {differs}: NEURON_WRITE_DOCS=1 cargo pages");
}

/// In a cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
