//! The cast of a demonstration: recorded questions, and eight miners that know the answers better or worse. Four of them
//! stream as one should not.

mod actor;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

use super::ledger::{Averaging, PromptingLedger};
use super::questions::{self, Question};
use super::source::Source;
use super::validator::{PromptingValidator, Round, Rules};
use super::work::PromptingWork;
use crate::clock::Clock;
use crate::subnets::cast::{Cast, Member, Play, Scene, Script, Seat, Standing};
use crate::subnets::work::{Peers, Shares, ValidatorNeeds, WorkError};
use crate::units::UnixMs;
use actor::{Actor, Book, How};

/// When simulated time begins: 2026-01-01.
const START: UnixMs = UnixMs::from_secs(1_767_225_600);
/// Market time between two scenes.
const STEP: Duration = Duration::from_secs(300);
/// Questions where nobody says how many.
const QUESTIONS: u64 = 60;
/// Questions that are asked at once: the one that never ends makes each last as long as the timeout.
const AT_ONCE: u64 = 20;
/// How long an answer may stream; all but one are over in a hundredth of it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Small, since the recorded answers are.
const MAX_TOKENS_PER_CHUNK: u32 = 60;
/// As in the reference.
const AVERAGING: Averaging = Averaging { alpha: 0.1, decay: 0.001 };
/// Questions that are shown with their best reward.
const SHOWN: usize = 4;

/// Who plays, best first, with the reward that such answers earn: ROUGE of an answer that has a share q of the right words
/// and as many wrong ones as it lacks is q; of one that stops after a share q it is 2q / (1 + q); one huge chunk costs 5 %.
const PLANTED: [(&str, How, f64); 8] = [
    ("whole", How::Graded(1.0), 1.0),
    ("one-chunk", How::OneChunk, 0.95),
    ("good", How::Graded(0.8), 0.8),
    ("stops-half-way", How::StopsAfter(0.5), 0.667),
    ("fair", How::Graded(0.5), 0.5),
    ("never-ends", How::NeverEndsAfter(0.25), 0.4),
    ("poor", How::Graded(0.25), 0.25),
    ("astray", How::Astray, 0.05),
];

/// Makes the cast.
pub(super) fn make(script: &Script) -> Result<Box<dyn Cast>, WorkError> {
    script.names_no_market()?;
    if let Some(folder) = &script.replay {
        let message = format!("this kind of work has no recorded markets to replay ({})", folder.display());
        return Err(WorkError::Setting(message));
    }
    // Those that are judged by their words: what half an answer is worth is known of them alone.
    let questions: Vec<Question> = questions::own().into_iter().filter(|it| it.task.wants_relevance()).collect();
    let book = Arc::new(Book::of(&questions));
    Ok(Box::new(PromptingCast {
        questions,
        book,
        clock: Clock::stepped(START),
        goal: script.goal.unwrap_or(QUESTIONS),
        seed: script.seed,
    }))
}

/// See the module.
struct PromptingCast {
    questions: Vec<Question>,
    book: Arc<Book>,
    clock: Clock,
    goal: u64,
    seed: u64,
}

impl Cast for PromptingCast {
    fn members(&self) -> Vec<Member> {
        let member = |(name, _, skill): &(&'static str, How, f64)| Member { name, planted_skill: Some(*skill) };
        PLANTED.iter().map(member).collect()
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn miner(&mut self, index: usize) -> BoxFuture<'_, Result<Seat, WorkError>> {
        let how = PLANTED.get(index).map_or(How::Astray, |(_, how, _)| *how);
        let actor = Actor { how, book: Arc::clone(&self.book) };
        async move { Ok(Seat::Miner(Arc::new(actor))) }.boxed()
    }

    fn rise(self: Box<Self>, needs: ValidatorNeeds) -> Result<Box<dyn Play>, WorkError> {
        let ValidatorNeeds { hotkey: _, dendrite, deadline: _, ledger, clock, peers } = needs;
        let rules = Rules {
            timeout: TIMEOUT,
            sample: PLANTED.len(),
            one_per_ip: false,
            one_per_coldkey: false,
            vpermit_tao_limit: f64::INFINITY,
            turns: 0,
            max_tokens_per_chunk: MAX_TOKENS_PER_CHUNK,
            seed: self.seed,
        };
        let Self { questions, clock: time, goal, seed, .. } = *self;
        let ledger = PromptingLedger::over(ledger, AVERAGING);
        let source = Source::new(questions.clone(), None, seed);
        let prompts = PromptingValidator::new(source, None, ledger, dendrite, clock.clone(), rules);
        let work = Arc::new(PromptingWork::new(prompts, Arc::clone(&peers), clock, STEP));
        Ok(Box::new(PromptingPlay { work, peers, questions, clock: time, goal, seed }))
    }
}

/// The play of [`PromptingCast`].
struct PromptingPlay {
    work: Arc<PromptingWork>,
    peers: Arc<dyn Peers>,
    questions: Vec<Question>,
    clock: Clock,
    goal: u64,
    seed: u64,
}

impl PromptingPlay {
    /// Questions of this scene: the recorded ones in a row, from a place that the seed chooses.
    fn questions(&self) -> Vec<&Question> {
        let scene = u64::try_from(self.clock.now().since(START)).unwrap_or(0) / STEP.as_millis() as u64;
        let done = scene * AT_ONCE;
        let all = self.questions.len() as u64;
        let place = |number: u64| usize::try_from(self.seed.wrapping_add(done + number) % all.max(1)).unwrap_or(0);
        (0..self.goal.saturating_sub(done).min(AT_ONCE))
            .filter_map(|number| self.questions.get(place(number)))
            .collect()
    }

    async fn play(&self) -> Result<Scene, WorkError> {
        let miners = self.peers.now();
        let questions = self.questions();
        let prompts = self.work.prompts();
        let rounds = try_join_all(questions.iter().map(|question| prompts.ask_recorded(question, &miners))).await?;
        for round in &rounds {
            prompts.ledger().record(round).await?;
            self.work.note(round);
        }
        let best =
            |round: &Round| (round.best().map_or(0.0, |best| best.judgement.total), round.said.question().into());
        Ok(Scene {
            at: self.clock.now(),
            scored: rounds.len() as u64,
            open: 0,
            shown: rounds.iter().take(SHOWN).map(best).collect(),
            answered: rounds.iter().map(Round::answered).min().unwrap_or(0),
        })
    }
}

impl Play for PromptingPlay {
    fn shares(&self) -> Arc<dyn Shares> {
        Arc::clone(&self.work) as _
    }

    fn scored_things(&self) -> &'static str {
        "questions"
    }

    fn goal(&self) -> u64 {
        self.goal
    }

    fn scene(&self) -> BoxFuture<'_, Result<Scene, WorkError>> {
        self.play().boxed()
    }

    fn advance(&self) -> bool {
        self.clock.advance(STEP);
        true
    }

    fn standings(&self) -> BoxFuture<'_, Result<Vec<Standing>, WorkError>> {
        async move {
            let standings = self.work.prompts().ledger().standings().await?;
            let standing = |standing: super::ledger::Standing| Standing {
                hotkey: standing.identity.hotkey,
                mean_gain: standing.mean,
                predicted: usize::try_from(standing.said).unwrap_or(usize::MAX),
            };
            Ok(standings.into_iter().map(standing).collect())
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::text::tokens;

    #[test]
    fn every_recorded_answer_is_too_large_for_one_chunk_and_six_words_are_not() {
        let script =
            Script { goal: Some(1), seed: 1, replay: None, markets: Vec::new(), address: ([127, 0, 0, 2], 0).into() };
        assert_eq!(make(&script).unwrap().members().len(), PLANTED.len());
        let in_words = questions::own().into_iter().filter(|question| question.task.wants_relevance());
        let references: Vec<String> = in_words.filter_map(|question| question.reference).collect();
        assert!(references.len() >= 16);
        for reference in references {
            assert!(tokens(&reference) > MAX_TOKENS_PER_CHUNK, "{} {reference}", tokens(&reference));
            let words: Vec<&str> = reference.split_whitespace().collect();
            assert!(words.chunks(6).all(|words| tokens(&words.join(" ")) <= MAX_TOKENS_PER_CHUNK));
        }
    }

    #[test]
    fn a_recording_of_markets_is_refused() {
        let script = Script {
            goal: Some(1),
            seed: 1,
            replay: Some("x".into()),
            markets: Vec::new(),
            address: ([127, 0, 0, 2], 0).into(),
        };
        assert!(make(&script).err().is_some_and(|error| error.to_string().contains('x')));
    }
}
