//! Finds recordings in a folder, and tells their shapes apart by what is in them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::recordings::Reading;
use super::table::Table;
use super::{Tape, TapeError, zst};

/// Longest recording read, in bytes after decompression; a longer one is cut, and its last line is a bad row.
const MAX_FILE: u64 = 256 << 20;

/// Reads every recording under `folder`, sub-folders included, or the one file that it is. Rows and files that make no sense are counted, never
/// an error. Blocking, and slow for large folders.
///
/// # Errors
/// [`TapeError`] when the folder or a file cannot be read, or nothing in it is a market.
pub fn load(folder: &Path) -> Result<Tape, TapeError> {
    let mut paths = Vec::new();
    if folder.is_file() {
        paths.push(folder.to_owned());
    } else {
        collect(folder, &mut paths)?;
    }
    paths.sort();
    let mut reading = Reading::default();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
        let Some((_, kind @ ("csv" | "json" | "jsonl"))) = name.rsplit_once('.') else { continue };
        let text = read(&path)?;
        let known = match kind {
            "csv" => Table::parse(&text).is_some_and(|table| reading.take_table(&table)),
            "json" => reading.take_document(&text),
            _ => reading.take_lines(&text),
        };
        if !known {
            tracing::debug!(path = %path.display(), "not a recording of markets");
            reading.unusable.unknown_files += 1;
        }
    }
    let tape = reading.finish();
    if tape.markets().is_empty() {
        return Err(TapeError::Empty { path: folder.to_owned() });
    }
    tracing::info!(folder = %folder.display(), markets = tape.markets().len(), unusable = ?tape.unusable(), "recording loaded");
    Ok(tape)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), TapeError> {
    let failed = |source| TapeError::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            collect(&entry.path(), paths)?;
        } else {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// The text of a recording, unpacked. One that breaks off is read up to there.
pub(super) fn read(path: &Path) -> Result<String, TapeError> {
    let failed = |source| TapeError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            MultiGzDecoder::new(file).take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        }
        Some(zst::EXTENSION) => {
            let found = zst::unpack(file, MAX_FILE);
            if let Some(why) = found.broken {
                tracing::warn!(path = %path.display(), bytes = found.bytes.len(), "a recording is cut off ({why}); it \
                                                                                   is read up to there");
            }
            bytes = found.bytes;
        }
        _ => {
            file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
