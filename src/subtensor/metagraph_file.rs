//! A metagraph on disk: for a start without the chain, and for who looks back.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::Metagraph;

/// The first member of the file. Another one is another format.
const FORMAT: &str = "neuron metagraph 1";

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    metagraph: &'a Metagraph,
}

#[derive(Deserialize)]
struct Read {
    format: String,
    metagraph: Metagraph,
}

/// Why a metagraph could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum MetagraphFileError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a metagraph file of this program ({reason}): remove it, or write it again", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Metagraph {
    /// Writes the metagraph as JSON; a file that was there is replaced as a whole, or stays.
    ///
    /// # Errors
    /// The folder is not there, or cannot be written to.
    ///
    /// ```
    /// # #[cfg(not(feature = "localnet"))] fn main() {}
    /// # #[cfg(feature = "localnet")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use neuron::localnet::{LocalnetConfig, spawn};
    /// # use neuron::subtensor::{Subtensor, SubtensorConfig};
    /// # use neuron::units::NetUid;
    /// # let node = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
    /// # let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await?;
    /// # let folder = tempfile::tempdir()?;
    /// use neuron::subtensor::Metagraph;
    ///
    /// let metagraph = chain.metagraph(NetUid(155)).await?;
    /// let path = folder.path().join("155.json");
    /// metagraph.save(&path)?;
    /// assert_eq!(Metagraph::load(&path)?, metagraph);
    /// # Ok(()) }
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), MetagraphFileError> {
        let path = path.as_ref();
        let failed = |source| MetagraphFileError::File { path: path.to_owned(), source };
        let text = serde_json::to_vec(&Written { format: FORMAT, metagraph: self }).map_err(|e| failed(e.into()))?;
        // Of this process alone: two that write at once do not mix.
        let beside = path.with_extension(format!("{}.new", std::process::id()));
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // The error that matters is the first.
            let _ = fs::remove_file(&beside);
        }
        written.map_err(failed)
    }

    /// Reads what [`Metagraph::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is something else.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, MetagraphFileError> {
        let path = path.as_ref();
        let text = fs::read(path).map_err(|source| MetagraphFileError::File { path: path.to_owned(), source })?;
        let wrong = |reason: String| MetagraphFileError::Format { path: path.to_owned(), reason };
        let read: Read = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if read.format != FORMAT {
            return Err(wrong(format!("its format is not `{FORMAT}`")));
        }
        Ok(read.metagraph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::NetUid;

    #[test]
    fn what_is_saved_is_loaded_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("155.json");
        let metagraph = Metagraph { netuid: NetUid(155), block: 7, neurons: Vec::new() };
        metagraph.save(&path).unwrap();
        Metagraph { block: 8, ..metagraph.clone() }.save(&path).unwrap();
        assert_eq!(Metagraph::load(&path).unwrap(), Metagraph { block: 8, ..metagraph.clone() });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file stays behind");

        assert!(matches!(Metagraph::load(folder.path().join("8.json")), Err(MetagraphFileError::File { .. })));
        for wrong in
            ["", "{}", "[1]", r#"{"format":"neuron metagraph 2","metagraph":{"netuid":1,"block":1,"neurons":[]}}"#]
        {
            fs::write(&path, wrong).unwrap();
            let error = Metagraph::load(&path).unwrap_err();
            assert!(matches!(error, MetagraphFileError::Format { .. }), "{wrong}: {error}");
        }
        let nowhere = metagraph.save(folder.path().join("no/such/folder.json")).unwrap_err();
        assert!(nowhere.to_string().contains("folder.json"), "{nowhere}");
    }
}
