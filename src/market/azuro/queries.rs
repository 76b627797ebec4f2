//! What is asked of a subgraph, in its language: GraphQL as a Graph node speaks it.

use serde_json::{Value, json};

use super::Source;

/// A page of games, as it is posted: the text, and the values that go into it. `extras` asks for the fields as well that an
/// older subgraph does not have.
pub(super) fn games(source: Source, extras: bool, filter: &Value, first: usize, skip: usize) -> String {
    let words = Words::of(source, extras);
    let (game, condition) = (words.game(), words.condition());
    let query = format!(
        "query Games($where: Game_filter!, $first: Int!, $skip: Int!) {{ \
         games(where: $where, first: $first, skip: $skip, orderBy: startsAt, orderDirection: asc, subgraphError: allow) \
         {{ {game} conditions(first: {MOST_CONDITIONS}) {{ {condition} }} }} }}"
    );
    json!({"query": query, "variables": {"where": filter, "first": first, "skip": skip}}).to_string()
}

/// One outcome by its entity id, with its condition and its game.
pub(super) fn outcome(source: Source, extras: bool, id: &str) -> String {
    let words = Words::of(source, extras);
    let (game, condition) = (words.game(), words.condition());
    let query = format!(
        "query Outcome($id: ID!) {{ outcome(id: $id, subgraphError: allow) {{ id condition {{ {condition} game {{ {game} }} }} }} }}"
    );
    json!({"query": query, "variables": {"id": id}}).to_string()
}

/// Games that have not started and can still be bet on, between two times in seconds.
pub(super) fn upcoming(source: Source, after_s: i64, before_s: i64) -> Value {
    match source {
        Source::Api => json!({
            "status": "Created", "hasActiveConditions": true, "startsAt_gt": after_s, "startsAt_lt": before_s,
        }),
        Source::Feed => json!({"state": "Prematch", "startsAt_gt": after_s, "startsAt_lt": before_s}),
    }
}

/// A Graph node gives 100 entries of a nested list where nobody says how many, and 1000 at most.
const MOST_CONDITIONS: usize = 200;

/// The names that differ between the two subgraphs.
struct Words {
    status: &'static str,
    country: &'static str,
    /// Fields that only newer subgraphs have.
    title: &'static str,
    end: &'static str,
}

impl Words {
    const fn of(source: Source, extras: bool) -> Self {
        let (title, end) = if extras { ("title", "wonOutcomeIds resolvedBlockTimestamp") } else { ("", "") };
        match source {
            Source::Api => Self { status: "status", country: "league { name country { name } }", title, end },
            Source::Feed => Self { status: "state", country: "league { name } country { name }", title, end },
        }
    }

    fn game(&self) -> String {
        let Self { status, country, .. } = self;
        format!("id gameId title startsAt {status} sport {{ name slug }} {country} participants {{ name sortOrder }}")
    }

    fn condition(&self) -> String {
        let Self { status, title, end, .. } = self;
        format!(
            "conditionId {status} {title} {end} \
             outcomes(first: {MOST_CONDITIONS}) {{ id outcomeId currentOdds result sortOrder {title} }}"
        )
    }
}
