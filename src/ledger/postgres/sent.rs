//! What is on its way to the server: told in the order in which it was handed over, awaited together. A way to the server costs more
//! than most of what is done there.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row, Statement};

use super::value::weight;
use crate::ledger::sql::{Owned, replacing};

/// Rows that go as one statement, and their bytes; more than these go by `COPY`, which costs three ways to the server.
const FEW: (usize, usize) = (4_000, 1 << 20);

/// A statement, as it was written, with its values.
pub(super) type Asked = (Arc<str>, Vec<Owned>);

/// One of several things to be done, of which nobody reads rows.
#[derive(Debug)]
pub(super) enum Sent {
    /// The session's own words: `BEGIN`, `COMMIT`.
    Words(String),
    /// A statement.
    Statement(Asked),
    /// Rows of a table.
    Rows(Table),
}

impl Sent {
    /// Bytes that it takes, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Statement((_, values)) => values.iter().map(weight).sum(),
            Self::Rows(table) => table.columns.iter().flatten().map(weight).sum(),
        }
    }
}

/// Rows of a table, column by column.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) names: String,
    columns: Vec<Vec<Owned>>,
    /// What becomes of rows with the same key.
    over: String,
}

impl Table {
    /// `None`: they are many, or large.
    pub(super) fn of_few(table: &str, columns: &[&str], rows: &[Vec<Owned>]) -> Option<Self> {
        let few = rows.len() <= FEW.0 && rows.iter().map(|row| heft(row)).sum::<usize>() <= FEW.1;
        few.then(|| Self::of(table, 0, columns, &rows.iter().collect::<Vec<_>>()))
    }

    /// Rows that replace those with the same in their first `keys` columns, as few at a time. Of several such rows the last one is
    /// taken: one statement touches a row once.
    pub(super) fn replacing(table: &str, keys: usize, columns: &[&str], rows: &[Vec<Owned>]) -> Vec<Self> {
        let key = |row: &[Owned]| format!("{:?}", row.get(..keys));
        let last: HashMap<String, usize> = rows.iter().enumerate().map(|(place, row)| (key(row), place)).collect();
        let standing = rows.iter().enumerate().filter(|(place, row)| last.get(&key(row)) == Some(place));
        let (mut parts, mut part, mut taken) = (Vec::new(), Vec::new(), 0);
        for (_, row) in standing {
            if part.len() >= FEW.0 || (!part.is_empty() && taken + heft(row) > FEW.1) {
                parts.push(Self::of(table, keys, columns, &std::mem::take(&mut part)));
                taken = 0;
            }
            taken += heft(row);
            part.push(row);
        }
        if !part.is_empty() {
            parts.push(Self::of(table, keys, columns, &part));
        }
        parts
    }

    fn of(table: &str, keys: usize, columns: &[&str], rows: &[&Vec<Owned>]) -> Self {
        let column = |place: usize| rows.iter().map(|row| row.get(place).cloned().unwrap_or(Owned::Null)).collect();
        Self {
            name: table.to_owned(),
            names: columns.join(", "),
            columns: (0..columns.len()).map(column).collect(),
            over: replacing(keys, columns),
        }
    }

    /// The statement that puts them in, each column an array.
    pub(super) fn sql(&self) -> String {
        let marks: Vec<String> = (1..=self.columns.len()).map(|number| format!("?{number}")).collect();
        let Self { name, names, over, .. } = self;
        format!("INSERT INTO {name} ({names}) SELECT * FROM UNNEST({}){over}", marks.join(", "))
    }
}

fn heft(row: &[Owned]) -> usize {
    row.iter().map(weight).sum()
}

/// The type of an array of values of a type that ledgers have.
pub(super) fn array_of(of: &Type) -> Option<Type> {
    match *of {
        Type::INT8 => Some(Type::INT8_ARRAY),
        Type::FLOAT8 => Some(Type::FLOAT8_ARRAY),
        Type::TEXT => Some(Type::TEXT_ARRAY),
        Type::BYTEA => Some(Type::BYTEA_ARRAY),
        _ => None,
    }
}

/// What came back for one.
pub(super) enum Answer {
    /// How many rows it touched.
    Touched(u64),
    /// Its rows.
    Rows(Vec<Row>),
}

/// Something that is ready to go: what needs a statement comes with it.
pub(super) fn send<'a>(
    client: &'a Client,
    sent: &'a Sent,
    statement: Option<&'a Statement>,
) -> BoxFuture<'a, Result<Answer, Error>> {
    Box::pin(async move {
        match (sent, statement) {
            (Sent::Statement((_, values)), Some(statement)) => {
                client.execute_raw(statement, values.iter()).await.map(Answer::Touched)
            }
            (Sent::Rows(table), Some(statement)) => {
                client.execute_raw(statement, table.columns.iter()).await.map(Answer::Touched)
            }
            (Sent::Words(words), _) => client.batch_execute(words).await.map(|()| Answer::Touched(0)),
            // Whoever calls prepares what has values.
            (Sent::Statement(_) | Sent::Rows(_), None) => Ok(Answer::Touched(0)),
        }
    })
}

/// A query that is ready to go.
pub(super) fn ask<'a>(
    client: &'a Client,
    statement: &'a Statement,
    values: &'a [Owned],
) -> BoxFuture<'a, Result<Answer, Error>> {
    use futures_util::TryStreamExt as _;
    Box::pin(async move { client.query_raw(statement, values.iter()).await?.try_collect().await.map(Answer::Rows) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_one_statement_of_arrays() {
        let rows = vec![vec![Owned::Int(1), Owned::Real(0.5)], vec![Owned::Int(2), Owned::Null]];
        let table = Table::of_few("scores", &["miner", "score"], &rows).unwrap();
        assert_eq!(table.sql(), "INSERT INTO scores (miner, score) SELECT * FROM UNNEST(?1, ?2)");
        assert_eq!(table.columns, [vec![Owned::Int(1), Owned::Int(2)], vec![Owned::Real(0.5), Owned::Null]]);
        assert_eq!(Sent::Rows(table).weight(), 32);
        let put = |row: [i64; 2]| row.map(Owned::Int).to_vec();
        let parts = Table::replacing("t", 1, &["a", "b"], &[put([1, 1]), put([2, 2]), put([1, 3])]);
        let sql = "INSERT INTO t (a, b) SELECT * FROM UNNEST(?1, ?2) ON CONFLICT (a) DO UPDATE SET b = excluded.b";
        assert_eq!(parts.iter().map(Table::sql).collect::<Vec<_>>(), [sql]);
        assert_eq!(parts[0].columns, [[2, 1].map(Owned::Int), [2, 3].map(Owned::Int)]);
        let large = |key: i64| vec![Owned::Int(key), Owned::Blob(vec![0; FEW.1 / 2])];
        let rows: Vec<Vec<Owned>> = (0..3).map(large).collect();
        assert_eq!(
            Table::replacing("t", 1, &["a", "b"], &rows).len(),
            3,
            "each is half of what goes at once, and its key"
        );
        assert!(Table::of_few("scores", &["miner"], &vec![vec![Owned::Int(1)]; FEW.0 + 1]).is_none());
        assert!(Table::of_few("raw", &["block"], &[vec![Owned::Blob(vec![0; FEW.1 + 1])]]).is_none());
    }
}
