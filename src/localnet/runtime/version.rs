//! The version the runtime reports.

use super::{Runtime, apis::RUNTIME_API_VERSIONS};
use crate::localnet::pallet::{Config, GenesisFingerprint, Pallet, SpecVersion};
use frame_support::traits::Get;
use sp_version::RuntimeVersion;
use std::borrow::Cow;

/// The version at genesis: the real chain's, whose rules the pallet follows.
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("node-subtensor"),
    impl_name: Cow::Borrowed("node-subtensor"),
    authoring_version: 1,
    spec_version: 425,
    impl_version: 1,
    apis: RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};

/// The version in force at the state that is being executed; [`VERSION`] where there is none, as in metadata.
///
/// A rehearsed upgrade writes a newer spec version into the state, so old blocks keep theirs.
#[derive(Debug)]
pub struct Version;

impl Get<RuntimeVersion> for Version {
    fn get() -> RuntimeVersion {
        // Outside of externalities a storage read panics.
        let inside = sp_externalities::with_externalities(|_| ()).is_some();
        let changed = if inside { SpecVersion::<Runtime>::get() } else { None };
        RuntimeVersion { spec_version: changed.unwrap_or(VERSION.spec_version), ..VERSION }
    }
}

/// Keeps a text under the state's `:code` that differs whenever the metadata does.
///
/// There is no code in the state: the runtime is executed natively. But clients of the newer JSON-RPC ask for the hash of what
/// stands there, to know a runtime when they see it again.
pub(in crate::localnet) fn note_code() {
    const CODE: &[u8] = b":code";
    let spec_version = <Version as Get<RuntimeVersion>>::get().spec_version;
    let chain = sp_core::H256(GenesisFingerprint::<Runtime>::get().unwrap_or_default());
    let code = format!("executed natively: spec version {spec_version} of the development chain {chain:?}");
    if sp_io::storage::get(CODE).is_none_or(|now| now[..] != *code.as_bytes()) {
        sp_io::storage::set(CODE, code.as_bytes());
    }
}

impl<T: Config> Pallet<T> {
    /// [`note_code`], for the hook at a block's end.
    pub(crate) fn note_code() {
        note_code();
    }
}
