//! A miner of text: what its backend says, in chunks, and an end before the caller stops listening.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::backend::{
    Backend, BackendError, Chat, ChatSettings, Deltas, Exec, Fixed, Local, Sampling, Supervision, key_of_process,
};
use super::conversation::Conversation;
use super::meter::{Course, Meter};
use super::settings::{BackendSettings, ModelSettings, PromptingSettings};
use super::synapse::StreamPromptingSynapse;
use crate::axon::{Builder, Caller, Handler, Refusal, Reply};
use crate::clock;
use crate::config::Resolved;
use crate::scoring::text::tokens;
use crate::subnets::work::{MinerNeeds, MinerWork, WorkError};
use crate::telemetry::Sheet;

/// What is kept free for the last flush before the caller stops listening, and the share of its patience that this is at
/// most.
const MARGIN: Duration = Duration::from_millis(250);
const MARGIN_SHARE: u32 = 10;

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PromptingMiner {
    backend: Arc<dyn Backend>,
    batch: usize,
    meter: Arc<Meter>,
}

impl PromptingMiner {
    /// A miner in front of this backend; `batch` pieces of it make a chunk.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, batch: usize) -> Self {
        Self { backend, batch: batch.max(1), meter: Arc::new(Meter::new("neuron_miner", "backend")) }
    }

    /// How its streams went.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

/// Refuses settings that cannot work. Whether a backend can is seen when it is made: one may be a process.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    let settings = PromptingSettings::of(resolved)?;
    environment(&settings.backend.env).map(drop).map_err(|e| WorkError::Setting(e.to_string()))
}

/// A miner as the settings want it.
///
/// # Errors
/// The backend cannot be made.
pub(super) fn make(resolved: &Resolved, _: MinerNeeds) -> Result<Arc<dyn MinerWork>, WorkError> {
    let PromptingSettings { backend, neuron, .. } = PromptingSettings::of(resolved)?;
    let batch = neuron.streaming_batch_size;
    let backend = backend_of(backend, neuron).map_err(|e| WorkError::Setting(e.to_string()))?;
    Ok(Arc::new(PromptingMiner::new(backend, batch)))
}

fn backend_of(backend: BackendSettings, model: ModelSettings) -> Result<Arc<dyn Backend>, BackendError> {
    let environment = environment(&backend.env)?;
    let is_local = backend.kind == "local";
    let sampling = Sampling {
        max_tokens: model.max_tokens,
        temperature: model.temperature,
        top_p: model.top_p,
        top_k: is_local.then_some(model.top_k),
    };
    let chat = |url: &str, model_id: &str, key| ChatSettings {
        url: backend.url.clone().unwrap_or_else(|| url.to_owned()),
        key,
        model: model.model_id.clone().unwrap_or_else(|| model_id.to_owned()),
        system_prompt: model.system_prompt.clone(),
        sampling,
        proxy: backend.proxy.clone(),
    };
    Ok(match backend.kind.as_str() {
        "local" => {
            let supervision =
                backend.command.clone().map(|command| Supervision { command, environment, start: backend.start });
            let key = key_of_process(backend.key_file.as_deref())?;
            Arc::new(Local::spawn(chat("http://127.0.0.1:8000/v1", "", key), supervision)?)
        }
        "exec" => Arc::new(Exec::new(&backend.command.unwrap_or_default(), environment, backend.at_once)?),
        "echo" => Arc::new(Fixed::Echo),
        "phrase" => Arc::new(Fixed::Phrase(model.phrase)),
        "mock" => Arc::new(Fixed::Mock),
        _ => {
            let key = key_of_process(backend.key_file.as_deref())?;
            if key.is_none() && backend.url.is_none() {
                return Err(BackendError::Setting(
                    "the backend openai needs a key: set OPENAI_API_KEY or `--backend.key_file`, or name an API that \
                     needs no key with `--backend.url`; `--backend echo` needs neither"
                        .to_owned(),
                ));
            }
            Arc::new(Chat::new("openai", chat("https://api.openai.com/v1", "gpt-3.5-turbo-1106", key))?)
        }
    })
}

fn environment(said: &[String]) -> Result<Vec<(String, String)>, BackendError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(BackendError::Setting(format!("`backend.env` cannot contain `{text}`: expected NAME=VALUE"))),
    };
    said.iter().map(pair).collect()
}

impl MinerWork for PromptingMiner {
    fn serve(&self, axon: Builder) -> Builder {
        axon.serve::<StreamPromptingSynapse>(self.clone())
    }

    fn manner(&self) -> String {
        format!("backend `{}`", self.backend.name())
    }

    fn status(&self) -> String {
        let (streams, complete) = self.meter.ended();
        let backend = self.backend.status().map(|status| format!(", {status}")).unwrap_or_default();
        format!("{complete} of {streams} streams were complete{backend}")
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        self.meter.write(sheet)
    }
}

impl Handler<StreamPromptingSynapse> for PromptingMiner {
    async fn handle(
        &self,
        caller: &Caller,
        asked: StreamPromptingSynapse,
    ) -> Result<Reply<StreamPromptingSynapse>, Refusal> {
        let conversation = Conversation::of(asked).map_err(|e| Refusal::bad_request(e.to_string()))?;
        let began = clock::monotonic();
        let patience = caller.until.saturating_duration_since(began);
        let until = caller.until - MARGIN.min(patience / MARGIN_SHARE);
        let mut record = Record {
            meter: Arc::clone(&self.meter),
            whose: self.backend.name(),
            began,
            course: Course { chunks: Vec::new(), tokens: 0, ended: "left" },
        };
        match self.backend.answer(Arc::new(conversation), until).await {
            Ok(deltas) => Ok(Reply::Stream(batched(deltas, self.batch, until, record))),
            Err(error) => {
                tracing::warn!(backend = self.backend.name(), caller.hotkey = %caller.hotkey, "no answer: {error}");
                record.course.ended = error.kind();
                Err(refusal(&error))
            }
        }
    }
}

/// What a caller is told of a backend that says nothing; why is in our log.
fn refusal(error: &BackendError) -> Refusal {
    match error {
        BackendError::Busy { .. } => Refusal::unavailable("too many questions at the same time"),
        BackendError::Late { .. } => Refusal { status: 408, message: "the model said nothing in time".to_owned() },
        _ if error.may_pass() => Refusal::unavailable("the model does not answer now"),
        _ => Refusal::internal(error.to_string()),
    }
}

/// Counts its stream when it is dropped: at the end, or when the caller left.
struct Record {
    meter: Arc<Meter>,
    whose: &'static str,
    began: Instant,
    course: Course,
}

impl Record {
    fn chunk(&mut self, text: String) -> Result<Bytes, Refusal> {
        self.course.chunks.push(self.began.elapsed());
        self.course.tokens += u64::from(tokens(&text));
        Ok(Bytes::from(text))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.meter.add(self.whose, &self.course);
    }
}

/// A stream on its way out.
struct Outgoing {
    /// `None` once it has said everything.
    deltas: Option<Deltas>,
    /// An error to be told after the text before it.
    failure: Option<BackendError>,
    record: Record,
}

/// Chunks of `batch` pieces, until the pieces end or `until` comes: then the text so far is the answer, and it ends properly.
fn batched(deltas: Deltas, batch: usize, until: Instant, record: Record) -> BoxStream<'static, Result<Bytes, Refusal>> {
    let outgoing = Outgoing { deltas: Some(deltas), failure: None, record };
    stream::unfold(outgoing, move |mut outgoing| async move {
        let chunk = outgoing.next(batch, until).await?;
        Some((chunk, outgoing))
    })
    .boxed()
}

impl Outgoing {
    async fn next(&mut self, batch: usize, until: Instant) -> Option<Result<Bytes, Refusal>> {
        if let Some(error) = self.failure.take() {
            return Some(Err(Refusal::internal(error.to_string())));
        }
        let mut deltas = self.deltas.take()?;
        let mut text = String::new();
        for _ in 0..batch {
            match tokio::time::timeout_at(until.into(), deltas.next()).await {
                Ok(Some(Ok(piece))) => text.push_str(&piece),
                Ok(Some(Err(error))) => {
                    tracing::warn!(backend = self.record.whose, "an answer ended early: {error}");
                    self.record.course.ended = error.kind();
                    self.failure = Some(error);
                    break;
                }
                Ok(None) => {
                    self.record.course.ended = "complete";
                    return (!text.is_empty()).then(|| self.record.chunk(text));
                }
                Err(_) => {
                    self.record.course.ended = "deadline";
                    return (!text.is_empty()).then(|| self.record.chunk(text));
                }
            }
        }
        if self.failure.is_none() {
            self.deltas = Some(deltas);
        } else if text.is_empty() {
            return self.failure.take().map(|error| Err(Refusal::internal(error.to_string())));
        }
        Some(self.record.chunk(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(meter: &Arc<Meter>) -> Record {
        let course = Course { chunks: Vec::new(), tokens: 0, ended: "left" };
        Record { meter: Arc::clone(meter), whose: "test", began: clock::monotonic(), course }
    }

    fn pieces(count: usize) -> impl futures_util::Stream<Item = Result<String, BackendError>> + Send {
        stream::iter((0..count).map(|piece| Ok(format!("{piece} "))))
    }

    async fn read(deltas: Deltas, until: Duration) -> (Vec<Result<String, u16>>, (u64, u64)) {
        let meter = Arc::new(Meter::new("test", "backend"));
        let chunks = batched(deltas, 12, clock::monotonic() + until, record(&meter));
        let text = |chunk: Result<Bytes, Refusal>| match chunk {
            Ok(bytes) => Ok(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(refusal) => Err(refusal.status),
        };
        (chunks.map(text).collect().await, meter.ended())
    }

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_chunk_is_twelve_pieces_and_the_last_one_what_is_left() {
        let (chunks, ended) = read(pieces(25).boxed(), SOON).await;
        let lengths: Vec<_> = chunks.iter().map(|chunk| chunk.as_ref().unwrap().split(' ').count() - 1).collect();
        assert_eq!((lengths, ended), (vec![12, 12, 1], (1, 1)));
    }

    #[tokio::test]
    async fn what_was_said_before_a_failure_is_sent_before_it() {
        let failure = || stream::iter([Err(BackendError::Silent { what: "it".into() })]);
        let (chunks, ended) = read(pieces(3).chain(failure()).boxed(), SOON).await;
        assert_eq!((chunks, ended), (vec![Ok("0 1 2 ".to_owned()), Err(500)], (1, 0)));
        let (chunks, _) = read(pieces(12).chain(failure()).boxed(), SOON).await;
        assert_eq!((chunks.len(), chunks.last()), (2, Some(&Err(500))));
    }

    #[tokio::test]
    async fn at_the_deadline_the_rest_is_flushed_and_the_stream_ends() {
        let (chunks, ended) = read(pieces(14).chain(stream::pending()).boxed(), Duration::from_millis(50)).await;
        assert_eq!((chunks.len(), chunks.last()), (2, Some(&Ok("12 13 ".to_owned()))));
        assert_eq!(ended, (1, 0));
    }

    #[tokio::test]
    async fn a_caller_that_left_is_counted() {
        let meter = Arc::new(Meter::new("test", "backend"));
        let mut chunks = batched(pieces(100).boxed(), 1, clock::monotonic() + SOON, record(&meter));
        chunks.next().await;
        assert_eq!(meter.ended(), (0, 0));
        drop(chunks);
        assert_eq!(meter.ended(), (1, 0));
    }
}
