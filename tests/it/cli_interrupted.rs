//! Ctrl-C while a transaction is under way: whoever gave up is told which one it was, and how to see what became of it.
#![cfg(feature = "localnet")]

use std::process::Stdio;
use std::time::Duration;

use neuron::localnet::{BlockMode, LocalnetConfig};
use neuron::units::{Account, Rao};
use serde_json::{Value, json};
use subxt::rpcs::client::RpcClient;

use crate::cli_chain::Machine;
use crate::localnet::client::ask;
use crate::subtensor::{key, quick};
use crate::support::Process;

/// Starts a command, interrupts it when its transaction waits in the pool, and gives what it said and its transaction's hash.
async fn interrupted(machine: &Machine, rpc: &RpcClient, line: &str) -> (i32, String, String) {
    let mut command = machine.command(&line.split_whitespace().collect::<Vec<_>>());
    let mut child = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let waits = async {
        while ask(rpc, "author_pendingExtrinsics", json!([])).await.unwrap() == json!([]) {
            assert!(child.is_running(), "{line} ended too early");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waits).await.unwrap();
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let (status, said) = tokio::task::spawn_blocking(move || {
        let status = child.wait().unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        (status, said)
    })
    .await
    .unwrap();
    let hash =
        said.split("neuron transaction ").nth(1).and_then(|rest| rest.get(..66)).unwrap_or_else(|| panic!("{said}"));
    (status.code().unwrap(), said.clone(), hash.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_command_that_writes_says_what_it_left_behind() {
    let machine = Machine::with(LocalnetConfig { blocks: BlockMode::Manual, ..quick() }).await;
    let rpc = RpcClient::from_insecure_url(machine.url()).await.unwrap();
    let friend = Account([7; 32]);
    let hotkey = key("//Bob//neuron").account();
    for (line, call) in [
        (format!("transfer 3 --to {friend}"), "Balances.transfer_keep_alive"),
        ("register --netuid 155".to_owned(), "SubtensorModule.burned_register"),
        ("stake add 5 --netuid 155".to_owned(), "SubtensorModule.add_stake"),
        (format!("stake child set {friend}=0.5 --netuid 155"), "SubtensorModule.set_children"),
        ("wallet set-identity --name bob".to_owned(), "SubtensorModule.set_identity"),
        ("delegates take 5%".to_owned(), "SubtensorModule.decrease_take"),
        (format!("proxy add --delegate {friend} --proxy-type Staking"), "Proxy.add_proxy"),
        ("axon set --netuid 155 --ip 203.0.113.7 --port 8091".to_owned(), "SubtensorModule.serve_axon"),
        ("call System.remark remark=hello".to_owned(), "System.remark"),
    ] {
        let (status, said, hash) = interrupted(&machine, &rpc, &format!("{line} --yes")).await;
        assert_eq!(status, 130, "{line}: {said}");
        assert!(said.contains(call) && said.contains("until"), "{line}: {said}");
        // It waits still, and is found when its block is there.
        let missing = machine.fails(4, &format!("transaction {hash}")).await;
        assert!(missing.contains("still waits"), "{missing}");
        ask(&rpc, "dev_mine", json!([1])).await.unwrap();
        let found = machine.done(&format!("transaction {hash}")).await;
        assert_eq!((&found["succeeded"], &found["call"]), (&json!(true), &json!(call)), "{line}: {found}");
        assert_eq!((&found["extrinsic"], &found["error"]), (&json!(hash), &Value::Null));
    }
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(3));
    assert!(machine.chain.uid(neuron::units::NetUid(155), &hotkey).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_failed_is_found_with_its_reason() {
    let machine = Machine::with(LocalnetConfig { blocks: BlockMode::Manual, ..quick() }).await;
    let rpc = RpcClient::from_insecure_url(machine.url()).await.unwrap();
    let (_, _, hash) = interrupted(&machine, &rpc, "subnets start --netuid 77 --yes").await;
    ask(&rpc, "dev_mine", json!([1])).await.unwrap();
    let found = machine.done(&format!("transaction {hash}")).await;
    assert_eq!(found["succeeded"], json!(false), "{found}");
    assert!(found["error"].as_str().unwrap().contains("SubnetNotExists"), "{found}");
    let said = machine.fails(2, "transaction 0x12").await;
    assert!(said.contains("HASH"), "{said}");
}
