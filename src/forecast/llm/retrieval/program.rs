//! A user's program as a source of articles: asked once per search, in JSON.
//!
//! It is told `{"query":"…","from":"2024-04-01T00:00:00Z","until":"2024-05-01T00:00:00Z","limit":10}` on its stdin (`from` may
//! be null), and writes a JSON list of articles, or one of them per line.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::super::article::Article;
use super::folder::in_json;
use super::{RetrievalError, Retriever, Search};
use crate::forecast::program::{ask_once, words};
use crate::units::UnixMs;

/// Longest answer, bytes.
const MAX_ANSWER: usize = 16 << 20;

/// See the module.
#[derive(Debug)]
pub struct Program {
    program: String,
    arguments: Vec<String>,
    deadline: Duration,
}

impl Program {
    /// The program of a command line, split at white space; nothing is started yet.
    ///
    /// # Errors
    /// [`RetrievalError::Setting`]: the line is blank.
    pub fn new(line: &str, deadline: Duration) -> Result<Self, RetrievalError> {
        let found = words(line);
        let (program, arguments) =
            found.ok_or_else(|| RetrievalError::Setting("the program that finds articles has no name".to_owned()))?;
        Ok(Self { program, arguments, deadline })
    }

    fn failed(&self, reason: &str) -> RetrievalError {
        RetrievalError::Program { program: self.program.clone(), reason: reason.into() }
    }

    async fn ask(&self, search: &Search) -> Result<Vec<u8>, RetrievalError> {
        let told = json!({
            "query": search.query,
            "from": search.from.map(UnixMs::rfc3339),
            "until": search.until.rfc3339(),
            "limit": search.limit,
        });
        let told = format!("{told}\n");
        let asked = ask_once(&self.program, &self.arguments, told.as_bytes(), MAX_ANSWER).await;
        asked.map_err(|reason| self.failed(&reason.to_string()))
    }
}

impl Retriever for Program {
    fn name(&self) -> &'static str {
        "program"
    }

    fn search<'a>(&'a self, search: &'a Search) -> BoxFuture<'a, Result<Vec<Article>, RetrievalError>> {
        async move {
            let asked = tokio::time::timeout(self.deadline, self.ask(search)).await;
            let body = asked.unwrap_or_else(|_| Err(self.failed("no answer in time")))?;
            if let Ok(document) = serde_json::from_slice::<Value>(&body) {
                return Ok(in_json(&document));
            }
            let text = String::from_utf8_lossy(&body);
            let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            Ok(lines.filter_map(|value| Article::from_json(&value)).collect())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(script: &str) -> (tempfile::TempDir, Program) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("find.sh");
        std::fs::write(&path, script).unwrap();
        let line = format!("sh {}", path.display());
        (folder, Program::new(&line, Duration::from_secs(20)).unwrap())
    }

    fn search() -> Search {
        Search { query: "rates".into(), from: None, until: UnixMs(1_714_557_600_000), limit: 3 }
    }

    #[tokio::test]
    async fn it_is_told_the_search_and_answers_with_articles() {
        let (_folder, echo) = program(
            "read line; printf '%s\\n' \"{\\\"title\\\":\\\"T\\\",\\\"text\\\":\\\"x\\\",\\\"asked\\\":$line}\"",
        );
        let found = echo.search(&search()).await.unwrap();
        assert_eq!(found.len(), 1);
        let (_folder, told) = program("grep -q '\"query\":\"rates\"' && printf '[{\"title\":\"a\"},7]'");
        assert_eq!(told.search(&search()).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_that_fails_or_talks_nonsense_gives_none() {
        let (_folder, fails) = program("exit 3");
        assert!(fails.search(&search()).await.unwrap_err().to_string().contains("exit status: 3"));
        let (_folder, nonsense) = program("echo hello");
        assert!(nonsense.search(&search()).await.unwrap().is_empty());
        let mut hangs = program("sleep 100").1;
        hangs.deadline = Duration::from_millis(50);
        assert!(hangs.search(&search()).await.is_err());
        assert!(Program::new("  ", Duration::from_secs(1)).is_err());
    }
}
