//! The record that describes one end of an exchange.

use serde::Serialize;

/// One end of an exchange, as it stands in a body: ten members, all optional, null where unset.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Terminal {
    /// Status of the exchange as this end sees it.
    pub status_code: Option<u16>,
    /// The status in words, one line.
    pub status_message: Option<String>,
    /// Seconds from arrival to answer.
    pub process_time: Option<f64>,
    /// Address as text, IPv6 without brackets.
    pub ip: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// SDK version as integer.
    pub version: Option<u64>,
    /// Strictly increasing per uuid; nanoseconds since the epoch from SDK 7.2 on.
    pub nonce: Option<u64>,
    /// Names one sender's nonce sequence.
    pub uuid: Option<String>,
    /// The ss58 text of this end's hotkey.
    pub hotkey: Option<String>,
    /// `0x` and 128 hex digits.
    pub signature: Option<String>,
}
