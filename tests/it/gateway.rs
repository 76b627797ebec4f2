//! The gateway over real sockets: whom it asks, what it relays, whom it lets in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use neuron::dendrite::{Dendrite, DendriteConfig, Target};
use neuron::forecast::llm::money::{MicroUsd, Price};
use neuron::gateway::{
    Candidate, Candidates, Gateway, GatewayConfig, GatewayError, KeyFile, KeyRow, Keys, Limits, NewKey,
};
use neuron::subnets::prompting::PromptingMiner;
use neuron::subnets::prompting::backend::{Backend, BackendError, Deltas};
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use neuron::units::Uid;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

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
    /// A word every 5 ms, for ever.
    Endless,
}

/// What the miners of one test have done.
#[derive(Default)]
struct Made {
    /// Words that were made.
    words: AtomicUsize,
    /// Answers under way.
    open: AtomicUsize,
}

struct Miner(u16, How, Arc<Made>);

/// An answer under way.
struct Open(Arc<Made>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Backend for Miner {
    fn name(&self) -> &'static str {
        "test"
    }

    fn answer(&self, _: Arc<Conversation>, _: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        let (uid, how, made) = (self.0, self.1, Arc::clone(&self.2));
        let word = move |word: u16| Ok(format!("m{uid}w{word} "));
        let broken = || BackendError::Silent { what: "it".to_owned() };
        async move {
            match how {
                How::Words => Ok(stream::iter((0..10).map(word)).boxed()),
                How::Mute => {
                    made.open.fetch_add(1, Ordering::SeqCst);
                    let _open = Open(made);
                    std::future::pending().await
                }
                How::Refuses => Err(broken()),
                How::Breaks => Ok(stream::iter([word(0), word(1), Err(broken())]).boxed()),
                How::Endless => {
                    made.open.fetch_add(1, Ordering::SeqCst);
                    let open = Open(made);
                    let words = stream::unfold(open, |open| async move {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        open.0.words.fetch_add(1, Ordering::SeqCst);
                        Some((Ok("word ".to_owned()), open))
                    });
                    Ok(words.boxed())
                }
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
    made: Arc<Made>,
    _miners: Vec<Handle>,
}

impl Front {
    pub async fn of(miners: &[How], config: GatewayConfig) -> Self {
        let (mut handles, mut candidates, made) = (Vec::new(), Vec::new(), Arc::new(Made::default()));
        for (uid, how) in miners.iter().enumerate() {
            let hotkey = Arc::new(key(&format!("//Miner//{uid}")));
            let axon = Axon::builder(AxonConfig::loopback(), Arc::clone(&hotkey)).policy(AdmissionPolicy {
                hotkey_rate: None,
                ip_rate: None,
                ..AdmissionPolicy::open()
            });
            let miner = PromptingMiner::new(Arc::new(Miner(uid as u16, *how, Arc::clone(&made))), 1);
            let axon = axon.serve::<StreamPromptingSynapse>(miner).spawn().await.unwrap();
            let address = axon.local_addr();
            let target = Target { hotkey: hotkey.account(), ip: address.ip(), port: address.port() };
            candidates.push(Candidate { uid: Uid(uid as u16), target, incentive: 1.0 / (uid + 1) as f64 });
            handles.push(axon);
        }
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        let dendrite = Dendrite::new(dendrite, Arc::new(key("//Alice"))).unwrap();
        let door = Gateway::spawn(config, dendrite, Arc::new(These(candidates))).await.unwrap();
        Self { door, made, _miners: handles }
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

/// A key with limits, in a file, at a price of a dollar for a million tokens of answers.
fn keyed(folder: &std::path::Path, limit: impl Fn(KeyRow) -> KeyRow) -> (String, GatewayConfig) {
    let new = NewKey::make("alice");
    let path = folder.join("keys.toml");
    KeyFile::open(&path).unwrap().add(limit(new.row)).unwrap();
    let price = Price { input: MicroUsd(0), output: MicroUsd(1_000_000) };
    (new.key, GatewayConfig { keys: Keys::load(&path, price).unwrap(), ..config() })
}

async fn ask_with(front: &Front, key: &str, stream: bool) -> reqwest::Response {
    let question = json!({ "messages": [{ "role": "user", "content": "why?" }], "stream": stream });
    let url = format!("{}/chat/completions", front.url());
    reqwest::Client::new().post(url).bearer_auth(key).json(&question).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_key_may_spend_ends_an_answer_and_outlives_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    // Each of the ten words is a token or two, and costs a millionth for each.
    let spends = |row| KeyRow { spend_in_all: Some(MicroUsd(7)), ..row };
    let (key, config) = keyed(folder.path(), spends);
    let front = Front::of(&[How::Words], config).await;
    let answer = ask_with(&front, &key, true).await.text().await.unwrap();
    assert!(answer.contains("m0w0 ") && !answer.contains("m0w9 "), "cut on the way: {answer}");
    assert!(answer.contains("insufficient_quota") && !answer.contains("[DONE]"), "{answer}");
    let refused = ask_with(&front, &key, false).await;
    assert_eq!(
        (refused.status().as_u16(), refused.headers().get("retry-after")),
        (429, None),
        "not today, not tomorrow"
    );
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "insufficient_quota");
    drop(front);

    let keys = Keys::load(&folder.path().join("keys.toml"), Price::default()).unwrap();
    let again = Front::of(&[How::Words], GatewayConfig { keys, ..self::config() }).await;
    assert_eq!(ask_with(&again, &key, true).await.status(), 429, "it has not forgotten");
    let kept = std::fs::read_to_string(folder.path().join("keys.toml.used")).unwrap();
    assert!(!kept.contains(&key) && kept.contains("\"spent\": "), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_so_many_answers_under_way_and_strangers_so_many_connections() {
    let folder = tempfile::tempdir().unwrap();
    let (key, config) = keyed(folder.path(), |row| KeyRow { at_once: Some(1), ..row });
    let limits = Limits { per_address: 4, ..Limits::default() };
    let front = Front::of(&[How::Endless], GatewayConfig { limits, ..config }).await;
    let mut first = ask_with(&front, &key, true).await;
    first.chunk().await.unwrap();
    let second = ask_with(&front, &key, true).await;
    assert_eq!(second.status(), 429);
    assert_eq!(second.json::<Value>().await.unwrap()["error"]["code"], "concurrency_exceeded");
    drop(first);
    let begin = Instant::now();
    while ask_with(&front, &key, true).await.status() != 200 {
        assert!(begin.elapsed() < Duration::from_secs(10), "the place does not come back");
    }
    let mut idle = Vec::new();
    let refused = loop {
        let mut stream = tokio::net::TcpStream::connect(front.door.local_addr()).await.unwrap();
        let mut told = [0; 12];
        match tokio::time::timeout(Duration::from_secs(2), stream.read_exact(&mut told)).await {
            Ok(read) => {
                read.unwrap();
                break told;
            }
            Err(_) => idle.push(stream),
        }
        assert!(idle.len() < 5, "more connections than one address may have");
    };
    assert_eq!(&refused, b"HTTP/1.1 503");
    // Whoever begins to speak hears it too, however much it has to say.
    let long = "x".repeat(1 << 20);
    for _ in 0..20 {
        let client = reqwest::Client::new();
        let url = format!("http://{}/v1/chat/completions", front.door.local_addr());
        let answer = client.post(url).body(long.clone()).send().await.expect("an answer, not a broken connection");
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "too_many_connections");
    }
    drop(idle);
}

/// Waits until no answer is under way.
async fn at_rest(made: &Made) {
    let begin = Instant::now();
    while made.open.load(Ordering::SeqCst) > 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "{} answers for nobody", made.open.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_leaves_or_does_not_read_frees_the_miner() {
    let front = Front::of(&[How::Endless], config()).await;
    let mut answer = front.post(json!({ "stream": true })).await;
    answer.chunk().await.unwrap();
    drop(answer);
    at_rest(&front.made).await;
    let made = front.made.words.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(front.made.words.load(Ordering::SeqCst), made, "forty words that nobody would have read");
    // Ten seconds are two thousand words; the caller has left after the first ones.
    assert!(made < 200, "{made} words after the caller has left");

    // Before the first word, too.
    let mute = Front::of(&[How::Mute], config()).await;
    let asked = async {
        while mute.made.open.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = mute.post(json!({})) => panic!("nobody has said a word"),
        () = asked => {}
    }
    at_rest(&mute.made).await;
}

/// `NEURON_STREAMS=10000` is the long form.
pub fn streams() -> u64 {
    std::env::var("NEURON_STREAMS").map_or(400, |number| number.parse().unwrap())
}

fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let target = |file: std::fs::DirEntry| std::fs::read_link(file.path()).ok();
    files.filter_map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_callers_leave_keep_no_socket_and_no_task() {
    let limits = Limits { per_address: 1000, ..Limits::default() };
    let front = Front::of(&[How::Endless], GatewayConfig { limits, ..config() }).await;
    let leave = async || {
        let mut answer = front.post(json!({ "stream": true })).await;
        assert_eq!(answer.status(), 200);
        answer.chunk().await.unwrap();
    };
    leave().await;
    at_rest(&front.made).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let (sockets_before, tasks) = (sockets(), metrics.num_alive_tasks());
    stream::iter(0..streams()).for_each_concurrent(20, |_| leave()).await;
    at_rest(&front.made).await;
    let begin = Instant::now();
    // Other tests of this process have sockets too, and a pool of idle ones rests a while: some room, and time.
    while metrics.num_alive_tasks() > tasks + 8 || sockets() > sockets_before + 64 {
        let now = (metrics.num_alive_tasks(), sockets());
        assert!(
            begin.elapsed() < Duration::from_secs(90),
            "{now:?} tasks and sockets, before {:?}",
            (tasks, sockets_before)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_same_door_tells_what_the_miners_of_events_say_together() {
    use neuron::scoring::Rules;
    use neuron::storefront::{Source, forecasts};
    use neuron::units::UnixMs;

    neuron::market::install_tls();
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger.sqlite");
    drop(crate::dashboard::filled(&ledger, &["one", "two", "<b>three</b>"]).await);
    let now = neuron::clock::Clock::stepped(UnixMs(1_767_225_600_000 + 1_200_000));
    let source = Source {
        ledger: ledger.into(),
        rules: Rules::default(),
        subnet: None,
        clock: now,
        oldest: Duration::MAX,
        ranks: 100,
    };
    let (key, config) = keyed(folder.path(), |row| row);
    let front = Front::of(&[], GatewayConfig { beside: forecasts(source), ..config }).await;
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let answer = client.get(format!("{}{path}", front.url())).bearer_auth(&key).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, open) = get("/forecasts").await;
    assert_eq!((status, &open["object"], open["data"].as_array().unwrap().len()), (200, &"list".into(), 1));
    let one = &open["data"][0];
    assert_eq!((&one["question"], &one["state"], &one["miners"]), (&"<b>three</b>".into(), &"open".into(), &2.into()));
    assert!((one["mean"].as_f64().unwrap() - 0.625).abs() < 1e-12, "0.8 and 0.45: {one}");
    assert_eq!(one["probability"], one["community"], "the best have a record: {one}");
    let id =
        one["id"].as_str().unwrap().replace('/', "%2F").replace('?', "%3F").replace('<', "%3C").replace('>', "%3E");
    assert_eq!(&get(&format!("/forecasts/{id}")).await.1, one);
    assert_eq!(get("/forecasts?state=scored&limit=1").await.1["data"].as_array().unwrap().len(), 1);

    for (path, status, code) in [
        ("/forecasts/none", 404, "event_not_found"),
        ("/forecasts?state=x", 422, "bad_request"),
        ("/nothing", 404, "not_found"),
    ] {
        let (got, answer) = get(path).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &code.into()), "{path}");
    }
    let stranger = reqwest::get(format!("{}/forecasts", front.url())).await.unwrap();
    assert_eq!(
        (stranger.status().as_u16(), stranger.json::<Value>().await.unwrap()["error"]["code"].clone()),
        (401, "missing_api_key".into())
    );
}
