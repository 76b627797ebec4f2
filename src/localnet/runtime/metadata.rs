//! Metadata with the registry paths that a chain of separate crates would have.
//!
//! Types are named by `module_path!()`; the Python clients map events by paths of exactly two segments
//! (`node_subtensor_runtime::RuntimeEvent`), so the crate's own modules must not show.
//!
//! The spec version in force decides what `NetUid` looks like, as on the real chain: the bytes are the same, but clients
//! that encode by type see another one. So a rehearsed upgrade across [`COMPOSITE_SINCE`] changes the metadata with it.

use super::Runtime;
use codec::{Decode, Encode};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};
use std::sync::LazyLock;

/// Versions served.
pub const VERSIONS: [u32; 3] = [14, 15, 16];

/// From this spec version on `NetUid` is a struct around a u16, where it was a plain u16: seen on the test network in July
/// 2026, while the main network at 424 had the plain one.
pub const COMPOSITE_SINCE: u32 = 429;

/// `NetUid` in the registry, after renaming.
const NETUID: [&str; 2] = ["subtensor_runtime_common", "NetUid"];

/// Our modules and the crates they stand for; the first that matches wins, so longer ones come first.
const RENAMES: [(&[&str], &[&str]); 15] = [
    (&["neuron", "localnet", "admin_utils"], &["pallet_admin_utils"]),
    (&["neuron", "localnet", "commitments"], &["pallet_commitments"]),
    (&["neuron", "localnet", "crowdloan"], &["pallet_crowdloan"]),
    (&["neuron", "localnet", "shield"], &["pallet_shield"]),
    (&["neuron", "localnet", "drand"], &["pallet_drand"]),
    (&["neuron", "localnet", "pallet"], &["pallet_subtensor"]),
    (&["neuron", "localnet", "runtime", "extensions"], &["subtensor_transaction_extensions"]),
    (&["neuron", "localnet", "runtime", "apis"], &["pallet_subtensor", "rpc_info"]),
    (&["neuron", "localnet", "runtime", "aura"], &["pallet_aura"]),
    (&["neuron", "localnet", "runtime", "config"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet", "runtime", "construct"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet", "runtime", "proxies"], &["subtensor_runtime_common"]),
    (&["neuron", "localnet", "runtime", "scalars"], &["subtensor_runtime_common"]),
    (&["neuron", "localnet", "runtime"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet"], &["subtensor_runtime_common"]),
];

type Blobs = LazyLock<[Option<Vec<u8>>; 3]>;
static PLAIN: Blobs = LazyLock::new(|| VERSIONS.map(|version| build(version, false)));
static COMPOSITE: Blobs = LazyLock::new(|| VERSIONS.map(|version| build(version, true)));

/// The encoded `RuntimeMetadataPrefixed` of one version as a runtime of `spec_version` serves it, or `None` for a version
/// that is not served.
///
/// Built once per process; needs no externalities.
#[must_use]
pub fn blob(version: u32, spec_version: u32) -> Option<&'static [u8]> {
    let place = VERSIONS.iter().position(|known| *known == version)?;
    let blobs = if spec_version >= COMPOSITE_SINCE { &COMPOSITE } else { &PLAIN };
    blobs.get(place)?.as_deref()
}

fn build(version: u32, composite: bool) -> Option<Vec<u8>> {
    let raw = Runtime::metadata_at_version(version)?;
    let mut metadata = RuntimeMetadataPrefixed::decode(&mut &raw[..]).ok()?;
    let types = match &mut metadata.1 {
        RuntimeMetadata::V14(m) => &mut m.types,
        RuntimeMetadata::V15(m) => &mut m.types,
        RuntimeMetadata::V16(m) => &mut m.types,
        _ => return None,
    };
    rename(types);
    if !composite {
        flatten(types);
    }
    Some(metadata.encode())
}

/// Makes `NetUid` the plain u16 that it is in bytes.
fn flatten(registry: &mut PortableRegistry) {
    let is_u16 = |def: &TypeDef<_>| matches!(def, TypeDef::Primitive(TypeDefPrimitive::U16));
    let plain = registry.types.iter().find(|entry| is_u16(&entry.ty.type_def)).map(|entry| entry.ty.clone());
    let Some(plain) = plain else { return };
    let netuid = registry.types.iter_mut().find(|entry| entry.ty.path.segments == NETUID);
    if let Some(entry) = netuid {
        entry.ty = plain;
    }
}

fn rename(registry: &mut PortableRegistry) {
    for entry in &mut registry.types {
        let segments = &mut entry.ty.path.segments;
        let hit = RENAMES
            .iter()
            .find(|(from, _)| segments.len() > from.len() && segments.iter().zip(*from).all(|(a, b)| a == b));
        if let Some((from, to)) = hit {
            segments.splice(..from.len(), to.iter().map(ToString::to_string));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN_SPEC: u32 = COMPOSITE_SINCE - 1;

    fn registry(version: u32, spec_version: u32) -> PortableRegistry {
        match RuntimeMetadataPrefixed::decode(&mut blob(version, spec_version).unwrap()).unwrap().1 {
            RuntimeMetadata::V14(m) => m.types,
            RuntimeMetadata::V15(m) => m.types,
            RuntimeMetadata::V16(m) => m.types,
            _ => unreachable!("not served"),
        }
    }

    #[test]
    fn the_paths_are_those_clients_rely_on() {
        for version in VERSIONS {
            let paths: Vec<String> =
                registry(version, PLAIN_SPEC).types.iter().map(|entry| entry.ty.path.segments.join("::")).collect();
            for path in &paths {
                assert!(!path.starts_with("neuron"), "metadata {version} shows {path}");
            }
            for needed in [
                "node_subtensor_runtime::RuntimeEvent",
                "node_subtensor_runtime::RuntimeCall",
                "pallet_subtensor::pallet::Call",
                "sp_core::crypto::AccountId32",
                "sp_runtime::multiaddress::MultiAddress",
                "frame_system::EventRecord",
                "sp_runtime::generic::era::Era",
                "sp_weights::weight_v2::Weight",
            ] {
                assert!(paths.iter().any(|path| path == needed), "metadata {version} lacks {needed}");
            }
        }
        assert!(blob(13, PLAIN_SPEC).is_none() && blob(u32::MAX, PLAIN_SPEC).is_none());
    }

    #[test]
    fn the_spec_version_decides_what_a_netuid_is() {
        for version in VERSIONS {
            let shows = |spec| registry(version, spec).types.iter().any(|entry| entry.ty.path.segments == NETUID);
            assert!(shows(COMPOSITE_SINCE) && shows(u32::MAX) && !shows(PLAIN_SPEC) && !shows(0), "metadata {version}");
            let (plain, composite) = (registry(version, PLAIN_SPEC), registry(version, COMPOSITE_SINCE));
            let changed = plain.types.iter().zip(&composite.types).filter(|(a, b)| a != b).count();
            assert_eq!((plain.types.len(), changed), (composite.types.len(), 1), "nothing else differs");
        }
    }

    #[test]
    fn the_tip_goes_by_the_name_clients_know() {
        let RuntimeMetadata::V14(metadata) =
            RuntimeMetadataPrefixed::decode(&mut blob(14, PLAIN_SPEC).unwrap()).unwrap().1
        else {
            unreachable!("not version 14");
        };
        let names: Vec<String> =
            metadata.extrinsic.signed_extensions.iter().map(|extension| extension.identifier.clone()).collect();
        assert_eq!(
            names,
            [
                "CheckNonZeroSender",
                "CheckSpecVersion",
                "CheckTxVersion",
                "CheckGenesis",
                "CheckMortality",
                "CheckNonce",
                "CheckWeight",
                "ChargeTransactionPayment",
                "SudoTransactionExtension",
                "CheckShieldedTxValidity",
                "SubtensorTransactionExtension",
                "DrandPriority",
                "CheckMetadataHash",
            ]
        );
    }
}
