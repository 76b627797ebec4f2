//! Recorded candles in files, told apart by what is in them.
//!
//! | file | what |
//! |---|---|
//! | `*.csv` with `open_time_ms,open,high,low,close,volume` | candles |
//! | `*.json` with an array of arrays of twelve, or of six | an answer of Binance, of Coinbase |
//! | `*.json` with `result.list`, or `error` and `result` | an answer of Bybit, of Kraken |
//! | `*.json` with such an answer under `body` | the same, recorded with its headers |
//! | `*.taosfs` or `*.bz2` with samples as in [`super::taosfs`] | the reference's history |
//!
//! Each may be compressed (`.gz`).

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

use super::series::{Integrity, Series, step_of};
use super::{Candle, INTERVAL, VENUES, taosfs};
use crate::units::UnixMs;

/// Longest recording read, in bytes after decompression.
const MAX_FILE: u64 = 256 << 20;

/// What one file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// Its candles.
    pub series: Series,
    /// What was wrong with them.
    pub integrity: Integrity,
}

/// Why there are no candles.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder or a file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No file in it is a record of candles.
    #[error("{path} has no recorded five-minute candles; docs/timeseries.md lists the files that can be read")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Every record of five-minute candles in a file or under a folder, longest first. What is something else is left out.
///
/// # Errors
/// [`FileError`].
pub fn load(path: &Path) -> Result<Vec<Recorded>, FileError> {
    let mut paths = Vec::new();
    collect(path, &mut paths)?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(".gz").unwrap_or(name);
        let Some((stem, kind @ ("csv" | "json" | "taosfs" | "bz2"))) = name.rsplit_once('.') else { continue };
        let bytes = read(&path)?;
        let candles = match kind {
            "csv" => of_csv(&bytes),
            "json" => of_json(&bytes),
            _ => of_history(&path, &bytes),
        };
        if step_of(candles.iter().map(|candle| candle.open_at)) != Some(INTERVAL) {
            tracing::debug!(path = %path.display(), "no five-minute candles");
            continue;
        }
        let (series, integrity) = Series::of(stem, candles);
        found.push(Recorded { path, series, integrity });
    }
    found.sort_by_key(|recorded| std::cmp::Reverse(recorded.series.candles().len()));
    if found.iter().all(|recorded| recorded.series.candles().is_empty()) {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    if path.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        collect(&entry.map_err(failed)?.path(), found)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(failed)?.take(MAX_FILE);
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::io::BufReader::new(file).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct Row {
    open_time_ms: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

fn of_csv(text: &[u8]) -> Vec<Candle> {
    let rows = csv::Reader::from_reader(text).into_deserialize::<Row>().filter_map(Result::ok);
    let candle = |row: Row| Candle {
        open_at: UnixMs(row.open_time_ms),
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volume,
    };
    rows.map(candle).collect()
}

/// What is no history, or cannot be made into candles, is told and left out.
fn of_history(path: &Path, bytes: &[u8]) -> Vec<Candle> {
    let found = taosfs::decompress(bytes, MAX_FILE).and_then(|plain| taosfs::decode(&plain));
    found.and_then(|history| history.candles()).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), "left out: {error}");
        Vec::new()
    })
}

fn of_json(text: &[u8]) -> Vec<Candle> {
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return Vec::new() };
    let answer = document.get("body").unwrap_or(&document);
    let Some(name) = shape(answer) else { return Vec::new() };
    let venue = VENUES.iter().find(|venue| venue.name == name);
    let page = venue.and_then(|venue| (venue.read)(answer.to_string().as_bytes()).ok());
    page.map(|page| page.candles).unwrap_or_default()
}

/// Whose answer it is.
fn shape(answer: &Value) -> Option<&'static str> {
    if let Some(rows) = answer.as_array() {
        return match rows.first()?.as_array()?.len() {
            6 => Some("coinbase"),
            12 => Some("binance"),
            _ => None,
        };
    }
    let result = answer.get("result")?;
    if result.get("list").is_some() { Some("bybit") } else { answer.get("error").map(|_| "kraken") }
}

/// Writes candles as CSV of the shape that [`load`] reads.
///
/// # Errors
/// [`FileError::Write`].
pub fn write_csv(path: &Path, candles: &[Candle]) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    let mut file = std::io::BufWriter::new(fs::File::create(path).map_err(failed)?);
    writeln!(file, "open_time_ms,open,high,low,close,volume").map_err(failed)?;
    for Candle { open_at, open, high, low, close, volume } in candles {
        writeln!(file, "{},{open},{high},{low},{close},{volume}", open_at.0).map_err(failed)?;
    }
    file.flush().map_err(failed)
}

/// Writes candles as a history file of the reference, which [`load`] reads as well.
///
/// # Errors
/// [`FileError::Write`].
pub fn write_taosfs(path: &Path, series: &Series) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), source };
    let history = taosfs::History::of(series).map_err(|error| failed(std::io::Error::other(error)))?;
    let file = std::io::BufWriter::new(fs::File::create(path).map_err(failed)?);
    taosfs::write(&history, file).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_other_files_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let series = Series::simulated(3, UnixMs(1_767_225_600_000), 50);
        write_csv(&folder.path().join("long.csv"), series.candles()).unwrap();
        write_csv(&folder.path().join("short.csv"), &series.candles()[..10]).unwrap();
        fs::write(folder.path().join("prices.csv"), "market,date,yes_price\na,2023-01-01,0.5\n").unwrap();
        fs::write(folder.path().join("notes.json"), "{\"a\": [1, 2]}").unwrap();
        let row =
            |c: &Candle| format!("[{},{},{},{},{},{}]", c.open_at.as_secs(), c.low, c.high, c.open, c.close, c.volume);
        let rows: Vec<String> = series.candles()[..20].iter().rev().map(row).collect();
        fs::write(folder.path().join("coinbase.json"), format!("{{\"body\": [{}]}}", rows.join(","))).unwrap();
        let found = load(folder.path()).unwrap();
        let lengths: Vec<usize> = found.iter().map(|recorded| recorded.series.candles().len()).collect();
        assert_eq!(lengths, [50, 20, 10]);
        assert_eq!(found[0].series.candles(), series.candles());
        assert_eq!(found[1].series.candles(), &series.candles()[..20]);
        let history = folder.path().join("history.taosfs");
        write_taosfs(&history, &series).unwrap();
        assert_eq!(load(&history).unwrap()[0].series.candles().len(), 50);
        fs::write(&history, "BZh9 or so").unwrap();
        assert!(load(&history).is_err());
    }

    #[test]
    fn a_folder_without_candles_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    }
}
