//! The PROXY protocol, versions 1 and 2 (HAProxy's `proxy-protocol.txt`): what a proxy of one's own says before the first byte of a
//! connection about who is behind it. It is for proxies that pass bytes on and cannot write a header into a request.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use ppp::{HeaderResult, PartialResult as _, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// More than a proxy says, with all that version 2 lets it add.
const LONGEST: usize = 4096;
/// How version 1 begins, and the longest line it has.
const TEXT: &[u8] = b"PROXY ";
const LONGEST_TEXT: usize = 107;

/// What stands before the requests of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preface {
    /// Who is behind the proxy; `None` when it speaks for itself, as for a check of its own.
    pub(super) caller: Option<SocketAddr>,
    /// What came behind it.
    pub(super) rest: Bytes,
}

/// Reads the preface; the caller of this sets the deadline.
///
/// # Errors
/// Those of the connection; [`io::ErrorKind::InvalidData`] when it begins with something else.
pub(super) async fn preface(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Preface> {
    let mut said = BytesMut::with_capacity(512);
    loop {
        if stream.read_buf(&mut said).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((length, caller)) = read(&said)? {
            let rest = said.freeze().slice(length..);
            return Ok(Preface { caller, rest });
        }
        if said.len() > LONGEST {
            return Err(no_preface());
        }
    }
}

fn no_preface() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it does not begin with a header of the PROXY protocol")
}

/// The length of the header at the beginning, and whom it names; `None` while it is not whole.
fn read(said: &[u8]) -> io::Result<Option<(usize, Option<SocketAddr>)>> {
    let parsed = HeaderResult::parse(said);
    if parsed.is_incomplete() || is_part_of_a_line(said) {
        return Ok(None);
    }
    let (length, caller) = match parsed {
        HeaderResult::V1(Ok(header)) => (header.header.len(), of_text(&header.addresses)),
        HeaderResult::V2(Ok(header)) => {
            let is_proxied = header.command == v2::Command::Proxy;
            (header.len(), of_bytes(&header.addresses).filter(|_| is_proxied))
        }
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => return Err(no_preface()),
    };
    if length > said.len() { Err(no_preface()) } else { Ok(Some((length, caller))) }
}

/// The parser takes a line of version 1 for whole when it is not.
fn is_part_of_a_line(said: &[u8]) -> bool {
    TEXT.starts_with(said)
        || (said.starts_with(TEXT) && said.len() < LONGEST_TEXT && !said.windows(2).any(|end| end == b"\r\n"))
}

fn of_text(addresses: &v1::Addresses) -> Option<SocketAddr> {
    match addresses {
        v1::Addresses::Tcp4(ip) => Some((ip.source_address, ip.source_port).into()),
        v1::Addresses::Tcp6(ip) => Some((ip.source_address, ip.source_port).into()),
        v1::Addresses::Unknown => None,
    }
}

fn of_bytes(addresses: &v2::Addresses) -> Option<SocketAddr> {
    match addresses {
        v2::Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
        v2::Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    const REQUEST: &[u8] = b"POST /Synapse HTTP/1.1\r\n\r\n";

    /// A header of version 2: `command` 0x20 for the proxy itself, 0x21 for somebody behind it.
    fn second(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([command, family]);
        header.extend((addresses.len() as u16).to_be_bytes());
        header.extend(addresses);
        header
    }

    /// What is read when it comes in pieces of `step` bytes.
    async fn heard(header: &[u8], step: usize) -> io::Result<Preface> {
        let (mut proxy, mut axon) = tokio::io::duplex(64);
        let bytes = [header, REQUEST].concat();
        let sent = tokio::spawn(async move {
            for piece in bytes.chunks(step) {
                if proxy.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let preface = preface(&mut axon).await;
        let mut rest = Vec::new();
        axon.read_to_end(&mut rest).await?;
        sent.await?;
        preface.map(|it| Preface { rest: [&it.rest[..], &rest].concat().into(), ..it })
    }

    #[tokio::test]
    async fn whoever_is_behind_a_proxy_is_named_in_both_versions_whatever_the_pieces() {
        let v4 = [&[203, 0, 113, 7, 10, 0, 0, 1][..], &5555_u16.to_be_bytes(), &8091_u16.to_be_bytes()].concat();
        let v6 =
            [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 16], &[0x15, 0xb3, 0, 0]].concat();
        let with_more = [&v4[..], &[4, 0, 2, 1, 2]].concat();
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 5555 8091\r\n", Some("203.0.113.7:5555")),
            (b"PROXY TCP6 2001:db8::1 fd00::1 5555 8091\r\n", Some("[2001:db8::1]:5555")),
            (b"PROXY UNKNOWN\r\n", None),
            (&second(0x21, 0x11, &v4), Some("203.0.113.7:5555")),
            (&second(0x21, 0x11, &with_more), Some("203.0.113.7:5555")),
            (&second(0x21, 0x21, &v6), Some("[2001:db8::1]:5555")),
            (&second(0x20, 0x11, &v4), None),
            (&second(0x20, 0x00, &[]), None),
        ];
        for (header, caller) in cases {
            for step in [1, 7, 16, 1000] {
                let heard = heard(header, step).await.unwrap_or_else(|e| panic!("{header:?} by {step}: {e}"));
                let caller = caller.map(|text| text.parse().unwrap());
                assert_eq!(heard, Preface { caller, rest: Bytes::from_static(REQUEST) }, "{header:?} by {step}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let endless = [b"PROXY TCP4 ".as_slice(), &[b'1'; 8000]].concat();
        let cases: [&[u8]; 5] =
            [b"GET / HTTP/1.1\r\n", b"PROXY TCP4 a b c d\r\n", b"\0\0\0\0", &endless, &second(0x31, 0x11, &[])];
        for wrong in cases {
            assert!(heard(wrong, 64).await.is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), begins in 0..3_usize) {
            let beginnings: [&[u8]; 3] = [b"", b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];
            let said = [beginnings[begins], &bytes].concat();
            if let Ok(Some((length, _))) = read(&said) {
                prop_assert!(length <= said.len());
            }
        }
    }
}
