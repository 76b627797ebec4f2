//! Reading answers: what a peer said, whichever way it said it.
//!
//! The status header wins over the HTTP status, which wins over the body; HTTP 200 without any other status is no
//! success. Terminals that are missing, null or nonsense are tolerated.

use http::HeaderMap;

use super::body::{self, BodyStatus};
use super::sign::{answer_text, verify_text};
use super::{Synapse, btauth, headers, status};
use crate::units::{Account, Foreign};

/// What a peer answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<S> {
    /// The synapse, filled in.
    Answer(S),
    /// A status other than 200.
    Refused {
        /// The status.
        status: u16,
        /// The peer's words, made one line of ASCII.
        message: Foreign,
    },
    /// No answer of this protocol, and why.
    Malformed(Foreign),
}

/// What the head of an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyHead {
    /// The HTTP status.
    pub http: u16,
    /// The status in the header.
    pub status: Option<u16>,
    /// The message in the header.
    pub message: Option<Foreign>,
    /// Whether the content type is one of JSON.
    pub is_json: bool,
    /// The SDK version the peer says it is.
    pub version: Option<u64>,
    /// Whether the peer says that it understands `btauth/1`.
    pub offers_btauth: bool,
}

impl ReplyHead {
    /// Reads the head; headers that are not understood are taken as absent.
    #[must_use]
    pub fn read(http: u16, map: &HeaderMap) -> Self {
        let text = |name: &str| map.get(name).and_then(|value| value.to_str().ok());
        Self {
            http,
            status: text(headers::AXON_STATUS_CODE).and_then(|t| t.parse().ok()),
            message: text(headers::AXON_STATUS_MESSAGE).map(Foreign::from),
            is_json: text("content-type").is_some_and(is_json_type),
            version: text(headers::AXON_VERSION).and_then(|t| t.parse().ok()),
            offers_btauth: text(btauth::VERSION_HEADER) == Some(btauth::VERSION),
        }
    }

    /// The refusal the head states, body aside; `None` when it may be a success.
    #[must_use]
    pub fn refusal(&self) -> Option<u16> {
        self.status
            .filter(|code| *code != status::SUCCESS)
            .or_else(|| (self.http != status::SUCCESS && self.status.is_none()).then_some(self.http))
    }
}

/// `application/json` or `application/*+json`, any parameters.
fn is_json_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a whole answer as `S`.
#[must_use]
pub fn read<S: Synapse>(head: &ReplyHead, body: &[u8]) -> Reply<S> {
    if let Some(status) = head.refusal() {
        let message = head.message.clone().or_else(|| BodyStatus::error_message(body)).unwrap_or_default();
        return Reply::Refused { status, message: status::header_message(message.as_raw()).into() };
    }
    if head.http != status::SUCCESS {
        return Reply::Malformed(format!("HTTP status {} but status header 200", head.http).into());
    }
    if !head.is_json {
        return Reply::Malformed("the content type is not JSON".into());
    }
    if head.status.is_none() {
        match BodyStatus::read(body) {
            BodyStatus { code: Some(status::SUCCESS), .. } => {}
            BodyStatus { code: Some(status), message } => {
                return Reply::Refused {
                    status,
                    message: status::header_message(message.unwrap_or_default().as_raw()).into(),
                };
            }
            BodyStatus { code: None, .. } => return Reply::Malformed("no status, in headers or body".into()),
        }
    }
    match body::read(body) {
        Ok(synapse) => Reply::Answer(synapse),
        Err(error) => Reply::Malformed(error.to_string().into()),
    }
}

/// Checks who answered: when the peer names a hotkey or signs, it must be the one that was asked.
///
/// # Errors
/// In words, what does not fit. An answer without hotkey and signature passes: SDK 7.2 and later do not sign successes.
pub fn check_identity(map: &HeaderMap, asked: &Account, own_ss58: &str) -> Result<(), String> {
    let text = |name: &str| map.get(name).and_then(|value| value.to_str().ok());
    let asked_ss58 = asked.ss58();
    if text(headers::AXON_HOTKEY).is_some_and(|hotkey| hotkey != asked_ss58) {
        return Err("the answer names another hotkey than the one asked".into());
    }
    let (Some(nonce), Some(uuid), Some(signature)) =
        (text(headers::AXON_NONCE), text(headers::AXON_UUID), text(headers::AXON_SIGNATURE))
    else {
        return Ok(());
    };
    let nonce: u64 = nonce.parse().map_err(|_| "the axon's nonce is not a number".to_owned())?;
    let signed = answer_text(nonce, Some(own_ss58), Some(&asked_ss58), uuid);
    verify_text(asked, &signed, signature).map_err(|_| "the axon's signature does not verify".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Ping;
    use super::*;

    fn json(http: u16, status: Option<u16>) -> ReplyHead {
        ReplyHead { http, status, is_json: true, ..ReplyHead::default() }
    }

    #[test]
    fn the_header_wins_over_http_which_wins_over_the_body() {
        let refused = |status| Reply::<Ping>::Refused { status, message: Foreign::default() };
        assert_eq!(read(&json(200, Some(200)), b"{}"), Reply::Answer(Ping {}));
        assert_eq!(read::<Ping>(&json(200, Some(500)), b"{}"), refused(500));
        assert_eq!(read::<Ping>(&json(403, None), b"{}"), refused(403));
        assert_eq!(read::<Ping>(&json(200, None), br#"{"axon":{"status_code":401}}"#), refused(401));
        assert_eq!(read(&json(200, None), br#"{"axon":{"status_code":200}}"#), Reply::Answer(Ping {}));
        assert!(matches!(read::<Ping>(&json(500, Some(200)), b"{}"), Reply::Malformed(_)));
        assert!(matches!(read::<Ping>(&json(200, None), b"{}"), Reply::Malformed(_)));
        assert!(matches!(read::<Ping>(&json(200, Some(200)), b"[]"), Reply::Malformed(_)));
    }

    #[test]
    fn json_has_several_content_types() {
        for good in ["application/json", "application/json; charset=utf-8", "application/problem+json"] {
            assert!(is_json_type(good));
        }
        for bad in ["text/plain", "", "application/jsonx", "json"] {
            assert!(!is_json_type(bad));
        }
    }
}
