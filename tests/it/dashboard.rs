//! The page, served from a ledger and by the real binary: its numbers are those of the reports, strangers' words stay words, a
//! change is told, and who may not look sees nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use neuron::dashboard::{Dashboard, DashboardPort, Gate, Source};
use neuron::scoring::Rules;
use neuron::scoring::admission::EventState;
use neuron::subnets::events::ledger::{
    Archive, EventsLedger, NewEvent, Options, Outcome, PriceRow, Reasoning, Resolution, Submission, Tick,
};
use neuron::subnets::registry;
use neuron::units::{Account, Identity, UnixMs};

/// What a stranger may call a question.
pub const HOSTILE: [&str; 5] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "</title></main><h1>gone</h1>",
    "a\u{202e}b\u{1b}[2J\u{200b}",
    "javascript:alert(1)",
];
const START: UnixMs = UnixMs(1_767_225_600_000);

pub fn miner(n: u8) -> Identity {
    Identity { hotkey: Account([n; 32]), registered_at: 7 }
}

/// A ledger with one event for each question, all but the last of them scored: two miners, of whom the first is better.
pub async fn filled(path: &Path, questions: &[&str]) -> EventsLedger {
    let ledger = EventsLedger::open(path, Options::default()).unwrap();
    let events: Vec<NewEvent> = questions.iter().enumerate().map(|(i, text)| event(i, text)).collect();
    ledger.upsert_events(events.clone()).await.unwrap();
    for minute in 1..30 {
        tick(&ledger, &events, minute).await;
    }
    for (i, event) in events.iter().enumerate().take(questions.len() - 1) {
        let at = Some(START.plus_ms(3_600_000 + i as i64 * 1000));
        let outcome = Outcome::Payout(if i % 2 == 0 { 1.0 } else { 0.0 });
        ledger.resolve(Resolution { event: event.key.clone(), outcome, at, seen: START }).await.unwrap();
    }
    ledger
}

pub fn event(i: usize, text: &str) -> NewEvent {
    NewEvent {
        key: format!("polymarket-../{i}?<b>"),
        provider: "polymarket".into(),
        id: format!("../{i}?<b>"),
        description: text.into(),
        opened_at: START,
        cutoff: START.plus_ms(7_200_000),
        ends_at: None,
        beside: Default::default(),
    }
}

pub async fn tick(ledger: &EventsLedger, events: &[NewEvent], minute: i64) {
    let at = START.plus_ms(minute * 60_000);
    let mut tick = Tick { at, ..Tick::default() };
    for (i, event) in events.iter().enumerate() {
        let key: std::sync::Arc<str> = event.key.as_str().into();
        tick.prices.push(PriceRow { event: key.clone(), price: 0.5, at, source: neuron::market::PriceSource::File });
        for (n, p) in [(1, if i % 2 == 0 { 0.8 } else { 0.2 }), (2, 0.45)] {
            tick.submissions.push(Submission { identity: miner(n), event: key.clone(), p, at });
        }
    }
    ledger.record_tick(tick).await.unwrap();
}

pub async fn served(path: &Path) -> Dashboard {
    let source = Source::at_rest(path, registry::layers().resolve().unwrap()).unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let gate = Gate::of(address.ip(), None, Path::new("unused")).unwrap();
    DashboardPort::take(address, gate).await.unwrap().serve(source)
}

async fn get(page: &Dashboard, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://{}{path}", page.local_addr())).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The exact numbers in a page, in their order.
pub fn numbers(page: &str) -> Vec<f64> {
    page.split("<data value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

/// The addresses of a page's links.
fn links(page: &str) -> Vec<String> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn install_tls() {
    neuron::market::install_tls();
}

#[tokio::test]
async fn its_numbers_are_those_of_the_ledger() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &["one", "two", "three", "four"]).await);
    let page = served(&path).await;
    let archive = Archive::open(&path).unwrap();
    let standings = archive.standings(&Rules::default()).unwrap();
    assert_eq!((standings.events, standings.miners.len()), (3, 2));

    let (status, miners) = get(&page, "/miners").await;
    assert_eq!(status, 200);
    let shown = numbers(&miners);
    for standing in &standings.miners {
        assert!(shown.contains(&standing.average) && shown.contains(&standing.reward), "{shown:?} {standing:?}");
    }
    let best = &miners[miners.find("<tbody>").unwrap()..];
    assert!(best.find(&miner(1).hotkey.ss58()) < best.find(&miner(2).hotkey.ss58()), "the best comes first");

    let (_, one) = get(&page, &format!("/miners/{}", miner(1).hotkey)).await;
    let scores: Vec<f64> = archive.history(miner(1), 10).unwrap().iter().filter_map(|line| line.score).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores.iter().all(|score| numbers(&one).contains(score)), "{scores:?} {:?}", numbers(&one));
    assert!(one.contains("Reliability") && one.contains("<svg "));

    let (_, events) = get(&page, "/events").await;
    let link = links(&events).into_iter().find(|link| link.starts_with("/events/")).unwrap();
    let (status, event) = get(&page, &link).await;
    assert_eq!(status, 200);
    assert!(event.contains("Price and crowd over time") && event.contains("Each miner's answers and score"), "{event}");
    assert!(numbers(&event).contains(&0.45));
}

#[tokio::test]
async fn what_strangers_ask_is_shown_as_text_everywhere() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &HOSTILE).await);
    let page = served(&path).await;
    let (_, list) = get(&page, "/events").await;
    let mut pages = vec!["/".to_owned(), "/events".to_owned(), "/miners".to_owned(), "/weights".to_owned()];
    pages.extend(links(&list).into_iter().filter(|link| link.starts_with("/events/")));
    pages.push(format!("/miners/{}", miner(1).hotkey));
    assert!(pages.len() == 5 + HOSTILE.len(), "{pages:?}");
    for path in pages {
        let (status, text) = get(&page, &path).await;
        assert_eq!(status, 200, "{path}");
        for wild in ["<script>", "<img", "onerror=\"", "<b>", "</h1>gone", "\u{202e}", "\u{1b}", "\u{200b}"] {
            assert!(!text.contains(wild), "{path} has {wild:?}: {text}");
        }
        assert_eq!(text.matches("</main>").count(), 1, "{path}");
        assert_eq!(text.matches("<script").count(), 1, "{path}: the one script of ours");
        let outside = links(&text).into_iter().filter(|link| !link.starts_with(['/', '#']));
        assert_eq!(outside.collect::<Vec<_>>(), Vec::<String>::new(), "{path} asks nothing of anybody else");
        assert!(!text.contains(" style=") && !text.contains(" onload="), "{path} would be refused by its own policy");
    }
}

#[tokio::test]
async fn a_browser_is_told_what_it_may_do_and_of_every_change() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two"]).await;
    let page = served(&path).await;
    let url = format!("http://{}/", page.local_addr());
    let answer = reqwest::get(&url).await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");

    let mut events = reqwest::get(format!("{url}live")).await.unwrap();
    // The first look is taken when the page begins; it is over before a change is made.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    tick(&ledger, &[event(1, "two")], 100).await;
    let told = async {
        let mut text = String::new();
        while !text.contains("event: changed") {
            text.push_str(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.expect("nobody told of the change");

    let client = reqwest::Client::new();
    let foreign = client.get(&url).header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    for (path, status) in
        [("nothing", 404), ("events/none", 404), ("miners/none", 404), ("log", 404), ("events?page=x", 400)]
    {
        assert_eq!(reqwest::get(format!("{url}{path}")).await.unwrap().status(), status, "{path}");
    }
    assert_eq!(reqwest::get(format!("{url}events?page=99999999999")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_is_sent_again_only_when_something_in_it_has_changed() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two"]).await;
    let page = served(&path).await;
    let client = reqwest::Client::new();
    let url = format!("http://{}/events", page.local_addr());
    let opened = client.get(&url).send().await.unwrap();
    let tag = opened.headers()["etag"].clone();
    let html = opened.text().await.unwrap();
    // As the script asks: told of a change, with the name of what it shows.
    let again = |told: u64| client.get(&url).header("x-neuron-told", told).header("if-none-match", tag.clone()).send();
    for told in [0, 0, 9999] {
        let answer = again(told).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get("etag")), (304, Some(&tag)), "told {told}");
        assert!(answer.text().await.unwrap().is_empty());
    }
    ledger.upsert_events(vec![event(9, "what nobody has seen yet")]).await.unwrap();
    let changed = again(9999).await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"], tag);
    let changed = changed.text().await.unwrap();
    assert!(changed.contains("what nobody has seen yet") && !html.contains("what nobody has seen yet"));
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), changed, "who opens it sees the same");
}

#[tokio::test]
async fn the_pages_of_a_list_are_one_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two", "three", "four", "five"]).await;
    ledger.upsert_events((10..14).map(|i| event(i, "open")).collect()).await.unwrap();
    let archive = Archive::open(&path).unwrap();
    let keys = |state, skip, count| -> Vec<String> {
        archive.listed(state, skip, count).unwrap().into_iter().map(|listed| listed.event.key).collect()
    };
    let all = keys(None, 0, 100);
    assert_eq!(all.len(), 9);
    let open = keys(Some(EventState::Open), 0, 100);
    assert_eq!((open.len(), &all[..5]), (5, &open[..]), "the open ones come first");
    for skip in 0..11 {
        for count in 1..11 {
            let part = all.iter().skip(skip).take(count).cloned().collect::<Vec<_>>();
            assert_eq!(keys(None, skip, count), part, "{count} behind {skip}");
        }
    }
    let scored = keys(Some(EventState::Scored), 1, 2);
    assert_eq!(scored, keys(Some(EventState::Scored), 0, 100)[1..3]);
}

/// Places in a full subnet.
pub const PLACES: u16 = 256;

/// Who is in a full subnet.
pub fn one_of_many(n: u16) -> Identity {
    let mut key = [0xA7; 32];
    key[..2].copy_from_slice(&n.to_le_bytes());
    Identity { hotkey: Account(key), registered_at: 7 }
}

/// A subnet that is full, and an event of a month about which everybody spoke in every interval, also in words.
pub async fn full(path: &Path) -> EventsLedger {
    let ledger = EventsLedger::open(path, Options::default()).unwrap();
    let long = NewEvent { cutoff: START.plus_ms(31 * 86_400_000), ..event(0, &"Will it? ".repeat(400)) };
    let key: std::sync::Arc<str> = long.key.as_str().into();
    ledger.upsert_events(vec![long]).await.unwrap();
    for round in 0..150 {
        let at = START.plus_ms(round * 14_400_000 + 60_000);
        let price = 0.5 + 0.001 * round as f64;
        let mut tick = Tick { at, ..Tick::default() };
        tick.prices.push(PriceRow { event: key.clone(), price, at, source: neuron::market::PriceSource::File });
        for n in 0..PLACES {
            let p = (f64::from(n) + 0.123_456_789) / 300.0;
            tick.submissions.push(Submission { identity: one_of_many(n), event: key.clone(), p, at });
            if round == 149 {
                let text = "ю".repeat(2_000).into();
                tick.reasonings.push(Reasoning { identity: one_of_many(n), event: key.clone(), text });
            }
        }
        ledger.record_tick(tick).await.unwrap();
    }
    let (outcome, at) = (Outcome::Payout(1.0), Some(START.plus_ms(30 * 86_400_000)));
    let resolution = Resolution { event: key.to_string(), outcome, at, seen: START.plus_ms(30 * 86_400_000) };
    ledger.resolve(resolution).await.unwrap();
    ledger
}

#[tokio::test]
async fn the_pages_of_a_full_subnet_are_small() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(full(&path).await);
    let page = served(&path).await;
    let (_, events) = get(&page, "/events").await;
    let link = links(&events).into_iter().find(|link| link.starts_with("/events/")).unwrap();
    for path in ["/".to_owned(), "/miners".to_owned(), format!("/miners/{}", one_of_many(3).hotkey), link] {
        let (status, text) = get(&page, &path).await;
        assert_eq!(status, 200, "{path}");
        assert!(text.len() < 200_000, "{path} has {} bytes", text.len());
    }
    let (_, miners) = get(&page, "/miners").await;
    assert_eq!(miners.matches("<tr>").count(), usize::from(PLACES) + 1, "everybody is in the table");
}

#[tokio::test]
async fn with_a_token_only_who_has_it_sees_anything() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let (path, token) = (folder.path().join("ledger.sqlite"), folder.path().join("token"));
    drop(filled(&path, &["one", "two"]).await);
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let source = Source::at_rest(&path, registry::layers().resolve().unwrap()).unwrap();
    let gate = Gate::of(address.ip(), Some(&token), Path::new("unused")).unwrap();
    let page = DashboardPort::take(address, gate).await.unwrap().serve(source);
    let url = format!("http://{}", page.local_addr());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for path in ["/", "/style.css", "/live", "/?token=0123456789abcdeX"] {
        assert_eq!(client.get(format!("{url}{path}")).send().await.unwrap().status(), 401, "{path}");
    }
    let let_in = client.get(format!("{url}/events?token=0123456789abcdef")).send().await.unwrap();
    assert_eq!((let_in.status().as_u16(), &let_in.headers()["location"]), (303, &"/events".parse().unwrap()));
    let cookie = let_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(client.get(&url).header("cookie", cookie).send().await.unwrap().status(), 200);
    let bearer = client.get(&url).header("authorization", "Bearer 0123456789abcdef");
    assert_eq!(bearer.header("host", "page.example").send().await.unwrap().status(), 200, "behind a proxy");
}

#[tokio::test]
async fn dropping_it_frees_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &["one", "two"]).await);
    let page = served(&path).await;
    let address = page.local_addr();
    drop(page);
    for _ in 0..200 {
        if std::net::TcpListener::bind(address).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{address} stays taken");
}

#[test]
fn what_is_no_ledger_of_ours_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let resolved = || registry::layers().resolve().unwrap();
    let file = folder.path().join("x.sqlite");
    std::fs::write(&file, "not a database at all, but long enough to look at").unwrap();
    let wrong = Source::at_rest(&file, resolved()).unwrap_err().to_string();
    assert!(wrong.contains("x.sqlite"), "{wrong}");
    assert!(Source::at_rest(folder.path().join("none"), resolved()).is_err());
}
