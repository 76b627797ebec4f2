//! Models as files: what was trained beforehand, with a [`Manifest`] beside it.
//!
//! A file is a JSON of parameters (`ar`, `ridge`, `drift`, `holt`), or the weights of a network: `*.safetensors` with feature
//! `candle`, `*.onnx` with feature `onnx`. A file whose manifest is missing or says something else about it is refused.

mod folder;
mod manifest;
mod parameters;

use std::path::{Path, PathBuf};

pub use self::folder::{Found, find, list};
pub use self::manifest::{Data, HeldOut, Manifest};
pub use self::parameters::Parameters;
use super::Model;
use super::network::{Shape, named};

/// Why a model file is not used.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It has no manifest.
    #[error(
        "{file} has no manifest: {manifest} is missing; `neuron model adopt {file}` writes one for a file that you trust"
    )]
    NoManifest {
        /// The model file.
        file: PathBuf,
        /// Where its manifest should be.
        manifest: PathBuf,
    },
    /// The manifest is of another file.
    #[error("{file} is not the file that its manifest describes: its SHA-256 is {found}, the manifest says {said}")]
    OtherFile {
        /// The model file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What it should be.
        said: String,
    },
    /// It does not hold what it should.
    #[error("{path} cannot be used: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The manifest and the file describe different models.
    #[error("{file} and its manifest disagree: {why}")]
    Disagree {
        /// The model file.
        file: PathBuf,
        /// About what.
        why: String,
    },
    /// This program was built without what runs it.
    #[error(
        "{file} is a network, but this program was built without the feature that runs it: `cargo build --features \
         {feature}`"
    )]
    Feature {
        /// The model file.
        file: PathBuf,
        /// The feature.
        feature: &'static str,
    },
    /// A name of the reference's networks whose file is not here.
    #[error(
        "`{name}` is a network of the reference, but its file is missing: put {name}.safetensors or {name}.onnx into \
         {folder}, with its manifest (`neuron model adopt`), or train one with `neuron model train`"
    )]
    NoNamed {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

/// A model that was loaded, with what its manifest says.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub model: Box<dyn Model>,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
}

/// Reads the model in `file`.
///
/// # Errors
/// [`ModelFileError`].
pub fn load(file: &Path) -> Result<Loaded, ModelFileError> {
    let (manifest, content) = Manifest::read(file)?;
    let model = of_bytes(file, &manifest, &content)?;
    Ok(Loaded { model, manifest, file: file.to_owned() })
}

/// The model whose file has this content.
///
/// # Errors
/// [`ModelFileError`]; `file` is named in it.
pub(in crate::forecast) fn of_bytes(
    file: &Path,
    manifest: &Manifest,
    content: &[u8],
) -> Result<Box<dyn Model>, ModelFileError> {
    let disagree = |why: String| ModelFileError::Disagree { file: file.to_owned(), why };
    if let Some(shape) = file.file_stem().and_then(|stem| stem.to_str()).and_then(named)
        && shape != manifest.shape
    {
        return Err(disagree(format!("the name stands for {shape:?}, the manifest says {:?}", manifest.shape)));
    }
    let malformed = |why: String| ModelFileError::Malformed { path: file.to_owned(), why };
    Ok(match manifest.model.as_str() {
        "lstm" => lstm(file, manifest, content)?,
        "onnx" => onnx(file, manifest, content)?,
        _ => {
            let parameters: Parameters =
                serde_json::from_slice(content).map_err(|error| malformed(error.to_string()))?;
            parameters.check().map_err(malformed)?;
            if parameters.name() != manifest.model {
                return Err(disagree(format!("one is `{}`, the other `{}`", parameters.name(), manifest.model)));
            }
            if parameters.shape() != manifest.shape {
                return Err(disagree(format!("one is of {:?}, the other of {:?}", parameters.shape(), manifest.shape)));
            }
            parameters.model()
        }
    })
}

/// Writes the manifest of a network that was made elsewhere, after it was seen to run.
///
/// # Errors
/// [`ModelFileError`].
pub fn adopt(file: &Path, model: &str, shape: Shape) -> Result<Manifest, ModelFileError> {
    let content = manifest::read(file)?;
    let manifest = Manifest::of(model, shape, &content);
    of_bytes(file, &manifest, &content)?;
    manifest.write_beside(file)?;
    Ok(manifest)
}

#[cfg(feature = "candle")]
fn lstm(file: &Path, manifest: &Manifest, content: &[u8]) -> Result<Box<dyn Model>, ModelFileError> {
    use super::network::{Lstm, NetworkModel};
    let disagree = |why: String| ModelFileError::Disagree { file: file.to_owned(), why };
    let network = Lstm::of_bytes(content, &manifest.shape).map_err(disagree)?;
    Ok(Box::new(NetworkModel::new("lstm", manifest.shape.clone(), network)))
}

#[cfg(not(feature = "candle"))]
fn lstm(file: &Path, _: &Manifest, _: &[u8]) -> Result<Box<dyn Model>, ModelFileError> {
    Err(ModelFileError::Feature { file: file.to_owned(), feature: "candle" })
}

#[cfg(feature = "onnx")]
fn onnx(file: &Path, manifest: &Manifest, content: &[u8]) -> Result<Box<dyn Model>, ModelFileError> {
    use super::network::{NetworkModel, Onnx};
    let disagree = |why: String| ModelFileError::Disagree { file: file.to_owned(), why };
    let network = Onnx::of_bytes(content, &manifest.shape).map_err(disagree)?;
    Ok(Box::new(NetworkModel::new("onnx", manifest.shape.clone(), network)))
}

#[cfg(not(feature = "onnx"))]
fn onnx(file: &Path, _: &Manifest, _: &[u8]) -> Result<Box<dyn Model>, ModelFileError> {
    Err(ModelFileError::Feature { file: file.to_owned(), feature: "onnx" })
}
