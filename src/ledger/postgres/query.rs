//! One statement of a session.

use std::sync::Arc;

use tokio_postgres::Row;

use super::dialect;
use super::error::PostgresError;
use super::session::Session;
use crate::ledger::sql::{Owned, Value};

/// A statement, prepared when its values are there for the first time: they say of what types it is.
#[derive(Debug)]
pub(in crate::ledger) struct Query<'c> {
    session: &'c Session,
    sql: Arc<str>,
}

impl<'c> Query<'c> {
    pub(in crate::ledger) fn new(session: &'c Session, sql: &str) -> Self {
        Self { session, sql: sql.into() }
    }

    pub(in crate::ledger) fn execute<'v>(
        &self,
        values: impl Iterator<Item = Value<'v>>,
    ) -> Result<usize, PostgresError> {
        self.session.execute(&self.sql, values.map(Owned::from).collect())
    }

    pub(in crate::ledger) fn send<'v>(&self, values: impl Iterator<Item = Value<'v>>) -> Result<(), PostgresError> {
        self.session.send(&self.sql, values.map(Owned::from).collect())
    }

    pub(in crate::ledger) fn rows<'v>(
        &self,
        values: impl Iterator<Item = Value<'v>>,
    ) -> Result<Vec<Row>, PostgresError> {
        self.session.rows(&self.sql, &values.map(Owned::from).collect::<Vec<_>>())
    }

    pub(in crate::ledger) fn rows_of_each(&self, each: Vec<Vec<Owned>>) -> Result<Vec<Vec<Row>>, PostgresError> {
        self.session.rows_of_each(&self.sql, each)
    }

    pub(in crate::ledger) fn parameter_count(&self) -> usize {
        dialect::parameter_count(&self.sql)
    }
}
