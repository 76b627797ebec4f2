//! Metadata as other runtimes have it, made from that of the development chain by changing what they have otherwise.

use codec::Decode;
use frame_metadata::v15::{RuntimeMetadataV15, SignedExtensionMetadata, StorageEntryMetadata};
use frame_metadata::v15::{StorageEntryType, StorageHasher};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use neuron::localnet::runtime::metadata_blob;
use scale_info::form::PortableForm;
use scale_info::interner::UntrackedSymbol;
use scale_info::{Field, Path, PortableRegistry, PortableType, Type, TypeDef};
use scale_info::{TypeDefComposite, TypeDefPrimitive, TypeDefTuple};

type Symbol = UntrackedSymbol<std::any::TypeId>;

/// The development chain's metadata at a spec version.
pub fn ours(version: u32, spec_version: u32) -> RuntimeMetadataPrefixed {
    RuntimeMetadataPrefixed::decode(&mut metadata_blob(version, spec_version).unwrap()).unwrap()
}

/// Our metadata 15, changed.
pub fn changed(change: impl FnOnce(&mut RuntimeMetadataV15)) -> RuntimeMetadataPrefixed {
    let mut metadata = ours(15, 425);
    let RuntimeMetadata::V15(inner) = &mut metadata.1 else { panic!("not metadata 15") };
    change(inner);
    metadata
}

/// January 2025: dynamic TAO, with shares as fixed-point numbers under their old names, and runtime APIs that say no more of
/// their answers than that they are bytes.
pub fn spec_218(metadata: &mut RuntimeMetadataV15) {
    undescribed(metadata);
    let bits = find(&metadata.types, |ty| ty.type_def == TypeDef::Primitive(TypeDefPrimitive::U128));
    let bits = Field { name: Some("bits".to_owned()), ty: bits, type_name: None, docs: Vec::new() };
    let fixed = add(&mut metadata.types, TypeDef::Composite(TypeDefComposite { fields: vec![bits] }));
    for (now, then) in [("AlphaV2", "Alpha"), ("TotalHotkeySharesV2", "TotalHotkeyShares")] {
        let item = item(metadata, now);
        then.clone_into(&mut item.name);
        match &mut item.ty {
            StorageEntryType::Map { value, .. } | StorageEntryType::Plain(value) => *value = fixed,
        }
        item.default = vec![0; 16];
    }
    retype_call(metadata, "Call", |variant| {
        if variant.name.contains("mechanism") {
            format!("absent_{}", variant.name).clone_into(&mut variant.name);
        }
    });
    drop_items(metadata, &["ActivityCutoffFactorMilli", "CommitRevealWeightsVersion", "MechanismCountCurrent"]);
}

/// Before dynamic TAO: one stake for all subnets, and stake calls without a subnet.
pub fn spec_185(metadata: &mut RuntimeMetadataV15) {
    undescribed(metadata);
    let account = find(&metadata.types, |ty| ty.path.segments == ["sp_core", "crypto", "AccountId32"]);
    let amount = find(&metadata.types, |ty| ty.type_def == TypeDef::Primitive(TypeDefPrimitive::U64));
    let pair = add(&mut metadata.types, TypeDef::Tuple(TypeDefTuple { fields: vec![account, account] }));
    let total = item(metadata, "TotalHotkeyAlpha");
    "TotalHotkeyStake".clone_into(&mut total.name);
    total.ty = StorageEntryType::Map { hashers: vec![StorageHasher::Identity], key: account, value: amount };
    let stake = item(metadata, "AlphaV2");
    "Stake".clone_into(&mut stake.name);
    let hashers = vec![StorageHasher::Blake2_128Concat, StorageHasher::Identity];
    stake.ty = StorageEntryType::Map { hashers, key: pair, value: amount };
    stake.default = vec![0; 8];
    retype_call(metadata, "Call", |variant| {
        if ["add_stake", "remove_stake"].contains(&variant.name.as_str()) {
            variant.fields.retain(|field| field.name.as_deref() != Some("netuid"));
        }
    });
    let later = ["TotalHotkeySharesV2", "TaoWeight", "SubtokenEnabled", "RevealPeriodEpochs"];
    drop_items(metadata, &later);
    drop_items(metadata, &["ActivityCutoffFactorMilli", "CommitRevealWeightsVersion", "MechanismCountCurrent"]);
}

/// Adds a transaction extension whose value and whose signed part have these types.
pub fn extension(
    metadata: &mut RuntimeMetadataV15,
    name: &str,
    value: impl Fn(&Type<PortableForm>) -> bool,
    signed: impl Fn(&Type<PortableForm>) -> bool,
) {
    let (ty, additional_signed) = (find(&metadata.types, value), find(&metadata.types, signed));
    let extension = SignedExtensionMetadata { identifier: name.to_owned(), ty, additional_signed };
    // In the middle: its place matters.
    metadata.extrinsic.signed_extensions.insert(4, extension);
}

/// Of each Bittensor API the answers become bytes, and the accounts among the arguments.
fn undescribed(metadata: &mut RuntimeMetadataV15) {
    let byte = find(&metadata.types, |ty| ty.type_def == TypeDef::Primitive(TypeDefPrimitive::U8));
    let bytes = find(
        &metadata.types,
        |ty| matches!(&ty.type_def, TypeDef::Sequence(of) if of.type_param == byte && ty.path.segments.is_empty()),
    );
    let ours = ["NeuronInfoRuntimeApi", "SubnetInfoRuntimeApi", "StakeInfoRuntimeApi", "DelegateInfoRuntimeApi"];
    for api in metadata.apis.iter_mut().filter(|api| ours.contains(&api.name.as_str())) {
        for method in &mut api.methods {
            method.output = bytes;
            method.inputs.iter_mut().filter(|input| input.name.contains("account")).for_each(|input| input.ty = bytes);
        }
    }
}

fn find(types: &PortableRegistry, is: impl Fn(&Type<PortableForm>) -> bool) -> Symbol {
    types.types.iter().find(|entry| is(&entry.ty)).expect("no such type").id.into()
}

fn add(types: &mut PortableRegistry, type_def: TypeDef<PortableForm>) -> Symbol {
    let id = u32::try_from(types.types.len()).unwrap();
    let ty = Type { path: Path { segments: Vec::new() }, type_params: Vec::new(), type_def, docs: Vec::new() };
    types.types.push(PortableType { id, ty });
    id.into()
}

fn item<'a>(metadata: &'a mut RuntimeMetadataV15, name: &str) -> &'a mut StorageEntryMetadata<PortableForm> {
    let pallet = metadata.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
    let entries = &mut pallet.storage.as_mut().unwrap().entries;
    entries.iter_mut().find(|entry| entry.name == name).unwrap()
}

fn drop_items(metadata: &mut RuntimeMetadataV15, names: &[&str]) {
    let pallet = metadata.pallets.iter_mut().find(|pallet| pallet.name == "SubtensorModule").unwrap();
    pallet.storage.as_mut().unwrap().entries.retain(|entry| !names.contains(&entry.name.as_str()));
}

/// Changes each call of SubtensorModule.
fn retype_call(
    metadata: &mut RuntimeMetadataV15,
    ident: &str,
    change: impl Fn(&mut scale_info::Variant<PortableForm>),
) {
    let is_ours = |ty: &Type<PortableForm>| ty.path.segments == ["pallet_subtensor", "pallet", ident];
    let calls = metadata.types.types.iter_mut().find(|entry| is_ours(&entry.ty)).unwrap();
    let TypeDef::Variant(variants) = &mut calls.ty.type_def else { panic!("calls are an enum") };
    variants.variants.iter_mut().for_each(change);
}
