//! An OpenAI-compatible server on this machine: looked at from time to time and, when asked, started and kept alive.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::process::Child;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::chat::{below, body_of, client_of, unreachable};
use super::exec::words;
use super::{Backend, BackendError, Chat, ChatSettings, Deltas};
use crate::clock;
use crate::forecast::program;
use crate::subnets::prompting::conversation::Conversation;

/// Between two looks at a server that is well.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two looks at one that is not.
const LOOK_SOON: Duration = Duration::from_millis(500);
/// The longest a look may take.
const LOOK: Duration = Duration::from_secs(3);
/// The most of a list of models, bytes.
const MAX_LIST: usize = 1 << 20;
/// The pause before a server is started again; doubles up to the longest while it does not come to life.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How a server is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervision {
    /// Its command line, split at white space.
    pub command: String,
    /// What it finds in its environment, such as `CUDA_VISIBLE_DEVICES`.
    pub environment: Vec<(String, String)>,
    /// How long it may take to load its model.
    pub start: Duration,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Starting,
    /// With the first model it lists.
    Well(Option<String>),
    Ill(String),
}

/// See the module. Dropped, a server of ours is ended.
#[derive(Debug)]
pub struct Local {
    chat: Chat,
    condition: watch::Receiver<Condition>,
    _keeper: AbortOnDropHandle<()>,
}

impl Local {
    /// Begins to look; must be called inside a tokio runtime. Without a model in the settings, the first one that the server
    /// lists is asked for.
    ///
    /// # Errors
    /// [`BackendError::Setting`].
    pub fn spawn(settings: ChatSettings, supervision: Option<Supervision>) -> Result<Self, BackendError> {
        let (client, base) = client_of(&settings.url, settings.proxy.as_deref())?;
        let program = supervision.as_ref().map(|supervision| words(&supervision.command)).transpose()?;
        let chat = Chat::new("local", settings)?;
        let (told, condition) = watch::channel(Condition::Starting);
        let look = Look { client, url: below(&base, "models") };
        let keeper = match (supervision, program) {
            (Some(supervision), Some(program)) => tokio::spawn(keep(supervision, program, look, told)),
            _ => tokio::spawn(async move { watch_over(&look, &told, None).await }),
        };
        Ok(Self { chat, condition, _keeper: AbortOnDropHandle::new(keeper) })
    }

    /// The model to ask for, when the server is well, or will be before `until`.
    async fn model(&self, until: Instant) -> Result<String, BackendError> {
        let mut condition = self.condition.clone();
        let known = condition.wait_for(|condition| *condition != Condition::Starting);
        let condition = match tokio::time::timeout_at(until.into(), known).await {
            Ok(Ok(condition)) => condition.clone(),
            _ => return Err(self.ill("it is still starting")),
        };
        match condition {
            Condition::Well(_) if !self.chat.model().is_empty() => Ok(self.chat.model().to_owned()),
            Condition::Well(Some(model)) => Ok(model),
            Condition::Well(None) => Err(self.ill("it lists no model: name one with `--neuron.model_id`")),
            Condition::Ill(reason) => Err(self.ill(&reason)),
            Condition::Starting => Err(self.ill("it is still starting")),
        }
    }

    fn ill(&self, reason: &str) -> BackendError {
        BackendError::Unreachable { what: "the server on this machine".to_owned(), reason: reason.into() }
    }
}

/// What to look at.
struct Look {
    client: Client,
    url: Url,
}

impl Look {
    /// The first model that it lists, if it lists any.
    async fn once(&self) -> Result<Option<String>, BackendError> {
        let what = "the server on this machine";
        let look = async {
            let response = self.client.get(self.url.clone()).send().await.map_err(|e| unreachable(what, e))?;
            let status = response.status();
            let body = body_of(what, response, MAX_LIST).await?;
            // A server without this list may be well all the same; one that says 503 is loading its model.
            if status.is_server_error() {
                let reason = format!("it answers {status}").into();
                return Err(BackendError::Unreachable { what: what.to_owned(), reason });
            }
            let list: Value = serde_json::from_slice(&body).unwrap_or_default();
            Ok(list.pointer("/data/0/id").and_then(Value::as_str).map(str::to_owned))
        };
        tokio::time::timeout(LOOK, look).await.unwrap_or_else(|_| Err(BackendError::Late { what: what.to_owned() }))
    }
}

/// Looks again and again. With `patience` it gives up on a server that has not come to life by then.
async fn watch_over(look: &Look, told: &watch::Sender<Condition>, patience: Option<Duration>) {
    let began = clock::monotonic();
    let mut lived = false;
    loop {
        let seen = match look.once().await {
            Ok(model) => Condition::Well(model),
            Err(_) if patience.is_some() && !lived => Condition::Starting,
            Err(error) => Condition::Ill(error.to_string()),
        };
        let well = matches!(seen, Condition::Well(_));
        lived |= well;
        told.send_if_modified(|condition| {
            let news = *condition != seen;
            match &seen {
                Condition::Well(model) if news => tracing::info!(model, "the model server on this machine is ready"),
                Condition::Ill(reason) if news => tracing::warn!("{reason}"),
                _ => {}
            }
            *condition = seen;
            news
        });
        if !lived && patience.is_some_and(|patience| began.elapsed() > patience) {
            return;
        }
        tokio::time::sleep(if well { LOOK_EVERY } else { LOOK_SOON }).await;
    }
}

/// Starts the server whenever it does not run.
async fn keep(supervision: Supervision, program: (String, Vec<String>), look: Look, told: watch::Sender<Condition>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let _ = told.send(Condition::Starting);
        let ended = match start(&program, &supervision.environment) {
            Ok(mut child) => tokio::select! {
                status = child.wait() => match status {
                    Ok(status) => format!("`{}` ended with {status}", program.0),
                    Err(error) => format!("`{}`: {error}", program.0),
                },
                () = watch_over(&look, &told, Some(supervision.start)) => {
                    format!("`{}` did not become ready within {:?}", program.0, supervision.start)
                }
            },
            Err(error) => format!("`{}` cannot be started: {error}; check `--backend.command`", program.0),
        };
        if matches!(*told.borrow(), Condition::Well(_)) {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(again_in_s = pause.as_secs(), "{ended}");
        let _ = told.send(Condition::Ill(ended));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

/// It writes where we do, but not on our stdout.
fn start((name, arguments): &(String, Vec<String>), environment: &[(String, String)]) -> std::io::Result<Child> {
    let mut command = program::command(name, arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()
}

impl Backend for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn answer(&self, conversation: Arc<Conversation>, until: Instant) -> BoxFuture<'_, Result<Deltas, BackendError>> {
        async move {
            let model = self.model(until).await?;
            self.chat.begin(&model, &conversation, until).await
        }
        .boxed()
    }

    fn status(&self) -> Option<String> {
        Some(match &*self.condition.borrow() {
            Condition::Starting => "the model is loading".to_owned(),
            Condition::Well(_) => "the model is ready".to_owned(),
            Condition::Ill(reason) => reason.clone(),
        })
    }
}
