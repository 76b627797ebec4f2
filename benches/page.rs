//! The page at size: how long its first byte takes, how large each page is, and what many open pages cost.
//!
//! `cargo bench --bench page -- [EVENTS MINERS]` (20,000 and 256 by default). A ledger is filled, and its pages are served by this
//! process. Three other processes ask for pages, keep pages open, and write the ledger meanwhile, so that the processor time
//! of this one is the server's. `cargo bench --bench page -- show EVENTS MINERS` only serves the pages, to look at them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

#[path = "common/grown.rs"]
mod grown;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use neuron::clock;
use neuron::dashboard::{Dashboard, DashboardPort, Gate, Source};
use neuron::market::PriceSource;
use neuron::subnets::events::ledger::{EventsLedger, NewEvent, Options, PriceRow, Reasoning, Submission, Tick};
use neuron::subnets::registry;
use neuron::units::{Account, Identity, UnixMs};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use grown::{START, grow, new_event, round};

/// Requests for each page.
const REQUESTS: usize = 50;
/// Pages that are kept open, and for how long.
const OPEN: usize = 100;
const WATCHED: Duration = Duration::from_secs(20);
/// How often the ledger changes meanwhile: oftener than that of a validator, which has a round a minute.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// Rounds of the event that is open for long: 30 days in intervals of four hours.
const LONG_ROUNDS: i64 = 180;
const FOUR_HOURS: i64 = 4 * 3_600_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match words.as_slice() {
        ["ask", address, path] => println!("{}", ask(address.parse().unwrap(), path)),
        ["watch", address, paths @ ..] => println!("{}", runtime.block_on(watch(address.parse().unwrap(), paths))),
        ["write", ledger, miners] => runtime.block_on(write(Path::new(ledger), miners.parse().unwrap())),
        ["show", events, miners] => runtime.block_on(show(events.parse().unwrap(), miners.parse().unwrap())),
        [] => runtime.block_on(report(20_000, 256)),
        [events, miners] => runtime.block_on(report(events.parse().unwrap(), miners.parse().unwrap())),
        _ => panic!("expected nothing, or EVENTS MINERS"),
    }
}

fn identity(number: usize) -> Identity {
    let mut key = [9; 32];
    key[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes());
    Identity { hotkey: Account(key), registered_at: 7 }
}

/// Serves until Ctrl-C.
async fn show(events: usize, miners: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("validator.sqlite");
    fill(&path, miners, events).await;
    let page = serve(&path).await;
    println!("http://{}/ and /events/bench-long, /miners/{}", page.local_addr(), identity(1).hotkey);
    tokio::signal::ctrl_c().await.unwrap();
}

async fn report(events: usize, miners: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("validator.sqlite");
    let open = fill(&path, miners, events).await;
    println!(
        "{events} events, {open} of them open, {miners} miners, {} MB",
        std::fs::metadata(&path).unwrap().len() / 1_000_000
    );

    let page = serve(&path).await;
    let one = format!("/miners/{}", identity(1).hotkey);
    let last = format!("/events?page={}", events / 50 - 1);
    let paths = [
        "/",
        "/events",
        &last,
        "/events?state=open",
        "/events/bench-0",
        "/events/bench-long",
        "/miners",
        &one,
        "/weights",
    ];
    println!(
        "| page | the very first time | first byte, median of {REQUESTS} | slowest of them | bytes |\n|---|---|---|---|---|"
    );
    for path in paths {
        println!("| {path} | {} |", heard(child(&["ask", &page.local_addr().to_string(), path])).await);
    }

    let address = page.local_addr().to_string();
    let mut writer = child(&["write", path.to_str().unwrap(), &miners.to_string()]);
    println!("| {OPEN} open pages for {} s | share of a core | pages sent |\n|---|---|---|", WATCHED.as_secs());
    let mixes: [(&str, &[&str]); 3] =
        [("all on the overview", &["/"]), ("all on the miners", &["/miners"]), ("each on one of these", &paths)];
    for (name, paths) in mixes {
        let arguments: Vec<&str> = ["watch", &address].into_iter().chain(paths.iter().copied()).collect();
        let (before, began) = (processor_time(), clock::monotonic());
        let sent = heard(child(&arguments)).await;
        let share = (processor_time() - before).as_secs_f64() / began.elapsed().as_secs_f64();
        println!("| {name} | {:.1} % | {sent} |", share * 100.0);
    }
    let _ = writer.kill();
    let _ = writer.wait();
}

/// This program again, with other work.
fn child(words: &[&str]) -> Child {
    Command::new(std::env::current_exe().unwrap()).args(words).stdout(Stdio::piped()).spawn().unwrap()
}

/// What it says until it ends.
async fn heard(child: Child) -> String {
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert!(ended.status.success());
    String::from_utf8(ended.stdout).unwrap().trim().to_owned()
}

/// What this process has used of all cores.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in parentheses; in ticks, of which every Linux counts a hundred a second.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    Duration::from_millis((fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10)
}

async fn serve(ledger: &Path) -> Dashboard {
    let source = Source::at_rest(ledger, registry::layers().resolve().unwrap()).unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let gate = Gate::of(address.ip(), None, Path::new("unused")).unwrap();
    DashboardPort::take(address, gate).await.unwrap().serve(source)
}

/// A ledger of `events`, of which one in twenty is open, and one more that is open for a month, with reasons of every miner. Says
/// how many are open.
async fn fill(path: &Path, miners: usize, events: usize) -> usize {
    let open = (events / 20).max(1);
    let settled = events.saturating_sub(open);
    let miners: Vec<Identity> = (0..miners).map(identity).collect();
    grow(path, &miners, settled).await;
    let ledger = EventsLedger::open(path, Options::default()).unwrap();
    let events = settled..settled + open;
    ledger.upsert_events(events.clone().map(new_event).collect()).await.unwrap();
    for part in events.step_by(200) {
        let part = part..(part + 200).min(settled + open);
        ledger.record_tick(round(&miners, part, START.plus_ms(60_000))).await.unwrap();
    }
    let cutoff = START.plus_ms((LONG_ROUNDS + 1) * FOUR_HOURS);
    ledger
        .upsert_events(vec![NewEvent { key: "bench-long".into(), id: "long".into(), cutoff, ..new_event(0) }])
        .await
        .unwrap();
    for number in 0..LONG_ROUNDS {
        ledger.record_tick(long_round(&miners, START.plus_ms(number * FOUR_HOURS + 60_000))).await.unwrap();
    }
    open
}

/// A round about the event that is open for long.
fn long_round(miners: &[Identity], at: UnixMs) -> Tick {
    let event: Arc<str> = "bench-long".into();
    let phase = at.0 as f64 / 1e8;
    let prices =
        vec![PriceRow { event: Arc::clone(&event), price: 0.5 + 0.3 * phase.sin(), at, source: PriceSource::File }];
    let say = |(number, identity): (usize, &Identity)| Submission {
        identity: *identity,
        event: Arc::clone(&event),
        p: 0.5 + 0.4 * (phase + number as f64).sin(),
        at,
    };
    let text = format!("I read the news. {}", "They point this way. ".repeat(20));
    let reason =
        |identity: &Identity| Reasoning { identity: *identity, event: Arc::clone(&event), text: text.as_str().into() };
    Tick {
        at,
        prices,
        submissions: miners.iter().enumerate().map(say).collect(),
        reasonings: miners.iter().map(reason).collect(),
        ..Tick::default()
    }
}

/// Writes rounds until it is ended.
async fn write(ledger: &Path, miners: usize) {
    let miners: Vec<Identity> = (0..miners).map(identity).collect();
    let ledger = EventsLedger::open(ledger, Options::default()).unwrap();
    for number in 0.. {
        let at = START.plus_ms(LONG_ROUNDS * FOUR_HOURS + number * 1_000);
        ledger.record_tick(long_round(&miners, at)).await.unwrap();
        tokio::time::sleep(WRITE_EVERY).await;
    }
}

/// Asks for a page, each time on a connection of its own.
fn ask(address: SocketAddr, path: &str) -> String {
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..=REQUESTS {
        let began = clock::monotonic();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut first = [0];
        stream.read_exact(&mut first).unwrap();
        let took = began.elapsed();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.starts_with(b"TTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&rest));
        bytes = rest.len() - rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() - 4;
        times.push(took);
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    // The very first one may find nothing remembered.
    let first = times.remove(0);
    times.sort();
    format!("{:.1} ms | {:.1} ms | {:.1} ms | {bytes}", ms(first), ms(times[REQUESTS / 2]), ms(times[REQUESTS - 1]))
}

/// Keeps pages open as a browser does: it waits for a change, then asks for its page again. Says how many it was sent, and how many
/// it had already.
async fn watch(address: SocketAddr, paths: &[&str]) -> String {
    let mut open = tokio::task::JoinSet::new();
    for number in 0..OPEN {
        let path = paths[number % paths.len()].to_owned();
        open.spawn(async move {
            let (mut sent, mut had) = (0, 0);
            let looking = look(address, &path, &mut sent, &mut had);
            let ended = tokio::time::timeout(WATCHED, looking).await;
            assert!(ended.is_err(), "an open page ended");
            (sent, had)
        });
    }
    let (sent, had) = open.join_all().await.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(sent > 0, "nobody was told of a change");
    format!("{sent}, and {had} answers that nothing in it has changed")
}

async fn look(address: SocketAddr, path: &str, sent: &mut usize, had: &mut usize) {
    let mut live = tokio::net::TcpStream::connect(address).await.unwrap();
    live.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n").await.unwrap();
    let mut lines = BufReader::new(live).lines();
    let mut tag = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let Some(number) = line.strip_prefix("id:").or_else(|| line.strip_prefix("id: ")) else { continue };
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-neuron-told: {}\r\nif-none-match: {tag}\r\n\r\n",
            number.trim()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let head = String::from_utf8_lossy(&answer[..answer.len().min(2_000)]).into_owned();
        match head.split(' ').nth(1) {
            Some("200") => *sent += 1,
            Some("304") => *had += 1,
            other => panic!("{path}: {other:?}"),
        }
        let name = head.lines().find_map(|line| line.strip_prefix("etag: "));
        tag = name.unwrap_or_default().to_owned();
    }
}
