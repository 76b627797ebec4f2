//! The axon for long: its memory and its delays by tenths of the time. The bare server has a round in each tenth, so that what
//! else the machine did then is seen beside.

use std::io::Write as _;

use neuron::clock;

use crate::client::{Heard, listen};
use crate::server::Server;
use crate::{PER_SECOND, STREAMS};

const TENTHS: u64 = 10;
/// Delays are counted by the microsecond; the last count is of all that took this long or longer.
const LONGEST_US: usize = 1_000_000;

/// How often each delay was seen: an hour of streams has 36 million of them.
struct Delays(Vec<u64>);

impl Delays {
    fn new() -> Self {
        Self(vec![0; LONGEST_US + 1])
    }

    fn add(&mut self, delays_ms: &[f64]) {
        for delay in delays_ms {
            self.0[((delay * 1e3) as usize).min(LONGEST_US)] += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to += from);
    }

    /// The delay that this share of all stays below, milliseconds.
    fn at(&self, share: f64) -> f64 {
        let mut left = (self.0.iter().sum::<u64>() as f64 * share) as u64;
        let within = self.0.iter().position(|count| match left.checked_sub(*count) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        within.unwrap_or(LONGEST_US) as f64 / 1e3
    }

    fn told(&self) -> String {
        format!("{:.3} | {:.3} | {:.3}", self.at(0.5), self.at(0.99), self.at(0.999))
    }
}

/// So many rounds of streams of so many seconds, in ten parts, each printed when it is done.
pub fn tenths(seconds: u64, rounds: u64) {
    let (chunks, rounds) = (seconds * PER_SECOND, rounds.div_ceil(TENTHS));
    println!(
        "\n{STREAMS} streams at once, {PER_SECOND} chunks a second each, {seconds} s long, {rounds} rounds in each tenth\n"
    );
    println!(
        "| minutes | chunks | p50 ms | p99 ms | p99.9 ms | bare server, p50 | p99 | p99.9 | CPU µs/chunk | resident MiB | at most |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let (axon, bare) = (Server::own("axon", chunks), Server::own("bare", chunks));
    // A first, short one makes what is made once.
    listen(&axon, 20.min(chunks));
    listen(&bare, 20.min(chunks));
    let (mut all, mut beside, mut chunks_heard) = (Delays::new(), Delays::new(), 0);
    let began = clock::monotonic();
    for _ in 0..TENTHS {
        let (mut delays, mut machine, mut heard) = (Delays::new(), Delays::new(), 0);
        let cpu = axon.cpu_seconds();
        for _ in 0..rounds {
            let Heard { chunks, delays_ms } = listen(&axon, chunks);
            heard += chunks;
            delays.add(&delays_ms);
        }
        let cpu_us = (axon.cpu_seconds() - cpu) * 1e6 / heard.max(1) as f64;
        machine.add(&listen(&bare, chunks).delays_ms);
        println!(
            "| {:.0} | {heard} | {} | {} | {cpu_us:.1} | {:.1} | {:.1} |",
            began.elapsed().as_secs_f64() / 60.0,
            delays.told(),
            machine.told(),
            axon.rss_mib(),
            axon.most_mib()
        );
        let _ = std::io::stdout().flush();
        all.join(&delays);
        beside.join(&machine);
        chunks_heard += heard;
    }
    let wanted = STREAMS as u64 * chunks * rounds * TENTHS;
    println!("| all | {chunks_heard} of {wanted} | {} | {} | | | |", all.told(), beside.told());
}
