//! The rounds of a validator as an offline run of Weights & Biases: a folder as its own client leaves it behind, written here
//! and uploaded by nobody, unless a person runs `wandb sync` on it.
//!
//! `offline-run-DATE-ID/run-ID.wandb` is a log of protobuf messages (`wandb_internal.proto`) in the framing of LevelDB's log,
//! with CRC-32 over type and data where LevelDB has CRC-32C. `files/wandb-summary.json` holds the last numbers.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::subnets::work::WorkError;
use crate::units::UnixMs;

/// `:W&B`, a number of theirs, version 0.
const HEADER: [u8; 7] = *b":W&B\xe1\xbe\0";
const BLOCK: usize = 32 * 1024;
const RECORD_HEAD: usize = 7;
const PROJECT: &str = "prompting";

/// An open run.
#[derive(Debug)]
pub(super) struct WandbRun {
    folder: PathBuf,
    started: UnixMs,
    log: Mutex<Log<File>>,
}

impl WandbRun {
    /// Begins a run in a folder of its own below `parent`.
    ///
    /// # Errors
    /// [`WorkError::Setting`]: it cannot be made.
    pub(super) fn begin(parent: &Path, config: &Map<String, Value>, started: UnixMs) -> Result<Self, WorkError> {
        Self::made(parent, config, started)
            .map_err(|e| WorkError::Setting(format!("`prompting.wandb` {}: {e}", parent.display())))
    }

    fn made(parent: &Path, config: &Map<String, Value>, started: UnixMs) -> io::Result<Self> {
        let id: String = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
        let date = jiff::Timestamp::from_millisecond(started.0).unwrap_or_default().strftime("%Y%m%d_%H%M%S");
        let folder = parent.join(format!("offline-run-{date}-{id}"));
        fs::create_dir_all(folder.join("files"))?;
        let mut log = Log::begin(File::create_new(folder.join(format!("run-{id}.wandb")))?)?;
        let version = Message::default().text(1, concat!("neuron ", env!("CARGO_PKG_VERSION")));
        log.record(21, &Message::default().message(1, &version))?;
        let start = Message::default().number(1, seconds(started)).number(2, started.0.rem_euclid(1000) * 1_000_000);
        let said = config.iter().fold(Message::default(), |message, item| message.message(1, &Message::item(item)));
        let run = Message::default().text(1, &id).text(3, PROJECT).message(4, &said).text(7, "validator");
        log.record(17, &run.message(17, &start))?;
        Ok(Self { folder, started, log: Mutex::new(log) })
    }

    /// Appends what is known of one step. A run that cannot be written costs no question.
    pub(super) fn step(&self, at: UnixMs, line: &Value) {
        let Value::Object(line) = line else { return };
        if let Err(error) = self.written(at, line) {
            tracing::warn!("{}: {error}; this question was not written", self.folder.display());
        }
    }

    fn log(&self) -> MutexGuard<'_, Log<File>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written(&self, at: UnixMs, line: &Map<String, Value>) -> io::Result<()> {
        let mut log = self.log();
        let mut line = line.clone();
        let step = log.steps;
        line.insert("_step".to_owned(), step.into());
        line.insert("_timestamp".to_owned(), json!(at.0 as f64 / 1000.0));
        line.insert("_runtime".to_owned(), json!((at.0 - self.started.0) as f64 / 1000.0));
        let items = line.iter().fold(Message::default(), |message, item| message.message(1, &Message::item(item)));
        log.record(2, &items.message(2, &Message::default().number(1, step)))?;
        log.steps += 1;
        // Lists and texts have no last number.
        let last: Map<String, Value> = line.into_iter().filter(|(_, value)| value.is_number()).collect();
        let update = last.iter().fold(Message::default(), |message, item| message.message(1, &Message::item(item)));
        log.record(3, &update)?;
        // Whoever reads it meanwhile sees the numbers before or those after; `files` holds nothing else.
        let beside = self.folder.join("summary.new");
        fs::write(&beside, Value::Object(last).to_string())?;
        fs::rename(beside, self.folder.join("files/wandb-summary.json"))
    }
}

impl Drop for WandbRun {
    fn drop(&mut self) {
        // Without it the run counts as broken off, which is what it then is.
        let _ = self.log().record(18, &Message::default().number(1, 0));
    }
}

const fn seconds(at: UnixMs) -> i64 {
    at.0.div_euclid(1000)
}

/// A protobuf message, as far as it is needed here.
#[derive(Debug, Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// An item of a history, a summary or a config: its name, and its value as JSON.
    fn item((key, value): (&String, &Value)) -> Self {
        Self::default().text(1, key).text(16, &value.to_string())
    }
}

/// The framing: records in blocks of 32 KiB, cut where a block ends.
#[derive(Debug)]
struct Log<W> {
    file: W,
    at: usize,
    records: i64,
    steps: i64,
}

impl<W: Write> Log<W> {
    fn begin(mut file: W) -> io::Result<Self> {
        file.write_all(&HEADER)?;
        Ok(Self { file, at: HEADER.len(), records: 0, steps: 0 })
    }

    /// Appends a record that has `content` in `field`.
    fn record(&mut self, field: u64, content: &Message) -> io::Result<()> {
        let Message(data) = Message::default().number(1, self.records).message(field, content);
        let mut framed = Vec::with_capacity(data.len() + RECORD_HEAD);
        let (mut rest, mut first, mut at) = (data.as_slice(), true, self.at);
        loop {
            let mut room = BLOCK - at % BLOCK;
            if room < RECORD_HEAD {
                framed.extend(std::iter::repeat_n(0, room));
                at += room;
                room = BLOCK;
            }
            let (part, behind) = rest.split_at(rest.len().min(room - RECORD_HEAD));
            let kind: u8 = match (first, behind.is_empty()) {
                (true, true) => 1,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            let mut crc = flate2::Crc::new();
            crc.update(&[kind]);
            crc.update(part);
            framed.extend(crc.sum().to_le_bytes());
            framed.extend((part.len() as u16).to_le_bytes());
            framed.push(kind);
            framed.extend_from_slice(part);
            at += RECORD_HEAD + part.len();
            (rest, first) = (behind, false);
            if rest.is_empty() {
                break;
            }
        }
        // One write: what a reader finds is whole, unless the disk is full.
        self.file.write_all(&framed)?;
        self.file.flush()?;
        (self.at, self.records) = (at, self.records + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a log, read as LevelDB's description has it.
    fn read(mut log: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(&log[..7], HEADER);
        let (mut at, mut records, mut open) = (7, Vec::new(), None::<Vec<u8>>);
        log = &log[7..];
        while !log.is_empty() {
            let room = BLOCK - at % BLOCK;
            if room < RECORD_HEAD {
                assert!(log[..room].iter().all(|byte| *byte == 0));
                (log, at) = (&log[room..], at + room);
                continue;
            }
            let length = usize::from(u16::from_le_bytes([log[4], log[5]]));
            let kind = log[6];
            let mut crc = flate2::Crc::new();
            crc.update(&log[6..7 + length]);
            assert_eq!(crc.sum().to_le_bytes(), log[..4], "kind {kind} at {at}");
            // The first part of a record may be empty, where just its head had room.
            assert_eq!(open.is_none(), matches!(kind, 1 | 2), "kind {kind}");
            open.get_or_insert_default().extend_from_slice(&log[7..7 + length]);
            if matches!(kind, 1 | 4) {
                records.extend(open.take());
            }
            (log, at) = (&log[7 + length..], at + 7 + length);
        }
        records
    }

    #[test]
    fn records_of_every_length_survive_the_ends_of_blocks() {
        let mut log = Log::begin(Vec::new()).unwrap();
        let lengths = [0, 1, 100, BLOCK - 140, 5, 1, BLOCK, 3 * BLOCK, 32_751, 2 * BLOCK - 7, 11];
        for length in lengths {
            log.record(2, &Message(vec![7; length])).unwrap();
        }
        let records = read(&log.file);
        assert_eq!(records.len(), lengths.len());
        for (number, (record, length)) in records.iter().zip(lengths).enumerate() {
            let wanted = Message::default().number(1, number as i64).bytes(2, &vec![7; length]);
            assert_eq!(record, &wanted.0, "{length}");
        }
        // Every place in a block where a record may begin.
        for before in BLOCK - 60..BLOCK {
            let mut log = Log { file: HEADER.to_vec(), at: 7, records: 0, steps: 0 };
            log.record(2, &Message(vec![1; before])).unwrap();
            log.record(2, &Message(vec![2; 3])).unwrap();
            assert_eq!(read(&log.file).len(), 2, "{before}");
        }
    }

    #[test]
    fn a_message_is_as_the_format_says() {
        let message = Message::default().number(1, 150).text(2, "testing").number(3, -1);
        assert_eq!(hex::encode(message.0), "089601120774657374696e6718ffffffffffffffffff01");
    }

    #[test]
    fn a_run_is_a_folder_with_its_log_and_its_last_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let config: Map<String, Value> = [("alpha".to_owned(), 0.1.into())].into_iter().collect();
        let started = UnixMs(1_767_225_600_500);
        let run = WandbRun::begin(folder.path(), &config, started).unwrap();
        run.step(started.plus_ms(1000), &json!({ "task": "qa", "step_time": 0.5, "rewards": [0.25, 0.75] }));
        run.step(started.plus_ms(2000), &json!({ "task": "math", "step_time": 0.75, "rewards": [1.0] }));
        let inside = run.folder.clone();
        drop(run);
        let name = inside.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with("offline-run-20260101_000000-"), "{name}");
        let log = fs::read(inside.join(format!("run-{}.wandb", name.rsplit('-').next().unwrap()))).unwrap();
        assert_eq!(read(&log).len(), 7, "header, run, two steps with their summaries, exit");
        let summary: Value =
            serde_json::from_str(&fs::read_to_string(inside.join("files/wandb-summary.json")).unwrap()).unwrap();
        let wanted = json!({ "step_time": 0.75, "_step": 1, "_timestamp": 1_767_225_602.5, "_runtime": 2.0 });
        assert_eq!(summary, wanted);
    }

    #[test]
    fn a_summary_is_whole_whenever_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let run = WandbRun::begin(folder.path(), &Map::new(), UnixMs(0)).unwrap();
        let (summary, begin) = (run.folder.join("files/wandb-summary.json"), json!({ "step_time": 0.5 }));
        run.step(UnixMs(1000), &begin);
        std::thread::scope(|scope| {
            let steps = scope.spawn(|| (0..2000).for_each(|n| run.step(UnixMs(1000 + n), &begin)));
            while !steps.is_finished() {
                let text = fs::read_to_string(&summary).unwrap();
                assert!(serde_json::from_str::<Value>(&text).is_ok(), "`{text}`");
            }
        });
    }
}
