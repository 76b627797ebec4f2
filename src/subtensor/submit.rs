//! Writing: sign, send, and find out what became of it.
//!
//! A transaction's fate is read from the blocks, never from the subscription of the connection that sent it: that one
//! dies with the connection. The same signed bytes may be sent again as often as one likes, to any node (one nonce, one
//! hash); a *new* signature is made only when the old one can never be included any more. Lifetimes are mortal, so
//! every fate is known at last.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subxt::error::DispatchError;
use subxt::events::Phase;
use subxt::ext::scale_value::Composite;
use subxt::utils::H256;
use tokio::sync::watch;
use tokio::time::timeout;

use super::chain::account_id;
use super::connection::Connection;
use super::error::{Failure, SubtensorError};
use super::link::Link;
use super::refusals::{self, Refusal};
use super::runtime::Terms;
use super::snapshot::Snapshot;
use crate::units::{Account, BlockNumber};
use crate::wallet::Keypair;

/// New signatures after the first, when an earlier one can never be included.
const RENEWALS: u32 = 8;
/// Of these, so many at once: another program with the same key took the nonce, and the next reading counts it.
const HASTY_RENEWALS: u32 = 4;
/// Sent again after so many blocks without it: it may have been dropped from a pool, or that pool may be gone.
const SEND_AGAIN_AFTER: BlockNumber = 3;
/// How long to wait for the next block before looking anyway.
const NEXT_BLOCK: Duration = Duration::from_secs(15);
/// The same for a block to become final, which comes between two blocks.
const NEXT_FINAL: Duration = Duration::from_secs(2);

/// A transaction that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Inclusion {
    /// The block that has it.
    pub block: BlockNumber,
    /// That block's hash, `0x…`.
    pub block_hash: String,
    /// The transaction's hash, `0x…`.
    pub extrinsic: String,
    /// Whether the block was final when the deadline passed at the latest.
    pub finalised: bool,
}

/// What is to be done on the chain.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) pallet: Cow<'static, str>,
    pub(super) name: Cow<'static, str>,
    /// Named arguments: the chain may reorder them, and a renamed one is an error rather than a wrong value.
    pub(super) arguments: Composite<()>,
    /// What it is about, for messages.
    pub(super) subject: String,
}

impl Call {
    /// The names of its arguments.
    pub(super) fn argument_names(&self) -> impl Iterator<Item = &str> {
        let named = match &self.arguments {
            Composite::Named(named) => named.as_slice(),
            Composite::Unnamed(_) => &[],
        };
        named.iter().map(|(name, _)| name.as_str())
    }

    /// A call that is signed already, known by the text that it had.
    pub(super) fn told(text: String) -> Self {
        Self {
            pallet: "".into(),
            name: "".into(),
            arguments: Composite::named(Vec::<(String, _)>::new()),
            subject: text,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str(&self.subject);
        }
        write!(f, "{}.{} ({})", self.pallet, self.name, self.subject)
    }
}

/// A signed transaction.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) bytes: Arc<[u8]>,
    pub(super) hash: H256,
    pub(super) account: Account,
    pub(super) nonce: u64,
    pub(super) birth: BlockNumber,
    /// The last block in which it can be.
    pub(super) last_block: BlockNumber,
}

impl Signed {
    fn hash_text(&self) -> String {
        format!("{:?}", self.hash)
    }
}

/// What the blocks say.
enum Sight {
    /// In this block, successful.
    Success(BlockNumber, H256),
    /// In none up to this height.
    NotUpTo(BlockNumber),
}

/// The newest state, and what is signed besides the call: the nonce that counts the pool, and `period` blocks of life from the last
/// final one on.
pub(super) async fn terms(link: Arc<Link>, account: &Account, period: u64) -> Result<(Snapshot, Terms), Failure> {
    let owner = account_id(account);
    let (at, (hash, birth), nonce) = tokio::try_join!(Snapshot::best(link.clone()), link.finalised(), async {
        Ok(link.rpc.system_account_next_index(&owner).await?)
    })?;
    Ok((at, Terms { nonce, period, birth: (birth, hash) }))
}

impl Connection {
    /// Submits a call and waits until its block is final, or the deadline has passed. Each signature is told before it is sent.
    pub(super) async fn submit(
        &self,
        call: &Call,
        key: &Keypair,
        tell: &mut (dyn FnMut(&Signed) + Send),
    ) -> Result<Inclusion, SubtensorError> {
        let deadline = self.config.write_deadline;
        let mut sent: Option<Signed> = None;
        let mut included: Option<Inclusion> = None;
        match timeout(deadline, self.until_final(call, key, tell, &mut sent, &mut included)).await {
            Ok(outcome) => outcome,
            Err(_) => match (included, sent) {
                (Some(inclusion), _) => Ok(inclusion),
                (None, Some(signed)) => Err(SubtensorError::FateUnknown {
                    call: call.to_string(),
                    extrinsic: signed.hash_text(),
                    after: deadline,
                    last_block: signed.last_block,
                }),
                (None, None) => {
                    Err(SubtensorError::Deadline { what: call.to_string(), after: deadline, attempts: self.tried() })
                }
            },
        }
    }

    async fn until_final(
        &self,
        call: &Call,
        key: &Keypair,
        tell: &mut (dyn FnMut(&Signed) + Send),
        sent: &mut Option<Signed>,
        included: &mut Option<Inclusion>,
    ) -> Result<Inclusion, SubtensorError> {
        let mut renewals = 0;
        loop {
            let (signed, refused) = {
                // One at a time: the next nonce is known when this one is in the pool.
                let _turn = self.turn.lock().await;
                let signed = self.sign(call, key).await?;
                *sent = Some(signed.clone());
                tell(&signed);
                let refused = self.send(call, &signed).await?;
                (signed, refused)
            };
            match self.follow(call, &signed, refused, included).await {
                Err(error) if renewals < RENEWALS && may_sign_again(&error) => {
                    renewals += 1;
                    *sent = None;
                    tracing::info!(call = %call, reason = %error, "signing again");
                    if renewals > HASTY_RENEWALS {
                        let mut blocks = self.blocks();
                        blocks.mark_unchanged();
                        next_block(&mut blocks, NEXT_BLOCK).await;
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Signs with the nonce that counts the pool, and a lifetime that begins at the last final block.
    pub(super) async fn sign(&self, call: &Call, key: &Keypair) -> Result<Signed, SubtensorError> {
        let account = key.account();
        let period = self.config.lifetime;
        self.run(&format!("preparing {call}"), self.config.read_deadline, |link| async move {
            let (snapshot, terms) = terms(link, &account, period).await?;
            let Terms { nonce, birth: (birth, _), .. } = terms;
            let (bytes, hash) = snapshot.runtime.sign(call, key, terms)?;
            let last_block = birth.saturating_add(period);
            Ok(Signed { bytes: bytes.into(), hash, account, nonce, birth, last_block })
        })
        .await
    }

    /// Watches the blocks until it is final, refused, or impossible.
    pub(super) async fn follow(
        &self,
        call: &Call,
        signed: &Signed,
        mut refused: Option<Refusal>,
        included: &mut Option<Inclusion>,
    ) -> Result<Inclusion, SubtensorError> {
        let mut sent_at = signed.birth;
        let mut seen = signed.birth;
        let mut blocks = self.blocks();
        loop {
            // A block that comes from here on ends the wait below.
            blocks.mark_unchanged();
            match self.look(call, signed, seen).await? {
                Sight::Success(block, hash) => {
                    let inclusion = Inclusion {
                        block,
                        block_hash: format!("{hash:?}"),
                        extrinsic: signed.hash_text(),
                        finalised: false,
                    };
                    *included = Some(inclusion.clone());
                    if self.finality(block, hash).await? {
                        return Ok(Inclusion { finalised: true, ..inclusion });
                    }
                    // Another block became final at that height: look again from there.
                    *included = None;
                    seen = block.saturating_sub(1);
                    continue;
                }
                // It is in no block, so a refusal stands.
                Sight::NotUpTo(height) => {
                    if let Some(refusal) = refused.take() {
                        return Err(verdict(call, signed, refusal));
                    }
                    if height >= signed.last_block {
                        return Err(SubtensorError::Expired {
                            call: call.to_string(),
                            extrinsic: signed.hash_text(),
                            last_block: signed.last_block,
                        });
                    }
                    // A fork may replace the newest blocks: they are looked at again until they are final.
                    seen = self.final_height().await?.clamp(signed.birth, height);
                    if height >= sent_at.saturating_add(SEND_AGAIN_AFTER) {
                        if sent_at > signed.birth {
                            refused = self.send(call, signed).await?;
                        }
                        sent_at = height;
                    }
                }
            }
            next_block(&mut blocks, NEXT_BLOCK).await;
        }
    }

    /// Sends the bytes, for the first time or again; a refusal is only a refusal when no block has it.
    pub(super) async fn send(&self, call: &Call, signed: &Signed) -> Result<Option<Refusal>, SubtensorError> {
        let label = call.to_string();
        self.run(&format!("sending {call}"), self.config.read_deadline, |link| {
            let (bytes, label) = (signed.bytes.clone(), label.clone());
            async move {
                match link.rpc.author_submit_extrinsic(&bytes).await.map_err(Failure::from) {
                    // 1013: this node has it already, from us.
                    Ok(_) | Err(Failure::Node(1013, _)) => Ok(None),
                    Err(Failure::Node(code, text)) => {
                        refusals::in_pool(&label, code, text.as_raw()).map(Some).ok_or(Failure::Node(code, text))
                    }
                    Err(other) => Err(other),
                }
            }
        })
        .await
    }

    /// Looks into the blocks after `seen`, up to the best.
    async fn look(&self, call: &Call, signed: &Signed, seen: BlockNumber) -> Result<Sight, SubtensorError> {
        let label = call.to_string();
        self.run(&format!("looking for {call}"), self.config.read_deadline, |link| {
            let label = label.clone();
            async move {
                let (_, best) = link.best().await?;
                for height in seen.saturating_add(1)..=best.min(signed.last_block) {
                    let Some(hash) = link.rpc.chain_get_block_hash(Some(height.into())).await? else { break };
                    let Some(body) = link.rpc.chain_get_block(Some(hash)).await? else { break };
                    let extrinsics = &body.block.extrinsics;
                    if let Some(index) = extrinsics.iter().position(|e| e.0[..] == signed.bytes[..]) {
                        outcome(&label, link.clone(), (height, hash), body.block.header.parent_hash, index).await?;
                        return Ok(Sight::Success(height, hash));
                    }
                }
                Ok(Sight::NotUpTo(best))
            }
        })
        .await
    }

    /// Waits until the height is final. Whether it is this block that is.
    async fn finality(&self, block: BlockNumber, hash: H256) -> Result<bool, SubtensorError> {
        let mut blocks = self.blocks();
        loop {
            blocks.mark_unchanged();
            if self.final_height().await? >= block {
                let now = self
                    .run("the hash of a final block", self.config.read_deadline, |link| async move {
                        Ok(link.rpc.chain_get_block_hash(Some(block.into())).await?)
                    })
                    .await?;
                return Ok(now == Some(hash));
            }
            next_block(&mut blocks, NEXT_FINAL).await;
        }
    }

    pub(super) async fn final_height(&self) -> Result<BlockNumber, SubtensorError> {
        let deadline = self.config.read_deadline;
        self.run("the last final block", deadline, |link| async move { Ok(link.finalised().await?.1) }).await
    }
}

/// Until the best block changes; not for ever, in case that no one tells us.
async fn next_block(blocks: &mut watch::Receiver<BlockNumber>, patience: Duration) {
    // Either way it is time to look again.
    let _ = timeout(patience, blocks.changed()).await;
}

/// Whether the transaction of this error can never be included, so that another may be signed in its place.
fn may_sign_again(error: &SubtensorError) -> bool {
    match error {
        SubtensorError::Expired { .. } | SubtensorError::Overtaken { .. } => true,
        // In the pool these mean that it did not get in. `BadProof`: the runtime changed between reading and sending.
        SubtensorError::Refused(refusal) => {
            refusal.block.is_none()
                && ["Stale", "BadProof", "AncientBirthBlock", "PriorityTooLow"].contains(&refusal.name.as_str())
        }
        _ => false,
    }
}

/// What a refusal of bytes that are in no block means.
fn verdict(call: &Call, signed: &Signed, refusal: Refusal) -> SubtensorError {
    if refusal.name != "Stale" {
        return SubtensorError::Refused(Box::new(refusal));
    }
    SubtensorError::Overtaken {
        call: call.to_string(),
        extrinsic: signed.hash_text(),
        account: signed.account,
        nonce: signed.nonce,
    }
}

/// Reads the events of one extrinsic: `Ok` when it succeeded, the named refusal when it failed.
pub(super) async fn outcome(
    call: &str,
    link: Arc<Link>,
    (block, hash): (BlockNumber, H256),
    parent: H256,
    index: usize,
) -> Result<(), Failure> {
    // Events are encoded by the runtime that executed the block, which an upgrade in the block itself does not change.
    let executed_by = Snapshot::at(link.clone(), parent, block.saturating_sub(1)).await?;
    let key = executed_by.runtime.key("System", "Events", ())?;
    let bytes = link.rpc.state_get_storage(&key, Some(hash)).await?.unwrap_or_default();
    let shape =
        |reason: String| SubtensorError::Shape { what: format!("the events of block {block}"), reason: reason.into() };
    let metadata = &executed_by.runtime.metadata;
    let refused = |bytes: &[u8]| match DispatchError::decode_from(bytes, metadata.clone()) {
        Ok(error) => SubtensorError::Refused(Box::new(named(call, &error, block))),
        Err(error) => shape(error.to_string()),
    };
    // What was done for another account failed, though the transaction around it did not.
    let mut inside = None;
    for event in executed_by.runtime.at(executed_by.block)?.events().from_bytes(bytes).iter() {
        let event = event.map_err(|e| shape(e.to_string()))?;
        if !matches!(event.phase(), Phase::ApplyExtrinsic(i) if usize::try_from(i) == Ok(index)) {
            continue;
        }
        match (event.pallet_name(), event.event_name(), event.field_bytes()) {
            // Each has one field, a result: 1 and the error.
            ("Proxy", "ProxyExecuted", [1, error @ ..]) | ("Sudo", "Sudid", [1, error @ ..]) => {
                inside = Some(refused(error));
            }
            // An index, then the error.
            ("Utility", "BatchInterrupted", [_, _, _, _, error @ ..]) => inside = Some(refused(error)),
            ("System", "ExtrinsicSuccess", _) => return inside.map_or(Ok(()), |error| Err(error.into())),
            ("System", "ExtrinsicFailed", error) => return Err(refused(error).into()),
            _ => {}
        }
    }
    Err(shape("they do not say whether the transaction succeeded".to_owned()).into())
}

/// A dispatch error by name.
fn named(call: &str, error: &DispatchError, block: BlockNumber) -> Refusal {
    match error {
        DispatchError::Module(module) => match module.details() {
            Ok(details) => {
                let docs = details.variant.docs.join(" ");
                refusals::in_block(call, details.pallet.name(), &details.variant.name, docs.trim(), block)
            }
            Err(error) => refusals::in_block(call, "unknown pallet", "unknown error", &error.to_string(), block),
        },
        DispatchError::Token(token) => {
            refusals::in_block(call, "Token", &format!("{token:?}"), &token.to_string(), block)
        }
        DispatchError::Arithmetic(arithmetic) => {
            refusals::in_block(call, "Arithmetic", &format!("{arithmetic:?}"), &arithmetic.to_string(), block)
        }
        other => refusals::in_block(call, "System", &format!("{other:?}"), &other.to_string(), block),
    }
}
