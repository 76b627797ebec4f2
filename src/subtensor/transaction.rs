//! What became of a transaction of which only the hash is known: it is looked for in the newest blocks.

use subxt::utils::H256;

use super::error::Failure;
use super::snapshot::Snapshot;
use super::submit;
use super::weights::Hash32;
use super::{Refusal, Subtensor, SubtensorError};
use crate::units::BlockNumber;

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The block.
    pub block: BlockNumber,
    /// The block's hash.
    pub block_hash: Hash32,
    /// Its place in the block.
    pub index: usize,
    /// Whether the block is final.
    pub finalised: bool,
    /// The call, `Balances.transfer_keep_alive`; `None` when the runtime of now does not know its bytes.
    pub call: Option<String>,
    /// Why it failed there; `None`: it succeeded.
    pub refused: Option<Box<Refusal>>,
}

/// Where it was seen: block, hash, hash of the block before, place, bytes.
type Seen = (BlockNumber, H256, H256, usize, Vec<u8>);

impl Subtensor {
    /// Looks for a transaction in the last `blocks` blocks, newest first; `None` when none of them has it.
    ///
    /// # Errors
    /// The chain cannot be read.
    pub async fn transaction(&self, hash: Hash32, blocks: u64) -> Result<Option<Found>, SubtensorError> {
        let Some((block, at, parent, index, bytes)) = self.seen(hash, blocks).await? else { return Ok(None) };
        let label = format!("transaction {hash}");
        let what = format!("how {label} ended");
        let deadline = self.connection.config.read_deadline;
        let ended = self.connection.run(&what, deadline, |link| {
            let label = label.clone();
            async move { submit::outcome(&label, link, (block, at), parent, index).await }
        });
        let refused = match ended.await {
            Ok(()) => None,
            Err(SubtensorError::Refused(refusal)) => Some(refusal),
            Err(other) => return Err(other),
        };
        let call = self.connection.run("the name of a call", deadline, |link| {
            let bytes = bytes.clone();
            async move { Ok(Snapshot::at(link, parent, block.saturating_sub(1)).await?.call_name(&bytes)) }
        });
        let finalised = self.connection.final_height().await? >= block;
        Ok(Some(Found { block, block_hash: Hash32(at.0), index, finalised, call: call.await?, refused }))
    }

    async fn seen(&self, hash: Hash32, blocks: u64) -> Result<Option<Seen>, SubtensorError> {
        let best = self.block_number().await?;
        for height in (best.saturating_sub(blocks).saturating_add(1)..=best).rev() {
            let what = format!("block {height}");
            // A block at a time, each with a deadline of its own.
            let looked = self.connection.run(&what, self.connection.config.read_deadline, |link| async move {
                let Some(at) = link.rpc.chain_get_block_hash(Some(height.into())).await? else { return Ok(None) };
                let Some(body) = link.rpc.chain_get_block(Some(at)).await? else { return Ok(None) };
                let found = body.block.extrinsics.iter().position(|extrinsic| Hash32::of(&extrinsic.0) == hash);
                let bytes = found.and_then(|index| body.block.extrinsics.get(index)).map(|bytes| bytes.0.clone());
                let parent = body.block.header.parent_hash;
                Ok::<_, Failure>(found.zip(bytes).map(|(index, bytes)| (height, at, parent, index, bytes)))
            });
            if let Some(seen) = looked.await? {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }
}

impl Snapshot {
    /// The name of the call in a transaction's bytes.
    fn call_name(&self, bytes: &[u8]) -> Option<String> {
        let types = self.runtime.metadata.types();
        let read = frame_decode::extrinsics::decode_extrinsic(&mut &*bytes, &*self.runtime.metadata, types).ok()?;
        Some(format!("{}.{}", read.pallet_name(), read.call_name()))
    }
}
