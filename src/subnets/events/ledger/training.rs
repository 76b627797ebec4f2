//! What a ledger knows of the last two weeks, as the regression on ranks learns from it ([`crate::scoring::ranks`]).

use std::collections::BTreeMap;

use super::archive::Archive;
use super::read;
use super::settle;
use super::types::EventRow;
use crate::ledger::LedgerError;
use crate::scoring::Rules;
use crate::scoring::ranks::{Batch, ENDED_MS, Judged, LEARN_MS, batch_of};
use crate::scoring::window::{ScoredEvent, averages};
use crate::units::{Identity, UnixMs};

/// Events whose scores are asked for at once.
const TOGETHER: usize = 64;

/// An event with its number and when it was scored.
type Scored = (UnixMs, i64, EventRow);

impl Archive<'_> {
    /// The batches in which events were scored in the last 15 days, the oldest first. Events that ended neither with yes nor with no
    /// have their place in them and are not learnt from.
    ///
    /// # Errors
    /// Those of the file.
    pub fn batches(&self, rules: &Rules, now: UnixMs) -> Result<Vec<Batch<Identity>>, LedgerError> {
        let since = now.plus_ms(-LEARN_MS);
        let scored = self.by_scoring(since, rules.window_events)?;
        let is_recent = |(at, _, event): &Scored| {
            let ended = event.resolved_at.unwrap_or(*at);
            now.since(*at) <= LEARN_MS && now.since(ended) <= ENDED_MS
        };
        let mut by_batch: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (place, event) in scored.iter().enumerate().filter(|(_, event)| is_recent(event)) {
            by_batch.entry(batch_of(event.0)).or_default().push(place);
        }
        let standing =
            self.standing_at(&scored, by_batch.values().filter_map(|places| places.last().copied()), rules)?;
        let followed = |number: i64| by_batch.contains_key(&(number - 1));
        let learnt: Vec<usize> =
            by_batch.iter().filter(|(number, _)| followed(**number)).flat_map(|(_, places)| places.clone()).collect();
        let mut judged = self.judged(&scored, &learnt, rules)?;
        let batch = |(number, places): (i64, Vec<usize>)| {
            let best = places.last().and_then(|last| standing.get(last).cloned()).unwrap_or_default();
            Batch { number, best, events: places.iter().filter_map(|place| judged.remove(place)).collect() }
        };
        Ok(by_batch.into_iter().map(batch).collect())
    }

    /// The events that were scored since then, with the `before` ones before them, in the order in which they were scored.
    fn by_scoring(&self, since: UnixMs, before: usize) -> Result<Vec<Scored>, LedgerError> {
        let connection = self.file.connection();
        let mut events = self.named(read::scored_before(connection, since, before))?;
        events.extend(self.named(read::scored_since(connection, since))?);
        Ok(events.into_iter().filter_map(|(id, event)| Some((event.settled_at?, id, event))).collect())
    }

    /// For each of these places the miners with a score of that event, who stood best after it first: of equals the higher hotkey,
    /// as the reference takes the higher slot.
    fn standing_at(
        &self,
        scored: &[Scored],
        places: impl Iterator<Item = usize>,
        rules: &Rules,
    ) -> Result<BTreeMap<usize, Vec<Identity>>, LedgerError> {
        let places: Vec<usize> = places.collect();
        let window = |place: usize| (place + 1).saturating_sub(rules.window_events);
        let first = places.first().map_or(scored.len(), |place| window(*place));
        let mut known: Vec<ScoredEvent<Identity>> = Vec::new();
        for part in scored.get(first..).unwrap_or_default().chunks(TOGETHER) {
            let ids: Vec<i64> = part.iter().map(|(_, id, _)| *id).collect();
            for ((at, _, event), scores) in part.iter().zip(self.scores_stored(&ids)?) {
                let (outcome, resolved) = (event.outcome.unwrap_or(0.5), event.resolved_at.unwrap_or(*at));
                known.push(ScoredEvent { outcome, resolved, scores });
            }
        }
        let standing = |place: usize| {
            let events = known.get(window(place) - first..=place - first)?;
            let averages = averages(events, rules);
            let reward = |who: &Identity| averages.get(who).map_or(0.0, |average| average.reward);
            let mut best: Vec<(f64, Identity)> =
                events.last()?.scores.iter().map(|(who, _)| (reward(who), *who)).collect();
            best.sort_by(|(a, x), (b, y)| b.total_cmp(a).then(y.cmp(x)));
            Some((place, best.into_iter().map(|(_, who)| who).collect()))
        };
        Ok(places.into_iter().filter_map(standing).collect())
    }

    /// What was said about the events at these places that ended plainly. One after the other: nobody waits for it, and a
    /// validator's rounds need the other processors.
    fn judged(
        &self,
        scored: &[Scored],
        places: &[usize],
        rules: &Rules,
    ) -> Result<BTreeMap<usize, Judged<Identity>>, LedgerError> {
        let mut found = BTreeMap::new();
        for (place, (_, id, event)) in places.iter().filter_map(|place| Some((*place, scored.get(*place)?))) {
            let Some(outcome) = event.outcome.filter(|outcome| *outcome == 0.0 || *outcome == 1.0) else { continue };
            let said = settle::said(self.file.connection(), *id, event, rules, self.book.miners());
            let said = self.named(said)?.into_iter();
            let said = said.filter_map(|(miner, p)| Some((self.book.identity(miner)?, p))).collect();
            found.insert(place, Judged { outcome: outcome == 1.0, said });
        }
        Ok(found)
    }
}
