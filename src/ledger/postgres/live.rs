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
use tokio_postgres::{Client, Config, NoTls, Row, Statement};

use super::bound::Permit;
use super::dialect;
use super::error::PostgresError;
use super::sent::{self, Answer, Asked, Sent, Table, array_of};
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
/// A commit is on disk before it is reported, whatever the server does by default. Blocks of statistics are packed by what is fast,
/// where the server has it: packing them costs more than all else of a round.
const HABITS: &str = "
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)";
/// Statements that the server keeps for a connection.
const KEPT: usize = 256;

/// A statement by its text and the kinds of its values; one that takes arrays has none.
type Key = (Arc<str>, Box<[Kind]>);

/// See the module.
#[derive(Debug)]
pub(super) struct Live {
    client: Client,
    statements: HashMap<Key, Statement>,
    answer: Duration,
    /// Taken when it is dropped: that must not wait where somebody else's futures run.
    runtime: Option<Runtime>,
    /// Its place among those that the process may have.
    _permit: Permit,
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
    pub(super) fn dial(address: &Address, patience: Patience, permit: Permit) -> Result<Self, PostgresError> {
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
            _permit: permit,
        };
        // Whoever holds rows locked and says nothing is cut off, by whichever end notices first.
        live.batch(&format!(
            "SET search_path TO {schema}; SET statement_timeout = '{statement_s}s'; SET lock_timeout = '10s';
             SET idle_in_transaction_session_timeout = '{idle_s}s'; SET client_min_messages = warning;
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;",
            schema = address.quoted_schema()
        ))?;
        live.batch(HABITS)?;
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
        let types: Vec<_> = values.iter().map(type_of).collect();
        self.prepare(key, &types)
    }

    /// Has the server prepare a statement, and keeps it.
    fn prepare(&mut self, key: Key, types: &[Type]) -> Result<Statement, PostgresError> {
        if self.statements.len() >= KEPT {
            self.statements.clear();
        }
        let text = dialect::statement(&key.0);
        let statement = self.answer(self.client.prepare_typed(&text, types))?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Sends all of it and asks all queries, one behind the other without waiting between them, then waits for all. How many rows
    /// each touched, and the rows of each query; the first that fails ends it.
    pub(super) fn run(&mut self, sent: &[Sent], asked: &[Asked]) -> Result<(Vec<u64>, Vec<Vec<Row>>), PostgresError> {
        let mut ready = Vec::with_capacity(sent.len());
        for one in sent {
            ready.push(match one {
                Sent::Words(_) => None,
                Sent::Statement((sql, values)) => Some(self.prepared(sql, values)?),
                Sent::Rows(table) => Some(self.filling(table)?),
            });
        }
        let mut queries = Vec::with_capacity(asked.len());
        for (sql, values) in asked {
            queries.push((self.prepared(sql, values)?, values));
        }
        let client = &self.client;
        let all = sent.iter().zip(&ready).map(|(one, statement)| sent::send(client, one, statement.as_ref()));
        let all = all.chain(queries.iter().map(|(statement, values)| sent::ask(client, statement, values)));
        let (mut touched, mut rows) = (Vec::with_capacity(sent.len()), Vec::with_capacity(asked.len()));
        for answer in self.answer(in_order(all.collect()))? {
            match answer {
                Answer::Touched(count) => touched.push(count),
                Answer::Rows(found) => rows.push(found),
            }
        }
        Ok((touched, rows))
    }

    /// The rows of one query.
    pub(super) fn rows(&mut self, sql: &Arc<str>, values: &[Owned]) -> Result<Vec<Row>, PostgresError> {
        let (_, mut rows) = self.run(&[], &[(Arc::clone(sql), values.to_vec())])?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// The statement that puts few rows into a table.
    fn filling(&mut self, table: &Table) -> Result<Statement, PostgresError> {
        let sql: Arc<str> = table.sql().into();
        let key = (Arc::clone(&sql), Box::default());
        if let Some(known) = self.statements.get(&key) {
            return Ok(known.clone());
        }
        let unknown = |of: &Type| PostgresError::Column(format!("{} has a column of type {of}", table.name));
        let types = self.types_of(&table.name, &table.names)?;
        let types: Vec<Type> =
            types.iter().map(|of| array_of(of).ok_or_else(|| unknown(of))).collect::<Result<_, _>>()?;
        self.prepare(key, &types)
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
