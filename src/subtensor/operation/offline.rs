//! Signing on a machine that has the key and no chain: what is to be signed travels there in a file, and back signed.
//!
//! The file has the call's bytes, what else is signed, and the metadata by which they are read. Who signs need not believe its words:
//! [`Unsigned::check`] reads the bytes anew and compares. What is left to compare by eye is the hash of the metadata, which
//! both machines show.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use subxt::ext::codec::Decode as _;
use subxt::metadata::Metadata;
use subxt::utils::H256;

use super::Operation;
use crate::subtensor::runtime::{Runtime, Terms};
use crate::subtensor::submit::{Call, terms};
use crate::subtensor::weights::{Hash32, SignedCall};
use crate::subtensor::{Inclusion, Subtensor, SubtensorError};
use crate::units::{Account, BlockNumber};
use crate::wallet::Keypair;

/// The first member of the files. Others are other formats.
const UNSIGNED: &str = "neuron unsigned 1";
const SIGNED: &str = "neuron signed 1";

/// The largest file, and the largest metadata in one: that of the main network has 0.3 MB.
const LARGEST: u64 = 32 << 20;

/// A call that waits for its signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsigned {
    format: String,
    /// Which call, `Balances.transfer_keep_alive`.
    pub call: String,
    /// Its arguments by name.
    pub arguments: Json,
    /// Who is to sign.
    pub signer: Account,
    /// The signer's next nonce.
    pub nonce: u64,
    /// The block at which its life begins, and that block's hash.
    pub birth: BlockNumber,
    birth_hash: Hash32,
    /// Blocks of its life.
    pub lifetime: u64,
    /// The chain's first block, by which chains are told apart.
    pub genesis: Hash32,
    /// The runtime that it is for.
    pub spec_version: u32,
    transaction_version: u32,
    /// The call's bytes, in hex.
    call_data: String,
    /// Of the metadata as it is decompressed: the same on both machines.
    pub metadata_hash: Hash32,
    /// The metadata, compressed.
    metadata: String,
}

/// A call that was signed elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedOffline {
    format: String,
    /// Which call.
    pub call: String,
    /// Its arguments by name.
    pub arguments: Json,
    /// The chain that it is for.
    pub genesis: Hash32,
    /// What is sent.
    pub signed: SignedCall,
}

/// Why a file cannot be signed or sent.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a {expected} ({reason})", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// What the file says is not what its bytes do.
    #[error("the file was changed after it was made: {0}. Nothing was signed; make the file again")]
    Tampered(String),
    /// It is for another key.
    #[error("it must be signed by {expected}, but the key is that of {key}")]
    WrongKey {
        /// Whom the file names.
        expected: Account,
        /// Whose the key is.
        key: Account,
    },
    /// It is for another chain.
    #[error("it is for another chain: its genesis is {expected}, that of this chain is {here}")]
    WrongChain {
        /// The file's.
        expected: Hash32,
        /// The one that is connected.
        here: Hash32,
    },
    /// The chain or its metadata.
    #[error(transparent)]
    Chain(#[from] SubtensorError),
}

/// An unsigned call whose bytes were read anew.
#[derive(Debug)]
pub struct Checked<'a> {
    unsigned: &'a Unsigned,
    runtime: Runtime,
    call: Call,
}

impl Subtensor {
    /// Makes what another machine may sign: with the account's next nonce, living from the last final block on.
    ///
    /// # Errors
    /// The runtime does not have the call with these arguments, or the chain cannot be read.
    pub async fn prepare(&self, operation: &Operation, signer: &Account) -> Result<Unsigned, SubtensorError> {
        let (call, connection) = (&operation.call, &self.connection);
        let lifetime = connection.config.lifetime;
        connection
            .run(&format!("preparing {call}"), connection.config.read_deadline, |link| async move {
                let (at, Terms { nonce, birth: (birth, birth_hash), .. }) =
                    terms(link.clone(), signer, lifetime).await?;
                let runtime = &at.runtime;
                let metadata = link.metadata_bytes(at.hash, runtime.spec_version).await?;
                let call_data = runtime.call_data(call, birth)?;
                Ok(Unsigned {
                    format: UNSIGNED.to_owned(),
                    call: operation.name(),
                    arguments: runtime.arguments_in(&call_data, &operation.name())?,
                    signer: *signer,
                    nonce,
                    birth,
                    birth_hash: Hash32(birth_hash.0),
                    lifetime,
                    genesis: Hash32(link.genesis.0),
                    spec_version: runtime.spec_version,
                    transaction_version: runtime.transaction_version,
                    call_data: hex::encode(call_data),
                    metadata_hash: Hash32::of(&metadata),
                    metadata: packed(&metadata),
                })
            })
            .await
    }

    /// Sends what was signed elsewhere, and waits until its block is final.
    ///
    /// # Errors
    /// It is for another chain, or was changed; the chain's refusal; or it can no longer be included.
    pub async fn send_signed(&self, file: &SignedOffline) -> Result<Inclusion, OfflineError> {
        let deadline = self.connection.config.read_deadline;
        let here = self.connection.run("the chain's first block", deadline, |link| async move { Ok(link.genesis) });
        let here = Hash32(here.await?.0);
        if here != file.genesis {
            return Err(OfflineError::WrongChain { expected: file.genesis, here });
        }
        let bytes = hex::decode(&file.signed.bytes).unwrap_or_default();
        if Hash32::of(&bytes) != file.signed.hash {
            return Err(OfflineError::Tampered("the signed bytes do not have their hash".to_owned()));
        }
        let refused = self.post(&file.signed).await?;
        Ok(self.follow(&file.signed, refused).await?)
    }
}

impl Unsigned {
    /// Writes the file; one that is there stays.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), OfflineError> {
        save(path, self)
    }

    /// Reads a file. It is not yet known to be what it says: [`Self::check`].
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn load(path: &Path) -> Result<Self, OfflineError> {
        load(path, "file of --sign-offline", UNSIGNED, |file: &Self| &file.format)
    }

    /// The last block in which it can be.
    #[must_use]
    pub const fn last_block(&self) -> BlockNumber {
        self.birth.saturating_add(self.lifetime)
    }

    /// Reads the call's bytes by the metadata, and compares with what the file says.
    ///
    /// # Errors
    /// [`OfflineError::Tampered`] when they differ.
    pub fn check(&self) -> Result<Checked<'_>, OfflineError> {
        let tampered = |what: &str| OfflineError::Tampered(what.to_owned());
        let metadata = unpacked(&self.metadata).ok_or_else(|| tampered("the metadata is damaged"))?;
        if Hash32::of(&metadata) != self.metadata_hash {
            return Err(tampered("the metadata does not have its hash"));
        }
        let metadata = Metadata::decode(&mut &metadata[..]).map_err(|_| tampered("the metadata cannot be read"))?;
        let runtime = Runtime::new(H256(self.genesis.0), self.spec_version, self.transaction_version, metadata);
        if !self.lifetime.is_power_of_two() || !(4..=65_536).contains(&self.lifetime) {
            return Err(tampered("its lifetime cannot be read"));
        }
        let bytes = hex::decode(&self.call_data).map_err(|_| tampered("the call's bytes are not hex"))?;
        let call = runtime
            .call_of(&bytes, self.birth)
            .map_err(|_| tampered("the call's bytes are not a call of this runtime"))?;
        if format!("{}.{}", call.pallet, call.name) != self.call {
            return Err(OfflineError::Tampered(format!(
                "it says {}, and its bytes are {}.{}",
                self.call, call.pallet, call.name
            )));
        }
        if runtime.arguments_in(&bytes, &self.call)? != self.arguments {
            return Err(tampered("its arguments are not those in its bytes"));
        }
        // What is signed is written from what was read: it has to be the same.
        if runtime.call_data(&call, self.birth)? != bytes {
            return Err(tampered("the call's bytes are not written as this runtime writes them"));
        }
        Ok(Checked { unsigned: self, runtime, call })
    }
}

impl Checked<'_> {
    /// Signs.
    ///
    /// # Errors
    /// The key is another's, or the metadata asks for something that is new.
    pub fn sign(&self, key: &Keypair) -> Result<SignedOffline, OfflineError> {
        let Unsigned { call, arguments, signer, nonce, birth, birth_hash, lifetime, genesis, .. } = self.unsigned;
        if key.account() != *signer {
            return Err(OfflineError::WrongKey { expected: *signer, key: key.account() });
        }
        let terms = Terms { nonce: *nonce, period: *lifetime, birth: (*birth, H256(birth_hash.0)) };
        let (bytes, hash) = self.runtime.sign(&self.call, key, terms)?;
        let signed = SignedCall {
            subject: call.clone(),
            bytes: hex::encode(bytes),
            hash: Hash32(hash.0),
            account: *signer,
            nonce: *nonce,
            birth: *birth,
            last_block: self.unsigned.last_block(),
        };
        let (call, arguments) = (call.clone(), arguments.clone());
        Ok(SignedOffline { format: SIGNED.to_owned(), call, arguments, genesis: *genesis, signed })
    }
}

impl SignedOffline {
    /// Writes the file; one that is there stays.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), OfflineError> {
        save(path, self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn load(path: &Path) -> Result<Self, OfflineError> {
        load(path, "file of `neuron sign`", SIGNED, |file: &Self| &file.format)
    }
}

fn save(path: &Path, file: &impl Serialize) -> Result<(), OfflineError> {
    let failed = |source| OfflineError::File { path: path.to_owned(), source };
    let text = serde_json::to_string_pretty(file).map_err(|error| failed(error.into()))?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)
}

fn load<T: DeserializeOwned>(
    path: &Path,
    expected: &'static str,
    format: &str,
    of: impl Fn(&T) -> &String,
) -> Result<T, OfflineError> {
    let failed = |source| OfflineError::File { path: path.to_owned(), source };
    let wrong = |reason: String| OfflineError::Format { path: path.to_owned(), expected, reason };
    let mut text = String::new();
    fs::File::open(path).map_err(failed)?.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    let file: T = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    match of(&file) == format {
        true => Ok(file),
        false => Err(wrong(format!("its format is not `{format}`"))),
    }
}

fn packed(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // Reading from memory into memory cannot fail; what came out short would not have its hash.
    let _ = ZlibEncoder::new(bytes, Compression::default()).read_to_end(&mut out);
    BASE64.encode(out)
}

fn unpacked(text: &str) -> Option<Vec<u8>> {
    let packed = BASE64.decode(text).ok()?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(&packed[..]).take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_its_packing_and_damage_shows() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let text = packed(&bytes);
        assert!(text.len() < bytes.len() / 2);
        assert_eq!(unpacked(&text), Some(bytes));
        assert_eq!(unpacked("???"), None);
        assert_eq!(unpacked(&text[..text.len() - 40]), None);
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_one_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.json");
        assert!(matches!(Unsigned::load(&path), Err(OfflineError::File { .. })));
        for text in ["", "{}", "[]", r#"{"format":"neuron signed 1"}"#] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Unsigned::load(&path), Err(OfflineError::Format { .. })), "{text}");
            assert!(matches!(SignedOffline::load(&path), Err(OfflineError::Format { .. })), "{text}");
        }
        assert!(matches!(save(&path, &1), Err(OfflineError::File { .. })));
    }
}
