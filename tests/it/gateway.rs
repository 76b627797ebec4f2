//! The gateway over real sockets: whom it asks, what it relays, whom it lets in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use neuron::dendrite::{Dendrite, DendriteConfig, Target};
use neuron::gateway::{Candidate, Candidates, Gateway, GatewayConfig, GatewayError, KeyRow, Keys, NewKey};
use neuron::subnets::prompting::PromptingMiner;
use neuron::subnets::prompting::backend::{Backend, BackendError, Deltas};
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::units::Uid;
use serde_json::{Value, json};

use crate::axon_kit::key;

/// How a miner of these tests answers.
#[derive(Clone, Copy)]
pub enum How {
    /// Ten words, one a chunk: its number and the word's.
    Words,
    /// Says nothing.
    Mute,
    /// Refuses.
    Refuses,
    /// Two words, and breaks off.
    Breaks,
    /// A word, and then nothing more.
    Stalls,
}

struct Miner(u16, How);

impl Backend for Miner {
    fn name(&self) -> &'static str {
        "test"
    }

    fn answer(&self, _: Arc<Conversation>, _: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        let (uid, how) = (self.0, self.1);
        let word = move |word: u16| Ok(format!("m{uid}w{word} "));
        let broken = || BackendError::Silent { what: "it".to_owned() };
        async move {
            match how {
                How::Words => Ok(stream::iter((0..10).map(word)).boxed()),
                How::Mute => std::future::pending().await,
                How::Refuses => Err(broken()),
                How::Breaks => Ok(stream::iter([word(0), word(1), Err(broken())]).boxed()),
                How::Stalls => Ok(stream::iter([word(0)]).chain(stream::pending()).boxed()),
            }
        }
        .boxed()
    }
}

struct These(Vec<Candidate>);

impl Candidates for These {
    fn now(&self) -> Vec<Candidate> {
        self.0.clone()
    }
}

/// A door in front of miners, most incentive first.
pub struct Front {
    pub door: Gateway,
    _miners: Vec<Handle>,
}

impl Front {
    pub async fn of(miners: &[How], config: GatewayConfig) -> Self {
        let (mut handles, mut candidates) = (Vec::new(), Vec::new());
        for (uid, how) in miners.iter().enumerate() {
            let hotkey = Arc::new(key(&format!("//Miner//{uid}")));
            let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).policy(AdmissionPolicy::open());
            let miner = PromptingMiner::new(Arc::new(Miner(uid as u16, *how)), 1);
            let axon = axon.serve::<StreamPromptingSynapse>(miner).spawn().await.unwrap();
            let address = axon.local_addr();
            let target = Target { hotkey: hotkey.account(), ip: address.ip(), port: address.port() };
            candidates.push(Candidate { uid: Uid(uid as u16), target, incentive: 1.0 / (uid + 1) as f64 });
            handles.push(axon);
        }
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        let dendrite = Dendrite::new(dendrite, Arc::new(key("//Alice"))).unwrap();
        let door = Gateway::spawn(config, dendrite, Arc::new(These(candidates))).await.unwrap();
        Self { door, _miners: handles }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.door.local_addr())
    }

    async fn post(&self, extra: Value) -> reqwest::Response {
        let mut request = json!({ "model": "m", "messages": [{ "role": "user", "content": "why?" }] });
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let url = format!("{}/chat/completions", self.url());
        reqwest::Client::new().post(url).json(&request).send().await.unwrap()
    }

    async fn json(&self, extra: Value) -> (u16, Value) {
        let response = self.post(extra).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The text of a stream, its finish reason, and how it ended: `[DONE]` or an error's code.
    async fn stream(&self, extra: Value) -> (String, Option<String>, String) {
        let mut extra = extra;
        extra["stream"] = true.into();
        let response = self.post(extra).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.text().await.unwrap();
        let (mut text, mut reason, mut end) = (String::new(), None, String::new());
        for event in body.split("\n\n").filter_map(|event| event.strip_prefix("data: ")) {
            assert!(end.is_empty(), "something after the end: {body}");
            let Ok(event) = serde_json::from_str::<Value>(event) else {
                end = event.to_owned();
                continue;
            };
            if let Some(code) = event["error"]["code"].as_str() {
                end = code.to_owned();
                continue;
            }
            text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
            reason = event["choices"][0]["finish_reason"].as_str().map(str::to_owned).or(reason);
        }
        (text, reason, end)
    }
}

pub fn config() -> GatewayConfig {
    let at = GatewayConfig::at(([127, 0, 0, 1], 0).into());
    GatewayConfig { hedge_after: Duration::from_millis(300), timeout: Duration::from_secs(10), ..at }
}

const TEN: &str = "m0w0 m0w1 m0w2 m0w3 m0w4 m0w5 m0w6 m0w7 m0w8 m0w9 ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_whole_or_chunk_by_chunk() {
    let front = Front::of(&[How::Words, How::Words, How::Words], config()).await;
    let (status, answer) = front.json(json!({})).await;
    assert_eq!((status, &answer["choices"][0]["message"]["content"]), (200, &TEN.into()));
    assert_eq!(
        (&answer["object"], &answer["choices"][0]["finish_reason"]),
        (&"chat.completion".into(), &"stop".into())
    );
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() >= 10);
    let done = (TEN.to_owned(), Some("stop".to_owned()), "[DONE]".to_owned());
    assert_eq!(front.stream(json!({})).await, done);
    assert_eq!(front.stream(json!({ "stream_options": { "include_usage": true } })).await, done);
    let models: Value = reqwest::get(format!("{}/models", front.url())).await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["object"], "model");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_is_late_gets_a_rival_and_one_who_fails_a_successor() {
    let front = Front::of(&[How::Mute, How::Refuses, How::Words], config()).await;
    let begin = Instant::now();
    let (status, answer) = front.json(json!({})).await;
    assert_eq!((status, &answer["choices"][0]["source"]["uid"]), (200, &2.into()));
    assert!(begin.elapsed() < Duration::from_secs(5), "it did not wait for the mute one: {:?}", begin.elapsed());
    // Whoever spoke is asked first from now on.
    let begin = Instant::now();
    assert!(front.stream(json!({})).await.0.starts_with("m2w0 "));
    assert!(begin.elapsed() < Duration::from_secs(5));

    let nobody = Front::of(&[How::Refuses, How::Refuses], config()).await;
    let (status, answer) = nobody.json(json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (502, &"no_answer".into()));
    let empty = Front::of(&[], config()).await;
    assert_eq!(empty.json(json!({})).await.0, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_is_told_and_what_is_cut_by_time_is_the_answer() {
    let front = Front::of(&[How::Breaks], config()).await;
    assert_eq!(front.stream(json!({})).await, ("m0w0 m0w1 ".to_owned(), None, "broke_off".to_owned()));
    let (status, answer) = front.json(json!({})).await;
    assert_eq!((status, &answer["choices"][0]["finish_reason"]), (200, &"length".into()));
    assert!(answer["choices"][0]["source"]["partial"].is_string());

    let slow = Front::of(&[How::Stalls], GatewayConfig { timeout: Duration::from_secs(1), ..config() }).await;
    let (text, reason, end) = slow.stream(json!({})).await;
    assert_eq!((text.as_str(), end.as_str()), ("m0w0 ", "[DONE]"));
    // The miner ends by itself just before, and then the answer is as whole as it says.
    assert!(matches!(reason.as_deref(), Some("stop" | "length")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_may_name_a_miner_or_ask_for_all() {
    let front = Front::of(&[How::Words, How::Words, How::Refuses], config()).await;
    let by_uid = front.json(json!({ "uid": 1 })).await.1;
    assert_eq!(by_uid["choices"][0]["source"]["uid"], 1);
    let hotkey = key("//Miner//1").account().ss58();
    let by_hotkey = front.json(json!({ "hotkey": hotkey })).await.1;
    assert_eq!(by_hotkey["choices"][0]["source"]["hotkey"], hotkey);
    assert_eq!(front.json(json!({ "uid": 9 })).await.0, 404);
    let all = front.json(json!({ "return_all": true })).await.1;
    let mut uids: Vec<_> =
        all["choices"].as_array().unwrap().iter().map(|choice| choice["source"]["uid"].as_u64()).collect();
    uids.sort_unstable();
    assert_eq!(uids, [Some(0), Some(1)], "those that answer, each with its source");
    assert_eq!(front.json(json!({ "n": 2 })).await.1["choices"].as_array().unwrap().len(), 2);
    assert_eq!(front.json(json!({ "n": 2, "stream": true })).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_in_the_shape_of_the_api() {
    let front = Front::of(&[How::Words], config()).await;
    for wrong in [
        json!({ "messages": [] }),
        json!({ "messages": 7 }),
        json!({ "messages": [{ "role": "tool", "content": "x" }] }),
        json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
        json!({ "messages": [{ "role": "user", "content": "x".repeat(300_000) }] }),
        json!({ "hotkey": "nobody" }),
    ] {
        let (status, answer) = front.json(wrong.clone()).await;
        assert_eq!((status, &answer["error"]["type"]), (400, &"invalid_request_error".into()), "{wrong}");
    }
    let parts = json!({ "messages": [{ "role": "developer", "content": "be kind" },
        { "role": "user", "content": [{ "type": "text", "text": "why?" }] }] });
    assert_eq!(front.json(parts).await.0, 200);
    let nowhere = reqwest::get(format!("{}/engines", front.url())).await.unwrap();
    assert_eq!(nowhere.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_key_or_has_used_it_up_stays_outside() {
    let new = NewKey::make("alice");
    let row = KeyRow { requests_per_minute: Some(2), ..new.row.clone() };
    let front = Front::of(&[How::Words], GatewayConfig { keys: Keys::of([row]), ..config() }).await;
    let (status, answer) = front.json(json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &"missing_api_key".into()));
    let client = reqwest::Client::new();
    let get = async |key: &str| client.get(format!("{}/models", front.url())).bearer_auth(key).send().await.unwrap();
    assert_eq!(get("nk-wrong").await.status(), 401);
    assert_eq!(
        (get(&new.key).await.status(), get(&new.key).await.status()),
        (reqwest::StatusCode::OK, reqwest::StatusCode::OK)
    );
    let third = get(&new.key).await;
    assert_eq!(third.status(), 429);
    assert!(third.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 61);

    let dendrite = Dendrite::new(DendriteConfig::default(), Arc::new(key("//Alice"))).unwrap();
    let open = GatewayConfig::at(([0, 0, 0, 0], 0).into());
    let refused = Gateway::spawn(open, dendrite, Arc::new(These(Vec::new()))).await.unwrap_err();
    assert!(matches!(refused, GatewayError::Open(_)) && refused.to_string().contains("--keys"), "{refused}");
}
