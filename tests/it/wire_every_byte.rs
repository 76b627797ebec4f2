//! Every byte of what a stranger sends, wrong one at a time: headers, bodies, tensors, `btauth/1`. Nothing panics, and what
//! is believed is what was signed. (`wire_fuzz` bends the same seeds in many places at once, for as long as it is told.)

use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::synapse::{RequestHeaders, Tensor, body, btauth, parse_request_headers, sign};

use crate::wire_fuzz::{alice, bob, bodies, btauth_seed, lines, map_of, prompt, sdk_headers};

/// Verifying takes milliseconds in a build for tests: each byte is tried with so many changes only.
const FEW: usize = 2;
const ALL: usize = 6;

/// `bytes` with one byte changed, for each byte and each of `many` changes: another digit or letter, the other case, the
/// high bit, nothing at all, a quote that ends what it stands in, a line's end.
fn each_byte_wrong(bytes: &[u8], many: usize) -> impl Iterator<Item = Vec<u8>> {
    let changes: [fn(u8) -> u8; 6] = [|b| b ^ 1, |b| b ^ 0x20, |b| b ^ 0x80, |_| 0, |_| b'"', |_| b'\n'];
    (0..bytes.len()).flat_map(move |at| {
        let changed =
            changes.into_iter().take(many).map(move |change| change(bytes[at])).filter(move |byte| *byte != bytes[at]);
        changed.map(move |byte| {
            let mut wrong = bytes.to_vec();
            wrong[at] = byte;
            wrong
        })
    })
}

#[test]
fn of_the_headers_of_the_sdk() {
    let map = sdk_headers();
    let signed = |h: &RequestHeaders| (h.nonce, h.hotkey.clone(), h.uuid.clone(), h.body_hash.clone());
    let good = parse_request_headers(&map).unwrap();
    assert!(sign::verify_signature(&good, &bob()).is_ok());
    let (mut refused, mut outside) = (0, 0);
    for wrong in each_byte_wrong(&lines(&map), FEW) {
        let Ok(read) = parse_request_headers(&map_of(&wrong)) else {
            refused += 1;
            continue;
        };
        if sign::verify_signature(&read, &bob()).is_ok() {
            // Timeout, version, addresses: the protocol does not sign them.
            assert_eq!(signed(&read), signed(&good), "believed: {}", String::from_utf8_lossy(&wrong));
            outside += 1;
        } else {
            refused += 1;
        }
    }
    assert!(refused > 600 && outside > 100, "{refused} refused, {outside} outside the signature");
}

#[test]
fn of_btauth() {
    let (message, body, nonce) = btauth_seed();
    let verify = |bytes: &[u8]| {
        let split = bytes.windows(2).position(|window| window == b"\n\n").unwrap_or(bytes.len());
        let bent = bytes.get(split + 2..).unwrap_or_default();
        let auth = btauth::AuthHeaders::read(&map_of(&bytes[..split])).ok()?;
        auth.check_receiver_and_time(&bob(), nonce, &btauth::Options::default()).ok()?;
        let caller = auth.check_signature("POST", "/X?y=1", bent).ok()?;
        Some((caller.account, caller.nonce, bent == body))
    };
    let good = Some((alice().account(), nonce, true));
    assert_eq!(verify(&message), good);
    let mut refused = 0;
    for wrong in each_byte_wrong(&message, FEW) {
        let verdict = verify(&wrong);
        // What still passes is the same message: a name in another case, a number in another spelling.
        assert!(verdict.is_none() || verdict == good, "believed: {}", String::from_utf8_lossy(&wrong));
        refused += usize::from(verdict.is_none());
    }
    assert!(refused > 2 * body.len(), "only {refused} refused");
}

#[test]
fn of_a_body_with_signed_fields() {
    let good = prompt();
    let hash = neuron::synapse::body_hash(&good).unwrap();
    let seed = bodies().swap_remove(2);
    assert_eq!(body::read::<StreamPromptingSynapse>(&seed).unwrap(), good);
    let (mut unreadable, mut another, mut outside) = (0, 0, 0);
    for wrong in each_byte_wrong(&seed, ALL) {
        // Of its fields the hash covers the messages.
        match body::read::<StreamPromptingSynapse>(&wrong) {
            Err(_) => unreadable += 1,
            Ok(read) if body::check_hash(&read, Some(&hash)).is_err() => another += 1,
            Ok(read) => {
                assert_eq!(read.messages, good.messages, "a changed field has its hash");
                outside += 1;
            }
        }
    }
    assert!(unreadable > 100 && another > 20 && outside > 100, "{unreadable}, {another}, {outside}");
}

#[test]
fn of_every_body() {
    for seed in bodies() {
        for wrong in each_byte_wrong(&seed, ALL) {
            crate::wire_fuzz::any_body(&wrong);
        }
    }
}

#[test]
fn of_a_tensor() {
    let values = [1.5, -0.0, 1e-7, 1e5];
    for seed in [Tensor::from_f64(&values, false), Tensor::with_shape(&[0.0; 12], &[2, 3, 2], true)] {
        let seed = serde_json::to_vec(&seed).unwrap();
        let (mut refused, mut read) = (0, 0);
        for wrong in each_byte_wrong(&seed, ALL) {
            match serde_json::from_slice::<Tensor>(&wrong).map(|tensor| tensor.decode()) {
                Ok(Ok(array)) => {
                    let places: u64 = array.shape.iter().product();
                    assert_eq!(places, array.values.len() as u64);
                    assert!(array.values.len() <= wrong.len(), "more values than bytes");
                    read += 1;
                }
                _ => refused += 1,
            }
        }
        assert!(refused > 50 && read > 0, "{refused}, {read}");
    }
}
