//! Storage: one concrete store, each query written once, on every database.
//!
//! [`Store`] hands out connections, [`Db`] is one connection, and the `on!` macro runs a query on whichever
//! database is behind it. Queries live in `features/*/store.rs` as methods of [`Db`]. Times are made by us, and
//! so are ids unless the database counts them (`insert_row!`): no other query needs `RETURNING`, `now()` or a
//! default. Single-use rows are guarded by the number of affected rows.

pub mod adopt;
mod catalogue;
pub(crate) mod columns;
mod connect;
mod dialect;
pub(crate) mod fields;
mod insert;
pub mod migrate;
pub(crate) mod schema;
mod tls;
pub(crate) mod types;

use std::time::Duration;

use diesel_async::pooled_connection::bb8::{Pool, PooledConnection, RunError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};

use crate::config::{DatabaseConfig, DatabaseUrl};
#[cfg(feature = "sqlite")]
use dialect::{SQLITE_READ_ONLY, SQLITE_SETUP, SqliteConn};

/// Why a query or a checkout failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection within the acquire time-out, or the database does not answer.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A unique index already holds the value.
    #[error("the row exists already ({0})")]
    Duplicate(String),
    /// A value does not fit its column: too long, too large, of another type.
    #[error("a value does not fit its column ({0})")]
    DoesNotFit(String),
    /// Any other failure of a statement.
    #[error("query failed: {0}")]
    Query(diesel::result::Error),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind as Kind;
        use diesel::result::Error as E;
        match error {
            E::DatabaseError(Kind::UniqueViolation, info) => {
                Self::Duplicate(info.constraint_name().unwrap_or("unnamed").to_owned())
            }
            E::DatabaseError(
                Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::SerializationFailure,
                info,
            ) => Self::Unavailable(info.message().to_owned()),
            E::BrokenTransactionManager => Self::Unavailable("the connection broke".to_owned()),
            E::DatabaseError(_, ref info) if dialect::is_unavailable(info.message()) => {
                Self::Unavailable(info.message().to_owned())
            }
            E::DatabaseError(_, ref info) if dialect::does_not_fit(info.message()) => {
                Self::DoesNotFit(info.message().to_owned())
            }
            other => Self::Query(other),
        }
    }
}

impl From<RunError> for StoreError {
    fn from(error: RunError) -> Self {
        Self::Unavailable(match error {
            RunError::TimedOut => "no connection became free in time".to_owned(),
            RunError::User(error) => error.to_string(),
        })
    }
}

/// What a store call answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A pool of connections to the configured database.
///
/// Each server worker makes its own (`Store::open`), so that a connection's socket, its driver task and the
/// requests that use it live on one thread.
#[derive(Clone)]
pub enum Store {
    /// SQLite, in this process.
    #[cfg(feature = "sqlite")]
    Sqlite(Pool<SqliteConn>),
    /// A PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(Pool<diesel_async::AsyncPgConnection>),
    /// A MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(Pool<diesel_async::AsyncMysqlConnection>),
}

/// One connection, in autocommit mode or inside a transaction.
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time; a box would cost an allocation a request"
)]
pub enum Db {
    /// SQLite, in this process.
    #[cfg(feature = "sqlite")]
    Sqlite(PooledConnection<'static, SqliteConn>),
    /// A PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(PooledConnection<'static, diesel_async::AsyncPgConnection>),
    /// A MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(dialect::MysqlConn),
}

/// Runs one query block on whichever database is behind `$db`.
macro_rules! on {
    ($db:expr, |$conn:ident| $query:expr) => {
        match $db {
            #[cfg(feature = "sqlite")]
            $crate::store::Db::Sqlite(c) => {
                let $conn = &mut **c;
                $query
            }
            #[cfg(feature = "postgres")]
            $crate::store::Db::Postgres(c) => {
                let $conn = &mut **c;
                $query
            }
            #[cfg(feature = "mysql")]
            $crate::store::Db::Mysql(c) => {
                let $conn = &mut **c;
                $query
            }
        }
    };
}
pub(crate) use insert::{insert_row, made_id};
pub(crate) use on;

impl Store {
    /// A pool of at most `size` connections; they are made when they are first needed, on the runtime of
    /// the caller.
    #[must_use]
    pub fn open(config: &DatabaseConfig, size: u32) -> Self {
        match &config.url {
            #[cfg(feature = "sqlite")]
            DatabaseUrl::Sqlite(path) => {
                let mut manager = manager_config::<SqliteConn>();
                manager.custom_setup = Box::new(|url| Box::pin(connect::sqlite(url, SQLITE_SETUP)));
                Self::Sqlite(pool(config, size, path.to_string_lossy().as_ref(), manager))
            }
            #[cfg(feature = "postgres")]
            DatabaseUrl::Postgres(server) => {
                let mut manager = manager_config::<diesel_async::AsyncPgConnection>();
                let (to, timeout) = (server.clone(), Some(config.query_timeout));
                manager.custom_setup = Box::new(move |_| {
                    let to = to.clone();
                    Box::pin(async move { connect::postgres(&to, timeout).await })
                });
                Self::Postgres(pool(config, size, server.expose(), manager))
            }
            #[cfg(feature = "mysql")]
            DatabaseUrl::Mysql(server) => {
                let mut manager = manager_config::<diesel_async::AsyncMysqlConnection>();
                // The driver does not tell that the server has hung up: one round trip instead of a failed request.
                manager.recycling_method = RecyclingMethod::Verified;
                let (to, timeout) = (server.clone(), Some(config.query_timeout));
                manager.custom_setup = Box::new(move |_| {
                    let to = to.clone();
                    Box::pin(async move { connect::mysql(&to, timeout).await })
                });
                Self::Mysql(pool(config, size, server.expose(), manager))
            }
        }
    }

    /// One connection that only reads. An SQLite file stays as it is, its journal mode too.
    #[must_use]
    pub fn open_to_examine(config: &DatabaseConfig) -> Self {
        match &config.url {
            #[cfg(feature = "sqlite")]
            DatabaseUrl::Sqlite(path) => {
                let mut manager = manager_config::<SqliteConn>();
                manager.custom_setup = Box::new(|url| Box::pin(connect::sqlite(url, SQLITE_READ_ONLY)));
                Self::Sqlite(pool(config, 1, path.to_string_lossy().as_ref(), manager))
            }
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            _ => Self::open(config, 1),
        }
    }

    /// One connection in autocommit mode.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when none is free within the acquire time-out.
    pub async fn db(&self) -> Result<Db> {
        Ok(match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => Db::Sqlite(pool.get_owned().await?),
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => Db::Postgres(pool.get_owned().await?),
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => Db::Mysql(dialect::MysqlConn::new(pool.get_owned().await?)),
        })
    }

    /// How often a connection was handed out so far. No query runs without one.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn checkouts(&self) -> u64 {
        let statistics = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(pool) => pool.state().statistics,
            #[cfg(feature = "postgres")]
            Self::Postgres(pool) => pool.state().statistics,
            #[cfg(feature = "mysql")]
            Self::Mysql(pool) => pool.state().statistics,
        };
        statistics.get_direct + statistics.get_waited
    }

    /// One connection inside a new transaction. Dropped without [`Db::commit`], it rolls back.
    ///
    /// Rule: await nothing but queries of this connection before the commit.
    ///
    /// # Errors
    /// As [`Store::db`].
    pub async fn begin(&self) -> Result<Db> {
        let mut db = self.db().await?;
        dialect::begin(&mut db).await?;
        Ok(db)
    }
}

impl Db {
    /// Makes the transaction's effects permanent.
    ///
    /// # Errors
    /// When the database refuses; nothing of the transaction is kept then.
    pub async fn commit(mut self) -> Result<()> {
        dialect::commit(&mut self).await
    }

    /// Takes the transaction back and keeps the connection in the pool.
    ///
    /// # Errors
    /// When the database does not answer; the connection is thrown away then, which rolls back as well.
    pub async fn rollback(mut self) -> Result<()> {
        dialect::rollback(&mut self).await
    }
}

/// Checks a pooled connection by the driver's own state: no round trip, and no failed request after the
/// database restarts.
fn manager_config<C: PoolableConnection + 'static>() -> ManagerConfig<C> {
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|conn: &mut C| {
        let broken = conn.is_broken();
        Box::pin(
            async move { if broken { Err(diesel::result::Error::BrokenTransactionManager) } else { Ok(()) } },
        )
    }));
    config
}

fn pool<C>(config: &DatabaseConfig, size: u32, url: &str, manager: ManagerConfig<C>) -> Pool<C>
where
    C: PoolableConnection + 'static,
    AsyncDieselConnectionManager<C>: bb8::ManageConnection<Connection = C>,
{
    Pool::builder()
        .max_size(size.max(1))
        .connection_timeout(config.acquire_timeout.max(Duration::from_millis(1)))
        .test_on_check_out(true)
        .build_unchecked(AsyncDieselConnectionManager::new_with_config(url, manager))
}
