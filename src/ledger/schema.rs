//! Numbered migrations: those of the core, and those of each kind of work.

use super::error::{LedgerError, explain};
use super::place::Place;
use super::sql::{self, Connection, Error, OptionalExtension, Transaction, params};

/// The tables of a kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Whose tables these are; names the kind for ever.
    pub kind: &'static str,
    /// SQL that brings a ledger from version n to n + 1; never changed once shipped, only added to. Tables belong to
    /// one kind, so their names must not meet those of another.
    pub migrations: &'static [&'static str],
}

impl Schema {
    /// The version that the migrations lead to.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.migrations.len() as u32
    }
}

/// What every ledger has.
pub(super) const CORE: Schema = Schema {
    kind: "core",
    migrations: &[
        include_str!("migrations/0001.sql"),
        include_str!("migrations/0002.sql"),
        include_str!("migrations/0003.sql"),
    ],
};

/// `user_version` of a file that keeps a version for each kind; a database keeps it beside them.
const FORMAT: u32 = 4;

/// Before there were kinds, files had one list of migrations, which knew events only. By `user_version`: what it stands
/// for today, as versions of the core and of that kind.
const BEFORE_KINDS: [(u32, u32); 3] = [(1, 1), (1, 2), (2, 3)];
const ONLY_KIND: &str = "events";

fn version_of(connection: &Connection, kind: &str) -> sql::Result<u32> {
    let mut query = connection.prepare_cached("SELECT version FROM schema_versions WHERE kind = ?1")?;
    Ok(query.query_row([kind], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn set_version(connection: &Connection, kind: &str, version: u32) -> sql::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO schema_versions (kind, version) VALUES (?1, ?2)
             ON CONFLICT (kind) DO UPDATE SET version = excluded.version",
        )?
        .execute(params![kind, version])?;
    Ok(())
}

/// The row of the format among the versions of a database.
const WHOLE: &str = "ledger";

fn format_of(connection: &Connection) -> sql::Result<u32> {
    match connection.sqlite() {
        Some(file) => Ok(file.pragma_query_value(None, "user_version", |row| row.get(0))?),
        None if connection.has_table("schema_versions")? => version_of(connection, WHOLE),
        None => Ok(0),
    }
}

fn set_format(connection: &Connection) -> sql::Result<()> {
    match connection.sqlite() {
        Some(file) => Ok(file.pragma_update(None, "user_version", FORMAT)?),
        None => set_version(connection, WHOLE, FORMAT),
    }
}

/// A new file, or one of before there were kinds, gets the table of versions.
fn keep_versions(transaction: &Transaction<'_>, found: u32) -> sql::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE schema_versions (kind TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
    )?;
    let before = usize::try_from(found).ok().and_then(|n| BEFORE_KINDS.get(n.checked_sub(1)?));
    if let Some((core, events)) = before {
        set_version(transaction, CORE.kind, *core)?;
        set_version(transaction, ONLY_KIND, *events)?;
    }
    set_format(transaction)
}

/// Brings the tables of the core and of `kinds` to the versions known here, all at once or not at all.
/// `fence` has the last word.
pub(super) fn migrate(
    place: &Place,
    connection: &mut Connection,
    kinds: &[Schema],
    fence: impl FnOnce(&Transaction<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let named = |error: Error| explain(place, &error);
    let transaction = connection.transaction().map_err(named)?;
    let format = format_of(&transaction).map_err(named)?;
    if format > FORMAT {
        return Err(too_new(place, "ledger", format, FORMAT));
    }
    if format < FORMAT {
        keep_versions(&transaction, format).map_err(named)?;
    }
    for schema in std::iter::once(&CORE).chain(kinds) {
        let done = version_of(&transaction, schema.kind).map_err(named)?;
        if done > schema.version() {
            return Err(too_new(place, schema.kind, done, schema.version()));
        }
        for sql in schema.migrations.iter().skip(done as usize) {
            transaction.execute_batch(sql).map_err(named)?;
        }
        set_version(&transaction, schema.kind, schema.version()).map_err(named)?;
    }
    fence(&transaction)?;
    transaction.commit().map_err(named)
}

/// Refuses a file whose tables are not those known here; nothing is changed.
pub(super) fn check(place: &Place, connection: &Connection, kinds: &[Schema]) -> Result<(), LedgerError> {
    let named = |error: Error| explain(place, &error);
    let too_old =
        |kind: &str, found, known| LedgerError::TooOld { place: place.clone(), kind: kind.to_owned(), found, known };
    match format_of(connection).map_err(named)? {
        0 => {
            let reason = "it has no tables of a ledger".into();
            return Err(LedgerError::Corrupt { place: place.clone(), reason });
        }
        FORMAT => {}
        newer if newer > FORMAT => return Err(too_new(place, "ledger", newer, FORMAT)),
        older => return Err(too_old("ledger", older, FORMAT)),
    }
    for schema in std::iter::once(&CORE).chain(kinds) {
        match version_of(connection, schema.kind).map_err(named)? {
            0 => return Err(other_kind(place, connection, schema.kind).unwrap_or_else(named)),
            newer if newer > schema.version() => return Err(too_new(place, schema.kind, newer, schema.version())),
            older if older < schema.version() => return Err(too_old(schema.kind, older, schema.version())),
            _ => {}
        }
    }
    Ok(())
}

/// Those of `known` that a ledger holds.
pub(super) fn held(place: &Place, connection: &Connection, known: &[Schema]) -> Result<Vec<Schema>, LedgerError> {
    let mut held = Vec::new();
    for schema in known {
        if version_of(connection, schema.kind).map_err(|error| explain(place, &error))? > 0 {
            held.push(*schema);
        }
    }
    Ok(held)
}

/// The tables that the migrations of the core and of `kinds` lead to, each behind those that it refers to.
pub(super) fn tables(kinds: &[Schema]) -> Vec<String> {
    let mut tables: Vec<String> = Vec::new();
    let migrations = std::iter::once(&CORE).chain(kinds).flat_map(|schema| schema.migrations);
    let code = |line: &'static str| line.split_once("--").map_or(line, |(code, _)| code);
    let name = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    for sql in migrations {
        let plain: String = sql.lines().map(code).flat_map(|line| [line, " "]).collect();
        for statement in plain.split(';').map(str::trim) {
            if let Some(made) = statement.strip_prefix("CREATE TABLE ") {
                tables.extend(name(made));
            } else if let Some(gone) = statement.strip_prefix("DROP TABLE ").and_then(name) {
                tables.retain(|table| *table != gone);
            }
        }
    }
    tables
}

fn too_new(place: &Place, kind: &str, found: u32, known: u32) -> LedgerError {
    LedgerError::TooNew { place: place.clone(), kind: kind.to_owned(), found, known }
}

fn other_kind(place: &Place, connection: &Connection, wanted: &str) -> sql::Result<LedgerError> {
    let mut query =
        connection.prepare_cached("SELECT kind FROM schema_versions WHERE kind <> ?1 AND kind <> ?2 ORDER BY kind")?;
    let holds: Vec<String> = query.query_map([CORE.kind, WHOLE], |row| row.get(0))?.collect::<sql::Result<_>>()?;
    let holds = if holds.is_empty() { "no kind of work".to_owned() } else { holds.join(", ") };
    Ok(LedgerError::OtherKind { place: place.clone(), wanted: wanted.to_owned(), holds })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAIN: Schema = Schema { kind: "rain", migrations: &["CREATE TABLE rain (mm REAL)"] };
    const LONGER: Schema =
        Schema { kind: "rain", migrations: &["CREATE TABLE rain (mm REAL)", "ALTER TABLE rain ADD COLUMN at INTEGER"] };
    const SNOW: Schema = Schema { kind: "snow", migrations: &["CREATE TABLE snow (cm REAL)"] };

    fn migrated(kinds: &[Schema]) -> Connection {
        let mut connection = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        migrate(&"x".into(), &mut connection, kinds, |_| Ok(())).unwrap();
        connection
    }

    #[test]
    fn each_kind_has_its_own_version_and_nobody_elses_tables_are_touched() {
        let mut connection = migrated(&[RAIN]);
        connection.execute("INSERT INTO rain (mm) VALUES (1.5)", []).unwrap();
        migrate(&"x".into(), &mut connection, &[SNOW], |_| Ok(())).unwrap();
        assert_eq!(version_of(&connection, "rain").unwrap(), 1);
        migrate(&"x".into(), &mut connection, &[LONGER], |_| Ok(())).unwrap();
        assert_eq!(version_of(&connection, "rain").unwrap(), 2);
        let (mm, at): (f64, Option<i64>) =
            connection.query_row("SELECT mm, at FROM rain", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!((mm, at), (1.5, None));
        let newer = migrate(&"x".into(), &mut connection, &[RAIN], |_| Ok(())).unwrap_err();
        assert!(matches!(newer, LedgerError::TooNew { found: 2, known: 1, .. }), "{newer}");
    }

    #[test]
    fn a_reader_says_what_a_file_is_instead() {
        let told = |kinds: &[Schema]| check(&"x".into(), &migrated(&[RAIN]), kinds).map_err(|e| e.to_string());
        assert_eq!(told(&[RAIN]), Ok(()));
        let other = told(&[SNOW]).unwrap_err();
        assert!(other.contains("snow") && other.contains("rain"), "{other}");
        assert!(told(&[LONGER]).unwrap_err().contains("older"));
        let empty = check(&"x".into(), &rusqlite::Connection::open_in_memory().unwrap().into(), &[RAIN]).unwrap_err();
        assert!(matches!(empty, LedgerError::Corrupt { .. }), "{empty}");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let mut connection = migrated(&[RAIN]);
        let broken =
            Schema { kind: "snow", migrations: &["CREATE TABLE snow (cm REAL)", "CREATE TABLE rain (mm REAL)"] };
        migrate(&"x".into(), &mut connection, &[broken], |_| Ok(())).unwrap_err();
        assert_eq!(version_of(&connection, "snow").unwrap(), 0);
        assert!(connection.prepare_cached("SELECT cm FROM snow").is_err());
    }
}
