//! Bytes that a Python SDK made for another chain of the same kind.

use serde_json::json;

use super::client::{config, start};

/// A transfer that SDK 10.5 signed for a real development node of spec version 381: the layout must be ours, too.
const TRANSFER: &str = "0x3d028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d014e1c48f880dcab7bbd76f38e291fd5b9be05d2f19b381768e7e470c4b6956615ac03cc26db1a27e908c961083267be112db5bf1e270fa5ed4f5c42c3b7163f8576041c00000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a4802286bee";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extrinsic_of_the_sdk_is_understood_and_refused_for_its_birth_block() {
    let net = start(config()).await;
    let bytes = TRANSFER;
    let fee = net.ask("payment_queryInfo", json!([bytes])).await.unwrap();
    assert!(fee["partialFee"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    // It was born in block 199, which is not there yet; and then is another one.
    let refused = async || net.ask("author_submitExtrinsic", json!([bytes])).await.unwrap_err();
    assert_eq!(refused().await.data, "Transaction has an ancient birth block");
    net.chain.mine(200).await.unwrap();
    assert_eq!(refused().await.data, "Transaction has a bad signature");
}
