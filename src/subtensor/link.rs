//! One connection to one node: its JSON-RPC methods, and the runtimes it has shown us so far.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use subxt::ext::codec::{Decode as _, Encode as _};
use subxt::metadata::Metadata;
use subxt::rpcs;
use subxt::utils::H256;
use tokio_util::sync::CancellationToken;

use super::chain::Rpc;
use super::error::{Failure, SubtensorError, shown};
use super::runtime::Runtime;
use crate::units::BlockNumber;

/// Runtimes kept per connection. Two are in use around an upgrade; the rest is room for reading the past.
const RUNTIMES_KEPT: usize = 4;

/// A connection. It is used until somebody condemns it; then it is dropped as a whole and never heals.
pub(super) struct Link {
    /// The endpoint as it may be shown.
    pub(super) endpoint: String,
    pub(super) genesis: H256,
    pub(super) rpc: Rpc,
    runtimes: Mutex<Vec<Arc<Runtime>>>,
    broken: CancellationToken,
    why: OnceLock<String>,
}

impl Link {
    /// Connects and asks which chain this is.
    pub(super) async fn open(endpoint: &str) -> Result<Self, Failure> {
        // "Insecure" allows plain `ws://` to other machines: operators run their own nodes in private networks.
        let client = rpcs::RpcClient::from_insecure_url(endpoint).await?;
        let rpc = Rpc::new(client);
        let genesis = rpc.genesis_hash().await?;
        Ok(Self {
            endpoint: shown(endpoint),
            genesis,
            rpc,
            runtimes: Mutex::default(),
            broken: CancellationToken::new(),
            why: OnceLock::new(),
        })
    }

    /// Declares the connection useless. The first reason stays.
    pub(super) fn condemn(&self, reason: String) {
        // Only the first caller's word counts.
        let _ = self.why.set(reason);
        self.broken.cancel();
    }

    /// Waits until the connection is condemned.
    pub(super) async fn condemned(&self) -> String {
        self.broken.cancelled().await;
        self.why.get().cloned().unwrap_or_default()
    }

    /// The best block: its hash and height.
    pub(super) async fn best(&self) -> Result<(H256, BlockNumber), Failure> {
        let hash = self.rpc.chain_get_block_hash(None).await?;
        let hash = hash.ok_or_else(|| Failure::Link("the node did not name its best block".to_owned()))?;
        Ok((hash, self.number_of(hash).await?))
    }

    /// The last finalised block: its hash and height.
    pub(super) async fn finalised(&self) -> Result<(H256, BlockNumber), Failure> {
        let hash = self.rpc.chain_get_finalized_head().await?;
        Ok((hash, self.number_of(hash).await?))
    }

    async fn number_of(&self, hash: H256) -> Result<BlockNumber, Failure> {
        let header = self.rpc.chain_get_header(Some(hash)).await?;
        header.map(|h| h.number).ok_or_else(|| Failure::Link(format!("the node does not know its own block {hash:?}")))
    }

    /// The runtime whose state a block left behind; its metadata is fetched once per spec version.
    pub(super) async fn runtime_at(&self, hash: H256) -> Result<Arc<Runtime>, Failure> {
        let version = self.rpc.state_get_runtime_version(Some(hash)).await?;
        let spec_version = version.spec_version;
        let known = self.with_runtimes(|all| all.iter().find(|r| r.spec_version == spec_version).cloned());
        if let Some(runtime) = known {
            return Ok(runtime);
        }
        let metadata = self.metadata_at(hash, spec_version).await?;
        let runtime = Arc::new(Runtime::new(self.genesis, spec_version, version.transaction_version, metadata));
        tracing::info!(endpoint = self.endpoint, spec_version, "the chain's runtime is known");
        self.with_runtimes(|all| {
            if all.len() >= RUNTIMES_KEPT {
                all.remove(0);
            }
            all.push(runtime.clone());
        });
        Ok(runtime)
    }

    fn with_runtimes<T>(&self, use_them: impl FnOnce(&mut Vec<Arc<Runtime>>) -> T) -> T {
        use_them(&mut self.runtimes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn metadata_at(&self, hash: H256, spec_version: u32) -> Result<Metadata, Failure> {
        let opaque = self.metadata_bytes(hash, spec_version).await?;
        // Tens of milliseconds of pure computation.
        let decoded = tokio::task::spawn_blocking(move || Metadata::decode(&mut &opaque[..])).await;
        let shape = |reason| no_metadata(spec_version, reason);
        Ok(decoded.map_err(|e| shape(e.to_string()))?.map_err(|e| shape(e.to_string()))?)
    }

    /// The metadata as the node serves it, of the newest version that is known here.
    pub(super) async fn metadata_bytes(&self, hash: H256, spec_version: u32) -> Result<Vec<u8>, Failure> {
        let at = Some(hash);
        let versions = match self.rpc.state_call("Metadata_metadata_versions", None, at).await.map_err(Failure::from) {
            Ok(bytes) => Vec::<u32>::decode(&mut &bytes[..]).unwrap_or_default(),
            Err(Failure::Node(..)) => Vec::new(), // a runtime from before this method
            Err(other) => return Err(other),
        };
        // 14 has no runtime APIs, which we can do without; above 16 nothing is known yet.
        let newest = versions.into_iter().filter(|v| (14..=16).contains(v)).max();
        let opaque = match newest {
            Some(version) => {
                let arguments = version.encode();
                let bytes = self.rpc.state_call("Metadata_metadata_at_version", Some(&arguments), at).await?;
                Option::<Vec<u8>>::decode(&mut &bytes[..]).ok().flatten()
            }
            None => {
                let bytes = self.rpc.state_call("Metadata_metadata", None, at).await?;
                Vec::<u8>::decode(&mut &bytes[..]).ok()
            }
        };
        Ok(opaque.ok_or_else(|| no_metadata(spec_version, "the node sent none".to_owned()))?)
    }
}

fn no_metadata(spec_version: u32, reason: String) -> SubtensorError {
    SubtensorError::Shape { what: format!("metadata of spec {spec_version}"), reason: reason.into() }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.endpoint)
    }
}
