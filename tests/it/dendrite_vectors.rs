//! What our dendrite concludes of servers that the Python dendrite was shown.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use neuron::dendrite::Target;
use neuron::subnets::events::synapse::Generation;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::wire_fakes::{Fake, LONG, deadlines, dendrite, prompt, question};
use crate::wire_vectors::{cases, text};

tests! { asynchronous: recorded_servers }

/// The first thing a recorded server sent, and how its sending ended.
#[derive(Debug, Default)]
struct Sent {
    status: u16,
    headers: Vec<(String, String)>,
    /// The body, chunks joined.
    body: Vec<u8>,
    /// Whether a chunk alone is no UTF-8.
    splits_characters: bool,
    /// Whether it is HTTP with its whole body.
    is_whole: bool,
}

impl Sent {
    fn read(script: &[Value]) -> Self {
        let sent: Vec<u8> = script.iter().filter_map(|step| step["send_base64"].as_str()).flat_map(decoded).collect();
        let Some(end) = sent.windows(4).position(|window| window == b"\r\n\r\n") else { return Self::default() };
        let head = sent[..end].iter().map(|byte| char::from(*byte)).collect::<String>();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok());
        let Some(status) = status else { return Self::default() };
        let headers =
            lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let mut read = Self { status, headers, is_whole: true, ..Self::default() };
        let body = &sent[end + 4..];
        if read.header("transfer-encoding").is_some() {
            read.join_chunks(body);
        } else {
            let length = read.header("content-length").map_or(body.len(), |length| length.parse().unwrap());
            (read.is_whole, read.body) = (body.len() >= length, body.to_vec());
        }
        read
    }

    fn join_chunks(&mut self, mut rest: &[u8]) {
        self.is_whole = false;
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let size =
                std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok()).unwrap();
            let chunk = rest.get(end + 2..end + 2 + size).unwrap_or_default();
            self.splits_characters |= std::str::from_utf8(chunk).is_err();
            self.body.extend_from_slice(chunk);
            self.is_whole |= size == 0;
            rest = rest.get(end + 4 + size..).unwrap_or_default();
        }
        self.splits_characters &= std::str::from_utf8(&self.body).is_ok();
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn states(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }
}

fn decoded(text: &str) -> Vec<u8> {
    BASE64.decode(text).unwrap()
}

/// Whether the script waits longer than the recorded client did.
fn is_slow(case: &Value) -> bool {
    let waits = case["server_script"].as_array().unwrap().iter().filter_map(|step| step["sleep"].as_f64());
    waits.sum::<f64>() >= case["client_timeout"].as_f64().unwrap()
}

/// Where our conclusion differs from the Python dendrite's, by what the server sent, and why.
fn ours_instead(case: &Value, asked: &str) -> Option<u16> {
    let script = case["server_script"].as_array().unwrap();
    let sent = Sent::read(script);
    if script.iter().all(|step| step["send_base64"].is_null()) {
        // Closed without a word is unreachable, whether by FIN or by RST.
        return Some(503);
    }
    if is_slow(case) {
        return None;
    }
    if (300..400).contains(&sent.status) {
        // Redirects are not followed: an axon could aim them at internal addresses.
        return Some(sent.status);
    }
    if !sent.is_whole {
        // A cut is no answer; Python says 400 for the same.
        return Some(422);
    }
    let json: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
    let status = sent.header("bt_header_axon_status_code").and_then(|status| status.parse::<u16>().ok());
    match (sent.status, status) {
        // A contradiction is no answer of this protocol (Python notes a success without data).
        (http, Some(200)) if http != 200 => return Some(422),
        (200, Some(200)) => {}
        // Nor is one without a status anywhere (Python notes no status).
        (200, None) => return (json["axon"]["status_code"].is_null()).then_some(422),
        // A refusal stays one, however its body looks.
        (http, None) => return Some(http),
        (_, Some(_)) => return None,
    }
    // Who answers must be who was asked; Python checks nothing.
    if sent.header("bt_header_axon_hotkey").is_some_and(|hotkey| hotkey != asked) {
        return Some(422);
    }
    let is_no_number = |name: &str| sent.header(name).is_some_and(|value| value.parse::<f64>().is_err());
    let is_null = |member: &str| json.get(member).is_some_and(Value::is_null);
    let tolerated = [
        // HTTP header names have no case: what a proxy capitalised still counts.
        !sent.states("bt_header_axon_status_code"),
        // One Rust type reads both generations, and that of 2024 has no required field.
        json.is_object() && json["events"].is_null(),
        // Null terminals are tolerated; Python loses the answer, or its whole fan-out.
        is_null("axon") || is_null("dendrite"),
        // Headers that nothing needs are not read, however wrong or long.
        is_no_number("timeout") || is_no_number("bt_header_axon_nonce"),
        sent.headers.iter().any(|(_, value)| value.len() > 8190),
        // A character split over two chunks is put together.
        sent.splits_characters,
    ];
    tolerated.contains(&true).then_some(200)
}

/// Plays a recorded server: sends, waits, closes or resets.
async fn play(script: Vec<Value>, mut stream: TcpStream) {
    for step in script {
        if let Some(bytes) = step["send_base64"].as_str() {
            if stream.write_all(&BASE64.decode(bytes).unwrap()).await.is_err() {
                return;
            }
        } else if let Some(seconds) = step["sleep"].as_f64() {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        } else if step["tcp"] == "rst" {
            stream.set_zero_linger().unwrap();
            return;
        }
    }
    // Whether an answer without length ends here or a kept connection closes is the same FIN.
    let _ = stream.shutdown().await;
}

/// What our dendrite concludes: status and, for streams, the text that came.
async fn conclude(case: &Value, meta: &Value, fake: &Fake) -> (u16, Option<String>) {
    // Cases of slow peers keep the time that the recorded client waited, the others must not fail by load.
    let ms = if is_slow(case) { (case["client_timeout"].as_f64().unwrap() * 1e3) as u64 } else { LONG };
    let dendrite = dendrite();
    let target = Target { hotkey: text(meta, "axon_hotkey").parse().unwrap(), ..fake.target() };
    if case["synapse"] != "stream" {
        let generation = if case["synapse"] == "v1" { Generation::June2024 } else { Generation::July2025 };
        let answer =
            dendrite.call(&target, &question(text(meta, "asked_event_key"), generation), deadlines(ms)).await.unwrap();
        return (answer.result.map_or_else(|failure| failure.status(), |_| 200), None);
    }
    match dendrite.stream(&target, &prompt(), deadlines(ms)).await.unwrap() {
        Ok(stream) => {
            let streamed = stream.collect().await;
            (streamed.partial.map_or(200, |failure| failure.status()), Some(streamed.text))
        }
        Err(failure) => (failure.status(), None),
    }
}

async fn recorded_servers() {
    for sdk in ["10", "7"] {
        let (meta, cases) = cases(&format!("dendrite_reactions_sdk{sdk}.json"), "cases");
        let played = cases.into_iter().filter(|case| !case["server_script"].is_null());
        let meta = &meta;
        let conclusions = played.map(|case| async move {
            let script = case["server_script"].as_array().unwrap().clone();
            let fake = Fake::serve(move |stream, _, _| play(script.clone(), stream)).await;
            let ours = conclude(&case, meta, &fake).await;
            (case, ours)
        });
        for (case, (status, completion)) in futures_util::future::join_all(conclusions).await {
            let id = text(&case, "id");
            let recorded = case["result"]["dendrite_status_code"].as_u64().map_or(422, |code| code as u16);
            // SDK 7 knows fewer codes: it says 422 for every client error.
            let expected = ours_instead(&case, text(meta, "axon_hotkey")).unwrap_or(if sdk == "7" && recorded == 422 {
                status
            } else {
                recorded
            });
            assert_eq!(status, expected, "{id} (SDK {sdk})");
            if let (Some(ours), Some(theirs)) = (completion, case["result"]["completion"].as_str()) {
                // Python decodes each chunk by itself.
                let sent = Sent::read(case["server_script"].as_array().unwrap());
                let whole = String::from_utf8_lossy(&sent.body);
                let theirs = if sent.splits_characters { &*whole } else { theirs };
                assert_eq!(ours, theirs, "{id} (SDK {sdk})");
            }
        }
    }
}
