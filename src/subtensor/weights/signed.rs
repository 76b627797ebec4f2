//! A call that is signed, kept, and sent: three steps, so that whoever keeps a journal can write between them.
//!
//! The same bytes may be sent as often as one likes, by this process or its successor: one nonce, one hash, at most one
//! inclusion. Whether there was one is read from the blocks of the transaction's lifetime.

use serde::{Deserialize, Serialize};
use subxt::utils::H256;

use super::super::error::Failure;
use super::super::refusals::Refusal;
use super::super::submit::{self, Call, Signed};
use super::super::{Inclusion, Subtensor, SubtensorError};
use super::{Hash32, MechId, WeightsCall};
use crate::units::{Account, BlockNumber, NetUid};
use crate::wallet::Keypair;

/// A signed transaction, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCall {
    /// What it does, for messages.
    pub subject: String,
    /// The bytes, in hexadecimal digits.
    pub bytes: String,
    /// Its hash.
    pub hash: Hash32,
    /// Who signed.
    pub account: Account,
    /// The nonce.
    pub nonce: u64,
    /// The block from which it is valid.
    pub birth: BlockNumber,
    /// The last block in which it can be.
    pub last_block: BlockNumber,
}

/// What became of a signed call, as the blocks tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// In no block yet, and it still may be.
    Open,
    /// In no block, and it never will be.
    Never,
    /// In this block, successful. The block may not be final yet.
    Included {
        /// The block.
        block: BlockNumber,
        /// Its hash.
        hash: Hash32,
    },
    /// In a block, and refused there.
    Refused(Box<Refusal>),
    /// In this block; how it ended is not kept any more by the node that was asked.
    Unknown {
        /// The block.
        block: BlockNumber,
        /// Its hash.
        hash: Hash32,
    },
}

impl SignedCall {
    /// A call as it was signed.
    pub(in crate::subtensor) fn of(call: &Call, signed: &Signed) -> Self {
        let Signed { ref bytes, hash, account, nonce, birth, last_block } = *signed;
        let (bytes, hash) = (hex::encode(bytes), Hash32(hash.0));
        Self { subject: call.to_string(), bytes, hash, account, nonce, birth, last_block }
    }

    fn signed(&self) -> Result<(Call, Signed), SubtensorError> {
        let damaged = |reason: String| SubtensorError::Shape {
            what: format!("the kept call {}", self.hash),
            reason: reason.into(),
        };
        let bytes = hex::decode(&self.bytes).map_err(|e| damaged(e.to_string()))?;
        let Self { account, nonce, birth, last_block, .. } = *self;
        let signed = Signed { bytes: bytes.into(), hash: H256(self.hash.0), account, nonce, birth, last_block };
        Ok((Call::told(self.subject.clone()), signed))
    }
}

impl Subtensor {
    /// Signs a call that writes weights. Nothing is sent.
    ///
    /// # Errors
    /// The runtime does not have the call, or the chain cannot be read.
    pub async fn sign_weights(
        &self,
        hotkey: &Keypair,
        (netuid, mechanism): (NetUid, MechId),
        call: &WeightsCall,
        has_mechanisms: bool,
    ) -> Result<SignedCall, SubtensorError> {
        let call = call.call(netuid, mechanism, has_mechanisms);
        let signed = self.connection.sign(&call, hotkey).await?;
        Ok(SignedCall::of(&call, &signed))
    }

    /// Hands a signed call to the node, for the first time or again. `Some`: the pool refuses it.
    ///
    /// # Errors
    /// No node could be asked: it may have arrived.
    pub async fn post(&self, signed: &SignedCall) -> Result<Option<Refusal>, SubtensorError> {
        let (call, signed) = signed.signed()?;
        self.connection.send(&call, &signed).await
    }

    /// Waits until a call that was handed over is in a final block, or the write deadline has passed.
    ///
    /// # Errors
    /// The chain's refusal; [`SubtensorError::Expired`] and [`SubtensorError::Overtaken`] when it never will be in a block;
    /// [`SubtensorError::FateUnknown`] at the deadline.
    pub async fn follow(&self, signed: &SignedCall, refused: Option<Refusal>) -> Result<Inclusion, SubtensorError> {
        let (call, sent) = signed.signed()?;
        let mut included = None;
        let deadline = self.connection.config.write_deadline;
        match tokio::time::timeout(deadline, self.connection.follow(&call, &sent, refused, &mut included)).await {
            Ok(outcome) => outcome,
            Err(_) => included.ok_or(SubtensorError::FateUnknown {
                call: call.to_string(),
                extrinsic: signed.hash.to_string(),
                after: deadline,
                last_block: signed.last_block,
            }),
        }
    }

    /// Reads from the blocks what became of a signed call, however long ago that was.
    ///
    /// # Errors
    /// The chain cannot be read.
    pub async fn fate(&self, signed: &SignedCall) -> Result<Fate, SubtensorError> {
        let (call, sent) = signed.signed()?;
        let found = self.find(&sent).await?;
        let Some((block, hash, parent, index)) = found else {
            let is_over = self.connection.final_height().await? >= sent.last_block;
            return Ok(if is_over { Fate::Never } else { Fate::Open });
        };
        let label = call.to_string();
        let what = format!("how {label} ended");
        let ended = self.connection.run(&what, self.connection.config.read_deadline, |link| {
            let label = label.clone();
            async move { submit::outcome(&label, link, (block, hash), parent, index).await }
        });
        match ended.await {
            Ok(()) => Ok(Fate::Included { block, hash: Hash32(hash.0) }),
            Err(SubtensorError::Refused(refusal)) => Ok(Fate::Refused(refusal)),
            // The state of that block is gone.
            Err(SubtensorError::Node { .. }) => Ok(Fate::Unknown { block, hash: Hash32(hash.0) }),
            Err(other) => Err(other),
        }
    }

    /// Looks into every block of its lifetime: block, hash, parent, index.
    async fn find(&self, signed: &Signed) -> Result<Option<(BlockNumber, H256, H256, usize)>, SubtensorError> {
        let what = format!("the blocks since {}", signed.birth);
        // A block at a time: each with a deadline of its own, for there may be many.
        let mut height = signed.birth;
        while height < signed.last_block {
            height = height.saturating_add(1);
            let bytes = signed.bytes.clone();
            let seen = self.connection.run(&what, self.connection.config.read_deadline, |link| {
                let bytes = bytes.clone();
                async move {
                    let Some(hash) = link.rpc.chain_get_block_hash(Some(height.into())).await? else { return Ok(None) };
                    let Some(body) = link.rpc.chain_get_block(Some(hash)).await? else { return Ok(None) };
                    let index = body.block.extrinsics.iter().position(|extrinsic| extrinsic.0[..] == bytes[..]);
                    Ok::<_, Failure>(Some((hash, body.block.header.parent_hash, index)))
                }
            });
            match seen.await? {
                None => return Ok(None),
                Some((hash, parent, Some(index))) => return Ok(Some((height, hash, parent, index))),
                Some(_) => {}
            }
        }
        Ok(None)
    }
}
