//! Replaces this program by a newer release, and takes it back when that does not get ready.
//!
//! A release is a folder, on disk or behind a URL, that `scripts/release.sh` makes: `CHANNEL.json` names the version and
//! its files with their hashes, and `CHANNEL.json.minisig` is its signature in the format of minisign. Nothing that is not
//! signed by the operator's chosen key is run, an older version only when that is asked for.
//!
//! The steps are such that a crash between any two leaves a program that runs: the new file is written beside the old one
//! under another name, tried, and renamed into place; the old one stays beside it as `neuron.old`.

mod install;
mod release;
mod restart;
mod signature;
mod source;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

use self::install::Place;
pub use self::release::{Release, ReleaseFile, target};
pub use self::restart::Restart;
pub use self::signature::PublicKey;
pub use self::source::Source;
use crate::units::Foreign;

/// Longest description of a release that is read, in bytes.
const DESCRIPTION: usize = 1 << 20;
/// Longest signature that is read, in bytes.
const SIGNATURE: usize = 4 << 10;

/// What is to be done.
#[derive(Debug)]
pub struct Request {
    /// Where releases are.
    pub from: Source,
    /// The line of releases to follow, as `stable`.
    pub channel: String,
    /// Whose releases are believed.
    pub key: PublicKey,
    /// Whether an older version may replace a newer one.
    pub allow_older: bool,
    /// The program to replace.
    pub program: PathBuf,
    /// The version that runs now.
    pub version: Version,
    /// How the process that uses the program is restarted, if this is to do it.
    pub restart: Option<Restart>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The release is the version that is there.
    Current {
        /// It.
        #[schemars(with = "String")]
        version: Version,
    },
    /// A newer one is there; nothing was changed, as asked.
    Available {
        /// What runs now.
        #[schemars(with = "String")]
        version: Version,
        /// What is offered.
        #[schemars(with = "String")]
        offered: Version,
    },
    /// The new version is in place.
    Updated {
        /// What was there before.
        #[schemars(with = "String")]
        version: Version,
        /// What is there now.
        #[schemars(with = "String")]
        installed: Version,
        /// Where the old program is.
        kept: PathBuf,
        /// Whether the process was restarted, and was ready afterwards.
        restarted: bool,
    },
}

/// Why there was no update. Unless it says otherwise the program in place is the old one.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The releases cannot be read.
    #[error("{what} of the release cannot be read: {reason}")]
    Source {
        /// The file or URL.
        what: String,
        /// Why.
        reason: String,
    },
    /// The signature is by another key, or of other bytes, or none.
    #[error(
        "{what} is not signed by the key that you trust: {reason}; nothing was changed. Ask the maker of the release"
    )]
    Untrusted {
        /// The file or URL.
        what: String,
        /// Why.
        reason: String,
    },
    /// The key to check with is none.
    #[error("`{given}` is not a minisign public key: {reason}; the key is the second line of the file `minisign.pub`")]
    Key {
        /// What was given.
        given: Foreign,
        /// Why.
        reason: String,
    },
    /// The description is signed and makes no sense.
    #[error("{what} is not a description of a release: {reason}")]
    Description {
        /// The file or URL.
        what: String,
        /// Why.
        reason: String,
    },
    /// The release is for another channel.
    #[error("{what} is of channel `{found}`, not `{wanted}`: the file was renamed; nothing was changed")]
    Channel {
        /// The file or URL.
        what: String,
        /// What it says.
        found: Foreign,
        /// What was asked for.
        wanted: String,
    },
    /// The offer is older than what runs.
    #[error("{offered} is older than the present version {version}: to install it, add --allow-older")]
    Older {
        /// What is here.
        version: Version,
        /// What is offered.
        offered: Version,
    },
    /// Nothing for this machine.
    #[error("release {version} has no program for {target}; it has one for {there}")]
    NotForThisMachine {
        /// The release.
        version: Version,
        /// This machine.
        target: String,
        /// What it has.
        there: Foreign,
    },
    /// The bytes are not those that were signed.
    #[error(
        "{name} is not the file that was signed ({reason}): the download is not complete, or the file was changed; \
         nothing was installed"
    )]
    Bytes {
        /// The file.
        name: Foreign,
        /// What differs.
        reason: String,
    },
    /// It does not run here, or is another version.
    #[error("the new program does not start on this machine: {reason}; nothing was changed")]
    DoesNotStart {
        /// What it said.
        reason: String,
    },
    /// What is to be replaced is no `neuron`.
    #[error("{} does not look like neuron: {reason}", .program.display())]
    NotOurs {
        /// The program.
        program: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another update is under way.
    #[error("another update of {} is under way", .program.display())]
    UnderWay {
        /// The program.
        program: PathBuf,
    },
    /// The disk.
    #[error("{}: {source}; the program was not changed", .path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing to go back to.
    #[error("there is no {}: no earlier update has left an old program", .path.display())]
    NothingKept {
        /// Where it would be.
        path: PathBuf,
    },
    /// The new one was taken back.
    #[error(transparent)]
    TakenBack(Box<TakenBack>),
}

/// A version that was tried and did not get ready.
#[derive(Debug, thiserror::Error)]
#[error("version {offered} did not become ready: {reason}; {version} is in place again{again}")]
pub struct TakenBack {
    /// What was tried.
    pub offered: Version,
    /// What is there.
    pub version: Version,
    /// Why.
    pub reason: String,
    /// How the restart of the old one went.
    pub again: String,
}

/// The version of a program, which it tells itself.
///
/// # Errors
/// [`UpdateError::NotOurs`].
pub async fn version_of(program: &Path) -> Result<Version, UpdateError> {
    let told = install::version_of(program).await;
    told.map_err(|reason| UpdateError::NotOurs { program: program.to_owned(), reason })
}

/// Reads and checks the newest release of the channel.
///
/// # Errors
/// [`UpdateError`] when it cannot be read or is not to be believed.
pub async fn newest(from: &Source, channel: &str, key: &PublicKey) -> Result<Release, UpdateError> {
    let name = format!("{channel}.json");
    let text = from.read(&name, DESCRIPTION).await?;
    let signature = from.read(&format!("{name}.minisig"), SIGNATURE).await?;
    let what = from.describe(&name);
    key.check(&what, &text, &signature)?;
    Release::read(&what, &text, channel)
}

/// Whether there is something to install.
fn step(request: &Request, offered: &Version) -> Result<bool, UpdateError> {
    match offered.cmp_precedence(&request.version) {
        std::cmp::Ordering::Equal => Ok(false),
        std::cmp::Ordering::Greater => Ok(true),
        std::cmp::Ordering::Less if request.allow_older => Ok(true),
        std::cmp::Ordering::Less => {
            Err(UpdateError::Older { version: request.version.clone(), offered: offered.clone() })
        }
    }
}

/// Looks, and changes nothing.
///
/// # Errors
/// [`UpdateError`].
pub async fn check(request: &Request) -> Result<Outcome, UpdateError> {
    let release = newest(&request.from, &request.channel, &request.key).await?;
    Ok(match step(request, &release.version)? {
        false => Outcome::Current { version: request.version.clone() },
        true => Outcome::Available { version: request.version.clone(), offered: release.version },
    })
}

/// The whole way: look, fetch, check, try, put in place, restart, wait; and back again when it does not get ready.
///
/// # Errors
/// [`UpdateError`]; after [`UpdateError::TakenBack`] the old program is in place.
pub async fn update(request: &Request) -> Result<Outcome, UpdateError> {
    let place = Place::take(&request.program)?;
    let release = newest(&request.from, &request.channel, &request.key).await?;
    if !step(request, &release.version)? {
        return Ok(Outcome::Current { version: request.version.clone() });
    }
    let file = release.for_machine(&target())?;
    let bytes = request.from.read(&file.name, file.most()).await?;
    file.check(&bytes)?;
    place.write_beside(&bytes)?;
    place.try_new(&release.version).await?;
    let before = match &request.restart {
        Some(restart) => restart.process().await,
        None => None,
    };
    place.exchange()?;
    tracing::info!("{} is in place as {}", release.version, request.program.display());
    if let Some(restart) = &request.restart
        && let Err(reason) = restart.until_ready(before).await
    {
        return Err(taken_back(request, &place, restart, release.version, reason).await);
    }
    Ok(Outcome::Updated {
        version: request.version.clone(),
        installed: release.version,
        kept: place.old(),
        restarted: request.restart.is_some(),
    })
}

async fn taken_back(
    request: &Request,
    place: &Place,
    restart: &Restart,
    offered: Version,
    reason: String,
) -> UpdateError {
    tracing::warn!("version {offered} did not become ready ({reason}); going back to {}", request.version);
    let tried = restart.process().await;
    if let Err(error) = place.go_back() {
        return error;
    }
    let again = match restart.until_ready(tried).await {
        Ok(()) => " and is ready".to_owned(),
        Err(reason) => format!(", but is not ready either: {reason}"),
    };
    UpdateError::TakenBack(Box::new(TakenBack { offered, version: request.version.clone(), reason, again }))
}

/// Puts back the program that the last update replaced.
///
/// # Errors
/// [`UpdateError::NothingKept`], or the disk's.
pub fn roll_back(program: &Path) -> Result<(), UpdateError> {
    Place::take(program)?.go_back()
}
