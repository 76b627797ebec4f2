//! Positional parameters, as lenient as a real node: trailing ones may be missing or null, hex may lack its `0x`.

use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde_json::Value;
use sp_core::H256;
use sp_core::crypto::Ss58Codec;

use super::errors;
use crate::localnet::runtime::AccountId;

/// The parameters of one request.
pub(super) struct Args(Vec<Value>);

impl Args {
    /// Refuses anything but an array.
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ErrorObjectOwned> {
        match params.as_str() {
            None => Ok(Self(Vec::new())),
            Some(text) => serde_json::from_str(text)
                .map(Self)
                .map_err(|_| errors::invalid_params("parameters are a positional array".into())),
        }
    }

    /// What was given, unless it is null.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.0.get(index).filter(|value| !value.is_null())
    }

    /// A text that must be there.
    pub(super) fn text(&self, index: usize) -> Result<&str, ErrorObjectOwned> {
        self.get(index)
            .and_then(Value::as_str)
            .ok_or_else(|| errors::invalid_params(format!("parameter {index} must be a string")))
    }

    /// An account by its address, which must be there.
    pub(super) fn account(&self, index: usize) -> Result<AccountId, ErrorObjectOwned> {
        AccountId::from_ss58check(self.text(index)?)
            .map_err(|error| errors::invalid_params(format!("parameter {index} is no ss58 address: {error:?}")))
    }

    /// Bytes as hex that must be there.
    pub(super) fn bytes(&self, index: usize) -> Result<Vec<u8>, ErrorObjectOwned> {
        bytes(self.text(index)?).map_err(|error| errors::invalid_params(format!("parameter {index}: {error}")))
    }

    /// Bytes as hex, if given.
    pub(super) fn optional_bytes(&self, index: usize) -> Result<Option<Vec<u8>>, ErrorObjectOwned> {
        self.get(index).map(|_| self.bytes(index)).transpose()
    }

    /// A block's hash, if given.
    pub(super) fn hash(&self, index: usize) -> Result<Option<H256>, ErrorObjectOwned> {
        let Some(bytes) = self.optional_bytes(index)? else { return Ok(None) };
        <[u8; 32]>::try_from(bytes)
            .map(|hash| Some(hash.into()))
            .map_err(|_| errors::invalid_params(format!("parameter {index} must be a hash of 32 bytes")))
    }

    /// A block's hash that must be there.
    pub(super) fn needed_hash(&self, index: usize) -> Result<H256, ErrorObjectOwned> {
        self.hash(index)?.ok_or_else(|| errors::invalid_params(format!("parameter {index} must be a hash")))
    }

    /// A list of blocks' hashes that must be there.
    pub(super) fn list_of_hashes(&self, index: usize) -> Result<Vec<H256>, ErrorObjectOwned> {
        let refuse = || errors::invalid_params(format!("parameter {index} must be a list of hashes of 32 bytes"));
        let hash = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map(H256::from).map_err(|_| refuse());
        self.list_of_bytes(index)?.into_iter().map(hash).collect()
    }

    /// A whole number, if given.
    pub(super) fn number(&self, index: usize) -> Result<Option<u64>, ErrorObjectOwned> {
        let whole = |value: &Value| {
            value.as_u64().ok_or_else(|| errors::invalid_params(format!("parameter {index} must be a whole number")))
        };
        self.get(index).map(whole).transpose()
    }

    /// A yes or no, if given.
    pub(super) fn flag(&self, index: usize) -> Result<Option<bool>, ErrorObjectOwned> {
        let flag = |value: &Value| {
            value.as_bool().ok_or_else(|| errors::invalid_params(format!("parameter {index} must be true or false")))
        };
        self.get(index).map(flag).transpose()
    }

    /// A list of hex texts that must be there.
    pub(super) fn list_of_bytes(&self, index: usize) -> Result<Vec<Vec<u8>>, ErrorObjectOwned> {
        let refuse = || errors::invalid_params(format!("parameter {index} must be a list of hex strings"));
        let list = self.get(index).and_then(Value::as_array).ok_or_else(refuse)?;
        list.iter().map(|item| item.as_str().and_then(|text| bytes(text).ok()).ok_or_else(refuse)).collect()
    }
}

/// The bytes of hex, with or without its `0x`.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, hex::FromHexError> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &'static str) -> Args {
        Args::parse(&Params::new(Some(text))).unwrap()
    }

    #[test]
    fn hex_may_lack_its_prefix_and_null_means_not_given() {
        let args = args(r#"["0x0102","0102","",null,7]"#);
        assert_eq!(args.bytes(0).unwrap(), args.bytes(1).unwrap());
        assert_eq!(args.bytes(2).unwrap(), Vec::<u8>::new());
        assert!(args.get(3).is_none() && args.get(9).is_none());
        assert_eq!(args.hash(3).unwrap(), None);
        assert_eq!(args.number(4).unwrap(), Some(7));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let args = args(r#"["0x01","zz",-1]"#);
        assert!(args.hash(0).unwrap_err().data().unwrap().get().contains("parameter 0"));
        assert!(args.flag(0).is_err() && args.flag(7).is_ok_and(|flag| flag.is_none()));
        assert!(args.bytes(1).is_err() && args.number(2).is_err() && args.text(5).is_err());
        assert!(Args::parse(&Params::new(Some(r#"{"key":1}"#))).is_err());
        assert!(Args::parse(&Params::new(None)).is_ok());
    }
}
