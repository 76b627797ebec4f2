//! The files of a recording, one after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::TapeError;
use super::zst;
use crate::units::{UnixMs, millis};

/// When a recording goes on in another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file that has so many bytes, compressed, is full.
    pub bytes: u64,
    /// A file is written for so long.
    pub every: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { bytes: 64 << 20, every: Duration::from_secs(86_400) }
    }
}

/// Appends frames of lines to `20260207T000000Z.jsonl.zst`, named by when it was begun, and begins another file in time.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    rotation: Rotation,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    bytes: u64,
    begun: UnixMs,
}

impl Files {
    /// Into `folder`; the first write begins a file, whatever is there: behind the torn end of a file that a killed process
    /// left nothing could be read.
    pub(super) const fn new(folder: PathBuf, rotation: Rotation) -> Self {
        Self { folder, rotation, current: None }
    }

    /// Whether the next write begins a file.
    pub(super) fn begins(&self, now: UnixMs) -> bool {
        let every = millis(self.rotation.every);
        self.current.as_ref().is_none_or(|it| {
            // A clock that was set back begins a file too: names are in the order of time.
            it.bytes >= self.rotation.bytes || now.since(it.begun) >= every || now < it.begun
        })
    }

    /// Appends `text`, whole lines, as one frame, which is on its way to the disk when this returns.
    pub(super) async fn append(&mut self, text: &str, now: UnixMs) -> Result<(), TapeError> {
        if self.begins(now) {
            self.current = Some(begin(&self.folder, now).await?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let frame = zst::frame(text.as_bytes());
        let written = async {
            current.file.write_all(&frame).await?;
            current.file.flush().await
        };
        if let Err(source) = written.await {
            let path = current.path.clone();
            // Half a frame may be there: nothing may come behind it.
            self.current = None;
            return Err(TapeError::Write { path, source });
        }
        current.bytes += frame.len() as u64;
        Ok(())
    }
}

/// A file that was not there.
async fn begin(folder: &Path, now: UnixMs) -> Result<Current, TapeError> {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let name = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut copy = 0_u32;
    loop {
        let number = if copy == 0 { String::new() } else { format!("-{copy:04}") };
        let path = folder.join(format!("{name}{number}.jsonl.{}", zst::EXTENSION));
        match OpenOptions::new().create_new(true).append(true).open(&path).await {
            Ok(file) => return Ok(Current { file, path, bytes: 0, begun: now }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && copy < 9999 => copy += 1,
            Err(source) => return Err(TapeError::Write { path, source }),
        }
    }
}
