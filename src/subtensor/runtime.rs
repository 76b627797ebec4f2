//! One runtime of the chain: what it has, by name, and how it wants things written. Pure: no request is made here.
//!
//! Arguments are encoded and answers decoded by name and shape. `NetUid` is a plain u16 in one runtime and a struct around
//! it in the next: both are written and read alike. What has changed its name is in `moved.rs`.

use frame_decode::storage::IntoEncodableValues;
use scale_info::{TypeDef, TypeDefPrimitive};
use subxt::dynamic;
use subxt::ext::frame_decode as decode;
use subxt::ext::scale_decode::DecodeAsType;
use subxt::metadata::Metadata;
use subxt::utils::H256;
use subxt::{ArcMetadata, OfflineClient, OfflineClientAtBlock};

use super::chain::{self, Bittensor, ChainSigner, params};
use super::error::SubtensorError;
use super::moved::Moved;
use super::snapshot::PALLET;
use super::submit::Call;
use crate::units::BlockNumber;
use crate::wallet::Keypair;

/// One runtime of the chain, by its metadata.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) spec_version: u32,
    pub(super) transaction_version: u32,
    pub(super) metadata: ArcMetadata,
    client: OfflineClient<Bittensor>,
}

/// What is signed besides the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The signer's next nonce.
    pub(super) nonce: u64,
    /// Blocks of life, a power of two.
    pub(super) period: u64,
    /// The block at which life begins.
    pub(super) birth: (BlockNumber, H256),
}

impl Runtime {
    pub(super) fn new(genesis: H256, spec_version: u32, transaction_version: u32, metadata: Metadata) -> Self {
        let metadata = ArcMetadata::from(metadata);
        let client = Bittensor::client(genesis, spec_version, transaction_version, metadata.clone());
        Self { spec_version, transaction_version, metadata, client }
    }

    /// Whether a pallet has this storage item.
    pub(super) fn has_item(&self, pallet: &str, item: &str) -> bool {
        let pallet = self.metadata.pallet_by_name(pallet);
        pallet.and_then(|p| p.storage()?.entry_by_name(item)).is_some()
    }

    /// Whether there is this method of a runtime API and the metadata says what its answer is.
    ///
    /// Runtimes until early 2025 declare bytes (`Vec<u8>`), and encode the answer into them: those say nothing of their
    /// content, and are left alone.
    pub(super) fn describes(&self, interface: &str, method: &str) -> bool {
        let interface = self.metadata.runtime_api_trait_by_name(interface);
        interface.and_then(|i| i.method_by_name(method)).is_some_and(|m| !self.is_bytes(m.output_ty()))
    }

    fn is_bytes(&self, ty: u32) -> bool {
        let types = self.metadata.types();
        let Some(TypeDef::Sequence(sequence)) = types.resolve(ty).map(|ty| &ty.type_def) else { return false };
        let element = types.resolve(sequence.type_param.id).map(|ty| &ty.type_def);
        matches!(element, Some(TypeDef::Primitive(TypeDefPrimitive::U8)))
    }

    /// Where this runtime has something that has moved, and in which form.
    pub(super) fn form_of<F: Copy>(&self, moved: &Moved<F>) -> Result<(&'static str, F), SubtensorError> {
        let form = moved.forms.iter().find(|(item, _)| self.has_item(PALLET, item)).copied();
        form.ok_or_else(|| self.missing(format!("storage item for {} (one of {})", moved.what, moved.names())))
    }

    /// The storage key of one value, or the prefix under which the values with these first keys lie.
    pub(super) fn key(
        &self,
        pallet: &str,
        item: &str,
        keys: impl IntoEncodableValues,
    ) -> Result<Vec<u8>, SubtensorError> {
        if !self.has_item(pallet, item) {
            return Err(self.missing(format!("storage item {pallet}.{item}")));
        }
        let types = self.metadata.types();
        decode::storage::encode_storage_key(pallet, item, keys, &*self.metadata, types)
            .map_err(|error| SubtensorError::shape(format!("the key of {pallet}.{item}"), &error))
    }

    /// A stored value, or the item's default; `None` when it has no default.
    pub(super) fn value<T: DecodeAsType>(
        &self,
        pallet: &str,
        item: &str,
        bytes: Option<&[u8]>,
    ) -> Result<Option<T>, SubtensorError> {
        let Some(entry) = self.metadata.pallet_by_name(pallet).and_then(|p| p.storage()?.entry_by_name(item)) else {
            return Err(self.missing(format!("storage item {pallet}.{item}")));
        };
        let Some(mut bytes) = bytes.or_else(|| entry.default_value()) else { return Ok(None) };
        T::decode_as_type(&mut bytes, entry.value_ty(), self.metadata.types())
            .map(Some)
            .map_err(|error| SubtensorError::shape(format!("{pallet}.{item}"), &error))
    }

    /// The arguments of a runtime API, for `state_call`.
    pub(super) fn api_arguments<A: IntoEncodableValues>(
        &self,
        interface: &str,
        method: &str,
        arguments: A,
    ) -> Result<Vec<u8>, SubtensorError> {
        if !self.describes(interface, method) {
            return Err(self.missing(format!("runtime API {interface}.{method} with a described answer")));
        }
        let types = self.metadata.types();
        decode::runtime_apis::encode_runtime_api_inputs(interface, method, arguments, &*self.metadata, types)
            .map_err(|error| SubtensorError::shape(format!("the arguments of {interface}.{method}"), &error))
    }

    /// The answer of a runtime API.
    pub(super) fn api_answer<T: DecodeAsType>(
        &self,
        interface: &str,
        method: &str,
        mut bytes: &[u8],
    ) -> Result<T, SubtensorError> {
        let name = format!("{interface}.{method}");
        let api = self.metadata.runtime_api_trait_by_name(interface).and_then(|i| i.method_by_name(method));
        let Some(output) = api.map(|method| method.output_ty()) else {
            return Err(self.missing(format!("runtime API {name}")));
        };
        T::decode_as_type(&mut bytes, output, self.metadata.types())
            .map_err(|error| SubtensorError::shape(name, &error))
    }

    /// Signs a call: the transaction's bytes and its hash.
    pub(super) fn sign(&self, call: &Call, key: &Keypair, terms: Terms) -> Result<(Vec<u8>, H256), SubtensorError> {
        self.check_arguments(call)?;
        self.check_extensions()?;
        let shape = |error: &dyn std::error::Error| SubtensorError::shape(call.to_string(), error);
        let payload = dynamic::transaction(&*call.pallet, &*call.name, call.arguments.clone());
        let parameters = params(terms.nonce, terms.period, terms.birth);
        let transactions = self.at(terms.birth.0)?.tx();
        let mut signable = transactions.create_signable_offline(&payload, parameters).map_err(|e| shape(&e))?;
        let signed = signable.sign(&ChainSigner(key)).map_err(|e| shape(&e))?;
        let hash = signed.hash();
        Ok((signed.into_encoded(), hash))
    }

    /// The bytes of a call.
    pub(super) fn call_data(&self, call: &Call, block: BlockNumber) -> Result<Vec<u8>, SubtensorError> {
        self.check_arguments(call)?;
        let payload = dynamic::transaction(&*call.pallet, &*call.name, call.arguments.clone());
        let bytes = self.at(block)?.tx().call_data(&payload);
        bytes.map_err(|error| SubtensorError::shape(call.to_string(), &error))
    }

    /// The call that bytes are; nothing may be left over.
    pub(super) fn call_of(&self, bytes: &[u8], block: BlockNumber) -> Result<Call, SubtensorError> {
        let payload = self.at(block)?.tx().from_call_data_bytes(bytes);
        let payload = payload.map_err(|error| SubtensorError::shape("a call's bytes".to_owned(), &error))?;
        Ok(Call {
            pallet: payload.pallet_name().to_owned().into(),
            name: payload.call_name().to_owned().into(),
            arguments: payload.call_data().clone(),
            subject: "from its bytes".to_owned(),
        })
    }

    /// Whether the runtime has the call with the arguments that we know: the encoder would leave a superfluous one out,
    /// and with it the word of whoever gave it.
    fn check_arguments(&self, call: &Call) -> Result<(), SubtensorError> {
        let variant = self.metadata.pallet_by_name(&call.pallet).and_then(|p| p.call_variant_by_name(&call.name));
        let name = format!("call {}.{}", call.pallet, call.name);
        let Some(variant) = variant else { return Err(self.missing(name)) };
        let expected: Vec<&str> = variant.fields.iter().filter_map(|field| field.name.as_deref()).collect();
        let given: Vec<&str> = call.argument_names().collect();
        if let Some(superfluous) = given.iter().find(|name| !expected.contains(name)) {
            return Err(self.missing(format!("argument `{superfluous}` of {name}")));
        }
        match expected.iter().find(|name| !given.contains(name)) {
            Some(unknown) => Err(SubtensorError::Shape {
                what: name,
                reason: format!("it asks for `{unknown}`, which is new").into(),
            }),
            None => Ok(()),
        }
    }

    /// Whether we know what to write for each transaction extension.
    fn check_extensions(&self) -> Result<(), SubtensorError> {
        let extensions = self.metadata.extrinsic().transaction_extensions_to_use_for_encoding();
        let unknown = extensions.filter(|extension| !chain::is_known(extension.identifier())).find(|extension| {
            [extension.extra_ty(), extension.additional_ty()].iter().any(|ty| !self.may_be_nothing(*ty))
        });
        match unknown {
            Some(extension) => Err(SubtensorError::Shape {
                what: format!("transaction extension {}", extension.identifier()),
                reason: "it asks for something new in every transaction".into(),
            }),
            None => Ok(()),
        }
    }

    /// Whether a value of the type takes no bytes, or can be `None`.
    fn may_be_nothing(&self, ty: u32) -> bool {
        match self.metadata.types().resolve(ty).map(|ty| (&ty.type_def, ty.path.ident())) {
            Some((TypeDef::Composite(of), _)) => of.fields.iter().all(|field| self.may_be_nothing(field.ty.id)),
            Some((TypeDef::Tuple(of), _)) => of.fields.iter().all(|field| self.may_be_nothing(field.id)),
            Some((TypeDef::Variant(_), name)) => name.as_deref() == Some("Option"),
            _ => false,
        }
    }

    /// The offline client at a block of this runtime.
    pub(super) fn at(&self, block: BlockNumber) -> Result<OfflineClientAtBlock<Bittensor>, SubtensorError> {
        let what = || format!("the runtime of spec {}", self.spec_version);
        self.client.at_block(block).map_err(|error| SubtensorError::shape(what(), &error))
    }

    /// The error for something that this runtime does not have.
    pub(super) fn missing(&self, what: String) -> SubtensorError {
        SubtensorError::Missing { what, spec_version: self.spec_version }
    }
}
