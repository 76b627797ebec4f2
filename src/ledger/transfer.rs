//! A ledger moved from one place to another, from either database to either.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Fault, JobError as _, LedgerError};
use super::open::{self, Ownership};
use super::place::Place;
use super::schema::{self, Schema};
use super::sql::{self, Connection, Owned, Row};

/// Rows that are under way at once; the largest of them have some hundred kB.
const AT_ONCE: usize = 500;

/// A table that was moved.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Moved {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// Copies a ledger to an empty place, in one transaction; `known` are the kinds of work that it may hold. Nobody may be writing
/// it meanwhile; it stays as it is. Blocks.
///
/// # Errors
/// [`LedgerError::InUse`] at either end, [`LedgerError::NotEmpty`]; those of both databases.
pub fn transfer(from: &Place, to: &Place, known: &[Schema]) -> Result<Vec<Moved>, LedgerError> {
    if let Some(path) = from.file().filter(|path| !path.exists()) {
        return Err(LedgerError::File { path: path.to_path_buf(), reason: "there is no such file".to_owned() });
    }
    let held = schema::held(from, &open::readable(from, &[])?, known)?;
    // Held as a validator would hold it, and brought up to date.
    let (source, _lock) = open::writable(from, &held, &Ownership::Alone)?;
    copy(from, &source, to, &held)
}

/// Copies what `source` shows in one moment.
pub(super) fn copy(from: &Place, source: &Connection, to: &Place, kinds: &[Schema]) -> Result<Vec<Moved>, LedgerError> {
    let (mut target, _lock) = open::writable(to, kinds, &Ownership::Alone)?;
    let tables = schema::tables(kinds);
    let filled = || -> Result<Option<&String>, Fault> {
        for table in &tables {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
            if target.query_row(&sql, [], |row| row.get(0))? {
                return Ok(Some(table));
            }
        }
        Ok(None)
    };
    if let Some(table) = filled().map_err(|fault| fault.at(to))? {
        return Err(LedgerError::NotEmpty { place: to.clone(), table: table.clone() });
    }
    let snapshot = source.snapshot().map_err(|e| Fault::from(e).at(from))?;
    let writing = target.transaction().map_err(|e| Fault::from(e).at(to))?;
    let mut moved = Vec::with_capacity(tables.len());
    for table in tables {
        let columns = columns(&snapshot, &table).map_err(|fault| fault.at(from))?;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut rows = 0;
        each_part(&snapshot, &table, &columns, |part| {
            rows += part.len() as u64;
            writing.fill(&table, &columns, part)
        })
        // Of the two ends, the error does not say which; the way to the target is the longer one.
        .map_err(|fault| fault.at(to))?;
        if writing.is_postgres() {
            number_on(&writing, &table).map_err(|fault| fault.at(to))?;
        }
        moved.push(Moved { table, rows });
    }
    writing.commit().map_err(|e| Fault::from(e).at(to))?;
    Ok(moved)
}

/// The columns of a table, by name: a row's own number is one where the table has no key.
fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, Fault> {
    let sql = if connection.is_postgres() {
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?1"
    } else {
        "SELECT name FROM pragma_table_info(?1)
         UNION ALL SELECT 'rowid' WHERE NOT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE pk > 0)"
    };
    let mut query = connection.prepare_cached(sql)?;
    let mut found: Vec<String> = query.query_map([table], |row| row.get(0))?.collect::<sql::Result<_>>()?;
    found.sort_unstable();
    Ok(found)
}

fn each_part(
    connection: &Connection,
    table: &str,
    columns: &[&str],
    mut job: impl FnMut(&[Vec<Owned>]) -> sql::Result<()>,
) -> Result<(), Fault> {
    let row = |row: &Row<'_>| (0..columns.len()).map(|place| row.get_ref(place).map(Owned::from)).collect();
    let select = format!("SELECT {} FROM {table}", columns.join(", "));
    if connection.is_postgres() {
        // The server keeps the place; what is read at once stays small.
        connection.execute(&format!("DECLARE all_of_{table} NO SCROLL CURSOR FOR {select}"), [])?;
        let mut fetch = connection.prepare_cached(&format!("FETCH {AT_ONCE} FROM all_of_{table}"))?;
        loop {
            let part: Vec<Vec<Owned>> = fetch.query_map([], row)?.collect::<sql::Result<_>>()?;
            if part.is_empty() {
                return Ok(());
            }
            job(&part)?;
        }
    }
    let mut query = connection.prepare_cached(&select)?;
    let mut rows = query.query_map([], row)?;
    loop {
        let part: Vec<Vec<Owned>> = rows.by_ref().take(AT_ONCE).collect::<sql::Result<_>>()?;
        if part.is_empty() {
            return Ok(());
        }
        job(&part)?;
    }
}

/// Makes PostgreSQL count on from the rows that came with numbers of their own.
fn number_on(connection: &Connection, table: &str) -> Result<(), Fault> {
    let sql = "SELECT column_name FROM information_schema.columns
               WHERE table_schema = current_schema() AND table_name = ?1 AND is_identity = 'YES'";
    let mut query = connection.prepare_cached(sql)?;
    let counted: Vec<String> = query.query_map([table], |row| row.get(0))?.collect::<sql::Result<_>>()?;
    for column in counted {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence(quote_ident(current_schema()) || '.{table}', '{column}'),
                           COALESCE(MAX({column}), 0) + 1, false) FROM {table}"
        );
        connection.query_row(&sql, [], |_| Ok(()))?;
    }
    Ok(())
}
