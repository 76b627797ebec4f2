//! The commands that read and write the chain, through the real binary: results on stdout, exit statuses, and no money
//! moved without a yes.
#![cfg(feature = "localnet")]

use std::path::Path;

use neuron::localnet::LocalnetConfig;
use neuron::subtensor::Subtensor;
use neuron::units::{Account, Rao};
use neuron::wallet::{KeyCache, KeyKind, OnExisting, Scheme, UnlockedKey, Wallet, WalletError};
use serde_json::Value;

use crate::json_schema;
use crate::subtensor::{key, quick, start};
use crate::support::neuron;

/// A wallet whose keys are those of the development accounts.
fn wallet(root: &Path, name: &str, coldkey: &str, hotkey: &str) {
    let wallet = Wallet::at(root, name, "default").unwrap();
    for (kind, uri) in [(KeyKind::Coldkey, coldkey), (KeyKind::Hotkey, hotkey)] {
        let key = UnlockedKey::from_uri(uri, Scheme::Sr25519).unwrap();
        // A process that another test starts at this moment holds copies of all our files, locks included, until it has
        // become its program: a folder may seem busy that nobody uses.
        let save = || wallet.save(kind, &key, None, OnExisting::Refuse, &KeyCache::default());
        let mut saved = save();
        for _ in 0..500 {
            if !matches!(saved, Err(WalletError::Busy { .. })) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            saved = save();
        }
        saved.unwrap();
    }
}

/// A machine: a wallet folder, a chain, and the binary.
pub struct Machine {
    folder: tempfile::TempDir,
    _node: neuron::localnet::Handle,
    pub chain: Subtensor,
    url: String,
}

/// What a command ended with.
pub struct Ran {
    pub status: i32,
    pub document: Value,
    pub stderr: String,
}

impl Machine {
    /// The wallet `default` has Bob's coldkey.
    pub async fn new() -> Self {
        Self::with(quick()).await
    }

    /// The same, on another chain.
    pub async fn with(config: LocalnetConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        wallet(folder.path(), "default", "//Bob", "//Bob//neuron");
        let (node, chain) = start(config).await;
        Self { folder, url: node.ws_url(), _node: node, chain }
    }

    /// The folder of its wallets.
    pub fn wallets(&self) -> &Path {
        self.folder.path()
    }

    /// Another wallet in the folder.
    pub fn add_wallet(&self, name: &str, coldkey: &str, hotkey: &str) {
        wallet(self.folder.path(), name, coldkey, hotkey);
    }

    /// Runs a command that has to succeed; its document.
    pub async fn done(&self, line: &str) -> Value {
        let ran = self.run(&line.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(ran.status, 0, "{line}: {}", ran.stderr);
        json_schema::check_printed(&line.split_whitespace().collect::<Vec<_>>(), &ran.document);
        ran.document
    }

    /// Runs a command that has to fail with this status; what it says.
    pub async fn fails(&self, status: i32, line: &str) -> String {
        let ran = self.run(&line.split_whitespace().collect::<Vec<_>>()).await;
        assert_eq!(ran.status, status, "{line}: {}", ran.stderr);
        json_schema::check_printed(&[], &ran.document);
        ran.stderr
    }

    /// Where the chain is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `neuron` with `--output json`, this chain and these wallets.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = neuron();
        command.args(arguments).args(["--output", "json", "--subtensor.network", &self.url]);
        command.env("BT_WALLET_PATH", self.folder.path());
        command
    }

    /// Runs `neuron` with `--output json`; stdout must be one document.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
        Ran { status: output.status.code().unwrap(), document, stderr }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_and_transfers() {
    let machine = Machine::new().await;
    let bob = key("//Bob").account();
    let friend = Account([7; 32]);

    let balance = machine.run(&["balance"]).await;
    assert_eq!(balance.status, 0, "{}", balance.stderr);
    assert_eq!(balance.document["address"], bob.to_string());
    assert_eq!(balance.document["free_rao"], Rao::from_tao(1_000_000).0);
    let other = machine.run(&["balance", &friend.to_string()]).await;
    assert_eq!(other.document["free_rao"], 0);

    let asked = machine.run(&["transfer", "--to", &friend.to_string(), "--amount", "1.5"]).await;
    assert_eq!(asked.status, 7, "no terminal, no --yes: declined");
    assert!(asked.stderr.contains("--yes") && asked.stderr.contains(&friend.to_string()), "{}", asked.stderr);
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(0));

    let sent = machine.run(&["transfer", "--to", &friend.to_string(), "--amount", "1.5", "--yes"]).await;
    assert_eq!(sent.status, 0, "{}", sent.stderr);
    assert_eq!(sent.document["inclusion"]["finalised"], true);
    assert_eq!(machine.chain.balance(&friend).await.unwrap(), Rao(1_500_000_000));

    let all = machine.run(&["transfer", "--to", &friend.to_string(), "--amount", "1000000", "--yes"]).await;
    assert_eq!(all.status, 6, "refused by the chain: {}", all.stderr);
    assert_eq!(all.document["error"]["class"], "refused");
    let bare = machine.run(&["transfer", "0.5", "--to", &friend.to_string(), "--yes"]).await;
    assert_eq!((bare.status, &bare.document["amount_rao"]), (0, &Value::from(500_000_000)), "{}", bare.stderr);
    for arguments in [&["transfer", "--to", "5Grwva"][..], &["transfer", "1", "--amount", "1", "--to", "5Grwva"]] {
        let refused = machine.run(arguments).await;
        assert!(refused.status == 2 && refused.stderr.contains("AMOUNT"), "{}", refused.stderr);
    }
    let typo = machine.run(&["transfer", "--to", "5Grwva", "--amount", "1", "--yes"]).await;
    assert_eq!(typo.status, 4, "neither an address nor a wallet: {}", typo.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subnet_is_shown() {
    let machine = Machine::new().await;
    let parameters = machine.run(&["hyperparameters", "--netuid", "155"]).await;
    assert_eq!(parameters.status, 0, "{}", parameters.stderr);
    assert_eq!(parameters.document["tempo"], 5);
    let metagraph = machine.run(&["metagraph", "--netuid", "155"]).await;
    assert_eq!(metagraph.status, 0, "{}", metagraph.stderr);
    assert_eq!(metagraph.document["netuid"], 155);
    let missing = machine.run(&["metagraph", "--netuid", "77"]).await;
    assert_eq!(missing.status, 4, "{}", missing.stderr);
    let none = machine.run(&["metagraph"]).await;
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("--netuid"), "{}", none.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_said_with_the_remedy() {
    let mut machine = Machine::new().await;
    machine.url = "ws://127.0.0.1:1".to_owned();
    let unreachable = machine.run(&["balance"]).await;
    assert_eq!(unreachable.status, 5);
    for part in ["ws://127.0.0.1:1", "--subtensor.network", "--subtensor.chain_endpoint"] {
        assert!(unreachable.stderr.contains(part), "{}", unreachable.stderr);
    }
    machine.url = "finey".to_owned();
    let typo = machine.run(&["balance"]).await;
    assert_eq!(typo.status, 2);
    assert!(typo.stderr.contains("finney, test, archive, local"), "{}", typo.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hotkey_is_registered_and_staked_on() {
    let machine = Machine::new().await;
    let hotkey = key("//Bob//neuron").account();
    let asked = machine.run(&["register", "--netuid", "155"]).await;
    assert_eq!(asked.status, 7, "{}", asked.stderr);
    let registered = machine.run(&["register", "--netuid", "155", "--yes"]).await;
    assert_eq!(registered.status, 0, "{}", registered.stderr);
    assert_eq!(registered.document["hotkey"], hotkey.to_string());
    assert!(registered.document["paid_rao"].as_u64().unwrap() > 0);
    let again = machine.run(&["register", "--netuid", "155"]).await;
    assert_eq!((again.status, &again.document["paid_rao"]), (0, &Value::Null), "nothing to pay, nothing to ask");

    let added = machine.run(&["stake", "add", "25", "--netuid", "155", "--yes"]).await;
    assert_eq!(added.status, 0, "{}", added.stderr);
    assert!(added.document["stake_rao"].as_u64().unwrap() > Rao::from_tao(10).0);
    let listed = machine.run(&["stake", "list"]).await;
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    let position = &listed.document.as_array().unwrap()[..];
    assert_eq!((position.len(), &position[0]["hotkey"]), (1, &Value::from(hotkey.to_string())));
    assert_eq!((&position[0]["netuid"], &position[0]["is_registered"]), (&Value::from(155), &Value::from(true)));
    let part = machine.run(&["stake", "remove", "1", "--netuid", "155", "--yes"]).await;
    assert_eq!(part.status, 0, "{}", part.stderr);
    let both = machine.run(&["stake", "remove", "1", "--all", "--netuid", "155", "--yes"]).await;
    assert_eq!(both.status, 2, "{}", both.stderr);
    let removed = machine.run(&["stake", "remove", "--netuid", "155", "--all", "--yes"]).await;
    assert_eq!(removed.status, 0, "{}", removed.stderr);
    // Emission may have come in between.
    assert!(removed.document["stake_rao"].as_u64().unwrap() < Rao::from_tao(10).0);

    // Somebody else's hotkey, by its address.
    let stranger = key("//Stranger").account().to_string();
    let arguments = ["stake", "add", "--netuid", "155", "--amount", "1", "--wallet.hotkey", &stranger, "--yes"];
    let refused = machine.run(&arguments).await;
    assert_eq!(refused.status, 6);
    assert!(refused.stderr.contains("HotKeyAccountNotExists"), "{}", refused.stderr);
}
