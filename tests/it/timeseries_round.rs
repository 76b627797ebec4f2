//! Rounds of the time-series work over real sockets, with market time that the test moves: what each side survives.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use neuron::clock::Clock;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::forecast::series::{Drift, Model, Persistence, Pure};
use neuron::ledger::Ledger;
use neuron::market::klines::aggregate::Aggregate;
use neuron::market::klines::series::Series;
use neuron::market::klines::{Candle, INTERVAL, KlineSource};
use neuron::scoring::timeseries::chain::Spread;
use neuron::scoring::timeseries::long_run::Start;
use neuron::scoring::timeseries::volatility::PercentileTables;
use neuron::subnets::timeseries::ledger::{Rules, SCHEMA, TimeseriesLedger};
use neuron::subnets::timeseries::miner::memory::Memory;
use neuron::subnets::timeseries::miner::{MinerParts, TimeseriesMiner};
use neuron::subnets::timeseries::schedule::Schedule;
use neuron::subnets::timeseries::synapse::{LiveForward, LiveForwardHash, prediction_hash};
use neuron::subnets::timeseries::{Protocol, TimeseriesValidator};
use neuron::subnets::work::{MinerWork, Peer};
use neuron::units::{Identity, Uid, UnixMs};
use neuron::wallet::{Keypair, Scheme};

use crate::places::place;

/// The first round; candles begin 40 days before, so that a history fits.
pub const BEGIN: UnixMs = UnixMs(1_767_225_600_000);
const BEFORE: i64 = 40 * 288;
const MINUTE: Duration = Duration::from_secs(60);

pub fn key(name: &str) -> Arc<Keypair> {
    Arc::new(Keypair::from_uri(name, Scheme::Sr25519).unwrap())
}

/// A folder, a price, a clock.
pub struct World {
    pub folder: tempfile::TempDir,
    pub series: Series,
    pub clock: Clock,
}

impl World {
    pub fn new() -> Self {
        let series = Series::simulated(11, BEGIN.plus_ms(-BEFORE * INTERVAL.ms()), BEFORE as usize + 1000);
        Self { folder: tempfile::tempdir().unwrap(), series, clock: Clock::stepped(BEGIN) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the market shows up to now.
    pub fn market(&self) -> Aggregate {
        let source = UpToNow { series: self.series.clone(), clock: self.clock.clone() };
        Aggregate::new(vec![Arc::new(source) as Arc<dyn KlineSource>], MINUTE)
    }

    pub fn miner(&self, model: impl Model, memory: Memory) -> TimeseriesMiner {
        TimeseriesMiner::new(MinerParts {
            strategy: Arc::new(Pure::new(Box::new(model))),
            market: self.market(),
            memory,
            schedule: Schedule::default(),
            clock: self.clock.clone(),
            refresh: MINUTE,
        })
    }

    pub fn validator(&self, protocol: Protocol) -> TimeseriesValidator {
        let tables = PercentileTables::built_in().unwrap();
        let rules = Rules { tables, start: Start::Mean, spread: Spread::V6 };
        let ledger = Ledger::open(place(self.path("validator.sqlite")), &[SCHEMA]).unwrap();
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        TimeseriesValidator {
            ledger: TimeseriesLedger::over(ledger, rules),
            dendrite: Arc::new(Dendrite::new(dendrite, key("//Alice")).unwrap()),
            clock: self.clock.clone(),
            schedule: Schedule::default(),
            truth: self.market(),
            protocol,
            deadline: Duration::from_secs(20),
        }
    }
}

/// A recording that tells nothing of the future.
struct UpToNow {
    series: Series,
    clock: Clock,
}

impl KlineSource for UpToNow {
    fn name(&self) -> &'static str {
        "recorded"
    }

    fn candles(
        &self,
        span: neuron::market::klines::Span,
    ) -> futures_util::future::BoxFuture<'_, Result<Vec<Candle>, neuron::market::MarketError>> {
        let until = span.until.min(INTERVAL.floor(self.clock.now()));
        KlineSource::candles(&self.series, neuron::market::klines::Span { until, ..span })
    }
}

/// A miner that serves.
pub struct Serving {
    pub axon: Handle,
    pub peer: Peer,
}

pub async fn serve(work: &dyn MinerWork, name: &str, port: u16) -> Serving {
    let config = AxonConfig::at((Ipv4Addr::LOCALHOST, port).into());
    let axon = work.serve(Axon::builder(config, key(name))).policy(AdmissionPolicy::open()).spawn().await.unwrap();
    let hotkey = key(name).account();
    let target = Target { hotkey, ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: axon.local_addr().port() };
    Serving { axon, peer: Peer { uid: Uid(1), identity: Identity { hotkey, registered_at: 5 }, target } }
}

/// Two honest miners.
async fn two(world: &World) -> (Vec<TimeseriesMiner>, Vec<Serving>, Vec<Peer>) {
    let miners = vec![world.miner(Persistence, Memory::fleeting()), world.miner(Drift::default(), Memory::fleeting())];
    let mut serving = Vec::new();
    for (miner, name) in miners.iter().zip(["//Bob", "//Charlie"]) {
        miner.refresh().await;
        serving.push(serve(miner, name, 0).await);
    }
    let peers = serving.iter().map(|serving| serving.peer).collect();
    (miners, serving, peers)
}

fn identities(peers: &[Peer]) -> Vec<Identity> {
    peers.iter().map(|peer| peer.identity).collect()
}

const TEN_HOURS: Duration = Duration::from_secs(10 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_committed_revealed_and_scored_once_over_restarts_of_the_validator() {
    let world = World::new();
    let (miners, _serving, peers) = two(&world).await;
    let begun = world.validator(Protocol::V6).begin(&peers).await.unwrap().unwrap();
    assert_eq!((begun.asked, begun.answered), (2, 2), "{begun:?}");

    // As if killed between commitment and numbers: another process goes on with the same file.
    let validator = world.validator(Protocol::V6);
    assert_eq!(validator.begin(&peers).await.unwrap(), None, "a round is begun once");
    assert_eq!(validator.reveal(&peers).await.unwrap(), None, "too early");
    world.clock.advance(MINUTE);
    // The market moves on meanwhile, and the miners know more than they committed to.
    for miner in &miners {
        miner.refresh().await;
    }
    let revealed = validator.reveal(&peers).await.unwrap().unwrap();
    assert_eq!((revealed.answered, revealed.fates.len()), (2, 0));
    assert_eq!(validator.score(&peers, &identities(&peers)).await.unwrap().scored, 0, "not over yet");
    drop(validator);

    let validator = world.validator(Protocol::V6);
    world.clock.advance(TEN_HOURS);
    assert_eq!(validator.score(&peers, &identities(&peers)).await.unwrap().scored, 1);
    assert_eq!(validator.score(&peers, &identities(&peers)).await.unwrap().scored, 0, "scored once");
    let standings = validator.ledger.standings().await.unwrap();
    let shares: f64 = standings.iter().map(|standing| standing.mean_share).sum();
    assert!((shares - 1.0).abs() < 1e-9 && standings.iter().all(|s| s.predicted == 1 && s.mean_rmse > 0.0));
    let weights = validator.ledger.shares(&identities(&peers)).await.unwrap().unwrap();
    assert!((weights.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
    // The miners were told how it ended.
    assert!(miners.iter().all(|miner| miner.record().judged == 1));
    assert!((miners[0].record().mean_ratio - 1.0).abs() < 1e-6, "persistence is as good as persistence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_shows_after_a_restart_what_it_committed_to_before() {
    let world = World::new();
    let path = world.path("commitments.sqlite");
    let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let dendrite = Dendrite::new(dendrite, key("//Alice")).unwrap();
    let deadlines = Deadlines { total: MINUTE, per_peer: MINUTE };
    let ask_hash =
        LiveForwardHash { prediction_size: 100, topic_id: Some(1), schema_id: Some(1), ..Default::default() };
    let ask = LiveForward { prediction_size: 100, topic_id: Some(1), schema_id: Some(1), ..Default::default() };

    let miner = world.miner(Persistence, reopened(&path).await);
    miner.refresh().await;
    let serving = serve(&miner, "//Bob", 0).await;
    let target = serving.peer.target;
    let hash = dendrite.call(&target, &ask_hash, deadlines).await.unwrap().result.unwrap().hashed_predictions.unwrap();
    let early = dendrite.call(&target, &ask, deadlines).await.unwrap().result.unwrap_err();
    assert!(early.to_string().contains("403"), "numbers before their time: {early}");
    serving.axon.shutdown().await;
    drop((serving, miner));

    // As if killed; the new process has another opinion.
    world.clock.advance(MINUTE);
    let miner = world.miner(Drift { belief: 1.0, ..Drift::default() }, reopened(&path).await);
    miner.refresh().await;
    let serving = serve(&miner, "//Bob", 0).await;
    let target = serving.peer.target;
    let late = dendrite.call(&target, &ask_hash, deadlines).await.unwrap().result.unwrap_err();
    assert!(late.to_string().contains("403"), "a commitment after its time: {late}");
    let shown = dendrite.call(&target, &ask, deadlines).await.unwrap().result.unwrap();
    let closes = shown.predictions.unwrap().to_f64().unwrap();
    assert_eq!(prediction_hash(&key("//Bob").account().ss58(), &closes), hash);
    // A validator that never asked for a commitment gets the opinion of now.
    let other = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let other = Dendrite::new(other, key("//Dave")).unwrap();
    let shown = other.call(&target, &ask, deadlines).await.unwrap().result.unwrap();
    assert_ne!(shown.predictions.unwrap().to_f64().unwrap(), closes);
    serving.axon.shutdown().await;
    drop((serving, miner));

    // Numbers that somebody changed on disk are not shown.
    drop(reopened(&path).await);
    falsify(&path);
    let miner = world.miner(Persistence, reopened(&path).await);
    let serving = serve(&miner, "//Bob", 0).await;
    let refused = dendrite.call(&serving.peer.target, &ask, deadlines).await.unwrap().result.unwrap_err();
    assert!(refused.to_string().contains("500"), "{refused}");
}

/// The file, once whoever had it open has let go: connections end in their own time.
async fn reopened(path: &Path) -> Memory {
    for _ in 0..200 {
        match Memory::at(path) {
            Ok(memory) => return memory,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    Memory::at(path).unwrap()
}

fn falsify(path: &Path) {
    let connection = neuron::ledger::rusqlite::Connection::open(path).unwrap();
    let changed = connection.execute("UPDATE ts_committed SET closes = zeroblob(800)", []).unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_over_the_window_costs_the_round_and_not_the_next() {
    let world = World::new();
    let (miners, _serving, peers) = two(&world).await;
    let validator = world.validator(Protocol::V6);
    validator.begin(&peers).await.unwrap().unwrap();
    world.clock.advance(10 * MINUTE);
    assert_eq!(validator.reveal(&peers).await.unwrap(), None);
    assert!(validator.ledger.committed().await.unwrap().is_empty(), "it was given up");
    assert_eq!(validator.begin(&peers).await.unwrap(), None, "no commitments at minute 10");
    world.clock.advance(20 * MINUTE);
    for miner in &miners {
        miner.refresh().await;
    }
    assert_eq!(validator.begin(&peers).await.unwrap().unwrap().answered, 2);
    world.clock.advance(MINUTE);
    assert_eq!(validator.reveal(&peers).await.unwrap().unwrap().answered, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_all_requests_are_scored_and_who_is_gone_leaves() {
    let world = World::new();
    let (miners, _serving, peers) = two(&world).await;
    let validator = world.validator(Protocol::V6);
    for _ in 0..3 {
        for miner in &miners {
            miner.refresh().await;
        }
        validator.begin(&peers).await.unwrap().unwrap();
        world.clock.advance(MINUTE);
        validator.reveal(&peers).await.unwrap().unwrap();
        world.clock.advance(29 * MINUTE);
    }
    world.clock.advance(TEN_HOURS);
    assert_eq!(validator.score(&peers, &identities(&peers)).await.unwrap().scored, 3, "all that are due");
    assert_eq!(validator.ledger.standings().await.unwrap().len(), 2);

    for miner in &miners {
        miner.refresh().await;
    }
    validator.begin(&peers).await.unwrap().unwrap();
    world.clock.advance(MINUTE);
    validator.reveal(&peers).await.unwrap().unwrap();
    world.clock.advance(TEN_HOURS);
    let left = &peers[..1];
    assert_eq!(validator.score(left, &identities(left)).await.unwrap().scored, 1);
    let standings = validator.ledger.standings().await.unwrap();
    assert_eq!(standings.iter().map(|standing| standing.miner).collect::<Vec<_>>(), identities(left));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_is_too_few_to_score() {
    let world = World::new();
    let (_miners, _serving, peers) = two(&world).await;
    let validator = world.validator(Protocol::V6);
    let alone = &peers[..1];
    assert_eq!(validator.begin(alone).await.unwrap().unwrap().answered, 1);
    world.clock.advance(MINUTE);
    validator.reveal(alone).await.unwrap().unwrap();
    assert!(validator.ledger.open_requests().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protocol_of_january_sends_the_history_and_asks_once() {
    let world = World::new();
    let (_miners, _serving, peers) = two(&world).await;
    let validator = world.validator(Protocol::V4);
    let begun = validator.begin(&peers).await.unwrap().unwrap();
    assert_eq!((begun.asked, begun.answered), (2, 2), "{begun:?}");
    assert_eq!(validator.begin(&peers).await.unwrap(), None);
    assert_eq!(validator.reveal(&peers).await.unwrap(), None, "there is nothing to reveal");
    world.clock.advance(TEN_HOURS);
    assert_eq!(validator.score(&peers, &identities(&peers)).await.unwrap().scored, 1);
}
