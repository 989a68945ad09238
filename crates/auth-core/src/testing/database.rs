//! A database that one test has for itself.

use std::path::{Path, PathBuf};

use auth_jose::{Entropy, OsEntropy};
use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tempfile::TempDir;
use url::Url;

use crate::config::DatabaseUrl;
use crate::id::GenerateId;
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
    /// A database on a MySQL or MariaDB server.
    Mysql {
        /// The server, by a URL whose user may do everything.
        server: Url,
        /// The name of the test's database, and of the user who owns it.
        name: String,
    },
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
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
        let name = new_name();
        on_server(&server, format!("CREATE DATABASE {name}"));
        Self::Postgres { server, name }
    }

    /// A database on the MySQL or MariaDB server of `url`, with a user of its own.
    #[must_use]
    pub fn mysql(url: &str) -> Self {
        let server = Url::parse(url).expect("the URL of a MySQL server");
        let name = new_name();
        let sql = format!(
            "CREATE DATABASE {name}; CREATE USER {name}@'%' IDENTIFIED BY 'secret'; GRANT ALL ON {name}.* TO {name}@'%'"
        );
        on_mysql(&server, sql);
        Self::Mysql { server, name }
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
            Self::Mysql { server, name } => {
                let mut url = server.clone();
                url.set_path(name);
                url.set_username(name).expect("a URL with a host");
                url.set_password(Some("secret")).expect("a URL with a host");
                url.into()
            }
        }
    }

    /// Which database it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres { .. } => Kind::Postgres,
            Self::Mysql { .. } => Kind::Mysql,
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
        let folder = match self.kind() {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder)
    }

    /// Makes the tables.
    pub fn migrate(&self) {
        self.run_migrations(Mode::Apply);
    }

    /// Makes the tables, with ids of this kind.
    pub fn migrate_for(&self, ids: GenerateId) {
        let url = DatabaseUrl::parse(&self.url()).expect("a database URL");
        elsewhere(async move { migrate(&url, ids, Mode::Apply).await.expect("migrations that run") });
    }

    /// Runs or lists the pending migrations.
    pub fn run_migrations(&self, mode: Mode) -> Vec<Pending> {
        let url = DatabaseUrl::parse(&self.url()).expect("a database URL");
        // A runtime with several threads, which migrations need and tests usually do not have.
        elsewhere(async move { migrate(&url, GenerateId::Random, mode).await.expect("migrations that run") })
    }

    /// Runs statements. On MySQL they are read as standard SQL: names in double quotes.
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
            Self::Mysql { .. } => {
                let mut conn = connect_mysql(&self.url()).await;
                let done = conn.query_drop(sql).await;
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
            Self::Mysql { .. } => {
                let mut conn = connect_mysql(&self.url()).await;
                let rows = conn.query::<Option<String>, _>(sql.replace(" AS text)", " AS char)")).await;
                rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
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
        match self {
            Self::Sqlite(_) => panic!("SQLite has no server"),
            Self::Postgres { server, name } => {
                on_server(server, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
                on_server(
                    server,
                    format!(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                    ),
                );
            }
            Self::Mysql { server, name } => {
                on_mysql(server, format!("ALTER USER {name}@'%' ACCOUNT LOCK"));
                let (url, user) = (server.to_string(), name.clone());
                elsewhere(async move {
                    let mut conn = connect_mysql(&url).await;
                    let theirs =
                        format!("SELECT id FROM information_schema.processlist WHERE user = '{user}'");
                    for id in conn.query::<u64, _>(theirs).await.expect("the list of connections") {
                        // Gone already: as wanted.
                        let _ = conn.query_drop(format!("KILL {id}")).await;
                    }
                });
            }
        }
    }

    /// Accepts connections again after [`Self::go_away`].
    ///
    /// # Panics
    /// On SQLite, which has no server.
    pub fn come_back(&self) {
        match self {
            Self::Sqlite(_) => panic!("SQLite has no server"),
            Self::Postgres { server, name } => {
                on_server(server, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
            }
            Self::Mysql { server, name } => on_mysql(server, format!("ALTER USER {name}@'%' ACCOUNT UNLOCK")),
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres { server, name } => {
                on_server(server, format!("DROP DATABASE {name} WITH (FORCE)"));
            }
            Self::Mysql { server, name } => {
                // A test that failed inside a transaction holds locks that the drop would wait for.
                let sql = format!("KILL USER {name}@'%'; DROP DATABASE {name}; DROP USER {name}@'%'");
                on_mysql(server, sql);
            }
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

/// A connection that reads standard SQL and, like the ISO texts that tests write, dates with a `Z`.
async fn connect_mysql(url: &str) -> Conn {
    let opts = mysql_async::Opts::from_url(url).expect("a MySQL URL");
    let setup = vec!["SET sql_mode = 'ANSI', time_zone = '+00:00'; SET NAMES utf8mb4"];
    let connected = Conn::new(mysql_async::OptsBuilder::from_opts(opts).init(setup)).await;
    connected.unwrap_or_else(|error| panic!("MySQL does not answer: {error:?}"))
}

impl TestDatabase {
    /// Runs statements on the MySQL server of `url`, as its administrator.
    pub fn on_mysql_server(url: &str, sql: String) {
        on_mysql(&Url::parse(url).expect("the URL of a MySQL server"), sql);
    }
}

fn on_mysql(server: &Url, sql: String) {
    let url = server.to_string();
    elsewhere(async move {
        let done = connect_mysql(&url).await.query_drop(&sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    });
}

fn new_name() -> String {
    let mut number = [0; 8];
    OsEntropy.fill("test-database", &mut number);
    format!("test_{:016x}", u64::from_be_bytes(number))
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
