//! `advanced.database.generateId` and the tables at hand: what starts, what is refused, what is asked for.

use std::path::Path;
use std::process::Output;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{Running, auth_server, stderr, stdout};

/// Nothing is said about ids.
const UNSET: &str = "";

fn configure(folder: &Path, generate_id: &str) {
    let setting = format!("[advanced.database]\ngenerateId = {generate_id}\n");
    let settings = if generate_id == UNSET { String::new() } else { setting };
    std::fs::write(folder.join("auth.toml"), settings).unwrap();
}

/// Runs the binary in `folder`, whose configuration says `generate_id`.
fn run(folder: &Path, generate_id: &str, arguments: &[&str]) -> Output {
    configure(folder, generate_id);
    auth_server(folder).args(arguments).output().unwrap()
}

/// A folder with an SQLite database whose tables are made for `generate_id`.
fn migrated(generate_id: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), generate_id, &["migrate"]);
    assert!(output.status.success(), "{}", stderr(&output));
    folder
}

#[test]
fn a_setting_that_makes_other_ids_than_the_tables_hold_stops_the_start() {
    for (made_for, setting, reason) in [
        (UNSET, r#""serial""#, r#"advanced.database.generateId is "serial", but user.id has the type text"#),
        (UNSET, "false", "advanced.database.generateId is false, but user.id has the type text"),
        (
            r#""serial""#,
            r#""uuid""#,
            r#"advanced.database.generateId is "uuid", but user.id has the type integer"#,
        ),
        (
            r#""serial""#,
            UNSET,
            r#"set advanced.database.generateId = "serial", because user.id has the type integer"#,
        ),
    ] {
        let folder = migrated(made_for);
        for command in ["serve", "migrate"] {
            let output = run(folder.path(), setting, &[command]);
            assert_eq!(output.status.code(), Some(1), "{command}: {}", stderr(&output));
            assert!(stderr(&output).contains("cannot be served"), "{}", stderr(&output));
            assert!(stderr(&output).contains(reason), "{command}: {}", stderr(&output));
        }
    }
}

#[test]
fn adopt_asks_for_the_setting_that_fits_the_tables() {
    let folder = migrated(r#""serial""#);
    let output = run(folder.path(), UNSET, &["adopt", "--check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let wanted =
        "has to be set:\n  advanced.database.generateId = \"serial\", because user.id has the type integer\n";
    assert!(stdout(&output).contains(wanted), "{}", stdout(&output));
    let output = run(folder.path(), r#""serial""#, &["adopt", "--check"]);
    assert!(output.status.success() && !stdout(&output).contains("has to be set"), "{}", stdout(&output));
    let output = run(folder.path(), r#""uuid""#, &["adopt", "--check"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
}

#[test]
fn an_empty_database_does_not_tell_how_it_would_make_ids() {
    let folder = TempDir::new().unwrap();
    for command in ["serve", "migrate"] {
        let output = run(folder.path(), "false", &[command]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("advanced.database.generateId is false"), "{}", stderr(&output));
    }
    let output = run(folder.path(), "false", &["migrate", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
}

#[test]
fn other_values_are_no_setting() {
    for value in ["true", r#""random""#, "[]", "7"] {
        let output = run(TempDir::new().unwrap().path(), value, &["check-config"]);
        assert_eq!(output.status.code(), Some(1));
        let reason =
            format!("advanced.database.generateId: expected \"uuid\", \"serial\" or false, got {value}");
        assert!(stderr(&output).contains(&reason), "{}", stderr(&output));
    }
}

#[test]
fn a_dry_run_shows_the_types_of_the_ids() {
    let folder = TempDir::new().unwrap();
    let printed = stdout(&run(folder.path(), r#""serial""#, &["migrate", "--dry-run"]));
    assert_eq!(printed.matches(r#""id" integer PRIMARY KEY AUTOINCREMENT"#).count(), 6, "{printed}");
    assert_eq!(printed.matches(r#""userId" integer NOT NULL"#).count(), 2, "{printed}");
    let printed = stdout(&run(folder.path(), UNSET, &["migrate", "--dry-run"]));
    assert!(printed.contains(r#""id" text NOT NULL PRIMARY KEY"#) && !printed.contains("/*"), "{printed}");
}

/// As a Better Auth server without the jwt plugin makes them: the table that is missing gets ids of the same kind.
#[test]
fn a_table_that_is_missing_gets_the_ids_of_the_others() {
    let folder = migrated(r#""serial""#);
    let file = folder.path().join("auth.db");
    let mut conn = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    conn.batch_execute("DROP TABLE jwks; DROP TABLE \"rateLimit\"; DROP TABLE __diesel_schema_migrations")
        .unwrap();
    drop(conn);
    configure(folder.path(), r#""serial""#);
    let server = Running::start(folder.path());
    assert!(server.get("/jwks", "").contains(r#""kid":"1""#));
}
