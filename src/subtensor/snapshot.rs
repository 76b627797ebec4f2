//! The chain's state at one block: every value of a snapshot comes from the same state, read with that block's metadata.

use std::collections::HashMap;
use std::sync::Arc;

use frame_decode::storage::IntoEncodableValues;
use subxt::OfflineClientAtBlock;
use subxt::dynamic;
use subxt::ext::frame_decode as decode;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::H256;

use super::chain::Bittensor;
use super::error::{Failure, SubtensorError};
use super::link::{Link, Runtime};
use crate::units::BlockNumber;

/// The pallet of everything that is about subnets.
pub(super) const PALLET: &str = "SubtensorModule";

/// Keys per request: nodes limit the size of answers, not of questions, and a row is small.
const KEYS_PER_REQUEST: usize = 512;

/// One block's state on one node.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) link: Arc<Link>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) hash: H256,
    pub(super) block: BlockNumber,
    at: OfflineClientAtBlock<Bittensor>,
}

impl Snapshot {
    /// At the best block.
    pub(super) async fn best(link: Arc<Link>) -> Result<Self, Failure> {
        let (hash, block) = link.best().await?;
        Self::at(link, hash, block).await
    }

    /// At a known block.
    pub(super) async fn at(link: Arc<Link>, hash: H256, block: BlockNumber) -> Result<Self, Failure> {
        let runtime = link.runtime_at(hash).await?;
        let at = runtime.client.at_block(block).map_err(|e| SubtensorError::Shape {
            what: format!("runtime of spec {}", runtime.spec_version),
            reason: e.to_string(),
        })?;
        Ok(Self { link, runtime, hash, block, at })
    }

    /// The offline client that knows this block's runtime.
    pub(super) const fn offline(&self) -> &OfflineClientAtBlock<Bittensor> {
        &self.at
    }

    /// Whether the runtime has this storage item of [`PALLET`].
    pub(super) fn has_item(&self, item: &str) -> bool {
        let pallet = self.runtime.metadata.pallet_by_name(PALLET);
        pallet.and_then(|p| p.storage()?.entry_by_name(item)).is_some()
    }

    /// Whether the runtime has this method of a runtime API, and the metadata describes it.
    pub(super) fn has_api(&self, interface: &str, method: &str) -> bool {
        let interface = self.runtime.metadata.runtime_api_trait_by_name(interface);
        interface.and_then(|i| i.method_by_name(method)).is_some()
    }

    /// One value; the item's default when nothing is stored, `None` when it has no default.
    pub(super) async fn value<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        keys: impl IntoEncodableValues,
    ) -> Result<Option<T>, Failure> {
        let key = self.key(pallet, item, keys)?;
        let bytes = self.link.rpc.state_get_storage(&key, Some(self.hash)).await?;
        Ok(self.decode(pallet, item, bytes.as_deref())?)
    }

    /// The values of one item of [`PALLET`] under many keys, in their order, in as few requests as possible.
    pub(super) async fn values<T: DecodeAsType, K: IntoEncodableValues>(
        &self,
        item: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<T>>, Failure> {
        let keys = keys.into_iter().map(|k| self.key(PALLET, item, k)).collect::<Result<Vec<_>, _>>()?;
        let rows = self.rows(&keys).await?;
        Ok(rows.iter().map(|row| self.decode(PALLET, item, row.as_deref())).collect::<Result<_, _>>()?)
    }

    /// The raw values under these keys, in their order.
    pub(super) async fn rows(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let mut found = HashMap::with_capacity(keys.len());
        for part in keys.chunks(KEYS_PER_REQUEST) {
            let sets = self.link.rpc.state_query_storage_at(part.iter().map(Vec::as_slice), Some(self.hash)).await?;
            let changes = sets.into_iter().flat_map(|set| set.changes);
            found.extend(changes.filter_map(|(key, value)| Some((key.0, value?.0))));
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// The storage key of one value.
    pub(super) fn key(
        &self,
        pallet: &str,
        item: &str,
        keys: impl IntoEncodableValues,
    ) -> Result<Vec<u8>, SubtensorError> {
        let types = self.runtime.metadata.types();
        decode::storage::encode_storage_key(pallet, item, keys, &*self.runtime.metadata, types).map_err(|error| {
            match self.runtime.metadata.pallet_by_name(pallet).and_then(|p| p.storage()?.entry_by_name(item)) {
                None => self.missing(format!("storage item {pallet}.{item}")),
                Some(_) => {
                    SubtensorError::Shape { what: format!("the key of {pallet}.{item}"), reason: error.to_string() }
                }
            }
        })
    }

    /// A stored value, or the item's default.
    pub(super) fn decode<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Option<T>, SubtensorError> {
        let entry = self.runtime.metadata.pallet_by_name(pallet).and_then(|p| p.storage()?.entry_by_name(item));
        let Some(mut bytes) = bytes.or_else(|| entry?.default_value()) else { return Ok(None) };
        let types = self.runtime.metadata.types();
        let visitor = T::into_visitor();
        decode::storage::decode_storage_value(pallet, item, &mut bytes, &*self.runtime.metadata, types, visitor)
            .map(Some)
            .map_err(|e| SubtensorError::Shape { what: format!("{pallet}.{item}"), reason: e.to_string() })
    }

    /// The answer of a runtime API.
    pub(super) async fn api<A: IntoEncodableValues, T: DecodeAsType>(
        &self,
        interface: &'static str,
        method: &'static str,
        arguments: A,
    ) -> Result<T, Failure> {
        if !self.has_api(interface, method) {
            return Err(self.missing(format!("runtime API {interface}.{method}")).into());
        }
        let shape = |reason: String| SubtensorError::Shape { what: format!("{interface}.{method}"), reason };
        let call = dynamic::runtime_api_call::<A, T>(interface, method, arguments);
        let arguments = self.at.runtime_apis().encode_args(&call).map_err(|e| shape(e.to_string()))?;
        let name = format!("{interface}_{method}");
        let bytes = self.link.rpc.state_call(&name, Some(&arguments), Some(self.hash)).await?;
        let (metadata, types) = (&*self.runtime.metadata, self.runtime.metadata.types());
        let visitor = T::into_visitor();
        let cursor = &mut &bytes[..];
        decode::runtime_apis::decode_runtime_api_response(interface, method, cursor, metadata, types, visitor)
            .map_err(|e| shape(e.to_string()).into())
    }

    /// The error for something that this runtime does not have.
    pub(super) fn missing(&self, what: String) -> SubtensorError {
        SubtensorError::Missing { what, spec_version: self.runtime.spec_version }
    }
}
