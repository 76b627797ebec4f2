//! The headers rung: who a request says it is from, in which dialect. Nothing of it is verified here.

use std::sync::Once;

use http::HeaderMap;

use super::{Refused, Rung};
use crate::axon::handler::Dialect;
use crate::synapse::btauth::{self, AuthHeaders};
use crate::synapse::sign::{Refusal, claimed_hotkey};
use crate::synapse::{HeaderError, RequestHeaders, headers, parse_request_headers};
use crate::units::Account;

/// What a request claims.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) hotkey: Account,
    pub(crate) dialect: Dialect,
    /// The header protocol's headers. For `btauth/1` only what both have in common.
    pub(crate) headers: RequestHeaders,
    /// The headers of `btauth/1`, when it is that.
    pub(crate) btauth: Option<AuthHeaders>,
}

impl Claim {
    /// Reads the headers; any header of `btauth/1` selects it.
    pub(crate) fn read(map: &HeaderMap) -> Result<Self, Refused> {
        if btauth::is_present(map) { Self::read_btauth(map) } else { Self::read_sdk(map) }
    }

    fn read_sdk(map: &HeaderMap) -> Result<Self, Refused> {
        let bad = |e: HeaderError| Refused::new(Rung::Headers, e.status(), format!("Bad Request: {e}"));
        let headers = parse_request_headers(map).map_err(bad)?;
        let hotkey = claimed_hotkey(&headers).map_err(|refusal| match refusal {
            Refusal::MissingHotkey if !has_fields(map) => Refused::unverified(Rung::Headers, lost_fields(map)),
            refusal => Refused::unverified(Rung::Headers, refusal),
        })?;
        let dialect = if headers.is_modern() { Dialect::Sdk } else { Dialect::Legacy };
        Ok(Self { hotkey, dialect, headers, btauth: None })
    }

    fn read_btauth(map: &HeaderMap) -> Result<Self, Refused> {
        let auth = AuthHeaders::read(map).map_err(|e| Refused::new(Rung::Headers, 401, e.to_string()))?;
        let not_ss58 = || Refused::new(Rung::Headers, 401, "MalformedAuth: the hotkey is not an ss58 address");
        let hotkey: Account = auth.hotkey.parse().map_err(|_| not_ss58())?;
        let headers =
            RequestHeaders { nonce: Some(auth.nonce), hotkey: Some(auth.hotkey.clone()), ..RequestHeaders::default() };
        Ok(Self { hotkey, dialect: Dialect::Btauth, headers, btauth: Some(auth) })
    }
}

/// Whether any field of the header protocol arrived that has underscores in its name.
fn has_fields(map: &HeaderMap) -> bool {
    map.keys().any(|name| name.as_str().starts_with("bt_header_"))
}

/// What is said to a request without any of them. Where `timeout` arrived, which a dendrite sends and a browser does not,
/// a proxy in front has dropped the others, and the operator hears of it once.
fn lost_fields(map: &HeaderMap) -> String {
    static TOLD: Once = Once::new();
    let text = format!(
        "{}: no header whose name begins with bt_header_ arrived; a proxy in front may drop names with underscores \
         (nginx: underscores_in_headers on)",
        Refusal::MissingHotkey
    );
    if map.contains_key(headers::TIMEOUT) {
        TOLD.call_once(|| tracing::warn!("a request is refused: {text}"));
    }
    text
}
