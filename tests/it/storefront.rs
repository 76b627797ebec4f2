//! The storefront, over a ledger and by the real binary: its numbers are those of the ledger, lists are whole while they grow,
//! only who has a key comes in, and a validator's writes do not wait for readers.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use neuron::clock::Clock;
use neuron::gateway::{KeyFile, KeyRow, NewKey};
use neuron::scoring::Rules;
use neuron::scoring::community::community;
use neuron::scoring::ranks::{Batch, Judged, RankModel};
use neuron::storefront::{OPENAPI, Source, Storefront, StorefrontError, StorefrontPort};
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, Options, Outcome, PriceRow, Resolution, Submission, Tick,
};
use neuron::units::UnixMs;
use serde_json::Value;

use crate::dashboard::{HOSTILE, event, filled, miner, tick};
use crate::{json_schema, support};

const START: UnixMs = UnixMs(1_767_225_600_000);

/// An open storefront, with a key to it.
pub struct Front {
    pub open: Storefront,
    pub key: String,
    keys: PathBuf,
    client: reqwest::Client,
}

impl Front {
    /// Over `ledger`, at a moment of its own.
    pub async fn over(ledger: &Path, now: UnixMs) -> Self {
        Self::with_limit(ledger, now, None).await
    }

    async fn with_limit(ledger: &Path, now: UnixMs, requests_per_minute: Option<u32>) -> Self {
        neuron::market::install_tls();
        let keys = ledger.with_file_name("keys.toml");
        let NewKey { key, row } = NewKey::make("alice");
        KeyFile::open(&keys).unwrap().add(KeyRow { requests_per_minute, ..row }).unwrap();
        let port = StorefrontPort::take("127.0.0.1:0".parse().unwrap(), &keys).await.unwrap();
        let (ledger, rules) = (ledger.to_owned(), Rules::default());
        let source = Source {
            ledger: ledger.into(),
            rules,
            subnet: None,
            clock: Clock::stepped(now),
            oldest: Duration::MAX,
            ranks: 2,
        };
        Self { open: port.serve(source), key, keys, client: reqwest::Client::new() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.open.local_addr())
    }

    fn asks(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(self.url(path)).header("x-api-key", &self.key)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.asks(path).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// A good answer, of the shape that the document promises.
    async fn read(&self, path: &str, shape: &str) -> Value {
        let (status, value) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {value}");
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        json_schema::check_in(&document, &document["components"]["schemas"][shape], shape, &value);
        value
    }

    /// A refusal.
    async fn refused(&self, path: &str) -> (u16, String) {
        let (status, value) = self.get(path).await;
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        json_schema::check_in(&document, &document["components"]["schemas"]["Problem"], "Problem", &value);
        (status, value["code"].as_str().unwrap().to_owned())
    }
}

/// The key of the `i`-th event in an address.
pub fn part(i: usize) -> String {
    event(i, "").key.replace('/', "%2F").replace('?', "%3F").replace('<', "%3C").replace('>', "%3E")
}

#[tokio::test]
async fn what_it_says_is_what_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &HOSTILE).await);
    // The interval in which everything was said.
    let front = Front::over(&path, START.plus_ms(1_800_000)).await;
    let archive = Archive::open(&path).unwrap();

    let events = front.read("/api/events", "Events").await;
    let said: BTreeSet<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["description"].as_str().unwrap()).collect();
    assert_eq!(said, HOSTILE.into(), "what strangers ask arrives as they wrote it, inside JSON");
    let open = front.read("/api/events?state=open", "Events").await;
    assert_eq!(open["events"].as_array().unwrap().len(), 1);

    let one = front.read(&format!("/api/events/{}", part(0)), "Event").await;
    assert_eq!(
        (one["state"].as_str(), one["outcome"].as_f64(), one["price"].as_f64()),
        (Some("scored"), Some(1.0), Some(0.5))
    );
    assert_eq!(one["opened_at"], "2026-01-01T00:00:00Z");

    let scores = front.read(&format!("/api/events/{}/scores", part(0)), "Scores").await;
    let (_, mut kept) = archive.scores_of(&event(0, "").key).unwrap().unwrap();
    kept.sort_by_key(|(identity, _)| *identity);
    let shown: Vec<f64> = scores["scores"].as_array().unwrap().iter().map(|s| s["score"].as_f64().unwrap()).collect();
    assert_eq!(shown, kept.iter().map(|(_, score)| *score).collect::<Vec<_>>());
    assert!(shown[0] > shown[1]);

    let miners = front.read("/api/miners", "Miners").await;
    let standings = archive.standings(&Rules::default()).unwrap();
    assert_eq!(miners["miners"][0]["miner_hotkey"], miner(1).hotkey.ss58(), "the best first");
    assert_eq!(miners["events"], standings.events);
    let shares: f64 = miners["miners"].as_array().unwrap().iter().map(|m| m["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-12);
    let own = front.read(&format!("/api/miners/{}", miner(2).hotkey), "Standing").await;
    assert_eq!(own["average"], standings.miners.iter().find(|s| s.identity == miner(2)).unwrap().average);
}

#[tokio::test]
async fn what_the_miners_say_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two", "three"]).await;
    // A third miner, without any score, says something in the last interval only.
    let at = START.plus_ms(31 * 60_000);
    let key: Arc<str> = event(2, "").key.into();
    let price = PriceRow { event: key.clone(), price: 0.5, at, source: neuron::market::PriceSource::File };
    let said = Submission { identity: miner(3), event: key, p: 0.05, at };
    ledger.record_tick(Tick { at, prices: vec![price], submissions: vec![said], ..Tick::default() }).await.unwrap();

    let front = Front::over(&path, START.plus_ms(1_900_000)).await;
    let forecast = front.read(&format!("/api/events/{}/forecast", part(2)), "Forecast").await;
    let interval = &forecast["intervals"][0];
    let near = |value: &Value, want: f64| assert!((value.as_f64().unwrap() - want).abs() < 1e-9, "{value} {want}");
    assert_eq!((interval["miners"].as_u64(), interval["answers"].as_u64()), (Some(3), Some(59)));
    near(&interval["median"], 0.45);
    near(&interval["mean"], (0.8 + 0.45 + 0.05) / 3.0);
    near(&interval["price"], 0.5);

    // By the rewards: those of the two who have any.
    let archive = Archive::open(&path).unwrap();
    let reward = |n| {
        archive.standings(&Rules::default()).unwrap().miners.iter().find(|s| s.identity == miner(n)).unwrap().reward
    };
    let want = community(vec![(reward(1), 0.8), (reward(2), 0.45), (0.0, 0.05)]).unwrap();
    assert!(want > 0.5, "the better miner is heard more");
    let route = format!("/api/events/{}/community_prediction", part(2));
    let said = front.read(&route, "CommunityPrediction").await;
    near(&said["community_prediction"], want);
    assert!(said["community_prediction_lr"].is_null(), "all was scored in one batch: nobody had a rank before");
    near(&interval["community_prediction"], want);

    let several =
        format!("/api/events/community_predictions/?event_ids={}&event_ids=none&event_ids={}", part(2), part(0));
    let several = front.read(&several, "CommunityPredictions").await;
    assert_eq!(several["count"], 2);
    assert_eq!(several["community_predictions"][0], said);

    let predictions = front.read(&format!("/api/events/{}/predictions", part(2)), "Predictions").await;
    assert_eq!(predictions["count"], 3);
    let third = miner(3).hotkey.ss58();
    let third = predictions["predictions"].as_array().unwrap().iter().find(|p| p["miner_hotkey"] == *third).unwrap();
    assert_eq!((third["latest_prediction"].as_f64(), third["interval_count"].as_u64()), (Some(0.05), Some(1)));

    // Four hours later nobody has said anything, and two days later no score counts.
    let later = Front::over(&copy(&path, "later"), START.plus_ms(5 * 3_600_000)).await;
    assert!(later.read(&route, "CommunityPrediction").await["community_prediction"].is_null());
    let stale = Front::over(&copy(&path, "stale"), START.plus_ms(3 * 24 * 3_600_000)).await;
    let forecast = stale.read(&format!("/api/events/{}/forecast", part(2)), "Forecast").await;
    near(&forecast["intervals"][0]["community_prediction"], (0.8 + 0.45 + 0.05) / 3.0);
}

#[tokio::test]
async fn a_second_opinion_is_learnt_from_how_events_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = EventsLedger::open(&path, Options::default()).unwrap();
    let events: Vec<_> = (0..14).map(|i| event(i, "a question")).collect();
    ledger.upsert_events(events.clone()).await.unwrap();
    for minute in 1..30 {
        tick(&ledger, &events, minute).await;
    }
    // Three events are scored at once, ten in the batch after; one of those is split, and nothing is learnt from it.
    for (i, event) in events.iter().enumerate().take(13) {
        let outcome = Outcome::Payout(if i == 12 { 0.5 } else { f64::from(u8::from(i % 2 == 0)) });
        let seen = START.plus_ms(if i < 3 { 0 } else { 4 * 3_600_000 });
        let at = Some(START.plus_ms(3_600_000));
        ledger.resolve(Resolution { event: event.key.clone(), outcome, at, seen }).await.unwrap();
    }
    // Said by hand once more: miner 1 stands better than miner 2 after the first batch.
    let judged = |i: usize| {
        let (outcome, first) = if i.is_multiple_of(2) { (true, 0.8) } else { (false, 0.2) };
        Judged { outcome, said: vec![(1, first), (2, 0.45)] }
    };
    let learnt = (3..12).map(judged).collect();
    let by_hand = [
        Batch { number: 0, best: vec![1, 2], events: Vec::new() },
        Batch { number: 1, best: vec![1, 2], events: learnt },
    ];
    let by_hand = RankModel::learn(&by_hand, 2).unwrap();
    let want = by_hand.chances(&[vec![0.2, 0.45]])[0].unwrap();
    assert!(want < 0.5, "the better miner doubts it: {want}");

    let front = Front::over(&path, START.plus_ms(1_900_000)).await;
    let route = format!("/api/events/{}/community_prediction", part(13));
    let learnt = async {
        loop {
            let said = front.read(&route, "CommunityPrediction").await;
            match said["community_prediction_lr"].as_f64() {
                Some(opinion) => return opinion,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let opinion = tokio::time::timeout(Duration::from_secs(20), learnt).await.expect("it was never learnt");
    assert!((opinion - want).abs() < 1e-9, "{opinion} {want}");

    // One miner too few: no opinion, but for who is asked together with one that has enough.
    let alone =
        Submission { identity: miner(1), event: event(20, "").key.into(), p: 0.2, at: START.plus_ms(1_860_000) };
    ledger.upsert_events(vec![event(20, "another")]).await.unwrap();
    let price =
        PriceRow { event: alone.event.clone(), price: 0.5, at: alone.at, source: neuron::market::PriceSource::File };
    let round = Tick { at: alone.at, prices: vec![price], submissions: vec![alone], ..Tick::default() };
    ledger.record_tick(round).await.unwrap();
    let route = format!("/api/events/{}/community_prediction", part(20));
    let said = front.read(&route, "CommunityPrediction").await;
    assert!(said["community_prediction_lr"].is_null() && said["community_prediction"].is_number(), "{said}");
    let both = format!("/api/events/community_predictions/?event_ids={}&event_ids={}", part(20), part(13));
    let both = front.read(&both, "CommunityPredictions").await;
    let filled = both["community_predictions"][0]["community_prediction_lr"].as_f64().unwrap();
    assert!((filled - by_hand.chances(&[vec![0.2, 0.2], vec![0.2, 0.45]])[0].unwrap()).abs() < 1e-9, "{both}");
}

/// A copy in a folder of its own, so that each storefront has its file of keys.
fn copy(ledger: &Path, name: &str) -> PathBuf {
    let folder = ledger.with_file_name(name);
    std::fs::create_dir(&folder).unwrap();
    let to = folder.join("ledger.sqlite");
    Archive::open(ledger).unwrap().copy_to(&to).unwrap();
    to
}

#[tokio::test]
async fn a_list_is_whole_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let questions: Vec<String> = (0..23).map(|i| format!("question {i}")).collect();
    let questions: Vec<&str> = questions.iter().map(String::as_str).collect();
    let ledger = filled(&path, &questions).await;
    let front = Front::over(&path, START).await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = front.read(&format!("/api/events?limit=5{next}"), "Events").await;
        let keys = page["events"].as_array().unwrap().iter().map(|e| e["unique_event_id"].as_str().unwrap().to_owned());
        seen.extend(keys);
        ledger.upsert_events(vec![event(100 + seen.len(), "came later")]).await.unwrap();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(seen, (0..23).rev().map(|i| event(i, "").key).collect::<Vec<_>>());

    let mut lines = Vec::new();
    let history = format!("/api/miners/{}/history?limit=4", miner(1).hotkey);
    let mut next = String::new();
    loop {
        let page = front.read(&format!("{history}{next}"), "History").await;
        lines.extend(page["history"].as_array().unwrap().iter().map(|line| line["score"].as_f64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    let kept = Archive::open(&path).unwrap().history(miner(1), 100).unwrap();
    assert_eq!(lines, kept.iter().filter_map(|line| line.score).collect::<Vec<_>>());
    assert_eq!(lines.len(), 22);

    let (mut prices, mut next) = (0, String::new());
    loop {
        let page = front.read(&format!("/api/events/{}/prices?limit=10{next}", part(0)), "Prices").await;
        prices += page["prices"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(prices, 29);
}

#[tokio::test]
async fn only_who_has_a_key_comes_in_and_not_too_often() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &["one", "two"]).await);
    let front = Front::with_limit(&path, START, Some(12)).await;
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let client = reqwest::Client::new();
    for place in ["/api/events", "/api/stream", "/api/nothing", "/api/events/none/scores"] {
        assert_eq!(status(client.get(front.url(place))).await, 401, "{place}");
        assert_eq!(status(client.get(front.url(place)).header("x-api-key", "nk-guess")).await, 403, "{place}");
    }
    for place in ["/api/health", "/openapi.json", "/api/openapi.json"] {
        assert_eq!(status(client.get(front.url(place))).await, 200, "{place}");
    }
    assert_eq!(status(client.get(front.url("/api/events")).bearer_auth(&front.key)).await, 200);
    assert_eq!(
        status(client.request(reqwest::Method::OPTIONS, front.url("/api/events"))).await,
        204,
        "browsers ask first"
    );

    assert_eq!(front.refused("/api/events/none").await, (404, "event_not_found".to_owned()));
    assert_eq!(front.refused(&format!("/api/miners/{}", miner(9).hotkey)).await, (404, "miner_not_found".to_owned()));
    assert_eq!(front.refused("/api/nothing").await, (404, "path_not_found".to_owned()));
    for wrong in ["events?limit=0", "events?cursor=x", "events?state=odd", "events?limit=%FF"] {
        assert_eq!(front.refused(&format!("/api/{wrong}")).await, (422, "bad_request".to_owned()), "{wrong}");
    }
    let many = "event_ids=x&".repeat(21);
    assert_eq!(front.refused(&format!("/api/events/community_predictions/?{many}")).await.0, 422);
    let posted = client.post(front.url("/api/events")).header("x-api-key", &front.key);
    assert_eq!(status(posted).await, 405);

    // The same again is sent by name alone.
    let first = front.asks("/api/events").send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let again = front.asks("/api/events").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &tag));

    let last = front.asks("/api/events").send().await.unwrap();
    assert_eq!(last.status().as_u16(), 429);
    assert!(last.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 61);
    assert_eq!(front.refused("/api/miners").await, (429, "too_many_requests".to_owned()));
}

#[tokio::test]
async fn without_keys_it_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.toml");
    let none = StorefrontPort::take("127.0.0.1:0".parse().unwrap(), &keys).await.unwrap_err();
    assert!(
        matches!(&none, StorefrontError::NoKeys(_)) && none.to_string().contains("neuron storefront key add"),
        "{none}"
    );
}

#[tokio::test]
async fn a_stream_tells_what_changes_and_what_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two"]).await;
    let front = Front::over(&path, START).await;
    let read = async |mut answer: reqwest::Response, until: &str| {
        let mut text = String::new();
        let reading = async {
            while !text.contains(until) {
                text.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().expect("the stream ended")));
            }
        };
        tokio::time::timeout(Duration::from_secs(20), reading).await.expect("nothing was told");
        text
    };
    let listening = front.asks("/api/stream").send().await.unwrap();
    assert_eq!(listening.headers()["content-type"], "text/event-stream");
    ledger.upsert_events(vec![event(7, "new")]).await.unwrap();
    tick(&ledger, &[event(1, "two")], 40).await;
    let text = read(listening, "event: tick").await;
    let change =
        text.lines().find_map(|line| line.strip_prefix("data: ").filter(|data| data.contains("cutoff"))).unwrap();
    let change: Value = serde_json::from_str(change).unwrap();
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    json_schema::check_in(&document, &document["components"]["schemas"]["Change"], "Change", &change);
    assert_eq!((change["unique_event_id"].as_str().unwrap(), &change["state"]), (&*event(7, "").key, &"open".into()));

    let missed = front.asks("/api/stream").header("last-event-id", "1").send().await.unwrap();
    let text = read(missed, "id: 4").await;
    assert_eq!(text.matches("event: change").count(), 3, "{text}");
    assert!(text.contains("id: 2\n") && text.contains("id: 3\n") && text.contains("scored"), "{text}");
    assert_eq!(front.asks("/api/stream").header("last-event-id", "x").send().await.unwrap().status(), 422);

    // Who loses the key hears no more.
    let mut listening = front.asks("/api/stream").send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    KeyFile::open(&front.keys).unwrap().revoke("alice").unwrap();
    ledger.upsert_events(vec![event(8, "newer")]).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(20), async {
        while let Ok(Some(chunk)) = listening.chunk().await {
            assert!(!String::from_utf8_lossy(&chunk).contains("event: change"));
        }
    });
    end.await.expect("the stream goes on");
}

#[tokio::test]
async fn writes_do_not_wait_for_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let questions = vec!["a question"; 60];
    let ledger = filled(&path, &questions).await;
    let front = Arc::new(Front::over(&path, START.plus_ms(1_800_000)).await);
    let until = Instant::now() + Duration::from_secs(3);
    let readers: Vec<_> = (0..8)
        .map(|n| {
            let front = Arc::clone(&front);
            tokio::spawn(async move {
                let mut read = 0;
                while Instant::now() < until {
                    let place = format!("/api/events/{}/forecast", part((n * 7 + read) % 60));
                    for path in [place.as_str(), "/api/events?limit=200", "/api/miners"] {
                        let (status, value) = front.get(path).await;
                        assert_eq!(status, 200, "{value}");
                    }
                    read += 1;
                }
                read
            })
        })
        .collect();
    let (mut ticks, events) = (0, (0..60).map(|i| event(i, "a question")).collect::<Vec<_>>());
    while Instant::now() < until {
        tick(&ledger, &events, 31 + ticks).await;
        ticks += 1;
    }
    let mut read = 0;
    for reader in readers {
        read += reader.await.unwrap();
    }
    assert!(ticks > 5 && read > 8, "{ticks} ticks beside {read} rounds of reading");
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked_by_the_command() {
    neuron::market::install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &["one", "two"]).await);
    let run = |arguments: &[&str]| {
        let output = support::neuron().args(arguments).arg("--db.directory").arg(folder.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let ledger = path.to_str().unwrap();
    let (status, text) = run(&["storefront", "--ledger", ledger, "--storefront.port", "0"]);
    assert!(status == 4 && text.contains("neuron storefront key add"), "{status} {text}");

    let (status, made) = run(&["storefront", "key", "add", "alice", "--requests-per-minute", "60", "--output", "json"]);
    assert_eq!(status, 0, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    json_schema::check_printed(&["storefront", "key", "add"], &made);
    let (_, list) = run(&["storefront", "key", "list", "--output", "json"]);
    json_schema::check_printed(&["storefront", "key", "list"], &serde_json::from_str(&list).unwrap());
    let key = made["key"].as_str().unwrap();
    assert_eq!(run(&["storefront", "key", "add", "alice"]).0, 10);
    let (_, list) = run(&["storefront", "key", "list"]);
    assert!(list.contains("alice") && list.contains("60 a minute") && !list.contains(key), "{list}");
    let file = std::fs::read_to_string(folder.path().join("storefront-keys.toml")).unwrap();
    assert!(!file.contains(key));

    let arguments = ["storefront", "--ledger", ledger, "--storefront.port", "0"];
    let mut command = support::neuron();
    command.args(arguments).arg("--db.directory").arg(folder.path()).stderr(Stdio::piped());
    let mut process = support::Process(command.spawn().unwrap());
    let said = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut said =
        said.filter_map(|line| Some(line.split_once("storefront: http://")?.1.split('/').next()?.to_owned()));
    let address = said.next().expect("it says where it is");
    let asked = reqwest::Client::new().get(format!("http://{address}/api/events")).header("x-api-key", key);
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    drop(process);
    assert_eq!(answer["events"].as_array().unwrap().len(), 2);

    assert_eq!(run(&["storefront", "key", "revoke", "alice"]).0, 0);
    assert_eq!(run(&["storefront", "key", "revoke", "alice"]).0, 4);
}

#[tokio::test]
async fn a_ledger_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sqlite");
    std::fs::write(&path, "no database at all, but long enough to be looked at by SQLite").unwrap();
    let resolved = neuron::subnets::registry::layers().resolve().unwrap();
    assert!(Source::at_rest(&path, &resolved).unwrap_err().to_string().contains("x.sqlite"));
    let ledger = folder.path().join("ledger.sqlite");
    drop(EventsLedger::open(&ledger, Default::default()).unwrap());
    assert!(Source::at_rest(&ledger, &resolved).is_ok());
}
