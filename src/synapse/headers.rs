//! Header names and the strict reading of a request's headers.
//!
//! Stricter than the Python axon, which tolerates blanks, signs and underscores in numbers and takes one of several
//! duplicates: no peer sends those. What is not understood is refused with 400.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;

use super::FIRST_MODERN_VERSION;

/// The class name of a request or answer.
pub const NAME: &str = "name";
/// Seconds the caller waits, as Python float text.
pub const TIMEOUT: &str = "timeout";
/// Hash over the hash fields of the body.
pub const BODY_HASH: &str = "computed_body_hash";
/// A CPython size; any integer does.
pub const HEADER_SIZE: &str = "header_size";
/// A CPython size; any integer does.
pub const TOTAL_SIZE: &str = "total_size";
/// Before the member's name of the serving end.
pub const AXON_PREFIX: &str = "bt_header_axon_";
/// Before the member's name of the calling end.
pub const DENDRITE_PREFIX: &str = "bt_header_dendrite_";
/// Before a required field's name.
pub const INPUT_PREFIX: &str = "bt_header_input_obj_";

/// The status of an answer; it wins over the HTTP status.
pub const AXON_STATUS_CODE: &str = "bt_header_axon_status_code";
/// The status in words.
pub const AXON_STATUS_MESSAGE: &str = "bt_header_axon_status_message";
/// Seconds the axon took.
pub const AXON_PROCESS_TIME: &str = "bt_header_axon_process_time";
/// The axon's address.
pub const AXON_IP: &str = "bt_header_axon_ip";
/// The axon's port.
pub const AXON_PORT: &str = "bt_header_axon_port";
/// The axon's version.
pub const AXON_VERSION: &str = "bt_header_axon_version";
/// The axon's nonce.
pub const AXON_NONCE: &str = "bt_header_axon_nonce";
/// The axon's uuid.
pub const AXON_UUID: &str = "bt_header_axon_uuid";
/// The axon's hotkey: whom the caller means to reach.
pub const AXON_HOTKEY: &str = "bt_header_axon_hotkey";
/// The axon's signature.
pub const AXON_SIGNATURE: &str = "bt_header_axon_signature";
/// The caller's address as it sees itself.
pub const DENDRITE_IP: &str = "bt_header_dendrite_ip";
/// The caller's port as the axon sees it.
pub const DENDRITE_PORT: &str = "bt_header_dendrite_port";
/// The caller's version; it decides which rules apply.
pub const DENDRITE_VERSION: &str = "bt_header_dendrite_version";
/// The caller's nonce.
pub const DENDRITE_NONCE: &str = "bt_header_dendrite_nonce";
/// Names the caller's nonce sequence.
pub const DENDRITE_UUID: &str = "bt_header_dendrite_uuid";
/// The caller's hotkey.
pub const DENDRITE_HOTKEY: &str = "bt_header_dendrite_hotkey";
/// The caller's signature.
pub const DENDRITE_SIGNATURE: &str = "bt_header_dendrite_signature";

/// The longest text taken for a uuid: 36 in practice; it becomes part of a key in the replay memory.
const MAX_UUID: usize = 64;

/// What the headers of a request say. Nothing of it is verified yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestHeaders {
    /// Seconds the caller says it waits; finite and not negative, otherwise unbounded: clamp before use.
    pub timeout: Option<f64>,
    /// The caller's version; `None` counts as older than 7.2.
    pub version: Option<u64>,
    /// The caller's nonce.
    pub nonce: Option<u64>,
    /// Names the nonce sequence; at most 64 visible ASCII characters.
    pub uuid: Option<String>,
    /// The hotkey the caller claims, as text.
    pub hotkey: Option<String>,
    /// The caller's signature, as text.
    pub signature: Option<String>,
    /// The hotkey the caller addressed, as text. The signature is checked against the axon's own, never against this.
    pub axon_hotkey: Option<String>,
    /// The hash the caller signed over the body's hash fields.
    pub body_hash: Option<String>,
    /// The required fields of the caller's class, by the headers it sent for them.
    pub input_fields: Vec<String>,
}

impl RequestHeaders {
    /// Whether the caller speaks as SDK 7.2 or later: wall-clock nonces, freshness window.
    #[must_use]
    pub fn is_modern(&self) -> bool {
        self.version.is_some_and(|version| version >= FIRST_MODERN_VERSION)
    }

    /// Whether the caller's class requires `field`.
    #[must_use]
    pub fn requires(&self, field: &str) -> bool {
        self.input_fields.iter().any(|name| name == field)
    }
}

/// Headers that cannot be read: answered with 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Header {header} {reason}")]
pub struct HeaderError {
    /// The header.
    pub header: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl HeaderError {
    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        400
    }
}

/// Reads the headers of a request of SDK 6 to 10. Missing ones are `None`: who needs them refuses later.
///
/// # Errors
/// [`HeaderError`] for numbers that are not plain decimals, duplicates, text outside visible ASCII, and undecodable
/// `bt_header_input_obj_` values.
pub fn parse_request_headers(headers: &HeaderMap) -> Result<RequestHeaders, HeaderError> {
    for size in [HEADER_SIZE, TOTAL_SIZE] {
        number::<u64>(headers, size)?;
    }
    number::<u64>(headers, AXON_PORT)?;
    Ok(RequestHeaders {
        timeout: timeout(headers)?,
        version: number(headers, DENDRITE_VERSION)?,
        nonce: number(headers, DENDRITE_NONCE)?,
        uuid: text(headers, DENDRITE_UUID, MAX_UUID)?.map(str::to_owned),
        hotkey: text(headers, DENDRITE_HOTKEY, 64)?.map(str::to_owned),
        signature: text(headers, DENDRITE_SIGNATURE, 256)?.map(str::to_owned),
        axon_hotkey: text(headers, AXON_HOTKEY, 64)?.map(str::to_owned),
        body_hash: text(headers, BODY_HASH, 64)?.map(str::to_owned),
        input_fields: input_fields(headers)?,
    })
}

/// The one value of a header: visible ASCII and blanks, at most `limit` bytes.
fn text<'a>(headers: &'a HeaderMap, name: &'static str, limit: usize) -> Result<Option<&'a str>, HeaderError> {
    let refuse = |reason| Err(HeaderError { header: name.into(), reason });
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return refuse("is there more than once");
    }
    match value.to_str() {
        Ok(text) if text.len() <= limit => Ok(Some(text)),
        Ok(_) => refuse("is too long"),
        Err(_) => refuse("is not ASCII text"),
    }
}

fn number<T: FromStr>(headers: &HeaderMap, name: &'static str) -> Result<Option<T>, HeaderError> {
    let Some(text) = text(headers, name, 32)? else { return Ok(None) };
    let refuse = || HeaderError { header: name.into(), reason: "is not a decimal integer" };
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    text.parse().map(Some).map_err(|_| refuse())
}

fn timeout(headers: &HeaderMap) -> Result<Option<f64>, HeaderError> {
    let Some(text) = text(headers, TIMEOUT, 32)? else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(Some(seconds)),
        _ => Err(HeaderError { header: TIMEOUT.into(), reason: "is not a number of seconds" }),
    }
}

fn input_fields(headers: &HeaderMap) -> Result<Vec<String>, HeaderError> {
    let mut fields = Vec::new();
    for (name, value) in headers {
        let Some(field) = name.as_str().strip_prefix(INPUT_PREFIX) else { continue };
        let refuse = |reason| HeaderError { header: name.as_str().into(), reason };
        let json = BASE64.decode(value.as_bytes()).map_err(|_| refuse("is not base64"))?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).map_err(|_| refuse("is not the base64 of JSON"))?;
        fields.push(field.to_owned());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn map(entries: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in entries {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        headers
    }

    #[test]
    fn what_is_there_is_read() {
        let headers = map(&[
            ("timeout", "12.0"),
            (DENDRITE_VERSION, "10005000"),
            (DENDRITE_NONCE, "1795206220666936260"),
            ("bt_header_input_obj_events", "e30="),
        ]);
        let read = parse_request_headers(&headers).unwrap();
        assert_eq!((read.timeout, read.nonce, read.is_modern()), (Some(12.0), Some(1_795_206_220_666_936_260), true));
        assert!(read.requires("events") && !read.requires("samples"));
        assert_eq!(parse_request_headers(&HeaderMap::new()).unwrap(), RequestHeaders::default());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (name, value) in [
            ("timeout", "-1"),
            ("timeout", "inf"),
            ("timeout", "soon"),
            (DENDRITE_NONCE, "1_000"),
            (DENDRITE_NONCE, "+5"),
            (DENDRITE_NONCE, "99999999999999999999999"),
            (DENDRITE_NONCE, ""),
            (HEADER_SIZE, "x"),
            (DENDRITE_UUID, "é"),
            ("bt_header_input_obj_events", "!"),
            ("bt_header_input_obj_events", "e30"),
            ("bt_header_input_obj_events", "e3o="),
        ] {
            let error = parse_request_headers(&map(&[(name, value)])).unwrap_err();
            assert!(error.header == name && error.to_string().contains(name), "{name}: {value}");
        }
        let twice = map(&[(DENDRITE_NONCE, "1"), (DENDRITE_NONCE, "2")]);
        assert_eq!(parse_request_headers(&twice).unwrap_err().reason, "is there more than once");
    }

    proptest! {
        #[test]
        fn any_values_are_read_or_refused(values in proptest::collection::vec(proptest::collection::vec(32u8.., 0..80), 10)) {
            let names = [
                TIMEOUT, DENDRITE_VERSION, DENDRITE_NONCE, DENDRITE_UUID, DENDRITE_HOTKEY, DENDRITE_SIGNATURE,
                AXON_HOTKEY, BODY_HASH, HEADER_SIZE, "bt_header_input_obj_x",
            ];
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip(&values) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(*name, value);
                }
            }
            let _ = parse_request_headers(&headers);
        }
    }
}
