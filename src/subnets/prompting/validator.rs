//! A question to some miners, and what their answers are worth.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::asking::{self, Heard};
use super::backend::BackendError;
use super::conversation::{Conversation, Role};
use super::embeddings::Embeddings;
use super::ledger::PromptingLedger;
use super::questions::Question;
use super::source::Source;
use super::task::{Bench, Judgement, Task};
use crate::clock::{self, Clock};
use crate::dendrite::{Dendrite, Target};
use crate::market::simulator::uniform;
use crate::subnets::work::{Peer, Peers, WorkError};
use crate::units::{Foreign, UnixMs};

/// The longest a question and those that follow it may take.
const DIALOGUE: Duration = Duration::from_secs(120);

/// How a validator asks and judges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// How long an answer may stream.
    pub timeout: Duration,
    /// Miners asked at once.
    pub sample: usize,
    /// Of each address one.
    pub one_per_ip: bool,
    /// Of each coldkey one.
    pub one_per_coldkey: bool,
    /// The stake in TAO above which a neuron with a permit is a validator, and not asked.
    pub vpermit_tao_limit: f64,
    /// Questions that may follow.
    pub turns: u32,
    /// Tokens that a chunk may have.
    pub max_tokens_per_chunk: u32,
    /// Everything random is drawn from it.
    pub seed: u64,
}

impl Rules {
    /// Some of the miners that serve, drawn anew for each question: no validators, and of each owner one if that is wanted.
    fn choose(&self, peers: &dyn Peers, number: u64, turn: u32) -> Vec<Peer> {
        let draw = |peer: &Peer| uniform(&[self.seed, number, u64::from(turn), u64::from(peer.uid.0)]);
        let mut drawn: Vec<(f64, Peer)> = peers.now().into_iter().map(|peer| (draw(&peer), peer)).collect();
        drawn.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (mut addresses, mut coldkeys) = (BTreeSet::new(), BTreeSet::new());
        let wanted = |peer: &Peer| {
            let known = peers.known(&peer.identity);
            if known.is_some_and(|it| it.validator_permit && it.stake.as_tao() > self.vpermit_tao_limit) {
                return false;
            }
            let new_owner = known.is_none_or(|it| !self.one_per_coldkey || coldkeys.insert(it.coldkey));
            new_owner && (!self.one_per_ip || addresses.insert(peer.target.ip))
        };
        drawn.into_iter().map(|(_, peer)| peer).filter(wanted).take(self.sample).collect()
    }
}

/// A miner's answer and what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Who.
    pub peer: Peer,
    /// What it said.
    pub heard: Heard,
    /// What that is worth.
    pub judgement: Judgement,
}

/// One question, asked and judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Market time when it was asked.
    pub at: UnixMs,
    /// The kind of question.
    pub task: Task,
    /// 0 for a first question.
    pub turn: u32,
    /// All that was said, the question last.
    pub said: Conversation,
    /// The right answer.
    pub reference: Foreign,
    /// What the miners said.
    pub answers: Vec<Scored>,
    /// How long it took.
    pub took: Duration,
    /// Whether relevance was measured; `None` where the task does not ask for it.
    pub relevance: Option<bool>,
}

impl Round {
    /// The answer that is worth most; the first of equals.
    #[must_use]
    pub fn best(&self) -> Option<&Scored> {
        self.answers.iter().reduce(|best, next| if next.judgement.total > best.judgement.total { next } else { best })
    }

    /// Miners that said something.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answers.iter().filter(|answer| !answer.heard.completion.as_raw().is_empty()).count()
    }
}

/// Asks, judges, records. Weights are the role's business.
#[derive(Debug)]
pub struct PromptingValidator {
    source: Source,
    embeddings: Option<Embeddings>,
    ledger: PromptingLedger,
    dendrite: Arc<Dendrite>,
    clock: Clock,
    rules: Rules,
    number: AtomicU64,
}

impl PromptingValidator {
    /// A validator that asks what `source` has.
    #[must_use]
    pub const fn new(
        source: Source,
        embeddings: Option<Embeddings>,
        ledger: PromptingLedger,
        dendrite: Arc<Dendrite>,
        clock: Clock,
        rules: Rules,
    ) -> Self {
        Self { source, embeddings, ledger, dendrite, clock, rules, number: AtomicU64::new(0) }
    }

    /// The ledger it records in.
    #[must_use]
    pub const fn ledger(&self) -> &PromptingLedger {
        &self.ledger
    }

    /// How it asks and judges.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Asks one question and what may follow it; each is recorded before the next one. `told` hears of every round.
    ///
    /// # Errors
    /// The ledger's; the model that makes up questions or right answers fails.
    pub async fn dialogue(&self, peers: &dyn Peers, told: impl Fn(&Round)) -> Result<(), WorkError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let until = clock::monotonic() + DIALOGUE;
        let question = self.source.question(number, until).await.map_err(need)?;
        let mut said = Conversation::asking(&question.challenge);
        let mut reference = question.reference.clone();
        for turn in 0..=self.rules.turns {
            let chosen = self.rules.choose(peers, number, turn);
            let round = self.ask(question.task, turn, said, reference, &chosen, until).await?;
            self.ledger.record(&round).await?;
            told(&round);
            let goes_on = turn < self.rules.turns && question.task.has_turns() && self.source.follows(number, turn + 1);
            let best = if self.source.follows(number, 1000 + turn) { round.best() } else { None };
            let accepted =
                best.map(|best| best.heard.completion.clone()).filter(|text| !text.as_raw().trim().is_empty());
            said = round.said.then(Role::Assistant, accepted.unwrap_or(round.reference));
            if !goes_on || clock::monotonic() + self.rules.timeout > until {
                break;
            }
            let Some(next) = self.source.follow_up(&question, turn + 1, &said, until).await.map_err(need)? else {
                break;
            };
            said = said.then(Role::User, next.challenge);
            reference = next.reference;
        }
        Ok(())
    }

    /// Asks one recorded question of all `miners`, without what may follow and without recording it.
    ///
    /// # Errors
    /// As [`PromptingValidator::dialogue`].
    pub async fn ask_recorded(&self, question: &Question, miners: &[Peer]) -> Result<Round, WorkError> {
        let said = Conversation::asking(&question.challenge);
        let until = clock::monotonic() + DIALOGUE;
        self.ask(question.task, 0, said, question.reference.clone(), miners, until).await
    }

    /// The right answer is made while the miners stream.
    async fn ask(
        &self,
        task: Task,
        turn: u32,
        said: Conversation,
        reference: Option<String>,
        miners: &[Peer],
        until: Instant,
    ) -> Result<Round, WorkError> {
        let (at, began) = (self.clock.now(), clock::monotonic());
        let targets: Vec<Target> = miners.iter().map(|miner| miner.target).collect();
        let synapse = said.synapse();
        let asked = asking::ask(&self.dendrite, &targets, &synapse, self.rules.timeout);
        let (heard, reference) = tokio::join!(asked, self.source.reference(reference.as_ref(), &said, until));
        let (heard, reference) = (heard?, reference.map_err(need)?);
        let relevance = self.relevance(task, &reference, &heard).await;
        let measured = task.wants_relevance().then_some(relevance.is_some());
        let judgements = self.judge(task, said.question(), &reference, &heard, relevance).await;
        let scored = |((peer, heard), judgement): ((&Peer, Heard), Judgement)| Scored { peer: *peer, heard, judgement };
        let answers = miners.iter().zip(heard).zip(judgements).map(scored).collect();
        let took = began.elapsed();
        Ok(Round { at, task, turn, said, reference: reference.into(), answers, took, relevance: measured })
    }

    /// Of every answer, where the task asks for it and a model is there to tell.
    async fn relevance(&self, task: Task, reference: &str, heard: &[Heard]) -> Option<Vec<f64>> {
        let embeddings = self.embeddings.as_ref().filter(|_| task.wants_relevance())?;
        let answers: Vec<&str> = heard.iter().map(|heard| heard.completion.as_raw()).collect();
        match embeddings.relevance(reference, &answers).await {
            Ok(relevance) => Some(relevance),
            Err(error) => {
                tracing::warn!("relevance is not part of this question's rewards: {error}");
                None
            }
        }
    }

    /// On a thread for such work: texts may be long.
    async fn judge(
        &self,
        task: Task,
        challenge: &str,
        reference: &str,
        heard: &[Heard],
        relevance: Option<Vec<f64>>,
    ) -> Vec<Judgement> {
        let answers: Vec<(Foreign, Vec<u32>)> =
            heard.iter().map(|heard| (heard.completion.clone(), heard.tokens())).collect();
        let (challenge, reference) = (challenge.to_owned(), reference.to_owned());
        let max_tokens_per_chunk = self.rules.max_tokens_per_chunk;
        let judge = move || -> Vec<Judgement> {
            let bench = Bench { task, challenge: &challenge, reference: &reference, max_tokens_per_chunk };
            let of = |(place, (text, chunks)): (usize, &(Foreign, Vec<u32>))| {
                let relevance = relevance.as_ref().and_then(|all| all.get(place)).copied();
                bench.judge(text.as_raw(), chunks, relevance)
            };
            answers.iter().enumerate().map(of).collect()
        };
        // It can only fail by a panic, of which there is none.
        tokio::task::spawn_blocking(judge).await.unwrap_or_default()
    }
}

fn need(error: BackendError) -> WorkError {
    WorkError::Need(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::subnets::work::Known;
    use crate::units::{Account, Identity, Rao, Uid};

    /// Six miners, two of each coldkey and address; the first one is a validator.
    #[derive(Debug)]
    struct Six;

    fn peer(uid: u8) -> Peer {
        let hotkey = Account([uid; 32]);
        let target = Target { hotkey, ip: IpAddr::V4(Ipv4Addr::new(127, 0, 0, uid % 3)), port: 1 };
        Peer { uid: Uid(u16::from(uid)), identity: Identity { hotkey, registered_at: 1 }, target }
    }

    impl Peers for Six {
        fn now(&self) -> Vec<Peer> {
            (0..6).map(peer).collect()
        }

        fn known(&self, identity: &Identity) -> Option<Known> {
            let uid = identity.hotkey.0[0];
            let stake = Rao::from_tao(if uid == 0 { 5_000 } else { 10 });
            Some(Known { coldkey: Account([uid / 2; 32]), stake, validator_permit: uid < 2 })
        }
    }

    fn rules() -> Rules {
        Rules {
            timeout: Duration::from_secs(1),
            sample: 100,
            one_per_ip: false,
            one_per_coldkey: false,
            vpermit_tao_limit: 4096.0,
            turns: 0,
            max_tokens_per_chunk: 200,
            seed: 7,
        }
    }

    #[test]
    fn validators_are_not_asked_and_others_in_a_new_order_each_time() {
        let asked = |number: u64| rules().choose(&Six, number, 0).iter().map(|peer| peer.uid.0).collect::<Vec<_>>();
        let mut orders = BTreeSet::new();
        for number in 0..20 {
            let mut uids = asked(number);
            orders.insert(uids.clone());
            uids.sort_unstable();
            assert_eq!(uids, [1, 2, 3, 4, 5], "uid 1 has a permit but little stake");
        }
        assert!(orders.len() > 10, "{orders:?}");
        assert_eq!(Rules { sample: 2, ..rules() }.choose(&Six, 0, 0).len(), 2);
    }

    #[test]
    fn of_each_owner_one_is_asked_where_that_is_wanted() {
        for number in 0..20 {
            let by_coldkey = Rules { one_per_coldkey: true, ..rules() }.choose(&Six, number, 0);
            let coldkeys: BTreeSet<u16> = by_coldkey.iter().map(|peer| peer.uid.0 / 2).collect();
            assert_eq!((by_coldkey.len(), coldkeys.len()), (3, 3));
            let by_address = Rules { one_per_ip: true, ..rules() }.choose(&Six, number, 0);
            let addresses: BTreeSet<IpAddr> = by_address.iter().map(|peer| peer.target.ip).collect();
            assert_eq!((by_address.len(), addresses.len()), (3, 3));
        }
    }
}
