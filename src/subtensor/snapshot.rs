//! The chain's state at one block: every value of a snapshot comes from the same state, read with that block's metadata.

use std::collections::HashMap;
use std::sync::Arc;

use frame_decode::storage::IntoEncodableValues;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::utils::H256;

use super::error::{Failure, SubtensorError};
use super::link::Link;
use super::runtime::Runtime;
use crate::units::{BlockNumber, NetUid};

/// The pallet of everything that is about subnets.
pub(super) const PALLET: &str = "SubtensorModule";

/// Keys per request: nodes limit the size of answers, not of questions, and a row is small.
const KEYS_PER_REQUEST: usize = 512;

/// What a node gives in one page; the chain limits itself to 128 subnets.
const SUBNETS_AT_MOST: u32 = 1000;

/// One block's state on one node.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) link: Arc<Link>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) hash: H256,
    pub(super) block: BlockNumber,
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
        Ok(Self { link, runtime, hash, block })
    }

    /// One value; the item's default when nothing is stored, `None` when it has no default.
    pub(super) async fn value<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        keys: impl IntoEncodableValues,
    ) -> Result<Option<T>, Failure> {
        let key = self.runtime.key(pallet, item, keys)?;
        let bytes = self.link.rpc.state_get_storage(&key, Some(self.hash)).await?;
        Ok(self.runtime.value(pallet, item, bytes.as_deref())?)
    }

    /// The values of one item of [`PALLET`] under many keys, in their order, in as few requests as possible.
    pub(super) async fn values<T: DecodeAsType, K: IntoEncodableValues>(
        &self,
        item: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<T>>, Failure> {
        let keys = keys.into_iter().map(|k| self.runtime.key(PALLET, item, k)).collect::<Result<Vec<_>, _>>()?;
        let rows = self.rows(&keys).await?;
        Ok(rows.iter().map(|row| self.runtime.value(PALLET, item, row.as_deref())).collect::<Result<_, _>>()?)
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

    /// Refuses a subnet that is not there.
    pub(super) async fn require_subnet(&self, netuid: NetUid) -> Result<(), Failure> {
        match self.value(PALLET, "NetworksAdded", (netuid.0,)).await? {
            Some(true) => Ok(()),
            _ => Err(SubtensorError::NoSubnet(netuid).into()),
        }
    }

    /// The numbers of all subnets, root included, in rising order.
    pub(super) async fn subnets(&self) -> Result<Vec<u16>, Failure> {
        let prefix = self.runtime.key(PALLET, "NetworksAdded", ())?;
        let keys = self.link.rpc.state_get_keys_paged(&prefix, SUBNETS_AT_MOST, None, Some(self.hash)).await?;
        // The hasher leaves the number as it is, at the end.
        let netuid = |key: &Vec<u8>| key.last_chunk().copied().map(u16::from_le_bytes);
        let mut subnets: Vec<u16> = keys.iter().filter_map(netuid).collect();
        subnets.sort_unstable();
        Ok(subnets)
    }

    /// The answer of a runtime API.
    pub(super) async fn api<A: IntoEncodableValues, T: DecodeAsType>(
        &self,
        interface: &str,
        method: &str,
        arguments: A,
    ) -> Result<T, Failure> {
        let bytes = self.api_bytes(interface, method, arguments).await?;
        Ok(self.runtime.api_answer(interface, method, &bytes)?)
    }

    /// The same, undecoded.
    pub(super) async fn api_bytes<A: IntoEncodableValues>(
        &self,
        interface: &str,
        method: &str,
        arguments: A,
    ) -> Result<Vec<u8>, Failure> {
        let arguments = self.runtime.api_arguments(interface, method, arguments)?;
        let name = format!("{interface}_{method}");
        Ok(self.link.rpc.state_call(&name, Some(&arguments), Some(self.hash)).await?)
    }
}
