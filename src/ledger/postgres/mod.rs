//! A ledger in a PostgreSQL database: one schema for each, one session that writes, some that read.
//!
//! A session belongs to a thread and waits for its answers there; under it the futures of `tokio-postgres` run on a small runtime
//! of its own. Writes whose answer nobody needs go out one behind the other.

mod away;
mod bound;
mod dialect;
mod error;
mod live;
mod pool;
mod query;
mod ready;
mod sent;
mod session;
mod tls;
mod value;

pub use error::PostgresError;
pub(super) use query::Query;
pub(super) use ready::Purpose;
pub(super) use session::Session;
pub(super) use tokio_postgres::Row;
pub(super) use value::value;
