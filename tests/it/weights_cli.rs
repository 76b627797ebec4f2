//! `neuron weights`, the real binary, on a chain and a ledger with scores.
#![cfg(feature = "localnet")]

use std::path::Path;

use neuron::localnet::LocalnetConfig;
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::{Identity, Rao, UnixMs};
use neuron::wallet::{KeyCache, KeyKind, OnExisting, Scheme, UnlockedKey, Wallet};
use serde_json::Value;

use crate::json_schema;
use crate::subtensor::{EVENTS, key, quick, start};
use crate::subtensor_neuron::permit;
use crate::support::{neuron, open_ledger};

const HOUR: i64 = 3_600_000;
const START: i64 = 1_767_225_600_000;

/// A ledger in which two miners have a score, the first a better one.
async fn scored(path: &Path, miners: [Identity; 2]) {
    let ledger: EventsLedger = open_ledger(path, &Options::default());
    let event = NewEvent {
        key: "e".into(),
        provider: "test".into(),
        id: "1".into(),
        description: "".into(),
        opened_at: UnixMs(START),
        cutoff: UnixMs(START + 8 * HOUR),
        ends_at: None,
        beside: Default::default(),
    };
    ledger.upsert_events(vec![event]).await.unwrap();
    let at = UnixMs(START);
    let mut tick = Tick { at, ..Tick::default() };
    tick.prices.push(PriceRow { event: "e".into(), price: 0.5, at, source: neuron::market::PriceSource::File });
    for (identity, p) in miners.into_iter().zip([0.9, 0.7]) {
        tick.submissions.push(Submission { identity, event: "e".into(), p, at });
    }
    ledger.record_tick(tick).await.unwrap();
    let seen = UnixMs(START + 9 * HOUR);
    let resolution = Resolution { event: "e".into(), outcome: Outcome::Payout(1.0), at: Some(seen), seen };
    ledger.resolve(resolution).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_are_explained_forecast_set_and_remembered() {
    let (node, chain) = start(LocalnetConfig { block_time: std::time::Duration::from_millis(100), ..quick() }).await;
    let folder = tempfile::tempdir().unwrap();
    let wallet = Wallet::at(&folder.path().join("wallets"), "default", "default").unwrap();
    for (kind, uri) in [(KeyKind::Coldkey, "//Bob"), (KeyKind::Hotkey, "//V")] {
        let key = UnlockedKey::from_uri(uri, Scheme::Sr25519).unwrap();
        wallet.save(kind, &key, None, OnExisting::Refuse, &KeyCache::default()).unwrap();
    }
    let (url, db, wallets) = (node.ws_url(), folder.path().join("db"), folder.path().join("wallets"));
    let run = |arguments: Vec<&'static str>| {
        let mut command = neuron();
        command.arg("weights").args(&arguments).args(["--netuid", "155", "--subtensor.network", &url]);
        command.arg("--db.directory").arg(&db).arg("--wallet.path").arg(&wallets);
        async move {
            let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), stderr)
        }
    };
    let json = |arguments: Vec<&'static str>| {
        let ran = run([arguments.clone(), vec!["--output", "json"]].concat());
        async move {
            let (status, stdout, stderr) = ran.await;
            let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout} {stderr}"));
            json_schema::check_printed(&[vec!["weights"], arguments].concat(), &document);
            (status, document)
        }
    };

    let (status, unknown) = json(vec!["status"]).await;
    assert_eq!((status, &unknown["error"]["class"]), (4, &"missing".into()), "not registered: {unknown}");
    let (owner, validator) = (key("//Bob"), key("//V").account());
    let miners = [key("//M1").account(), key("//M2").account()];
    for hotkey in [validator, miners[0], miners[1]] {
        chain.burned_register(&owner, EVENTS, &hotkey).await.unwrap();
    }
    let (_, poor) = json(vec!["status"]).await;
    assert_eq!(poor["mode"], Value::Null);
    assert!(poor["obstacle"].as_str().unwrap().contains("permit"), "{poor}");
    chain.add_stake(&owner, &validator, EVENTS, Rao::from_tao(1000)).await.unwrap();
    permit(&chain, chain.uid(EVENTS, &validator).await.unwrap().unwrap()).await;

    let (status, nothing) = json(vec!["explain"]).await;
    assert_eq!(status, 4, "there is no ledger: {nothing}");
    let metagraph = chain.metagraph(EVENTS).await.unwrap();
    let identity = |hotkey| metagraph.by_hotkey(hotkey).unwrap().identity();
    let place = db.join("netuid155").join(format!("{validator}.sqlite"));
    scored(&place, [identity(&miners[0]), identity(&miners[1])]).await;

    let (status, explained) = json(vec!["explain"]).await;
    assert_eq!((status, &explained["mode"], &explained["nothing"]), (0, &"plain".into(), &Value::Null), "{explained}");
    let lines = explained["weights"].as_array().unwrap();
    assert_eq!((lines.len(), &lines[0]["value"]), (2, &65535.into()), "{explained}");
    assert!(lines[0]["share"].as_f64().unwrap() > lines[1]["share"].as_f64().unwrap());

    let (status, foretold) = json(vec!["forecast"]).await;
    assert_eq!(status, 0, "{foretold}");
    let change = foretold["miners"][0]["incentive"]["change"].as_f64().unwrap();
    assert!(change > 0.5, "nobody has any incentive yet: {foretold}");

    let (status, set) = json(vec!["set", "--yes"]).await;
    assert_eq!((status, &set[0]["outcome"], &set[0]["mode"]), (0, &"set".into(), &"plain".into()), "{set}");
    let own = chain.uid(EVENTS, &validator).await.unwrap().unwrap();
    let shown = chain.weights_of(EVENTS, own).await.unwrap();
    let told: Vec<_> = lines.iter().map(|line| line["value"].as_u64().unwrap()).collect();
    assert_eq!(shown.iter().map(|(_, value)| u64::from(*value)).collect::<Vec<_>>(), told);

    let (status, past) = json(vec!["history"]).await;
    let steps: Vec<&str> = past[0]["steps"].as_array().unwrap().iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!((status, steps.as_slice()), (0, &["due", "built", "signed", "sent", "included"][..]));
    let (_, now) = json(vec!["status"]).await;
    assert_eq!(now["mechanisms"][0]["jobs"][0]["stage"], "included", "read back by the next pass: {now}");
    assert!(now["mechanisms"][0]["age_blocks"].as_u64().is_some());

    for (command, word) in [
        ("status", "mechanism 0"),
        ("explain", "commit-reveal is off"),
        ("history", "included"),
        ("forecast", "validator trust"),
    ] {
        let (status, text, stderr) = run(vec![command]).await;
        assert!(status == 0 && text.contains(word), "{command}: {text} {stderr}");
    }
    node.stop().await.unwrap();
}
