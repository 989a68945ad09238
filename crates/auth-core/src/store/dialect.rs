//! What differs between the databases: beginning a transaction, locking, error texts.

use diesel_async::{AsyncConnection, SimpleAsyncConnection, TransactionManager};

#[cfg(feature = "mysql")]
use diesel::dsl::sql;
#[cfg(feature = "mysql")]
use diesel::sql_types::{Integer, Nullable};
#[cfg(feature = "mysql")]
use diesel_async::pooled_connection::bb8::PooledConnection;
#[cfg(feature = "mysql")]
use diesel_async::{AsyncMysqlConnection, RunQueryDsl};

#[cfg(feature = "mysql")]
use super::StoreError;
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

/// Settings of a connection that only looks.
#[cfg(feature = "sqlite")]
pub(super) const SQLITE_READ_ONLY: &str = "PRAGMA busy_timeout=5000; PRAGMA query_only=ON;";

/// Whether a database's error text says that it cannot serve now: shutting down, starting, disk full, or a
/// transaction that has to be tried again.
pub(super) fn is_unavailable(message: &str) -> bool {
    const TEXTS: [&str; 19] = [
        // PostgreSQL
        "terminating connection",
        "the database system is",
        "connection closed",
        "statement timeout",
        "too many connections",
        "deadlock detected",
        "could not serialize access",
        // SQLite
        "database is locked",
        "database or disk is full",
        // MySQL and its driver
        "Too many connections",
        "Deadlock found",
        "Lock wait timeout exceeded",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
        "Server shutdown in progress",
        "Connection was killed",
        "Connection to the server is closed",
        "Input/output error",
        "server is running with the --read-only",
    ];
    TEXTS.iter().any(|text| message.contains(text))
}

/// Whether a database's error text says that a column cannot hold a value: too long, too large, of another type, or
/// letters that the column's character set lacks.
pub(super) fn does_not_fit(message: &str) -> bool {
    const TEXTS: [&str; 9] = [
        // PostgreSQL
        "out of range",
        "invalid input syntax for type",
        "value too long",
        // MySQL
        "Data too long for column",
        "Data truncated for column",
        "Incorrect string value",
        "Incorrect integer value",
        "Incorrect datetime value",
        "Out of range value",
    ];
    TEXTS.iter().any(|text| message.contains(text))
}

/// A MySQL connection, and whether it holds the lock of [`Db::lock_signing_keys`]: unlike a table's lock, that
/// one does not end with the transaction.
#[cfg(feature = "mysql")]
pub struct MysqlConn {
    conn: PooledConnection<'static, AsyncMysqlConnection>,
    is_locked: bool,
}

#[cfg(feature = "mysql")]
impl MysqlConn {
    pub(super) fn new(conn: PooledConnection<'static, AsyncMysqlConnection>) -> Self {
        Self { conn, is_locked: false }
    }

    async fn unlock(&mut self) -> Result<()> {
        if std::mem::take(&mut self.is_locked) {
            self.conn.batch_execute("DO RELEASE_ALL_LOCKS()").await?;
        }
        Ok(())
    }
}

#[cfg(feature = "mysql")]
impl std::ops::Deref for MysqlConn {
    type Target = AsyncMysqlConnection;

    fn deref(&self) -> &AsyncMysqlConnection {
        &self.conn
    }
}

#[cfg(feature = "mysql")]
impl std::ops::DerefMut for MysqlConn {
    fn deref_mut(&mut self) -> &mut AsyncMysqlConnection {
        &mut self.conn
    }
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
        #[cfg(feature = "mysql")]
        Db::Mysql(conn) => Tm::begin(&mut **conn).await?,
    }
    Ok(())
}

pub(super) async fn commit(db: &mut Db) -> Result<()> {
    on!(db, |conn| Tm::commit(conn).await)?;
    unlock(db).await
}

pub(super) async fn rollback(db: &mut Db) -> Result<()> {
    on!(db, |conn| Tm::rollback(conn).await)?;
    unlock(db).await
}

async fn unlock(db: &mut Db) -> Result<()> {
    match db {
        #[cfg(feature = "mysql")]
        Db::Mysql(conn) => conn.unlock().await,
        _ => Ok(()),
    }
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
            // A table's lock would end the transaction here.
            #[cfg(feature = "mysql")]
            Self::Mysql(conn) => {
                let lock = sql::<Nullable<Integer>>(
                    "GET_LOCK(CONCAT('auth-server keys ', LEFT(DATABASE(), 40)), 10)",
                );
                let got: Option<i32> = diesel::select(lock).get_result(&mut **conn).await?;
                if got != Some(1) {
                    return Err(StoreError::Unavailable("another server holds the signing keys".to_owned()));
                }
                conn.is_locked = true;
                Ok(())
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

/// Whether diesel's table of applied migrations is there.
#[cfg(feature = "mysql")]
pub(super) async fn mysql_has_migrations(conn: &mut AsyncMysqlConnection) -> diesel::QueryResult<bool> {
    let found = sql::<diesel::sql_types::BigInt>(
        "(SELECT COUNT(*) FROM information_schema.tables \
          WHERE table_schema = DATABASE() AND table_name = '__diesel_schema_migrations')",
    );
    Ok(diesel::select(found).get_result::<i64>(conn).await? > 0)
}
