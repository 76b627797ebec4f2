//! Keeps the program alive and talks to it.

use std::collections::HashMap;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::CommandSettings;
use crate::forecast::program;
use crate::forecast::spoken::Answer;

/// Longest line listened to; the rest of a longer one is dropped.
const MAX_LINE: usize = 64 << 10;

/// A question on its way to the program.
pub(super) struct Ask {
    pub(super) number: u64,
    pub(super) line: String,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// What those who ask, the writer and the reader share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    last_number: AtomicU64,
    /// Who waits for which answer; as many as are in flight at most.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    /// Answers passed on, ever.
    answers: AtomicU64,
    /// Questions given up since the last answer.
    given_up: AtomicU32,
    hangs: Notify,
}

impl Shared {
    pub(super) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Nobody waits for `number` any more; with `patience` of these in a row the program counts as hung.
    pub(super) fn gave_up(&self, number: u64, patience: u32) {
        self.waiting().remove(&number);
        if self.given_up.fetch_add(1, Ordering::Relaxed) + 1 >= patience.max(1) {
            self.hangs.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody who waits abstain.
    fn abandon(&self) {
        self.waiting().clear();
        self.given_up.store(0, Ordering::Relaxed);
    }

    /// Passes an answer on; `false` when the line is none, or one that nobody waits for.
    fn take_line(&self, line: &[u8]) -> bool {
        let Some((Some(id), answer)) = Answer::read(line) else { return false };
        let Some(reply) = self.waiting().remove(&id) else { return false };
        self.given_up.store(0, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
        let _ = reply.send(answer);
        true
    }
}

/// Runs the program again and again until nobody can ask any more.
pub(super) async fn keep(settings: CommandSettings, mut queue: mpsc::Receiver<Ask>, shared: Arc<Shared>) {
    let pauses = || {
        ExponentialBuilder::new()
            .with_min_delay(settings.first_pause)
            .with_max_delay(settings.max_pause)
            .without_max_times()
            .build()
    };
    let mut next_pauses = pauses();
    loop {
        let answered = match start(&settings) {
            Ok(child) => run(child, &settings, &mut queue, &shared).await,
            Err(error) => {
                let program = settings.program.display();
                tracing::error!(%program, %error, "the forecaster's program cannot be started; check `--forecaster.command`");
                Run::Fruitless
            }
        };
        shared.abandon();
        match answered {
            Run::NobodyAsks => return,
            Run::Fruitful => next_pauses = pauses(),
            Run::Fruitless => {}
        }
        let pause = next_pauses.next().unwrap_or(settings.max_pause);
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => break,
                // Nothing to ask: a dropped reply abstains.
                ask = queue.recv() => if ask.is_none() { return },
            }
        }
    }
}

/// How a run of the program ended.
enum Run {
    /// It had answered something.
    Fruitful,
    Fruitless,
    NobodyAsks,
}

fn start(settings: &CommandSettings) -> io::Result<Child> {
    let mut command = program::command(&settings.program, &settings.arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

async fn run(
    mut child: Child,
    settings: &CommandSettings,
    queue: &mut mpsc::Receiver<Ask>,
    shared: &Arc<Shared>,
) -> Run {
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Run::Fruitless;
    };
    let mut listener = AbortOnDropHandle::new(tokio::spawn(listen(stdout, Arc::clone(shared))));
    let _complaints = AbortOnDropHandle::new(tokio::spawn(pass_on_complaints(stderr)));
    let program = settings.program.display();
    let answers_before = shared.answers.load(Ordering::Relaxed);
    loop {
        tokio::select! {
            _ = &mut listener => {
                let status = child.wait().await.map(|s| s.to_string()).unwrap_or_default();
                tracing::warn!(%program, %status, "the forecaster's program ended and is started again");
                break;
            }
            () = shared.hangs.notified() => {
                tracing::warn!(%program, "the forecaster's program does not answer and is started again");
                break;
            }
            ask = queue.recv() => {
                let Some(ask) = ask else { return Run::NobodyAsks };
                if let Err(error) = hand_over(ask, &mut stdin, settings, shared).await {
                    tracing::warn!(%program, %error, "the forecaster's program does not read its input and is started \
                                                      again");
                    break;
                }
            }
        }
    }
    if shared.answers.load(Ordering::Relaxed) > answers_before { Run::Fruitful } else { Run::Fruitless }
}

async fn hand_over(ask: Ask, stdin: &mut ChildStdin, settings: &CommandSettings, shared: &Shared) -> io::Result<()> {
    if ask.reply.is_closed() {
        return Ok(());
    }
    shared.waiting().insert(ask.number, ask.reply);
    let written = async {
        stdin.write_all(ask.line.as_bytes()).await?;
        stdin.flush().await
    };
    tokio::time::timeout(settings.deadline, written).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Reads answers until the program closes its stdout.
async fn listen(stdout: impl AsyncRead + Unpin, shared: Arc<Shared>) {
    let mut stdout = BufReader::new(stdout);
    let mut ignored = 0_u64;
    while let Ok(Some(line)) = bounded_line(&mut stdout).await {
        if !shared.take_line(&line) && !line.trim_ascii().is_empty() {
            ignored += 1;
            // Powers of two: the first ones are seen, and a flood costs a line now and then.
            if ignored.is_power_of_two() {
                let line = String::from_utf8_lossy(line.get(..200).unwrap_or(&line)).into_owned();
                tracing::warn!(ignored, line, "the forecaster's program wrote a line that is not an answer");
            }
        }
    }
}

async fn pass_on_complaints(stderr: impl AsyncRead + Unpin) {
    let mut stderr = BufReader::new(stderr);
    while let Ok(Some(line)) = bounded_line(&mut stderr).await {
        tracing::info!(target: "neuron::forecaster", "{}", String::from_utf8_lossy(&line).trim_end());
    }
}

/// The next line without its end, cut at [`MAX_LINE`]; `None` at the end.
async fn bounded_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let available = from.fill_buf().await?;
        if available.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let (part, _) = available.split_at(end.unwrap_or(available.len()));
        line.extend(part.iter().take(MAX_LINE.saturating_sub(line.len())));
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Probability;

    #[tokio::test]
    async fn lines_are_cut_at_the_bound_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; MAX_LINE + 10];
        text.extend_from_slice(b"\nshort\n\nlast");
        let mut from = BufReader::with_capacity(100, text.as_slice());
        let mut lengths = Vec::new();
        while let Some(line) = bounded_line(&mut from).await.unwrap() {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [MAX_LINE, 5, 0, 4]);
    }

    #[test]
    fn only_an_expected_answer_is_one() {
        let shared = Shared::default();
        let expect = |line: &str| {
            let (reply, mut answer) = oneshot::channel();
            shared.waiting().insert(1, reply);
            let taken = shared.take_line(line.as_bytes());
            (taken, answer.try_recv().ok().and_then(|answer| answer.probability).map(Probability::get))
        };
        assert_eq!(expect(r#"{"id":1,"probability":0.25,"why":"because"}"#), (true, Some(0.25)));
        assert_eq!(expect(r#"{"id":1,"probability":0}"#), (true, Some(0.0)));
        assert_eq!(expect(r#"{"id":1,"probability":null}"#), (true, None));
        for garbage in ["70", "1.0001", "-0.1", "\"0.5\"", "true", "[0.5]"] {
            assert_eq!(expect(&format!(r#"{{"id":1,"probability":{garbage}}}"#)), (true, None), "{garbage}");
        }
        for line in
            [r#"{"id":2,"probability":0.5}"#, r#"{"id":1}"#, r#"{"probability":0.5}"#, "hello", "", "NaN", "{", "\u{0}"]
        {
            assert_eq!(expect(line), (false, None), "{line}");
        }
    }
}
