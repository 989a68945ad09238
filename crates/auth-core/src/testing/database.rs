//! A database that one test has for itself.

use std::path::{Path, PathBuf};

use auth_jose::{Entropy, OsEntropy};
use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use tempfile::TempDir;
use url::Url;

use crate::config::DatabaseUrl;
use crate::store::migrate::{Mode, Pending, migrate};

/// A new, empty database, which is gone when this is dropped.
pub enum TestDatabase {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// A database on a PostgreSQL server.
    Postgres {
        /// The server, by the URL of the database that is always there.
        server: Url,
        /// The name of the test's database.
        name: String,
    },
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
    value: Option<String>,
}

impl TestDatabase {
    /// An SQLite file.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().expect("a folder for temporary files"))
    }

    /// A database on the PostgreSQL server of `url`.
    #[must_use]
    pub fn postgres(url: &str) -> Self {
        let server = Url::parse(url).expect("the URL of a PostgreSQL server");
        let mut number = [0; 8];
        OsEntropy.fill("test-database", &mut number);
        let name = format!("test_{:016x}", u64::from_be_bytes(number));
        on_server(&server, format!("CREATE DATABASE {name}"));
        Self::Postgres { server, name }
    }

    /// Its URL, as in the configuration.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", sqlite_file(folder.path()).display()),
            Self::Postgres { server, name } => {
                let mut url = server.clone();
                url.set_path(name);
                url.into()
            }
        }
    }

    /// Whether it is SQLite.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// The folder of the migrations for this kind of database.
    #[must_use]
    pub fn migrations(&self) -> PathBuf {
        let folder = if self.is_sqlite() { "sqlite" } else { "postgres" };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder)
    }

    /// Makes the tables.
    pub fn migrate(&self) {
        self.run_migrations(Mode::Apply);
    }

    /// Runs or lists the pending migrations.
    pub fn run_migrations(&self, mode: Mode) -> Vec<Pending> {
        let url = DatabaseUrl::parse(&self.url()).expect("a database URL");
        // A runtime with several threads, which migrations need and tests usually do not have.
        elsewhere(async move { migrate(&url, mode).await.expect("migrations that run") })
    }

    /// Runs statements.
    pub async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let done = open(folder).batch_execute(sql);
                done.unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Self::Postgres { .. } => {
                let client = connect(&self.url()).await;
                let done = client.batch_execute(sql).await;
                done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            }
        }
    }

    /// The texts of the one column, called `value`, that a query answers.
    pub async fn texts(&self, sql: &str) -> Vec<Option<String>> {
        match self {
            Self::Sqlite(folder) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "tests look at rows past the product's queries"
                )]
                let rows = diesel::sql_query(sql).load::<Row>(&mut open(folder));
                let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
                rows.into_iter().map(|row| row.value).collect()
            }
            Self::Postgres { .. } => {
                let answer = connect(&self.url()).await.simple_query(sql).await;
                let messages = answer.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                let value = |message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get("value").map(str::to_owned)),
                    _ => None,
                };
                messages.into_iter().filter_map(value).collect()
            }
        }
    }

    /// The one text that a query answers.
    pub async fn text(&self, sql: &str) -> String {
        let mut texts = self.texts(sql).await;
        match (texts.pop(), texts.pop()) {
            (Some(Some(text)), None) => text,
            found => panic!("{sql}: expected one text, found {found:?}"),
        }
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> usize {
        let sql = format!("SELECT CAST(count(*) AS text) AS value FROM \"{table}\"");
        self.text(&sql).await.parse().expect("a number")
    }

    /// Ends every connection to it and refuses new ones, as if its server had gone away.
    ///
    /// # Panics
    /// On SQLite, which has no server.
    pub fn go_away(&self) {
        let Self::Postgres { server, name } = self else { panic!("SQLite has no server") };
        on_server(server, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
        on_server(
            server,
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
    }

    /// Accepts connections again after [`Self::go_away`].
    ///
    /// # Panics
    /// On SQLite, which has no server.
    pub fn come_back(&self) {
        let Self::Postgres { server, name } = self else { panic!("SQLite has no server") };
        on_server(server, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Self::Postgres { server, name } = self {
            on_server(server, format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn sqlite_file(folder: &Path) -> PathBuf {
    folder.join("auth.db")
}

fn open(folder: &TempDir) -> SqliteConnection {
    let file = sqlite_file(folder.path());
    let mut conn = SqliteConnection::establish(&file.to_string_lossy()).expect("a database file");
    conn.batch_execute("PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON").expect("settings of a connection");
    conn
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) =
        connected.unwrap_or_else(|error| panic!("PostgreSQL does not answer: {error:?}"));
    // Ends with the client.
    tokio::spawn(connection);
    client
}

fn on_server(server: &Url, sql: String) {
    let url = server.to_string();
    elsewhere(async move {
        let client = connect(&url).await;
        client.simple_query(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    });
}

/// Runs `work` to its end on a thread and a runtime of its own.
fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(work)
    });
    thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
}
