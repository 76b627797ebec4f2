//! Candles on disk: one SQLite file for all sources.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::series::{Integrity, Series};
use super::{Candle, INTERVAL, KlineSource, Span};
use crate::market::MarketError;
use crate::units::UnixMs;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS candles (
    source TEXT NOT NULL, open_at INTEGER NOT NULL,
    open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, volume REAL NOT NULL,
    PRIMARY KEY (source, open_at)
) WITHOUT ROWID";

/// Candles asked for and written at once: what is fetched survives an interruption up to the last such part.
const PART: i64 = 1000;

/// See the module.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

/// What goes wrong with candles on disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file.
    #[error("{path}: {source}; move the file away to start a new store")]
    File {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The folder.
    #[error("{path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The source.
    #[error(transparent)]
    Market(#[from] MarketError),
}

impl Store {
    /// Opens the store at `path`; makes it, and its folder, when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            let failed = |source| StoreError::Folder { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let named = |source| StoreError::File { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, OpenFlags::default()).map_err(named)?;
        let prepare = || {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.execute_batch(TABLE)
        };
        prepare().map_err(named)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn named(&self, source: rusqlite::Error) -> StoreError {
        StoreError::File { path: self.path.clone(), source }
    }

    /// Adds candles of `source` in one transaction; newer knowledge of a time replaces the older.
    ///
    /// # Errors
    /// [`StoreError::File`]: nothing was added.
    pub fn add(&mut self, source: &str, candles: &[Candle]) -> Result<(), StoreError> {
        let mut write = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR REPLACE INTO candles VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
                for c in candles.iter().filter(|candle| candle.is_sound()) {
                    insert.execute(params![source, c.open_at.0, c.open, c.high, c.low, c.close, c.volume])?;
                }
            }
            transaction.commit()
        };
        write().map_err(|source| StoreError::File { path: self.path.clone(), source })
    }

    /// The sources that have candles here.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn sources(&self) -> Result<Vec<String>, StoreError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut query = self.connection.prepare("SELECT DISTINCT source FROM candles ORDER BY source")?;
            query.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(|e| self.named(e))
    }

    /// The candles of `source`, with what is wrong with them.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn series(&self, source: &str) -> Result<(Series, Integrity), StoreError> {
        let read = || -> rusqlite::Result<Vec<Candle>> {
            let mut query = self.connection.prepare_cached(
                "SELECT open_at, open, high, low, close, volume FROM candles WHERE source = ?1 ORDER BY open_at",
            )?;
            let candle = |row: &rusqlite::Row<'_>| {
                Ok(Candle {
                    open_at: UnixMs(row.get(0)?),
                    open: row.get(1)?,
                    high: row.get(2)?,
                    low: row.get(3)?,
                    close: row.get(4)?,
                    volume: row.get(5)?,
                })
            };
            query.query_map([source], candle)?.collect()
        };
        let candles = read().map_err(|e| self.named(e))?;
        Ok(Series::of(source, candles))
    }

    /// Fetches what is missing of `span` and adds it, part by part; `watch` is told the share that is done, `0.0..=1.0`.
    /// The number of candles added.
    ///
    /// # Errors
    /// The source's, or the file's; what came before is kept.
    pub async fn backfill(
        &mut self,
        source: &dyn KlineSource,
        span: Span,
        mut watch: impl FnMut(f64),
    ) -> Result<usize, StoreError> {
        let parts: Vec<Span> = self.missing(source.name(), span)?.into_iter().flat_map(in_parts).collect();
        let total = parts.iter().map(Span::count).sum::<usize>().max(1);
        let (mut done, mut added) = (0, 0);
        for part in parts {
            let candles = source.candles(part).await?;
            self.add(source.name(), &candles)?;
            added += candles.len();
            done += part.count();
            watch(done as f64 / total as f64);
        }
        Ok(added)
    }

    /// The parts of `span` that are not here.
    fn missing(&self, source: &str, span: Span) -> Result<Vec<Span>, StoreError> {
        let (series, _) = self.series(source)?;
        let mut missing = Vec::new();
        let mut from = INTERVAL.floor(span.from);
        for candle in series.within(span) {
            if candle.open_at > from {
                missing.push(Span { from, until: candle.open_at });
            }
            from = candle.closes_at();
        }
        if from < span.until {
            missing.push(Span { from, until: span.until });
        }
        Ok(missing)
    }
}

fn in_parts(span: Span) -> Vec<Span> {
    let step = PART * INTERVAL.ms();
    let starts = std::iter::successors(Some(span.from), |from| Some(from.plus_ms(step)));
    let starts = starts.take_while(|from| *from < span.until);
    starts.map(|from| Span { from, until: span.until.min(from.plus_ms(step)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMs = UnixMs(1_767_225_600_000);

    #[tokio::test]
    async fn only_what_is_missing_is_fetched_and_gaps_are_mended() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("sub/klines.sqlite")).unwrap();
        let world = Series::simulated(2, START, 2500);
        let holes: Vec<Candle> = world.candles().iter().filter(|c| c.open_at.0 % 7 != 0).copied().collect();
        store.add("recorded", &holes).unwrap();
        let (before, integrity) = store.series("recorded").unwrap();
        assert!(integrity.missing > 0 && before.candles().len() == holes.len());
        let mut shares = Vec::new();
        let added = store.backfill(&world, world.span().unwrap(), |share| shares.push(share)).await.unwrap();
        assert_eq!(added, world.candles().len() - holes.len());
        assert!(shares.is_sorted() && (shares.last().unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(store.series("recorded").unwrap().0.candles(), world.candles());
        assert_eq!(store.backfill(&world, world.span().unwrap(), |_| ()).await.unwrap(), 0);
        assert_eq!(store.sources().unwrap(), ["recorded"]);
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("klines.sqlite");
        std::fs::write(&path, "this is no database, and long enough to be sure of it").unwrap();
        let error = Store::open(&path).unwrap_err().to_string();
        assert!(error.contains("klines.sqlite"), "{error}");
    }
}
