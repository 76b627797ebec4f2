//! All miners in a table, and one with everything that is known of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use maud::Markup;

use super::{Desk, Trouble};
use crate::dendrite::PeerTally;
use crate::ledger::{Fault, ReadOnly, miners};
use crate::role::weights::history;
use crate::subnets::shown::{Block, Cell, Table};
use crate::subtensor::Neuron;
use crate::units::{Account, Identity, Uid};

/// Rows of the table of miners: a subnet has 256 places. Who has lost its place is left out first.
const ROWS: usize = 256;

pub(super) fn all(desk: &Desk<'_>) -> Result<Markup, Trouble> {
    let (views, ledger) = desk.kept()?;
    let marks = (views.marks)(&desk.source.resolved, &ledger)?;
    let live = Live::of(desk, &ledger)?;
    let mut heads = vec!["miner", "uid"];
    heads.extend(&marks.heads);
    heads.extend(live.heads());
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (identity, cells) in marks.rows {
        seen.insert(identity.hotkey);
        let mut row = vec![Cell::Miner(identity.hotkey), live.uid(&identity)];
        row.extend(cells);
        row.extend(live.cells(&identity));
        rows.push((live.neuron(&identity).is_some(), row));
    }
    // Who is registered and has no mark yet.
    for neuron in live.neurons.values().filter(|neuron| neuron.axon.is_some() && !seen.contains(&neuron.hotkey)) {
        let mut row = vec![Cell::Miner(neuron.hotkey), Cell::Count(neuron.uid.0.into())];
        row.extend(marks.heads.iter().map(|_| Cell::Nothing));
        row.extend(live.cells(&neuron.identity()));
        rows.push((true, row));
    }
    let of = rows.len();
    let caption = if of > ROWS {
        rows.sort_by_key(|(is_registered, _)| !is_registered);
        rows.truncate(ROWS);
        let first = if live.is_running { "the registered ones before others, " } else { "" };
        format!("{ROWS} of {of} miners, {first}the best first")
    } else {
        "Miners, the best first".to_owned()
    };
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    let table = Table { caption, heads, rows, ..Table::default() };
    Ok(desk.page("/miners", "Miners", &[Block::Table(table)]))
}

pub(super) fn one(desk: &Desk<'_>, hotkey: &str) -> Result<Markup, Trouble> {
    let hotkey: Account = hotkey.parse().map_err(|_| Trouble::NotFound)?;
    let (views, ledger) = desk.kept()?;
    let live = Live::of(desk, &ledger)?;
    let known = ledger.named(miners::all(ledger.connection()))?;
    let latest = known.values().map(|(identity, _)| *identity).filter(|identity| identity.hotkey == hotkey).max();
    let registered = live.neurons.get(&hotkey).map(Neuron::identity);
    let identity = registered.or(latest).ok_or(Trouble::NotFound)?;
    let mut facts =
        vec![("hotkey", Cell::Word(hotkey.ss58())), ("registered at block", Cell::Count(identity.registered_at))];
    if let Some(neuron) = live.neurons.get(&hotkey) {
        let axon = neuron.axon.as_ref().map(|axon| axon.socket().to_string());
        facts.extend([
            ("uid", Cell::Count(neuron.uid.0.into())),
            ("address", Cell::maybe(axon, Cell::Word)),
            ("stake, alpha", Cell::Number(neuron.alpha_stake.as_tao(), 3)),
            ("consensus", Cell::Share(neuron.consensus)),
        ]);
    } else if desk.source.watch.is_some() {
        facts.push(("registered", Cell::State("no longer".to_owned(), Some(false))));
    }
    facts.extend(live.facts(&identity));
    let mut blocks = vec![Block::Facts(facts)];
    blocks.extend((views.miner)(&desk.source.resolved, &ledger, &identity)?);
    let name = desk.source.watch.as_ref().and_then(|watch| watch.names.get(&hotkey));
    let title = name.map_or_else(|| "Miner".to_owned(), |name| format!("Miner “{name}”"));
    Ok(desk.page("/miners", &title, &blocks))
}

/// What is known of miners beside the kind's marks: from the chain, the dendrite and the journal of weights.
struct Live {
    neurons: BTreeMap<Account, Neuron>,
    peers: BTreeMap<Account, PeerTally>,
    weights: BTreeMap<Uid, u16>,
    is_running: bool,
}

impl Live {
    fn of(desk: &Desk<'_>, ledger: &ReadOnly) -> Result<Self, Trouble> {
        let written: Result<_, Fault> = history(ledger.connection(), 1);
        let weights = ledger.named(written)?.into_iter().next().map(|job| job.weights.0).unwrap_or_default();
        let Some(watch) = &desk.source.watch else {
            return Ok(Self {
                neurons: BTreeMap::new(),
                peers: BTreeMap::new(),
                weights: BTreeMap::new(),
                is_running: false,
            });
        };
        let snapshot = watch.subnet.now();
        let neurons = snapshot.metagraph.neurons.iter().map(|neuron| (neuron.hotkey, neuron.clone())).collect();
        let peers = watch.dendrite.as_ref().map(|dendrite| dendrite.peers()).unwrap_or_default();
        Ok(Self { neurons, peers, weights: weights.into_iter().collect(), is_running: true })
    }

    fn neuron(&self, identity: &Identity) -> Option<&Neuron> {
        self.neurons.get(&identity.hotkey).filter(|neuron| neuron.identity() == *identity)
    }

    fn uid(&self, identity: &Identity) -> Cell {
        Cell::maybe(self.neuron(identity), |neuron| Cell::Count(neuron.uid.0.into()))
    }

    fn heads(&self) -> Vec<&'static str> {
        if self.is_running { vec!["weight", "incentive", "answered", "latency", "why no answer"] } else { Vec::new() }
    }

    fn cells(&self, identity: &Identity) -> Vec<Cell> {
        if self.is_running { self.facts(identity).into_iter().map(|(_, cell)| cell).collect() } else { Vec::new() }
    }

    fn facts(&self, identity: &Identity) -> Vec<(&'static str, Cell)> {
        if !self.is_running {
            return Vec::new();
        }
        let neuron = self.neuron(identity);
        let weight = neuron.map(|neuron| u64::from(self.weights.get(&neuron.uid).copied().unwrap_or(0)));
        let peer = self.peers.get(&identity.hotkey);
        let ms = |took: Duration| took.as_secs_f64() * 1000.0;
        vec![
            ("weight, of 65 535", Cell::maybe(weight, Cell::Count)),
            ("incentive", Cell::maybe(neuron, |neuron| Cell::Share(neuron.incentive))),
            (
                "questions answered",
                Cell::maybe(peer, |peer| Cell::Word(format!("{} of {}", peer.answered, peer.asked))),
            ),
            ("time of the last answer", Cell::maybe(peer.and_then(|peer| peer.latency), |took| Cell::Took(ms(took)))),
            (
                "why no answer to the last question",
                Cell::maybe(peer.and_then(|peer| peer.silence.clone()), |why| Cell::State(why, Some(false))),
            ),
        ]
    }
}
