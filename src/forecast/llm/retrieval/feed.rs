//! Feeds (RSS 2.0, RSS 1.0, Atom), read by their tags alone: a feed that is no sound XML still has its articles.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{Client, Url};

use super::super::article::{Article, Dated};
use super::{RetrievalError, Retriever, Search, terms};
use crate::forecast::openai::innermost;
use crate::market::{BrokenBody, body_of, client_of};

/// Longest feed that is read, bytes.
const MAX_FEED: usize = 8 << 20;
/// Articles of a feed that are looked at.
const MOST_ITEMS: usize = 1000;

/// A feed at an address.
#[derive(Debug)]
pub struct Feed {
    url: Url,
    client: Client,
}

impl Feed {
    /// The feed at `url`; nothing is asked yet.
    ///
    /// # Errors
    /// [`RetrievalError::Setting`]: the URL is none.
    pub fn new(url: &str, deadline: Duration) -> Result<Self, RetrievalError> {
        let (client, url) = client_at(url, deadline)?;
        Ok(Self { url, client })
    }
}

/// A client for the server at `url`.
pub(super) fn client_at(url: &str, deadline: Duration) -> Result<(Client, Url), RetrievalError> {
    let wrong =
        |reason: &str| RetrievalError::Setting(format!("a source of articles must be http://… or https://…: {reason}"));
    let parsed = Url::parse(url).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong(parsed.scheme()));
    }
    let client = client_of(&parsed).timeout(deadline).build().map_err(|e| wrong(&e.to_string()))?;
    Ok((client, parsed))
}

/// The body behind `url`.
pub(super) async fn body_at(client: &Client, url: Url, most: usize) -> Result<Vec<u8>, RetrievalError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let failed = |reason: String| RetrievalError::Server { host: host.clone(), reason: reason.into() };
    let response = client.get(url).send().await.map_err(|e| failed(innermost(e)))?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(format!("HTTP {status}")));
    }
    body_of(response, most).await.map_err(|broken| match broken {
        BrokenBody::Line(error) => failed(innermost(error)),
        BrokenBody::TooLong => failed(format!("more than {most} bytes")),
    })
}

impl Retriever for Feed {
    fn name(&self) -> &'static str {
        "rss"
    }

    fn search<'a>(&'a self, search: &'a Search) -> BoxFuture<'a, Result<Vec<Article>, RetrievalError>> {
        async move {
            let body = body_at(&self.client, self.url.clone(), MAX_FEED).await?;
            Ok(fitting(items(&String::from_utf8_lossy(&body)), search))
        }
        .boxed()
    }
}

/// Of `articles` those that have words of the query, most of them first; a word of the title counts twice.
pub(super) fn fitting(articles: Vec<Article>, search: &Search) -> Vec<Article> {
    let wanted = terms(&search.query);
    let mut scored: Vec<(usize, Article)> = articles
        .into_iter()
        .map(|article| {
            let (title, text) = (terms(&article.title), terms(&article.text));
            let score =
                wanted.iter().map(|word| 2 * usize::from(title.contains(word)) + usize::from(text.contains(word)));
            (score.sum(), article)
        })
        .filter(|(score, _)| *score > 0)
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().take(search.limit).map(|(_, article)| article).collect()
}

/// The articles of a feed.
#[must_use]
pub fn items(feed: &str) -> Vec<Article> {
    let channel = feed.split_once("<item").or_else(|| feed.split_once("<entry")).map_or("", |(head, _)| head);
    let source = inside(channel, "title").map(plain).unwrap_or_default();
    let mut found = Vec::new();
    for tag in ["item", "entry"] {
        let mut rest = feed;
        while let Some((inner, after)) = element(rest, tag) {
            if found.len() >= MOST_ITEMS {
                return found;
            }
            found.extend(item(inner, &source));
            rest = after;
        }
    }
    found
}

fn item(inner: &str, source: &str) -> Option<Article> {
    let first = |tags: &[&str]| tags.iter().find_map(|tag| inside(inner, tag)).unwrap_or_default();
    let title = plain(first(&["title"]));
    let text = plain(first(&["content:encoded", "content", "description", "summary"]));
    if title.is_empty() && text.is_empty() {
        return None;
    }
    let dated: Vec<Dated> =
        ["pubDate", "published", "updated", "dc:date", "date", "modified", "dcterms:modified", "a10:updated"]
            .iter()
            .filter_map(|tag| Dated::read(&plain(inside(inner, tag)?)))
            .collect();
    let link = match inside(inner, "link").map(plain).filter(|link| !link.is_empty()) {
        Some(link) => link,
        None => attribute(inner, "<link", "href").map(unescaped).unwrap_or_default(),
    };
    Some(Article::new(&title, &text, &link, source, &dated))
}

/// What the next element `tag` holds, and what comes behind it.
fn element<'a>(text: &'a str, tag: &str) -> Option<(&'a str, &'a str)> {
    let open = format!("<{tag}");
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find(&open)? + open.len();
        let rest = text.get(at..)?;
        // `<items` is another element.
        if rest.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace()) {
            let (head, body) = rest.split_once('>')?;
            if head.ends_with('/') {
                return Some(("", body));
            }
            return body.split_once(&format!("</{tag}>"));
        }
        from = at;
    }
}

fn inside<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    element(text, tag).map(|(inner, _)| inner)
}

fn attribute<'a>(text: &'a str, open: &str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    let (head, _) = rest.split_once('>')?;
    let (_, value) = head.split_once(&format!("{name}=\""))?;
    value.split('"').next()
}

/// The text in a piece of HTML, perhaps escaped or in CDATA: tags are spaces, paragraphs are lines, scripts are nothing.
#[must_use]
pub fn plain(html: &str) -> String {
    let html = html.trim();
    let html = html.strip_prefix("<![CDATA[").map_or(html, |inner| inner.trim_end().trim_end_matches("]]>"));
    // Feeds escape HTML in XML: twice is enough, and no text is changed by a third time.
    let html = if html.contains('<') { html.to_owned() } else { unescaped(html) };
    let mut text = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let lower: String = after.chars().take(10).collect::<String>().to_ascii_lowercase();
        let skipped = ["script", "style"].iter().find(|tag| lower.starts_with(**tag));
        if let Some(tag) = skipped {
            let end = format!("</{tag}");
            rest = after.find(&end).and_then(|at| after.get(at..)).unwrap_or_default();
            continue;
        }
        let block =
            ["p", "br", "/p", "div", "/div", "li", "h1", "h2", "h3", "/h1", "/h2", "/h3", "tr", "title", "/title"];
        let name =
            lower.split(|c: char| c == '>' || c.is_whitespace()).next().unwrap_or_default().trim_end_matches('/');
        text.push(if block.contains(&name) { '\n' } else { ' ' });
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let text = unescaped(&text);
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The five entities of XML, the space of HTML, and numbers.
fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        found.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8).and_then(|(name, tail)| {
            let number = name
                .strip_prefix("#x")
                .map(|hex| u32::from_str_radix(hex, 16))
                .or(name.strip_prefix('#').map(str::parse));
            let character = match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                "nbsp" => ' ',
                _ => char::from_u32(number?.ok()?)?,
            };
            Some((character, tail))
        });
        match entity {
            Some((character, tail)) => {
                found.push(character);
                rest = tail;
            }
            None => {
                found.push('&');
                rest = after;
            }
        }
    }
    found.push_str(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::UnixMs;

    const RSS: &str = r#"<?xml version="1.0"?><rss><channel><title>The Paper</title><items>no</items>
        <item><title><![CDATA[Bank & rates]]></title><link>https://p.example/1</link>
        <description>&lt;p&gt;The bank &amp;amp; its rates&lt;/p&gt;</description><pubDate>Wed, 01 May 2024 10:00:00 GMT</pubDate></item>
        <item><title>Storm</title><description/><pubDate>Thu, 02 May 2024 10:00:00 GMT</pubDate></item></channel></rss>"#;
    const ATOM: &str = r#"<feed xmlns="x"><title>A</title><entry><title type="html">Rates up</title>
        <link rel="alternate" href="https://a.example/?a=1&amp;b=2"/><published>2024-05-01T00:00:00Z</published>
        <updated>2024-05-03T00:00:00Z</updated><content type="html">Text</content></entry></feed>"#;

    #[test]
    fn both_kinds_of_feeds_are_read() {
        let [bank, storm] = items(RSS).try_into().unwrap();
        assert_eq!(
            (bank.title.as_str(), bank.text.as_str(), bank.source.as_str()),
            ("Bank & rates", "The bank & its rates", "The Paper")
        );
        assert_eq!(bank.known_from, Some(UnixMs(1_714_557_600_000)));
        assert_eq!((storm.title.as_str(), storm.text.as_str()), ("Storm", ""));
        let [rates] = items(ATOM).try_into().unwrap();
        assert_eq!(rates.url, "https://a.example/?a=1&b=2");
        assert!(rates.published < rates.known_from, "an update makes it known later");
    }

    #[test]
    fn articles_are_ranked_by_the_words_of_the_query() {
        let search = Search { query: "storm rates".into(), from: None, until: UnixMs(0), limit: 5 };
        let found: Vec<String> = fitting(items(RSS), &search).into_iter().map(|article| article.title).collect();
        assert_eq!(found, ["Bank & rates", "Storm"]);
    }

    #[test]
    fn broken_feeds_have_what_they_have() {
        for feed in [
            "",
            "<item>",
            "<item><title>x",
            "<item/>",
            "<item></item>",
            "<entry",
            "<item a=\"",
            "&#xffffffff;<item><title>&bad;</title></item>",
        ] {
            let _ = items(feed);
        }
        assert_eq!(plain("<script>x</script>a<style>y"), "a");
        assert_eq!(plain("a&#233;&unknown;&"), "aé&unknown;&");
    }
}
