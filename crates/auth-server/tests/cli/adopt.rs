//! `adopt`.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{Running, SECRET, auth_server, stderr, stdout};

#[test]
fn adopt_refuses_hashes_and_keys_that_it_cannot_read() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    assert_eq!(server.stop(), Some(0));
    let adopt = |secret: &str| {
        let mut command = auth_server(folder.path());
        command.env("BETTER_AUTH_SECRET", secret).args(["adopt", "--check"]).output().unwrap()
    };
    let own = std::fs::read_to_string(folder.path().join("auth.secret")).unwrap();
    let fine = adopt(own.trim());
    assert!(fine.status.success(), "{}{}", stdout(&fine), stderr(&fine));
    let other = adopt(SECRET);
    assert_eq!(other.status.code(), Some(1));
    assert!(stdout(&other).contains("1 of 1 keys in jwks.privateKey cannot be opened"), "{}", stdout(&other));

    let file = folder.path().join("auth.db");
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let scrypt = format!("{}:{}", "0".repeat(32), "0".repeat(128));
    let rows = format!(
        "INSERT INTO user VALUES ('U1', 'Ann', 'ann@example.test', 0, NULL, '2030-01-01', '2030-01-01');
        INSERT INTO account (id, accountId, providerId, userId, password, createdAt, updatedAt) VALUES
            ('A1', 'U1', 'credential', 'U1', '$2b$10$bcrypt', '2030-01-01', '2030-01-01'),
            ('A2', 'U1', 'credential', 'U1', '{scrypt}', '2030-01-01', '2030-01-01'),
            ('A3', 'U1', 'google', 'U1', NULL, '2030-01-01', '2030-01-01');"
    );
    conn.batch_execute(&rows).unwrap();
    let hashes = adopt(own.trim());
    assert_eq!(hashes.status.code(), Some(1));
    assert!(stdout(&hashes).contains("1 of the passwords in account.password"), "{}", stdout(&hashes));
}

#[test]
fn adopt_check_leaves_the_file_as_it_is() {
    let folder = TempDir::new().unwrap();
    assert!(auth_server(folder.path()).arg("migrate").status().unwrap().success());
    let file = folder.path().join("auth.db");
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA journal_mode=DELETE").unwrap();
    drop(conn);
    let before = std::fs::read(&file).unwrap();
    let output = auth_server(folder.path()).args(["adopt", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(std::fs::read(&file).unwrap() == before, "the file was changed");
}
