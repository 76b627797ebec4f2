//! A role starts and works while the chain is away, with the last metagraph from disk; when it is back, a miner publishes
//! itself, and a validator's weights land.
#![cfg(feature = "localnet")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use neuron::axon::{AdmissionPolicy, AxonConfig, Builder, Caller, Handler, Refusal, Reply};
use neuron::clock::Clock;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Failure, Target};
use neuron::ledger::{Ledger, LedgerError};
use neuron::localnet::{self, LocalnetConfig};
use neuron::role::{Miner, MinerParts, Others, Subnet, Validator, ValidatorParts, WeightsPolicy, WeightsWriter};
use neuron::subnets::work::{Allotment, ChainSeen, Duty, MinerWork, Peers, Shares, ValidatorWork};
use neuron::subtensor::{Subtensor, SubtensorConfig, SubtensorError};
use neuron::synapse::Synapse;
use neuron::telemetry::{Health, Registry, facts};
use neuron::units::{Account, Identity, Rao};
use neuron::wallet::Keypair;

use crate::subtensor::{EVENTS, key, quick};
use crate::subtensor_neuron::permit;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(serde::Serialize, serde::Deserialize)]
struct Tide {
    metres: Option<f64>,
}

impl Synapse for Tide {
    const NAME: &'static str = "Tide";
}

#[derive(Clone)]
struct Gauge;

impl Handler<Tide> for Gauge {
    async fn handle(&self, _: &Caller, _: Tide) -> Result<Reply<Tide>, Refusal> {
        Ok(Reply::Answer(Tide { metres: Some(1.5) }))
    }
}

impl MinerWork for Gauge {
    fn serve(&self, axon: Builder) -> Builder {
        axon.serve::<Tide>(self.clone())
    }

    fn manner(&self) -> String {
        "a gauge".to_owned()
    }

    fn status(&self) -> String {
        "dry".to_owned()
    }
}

async fn ask(who: &str, hotkey: Account, miner: &Miner) -> Result<Tide, Failure> {
    let dendrite =
        Dendrite::new(DendriteConfig { allow_private: true, ..DendriteConfig::default() }, Arc::new(key(who)));
    let target = Target { hotkey, ip: miner.local_addr().ip(), port: miner.local_addr().port() };
    let deadlines = Deadlines { total: PATIENCE, per_peer: PATIENCE };
    dendrite.unwrap().call(&target, &Tide { metres: None }, deadlines).await.unwrap().result
}

fn parts(hotkey: &Arc<Keypair>, subnet: Subnet) -> MinerParts {
    MinerParts {
        hotkey: Arc::clone(hotkey),
        subnet,
        axon: AxonConfig::at(([127, 0, 0, 2], 0).into()),
        policy: AdmissionPolicy { force_validator_permit: false, min_stake: Rao(0), ..AdmissionPolicy::default() },
        external: (None, None),
        work: Arc::new(Gauge),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miner_serves_while_the_chain_is_away_and_is_published_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (state, kept) = (folder.path().join("chain"), folder.path().join("netuid155/metagraph.json"));
    let config = LocalnetConfig { state: Some(state), ..quick() };
    let node = localnet::spawn(config.clone()).await.unwrap();
    let (coldkey, hotkey) = (key("//Bob"), Arc::new(key("//Tide")));
    let account = hotkey.account();
    {
        let chain = Subtensor::connect(SubtensorConfig::new([node.ws_url()])).await.unwrap();
        for who in [account, key("//Friend").account()] {
            chain.burned_register(&coldkey, EVENTS, &who).await.unwrap();
        }
        Subnet::open(chain, EVENTS, kept.clone()).await.unwrap();
    }
    let (port, url) = (node.port(), node.ws_url());
    node.stop().await.unwrap();

    // Nothing is kept there, so nothing is served.
    let away = || Subtensor::begin(SubtensorConfig::new([url.as_str()])).unwrap();
    let nothing = Subnet::open(away(), EVENTS, folder.path().join("nothing.json")).await.unwrap_err();
    assert!(matches!(nothing, SubtensorError::Unreachable(_)), "{nothing}");

    let begin = Instant::now();
    let subnet = Subnet::open(away(), EVENTS, kept).await.unwrap();
    let miner = Miner::start(parts(&hotkey, subnet.clone())).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "it does not wait for the chain: {:?}", begin.elapsed());
    assert_eq!(ask("//Friend", account, &miner).await.unwrap().metres, Some(1.5), "who was registered is answered");
    let stranger = ask("//Stranger", account, &miner).await;
    assert!(matches!(stranger, Err(Failure::Refused { status: 403, .. })), "and others are refused");

    let _node = localnet::spawn(LocalnetConfig { port, ..config }).await.unwrap();
    let chain = Subtensor::connect(SubtensorConfig::new([url.as_str()])).await.unwrap();
    let begin = Instant::now();
    loop {
        let shown = chain.axon(EVENTS, &account).await.unwrap();
        if shown.is_some_and(|axon| axon.port == miner.local_addr().port()) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "the axon is not published");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    miner.stop(Duration::from_secs(5)).await;
}

/// A validator that asks everybody for the tide, and pays who answers.
struct Asking {
    dendrite: Arc<Dendrite>,
    peers: Others,
    heard: AtomicUsize,
}

impl Shares for Asking {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let paid = |identity: &Identity| f64::from(u8::from(identity.hotkey == key("//Tide").account()));
        let all = registered.iter().map(|identity| (*identity, paid(identity))).collect();
        async move { Ok(Some(all)) }.boxed()
    }
}

impl ValidatorWork for Asking {
    fn duties(self: Arc<Self>) -> Vec<Duty> {
        let ask = |own: Arc<Self>| async move {
            for peer in own.peers.now() {
                let deadlines = Deadlines { total: PATIENCE, per_peer: PATIENCE };
                let answer = own.dendrite.call(&peer.target, &Tide { metres: None }, deadlines).await?;
                own.heard.fetch_add(usize::from(answer.result.is_ok()), Ordering::SeqCst);
            }
            Ok(())
        };
        vec![Duty::over(&self, "asking", Duration::from_millis(100), Clock::wall(), ask)]
    }

    fn tell(&self, _: ChainSeen) {}

    fn register(self: Arc<Self>, _: &mut Registry) {}

    fn health(&self) -> Health {
        Health { ok: true, facts: facts([]) }
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_asks_while_the_chain_is_away_and_its_weights_land_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (state, kept) = (folder.path().join("chain"), folder.path().join("netuid155/metagraph.json"));
    let config = LocalnetConfig { state: Some(state), ..quick() };
    let node = localnet::spawn(config.clone()).await.unwrap();
    let (port, url) = (node.port(), node.ws_url());
    let (coldkey, hotkey, tide) = (key("//Bob"), Arc::new(key("//V")), Arc::new(key("//Tide")));
    let account = hotkey.account();
    let miner = {
        let chain = Subtensor::connect(SubtensorConfig::new([url.as_str()])).await.unwrap();
        for who in [account, tide.account()] {
            chain.burned_register(&coldkey, EVENTS, &who).await.unwrap();
        }
        chain.add_stake(&coldkey, &account, EVENTS, Rao::from_tao(1000)).await.unwrap();
        permit(&chain, chain.uid(EVENTS, &account).await.unwrap().unwrap()).await;
        let miner = Miner::start(parts(&tide, Subnet::read(chain.clone(), EVENTS).await.unwrap())).await.unwrap();
        Subnet::open(chain, EVENTS, kept.clone()).await.unwrap();
        miner
    };
    node.stop().await.unwrap();

    let begin = Instant::now();
    let chain = Subtensor::begin(SubtensorConfig::new([url.as_str()])).unwrap();
    let subnet = Subnet::open(chain, EVENTS, kept).await.unwrap();
    let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let dendrite = Arc::new(Dendrite::new(dendrite, Arc::clone(&hotkey)).unwrap());
    let peers = Others::than(account, subnet.clone());
    let asking = Arc::new(Asking { dendrite: Arc::clone(&dendrite), peers, heard: AtomicUsize::new(0) });
    let ledger = Ledger::open(folder.path().join("weights.sqlite"), &[]).unwrap();
    let (shares, policy) = (Arc::clone(&asking) as Arc<dyn Shares>, WeightsPolicy::default());
    let weights = WeightsWriter::new(hotkey, subnet.clone(), ledger.clone(), shares, Clock::wall(), policy);
    let validator = Validator::start(ValidatorParts {
        hotkey: account,
        subnet,
        work: Arc::clone(&asking) as Arc<dyn ValidatorWork>,
        dendrite,
        ledger,
        weights: Some(weights),
        announcement: None,
        lake: None,
    });
    while asking.heard.load(Ordering::SeqCst) < 3 {
        assert!(begin.elapsed() < PATIENCE, "it does not ask while the chain is away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let _node = localnet::spawn(LocalnetConfig { port, ..config }).await.unwrap();
    let chain = Subtensor::connect(SubtensorConfig::new([url.as_str()])).await.unwrap();
    let uid = |who: Account| {
        let chain = chain.clone();
        async move { chain.uid(EVENTS, &who).await.unwrap().unwrap() }
    };
    let (own, paid) = (uid(account).await, uid(tide.account()).await);
    let begin = Instant::now();
    while chain.weights_of(EVENTS, own).await.unwrap() != [(paid, u16::MAX)] {
        assert!(begin.elapsed() < PATIENCE, "no weights: {:?}", chain.weights_of(EVENTS, own).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    validator.stop(Duration::from_secs(5)).await;
    miner.stop(Duration::from_secs(5)).await;
}
