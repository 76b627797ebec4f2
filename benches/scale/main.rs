//! A simulated year of a ledger of events, at several sizes, in SQLite and in PostgreSQL: what an event costs, whether that stays the
//! same, and how long a year takes to be exported. `scripts/bench-scale.sh` runs it.
//!
//! `cargo bench --bench scale -- [EVENTS...] [--miners N]`: years of so many events; a table for each thing that is done with them.
//! `cargo bench --bench scale -- export [EVENTS] [--miners N]`: one year, and its export by a process of its own.
//! `cargo bench --bench scale -- top [EVENTS...] [--miners N]`: ledgers of so many events, filled by the database itself, and what a
//! day costs on top of each.
//! `cargo bench --bench scale -- learn [EVENTS] [--miners N]`: two weeks of so many events, from which a regression is learnt.
//! `--skip 1` leaves SQLite out.
//!
//! `NEURON_BENCH_DB=postgres://…` adds a database, in schemas of its own (`bench_…`), which are dropped first and last.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_macros,
    unreachable_pub,
    reason = "a benchmark talks to a person and may panic"
)]

mod bulk;
mod export;
mod learn;
#[path = "../common/store.rs"]
mod store;
mod top;
mod year;

use std::process::ExitCode;

use store::Store;
use year::{Figures, Year};

/// What was asked for.
struct Asked {
    sizes: Vec<u64>,
    miners: u16,
    /// Stores that are left out: the first one is a file.
    skip: usize,
}

fn asked(words: &[String], sizes: &[u64], miners: u16) -> Asked {
    let mut asked = Asked { sizes: Vec::new(), miners, skip: 0 };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--miners" {
            asked.miners = words.next().and_then(|n| n.parse().ok()).expect("--miners N");
        } else if word == "--skip" {
            asked.skip = words.next().and_then(|n| n.parse().ok()).expect("--skip N");
        } else {
            asked.sizes.push(word.parse().expect("a number of events"));
        }
    }
    if asked.sizes.is_empty() {
        asked.sizes = sizes.to_vec();
    }
    asked
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.split_first() {
        Some((word, rest)) if word == "export" => {
            let Asked { sizes, miners, skip } = asked(rest, &[20_000], 256);
            sizes.into_iter().for_each(|events| export::measure(Year { events, miners }, skip));
        }
        Some((word, rest)) if word == "top" => {
            let Asked { sizes, miners, skip } = asked(rest, &[1_000, 10_000, 100_000], 32);
            top::measure(&sizes, miners, skip);
        }
        Some((word, rest)) if word == "learn" => {
            let Asked { sizes, miners, skip } = asked(rest, &[2_000], 256);
            sizes.into_iter().for_each(|events| learn::measure(Year { events, miners }, skip));
        }
        Some((word, rest)) if word == "export-only" => export::only(rest),
        _ => years(&asked(&words, &[1_000, 10_000], 32)),
    }
    ExitCode::SUCCESS
}

fn years(asked: &Asked) {
    let mut found: Vec<(u64, Vec<Figures>)> = Vec::new();
    for &events in &asked.sizes {
        let year = Year { events, miners: asked.miners };
        let each = Store::all(&events.to_string()).into_iter().skip(asked.skip).map(|store| {
            let figures = year::measure(year, &store);
            // A long run shows that it goes on.
            eprintln!("{events} events in {}: {figures:?}", store.name);
            figures
        });
        found.push((events, each.collect()));
    }
    let names: Vec<String> = Store::all("names").iter().skip(asked.skip).map(|store| store.name.clone()).collect();
    println!("{} miners, {} rounds a day, {} days", asked.miners, year::ROUNDS, year::DAYS);
    for (title, of) in year::OPERATIONS {
        println!("\n{title}\n\n| events | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len()));
        for (events, figures) in &found {
            let cells: Vec<String> = figures.iter().map(|figures| format!("{:.3}", of(figures))).collect();
            println!("| {events} | {} |", cells.join(" | "));
        }
    }
}
