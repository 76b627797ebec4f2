//! A lake in a bucket: Amazon S3, and what speaks its protocol (MinIO, Ceph, R2, Garage).

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path as FilePath;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, RetryConfig, UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};

use super::error::LakeError;
use super::store::{Draft, Store, Version};
use super::target::{Access, Target};

/// Larger drafts are uploaded in parts of this size: what is held of one in memory.
const PART: usize = 16 << 20;
/// How often a request is repeated that the server, or the line, has failed.
const RETRIES: usize = 5;

/// See the module.
///
/// An object is seen when its upload is complete, and not before; so a run that ends early leaves nothing that a reader could
/// take for a file. What it may leave are parts of an upload that was never completed: a rule of the bucket should remove
/// them after a day.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    target: Target,
    prefix: String,
    runtime: Runtime,
}

impl Bucket {
    /// Makes a client. The server is not asked yet.
    ///
    /// # Errors
    /// [`LakeError::Target`]: it cannot be reached this way. [`LakeError::File`]: the file of keys cannot be read.
    pub fn open(name: &str, prefix: &str, access: &Access) -> Result<Self, LakeError> {
        crate::market::install_tls();
        let target = Target::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        let wrong = |reason: String| LakeError::Target { given: target.to_string(), reason };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(200),
                    max_backoff: Duration::from_secs(10),
                    ..BackoffConfig::default()
                },
                max_retries: RETRIES,
                retry_timeout: Duration::from_secs(180),
            });
        let is_plain = access.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(10))
            .with_timeout(Duration::from_secs(120))
            .with_allow_http(is_plain);
        builder = builder.with_client_options(client);
        if let Some(endpoint) = &access.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &access.region {
            builder = builder.with_region(region);
        }
        if let Some(path) = &access.credentials {
            let keys = Keys::read(path)?;
            builder = builder.with_access_key_id(keys.id).with_secret_access_key(keys.secret);
            if let Some(token) = keys.token {
                builder = builder.with_token(token);
            }
        }
        let store = builder.build().map_err(|error| wrong(error.to_string()))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { store, prefix: prefix.to_owned(), target, runtime })
    }

    fn path(&self, path: &str) -> Path {
        if self.prefix.is_empty() { Path::from(path) } else { Path::from(format!("{}/{path}", self.prefix)) }
    }

    fn failed(&self, path: &str, error: &Error) -> LakeError {
        LakeError::file(format!("{}/{path}", self.target), io::Error::other(told(error)))
    }

    /// Uploads part by part. Nothing is seen before the last step, and nothing is kept when that is not reached.
    async fn in_parts(&self, file: &mut File, path: &str) -> Result<(), LakeError> {
        let to = self.path(path);
        let mut upload = self.store.put_multipart(&to).await.map_err(|error| self.failed(path, &error))?;
        let done = self.parts(upload.as_mut(), file, path).await;
        if done.is_err()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(object = %to, "parts of an upload that failed are left in the bucket: {error}");
        }
        done
    }

    async fn parts(&self, upload: &mut dyn MultipartUpload, file: &mut File, path: &str) -> Result<(), LakeError> {
        loop {
            let part = read_part(file).map_err(|error| LakeError::file(format!("a draft of {path}"), error))?;
            if part.is_empty() {
                break;
            }
            upload.put_part(PutPayload::from(part)).await.map_err(|error| self.failed(path, &error))?;
        }
        upload.complete().await.map(drop).map_err(|error| self.failed(path, &error))
    }
}

fn read_part(file: &mut File) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// The error with its causes, for the first of them says little.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

impl Store for Bucket {
    fn name(&self) -> String {
        self.target.to_string()
    }

    fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, LakeError> {
        let found = self.runtime.block_on(async {
            let found = self.store.get(&self.path(path)).await?;
            let version = Version(found.meta.e_tag.clone().unwrap_or_default());
            Ok((found.bytes().await?.to_vec(), version))
        });
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(path, &error)),
        }
    }

    fn replace(&self, path: &str, bytes: &[u8], expected: Option<&Version>) -> Result<bool, LakeError> {
        let mode = expected.map_or(PutMode::Create, |Version(tag)| {
            PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None })
        });
        let payload = PutPayload::from(bytes.to_vec());
        let to = self.path(path);
        match self.runtime.block_on(self.store.put_opts(&to, payload, PutOptions::from(mode))) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(path, &error)),
        }
    }

    /// A file without a name: it goes when this process does, however that ends.
    fn draft(&self) -> Result<Draft, LakeError> {
        let path = std::env::temp_dir().join(format!("neuron-lake-{}", uuid::Uuid::new_v4()));
        let failed = |error: io::Error| LakeError::file(path.display().to_string(), error);
        let open = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = open.map_err(failed)?;
        std::fs::remove_file(&path).map_err(failed)?;
        Ok(Draft { file, path: None })
    }

    fn place(&self, mut draft: Draft, path: &str) -> Result<(), LakeError> {
        let failed = |error: io::Error| LakeError::file(format!("a draft of {path}"), error);
        let length = draft.file.metadata().map_err(failed)?.len();
        if length > PART as u64 {
            return self.runtime.block_on(self.in_parts(&mut draft.file, path));
        }
        let payload = PutPayload::from(read_part(&mut draft.file).map_err(failed)?);
        let put = self.runtime.block_on(self.store.put(&self.path(path), payload));
        put.map(drop).map_err(|error| self.failed(path, &error))
    }
}

/// Whether the keys can be read.
pub(super) fn check(access: &Access) -> Result<(), LakeError> {
    access.credentials.as_deref().map_or(Ok(()), |path| Keys::read(path).map(drop))
}

/// Keys to a bucket; not to be shown.
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Keys {
    /// Reads the section `[default]`, or what stands before any, of a file as Amazon's tools keep it.
    fn read(path: &FilePath) -> Result<Self, LakeError> {
        let text = std::fs::read_to_string(path).map_err(|error| LakeError::file(path.display().to_string(), error))?;
        let (mut id, mut secret, mut token) = (None, None, None);
        let mut is_ours = true;
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[') {
                is_ours = section.trim_end_matches(']').trim() == "default";
            } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours) {
                let value = Some(value.trim().to_owned());
                match name.trim() {
                    "aws_access_key_id" => id = value,
                    "aws_secret_access_key" => secret = value,
                    "aws_session_token" => token = value,
                    _ => {}
                }
            }
        }
        let missing = "expected a section [default] with aws_access_key_id and aws_secret_access_key";
        let (Some(id), Some(secret)) = (id, secret) else {
            return Err(LakeError::file(
                path.display().to_string(),
                io::Error::new(io::ErrorKind::InvalidData, missing),
            ));
        };
        Ok(Self { id, secret, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_a_file_and_a_file_without_them_is_named_but_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let text =
            "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = AKID\naws_secret_access_key= s/e+c=r\n";
        std::fs::write(&path, text).unwrap();
        let keys = Keys::read(&path).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.as_str(), keys.token), ("AKID", "s/e+c=r", None));
        std::fs::write(&path, "aws_secret_access_key = hidden").unwrap();
        let error = Keys::read(&path).map(drop).unwrap_err().to_string();
        assert!(error.contains("credentials") && !error.contains("hidden"), "{error}");
    }
}
