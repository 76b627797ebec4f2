//! What the owner of a key may want from the chain, before anybody has signed it.
//!
//! An [`Operation`] is a call by name with named arguments. It can be shown, priced ([`Subtensor::fee`]), wrapped for a proxy
//! account, and submitted ([`Subtensor::submit`]).

mod bytes;
mod keys;
mod offline;
mod stake;
mod subnets;

use std::borrow::Cow;
use std::fmt;

use subxt::dynamic::Value;
use subxt::ext::codec::{Compact, Decode as _, Encode as _};
use subxt::ext::scale_value::Composite;

use super::calls::{bytes, named};
use super::chain::account_id;
use super::error::Failure;
use super::runtime::Terms;
use super::snapshot::{PALLET, Snapshot};
use super::submit::Call;
use super::weights::{Hash32, SignedCall};
use super::{Inclusion, Subtensor, SubtensorError};
use crate::units::{Account, BlockNumber, Rao};
use crate::wallet::{Keypair, Scheme};

pub use keys::Identity;
pub use offline::{Checked, OfflineError, SignedOffline, Unsigned};
pub use stake::{PriceLimit, RootClaim};
pub use subnets::SubnetIdentity;

/// A call of the chain with its arguments.
#[derive(Debug, Clone)]
pub struct Operation {
    pub(super) call: Call,
}

impl Operation {
    /// A call by its names. The runtime is asked at signing whether it has it, with just these arguments.
    pub(super) fn new(
        pallet: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        arguments: Composite<()>,
        subject: String,
    ) -> Self {
        Self { call: Call { pallet: pallet.into(), name: name.into(), arguments, subject } }
    }

    pub(super) fn of_subtensor<'a>(
        name: &'static str,
        arguments: impl IntoIterator<Item = (&'a str, Value)>,
        subject: String,
    ) -> Self {
        Self::new(PALLET, name, named(arguments), subject)
    }

    /// The call's name, `SubtensorModule.move_stake`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.call.pallet, self.call.name)
    }

    /// The same, done in the name of `real`, for which the signer is a proxy (`Proxy.proxy`).
    #[must_use]
    pub fn through_proxy(self, real: &Account) -> Self {
        let subject = format!("{} for {real}", self.call);
        let arguments = [("real", address(real)), ("force_proxy_type", option(None)), ("call", self.nested())];
        Self::new("Proxy", "proxy", named(arguments), subject)
    }

    /// A word in advance that the signer, a proxy of `real` with a delay, will do what has this hash (`Proxy.announce`).
    #[must_use]
    pub fn announce(real: &Account, call_hash: Hash32) -> Self {
        let arguments = named([("real", address(real)), ("call_hash", Value::from_bytes(call_hash.0))]);
        Self::new("Proxy", "announce", arguments, format!("{call_hash} for {real}"))
    }

    /// The same, done for `real` by its proxy `delegate`, who announced it (`Proxy.proxy_announced`). Anybody may sign.
    #[must_use]
    pub fn announced_by(self, delegate: &Account, real: &Account) -> Self {
        let subject = format!("{} for {real}, announced by {delegate}", self.call);
        let arguments = named([
            ("delegate", address(delegate)),
            ("real", address(real)),
            ("force_proxy_type", option(None)),
            ("call", self.nested()),
        ]);
        Self::new("Proxy", "proxy_announced", arguments, subject)
    }

    /// The call as an argument of another.
    fn nested(self) -> Value {
        Value::unnamed_variant(&*self.call.pallet, [Value::variant(&*self.call.name, self.call.arguments)])
    }

    /// The same, done with root's rights by the chain's sudo key (`Sudo.sudo`); development chains have one.
    #[must_use]
    pub fn as_root(self) -> Self {
        let subject = self.call.to_string();
        Self::new("Sudo", "sudo", named([("call", self.nested())]), subject)
    }
}

/// As messages name it.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl Subtensor {
    /// Signs an operation, sends it, and waits until its block is final.
    ///
    /// # Errors
    /// The chain's refusal, that of a call inside a proxy's or sudo's among them; or it cannot be read or written.
    pub async fn submit(&self, operation: &Operation, key: &Keypair) -> Result<Inclusion, SubtensorError> {
        self.submit_telling(operation, key, |_| {}).await
    }

    /// The same, and tells each signature before it is sent: whoever is interrupted knows what may still happen. There is more
    /// than one when an earlier can never be included.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_telling(
        &self,
        operation: &Operation,
        key: &Keypair,
        mut tell: impl FnMut(SignedCall) + Send,
    ) -> Result<Inclusion, SubtensorError> {
        let call = &operation.call;
        self.connection.submit(call, key, &mut |signed| tell(SignedCall::of(call, signed))).await
    }

    /// What the chain asks for including an operation signed by `signer`, in rao, as it estimates it now; 0 for a call
    /// that pays nothing.
    ///
    /// # Errors
    /// The runtime does not have the call with these arguments, or the chain cannot be read.
    pub async fn fee(&self, operation: &Operation, signer: &Account) -> Result<Rao, SubtensorError> {
        let (owner, call) = (account_id(signer), &operation.call);
        self.ask(&format!("the fee of {call}"), |at| async move {
            let nonce = at.link.rpc.system_account_next_index(&owner).await?;
            let mut request = at.signed_by_nobody(call, nonce)?;
            let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
            request.extend(length.encode());
            let answer =
                at.link.rpc.state_call("TransactionPaymentApi_query_info", Some(&request), Some(at.hash)).await?;
            // Weight (time, proof), class of the call, fee.
            type Info = (Compact<u64>, Compact<u64>, u8, u64);
            let (_, _, _, fee) = Info::decode(&mut &answer[..])
                .map_err(|error| SubtensorError::shape("TransactionPaymentApi.query_info".to_owned(), &error))?;
            Ok(Rao(fee))
        })
        .await
    }
}

impl Snapshot {
    /// The bytes of a call signed by a key of nobody's: the fee depends on the call and its length only.
    fn signed_by_nobody(&self, call: &Call, nonce: u64) -> Result<Vec<u8>, Failure> {
        const PERIOD: BlockNumber = 64;
        let nobody = Keypair::from_seed(&[0; 32], Scheme::Sr25519);
        let terms = Terms { nonce, period: PERIOD, birth: (self.block, self.hash) };
        Ok(self.runtime.sign(call, &nobody, terms)?.0)
    }
}

fn address(account: &Account) -> Value {
    Value::unnamed_variant("Id", [bytes(account)])
}

fn option(value: Option<Value>) -> Value {
    value.map_or_else(|| Value::unnamed_variant("None", []), |value| Value::unnamed_variant("Some", [value]))
}

fn text(text: &str) -> Value {
    Value::from_bytes(text.as_bytes())
}
