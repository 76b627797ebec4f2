//! The walk of btcli 9 (`tests/python/btcli9_walk.py`), typed with `neuron` on a second fresh chain: both chains store the same
//! afterwards, item by item of every pallet.
//!
//! A block is made for each extrinsic, so both chains have the same blocks and what depends on their number is equal too.
//! What is not compared is named in [`ELSEWISE`], with the reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use neuron::localnet::{BlockMode, Handle, LocalnetConfig, spawn};
use neuron::subtensor::{Stored, Subtensor, SubtensorConfig};
use neuron::units::Account;
use neuron::wallet::{KeyCache, KeyKind, Keypair, OnExisting, Scheme, UnlockedKey, Wallet};
use serde_json::{Value as Json, json};
use subxt::rpcs::client::RpcClient;

use crate::json_schema;
use crate::localnet::client::{ask, subxt_client};
use crate::needs::python;
use crate::support::neuron;

tests! { asynchronous: neuron_walks_to_the_state_to_which_btcli_walks }

const EVENTS: u64 = 155;

/// Items that differ, or whole pallets (`System.`), and why.
const ELSEWISE: [(&str, &str); 10] = [
    (
        "System.",
        "hashes, nonces and fees: what one tool sends open, the other sends sealed; balances are compared below",
    ),
    ("Balances.TotalIssuance", "fees"),
    ("Timestamp.", "the clock of the machine"),
    ("Aura.", "the clock of the machine"),
    ("Drand.", "rounds of the clock"),
    ("MevShield.", "keys follow from the chain's first block"),
    ("SubtensorModule.Axons", "each tool announces its own version; address and port are compared below"),
    ("SubtensorModule.GenesisFingerprint", "which chain it is"),
    ("SubtensorModule.TotalIssuance", "fees"),
    (
        "SubtensorModule.PendingChildKeys",
        "btcli rounds a half up, so that two of them are more than all; compared below",
    ),
];

/// Fees and carriers of sealed extrinsics cost less than this, in rao.
const FEES: u64 = 20_000_000;

struct Chain {
    node: Handle,
    chain: Subtensor,
    rpc: RpcClient,
}

impl Chain {
    async fn fresh() -> Self {
        let mut config = LocalnetConfig {
            port: 0,
            blocks: BlockMode::Extrinsic,
            finality: Duration::ZERO,
            ..LocalnetConfig::default()
        };
        for subnet in &mut config.genesis.subnets {
            subnet.weights_rate_limit = 0;
            subnet.serving_rate_limit = 0;
        }
        let node = spawn(config).await.unwrap();
        let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await.unwrap();
        let rpc = RpcClient::from_insecure_url(node.ws_url()).await.unwrap();
        Self { node, chain, rpc }
    }

    async fn get(&self, name: &str, keys: &[Json]) -> Json {
        self.chain.storage(name, keys, 1).await.unwrap().into_value()
    }

    /// As `early()` of the script: no epoch is near, before which an owner may set nothing.
    async fn early(&self) {
        loop {
            let next =
                self.chain.api("SubnetInfoRuntimeApi.get_next_epoch_start_block", &[EVENTS.into()]).await.unwrap();
            if next.as_u64().unwrap() - self.chain.block_number().await.unwrap() > 16 {
                return;
            }
            ask(&self.rpc, "dev_mine", json!([1])).await.unwrap();
        }
    }

    /// Everything that is stored, by item; but for [`ELSEWISE`].
    async fn stored(&self) -> BTreeMap<String, Json> {
        let metadata = subxt_client(&self.node.ws_url()).await.at_current_block().await.unwrap().metadata();
        let mut all = BTreeMap::new();
        for pallet in metadata.pallets() {
            #[expect(clippy::redundant_closure_for_method_calls, reason = "the type has no public name")]
            for entry in pallet.storage().into_iter().flat_map(|storage| storage.entries()) {
                let name = format!("{}.{}", pallet.name(), entry.name());
                if ELSEWISE.iter().any(|(other, _)| name == *other || (other.ends_with('.') && name.starts_with(other)))
                {
                    continue;
                }
                all.insert(name.clone(), listed(self.chain.storage(&name, &[], 100_000).await.unwrap()));
            }
        }
        all
    }
}

/// A value, or entries by their keys.
fn listed(stored: Stored) -> Json {
    match stored {
        Stored::Value(value) => value,
        Stored::Entries { entries, more } => {
            assert!(!more);
            entries.into_iter().map(|entry| (json!(entry.keys).to_string(), entry.value)).collect()
        }
    }
}

fn account(uri: &str) -> Account {
    Keypair::from_uri(uri, Scheme::Sr25519).unwrap().account()
}

fn make_wallet(root: &Path, name: &str, coldkey: &str, hotkeys: &[(&str, &str)]) {
    for (index, (hotkey, uri)) in hotkeys.iter().enumerate() {
        let wallet = Wallet::at(root, name, hotkey).unwrap();
        let key = |uri: &str| UnlockedKey::from_uri(uri, Scheme::Sr25519).unwrap();
        if index == 0 {
            wallet.save(KeyKind::Coldkey, &key(coldkey), None, OnExisting::Refuse, &KeyCache::default()).unwrap();
        }
        wallet.save(KeyKind::Hotkey, &key(uri), None, OnExisting::Refuse, &KeyCache::default()).unwrap();
    }
}

/// The script's writes, in its order (`stake process-claim` finds nothing to claim there, and sends nothing); what stands before `|` is the wallet and its hotkey. `early` waits as the script does.
fn walk() -> Vec<String> {
    let [bob, fresh, miner, charlie] = ["//Bob", "//fresh", "//miner", "//Charlie"].map(account);
    let words = "--github-repo https://github.com/a/b --subnet-contact c@example.org --subnet-url https://u.example --discord d \
                 --description d --logo-url https://l.example --additional i";
    let create = format!(
        "call Crowdloan.create deposit=10000000000 min_contribution=1000000000 cap=30000000000 call=null \
         target_address={charlie}"
    );
    let call =
        json!({ "SubtensorModule": { "register_leased_network": { "emissions_share": 30, "end_block": 16_777_215 } } });
    let lease = format!(
        "call Crowdloan.create deposit=10000000000 min_contribution=1000000000 cap=2000000000000 call={call} \
         target_address=null"
    );
    format!(
        "alice default | transfer 5 --to {bob}
        alice fresh | wallet associate-hotkey
        alice default | register --netuid 155
        bob default | register --netuid 155
        alice default | root register
        bob default | axon set --netuid 155 --ip 127.0.0.2 --port 8091
        alice default | stake add 50 --netuid 155
        alice default | stake add 5 --netuid 155 --tolerance 0.05
        alice default | stake add 20 --netuid 0
        early
        alice default | stake remove 5 --netuid 155
        early
        alice default | stake remove 5 --netuid 155 --tolerance 0.05
        alice default | stake move 3 --netuid 155 --to {miner}
        alice default | stake swap 3 --netuid 155 --to-netuid 8
        alice default | stake swap 3 --netuid 155 --to-netuid 8 --tolerance 0.1
        alice default | stake transfer 4 --netuid 155 --to {bob}
        alice default | root claim-type keep
        alice default | stake child set {fresh}=0.5 --netuid 155
        alice default | stake child take 0.1 --netuid 155
        alice default | wallet set-identity --name alice --url https://example.org --image https://example.org/a.png --discord a \
          --description d --additional x --github-repo g
        alice default | subnets set-identity --netuid 155 --subnet-name renamed {words}
        alice default | delegates take 0.15
        early
        alice default | subnets set immunity_period 321 --netuid 155
        alice default | subnets set-symbol ש --netuid 155
        early
        alice default | subnets trigger-epoch --netuid 155
        alice default | proxy add --delegate {charlie} --proxy-type Staking
        alice default | wallet swap-hotkey alice/second
        bob other | subnets create --subnet-name new {words}
        alice default | proxy remove --delegate {charlie} --proxy-type Staking
        alice default | proxy create --proxy-type Staking
        alice default | proxy add --delegate {charlie} --proxy-type SmallTransfer --delay 5
        alice default | {create} end=IN_600_BLOCKS
        bob default | call Crowdloan.contribute crowdloan_id=0 amount=5000000000
        alice default | call Crowdloan.update_min_contribution crowdloan_id=0 new_min_contribution=2000000000
        bob default | call Crowdloan.withdraw crowdloan_id=0
        bob default | call Crowdloan.contribute crowdloan_id=0 amount=20000000000
        alice default | call Crowdloan.finalize crowdloan_id=0
        alice default | {create} end=IN_60_BLOCKS
        bob default | call Crowdloan.contribute crowdloan_id=1 amount=5000000000
        alice default | call Crowdloan.refund crowdloan_id=1
        alice default | call Crowdloan.dissolve crowdloan_id=1
        alice default | {lease} end=IN_600_BLOCKS
        alice default | call Crowdloan.dissolve crowdloan_id=2
        bob default | wallet swap-coldkey announce {fresh}"
    )
    .lines()
    .map(|line| line.trim().to_owned())
    .collect()
}

async fn neuron_walks(ours: &Chain) {
    let folder = tempfile::tempdir().unwrap();
    let hotkeys = [("default", "//validator"), ("owner", "//Owner//155"), ("fresh", "//fresh"), ("second", "//second")];
    make_wallet(folder.path(), "alice", "//Alice", &hotkeys);
    make_wallet(folder.path(), "bob", "//Bob", &[("default", "//miner"), ("other", "//othr")]);
    for line in walk() {
        let Some((keys, typed)) = line.split_once(" | ") else {
            ours.early().await;
            continue;
        };
        let (wallet, hotkey) = keys.split_once(' ').unwrap();
        let now = ours.chain.block_number().await.unwrap();
        let later = |blocks: u64| (now + blocks).to_string();
        let typed = typed.replace("IN_600_BLOCKS", &later(600)).replace("IN_60_BLOCKS", &later(60));
        let mut command = neuron();
        command.args(typed.split_whitespace()).args(["--wallet.name", wallet, "--wallet.hotkey", hotkey, "--yes"]);
        command.args(["--output", "json", "--subtensor.network", &ours.node.ws_url()]);
        command.env("BT_WALLET_PATH", folder.path());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        let document: Json = serde_json::from_slice(&output.stdout).unwrap();
        json_schema::check_printed(&typed.split_whitespace().collect::<Vec<_>>(), &document);
        assert_eq!(document["inclusion"]["finalised"], true, "{line}: {document}");
    }
}

async fn btcli_walks(theirs: &Chain) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(python("NEURON_BTCLI9"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/btcli9_walk.py")).arg(theirs.node.ws_url());
    command.env("HOME", home.path()).env("COLUMNS", "200").env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

async fn neuron_walks_to_the_state_to_which_btcli_walks() {
    let (theirs, ours) = (Chain::fresh().await, Chain::fresh().await);
    tokio::join!(btcli_walks(&theirs), neuron_walks(&ours));

    let (a, b) = (theirs.stored().await, ours.stored().await);
    let differing: Vec<String> = a
        .iter()
        .filter(|(name, value)| b.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}\n  btcli:  {value}\n  neuron: {}", b[name]))
        .collect();
    let blocks = (theirs.chain.block_number().await.unwrap(), ours.chain.block_number().await.unwrap());
    assert!(differing.is_empty(), "blocks {blocks:?}\n{}", differing.join("\n"));
    assert!(a.len() > 150 && a.len() == b.len(), "{} items", a.len());

    for uri in ["//Alice", "//Bob", "//Charlie", "//validator", "//miner"] {
        let key = [json!(account(uri).to_string())];
        let (a, b) = (theirs.get("System.Account", &key).await, ours.get("System.Account", &key).await);
        assert_eq!(a["data"]["reserved"], b["data"]["reserved"], "{uri}");
        let (a, b) = (a["data"]["free"].as_u64().unwrap(), b["data"]["free"].as_u64().unwrap());
        assert!(a.abs_diff(b) < FEES, "{uri}: {a} and {b} rao");
    }
    // Its hotkey was swapped on the way.
    let key = [json!(EVENTS), json!(account("//second").to_string())];
    let child = async |chain: &Chain| {
        let pending = chain.get("SubtensorModule.PendingChildKeys", &key).await;
        assert_eq!(pending[0][0][1], json!(account("//fresh").to_string()), "{pending}");
        (pending[0][0][0].as_u64().unwrap(), pending[1].clone())
    };
    let ((a, from_a), (b, from_b)) = (child(&theirs).await, child(&ours).await);
    assert!(a.abs_diff(b) <= 1 && from_a == from_b, "{a} from block {from_a}, {b} from block {from_b}");

    let key = [json!(EVENTS), json!(account("//miner").to_string())];
    let (a, b) = (theirs.get("SubtensorModule.Axons", &key).await, ours.get("SubtensorModule.Axons", &key).await);
    for field in ["ip", "port", "ip_type"] {
        assert_eq!(a[field], b[field], "{field}");
    }
}
