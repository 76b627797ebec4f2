//! Axons at addresses of IPv6.

use neuron::subnets::events::synapse::Generation;
use tokio::io::AsyncWriteExt as _;

use crate::needs::lacks;
use crate::wire_fakes::{LONG, deadlines, dendrite, header, question, read_request, success, target};

tests! { asynchronous: ipv6_axons_are_reached }

async fn ipv6_axons_are_reached() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        lacks("ipv6", "this machine has no IPv6 loopback");
    };
    let address = listener.local_addr().unwrap();
    let axon = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (head, _) = read_request(&mut stream).await.unwrap();
        stream.write_all(success("{}").as_bytes()).await.unwrap();
        (header(&head, "host").unwrap().to_owned(), header(&head, "bt_header_axon_ip").unwrap().to_owned())
    });
    let answer =
        dendrite().call(&target(address), &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap();
    assert!(answer.result.is_ok(), "{:?}", answer.result);
    assert_eq!(axon.await.unwrap(), (address.to_string(), "::1".to_owned()));
}
