//! The pages, each read when it is asked for.

mod chain;
mod miners;
mod overview;
mod served;
mod tasks;
mod weights;

use std::time::Duration;

use maud::{Markup, html};

use super::Source;
use super::blocks::Place;
use super::frame;
use crate::ledger::{LedgerError, Memo, ReadOnly};
use crate::role::Watch;
use crate::subnets::shown::{Ask, Block, Cell, Views};
use crate::subnets::work::WorkError;
use crate::telemetry;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    Overview,
    List(Ask),
    Thing(String),
    Miners,
    Miner(String),
    Weights,
    Served,
    Chain,
    Tasks,
    Log,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("There is no such page for this role.")]
    NotFound,
    #[error("This page cannot be made: {0}")]
    Ledger(#[from] LedgerError),
    #[error("This page cannot be made: {0}")]
    Work(#[from] WorkError),
    #[error("This page cannot be made because of a bug; the log says more.")]
    Bug,
}

/// A whole page.
pub(super) fn page(source: &Source, memo: &Memo, wanted: &Wanted) -> Result<Markup, Trouble> {
    let desk = Desk { source, memo, behind: std::cell::Cell::default() };
    match wanted {
        Wanted::Overview => overview::page(&desk),
        Wanted::List(ask) => desk.list(ask),
        Wanted::Thing(key) => desk.thing(key),
        Wanted::Miners => miners::all(&desk),
        Wanted::Miner(hotkey) => miners::one(&desk, hotkey),
        Wanted::Weights => weights::page(&desk),
        Wanted::Served => served::page(&desk),
        Wanted::Chain => chain::page(&desk),
        Wanted::Tasks => tasks::page(&desk),
        Wanted::Log => desk.log(),
    }
}

/// What pages are made from.
pub(super) struct Desk<'a> {
    pub(super) source: &'a Source,
    /// What pages of before remember of the ledger.
    memo: &'a Memo,
    /// How far the replica that was read for this page is behind the ledger.
    behind: std::cell::Cell<Option<Duration>>,
}

impl Desk<'_> {
    /// The running role, where there is one.
    pub(super) fn watch(&self) -> Result<&Watch, Trouble> {
        self.source.watch.as_ref().ok_or(Trouble::NotFound)
    }

    /// What the kind shows of the ledger, with the ledger.
    pub(super) fn kept(&self) -> Result<(Views, ReadOnly), Trouble> {
        let (kind, path) = (self.source.kind, self.source.ledger.as_ref().ok_or(Trouble::NotFound)?);
        let (views, schema) = (kind.views.ok_or(Trouble::NotFound)?, kind.schema.ok_or(Trouble::NotFound)?);
        let ledger = ReadOnly::open(path, schema)?.remembering(self.memo.clone());
        self.behind.set(ledger.behind()?);
        Ok((views, ledger))
    }

    pub(super) fn place<'p>(&self, path: &'p str) -> Place<'p> {
        let names = self.source.watch.as_ref().map(|watch| watch.names.clone()).unwrap_or_default();
        Place { things: self.source.kind.views.map_or("", |views| views.things), names, path, ask: Ask::default() }
    }

    /// A page with a heading and blocks.
    pub(super) fn page(&self, here: &str, title: &str, blocks: &[Block]) -> Markup {
        let body = html! { h1 { (title) } (self.place(here).blocks(blocks)) };
        self.framed(here, title, &body)
    }

    fn framed(&self, here: &str, title: &str, body: &Markup) -> Markup {
        frame::page(self.source, here, title, body, self.behind.get())
    }

    fn list(&self, ask: &Ask) -> Result<Markup, Trouble> {
        let (views, ledger) = self.kept()?;
        let blocks = (views.list)(&self.source.resolved, &ledger, ask)?;
        let path = format!("/{}", views.things);
        let place = Place { ask: ask.clone(), ..self.place(&path) };
        let title = frame::places(self.source).into_iter().find(|(at, _)| *at == path).map(|(_, name)| name);
        let title = title.unwrap_or_default();
        let body = html! { h1 { (title) } (place.blocks(&blocks)) };
        Ok(self.framed(&path, &title, &body))
    }

    fn thing(&self, key: &str) -> Result<Markup, Trouble> {
        let (views, ledger) = self.kept()?;
        let (title, blocks) = (views.one)(&self.source.resolved, &ledger, key)?.ok_or(Trouble::NotFound)?;
        let first = title.lines_up_to(120).next().map(|line| line.to_string()).unwrap_or_default();
        Ok(self.page(&format!("/{}", views.things), &first, &blocks))
    }

    fn log(&self) -> Result<Markup, Trouble> {
        self.watch()?;
        let lines = telemetry::log_tail();
        let body = html! {
            h1 { "Log" }
            p { "The last lines of this process; the newest is at the end." }
            @if lines.is_empty() { p { "Nothing has been logged." } }
            @else { pre.log tabindex="0" role="region" aria-label="Log" { @for line in &lines { (line) "\n" } } }
        };
        Ok(self.framed("/log", "Log", &body))
    }
}

/// A JSON value in a cell.
pub(super) fn json(value: &serde_json::Value) -> Cell {
    match value {
        serde_json::Value::Null => Cell::Nothing,
        serde_json::Value::Bool(said) => Cell::Word(if *said { "yes" } else { "no" }.to_owned()),
        serde_json::Value::Number(number) => match number.as_u64() {
            Some(count) => Cell::Count(count),
            None => Cell::maybe(number.as_f64(), |number| Cell::Number(number, 3)),
        },
        serde_json::Value::String(text) => Cell::Foreign(text.as_str().into()),
        other => Cell::Foreign(other.to_string().into()),
    }
}
