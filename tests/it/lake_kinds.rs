//! Lakes of the other kinds of work, with something in them to ask about.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use neuron::dendrite::Target;
use neuron::lake::{Folder, publish};
use neuron::ledger::{Ledger, ReadOnly};
use neuron::scoring::timeseries::chain::Spread;
use neuron::scoring::timeseries::long_run::Start;
use neuron::scoring::timeseries::volatility::PercentileTables;
use neuron::subnets::prompting::asking::Heard;
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::ledger::{Averaging, PromptingLedger};
use neuron::subnets::prompting::task::{Judgement, Task};
use neuron::subnets::prompting::validator::{Round, Scored};
use neuron::subnets::timeseries::ledger::{Forecast, NewRequest, Revealed, Rules, TimeseriesLedger};
use neuron::subnets::work::{Kind, Peer};
use neuron::subnets::{prompting, timeseries};
use neuron::units::{Uid, UnixMs};

use crate::score::miner;

const HOUR: i64 = 3_600_000;
/// 2026-01-31T00:00Z, the last day of a month.
const START: UnixMs = UnixMs(1_769_817_600_000);

/// Publishes what a ledger has; where.
fn published(kind: &Kind, ledger: &Path, lake: &Path) -> String {
    let source = (kind.history.unwrap())(ReadOnly::open(ledger, kind.schema.unwrap()).unwrap()).unwrap();
    let until = START.plus_ms(30 * 24 * HOUR);
    let done = publish(&*source, "netuid0/somebody", &Folder::open(lake).unwrap(), until, &|| true).unwrap();
    assert!(done.rows > 0);
    lake.to_str().unwrap().to_owned()
}

/// Twelve requests over three days, of six closes each, with the forecasts of four miners: the first one is best, and the third says
/// what the second says.
pub async fn series(folder: &Path) -> String {
    let path = folder.join("series.sqlite");
    let rules = Rules { tables: PercentileTables::built_in().unwrap(), start: Start::Mean, spread: Spread::V6 };
    let ledger = TimeseriesLedger::over(Ledger::open(&path, &[timeseries::KIND.schema.unwrap()]).unwrap(), rules);
    for number in 0..12_u8 {
        let at = START.plus_ms(i64::from(number) * 6 * HOUR);
        let truth: Vec<f64> = (0..6).map(|step| 100.0 + f64::from(number) + f64::from(step) * 0.75).collect();
        let forecast = |m: u8| {
            let off = [0.25, 1.5, 1.5, -3.0][usize::from(m - 1)];
            let closes = (1..).zip(&truth).map(|(step, close)| close + off * f64::from(step) / 6.0);
            Forecast { miner: miner(m), closes: closes.collect() }
        };
        let revealed = Revealed { starts_at: at, forecasts: (1..=4).map(forecast).collect(), fates: Vec::new() };
        let uuid = format!("request {number}");
        let new = NewRequest { uuid: uuid.clone(), round: at, commitments: Vec::new() };
        assert!(ledger.record_whole(new, revealed).await.unwrap());
        assert!(ledger.score(uuid, truth, Vec::new(), at.plus_ms(HOUR)).await.unwrap().is_some());
    }
    published(&timeseries::KIND, &path, &folder.join("lake of series"))
}

/// Twenty-four rounds over three days, first and second questions of two kinds, with the answers of three miners: the second says what
/// the first says, and the third is late every other time.
pub async fn prompts(folder: &Path) -> String {
    let path = folder.join("prompts.sqlite");
    let core = Ledger::open(&path, &[prompting::KIND.schema.unwrap()]).unwrap();
    let ledger = PromptingLedger::over(core, Averaging { alpha: 0.1, decay: 0.0 });
    for number in 0..24_u32 {
        let scored = |m: u8| {
            let identity = miner(m);
            let target = Target { hotkey: identity.hotkey, ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 1 };
            let late = m == 3 && number % 2 == 1;
            let said = if m == 3 { format!("Another \u{6c34} {number}") } else { format!("Water, {number}") };
            let heard = Heard {
                completion: said.into(),
                chunks: vec![(Duration::from_millis(20), 4)],
                status: 200,
                timing_s: f64::from(u32::from(m) * 100 + number) / 1000.0,
                ended: if late { "late" } else { "complete" },
                reason: late.then(|| "too late".into()),
            };
            let total = f64::from(number % 5) / f64::from(u32::from(m) * 8);
            let judgement = Judgement { rewards: Vec::new(), penalties: Vec::new(), total };
            Scored { peer: Peer { uid: Uid(m.into()), identity, target }, heard, judgement }
        };
        let round = Round {
            at: START.plus_ms(i64::from(number) * 3 * HOUR + 60_000),
            task: if number % 4 < 2 { Task::Qa } else { Task::Summarization },
            turn: number % 2,
            said: Conversation::asking("What is a lake?"),
            reference: "Water that stays.".into(),
            answers: (1..=3).map(scored).collect(),
            took: Duration::from_millis(900),
            relevance: None,
        };
        ledger.record(&round).await.unwrap();
    }
    published(&prompting::KIND, &path, &folder.join("lake of prompts"))
}
