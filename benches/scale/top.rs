//! What is done every day, on top of a ledger of many events: whether it costs more the more there are.

use std::time::Duration;

use neuron::clock;
use neuron::config::Resolved;
use neuron::lake::{Folder, Kept, LakeError, Read, Rows, Source, Stretch, publish};
use neuron::ledger::{Place, ReadOnly};
use neuron::scoring::Rules;
use neuron::scoring::admission::EventState;
use neuron::subnets::events::KIND;
use neuron::subnets::events::ledger::{Archive, EventsLedger, Options};
use neuron::subnets::registry;
use neuron::subnets::shown::Ask;
use neuron::units::{Identity, UnixMs};

use crate::bulk::{self, Said};
use crate::store::Store;
use crate::year::{DAY, DAYS, HOUR, START, Taken, a_day, identity};

/// Days on top, far enough from the others that nothing of those is of late.
const ON_TOP: i64 = 3;
const GAP: i64 = 20;
/// Events of a day on top.
const EVENTS: u64 = 50;
/// Times that something is looked at.
const LOOKS: usize = 15;

/// What was measured: what, and how long it took.
type Lines = Vec<(&'static str, f64)>;

/// A table for each store: a line for each thing, a column for each size.
pub fn measure(sizes: &[u64], miners: u16, skip: usize) {
    println!("on top: {ON_TOP} days of {EVENTS} events and {miners} miners; ms, best of {LOOKS} where it is looked at");
    for number in skip..Store::all("count").len() {
        let mut columns: Vec<(f64, Lines)> = Vec::new();
        let mut name = String::new();
        for events in sizes {
            // One after the other: the largest need the disk for themselves.
            let store = Store::all(&format!("top{events}")).swap_remove(number);
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let begun = clock::monotonic();
            runtime.block_on(bulk::fill(&store, *events, Said::Little));
            eprintln!("{}: {events} events in {:.0?}", store.name, begun.elapsed());
            let lines = on_top(&runtime, &store, miners);
            eprintln!("{lines:?}");
            name.clone_from(&store.name);
            columns.push((store.bytes() as f64 / 1e6, lines));
        }
        let heads: Vec<String> = sizes.iter().map(u64::to_string).collect();
        println!("\n| {name} | {} |\n|---{}|", heads.join(" | "), "|---".repeat(heads.len()));
        let line = |what: &str, cells: Vec<String>| println!("| {what} | {} |", cells.join(" | "));
        line("on the disk, MB", columns.iter().map(|(mb, _)| format!("{mb:.0}")).collect());
        for (place, (what, _)) in columns[0].1.iter().enumerate() {
            line(what, columns.iter().map(|(_, lines)| format!("{:.2}", lines[place].1)).collect());
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The best of some times: what else the machine does is not in it.
fn best(times: impl IntoIterator<Item = f64>) -> f64 {
    times.into_iter().fold(f64::INFINITY, f64::min)
}

fn on_top(runtime: &tokio::runtime::Runtime, store: &Store, miners: u16) -> Lines {
    let place = &store.place;
    let mut lines = vec![("ready after a restart", restart(runtime, place))];
    let identities: Vec<Identity> = (0..miners).map(identity).collect();
    let first = UnixMs(START + (DAYS + GAP) * DAY);
    let mut days = Vec::new();
    let ledger = EventsLedger::open(place, Options::default()).unwrap();
    for day in 0..ON_TOP {
        let numbers = 900_000_000 + day as u64 * EVENTS..900_000_000 + (day as u64 + 1) * EVENTS;
        days.push(runtime.block_on(a_day(&ledger, numbers, &identities, first.plus_ms(day * DAY))));
    }
    let each = |of: fn(&Taken) -> Duration| best(days.iter().map(|day| ms(of(day)) / EVENTS as f64));
    lines.push(("an event and its six rounds are taken in", each(|day| day.taking)));
    lines.push(("an event is settled", each(|day| day.settling)));
    lines.push(("what is old is forgotten, every hour", best(days.iter().map(|day| ms(day.forgetting)))));
    let now = first.plus_ms(ON_TOP * DAY + HOUR);
    let since = now.plus_ms(-DAY);
    let look = |job: &dyn Fn() -> usize| {
        let once = || {
            let begun = clock::monotonic();
            job();
            ms(begun.elapsed())
        };
        best((0..LOOKS).map(|_| once()))
    };
    let ask = || {
        runtime.block_on(async {
            let open = ledger.unsettled().await.unwrap().len() + ledger.open_events(now).await.unwrap().len();
            let settled = ledger.settled_since(since).await.unwrap().len();
            assert_eq!(settled as u64, 2 * EVENTS);
            open + settled + ledger.under_review().await.unwrap().len()
        })
    };
    lines.push(("what a validator asks in a tick: open, settled of late, under review", look(&ask)));
    lines.push(("weights", look(&|| usize::from(runtime.block_on(ledger.weights(&identities)).unwrap().is_some()))));
    pages(place, &identities, now, &mut |what, job| lines.push((what, look(job))));
    lines.push(("a day is published into a lake", day_published(store, now)));
    lines
}

fn restart(runtime: &tokio::runtime::Runtime, place: &Place) -> f64 {
    let once = || {
        let begun = clock::monotonic();
        runtime.block_on(async {
            let ledger = EventsLedger::open(place, Options::default()).unwrap();
            assert!(ledger.unsettled().await.unwrap().is_empty());
            assert!(ledger.standings().await.unwrap().events > 0);
        });
        ms(begun.elapsed())
    };
    best((0..LOOKS).map(|_| once()))
}

/// The page's and the storefront's questions, each over a reader that remembers nothing.
fn pages(place: &Place, miners: &[Identity], now: UnixMs, told: &mut dyn FnMut(&'static str, &dyn Fn() -> usize)) {
    let views = KIND.views.unwrap();
    let resolved: Resolved = registry::layers().resolve().unwrap();
    let ledger = || ReadOnly::open(place, KIND.schema.unwrap()).unwrap();
    let archive = || Archive::open(place).unwrap();
    let all = |state: &str| Ask { page: 0, state: state.to_owned() };
    told("page: overview", &|| (views.overview)(&resolved, &ledger(), &()).unwrap().len());
    told("page: events", &|| (views.list)(&resolved, &ledger(), &all("")).unwrap().len());
    told("page: events that are scored", &|| (views.list)(&resolved, &ledger(), &all("scored")).unwrap().len());
    told("page: one event", &|| {
        (views.one)(&resolved, &ledger(), "bulk-1000000500").unwrap().map_or(0, |(_, blocks)| blocks.len())
    });
    told("page: miners", &|| (views.marks)(&resolved, &ledger()).unwrap().rows.len());
    told("page: one miner", &|| (views.miner)(&resolved, &ledger(), &miners[0]).unwrap().len());
    told("storefront: newest events", &|| archive().newest(None, None, 50).unwrap().len());
    told("storefront: newest void events, of which there are none", &|| {
        archive().newest(Some(EventState::Void), None, 50).unwrap().len()
    });
    told("storefront: a miner's history", &|| archive().history_before(miners[1], None, 100).unwrap().len());
    told("storefront: who has a score of two days", &|| archive().scored_since(now.plus_ms(-2 * DAY)).unwrap().len());
    told("storefront: changes since", &|| {
        let archive = archive();
        let last = archive.last_change().unwrap();
        archive.changes_after(last - 10, 200).unwrap().len()
    });
    told("storefront: what the second opinion learns from", &|| {
        archive().batches(&Rules::default(), now).unwrap().len()
    });
    told("`score` of the window", &|| archive().window(&Rules::default()).unwrap().len());
    told("`score sybil` of the window", &|| archive().event_reports(150).unwrap().len());
}

/// A ledger of which all is published but the last days.
struct Late<'a>(&'a dyn Source, UnixMs);

impl Source for Late<'_> {
    fn tables(&self) -> &'static [Kept] {
        self.0.tables()
    }

    fn begins(&self, table: &Kept) -> Result<Option<UnixMs>, LakeError> {
        Ok(self.0.begins(table)?.map(|begins| begins.max(self.1)))
    }

    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        self.0.read(table, stretch, row)
    }
}

/// The day before the last one, with opening the ledger.
fn day_published(store: &Store, now: UnixMs) -> f64 {
    let day = UnixMs(now.0 / DAY * DAY - DAY);
    let once = |number: usize| {
        let lake = Folder::open(&store.folder.path().join(format!("lake{number}"))).unwrap();
        let begun = clock::monotonic();
        let source = (KIND.history.unwrap())(ReadOnly::open(&store.place, KIND.schema.unwrap()).unwrap()).unwrap();
        let done = publish(&Late(&*source, day), "year", &lake, day.plus_ms(DAY), &|| true).unwrap();
        assert!(done.rows > EVENTS);
        ms(begun.elapsed())
    };
    best((0..LOOKS).map(once))
}
