//! The history files of the subnet's reference: samples of features at equal distances, compressed by bzip2.
//!
//! `TaoshiFS`, a version (1), the number of features, for each its id and the number of its type, the time of the first
//! sample and the distance of two in milliseconds; then row by row one number per feature. Everything is little-endian, every
//! number a 32-bit float. A sample at time t is what was known then: the candle that closed last.

use std::io::{Read, Write};

use bzip2::Compression;
use bzip2::bufread::MultiBzDecoder;
use bzip2::write::BzEncoder;

use super::samples::{Gap, NoFirst, Times};
use super::series::Series;
use super::{Candle, INTERVAL};
use crate::units::UnixMs;

const MAGIC: &[u8; 8] = b"TaoshiFS";
const VERSION: u8 = 1;
/// The reference's number of the type of 32-bit floats.
const FLOAT32: u8 = 11;
/// Most features of a file: more is none of the reference's.
const MOST_FEATURES: usize = 1024;
/// The end of the year 9999, ms.
const LATEST_MS: i64 = 253_402_300_799_999;

/// The close of BTC/USD.
pub const CLOSE: u32 = 101_001;
/// Its highest price.
pub const HIGH: u32 = 101_002;
/// Its lowest price.
pub const LOW: u32 = 101_003;
/// Its volume.
pub const VOLUME: u32 = 101_004;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The time of the first sample.
    pub start: UnixMs,
    /// Between two samples, ms.
    pub interval_ms: u64,
    /// The ids of the features, in the order of the numbers of a row.
    pub features: Vec<u32>,
    /// The samples, one row after the other.
    pub samples: Vec<f32>,
}

/// Why a file is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is not compressed as it should be, or too long.
    #[error("it cannot be decompressed: {0}")]
    Compressed(std::io::Error),
    /// It is something else.
    #[error("it is not a history file: {0}")]
    Malformed(&'static str),
    /// It has no price to make candles of.
    #[error("it has no closes (feature {CLOSE})")]
    NoCloses,
    /// There are no candles to write.
    #[error(transparent)]
    NoFirst(#[from] NoFirst),
}

impl History {
    /// Close, high, low and volume of every candle of `series`; a gap repeats the sample before.
    ///
    /// # Errors
    /// [`HistoryError::NoFirst`]: there is no candle.
    pub fn of(series: &Series) -> Result<Self, HistoryError> {
        let start = series.span().map_or(UnixMs(0), |span| INTERVAL.next(span.from));
        let count = series.span().map_or(0, |span| span.count());
        let samples = Times::candles(start, count).sample(series.candles(), Gap::Before)?;
        if samples.is_empty() {
            return Err(NoFirst(start).into());
        }
        Ok(Self {
            start,
            interval_ms: INTERVAL.ms().unsigned_abs(),
            features: vec![CLOSE, HIGH, LOW, VOLUME],
            samples: samples.iter().flat_map(|c| [c.close, c.high, c.low, c.volume].map(|x| x as f32)).collect(),
        })
    }

    /// The candles that the samples were taken of; what the file does not say of them is taken from the close, the open from
    /// the close before.
    ///
    /// # Errors
    /// [`HistoryError::NoCloses`].
    pub fn candles(&self) -> Result<Vec<Candle>, HistoryError> {
        let place = |id: u32| self.features.iter().position(|feature| *feature == id);
        let close = place(CLOSE).ok_or(HistoryError::NoCloses)?;
        let (high, low, volume) = (place(HIGH), place(LOW), place(VOLUME));
        let mut before = None;
        let candle = |(index, row): (usize, &[f32])| {
            let value = |place: Option<usize>| place.and_then(|place| row.get(place)).map(|value| f64::from(*value));
            let close = value(Some(close)).unwrap_or(0.0);
            let open = before.replace(close).unwrap_or(close);
            let at = self.start.plus_ms(
                i64::try_from((index as u64).saturating_mul(self.interval_ms)).unwrap_or(LATEST_MS).min(LATEST_MS),
            );
            Candle {
                open_at: INTERVAL.previous(at),
                open,
                // The open is not in the file, and may lie beside what is.
                high: value(high).unwrap_or(close).max(open),
                low: value(low).unwrap_or(close).min(open),
                close,
                volume: value(volume).unwrap_or(0.0),
            }
        };
        Ok(self.samples.chunks_exact(self.features.len().max(1)).enumerate().map(candle).collect())
    }
}

/// The bytes of a history, uncompressed.
#[must_use]
pub fn encode(history: &History) -> Vec<u8> {
    let features = u16::try_from(history.features.len()).unwrap_or(u16::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend(features.to_le_bytes());
    for feature in history.features.iter().take(usize::from(features)) {
        bytes.extend(feature.to_le_bytes());
        bytes.push(FLOAT32);
    }
    bytes.extend(history.start.0.to_le_bytes());
    bytes.extend(history.interval_ms.to_le_bytes());
    bytes.extend(history.samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// The history in uncompressed bytes; a last row that is not whole is left out.
///
/// # Errors
/// [`HistoryError::Malformed`].
pub fn decode(bytes: &[u8]) -> Result<History, HistoryError> {
    let mut rest = bytes;
    if take(&mut rest)? != *MAGIC {
        return Err(HistoryError::Malformed("it does not begin with TaoshiFS"));
    }
    if take::<1>(&mut rest)? != [VERSION] {
        return Err(HistoryError::Malformed("another version than 1"));
    }
    let count = usize::from(u16::from_le_bytes(take(&mut rest)?));
    if !(1..=MOST_FEATURES).contains(&count) {
        return Err(HistoryError::Malformed("it has no features, or too many"));
    }
    let mut features = Vec::with_capacity(count);
    for _ in 0..count {
        features.push(u32::from_le_bytes(take(&mut rest)?));
        if take::<1>(&mut rest)? != [FLOAT32] {
            return Err(HistoryError::Malformed("its numbers are not 32-bit floats"));
        }
    }
    let start = UnixMs(i64::from_le_bytes(take(&mut rest)?));
    let interval_ms = u64::from_le_bytes(take(&mut rest)?);
    if !(0..=LATEST_MS).contains(&start.0) || !(1..=LATEST_MS.unsigned_abs()).contains(&interval_ms) {
        return Err(HistoryError::Malformed("its time is beyond the calendar"));
    }
    let (numbers, _) = rest.as_chunks::<4>();
    let mut samples: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    samples.truncate(samples.len() / count * count);
    Ok(History { start, interval_ms, features, samples })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HistoryError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(HistoryError::Malformed("it ends too early"))?;
    *rest = tail;
    Ok(*head)
}

/// What was compressed by bzip2, up to `most` bytes.
///
/// # Errors
/// [`HistoryError::Compressed`].
pub fn decompress(bytes: &[u8], most: u64) -> Result<Vec<u8>, HistoryError> {
    let mut plain = Vec::new();
    MultiBzDecoder::new(bytes).take(most).read_to_end(&mut plain).map_err(HistoryError::Compressed)?;
    Ok(plain)
}

/// Writes a history as the reference's files are.
///
/// # Errors
/// Those of `to`.
pub fn write(history: &History, to: impl Write) -> std::io::Result<()> {
    let mut encoder = BzEncoder::new(to, Compression::best());
    encoder.write_all(&encode(history))?;
    encoder.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn candles_survive_as_far_as_the_file_holds_them() {
        let series = Series::simulated(6, UnixMs(1_767_225_600_000), 300);
        let mut file = Vec::new();
        write(&History::of(&series).unwrap(), &mut file).unwrap();
        let history = decode(&decompress(&file, 1 << 20).unwrap()).unwrap();
        let candles = history.candles().unwrap();
        assert_eq!(candles.len(), 300);
        for (read, was) in candles.iter().zip(series.candles()) {
            assert_eq!(
                (read.open_at, read.close as f32, read.volume as f32),
                (was.open_at, was.close as f32, was.volume as f32)
            );
            assert!(read.is_sound(), "{read:?}");
        }
        assert!(decompress(&file, 10).unwrap().len() == 10, "no bomb");
        assert!(matches!(History::of(&Series::default()), Err(HistoryError::NoFirst(_))));
        let no_price = History { features: vec![VOLUME], ..history };
        assert!(matches!(no_price.candles(), Err(HistoryError::NoCloses)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_history_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), head: bool) {
            let bytes = if head { [MAGIC.as_slice(), &[1, 1, 0], &bytes].concat() } else { bytes };
            if let Ok(history) = decode(&bytes) {
                let _ = history.candles();
                prop_assert_eq!(decode(&encode(&history)).map(|again| again.features).ok(), Some(history.features));
            }
            let _ = decompress(&bytes, 1000);
        }
    }
}
