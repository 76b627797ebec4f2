//! The smallest kind of work there can be, run by the roles as they are: what a new subnet has to write.
//!
//! A miner has a hunch, a number; a validator asks for it, keeps the sum in a table of its own, and pays in proportion.
#![cfg(feature = "localnet")]

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use neuron::axon::{AdmissionPolicy, AxonConfig, Builder, Caller, Handler, Refusal, Reply};
use neuron::clock::Clock;
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Target};
use neuron::ledger::sql::{self, params};
use neuron::ledger::{Fault, Ledger, LedgerError, Schema, miners, weight_jobs};
use neuron::role::metrics::Watched as _;
use neuron::role::{Miner, MinerParts, Others, Subnet, Validator, ValidatorParts, WeightsPolicy, WeightsWriter};
use neuron::subnets::work::{Allotment, ChainSeen, Duty, MinerWork, Shares, ValidatorNeeds, ValidatorWork, WorkError};
use neuron::synapse::Synapse;
use neuron::telemetry::{Gauges, Health, Registry, Sheet, facts};
use neuron::units::{Identity, Rao, UnixMs};

use crate::places::place;
use crate::subtensor::{EVENTS, key, quick, start};
use crate::subtensor_neuron::permit;

/// What goes over the wire.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Hunch {
    number: f64,
}

impl Synapse for Hunch {
    const NAME: &'static str = "Hunch";
}

/// A miner's part.
#[derive(Clone)]
struct Oracle(f64);

impl Handler<Hunch> for Oracle {
    async fn handle(&self, _: &Caller, _: Hunch) -> Result<Reply<Hunch>, Refusal> {
        Ok(Reply::Answer(Hunch { number: self.0 }))
    }
}

impl MinerWork for Oracle {
    fn serve(&self, axon: Builder) -> Builder {
        axon.serve(self.clone())
    }

    fn admission(&self, said: AdmissionPolicy) -> AdmissionPolicy {
        AdmissionPolicy { min_stake: Rao(0), ..said }
    }

    fn manner(&self) -> String {
        format!("a hunch of {}", self.0)
    }

    fn status(&self) -> String {
        "no doubt".to_owned()
    }
}

/// Its tables in a ledger.
const TABLES: Schema =
    Schema { kind: "hunches", migrations: &["CREATE TABLE hunches (miner INTEGER PRIMARY KEY, total REAL NOT NULL)"] };

/// A validator's part.
struct Gatherer(ValidatorNeeds);

impl Gatherer {
    async fn gather(&self) -> Result<(), WorkError> {
        let ValidatorNeeds { dendrite, deadline, ledger, clock, peers, .. } = &self.0;
        let asked = peers.now();
        let targets: Vec<Target> = asked.iter().map(|peer| peer.target).collect();
        let deadlines = Deadlines { total: *deadline, per_peer: *deadline };
        let answers = dendrite.broadcast(&targets, &Hunch { number: 0.0 }, deadlines).await?;
        let heard = asked.iter().zip(answers).filter_map(|(peer, answer)| Some((peer.identity, answer.result.ok()?)));
        let heard: Vec<(Identity, f64)> = heard.map(|(identity, hunch)| (identity, hunch.number)).collect();
        let at = clock.now();
        Ok(ledger.write(move |transaction| record(transaction, &heard, at)).await?)
    }
}

fn record(transaction: &sql::Transaction<'_>, heard: &[(Identity, f64)], at: UnixMs) -> Result<(), Fault> {
    for (identity, number) in heard {
        let miner = miners::id(transaction, *identity, at)?;
        transaction.execute(
            "INSERT INTO hunches (miner, total) VALUES (?1, ?2) ON CONFLICT (miner) DO UPDATE SET total = hunches.total + ?2",
            params![miner, number],
        )?;
    }
    Ok(())
}

fn totals(connection: &sql::Connection, of: &[Identity]) -> Result<Vec<(Identity, f64)>, Fault> {
    let mut found = Vec::new();
    for identity in of {
        let miner = miners::find(connection, *identity)?.unwrap_or(u32::MAX);
        let sql = "SELECT COALESCE(SUM(total), 0.0) FROM hunches WHERE miner = ?1";
        found.push((*identity, connection.query_row(sql, [miner], |row| row.get(0))?));
    }
    Ok(found)
}

impl Shares for Gatherer {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        let of = registered.to_vec();
        async move {
            let totals = self.0.ledger.read(move |connection| totals(connection, &of)).await?;
            let sum: f64 = totals.iter().map(|(_, total)| total).sum();
            Ok((sum > 0.0).then(|| totals.into_iter().map(|(who, total)| (who, total / sum)).collect()))
        }
        .boxed()
    }
}

impl ValidatorWork for Gatherer {
    fn duties(self: Arc<Self>) -> Vec<Duty> {
        let pass = move || {
            let work = Arc::clone(&self);
            async move { work.gather().await }
        };
        vec![Duty::new("gathering", Duration::from_millis(20), Clock::wall(), pass).jitter(0.5)]
    }

    fn tell(&self, chain: ChainSeen) {
        tracing::info!(block = chain.block, "gathering hunches");
    }

    fn register(self: Arc<Self>, registry: &mut Registry) {
        let gauge = |sheet: &mut Sheet<'_>| -> fmt::Result { sheet.gauge("hunches_heard", "Whether any was", 1.0) };
        registry.register_collector(Box::new(Gauges(gauge)));
    }

    fn health(&self) -> Health {
        Health { ok: true, facts: facts([("gathers", true.into())]) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_work_that_nobody_knows_of_runs_and_is_paid() {
    let (node, chain) = start(quick()).await;
    let owner = key("//Bob");
    let (validator, wise, fool) = (Arc::new(key("//V")), Arc::new(key("//Wise")), Arc::new(key("//Fool")));
    for hotkey in [&validator, &wise, &fool] {
        chain.burned_register(&owner, EVENTS, &hotkey.account()).await.unwrap();
    }
    chain.add_stake(&owner, &validator.account(), EVENTS, Rao::from_tao(1000)).await.unwrap();
    permit(&chain, chain.uid(EVENTS, &validator.account()).await.unwrap().unwrap()).await;
    let subnet = Subnet::read(chain.clone(), EVENTS).await.unwrap();
    let mut serving = Vec::new();
    for (hotkey, number) in [(&wise, 3.0), (&fool, 1.0)] {
        let parts = MinerParts {
            hotkey: Arc::clone(hotkey),
            subnet: subnet.clone(),
            axon: AxonConfig::at((Ipv4Addr::new(127, 0, 0, 2), 0).into()),
            policy: AdmissionPolicy::default(),
            external: (None, None),
            work: Arc::new(Oracle(number)),
        };
        serving.push(Miner::start(parts).await.unwrap());
    }
    subnet.refresh().await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(place(folder.path().join("hunches.sqlite")), &[TABLES]).unwrap();
    let calling = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
    let dendrite = Arc::new(Dendrite::new(calling, Arc::clone(&validator)).unwrap());
    let work = Arc::new(Gatherer(ValidatorNeeds {
        hotkey: Arc::clone(&validator),
        dendrite: Arc::clone(&dendrite),
        deadline: Duration::from_secs(5),
        ledger: ledger.clone(),
        clock: Clock::wall(),
        peers: Arc::new(Others::than(validator.account(), subnet.clone())),
    }));
    let weights = WeightsWriter::new(
        Arc::clone(&validator),
        subnet.clone(),
        ledger.clone(),
        work.clone(),
        Clock::wall(),
        WeightsPolicy::default(),
    );
    let parts = ValidatorParts {
        hotkey: validator.account(),
        subnet: subnet.clone(),
        work,
        dendrite,
        ledger: ledger.clone(),
        weights: Some(weights),
        lake: None,
        announcement: None,
    };
    let running = Validator::start(parts);

    let own = subnet.now().neuron(&validator.account()).unwrap().uid;
    let uid = |hotkey: &neuron::wallet::Keypair| subnet.now().neuron(&hotkey.account()).unwrap().uid;
    let mut blocks = chain.blocks();
    let paid = async {
        loop {
            let weights = chain.weights_of(EVENTS, own).await.unwrap();
            let of = |hotkey| weights.iter().find(|(of, _)| *of == uid(hotkey)).map_or(0, |(_, weight)| *weight);
            // Read in the middle of a pass the two may stand a hunch apart.
            let shown = of(&wise) == u16::MAX && of(&fool) > u16::MAX / 4 && of(&fool) < u16::MAX / 2;
            let jobs = ledger.read(|connection| weight_jobs::last(connection, 9)).await.unwrap();
            if shown && jobs.iter().any(|job| job.stage == "shown") {
                return;
            }
            blocks.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), paid).await.expect("the weights never came");
    let health = (running.health())();
    assert!(health.ok && health.facts["gathers"] == true, "{:?}", health.facts);
    assert!(health.facts["duties"]["gathering"]["passes"].as_u64().unwrap() > 0);
    assert_eq!(health.facts["duties"]["gathering"]["failures"], 0);

    running.stop(Duration::from_secs(5)).await;
    for miner in serving {
        miner.stop(Duration::from_secs(5)).await;
    }
    node.stop().await.unwrap();
}
