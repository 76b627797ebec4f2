//! The history of requests as tables of a lake. docs/lake.md explains the columns.
//!
//! Everything about a request is told in the stretch in which it was scored: from then on nothing of it changes. What was given up
//! has no such time and is not told.

use bytes::Bytes;

use super::ledger::unpack;
use crate::lake::table::{Cell, Column, Type};
use crate::lake::{Grain, Kept, LakeError, Read, Rows, Source, Stretch};
use crate::ledger::sql::{self, Connection, Row};
use crate::ledger::{Fault, LedgerError, ReadOnly, miners};
use crate::subnets::kept;
use crate::units::{Identity, UnixMs};

const REQUESTS: Kept = Kept {
    name: "requests",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("request", Type::Text),
        Column::of("scored_at", Type::Time),
        Column::of("round", Type::Time),
        Column::of("starts_at", Type::Time),
        Column::of("volatility", Type::Double),
    ],
};
const HAPPENED: Kept = Kept {
    name: "happened",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("request", Type::Text),
        Column::of("scored_at", Type::Time),
        Column::of("step", Type::Int),
        Column::of("close", Type::Double),
    ],
};
const SCORES: Kept = Kept {
    name: "scores",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("request", Type::Text),
        Column::of("scored_at", Type::Time),
        Column::of("hotkey", Type::Text),
        Column::of("registered_at", Type::Long),
        Column::of("rmse", Type::Double).optional(),
        Column::of("share", Type::Double).optional(),
    ],
};
const ANSWERS: Kept = Kept {
    name: "answers",
    grain: Grain::Hour,
    version: 1,
    columns: &[
        Column::of("request", Type::Text),
        Column::of("scored_at", Type::Time),
        Column::of("hotkey", Type::Text),
        Column::of("registered_at", Type::Long),
        Column::of("step", Type::Int),
        Column::of("close", Type::Double),
    ],
};
static TABLES: [Kept; 4] = [REQUESTS, HAPPENED, SCORES, ANSWERS];

/// A request may be scored so long after its round, ms, and be among what is forgotten by round.
const LATE_MS: i64 = 24 * 3_600_000;

/// See the module.
struct History(ReadOnly);

/// The history in a ledger.
pub(super) fn open(ledger: ReadOnly) -> Result<Box<dyn Source>, LedgerError> {
    Ok(Box::new(History(ledger)))
}

impl Source for History {
    fn tables(&self) -> &'static [Kept] {
        &TABLES
    }

    fn begins(&self, table: &Kept) -> Result<Option<UnixMs>, LakeError> {
        Ok(self.0.ask(|connection| {
            let sql = "SELECT MIN(scored_at) FROM ts_requests WHERE scored_at IS NOT NULL";
            let first: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
            kept::begins(connection, table.grain, first, LATE_MS)
        })?)
    }

    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        for request in self.0.ask(|connection| scored_within(connection, stretch))? {
            match table.name {
                "requests" => row(&request.row())?,
                "happened" => closes(&[], &request, &request.truth).try_for_each(|cells| row(&cells))?,
                name => {
                    for said in self.0.ask(|connection| said(connection, request.id))? {
                        let who = kept::who(said.miner);
                        match name {
                            "scores" => row(&score(&request, who, &said))?,
                            _ => closes(&who, &request, &said.closes).try_for_each(|cells| row(&cells))?,
                        }
                    }
                }
            }
        }
        // Asked afterwards, this tells of all that was forgotten meanwhile.
        Ok(self.0.ask(|connection| kept::read_from(connection, stretch.from.plus_ms(-LATE_MS)))?)
    }
}

/// A request that was scored.
struct Scored {
    id: i64,
    uuid: Bytes,
    round: i64,
    starts_at: i64,
    scored_at: i64,
    volatility: f64,
    truth: Vec<f64>,
}

impl Scored {
    fn head(&self) -> [Cell; 2] {
        [Cell::Shared(self.uuid.clone()), Cell::Time(self.scored_at)]
    }

    fn row(&self) -> [Cell; 5] {
        let [request, scored_at] = self.head();
        [request, scored_at, Cell::Time(self.round), Cell::Time(self.starts_at), Cell::Double(self.volatility)]
    }
}

/// What a miner said to a request, and what it was worth.
struct Said {
    miner: Identity,
    closes: Vec<f64>,
    rmse: Option<f64>,
    share: Option<f64>,
}

fn scored_within(connection: &Connection, stretch: Stretch) -> Result<Vec<Scored>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT id, uuid, round, starts_at, scored_at, volatility, truth FROM ts_requests
         WHERE scored_at >= ?1 AND scored_at < ?2 ORDER BY scored_at, id",
    )?;
    let request = |row: &Row<'_>| {
        Ok(Scored {
            id: row.get(0)?,
            uuid: row.get::<String>(1)?.into(),
            round: row.get(2)?,
            starts_at: row.get(3)?,
            scored_at: row.get(4)?,
            volatility: row.get(5)?,
            truth: unpack(row.get_ref(6)?.as_blob().unwrap_or_default()),
        })
    };
    let found = query.query_map([stretch.from.0, stretch.to().0], request)?;
    Ok(found.collect::<sql::Result<_>>()?)
}

fn said(connection: &Connection, request: i64) -> Result<Vec<Said>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT m.hotkey, m.registered_block, f.closes, f.rmse, f.share FROM ts_forecasts f JOIN miners m ON m.id = f.miner
         WHERE f.request = ?1 ORDER BY f.miner",
    )?;
    let mut rows = query.query([request])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let closes = unpack(row.get_ref(2)?.as_blob().unwrap_or_default());
        found.push(Said { miner: miners::identity(&row)?, closes, rmse: row.get(3)?, share: row.get(4)? });
    }
    Ok(found)
}

fn score(request: &Scored, [hotkey, registered]: [Cell; 2], said: &Said) -> [Cell; 6] {
    let [uuid, scored_at] = request.head();
    let number = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Double);
    [uuid, scored_at, hotkey, registered, number(said.rmse), number(said.share)]
}

/// A row for each close, counted from 1; `who` said it, or it happened.
fn closes(who: &[Cell], request: &Scored, closes: &[f64]) -> impl Iterator<Item = Vec<Cell>> {
    let step = move |(step, close): (i32, &f64)| {
        let [uuid, scored_at] = request.head();
        [&[uuid, scored_at][..], who, &[Cell::Int(step), Cell::Double(*close)]].concat()
    };
    (1..).zip(closes).map(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::scoring::timeseries::chain::Spread;
    use crate::scoring::timeseries::long_run::Start;
    use crate::scoring::timeseries::volatility::PercentileTables;
    use crate::subnets::timeseries::ledger::{Forecast, NewRequest, Revealed, Rules, SCHEMA, TimeseriesLedger};
    use crate::units::Account;

    const HOUR: i64 = 3_600_000;
    /// 2026-01-01T00:00Z.
    const DAY: UnixMs = UnixMs(1_767_225_600_000);

    fn miner(number: u8) -> Identity {
        Identity { hotkey: Account([number; 32]), registered_at: 7 }
    }

    /// A request of `at` that is scored an hour later; one of a single miner is given up instead.
    async fn request(ledger: &TimeseriesLedger, at: UnixMs, miners: u8) {
        let uuid = format!("request of {}", at.since(DAY) / HOUR);
        let forecast = |m: u8| Forecast { miner: miner(m), closes: vec![100.0 + f64::from(m), 101.0] };
        let revealed = Revealed { starts_at: at, forecasts: (1..=miners).map(forecast).collect(), fates: Vec::new() };
        let new = NewRequest { uuid: uuid.clone(), round: at, commitments: Vec::new() };
        assert!(ledger.record_whole(new, revealed).await.unwrap());
        let scored = ledger.score(uuid, vec![100.5, 101.5], Vec::new(), at.plus_ms(HOUR)).await.unwrap();
        assert_eq!(scored.is_some(), miners > 1);
    }

    fn read(source: &dyn Source, table: &Kept, from: UnixMs) -> (Read, Vec<Vec<Cell>>) {
        let mut rows = Vec::new();
        let mut keep = |cells: &[Cell]| {
            assert_eq!(cells.len(), table.columns.len());
            rows.push(cells.to_vec());
            Ok(())
        };
        let read = source.read(table, Stretch { grain: table.grain, from }, &mut keep).unwrap();
        (read, rows)
    }

    #[tokio::test]
    async fn requests_are_told_where_they_were_scored_and_a_part_is_not_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let rules = Rules { tables: PercentileTables::built_in().unwrap(), start: Start::Mean, spread: Spread::V6 };
        let ledger = TimeseriesLedger::over(Ledger::open(&path, &[SCHEMA]).unwrap(), rules);
        for (hour, miners) in [(2, 2), (3, 1), (23, 3), (80, 2)] {
            request(&ledger, DAY.plus_ms(hour * HOUR), miners).await;
        }
        let source = open(ReadOnly::open(&path, SCHEMA).unwrap()).unwrap();
        assert_eq!(source.begins(&REQUESTS).unwrap(), Some(DAY));
        assert_eq!(source.begins(&ANSWERS).unwrap(), Some(DAY.plus_ms(3 * HOUR)));
        let days = [0, 1, 2, 3].map(|day| read(&*source, &REQUESTS, DAY.plus_ms(day * 24 * HOUR)));
        assert_eq!(days.each_ref().map(|(_, rows)| rows.len()), [1, 1, 0, 1], "what was given up is not told");
        assert!(days.iter().all(|(read, _)| *read == Read::Whole));
        let head = [Cell::Shared("request of 23".into()), Cell::Time(DAY.0 + 24 * HOUR)];
        assert_eq!(days[1].1[0][..3], [head[0].clone(), head[1].clone(), Cell::Time(DAY.0 + 23 * HOUR)]);

        let next = DAY.plus_ms(24 * HOUR);
        let (_, happened) = read(&*source, &HAPPENED, next);
        assert_eq!(happened[1][2..], [Cell::Int(2), Cell::Double(101.5)]);
        let (_, scores) = read(&*source, &SCORES, next);
        let shares = scores.iter().map(|row| if let Cell::Double(share) = row[5] { share } else { f64::NAN });
        assert_eq!(scores.len(), 3);
        assert!((shares.sum::<f64>() - 1.0).abs() < 1e-3, "{scores:?}");
        let (_, answers) = read(&*source, &ANSWERS, next);
        assert_eq!(answers.len(), 6);
        let who = [Cell::Text(miner(3).hotkey.ss58()), Cell::Long(7)];
        assert_eq!(answers[4], [&head[..], &who, &[Cell::Int(1), Cell::Double(103.0)]].concat());

        // What was scored within a day of what is forgotten may be only a part.
        ledger.prune(DAY.plus_ms(3 * HOUR)).await.unwrap();
        assert_eq!(read(&*source, &REQUESTS, DAY).0, Read::Forgotten);
        assert_eq!(read(&*source, &REQUESTS, DAY.plus_ms(24 * HOUR)).0, Read::Forgotten);
        assert_eq!(source.begins(&REQUESTS).unwrap(), Some(DAY.plus_ms(48 * HOUR)));
        assert_eq!(read(&*source, &REQUESTS, DAY.plus_ms(72 * HOUR)), (Read::Whole, days[3].1.clone()));
    }
}
