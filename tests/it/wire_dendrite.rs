//! The dendrite against peers that behave badly.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use neuron::dendrite::{Deadlines, Dendrite, DendriteConfig, Dialect, Failure, Target};
use neuron::subnets::events::synapse::{EventPredictionSynapse, Generation};
use neuron::synapse::{Synapse, btauth};
use neuron::units::{Account, Probability};
use neuron::wallet::{Keypair, Scheme};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::wire_fakes::{
    Fake, LONG, alice, bob, config, deadlines, dendrite, header, prompt, question, read_request, success, target,
};

fn answer_of_one_event() -> String {
    let mut synapse = question("k-1", Generation::July2025);
    synapse.events.get_mut("k-1").unwrap().answer(Probability::new(0.25).unwrap(), Some("r é".into()));
    serde_json::to_string(&synapse).unwrap()
}

async fn ask(fake: &Fake) -> Result<EventPredictionSynapse, Failure> {
    dendrite().call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap().result
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_and_a_null_dendrite_tolerated() {
    let body = answer_of_one_event().replacen('{', r#"{"dendrite":null,"axon":null,"#, 1);
    let synapse = ask(&Fake::says(success(&body)).await).await.unwrap();
    assert_eq!(synapse.events["k-1"].forecast(), Probability::clamped(0.25));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_peer_delays_or_hurts_another() {
    let honest = Arc::new(answer_of_one_event());
    // One that says nothing, one that drips, one that floods, one that says headers and stops, one of garbage.
    let silent = Fake::serve(|stream, _, _| hold(stream)).await;
    let dripping = Fake::serve(|mut stream, _, _| async move {
        let head = success(&" ".repeat(1_000_000));
        for byte in head.bytes() {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let flooding = Fake::serve(|mut stream, _, _| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nbt_header_axon_status_code: 200\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_all(&[b' '; 65536]).await.is_ok() {}
    })
    .await;
    let stopping = Fake::serve(|mut stream, _, _| async move {
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n").await;
        hold(stream).await;
    })
    .await;
    let garbage = Fake::says(b"\x16\x03\x01 what?\r\n\r\n".to_vec()).await;
    let good = Fake::serve(move |mut stream, _, _| {
        let honest = Arc::clone(&honest);
        async move {
            let _ = stream.write_all(success(&honest).as_bytes()).await;
        }
    })
    .await;
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        target(listener.local_addr().unwrap())
    };

    let targets: Vec<Target> = [&good, &silent, &dripping, &flooding, &stopping, &garbage, &good]
        .into_iter()
        .map(Fake::target)
        .chain([gone])
        .collect();
    let deadlines = Deadlines { total: Duration::from_secs(4), per_peer: Duration::from_secs(3) };
    let dendrite = Dendrite::new(DendriteConfig { max_response: 4 << 20, ..config() }, alice()).unwrap();
    let answers = dendrite.broadcast(&targets, &question("k-1", Generation::July2025), deadlines).await.unwrap();
    let kinds: Vec<_> =
        answers.iter().map(|answer| answer.result.as_ref().map_or_else(Failure::kind, |_| "ok")).collect();
    assert_eq!(
        kinds,
        ["ok", "timeout", "timeout", "too_large", "timeout", "malformed", "ok", "unreachable"],
        "{answers:?}"
    );
}

async fn hold(stream: TcpStream) {
    tokio::time::sleep(Duration::from_secs(60)).await;
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_bomb_is_too_large() {
    // 64 MiB of blanks in gzip: stored here as the repetition of one deflate block.
    let bomb = gzip_of_blanks(64 << 20);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         bt_header_axon_status_code: 200\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    bytes.extend(bomb);
    let fake = Fake::says(bytes).await;
    assert_eq!(ask(&fake).await, Err(Failure::TooLarge { limit: 16 << 20 }));
}

/// A gzip stream of `len` blanks, made of fixed-Huffman matches of 258 bytes at distance 1.
fn gzip_of_blanks(len: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(1, 1); // the last block
    bits.put(1, 2); // fixed Huffman codes
    bits.put_code(0x30 + u32::from(b' '), 8);
    for _ in 0..(len - 1) / 258 {
        bits.put_code(0b1100_0101, 8); // length 258
        bits.put_code(0, 5); // distance 1
    }
    bits.put_code(0, 7); // end of block
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(bits.bytes);
    // The checksum is wrong: the cap must come before it is looked at.
    out.extend([0; 8]);
    out
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    /// Least significant bit first.
    fn put(&mut self, value: u32, count: u32) {
        for index in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().unwrap();
            *last |= ((value >> index & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// Huffman codes go most significant bit first.
    fn put_code(&mut self, code: u32, count: u32) {
        for index in (0..count).rev() {
            self.put(code >> index & 1, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_heads_and_announced_giants_are_refused() {
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(4 << 20));
    assert!(ask(&Fake::says(head).await).await.is_err());
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(100_000));
    assert!(ask(&Fake::says(many).await).await.is_err());
    let giant = success("{}").replace("content-length: 2", "content-length: 99999999999");
    assert_eq!(ask(&Fake::says(giant).await).await, Err(Failure::TooLarge { limit: 16 << 20 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let lured = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lured);
    let inner = Fake::serve(move |_, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    })
    .await;
    let head = format!("HTTP/1.1 307 X\r\nlocation: http://{}/x\r\ncontent-length: 0\r\n\r\n", inner.address);
    let failure = ask(&Fake::says(head).await).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { status: 307, .. }), "{failure:?}");
    assert_eq!(lured.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_targets_are_not_called_unless_allowed() {
    let fake = Fake::says(success("{}")).await;
    let dendrite = Dendrite::new(DendriteConfig::default(), alice()).unwrap();
    let answer = dendrite.call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap();
    assert!(matches!(answer.result, Err(Failure::NotAllowed(_))), "{:?}", answer.result);
    assert!(answer.result.unwrap_err().to_string().contains("--dendrite.allow_private"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_another_name_or_with_a_wrong_signature_is_none() {
    let eve = "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y";
    for line in [
        format!("bt_header_axon_hotkey: {eve}"),
        format!("bt_header_axon_nonce: 7\r\nbt_header_axon_uuid: u\r\nbt_header_axon_signature: 0x{}", "ab".repeat(64)),
    ] {
        let head = success(&answer_of_one_event()).replacen("content-type", &format!("{line}\r\ncontent-type"), 1);
        let failure = ask(&Fake::says(head).await).await.unwrap_err();
        assert!(matches!(failure, Failure::Malformed(_)), "{failure:?}");
    }
}

/// What requests under way at once say about themselves.
#[derive(Default)]
struct Seen {
    uuids: Vec<String>,
    nonces: Vec<u64>,
    ports: HashSet<u16>,
}

impl Seen {
    fn note(&mut self, head: &str) {
        self.uuids.push(header(head, "bt_header_dendrite_uuid").unwrap().to_owned());
        self.nonces.push(header(head, "bt_header_dendrite_nonce").unwrap().parse().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_rise_and_requests_at_once_have_their_own_uuids() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let together = Arc::new(tokio::sync::Barrier::new(8));
    let (note, meet) = (Arc::clone(&seen), Arc::clone(&together));
    let fake = Fake::serve(move |mut stream, head, _| {
        let (note, meet) = (Arc::clone(&note), Arc::clone(&meet));
        async move {
            note.lock().unwrap().note(&head);
            meet.wait().await;
            let _ = stream.write_all(success("{}").as_bytes()).await;
        }
    })
    .await;
    let targets = vec![fake.target(); 8];
    let dendrite = dendrite();
    for answer in dendrite.broadcast(&targets, &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap() {
        answer.result.unwrap();
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.uuids.iter().collect::<HashSet<_>>().len(), 8);
    assert_eq!(seen.nonces.iter().collect::<HashSet<_>>().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_uuid_and_body_serve_tick_after_tick() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let note = Arc::clone(&seen);
    let fake = Fake::serve(move |mut stream, mut head, _| {
        let note = Arc::clone(&note);
        async move {
            loop {
                {
                    let mut seen = note.lock().unwrap();
                    seen.ports.insert(stream.peer_addr().unwrap().port());
                    seen.note(&head);
                }
                if stream.write_all(success("{}").as_bytes()).await.is_err() {
                    return;
                }
                let Some((next, _)) = read_request(&mut stream).await else { return };
                head = next;
            }
        }
    })
    .await;
    let dendrite = dendrite();
    for _ in 0..5 {
        dendrite
            .call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG))
            .await
            .unwrap()
            .result
            .unwrap();
        // The client's own task takes the connection back a moment after the answer.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seen = seen.lock().unwrap();
    assert_eq!((seen.ports.len(), seen.uuids.iter().collect::<HashSet<_>>().len()), (1, 1));
    assert!(seen.nonces.is_sorted_by(|a, b| a < b), "{:?}", seen.nonces);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axon_that_offers_btauth_is_spoken_to_in_it() {
    let fake = Fake::serve(|mut stream, _, _| async move {
        // It hangs up after the answer, and says so: else the next call may meet the dying connection.
        let offer = "x-bittensor-version: 1\r\nconnection: close\r\ncontent-type";
        let answer = success("{}").replacen("content-type", offer, 1);
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let dendrite = dendrite();
    let mut dialects = Vec::new();
    for _ in 0..2 {
        let answer =
            dendrite.call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap();
        answer.result.unwrap();
        dialects.push(answer.dialect);
    }
    assert_eq!(dialects, [Dialect::Headers, Dialect::BtAuth]);
}

#[tokio::test(flavor = "multi_thread")]
async fn btauth_covers_the_whole_body_with_either_key() {
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let verified = Arc::new(Mutex::new(None));
        let note = Arc::clone(&verified);
        let fake = Fake::serve(move |mut stream, head, body| {
            let note = Arc::clone(&note);
            async move {
                let pairs: Vec<_> = head.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
                let map = pairs
                    .iter()
                    .map(|(name, value)| (name.parse().unwrap(), value.trim().parse().unwrap()))
                    .collect::<http::HeaderMap>();
                let auth = btauth::AuthHeaders::read(&map).unwrap();
                *note.lock().unwrap() = Some(auth.check_signature("POST", "/EventPredictionSynapse", &body));
                let _ = stream.write_all(success("{}").as_bytes()).await;
            }
        })
        .await;
        let key = Arc::new(Keypair::from_uri("//Alice", scheme).unwrap());
        let config = DendriteConfig { dialects: [(bob(), Dialect::BtAuth)].into(), ..config() };
        let dendrite = Dendrite::new(config, Arc::clone(&key)).unwrap();
        dendrite
            .call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG))
            .await
            .unwrap()
            .result
            .unwrap();
        assert_eq!(verified.lock().unwrap().take().unwrap().unwrap().account, key.account());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_gives_chunks_with_their_times() {
    let fake = Fake::serve(|mut stream, _, _| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nbt_header_axon_status_code: 200\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        for piece in ["4\r\none \r\n", "6\r\ntwo \u{e9}\r\n", "0\r\n\r\n"] {
            let _ = stream.write_all(piece.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    })
    .await;
    let stream = dendrite().stream(&fake.target(), &prompt(), deadlines(LONG)).await.unwrap();
    let streamed = stream.unwrap().collect().await;
    assert_eq!((streamed.text.as_str(), streamed.partial), ("one two é", None));
    assert!(streamed.chunks.len() >= 2 && streamed.chunks.is_sorted_by_key(|chunk| chunk.at));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_axons_many_keys_one_signature_each() {
    let fake = Fake::serve(|mut stream, head, _| async move {
        let status = if head.contains("bt_header_axon_hotkey: 5") { success("{}") } else { String::new() };
        let _ = stream.write_all(status.as_bytes()).await;
    })
    .await;
    let targets: Vec<_> = (0..64).map(|n| Target { hotkey: Account([n; 32]), ..fake.target() }).collect();
    let answers =
        dendrite().broadcast(&targets, &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap();
    assert!(
        answers.iter().zip(&targets).all(|(answer, target)| answer.result.is_ok() && answer.hotkey == target.hotkey)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_bounded_and_the_total_deadline_holds_for_those_who_wait() {
    let silent = Fake::serve(|stream, _, _| hold(stream)).await;
    let good = Fake::says(success("{}")).await;
    let dendrite = Dendrite::new(DendriteConfig { max_in_flight: 1, ..config() }, alice()).unwrap();
    let question = question("k-1", Generation::July2025);
    let kinds = |answers: Vec<neuron::dendrite::Answer<EventPredictionSynapse>>| {
        answers.into_iter().map(|answer| answer.result.err().map_or("ok", |failure| failure.kind())).collect::<Vec<_>>()
    };
    // One turn at a time: the silent one gives its turn up at its own deadline, and the good one still has its.
    let each = Deadlines { total: Duration::from_secs(60), per_peer: Duration::from_secs(2) };
    let answers = dendrite.broadcast(&[silent.target(), good.target()], &question, each).await.unwrap();
    assert_eq!(kinds(answers), ["timeout", "ok"]);
    // The deadline for all comes first: whoever has had no turn by then fails with the others.
    let all = Deadlines { total: Duration::from_millis(500), per_peer: Duration::from_secs(60) };
    let answers = dendrite.broadcast(&[silent.target(), silent.target()], &question, all).await.unwrap();
    assert_eq!(kinds(answers), ["timeout", "timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_keeps_its_turn_until_its_end() {
    let endless = Fake::serve(|mut stream, _, _| async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nbt_header_axon_status_code: 200\r\n\r\nword";
        let _ = stream.write_all(head.as_bytes()).await;
        hold(stream).await;
    })
    .await;
    let good = Fake::says(success("{}")).await;
    let dendrite = Dendrite::new(DendriteConfig { max_in_flight: 1, ..config() }, alice()).unwrap();
    let short = Deadlines { total: Duration::from_secs(60), per_peer: Duration::from_secs(1) };
    let mut stream = dendrite.stream(&endless.target(), &prompt(), short).await.unwrap().unwrap();
    let question = question("k-1", Generation::July2025);
    let refused = dendrite.call(&good.target(), &question, deadlines(200)).await.unwrap();
    assert_eq!(refused.result, Err(Failure::Timeout), "the stream has the only turn");
    let refused = dendrite.stream(&endless.target(), &prompt(), deadlines(100)).await.unwrap();
    assert_eq!(refused.err(), Some(Failure::Timeout), "streams wait for theirs, too");
    while stream.next().await.is_some() {}
    assert_eq!(stream.failure(), Some(&Failure::Timeout));
    let answer = dendrite.call(&good.target(), &question, deadlines(LONG)).await.unwrap();
    assert!(answer.result.is_ok(), "a stream that is over has none: {:?}", answer.result);
}

/// A server that answers the first request of each connection and closes at the second without a word, as one does whose
/// patience with a resting connection ends just then. Notes the nonces.
async fn closes_kept_connections(nonces: &Arc<Mutex<Vec<u64>>>) -> Fake {
    let nonces = Arc::clone(nonces);
    Fake::serve(move |mut stream, head, _| {
        let nonces = Arc::clone(&nonces);
        async move {
            let nonce = |head: &str| header(head, "bt_header_dendrite_nonce").unwrap().parse().unwrap();
            nonces.lock().unwrap().push(nonce(&head));
            let _ = stream.write_all(success("{}").as_bytes()).await;
            if let Some((head, _)) = read_request(&mut stream).await {
                nonces.lock().unwrap().push(nonce(&head));
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_lost_on_a_closing_connection_is_asked_again_under_a_new_nonce() {
    let nonces = Arc::default();
    let fake = closes_kept_connections(&nonces).await;
    let dendrite = dendrite();
    for _ in 0..4 {
        let answer =
            dendrite.call(&fake.target(), &question("k-1", Generation::July2025), deadlines(LONG)).await.unwrap();
        assert!(answer.result.is_ok(), "{:?}", answer.result);
        // The client's own task takes the connection back a moment after the answer.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let nonces = nonces.lock().unwrap();
    assert!(nonces.len() > 4, "no request met a closing connection: the test is blind");
    assert!(nonces.is_sorted_by(|a, b| a < b), "{nonces:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_axon_that_hangs_up_is_not_asked_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::serve(move |stream, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        drop(stream);
        async {}
    })
    .await;
    assert!(matches!(ask(&fake).await, Err(Failure::Unreachable(_))));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// How many answers are in memory now, and how many were at most.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST_HELD: AtomicUsize = AtomicUsize::new(0);

/// An answer that is counted while it is in memory.
struct Counted(EventPredictionSynapse);

impl<'de> serde::Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counted = Self(EventPredictionSynapse::deserialize(deserializer)?);
        MOST_HELD.fetch_max(HELD.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Ok(counted)
    }
}

impl serde::Serialize for Counted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Synapse for Counted {
    const NAME: &'static str = EventPredictionSynapse::NAME;
}

impl Drop for Counted {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_that_are_gathered_few_are_whole_in_memory() {
    let fake = Fake::says(success(&answer_of_one_event())).await;
    HELD.store(1, Ordering::SeqCst);
    let asked = Counted(question("k-1", Generation::July2025));
    let take = |answer: Counted| answer.0.events["k-1"].forecast();
    let answers = dendrite().gather(&[fake.target(); 64], &asked, deadlines(LONG), take).await.unwrap();
    assert!(answers.iter().all(|answer| answer.result == Ok(Probability::clamped(0.25))), "{answers:?}");
    let (most, cores) = (MOST_HELD.load(Ordering::SeqCst), std::thread::available_parallelism().unwrap().get());
    assert!((2..=1 + cores).contains(&most), "{most} answers and the question were in memory at once");
}
