//! The signatures of the SDK 6 to 10 protocol: sr25519 over dotted text, `0x` and 128 hex digits.

use crate::units::Account;
use crate::wallet::{Keypair, Scheme, verify};

use super::headers::RequestHeaders;

/// Why a caller is not who it claims to be, or not now: answered with 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No nonce.
    #[error("Missing Nonce")]
    MissingNonce,
    /// No hotkey.
    #[error("Missing hotkey")]
    MissingHotkey,
    /// The hotkey is no ss58 address with prefix 42.
    #[error("The hotkey is not an ss58 address with prefix 42")]
    BadHotkey,
    /// No signature.
    #[error("Missing Signature")]
    MissingSignature,
    /// The signature is not `0x` and 128 hex digits.
    #[error("The signature is not 0x and 128 hex digits")]
    MalformedSignature,
    /// The signature is not the claimed hotkey's over this request to this axon.
    #[error("Signature mismatch")]
    Mismatch,
    /// The nonce lies before the window.
    #[error("Nonce is too old: acceptable delta is {window_ms} ms but request was {age_ms} ms old")]
    TooOld {
        /// Width of the window, ms.
        window_ms: u64,
        /// Age of the nonce, ms.
        age_ms: u64,
    },
    /// The nonce lies too far ahead of our clock.
    #[error("Nonce is {ahead_ms} ms in the future: set the clock")]
    TooFarAhead {
        /// How far, ms.
        ahead_ms: u64,
    },
    /// The nonce was used before.
    #[error("Nonce was used before")]
    Replayed,
    /// The caller is older than SDK 7.2 and the operator does not serve such.
    #[error("Callers before SDK 7.2 are not served here: their nonces carry no time")]
    LegacyPeer,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        401
    }

    /// The message of the answer.
    #[must_use]
    pub fn message(&self) -> String {
        format!("Not Verified with error: {self}")
    }
}

/// What a caller signs. A missing part is rendered as Python renders it: `None`.
#[must_use]
pub fn request_text(
    nonce: Option<u64>,
    dendrite_hotkey: Option<&str>,
    axon_hotkey: &str,
    uuid: Option<&str>,
    body_hash: Option<&str>,
) -> String {
    let none = "None";
    format!(
        "{}.{}.{axon_hotkey}.{}.{}",
        nonce.map_or_else(|| none.into(), |nonce| nonce.to_string()),
        dendrite_hotkey.unwrap_or(none),
        uuid.unwrap_or(none),
        body_hash.unwrap_or(none)
    )
}

/// What an axon signs; `axon_hotkey` is the one the request addressed.
#[must_use]
pub fn answer_text(nonce: u64, dendrite_hotkey: Option<&str>, axon_hotkey: Option<&str>, uuid: &str) -> String {
    format!("{nonce}.{}.{}.{uuid}", dendrite_hotkey.unwrap_or("None"), axon_hotkey.unwrap_or("None"))
}

/// Signs one of the texts above: `0x` and 128 hex digits.
#[must_use]
pub fn sign_text(key: &Keypair, text: &str) -> String {
    format!("0x{}", hex::encode(key.sign(text.as_bytes())))
}

/// Whether `signature` is `signer`'s over `text`, plain or wrapped in `<Bytes>` as browser wallets sign.
///
/// # Errors
/// [`Refusal::MalformedSignature`] for another shape, [`Refusal::Mismatch`] when it does not verify.
pub fn verify_text(signer: &Account, text: &str, signature: &str) -> Result<(), Refusal> {
    let mut raw = [0; 64];
    signature
        .strip_prefix("0x")
        .and_then(|digits| hex::decode_to_slice(digits, &mut raw).ok())
        .ok_or(Refusal::MalformedSignature)?;
    if verify_wrapped(Scheme::Sr25519, signer, text.as_bytes(), &raw) { Ok(()) } else { Err(Refusal::Mismatch) }
}

/// Verification of the plain message, then of the wrapped one.
pub(super) fn verify_wrapped(scheme: Scheme, signer: &Account, message: &[u8], signature: &[u8; 64]) -> bool {
    verify(scheme, signer, message, signature)
        || verify(scheme, signer, &[b"<Bytes>".as_slice(), message, b"</Bytes>"].concat(), signature)
}

/// The hotkey a request claims. Only the canonical text counts, so that one key has one name.
///
/// # Errors
/// [`Refusal::MissingHotkey`], [`Refusal::BadHotkey`].
pub fn claimed_hotkey(headers: &RequestHeaders) -> Result<Account, Refusal> {
    let text = headers.hotkey.as_deref().ok_or(Refusal::MissingHotkey)?;
    let account: Account = text.parse().map_err(|_| Refusal::BadHotkey)?;
    if account.ss58() == text { Ok(account) } else { Err(Refusal::BadHotkey) }
}

/// Verifies the signature of a request to the axon whose hotkey is `own_ss58`; gives the verified caller.
///
/// Costs about 50 µs of CPU, twice that for a wrong signature: not for async threads in bulk. Freshness and replay are
/// not looked at.
///
/// # Errors
/// Every [`Refusal`] but those about time.
pub fn verify_signature(headers: &RequestHeaders, own_ss58: &str) -> Result<Account, Refusal> {
    if headers.nonce.is_none() {
        return Err(Refusal::MissingNonce);
    }
    let caller = claimed_hotkey(headers)?;
    verify_claim(headers, &caller, own_ss58)?;
    Ok(caller)
}

/// As [`verify_signature`], where the claimed hotkey has been read already: its text costs a microsecond to read.
///
/// # Errors
/// [`Refusal::MissingNonce`], [`Refusal::MissingSignature`], and those of [`verify_text`].
pub fn verify_claim(headers: &RequestHeaders, caller: &Account, own_ss58: &str) -> Result<(), Refusal> {
    if headers.nonce.is_none() {
        return Err(Refusal::MissingNonce);
    }
    let signature = headers.signature.as_deref().ok_or(Refusal::MissingSignature)?;
    let text = request_text(
        headers.nonce,
        headers.hotkey.as_deref(),
        own_ss58,
        headers.uuid.as_deref(),
        headers.body_hash.as_deref(),
    );
    verify_text(caller, &text, signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (RequestHeaders, String) {
        let key = Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap();
        let own = Keypair::from_uri("//Bob", Scheme::Sr25519).unwrap().account().ss58();
        let mut headers = RequestHeaders {
            nonce: Some(7),
            uuid: Some("u".into()),
            hotkey: Some(key.account().ss58()),
            body_hash: Some("00".into()),
            ..RequestHeaders::default()
        };
        let text = request_text(headers.nonce, headers.hotkey.as_deref(), &own, Some("u"), Some("00"));
        headers.signature = Some(sign_text(&key, &text));
        (headers, own)
    }

    #[test]
    fn a_signature_covers_nonce_receiver_uuid_and_hash() {
        let (good, own) = signed();
        assert!(verify_signature(&good, &own).is_ok());
        assert_eq!(verify_signature(&good, good.hotkey.as_deref().unwrap()), Err(Refusal::Mismatch));
        for change in [
            |h: &mut RequestHeaders| h.nonce = Some(8),
            |h: &mut RequestHeaders| h.uuid = None,
            |h: &mut RequestHeaders| h.body_hash = Some("01".into()),
        ] {
            let mut bad = good.clone();
            change(&mut bad);
            assert_eq!(verify_signature(&bad, &own), Err(Refusal::Mismatch));
        }
    }

    #[test]
    fn one_key_has_one_name() {
        let (mut headers, own) = signed();
        // Alice with network prefix 0.
        headers.hotkey = Some("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5".into());
        assert_eq!(verify_signature(&headers, &own), Err(Refusal::BadHotkey));
        headers.hotkey = Some("0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d".into());
        assert_eq!(verify_signature(&headers, &own), Err(Refusal::BadHotkey));
    }

    #[test]
    fn a_malformed_signature_is_told_apart() {
        let (good, own) = signed();
        let signature = good.signature.clone().unwrap();
        for bad in [&signature[2..], &signature[..128], "0x", "", "0Xff"] {
            let headers = RequestHeaders { signature: Some(bad.into()), ..good.clone() };
            assert_eq!(verify_signature(&headers, &own), Err(Refusal::MalformedSignature));
        }
    }
}
