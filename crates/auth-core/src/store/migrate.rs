//! The tables: embedded migrations, the same names for every database, applied at start or by `migrate`.

use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use include_dir::{Dir, include_dir};

use crate::config::DatabaseUrl;

#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
#[cfg(feature = "sqlite")]
const SQLITE_TEXT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
#[cfg(feature = "postgres")]
const POSTGRES_TEXT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/postgres");

#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("../../migrations/mysql");
#[cfg(feature = "mysql")]
const MYSQL_TEXT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../migrations/mysql");

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
/// Needs a multi-thread runtime.
///
/// # Errors
/// [`MigrateError::Connect`] when the database does not answer or is busy, [`MigrateError::Failed`] when it refuses.
pub async fn migrate(url: &DatabaseUrl, mode: Mode) -> Result<Vec<Pending>, MigrateError> {
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
            let names = match mode {
                Mode::Apply => {
                    restrict_to_owner(path);
                    // Servers that start together take turns, and all migrations happen or none.
                    conn.immediate_transaction(|conn| run(conn, SQLITE, mode))?
                }
                Mode::DryRun => {
                    // Never committed: looking makes diesel's own table.
                    conn.batch_execute("BEGIN").map_err(|error| refused(&error))?;
                    run(&mut conn, SQLITE, mode)?
                }
            };
            Ok(with_sql(names, &SQLITE_TEXT))
        }
        #[cfg(feature = "postgres")]
        DatabaseUrl::Postgres(server) => {
            use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
            let mut conn =
                super::connect::postgres(server, None).await.map_err(|error| unreachable_server(&error))?;
            conn.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
                .await
                .map_err(|error| MigrateError::Failed(error.to_string()))?;
            if mode == Mode::DryRun {
                // Never committed: looking makes diesel's own table.
                let begun = conn.batch_execute("BEGIN").await;
                begun.map_err(|error| MigrateError::Failed(error.to_string()))?;
            }
            // The lock ends with the connection.
            let mut harness = AsyncMigrationHarness::new(conn);
            let names = run(&mut harness, POSTGRES, mode)?;
            Ok(with_sql(names, &POSTGRES_TEXT))
        }
        #[cfg(feature = "mysql")]
        DatabaseUrl::Mysql(server) => {
            use diesel::mysql::Mysql;
            use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
            let mut conn =
                super::connect::mysql(server, None).await.map_err(|error| unreachable_server(&error))?;
            // Ends with the connection.
            conn.batch_execute("DO GET_LOCK(CONCAT('auth-server migrate ', LEFT(DATABASE(), 40)), 60)")
                .await?;
            // A change of tables cannot be taken back here: looking must not make diesel's own table.
            let names = if mode == Mode::DryRun && !super::dialect::mysql_has_migrations(&mut conn).await? {
                let all = MigrationSource::<Mysql>::migrations(&MYSQL);
                let all = all.map_err(|error| MigrateError::Failed(error.to_string()))?;
                let mut names: Vec<_> = all.iter().map(|migration| migration.name().to_string()).collect();
                names.sort();
                names
            } else {
                run(&mut AsyncMigrationHarness::new(conn), MYSQL, mode)?
            };
            Ok(with_sql(names, &MYSQL_TEXT))
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

fn run<DB, H>(harness: &mut H, source: EmbeddedMigrations, mode: Mode) -> Result<Vec<String>, MigrateError>
where
    DB: diesel::backend::Backend,
    H: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| MigrateError::Failed(error.to_string());
    let pending: Vec<Box<dyn Migration<DB>>> = harness.pending_migrations(source).map_err(failed)?;
    let names = pending.iter().map(|migration| migration.name().to_string()).collect();
    if mode == Mode::Apply {
        harness.run_migrations(&pending).map_err(failed)?;
    }
    Ok(names)
}

fn with_sql(names: Vec<String>, text: &Dir<'_>) -> Vec<Pending> {
    names
        .into_iter()
        .map(|name| {
            let sql = text.get_file(format!("{name}/up.sql")).and_then(|file| file.contents_utf8());
            Pending { sql: sql.unwrap_or_default().to_owned(), name }
        })
        .collect()
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
        assert_eq!(names(&SQLITE_TEXT), names(&POSTGRES_TEXT));
        assert_eq!(names(&SQLITE_TEXT), names(&MYSQL_TEXT));
        assert!(!names(&SQLITE_TEXT).is_empty());
    }
}
