//! Where questions and right answers come from: a recording, or a model behind a chat API.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;

use super::backend::{Backend, BackendError, Chat};
use super::conversation::{Conversation, Role};
use super::questions::{FollowUp, Question};
use super::task::Task;
use crate::market::simulator::uniform;

/// The most of a made-up question or answer, bytes.
const MAX_TEXT: usize = 64 * 1024;

const PERSONAS: [&str; 8] = [
    "a curious student",
    "a retired engineer",
    "a nurse on a break",
    "a shopkeeper in a hurry",
    "a parent of two",
    "a journalist",
    "a beginner who is afraid to ask",
    "a hobby historian",
];
const TOPICS: [&str; 12] = [
    "astronomy",
    "cooking",
    "law",
    "music",
    "programming",
    "medicine",
    "history",
    "economics",
    "sports",
    "biology",
    "travel",
    "language",
];

/// See the module.
#[derive(Debug)]
pub struct Source {
    questions: Vec<Question>,
    model: Option<Chat>,
    seed: u64,
}

impl Source {
    /// Recorded questions, drawn with `seed`; where they are empty the model makes them up, and where they lack an answer it
    /// gives one.
    #[must_use]
    pub const fn new(questions: Vec<Question>, model: Option<Chat>, seed: u64) -> Self {
        Self { questions, model, seed }
    }

    /// How many questions are recorded.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.questions.len()
    }

    /// A number in the open interval (0, 1), for question `number`.
    fn draw(&self, number: u64, what: u64) -> f64 {
        uniform(&[self.seed, number, what])
    }

    fn pick<'a, T>(&self, list: &'a [T], number: u64, what: u64) -> Option<&'a T> {
        list.get((self.draw(number, what) * list.len() as f64) as usize)
    }

    /// Whether a second question follows, half the time.
    #[must_use]
    pub fn follows(&self, number: u64, turn: u32) -> bool {
        self.draw(number, 100 + u64::from(turn)) < 0.5
    }

    /// Question `number`: a task by equal chances, then one of its questions.
    ///
    /// # Errors
    /// The model gives none.
    pub async fn question(&self, number: u64, until: Instant) -> Result<Question, BackendError> {
        let mut tasks: Vec<Task> = self.questions.iter().map(|question| question.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        if let Some(task) = self.pick(&tasks, number, 0) {
            let of_task: Vec<&Question> = self.questions.iter().filter(|question| question.task == *task).collect();
            if let Some(question) = self.pick(&of_task, number, 1) {
                return Ok((*question).clone());
            }
        }
        self.make_up(number, until).await
    }

    async fn make_up(&self, number: u64, until: Instant) -> Result<Question, BackendError> {
        const TASKS: [(Task, &str); 3] = [
            (Task::Qa, "one question that has a factual answer"),
            (Task::Summarization, "a request to summarise one well-known event or idea in a few sentences"),
            (Task::GenericInstruction, "one request for practical help"),
        ];
        let (persona, topic) = (self.pick(&PERSONAS, number, 2), self.pick(&TOPICS, number, 3));
        let (task, wish) = self.pick(&TASKS, number, 4).copied().unwrap_or((Task::Qa, "one question"));
        let prompt = format!(
            "Write {wish} about {}, as {} would put it to an assistant. Write nothing else.",
            topic.unwrap_or(&"everyday life"),
            persona.unwrap_or(&"somebody"),
        );
        let challenge = self.complete(Conversation::asking(&prompt), until).await?;
        Ok(Question { task, challenge, reference: None, follow_ups: Vec::new() })
    }

    /// The question after an answer: the recorded one, else one that the model makes up. `None` where there is neither.
    ///
    /// # Errors
    /// The model gives none.
    pub async fn follow_up(
        &self,
        question: &Question,
        turn: u32,
        said: &Conversation,
        until: Instant,
    ) -> Result<Option<FollowUp>, BackendError> {
        let recorded = usize::try_from(turn).ok().and_then(|turn| question.follow_ups.get(turn.checked_sub(1)?));
        if recorded.is_some() || self.model.is_none() {
            return Ok(recorded.cloned());
        }
        let asked = said
            .clone()
            .then(Role::User, "Write the one short question that I would most likely ask next. Write nothing else.");
        let challenge = self.complete(asked, until).await?;
        Ok(Some(FollowUp { challenge, reference: None }))
    }

    /// The right answer to the end of `said`: the recorded one, else the model's.
    ///
    /// # Errors
    /// There is neither.
    pub async fn reference(
        &self,
        recorded: Option<&String>,
        said: &Conversation,
        until: Instant,
    ) -> Result<String, BackendError> {
        match recorded {
            Some(reference) => Ok(reference.clone()),
            None => self.complete(said.clone(), until).await,
        }
    }

    async fn complete(&self, conversation: Conversation, until: Instant) -> Result<String, BackendError> {
        let missing = || {
            BackendError::Setting(
                "a question has no answer, and no model is set that could answer it (`--prompting.url`)".to_owned(),
            )
        };
        let model = self.model.as_ref().ok_or_else(missing)?;
        let mut deltas = model.answer(Arc::new(conversation), until).await?;
        let mut text = String::new();
        loop {
            match tokio::time::timeout_at(until.into(), deltas.next()).await {
                Ok(Some(piece)) => text.push_str(&piece?),
                Ok(None) => return Ok(text.trim().to_owned()),
                Err(_) => return Err(BackendError::Late { what: "the model of the questions".to_owned() }),
            }
            if text.len() > MAX_TEXT {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::clock;
    use crate::subnets::prompting::questions;

    #[tokio::test]
    async fn recorded_questions_are_drawn_by_task_and_the_same_seed_draws_the_same() {
        let until = clock::monotonic() + Duration::from_secs(1);
        let source = Source::new(questions::own(), None, 7);
        let again = Source::new(questions::own(), None, 7);
        let mut tasks = BTreeSet::new();
        for number in 0..200 {
            let question = source.question(number, until).await.unwrap();
            assert_eq!(question, again.question(number, until).await.unwrap());
            tasks.insert(question.task);
        }
        assert_eq!(tasks.len(), Task::ALL.len());
        let followed = (0..1000).filter(|number| source.follows(*number, 1)).count();
        assert!((400..600).contains(&followed), "{followed}");
    }

    #[tokio::test]
    async fn without_questions_and_model_there_is_a_word_for_it() {
        let source = Source::new(Vec::new(), None, 1);
        let error = source.question(0, clock::monotonic()).await.unwrap_err();
        assert!(error.to_string().contains("--prompting.url"), "{error}");
    }
}
