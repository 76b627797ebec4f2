//! A folder of articles behind a full-text index (SQLite's FTS5, ranked by BM25), which is brought up to date when it is
//! opened: only files that are new or have changed are read.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::super::article::{Article, Dated};
use super::{RetrievalError, Retriever, Search, terms};
use crate::scoring::text::dates_in;
use crate::units::UnixMs;

/// Longest file that is read, bytes.
const MAX_FILE: u64 = 256 << 20;
/// Words of a query that are looked for: the rarest.
const MOST_TERMS: usize = 4;
/// A word in more than this share of the articles tells none of them from another.
const COMMON: f64 = 0.2;
/// Words are added while all of them together match so many articles at most: ranking a match is what a query takes its time for.
const MOST_MATCHES: i64 = 25_000;
/// So many matches are ranked in no time, whatever share of a small folder they are.
const FEW: f64 = 1000.0;

/// What a stemmer takes off, most often.
const ENDINGS: [&str; 7] = ["", "s", "es", "e", "ed", "ing", "ly"];

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS articles (
    id INTEGER PRIMARY KEY,
    published INTEGER,
    known_from INTEGER,
    file TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS articles_by_file ON articles (file);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (title, text, content='articles', content_rowid='id',
    tokenize='porter unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('rank', 'bm25(4.0, 1.0)');
CREATE VIRTUAL TABLE IF NOT EXISTS counts USING fts5vocab (words, row);
";

/// See the module. Clones share the index.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

/// What bringing an index up to date did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Files that were read.
    pub read: usize,
    /// Files that were there as they are.
    pub known: usize,
    /// Articles in the index now.
    pub articles: usize,
}

impl Folder {
    /// The articles of `folder` in the index at `index` (`None` keeps it in memory), brought up to date. Blocking, and slow
    /// where much is new.
    ///
    /// # Errors
    /// [`RetrievalError::File`], [`RetrievalError::Index`].
    pub fn open(folder: &Path, index: Option<&Path>) -> Result<(Self, Indexed), RetrievalError> {
        let path = index.unwrap_or(Path::new(":memory:"));
        let named = |source| RetrievalError::Index { path: path.to_owned(), source };
        if let Some(parent) = index.and_then(Path::parent) {
            fs::create_dir_all(parent).map_err(|source| RetrievalError::File { path: parent.to_owned(), source })?;
        }
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(std::time::Duration::from_secs(30))?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.execute_batch(TABLES)?;
            Ok(connection)
        };
        let mut connection = open().map_err(named)?;
        let mut files = Vec::new();
        collect(folder, &mut files)?;
        let indexed = update(&mut connection, &files).map_err(named)?;
        Ok((Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) }, indexed))
    }

    /// Like [`Retriever::search`], at once.
    ///
    /// # Errors
    /// [`RetrievalError::Index`].
    pub fn look(&self, search: &Search) -> Result<Vec<Article>, RetrievalError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        find(&connection, search).map_err(|source| RetrievalError::Index { path: self.path.clone(), source })
    }
}

impl Retriever for Folder {
    fn name(&self) -> &'static str {
        "folder"
    }

    fn search<'a>(&'a self, search: &'a Search) -> BoxFuture<'a, Result<Vec<Article>, RetrievalError>> {
        let (own, search) = (self.clone(), search.clone());
        async move {
            let looked = tokio::task::spawn_blocking(move || own.look(&search)).await;
            looked
                .unwrap_or_else(|error| Err(RetrievalError::Setting(format!("the search of articles ended: {error}"))))
        }
        .boxed()
    }
}

/// The best for a search by BM25, a word of the title counting four times.
fn find(connection: &Connection, search: &Search) -> rusqlite::Result<Vec<Article>> {
    let all: i64 =
        connection.query_row("SELECT max(id) FROM articles", [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
    let mut count = connection.prepare_cached("SELECT doc FROM counts WHERE term = ?1")?;
    let mut words: Vec<(i64, String)> = Vec::new();
    for term in terms(&search.query) {
        // The index keeps stems, and does not tell which one it makes of a word: what is left of it without an ending is tried.
        let stems = ENDINGS.iter().filter_map(|ending| term.strip_suffix(ending));
        let counted = stems.filter_map(|stem| count.query_row(params![stem], |row| row.get::<_, i64>(0)).ok());
        let docs = counted.max().unwrap_or(1);
        words.push((docs, term));
    }
    words.sort();
    let told = rarest(&words, all);
    if told.is_empty() {
        return Ok(Vec::new());
    }
    // The best first, then their dates, until there are enough: looking up the date of every match costs more than ranking them.
    let mut best = connection.prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1 ORDER BY rank")?;
    let mut known = connection.prepare_cached(
        "SELECT title, text, url, source, published, known_from FROM articles
         WHERE id = ?1 AND known_from <= ?2 AND (?3 IS NULL OR published >= ?3)",
    )?;
    let article = |row: &rusqlite::Row<'_>| {
        Ok(Article {
            title: row.get(0)?,
            text: row.get(1)?,
            url: row.get(2)?,
            source: row.get(3)?,
            published: row.get::<_, Option<i64>>(4)?.map(UnixMs),
            known_from: row.get::<_, Option<i64>>(5)?.map(UnixMs),
            copies: 0,
        })
    };
    let from = search.from.map(|from| from.0);
    let mut ranked = best.query(params![told.join(" OR ")])?;
    let mut found = Vec::new();
    while found.len() < search.limit
        && let Some(row) = ranked.next()?
    {
        let id: i64 = row.get(0)?;
        found.extend(known.query_row(params![id, search.until.0, from], article).optional()?);
    }
    Ok(found)
}

/// Those of `words`, the rarest first, that a search is for: the first in any case, others while they tell articles apart and
/// what they match stays bounded. Of `all` articles so many have each.
fn rarest(words: &[(i64, String)], all: i64) -> Vec<String> {
    let mut matches = 0;
    let tells = |(docs, _): &&(i64, String)| {
        let is_first = matches == 0;
        matches += docs.max(&1);
        is_first || (matches <= MOST_MATCHES && *docs as f64 <= (COMMON * all as f64).max(FEW))
    };
    words.iter().take(MOST_TERMS).take_while(tells).map(|(_, word)| format!("\"{word}\"")).collect()
}

/// Files below `folder` with their sizes and times.
fn collect(folder: &Path, files: &mut Vec<(PathBuf, u64, i64)>) -> Result<(), RetrievalError> {
    let failed = |source| RetrievalError::File { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let about = entry.metadata().map_err(failed)?;
        if about.is_dir() {
            collect(&entry.path(), files)?;
        } else if about.is_file() && about.len() <= MAX_FILE {
            let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let changed = changed.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0);
            files.push((entry.path(), about.len(), changed));
        }
    }
    Ok(())
}

/// Reads what is new, and forgets what is gone.
fn update(connection: &mut Connection, files: &[(PathBuf, u64, i64)]) -> rusqlite::Result<Indexed> {
    let mut done = Indexed::default();
    let transaction = connection.transaction()?;
    {
        let mut known: HashMap<String, (i64, i64)> = HashMap::new();
        let mut query = transaction.prepare("SELECT path, size, changed FROM files")?;
        for row in query.query_map([], |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?))))? {
            let (path, about) = row?;
            known.insert(path, about);
        }
        let mut add = transaction.prepare(
            "INSERT INTO articles (file, title, text, url, source, published, known_from)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let mut add_words = transaction.prepare("INSERT INTO words (rowid, title, text) VALUES (?1, ?2, ?3)")?;
        let mut note = transaction.prepare("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3)")?;
        for (path, size, changed) in files {
            let name = path.display().to_string();
            let size = i64::try_from(*size).unwrap_or(i64::MAX);
            let before = known.remove(&name);
            if before == Some((size, *changed)) {
                done.known += 1;
                continue;
            }
            forget(&transaction, &name)?;
            for article in read(path) {
                let (published, known_from) = (article.published.map(|at| at.0), article.known_from.map(|at| at.0));
                let Article { title, text, url, source, .. } = &article;
                add.execute(params![name, title, text, url, source, published, known_from])?;
                add_words.execute(params![transaction.last_insert_rowid(), title, text])?;
            }
            note.execute(params![name, size, changed])?;
            done.read += 1;
        }
        for gone in known.keys() {
            forget(&transaction, gone)?;
        }
        let count: i64 = transaction.query_row("SELECT count(*) FROM articles", [], |row| row.get(0))?;
        done.articles = usize::try_from(count).unwrap_or(0);
    }
    transaction.commit()?;
    Ok(done)
}

fn forget(connection: &Connection, file: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO words (words, rowid, title, text) SELECT 'delete', id, title, text FROM articles WHERE file = ?1",
        params![file],
    )?;
    connection.execute("DELETE FROM articles WHERE file = ?1", params![file])?;
    connection.execute("DELETE FROM files WHERE path = ?1", params![file])?;
    Ok(())
}

/// The articles in a file: `.json` and `.jsonl` with objects, `.md`, `.txt`, `.html` with one text each. A file that makes
/// no sense has none.
fn read(path: &Path) -> Vec<Article> {
    let Some(kind @ ("json" | "jsonl" | "md" | "txt" | "html" | "htm")) = path.extension().and_then(|e| e.to_str())
    else {
        return Vec::new();
    };
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "an article cannot be read");
            return Vec::new();
        }
    };
    match kind {
        "json" => serde_json::from_str(&text).map(|value| in_json(&value)).unwrap_or_default(),
        "jsonl" => text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|value| Article::from_json(&value))
            .collect(),
        "html" | "htm" => in_text(&super::feed::plain(&text)).into_iter().collect(),
        _ => in_text(&text).into_iter().collect(),
    }
}

/// The articles of a document: an object, a list of them, or a page of an API with a list in it.
#[must_use]
pub fn in_json(document: &Value) -> Vec<Article> {
    match document {
        Value::Array(entries) => entries.iter().filter_map(Article::from_json).collect(),
        Value::Object(object) => {
            let lists = ["articles", "items", "results", "data", "news", "docs", "hits", "value"];
            match lists.iter().find_map(|name| object.get(*name).filter(|list| list.is_array() || list.is_object())) {
                Some(inner) => in_json(inner),
                None => Article::from_json(document).into_iter().collect(),
            }
        }
        _ => Vec::new(),
    }
}

/// An article in plain text: lines `name: value` between two `---`, if there are some, then the text; without a title
/// there, its first line is it.
fn in_text(text: &str) -> Option<Article> {
    let (head, body) = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---"))
        .map_or(("", text), |(head, body)| (head, body.trim_start_matches('-').trim_start()));
    let field = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        });
        found.unwrap_or_default()
    };
    let dated: Vec<Dated> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(_, value)| Dated::read(value.trim().trim_matches('"')))
        .collect();
    let lines = || body.lines().map(|line| line.trim_start_matches('#').trim()).filter(|line| !line.is_empty());
    // A dateline is no title: all articles of a day would have the same.
    let first = lines().find(|line| dates_in(line).is_empty()).or_else(|| lines().next())?;
    let title = if field("title").is_empty() { first } else { field("title") };
    Some(Article::new(title, body, field("url"), field("source"), &dated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn search(query: &str, until: &str) -> Search {
        let until = Dated::read(until).unwrap().latest;
        Search { query: query.to_owned(), from: None, until, limit: 10 }
    }

    fn titles(folder: &Folder, search: &Search) -> Vec<String> {
        folder.look(search).unwrap().into_iter().map(|article| article.title).collect()
    }

    #[test]
    fn articles_of_every_shape_are_found_by_their_words_and_not_before_their_time() {
        let there = folder(&[
            (
                "a.json",
                r#"{"articles":[{"title":"Bank cuts rates","content":"The bank cut.","publishedAt":"2024-05-01"},
                {"title":"Bank holds rates","body":"It held.","published":"2024-06-01"}]}"#,
            ),
            (
                "below/b.jsonl",
                "{\"headline\":\"Storm\",\"text\":\"A storm came, rates of wind rose.\",\"date\":\"2024-05-02\"}\nnot json\n",
            ),
            ("c.md", "---\ntitle: Rates explained\ndate: 2024-04-01\nurl: https://c.example/x\n---\nWhat rates are.\n"),
            ("d.txt", "No date at all\nabout rates"),
            (
                "e.html",
                "<html><h1>Rates in May</h1><p>Published: May 3, 2024</p><script>rates</script><p>Rates &amp; more</p></html>",
            ),
            ("f.bin", "rates"),
        ]);
        let (index, done) = Folder::open(there.path(), None).unwrap();
        assert_eq!(done.articles, 6);
        let mut found = titles(&index, &search("Will the rates be cut?", "2024-05-04"));
        assert_eq!(found[0], "Bank cuts rates");
        found.sort();
        assert_eq!(found, ["Bank cuts rates", "Rates explained", "Rates in May", "Storm"]);
        assert_eq!(titles(&index, &search("rates", "2024-03-01")), Vec::<String>::new());
        assert_eq!(titles(&index, &search("of the \" OR * (", "2025-03-01")), Vec::<String>::new());
        let from = Search { from: Some(Dated::read("2024-05-02").unwrap().earliest), ..search("rates", "2024-05-04") };
        assert_eq!(titles(&index, &from).len(), 2);
    }

    #[test]
    fn a_search_is_for_the_words_that_tell_and_its_matches_are_bounded() {
        let chosen = |counts: &[i64], all: i64| {
            let words: Vec<_> = counts.iter().enumerate().map(|(n, docs)| (*docs, n.to_string())).collect();
            rarest(&words, all).len()
        };
        assert_eq!(chosen(&[], 10), 0);
        assert_eq!(chosen(&[3, 4, 5, 6, 7], 10), 4, "in a small folder every word, but not more than these");
        assert_eq!(chosen(&[10, 20_000, 30_000], 100_000), 2, "the third is in too many");
        assert_eq!(chosen(&[10, 12_000, 12_500, 13_000], 100_000), 3, "the fourth is one too much");
        assert_eq!(chosen(&[90_000, 95_000], 100_000), 1, "something is looked for in any case");
    }

    #[test]
    fn only_what_has_changed_is_read_again_and_what_is_gone_is_forgotten() {
        let there = folder(&[("a.txt", "2024-05-01\nalpha story"), ("b.txt", "2024-05-01\nbeta story")]);
        let place = tempfile::tempdir().unwrap();
        let index = place.path().join("below/index.sqlite");
        let open = || Folder::open(there.path(), Some(&index)).unwrap();
        assert_eq!(open().1, Indexed { read: 2, known: 0, articles: 2 });
        assert_eq!(open().1, Indexed { read: 0, known: 2, articles: 2 });
        fs::write(there.path().join("a.txt"), "2024-05-01\ngamma story, longer").unwrap();
        fs::remove_file(there.path().join("b.txt")).unwrap();
        let (folder, done) = open();
        assert_eq!(done, Indexed { read: 1, known: 0, articles: 1 });
        for (word, count) in [("alpha", 0), ("beta", 0), ("gamma", 1), ("story", 1)] {
            assert_eq!(folder.look(&search(word, "2024-06-01")).unwrap().len(), count, "{word}");
        }
    }
}
