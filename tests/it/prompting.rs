//! Miners of text with every backend, over real sockets: what they say, how they fail, and that nothing of it stays behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use neuron::axon::{AdmissionPolicy, Axon, AxonConfig, Handle};
use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Failure, Streamed, Target};
use neuron::subnets::prompting::PromptingMiner;
use neuron::subnets::prompting::backend::{
    ApiKey, Backend, Chat, ChatSettings, Exec, Fixed, Local, Sampling, Supervision,
};
use neuron::subnets::prompting::synapse::StreamPromptingSynapse;
use serde_json::{Value, json};

use crate::axon_kit::key;

const PATIENCE: Duration = Duration::from_secs(20);

/// A miner with `backend`, and somebody to ask it.
pub struct Pair {
    pub axon: Handle,
    pub miner: PromptingMiner,
    dendrite: Dendrite,
}

impl Pair {
    pub async fn of(backend: impl Backend, batch: usize) -> Self {
        let miner = PromptingMiner::new(Arc::new(backend), batch);
        let config = AxonConfig { concurrency: 512, ..AxonConfig::loopback() };
        let axon = Axon::builder(config, Arc::new(key("//Bob")));
        let axon = axon.policy(AdmissionPolicy { hotkey_rate: None, ip_rate: None, ..AdmissionPolicy::open() });
        let axon = axon.serve::<StreamPromptingSynapse>(miner.clone()).spawn().await.unwrap();
        let dendrite = DendriteConfig { allow_private: true, ..DendriteConfig::default() };
        Self { axon, miner, dendrite: Dendrite::new(dendrite, Arc::new(key("//Alice"))).unwrap() }
    }

    pub fn target(&self) -> Target {
        let address = self.axon.local_addr();
        Target { hotkey: key("//Bob").account(), ip: address.ip(), port: address.port() }
    }

    async fn ask_for(&self, synapse: &StreamPromptingSynapse, time: Duration) -> Result<Streamed, Failure> {
        let deadlines = Deadlines { total: time, per_peer: time };
        Ok(self.dendrite.stream(&self.target(), synapse, deadlines).await.unwrap()?.collect().await)
    }

    async fn ask(&self, message: &str) -> Result<Streamed, Failure> {
        self.ask_for(&asking(&[("user", message)]), PATIENCE).await
    }

    /// Waits until nothing runs any more: no handler, no stream.
    async fn at_rest(&self, streams: u64) {
        let begin = Instant::now();
        while self.miner.meter().ended().0 < streams {
            assert!(begin.elapsed() < PATIENCE, "{:?} of {streams} streams are over", self.miner.meter().ended());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn asking(said: &[(&str, &str)]) -> StreamPromptingSynapse {
    let (roles, messages) = said.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).unzip();
    StreamPromptingSynapse::new(roles, messages)
}

/// What the API was asked, and how many of its answers are being written.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    open: AtomicUsize,
    pieces: AtomicUsize,
    last: std::sync::Mutex<Option<(Value, Option<String>)>>,
}

/// Counts an answer that is being written.
struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn event(text: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }))
}

const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn streamed(pieces: Vec<Result<String, std::io::Error>>) -> Response {
    // A server throws away what it has not flushed when its answer breaks.
    let pieces = stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(if piece.is_err() { 100 } else { 0 })).await;
        piece
    });
    ([("content-type", "text/event-stream")], Body::from_stream(pieces)).into_response()
}

/// A chat API whose manner is the question's first word.
async fn completions(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let number = seen.requests.fetch_add(1, Ordering::SeqCst);
    let bearer = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    *seen.last.lock().unwrap() = Some((request.clone(), bearer));
    let question = request["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    let broken = || Err(std::io::Error::other("broken"));
    match question.split(' ').next().unwrap() {
        "status" => {
            let status: u16 = question.split(' ').nth(1).unwrap().parse().unwrap();
            let error = json!({ "error": { "message": "no \u{1b}[2J", "type": "x" } });
            (StatusCode::from_u16(status).unwrap(), axum::Json(error)).into_response()
        }
        "flaky" if number < 2 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "mute" => streamed(vec![Ok(END.to_owned())]),
        "breaks" => streamed(vec![Ok(event("half ")), Ok(event("of it")), broken()]),
        "ends" => streamed(vec![Ok(event("half"))]),
        "garbage" => streamed(vec![Ok(event("good ")), Ok("data: {nonsense\n\n".to_owned())]),
        "whole" => axum::Json(json!({ "choices": [{ "message": { "content": "all at once" } }] })).into_response(),
        "endless" => {
            seen.open.fetch_add(1, Ordering::SeqCst);
            let open = Open(Arc::clone(&seen));
            let words = stream::unfold(open, |open| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                open.0.pieces.fetch_add(1, Ordering::SeqCst);
                Some((Ok::<_, std::io::Error>(event("word ")), open))
            });
            ([("content-type", "text/event-stream")], Body::from_stream(words)).into_response()
        }
        _ => {
            let words: Vec<_> = (0..30).map(|word| Ok(event(&format!("w{word} ")))).collect();
            streamed(words.into_iter().chain([Ok(event("\u{e9}\u{1b}[2J")), Ok(END.to_owned())]).collect())
        }
    }
}

async fn list() -> Response {
    axum::Json(json!({ "object": "list", "data": [{ "id": "tiny" }] })).into_response()
}

async fn api() -> (Arc<Seen>, String) {
    let seen = Arc::new(Seen::default());
    let router = Router::new().route("/v1/chat/completions", post(completions)).route("/v1/models", get(list));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router.with_state(Arc::clone(&seen))).into_future());
    (seen, url)
}

fn settings(url: &str) -> ChatSettings {
    ChatSettings {
        url: url.to_owned(),
        key: Some(ApiKey::new("sk-secret\n")),
        model: "m1".to_owned(),
        system_prompt: "Be brief.".to_owned(),
        sampling: Sampling { max_tokens: 9, temperature: 0.5, top_p: 0.25, top_k: None },
        proxy: None,
    }
}

fn chat(url: &str) -> Chat {
    Chat::new("openai", settings(url)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_api_is_asked_as_it_wants_and_streams_through_in_batches() {
    let (seen, url) = api().await;
    let pair = Pair::of(chat(&url), 12).await;
    let said = asking(&[("user", "hi"), ("assistant", "hello"), ("user", "and?")]);
    let answer = pair.ask_for(&said, PATIENCE).await.unwrap();
    assert_eq!(answer.partial, None);
    assert!(answer.text.starts_with("w0 w1 ") && answer.text.ends_with("w29 \u{e9}\u{1b}[2J"), "{}", answer.text);
    let words: Vec<_> = answer.chunks.iter().map(|chunk| chunk.text.matches('w').count()).collect();
    assert_eq!(words, [12, 12, 6], "twelve pieces a chunk");
    let (request, bearer) = seen.last.lock().unwrap().take().unwrap();
    assert_eq!(bearer.as_deref(), Some("Bearer sk-secret"));
    assert_eq!(request["messages"].as_array().unwrap().len(), 4);
    assert_eq!(request["messages"][0], json!({ "role": "system", "content": "Be brief." }));
    assert_eq!((&request["stream"], &request["max_tokens"]), (&true.into(), &9.into()));
    assert_eq!((&request["model"], request.get("top_k")), (&"m1".into(), None));
    pair.at_rest(1).await;
    assert_eq!(pair.miner.meter().ended(), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_before_the_first_word_are_refusals_and_some_are_tried_again() {
    let (seen, url) = api().await;
    let pair = Pair::of(chat(&url), 1).await;
    let status = async |message: &str| match pair.ask(message).await {
        Err(Failure::Refused { status, message }) => (status, message.to_string()),
        other => panic!("{message}: {other:?}"),
    };
    assert!(pair.ask("flaky").await.unwrap().text.starts_with("w0 "), "the third try succeeds");
    assert_eq!(seen.requests.load(Ordering::SeqCst), 3);
    for (question, wanted, tries) in [
        ("status 401", 500, 1),
        ("status 400", 500, 1),
        ("status 429", 503, 4),
        ("status 500", 503, 4),
        ("mute", 503, 4),
    ] {
        let before = seen.requests.load(Ordering::SeqCst);
        let (got, words) = status(question).await;
        assert_eq!((got, seen.requests.load(Ordering::SeqCst) - before), (wanted, tries), "{question}");
        assert!(!words.contains("secret") && !words.contains('\u{1b}') && !words.contains("127.0.0.1"), "{words}");
    }
    let nobody = Pair::of(chat("http://127.0.0.1:9/v1"), 1).await;
    assert!(matches!(nobody.ask("x").await, Err(Failure::Refused { status: 503, .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_is_kept_and_marked_and_not_tried_again() {
    let (seen, url) = api().await;
    let pair = Pair::of(chat(&url), 1).await;
    for (question, text) in [("breaks", "half of it"), ("ends", "half"), ("garbage", "good ")] {
        let before = seen.requests.load(Ordering::SeqCst);
        let answer = pair.ask(question).await.unwrap();
        assert_eq!(answer.text, text, "{question}");
        assert!(matches!(answer.partial, Some(Failure::Malformed(_))), "{question}: {:?}", answer.partial);
        assert_eq!(seen.requests.load(Ordering::SeqCst), before + 1, "{question}");
    }
    assert_eq!(pair.ask("whole").await.unwrap().text, "all at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miner_ends_before_its_caller_does_and_leaves_the_model_when_it_is_left() {
    let (seen, url) = api().await;
    let pair = Pair::of(chat(&url), 4).await;
    let answer = pair.ask_for(&asking(&[("user", "endless")]), Duration::from_secs(2)).await.unwrap();
    assert_eq!(answer.partial, None, "it ended by itself, in time");
    assert!(answer.chunks.len() > 5);
    pair.at_rest(1).await;

    let deadlines = Deadlines { total: PATIENCE, per_peer: PATIENCE };
    let synapse = asking(&[("user", "endless")]);
    let mut stream = pair.dendrite.stream(&pair.target(), &synapse, deadlines).await.unwrap().unwrap();
    stream.next().await.unwrap();
    drop(stream);
    pair.at_rest(2).await;
    let begin = Instant::now();
    while seen.open.load(Ordering::SeqCst) > 0 {
        assert!(begin.elapsed() < PATIENCE, "the model still writes for nobody");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let written = seen.pieces.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(seen.pieces.load(Ordering::SeqCst), written, "tokens that nobody would have read are not made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_conversation_is_refused_with_the_reason() {
    let pair = Pair::of(Fixed::Echo, 12).await;
    let megabyte = "x".repeat(1 << 20);
    let cases = [
        (StreamPromptingSynapse::new(vec!["user".into()], vec![]), "1 roles for 0 messages"),
        (StreamPromptingSynapse::new(vec![], vec![]), "no question"),
        (asking(&[("user", " ")]), "no question"),
        (asking(&[("robot", "x")]), "unknown role"),
        (asking(&[("user", &megabyte)]), "1048576 bytes"),
    ];
    for (synapse, reason) in cases {
        match pair.ask_for(&synapse, PATIENCE).await {
            Err(Failure::Refused { status: 400, message }) => {
                assert!(message.to_string().contains(reason), "{message}");
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
    assert_eq!(pair.ask("d\u{e9}j\u{e0} \u{1b}[2J").await.unwrap().text, "d\u{e9}j\u{e0} \u{1b}[2J", "echo is exact");
}

/// A program that answers by the first word of the last message.
const PROGRAM: &str = r#"#!/bin/sh
read -r line
[ $# -eq 1 ] || exit 9
case "$line" in
    *'["fails'*) printf 'half '; exit 3;;
    *'["mute'*) exit 0;;
    *'["bytes'*) printf 'good '; sleep 0.2; printf '\377\376';;
    *'["split'*) printf '\303'; sleep 0.1; printf '\251';;
    *'["sleeps'*) echo $$ > "$1"; printf 'now '; exec sleep 600;;
    *) printf 'one '; sleep 0.05; printf 'two'; echo complaint >&2;;
esac
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_answers_and_nothing_said_to_it_becomes_an_argument() {
    let folder = tempfile::tempdir().unwrap();
    let (script, pid) = (folder.path().join("answer.sh"), folder.path().join("pid"));
    std::fs::write(&script, PROGRAM).unwrap();
    let line = format!("sh {} {}", script.display(), pid.display());
    let pair = Pair::of(Exec::new(&line, Vec::new(), 2).unwrap(), 1).await;
    for message in ["hello", "--help; rm -rf / $(id) `id` \" ' \\ \n -c"] {
        let answer = pair.ask(message).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.partial), ("one two", None), "{message}");
    }
    for (question, text) in [("fails", "half "), ("bytes", "good ")] {
        let answer = pair.ask(question).await.unwrap();
        assert_eq!(answer.text, text);
        assert!(answer.partial.is_some(), "{question}");
    }
    assert_eq!(pair.ask("split").await.unwrap().text, "\u{e9}");
    assert!(matches!(pair.ask("mute").await, Err(Failure::Refused { status: 503, .. })));

    // Whoever leaves ends the program.
    let deadlines = Deadlines { total: PATIENCE, per_peer: PATIENCE };
    let synapse = asking(&[("user", "sleeps")]);
    let mut first = pair.dendrite.stream(&pair.target(), &synapse, deadlines).await.unwrap().unwrap();
    assert_eq!(first.next().await.unwrap().text, "now ");
    let second = pair.dendrite.stream(&pair.target(), &synapse, deadlines).await.unwrap().unwrap();
    let third = pair.ask("hello").await;
    assert!(matches!(third, Err(Failure::Refused { status: 503, .. })), "two run at once: {third:?}");
    drop((first, second));
    let process = std::fs::read_to_string(&pid).unwrap();
    let begin = Instant::now();
    while std::path::Path::new("/proc").join(process.trim()).exists() {
        assert!(begin.elapsed() < PATIENCE, "the program still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_this_machine_is_watched_and_its_model_found() {
    let (seen, url) = api().await;
    let unnamed = ChatSettings { model: String::new(), ..settings(&url) };
    let pair = Pair::of(Local::spawn(unnamed, None).unwrap(), 12).await;
    assert!(pair.ask("hi").await.unwrap().text.starts_with("w0 "));
    assert_eq!(seen.last.lock().unwrap().take().unwrap().0["model"], "tiny");

    let nobody = Pair::of(Local::spawn(settings("http://127.0.0.1:9/v1"), None).unwrap(), 12).await;
    assert!(matches!(nobody.ask("hi").await, Err(Failure::Refused { status: 503, .. })));

    // One of ours is started, finds its environment, and is started again when it dies.
    let folder = tempfile::tempdir().unwrap();
    let (script, starts) = (folder.path().join("server.sh"), folder.path().join("starts"));
    std::fs::write(&script, "echo \"$CUDA_VISIBLE_DEVICES\" >> \"$1\"; sleep 0.2; exit 1\n").unwrap();
    let supervision = Supervision {
        command: format!("sh {} {}", script.display(), starts.display()),
        environment: vec![("CUDA_VISIBLE_DEVICES".into(), "3".into())],
        start: PATIENCE,
    };
    let _local = Local::spawn(settings("http://127.0.0.1:9/v1"), Some(supervision)).unwrap();
    let begin = Instant::now();
    while std::fs::read_to_string(&starts).unwrap_or_default().lines().filter(|line| *line == "3").count() < 2 {
        assert!(begin.elapsed() < PATIENCE, "it is not started again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Streams whose callers leave after the first chunk: ten thousand of them with `NEURON_STREAMS=10000`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_streams_leave_nothing_behind() {
    struct Slow;
    impl Backend for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn answer(
            &self,
            _: Arc<neuron::subnets::prompting::conversation::Conversation>,
            _: Instant,
        ) -> futures_util::future::BoxFuture<
            '_,
            Result<neuron::subnets::prompting::backend::Deltas, neuron::subnets::prompting::backend::BackendError>,
        > {
            Box::pin(async { Ok(stream::iter([Ok("word ".to_owned())]).chain(stream::pending()).boxed()) })
        }
    }
    let streams = crate::gateway::streams();
    let pair = Pair::of(Slow, 1).await;
    let synapse = asking(&[("user", "x")]);
    let deadlines = Deadlines { total: PATIENCE * 10, per_peer: PATIENCE * 10 };
    let target = pair.target();
    let abort = async || {
        let mut stream = pair.dendrite.stream(&target, &synapse, deadlines).await.unwrap().unwrap();
        assert_eq!(stream.next().await.unwrap().text, "word ");
    };
    abort().await;
    pair.at_rest(1).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let (files, tasks) = (open_files(), metrics.num_alive_tasks());
    stream::iter(1..streams).for_each_concurrent(50, |_| abort()).await;
    let begin = Instant::now();
    loop {
        let (ended, tasks_now) = (pair.miner.meter().ended().0, metrics.num_alive_tasks());
        // Other tests of this process open files too, so the sockets get some room and time.
        if ended == streams && tasks_now <= tasks + 8 && open_files() <= files + 64 {
            break;
        }
        assert!(
            begin.elapsed() < PATIENCE * 3,
            "{ended} of {streams} ended, {tasks_now} tasks ({tasks}), {} files ({files})",
            open_files()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
