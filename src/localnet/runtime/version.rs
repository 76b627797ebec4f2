//! The version the runtime reports.

use super::{Runtime, apis::RUNTIME_API_VERSIONS};
use crate::localnet::pallet::SpecVersion;
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
