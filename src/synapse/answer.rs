//! Writing answers: the headers every generation of dendrite needs, and bodies.
//!
//! Both status headers are on every answer; terminals in a body are never null, which would abort a Python caller.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use super::body::Envelope;
use super::headers::{self, RequestHeaders};
use super::pytext::float_text;
use super::sign::{answer_text, sign_text};
use super::{Synapse, Terminal, VERSION, body_hash, btauth, status};
use crate::wallet::Keypair;

/// Seconds a request without timeout is taken to wait: the default of the Python class.
const DEFAULT_TIMEOUT_S: f64 = 12.0;

/// Who answers.
#[derive(Debug, Clone)]
pub struct AxonIdentity {
    keypair: Keypair,
    hotkey: String,
    uuid: String,
}

impl AxonIdentity {
    /// An axon with this hotkey; `uuid` names its nonce sequence.
    #[must_use]
    pub fn new(keypair: Keypair, uuid: String) -> Self {
        let hotkey = keypair.account().ss58();
        Self { keypair, hotkey, uuid }
    }

    /// The ss58 text of the hotkey: what callers must sign.
    #[must_use]
    pub fn hotkey(&self) -> &str {
        &self.hotkey
    }
}

/// What the headers of one answer say.
#[derive(Debug, Clone, Copy)]
pub struct AnswerHead<'a> {
    /// The synapse's name; `Synapse` when the path names none.
    pub name: &'a str,
    /// The status, in the status header as in the status line.
    pub status: u16,
    /// The status in words; made fit for a header.
    pub message: &'a str,
    /// From the arrival of the request's head to now.
    pub process_time: Duration,
    /// The request, when its headers could be read.
    pub request: Option<&'a RequestHeaders>,
    /// The caller's socket.
    pub peer: Option<SocketAddr>,
}

/// The headers of an answer: content type JSON, both status headers, process time, the terminals.
///
/// With `signer`, the axon's nonce, uuid and signature too (15 µs of CPU). Callers before SDK 7.2 log them; nobody
/// verifies them but our own dendrite, so answers to strangers may go without. `now_ns` is wall time in ns.
#[must_use]
pub fn headers(head: &AnswerHead<'_>, signer: Option<(&AxonIdentity, u64)>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(24);
    put(&mut map, "content-type", "application/json");
    put(&mut map, headers::NAME, head.name);
    put(&mut map, headers::AXON_STATUS_CODE, &head.status.to_string());
    put(&mut map, headers::AXON_STATUS_MESSAGE, &status::header_message(head.message));
    put(&mut map, headers::AXON_PROCESS_TIME, &float_text(head.process_time.as_secs_f64()));
    put(&mut map, headers::HEADER_SIZE, "0");
    put(&mut map, headers::TOTAL_SIZE, "0");
    // Says that `btauth/1`, which covers the whole body, is understood here.
    put(&mut map, btauth::VERSION_HEADER, btauth::VERSION);
    if let Some(peer) = head.peer {
        put(&mut map, headers::DENDRITE_IP, &peer.ip().to_canonical().to_string());
        put(&mut map, headers::DENDRITE_PORT, &peer.port().to_string());
    }
    if let Some(request) = head.request {
        echo(&mut map, request);
    }
    if let Some((identity, now_ns)) = signer {
        let (dendrite, axon) = head.request.map_or((None, None), |r| (r.hotkey.as_deref(), r.axon_hotkey.as_deref()));
        let text = answer_text(now_ns, dendrite, axon, &identity.uuid);
        put(&mut map, headers::AXON_VERSION, &VERSION.to_string());
        put(&mut map, headers::AXON_NONCE, &now_ns.to_string());
        put(&mut map, headers::AXON_UUID, &identity.uuid);
        put(&mut map, headers::AXON_SIGNATURE, &sign_text(&identity.keypair, &text));
    }
    map
}

/// What an answer repeats of its request, as the Python axon does.
fn echo(map: &mut HeaderMap, request: &RequestHeaders) {
    put(map, headers::TIMEOUT, &float_text(request.timeout.unwrap_or(DEFAULT_TIMEOUT_S)));
    let texts = [
        (headers::DENDRITE_VERSION, request.version.map(|v| v.to_string())),
        (headers::DENDRITE_NONCE, request.nonce.map(|n| n.to_string())),
        (headers::DENDRITE_UUID, request.uuid.clone()),
        (headers::DENDRITE_HOTKEY, request.hotkey.clone()),
        (headers::AXON_HOTKEY, request.axon_hotkey.clone()),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            put(map, name, &value);
        }
    }
}

/// Adds what the header block of a success carries about the synapse itself.
pub fn describe<S: Synapse>(map: &mut HeaderMap, synapse: &S) {
    if let Ok(hash) = body_hash(synapse) {
        put(map, headers::BODY_HASH, &hash);
    }
    for (field, hollow) in synapse.required_fields() {
        if let Ok(name) = HeaderName::from_bytes(format!("{}{field}", headers::INPUT_PREFIX).as_bytes()) {
            map.insert(name, HeaderValue::from_static(hollow.header_value()));
        }
    }
}

/// The body of a success: the synapse between the framework's members.
///
/// # Errors
/// When the synapse does not serialize, which is a fault of its type.
pub fn success_body<S: Synapse>(
    synapse: &S,
    request: &RequestHeaders,
    own_hotkey: &str,
    process_time: Duration,
) -> Result<Vec<u8>, serde_json::Error> {
    let axon = Terminal {
        status_code: Some(status::SUCCESS),
        status_message: Some(status::SUCCESS_MESSAGE.into()),
        process_time: Some(process_time.as_secs_f64()),
        hotkey: Some(own_hotkey.to_owned()),
        ..Terminal::default()
    };
    let dendrite = Terminal {
        version: request.version,
        nonce: request.nonce,
        uuid: request.uuid.clone(),
        hotkey: request.hotkey.clone(),
        ..Terminal::default()
    };
    let timeout = request.timeout.unwrap_or(DEFAULT_TIMEOUT_S);
    serde_json::to_vec(&Envelope::new(synapse, timeout, &dendrite, &axon))
}

/// The body of an error: `{"message": …}`.
#[must_use]
pub fn error_body(message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a> {
        message: &'a str,
    }
    serde_json::to_vec(&Error { message }).unwrap_or_default()
}

fn put(map: &mut HeaderMap, name: &'static str, value: &str) {
    // Values come from numbers, ASCII texts and read headers; one that is no header value is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        map.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sign::verify_text;
    use super::super::{Ping, body};
    use super::*;
    use crate::wallet::Scheme;

    fn request() -> RequestHeaders {
        RequestHeaders { hotkey: Some("alice".into()), axon_hotkey: Some("bob".into()), ..RequestHeaders::default() }
    }

    #[test]
    fn an_answer_says_its_status_in_lower_case_headers() {
        let head = AnswerHead {
            name: "Synapse",
            status: 403,
            message: "Forbidden.\r\nset-cookie: x",
            process_time: Duration::from_millis(250),
            request: Some(&request()),
            peer: Some("[::ffff:198.51.100.7]:9".parse().unwrap()),
        };
        let identity = AxonIdentity::new(Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap(), "u".into());
        let map = headers(&head, Some((&identity, 7)));
        assert_eq!(map[headers::AXON_STATUS_CODE], "403");
        assert_eq!(map[headers::AXON_STATUS_MESSAGE], "Forbidden.??set-cookie: x");
        assert_eq!(map[headers::AXON_PROCESS_TIME], "0.25");
        assert_eq!(map[headers::DENDRITE_IP], "198.51.100.7");
        let signature = map[headers::AXON_SIGNATURE].to_str().unwrap();
        verify_text(&identity.keypair.account(), "7.alice.bob.u", signature).unwrap();
    }

    #[test]
    fn a_success_has_both_terminals() {
        let body = success_body(&Ping {}, &request(), "bob", Duration::ZERO).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["axon"]["status_code"], 200);
        assert_eq!(value["dendrite"]["hotkey"], "alice");
        assert_eq!(body::read::<Ping>(&body).unwrap(), Ping {});
        assert_eq!(error_body("no \"x\""), br#"{"message":"no \"x\""}"#);
    }
}
