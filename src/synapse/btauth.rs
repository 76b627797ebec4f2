//! `btauth/1`: the stateless request signature of SDK 11. It covers method, target and the whole body.
//!
//! Numbers and hex are read strictly; the SDK's reader tolerates blanks, signs and underscores, which it never writes.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::units::Account;
use crate::wallet::{Keypair, Scheme};

use super::sign::verify_wrapped;

/// The version, exactly; it also says in answers that `btauth/1` is understood.
pub const VERSION_HEADER: &str = "x-bittensor-version";
/// The sender's ss58 text.
pub const HOTKEY_HEADER: &str = "x-bittensor-hotkey";
/// Wall time in ns.
pub const NONCE_HEADER: &str = "x-bittensor-nonce";
/// Hex, with or without `0x`.
pub const SIGNATURE_HEADER: &str = "x-bittensor-signature";
/// The receiver's ss58 text.
pub const RECEIVER_HEADER: &str = "x-bittensor-receiver";
/// The scheme, absent for sr25519.
pub const CRYPTO_HEADER: &str = "x-bittensor-crypto";
/// The one version.
pub const VERSION: &str = "1";

/// How fresh and how bound a request must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Largest age, ns; itself allowed.
    pub max_age_ns: u64,
    /// Largest lead of the sender's clock, ns; itself allowed.
    pub allowed_skew_ns: u64,
    /// Whether a request without receiver is refused.
    pub require_receiver: bool,
}

/// The SDK's: ten seconds, two seconds, bound.
impl Default for Options {
    fn default() -> Self {
        Self { max_age_ns: 10_000_000_000, allowed_skew_ns: 2_000_000_000, require_receiver: true }
    }
}

/// Why a request is refused: answered with 401. No text of the request is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A header is missing or has the wrong shape.
    #[error("MalformedAuth: {0}")]
    Malformed(&'static str),
    /// The request is for somebody else, or for nobody.
    #[error("WrongReceiver: the request is not bound to this hotkey")]
    WrongReceiver,
    /// Outside the window.
    #[error("StaleRequest: the nonce is {0} ms away from now")]
    Stale(u64),
    /// The signature does not verify.
    #[error("BadSignature: the signature does not verify")]
    BadSignature,
    /// The pair of hotkey and nonce was accepted before.
    #[error("ReplayedRequest: this nonce was used before")]
    Replayed,
}

/// A verified sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its key.
    pub account: Account,
    /// Its nonce, ns: accept each pair of hotkey and nonce once while it is fresh.
    pub nonce: u64,
    /// How it signs.
    pub scheme: Scheme,
}

/// The headers of a request, with the right shape (step 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHeaders {
    /// The sender as it writes itself.
    pub hotkey: String,
    /// Wall time of the sender, ns.
    pub nonce: u64,
    /// The scheme it declares.
    pub scheme: Scheme,
    signature: Vec<u8>,
    receiver: Option<String>,
}

/// Whether a request is to be judged by `btauth/1`: any of its own headers decides. A stripped signature then is a
/// refusal, not a fall back to rules that cover less.
#[must_use]
pub fn is_present(headers: &HeaderMap) -> bool {
    [VERSION_HEADER, HOTKEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, RECEIVER_HEADER, CRYPTO_HEADER]
        .iter()
        .any(|name| headers.contains_key(*name))
}

impl AuthHeaders {
    /// Step 1: version, hotkey, nonce, scheme, signature, in this order.
    ///
    /// # Errors
    /// [`AuthError::Malformed`].
    pub fn read(headers: &HeaderMap) -> Result<Self, AuthError> {
        if text(headers, VERSION_HEADER)? != Some(VERSION) {
            return Err(AuthError::Malformed("the version is not 1"));
        }
        let hotkey = text(headers, HOTKEY_HEADER)?.filter(|t| !t.is_empty() && t.len() <= 64);
        let hotkey = hotkey.ok_or(AuthError::Malformed("no hotkey"))?.to_owned();
        let nonce = text(headers, NONCE_HEADER)?.ok_or(AuthError::Malformed("no nonce"))?;
        let nonce = decimal(nonce).ok_or(AuthError::Malformed("the nonce is not a decimal integer"))?;
        let scheme = match text(headers, CRYPTO_HEADER)?.map(|t| t.trim().to_ascii_lowercase()).as_deref() {
            None | Some("sr25519" | "1") => Scheme::Sr25519,
            Some("ed25519" | "0") => Scheme::Ed25519,
            Some(_) => return Err(AuthError::Malformed("unknown crypto")),
        };
        let signature = text(headers, SIGNATURE_HEADER)?.filter(|t| !t.is_empty() && t.len() <= 1024);
        let signature = signature.ok_or(AuthError::Malformed("no signature"))?;
        let signature = hex::decode(signature.strip_prefix("0x").unwrap_or(signature))
            .map_err(|_| AuthError::Malformed("the signature is not hex"))?;
        let receiver = text(headers, RECEIVER_HEADER)?.map(str::to_owned);
        Ok(Self { hotkey, nonce, scheme, signature, receiver })
    }

    /// Steps 2 and 3: for us, and now. Costs nothing.
    ///
    /// # Errors
    /// [`AuthError::WrongReceiver`], [`AuthError::Stale`].
    pub fn check_receiver_and_time(&self, own_ss58: &str, now_ns: u64, options: &Options) -> Result<(), AuthError> {
        match self.receiver.as_deref() {
            None if options.require_receiver => return Err(AuthError::WrongReceiver),
            Some(receiver) if receiver != own_ss58 => return Err(AuthError::WrongReceiver),
            _ => {}
        }
        let (age, lead) = (now_ns.saturating_sub(self.nonce), self.nonce.saturating_sub(now_ns));
        if age > options.max_age_ns || lead > options.allowed_skew_ns {
            return Err(AuthError::Stale(age.max(lead) / 1_000_000));
        }
        Ok(())
    }

    /// Step 4: the signature, by the declared scheme only. About 50 µs and the hash of the body.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] for an undecodable address or length, [`AuthError::BadSignature`].
    pub fn check_signature(&self, method: &str, target: &str, body: &[u8]) -> Result<Caller, AuthError> {
        let account = match self.hotkey.parse::<Account>() {
            Ok(account) if !self.hotkey.starts_with("0x") => account,
            _ => return Err(AuthError::Malformed("the hotkey is not an ss58 address")),
        };
        let signature: [u8; 64] =
            self.signature.as_slice().try_into().map_err(|_| AuthError::Malformed("the signature is not 64 bytes"))?;
        let message = payload(self.scheme, method, target, body, self.nonce, &self.hotkey, self.receiver.as_deref());
        if !verify_wrapped(self.scheme, &account, &message, &signature) {
            return Err(AuthError::BadSignature);
        }
        Ok(Caller { account, nonce: self.nonce, scheme: self.scheme })
    }
}

/// What is signed: eight lines. `target` is path and query as on the request line.
#[must_use]
pub fn payload(
    scheme: Scheme,
    method: &str,
    target: &str,
    body: &[u8],
    nonce: u64,
    sender: &str,
    receiver: Option<&str>,
) -> Vec<u8> {
    let scheme = match scheme {
        Scheme::Sr25519 => "sr25519",
        Scheme::Ed25519 => "ed25519",
    };
    let receiver = receiver.filter(|text| !text.is_empty()).unwrap_or("-");
    let body_hash = hex::encode(Sha256::digest(body));
    let method = method.to_uppercase();
    format!("btauth/1\n{scheme}\n{method}\n{target}\n{body_hash}\n{nonce}\n{sender}\n{receiver}").into_bytes()
}

/// Signs a request: the headers to send, bound to `receiver` when given.
#[must_use]
pub fn sign(
    key: &Keypair,
    method: &str,
    target: &str,
    body: &[u8],
    nonce: u64,
    receiver: Option<&str>,
) -> Vec<(&'static str, String)> {
    let hotkey = key.account().ss58();
    let message = payload(key.scheme(), method, target, body, nonce, &hotkey, receiver);
    let signature = format!("0x{}", hex::encode(key.sign(&message)));
    let mut headers = vec![
        (VERSION_HEADER, VERSION.to_owned()),
        (HOTKEY_HEADER, hotkey),
        (NONCE_HEADER, nonce.to_string()),
        (SIGNATURE_HEADER, signature),
    ];
    if key.scheme() == Scheme::Ed25519 {
        headers.push((CRYPTO_HEADER, "ed25519".to_owned()));
    }
    if let Some(receiver) = receiver {
        headers.push((RECEIVER_HEADER, receiver.to_owned()));
    }
    headers
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, AuthError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::Malformed("a header is there more than once"));
    }
    value.to_str().map(Some).map_err(|_| AuthError::Malformed("a header is not ASCII text"))
}

/// Digits without leading zeros: one integer has one text.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_790_000_000_000_000_000;

    fn map(entries: Vec<(&'static str, String)>) -> HeaderMap {
        entries
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap()))
            .collect()
    }

    #[test]
    fn both_schemes_sign_what_verifies() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let key = Keypair::from_uri("//Alice", scheme).unwrap();
            let headers = map(sign(&key, "POST", "/X?y=1", b"body", NOW, Some("bob")));
            assert!(is_present(&headers));
            let auth = AuthHeaders::read(&headers).unwrap();
            auth.check_receiver_and_time("bob", NOW, &Options::default()).unwrap();
            assert_eq!(auth.check_receiver_and_time("eve", NOW, &Options::default()), Err(AuthError::WrongReceiver));
            assert_eq!(auth.check_signature("POST", "/X?y=1", b"body").unwrap().account, key.account());
            assert_eq!(auth.check_signature("POST", "/X?y=1", b"bode"), Err(AuthError::BadSignature));
            assert_eq!(auth.check_signature("POST", "/X", b"body"), Err(AuthError::BadSignature));
        }
    }

    #[test]
    fn the_window_is_closed_on_both_sides() {
        let key = Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap();
        let auth = AuthHeaders::read(&map(sign(&key, "GET", "/", b"", NOW, None))).unwrap();
        let options = Options { require_receiver: false, ..Options::default() };
        let check = |now| auth.check_receiver_and_time("bob", now, &options);
        assert!(check(NOW + 10_000_000_000).is_ok() && check(NOW - 2_000_000_000).is_ok());
        assert!(check(NOW + 10_000_000_001).is_err() && check(NOW - 2_000_000_001).is_err());
    }

    proptest! {
        #[test]
        fn any_headers_are_read_or_refused(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 6)) {
            let names = [VERSION_HEADER, HOTKEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, RECEIVER_HEADER, CRYPTO_HEADER];
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip(&values) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(*name, value);
                }
            }
            headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
            if let Ok(auth) = AuthHeaders::read(&headers) {
                let _ = auth.check_receiver_and_time("bob", NOW, &Options::default());
                let _ = auth.check_signature("POST", "/", b"");
            }
        }
    }
}
