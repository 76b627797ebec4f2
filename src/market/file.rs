//! One's own questions in a file, for private subnets: CSV with a header, or a JSON array of objects, with the columns
//!
//! | column | |
//! |---|---|
//! | `id` | the event's own name, never used again for another |
//! | `question`, `rules` | what is asked; the rules may be left out |
//! | `outcome` | the outcome whose probability is asked; `Yes` where nothing is said |
//! | `cutoff`, `ends` | when answers stop to count, and when the outcome is expected: RFC 3339, a date, or Unix seconds |
//! | `price` | the probability to beat, in 0…1; without it the event waits |
//! | `result` | blank while it is open; what the outcome pays, in 0…1; or `void` |
//!
//! The file is read anew at every look, so that it is edited while the validator runs. A row that makes no sense costs only
//! itself. A price is as fresh as the look: whoever writes the file answers for it.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::{Event, EventKey, Listing, MarketError, PriceSource, Provider, Quote, Resolution, asked, fields};
use crate::clock::Clock;
use crate::units::{Probability, UnixMs};

/// The provider's name.
pub const NAME: &str = "file";

/// Longest file read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Questions of a file.
#[derive(Debug)]
pub struct QuestionFile {
    path: PathBuf,
    clock: Clock,
    /// Rows that the last look could not use.
    unusable: Mutex<usize>,
}

impl QuestionFile {
    /// The questions in the file at `path`, which is first read when it is asked for.
    #[must_use]
    pub fn new(path: PathBuf, clock: Clock) -> Self {
        Self { path, clock, unusable: Mutex::default() }
    }

    async fn all(&self) -> Result<Vec<Listing>, MarketError> {
        let (path, now) = (self.path.clone(), self.clock.now());
        let reading = tokio::task::spawn_blocking(move || read(&path, now)).await;
        let (listings, unusable) = reading.map_err(|e| unreadable(&self.path, &e.to_string()))??;
        let mut last = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != unusable {
            tracing::warn!(path = %self.path.display(), unusable, "some rows of the file of questions cannot be used");
        }
        *last = unusable;
        Ok(listings)
    }
}

impl Provider for QuestionFile {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Those that are open and may still be answered; the rest is found by [`Provider::fetch`].
    fn list(&self) -> BoxFuture<'_, Result<Vec<Listing>, MarketError>> {
        async {
            let now = self.clock.now();
            let mut listings = self.all().await?;
            listings.retain(|listing| listing.resolution == Resolution::Open && listing.event.cutoff > now);
            Ok(listings)
        }
        .boxed()
    }

    fn fetch<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Listing, MarketError>> {
        async move {
            let found = self.all().await?.into_iter().find(|listing| listing.event.id == id);
            found.ok_or_else(|| MarketError::Unknown { provider: NAME, id: id.into() })
        }
        .boxed()
    }
}

fn unreadable(path: &Path, reason: &str) -> MarketError {
    MarketError::File { path: path.to_owned(), reason: reason.into() }
}

/// The questions of a file, and how many rows could not be used. Of two with the same id the first counts.
fn read(path: &Path, now: UnixMs) -> Result<(Vec<Listing>, usize), MarketError> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| unreadable(path, &e.to_string()))?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|e| unreadable(path, &e.to_string()))?;
    if text.len() as u64 > MAX_FILE {
        return Err(unreadable(path, &format!("it is longer than {MAX_FILE} bytes")));
    }
    let text = text.trim_start_matches('\u{feff}');
    let rows = if text.trim_start().starts_with(['[', '{']) { of_json(text) } else { of_csv(text) };
    let rows = rows.map_err(|reason| unreadable(path, &reason))?;
    let mut ids = HashSet::new();
    let mut unusable = 0;
    let mut listings = Vec::new();
    for row in rows {
        match row.and_then(|row| listing(&row, now)).filter(|listing| ids.insert(listing.event.id.clone())) {
            Some(listing) => listings.push(listing),
            None => unusable += 1,
        }
    }
    Ok((listings, unusable))
}

/// A row by its columns, blank ones left out; `None` for one that cannot be read.
type Row = Option<HashMap<String, String>>;

fn of_csv(text: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    for column in ["id", "question", "cutoff"] {
        if !header.iter().any(|name| name == column) {
            return Err(format!("its header has no column `{column}`"));
        }
    }
    let row = |record: csv::StringRecord| {
        let cells = header.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        cells.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    Ok(reader.records().map(|record| record.ok().map(row)).collect())
}

fn of_json(text: &str) -> Result<Vec<Row>, String> {
    let objects: Vec<Value> =
        serde_json::from_str(text).map_err(|e| format!("it is not a JSON array of questions: {e}"))?;
    let cell = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then(|| (name.clone(), text))
    };
    let row = |object: &Map<String, Value>| object.iter().filter_map(cell).collect();
    Ok(objects.iter().map(|object| object.as_object().map(row)).collect())
}

fn listing(row: &HashMap<String, String>, now: UnixMs) -> Option<Listing> {
    let cell = |name: &str| row.get(name).map(String::as_str);
    let id = cell("id").and_then(fields::plain_id)?;
    let text = asked::text(&[cell("question")?, cell("rules").unwrap_or_default()], cell("outcome").unwrap_or("Yes"));
    let ends_at = match cell("ends") {
        Some(text) => Some(moment(text)?),
        None => None,
    };
    let probability = |text: &str| Probability::new(text.parse().ok()?).ok();
    let quote = match cell("price") {
        Some(text) => Some(Quote { price: probability(text)?, at: now, source: PriceSource::File }),
        None => None,
    };
    let resolution = match cell("result") {
        None => Resolution::Open,
        Some(word) if word.eq_ignore_ascii_case("void") => Resolution::Void,
        Some(text) => Resolution::Resolved { outcome: probability(text)?, at: None },
    };
    let event = Event {
        key: EventKey::new(NAME, id),
        provider: NAME.to_owned(),
        id: id.to_owned(),
        description: text.into(),
        cutoff: moment(cell("cutoff")?)?,
        ends_at,
        beside: Default::default(),
    };
    Some(Listing { event, quote, resolution })
}

/// RFC 3339, a date (its beginning, UTC), or Unix seconds.
fn moment(text: &str) -> Option<UnixMs> {
    match text.parse::<i64>() {
        Ok(seconds) => fields::date_of(seconds),
        Err(_) => fields::moment(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2031-05-01T12:00:00Z
    const NOW: UnixMs = UnixMs(1_935_403_200_000);

    fn file(text: &str) -> (tempfile::TempDir, QuestionFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("questions");
        std::fs::write(&path, text).unwrap();
        (folder, QuestionFile::new(path, Clock::stepped(NOW)))
    }

    #[tokio::test]
    async fn a_table_and_an_array_say_the_same() {
        let csv = "\u{feff}id,question,rules,outcome,cutoff,ends,price,result\r\n\
                   rain,\"Will it rain, here?\",,Rain,2031-05-02T06:00:00Z,2031-05-03,0.3,\r\n\
                   late,Too late?,,,2031-05-01,,0.5,\r\n\
                   won,Won?,By rule 7.,,1935403300,,,1\n\
                   off,Off?,,,2031-05-02,,0.5,VOID\n\
                   half,Half?,,,2031-05-02,,0.5,0.5\n";
        let json = r#"[
            {"id": "rain", "question": "Will it rain, here?", "outcome": "Rain", "cutoff": "2031-05-02T06:00:00Z", "ends": "2031-05-03", "price": 0.3, "result": null},
            {"id": "late", "question": "Too late?", "cutoff": "2031-05-01", "price": "0.5"},
            {"id": "won", "question": "Won?", "rules": "By rule 7.", "cutoff": 1935403300, "result": 1},
            {"id": "off", "question": "Off?", "cutoff": "2031-05-02", "price": 0.5, "result": "void"},
            {"id": "half", "question": "Half?", "cutoff": "2031-05-02", "price": 0.5, "result": "0.5"}
        ]"#;
        let ((_csv, table), (_json, array)) = (file(csv), file(json));
        let listed = table.list().await.unwrap();
        assert_eq!(listed, array.list().await.unwrap());
        assert_eq!(listed.len(), 1, "open, and not past the cutoff");
        let rain = &listed[0];
        assert_eq!(rain.event.key.0, "file-rain");
        assert!(rain.event.description.as_raw().ends_with("the outcome \"Rain\"."), "{}", rain.event.description);
        assert_eq!(
            rain.quote,
            Some(Quote { price: Probability::new(0.3).unwrap(), at: NOW, source: PriceSource::File })
        );
        for (id, resolution) in [
            ("late", Resolution::Open),
            ("won", Resolution::Resolved { outcome: Probability::ONE, at: None }),
            ("off", Resolution::Void),
            ("half", Resolution::Resolved { outcome: Probability::new(0.5).unwrap(), at: None }),
        ] {
            assert_eq!(table.fetch(id).await.unwrap(), array.fetch(id).await.unwrap());
            assert_eq!(table.fetch(id).await.unwrap().resolution, resolution, "{id}");
        }
        assert!(matches!(table.fetch("nobody").await, Err(MarketError::Unknown { .. })));
    }

    #[tokio::test]
    async fn a_bad_row_costs_only_itself_and_a_file_is_read_anew() {
        let (_folder, questions) = file(
            "id,question,cutoff,price,result\na,A?,2031-05-02,0.5\na,again?,2031-05-02,0.5\nb,B?,soon,0.5\nc,C?,2031-05-02,1.5\n\
             d,,2031-05-02,0.5\n,E?,2031-05-02,0.5\nf,F?,2031-05-02,0.5,perhaps\ng\u{1b}[2J,G?,2031-05-02,0.5\nh,H?,99999999999999999,0.5\ni,I?,2031-05-02,\n",
        );
        let listed = questions.list().await.unwrap();
        let found: Vec<_> = listed.iter().map(|it| (it.event.id.as_str(), it.quote.is_some())).collect();
        assert_eq!(found, [("a", true), ("i", false)]);
        assert_eq!(*questions.unusable.lock().unwrap(), 8);
        std::fs::write(&questions.path, "[]").unwrap();
        assert!(questions.list().await.unwrap().is_empty());
        for bad in ["", "id,question\n1,2\n", "[1", "{\"id\": 1}"] {
            std::fs::write(&questions.path, bad).unwrap();
            let error = questions.list().await.unwrap_err().to_string();
            assert!(error.contains("questions") && error.contains("--market.file.path"), "{error}");
        }
        std::fs::remove_file(&questions.path).unwrap();
        assert!(matches!(questions.fetch("a").await, Err(MarketError::File { .. })));
    }

    proptest! {
        #[test]
        fn no_row_is_a_panic_or_a_price_out_of_range(id in ".{0,9}", cutoff in "[0-9T:Z+-]{0,25}|.{0,9}", price in ".{0,9}|-?[0-9.e]{1,9}", result in ".{0,5}|[0-9.]{1,4}") {
            let row = [("id", id), ("question", "Q?".to_owned()), ("cutoff", cutoff), ("price", price), ("result", result)];
            let row = row.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
            if let Some(Listing { quote: Some(quote), .. }) = listing(&row, NOW) {
                prop_assert!((0.0..=1.0).contains(&quote.price.get()));
            }
        }

        #[test]
        fn no_text_is_a_panic(text in "(id,question,cutoff|[a-z0-9,\"\\n\\[\\]{}:]|é){0,40}") {
            let _ = (of_csv(&text), of_json(&text));
        }
    }
}
