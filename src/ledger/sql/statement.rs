//! Statements and their rows.

use super::error::{Error, Result};
#[cfg(feature = "postgres")]
use super::value::Owned;
use super::value::{FromSql, Params, Value, WrongKind};
#[cfg(feature = "postgres")]
use crate::ledger::postgres;

/// A statement that can be run again and again.
pub struct Statement<'c>(Prepared<'c>);

impl std::fmt::Debug for Statement<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").finish_non_exhaustive()
    }
}

enum Prepared<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    #[cfg(feature = "postgres")]
    Postgres(postgres::Query<'c>),
}

/// Values as `rusqlite` takes them, without a copy.
struct Bound<'a>(Value<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(number),
            Value::Real(number) => ValueRef::Real(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &impl Params) -> rusqlite::Result<()> {
    let mut count = 0;
    for value in values.values() {
        count += 1;
        statement.raw_bind_parameter(count, Bound(value))?;
    }
    match statement.parameter_count() {
        wanted if wanted == count => Ok(()),
        wanted => Err(rusqlite::Error::InvalidParameterCount(count, wanted)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "values are an array that is written where it is used")]
impl<'c> Statement<'c> {
    pub(super) const fn of_sqlite(statement: rusqlite::CachedStatement<'c>) -> Self {
        Self(Prepared::Sqlite(statement))
    }

    #[cfg(feature = "postgres")]
    pub(super) fn of_postgres(session: &'c postgres::Session, sql: &str) -> Self {
        Self(Prepared::Postgres(postgres::Query::new(session, sql)))
    }

    /// Runs it, and says how many rows it touched.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute<P: Params>(&mut self, values: P) -> Result<usize> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                bind(statement, &values)?;
                Ok(statement.raw_execute()?)
            }
            #[cfg(feature = "postgres")]
            Prepared::Postgres(query) => Ok(query.execute(values.values())?),
        }
    }

    /// Runs it where nobody asks how many rows it touched: PostgreSQL may do it together with others, at the latest before the
    /// next statement that is waited for. What it fails with, that one fails with.
    ///
    /// # Errors
    /// Those of the database.
    pub fn send<P: Params>(&mut self, values: P) -> Result<()> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                bind(statement, &values)?;
                statement.raw_execute()?;
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Prepared::Postgres(query) => Ok(query.send(values.values())?),
        }
    }

    /// Its rows, one after the other.
    ///
    /// # Errors
    /// Those of the database.
    pub fn query<P: Params>(&mut self, values: P) -> Result<Rows<'_>> {
        self.query_once(&values)
    }

    fn query_once<P: Params>(&mut self, values: &P) -> Result<Rows<'_>> {
        match &mut self.0 {
            Prepared::Sqlite(statement) => {
                bind(statement, values)?;
                Ok(Rows(Source::Sqlite(statement.raw_query())))
            }
            #[cfg(feature = "postgres")]
            Prepared::Postgres(query) => Ok(Rows(Source::Postgres(query.rows(values.values())?, 0))),
        }
    }

    /// What `map` makes of each of its rows.
    ///
    /// # Errors
    /// Those of the database.
    pub fn query_map<P: Params, T, F: FnMut(&Row<'_>) -> Result<T>>(
        &mut self,
        values: P,
        map: F,
    ) -> Result<Mapped<'_, F>> {
        Ok(Mapped { rows: self.query(values)?, map })
    }

    /// What `map` makes of the rows of each of several sets of values. PostgreSQL is asked for all at once: a way to the server
    /// costs more than what is found there.
    ///
    /// # Errors
    /// Those of the database.
    pub fn query_each<P: Params, T>(
        &mut self,
        each: &[P],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Vec<T>>> {
        match &mut self.0 {
            Prepared::Sqlite(_) => {
                let mut found = Vec::with_capacity(each.len());
                for values in each {
                    let mut rows = self.query_once(values)?;
                    let mut of_one = Vec::new();
                    while let Some(row) = rows.next()? {
                        of_one.push(map(&row)?);
                    }
                    found.push(of_one);
                }
                Ok(found)
            }
            #[cfg(feature = "postgres")]
            Prepared::Postgres(query) => {
                let each: Vec<Vec<Owned>> =
                    each.iter().map(|values| values.values().map(Owned::from).collect()).collect();
                let found = query.rows_of_each(each)?;
                let rows = |rows: Vec<postgres::Row>| rows.iter().map(|row| map(&Row(Line::Postgres(row)))).collect();
                found.into_iter().map(rows).collect()
            }
        }
    }

    /// What `map` makes of its first row.
    ///
    /// # Errors
    /// [`Error::NoRows`], those of the database.
    pub fn query_row<P: Params, T>(&mut self, values: P, map: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        let mut rows = self.query(values)?;
        let row = rows.next()?.ok_or(Error::NoRows)?;
        map(&row)
    }

    /// Values that it wants.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        match &self.0 {
            Prepared::Sqlite(statement) => statement.parameter_count(),
            #[cfg(feature = "postgres")]
            Prepared::Postgres(query) => query.parameter_count(),
        }
    }
}

/// The rows of a query.
#[must_use = "rows are read one by one"]
pub struct Rows<'s>(Source<'s>);

enum Source<'s> {
    Sqlite(rusqlite::Rows<'s>),
    #[cfg(feature = "postgres")]
    Postgres(Vec<postgres::Row>, usize),
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows<'_> {
    /// The next row.
    ///
    /// # Errors
    /// Those of the database.
    #[expect(clippy::should_implement_trait, reason = "a row is borrowed from its rows, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        match &mut self.0 {
            Source::Sqlite(rows) => Ok(rows.next()?.map(|row| Row(Line::Sqlite(row)))),
            #[cfg(feature = "postgres")]
            Source::Postgres(rows, place) => {
                let row = rows.get(*place);
                *place += 1;
                Ok(row.map(|row| Row(Line::Postgres(row))))
            }
        }
    }
}

/// The rows of a query, each made into something.
#[derive(Debug)]
pub struct Mapped<'s, F> {
    rows: Rows<'s>,
    map: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for Mapped<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let row = self.rows.next().transpose()?;
        Some(row.and_then(|row| (self.map)(&row)))
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a>(Line<'a>);

#[derive(Clone, Copy)]
enum Line<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    #[cfg(feature = "postgres")]
    Postgres(&'a postgres::Row),
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

impl Row<'_> {
    /// What a column holds, counted from 0.
    ///
    /// # Errors
    /// [`Error::Column`]: something of another kind.
    pub fn get<T: FromSql>(&self, column: usize) -> Result<T> {
        T::from_value(self.get_ref(column)?).map_err(|reason| Error::Column { column, reason })
    }

    /// The same, borrowed.
    ///
    /// # Errors
    /// There is no such column; its text is none.
    pub fn get_ref(&self, column: usize) -> Result<Value<'_>> {
        use rusqlite::types::ValueRef;
        match self.0 {
            Line::Sqlite(row) => Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Real(number) => Value::Real(number),
                ValueRef::Text(text) => match str::from_utf8(text) {
                    Ok(text) => Value::Text(text),
                    Err(_) => {
                        let reason = WrongKind { wanted: "text", found: "text that is not UTF-8" };
                        return Err(Error::Column { column, reason });
                    }
                },
                ValueRef::Blob(bytes) => Value::Blob(bytes),
            }),
            #[cfg(feature = "postgres")]
            Line::Postgres(row) => Ok(postgres::value(row, column)?),
        }
    }
}
