//! One story is read once: articles with the same address or title, and copies that agencies sell to many papers, become one.

use std::collections::{HashMap, HashSet};

use super::article::Article;

/// Words in a shingle: two texts that share many of them share sentences.
const SHINGLE: usize = 5;
/// Words of a text that are compared.
const MOST_WORDS: usize = 600;
/// Share of the shorter text's shingles that make it a copy.
const ALIKE: f64 = 0.5;
/// Shingles below which a text is too short to be told from another.
const LEAST: usize = 8;

/// The articles without their copies, in their order; each knows how many it stands for, and is known from the earliest
/// moment at which one of them was.
#[must_use]
pub fn folded(articles: Vec<Article>) -> Vec<Article> {
    let mut kept: Vec<Article> = Vec::new();
    let mut shingles: Vec<HashSet<u64>> = Vec::new();
    let mut by_address: HashMap<String, usize> = HashMap::new();
    let mut by_title: HashMap<String, usize> = HashMap::new();
    for article in articles {
        let (address, title) = (address_of(&article.url), title_of(&article.title));
        let own = shingles_of(&article.text);
        let same = by_address
            .get(&address)
            .filter(|_| !address.is_empty())
            .or_else(|| by_title.get(&title).filter(|_| !title.is_empty()))
            .copied()
            .or_else(|| shingles.iter().position(|other| is_copy(&own, other)));
        match same.and_then(|place| Some((place, kept.get_mut(place)?))) {
            Some((place, first)) => {
                first.copies += 1 + article.copies;
                first.known_from = [first.known_from, article.known_from].into_iter().flatten().min();
                first.published = [first.published, article.published].into_iter().flatten().min();
                by_address.entry(address).or_insert(place);
            }
            None => {
                by_address.insert(address, kept.len());
                by_title.insert(title, kept.len());
                shingles.push(own);
                kept.push(article);
            }
        }
    }
    kept
}

/// An address without what differs between two ways to the same page.
fn address_of(url: &str) -> String {
    let lower = url.trim().to_lowercase();
    let bare = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let bare = bare.split('#').next().unwrap_or_default();
    let (path, query) = bare.split_once('?').unwrap_or((bare, ""));
    let path =
        path.trim_start_matches("www.").trim_start_matches("m.").trim_start_matches("amp.").trim_end_matches('/');
    let tells = |part: &&str| !["utm_", "fbclid", "gclid", "ref=", "cmp", "ocid"].iter().any(|it| part.starts_with(it));
    let query: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).filter(tells).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// A title without the name of the paper behind it, its words alone.
fn title_of(title: &str) -> String {
    let bare = [" | ", " - ", " – ", " — "].iter().fold(title, |bare, bar| {
        let (head, tail) = bare.rsplit_once(bar).unwrap_or((bare, ""));
        if tail.split_whitespace().count() <= 4 && head.split_whitespace().count() >= 4 { head } else { bare }
    });
    words(bare).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn shingles_of(text: &str) -> HashSet<u64> {
    let words: Vec<String> = words(text).take(MOST_WORDS).collect();
    words.windows(SHINGLE).map(|five| crate::market::simulator::label(&five.join(" "))).collect()
}

fn is_copy(own: &HashSet<u64>, other: &HashSet<u64>) -> bool {
    let shorter = own.len().min(other.len());
    shorter >= LEAST && own.intersection(other).count() as f64 >= ALIKE * shorter as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article(title: &str, text: &str, url: &str) -> Article {
        Article { title: title.into(), text: text.into(), url: url.into(), ..Article::default() }
    }

    const STORY: &str = "The central bank left its main rate unchanged on Wednesday and said that it would wait for more data \
                         before it decides on any further step in the second half of the year.";

    #[test]
    fn the_same_page_title_or_story_is_one() {
        let other =
            "A storm hit the coast on Monday and several thousand homes were without power until the next evening.";
        let folded = folded(vec![
            article("Bank leaves rate unchanged", STORY, "https://www.a.example/x?utm_source=y"),
            article("Other words above", other, "http://a.example/x/"),
            article("Bank leaves rate unchanged - The Daily Paper", "short", "https://b.example/1"),
            article(
                "No change in rates",
                &format!("BERLIN (Agency) - {STORY} Editing by N. N."),
                "https://c.example/2",
            ),
            article("Storm hits the coast", other, "https://d.example/3"),
            article("", "tiny", ""),
            article("", "tiny too", ""),
        ]);
        let seen: Vec<(&str, usize)> = folded.iter().map(|a| (a.url.as_str(), a.copies)).collect();
        assert_eq!(seen, [("https://www.a.example/x?utm_source=y", 3), ("https://d.example/3", 0), ("", 0), ("", 0)]);
    }

    #[test]
    fn pages_that_differ_by_their_query_are_two() {
        let two =
            folded(vec![article("", "a", "https://a.example/x?id=1"), article("", "b", "https://a.example/x?id=2")]);
        assert_eq!(two.len(), 2);
    }
}
