//! What there is to see of prompts: questions, what every miner said to them, how every miner stands.

use super::ledger::{self, Asked, Standing};
use crate::config::Resolved;
use crate::ledger::ReadOnly;
use crate::subnets::shown::{Ask, Axis, Block, Cell, Chart, Line, Marks, PER_PAGE, Table, Titled, Views};
use crate::subnets::work::WorkError;
use crate::units::Identity;

/// Answers whose course is drawn.
const DRAWN: usize = 5;

/// See the module.
pub(super) const VIEWS: Views = Views { things: "questions", overview, list, one, marks, miner };

fn overview(_: &Resolved, file: &ReadOnly, _: &()) -> Result<Vec<Block>, WorkError> {
    let counts = file.ask(ledger::counts)?;
    let all: usize = counts.iter().map(|(_, n)| n).sum();
    let mut facts = vec![("questions kept", Cell::Count(all as u64))];
    let standings = file.ask(ledger::standings)?;
    facts.push(("miners that were asked", Cell::Count(standings.len() as u64)));
    let last = file.ask(|connection| ledger::asked(connection, None, 0, 10))?;
    let rewards = last.iter().rev().map(|asked| (asked.at.0 as f64, asked.mean_reward)).collect();
    let chart = Chart {
        title: "Mean reward of the last questions".to_owned(),
        y: "reward",
        range: Some((0.0, 1.0)),
        lines: vec![Line::new("mean reward", rewards).dotted()],
        ..Chart::default()
    };
    let mut blocks = vec![Block::Facts(facts)];
    if !last.is_empty() {
        blocks.push(Block::Chart(chart));
    }
    blocks.push(Block::Heading("Last questions".to_owned()));
    blocks.push(Block::Table(table("Last questions", &last)));
    Ok(blocks)
}

fn list(_: &Resolved, file: &ReadOnly, ask: &Ask) -> Result<Vec<Block>, WorkError> {
    let counts = file.ask(ledger::counts)?;
    let tasks = super::task::Task::ALL.map(super::task::Task::name);
    let task = tasks.into_iter().find(|task| *task == ask.state);
    let of = counts.iter().filter(|(name, _)| task.is_none_or(|task| task == name.as_str())).map(|(_, n)| *n).sum();
    let states = tasks.into_iter().filter_map(|task| {
        let (_, n) = counts.iter().find(|(name, _)| name == task)?;
        Some((task, *n))
    });
    let rows = file.ask(|connection| ledger::asked(connection, task, ask.skip(), PER_PAGE))?;
    Ok(vec![Block::Table(Table { of: Some(of), states: states.collect(), ..table("Questions, latest first", &rows) })])
}

fn table(caption: &str, rows: &[Asked]) -> Table {
    let row = |asked: &Asked| {
        vec![
            Cell::Thing(asked.id.to_string(), asked.question.clone()),
            Cell::Word(asked.task.clone()),
            Cell::Time(asked.at),
            Cell::Count(asked.answers),
            Cell::Number(asked.mean_reward, 3),
            Cell::Took(asked.took_ms),
        ]
    };
    Table {
        caption: caption.to_owned(),
        heads: vec!["question", "task", "asked", "miners", "mean reward", "took"],
        rows: rows.iter().map(row).collect(),
        ..Table::default()
    }
}

fn one(_: &Resolved, file: &ReadOnly, key: &str) -> Result<Option<Titled>, WorkError> {
    let Ok(id) = key.parse::<i64>() else { return Ok(None) };
    let Some(round) = file.ask(|connection| ledger::round(connection, id))? else { return Ok(None) };
    let facts = vec![
        ("task", Cell::Word(round.asked.task.clone())),
        ("asked", Cell::Time(round.asked.at)),
        ("took", Cell::Took(round.asked.took_ms)),
        ("mean reward", Cell::Number(round.asked.mean_reward, 3)),
    ];
    let mut blocks = vec![Block::Facts(facts)];
    for (role, text) in round.messages {
        blocks.push(Block::Heading(if role == "user" { "Question".to_owned() } else { "Earlier answer".to_owned() }));
        blocks.push(Block::Text(text));
    }
    blocks.push(Block::Heading("Right answer".to_owned()));
    blocks.push(Block::Text(round.reference));
    let streamed = round.answers.iter().filter(|said| said.chunks.len() > 1);
    let courses: Vec<Line> = streamed.take(DRAWN).map(|said| Line::of(&said.miner, said.course()).dotted()).collect();
    if !courses.is_empty() {
        blocks.push(Block::Chart(Chart {
            title: "The best answers over time".to_owned(),
            x: Axis::Number("seconds"),
            y: "tokens",
            lines: courses,
            ..Chart::default()
        }));
    }
    let row = |said: ledger::Said| {
        let (first, rate) = (said.first_ms(), said.tokens_per_second());
        vec![
            Cell::Miner(said.miner.hotkey),
            Cell::Number(said.reward, 3),
            Cell::maybe(first, Cell::Took),
            Cell::Count(said.chunks.len() as u64),
            Cell::maybe(rate, |rate| Cell::Number(rate, 1)),
            Cell::Took(said.timing_ms),
            Cell::State(said.ended.clone(), Some(said.ended == "complete")),
            Cell::Foreign(said.completion),
            Cell::maybe(said.reason, Cell::Foreign),
        ]
    };
    blocks.push(Block::Heading("Answers".to_owned()));
    blocks.push(Block::Table(Table {
        caption: "The best first".to_owned(),
        heads: vec!["miner", "reward", "first words", "chunks", "tokens/s", "took", "ended", "said", "why it ended"],
        rows: round.answers.into_iter().map(row).collect(),
        ..Table::default()
    }));
    Ok(Some((round.asked.question, blocks)))
}

fn marks(_: &Resolved, file: &ReadOnly) -> Result<Marks, WorkError> {
    let mut standings = file.ask(ledger::standings)?;
    standings.sort_by(|a, b| b.score.total_cmp(&a.score));
    let row = |standing: Standing| {
        let answered = Cell::Word(format!("{} of {}", standing.said, standing.asked));
        (standing.identity, vec![Cell::Number(standing.score, 4), Cell::Number(standing.mean, 4), answered])
    };
    Ok(Marks {
        heads: vec!["moving average", "mean reward", "answered"],
        rows: standings.into_iter().map(row).collect(),
    })
}

fn miner(_: &Resolved, file: &ReadOnly, identity: &Identity) -> Result<Vec<Block>, WorkError> {
    let standings = file.ask(ledger::standings)?;
    let own = standings.iter().find(|standing| standing.identity == *identity);
    let facts = vec![
        ("moving average", Cell::maybe(own, |own| Cell::Number(own.score, 4))),
        ("mean reward", Cell::maybe(own, |own| Cell::Number(own.mean, 4))),
        ("answered", Cell::maybe(own, |own| Cell::Word(format!("{} of {}", own.said, own.asked)))),
    ];
    let rows = file.ask(|connection| ledger::of_miner(connection, *identity, PER_PAGE))?;
    let rewards: Vec<(f64, f64)> = rows.iter().rev().map(|(asked, said)| (asked.at.0 as f64, said.reward)).collect();
    let mut blocks = vec![Block::Facts(facts)];
    if !rewards.is_empty() {
        blocks.push(Block::Chart(Chart {
            title: "Rewards of the last answers".to_owned(),
            y: "reward",
            range: Some((0.0, 1.0)),
            lines: vec![Line::new("reward", rewards).dotted()],
            ..Chart::default()
        }));
    }
    let first = |(asked, said): &(Asked, ledger::Said)| Some((asked.at.0 as f64, said.first_ms()? / 1000.0));
    let waits: Vec<(f64, f64)> = rows.iter().rev().filter_map(first).collect();
    if !waits.is_empty() {
        blocks.push(Block::Chart(Chart {
            title: "Time to its first words".to_owned(),
            y: "seconds",
            lines: vec![Line::new("first words", waits).dotted()],
            ..Chart::default()
        }));
    }
    let row = |(asked, said): (Asked, ledger::Said)| {
        let (first, rate) = (said.first_ms(), said.tokens_per_second());
        vec![
            Cell::Thing(asked.id.to_string(), asked.question),
            Cell::Number(said.reward, 3),
            Cell::maybe(first, Cell::Took),
            Cell::Count(said.chunks.len() as u64),
            Cell::maybe(rate, |rate| Cell::Number(rate, 1)),
            Cell::Took(said.timing_ms),
            Cell::State(said.ended.clone(), Some(said.ended == "complete")),
            Cell::Foreign(said.completion),
        ]
    };
    blocks.push(Block::Table(Table {
        caption: "The last answers".to_owned(),
        heads: vec!["question", "reward", "first words", "chunks", "tokens/s", "took", "ended", "said"],
        rows: rows.into_iter().map(row).collect(),
        ..Table::default()
    }));
    Ok(blocks)
}
