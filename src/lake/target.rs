//! Where a lake is to lie, as an operator says it.

use std::path::PathBuf;
use std::str::FromStr;

use super::error::LakeError;
use super::folder::Folder;
use super::store::Store;

/// A folder, or a part of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A folder of this machine.
    Folder(PathBuf),
    /// What speaks S3.
    Bucket {
        /// The bucket.
        name: String,
        /// What every object's name begins with; empty, or without a `/` at its end.
        prefix: String,
    },
}

/// How a bucket is reached. Empty where the environment (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, …) says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The address of a server that is not Amazon's: `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// A file with keys, as Amazon's tools keep it.
    pub credentials: Option<PathBuf>,
}

impl FromStr for Target {
    type Err = LakeError;

    fn from_str(text: &str) -> Result<Self, LakeError> {
        let wrong = |reason: &str| LakeError::Target { given: text.to_owned(), reason: reason.to_owned() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() { Err(wrong("it is empty")) } else { Ok(Self::Folder(text.into())) };
        };
        match scheme {
            "file" => Ok(Self::Folder(rest.into())),
            "s3" => {
                let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
                if name.is_empty() || !name.chars().all(plain) {
                    return Err(wrong("expected s3://BUCKET or s3://BUCKET/PREFIX"));
                }
                Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
            }
            _ => Err(wrong("expected a folder, or s3://BUCKET/PREFIX")),
        }
    }
}

impl Target {
    /// Says before anything is begun whether it can be written to with this program and these keys.
    ///
    /// # Errors
    /// [`LakeError::Target`], [`LakeError::File`].
    pub fn check(&self, access: &Access) -> Result<(), LakeError> {
        match self {
            Self::Folder(_) => Ok(()),
            #[cfg(feature = "s3")]
            Self::Bucket { .. } => super::bucket::check(access),
            #[cfg(not(feature = "s3"))]
            Self::Bucket { .. } => self.open(access).map(drop),
        }
    }

    /// Makes it ready to be written to.
    ///
    /// # Errors
    /// [`LakeError::InUse`], [`LakeError::File`]; [`LakeError::Target`] for a bucket in a build without the feature `s3`, or
    /// one that cannot be reached this way.
    pub fn open(&self, access: &Access) -> Result<Box<dyn Store>, LakeError> {
        match self {
            Self::Folder(path) => Ok(Box::new(Folder::open(path)?)),
            #[cfg(feature = "s3")]
            Self::Bucket { name, prefix } => Ok(Box::new(super::bucket::Bucket::open(name, prefix, access)?)),
            #[cfg(not(feature = "s3"))]
            Self::Bucket { .. } => {
                let _ = access;
                Err(LakeError::Target { given: self.to_string(), reason: NO_S3.to_owned() })
            }
        }
    }
}

#[cfg(not(feature = "s3"))]
const NO_S3: &str = "this program was built without the feature `s3`; build it with `--features s3`, or name a folder";

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { name, prefix } if prefix.is_empty() => write!(f, "s3://{name}"),
            Self::Bucket { name, prefix } => write!(f, "s3://{name}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_folder_or_a_bucket_and_anything_else_is_refused() {
        let bucket = |prefix: &str| Target::Bucket { name: "history".into(), prefix: prefix.into() };
        for (text, expected) in [
            ("lake", Target::Folder("lake".into())),
            ("/var/lib/lake", Target::Folder("/var/lib/lake".into())),
            ("file:///var/lib/lake", Target::Folder("/var/lib/lake".into())),
            ("s3://history", bucket("")),
            ("s3://history/", bucket("")),
            ("s3://history/a/b/", bucket("a/b")),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target, expected, "{text}");
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
        for text in ["", "s3://", "s3:///x", "s3://Big Bucket/x", "gs://x", "https://x/y"] {
            assert!(matches!(text.parse::<Target>(), Err(LakeError::Target { .. })), "{text}");
        }
    }
}
