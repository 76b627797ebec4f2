//! From what a kind of work has to show to HTML. All of it is escaped here: by `maud` for the document, and by
//! [`Foreign`](crate::units::Foreign) for what eyes would be deceived by.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use crate::report::plot::{Curve, Curves, curves, series};
use crate::subnets::shown::{Ask, Axis, Block, Cell, Chart, PER_PAGE, Table};
use crate::units::{Account, UnixMs, harmless_line};

/// Characters of a foreign text in a cell.
const IN_A_CELL: usize = 160;
/// Characters of one of its lines where the whole text is shown.
const IN_A_LINE: usize = 4_000;
/// Lines of it.
const LINES: usize = 200;

/// Where a block stands: what its links lead to.
#[derive(Debug, Clone, Default)]
pub(super) struct Place<'a> {
    /// The word of the kind's things in addresses.
    pub(super) things: &'a str,
    /// Names of miners.
    pub(super) names: BTreeMap<Account, &'static str>,
    /// The page's own address.
    pub(super) path: &'a str,
    /// The part of a list that is shown.
    pub(super) ask: Ask,
}

impl Place<'_> {
    /// Several blocks, each an element by itself.
    pub(super) fn blocks(&self, blocks: &[Block]) -> Markup {
        html! { @for block in blocks { (self.block(block)) } }
    }

    fn block(&self, block: &Block) -> Markup {
        match block {
            Block::Heading(text) => html! { h2 { (text) } },
            Block::Note(text) => html! { p { (text) } },
            Block::Text(text) => html! {
                div.foreign-text { @for line in text.lines_up_to(IN_A_LINE).take(LINES) { p { (line.to_string()) } } }
            },
            Block::Facts(facts) => html! {
                dl.facts {
                    @for (name, value) in facts { div class=[is_long(value).then_some("wide")] { dt { (name) } dd { (self.cell(value)) } } }
                }
            },
            Block::Table(table) => self.table(table),
            Block::Chart(chart) => self.figure(chart),
        }
    }

    pub(super) fn table(&self, table: &Table) -> Markup {
        let class = |column: usize, extra: bool| {
            let of = table.rows.iter().filter_map(|row| row.get(column)).find(|cell| **cell != Cell::Nothing);
            match of {
                Some(Cell::Count(_) | Cell::Number(..) | Cell::Gain(..) | Cell::Share(_) | Cell::Took(_)) => Some("n"),
                Some(Cell::Thing(..)) if extra => Some("thing"),
                Some(Cell::Foreign(_)) if extra => Some("foreign"),
                _ => None,
            }
        };
        html! {
            @if !table.states.is_empty() { (self.states(table)) }
            div.scroll tabindex="0" role="region" aria-label=(harmless_line(&table.caption)) {
                table {
                    caption {
                        (harmless_line(&table.caption))
                        @if let Some(of) = table.of {
                            @if table.rows.is_empty() { ": none" }
                            @else { ", " (self.ask.skip() + 1) " to " (self.ask.skip() + table.rows.len()) " of " (of) }
                        } @else if table.rows.is_empty() { ": none" }
                    }
                    @if !table.rows.is_empty() {
                        thead { tr {
                            @for (i, head) in table.heads.iter().enumerate() { th scope="col" class=[class(i, false)] { (head) } }
                        } }
                        tbody { @for row in &table.rows { tr {
                            @for (i, cell) in row.iter().enumerate() { td class=[class(i, true)] { (self.cell(cell)) } }
                        } } }
                    }
                }
            }
            @if let Some(of) = table.of { (self.pages(of)) }
        }
    }

    fn states(&self, table: &Table) -> Markup {
        let here = |state: &str| (self.ask.state == state).then_some("true");
        html! {
            ul.filter aria-label="Show" {
                li { a href=(self.path) aria-current=[here("")] { "all" } }
                @for (state, count) in &table.states {
                    li { a href={ (self.path) "?state=" (state) } aria-current=[here(state)] { (state.replace('_', " ")) " (" (count) ")" } }
                }
            }
        }
    }

    fn pages(&self, of: usize) -> Markup {
        let to = |page: usize| {
            let state =
                if self.ask.state.is_empty() { String::new() } else { format!("&state={}", encoded(&self.ask.state)) };
            format!("{}?page={page}{state}", self.path)
        };
        let more = self.ask.skip().saturating_add(PER_PAGE) < of;
        html! {
            @if self.ask.page > 0 || more {
                ul.pages aria-label="Pages of the list" {
                    @if self.ask.page > 0 { li { a rel="prev" href=(to(self.ask.page - 1)) { "← previous" } } }
                    @if more { li { a rel="next" href=(to(self.ask.page + 1)) { "next →" } } }
                }
            }
        }
    }

    pub(super) fn cell(&self, cell: &Cell) -> Markup {
        match cell {
            Cell::Nothing => html! { span.nothing { "–" } },
            Cell::Word(word) => html! { (harmless_line(word)) },
            Cell::Foreign(text) => html! { (text.up_to(IN_A_CELL).to_string()) },
            Cell::Count(n) => html! { data value=(n) { (grouped(*n)) } },
            Cell::Number(number, digits) => html! { data value=(number) { (format!("{number:.digits$}")) } },
            Cell::Gain(number, digits) => html! {
                data value=(number) class=[sign(*number)] { (format!("{number:+.digits$}")) }
            },
            Cell::Share(share) => html! { data value=(share) { (format!("{:.1} %", share * 100.0)) } },
            Cell::Time(at) => time(*at),
            Cell::Took(ms) => html! { data value=(ms) { (took(*ms)) } },
            Cell::Miner(hotkey) => self.miner(hotkey),
            Cell::Thing(key, text) => html! {
                a href={ "/" (self.things) "/" (encoded(key)) } {
                    @let shown = text.up_to(IN_A_CELL).to_string();
                    @if shown.trim().is_empty() { "(no text)" } @else { (shown) }
                }
            },
            Cell::State(word, well) => {
                let class = match well {
                    Some(true) => "state good",
                    Some(false) => "state bad",
                    None => "state",
                };
                html! { span class=(class) { (harmless_line(word)) } }
            }
        }
    }

    fn figure(&self, chart: &Chart) -> Markup {
        let lines: Vec<Curve<'_>> = chart
            .lines
            .iter()
            .map(|line| Curve { points: &line.points, dashed: line.dashed, dots: line.dots })
            .collect();
        let x = match chart.x {
            Axis::Time => None,
            Axis::Number(name) => Some(name),
        };
        let drawn = curves(&Curves { title: &chart.title, x, y: chart.y, range: chart.range, lines: &lines });
        html! {
            figure {
                figcaption { (harmless_line(&chart.title)) }
                ul.legend {
                    @for (line, number) in chart.lines.iter().zip(series(&lines)) {
                        li {
                            span class=(number.map_or_else(|| "dash".to_owned(), |n| format!("s{}", n % 8))) {}
                            @if let Some(miner) = &line.miner { (self.miner(miner)) } @else { (harmless_line(&line.name)) }
                        }
                    }
                }
                div.picture tabindex="0" role="group" aria-label=(harmless_line(&chart.title)) { (PreEscaped(drawn)) }
            }
        }
    }

    fn miner(&self, hotkey: &Account) -> Markup {
        let text = hotkey.ss58();
        let (begin, end) =
            (text.get(..8).unwrap_or(&text), text.get(text.len().saturating_sub(4)..).unwrap_or_default());
        html! {
            a href={ "/miners/" (text) } {
                @if let Some(name) = self.names.get(hotkey) { (name) " " }
                span.key { (begin) "…" (end) }
            }
        }
    }
}

/// Whether a fact needs more room than a number.
fn is_long(cell: &Cell) -> bool {
    match cell {
        Cell::Word(word) => word.chars().count() > 22,
        Cell::Foreign(text) => text.as_raw().chars().count() > 22,
        _ => false,
    }
}

fn sign(number: f64) -> Option<&'static str> {
    match number.total_cmp(&0.0) {
        _ if number == 0.0 => None,
        std::cmp::Ordering::Greater => Some("up"),
        _ => Some("down"),
    }
}

fn time(at: UnixMs) -> Markup {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => html! {
            time datetime=(time.strftime("%Y-%m-%dT%H:%M:%SZ")) { (time.strftime("%Y-%m-%d %H:%M")) }
        },
        Err(_) => html! { span.nothing { "no time" } },
    }
}

fn took(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

/// A number with thin gaps between its thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A text as one part of an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail. A dot is written out as well: `..` is no address.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnets::shown::Line;

    #[test]
    fn what_strangers_write_is_text() {
        let hostile = "<script>alert(1)</script>\"' onload=x\u{202e}\n</td><img src=x>";
        let place = Place { things: "events", ..Place::default() };
        let cells = [
            Cell::Foreign(hostile.into()),
            Cell::Thing(hostile.to_owned(), hostile.into()),
            Cell::Word(hostile.to_owned()),
            Cell::State(hostile.to_owned(), None),
        ];
        let table =
            Table { caption: hostile.to_owned(), heads: vec!["x"; 4], rows: vec![cells.into()], ..Table::default() };
        let line = Line::new(hostile, vec![(0.0, 0.0), (1.0, 1.0)]);
        let chart = Chart { title: hostile.to_owned(), lines: vec![line], ..Chart::default() };
        let shown =
            place.blocks(&[Block::Table(table), Block::Chart(chart), Block::Text(hostile.into())]).into_string();
        assert!(!shown.contains("<script") && !shown.contains("<img") && !shown.contains('\u{202e}'), "{shown}");
        assert!(!shown.contains("\" onload") && !shown.contains("' onload=x<"), "{shown}");
        assert_eq!(shown.matches("</td>").count(), 4, "{shown}");
    }

    #[test]
    fn numbers_are_whole_for_programs_and_short_for_people() {
        let place = Place::default();
        let shown = |cell: Cell| place.cell(&cell).into_string();
        assert_eq!(shown(Cell::Gain(0.123_456_789, 4)), "<data value=\"0.123456789\" class=\"up\">+0.1235</data>");
        assert_eq!(shown(Cell::Count(1_234_567)), "<data value=\"1234567\">1\u{202f}234\u{202f}567</data>");
        assert_eq!(encoded("a/../b c"), "a%2F%2E%2E%2Fb%20c");
    }
}
