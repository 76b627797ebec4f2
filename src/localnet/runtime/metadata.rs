//! Metadata with the registry paths that a chain of separate crates would have.
//!
//! Types are named by `module_path!()`; the Python clients map events by paths of exactly two segments
//! (`node_subtensor_runtime::RuntimeEvent`), so the crate's own modules must not show.

use super::Runtime;
use codec::{Decode, Encode};
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use scale_info::PortableRegistry;
use std::sync::LazyLock;

/// Versions served.
pub const VERSIONS: [u32; 3] = [14, 15, 16];

/// Our modules and the crates they stand for; the first that matches wins, so longer ones come first.
const RENAMES: [(&[&str], &[&str]); 9] = [
    (&["neuron", "localnet", "admin_utils"], &["pallet_admin_utils"]),
    (&["neuron", "localnet", "pallet"], &["pallet_subtensor"]),
    (&["neuron", "localnet", "runtime", "extensions"], &["subtensor_transaction_extensions"]),
    (&["neuron", "localnet", "runtime", "apis"], &["pallet_subtensor", "rpc_info"]),
    (&["neuron", "localnet", "runtime", "aura"], &["pallet_aura"]),
    (&["neuron", "localnet", "runtime", "config"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet", "runtime", "construct"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet", "runtime"], &["node_subtensor_runtime"]),
    (&["neuron", "localnet"], &["subtensor_runtime_common"]),
];

static BLOBS: LazyLock<[Option<Vec<u8>>; 3]> = LazyLock::new(|| VERSIONS.map(build));

/// The encoded `RuntimeMetadataPrefixed` of one version, or `None` for a version that is not served.
///
/// Built once per process; needs no externalities.
#[must_use]
pub fn blob(version: u32) -> Option<&'static [u8]> {
    let place = VERSIONS.iter().position(|known| *known == version)?;
    BLOBS.get(place)?.as_deref()
}

fn build(version: u32) -> Option<Vec<u8>> {
    let raw = Runtime::metadata_at_version(version)?;
    let mut metadata = RuntimeMetadataPrefixed::decode(&mut &raw[..]).ok()?;
    match &mut metadata.1 {
        RuntimeMetadata::V14(m) => rename(&mut m.types),
        RuntimeMetadata::V15(m) => rename(&mut m.types),
        RuntimeMetadata::V16(m) => rename(&mut m.types),
        _ => return None,
    }
    Some(metadata.encode())
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

    fn registry(version: u32) -> PortableRegistry {
        match RuntimeMetadataPrefixed::decode(&mut blob(version).unwrap()).unwrap().1 {
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
                registry(version).types.iter().map(|entry| entry.ty.path.segments.join("::")).collect();
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
        assert!(blob(13).is_none() && blob(u32::MAX).is_none());
    }

    #[test]
    fn the_tip_goes_by_the_name_clients_know() {
        let RuntimeMetadata::V14(metadata) = RuntimeMetadataPrefixed::decode(&mut blob(14).unwrap()).unwrap().1 else {
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
