//! The encrypted way to a server. Where there is one, the server's certificate is checked: against the roots that the system
//! trusts, or against those in a file alone.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// Makes ways.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// Trusting the system's roots, or those in the file of PEM.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, String> {
        // Another part of the program may have chosen already: the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = match roots {
            None => ClientConfig::with_platform_verifier().map_err(|e| e.to_string())?,
            Some(file) => {
                let unread = |e: rustls::pki_types::pem::Error| format!("{}: {e}", file.display());
                let mut store = RootCertStore::empty();
                for certificate in CertificateDer::pem_file_iter(file).map_err(unread)? {
                    store.add(certificate.map_err(unread)?).map_err(|e| format!("{}: {e}", file.display()))?;
                }
                if store.is_empty() {
                    return Err(format!("{}: there is no certificate in it", file.display()));
                }
                ClientConfig::builder().with_root_certificates(store).with_no_client_auth()
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

/// What is wrong with the encryption of a way that was not made, and what to do; `None` where it is not about that.
pub(super) fn advice(error: &tokio_postgres::Error) -> Option<String> {
    let cause = error.source()?;
    let io = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let said = io.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match said {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(of_certificate(certificate)),
        Some(other) => Some(format!("the encrypted way to the server was not made: {other}")),
        None if cause.to_string().contains("server does not support TLS") => Some(
            "the server offers no encryption; switch it on there (`ssl = on`), or say `sslmode=disable` where the way is safe"
                .to_owned(),
        ),
        None => None,
    }
}

fn of_certificate(error: &CertificateError) -> String {
    let replace = "put a valid one in place (`ssl_cert_file`)";
    match error {
        // Also by a root that is called like one of those, and is another.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is signed by nobody who is trusted here; name the file with its root by `db.tls_roots`, or \
             by `sslrootcert=` in the URL"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            "the server's certificate is for another name; connect by one that it has".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            // `DnsName("db.example")`, `IpAddress(127.0.0.1)` and the like.
            let plain = |name: &String| {
                let within = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
                within.trim_matches('"').to_owned()
            };
            let has: Vec<String> = presented.iter().map(plain).collect();
            let has = if has.is_empty() { "no name (it has no subjectAltName)".to_owned() } else { has.join(", ") };
            format!(
                "the server's certificate is for {has}, and it was called {}; connect by a name that it has",
                expected.to_str()
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the server's certificate has expired; {replace}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the server's certificate is not valid yet; {replace}, or set this machine's clock")
        }
        other => format!("the server's certificate is refused: {other}; {replace}"),
    }
}

/// One way that is about to be made.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// One way.
pub(super) struct Encrypted(tokio_rustls::client::TlsStream<Socket>);

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Self::Error> {
        let name = ServerName::try_from(host.trim_matches(['[', ']']))?.to_owned();
        Ok(Handshake { connector: self.0.clone(), name })
    }
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Encrypted>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Encrypted) })
    }
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
