//! What kind of chain this is, in subxt's terms: addresses, signatures, the list of transaction extensions; and our
//! keys as its signers.

use frame_decode::extrinsics::{self, TransactionExtensionsError};
use scale_info::PortableRegistry;
use subxt::config::transaction_extensions as known;
use subxt::config::{
    self, ClientState, Config, HashFor, RpcConfigFor, SubstrateConfig, TransactionExtension, substrate,
};
use subxt::error::TransactionExtensionError;
use subxt::ext::{codec, scale_type_resolver::TypeResolver};
use subxt::rpcs::methods::legacy::LegacyRpcMethods;
use subxt::transactions::Signer;
use subxt::utils::{AccountId32, H256, MultiAddress, MultiSignature};
use subxt::{ArcMetadata, OfflineClient};

use crate::units::Account;
use crate::wallet::Keypair;

/// The node's JSON-RPC methods with this chain's types.
pub(super) type Rpc = LegacyRpcMethods<RpcConfigFor<Bittensor>>;

/// Substrate with this chain's addresses and extensions, at one spec version.
///
/// One value per spec version: what was signed or decoded with it never sees the names of another runtime.
#[derive(Clone, Debug)]
pub(super) struct Bittensor(SubstrateConfig);

impl Bittensor {
    /// An offline client for one runtime. It makes no request: the caller decides what is asked, where, and how long.
    pub(super) fn client(
        genesis: H256,
        spec_version: u32,
        transaction_version: u32,
        metadata: ArcMetadata,
    ) -> OfflineClient<Self> {
        let versions = substrate::SpecVersionForRange { block_range: 0..u64::MAX, spec_version, transaction_version };
        OfflineClient::new_with_config(Self(
            SubstrateConfig::builder()
                .set_genesis_hash(genesis)
                .set_spec_version_for_block_ranges([versions])
                .set_metadata_for_spec_versions([(spec_version, metadata)])
                .build(),
        ))
    }
}

impl Config for Bittensor {
    type AccountId = AccountId32;
    type Address = MultiAddress<AccountId32, ()>;
    type AssetId = u32;
    type Hasher = <SubstrateConfig as Config>::Hasher;
    type Header = <SubstrateConfig as Config>::Header;
    type Signature = MultiSignature;
    type TransactionExtensions = Extensions;

    fn genesis_hash(&self) -> Option<HashFor<Self>> {
        self.0.genesis_hash()
    }

    fn spec_and_transaction_version_for_block_number(&self, block: u64) -> Option<(u32, u32)> {
        self.0.spec_and_transaction_version_for_block_number(block)
    }

    fn metadata_for_spec_version(&self, spec_version: u32) -> Option<ArcMetadata> {
        self.0.metadata_for_spec_version(spec_version)
    }

    fn set_metadata_for_spec_version(&self, spec_version: u32, metadata: ArcMetadata) {
        self.0.set_metadata_for_spec_version(spec_version, metadata);
    }
}

/// From one list: the tuple of extensions, and the question whether a name is among them.
macro_rules! known {
    ($($extension:ty),+ $(,)?) => {
        /// The transaction extensions whose values we know. Their order is the runtime's; a name that it does not list is
        /// left out.
        type Known = ($($extension),+);

        /// Whether we know what to write for a transaction extension of this name.
        pub(super) fn is_known(extension: &str) -> bool {
            [$(name::<$extension>()),+].contains(&extension)
        }
    };
}

known! {
    known::CheckSpecVersion,
    known::CheckTxVersion,
    known::CheckGenesis<Bittensor>,
    known::CheckMortality<Bittensor>,
    known::CheckNonce,
    known::ChargeTransactionPayment,
    TipOfWrapper,
    known::CheckMetadataHash,
}

/// What we can put into a transaction for a runtime's list of extensions: the known ones; nothing where nothing is asked
/// for; `None` where that is possible. Any other is an error with the extension's name.
pub(super) struct Extensions(Known);

impl config::TransactionExtensions<Bittensor> for Extensions {
    type Params = <Known as config::TransactionExtensions<Bittensor>>::Params;

    fn new(client: &ClientState<Bittensor>, params: Self::Params) -> Result<Self, TransactionExtensionError> {
        <Known as config::TransactionExtensions<Bittensor>>::new(client, params).map(Self)
    }

    fn inject_signature(&mut self, account: &AccountId32, signature: &MultiSignature) {
        config::TransactionExtensions::<Bittensor>::inject_signature(&mut self.0, account, signature);
    }
}

impl extrinsics::TransactionExtensions<PortableRegistry> for Extensions {
    fn contains_extension(&self, name: &str) -> bool {
        extrinsics::TransactionExtensions::<PortableRegistry>::contains_extension(&self.0, name)
    }

    fn encode_extension_value_to(
        &self,
        name: &str,
        ty: u32,
        types: &PortableRegistry,
        out: &mut Vec<u8>,
    ) -> Result<(), TransactionExtensionsError> {
        // The caller writes `None` for an unknown one.
        self.0.encode_extension_value_to(name, ty, types, out)
    }

    fn encode_extension_implicit_to(
        &self,
        name: &str,
        ty: u32,
        types: &PortableRegistry,
        out: &mut Vec<u8>,
    ) -> Result<(), TransactionExtensionsError> {
        match self.0.encode_extension_implicit_to(name, ty, types, out) {
            Err(TransactionExtensionsError::NotFound(_)) if is_option(ty, types) => {
                codec::Encode::encode_to(&None::<()>, out);
                Ok(())
            }
            other => other,
        }
    }
}

const fn name<E: extrinsics::TransactionExtension<PortableRegistry>>() -> &'static str {
    E::NAME
}

fn is_option(ty: u32, types: &PortableRegistry) -> bool {
    types.resolve(ty).is_some_and(|ty| ty.path.ident().as_deref() == Some("Option"))
}

/// The parameters of one signature: everything that is signed besides the call.
pub(super) fn params(
    nonce: u64,
    period: u64,
    birth: (u64, H256),
) -> <Known as config::TransactionExtensions<Bittensor>>::Params {
    let mortality = known::CheckMortalityParams::mortal_from_unchecked(period, birth.0, birth.1);
    ((), (), (), mortality, known::CheckNonceParams::with_nonce(nonce), Default::default(), (), ())
}

/// The tip under the name that the chain's source uses; the metadata of most runtimes shows the inner name instead.
#[derive(Debug)]
pub(super) struct TipOfWrapper;

impl<T: Config> TransactionExtension<T> for TipOfWrapper {
    type Decoded = known::ChargeTransactionPayment;
    type Params = ();

    fn new(_: &ClientState<T>, (): ()) -> Result<Self, TransactionExtensionError> {
        Ok(Self)
    }
}

impl<R: TypeResolver> frame_decode::extrinsics::TransactionExtension<R> for TipOfWrapper {
    const NAME: &str = "ChargeTransactionPaymentWrapper";

    fn encode_value_to(
        &self,
        _: R::TypeId,
        _: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), frame_decode::extrinsics::TransactionExtensionError> {
        codec::Encode::encode_to(&codec::Compact(0_u64), out);
        Ok(())
    }

    fn encode_implicit_to(
        &self,
        _: R::TypeId,
        _: &R,
        _: &mut Vec<u8>,
    ) -> Result<(), frame_decode::extrinsics::TransactionExtensionError> {
        Ok(())
    }
}

/// A key of ours as a signer of subxt: no second implementation of the signature schemes.
#[derive(Debug)]
pub(super) struct ChainSigner<'a>(pub(super) &'a Keypair);

impl Signer<Bittensor> for ChainSigner<'_> {
    fn account_id(&self) -> AccountId32 {
        account_id(&self.0.account())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        let signature = self.0.sign(payload);
        match self.0 {
            Keypair::Sr25519(_) => MultiSignature::Sr25519(signature),
            Keypair::Ed25519(_) => MultiSignature::Ed25519(signature),
        }
    }
}

/// An account in subxt's words.
pub(super) fn account_id(account: &Account) -> AccountId32 {
    AccountId32(account.0)
}

/// An account in ours.
pub(super) fn account(id: &AccountId32) -> Account {
    Account(id.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallet::{Scheme, verify};

    #[test]
    fn each_scheme_signs_as_its_own_variant() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let key = Keypair::from_uri("//Alice", scheme).unwrap();
            let signer = ChainSigner(&key);
            let (bytes, expected) = match signer.sign(b"payload") {
                MultiSignature::Sr25519(bytes) => (bytes, Scheme::Sr25519),
                MultiSignature::Ed25519(bytes) => (bytes, Scheme::Ed25519),
                MultiSignature::Ecdsa(_) => panic!("no key of ours is ecdsa"),
            };
            assert_eq!(scheme, expected);
            assert!(verify(scheme, &account(&signer.account_id()), b"payload", &bytes));
        }
    }
}
