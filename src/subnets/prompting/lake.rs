//! The history of questions as tables of a lake. docs/lake.md explains the columns.

use crate::lake::table::{Cell, Column, Type};
use crate::lake::{Grain, Kept, LakeError, Read, Rows, Source, Stretch};
use crate::ledger::sql::{self, Connection, Row};
use crate::ledger::{Fault, LedgerError, ReadOnly, miners};
use crate::subnets::kept;
use crate::units::UnixMs;

const ROUNDS: Kept = Kept {
    name: "rounds",
    grain: Grain::Day,
    version: 1,
    columns: &[
        Column::of("round", Type::Long),
        Column::of("asked_at", Type::Time),
        Column::of("task", Type::Text),
        Column::of("turn", Type::Int),
        Column::of("messages", Type::Text),
        Column::of("reference", Type::Text),
        Column::of("took_ms", Type::Long),
    ],
};
const ANSWERS: Kept = Kept {
    name: "answers",
    grain: Grain::Hour,
    version: 1,
    columns: &[
        Column::of("round", Type::Long),
        Column::of("asked_at", Type::Time),
        Column::of("hotkey", Type::Text),
        Column::of("registered_at", Type::Long),
        Column::of("uid", Type::Int),
        Column::of("completion", Type::Text),
        Column::of("chunks", Type::Text),
        Column::of("status", Type::Int),
        Column::of("timing_ms", Type::Double),
        Column::of("ended", Type::Text),
        Column::of("reason", Type::Text).optional(),
        Column::of("judgement", Type::Text),
        Column::of("reward", Type::Double),
    ],
};
static TABLES: [Kept; 2] = [ROUNDS, ANSWERS];

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
            let first: Option<i64> = connection.query_row("SELECT MIN(at) FROM prompt_rounds", [], |row| row.get(0))?;
            kept::begins(connection, table.grain, first, 0)
        })?)
    }

    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        // A round at a time: what is said in an hour may be much.
        for round in self.0.ask(|connection| rounds_within(connection, stretch))? {
            if table.name == ROUNDS.name {
                for cells in self.0.ask(|connection| asked(connection, round))? {
                    row(&cells)?;
                }
            } else {
                for cells in self.0.ask(|connection| answers(connection, round))? {
                    row(&cells)?;
                }
            }
        }
        // Asked afterwards, this tells of all that was forgotten meanwhile.
        Ok(self.0.ask(|connection| kept::read_from(connection, stretch.from))?)
    }
}

/// Number and time of a round.
type Numbered = (i64, i64);

fn rounds_within(connection: &Connection, stretch: Stretch) -> Result<Vec<Numbered>, Fault> {
    let sql = "SELECT id, at FROM prompt_rounds WHERE at >= ?1 AND at < ?2 ORDER BY at, id";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map([stretch.from.0, stretch.to().0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<sql::Result<_>>()?)
}

fn asked(connection: &Connection, (id, at): Numbered) -> Result<Vec<[Cell; 7]>, Fault> {
    let sql = "SELECT task, turn, messages, reference, took_ms FROM prompt_rounds WHERE id = ?1";
    let cells = |row: &Row<'_>| {
        Ok([
            Cell::Long(id),
            Cell::Time(at),
            Cell::Text(row.get(0)?),
            Cell::Int(row.get(1)?),
            Cell::Text(row.get(2)?),
            Cell::Text(row.get(3)?),
            Cell::Long(row.get(4)?),
        ])
    };
    Ok(connection.prepare_cached(sql)?.query_map([id], cells)?.collect::<sql::Result<_>>()?)
}

fn answers(connection: &Connection, (id, at): Numbered) -> Result<Vec<[Cell; 13]>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT m.hotkey, m.registered_block, a.uid, a.completion, a.chunks, a.status, a.timing_ms, a.ended, a.reason,
                a.judgement, a.reward
         FROM prompt_answers a JOIN miners m ON m.id = a.miner WHERE a.round = ?1 ORDER BY a.miner",
    )?;
    let mut rows = query.query([id])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let [hotkey, registered] = kept::who(miners::identity(&row)?);
        found.push([
            Cell::Long(id),
            Cell::Time(at),
            hotkey,
            registered,
            Cell::Int(row.get(2)?),
            Cell::Text(row.get(3)?),
            Cell::Text(row.get(4)?),
            Cell::Int(row.get(5)?),
            Cell::Double(row.get(6)?),
            Cell::Text(row.get(7)?),
            row.get::<Option<String>>(8)?.map_or(Cell::Empty, Cell::Text),
            Cell::Text(row.get(9)?),
            Cell::Double(row.get(10)?),
        ]);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;
    use crate::dendrite::Target;
    use crate::ledger::Ledger;
    use crate::subnets::prompting::asking::Heard;
    use crate::subnets::prompting::conversation::Conversation;
    use crate::subnets::prompting::ledger::{Averaging, PromptingLedger, SCHEMA};
    use crate::subnets::prompting::task::{Judgement, Task};
    use crate::subnets::prompting::validator::{Round, Scored};
    use crate::subnets::work::Peer;
    use crate::units::{Account, Identity, Uid};

    const HOUR: i64 = 3_600_000;
    /// 2026-01-01T00:00Z.
    const DAY: UnixMs = UnixMs(1_767_225_600_000);

    fn scored(number: u8) -> Scored {
        let hotkey = Account([number; 32]);
        let target = Target { hotkey, ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 1 };
        let peer = Peer { uid: Uid(number.into()), identity: Identity { hotkey, registered_at: 7 }, target };
        let heard = Heard {
            completion: format!("said by {number}").into(),
            chunks: vec![(Duration::from_millis(20), 4)],
            status: 200,
            timing_s: 0.25,
            ended: if number == 1 { "complete" } else { "late" },
            reason: (number != 1).then(|| "too late".into()),
        };
        let judgement = Judgement { rewards: Vec::new(), penalties: Vec::new(), total: 0.5 / f64::from(number) };
        Scored { peer, heard, judgement }
    }

    fn round(at: UnixMs) -> Round {
        Round {
            at,
            task: Task::Qa,
            turn: 0,
            said: Conversation::asking("What is a lake?"),
            reference: "Water that stays.".into(),
            answers: vec![scored(1), scored(2)],
            took: Duration::from_millis(900),
            relevance: None,
        }
    }

    fn read(source: &dyn Source, table: &Kept, from: UnixMs) -> (Read, Vec<Vec<Cell>>) {
        let mut rows = Vec::new();
        let stretch = Stretch { grain: table.grain, from };
        let mut keep = |cells: &[Cell]| {
            rows.push(cells.to_vec());
            Ok(())
        };
        let read = source.read(table, stretch, &mut keep).unwrap();
        (read, rows)
    }

    #[tokio::test]
    async fn questions_and_answers_are_told_where_they_were_asked_and_a_part_is_not_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        let core = Ledger::open(&path, &[SCHEMA]).unwrap();
        let ledger = PromptingLedger::over(core, Averaging { alpha: 0.1, decay: 0.0 });
        for hour in [1, 5, 30] {
            ledger.record(&round(DAY.plus_ms(hour * HOUR))).await.unwrap();
        }
        let source = open(ReadOnly::open(&path, SCHEMA).unwrap()).unwrap();
        assert_eq!(source.begins(&ROUNDS).unwrap(), Some(DAY));
        assert_eq!(source.begins(&ANSWERS).unwrap(), Some(DAY.plus_ms(HOUR)));
        let (whole, rounds) = read(&*source, &ROUNDS, DAY);
        assert_eq!((whole, rounds.len()), (Read::Whole, 2));
        let [number, at, task, _, messages, reference, took] = rounds[1].as_slice() else { panic!() };
        assert_eq!((number, at, took), (&Cell::Long(2), &Cell::Time(DAY.0 + 5 * HOUR), &Cell::Long(900)));
        assert_eq!((task, reference), (&Cell::Text("qa".into()), &Cell::Text("Water that stays.".into())));
        assert_eq!(messages, &Cell::Text(r#"[["user","What is a lake?"]]"#.into()));
        let (_, answers) = read(&*source, &ANSWERS, DAY.plus_ms(5 * HOUR));
        assert_eq!(answers.len(), 2);
        let second = &answers[1];
        assert_eq!(second[0], Cell::Long(2));
        assert_eq!(
            second[2..6],
            [Cell::Text(Account([2; 32]).ss58()), Cell::Long(7), Cell::Int(2), Cell::Text("said by 2".into())]
        );
        assert_eq!((&second[10], &second[12]), (&Cell::Text("too late".into()), &Cell::Double(0.25)));
        assert_eq!(answers[0][10], Cell::Empty);
        for (table, cells) in [(&ROUNDS, &rounds), (&ANSWERS, &answers)] {
            assert!(cells.iter().all(|row| row.len() == table.columns.len()));
        }

        ledger.prune(DAY.plus_ms(2 * HOUR)).await.unwrap();
        let (part, rounds) = read(&*source, &ROUNDS, DAY);
        assert_eq!((part, rounds.len()), (Read::Forgotten, 1));
        assert_eq!(source.begins(&ROUNDS).unwrap(), Some(DAY.plus_ms(24 * HOUR)), "the next whole day");
        assert_eq!(source.begins(&ANSWERS).unwrap(), Some(DAY.plus_ms(5 * HOUR)));
        assert_eq!(read(&*source, &ROUNDS, DAY.plus_ms(24 * HOUR)).0, Read::Whole);
    }
}
