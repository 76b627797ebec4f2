//! Markets and prices from many files, joined to a tape.

use std::collections::HashMap;

use super::shapes::{self, DAY_MS};
use super::table::Table;
use super::{Look, Recorded, Tape, Unusable};
use crate::market::{PriceSource, polymarket};
use crate::units::{Probability, UnixMs};

/// Markets and prices as they are found; prices may come before their market.
#[derive(Default)]
pub(super) struct Reading {
    markets: Vec<Found>,
    prices: HashMap<String, Vec<(UnixMs, Probability)>>,
    outcomes: HashMap<String, (Option<UnixMs>, Probability)>,
    unpriced: HashMap<String, Vec<UnixMs>>,
    sources: HashMap<String, Vec<(UnixMs, PriceSource)>>,
    voids: HashMap<String, UnixMs>,
    looks: HashMap<String, Vec<Look>>,
    /// Where the markets are that our own recordings tell of, by key: they may tell of one several times.
    own: HashMap<String, usize>,
    pub(super) unusable: Unusable,
}

/// A market on the way in; what it does not say is taken from its prices.
pub(super) struct Found {
    /// The name under which its prices are filed.
    pub(super) prices_of: String,
    pub(super) provider: Option<String>,
    pub(super) id: String,
    pub(super) question: String,
    pub(super) rules: String,
    pub(super) outcomes: [String; 2],
    pub(super) opens_at: Option<UnixMs>,
    pub(super) ends_at: Option<UnixMs>,
    pub(super) cutoff: Option<UnixMs>,
    /// The outcome, and when it was known if that was recorded.
    pub(super) settled: Option<(Option<UnixMs>, Probability)>,
    /// Prices that come with the market itself.
    pub(super) prices: Vec<(UnixMs, Probability)>,
}

impl Found {
    pub(super) fn new(id: &str, question: &str, first_outcome: &str) -> Self {
        let second = match first_outcome {
            "Yes" => "No".to_owned(),
            "Up" => "Down".to_owned(),
            other => format!("not {other}"),
        };
        Self {
            prices_of: id.to_owned(),
            provider: None,
            id: id.to_owned(),
            question: question.to_owned(),
            rules: String::new(),
            outcomes: [first_outcome.to_owned(), second],
            opens_at: None,
            ends_at: None,
            cutoff: None,
            settled: None,
            prices: Vec::new(),
        }
    }
}

impl Reading {
    /// Takes a table of markets or prices; `false` when its columns are those of neither.
    pub(super) fn take_table(&mut self, table: &Table) -> bool {
        let Some(take) = shapes::of_table(table) else { return false };
        let before = self.unusable.bad_rows;
        if !self.take_each(table.rows().map(|row| take(&row))) {
            self.unusable.bad_rows = before + table.rows().count();
        }
        true
    }

    /// Takes whatever markets are in a JSON document: a page of either API, or objects collected from them.
    pub(super) fn take_document(&mut self, text: &str) -> bool {
        let Ok(document) = serde_json::from_str(text) else { return false };
        self.take_each(shapes::of_document(&document).into_iter())
    }

    /// Takes a market, a price or an outcome per line.
    pub(super) fn take_lines(&mut self, text: &str) -> bool {
        self.take_each(text.lines().filter(|line| !line.trim().is_empty()).map(shapes::of_line))
    }

    /// Takes what there is and counts the rest; `false`, and nothing counted, when there is nothing.
    fn take_each(&mut self, entries: impl Iterator<Item = Option<Entry>>) -> bool {
        let (mut good, mut bad) = (0, 0);
        for entry in entries {
            match entry {
                Some(entry) => {
                    good += 1;
                    self.take(entry);
                }
                None => bad += 1,
            }
        }
        self.unusable.bad_rows += if good > 0 { bad } else { 0 };
        good > 0
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Market(market) => self.markets.push(*market),
            Entry::Own(market) => self.take_own(*market),
            Entry::Unpriced(of, at) => self.unpriced.entry(of).or_default().push(at),
            Entry::Void(of, at) => {
                self.voids.entry(of).or_insert(at);
            }
            Entry::Look(of, look) => self.looks.entry(of).or_default().push(look),
            Entry::Price(of, at, price) => self.prices.entry(of).or_default().push((at, price)),
            Entry::Sourced(of, at, price, source) => {
                self.sources.entry(of.clone()).or_default().push((at, source));
                self.prices.entry(of).or_default().push((at, price));
            }
            Entry::Outcome(of, at, outcome) => {
                self.outcomes.insert(of, (Some(at), outcome));
            }
            Entry::Nothing => {}
        }
    }

    /// Of a market that is met again the text, the cutoff and the end may be others; it opened when it was met first.
    fn take_own(&mut self, market: Found) {
        let known = self.own.get(&market.prices_of).and_then(|place| self.markets.get_mut(*place));
        match known {
            Some(known) => *known = Found { opens_at: known.opens_at.min(market.opens_at), ..market },
            None => {
                self.own.insert(market.prices_of.clone(), self.markets.len());
                self.markets.push(market);
            }
        }
    }

    /// Joins markets and prices.
    pub(super) fn finish(mut self) -> Tape {
        let mut markets = Vec::new();
        for mut found in self.markets {
            let mut prices = std::mem::take(&mut found.prices);
            prices.extend(self.prices.remove(&found.prices_of).unwrap_or_default());
            found.settled = found.settled.or(self.outcomes.get(&found.prices_of).copied());
            prices.sort_by_key(|(at, _)| *at);
            let mut unpriced = self.unpriced.remove(&found.prices_of).unwrap_or_default();
            unpriced.sort();
            let mut sources = self.sources.remove(&found.prices_of).unwrap_or_default();
            sources.sort_by_key(|(at, _)| *at);
            sources.dedup_by_key(|(_, source)| *source);
            let void_at = self.voids.get(&found.prices_of).copied();
            match placed(found, prices) {
                Some(market) => markets.push(Recorded { unpriced, sources, void_at, ..market }),
                None => self.unusable.bad_rows += 1,
            }
        }
        self.unusable.orphan_prices += self.prices.values().map(Vec::len).sum::<usize>();
        for looks in self.looks.values_mut() {
            looks.sort_by_key(|look| look.at);
        }
        Tape::new(markets, self.unusable).with_looks(self.looks)
    }
}

/// A market with its times: it opens with its first price, and its outcome comes after the last price and not before
/// the scheduled end. `None` when there is no time at all.
fn placed(found: Found, prices: Vec<(UnixMs, Probability)>) -> Option<Recorded> {
    let first_price = prices.first().map(|(at, _)| *at);
    let last_price = prices.last().map(|(at, _)| *at);
    let ends_at = found.ends_at.or_else(|| last_price.map(|at| at.plus_ms(1)));
    let opens_at = first_price.or(found.opens_at).or(ends_at.map(|end| end.plus_ms(-DAY_MS)))?;
    let settled = match found.settled {
        Some((recorded, outcome)) => {
            let when = recorded.or(ends_at)?;
            Some((when.max(last_price.map_or(when, |at| at.plus_ms(1))).max(opens_at.plus_ms(1)), outcome))
        }
        None => None,
    };
    Some(Recorded {
        provider: found.provider.unwrap_or_else(|| polymarket::NAME.to_owned()),
        id: found.id,
        question: found.question,
        rules: found.rules,
        outcomes: found.outcomes,
        opens_at,
        ends_at,
        cutoff: found.cutoff,
        prices,
        sources: Vec::new(),
        unpriced: Vec::new(),
        void_at: None,
        settled,
    })
}

/// What a row of a table, or a line, is.
pub(super) enum Entry {
    Market(Box<Found>),
    /// A price of which is known what it is made of.
    Sourced(String, UnixMs, Probability, PriceSource),
    /// A market in a recording of our own.
    Own(Box<Found>),
    Unpriced(String, UnixMs),
    Void(String, UnixMs),
    Look(String, Look),
    Price(String, UnixMs, Probability),
    Outcome(String, UnixMs, Probability),
    /// A row that is there for other readers.
    Nothing,
}

impl From<Found> for Entry {
    fn from(market: Found) -> Self {
        Self::Market(Box::new(market))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_file_is_a_panic(text in "([a-z0-9_,.\"\\n:{}\\[\\]-]|market|date|yes_price|2023-01-01|1e999){0,60}") {
            let mut reading = Reading::default();
            let _ = (reading.take_document(&text), reading.take_lines(&text));
            let _ = Table::parse(&text).map(|table| reading.take_table(&table));
            let _ = reading.finish();
        }

        #[test]
        fn any_row_is_a_price_in_order_or_counted(rows in prop::collection::vec(("[ab]", 0..40u32, -0.5..1.5f64), 0..30)) {
            let mut reading = Reading::default();
            let markets = "market,question,first_date,last_date,inferred_outcome\na,A?,2023-01-01,2023-01-20,1\n";
            prop_assert!(reading.take_table(&Table::parse(markets).unwrap()));
            let lines = rows.iter().map(|(market, day, price)| format!("{market},2023-01-{day:02},{price}\n"));
            let prices = format!("market,date,yes_price\n{}", lines.collect::<String>());
            prop_assert!(reading.take_table(&Table::parse(&prices).unwrap()));
            let tape = reading.finish();
            let kept: usize = tape.markets().iter().map(|market| market.prices.len()).sum();
            prop_assert_eq!(kept + tape.unusable().bad_rows + tape.unusable().orphan_prices, rows.len());
            for market in tape.markets() {
                prop_assert!(market.prices.is_sorted_by_key(|(at, _)| *at));
                let (settled, _) = market.settled.unwrap();
                prop_assert!(market.prices.iter().all(|(at, _)| *at < settled) && market.opens_at < settled);
            }
        }
    }
}
