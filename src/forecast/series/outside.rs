//! Somebody else's strategy: a program, or a server.
//!
//! Both are told `{"stream": "BTCUSD-5m", "interval_s": 300, "steps": 124, "candles": [[open time ms, open, high, low, close,
//! volume], …]}`, oldest first, and answer with an array of `steps` closes. Neither is trusted: an answer that is late, too
//! long, too short, or holds what cannot be a price is none.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::Strategy;
use crate::forecast::program;
use crate::market::klines::{Candle, INTERVAL};
use crate::market::{BrokenBody, body_of, client_of};
use crate::scoring::timeseries::rmse::check_forecast;

/// Candles told: a week.
const WINDOW: usize = 7 * 288;
/// Longest answer, bytes.
const MAX_ANSWER: usize = 1 << 20;

fn question(candles: &[Candle], steps: usize) -> Vec<u8> {
    let row = |c: &Candle| json!([c.open_at.0, c.open, c.high, c.low, c.close, c.volume]);
    let candles: Vec<_> = candles.iter().map(row).collect();
    let question =
        json!({"stream": "BTCUSD-5m", "interval_s": INTERVAL.ms() / 1000, "steps": steps, "candles": candles});
    question.to_string().into_bytes()
}

fn answer(text: &[u8], steps: usize) -> Result<Vec<f64>, String> {
    let closes: Vec<f64> =
        serde_json::from_slice(text).map_err(|error| format!("the answer is not an array of numbers: {error}"))?;
    check_forecast(&closes, steps).map_err(|error| error.to_string())?;
    Ok(closes)
}

/// A program, started anew for every forecast.
#[derive(Debug, Clone)]
pub struct Program {
    program: String,
    arguments: Vec<String>,
    deadline: Duration,
}

impl Program {
    /// The program of a command line, split at white space; `None` when the line is blank.
    #[must_use]
    pub fn of_line(line: &str, deadline: Duration) -> Option<Self> {
        let (program, arguments) = program::words(line)?;
        Some(Self { program, arguments, deadline })
    }
}

impl Strategy for Program {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn closes_after<'a>(&'a self, candles: &'a [Candle], steps: usize) -> BoxFuture<'a, Result<Vec<f64>, String>> {
        async move {
            let told = question(candles, steps);
            let asked = program::ask_once(&self.program, &self.arguments, &told, MAX_ANSWER);
            let said = tokio::time::timeout(self.deadline, asked).await;
            let said = said.map_err(|_| format!("{} took longer than {:?}", self.program, self.deadline))?;
            answer(&said.map_err(|reason| format!("{}: {reason}", self.program))?, steps)
        }
        .boxed()
    }
}

/// A server that is posted to.
#[derive(Debug, Clone)]
pub struct Server {
    url: String,
    client: reqwest::Client,
}

impl Server {
    /// The server at `url`; why it cannot be one.
    ///
    /// # Errors
    /// The URL is none, or the client cannot be made.
    pub fn at(url: &str, deadline: Duration) -> Result<Self, String> {
        let parsed = reqwest::Url::parse(url).map_err(|error| format!("`{url}`: {error}"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(format!("`{url}` is neither http:// nor https://"));
        }
        let client = client_of(&parsed).timeout(deadline);
        Ok(Self { url: url.to_owned(), client: client.build().map_err(|error| error.to_string())? })
    }

    async fn post(&self, question: Vec<u8>) -> Result<Vec<u8>, String> {
        let named = |error: reqwest::Error| error.without_url().to_string();
        let request = self.client.post(&self.url).header("content-type", "application/json").body(question);
        let response = request.send().await.map_err(named)?;
        if !response.status().is_success() {
            return Err(format!("the server answered {}", response.status()));
        }
        body_of(response, MAX_ANSWER).await.map_err(|broken| match broken {
            BrokenBody::Line(error) => named(error),
            BrokenBody::TooLong => format!("the server sent more than {MAX_ANSWER} bytes"),
        })
    }
}

impl Strategy for Server {
    fn name(&self) -> &'static str {
        "http"
    }

    fn window(&self) -> usize {
        WINDOW
    }

    fn closes_after<'a>(&'a self, candles: &'a [Candle], steps: usize) -> BoxFuture<'a, Result<Vec<f64>, String>> {
        async move { answer(&self.post(question(candles, steps)).await?, steps) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::klines::series::Series;
    use crate::units::UnixMs;

    fn candles() -> Vec<Candle> {
        Series::simulated(1, UnixMs(1_767_225_600_000), 10).candles().to_vec()
    }

    async fn said_by(script: &str) -> Result<Vec<f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.sh");
        std::fs::write(&path, script).unwrap();
        let line = format!("sh {}", path.display());
        Program::of_line(&line, Duration::from_secs(5)).unwrap().closes_after(&candles(), 3).await
    }

    #[tokio::test]
    async fn a_program_says_what_follows_and_nothing_else_is_believed() {
        assert_eq!(said_by("cat > /dev/null; echo '[1.5, 2, 3]'").await, Ok(vec![1.5, 2.0, 3.0]));
        let words = "read line; case \"$line\" in *'\"steps\":3'*'\"stream\":\"BTCUSD-5m\"'*) echo '[1,1,1]';; *) exit 3;; esac";
        assert_eq!(said_by(words).await, Ok(vec![1.0, 1.0, 1.0]));
        for (script, word) in [
            ("echo '[1, 2]'", "2 values"),
            ("echo '[1, 2, -3]'", "positive"),
            ("echo '[1, 2, 1e999]'", "number"),
            ("echo hello", "array"),
            ("echo '[1, 2, 3]'; exit 4", "4"),
            ("head -c 3000000 /dev/zero", "more than"),
        ] {
            let error = said_by(script).await.unwrap_err();
            assert!(error.contains(word), "{script}: {error}");
        }
        assert!(Program::of_line("  ", Duration::from_secs(1)).is_none());
        let missing = Program::of_line("/no/such/program", Duration::from_secs(1)).unwrap();
        assert!(missing.closes_after(&candles(), 3).await.unwrap_err().contains("/no/such/program"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_left() {
        let program = Program::of_line("sleep 60", Duration::from_millis(200)).unwrap();
        assert!(program.closes_after(&candles(), 3).await.unwrap_err().contains("longer"));
    }

    #[tokio::test]
    async fn a_server_says_what_follows() {
        use axum::routing::post;
        let app = axum::Router::new()
            .route(
                "/good",
                post(|body: String| async move {
                    let asked: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
                    format!("[{0},{0},{0}]", asked["candles"].as_array().map_or(0, Vec::len))
                }),
            )
            .route("/bad", post(|| async { (axum::http::StatusCode::BAD_GATEWAY, "down for maintenance") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let ask = async |path: &str| {
            let server = Server::at(&format!("http://{address}/{path}"), Duration::from_secs(5)).unwrap();
            server.closes_after(&candles(), 3).await
        };
        assert_eq!(ask("good").await, Ok(vec![10.0; 3]));
        assert!(ask("bad").await.unwrap_err().contains("502"));
        serving.abort();
        assert!(Server::at("ftp://x/", Duration::from_secs(1)).is_err());
    }
}
