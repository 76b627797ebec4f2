//! A connection that stands, with the statements that the server knows.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::dialect;
use super::error::PostgresError;
use super::tls::Tls;
use super::value::{Kind, kind, type_of};
use crate::ledger::place::{Address, Encryption};
use crate::ledger::sql::Owned;

/// How long is waited for what, s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a server to let us in.
    pub(super) connect_s: u64,
    /// For a statement: the server ends it, and this end gives up a little later.
    pub(super) statement_s: u64,
    /// For the next statement in an open transaction: the server ends the session, and its locks with it.
    pub(super) idle_s: u64,
}

/// A server that is not heard of for so long is gone, whatever it still owes.
const NEWS: Duration = Duration::from_secs(10);
/// How much longer this end waits for an answer than the server works at it.
const ON_THE_WAY: Duration = Duration::from_secs(2);
/// Statements that the server keeps for a connection.
const KEPT: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    client: Client,
    statements: HashMap<(Arc<str>, Box<[Kind]>), Statement>,
    answer: Duration,
    /// Taken when it is dropped: that must not wait where somebody else's futures run.
    runtime: Option<Runtime>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs a future on `runtime`, wherever this is called.
fn wait<T: Send>(runtime: &Runtime, future: impl Future<Output = T> + Send) -> T {
    if Handle::try_current().is_err() {
        return runtime.block_on(future);
    }
    // A thread of another runtime's must not run a second one.
    let ended = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join());
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Begins all in their order, then waits for each.
async fn in_order<T, E, F: Future<Output = Result<T, E>>>(futures: Vec<F>) -> Result<Vec<T>, E> {
    let mut begun = Vec::with_capacity(futures.len());
    for future in futures {
        let mut future = Box::pin(future);
        let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        begun.push((future, first));
    }
    let mut ended = Vec::with_capacity(begun.len());
    for (future, first) in begun {
        ended.push(match first {
            Poll::Ready(done) => done?,
            Poll::Pending => future.await?,
        });
    }
    Ok(ended)
}

async fn connected(config: &Config, address: &Address) -> Result<Client, PostgresError> {
    match address.encryption() {
        Encryption::Off => {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
        Encryption::Offered | Encryption::Required => {
            let tls = Tls::new(address.roots()).map_err(PostgresError::Refused)?;
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
    }
}

impl Live {
    /// Connects and speaks to nobody else's schema.
    pub(super) fn dial(address: &Address, patience: Patience) -> Result<Self, PostgresError> {
        let mut config: Config =
            address.url().parse().map_err(|e: tokio_postgres::Error| PostgresError::Refused(e.to_string()))?;
        if let Some(password) = address.password().filter(|_| config.get_password().is_none()) {
            config.password(password);
        }
        let Patience { connect_s, statement_s, idle_s } = patience;
        let connect = Duration::from_secs(connect_s);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect);
        }
        config.application_name("neuron").keepalives_idle(NEWS).tcp_user_timeout(NEWS).ssl_mode(
            match address.encryption() {
                Encryption::Off => SslMode::Disable,
                Encryption::Offered => SslMode::Prefer,
                Encryption::Required => SslMode::Require,
            },
        );
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| PostgresError::Away(format!("no room for a connection: {e}")))?;
        let tried = wait(&runtime, async { tokio::time::timeout(2 * connect, connected(&config, address)).await });
        let client =
            tried.unwrap_or_else(|_| Err(PostgresError::Away("the server does not let us in in time".into())))?;
        let mut live = Self {
            client,
            statements: HashMap::new(),
            answer: Duration::from_secs(statement_s) + ON_THE_WAY,
            runtime: Some(runtime),
        };
        // Whoever holds rows locked and says nothing is cut off, by whichever end notices first.
        live.batch(&format!(
            "SET search_path TO {schema}; SET statement_timeout = '{statement_s}s'; SET lock_timeout = '10s';
             SET idle_in_transaction_session_timeout = '{idle_s}s'; SET client_min_messages = warning;
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;",
            schema = address.quoted_schema()
        ))?;
        // A commit is on disk before it is reported, whatever the server does by default.
        live.batch(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        )?;
        Ok(live)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits for an answer, but not for ever.
    fn answer<T: Send>(
        &self,
        future: impl Future<Output = Result<T, tokio_postgres::Error>> + Send,
    ) -> Result<T, PostgresError> {
        let late = || PostgresError::Away(format!("no answer within {} s", self.answer.as_secs()));
        let Some(runtime) = &self.runtime else { return Err(late()) };
        let ended = wait(runtime, async { tokio::time::timeout(self.answer, future).await });
        Ok(ended.map_err(|_| late())??)
    }

    /// Statements in the server's own words.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), PostgresError> {
        self.answer(self.client.batch_execute(sql))
    }

    /// A statement for values of these types.
    fn prepared(&mut self, sql: &Arc<str>, values: &[Owned]) -> Result<Statement, PostgresError> {
        let key = (Arc::clone(sql), values.iter().map(kind).collect());
        if let Some(known) = self.statements.get(&key) {
            return Ok(known.clone());
        }
        if self.statements.len() >= KEPT {
            self.statements.clear();
        }
        let types: Vec<_> = values.iter().map(type_of).collect();
        let text = dialect::statement(sql);
        let statement = self.answer(self.client.prepare_typed(&text, &types))?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Sends statements one behind the other without waiting between them, then waits for all: a way of a millisecond costs one
    /// and not a thousand. How many rows each touched; the first that fails ends it.
    pub(super) fn run(&mut self, sent: &[(Arc<str>, Vec<Owned>)]) -> Result<Vec<u64>, PostgresError> {
        let mut ready = Vec::with_capacity(sent.len());
        for (sql, values) in sent {
            ready.push((self.prepared(sql, values)?, values));
        }
        let client = &self.client;
        let all = ready.iter().map(|(statement, values)| client.execute_raw(statement, values.iter()));
        self.answer(in_order(all.collect()))
    }

    /// The rows of one query for each of several sets of values, asked without waiting between them.
    pub(super) fn rows_of_each(
        &mut self,
        sql: &Arc<str>,
        each: &[Vec<Owned>],
    ) -> Result<Vec<Vec<tokio_postgres::Row>>, PostgresError> {
        use futures_util::TryStreamExt as _;
        let mut ready = Vec::with_capacity(each.len());
        for values in each {
            ready.push((self.prepared(sql, values)?, values));
        }
        let client = &self.client;
        let all = ready.iter().map(|(statement, values)| async move {
            client.query_raw(statement, values.iter()).await?.try_collect().await
        });
        self.answer(in_order(all.collect()))
    }

    pub(super) fn rows(&mut self, sql: &Arc<str>, values: &[Owned]) -> Result<Vec<tokio_postgres::Row>, PostgresError> {
        use futures_util::TryStreamExt as _;
        let statement = self.prepared(sql, values)?;
        let client = &self.client;
        self.answer(async { client.query_raw(&statement, values.iter()).await?.try_collect().await })
    }

    /// Puts rows into a table by `COPY`, in the binary form.
    pub(super) fn copy(&mut self, table: &str, columns: &[&str], rows: &[Vec<Owned>]) -> Result<(), PostgresError> {
        let names = columns.join(", ");
        let types = self.types_of(table, &names)?;
        let client = &self.client;
        self.answer(async {
            let sink = client.copy_in(&format!("COPY {table} ({names}) FROM STDIN BINARY")).await?;
            let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &types));
            for row in rows {
                writer.as_mut().write_raw(row.iter()).await?;
            }
            writer.finish().await.map(|_| ())
        })
    }

    /// The types of a table's columns, asked once.
    fn types_of(&mut self, table: &str, names: &str) -> Result<Vec<Type>, PostgresError> {
        let shape = self.prepared(&format!("SELECT {names} FROM {table} LIMIT 0").into(), &[])?;
        Ok(shape.columns().iter().map(|column| column.type_().clone()).collect())
    }
}
