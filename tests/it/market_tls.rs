//! The market channel over TLS, `wss://`, as a person uses it who has a certificate of their own: the program is told the root by
//! `SSL_CERT_FILE`, hears prices, and believes nobody else.

use std::path::Path;
use std::sync::Arc;

use neuron::market::PriceSource;
use neuron::market::tape;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::market_stream::{serve, steady_market};
use crate::support::neuron;

/// A certificate for `name` that nobody else has signed, as a file, and a server that shows it.
fn certificate(name: &str, file: &Path) -> ServerConfig {
    neuron::market::install_tls();
    let rcgen::CertifiedKey { cert, key_pair } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(file, cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(key_pair.serialize_der()).into();
    ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap()
}

/// A market channel behind it, at 0.7 for every token.
async fn channel(config: ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/ws/market", listener.local_addr().unwrap().port());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(encrypted) = acceptor.accept(socket).await {
                    serve(encrypted, None).await;
                }
            });
        }
    });
    url
}

/// Records what a channel tells, trusting one root alone; what prices were made of, and what the program said of it.
async fn recorded(url: &str, root: &Path, rounds: u32) -> (Vec<PriceSource>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (list, to) = (steady_market().await, folder.path().join("tape"));
    let mut program = neuron();
    program.args(["market-record", "--every", "100ms", "--rounds", &rounds.to_string(), "--to", to.to_str().unwrap()]);
    program.args([
        "--market.polymarket.prices",
        "stream",
        "--market.horizon",
        "3000d",
        "--market.polymarket.url",
        &list,
    ]);
    program.args(["--market.polymarket.stream_url", url]).env("SSL_CERT_FILE", root).env_remove("SSL_CERT_DIR");
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let tape = tape::load(&to).unwrap();
    assert_eq!(tape.markets().len(), 20);
    assert!(tape.markets().iter().all(|market| market.prices.iter().all(|(_, price)| price.get() == 0.7)));
    let sources = tape.markets().iter().flat_map(|market| market.sources.iter().map(|(_, source)| *source));
    (sources.collect(), said)
}

/// How a line about it begins.
const ENDED: &str = "the stream of Polymarket's prices ended";

#[tokio::test(flavor = "multi_thread")]
async fn prices_come_encrypted_from_a_server_that_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    let url = channel(certificate("localhost", &root)).await;
    let (sources, said) = recorded(&url, &root, 30).await;
    let streamed = sources.iter().filter(|source| **source == PriceSource::Stream).count();
    assert_eq!(streamed, 20, "each of them: {sources:?} {said}");
    assert!(!said.contains(ENDED), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_refused_in_a_sentence_and_prices_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own.pem"), folder.path().join("other.pem"));
    let strangers = certificate("localhost", &own);
    drop(certificate("localhost", &other));
    let elsewhere = folder.path().join("elsewhere.pem");
    let for_another_name = certificate("elsewhere.test", &elsewhere);
    for (config, root) in [(strangers, &other), (for_another_name, &elsewhere)] {
        let (sources, said) = recorded(&channel(config).await, root, 5).await;
        assert!(sources.iter().all(|source| *source == PriceSource::Midpoint), "{sources:?}");
        let sentence = said.lines().find(|line| line.contains(ENDED)).unwrap_or_else(|| panic!("{said}"));
        assert!(sentence.contains("the certificate of localhost is not trusted"), "{sentence}");
        assert!(sentence.contains("SSL_CERT_FILE") && sentence.contains("prices are read by requests"), "{sentence}");
    }
}
