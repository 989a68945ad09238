//! The tables: embedded migrations, the same names for every database, applied at start or by `migrate`.

mod script;

use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::MigrationHarness;
use include_dir::{Dir, include_dir};

use super::catalogue::{self, Column};
use crate::config::DatabaseUrl;
use crate::id::GenerateId;
use script::{IdColumns, Scripts};

#[cfg(feature = "sqlite")]
const SQLITE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/postgres");
#[cfg(feature = "mysql")]
const MYSQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/mysql");

/// Two servers that migrate one PostgreSQL database take turns under this advisory lock.
#[cfg(feature = "postgres")]
pub(super) const LOCK: i64 = 0x6175_7468_7365_7276;

pub use super::columns::add_columns;

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database cannot be reached; worth another try.
    #[error("{0}")]
    Connect(String),
    /// The database refused a migration; another try will not help.
    #[error("migration failed: {0}")]
    Failed(String),
}

impl From<diesel::result::Error> for MigrateError {
    fn from(error: diesel::result::Error) -> Self {
        refused(&error)
    }
}

/// Only a database that is busy is worth another try; a file that is no database stays one.
fn refused(error: &dyn std::fmt::Display) -> MigrateError {
    let reason = error.to_string();
    if reason.contains("is locked") { MigrateError::Connect(reason) } else { MigrateError::Failed(reason) }
}

/// A migration that is not applied yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The migration's name, the same for every database.
    pub name: String,
    /// The SQL that it runs.
    pub sql: String,
}

/// What to do with the pending migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Run them.
    Apply,
    /// Only list them.
    DryRun,
}

/// Brings the tables of `url` up to date, or lists what that would take. Nothing is dropped or retyped.
/// Tables that are made now have ids like those that are there; in an empty database like those that `ids` makes.
/// Needs a multi-thread runtime.
///
/// # Errors
/// [`MigrateError::Connect`] when the database does not answer or is busy, [`MigrateError::Failed`] when it refuses,
/// or when it should make the ids and is empty.
pub async fn migrate(url: &DatabaseUrl, ids: GenerateId, mode: Mode) -> Result<Vec<Pending>, MigrateError> {
    match url {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => {
            use diesel::connection::SimpleConnection;
            if let (Mode::Apply, Some(folder)) = (mode, path.parent()) {
                std::fs::create_dir_all(folder)
                    .map_err(|error| MigrateError::Failed(format!("{}: {error}", folder.display())))?;
            }
            let target = match mode {
                Mode::DryRun if !path.exists() => std::path::PathBuf::from(":memory:"),
                Mode::DryRun | Mode::Apply => path.clone(),
            };
            let mut conn =
                <diesel::SqliteConnection as diesel::Connection>::establish(&target.to_string_lossy())
                    .map_err(|error| refused(&error))?;
            conn.batch_execute(super::dialect::SQLITE_SETUP).map_err(|error| refused(&error))?;
            let columns: Vec<Column> =
                diesel::RunQueryDsl::load(catalogue::columns(catalogue::SQLITE), &mut conn)?;
            let scripts = Scripts::of(&SQLITE, &IdColumns::sqlite(&columns, ids)?);
            let names = match mode {
                Mode::Apply => {
                    restrict_to_owner(path);
                    // Servers that start together take turns, and all migrations happen or none.
                    conn.immediate_transaction(|conn| run(conn, &scripts, mode))?
                }
                Mode::DryRun => {
                    // Never committed: looking makes diesel's own table.
                    conn.batch_execute("BEGIN").map_err(|error| refused(&error))?;
                    run(&mut conn, &scripts, mode)?
                }
            };
            Ok(scripts.named(names))
        }
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(server) => {
            use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
            let mut conn =
                super::connect::postgres(server, None).await.map_err(|error| unreachable_server(&error))?;
            conn.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
                .await
                .map_err(|error| MigrateError::Failed(error.to_string()))?;
            let columns: Vec<Column> =
                diesel_async::RunQueryDsl::load(catalogue::columns(catalogue::POSTGRES), &mut conn).await?;
            let scripts = Scripts::of(&POSTGRES, &IdColumns::postgres(&columns, ids)?);
            if mode == Mode::DryRun {
                // Never committed: looking makes diesel's own table.
                let begun = conn.batch_execute("BEGIN").await;
                begun.map_err(|error| MigrateError::Failed(error.to_string()))?;
            }
            // The lock ends with the connection.
            let mut harness = AsyncMigrationHarness::new(conn);
            let names = run(&mut harness, &scripts, mode)?;
            Ok(scripts.named(names))
        }
        #[cfg(feature = "mysql")]
        DatabaseUrl::Mysql(server) => {
            use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
            let mut conn =
                super::connect::mysql(server, None).await.map_err(|error| unreachable_server(&error))?;
            // Ends with the connection.
            conn.batch_execute("DO GET_LOCK(CONCAT('auth-server migrate ', LEFT(DATABASE(), 40)), 60)")
                .await?;
            let columns: Vec<Column> =
                diesel_async::RunQueryDsl::load(catalogue::columns(catalogue::MYSQL), &mut conn).await?;
            let scripts = Scripts::of(&MYSQL, &IdColumns::mysql(&columns, ids)?);
            // A change of tables cannot be taken back here: looking must not make diesel's own table.
            let names = if mode == Mode::DryRun && !super::dialect::mysql_has_migrations(&mut conn).await? {
                scripts.names()
            } else {
                run(&mut AsyncMigrationHarness::new(conn), &scripts, mode)?
            };
            Ok(scripts.named(names))
        }
    }
}

/// A certificate that is not trusted and a file that is not there stay so; a server may still come up.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn unreachable_server(error: &diesel::ConnectionError) -> MigrateError {
    let reason = error.to_string();
    let is_final = reason.contains("invalid peer certificate") || reason.contains("certificate to trust");
    if is_final || reason.contains("the certificates in ") {
        MigrateError::Failed(reason)
    } else {
        MigrateError::Connect(reason)
    }
}

fn run<DB, H>(harness: &mut H, source: &Scripts, mode: Mode) -> Result<Vec<String>, MigrateError>
where
    DB: diesel::backend::Backend,
    H: MigrationHarness<DB>,
    for<'a> &'a Scripts: MigrationSource<DB>,
{
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| MigrateError::Failed(error.to_string());
    let pending: Vec<Box<dyn Migration<DB>>> = harness.pending_migrations(source).map_err(failed)?;
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    if mode == Mode::Apply {
        harness.run_migrations(&pending).map_err(failed)?;
    }
    Ok(names)
}

/// The database holds session tokens: nobody but its owner may read a file that we made.
#[cfg(feature = "sqlite")]
fn restrict_to_owner(path: &std::path::Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
            tracing::warn!(path = %path.display(), %error, "cannot restrict the database file to its owner");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    fn every_database_has_the_same_migrations_both_ways() {
        let names = |dir: &Dir<'_>| {
            let mut names: Vec<_> = dir.dirs().map(|dir| dir.path().display().to_string()).collect();
            names.sort();
            for name in &names {
                assert!(dir.get_file(format!("{name}/up.sql")).is_some(), "{name}/up.sql");
                assert!(dir.get_file(format!("{name}/down.sql")).is_some(), "{name}/down.sql");
            }
            names
        };
        assert_eq!(names(&SQLITE), names(&POSTGRES));
        assert_eq!(names(&SQLITE), names(&MYSQL));
        assert!(!names(&SQLITE).is_empty());
    }
}
