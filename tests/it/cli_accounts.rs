//! The commands about who may act for whom: proxies at once, after a delay and without a key, another coldkey, several
//! signatories; each read back from the chain.
#![cfg(feature = "localnet")]

use neuron::subtensor::weights::Hash32;
use neuron::units::{Account, Rao};
use serde_json::{Value, json};

use crate::cli_chain::Machine;
use crate::subtensor::key;

fn address(uri: &str) -> String {
    key(uri).account().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_is_added_acts_as_its_kind_allows_and_is_removed() {
    let machine = Machine::new().await;
    machine.add_wallet("charlie", "//Charlie", "//Charlie//neuron");
    let (bob, charlie, friend) = (address("//Bob"), address("//Charlie"), Account([7; 32]));
    machine.done(&format!("proxy add --delegate {charlie} --proxy-type SmallTransfer --yes")).await;
    let listed = machine.done("proxy list").await;
    let entry = json!({"delegate": charlie, "proxy_type": "SmallTransfer", "delay": 0});
    assert_eq!((&listed["proxies"], &listed["deposit_rao"]), (&json!([entry]), &json!(93_000_000)));

    let as_bob = format!("--proxy {bob} --wallet.name charlie --yes");
    machine.done(&format!("transfer 0.4 --to {friend} {as_bob}")).await;
    let said = machine.fails(6, &format!("transfer 0.5 --to {friend} {as_bob}")).await;
    assert!(said.contains("CallFiltered"), "half a TAO is not small: {said}");
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(400_000_000));

    let said = machine.fails(2, &format!("proxy add --delegate {charlie} --proxy-type Steaking --yes")).await;
    assert!(said.contains("Staking") && said.contains("RootClaim"), "the kinds are named: {said}");
    let said = machine.fails(4, &format!("proxy remove --delegate {friend} --yes")).await;
    assert!(said.contains("not a proxy"), "{said}");
    // Its kind is found, as there is one only.
    machine.done(&format!("proxy remove --delegate {charlie} --yes")).await;
    assert_eq!(machine.done("proxy list").await["proxies"], json!([]));
    machine.done(&format!("proxy add --delegate {charlie} --proxy-type Any --yes")).await;
    machine.done("proxy remove --all --yes").await;
    assert_eq!(machine.done("proxy list").await["deposit_rao"], json!(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_proxy_announced_is_done_after_its_delay() {
    let machine = Machine::new().await;
    machine.add_wallet("charlie", "//Charlie", "//Charlie//neuron");
    let (bob, charlie, friend) = (address("//Bob"), address("//Charlie"), Account([7; 32]));
    machine.done(&format!("proxy add --delegate {charlie} --proxy-type Transfer --delay 10 --yes")).await;
    let as_bob = format!("--proxy {bob} --wallet.name charlie --yes");
    let said = machine.fails(6, &format!("transfer 3 --to {friend} {as_bob}")).await;
    assert!(said.contains("Unannounced"), "not at once: {said}");

    let announced = machine.done(&format!("transfer 3 --to {friend} --announce {as_bob}")).await;
    assert_eq!(announced["announced"], json!("Balances.transfer_keep_alive"));
    let hex = announced["call_hex"].as_str().unwrap();
    let hash = Hash32::of(&hex::decode(&hex[2..]).unwrap()).to_string();
    assert_eq!(announced["call_hash"], json!(hash));
    let listed = machine.done(&format!("proxy list {charlie}")).await;
    assert_eq!(
        (&listed["announcements"][0]["call_hash"], &listed["announcements"][0]["real"]),
        (&json!(hash), &json!(bob))
    );
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(0), "only announced");

    let height = listed["announcements"][0]["height"].as_u64().unwrap();
    let mut blocks = machine.chain.blocks();
    while *blocks.borrow_and_update() < height + 10 {
        blocks.changed().await.unwrap();
    }
    // Anybody may do it then: here Bob himself.
    let line = format!("proxy execute --real {bob} --delegate {charlie} --call-hex {hex} --yes");
    let done = machine.done(&line).await;
    assert_eq!(done["executed"], json!("Balances.transfer_keep_alive"));
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(3));
    let said = machine.fails(6, &line).await;
    assert!(said.contains("Unannounced"), "once: {said}");
    let said = machine.fails(2, &format!("proxy execute --real {bob} --call-hex 0xzz --yes")).await;
    assert!(said.contains("--call-hex"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_key_is_made_used_and_removed() {
    let machine = Machine::new().await;
    let friend = Account([7; 32]);
    let dry = machine.done("proxy create --proxy-type Any --dry-run").await;
    assert_eq!((&dry["account"], &dry["inclusion"]), (&Value::Null, &Value::Null));
    let made = machine.done("proxy create --proxy-type Any --yes").await;
    let pure = made["account"].as_str().unwrap();
    machine.done(&format!("transfer 5 --to {pure} --yes")).await;
    machine.done(&format!("transfer 2 --to {friend} --proxy {pure} --yes")).await;
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(2));
    let place = format!("--height {} --ext-index {}", made["height"], made["ext_index"]);
    let kill = format!("proxy kill --spawner {} --proxy-type Any {place} --yes", address("//Bob"));
    let said = machine.fails(2, &kill).await;
    assert!(said.contains("--proxy"), "in its name only: {said}");
    machine.done(&format!("{kill} --proxy {pure}")).await;
    let said = machine.fails(6, &format!("transfer 1 --to {friend} --proxy {pure} --yes")).await;
    assert!(said.contains("NotProxy"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coldkey_gives_its_place_to_another_one() {
    let machine = Machine::new().await;
    let (bob, new) = (key("//Bob").account(), Account([7; 32]));
    assert_eq!(machine.done("wallet swap-coldkey check").await["from_block"], Value::Null);
    let said = machine.fails(6, &format!("wallet swap-coldkey execute {new} --yes")).await;
    assert!(said.contains("no swap"), "{said}");
    let said = machine.fails(2, &format!("wallet swap-coldkey announce {bob} --yes")).await;
    assert!(said.contains("already"), "{said}");

    // A delay of a few blocks, as root sets it.
    let key = crate::localnet::client::storage_key("SubtensorModule", "ColdkeySwapAnnouncementDelay");
    let rpc = subxt::rpcs::client::RpcClient::from_insecure_url(machine.url()).await.unwrap();
    crate::localnet::client::ask(&rpc, "dev_setStorage", json!([[[key, "0x03000000"]]])).await.unwrap();
    let announced = machine.done(&format!("wallet swap-coldkey announce {new} --yes")).await;
    assert_eq!(announced["new_coldkey_hash"], json!(Hash32::of(&new.0).to_string()));
    let said = machine.fails(6, &format!("transfer 1 --to {new} --yes")).await;
    assert!(said.contains("ColdkeyInSwapSchedule") || said.contains("swap"), "frozen: {said}");
    let said = machine.fails(2, &format!("wallet swap-coldkey execute {} --yes", Account([8; 32]))).await;
    assert!(said.contains("the announced coldkey"), "{said}");

    let from = announced["from_block"].as_u64().unwrap();
    let mut blocks = machine.chain.blocks();
    while *blocks.borrow_and_update() < from {
        blocks.changed().await.unwrap();
    }
    machine.done(&format!("wallet swap-coldkey execute --new-coldkey {new} --yes")).await;
    assert_eq!(machine.chain.balance(&bob).await.unwrap(), Rao(0));
    assert!(machine.chain.balance(&new).await.unwrap() > Rao::from_tao(999_999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disputed_swap_waits_for_root() {
    let machine = Machine::new().await;
    machine.done(&format!("wallet swap-coldkey announce {} --yes", Account([7; 32]))).await;
    let disputed = machine.done("wallet swap-coldkey dispute --yes").await;
    assert!(disputed["disputed_in"].is_u64(), "{disputed}");
    let checked = machine.run(&["wallet", "swap_check", &address("//Bob")]).await;
    assert_eq!(checked.document["disputed_in"], disputed["disputed_in"], "btcli's word: {}", checked.stderr);
    machine.fails(6, "wallet swap-coldkey clear --yes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_signatories_send_together() {
    let machine = Machine::new().await;
    machine.add_wallet("charlie", "//Charlie", "//Charlie//neuron");
    let mut accounts = ["//Alice", "//Bob", "//Charlie"].map(|uri| key(uri).account());
    accounts.sort_unstable_by_key(|account| account.0);
    // As `pallet_multisig` derives the account of two out of three.
    let mut seed = b"modlpy/utilisuba".to_vec();
    seed.push(3 << 2);
    accounts.iter().for_each(|account| seed.extend(account.0));
    seed.extend(2_u16.to_le_bytes());
    let together = Account(Hash32::of(&seed).0);
    machine.done(&format!("transfer 10 --to {together} --yes")).await;

    let friend = Account([7; 32]);
    let inner = json!({"Balances": {"transfer_keep_alive": {"dest": friend.to_string(), "value": 4_000_000_000_u64}}});
    let others = |mine: &str| {
        let others: Vec<String> =
            accounts.iter().filter(|account| **account != key(mine).account()).map(ToString::to_string).collect();
        json!(others)
    };
    let weight = json!({"ref_time": 1_000_000_000_u64, "proof_size": 100_000});
    let line = |mine: &str, point: &Value| {
        format!(
            "call Multisig.as_multi threshold=2 other_signatories={} maybe_timepoint={point} call={inner} max_weight={weight} --yes",
            others(mine)
        )
    };
    let first = machine.done(&line("//Bob", &Value::Null)).await;
    let waiting = machine.done("storage Multisig.Multisigs").await;
    let point = &waiting["entries"][0]["value"]["when"];
    assert_eq!(
        (&point["height"], &waiting["entries"][0]["keys"][0]),
        (&first["inclusion"]["block"], &json!(together.to_string()))
    );
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(0), "one of two");
    machine.done(&format!("{} --wallet.name charlie", line("//Charlie", point))).await;
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao::from_tao(4));
    assert_eq!(machine.done("storage Multisig.Multisigs").await["entries"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lease_a_subnet_together() {
    let machine = Machine::new().await;
    machine.add_wallet("charlie", "//Charlie", "//Charlie//neuron");
    let end = machine.chain.block_number().await.unwrap() + 100_000;
    let call = json!({"SubtensorModule": {"register_leased_network": {"emissions_share": 30, "end_block": null}}});
    machine
        .done(&format!(
            "call Crowdloan.create deposit=10000000000 min_contribution=1000000000 cap=1200000000000 end={end} call={call} \
             target_address=null --yes"
        ))
        .await;
    let contribute = "call Crowdloan.contribute crowdloan_id=0 amount=1190000000000 --yes --wallet.name charlie";
    machine.done(contribute).await;
    machine.done("call Crowdloan.finalize crowdloan_id=0 --yes").await;
    let lease = machine.done("storage SubtensorModule.SubnetLeases 0").await;
    let bob = key("//Bob").account().to_string();
    assert_eq!((&lease["beneficiary"], &lease["emissions_share"]), (&json!(bob), &json!(30)));
    let subnet = machine.done(&format!("subnets show --netuid {}", lease["netuid"])).await;
    assert_eq!(subnet["owner"], lease["coldkey"]);
    let shares = machine.done("storage SubtensorModule.SubnetLeaseShares 0").await;
    assert_eq!(shares["entries"].as_array().unwrap().len(), 1, "{shares}");
    let proxies = machine.done(&format!("proxy list {}", lease["coldkey"].as_str().unwrap())).await;
    assert_eq!(proxies["proxies"][0]["proxy_type"], "SubnetLeaseBeneficiary");
    let refused =
        machine.fails(6, &format!("call SubtensorModule.terminate_lease lease_id=0 hotkey={bob} --yes")).await;
    assert!(refused.to_lowercase().contains("lease"), "{refused}");
}
