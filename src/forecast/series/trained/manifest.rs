//! What a file of a model says about itself, in a second file beside it.

use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ModelFileError;
use crate::forecast::series::network::Shape;
use crate::units::UnixMs;

/// The layout of manifests that this version writes and reads.
const FORMAT: u32 = 1;
/// Added to a model file's name to get its manifest's.
const SUFFIX: &str = ".manifest.json";
/// The largest model file read, bytes: a network of 1024 units has 17 MB.
pub(super) const MAX_FILE: u64 = 1 << 30;

/// See the module.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The layout of this manifest.
    pub format: u32,
    /// What kind of model it is: `ar`, `ridge`, `drift`, `holt`, `lstm` or `onnx`.
    pub model: String,
    /// SHA-256 of the model file, hex.
    pub sha256: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// What it sees and says.
    pub shape: Shape,
    /// What it was trained on; nothing for a file from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// How it did on candles after those; nothing for a file from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
}

/// The candles that a model was trained on.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The series.
    pub series: String,
    /// The first candle's open time.
    pub from_ms: UnixMs,
    /// The last candle's close time.
    pub until_ms: UnixMs,
    /// Candles.
    pub candles: usize,
}

/// How a model did on candles that it was not trained on.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// When the first forecast was made.
    pub from_ms: UnixMs,
    /// When the last one ended.
    pub until_ms: UnixMs,
    /// Forecasts.
    pub forecasts: usize,
    /// Their mean weighted error, dollars.
    pub rmse: f64,
    /// That of the last close for ever.
    pub persistence_rmse: f64,
    /// The first over the second; below 1 is skill.
    pub ratio: f64,
}

impl Manifest {
    /// The manifest of a model file whose content is `file`.
    #[must_use]
    pub fn of(model: &str, shape: Shape, file: &[u8]) -> Self {
        Self {
            format: FORMAT,
            model: model.to_owned(),
            sha256: hex::encode(Sha256::digest(file)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            shape,
            data: None,
            held_out: None,
        }
    }

    /// Where the manifest of `file` lies.
    #[must_use]
    pub fn beside(file: &Path) -> PathBuf {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(SUFFIX);
        file.with_file_name(name)
    }

    /// Whether `path` is itself a manifest.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(SUFFIX))
    }

    /// A model file and its manifest, which agree.
    ///
    /// # Errors
    /// [`ModelFileError`]: one cannot be read, or they disagree.
    pub(super) fn read(file: &Path) -> Result<(Self, Vec<u8>), ModelFileError> {
        let content = read(file)?;
        let path = Self::beside(file);
        let manifest: Self = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| ModelFileError::Malformed { path: path.clone(), why: error.to_string() })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModelFileError::NoManifest { file: file.to_owned(), manifest: path });
            }
            Err(source) => return Err(ModelFileError::Read { path, source }),
        };
        let malformed = |why: String| Err(ModelFileError::Malformed { path: path.clone(), why });
        if manifest.format != FORMAT {
            return malformed(format!("its format is {}, but this program reads {FORMAT}", manifest.format));
        }
        if !manifest.shape.is_sound() {
            return malformed("there is no model of such a shape".to_owned());
        }
        let found = hex::encode(Sha256::digest(&content));
        if found != manifest.sha256 {
            return Err(ModelFileError::OtherFile { file: file.to_owned(), found, said: manifest.sha256 });
        }
        Ok((manifest, content))
    }

    /// Writes a model file and its manifest, each whole or not at all.
    ///
    /// # Errors
    /// [`ModelFileError::Write`].
    pub fn write(&self, file: &Path, content: &[u8]) -> Result<(), ModelFileError> {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| ModelFileError::Write { path: folder.to_owned(), source })?;
        }
        replace(file, content)?;
        self.write_beside(file)
    }

    /// Writes the manifest beside a file that is there.
    ///
    /// # Errors
    /// [`ModelFileError::Write`].
    pub(super) fn write_beside(&self, file: &Path) -> Result<(), ModelFileError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| ModelFileError::Malformed { path: file.to_owned(), why: error.to_string() })?;
        replace(&Self::beside(file), &text)
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    let failed = |source| ModelFileError::Read { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(ModelFileError::Malformed {
            path: path.to_owned(),
            why: format!("a file of {size} bytes is not a model"),
        });
    }
    fs::read(path).map_err(failed)
}

fn replace(path: &Path, content: &[u8]) -> Result<(), ModelFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || fs::write(&part, content).and_then(|()| fs::rename(&part, path));
    write().map_err(|source| ModelFileError::Write { path: path.to_owned(), source })
}
