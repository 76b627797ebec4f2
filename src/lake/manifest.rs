//! Manifests: what of a lake is published. One file a month, so that none grows for ever.

use serde::{Deserialize, Serialize};

use super::error::LakeError;
use super::source::{Kept, Source};
use super::store::{Store, Version};
use super::stretch::Stretch;

/// The format of a lake: its folders and manifests. A later one has a folder of its own.
pub const FORMAT: u32 = 1;

/// How often the manifest is read again when somebody else has written it meanwhile.
const ATTEMPTS: usize = 5;

/// What is published of a stretch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The table.
    pub table: String,
    /// The version of its columns.
    pub version: u32,
    /// The day, UTC: `2026-01-31`.
    pub day: String,
    /// The hour, for tables that have a file an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u8>,
    /// The file, below the folder of the format.
    pub path: String,
    /// Its rows.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// What it comes to, in hex.
    pub sha256: String,
}

/// What is published of a month.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of who wrote it.
    pub format: u32,
    /// By path.
    pub files: Vec<Listed>,
}

impl Manifest {
    /// Whether a file is listed.
    #[must_use]
    pub fn lists(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).is_ok()
    }

    /// Lists files, in the place of those of the same name.
    fn add(&mut self, files: &[Listed]) {
        self.files.retain(|old| files.iter().all(|new| new.path != old.path));
        self.files.extend_from_slice(files);
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

/// Where the manifest of a day's month is.
pub(super) fn path_of(day: &str) -> String {
    let month = day.rsplit_once('-').map_or(day, |(month, _)| month);
    format!("v{FORMAT}/_manifest/{month}.json")
}

/// Where the file of a stretch is, below the lake; `None` for times that have no date.
pub(super) fn path_in(table: &Kept, stretch: Stretch) -> Option<String> {
    let (name, day) = (table.name, stretch.day()?);
    // A new version of columns has a folder of its own, for engines take the schema of one file for that of all.
    let folder = if table.version > 1 { format!("{name}_v{}", table.version) } else { name.to_owned() };
    let hour = stretch.hour().map_or_else(String::new, |hour| format!("/hour={hour:02}"));
    Some(format!("{folder}/day={day}{hour}/{name}.parquet"))
}

/// Reads the manifest of a month; an empty one when there is none.
pub(super) fn read(store: &dyn Store, path: &str) -> Result<(Manifest, Option<Version>), LakeError> {
    let Some((bytes, version)) = store.read(path)? else {
        return Ok((Manifest { format: FORMAT, files: Vec::new() }, None));
    };
    let manifest: Manifest = parsed(store, path, &bytes)?;
    if manifest.format > FORMAT {
        return Err(LakeError::TooNew { place: place(store, path), found: manifest.format, known: FORMAT });
    }
    Ok((manifest, Some(version)))
}

/// Lists what was placed. Somebody else's entries stay.
pub(super) fn commit(store: &dyn Store, path: &str, files: &[Listed]) -> Result<Manifest, LakeError> {
    for _ in 0..ATTEMPTS {
        let (mut manifest, version) = read(store, path)?;
        manifest.add(files);
        let bytes = serde_json::to_vec_pretty(&manifest).map_err(|e| LakeError::file(place(store, path), e))?;
        if store.replace(path, &bytes, version.as_ref())? {
            return Ok(manifest);
        }
        // Also when the store took it and the answer was lost: the next reading shows our own entries.
    }
    Err(LakeError::InUse { place: place(store, path) })
}

/// Whose history a lake is, and what its tables look like: for whoever finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Description {
    format: u32,
    ledger: String,
    tables: Vec<Described>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Described {
    name: String,
    version: u32,
    columns: Vec<(String, String)>,
}

/// Where it is.
const DESCRIPTION: &str = "_lake.json";

/// Makes sure that the lake is this ledger's, and described as it is today.
pub(super) fn describe(store: &dyn Store, ledger: &str, source: &dyn Source) -> Result<(), LakeError> {
    let path = format!("v{FORMAT}/{DESCRIPTION}");
    let ours = Description { format: FORMAT, ledger: ledger.to_owned(), tables: tables(source) };
    for _ in 0..ATTEMPTS {
        let found = store.read(&path)?;
        if let Some((bytes, _)) = &found {
            let theirs: Description = parsed(store, &path, bytes)?;
            if theirs.format > FORMAT {
                return Err(LakeError::TooNew { place: store.name(), found: theirs.format, known: FORMAT });
            }
            if theirs.ledger != ours.ledger {
                let (theirs, ours) = (theirs.ledger, ours.ledger);
                return Err(LakeError::OtherLedger { place: store.name(), theirs, ours });
            }
            if theirs == ours {
                return Ok(());
            }
        }
        let bytes = serde_json::to_vec_pretty(&ours).map_err(|e| LakeError::file(place(store, &path), e))?;
        if store.replace(&path, &bytes, found.as_ref().map(|(_, version)| version))? {
            return Ok(());
        }
    }
    Err(LakeError::InUse { place: store.name() })
}

fn tables(source: &dyn Source) -> Vec<Described> {
    let columns = |table: &Kept| {
        let mut columns: Vec<(String, String)> = Vec::new();
        for column in table.columns {
            let of = column.of_type().name();
            columns.push((column.name().to_owned(), if column.is_optional() { format!("{of}?") } else { of.into() }));
        }
        columns
    };
    let described =
        |table: &Kept| Described { name: table.name.to_owned(), version: table.version, columns: columns(table) };
    source.tables().iter().map(described).collect()
}

fn parsed<T: serde::de::DeserializeOwned>(store: &dyn Store, path: &str, bytes: &[u8]) -> Result<T, LakeError> {
    serde_json::from_slice(bytes).map_err(|e| LakeError::Damaged { place: place(store, path), reason: e.to_string() })
}

fn place(store: &dyn Store, path: &str) -> String {
    format!("{}/{path}", store.name())
}
