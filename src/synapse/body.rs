//! Reading and writing bodies: the synapse's own fields between those of the framework.

use serde::{Deserialize, Serialize};

use super::pyjson::PyValue;
use super::{Synapse, Terminal, body_hash};
use crate::units::Foreign;

/// Why a body is not the synapse it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, not UTF-8, a byte order mark, a lone surrogate.
    #[error("The body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not this synapse.
    #[error("The body is not a {name}: {reason}")]
    NotThisSynapse {
        /// The synapse.
        name: &'static str,
        /// What does not fit, with line and column.
        reason: String,
    },
    /// The header's hash is absent or not that of the body's hash fields.
    #[error("The body does not have the hash its header says")]
    HashMismatch,
}

impl BodyError {
    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotJson(_) => super::status::UNPROCESSABLE,
            Self::NotThisSynapse { .. } | Self::HashMismatch => super::status::BAD_REQUEST,
        }
    }
}

/// Reads a body as `S`. The framework's members and unknown ones are not looked at: whatever a body claims about
/// terminals or statuses is nobody's identity.
///
/// What `serde_json` refuses but Python reads (`NaN`, infinities, duplicate keys) is read by Python's rules.
///
/// # Errors
/// [`BodyError::NotJson`], [`BodyError::NotThisSynapse`].
pub fn read<S: Synapse>(bytes: &[u8]) -> Result<S, BodyError> {
    if !is_object(bytes) {
        return Err(BodyError::NotJson("it is not an object".into()));
    }
    let strict = match serde_json::from_slice(bytes) {
        Ok(synapse) => return Ok(synapse),
        Err(error) => error,
    };
    let misfit = |e: &serde_json::Error| BodyError::NotThisSynapse { name: S::NAME, reason: e.to_string() };
    let text = std::str::from_utf8(bytes).map_err(|_| BodyError::NotJson("it is not UTF-8".into()))?;
    let value = PyValue::parse(text).map_err(|e| BodyError::NotJson(e.to_string()))?;
    let repaired = value.to_strict_json();
    if repaired == text {
        return Err(misfit(&strict));
    }
    serde_json::from_str(&repaired).map_err(|e| misfit(&e))
}

/// Serde would take a list for a struct, member by member; Python does not.
fn is_object(bytes: &[u8]) -> bool {
    bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

/// Checks the hash a header claims against the body's hash fields.
///
/// # Errors
/// [`BodyError::HashMismatch`].
pub fn check_hash<S: Synapse>(synapse: &S, header: Option<&str>) -> Result<(), BodyError> {
    match (body_hash(synapse), header) {
        (Ok(own), Some(theirs)) if own == theirs => Ok(()),
        _ => Err(BodyError::HashMismatch),
    }
}

/// A whole body: the framework's members and, at the same level, the synapse's own.
#[derive(Debug, Serialize)]
pub(super) struct Envelope<'a, S> {
    pub name: &'static str,
    pub timeout: f64,
    pub total_size: u64,
    pub header_size: u64,
    pub dendrite: &'a Terminal,
    pub axon: &'a Terminal,
    pub computed_body_hash: &'static str,
    #[serde(flatten)]
    pub own: &'a S,
}

impl<'a, S: Synapse> Envelope<'a, S> {
    pub(super) fn new(synapse: &'a S, timeout: f64, dendrite: &'a Terminal, axon: &'a Terminal) -> Self {
        let name = S::NAME;
        Self { name, timeout, total_size: 0, header_size: 0, dendrite, axon, computed_body_hash: "", own: synapse }
    }
}

/// What an answer's body says about its status, read leniently: a terminal that is null, absent or something else says
/// nothing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct BodyStatus {
    pub code: Option<u16>,
    pub message: Option<Foreign>,
}

impl BodyStatus {
    pub(super) fn read(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Framework {
            axon: Option<Status>,
        }
        #[derive(Deserialize)]
        struct Status {
            status_code: Option<u16>,
            status_message: Option<Foreign>,
        }
        let framework: Option<Framework> = serde_json::from_slice(bytes).ok();
        let status = framework.and_then(|framework| framework.axon);
        status.map_or_else(Self::default, |status| Self { code: status.status_code, message: status.status_message })
    }

    /// The `message` of an error's body, and whether the body was an object at all.
    pub(super) fn error_message(bytes: &[u8]) -> Option<Foreign> {
        #[derive(Deserialize)]
        struct Error {
            message: Option<Foreign>,
        }
        is_object(bytes).then(|| serde_json::from_slice::<Error>(bytes).ok()).flatten().and_then(|error| error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BodyHash, Hollow, Ping};
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Say {
        words: Vec<String>,
        #[serde(default, deserialize_with = "super::super::lax_opt_f64")]
        loud: Option<f64>,
    }

    impl Synapse for Say {
        const NAME: &'static str = "Say";
        fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
            vec![("words", Hollow::List)]
        }
        fn hash_fields(&self, hash: &mut BodyHash) {
            hash.field(&self.words);
        }
    }

    #[test]
    fn a_written_body_reads_back() {
        let say = Say { words: vec!["a".into()], loud: Some(0.5) };
        let terminal = Terminal::default();
        let json = serde_json::to_vec(&Envelope::new(&say, 12.0, &terminal, &terminal)).unwrap();
        assert_eq!(read::<Say>(&json).unwrap(), say);
        assert_eq!(read::<Ping>(&json).unwrap(), Ping {});
        let text = String::from_utf8(json).unwrap();
        assert!(text.starts_with(r#"{"name":"Say","timeout":12.0,"total_size":0,"#), "{text}");
    }

    #[test]
    fn python_json_is_read() {
        assert_eq!(read::<Say>(br#"{"words":["a"],"words":["b"]}"#).unwrap().words, ["b"]);
        assert!(read::<Say>(br#"{"words":[],"loud":NaN}"#).unwrap().loud.unwrap().is_nan());
        assert_eq!(read::<Say>(br#"{"words":[],"other":NaN}"#).unwrap().loud, None);
        assert!(matches!(read::<Say>(br#"{"words":["\ud83d"]}"#), Err(BodyError::NotJson(_))));
        assert!(matches!(read::<Say>(br#"{"words":1}"#), Err(BodyError::NotThisSynapse { name: "Say", .. })));
        assert!(matches!(read::<Say>(b"\xef\xbb\xbf{}"), Err(BodyError::NotJson(_))));
        assert!(matches!(read::<Say>(b"\xff"), Err(BodyError::NotJson(_))));
    }

    #[test]
    fn the_status_in_a_body_is_read_leniently() {
        let status = BodyStatus::read(br#"{"axon":{"status_code":403,"status_message":"no"}}"#);
        assert_eq!(status, BodyStatus { code: Some(403), message: Some("no".into()) });
        for nothing in
            [r#"{"axon":null,"dendrite":null}"#, "{}", "[]", r#"{"axon":7}"#, r#"{"axon":{"status_code":"x"}}"#]
        {
            assert_eq!(BodyStatus::read(nothing.as_bytes()), BodyStatus::default());
        }
        assert_eq!(BodyStatus::error_message(br#"{"message":"no","x":[1]}"#).unwrap(), "no");
        assert_eq!(BodyStatus::error_message(b"[1]"), None);
    }

    #[test]
    fn the_hash_is_checked() {
        let say = Say { words: vec!["a".into()], loud: None };
        let hash = body_hash(&say).unwrap();
        assert!(check_hash(&say, Some(&hash)).is_ok());
        assert_eq!(check_hash(&say, None), Err(BodyError::HashMismatch));
        assert_eq!(check_hash(&say, Some(&hash.to_uppercase())), Err(BodyError::HashMismatch));
    }
}
