//! An article, and by when it can have been known.
//!
//! Whoever forecasts a past question must not read what was written later. Every date of an article counts, in whichever
//! field: when it was published, changed, seen, and those in its address and its dateline. An article is known from the
//! latest of them on; one without any date is known at no time before now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scoring::text::dates_in;
use crate::units::UnixMs;

const DAY_MS: i64 = 86_400_000;
/// The most of an article that is kept, bytes.
const MAX_TEXT: usize = 200_000;
/// The most of a title or an address.
const MAX_LINE: usize = 1000;
/// Lines at the beginning of a text in which a dateline may stand.
const DATELINES: usize = 4;
/// Words of a line that is a dateline and no sentence: `LONDON, 9 May 2024`.
const DATELINE_WORDS: usize = 5;
/// Words that make a line with a date a dateline, wherever it stands.
const DATED: [&str; 7] = ["published", "updated", "posted", "modified", "last edited", "corrected", "as of"];

/// What was found somewhere.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema, Serialize, Deserialize)]
pub struct Article {
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Its address.
    pub url: String,
    /// Who published it.
    pub source: String,
    /// When it was published, the earliest of its dates.
    pub published: Option<UnixMs>,
    /// The latest of its dates: it can be known from then on.
    pub known_from: Option<UnixMs>,
    /// Copies elsewhere that were folded into it.
    #[serde(default)]
    pub copies: usize,
}

impl Article {
    /// An article with these parts and `dates` of its fields, those in its address and dateline added.
    #[must_use]
    pub fn new(title: &str, text: &str, url: &str, source: &str, fields: &[Dated]) -> Self {
        let text = cut(text, MAX_TEXT);
        let mut found: Vec<Dated> = fields.to_vec();
        found.extend(date_in_address(url));
        found.extend(datelines(text));
        let host = || url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
        Self {
            title: cut(title.trim(), MAX_LINE).to_owned(),
            text: text.trim().to_owned(),
            url: cut(url.trim(), MAX_LINE).to_owned(),
            source: if source.trim().is_empty() { host().to_owned() } else { cut(source.trim(), MAX_LINE).to_owned() },
            published: found.iter().map(|dated| dated.earliest).min(),
            known_from: found.iter().map(|dated| dated.latest).max(),
            copies: 0,
        }
    }

    /// The article in a JSON object, by the names that feeds and APIs use; `None` without a title and a text.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let first =
            |names: &[&str]| names.iter().find_map(|name| object.get(*name).and_then(text_of)).unwrap_or_default();
        let title = first(&["title", "headline", "name"]);
        let text = first(&["text", "body", "content", "maintext", "full_text", "description", "summary", "snippet"]);
        if title.trim().is_empty() && text.trim().is_empty() {
            return None;
        }
        let url = first(&["url", "link", "href", "webUrl"]);
        let source = first(&["source", "domain", "publisher", "site", "outlet"]);
        let fields: Vec<Dated> = date_fields(object);
        Some(Self::new(&title, &text, &url, &source, &fields))
    }

    /// Whether it could be read at `cutoff`.
    #[must_use]
    pub fn is_known_by(&self, cutoff: UnixMs) -> bool {
        self.known_from.is_some_and(|known| known <= cutoff)
    }
}

/// A date, which may be a day: the moments between which it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The first moment that it can mean.
    pub earliest: UnixMs,
    /// The last.
    pub latest: UnixMs,
}

impl Dated {
    const fn moment(at: UnixMs) -> Self {
        Self { earliest: at, latest: at }
    }

    fn day(date: jiff::civil::Date) -> Option<Self> {
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        let earliest = UnixMs(zoned.timestamp().as_millisecond());
        Some(Self { earliest, latest: earliest.plus_ms(DAY_MS - 1) })
    }

    /// The date in a field: RFC 3339, RFC 2822, `20240503T120000Z`, seconds or milliseconds of Unix time, a day.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let of = |at: jiff::Timestamp| Self::moment(UnixMs(at.as_millisecond()));
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Some(of(at));
        }
        if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
            return Some(of(zoned.timestamp()));
        }
        if let Ok(number) = text.parse::<i64>()
            && text.len() != 8
        {
            return Self::unix(number);
        }
        if let Some(at) = compact(text) {
            return Some(at);
        }
        // Without a zone it may be up to a day off; so a whole day is meant.
        if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
            return Self::day(civil.date());
        }
        dates_in(text).first().copied().and_then(Self::day)
    }

    fn unix(number: i64) -> Option<Self> {
        match number {
            // From 2001 on, in seconds or in milliseconds.
            1_000_000_000..=99_999_999_999 => Some(Self::moment(UnixMs::from_secs(number))),
            1_000_000_000_000..=99_999_999_999_999 => Some(Self::moment(UnixMs(number))),
            _ => None,
        }
    }
}

/// `20240503T120000Z` or `20240503`.
fn compact(text: &str) -> Option<Dated> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    if !text.get(..8)?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let of_day = Dated::day(date.ok()?)?;
    if text.len() == 8 {
        return Some(of_day);
    }
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    Some(Dated::moment(of_day.earliest.plus_ms((hour * 3600 + minute * 60 + second) * 1000)))
}

/// Every date in a field of an object, whatever the field is called, also one level down.
fn date_fields(object: &Map<String, Value>) -> Vec<Dated> {
    const NAMES: [&str; 9] = ["date", "time", "publish", "updat", "modif", "creat", "seen", "crawl", "stamp"];
    let of_value = |value: &Value| match value {
        Value::String(text) if text.len() <= 64 => Dated::read(text),
        Value::Number(number) => number.as_i64().and_then(Dated::unix),
        _ => None,
    };
    let mut found = Vec::new();
    for (name, value) in object {
        let lower = name.to_lowercase();
        if NAMES.iter().any(|part| lower.contains(part)) {
            found.extend(of_value(value));
        }
        if let Value::Object(inner) = value {
            let dated = |(name, _): &(&String, &Value)| NAMES.iter().any(|part| name.to_lowercase().contains(part));
            found.extend(inner.iter().filter(dated).filter_map(|(_, value)| of_value(value)));
        }
    }
    found
}

/// The day in an address such as `/2024/05/03/`, `-2024-05-03.html` or `20240503`.
fn date_in_address(url: &str) -> Option<Dated> {
    let path = url.split(['?', '#']).next()?;
    let runs: Vec<&str> = path.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).collect();
    let sound = |year: i16| (1990..2200).contains(&year);
    let apart = runs.windows(3).find_map(|three| {
        let [year, month, day] = three else { return None };
        let year = year.parse().ok().filter(|year| sound(*year))?;
        Dated::day(jiff::civil::Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()?)
    });
    let together = || runs.iter().filter(|run| run.len() == 8).find_map(|run| compact(run));
    apart.or_else(together)
}

/// The dates of datelines: of lines that say when the text was written or changed, and of a short first line.
///
/// A date in the middle of a text is what it reports about, often the very day that is asked about, and no sign of when it
/// was written.
fn datelines(text: &str) -> Vec<Dated> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2000).enumerate();
    let dated = |(place, line): (usize, &str)| {
        let lower: String = line.chars().take(200).collect::<String>().to_lowercase();
        let says_so = line.len() <= 160
            && DATED.iter().any(|word| lower.starts_with(word) || lower.contains(&format!("{word}:")));
        let on_top = place < DATELINES && line.split_whitespace().count() <= DATELINE_WORDS;
        if says_so || on_top { dates_in(line) } else { Vec::new() }
    };
    lines.flat_map(dated).filter_map(Dated::day).collect()
}

/// A text, or the name of an object.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(object) => object.get("name").or_else(|| object.get("title")).and_then(text_of),
        _ => None,
    }
}

fn cut(text: &str, bound: usize) -> &str {
    let end = (0..=bound.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> UnixMs {
        UnixMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    const CUTOFF: &str = "2024-05-10T12:00:00Z";

    fn known(value: &Value) -> bool {
        let mut object = json!({"title": "T", "text": "Something happened."});
        object.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        Article::from_json(&object).unwrap().is_known_by(at(CUTOFF))
    }

    #[test]
    fn an_article_of_before_is_known() {
        for value in [
            json!({"published": "2024-05-09"}),
            json!({"publishedAt": "2024-05-10T11:59:59Z"}),
            json!({"seendate": "20240509T101500Z"}),
            json!({"pubDate": "Thu, 09 May 2024 10:00:00 GMT"}),
            json!({"timestamp": 1_715_200_000}),
            json!({"date": "May 9, 2024"}),
            json!({"url": "https://news.example/2024/05/09/a"}),
            json!({"text": "LONDON, 9 May 2024\nThe vote is on November 5, 2024, he said."}),
        ] {
            assert!(known(&value), "{value}");
        }
    }

    #[test]
    fn one_date_after_the_cut_off_in_any_field_is_enough_and_none_is_too_few() {
        let good = ("published".to_owned(), json!("2024-05-01"));
        for value in [
            json!({"updated": "2024-05-11"}),
            json!({"published": "2024-05-10"}),
            json!({"modified_at": "2024-05-10T12:00:01Z"}),
            json!({"seendate": "20240510T120001Z"}),
            json!({"meta": {"crawl_time": "2025-01-01T00:00:00Z"}}),
            json!({"dateModified": "Sat, 11 May 2024 00:00:00 +0000"}),
            json!({"timestamp": 1_715_600_000_000_i64}),
            json!({"url": "https://news.example/2024/05/12/a"}),
            json!({"url": "https://news.example/a-2024-05-12.html"}),
            json!({"text": "He said so.\nUpdated: May 12, 2024\nMore."}),
            json!({"text": "12 May 2024\nHe said so."}),
        ] {
            let mut value = value.as_object().unwrap().clone();
            assert!(!known(&Value::Object(value.clone())), "{value:?}");
            value.entry(good.0.clone()).or_insert(good.1.clone());
            assert!(!known(&Value::Object(value.clone())), "{value:?}");
        }
        assert!(!known(&json!({})), "without a date nobody knows");
        assert!(!known(&json!({"published": "soon"})));
    }

    #[test]
    fn odd_objects_are_no_articles_and_no_panic() {
        for value in [json!(null), json!([]), json!({}), json!({"title": 7}), json!({"title": " ", "text": ""})] {
            assert!(Article::from_json(&value).is_none(), "{value}");
        }
        for date in ["", "9999999999999999999", "20241399", "2024", "20240503T9", "é", "20240503T999999Z", "-1"] {
            let _ = Dated::read(date);
        }
        assert_eq!(Article::new("", &"é".repeat(MAX_TEXT), "", "", &[]).text.len(), MAX_TEXT);
    }
}
