//! Writing requests: one body for all targets, headers for each.
//!
//! The Python dendrite writes each target's nonce and signature into the body as well, so that no two bodies are alike.
//! Nothing reads them there. What handlers do read is `synapse.dendrite.hotkey`: ours stands in the shared body, with
//! everything that differs from target to target left null.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::body::Envelope;
use super::headers;
use super::pytext::float_text;
use super::sign::{request_text, sign_text};
use super::{NoPythonText, Synapse, Terminal, VERSION, body_hash, btauth};
use crate::wallet::Keypair;

/// A synapse made ready for sending to any number of targets.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The body.
    pub body: Bytes,
    name: &'static str,
    timeout: String,
    hash: String,
    input: Vec<(HeaderName, &'static str)>,
}

/// Why a synapse cannot be sent: a fault of its type.
#[derive(Debug, thiserror::Error)]
pub enum NotSendable {
    /// It does not serialize as a JSON object.
    #[error("{0} does not serialize: {1}")]
    Json(&'static str, serde_json::Error),
    /// A hash field has no Python text.
    #[error("{0}: {1}")]
    Hash(&'static str, NoPythonText),
}

/// One target of a request.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The ss58 text of its hotkey.
    pub hotkey: &'a str,
    /// Its address as text, IPv6 without brackets.
    pub ip: &'a str,
    /// Its port.
    pub port: u16,
}

impl Prepared {
    /// Prepares `synapse` for targets that are given `timeout_s` seconds. `sender` goes into the body as the caller's
    /// hotkey.
    ///
    /// # Errors
    /// [`NotSendable`].
    pub fn new<S: Synapse>(synapse: &S, timeout_s: f64, sender: &str) -> Result<Self, NotSendable> {
        let dendrite = Terminal { version: Some(VERSION), hotkey: Some(sender.to_owned()), ..Terminal::default() };
        let axon = Terminal::default();
        let body = serde_json::to_vec(&Envelope::new(synapse, timeout_s, &dendrite, &axon))
            .map_err(|e| NotSendable::Json(S::NAME, e))?;
        let input = synapse.required_fields().into_iter().filter_map(|(field, hollow)| {
            let name = format!("{}{field}", headers::INPUT_PREFIX);
            HeaderName::from_bytes(name.as_bytes()).ok().map(|name| (name, hollow.header_value()))
        });
        Ok(Self {
            body: body.into(),
            name: S::NAME,
            timeout: float_text(timeout_s),
            hash: body_hash(synapse).map_err(|e| NotSendable::Hash(S::NAME, e))?,
            input: input.collect(),
        })
    }

    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// The headers of SDK 10 for one target, signed (15 µs of CPU). `nonce` is wall time in ns, strictly increasing
    /// per `uuid`. `own_ip` is what the caller takes for its external address.
    #[must_use]
    pub fn headers(&self, key: &Keypair, to: Addressee<'_>, nonce: u64, uuid: &str, own_ip: Option<&str>) -> HeaderMap {
        let sender = key.account().ss58();
        let text = request_text(Some(nonce), Some(&sender), to.hotkey, Some(uuid), Some(&self.hash));
        let signature = sign_text(key, &text);
        let mut map = self.common_headers();
        put(&mut map, headers::AXON_IP, to.ip);
        put(&mut map, headers::AXON_PORT, &to.port.to_string());
        put(&mut map, headers::AXON_HOTKEY, to.hotkey);
        put(&mut map, headers::DENDRITE_VERSION, &VERSION.to_string());
        put(&mut map, headers::DENDRITE_NONCE, &nonce.to_string());
        put(&mut map, headers::DENDRITE_UUID, uuid);
        put(&mut map, headers::DENDRITE_HOTKEY, &sender);
        put(&mut map, headers::DENDRITE_SIGNATURE, &signature);
        if let Some(ip) = own_ip {
            put(&mut map, headers::DENDRITE_IP, ip);
        }
        map
    }

    /// The headers of `btauth/1` for one target, signed over the whole body.
    #[must_use]
    pub fn btauth_headers(&self, key: &Keypair, receiver: &str, nonce: u64) -> HeaderMap {
        let mut map = self.common_headers();
        for (name, value) in btauth::sign(key, "POST", &self.path(), &self.body, nonce, Some(receiver)) {
            put(&mut map, name, &value);
        }
        map
    }

    fn common_headers(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(24);
        put(&mut map, "content-type", "application/json");
        put(&mut map, headers::NAME, self.name);
        put(&mut map, headers::TIMEOUT, &self.timeout);
        put(&mut map, headers::HEADER_SIZE, "0");
        put(&mut map, headers::TOTAL_SIZE, &self.body.len().to_string());
        put(&mut map, headers::BODY_HASH, &self.hash);
        for (name, value) in &self.input {
            map.insert(name.clone(), HeaderValue::from_static(value));
        }
        map
    }
}

fn put(map: &mut HeaderMap, name: &'static str, value: &str) {
    // Values are numbers, ss58 texts, addresses and hex: all of them header values.
    if let Ok(value) = HeaderValue::from_str(value) {
        map.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ping, parse_request_headers, sign};
    use super::*;
    use crate::wallet::Scheme;

    #[test]
    fn what_is_written_is_read_and_verifies() {
        let key = Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap();
        let own = Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap().account().ss58();
        let prepared = Prepared::new(&Ping {}, 12.0, &key.account().ss58()).unwrap();
        let map = prepared.headers(&key, Addressee { hotkey: &own, ip: "::1", port: 8091 }, 7, "u", None);
        let read = parse_request_headers(&map).unwrap();
        assert_eq!((read.timeout, read.nonce, read.is_modern()), (Some(12.0), Some(7), true));
        assert_eq!(sign::verify_signature(&read, &own), Ok(key.account()));
        let auth = btauth::AuthHeaders::read(&prepared.btauth_headers(&key, &own, 7)).unwrap();
        assert!(auth.check_signature("POST", "/Synapse", &prepared.body).is_ok());
    }
}
