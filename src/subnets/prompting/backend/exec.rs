//! Any program as a backend: it reads a conversation as one JSON line on stdin, and what it writes on stdout is the answer.
//!
//! One process per answer; nothing of a conversation becomes an argument. It is killed when nobody listens any more.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::{Backend, BackendError, Deltas};
use crate::clock;
use crate::forecast::program;
use crate::subnets::prompting::conversation::Conversation;

/// The most text of one answer, bytes.
const MAX_TEXT: usize = 8 << 20;
/// Bytes read at once.
const READ: usize = 16 << 10;
/// Lines of stderr that are logged of one process.
const COMPLAINTS: usize = 20;

/// See the module.
#[derive(Debug)]
pub struct Exec {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    places: Arc<Semaphore>,
}

impl Exec {
    /// The program of a command line, split at white space (quotes are not interpreted: use a script for that), at most
    /// `at_once` of them running.
    ///
    /// # Errors
    /// [`BackendError::Setting`] when the line is blank.
    pub fn new(line: &str, environment: Vec<(String, String)>, at_once: usize) -> Result<Self, BackendError> {
        let (program, arguments) = words(line)?;
        Ok(Self { program, arguments, environment, places: Arc::new(Semaphore::new(at_once.max(1))) })
    }

    fn start(&self) -> Result<Child, BackendError> {
        let mut command = program::command(&self.program, &self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| {
            BackendError::Unreachable { what: format!("the program `{}`", self.program), reason: e.to_string().into() }
        })
    }
}

/// Program and arguments of a command line.
pub(super) fn words(line: &str) -> Result<(String, Vec<String>), BackendError> {
    let missing = || BackendError::Setting("set the program to run with `--backend.command`".to_owned());
    program::words(line).ok_or_else(missing)
}

/// A process that answers.
struct Answering {
    what: String,
    child: Child,
    stdout: ChildStdout,
    text: usize,
    /// Bytes of a character whose end has not come yet.
    tail: Vec<u8>,
    _hand_over: AbortOnDropHandle<()>,
    _complaints: AbortOnDropHandle<()>,
    _place: OwnedSemaphorePermit,
}

impl Answering {
    /// The next piece; `None` at the end of a process that was content.
    async fn next(&mut self) -> Result<Option<String>, BackendError> {
        let mut buffer = vec![0; READ];
        loop {
            let read = self.stdout.read(&mut buffer).await;
            let count = read.map_err(|e| self.malformed(&e.to_string()))?;
            if count == 0 {
                return self.end().await;
            }
            self.text += count;
            if self.text > MAX_TEXT {
                return Err(BackendError::TooMuch { what: self.what.clone(), limit: MAX_TEXT });
            }
            self.tail.extend(buffer.iter().take(count));
            let whole = match std::str::from_utf8(&self.tail) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => return Err(self.malformed("bytes that are not UTF-8")),
            };
            let rest = self.tail.split_off(whole);
            let text = String::from_utf8(std::mem::replace(&mut self.tail, rest)).unwrap_or_default();
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
    }

    async fn end(&mut self) -> Result<Option<String>, BackendError> {
        let status = self.child.wait().await.map_err(|e| self.malformed(&e.to_string()))?;
        if !status.success() {
            return Err(self.malformed(&format!("it ended with {status}")));
        }
        if self.tail.is_empty() { Ok(None) } else { Err(self.malformed("it ended in the middle of a character")) }
    }

    fn malformed(&self, reason: &str) -> BackendError {
        BackendError::Malformed { what: self.what.clone(), reason: reason.into() }
    }
}

async fn hand_over(mut stdin: ChildStdin, line: String) {
    // A program that does not listen may answer all the same.
    let _ = stdin.write_all(line.as_bytes()).await;
    let _ = stdin.shutdown().await;
}

async fn pass_on_complaints(stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr.take(1 << 20)).lines();
    for _ in 0..COMPLAINTS {
        let Ok(Some(line)) = lines.next_line().await else { return };
        tracing::info!(target: "neuron::backend", "{line}");
    }
    // The rest is read, so that the program is not held up, and dropped.
    let _ = tokio::io::copy(&mut lines.into_inner().into_inner().into_inner(), &mut tokio::io::sink()).await;
}

impl Backend for Exec {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn answer(&self, conversation: Arc<Conversation>, until: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        async move {
            let what = format!("the program `{}`", self.program);
            let place = Arc::clone(&self.places).try_acquire_owned();
            let place = place.map_err(|_| BackendError::Busy { what: what.clone() })?;
            let mut child = self.start()?;
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
                return Err(BackendError::Silent { what });
            };
            let turns = conversation.turns();
            let seconds = until.saturating_duration_since(clock::monotonic()).as_secs_f64();
            let mut line = json!({
                "roles": turns.iter().map(|turn| turn.role.name()).collect::<Vec<_>>(),
                "messages": turns.iter().map(|turn| turn.text.as_raw()).collect::<Vec<_>>(),
                "timeout_s": seconds,
            })
            .to_string();
            line.push('\n');
            let mut answering = Answering {
                what: what.clone(),
                child,
                stdout,
                text: 0,
                tail: Vec::new(),
                _hand_over: AbortOnDropHandle::new(tokio::spawn(hand_over(stdin, line))),
                _complaints: AbortOnDropHandle::new(tokio::spawn(pass_on_complaints(stderr))),
                _place: place,
            };
            let first = tokio::time::timeout_at(until.into(), answering.next()).await;
            let first = first.map_err(|_| BackendError::Late { what: what.clone() })??;
            let first = first.ok_or(BackendError::Silent { what })?;
            let rest = stream::try_unfold(answering, |mut answering| async move {
                Ok(answering.next().await?.map(|text| (text, answering)))
            });
            Ok(stream::iter([Ok(first)]).chain(rest).boxed())
        }
        .boxed()
    }
}
