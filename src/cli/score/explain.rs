//! `neuron score explain`: where a miner's score on an event comes from, interval by interval.

use anyhow::anyhow;
use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::super::output::TextTable;
use super::{Case, hotkey_args, identity};
use crate::cli::{Exit, Failure};
use crate::scoring::admission::EventState;
use crate::scoring::grid::{Grid, interval_weights};
use crate::scoring::window::averages;
use crate::scoring::{Rules, rules::RuleName};
use crate::subnets::events::ledger::{EventRow, IntervalLine, Rescored};
use crate::units::{Identity, UnixMs};

/// Characters of a line of the question that are shown: here a person asked for this one.
const QUESTION_LINE: usize = 8192;

pub(super) fn command() -> Command {
    let event = Arg::new("event").long("event").required(true).value_name("KEY").help("The event, provider-id");
    Command::new("explain")
        .about("Shows a miner's score on an event: prices, reports, gains, and what it did to the average")
        .args(hotkey_args())
        .arg(event)
}

#[derive(Debug, Serialize)]
struct Explained {
    event: EventRow,
    identity: Identity,
    rule: RuleName,
    intervals: Vec<Line>,
    score: Option<f64>,
    average: Option<Effect>,
}

#[derive(Debug, Serialize)]
struct Line {
    start: UnixMs,
    answers: u32,
    /// How many of them came from conditional forecasts.
    by_rule: u32,
    mean_price: f64,
    mean_report: f64,
    /// Mean quadratic improvement on the price; what `market_delta` averages.
    gain: Option<f64>,
    weight: f64,
}

/// The miner's window average without and with this event.
#[derive(Debug, Serialize)]
struct Effect {
    events: usize,
    before: f64,
    after: f64,
}

pub(super) fn run(case: &Case, matches: &ArgMatches) -> Result<(), Failure> {
    let key = matches.get_one::<String>("event").ok_or_else(|| anyhow!("--event is missing"))?;
    let identity = identity(&case.archive, matches)?;
    let event = case.archive.event(key)?.ok_or_else(|| {
        let error = anyhow!("the ledger knows no event {key}; `neuron score export` lists them in events.csv");
        Failure::new(Exit::Missing, error)
    })?;
    let lines = lines(case, identity, &event)?;
    let window = case.archive.window_until(key, &case.rules)?;
    let own = window.last().and_then(|event| event.scores.iter().find(|(who, _)| *who == identity));
    let score = own.map(|(_, score)| *score);
    let average = (!window.is_empty()).then(|| effect(&window, identity, &case.rules));
    let explained = Explained { event, identity, rule: case.rules.rule, intervals: lines, score, average };
    case.output.result(&explained, text)?;
    Ok(())
}

fn lines(case: &Case, identity: Identity, event: &EventRow) -> Result<Vec<Line>, Failure> {
    let grid = Grid::of_minutes(event.interval_minutes);
    let close = event.resolved_at.map_or(event.cutoff, |resolved| resolved.min(event.cutoff));
    let n = usize::try_from(grid.touched(event.opened_at, close)).unwrap_or(0);
    let weights = interval_weights(case.rules.interval_weight, case.rules.interval_power, n);
    let first = grid.index(event.opened_at);
    let found = case.archive.intervals(identity, &event.key, &case.rules)?;
    let line = |x: &IntervalLine| {
        let place = usize::try_from(grid.index(x.start) - first).unwrap_or(usize::MAX);
        Line {
            start: x.start,
            answers: x.stats.count,
            by_rule: x.by_rule,
            mean_price: x.stats.mean_r(),
            mean_report: x.stats.mean_p(),
            gain: event.outcome.map(|outcome| x.stats.mean_delta(outcome)),
            weight: weights.get(place).copied().unwrap_or(0.0),
        }
    };
    Ok(found.iter().map(line).collect())
}

/// `window` holds the event in question as its last, and one event more than a window where there are as many.
fn effect(window: &[Rescored], identity: Identity, rules: &Rules) -> Effect {
    let mean = |events: &[Rescored]| {
        let events: Vec<_> = events.iter().map(Rescored::as_scored).collect();
        averages(&events, rules).get(&identity).map_or(0.0, |average| average.mean)
    };
    let with = window.get(window.len().saturating_sub(rules.window_events)..).unwrap_or_default();
    let without = window.get(..window.len().saturating_sub(1)).unwrap_or_default();
    Effect { events: with.len(), before: mean(without), after: mean(with) }
}

fn when(t: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(t.0)
        .map_or_else(|_| t.0.to_string(), |t| t.strftime("%Y-%m-%d %H:%M").to_string())
}

fn text(explained: &Explained) -> String {
    let event = &explained.event;
    let mut table =
        TextTable::new(["interval (UTC)", "answers", "by rule", "mean price", "mean report", "gain", "weight"]);
    for line in &explained.intervals {
        table.row([
            when(line.start),
            line.answers.to_string(),
            line.by_rule.to_string(),
            format!("{:.4}", line.mean_price),
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
    let rule = serde_json::to_value(explained.rule).ok().and_then(|rule| rule.as_str().map(str::to_owned));
    let rule = rule.unwrap_or_default();
    let score = match (explained.score, event.state) {
        (Some(score), _) if explained.rule == RuleName::MarketDelta => {
            format!("score under {rule}: {score:+.9}, the mean of the gains by their weights")
        }
        (Some(score), _) => {
            format!("score under {rule}: {score:+.9}; it does not come from the gains on the price above")
        }
        (None, EventState::Scored) => {
            format!("no score under {rule}: it did not predict, which counts 0 in the average")
        }
        (None, EventState::Open) => "no score yet: the event is not settled".to_owned(),
        (None, EventState::Void) => "no score: the event is void and counts for nobody".to_owned(),
        (None, _) => "no score: the event could not be scored and counts for nobody".to_owned(),
    };
    let average = explained.average.as_ref().map_or_else(String::new, |effect| {
        let Effect { events, before, after } = effect;
        let moved = after - before;
        format!("average over the last {events} events: {before:+.9} without it, {after:+.9} with it ({moved:+.9})\n")
    });
    let question: Vec<String> = event.description.lines_up_to(QUESTION_LINE).map(|line| format!("  {line}")).collect();
    format!(
        "{}\n{}\nminer {} registered at block {}\nopen {} to {}, {outcome}\n\n{}\n{score}\n{average}",
        event.key,
        question.join("\n"),
        explained.identity.hotkey,
        explained.identity.registered_at,
        when(event.opened_at),
        when(event.cutoff),
        table.render(),
    )
}
