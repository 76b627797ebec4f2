//! Bad and odd input, one by one, under every rule: the result that the rules define, worked out here by hand.
//!
//! Everything goes through the ledger, as a validator's answers do: one round, one resolution, averages, shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use neuron::ledger::Fault;
use neuron::ledger::sql::Connection;
use neuron::scoring::Rules;
use neuron::scoring::admission::EventState;
use neuron::scoring::rules::{RuleName, SequentialOrder};
use neuron::subnets::events::ledger::{
    EventsLedger, EventsLedgerError, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::subnets::events::synapse::EventPredictionSynapse;
use neuron::synapse::body;
use neuron::units::{Account, Identity, UnixMs};

use crate::places::place;

/// 2024-06-01T00:00Z, the start of an interval; the event is open for exactly one.
const START: i64 = 1_717_200_000_000;
const OPEN_FOR: i64 = 4 * 3_600_000;
const KEY: &str = "test-a";

/// All rules, the sequential one in both orders.
const EVERY: [(RuleName, SequentialOrder); 5] = [
    (RuleName::MarketDelta, SequentialOrder::Rounds),
    (RuleName::Sequential, SequentialOrder::Rounds),
    (RuleName::Sequential, SequentialOrder::Arrival),
    (RuleName::Brier, SequentialOrder::Rounds),
    (RuleName::PeerLog, SequentialOrder::Rounds),
];

fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: u64::from(n) }
}

/// What happens: `(ms after the opening, price)` and `(miner, ms after the opening, report)`.
struct Scene<'a> {
    prices: &'a [(i64, f64)],
    answers: &'a [(u8, i64, f64)],
    outcome: Outcome,
}

/// What became of it.
#[derive(Debug, PartialEq)]
struct Settled {
    fates: BTreeMap<String, u64>,
    state: EventState,
    scores: BTreeMap<u8, f64>,
    /// Events in the average.
    counted: usize,
    shares: Option<Vec<f64>>,
}

impl Settled {
    fn fate(&self, name: &str) -> u64 {
        self.fates.get(name).copied().unwrap_or(0)
    }
}

impl Scene<'_> {
    async fn play(&self, (rule, sequential_order): (RuleName, SequentialOrder)) -> Settled {
        let folder = tempfile::tempdir().unwrap();
        let rules = Rules { rule, sequential_order, ..Rules::default() };
        let ledger =
            EventsLedger::open(place(folder.path().join("ledger.sqlite")), Options { rules, ..Options::default() })
                .unwrap();
        ledger.upsert_events(vec![event()]).await.unwrap();
        let key: Arc<str> = KEY.into();
        let price = |(after, price): &(i64, f64)| PriceRow {
            event: key.clone(),
            price: *price,
            at: UnixMs(START + after),
            source: neuron::market::PriceSource::File,
        };
        let answer = |(n, after, p): &(u8, i64, f64)| Submission {
            identity: miner(*n),
            event: key.clone(),
            p: *p,
            at: UnixMs(START + after),
        };
        let tick = Tick {
            at: UnixMs(START),
            prices: self.prices.iter().map(price).collect(),
            submissions: self.answers.iter().map(answer).collect(),
            ..Tick::default()
        };
        let fates = ledger.record_tick(tick).await.unwrap().fates;
        let seen = UnixMs(START + 2 * OPEN_FOR);
        let resolution = Resolution { event: KEY.into(), outcome: self.outcome, at: None, seen };
        let settled = ledger.resolve(resolution).await.unwrap();
        let registered: Vec<_> = (1..=4).map(miner).collect();
        let shares = ledger.weights(&registered).await.unwrap();
        let scores: BTreeMap<u8, f64> = settled.scores.iter().map(|(who, s)| (who.hotkey.0[0], *s)).collect();
        assert!(scores.values().all(|score| score.is_finite()), "{rule:?}: {scores:?}");
        if let Some(shares) = &shares {
            let total: f64 = shares.iter().map(|(_, share)| share).sum();
            assert!(shares.iter().all(|(_, share)| (0.0..=1.0).contains(share)) && (total - 1.0).abs() < 1e-12);
        }
        let counted = ledger.standings().await.unwrap().events;
        let shares = shares.map(|shares| shares.into_iter().map(|(_, share)| share).collect());
        Settled { fates, state: settled.state, scores, counted, shares }
    }
}

fn event() -> NewEvent {
    NewEvent {
        key: KEY.into(),
        provider: "test".into(),
        id: "a".into(),
        description: "Will it?".into(),
        opened_at: UnixMs(START),
        cutoff: UnixMs(START + OPEN_FOR),
        ends_at: None,
        beside: Default::default(),
    }
}

/// The rules again, as their formulas say, for reports of one time against one price, which is also the prior.
fn by_hand((rule, order): (RuleName, SequentialOrder), reports: &[(u8, f64)], r: f64, o: f64) -> BTreeMap<u8, f64> {
    let loss = |p: f64| (o - p) * (o - p);
    let k = reports.len() as f64;
    let log = |p: f64| {
        let p = p.clamp(0.01, 0.99);
        o * p.ln() + (1.0 - o) * (1.0 - p).ln()
    };
    let total: f64 = reports.iter().map(|(_, p)| log(*p)).sum();
    let mut state = r;
    let score = |p: f64| match (rule, order) {
        (RuleName::MarketDelta, _) => loss(r) - loss(p),
        (RuleName::Sequential, SequentialOrder::Rounds) => (loss(r) - loss(p)) / k,
        (RuleName::Sequential, SequentialOrder::Arrival) => {
            let before = std::mem::replace(&mut state, p);
            loss(before) - loss(p)
        }
        (RuleName::Brier, _) => 0.25 - loss(p),
        // The only one of its kind is compared with the worst there is.
        (RuleName::PeerLog, _) if reports.len() == 1 => log(p) - 0.01_f64.ln(),
        (RuleName::PeerLog, _) => log(p) - (total - log(p)) / (k - 1.0),
    };
    let mut score = score;
    reports.iter().map(|(n, p)| (*n, score(*p))).collect()
}

fn same(rule: (RuleName, SequentialOrder), got: &BTreeMap<u8, f64>, want: &BTreeMap<u8, f64>) {
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{rule:?}");
    for (n, want) in want {
        assert!((got[n] - want).abs() < 1e-12, "{rule:?}, miner {n}: {} instead of {want}", got[n]);
    }
}

const YES: Outcome = Outcome::Payout(1.0);

#[tokio::test]
async fn nan_and_infinities_are_no_predictions() {
    for rule in EVERY {
        let answers = [(1, 0, 0.8), (2, 0, f64::NAN), (3, 0, f64::INFINITY), (4, 0, f64::NEG_INFINITY)];
        let settled = Scene { prices: &[(0, 0.5)], answers: &answers, outcome: YES }.play(rule).await;
        assert_eq!((settled.fate("scored"), settled.fate("invalid")), (1, 3), "{rule:?}");
        same(rule, &settled.scores, &by_hand(rule, &[(1, 0.8)], 0.5, 1.0));
        assert_eq!(settled.shares, Some(vec![1.0, 0.0, 0.0, 0.0]), "{rule:?}");
    }
}

#[tokio::test]
async fn what_is_out_of_range_is_clamped() {
    for rule in EVERY {
        let answers = [(1, 0, 1.7), (2, 0, -0.2), (3, 0, 1e300), (4, 0, -0.0)];
        let settled = Scene { prices: &[(0, 0.5)], answers: &answers, outcome: YES }.play(rule).await;
        assert_eq!(settled.fate("scored"), 4, "{rule:?}");
        same(rule, &settled.scores, &by_hand(rule, &[(1, 1.0), (2, 0.0), (3, 1.0), (4, 0.0)], 0.5, 1.0));
    }
}

/// Text never becomes a number of the ledger: where it enters, on the wire, it is no answer, and costs nobody else.
#[test]
fn text_and_other_types_are_no_predictions() {
    for junk in ["\"maybe\"", "\"\"", "null", "true", "[0.5]", "{\"p\":0.5}", "\"0x1\"", "NaN", "Infinity"] {
        let entry = |p: &str| format!(r#"{{"event_id":"1","market_type":"m","description":"?","probability":{p}}}"#);
        let text = format!(r#"{{"events":{{"m-1":{},"m-2":{}}}}}"#, entry(junk), entry("0.25"));
        let read: EventPredictionSynapse = body::read(text.as_bytes()).unwrap();
        assert_eq!(read.events["m-1"].forecast(), None, "{junk}");
        assert_eq!(read.events["m-2"].forecast().unwrap().get(), 0.25, "{junk}");
    }
}

#[tokio::test]
async fn nobody_predicts() {
    for rule in EVERY {
        for answers in [&[][..], &[(1, 0, f64::NAN)]] {
            let settled = Scene { prices: &[(0, 0.5)], answers, outcome: YES }.play(rule).await;
            assert_eq!((settled.scores.len(), settled.shares), (0, None), "{rule:?}: the weights stay as they are");
            // An event that somebody could have predicted counts; the peer rule of 2025 discards it.
            let (state, counted) =
                if rule.0 == RuleName::PeerLog { (EventState::NoReports, 0) } else { (EventState::Scored, 1) };
            assert_eq!((settled.state, settled.counted), (state, counted), "{rule:?}");
        }
    }
}

#[tokio::test]
async fn a_single_miner() {
    for rule in EVERY {
        for (p, o) in [(0.8, 1.0), (0.8, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let outcome = Outcome::Payout(o);
            let settled = Scene { prices: &[(0, 0.6)], answers: &[(1, 0, p)], outcome }.play(rule).await;
            let want = by_hand(rule, &[(1, p)], 0.6, o);
            same(rule, &settled.scores, &want);
            let earned = (want[&1] > 1e-12).then(|| vec![1.0, 0.0, 0.0, 0.0]);
            assert_eq!(settled.shares, earned, "{rule:?} {p} {o}");
        }
    }
}

#[tokio::test]
async fn all_are_equal() {
    for rule in EVERY {
        let answers = [(1, 0, 0.8), (2, 0, 0.8), (3, 0, 0.8), (4, 0, 0.8)];
        let settled = Scene { prices: &[(0, 0.5)], answers: &answers, outcome: YES }.play(rule).await;
        same(rule, &settled.scores, &by_hand(rule, &[(1, 0.8), (2, 0.8), (3, 0.8), (4, 0.8)], 0.5, 1.0));
        let shares = match rule {
            // Nobody is better than the others.
            (RuleName::PeerLog, _) => None,
            // The first takes it all, the others bring nothing new.
            (RuleName::Sequential, SequentialOrder::Arrival) => Some(vec![1.0, 0.0, 0.0, 0.0]),
            _ => Some(vec![0.25; 4]),
        };
        assert_eq!(settled.shares, shares, "{rule:?}");
    }
}

#[tokio::test]
async fn all_say_the_price() {
    for rule in EVERY {
        let answers = [(1, 0, 0.5), (2, 0, 0.5)];
        let settled = Scene { prices: &[(0, 0.5)], answers: &answers, outcome: YES }.play(rule).await;
        assert!(settled.scores.values().all(|score| *score == 0.0), "{rule:?}: {:?}", settled.scores);
        assert_eq!((settled.scores.len(), settled.shares), (2, None), "{rule:?}");
    }
}

#[tokio::test]
async fn a_price_of_zero_or_one_is_a_price() {
    for rule in EVERY {
        for r in [0.0, 1.0] {
            for o in [0.0, 1.0, 0.5] {
                let answers = [(1, 0, 0.0), (2, 0, 1.0), (3, 0, 0.3)];
                let scene = Scene { prices: &[(0, r)], answers: &answers, outcome: Outcome::Payout(o) };
                let settled = scene.play(rule).await;
                assert_eq!(settled.fate("scored"), 3, "{rule:?} {r}");
                same(rule, &settled.scores, &by_hand(rule, &[(1, 0.0), (2, 1.0), (3, 0.3)], r, o));
                if rule.0 != RuleName::PeerLog {
                    assert!(settled.scores.values().all(|s| (-1.0..=1.0).contains(s)), "{rule:?} {r} {o}");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_price_an_event_counts_for_those_alone_who_are_not_compared_with_one() {
    for rule in EVERY {
        for prices in [&[][..], &[(0, f64::NAN), (0, 1.2), (0, -0.1), (0, f64::INFINITY)]] {
            let settled = Scene { prices, answers: &[(1, 0, 0.8)], outcome: YES }.play(rule).await;
            if rule.0 == RuleName::PeerLog {
                assert_eq!((settled.fate("scored"), settled.fate("invalid_price")), (1, prices.len() as u64));
                assert_eq!((settled.state, settled.scores.len()), (EventState::Scored, 1));
                continue;
            }
            assert_eq!((settled.fate("unpriced"), settled.fate("invalid_price")), (1, prices.len() as u64), "{rule:?}");
            assert_eq!((settled.state, settled.counted), (EventState::NoPrice, 0), "{rule:?}");
            assert_eq!((settled.scores.len(), settled.shares), (0, None), "{rule:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_a_stale_price_is_dropped_and_a_bad_price_leaves_the_one_before() {
    for rule in EVERY {
        // 120 s old: still a reference. A millisecond more: none. A price after the answer is none, either.
        let answers = [(1, 120_000, 0.8), (2, 120_001, 0.9), (3, 130_000, 0.9)];
        let prices = [(0, 0.5), (60_000, f64::NAN), (60_001, 1.5), (131_000, 0.7)];
        let settled = Scene { prices: &prices, answers: &answers, outcome: YES }.play(rule).await;
        if rule.0 == RuleName::PeerLog {
            assert_eq!((settled.fate("scored"), settled.fate("unpriced")), (3, 0), "it is compared with no price");
            continue;
        }
        assert_eq!((settled.fate("scored"), settled.fate("unpriced")), (1, 2), "{rule:?}");
        same(rule, &settled.scores, &by_hand(rule, &[(1, 0.8)], 0.5, 1.0));
        assert_eq!((settled.state, settled.counted), (EventState::Scored, 1), "{rule:?}");
    }
}

#[tokio::test]
async fn a_fractional_outcome_is_the_payout() {
    for rule in EVERY {
        for o in [0.5, 0.3, 1e-9, 0.999] {
            let answers = [(1, 0, 0.8), (2, 0, 0.3), (3, 0, 0.5)];
            let scene = Scene { prices: &[(0, 0.6)], answers: &answers, outcome: Outcome::Payout(o) };
            same(rule, &scene.play(rule).await.scores, &by_hand(rule, &[(1, 0.8), (2, 0.3), (3, 0.5)], 0.6, o));
        }
    }
}

#[tokio::test]
async fn a_void_event_counts_for_nobody() {
    for rule in EVERY {
        let answers = [(1, 0, 0.8), (2, 0, 0.3)];
        let settled = Scene { prices: &[(0, 0.6)], answers: &answers, outcome: Outcome::Void }.play(rule).await;
        assert_eq!(settled.fate("scored"), 2, "{rule:?}");
        assert_eq!((settled.state, settled.counted, settled.scores.len()), (EventState::Void, 0, 0), "{rule:?}");
        assert_eq!(settled.shares, None, "{rule:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = EventsLedger::open(place(folder.path().join("ledger.sqlite")), Options::default()).unwrap();
    ledger.upsert_events(vec![event()]).await.unwrap();
    for payout in [f64::NAN, f64::INFINITY, -0.1, 1.1] {
        let resolution =
            Resolution { event: KEY.into(), outcome: Outcome::Payout(payout), at: None, seen: UnixMs(START) };
        let refused = ledger.resolve(resolution).await.unwrap_err();
        assert!(matches!(refused, EventsLedgerError::BadOutcome { .. }), "{refused}");
        assert!(refused.to_string().contains(KEY), "{refused}");
    }
    assert_eq!(ledger.unsettled().await.unwrap().len(), 1, "it goes on waiting for an outcome");
}

/// 1,000,000 answers of 250 miners in one interval, four thousand of each: what is kept is one line per miner.
#[tokio::test]
async fn a_million_answers_to_one_event() {
    const MINERS: u64 = 250;
    const ROUNDS: i64 = 10;
    const EACH: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = EventsLedger::open(place(&path), Options::default()).unwrap();
    ledger.upsert_events(vec![event()]).await.unwrap();
    let key: Arc<str> = KEY.into();
    let identity = |n: u64| Identity { hotkey: Account([n as u8; 32]), registered_at: n };
    for round in 0..ROUNDS {
        let at = UnixMs(START + round * 60_000);
        // Sixteenths, so that all sums are exact: each miner says its own number, and one more for every answer.
        let answer = |k: u64| Submission {
            identity: identity(k % MINERS),
            event: key.clone(),
            p: ((k % MINERS + k / MINERS) % 16) as f64 / 16.0,
            at,
        };
        let prices = vec![PriceRow { event: key.clone(), price: 0.25, at, source: neuron::market::PriceSource::File }];
        let tick = Tick { at, prices, submissions: (0..MINERS * EACH).map(answer).collect(), ..Tick::default() };
        assert_eq!(ledger.record_tick(tick).await.unwrap().counted(), MINERS * EACH);
    }
    let lines = ledger.intervals(identity(7), KEY.into()).await.unwrap();
    assert_eq!((lines.len(), u64::from(lines[0].stats.count)), (1, EACH * ROUNDS as u64));
    ledger.prune(UnixMs(START + 7 * 3_600_000)).await.unwrap();
    let settled = ledger
        .resolve(Resolution { event: KEY.into(), outcome: YES, at: None, seen: UnixMs(START + OPEN_FOR) })
        .await
        .unwrap();
    // 400 answers run 25 times through the sixteenths: the same mean for everybody.
    let gains = (0..16).map(|k| f64::from(k) / 16.0).map(|p| 0.75 * 0.75 - (1.0 - p) * (1.0 - p));
    let want = gains.sum::<f64>() / 16.0;
    assert_eq!(settled.scores.len() as u64, MINERS);
    assert!(settled.scores.iter().all(|(_, score)| (score - want).abs() < 1e-12), "{want}");
    // Single answers are gone with the log; the rest is 80 bytes a miner at most.
    let kept = |connection: &Connection| -> Result<(i64, i64), Fault> {
        let bytes = connection.query_row("SELECT SUM(LENGTH(block)) FROM stats", [], |row| row.get(0))?;
        Ok((bytes, connection.query_row("SELECT COUNT(*) FROM raw", [], |row| row.get(0))?))
    };
    let (bytes, single) = ledger.core().read(kept).await.unwrap();
    assert!(single == 0 && (1..=4 + 80 * MINERS as i64).contains(&bytes), "{bytes} bytes, {single} single");
}
