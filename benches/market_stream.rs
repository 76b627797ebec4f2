//! How many price changes of the market channel are applied in a second, on one core: `cargo bench --bench market_stream`.
//!
//! The frames are as the channel sends them, of 500 books of 40 levels each: one change a frame, two changes a frame (both
//! tokens of a market), and arrays of frames. What is timed is everything behind the socket: reading the text, the book, the
//! new midpoint.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark talks to a person and may panic"
)]

use std::time::Duration;

use neuron::clock;
use neuron::market::polymarket::StreamBench;

const TOKENS: usize = 500;
const LEVELS: u64 = 40;
/// What is wanted, changes per second.
const TARGET: f64 = 20_000.0;
const TIME: Duration = Duration::from_secs(2);

fn token(n: usize) -> String {
    // As long as the real ones.
    format!("{:0>77}", n + 1)
}

/// A number that looks random.
fn pseudo(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

fn book(n: usize) -> String {
    let rows = |from: u64| -> Vec<String> {
        (0..LEVELS).map(|k| format!(r#"{{"price":"0.{:03}","size":"{}"}}"#, from + k, 100 + k)).collect()
    };
    format!(
        r#"{{"event_type":"book","asset_id":"{}","market":"0x{n:064x}","timestamp":"1","hash":"{n:040x}","bids":[{}],"asks":[{}]}}"#,
        token(n),
        rows(450).join(","),
        rows(500).join(",")
    )
}

fn changes(n: u64, per_frame: u64) -> String {
    let change = |k: u64| {
        let random = pseudo(n * 7 + k);
        let (side, price) =
            if random.is_multiple_of(2) { ("BUY", 450 + random % 45) } else { ("SELL", 500 + random % 45) };
        let size = if random.is_multiple_of(5) { 0 } else { random % 1000 };
        let asset = token((random % TOKENS as u64) as usize);
        format!(
            r#"{{"asset_id":"{asset}","price":"0.{price:03}","size":"{size}","side":"{side}","hash":"{random:040x}","best_bid":"0.489","best_ask":"0.5"}}"#
        )
    };
    let all: Vec<String> = (0..per_frame).map(change).collect();
    format!(
        r#"{{"event_type":"price_change","market":"0x{n:064x}","timestamp":"{}","price_changes":[{}]}}"#,
        1_767_225_600_000 + n,
        all.join(",")
    )
}

fn main() {
    let mut missed = false;
    for (name, per_frame, per_array) in
        [("one change a frame", 1, 1), ("two changes a frame", 2, 1), ("arrays of ten", 2, 10)]
    {
        let frames: Vec<String> = (0..20_000_u64 / per_array)
            .map(|n| {
                let messages: Vec<String> = (0..per_array).map(|k| changes(n * per_array + k, per_frame)).collect();
                if per_array == 1 { messages.concat() } else { format!("[{}]", messages.join(",")) }
            })
            .collect();
        let mut books = StreamBench::of((0..TOKENS).map(token));
        (0..TOKENS).for_each(|n| books.take(&book(n)));
        let (begin, mut rounds) = (clock::monotonic(), 0_u64);
        while begin.elapsed() < TIME {
            frames.iter().for_each(|frame| books.take(frame));
            rounds += 1;
        }
        let changes = (rounds * 20_000 * per_frame) as f64;
        let rate = changes / begin.elapsed().as_secs_f64();
        missed |= rate < TARGET;
        println!("{name:>20}: {:>9.0} changes a second, {:.1} times the target", rate, rate / TARGET);
    }
    if missed {
        std::process::exit(1);
    }
}
