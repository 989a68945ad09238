//! The tables: migrations, and rows in the forms that a Better Auth server on Node writes.
//!
//! Every test runs on SQLite, and with the features `test-postgres` and
//! `test-mysql` on PostgreSQL and MySQL too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]
#![cfg_attr(
    any(feature = "test-postgres", feature = "test-mysql"),
    expect(clippy::panic, reason = "helpers of tests")
)]

use auth_core::store::migrate::Mode;
use auth_core::testing::{Kind, TestApp, TestDatabase, get};
use serde_json::json;

/// Makes a test for each kind of database out of functions that take one.
macro_rules! on_every_database {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(auth_core::testing::TestDatabase::sqlite()).await;
            })+
        }

        #[cfg(feature = "test-postgres")]
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::postgres()).await;
            })+
        }

        #[cfg(feature = "test-mysql")]
        mod mysql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(crate::mysql()).await;
            })+
        }
    };
}

mod rows;
mod schema;
mod transactions;

on_every_database!(
    migrations_go_up_down_and_up,
    tables_and_columns_are_upstreams,
    a_second_run_does_nothing,
    a_dry_run_changes_nothing,
    rows_go_with_their_user,
    better_auths_tables_are_taken_over_untouched,
    servers_that_start_together_take_turns,
    times_are_stored_as_upstream_stores_them,
);

#[cfg(feature = "test-postgres")]
fn postgres() -> TestDatabase {
    TestDatabase::postgres(&server_url("TEST_POSTGRES_URL"))
}

#[cfg(feature = "test-mysql")]
fn mysql() -> TestDatabase {
    TestDatabase::mysql(&server_url("TEST_MYSQL_URL"))
}

#[cfg(any(feature = "test-postgres", feature = "test-mysql"))]
#[expect(clippy::disallowed_methods, reason = "tests learn the servers from the environment")]
fn server_url(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} names no server: `make test` starts one"))
}

async fn tables(database: &TestDatabase) -> Vec<String> {
    let sql = match database.kind() {
        Kind::Sqlite => "SELECT name AS value FROM sqlite_master WHERE type = 'table' ORDER BY name",
        Kind::Postgres => {
            "SELECT table_name AS value FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
        }
        Kind::Mysql => {
            "SELECT table_name AS value FROM information_schema.tables WHERE table_schema = database() ORDER BY table_name"
        }
    };
    database.texts(sql).await.into_iter().flatten().collect()
}

async fn columns(database: &TestDatabase, table: &str) -> Vec<String> {
    let sql = match database.kind() {
        Kind::Sqlite => format!("SELECT name AS value FROM pragma_table_info('{table}')"),
        Kind::Postgres => {
            format!(
                "SELECT column_name AS value FROM information_schema.columns WHERE table_name = '{table}'"
            )
        }
        Kind::Mysql => format!(
            "SELECT column_name AS value FROM information_schema.columns WHERE table_schema = database() AND table_name = '{table}'"
        ),
    };
    let mut names: Vec<String> = database.texts(&sql).await.into_iter().flatten().collect();
    names.sort();
    names
}

async fn migrations_go_up_down_and_up(database: TestDatabase) {
    database.migrate();
    let with = tables(&database).await;
    let mut folders: Vec<_> =
        std::fs::read_dir(database.migrations()).unwrap().map(|it| it.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().rev() {
        database.execute(&std::fs::read_to_string(folder.join("down.sql")).unwrap()).await;
    }
    assert_eq!(tables(&database).await, ["__diesel_schema_migrations"]);
    database.execute("DELETE FROM __diesel_schema_migrations").await;
    database.migrate();
    assert_eq!(tables(&database).await, with);
}

async fn tables_and_columns_are_upstreams(database: TestDatabase) {
    database.migrate();
    let expected: [(&str, &[&str]); 5] = [
        (
            "account",
            &[
                "accessToken",
                "accessTokenExpiresAt",
                "accountId",
                "createdAt",
                "id",
                "idToken",
                "password",
                "providerId",
                "refreshToken",
                "refreshTokenExpiresAt",
                "scope",
                "updatedAt",
                "userId",
            ],
        ),
        ("jwks", &["alg", "createdAt", "crv", "expiresAt", "id", "privateKey", "publicKey"]),
        (
            "session",
            &["createdAt", "expiresAt", "id", "ipAddress", "token", "updatedAt", "userAgent", "userId"],
        ),
        ("user", &["createdAt", "email", "emailVerified", "id", "image", "name", "updatedAt"]),
        ("verification", &["createdAt", "expiresAt", "id", "identifier", "updatedAt", "value"]),
    ];
    let found = tables(&database).await;
    for (table, names) in expected {
        assert!(found.iter().any(|it| it == table), "{table} in {found:?}");
        assert_eq!(columns(&database, table).await, names, "{table}");
    }
}

async fn a_second_run_does_nothing(database: TestDatabase) {
    assert!(!database.run_migrations(Mode::Apply).is_empty());
    assert_eq!(database.run_migrations(Mode::Apply), []);
    assert_eq!(database.run_migrations(Mode::DryRun), []);
}

async fn a_dry_run_changes_nothing(database: TestDatabase) {
    let pending = database.run_migrations(Mode::DryRun);
    assert_eq!(pending.first().map(|it| it.name.as_str()), Some("0001_core"));
    assert!(pending.iter().all(|it| it.sql.contains("CREATE TABLE")), "{pending:?}");
    if let TestDatabase::Sqlite(folder) = &database {
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file was made");
    } else {
        assert!(tables(&database).await.is_empty());
    }
    assert_eq!(database.run_migrations(Mode::Apply), pending);
}

async fn rows_go_with_their_user(database: TestDatabase) {
    let server = TestApp::new(database, json!({})).await;
    let ada = server.sign_up("Ada").await;
    let foreign_keys = if server.database.is_sqlite() { "PRAGMA foreign_keys = ON;" } else { "" };
    let delete = format!("{foreign_keys} DELETE FROM \"user\" WHERE id = '{}'", ada.id);
    server.database.execute(&delete).await;
    for table in ["user", "session", "account"] {
        assert_eq!(server.database.count(table).await, 0, "{table}");
    }
}

async fn better_auths_tables_are_taken_over_untouched(database: TestDatabase) {
    let (date, flag, no, id) = match database.kind() {
        Kind::Sqlite => ("date", "integer", "0", "text"),
        Kind::Postgres => ("timestamptz", "boolean", "false", "text"),
        // A reference to a column needs its type and collation.
        Kind::Mysql => {
            ("timestamp(3)", "boolean", "false", "varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        }
    };
    let now = "'2029-12-31T00:00:00.000Z'";
    database
        .execute(&format!(
            "CREATE TABLE \"user\" (\"id\" {id} NOT NULL PRIMARY KEY, \"name\" {id} NOT NULL, \"email\" {id} NOT NULL UNIQUE, \
             \"emailVerified\" {flag} NOT NULL, \"image\" text, \"createdAt\" {date} NOT NULL, \"updatedAt\" {date} NOT NULL, \
             \"plan\" text);
             CREATE TABLE \"invoice\" (\"id\" {id} PRIMARY KEY);
             INSERT INTO \"user\" VALUES ('U1', 'Ann', 'ann@example.test', {no}, NULL, {now}, {now}, 'gold');
             INSERT INTO \"invoice\" VALUES ('I1');"
        ))
        .await;
    let server = TestApp::new(database, json!({})).await;
    server.sign_up("Ada").await;
    assert_eq!(server.database.text("SELECT plan AS value FROM \"user\" WHERE id = 'U1'").await, "gold");
    assert_eq!(server.database.count("invoice").await, 1);
    assert_eq!(server.database.count("user").await, 2);
    assert!(columns(&server.database, "user").await.contains(&"plan".to_owned()));
}

async fn servers_that_start_together_take_turns(database: TestDatabase) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| database.migrate());
        }
    });
    assert_eq!(database.run_migrations(Mode::DryRun), []);
    assert_eq!(
        database.count("__diesel_schema_migrations").await,
        std::fs::read_dir(database.migrations()).unwrap().count()
    );
}

async fn times_are_stored_as_upstream_stores_them(database: TestDatabase) {
    let server = TestApp::new(database, json!({})).await;
    let ada = server.sign_up("Ada").await;
    if server.database.kind() == Kind::Mysql {
        let stored = server.database.text("SELECT \"createdAt\" AS value FROM \"user\"").await;
        assert_eq!(stored, "2030-01-01 00:00:00.000");
        return;
    }
    if !server.database.is_sqlite() {
        let stored = server.database.text("SELECT to_char(\"createdAt\" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') AS value FROM \"user\"").await;
        assert_eq!(stored, "2030-01-01 00:00:00.000");
        return;
    }
    let stored =
        server.database.text("SELECT typeof(createdAt) || ' ' || createdAt AS value FROM \"user\"").await;
    assert_eq!(stored, "text 2030-01-01T00:00:00.000Z");
    // Upstream's Drizzle adapter writes integer milliseconds.
    server.database.execute("UPDATE session SET expiresAt = 1894057200000").await;
    let session = server.call(get("/get-session").by(&ada.by_cookie())).await.json();
    assert_eq!(session["session"]["expiresAt"], "2030-01-07T23:00:00.000Z");
}
