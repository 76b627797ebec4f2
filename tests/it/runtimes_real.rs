//! Every call and read of the client on runtimes whose real metadata lies beside the project.

use codec::Decode as _;
use frame_metadata::RuntimeMetadataPrefixed;

use crate::needs::shared;
use crate::runtimes::{Known, are_in_the_table};

tests! { asynchronous: every_call_and_read_works_on_every_real_runtime_or_is_refused_by_name }

/// Those whose real metadata lies beside the project.
fn real() -> Vec<Known> {
    let folder = shared("data/metadata");
    let known = |name, spec_version, file: &str| {
        let packed = std::fs::File::open(folder.join(file)).unwrap();
        let mut blob = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut blob).unwrap();
        Known { name, spec_version, metadata: RuntimeMetadataPrefixed::decode(&mut &blob[..]).unwrap() }
    };
    vec![
        known("240, real metadata 15", 240, "2025-03.scale.gz"),
        known("346, real metadata 16", 346, "2025-11.scale.gz"),
        known("381, real metadata 14", 381, "2026.v14.gz"),
        known("381, real metadata 15", 381, "2026.v15.gz"),
        known("381, real metadata 16", 381, "2026.scale.gz"),
    ]
}

async fn every_call_and_read_works_on_every_real_runtime_or_is_refused_by_name() {
    are_in_the_table(real()).await;
}
