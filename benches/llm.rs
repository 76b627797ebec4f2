//! What the pipeline of language models costs beside the models: `cargo bench --bench llm`, and `-- questions` for all but the
//! index, which takes a minute to make.
//!
//! A search in an index of 100,000 articles, all that a question needs beside the time of its models (a script answers at once,
//! on this machine, and its own work counts too), and what a thousand remembered questions hold.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use neuron::clock;
use neuron::forecast::llm::forecaster::Llm;
use neuron::forecast::llm::retrieval::Search;
use neuron::forecast::llm::retrieval::folder::Folder;
use neuron::forecast::{Forecaster, Question};
use neuron::market::EventKey;
use neuron::subnets::events::settings::EventsSettings;
use neuron::subnets::registry;
use neuron::units::UnixMs;

const ARTICLES: usize = 100_000;
const WORDS: usize = 220;
const QUERIES: usize = 200;
const WARM: usize = 200;
const QUESTIONS: usize = 1_000;
/// 2026-01-01.
const NOW: UnixMs = UnixMs(1_767_225_600_000);

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A word of a language of 50,000: the one of rank n is n times as rare as the first.
    fn word(&mut self, from: f64) -> String {
        let rank = (from * (50_000.0_f64 / from).powf(self.next())) as u64;
        // Without an ending that a stemmer would take for one.
        format!("w{rank}q")
    }
}

fn article(dice: &mut Dice, number: usize) -> String {
    let mut text = String::new();
    for _ in 0..WORDS {
        let _ = write!(text, "{} ", dice.word(1.0));
    }
    let title: Vec<String> = (0..8).map(|_| dice.word(20.0)).collect();
    let title = title.join(" ");
    format!(
        "{{\"title\":\"{title}\",\"text\":\"{text}\",\"published\":\"2025-{:02}-{:02}\"}}\n",
        number % 12 + 1,
        number % 28 + 1
    )
}

fn write_articles(folder: &Path) {
    let mut dice = Dice(7);
    for file in 0..100 {
        let lines: String = (0..ARTICLES / 100).map(|n| article(&mut dice, file * 1000 + n)).collect();
        std::fs::write(folder.join(format!("{file}.jsonl")), lines).unwrap();
    }
}

/// The middle, and what one in ten exceeds.
fn told(what: &str, mut times: Vec<Duration>, may: Duration) {
    times.sort();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what:<64} {:>8.2} ms in the middle, {:>8.2} ms one in ten, of {} ms", at(0.5), at(0.9), may.as_millis());
}

fn searches(folder: &Path) {
    let articles = folder.join("articles");
    std::fs::create_dir(&articles).unwrap();
    write_articles(&articles);
    let began = clock::monotonic();
    let (index, done) = Folder::open(&articles, Some(&folder.join("index.sqlite"))).unwrap();
    println!("{} articles of {WORDS} words indexed in {:.1} s", done.articles, began.elapsed().as_secs_f64());
    for (when, until) in [("all of them known", NOW), ("one in twelve known", NOW.plus_ms(-335 * 86_400_000))] {
        let mut dice = Dice(11);
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..QUERIES {
            let words: Vec<String> = (0..6).map(|_| dice.word(20.0)).collect();
            let search = Search { query: words.join(" "), from: None, until, limit: 20 };
            let began = clock::monotonic();
            found += index.look(&search).unwrap().len();
            times.push(began.elapsed());
        }
        let found = found as f64 / QUERIES as f64;
        told(&format!("a search, {when}, {found:.1} found"), times, Duration::from_millis(20));
    }
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn question(number: usize) -> Question {
    let details = "It resolves to yes if the bank announces it before the end of the quarter. ".repeat(8);
    Question {
        key: EventKey::new("file", &number.to_string()),
        provider: "file".into(),
        id: number.to_string(),
        description: format!("Will the bank of place {number} cut its rates? {details}").into(),
        cutoff: Some(NOW.plus_ms(30 * 86_400_000)),
    }
}

async fn questions(folder: &Path) {
    let articles = folder.join("few");
    std::fs::create_dir(&articles).unwrap();
    for n in 0..20 {
        let text = format!(
            "{{\"title\":\"Rates of the bank, report {n}\",\"text\":\"{}\",\"published\":\"2025-12-{:02}\"}}",
            "The bank spoke of rates. ".repeat(50),
            n + 1
        );
        std::fs::write(articles.join(format!("{n}.json")), text).unwrap();
    }
    let script = folder.join("script.jsonl");
    let lines = [
        r#"{"when":["How much does it help"],"say":"Rating: 5"}"#,
        r#"{"when":["Probability ["],"say":"It may.\nProbability [{mark}]: *0.6*"}"#,
        r#"{"say":"Search Queries:\nbank rates"}"#,
    ];
    std::fs::write(&script, lines.join("\n")).unwrap();
    let mut layers = registry::layers();
    let text = |path: &Path| vec![path.display().to_string()];
    layers.flags.insert("llm.directory", text(&folder.join("llm")));
    layers.flags.insert("llm.articles", text(&articles));
    layers.flags.insert("llm.script", text(&script));
    let settings = EventsSettings::of(&layers.resolve().unwrap()).unwrap().llm;
    let llm = Llm::new(&settings, Vec::new()).unwrap();
    let mut times = Vec::new();
    // What any question needs once (threads, connections, caches of SQLite, the script's server) is no part of what one holds.
    let mut before = resident_mb();
    for number in 0..WARM + QUESTIONS {
        if number == WARM {
            times.clear();
            before = resident_mb();
        }
        let asked = [question(number)];
        let began = clock::monotonic();
        let answer = llm.forecast(&asked, NOW).await;
        times.push(began.elapsed());
        assert!(number > 0 || answer[0].probability.is_some(), "the script is understood");
    }
    told("a question, its models answering at once", times, Duration::from_millis(20));
    println!("{QUESTIONS} remembered questions hold {:.1} MB of 30 MB", resident_mb() - before);
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    if !std::env::args().any(|argument| argument == "questions") {
        searches(folder.path());
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(questions(folder.path()));
}
