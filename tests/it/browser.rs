//! The page in a real browser, headless Chromium, driven over its debugging pipe: it loads under its own policy, says the numbers
//! of `neuron score`, is renewed when something changes, fits a phone, is dark where that is preferred, and axe-core finds no
//! serious fault in it. `scripts/browser.sh` finds Chromium and axe-core.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use neuron::dendrite::Target;
use neuron::ledger::Ledger;
use neuron::subnets::prompting::asking::Heard;
use neuron::subnets::prompting::conversation::Conversation;
use neuron::subnets::prompting::ledger::{Averaging, PromptingLedger, SCHEMA};
use neuron::subnets::prompting::task::{Judgement, Task};
use neuron::subnets::prompting::validator::{Round, Scored};
use neuron::subnets::work::Peer;
use neuron::units::{Uid, UnixMs};
use serde_json::{Value, json};

use crate::dashboard::{HOSTILE, PLACES, event, filled, full, miner, one_of_many, served, tick};
use crate::needs;
use crate::support::{Process, neuron};

tests! {
    asynchronous: pages_load_and_say_what_the_reports_say, an_open_page_is_renewed, nobody_is_shut_out,
        prompts_are_shown_to_everybody, pages_of_a_full_subnet_open_at_once
}

/// A browser with one tab.
struct Browser {
    _process: Process,
    _profile: tempfile::TempDir,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// What the tab complained of: scripts and styles refused, faults of the script.
    complaints: Vec<String>,
}

impl Browser {
    fn start() -> Self {
        let program = needs::browser("NEURON_CHROMIUM");
        let profile = tempfile::tempdir().unwrap();
        // Chromium talks on the descriptors 3 and 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-pipe", "--window-size=1280,900", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut browser = Self {
            _process: Process(process),
            _profile: profile,
            to,
            from,
            session: None,
            sent: 0,
            complaints: Vec::new(),
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let flat = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &flat)["sessionId"].as_str().unwrap().to_owned();
        browser.session = Some(session);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        browser
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let said = self.hear();
            if said["id"] == self.sent {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    fn hear(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert!(!bytes.is_empty(), "the browser is gone");
        bytes.pop();
        let said: Value = serde_json::from_slice(&bytes).unwrap();
        match said["method"].as_str() {
            Some("Log.entryAdded") if said["params"]["entry"]["level"] == "error" => {
                self.complaints.push(said["params"]["entry"]["text"].to_string());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(said["params"].to_string()),
            _ => {}
        }
        said
    }

    fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({ "url": url }));
        self.until(&format!("location.href === {} && document.readyState === 'complete'", json!(url)));
    }

    /// What an expression of the page comes to.
    fn ask(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let said = self.call("Runtime.evaluate", &asked);
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    fn until(&mut self, expression: &str) {
        let began = Instant::now();
        while self.ask(expression) != true {
            assert!(began.elapsed() < Duration::from_secs(20), "never: {expression}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Fails when axe-core finds a serious fault in a page, light or dark, or when it is wider than a phone.
    fn is_for_everybody(&mut self, address: &str) {
        let axe = std::fs::read_to_string(needs::browser("NEURON_AXE")).unwrap();
        for scheme in ["light", "dark"] {
            self.prefers(scheme);
            self.open(address);
            self.ask(&format!("{axe};true"));
            let faults = self.ask(
                "axe.run().then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))
                 .map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))",
            );
            assert_eq!(faults, json!([]), "{address}, {scheme}");
        }
        self.prefers("light");
        let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        self.call("Emulation.setDeviceMetricsOverride", &phone);
        self.open(address);
        let wide = self.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert!(wide.as_f64().unwrap() <= 0.0, "{address} is {wide} px wider than a phone");
        self.call("Emulation.clearDeviceMetricsOverride", &json!({}));
    }

    /// A picture of the tab, which takes no longer than a person waits; kept as `NAME.png` in the folder of `NEURON_SHOTS`, if
    /// that is set.
    fn shot(&mut self, name: &str) {
        let began = Instant::now();
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        assert!(began.elapsed() < Duration::from_secs(10), "a picture of {name} took {:?}", began.elapsed());
        if let Some(folder) = std::env::var_os("NEURON_SHOTS") {
            let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
        }
    }

    fn prefers(&mut self, scheme: &str) {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &feature);
    }
}

/// The pages of a ledger with such questions, and of its first event and miner.
fn pages(browser: &mut Browser, url: &str) -> Vec<String> {
    browser.open(&format!("{url}/events"));
    let event = browser.ask("document.querySelector('td.thing a').href").as_str().unwrap().to_owned();
    let fixed = ["/", "/events", "/miners", "/weights"].map(|path| format!("{url}{path}"));
    fixed.into_iter().chain([event, format!("{url}/miners/{}", miner(1).hotkey)]).collect()
}

async fn pages_load_and_say_what_the_reports_say() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &HOSTILE).await);
    let page = served(&path).await;
    let url = format!("http://{}", page.local_addr());
    for address in pages(&mut browser, &url) {
        browser.open(&address);
        let title = browser.ask("document.title");
        assert!(title.as_str().unwrap().ends_with("– neuron ledger"), "{address}: a stranger's words ran: {title}");
        assert_eq!(browser.ask("document.querySelectorAll('img, main script').length"), 0, "{address}");
        assert_eq!(browser.ask("document.querySelectorAll('h1').length"), 1, "{address}");
        // A stylesheet that the policy refused would leave the page bare.
        assert_eq!(browser.ask("getComputedStyle(document.querySelector('nav ul')).display"), "flex", "{address}");
    }
    assert_eq!(browser.complaints, Vec::<String>::new(), "the policy refused something of the page's own");

    let key = event(0, "").key;
    let explained = explained(&path, &key);
    browser.open(&format!("{url}/miners/{}", miner(1).hotkey));
    let shown = browser.ask("[...document.querySelectorAll('table data')].map(d => Number(d.value))");
    let shown: Vec<f64> = serde_json::from_value(shown).unwrap();
    assert!(shown.contains(&explained), "`neuron score explain` says {explained}, the page {shown:?}");
}

/// The score of the first miner, by the command.
fn explained(ledger: &Path, event: &str) -> f64 {
    let hotkey = miner(1).hotkey.ss58();
    let mut command = neuron();
    command
        .args(["score", "explain", "--output", "json", "--hotkey", &hotkey, "--event", event, "--ledger"])
        .arg(ledger);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["score"].as_f64().unwrap()
}

async fn an_open_page_is_renewed() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = filled(&path, &["one", "two"]).await;
    let page = served(&path).await;
    browser.open(&format!("http://{}/events", page.local_addr()));
    browser.until("document.getElementById('live').textContent === 'live'");
    assert_eq!(browser.ask("document.querySelectorAll('tbody tr').length"), 2);
    let news = event(9, "what nobody has seen yet");
    ledger.upsert_events(vec![news.clone()]).await.unwrap();
    tick(&ledger, &[news], 40).await;
    browser.until("document.body.textContent.includes('what nobody has seen yet')");
    drop(page);
    browser.until("document.getElementById('live').textContent.startsWith('not reachable')");
}

async fn nobody_is_shut_out() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(filled(&path, &["Will it rain in Brest?", "Will the quay be flooded?", "And the cellar?"]).await);
    let page = served(&path).await;
    let url = format!("http://{}", page.local_addr());
    for address in pages(&mut browser, &url) {
        browser.is_for_everybody(&address);
    }
    browser.prefers("dark");
    let dark = browser.ask("getComputedStyle(document.body).backgroundColor");
    browser.prefers("light");
    assert_ne!(browser.ask("getComputedStyle(document.body).backgroundColor"), dark);
    let tab = json!({ "type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
    browser.call("Input.dispatchKeyEvent", &tab);
    assert_eq!(
        browser.ask("document.activeElement.getAttribute('href')"),
        "#main",
        "the keyboard begins at the content"
    );
}

/// A question in two turns, asked of ten miners, some of whom say what they please.
fn round(number: u8) -> Round {
    let answer = |n: u8| {
        let identity = miner(n);
        let target = Target { hotkey: identity.hotkey, ip: "127.0.0.1".parse().unwrap(), port: 1 };
        let completion = match n {
            1 => HOSTILE.join("\n"),
            2 => "A lake is water that stays. ".repeat(400),
            3 => String::new(),
            _ => format!("Miner {n} says: water that stays."),
        };
        let chunks = (1..=20).map(|chunk| (Duration::from_millis(chunk * 20 * u64::from(n)), 3)).collect();
        let ended = if n.is_multiple_of(3) { "late" } else { "complete" };
        let reason = n.is_multiple_of(3).then(|| HOSTILE[1].into());
        let timing_s = f64::from(n) * 0.4;
        let heard = Heard { completion: completion.into(), chunks, status: 200, timing_s, ended, reason };
        let total = 1.0 / f64::from(n) - f64::from(number) / 1000.0;
        Scored {
            peer: Peer { uid: Uid(n.into()), identity, target },
            heard,
            judgement: Judgement { rewards: Vec::new(), penalties: Vec::new(), total },
        }
    };
    Round {
        at: UnixMs(1_767_225_600_000 + i64::from(number) * 60_000),
        task: if number.is_multiple_of(2) { Task::Qa } else { Task::Summarization },
        turn: 0,
        said: Conversation::asking(&format!("What is lake {number}? {}", HOSTILE[usize::from(number) % HOSTILE.len()])),
        reference: "Water that stays.".into(),
        answers: (1..=10).map(answer).collect(),
        took: Duration::from_millis(900),
        relevance: None,
    }
}

async fn prompts_are_shown_to_everybody() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let core = Ledger::open(path.as_path(), &[SCHEMA]).unwrap();
    let ledger = PromptingLedger::over(core, Averaging { alpha: 0.1, decay: 0.0 });
    for number in 0..60 {
        ledger.record(&round(number)).await.unwrap();
    }
    let page = served(&path).await;
    let url = format!("http://{}", page.local_addr());
    let fixed = ["/", "/questions", "/questions?page=1", "/questions/60", "/miners", "/weights"];
    let one = format!("/miners/{}", miner(2).hotkey);
    for address in fixed.into_iter().chain([one.as_str()]).map(|path| format!("{url}{path}")) {
        browser.is_for_everybody(&address);
        assert_eq!(browser.ask("document.querySelectorAll('img, main script').length"), 0, "{address}");
        assert_eq!(browser.ask("document.querySelectorAll('h1').length"), 1, "{address}");
    }
    browser.open(&format!("{url}/questions/60"));
    browser.shot("prompts-question");
    let key = "getComputedStyle(document.querySelector('.legend .key')).borderTopWidth";
    assert_eq!(browser.ask(key), "0px", "a key in a legend is drawn as the sign of a line");
    let standing = ledger.standings().await.unwrap().into_iter().find(|it| it.identity == miner(2)).unwrap();
    browser.open(&format!("{url}{one}"));
    let shown = browser.ask("[...document.querySelectorAll('dl data')].map(d => Number(d.value))");
    let shown: Vec<f64> = serde_json::from_value(shown).unwrap();
    assert!(shown.contains(&standing.score) && shown.contains(&standing.mean), "{standing:?}, {shown:?}");
    browser.shot("prompts-miner");
    browser.open(&format!("{url}/"));
    browser.shot("prompts-overview");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// The largest pages there are, also while the ledger is written.
async fn pages_of_a_full_subnet_open_at_once() {
    let mut browser = Browser::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = full(&path).await;
    let page = served(&path).await;
    let url = format!("http://{}", page.local_addr());
    browser.open(&format!("{url}/events"));
    let long = browser.ask("document.querySelector('td.thing a').href").as_str().unwrap().to_owned();
    let one = format!("{url}/miners/{}", one_of_many(3).hotkey);
    for address in [url.clone() + "/", one, long, format!("{url}/miners")] {
        browser.open(&address);
        // The page's own stream of changes does not keep it from being loaded.
        browser.until("document.getElementById('live').textContent === 'live'");
        let parts = browser.ask("document.querySelectorAll('*').length").as_u64().unwrap();
        assert!(parts < 12_000, "{address} has {parts} elements");
        browser.shot("full");
    }
    for number in 1..4 {
        let news = event(number, "what nobody has seen yet");
        ledger.upsert_events(vec![news.clone()]).await.unwrap();
        tick(&ledger, &[news], 40).await;
        browser.shot("full");
        assert_eq!(browser.ask("document.querySelectorAll('tbody tr').length"), u64::from(PLACES));
    }
    assert_eq!(browser.complaints, Vec::<String>::new());
}
