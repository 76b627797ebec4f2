//! `neuron score explain`: where a miner's score on an event comes from, interval by interval.

use std::cmp::Reverse;

use clap::{Arg, ArgMatches, Command};

use super::super::output::{Output, TextTable};
use super::{classified, hotkey_args, identity, required};
use crate::cli::Failure;
use crate::report::Case;
use crate::report::explain::{Effect, Explained, PricesUsed, explain};
use crate::scoring::admission::EventState;
use crate::scoring::rules::RuleName;
use crate::subnets::events::ledger::{EventChange, PriceDispute};
use crate::units::UnixMs;

/// Characters of a line of the question that are shown: here a person asked for this one.
const QUESTION_LINE: usize = 8192;

pub(super) fn command() -> Command {
    let event =
        Arg::new("event").long("event").required(true).value_name("KEY").help("The key of the event: PROVIDER-ID");
    Command::new("explain")
        .about("Shows a miner's score on an event: prices, reports, gains, and what it did to the average")
        .args(hotkey_args())
        .arg(event)
}

pub(super) fn run(case: &Case, matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let key = required::<String>(matches, "event")?;
    let identity = identity(case, matches)?;
    let explained = explain(case, identity, key).map_err(classified)?;
    output.result(&explained, text)?;
    Ok(())
}

fn when(t: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(t.0)
        .map_or_else(|_| t.0.to_string(), |t| t.strftime("%Y-%m-%d %H:%M").to_string())
}

/// One change in the life of an event: `2024-06-01 09:00 scored, outcome 1`.
fn told(change: &EventChange) -> String {
    let at = when(change.at);
    match (change.state, change.outcome) {
        (EventState::Open, _) => format!("{at} open, answers count until {}", when(change.cutoff)),
        (EventState::Void, _) => format!("{at} void"),
        (EventState::Scored, Some(outcome)) => format!("{at} scored, outcome {outcome}"),
        (_, Some(outcome)) => format!("{at} not scored, outcome {outcome}"),
        (_, None) => format!("{at} not scored"),
    }
}

/// What the prices of an interval are made of: `239 stream, 1 midpoint`.
fn made_of(prices: &PricesUsed) -> String {
    let mut sources: Vec<_> = prices.sources.iter().collect();
    sources.sort_by_key(|(source, count)| (Reverse(**count), **source));
    sources.into_iter().map(|(source, count)| format!("{count} {source}")).collect::<Vec<_>>().join(", ")
}

/// One contradiction: `2024-06-01 09:00 listed 0.41, midpoint 0.55`.
fn contradicted(dispute: &PriceDispute) -> String {
    let PriceDispute { price, other } = dispute;
    format!("{} {} {:.4}, {} {:.4}", when(other.at), price.source, price.price, other.source, other.price)
}

fn text(explained: &Explained) -> String {
    let event = &explained.event;
    let mut table = TextTable::new([
        "interval (UTC)",
        "answers",
        "by rule",
        "mean price",
        "made of",
        "at most old",
        "mean report",
        "gain",
        "weight",
    ]);
    for line in &explained.intervals {
        table.row([
            when(line.start),
            line.answers.to_string(),
            line.by_rule.to_string(),
            format!("{:.4}", line.mean_price),
            made_of(&line.prices),
            format!("{} s", line.prices.oldest_ms.div_euclid(1000)),
            format!("{:.4}", line.mean_report),
            line.gain.map_or_else(|| "open".to_owned(), |gain| format!("{gain:+.6}")),
            format!("{:.4}", line.weight),
        ]);
    }
    let outcome = match (event.outcome, event.state) {
        (Some(outcome), _) => format!("outcome {outcome}"),
        (None, EventState::Open) => "not resolved".to_owned(),
        (None, _) => "void".to_owned(),
    };
    let rule = explained.rule.name();
    let score = match (explained.score, event.state) {
        (Some(score), _) if explained.rule == RuleName::MarketDelta => {
            format!("score under {rule}: {score:+.9}, the mean of the gains by their weights")
        }
        (Some(score), _) => {
            format!("score under {rule}: {score:+.9}; this rule does not use the gains above")
        }
        (None, EventState::Scored) => {
            format!("no score under {rule}: the miner did not predict; that counts as 0 in the average")
        }
        (None, EventState::Open) => "no score yet: the event is not settled".to_owned(),
        (None, EventState::Void) => "no score: the event is void and counts for no miner".to_owned(),
        (None, _) => "no score: the event could not be scored and counts for no miner".to_owned(),
    };
    let average = explained.average.as_ref().map_or_else(String::new, |effect| {
        let Effect { events, before, after } = effect;
        let moved = after - before;
        format!("average over the last {events} events: {before:+.9} without it, {after:+.9} with it ({moved:+.9})\n")
    });
    let changes = explained.life.iter().map(|change| (change.at, told(change)));
    let reviews = explained.reviews.iter().map(|seen| (seen.at, format!("{} outcome {}", when(seen.at), seen.review)));
    let mut life: Vec<(UnixMs, String)> = changes.chain(reviews).collect();
    // What was seen at the same time stays in its order.
    life.sort_by_key(|(at, _)| *at);
    let life: String = life.into_iter().map(|(_, line)| format!("  {line}\n")).collect();
    let disputes: String = explained.disputes.iter().map(|dispute| format!("  {}\n", contradicted(dispute))).collect();
    let disputes = match explained.disputes.len() {
        0 => String::new(),
        n => format!("a second source contradicted the price {n} times:\n{disputes}"),
    };
    let question: Vec<String> = event.description.lines_up_to(QUESTION_LINE).map(|line| format!("  {line}")).collect();
    format!(
        "{}\n{}\nminer {} registered at block {}\nopen {} to {}, {outcome}\n{life}\n{}\n{disputes}{score}\n{average}",
        event.key,
        question.join("\n"),
        explained.identity.hotkey,
        explained.identity.registered_at,
        when(event.opened_at),
        when(event.cutoff),
        table.render(),
    )
}
