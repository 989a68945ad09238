//! What differs between the databases: connecting, beginning a transaction, locking, error texts.

use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncConnection, SimpleAsyncConnection, TransactionManager};

use super::{Db, Result, on};

/// SQLite behind diesel-async's interface, run on the calling thread.
///
/// A read takes 16 µs there against 28-80 µs on another thread, and the stock runner panics on actix workers
/// when a request is dropped.
#[cfg(feature = "sqlite")]
pub(super) type SqliteConn =
    diesel_async::sync_connection_wrapper::SyncConnectionWrapper<diesel::SqliteConnection, Inline>;

/// Runs "blocking" work where it is called.
#[cfg(feature = "sqlite")]
pub struct Inline;

#[cfg(feature = "sqlite")]
impl diesel_async::sync_connection_wrapper::SpawnBlocking for Inline {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> futures_util::future::BoxFuture<
        'a,
        std::result::Result<R, Box<dyn std::error::Error + Send + Sync + 'static>>,
    >
    where
        R: Send + 'static,
    {
        Box::pin(std::future::ready(Ok(task())))
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Settings of every SQLite connection. `synchronous=FULL`: an acknowledged write survives a power cut.
#[cfg(feature = "sqlite")]
pub(super) const SQLITE_SETUP: &str = "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; \
     PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";

#[cfg(feature = "sqlite")]
pub(super) async fn connect_sqlite(path: &str) -> diesel::ConnectionResult<SqliteConn> {
    let mut conn = SqliteConn::establish(path).await?;
    conn.batch_execute(SQLITE_SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

#[cfg(feature = "postgres")]
pub(super) async fn connect_postgres(
    url: &str,
    query_timeout: Duration,
) -> diesel::ConnectionResult<diesel_async::AsyncPgConnection> {
    let mut conn = diesel_async::AsyncPgConnection::establish(url).await?;
    let millis = query_timeout.as_millis();
    conn.batch_execute(&format!("SET statement_timeout = {millis}; SET application_name = 'auth-server'"))
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// Whether a database's error text says that it cannot serve now (shutting down, starting, disk full).
pub(super) fn is_unavailable(message: &str) -> bool {
    const TEXTS: [&str; 7] = [
        "terminating connection",
        "the database system is",
        "connection closed",
        "statement timeout",
        "too many connections",
        "database is locked",
        "database or disk is full",
    ];
    TEXTS.iter().any(|text| message.contains(text))
}

/// Begins a transaction. SQLite takes its write lock at once: a deferred transaction that is upgraded
/// later fails with "database is locked" whatever the busy time-out says.
pub(super) async fn begin(db: &mut Db) -> Result<()> {
    match db {
        #[cfg(feature = "sqlite")]
        Db::Sqlite(conn) => {
            use diesel::connection::AnsiTransactionManager;
            conn.spawn_blocking(|conn| {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            })
            .await?;
        }
        #[cfg(feature = "postgres")]
        Db::Postgres(conn) => Tm::begin(&mut **conn).await?,
    }
    Ok(())
}

pub(super) async fn commit(db: &mut Db) -> Result<()> {
    Ok(on!(db, |conn| Tm::commit(conn).await)?)
}

pub(super) async fn rollback(db: &mut Db) -> Result<()> {
    Ok(on!(db, |conn| Tm::rollback(conn).await)?)
}

impl Db {
    /// Inside a transaction: until its end no other server writes signing keys. SQLite's transactions
    /// exclude other writers already.
    pub(crate) async fn lock_signing_keys(&mut self) -> Result<()> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                Ok(conn.batch_execute("LOCK TABLE \"jwks\" IN SHARE ROW EXCLUSIVE MODE").await?)
            }
        }
    }
}

/// The transaction manager of a connection type, by name.
struct Tm;

impl Tm {
    async fn begin<C: AsyncConnection>(conn: &mut C) -> diesel::QueryResult<()> {
        C::TransactionManager::begin_transaction(conn).await
    }

    async fn commit<C: AsyncConnection>(conn: &mut C) -> diesel::QueryResult<()> {
        C::TransactionManager::commit_transaction(conn).await
    }

    async fn rollback<C: AsyncConnection>(conn: &mut C) -> diesel::QueryResult<()> {
        C::TransactionManager::rollback_transaction(conn).await
    }
}
