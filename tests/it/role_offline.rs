//! A role starts and serves while the chain is away, with the last metagraph from disk, and publishes itself when it is back.
#![cfg(feature = "localnet")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use neuron::axon::{AdmissionPolicy, AxonConfig, Builder, Caller, Handler, Refusal, Reply};
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Failure, Target};
use neuron::localnet::{self, LocalnetConfig};
use neuron::role::{Miner, MinerParts, Subnet};
use neuron::subnets::work::MinerWork;
use neuron::subtensor::{Subtensor, SubtensorConfig, SubtensorError};
use neuron::synapse::Synapse;
use neuron::units::{Account, Rao};
use neuron::wallet::Keypair;

use crate::subtensor::{EVENTS, key, quick};

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
