//! Whether checking signatures in batches would pay.

use neuron::clock;
use neuron::units::Account;
use neuron::wallet::{Scheme, verify};
use schnorrkel::{PublicKey, Signature, signing_context, verify_batch};

use crate::client::key;

/// Signatures checked for each row.
const CHECKED: usize = 4096;
/// Hotkeys they come from.
const SIGNERS: usize = 256;

struct Signed {
    signer: Account,
    text: String,
    signature: [u8; 64],
}

/// Prints the table.
pub fn signatures() {
    println!("\n| sr25519, texts of a request's length | µs per signature | of one by one |\n|---|---|---|");
    let keys: Vec<_> = (0..SIGNERS).map(|number| key(&format!("//Signer{number}"))).collect();
    let mut signed: Vec<Signed> = (0..CHECKED)
        .map(|number| {
            let key = &keys[number % SIGNERS];
            let (uuid, text) = (neuron::synapse::new_uuid(), clock::wall_ns() + number as u64);
            let text = format!("{text}.{}.{}.{uuid}.", key.account().ss58(), keys[0].account().ss58());
            let signature = key.sign(text.as_bytes());
            Signed { signer: key.account(), text, signature }
        })
        .collect();
    let alone = |signed: &Signed| verify(Scheme::Sr25519, &signed.signer, signed.text.as_bytes(), &signed.signature);
    let each = timed(|| assert!(signed.iter().all(alone)));
    let row = |what: &str, us: f64| println!("| {what} | {us:.1} | {:.2} |", us / each);
    row("one by one", each);
    for size in [2, 4, 8, 16, 64, 256] {
        row(&format!("in batches of {size}"), timed(|| assert!(signed.chunks(size).all(together))));
    }
    // One forged signature in every batch: the batch says no, and each of it is looked at alone.
    for size in [8, 64] {
        for batch in signed.chunks_mut(size) {
            batch[0].signature[40] ^= 1;
        }
        let check =
            |batch: &[Signed]| together(batch) || batch.iter().filter(|signed| alone(signed)).count() == size - 1;
        row(&format!("in batches of {size}, one forged in each"), timed(|| assert!(signed.chunks(size).all(check))));
        for batch in signed.chunks_mut(size) {
            batch[0].signature[40] ^= 1;
        }
    }
}

/// µs per signature.
fn timed(work: impl Fn()) -> f64 {
    let started = clock::monotonic();
    work();
    started.elapsed().as_secs_f64() * 1e6 / CHECKED as f64
}

fn together(batch: &[Signed]) -> bool {
    let context = signing_context(b"substrate");
    let texts = batch.iter().map(|signed| context.bytes(signed.text.as_bytes()));
    let read = |signed: &Signed| {
        Some((Signature::from_bytes(&signed.signature).ok()?, PublicKey::from_bytes(signed.signer.as_bytes()).ok()?))
    };
    let Some(read) = batch.iter().map(read).collect::<Option<Vec<_>>>() else { return false };
    let (signatures, signers): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    verify_batch(texts, &signatures, &signers, false).is_ok()
}
