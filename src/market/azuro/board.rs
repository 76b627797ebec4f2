//! What an outcome costs: as its subgraph shows it, or as the stream tells it.
//!
//! The subgraph is the start, the fallback and the check: a condition that the stream has not spoken of stands as it was polled, and
//! where the two differ the polled price counts; a stream that goes on to differ is replaced. An event that the stream calls over is
//! asked for by its id, and has no price meanwhile.

use std::collections::HashMap;

use super::NAME;
use super::feed::{Feed, Followed, Told};
use super::settings::AzuroSettings;
use crate::clock::Clock;
use crate::market::stream::{Compared, Doubt, Stream};
use crate::market::{Listing, MarketError, Quote};

/// What happened on the stream since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FeedFacts {
    /// Conditions that are followed now.
    pub conditions: usize,
    /// Connections made.
    pub connections: u64,
    /// Of them, those that were given up because they were silent.
    pub silent: u64,
    /// Of them, those that were given up because what they told was not so any more.
    pub outdated: u64,
    /// What was told of conditions and games that are followed.
    pub updates: u64,
    /// Messages, or parts of them, that make no sense.
    pub malformed: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Board {
    stream: Stream<Feed>,
    doubt: Doubt,
}

impl Board {
    /// Refuses an address that cannot be used.
    pub(super) fn new(settings: &AzuroSettings, clock: &Clock) -> Result<Self, MarketError> {
        let refuse = |reason: String| MarketError::Stream { provider: NAME, url: settings.stream.url.clone(), reason };
        let stream = Stream::new(Feed::new(settings.margin), settings.stream.clone(), clock.clone()).map_err(refuse)?;
        Ok(Self { stream, doubt: Doubt::of(settings.stream.silence) })
    }

    /// Gives `listings`, all that are offered now, the prices that the stream tells; returns the places of those that it calls over.
    pub(super) fn price(&self, listings: &mut [Listing], polled: Vec<Followed>) -> Vec<usize> {
        let numbers: HashMap<String, String> =
            polled.iter().filter_map(|followed| Some((followed.id.clone(), followed.condition.number()?))).collect();
        let (mut compared, mut over) = (Compared::default(), Vec::new());
        let names = self.stream.look(|feed, heard| {
            let names = feed.follow(polled);
            let Some(heard) = heard else { return names };
            for (place, listing) in listings.iter_mut().enumerate() {
                let told = numbers.get(&listing.event.id).and_then(|number| feed.told(number, heard));
                match (told, listing.quote) {
                    (None, _) | (Some(Told::Priced(_)), None) => {}
                    (Some(Told::Priced(told)), Some(asked)) => {
                        listing.quote = Some(if compared.are_near(told, asked) { told } else { asked });
                    }
                    (Some(held), asked) => {
                        compared.far += usize::from(asked.is_some());
                        listing.quote = None;
                        over.extend((held == Told::Over).then_some(place));
                    }
                }
            }
            names
        });
        self.stream.want(names);
        if self.doubt.is_enough(NAME, compared) {
            self.stream.replace();
        }
        over
    }

    /// What the stream told since the last call, by event id.
    pub(super) fn between_looks(&self) -> Vec<(String, Quote)> {
        self.stream.look(|feed, _| feed.changes())
    }

    pub(super) fn facts(&self) -> FeedFacts {
        let connections = self.stream.connections();
        self.stream.look(|feed, _| FeedFacts {
            conditions: feed.followed(),
            connections: connections.made,
            silent: connections.silent,
            outdated: connections.outdated,
            updates: feed.updates,
            malformed: feed.malformed,
        })
    }
}
