//! The export of a year, by a process of its own: how long it takes, and how much memory at most.

use std::path::Path;
use std::process::{Command, Stdio};

use neuron::clock;

use crate::bulk::{self, Said};
use crate::store::{Store, place_of};
use crate::year::{Year, published};

/// Makes the year in each store there is, and has it exported.
pub fn measure(year: Year, skip: usize) {
    println!("{} events, {} miners; the lake is written at once\n", year.events, year.miners);
    println!("| ledger | rows | MB written | seconds | peak memory, MB |");
    println!("|---|---|---|---|---|");
    for store in Store::all(&year.events.to_string()).into_iter().skip(skip) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let begun = clock::monotonic();
        runtime.block_on(bulk::fill(&store, year.events, Said::Much(year.miners)));
        eprintln!("{}: filled in {:.0?}, {} MB", store.name, begun.elapsed(), store.bytes() / 1_000_000);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["export-only", &store.word()])
            .arg(store.folder.path().join("lake"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(child.status.success(), "the export of {} failed", store.name);
        println!("| {} | {}", store.name, String::from_utf8(child.stdout).unwrap().trim_end());
    }
}

/// The process: a ledger, and where the lake is to be. Prints the rest of its line of the table.
pub fn only(words: &[String]) {
    let [ledger, lake] = words else { panic!("export-only LEDGER FOLDER") };
    let begun = clock::monotonic();
    let done = published(&place_of(ledger), Path::new(lake));
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} | {:.0} | {seconds:.1} | {:.0} |", done.rows, done.bytes as f64 / 1e6, peak_mb());
}

/// The most that this process has held of the machine's memory.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
