//! Answers from memory: a request never waits for a forecaster.
//!
//! A question seen for the first time is abstained from and queued; from the next refresh on it has an answer, which
//! is renewed in the background for as long as somebody asks. Two questions with the same key and different texts are
//! two questions: nobody can plant an answer for others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Forecast, Forecaster, Question};
use crate::clock::Clock;
use crate::market::EventKey;
use crate::units::{UnixMs, millis};

/// How long what is remembered. All times are market time.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// An answer is renewed when it is this old, or sooner: near its cutoff after an eighth of the time that is left.
    pub refresh: Duration,
    /// No answer is renewed sooner than this, unless `refresh` is shorter.
    pub least: Duration,
    /// An answer is renewed as soon as it may be when the market's price has moved so far since it was made; `None`: never
    /// for that.
    pub price_move: Option<f64>,
    /// An answer older than this is not given: better silent than stale.
    pub max_age: Duration,
    /// A question nobody has asked for this long is forgotten.
    pub forget_after: Duration,
    /// Questions held at most; before a further one, the tenth asked longest ago is forgotten.
    pub max_questions: usize,
    /// Questions handed to the forecaster at once, at most; it may prefer fewer.
    pub batch: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(60),
            least: Duration::from_secs(5),
            price_move: Some(0.02),
            max_age: Duration::from_secs(600),
            forget_after: Duration::from_secs(6 * 3600),
            max_questions: 10_000,
            batch: 256,
        }
    }
}

impl CacheSettings {
    /// How old an answer may become whose question closes at `cutoff`.
    fn age_at(&self, now: UnixMs, cutoff: Option<UnixMs>) -> i64 {
        let refresh = millis(self.refresh);
        match cutoff {
            // What changes a price comes late, and the last answers count as much as the first.
            Some(cutoff) => refresh.min((cutoff.since(now) / PARTS_LEFT).max(millis(self.least))),
            None => refresh,
        }
    }
}

/// An answer is renewed so many times in the time that is left before its cutoff, and again in what is left then.
const PARTS_LEFT: i64 = 8;

/// A question in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// The question.
    pub question: Question,
    /// When it was last asked.
    pub last_asked: UnixMs,
    /// When the forecaster was last asked about it.
    pub made: Option<UnixMs>,
    /// What it said, which may be nothing.
    pub answer: Forecast,
}

/// What a refresh did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Questions that were due.
    pub asked: usize,
    /// Those that have an answer now.
    pub answered: usize,
    /// Questions forgotten: past their cutoff, or asked by nobody any more.
    pub forgotten: usize,
}

/// See the module. Clones share the memory.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    forecaster: Arc<dyn Forecaster>,
    settings: CacheSettings,
    clock: Clock,
    entries: Mutex<HashMap<Question, Entry>>,
    /// Told when there is a question without an answer, or one whose price has moved.
    news: Notify,
    /// Whether the forecaster has ever answered with conditional forecasts.
    conditional: AtomicBool,
    /// One refresh at a time.
    refreshing: tokio::sync::Mutex<()>,
}

struct Entry {
    last_asked: UnixMs,
    /// When the forecaster was last asked.
    tried: Option<UnixMs>,
    answer: Forecast,
    /// The newest price that is known, and the first one known after the forecaster was asked.
    price: Option<f64>,
    price_then: Option<f64>,
    /// Whether the price has moved away from what it was then.
    moved: bool,
}

impl Entry {
    fn new(last_asked: UnixMs) -> Self {
        Self { last_asked, tried: None, answer: Forecast::default(), price: None, price_then: None, moved: false }
    }

    fn made(&mut self, now: UnixMs, answer: Forecast) {
        (self.tried, self.answer) = (Some(now), answer);
        (self.price_then, self.moved) = (self.price, false);
    }
}

impl Cache {
    /// An empty memory in front of `forecaster`. Nothing runs by itself: whoever owns it calls [`Cache::refresh`] now and
    /// then, and at [`Cache::news`].
    #[must_use]
    pub fn new(forecaster: Arc<dyn Forecaster>, settings: CacheSettings, clock: Clock) -> Self {
        let (entries, news, refreshing) = (Mutex::default(), Notify::new(), tokio::sync::Mutex::default());
        let conditional = AtomicBool::new(false);
        Self(Arc::new(Inner { forecaster, settings, clock, entries, news, conditional, refreshing }))
    }

    /// The answer there is now, which may abstain. Never waits, and remembers the question for the next refresh.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Forecast {
        let inner = &self.0;
        let now = inner.clock.now();
        if is_over(question, now) {
            return Forecast::default();
        }
        let mut entries = inner.lock();
        if let Some(entry) = entries.get_mut(question) {
            entry.last_asked = now;
            let is_fresh = |made: UnixMs| now.since(made) <= millis(inner.settings.max_age);
            return if entry.tried.is_some_and(is_fresh) { entry.answer.clone() } else { Forecast::default() };
        }
        if entries.len() >= inner.settings.max_questions.max(1) {
            make_room(&mut entries);
        }
        entries.insert(question.clone(), Entry::new(now));
        drop(entries);
        inner.news.notify_one();
        Forecast::default()
    }

    /// Whether the forecaster has ever answered with conditional forecasts: from then on, that there are none is worth
    /// saying.
    #[must_use]
    pub fn speaks_conditionally(&self) -> bool {
        self.0.conditional.load(Ordering::Relaxed)
    }

    /// Asks the forecaster about everything that is due, each question once, and returns when it has answered.
    ///
    /// New questions come first, also those that arrive meanwhile, then the stalest.
    pub async fn refresh(&self) -> Refreshed {
        let inner = &self.0;
        let _one_at_a_time = inner.refreshing.lock().await;
        let began = inner.clock.now();
        let mut done = Refreshed { forgotten: inner.forget(began), ..Refreshed::default() };
        loop {
            let now = inner.clock.now();
            let batch = inner.next_batch(began, now);
            if batch.is_empty() {
                break;
            }
            done.asked += batch.len();
            let answers = inner.forecaster.forecast(&batch, now).await;
            let mut entries = inner.lock();
            for (question, answer) in
                batch.iter().zip(answers.into_iter().chain(std::iter::repeat(Forecast::default())))
            {
                // It may have been forgotten in the meantime.
                let Some(entry) = entries.get_mut(question) else { continue };
                done.answered += usize::from(!answer.abstains());
                inner.conditional.fetch_or(!answer.conditions.is_empty(), Ordering::Relaxed);
                entry.made(now, answer);
            }
        }
        if done.asked > 0 {
            tracing::debug!(forecaster = inner.forecaster.name(), ?done, "answers refreshed");
        }
        done
    }

    /// Takes note of the market's prices. Says how many answers are to be made anew for them, beside those that were
    /// already; these are news.
    pub fn prices(&self, price_of: impl Fn(&EventKey) -> Option<f64>) -> usize {
        let inner = &self.0;
        let mut moved = 0;
        for (question, entry) in inner.lock().iter_mut() {
            let Some(price) = price_of(&question.key) else { continue };
            entry.price = Some(price);
            let then = *entry.price_then.get_or_insert(price);
            let far = inner.settings.price_move.is_some_and(|far| (price - then).abs() >= far);
            moved += usize::from(far && !entry.moved);
            entry.moved |= far;
        }
        if moved > 0 {
            inner.news.notify_one();
        }
        moved
    }

    /// Resolves when there is a question without an answer, or one whose price has moved.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }

    /// How it works.
    #[must_use]
    pub fn settings(&self) -> &CacheSettings {
        &self.0.settings
    }

    /// Whose time it goes by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// The name of the strategy behind it.
    #[must_use]
    pub fn forecaster(&self) -> &'static str {
        self.0.forecaster.name()
    }

    /// The number of questions remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// What is remembered: at most `count` questions, those asked last first.
    #[must_use]
    pub fn remembered(&self, count: usize) -> Vec<Remembered> {
        let entries = self.0.lock();
        let mut last: Vec<(&Question, &Entry)> = entries.iter().collect();
        last.sort_by(|(a, x), (b, y)| (y.last_asked, &a.key).cmp(&(x.last_asked, &b.key)));
        let of = |(question, entry): (&Question, &Entry)| Remembered {
            question: question.clone(),
            last_asked: entry.last_asked,
            made: entry.tried,
            answer: entry.answer.clone(),
        };
        last.into_iter().take(count).map(of).collect()
    }

    /// Whether nothing has been asked yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is over or asked by nobody any more; returns how many.
    fn forget(&self, now: UnixMs) -> usize {
        let mut entries = self.lock();
        let before = entries.len();
        let forget_after = millis(self.settings.forget_after);
        entries.retain(|question, entry| !is_over(question, now) && now.since(entry.last_asked) <= forget_after);
        before - entries.len()
    }

    /// What to ask next: of what is due at `now` and has not been asked since `began` the most urgent.
    fn next_batch(&self, began: UnixMs, now: UnixMs) -> Vec<Question> {
        let entries = self.lock();
        let soonest = millis(self.settings.least.min(self.settings.refresh));
        let is_due = |question: &Question, entry: &Entry| match entry.tried {
            Some(tried) => {
                let age = if entry.moved { soonest } else { self.settings.age_at(now, question.cutoff) };
                tried < began && now.since(tried) >= age
            }
            None => true,
        };
        let mut due: Vec<(&Question, Option<UnixMs>)> = entries
            .iter()
            .filter(|(question, entry)| is_due(question, entry))
            .map(|(question, entry)| (question, entry.tried))
            .collect();
        due.sort_by_key(|(question, tried)| (*tried, question.cutoff.unwrap_or(UnixMs(i64::MAX)), &question.key));
        let size = self.settings.batch.min(self.forecaster.batch()).max(1);
        due.into_iter().take(size).map(|(question, _)| question.clone()).collect()
    }
}

/// Forgets the tenth that was asked longest ago. Not one by one: under a flood of new questions, finding the oldest
/// each time would cost more than answering.
fn make_room(entries: &mut HashMap<Question, Entry>) {
    let mut times: Vec<UnixMs> = entries.values().map(|entry| entry.last_asked).collect();
    let mut surplus = times.len().div_ceil(10);
    let (_, newest_to_go, _) = times.select_nth_unstable(surplus.saturating_sub(1));
    let newest_to_go = *newest_to_go;
    entries.retain(|_, entry| {
        let goes = surplus > 0 && entry.last_asked <= newest_to_go;
        surplus -= usize::from(goes);
        !goes
    });
}

fn is_over(question: &Question, now: UnixMs) -> bool {
    question.cutoff.is_some_and(|cutoff| cutoff <= now)
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("forecaster", &self.0.forecaster.name()).field("questions", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::scoring::conditional::Conditional;
    use crate::units::Probability;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Answers with the minute of the clock over 100; abstains from the question `?`.
    struct Minutes;

    impl Forecaster for Minutes {
        fn name(&self) -> &'static str {
            "minutes"
        }

        fn forecast<'a>(&'a self, questions: &'a [Question], now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
            let answer = Probability::clamped(now.0 as f64 / 6_000_000.0);
            let answers = questions.iter().map(|q| answer.filter(|_| q.description != "?").into()).collect();
            std::future::ready(answers).boxed()
        }
    }

    fn question(id: &str, cutoff_minute: i64) -> Question {
        Question {
            key: EventKey::new("polymarket", id),
            provider: "polymarket".to_owned(),
            id: id.to_owned(),
            description: id.into(),
            cutoff: Some(UnixMs(cutoff_minute * 60_000)),
        }
    }

    fn cache(max_questions: usize) -> (Cache, Clock) {
        let clock = Clock::stepped(UnixMs(0));
        let settings = CacheSettings { max_questions, batch: 3, ..CacheSettings::default() };
        (Cache::new(Arc::new(Minutes), settings, clock.clone()), clock)
    }

    fn percent(answer: &Forecast) -> Option<f64> {
        answer.probability.map(|p| (p.get() * 100.0).round())
    }

    #[tokio::test]
    async fn the_first_ask_abstains_and_later_ones_are_fresh() {
        let (cache, clock) = cache(10);
        let asked = question("a", 100);
        assert_eq!(percent(&cache.answer(&asked)), None);
        clock.advance(MINUTE);
        assert_eq!(cache.refresh().await, Refreshed { asked: 1, answered: 1, forgotten: 0 });
        assert_eq!(percent(&cache.answer(&asked)), Some(1.0));
        assert_eq!(cache.refresh().await.asked, 0, "fresh enough");
        clock.advance(9 * MINUTE);
        assert_eq!(percent(&cache.answer(&asked)), Some(1.0));
        clock.advance(2 * MINUTE);
        assert_eq!(percent(&cache.answer(&asked)), None, "too old to be said");
        cache.refresh().await;
        assert_eq!(percent(&cache.answer(&asked)), Some(12.0));
    }

    #[tokio::test]
    async fn questions_end_are_forgotten_and_never_pile_up() {
        let (cache, clock) = cache(4);
        for id in ["a", "b", "c", "d"] {
            assert_eq!(percent(&cache.answer(&question(id, 5))), None);
            clock.advance(Duration::from_millis(1));
        }
        cache.refresh().await;
        assert!(!cache.answer(&question("a", 5)).abstains());
        assert_eq!(percent(&cache.answer(&question("e", 2000))), None);
        assert_eq!(cache.len(), 4);
        assert_eq!(percent(&cache.answer(&question("b", 5))), None, "its place was taken");
        clock.advance(5 * MINUTE);
        assert_eq!(percent(&cache.answer(&question("a", 5))), None, "past its cutoff");
        assert_eq!(cache.refresh().await, Refreshed { asked: 1, answered: 1, forgotten: 3 });
        clock.advance(361 * MINUTE);
        assert_eq!(cache.refresh().await.forgotten, 1);
        assert!(cache.is_empty());
    }

    #[test]
    fn a_flood_of_questions_stays_within_the_bound() {
        let (cache, _clock) = cache(1000);
        for n in 0..5000 {
            assert_eq!(percent(&cache.answer(&question(&n.to_string(), 5))), None);
            assert!(cache.len() <= 1000);
        }
        assert!(cache.len() > 900);
    }

    /// Answers one question at a time, and hears of a new one while it thinks.
    struct Slow(Mutex<Vec<String>>, Mutex<Option<Cache>>);

    impl Forecaster for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn batch(&self) -> usize {
            1
        }

        fn forecast<'a>(&'a self, questions: &'a [Question], _now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
            self.0.lock().unwrap().extend(questions.iter().map(|q| q.id.clone()));
            let cache = self.1.lock().unwrap().clone().unwrap();
            let _ = cache.answer(&question("news", 3));
            std::future::ready(vec![Some(Probability::ONE).into(); questions.len()]).boxed()
        }
    }

    #[tokio::test]
    async fn news_comes_first_and_everything_gets_its_turn() {
        let clock = Clock::stepped(UnixMs(0));
        let slow = Arc::new(Slow(Mutex::default(), Mutex::default()));
        let cache = Cache::new(Arc::clone(&slow) as _, CacheSettings::default(), clock.clone());
        *slow.1.lock().unwrap() = Some(cache.clone());
        for (id, cutoff) in [("late", 300), ("soon", 2)] {
            let _ = cache.answer(&question(id, cutoff));
        }
        assert_eq!(cache.refresh().await, Refreshed { asked: 3, answered: 3, forgotten: 0 });
        clock.advance(MINUTE);
        cache.refresh().await;
        assert_eq!(*slow.0.lock().unwrap(), ["soon", "news", "late", "soon", "news", "late"]);
        *slow.1.lock().unwrap() = None;
    }

    #[tokio::test]
    async fn another_text_is_another_question_and_an_abstention_stays_one() {
        let (cache, _clock) = cache(10);
        let mut other = question("a", 100);
        other.description = "?".into();
        let _ = (cache.answer(&question("a", 100)), cache.answer(&other));
        assert_eq!(cache.refresh().await, Refreshed { asked: 2, answered: 1, forgotten: 0 });
        assert!(!cache.answer(&question("a", 100)).abstains());
        assert_eq!(percent(&cache.answer(&other)), None);
    }

    #[tokio::test]
    async fn a_new_question_is_news_and_a_known_one_is_not() {
        let (cache, _clock) = cache(10);
        assert!(cache.news().now_or_never().is_none());
        assert!(cache.answer(&question("a", 100)).abstains());
        cache.news().await;
        let _ = cache.answer(&question("a", 100));
        assert!(cache.news().now_or_never().is_none());
    }

    #[tokio::test]
    async fn near_its_cutoff_an_answer_is_made_anew_ever_sooner() {
        let (cache, clock) = cache(10);
        let asked = question("a", 10);
        let _ = cache.answer(&asked);
        let mut ages = Vec::new();
        for _ in 0..600 {
            if cache.refresh().await.asked > 0 {
                ages.push(600 - clock.now().as_secs());
            }
            clock.advance(Duration::from_secs(1));
        }
        let gaps: Vec<i64> = ages.windows(2).map(|pair| pair[0] - pair[1]).collect();
        assert_eq!(gaps.first(), Some(&60), "{ages:?}");
        assert_eq!(gaps.last(), Some(&5), "never sooner than that: {ages:?}");
        assert!(gaps.windows(2).all(|pair| pair[1] <= pair[0]) && (20..40).contains(&gaps.len()), "{gaps:?}");
    }

    #[tokio::test]
    async fn an_answer_whose_price_moved_is_made_anew_once_and_not_at_once() {
        let (cache, clock) = cache(10);
        for id in ["a", "b"] {
            let _ = cache.answer(&question(id, 10_000));
        }
        cache.news().await;
        let told = |a: f64, b: f64| {
            cache.prices(|key| [("a", a), ("b", b)].iter().find(|(id, _)| key.0.ends_with(id)).map(|(_, p)| *p))
        };
        assert_eq!(told(0.5, 0.5), 0);
        cache.refresh().await;
        assert_eq!(told(0.51, 0.49), 0, "not far enough");
        assert_eq!(told(0.53, 0.49), 1);
        cache.news().await;
        assert_eq!(cache.refresh().await.asked, 0, "too soon");
        assert_eq!(told(0.5, 0.49), 0, "it stays due");
        clock.advance(Duration::from_secs(5));
        assert_eq!(cache.refresh().await.asked, 1);
        assert_eq!(told(0.51, 0.49), 0, "compared with the price it was made at");
        clock.advance(Duration::from_secs(5));
        assert_eq!(cache.refresh().await.asked, 0);
    }

    /// Abstains, with a rule beside it as long as the description says so.
    struct Ruled;

    impl Forecaster for Ruled {
        fn name(&self) -> &'static str {
            "ruled"
        }

        fn forecast<'a>(&'a self, questions: &'a [Question], _now: UnixMs) -> BoxFuture<'a, Vec<Forecast>> {
            let rule = |q: &Question| Conditional::new(q.key.0.clone(), 0.9, "x".into(), Some(0.5), None).unwrap();
            let answer = |q: &Question| Forecast { probability: None, conditions: vec![rule(q)] };
            let answers = questions.iter().map(|q| if q.description == "?" { Forecast::default() } else { answer(q) });
            std::future::ready(answers.collect()).boxed()
        }
    }

    #[tokio::test]
    async fn rules_are_kept_as_answers_are() {
        let clock = Clock::stepped(UnixMs(0));
        let cache = Cache::new(Arc::new(Ruled), CacheSettings::default(), clock.clone());
        let silent = Question { description: "?".into(), ..question("b", 100) };
        assert!(cache.answer(&silent).abstains());
        assert_eq!(cache.refresh().await, Refreshed { asked: 1, answered: 0, forgotten: 0 });
        assert!(!cache.speaks_conditionally());
        assert!(cache.answer(&question("a", 100)).abstains());
        assert_eq!(cache.refresh().await, Refreshed { asked: 1, answered: 1, forgotten: 0 });
        let answer = cache.answer(&question("a", 100));
        assert_eq!((answer.probability, answer.conditions[0].p), (None, 0.9));
        assert!(cache.speaks_conditionally());
        clock.advance(11 * MINUTE);
        assert!(cache.answer(&question("a", 100)).abstains(), "too old to be said");
    }
}
