//! Values as PostgreSQL has them, in its binary form: a double arrives as the eight bytes that it is.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::error::PostgresError;
use crate::ledger::sql::{Owned, Value};

/// What a value is, as far as a statement's plan cares.
pub(super) type Kind = u8;

pub(super) const fn kind(value: &Owned) -> Kind {
    match value {
        Owned::Null => 0,
        Owned::Int(_) => 1,
        Owned::Real(_) => 2,
        Owned::Text(_) => 3,
        Owned::Blob(_) => 4,
    }
}

/// The type of a value for the server; what is nothing takes the type of its place.
pub(super) const fn type_of(value: &Owned) -> Type {
    match value {
        Owned::Null => Type::UNKNOWN,
        Owned::Int(_) => Type::INT8,
        Owned::Real(_) => Type::FLOAT8,
        Owned::Text(_) => Type::TEXT,
        Owned::Blob(_) => Type::BYTEA,
    }
}

/// Bytes that a value takes, about.
pub(super) const fn weight(value: &Owned) -> usize {
    match value {
        Owned::Text(text) => text.len(),
        Owned::Blob(bytes) => bytes.len(),
        _ => 8,
    }
}

impl ToSql for Owned {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            // A column of doubles takes a whole number as well, as SQLite's do.
            Self::Int(number) if *of == Type::FLOAT8 => out.put_f64(*number as f64),
            Self::Int(number) => out.put_i64(*number),
            Self::Real(number) => out.put_f64(*number),
            // A character that PostgreSQL has no text for; what a stranger says must not stop a tick.
            Self::Text(text) if text.contains('\0') => out.put_slice(text.replace('\0', "\u{fffd}").as_bytes()),
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Blob(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    /// The types are those of the values: the statement was prepared with them.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What a column of a row holds.
pub(in crate::ledger) fn value(row: &Row, column: usize) -> Result<Value<'_>, PostgresError> {
    let missing = || PostgresError::Column(format!("there is no column {column}"));
    let kind = row.columns().get(column).ok_or_else(missing)?.type_();
    let unread = |error: tokio_postgres::Error| PostgresError::Column(format!("column {column}: {error}"));
    let found = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(column).map_err(unread)?.map(Value::Int),
        Type::INT4 => row.try_get::<_, Option<i32>>(column).map_err(unread)?.map(|n| Value::Int(n.into())),
        Type::BOOL => row.try_get::<_, Option<bool>>(column).map_err(unread)?.map(|b| Value::Int(b.into())),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(column).map_err(unread)?.map(Value::Real),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(column).map_err(unread)?.map(Value::Blob),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => {
            row.try_get::<_, Option<&str>>(column).map_err(unread)?.map(Value::Text)
        }
        ref other => {
            return Err(PostgresError::Column(format!("column {column} is of type {other}, which no ledger has")));
        }
    };
    Ok(found.unwrap_or(Value::Null))
}
