//! The wire: header names, Python text, body hashes, signatures, tensors, statuses. No HTTP server or client here.
//!
//! A synapse is one message type, used for the request and, filled in, for the answer. A new one is a struct with serde
//! derives and an implementation of [`Synapse`]; everything else here is generic over it:
//!
//! * a server reads [`RequestHeaders`], verifies with [`sign`] or [`btauth`], reads the body with [`body::read`] and
//!   answers with [`answer`];
//! * a client writes with [`request`] and reads with [`reply`].
//!
//! The protocol is the one the Python SDK 6 to 10 speak, plus `btauth/1` of SDK 11. What the Python peers do wrongly and
//! ours does on purpose differently is said where it is done.

pub mod answer;
pub mod body;
mod body_hash;
pub mod btauth;
pub mod freshness;
pub mod headers;
mod lax;
mod printable;
mod pyjson;
mod pytext;
pub mod reply;
pub mod request;
pub mod sign;
pub mod status;
pub mod tensor;
mod terminal;
mod uuid;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use body_hash::{BodyHash, body_hash};
pub use headers::{HeaderError, RequestHeaders, parse_request_headers};
pub use lax::{Scalar, lax_i64, lax_opt_bool, lax_opt_f64, lax_opt_i64, lax_vec_f64};
pub use printable::UNICODE_VERSION;
pub use pyjson::{NotPythonJson, PyValue};
pub use pytext::{NoPythonText, float_text, python_str};
pub use sign::Refusal;
pub use tensor::Tensor;
pub use terminal::Terminal;
pub use uuid::new_uuid;

/// The SDK version we speak as, in the integer form of the wire (10.5.0).
pub const VERSION: u64 = 10_005_000;

/// Versions from here on (7.2.0) use epoch nonces and answer without a signature on success.
pub const FIRST_MODERN_VERSION: u64 = 7_002_000;

/// One message type of the wire.
///
/// ```
/// use neuron::synapse::{BodyHash, Hollow, Synapse};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Echo {
///     text: String,
/// }
///
/// impl Synapse for Echo {
///     const NAME: &'static str = "Echo";
///     fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
///         vec![("text", Hollow::Text)]
///     }
///     fn hash_fields(&self, hash: &mut BodyHash) {
///         hash.field(&self.text);
///     }
/// }
/// ```
pub trait Synapse: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The class name, which is the path of the URL: case-sensitive, ASCII.
    const NAME: &'static str;

    /// Whether the answer is a stream of text instead of one JSON object.
    const STREAMING: bool = false;

    /// The fields the Python class declares without default and that are not null here: a Python axon refuses the
    /// request unless each has its `bt_header_input_obj_` header.
    fn required_fields(&self) -> Vec<(&'static str, Hollow)> {
        Vec::new()
    }

    /// Feeds the fields that the signature covers, in the order of the class. By default none are, as in most classes.
    fn hash_fields(&self, _hash: &mut BodyHash) {}
}

/// The kind of an empty value in a `bt_header_input_obj_` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hollow {
    /// `""`
    Text,
    /// `[]`
    List,
    /// `{}`
    Object,
    /// `0`
    Integer,
    /// `0.0`
    Float,
    /// `false`
    Bool,
}

impl Hollow {
    /// The header's value: the padded base64 of the empty value's JSON.
    #[must_use]
    pub const fn header_value(self) -> &'static str {
        match self {
            Self::Text => "IiI=",
            Self::List => "W10=",
            Self::Object => "e30=",
            Self::Integer => "MA==",
            Self::Float => "MC4w",
            Self::Bool => "ZmFsc2U=",
        }
    }
}

/// The synapse without fields that every axon echoes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}

impl Synapse for Ping {
    const NAME: &'static str = "Synapse";
}
