//! What a release says of itself.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::UpdateError;
use crate::units::Foreign;

/// The largest program that is downloaded, in bytes, whatever a description says.
const LARGEST: u64 = 512 << 20;

/// `CHANNEL.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// The line of releases that it belongs to. Signed with the rest, so that a file cannot be offered under another name.
    pub channel: String,
    /// The program for each machine, by [`target`].
    pub files: BTreeMap<String, ReleaseFile>,
}

/// A program in a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReleaseFile {
    /// The file's name, beside the description.
    pub name: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// This machine, in the words of a release: `x86_64-linux-gnu`.
#[must_use]
pub fn target() -> String {
    let machine = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    match () {
        () if cfg!(target_env = "musl") => format!("{machine}-musl"),
        () if cfg!(target_env = "gnu") => format!("{machine}-gnu"),
        () => machine,
    }
}

impl Release {
    pub(super) fn read(what: &str, text: &[u8], channel: &str) -> Result<Self, UpdateError> {
        let refused = |reason: String| UpdateError::Description { what: what.to_owned(), reason };
        let release: Self =
            serde_json::from_slice(text).map_err(|e| refused(Foreign::from(e.to_string()).to_string()))?;
        if release.channel != channel {
            let found = Foreign::from(release.channel);
            return Err(UpdateError::Channel { what: what.to_owned(), found, wanted: channel.to_owned() });
        }
        for file in release.files.values() {
            file.is_sound().map_err(refused)?;
        }
        Ok(release)
    }

    /// The program for a machine; on Linux the static one where there is none for its C library.
    pub(super) fn for_machine(&self, target: &str) -> Result<&ReleaseFile, UpdateError> {
        let anywhere = target.strip_suffix("-gnu").map(|machine| format!("{machine}-musl"));
        let found = self.files.get(target).or_else(|| self.files.get(anywhere.as_deref()?));
        found.ok_or_else(|| UpdateError::NotForThisMachine {
            version: self.version.clone(),
            target: target.to_owned(),
            there: self.files.keys().cloned().collect::<Vec<_>>().join(", ").into(),
        })
    }
}

impl ReleaseFile {
    /// A name of a file beside the description, and a length that somebody may download.
    fn is_sound(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(plain) {
            return Err(format!("`{}` is not the name of a file in the same folder", Foreign::from(self.name.clone())));
        }
        if self.bytes == 0 || self.bytes > LARGEST {
            return Err(format!("{} of {} bytes", self.name, self.bytes));
        }
        Ok(())
    }

    /// How much of it is read at most, in bytes.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), UpdateError> {
        let refused = |reason| UpdateError::Bytes { name: self.name.clone().into(), reason };
        if bytes.len() as u64 != self.bytes {
            return Err(refused(format!("{} bytes instead of {}", bytes.len(), self.bytes)));
        }
        let found = hex::encode(Sha256::digest(bytes));
        match found.eq_ignore_ascii_case(&self.sha256) {
            true => Ok(()),
            false => Err(refused(format!("SHA-256 {found}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, bytes: u64) -> Vec<u8> {
        serde_json::json!({"version": "1.2.3", "channel": "stable",
            "files": {"x86_64-linux-musl": {"name": name, "sha256": "00", "bytes": bytes}}})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn a_description_names_files_beside_itself_only() {
        assert!(Release::read("it", &text("neuron-1.2.3", 5), "stable").is_ok());
        for name in ["", "../neuron", "/bin/sh", ".hidden", "a b", "a\u{202e}b", "https://elsewhere/neuron"] {
            let refused = Release::read("it", &text(name, 5), "stable").unwrap_err().to_string();
            assert!(refused.contains("not the name of a file"), "{refused}");
            assert!(!refused.contains('\u{202e}'));
        }
        assert!(Release::read("it", &text("neuron", 0), "stable").is_err());
        assert!(Release::read("it", &text("neuron", u64::MAX), "stable").is_err());
        assert!(matches!(Release::read("it", &text("n", 5), "beta"), Err(UpdateError::Channel { .. })));
        assert!(matches!(Release::read("it", b"{\"version\": \"1\"}", "beta"), Err(UpdateError::Description { .. })));
    }

    #[test]
    fn a_static_program_serves_machines_of_any_c_library() {
        let release = Release::read("it", &text("neuron", 5), "stable").unwrap();
        assert!(release.for_machine("x86_64-linux-gnu").is_ok());
        assert!(release.for_machine("x86_64-linux-musl").is_ok());
        let refused = release.for_machine("aarch64-linux-gnu").unwrap_err().to_string();
        assert!(refused.contains("aarch64-linux-gnu") && refused.contains("x86_64-linux-musl"), "{refused}");
    }

    #[test]
    fn other_bytes_are_not_the_signed_ones() {
        let file = ReleaseFile { name: "n".to_owned(), sha256: hex::encode(Sha256::digest(b"abc")), bytes: 3 };
        assert!(file.check(b"abc").is_ok());
        assert!(file.check(b"abd").unwrap_err().to_string().contains("SHA-256"));
        assert!(file.check(b"ab").unwrap_err().to_string().contains("2 bytes instead of 3"));
    }
}
