//! Two or three validators with one hotkey on one database, as processes, and everything that can come between them: one writes,
//! the others stand by; nothing is lost, nothing is done twice.
#![cfg(all(feature = "localnet", feature = "postgres", target_os = "linux"))]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use subxt::rpcs::RpcClient;

use crate::cutter::Cutter;
use crate::localnet::client::ask;
use crate::needs::faketime;
use crate::postgres::{Postgres, USER};
use crate::processes::{World, get, get_whole, hotkey};
use crate::support::{Process, free_port, wait_or_tell, wait_until};

tests! { blocking: a_killed_validator_is_replaced_in_time_and_only_once, a_paused_validator_is_refused_and_stands_by,
a_validator_that_is_cut_off_is_replaced_and_stands_by_when_it_is_back, what_the_database_suffers_loses_nothing,
a_promoted_replica_takes_over_the_ledger, two_validators_without_standby_do_not_mix,
a_standby_of_the_same_machine_waits_for_the_file, readers_of_a_replica_say_how_old_it_is,
a_full_disk_stops_ticks_with_one_line_and_loses_nothing, clocks_apart_by_a_minute_change_nothing }

/// The promise: from the death of one to the first tick of the other.
const TAKE_OVER: Duration = Duration::from_secs(15);

/// A small world with a database, and validators on it.
struct Stage {
    world: World,
    database: String,
    server: Postgres,
    // The chain, its market and a miner.
    _others: Vec<Process>,
}

struct Validator {
    name: &'static str,
    process: Process,
    metrics: u16,
}

impl Stage {
    fn set() -> Self {
        Self::on(Postgres::start())
    }

    fn on(server: Postgres) -> Self {
        let world = World::new();
        let mut others = vec![world.localnet(), world.market_sim()];
        world.register(155, &["v", "m0"]);
        others.push(world.miner(0, "0.05"));
        let database = server.database();
        Self { world, database, server, _others: others }
    }

    fn url(&self, port: u16) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{}", self.database)
    }

    /// Starts a validator that reaches its database by a URL.
    fn validator(&self, name: &'static str, url: &str, more: &[&str]) -> Validator {
        self.validator_in(&[], name, url, more)
    }

    /// The same with more in its environment.
    fn validator_in(&self, environment: &[(&str, &str)], name: &'static str, url: &str, more: &[&str]) -> Validator {
        let metrics = free_port();
        let mut arguments = self.world.validator_arguments(&[&["--tick", "500ms", "--db.url", url], more].concat());
        let at = arguments.iter().position(|it| it == "--metrics.port").unwrap();
        arguments[at + 1] = metrics.to_string();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Validator { name, process: self.world.start_in(environment, &format!("{name}.log"), &words), metrics }
    }

    fn active(&self) -> Validator {
        let first = self.validator("a", &self.url(self.server.port), &[]);
        self.until(&first, "active");
        wait_until("it has settled an event", || self.number(&self.server, "SELECT count(*) FROM scores") > 0);
        first
    }

    fn standby(&self, name: &'static str) -> Validator {
        let other = self.validator(name, &self.url(self.server.port), &["--standby"]);
        self.until(&other, "standby");
        other
    }

    fn until(&self, who: &Validator, role: &str) -> Duration {
        let begin = Instant::now();
        while who.role() != role {
            assert!(begin.elapsed() < Duration::from_secs(60), "{} is not {role}\n{}", who.name, self.world.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
        begin.elapsed()
    }

    fn log(&self, who: &str) -> String {
        std::fs::read_to_string(self.world.path(&format!("{who}.log"))).unwrap_or_default()
    }

    /// What the ledger says to a question.
    fn ask(&self, server: &Postgres, query: &str) -> Result<String, String> {
        let schema = format!("\"sn155_{}\"", hotkey("v"));
        server.sql(&self.database, &format!("SET search_path = {schema}; {query}"))
    }

    fn number(&self, server: &Postgres, query: &str) -> u64 {
        self.ask(server, query).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The newest tick, in ms.
    fn last_tick(&self, server: &Postgres) -> u64 {
        self.number(server, "SELECT max(at) FROM ticks")
    }

    /// Until there is a tick that is newer than all there were.
    fn until_next_tick(&self, server: &Postgres) -> Duration {
        let (begin, last) = (Instant::now(), self.last_tick(server));
        while self.last_tick(server) <= last {
            assert!(begin.elapsed() < Duration::from_secs(60), "no tick\n{}", self.world.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
        begin.elapsed()
    }

    /// Nothing is lost, nothing is there twice.
    fn check(&self, server: &Postgres, names: &[&str]) {
        // What a validator said it had settled is there.
        let mut said: BTreeSet<String> = BTreeSet::new();
        for name in names {
            for line in self.log(name).lines().filter(|line| line.contains("event settled")) {
                let event = line.split("event=").nth(1).unwrap().split_whitespace().next().unwrap();
                said.insert(event.trim_matches('"').to_owned());
            }
        }
        assert!(!said.is_empty(), "{}", self.world.logs());
        for event in &said {
            let kept =
                self.number(server, &format!("SELECT count(*) FROM events WHERE key = '{event}' AND state <> 'open'"));
            assert_eq!(kept, 1, "{event} was settled, and that is lost");
        }
        // One answer per round, one change per end.
        let twice = |rows: &str| {
            self.number(server, &format!("SELECT count(*) FROM (SELECT {rows} HAVING count(*) > 1) AS twice"))
        };
        assert_eq!(twice("1 FROM raw GROUP BY event, tick"), 0);
        assert_eq!(twice("1 FROM changes WHERE state <> 'open' GROUP BY event, state"), 0);
        // Two at work would have shown as rounds that are closer than one alone makes them, time and again.
        let close =
            "SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS gap FROM ticks) AS gaps WHERE gap < 250";
        let takers = self.number(server, "SELECT token FROM lease");
        assert!(self.number(server, close) < takers, "two have asked at once");
        self.check_weights(server);
    }

    /// How many transactions of the hotkey were ever in a block.
    fn nonce(&self) -> Option<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chain = RpcClient::from_insecure_url(self.world.endpoint()).await.ok()?;
            ask(&chain, "system_accountNextIndex", json!([hotkey("v").ss58()])).await.ok()?.as_u64()
        })
    }

    /// Waits for weights, which come once in a tempo; shows every step they took when they do not.
    fn weights_are(&self, server: &Postgres, what: &str, is_so: impl Fn() -> bool) {
        let steps =
            "SELECT job, mode, step, at, block, cause FROM weight_steps JOIN weight_jobs ON id = job ORDER BY at";
        let seen = || format!("{:?}\n{}", self.ask(server, steps), self.world.logs());
        wait_or_tell(&format!("weights are {what}"), is_so, seen);
    }

    /// Every transaction of the hotkey on the chain is in the journal, once.
    fn check_weights(&self, server: &Postgres) {
        let count = |step: &str, of: &str| {
            let jobs =
                format!("FROM weight_steps JOIN weight_jobs ON weight_jobs.id = job WHERE step = '{step}' AND {of}");
            self.number(server, &format!("SELECT count(DISTINCT job) {jobs}"))
        };
        self.weights_are(server, "written", || count("included", "true") > 0);
        self.weights_are(server, "in the journal as on the chain", || {
            let refused = self.number(server, "SELECT count(*) FROM weight_steps WHERE cause LIKE '%failed in block%'");
            let journal = count("included", "true") + count("revealed", "mode = 'hashed'") + refused;
            self.nonce() == Some(journal)
        });
        let twice = "SELECT count(*) FROM (SELECT after_block FROM weight_jobs AS j WHERE EXISTS (SELECT 1 FROM weight_steps \
                     WHERE job = j.id AND step = 'included') GROUP BY after_block HAVING count(*) > 1) AS twice";
        assert_eq!(self.number(server, twice), 0, "two weights for one due time");
    }
}

impl Validator {
    fn health(&self) -> Value {
        let Ok(_) = std::net::TcpStream::connect(("127.0.0.1", self.metrics)) else { return Value::Null };
        serde_json::from_str(&get(self.metrics, "/health").1).unwrap_or_default()
    }

    fn role(&self) -> String {
        self.health()["ledger_role"].as_str().unwrap_or_default().to_owned()
    }

    fn metric(&self, line: &str) -> bool {
        get(self.metrics, "/metrics").1.lines().any(|it| it.starts_with(line))
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }
}

/// A fault, what came of it and how long that took, for whoever reads the test's output.
fn tell(fault: &str, outcome: &str, took: Duration) {
    eprintln!("| {fault} | {outcome} | {:.1} s |", took.as_secs_f64());
}

fn a_killed_validator_is_replaced_in_time_and_only_once() {
    let stage = Stage::set();
    let mut first = stage.active();
    let standbys = [stage.standby("b"), stage.standby("c")];
    assert!(standbys[0].health()["ledger"]["holder"].as_str().unwrap().contains(&first.process.id().to_string()));
    assert!(first.metric(r#"neuron_ledger_role{role="active"} 1"#) && first.metric("neuron_ledger_takeovers_total 0"));
    first.process.kill();
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    wait_until("one is active", || standbys.iter().any(|standby| standby.role() == "active"));
    std::thread::sleep(Duration::from_secs(3));
    let active: Vec<&Validator> = standbys.iter().filter(|it| it.role() == "active").collect();
    assert_eq!(active.len(), 1);
    assert!(active[0].metric("neuron_ledger_takeovers_total 1"));
    tell("the active one is killed with -9, two stand by", "one of them takes over", took);

    // The one that took over is told to stop: it gives the lease back, and nobody waits for its end.
    active[0].signal("TERM");
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    tell("the active one is told to stop", "the next takes over", took);
    stage.check(&stage.server, &["a", "b", "c"]);
}

fn a_paused_validator_is_refused_and_stands_by() {
    let stage = Stage::set();
    let paused = stage.active();
    let standby = stage.standby("b");
    paused.signal("STOP");
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    assert_eq!(standby.role(), "active");
    // It believes for as long as it stands still that the lease is its own.
    std::thread::sleep(Duration::from_secs(2));
    paused.signal("CONT");
    let back = stage.until(&paused, "standby");
    wait_until("it waits again", || stage.log("a").contains("standing by"));
    assert_eq!(stage.log("a").matches("another process has taken over the lease").count(), 1, "{}", stage.world.logs());
    assert_eq!(standby.role(), "active");
    tell("the active one is paused past its lease", "the standby takes over", took);
    tell("and goes on", "its writes are refused, it stands by", back);
    // And back again.
    standby.signal("STOP");
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    standby.signal("CONT");
    stage.until(&standby, "standby");
    stage.check(&stage.server, &["a", "b"]);
}

fn a_validator_that_is_cut_off_is_replaced_and_stands_by_when_it_is_back() {
    let stage = Stage::set();
    let (line, other) = (Cutter::to(stage.server.port), Cutter::to(stage.server.port));
    let far = stage.validator("a", &stage.url(line.port), &[]);
    stage.until(&far, "active");
    wait_until("it has settled an event", || stage.number(&stage.server, "SELECT count(*) FROM scores") > 0);
    let near = stage.validator("b", &stage.url(other.port), &["--standby"]);
    stage.until(&near, "standby");
    // The cable is pulled: nobody is told.
    line.stall();
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    assert_eq!(near.role(), "active");
    let knows = stage.until(&far, "standby");
    tell("the line of the active one is pulled", "the standby takes over", took);
    tell("the one that is cut off", "is not sure of its lease, and says standby", knows);
    line.heal();
    wait_until("it is told", || stage.log("a").contains("another process has taken over the lease"));
    wait_until("it waits again", || stage.log("a").contains("standing by"));
    // A line that breaks at once, under the one that is active now.
    other.cut();
    let took = stage.until_next_tick(&stage.server);
    assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
    assert_eq!(far.role(), "active");
    tell("every connection of the active one breaks, and new ones break too", "the standby takes over", took);
    other.heal();
    wait_until("it waits again as well", || stage.log("b").matches("standing by").count() > 1);
    stage.until(&near, "standby");
    stage.check(&stage.server, &["a", "b"]);
}

fn what_the_database_suffers_loses_nothing() {
    let mut stage = Stage::set();
    let line = Cutter::to(stage.server.port);
    let first = stage.validator("a", &stage.url(line.port), &[]);
    stage.until(&first, "active");
    wait_until("it has settled an event", || stage.number(&stage.server, "SELECT count(*) FROM scores") > 0);
    let _second = stage.standby("b");
    // Killed in the middle of what it does, and started again at once; and once more, after longer than a lease.
    for away in [Duration::from_secs(1), Duration::from_secs(13)] {
        let before = stage.number(&stage.server, "SELECT count(*) FROM scores");
        stage.server.kill9();
        std::thread::sleep(away);
        stage.server.boot();
        let took = stage.until_next_tick(&stage.server);
        assert!(took < TAKE_OVER * 2, "{took:?}\n{}", stage.world.logs());
        assert!(stage.number(&stage.server, "SELECT count(*) FROM scores") >= before);
        tell(&format!("the database is killed with -9, and back after {} s", away.as_secs()), "ticks go on", took);
    }
    // It answers, slowly.
    line.slow(Duration::from_millis(40));
    let took = stage.until_next_tick(&stage.server);
    line.heal();
    tell("every packet of the database takes 40 ms longer", "ticks go on", took);
    // It takes no connections for a while.
    let database = stage.database.clone();
    stage.server.sql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname LIKE 'db%'";
    stage.server.sql("postgres", end).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    stage.server.sql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).unwrap();
    let took = stage.until_next_tick(&stage.server);
    tell("the database ends all connections, and refuses new ones for 4 s", "ticks go on", took);
    stage.check(&stage.server, &["a", "b"]);
}

fn a_promoted_replica_takes_over_the_ledger() {
    let mut stage = Stage::set();
    let replica = stage.server.replica(true);
    // Both are named: whichever takes writes is used.
    let url = format!(
        "postgres://{USER}@127.0.0.1:{},127.0.0.1:{}/{}?target_session_attrs=read-write",
        stage.server.port, replica.port, stage.database
    );
    let first = stage.validator("a", &url, &[]);
    stage.until(&first, "active");
    let second = stage.validator("b", &url, &["--standby"]);
    stage.until(&second, "standby");
    wait_until("an event is settled", || stage.number(&replica, "SELECT count(*) FROM scores") > 0);
    let before = stage.number(&stage.server, "SELECT count(*) FROM scores");
    stage.server.kill9();
    replica.promote();
    let took = stage.until_next_tick(&replica);
    assert!(took < TAKE_OVER * 2, "{took:?}\n{}", stage.world.logs());
    assert!(stage.number(&replica, "SELECT count(*) FROM scores") >= before);
    tell("the server is killed, its replica is promoted", "ticks go on there", took);
    stage.check(&replica, &["a", "b"]);
}

fn two_validators_without_standby_do_not_mix() {
    let stage = Stage::set();
    let first = stage.active();
    let mut second = stage.validator("b", &stage.url(stage.server.port), &[]);
    wait_until("the second one gives up", || !second.process.is_running());
    let log = stage.log("b");
    assert!(log.contains("--standby") && log.contains(&first.process.id().to_string()), "{log}");
    assert_eq!(first.role(), "active");
    stage.check(&stage.server, &["a", "b"]);
}

fn a_standby_of_the_same_machine_waits_for_the_file() {
    let world = World::new();
    let _others = [world.localnet(), world.market_sim()];
    world.register(155, &["v"]);
    let start = |name: &'static str, more: &[&str]| {
        let metrics = free_port();
        let mut arguments = world.validator_arguments(&[&["--tick", "500ms"], more].concat());
        let at = arguments.iter().position(|it| it == "--metrics.port").unwrap();
        arguments[at + 1] = metrics.to_string();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Validator { name, process: world.start(&format!("{name}.log"), &words), metrics }
    };
    let mut first = start("a", &[]);
    wait_until("it is active", || first.role() == "active");
    let second = start("b", &["--standby"]);
    wait_until("it stands by", || second.role() == "standby");
    first.process.kill();
    let begin = Instant::now();
    wait_until("it takes over", || second.role() == "active");
    assert!(begin.elapsed() < TAKE_OVER, "{:?}", begin.elapsed());
}

fn readers_of_a_replica_say_how_old_it_is() {
    let stage = Stage::set();
    let replica = stage.server.replica(false);
    let _active = stage.active();
    let (keys, url) = (stage.world.path("readers"), stage.url(replica.port));
    stage.world.must(&["storefront", "key", "add", "test", "--db.directory", &keys]);
    let reader = |command: &'static str, port: u16, more: &[&str]| {
        let (flag, number) = (format!("--{command}.port"), port.to_string());
        let words = [&[command, "--db.directory", &keys, "--db.url", &url, &flag, &number], more].concat();
        let process = stage.world.start(&format!("{command}.log"), &words);
        wait_until("it serves", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        process
    };
    let [shop, page, gate] = [free_port(), free_port(), free_port()];
    let _shop = reader("storefront", shop, &["--storefront.max_behind", "4s"]);
    let _page = reader("dashboard", page, &[]);
    let health = || {
        let (status, body) = get(shop, "/api/health");
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let forecasts = format!("{url}?schema=sn155_{}", hotkey("v"));
    let (wallets, chain, port) = (stage.world.path("wallets"), stage.world.endpoint(), gate.to_string());
    let _gateway = stage.world.start(
        "gateway.log",
        &[
            &[
                "gateway",
                "--netuid",
                "155",
                "--wallet.path",
                &wallets,
                "--wallet.name",
                "v",
                "--subtensor.network",
                &chain,
            ][..],
            &["--port", &port, "--forecasts", &forecasts, "--max-behind", "4"],
        ]
        .concat(),
    );
    wait_until("the gateway serves", || std::net::TcpStream::connect(("127.0.0.1", gate)).is_ok());
    let told = || get_whole(gate, "/v1/forecasts?state=scored", "x-nothing: said");
    wait_until("it is as new as it may be", || health().0 == "200" && told().starts_with("HTTP/1.1 200"));
    let whole = told();
    let age = whole.lines().find_map(|line| line.strip_prefix("x-ledger-behind-ms: ")).unwrap();
    assert!(age.parse::<u64>().unwrap() < 4_000 && whole.contains(r#""object":"forecast""#), "{whole}");
    assert!(health().1["behind_ms"].as_u64().unwrap() < 4_000, "{:?}", health());
    assert!(get(page, "/").1.contains("The ledger is a replica, "), "{}", get(page, "/").1);
    // The replica goes on answering, from a picture that grows old.
    replica.sql("postgres", "SELECT pg_wal_replay_pause()").unwrap();
    wait_until("it is too old", || health().0 == "503");
    assert_eq!(health().1["code"], "stale");
    wait_until("the gateway says so as well", || told().starts_with("HTTP/1.1 503"));
    let refused: Value = serde_json::from_str(told().split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(refused["error"]["code"], "stale", "{refused}");
    replica.sql("postgres", "SELECT pg_wal_replay_resume()").unwrap();
    wait_until("it is new again", || health().0 == "200" && told().starts_with("HTTP/1.1 200"));
}

fn clocks_apart_by_a_minute_change_nothing() {
    let library = faketime().to_str().unwrap().to_owned();
    let stage = Stage::set();
    let mut holder = stage.active();
    let takeovers = || stage.number(&stage.server, "SELECT takeovers FROM lease");
    // A minute ahead, every lease is long over; a minute behind, it is fresh for ever. Neither is asked.
    for (number, (name, clock)) in [("b", "+60s"), ("c", "-60s")].into_iter().enumerate() {
        let environment = [("LD_PRELOAD", &*library), ("FAKETIME", clock), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let other = stage.validator_in(&environment, name, &stage.url(stage.server.port), &["--standby"]);
        stage.until(&other, "standby");
        std::thread::sleep(Duration::from_secs(10));
        assert_eq!((&*other.role(), &*holder.role(), takeovers()), ("standby", "active", number as u64));
        holder.process.kill();
        let took = stage.until(&other, "active");
        assert!(took < TAKE_OVER, "{took:?}\n{}", stage.world.logs());
        tell(
            &format!("the standby's clock is {clock}, the active one is killed"),
            "it takes over, and not before",
            took,
        );
        holder = other;
    }
    assert_eq!(takeovers(), 2);
}

fn a_full_disk_stops_ticks_with_one_line_and_loses_nothing() {
    let stage = Stage::on(Postgres::with_disk(160));
    let active = stage.active();
    let before = stage.number(&stage.server, "SELECT count(*) FROM scores");
    stage.server.fill_disk(0);
    let line = "the disk is full; nothing was recorded";
    wait_until("it is told", || stage.log("a").lines().any(|it| it.contains("ERROR") && it.contains(line)));
    // Some ticks may still find a place in pages that are there. What was told stays told.
    std::thread::sleep(Duration::from_secs(5));
    let told = stage.log("a").lines().filter(|it| it.contains("ERROR") && it.contains(line)).count();
    assert!(told <= 2, "{told} lines\n{}", stage.world.logs());
    assert!(stage.number(&stage.server, "SELECT count(*) FROM scores") >= before);
    assert_eq!(active.role(), "active");
    stage.server.empty_disk();
    let took = stage.until_next_tick(&stage.server);
    wait_until("that is told", || stage.log("a").contains("there is room on the ledger's disk again"));
    tell("the disk of the database is full for 5 s", "one line; ticks go on when there is room", took);
    wait_until("events are settled again", || stage.number(&stage.server, "SELECT count(*) FROM scores") > before);
    stage.check(&stage.server, &["a"]);
}
