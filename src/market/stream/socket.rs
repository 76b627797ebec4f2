//! One websocket to a server, `ws://` or `wss://`: text in, text out.
//!
//! A certificate is trusted when the machine's roots lead to it; on Linux the file that `SSL_CERT_FILE` names stands for those.

use std::sync::Arc;

use reqwest::Url;
use rustls::pki_types::ServerName;
use soketto::handshake::{Client, ServerResponse};
use soketto::{Receiver, Sender};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use crate::market::http::trusting_tls;

/// Longest message taken, in bytes: a book has some 100 kB.
const LONGEST: usize = 8 << 20;

/// What bytes go over: plain or encrypted.
pub(in crate::market) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

pub(in crate::market) type Plug = Compat<Box<dyn Line>>;

/// Both directions of an open websocket.
pub(in crate::market) struct Socket {
    pub(in crate::market) sender: Sender<Plug>,
    pub(in crate::market) receiver: Receiver<Plug>,
}

/// Opens one. The error is for a log.
pub(in crate::market) async fn open(url: &Url) -> Result<Socket, String> {
    let host = url.host_str().ok_or("the address has no host")?;
    let port = url.port_or_known_default().ok_or("the address has no port")?;
    let plain_host = host.trim_matches(['[', ']']);
    let tcp = TcpStream::connect((plain_host, port)).await.map_err(|e| e.to_string())?;
    let _ = tcp.set_nodelay(true);
    let line: Box<dyn Line> = match url.scheme() {
        "ws" => Box::new(tcp),
        "wss" => Box::new(encrypted(plain_host, tcp).await?),
        other => return Err(format!("`{other}` is neither ws nor wss")),
    };
    let resource = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut client = Client::new(line.compat(), &authority, &resource);
    match client.handshake().await.map_err(|e| e.to_string())? {
        ServerResponse::Accepted { .. } => {}
        ServerResponse::Redirect { status_code, .. } | ServerResponse::Rejected { status_code } => {
            return Err(format!("the server answered HTTP {status_code} in place of a websocket"));
        }
    }
    let mut builder = client.into_builder();
    builder.set_max_message_size(LONGEST);
    builder.set_max_frame_size(LONGEST);
    let (sender, receiver) = builder.finish();
    Ok(Socket { sender, receiver })
}

async fn encrypted(host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    let config = trusting_tls()?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| untrusted(host, &error))
}

/// Why the other side was not believed, or whatever else went wrong.
fn untrusted(host: &str, error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => format!(
            "the certificate of {host} is not trusted: {why}; if it is one of your own, let SSL_CERT_FILE name a file with \
             its root"
        ),
        _ => format!("no encrypted connection to {host}: {error}"),
    }
}
