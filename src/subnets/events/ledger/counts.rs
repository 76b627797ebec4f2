//! How many events are in each state: kept with every change, in its transaction, since counting them takes longer with each.

use super::read::{state_name, state_of};
use crate::ledger::Fault;
use crate::ledger::sql::{self, Connection, Transaction, params};
use crate::scoring::admission::EventState;

/// Notes that so many events more (or less) are in a state.
pub(super) fn add(transaction: &Transaction<'_>, state: EventState, n: i64) -> sql::Result<()> {
    if n == 0 {
        return Ok(());
    }
    transaction
        .prepare_cached(
            "INSERT INTO event_counts (state, n) VALUES (?1, ?2)
             ON CONFLICT (state) DO UPDATE SET n = event_counts.n + excluded.n",
        )?
        .send(params![state_name(state), n])
}

/// Notes that an event went from one state to another.
pub(super) fn moved(transaction: &Transaction<'_>, from: EventState, to: EventState) -> sql::Result<()> {
    if from == to {
        return Ok(());
    }
    add(transaction, from, -1)?;
    add(transaction, to, 1)
}

/// How many events there are in each state that has any.
pub(super) fn all(connection: &Connection) -> Result<Vec<(EventState, usize)>, Fault> {
    let mut query = connection.prepare_cached("SELECT state, n FROM event_counts WHERE n > 0 ORDER BY state")?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(1)?;
        found.push((state_of(row.get_ref(0)?.as_str().unwrap_or_default())?, usize::try_from(count).unwrap_or(0)));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnets::events::ledger::{EventsLedger, NewEvent, Options, Outcome, Resolution};
    use crate::units::UnixMs;

    const DAY: i64 = 86_400_000;

    fn event(number: i64, opened: UnixMs) -> NewEvent {
        NewEvent {
            key: format!("m-{number}"),
            provider: "m".into(),
            id: number.to_string(),
            description: "?".into(),
            opened_at: opened,
            cutoff: opened.plus_ms(DAY),
            ends_at: None,
            beside: Default::default(),
        }
    }

    /// As they are kept, and as counting finds them.
    async fn both(ledger: &EventsLedger) -> [Vec<(EventState, usize)>; 2] {
        let counted = |connection: &Connection| -> Result<_, Fault> {
            let sql = "SELECT state, COUNT(*) FROM events GROUP BY state ORDER BY state";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)? as usize)))?;
            let rows = rows.collect::<sql::Result<Vec<_>>>()?;
            rows.into_iter().map(|(state, n)| Ok((state_of(&state)?, n))).collect()
        };
        ledger.core().read(move |connection| Ok::<_, Fault>([all(connection)?, counted(connection)?])).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_what_counting_finds() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = EventsLedger::open(folder.path().join("a.sqlite"), Options::default()).unwrap();
        let opened = UnixMs(1_767_225_600_000);
        let events: Vec<NewEvent> = (0..5).map(|number| event(number, opened)).collect();
        for _ in 0..2 {
            // The second time nothing is new.
            ledger.upsert_events(events.clone()).await.unwrap();
            assert_eq!(both(&ledger).await, [vec![(EventState::Open, 5)], vec![(EventState::Open, 5)]]);
        }
        // Without a price none counts; one is void, and corrected; one is settled twice alike.
        let (yes, late) = (Outcome::Payout(1.0), opened.plus_ms(DAY));
        for (number, outcome) in [(0, yes), (1, Outcome::Void), (2, yes), (1, yes), (2, yes), (3, Outcome::Void)] {
            let resolution = Resolution { event: format!("m-{number}"), outcome, at: Some(late), seen: late };
            ledger.resolve(resolution).await.unwrap();
            let [kept, counted] = both(&ledger).await;
            assert_eq!(kept, counted);
        }
        let ended = vec![(EventState::NoPrice, 3), (EventState::Open, 1), (EventState::Void, 1)];
        assert_eq!(both(&ledger).await[0], ended);
        assert_eq!(ledger.prune(late.plus_ms(500 * DAY)).await.unwrap(), 4);
        assert_eq!(both(&ledger).await, [vec![(EventState::Open, 1)], vec![(EventState::Open, 1)]]);
    }
}
