//! A validator of events as a part of a role: its parts as duties, its shares, and what it tells about itself.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use super::cross_check::CrossCheck;
use super::history::{self, History};
use super::ledger::{EventsLedger, Options, allotment};
use super::registry::Limits;
use super::reports::Reports;
use super::settings::{Axons, EventsSettings};
use super::validator::{EventsValidator, TickSummary};
use crate::clock::{self, Clock};
use crate::config::Resolved;
use crate::ledger::{LedgerError, ReadOnly};
use crate::market::ifgames::{IfGamesSettings, Reporter};
use crate::market::{self, MarketName, replay};
use crate::subnets::past::{self, Next};
use crate::subnets::work::{Allotment, ChainSeen, Duty, Peers, Shares, ValidatorNeeds, ValidatorWork, WorkError};
use crate::telemetry::{Gauges, Health, Registry, Sheet, facts};
use crate::units::Identity;
use crate::wallet::Keypair;

/// Events looked up one by one in a tick.
const LOOKUPS: usize = 50;
/// How long single answers are kept where a lake is to get them, hours: it may be away for a day.
const RAW_HOURS_FOR_A_LAKE: u32 = 30;
/// How often an event service is told.
const REPORT_EVERY: Duration = Duration::from_secs(180);
/// How often markets' oracles are asked about outcomes.
const REVIEW_EVERY: Duration = Duration::from_secs(300);
/// How often old rows are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Time beyond some ticks before a validator without one counts as failing: a chain or a market may be slow.
const SLACK: Duration = Duration::from_secs(60);

/// Refuses settings that cannot work.
///
/// # Errors
/// Those of the settings.
pub(super) fn check(resolved: &Resolved) -> Result<(), WorkError> {
    let settings = EventsSettings::of(resolved)?;
    let wrong = |why: String| Err(WorkError::Setting(why));
    match &settings.market.replay {
        // It is read once, when it is played.
        Some(path) if !path.exists() => return wrong(format!("`--market.replay {}` does not exist", path.display())),
        None if settings.test_only_historical == 1 => {
            return wrong("`--test_only_historical 1` needs a recording: name it with `--market.replay`".to_owned());
        }
        Some(_) => {}
        None => {
            market::providers(&settings.market, &Clock::wall()).map_err(|e| WorkError::Setting(e.to_string()))?;
        }
    }
    settings.rules().map(|_| ())
}

/// A validator's part as the settings want it.
///
/// # Errors
/// The market's client cannot be made, or the settings contradict each other.
pub(super) fn make(resolved: &Resolved, needs: ValidatorNeeds) -> Result<Arc<dyn ValidatorWork>, WorkError> {
    let settings = EventsSettings::of(resolved)?;
    let ValidatorNeeds { hotkey, dendrite, deadline, ledger, clock, peers } = needs;
    let history = match (&settings.market.replay, settings.test_only_historical) {
        (Some(path), 1) => Some(History::begin(replay::load(path)?, clock.now())?),
        _ => None,
    };
    let (markets, clock) = match &history {
        Some(history) => (history.markets(&settings.market), history.clock()),
        None => {
            // Whatever the machine's clock is set to, no cutoff passes twice.
            let clock = clock.steady();
            (market::providers_as(&settings.market, &clock, Some(&hotkey.account()))?, clock)
        }
    };
    let kept_for_a_lake = resolved.settings()?.lake.to.is_some();
    let raw_hours = if kept_for_a_lake { RAW_HOURS_FOR_A_LAKE } else { Options::default().raw_hours };
    let ledger = EventsLedger::over(ledger, Options { rules: settings.rules()?, raw_hours, ..Options::default() });
    let limits = Limits {
        max_question_bytes: settings.market.max_question_bytes,
        max_events: settings.market.max_events,
        void_after: settings.void_after,
        lookups: LOOKUPS,
        dispute_window: settings.dispute_window,
    };
    // What is played back has been told.
    let is_told = settings.market.ifgames.report && settings.market.replay.is_none();
    let reports = match is_told && settings.market.providers.contains(&MarketName::IfGames) {
        true => Some(reports(&settings, hotkey, ledger.clone(), &peers, &clock)?),
        false => None,
    };
    let events = EventsValidator::new(markets, ledger, dendrite, clock.clone(), limits, deadline);
    let events = events.keeping_reasonings(settings.reasonings);
    let work = EventsWork::new(events, peers, clock, settings.tick, settings.tick_jitter);
    let work = work.asking(settings.axons).reporting(reports);
    let check = (!settings.price_check.every.is_zero()).then(|| CrossCheck::new(settings.price_check.bound));
    let check = check.map(|check| (settings.price_check.every, check));
    Ok(Arc::new(EventsWork { history, check, ..work }))
}

/// What tells the event service.
fn reports(
    settings: &EventsSettings,
    hotkey: Arc<Keypair>,
    ledger: EventsLedger,
    peers: &Arc<dyn Peers>,
    clock: &Clock,
) -> Result<Reports, WorkError> {
    let reporter = Reporter::new(IfGamesSettings::from_config(&settings.market), hotkey)?;
    Ok(Reports::new(reporter, ledger, Arc::clone(peers), clock.clone()))
}

/// Who earned what, from a ledger that somebody else writes.
///
/// # Errors
/// Those of the settings and of the file.
pub(super) fn shares_in(
    resolved: &Resolved,
    ledger: &ReadOnly,
    registered: &[Identity],
) -> Result<Allotment, WorkError> {
    let rules = EventsSettings::of(resolved)?.rules()?;
    Ok(ledger.named(allotment(ledger.connection(), &rules, registered))?)
}

/// See the module.
#[derive(Debug)]
pub struct EventsWork {
    events: EventsValidator,
    peers: Arc<dyn Peers>,
    axons: Axons,
    reports: Option<Reports>,
    clock: Clock,
    /// Time between two ticks.
    tick: Duration,
    jitter: f64,
    state: Mutex<State>,
    started: Instant,
    /// Told when a query wants a fresh look at the markets, and how many looks are done.
    wanted: Notify,
    looks: watch::Sender<u64>,
    /// The recording that is gone through, on whose clock everything is then.
    history: Option<History>,
    /// How often prices are compared with a second source's, and by whom.
    check: Option<(Duration, CrossCheck)>,
}

/// How long a query waits for a fresh look at the markets before it goes on with the prices there are.
const PATIENCE_FOR_PRICES: Duration = Duration::from_secs(10);
/// Longest look at the markets, with all retries: then the next one begins.
const MARKET_DEADLINE: Duration = Duration::from_secs(180);
/// What a query takes beside the miners' time: the ledger, and under `worst_bracket` the markets once more.
const QUERY_SLACK: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct State {
    ticks: u64,
    settled: u64,
    markets_failed: usize,
    last: Option<(TickSummary, Instant)>,
}

impl EventsWork {
    /// Ticks of `events`, one in every `tick`, moved by up to `jitter` of it.
    #[must_use]
    pub fn new(events: EventsValidator, peers: Arc<dyn Peers>, clock: Clock, tick: Duration, jitter: f64) -> Self {
        let (state, started) = (Mutex::default(), clock::monotonic());
        let (wanted, looks) = (Notify::new(), watch::Sender::new(0));
        let (axons, reports, history, check) = (Axons::All, None, None, None);
        Self { events, peers, axons, reports, clock, tick, jitter, state, started, wanted, looks, history, check }
    }

    /// The same, asking only some of the peers.
    #[must_use]
    pub const fn asking(mut self, axons: Axons) -> Self {
        self.axons = axons;
        self
    }

    /// The same, telling an event service.
    #[must_use]
    pub fn reporting(mut self, reports: Option<Reports>) -> Self {
        self.reports = reports;
        self
    }

    /// Tells the event service what is new.
    async fn report(self: Arc<Self>) -> Result<(), WorkError> {
        let Some(reports) = &self.reports else { return Ok(()) };
        let rows = reports.tell().await?;
        tracing::debug!(rows, "reported to the event service");
        Ok(())
    }

    /// What a tick is made of.
    #[must_use]
    pub const fn events(&self) -> &EventsValidator {
        &self.events
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticked(&self, summary: TickSummary) {
        let mut state = self.state();
        state.ticks += 1;
        tracing::debug!(
            open = summary.open_events,
            unpriced = summary.unpriced,
            asked = summary.asked,
            answered = summary.answered,
            fates = ?summary.fates,
            "tick"
        );
        state.last = Some((summary, clock::monotonic()));
    }

    /// Looks at the markets.
    async fn discover(self: Arc<Self>) -> Result<(), WorkError> {
        // Also a look that fails is over: nobody waits for it.
        let found = self.events.discover().await;
        self.looks.send_modify(|looks| *looks += 1);
        let found = found?;
        self.looked(found.markets_failed, found.settled.len());
        Ok(())
    }

    /// Looks up what the markets no longer list.
    async fn resolve(self: Arc<Self>) -> Result<(), WorkError> {
        let settled = self.events.look_up().await?;
        self.state().settled += settled.len() as u64;
        Ok(())
    }

    /// Asks markets' oracles about outcomes.
    async fn review(self: Arc<Self>) -> Result<(), WorkError> {
        self.events.review().await?;
        Ok(())
    }

    /// Asks the miners, with the prices of a moment ago if the markets tell them in time.
    async fn query(self: Arc<Self>) -> Result<(), WorkError> {
        let mut looks = self.looks.subscribe();
        looks.mark_unchanged();
        self.wanted.notify_one();
        let patience = PATIENCE_FOR_PRICES.min(self.tick / 2);
        if tokio::time::timeout(patience, looks.changed()).await.is_err() {
            tracing::debug!("the markets are slow: miners are asked with the last prices");
        }
        let summary = self.events.query(&self.axons.of(&*self.peers)).await?;
        self.ticked(summary);
        Ok(())
    }

    /// The next tick of a recording.
    async fn past_tick(self: Arc<Self>) -> Result<(), WorkError> {
        let Some(history) = &self.history else { return Ok(()) };
        let peers = self.axons.of(&*self.peers);
        match history.go_on(self.tick, &peers, self.events.ledger()).await? {
            Next::Over => {}
            Next::JustOver => history::tell(self.events.ledger()).await?,
            Next::Moment => {
                let summary = self.events.tick(&peers).await?;
                self.looked(summary.markets_failed, summary.settled.len());
                self.ticked(summary);
            }
        }
        Ok(())
    }

    /// Compares prices with those of a second source.
    async fn check_prices(self: Arc<Self>) -> Result<(), WorkError> {
        if let Some((_, check)) = &self.check {
            self.events.check_prices(check).await?;
        }
        Ok(())
    }

    fn looked(&self, markets_failed: usize, settled: usize) {
        let mut state = self.state();
        state.settled += settled as u64;
        state.markets_failed = markets_failed;
    }

    fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let state = self.state();
        sheet.counter("neuron_validator_ticks", "Ticks done", state.ticks)?;
        sheet.counter("neuron_validator_events_settled", "Events that ended and were scored", state.settled)?;
        let last = state.last.as_ref();
        let age = last.map(|(_, at)| at.elapsed().as_secs_f64());
        sheet.gauge("neuron_validator_last_tick_age_seconds", "Time since the last tick was done", age)?;
        let number = |of: fn(&TickSummary) -> usize| last.map(|(summary, _)| of(summary) as f64);
        for (name, help, value) in [
            ("neuron_validator_events_open", "Events asked about in the last tick", number(|tick| tick.open_events)),
            ("neuron_validator_miners_asked", "Miners asked in the last tick", number(|tick| tick.asked)),
            ("neuron_validator_miners_answered", "Of them, those with a usable answer", number(|tick| tick.answered)),
            (
                "neuron_validator_events_unpriced",
                "Open events not asked about in the last tick, because they had no new price",
                number(|tick| tick.unpriced),
            ),
        ] {
            sheet.gauge(name, help, value)?;
        }
        let disputed = self.check.as_ref().map(|(_, check)| check.disputed() as f64);
        sheet.gauge(
            "neuron_validator_prices_disputed",
            "Events whose price differed from that of a second source by more than price_check.bound",
            disputed,
        )?;
        let failed = state.markets_failed as f64;
        sheet.gauge("neuron_validator_markets_failed", "Markets that could not be read the last time", failed)
    }
}

impl Shares for EventsWork {
    fn shares<'a>(&'a self, registered: &'a [Identity]) -> BoxFuture<'a, Result<Allotment, LedgerError>> {
        self.events.ledger().weights(registered).boxed()
    }
}

impl ValidatorWork for EventsWork {
    fn duties(self: Arc<Self>) -> Vec<Duty> {
        let prune = async |work: Arc<Self>| {
            let ledger = work.events.ledger();
            ledger.prune(ledger.core().patient_now(&work.clock).await?).await?;
            Ok(())
        };
        let woken = Arc::clone(&self);
        let wanted = move || {
            let work = Arc::clone(&woken);
            async move { work.wanted.notified().await }
        };
        let (tick, clock) = (self.tick, || self.clock.clone());
        let pruning = Duty::over(&self, "pruning", PRUNE_EVERY, Clock::wall(), prune).later();
        if self.history.is_some() {
            return vec![Duty::over(&self, "past ticks", past::PACE, Clock::wall(), Self::past_tick), pruning];
        }
        let query_deadline = self.events.deadline() + PATIENCE_FOR_PRICES + QUERY_SLACK;
        let every = self.check.as_ref().map(|(every, _)| *every);
        let check = every.map(|every| {
            Duty::over(&self, "price check", every, clock(), Self::check_prices).within(MARKET_DEADLINE).later()
        });
        let mut duties = vec![
            // A query wants a look; without queries the markets are looked at all the same.
            Duty::over(&self, "discover", tick * 2, clock(), Self::discover)
                .within(MARKET_DEADLINE)
                .woken_by(wanted)
                .later(),
            Duty::over(&self, "resolve", tick, clock(), Self::resolve)
                .jitter(self.jitter)
                .within(MARKET_DEADLINE)
                .later(),
            Duty::over(&self, "review", REVIEW_EVERY.max(tick), clock(), Self::review).within(MARKET_DEADLINE).later(),
            Duty::over(&self, "query", tick, clock(), Self::query).jitter(self.jitter).within(query_deadline),
            pruning,
        ];
        if self.reports.is_some() {
            let report = Duty::over(&self, "report", REPORT_EVERY, Clock::wall(), Self::report);
            duties.push(report.within(MARKET_DEADLINE).later());
        }
        duties.extend(check);
        duties
    }

    fn tell(&self, chain: ChainSeen) {
        let state = self.state();
        let Some((last, _)) = &state.last else { return };
        tracing::info!(
            block = chain.block,
            ticks = state.ticks,
            open_events = last.open_events,
            asked = last.asked,
            answered = last.answered,
            settled = state.settled,
            weights_at_block = chain.weights_at,
            "{} open events{}, {} events settled since the start; {}",
            last.open_events,
            if last.unpriced > 0 { format!(", {} more without a fresh price", last.unpriced) } else { String::new() },
            state.settled,
            last.attendance(),
        );
    }

    fn register(self: Arc<Self>, registry: &mut Registry) {
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| self.write(sheet))));
    }

    /// Failing when the last tick, or the start, lies three ticks and a minute back.
    fn health(&self) -> Health {
        let state = self.state();
        let age = state.last.as_ref().map_or(self.started, |(_, at)| *at).elapsed();
        let facts = facts([
            ("ticks", state.ticks.into()),
            ("last_tick_age_s", age.as_secs().into()),
            ("markets_failed", state.markets_failed.into()),
        ]);
        let is_over = self.history.as_ref().is_some_and(History::is_over);
        Health { ok: is_over || age <= self.tick * 3 + SLACK, facts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dendrite::{Dendrite, DendriteConfig};
    use crate::subnets::work::Peer;
    use crate::wallet::Scheme;

    #[derive(Debug)]
    struct Nobody;

    impl Peers for Nobody {
        fn now(&self) -> Vec<Peer> {
            Vec::new()
        }
    }

    fn work(folder: &std::path::Path) -> EventsWork {
        let ledger = EventsLedger::open(folder.join("ledger.sqlite"), Options::default()).unwrap();
        let key = Arc::new(Keypair::from_uri("//Alice", Scheme::Sr25519).unwrap());
        let dendrite = Arc::new(Dendrite::new(DendriteConfig::default(), key).unwrap());
        let limits =
            Limits { max_question_bytes: 8192, max_events: 1, void_after: SLACK, lookups: 1, dispute_window: SLACK };
        let events = EventsValidator::new(Vec::new(), ledger, dendrite, Clock::wall(), limits, SLACK);
        EventsWork::new(events, Arc::new(Nobody), Clock::wall(), Duration::from_secs(60), 0.0)
    }

    #[test]
    fn the_status_says_why_miners_did_not_answer() {
        let silent = [("refused (403)", 1), ("no answer in time", 2)].map(|(reason, count)| (reason.to_owned(), count));
        let mut summary = TickSummary { asked: 3, silent: silent.into(), ..TickSummary::default() };
        assert_eq!(summary.attendance(), "0 of 3 miners answered: 2 no answer in time, 1 refused (403)");
        summary = TickSummary { asked: 3, answered: 3, ..TickSummary::default() };
        assert_eq!(summary.attendance(), "3 of 3 miners answered");
    }

    #[test]
    fn a_validator_without_ticks_is_failing_after_some() {
        let folder = tempfile::tempdir().unwrap();
        let work = work(folder.path());
        assert!(work.health().ok, "it has only begun");
        work.ticked(TickSummary { open_events: 3, ..TickSummary::default() });
        let health = work.health();
        assert_eq!((health.ok, &health.facts["ticks"]), (true, &1.into()));

        let long_ago = clock::monotonic().checked_sub(SLACK + Duration::from_secs(181)).unwrap();
        work.state().last.as_mut().unwrap().1 = long_ago;
        assert!(!work.health().ok);
        work.state().last = None;
        let never = EventsWork { started: long_ago, ..work };
        assert!(!never.health().ok);
    }
}
