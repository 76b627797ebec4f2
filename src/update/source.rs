//! Where releases are: a folder, or a URL.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Url};

use super::UpdateError;
use crate::market::{BrokenBody, body_of, client_of};

/// Longest time for one file.
const PATIENCE: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A folder behind HTTP.
    Web {
        /// It, with a slash at its end.
        base: Url,
        /// What asks it.
        client: Client,
    },
}

impl Source {
    /// From what a person typed: `https://…`, `http://…`, or a path.
    ///
    /// # Errors
    /// [`UpdateError::Source`].
    pub fn given(text: &str) -> Result<Self, UpdateError> {
        let refused = |reason: String| UpdateError::Source { what: text.to_owned(), reason };
        if !text.contains("://") {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        let base = Url::parse(&format!("{}/", text.trim_end_matches('/'))).map_err(|e| refused(e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refused("expected https://… or a folder".to_owned()));
        }
        let client = client_of(&base).timeout(PATIENCE).build().map_err(|e| refused(e.to_string()))?;
        Ok(Self::Web { base, client })
    }

    /// The name of a file in it, for a person.
    pub(super) fn describe(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Web { base, .. } => format!("{base}{name}"),
        }
    }

    /// A file of it, of `most` bytes at most.
    pub(super) async fn read(&self, name: &str, most: usize) -> Result<Vec<u8>, UpdateError> {
        let read = match self {
            Self::Folder(folder) => from_disk(&folder.join(name), most),
            Self::Web { base, client } => from_web(client, base, name, most).await,
        };
        read.map_err(|reason| UpdateError::Source { what: self.describe(name), reason })
    }
}

fn from_disk(path: &std::path::Path, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() > most { Err(format!("it has more than {most} bytes")) } else { Ok(bytes) }
}

async fn from_web(client: &Client, base: &Url, name: &str, most: usize) -> Result<Vec<u8>, String> {
    let url = base.join(name).map_err(|e| e.to_string())?;
    let response = client.get(url).send().await.map_err(|e| e.without_url().to_string())?;
    if !response.status().is_success() {
        return Err(format!("the server answers {}", response.status()));
    }
    body_of(response, most).await.map_err(|broken| match broken {
        BrokenBody::Line(e) => e.without_url().to_string(),
        BrokenBody::TooLong => format!("it has more than {most} bytes"),
    })
}
