//! What several tests need.

use std::path::{Path, PathBuf};

/// The folder of golden vectors and peers beside the project, or `None` with a loud word that the test skips.
#[expect(dead_code, reason = "used as the tests that need the vectors arrive")]
pub fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(part);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not here; this test proved nothing", path.display());
    None
}
