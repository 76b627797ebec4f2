//! Our dendrite and our axon, over real sockets: dialects, streams cut midway, whole rounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use neuron::axon::{AdmissionPolicy, AxonConfig};
use neuron::dendrite::{Dendrite, DendriteConfig, Dialect, Failure};
use neuron::subnets::events::synapse::{EventPrediction, EventPredictionSynapse, Generation};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::units::Probability;
use neuron::wallet::{Keypair, Scheme};

use crate::axon_kit::{bob, open_bob};
use crate::wire_fakes::{config, deadlines, dendrite, target};

const LONG: u64 = 60_000;

fn events(generation: Generation) -> EventPredictionSynapse {
    let event = |n: i64| {
        let mut event = EventPrediction::ask(format!("id-{n}"), "llm".into(), "Will it? \u{fdd0}é'\"".into(), Some(n));
        event.generation = generation;
        (format!("llm-id-{n}"), event)
    };
    EventPredictionSynapse { events: (0..5).map(event).collect(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dialect_moves_to_the_one_that_covers_the_body() {
    let axon = open_bob().await;
    let (dendrite, target) = (dendrite(), target(axon.local_addr()));
    let mut dialects = Vec::new();
    for generation in [Generation::June2024, Generation::July2025] {
        let answer = dendrite.call(&target, &events(generation), deadlines(LONG)).await.unwrap();
        let answered = answer.result.unwrap();
        assert_eq!(answered.generation(), generation);
        assert!(answered.events.values().all(|event| event.forecast() == Probability::clamped(0.25)));
        dialects.push(answer.dialect);
    }
    assert_eq!(dialects, [Dialect::Headers, Dialect::BtAuth]);
    // An ed25519 key speaks btauth/1 from the first word.
    let key = Keypair::from_uri("//Alice", Scheme::Ed25519).unwrap();
    let other = Dendrite::new(config(), Arc::new(key)).unwrap();
    let answer = other.call(&target, &events(Generation::July2025), deadlines(LONG)).await.unwrap();
    assert!(answer.result.is_ok() && answer.dialect == Dialect::BtAuth, "{:?}", answer.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_whole_or_says_that_it_is_not() {
    let axon = open_bob().await;
    let (dendrite, target) = (dendrite(), target(axon.local_addr()));
    for dialect in ["headers", "btauth"] {
        for (mode, text, whole) in [("user", "né 你好 end", true), ("raise2", "né 你好 ", false)] {
            let prompt = StreamPromptingSynapse::new(vec![mode.into()], vec!["né 你好 end".into()]);
            let stream = dendrite.stream(&target, &prompt, deadlines(LONG)).await.unwrap().unwrap();
            let streamed = stream.collect().await;
            assert_eq!((streamed.text.as_str(), streamed.partial.is_none()), (text, whole), "{mode} in {dialect}");
        }
    }
    let prompt = StreamPromptingSynapse::new(vec!["hang".into()], vec!["one two".into()]);
    let stream = dendrite.stream(&target, &prompt, deadlines(1500)).await.unwrap().unwrap();
    let streamed = stream.collect().await;
    assert_eq!((streamed.text.as_str(), streamed.partial), ("one two", Some(Failure::Timeout)));
    let outcomes: BTreeMap<&str, u64> = dendrite.snapshot().into_values().flat_map(|tally| tally.outcomes).fold(
        BTreeMap::new(),
        |mut all, (outcome, count)| {
            *all.entry(outcome).or_default() += count.count();
            all
        },
    );
    assert_eq!(outcomes, BTreeMap::from([("answered", 2), ("malformed", 2), ("timeout", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_reads_why_it_is_refused() {
    let axon = bob(AxonConfig::loopback()).policy(AdmissionPolicy::default()).spawn().await.unwrap();
    let target = target(axon.local_addr());
    for dialect in [Dialect::Headers, Dialect::BtAuth] {
        let config = DendriteConfig { dialect: Some(dialect), ..config() };
        let key = Arc::new(Keypair::from_uri("//Eve", Scheme::Sr25519).unwrap());
        let dendrite = Dendrite::new(config, key).unwrap();
        let answer = dendrite.call(&target, &events(Generation::July2025), deadlines(LONG)).await.unwrap();
        let Err(Failure::Refused { status, message }) = answer.result else { panic!("{:?}", answer.result) };
        assert!(status == 403 && message.as_raw().starts_with("Forbidden. Key is blacklisted: "), "{status} {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rounds_at_once_are_all_admitted() {
    let axon = open_bob().await;
    let dendrite = dendrite();
    let targets = vec![target(axon.local_addr()); 60];
    for _ in 0..3 {
        let answers = dendrite.broadcast(&targets, &events(Generation::July2025), deadlines(LONG)).await.unwrap();
        let failures: Vec<_> = answers.into_iter().filter_map(|answer| answer.result.err()).collect();
        assert_eq!(failures, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_fixes_the_dialect_of_all_or_of_one() {
    let axon = open_bob().await;
    let target = target(axon.local_addr());
    for (all, one, expected) in [
        (Some(Dialect::BtAuth), None, Dialect::BtAuth),
        (Some(Dialect::Headers), None, Dialect::Headers),
        (Some(Dialect::Headers), Some(Dialect::BtAuth), Dialect::BtAuth),
        (None, Some(Dialect::Headers), Dialect::Headers),
    ] {
        let dialects = one.map(|dialect| (target.hotkey, dialect)).into_iter().collect();
        let key = Arc::new(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap());
        let dendrite = Dendrite::new(DendriteConfig { dialect: all, dialects, ..config() }, key).unwrap();
        // Twice: what the first answer offers changes nothing.
        for _ in 0..2 {
            let answer = dendrite.call(&target, &events(Generation::July2025), deadlines(LONG)).await.unwrap();
            assert!(answer.result.is_ok(), "{answer:?}");
            assert_eq!(answer.dialect, expected);
        }
    }
}
