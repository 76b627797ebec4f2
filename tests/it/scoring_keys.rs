//! Every key of the scoring rules can be set, is the rule's default when it is not, and changes what miners are paid.

use std::collections::BTreeMap;
use std::sync::Arc;

use neuron::config::Layers;
use neuron::scoring::Rules;
use neuron::subnets::events::ledger::{
    EventsLedger, NewEvent, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::subnets::events::settings::EventsSettings;
use neuron::subnets::registry;
use neuron::units::{Account, Identity, UnixMs};

use crate::places::place;

/// 2024-06-01T00:00Z, the start of an interval.
const START: i64 = 1_717_200_000_000;
const MINUTE: i64 = 60_000;
const EVENTS: i64 = 6;

/// A key with another value than its default, and what must be set beside it to matter.
type Change = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The table of the keys, every value of a choice.
const CHANGES: [Change; 24] = [
    ("scoring.rule", "sequential", &[]),
    ("scoring.rule", "brier", &[]),
    ("scoring.rule", "peer_log", &[]),
    ("scoring.submission", "last", &[]),
    ("scoring.submission", "first", &[]),
    ("scoring.interval_minutes", "60", &[]),
    ("scoring.interval_weight", "exponential", &[]),
    ("scoring.interval_weight", "exponential_flat2", &[]),
    ("scoring.interval_weight", "power", &[]),
    ("scoring.interval_power", "0.5", &[("scoring.interval_weight", "power")]),
    ("scoring.price_max_age_seconds", "7200", &[]),
    ("scoring.reference_pick", "worst_bracket", &[]),
    ("scoring.clip", "event", &[]),
    ("scoring.average", "ema", &[]),
    ("scoring.average", "daily", &[]),
    ("scoring.window_events", "2", &[]),
    ("scoring.exponent", "2", &[]),
    ("scoring.exponent", "4", &[]),
    ("scoring.confidence_z", "0.5", &[]),
    ("scoring.class_balance", "true", &[]),
    ("scoring.class_balance", "true", &[("scoring.rule", "peer_log")]),
    ("scoring.duplicates", "split", &[]),
    ("scoring.sequential_order", "arrival", &[("scoring.rule", "sequential")]),
    ("scoring.min_events", "7", &[]),
];

fn rules(settings: &[(&'static str, &str)]) -> Rules {
    let flags = settings.iter().map(|(key, value)| (*key, vec![(*value).to_owned()])).collect();
    let resolved = Layers { flags, ..registry::layers() }.resolve().unwrap();
    EventsSettings::of(&resolved).unwrap().rules().unwrap()
}

fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: 1 }
}

/// A number in `0.1..0.9` that follows from its arguments.
fn pseudo(a: i64, b: i64) -> f64 {
    0.1 + 0.8 * ((a * 7919 + b * 104_729 + a * b * 31) % 1009) as f64 / 1009.0
}

/// The shares of four miners after six events of ten hours; miners 3 and 4 say the same.
async fn paid(rules: Rules) -> Option<Vec<u64>> {
    let folder = tempfile::tempdir().unwrap();
    let ledger =
        EventsLedger::open(place(folder.path().join("ledger.sqlite")), Options { rules, ..Options::default() })
            .unwrap();
    for event in 0..EVENTS {
        // One event a day, so that days have averages of their own.
        let opened = START + event * 24 * 60 * MINUTE;
        let key: Arc<str> = format!("test-{event}").into();
        let offered = NewEvent {
            key: key.to_string(),
            provider: "test".into(),
            id: event.to_string(),
            description: "".into(),
            opened_at: UnixMs(opened),
            cutoff: UnixMs(opened + 600 * MINUTE),
            ends_at: None,
            beside: Default::default(),
        };
        ledger.upsert_events(vec![offered]).await.unwrap();
        let outcome = f64::from(u8::from(event % 3 == 0));
        for round in 0..10 {
            let at = UnixMs(opened + round * 58 * MINUTE);
            let salt = event * 100 + round;
            // Towards the outcome, the later miners less, and each wrong on two events.
            let said = |n: u8| {
                let n = n.min(3);
                let wrong = (event + i64::from(n)) % 3 == 0;
                let share = if wrong { -0.1 } else { 0.75 - 0.15 * f64::from(n) };
                outcome * share + (1.0 - share) * pseudo(salt, i64::from(n))
            };
            let answers = (1..=4_u8)
                // Miner 2 keeps silent in some rounds; in every fourth round the price is an hour old.
                .filter(|n| *n != 2 || round % 3 != 1)
                .map(|n| Submission { identity: miner(n), event: key.clone(), p: said(n), at });
            let price = |at: UnixMs, p: f64| PriceRow {
                event: key.clone(),
                price: p,
                at,
                source: neuron::market::PriceSource::File,
            };
            let (before, after) = (pseudo(salt, 50), pseudo(salt, 60));
            let prices = if round % 4 == 3 { Vec::new() } else { vec![price(at, before), price(at.plus_ms(1), after)] };
            ledger.record_tick(Tick { at, prices, submissions: answers.collect(), ..Tick::default() }).await.unwrap();
        }
        let resolved = UnixMs(opened + 601 * MINUTE);
        let outcome = Outcome::Payout(outcome);
        ledger
            .resolve(Resolution { event: key.to_string(), outcome, at: Some(resolved), seen: resolved })
            .await
            .unwrap();
    }
    let registered: Vec<_> = (1..=4).map(miner).collect();
    let shares = ledger.weights(&registered).await.unwrap()?;
    Some(shares.into_iter().map(|(_, share)| share.to_bits()).collect())
}

#[test]
fn without_a_word_the_settings_are_the_default_rules() {
    assert_eq!(rules(&[]), Rules::default());
}

#[tokio::test]
async fn every_key_changes_what_is_paid() {
    let keys = toml::Table::try_from(Rules::default()).unwrap();
    for key in keys.keys() {
        let covered = CHANGES.iter().any(|(change, ..)| change.strip_prefix("scoring.") == Some(key));
        assert!(covered, "scoring.{key} is changed by no case here");
    }
    let mut before: BTreeMap<Vec<(&str, &str)>, Option<Vec<u64>>> = BTreeMap::new();
    for (key, value, beside) in CHANGES {
        let base = match before.get(beside) {
            Some(base) => base.clone(),
            None => paid(rules(beside)).await,
        };
        assert!(base.is_some(), "{beside:?}: nobody is paid");
        before.insert(beside.to_vec(), base.clone());
        let mut settings = beside.to_vec();
        settings.push((key, value));
        let changed = rules(&settings);
        assert_ne!(changed, rules(beside), "{key} = {value} is not taken over");
        let got = paid(changed).await;
        assert_ne!(got, base, "{key} = {value} changes nothing");
        assert_eq!(got.is_none(), key == "scoring.min_events", "{key} = {value}");
    }
}
