//! What the start says to the operator about settings that are allowed and seldom meant.

use std::fs::File;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use tempfile::TempDir;

use super::{Running, auth_server, free_port, last_line};

/// A server that writes what it says to `log`.
fn start(folder: &Path) -> Running {
    let (log, port) = (folder.join("log"), free_port());
    let mut command = auth_server(folder);
    command.env("PORT", port.to_string()).stderr(File::create(&log).unwrap());
    Running::wait(command, port)
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap()
}

#[test]
fn a_trusted_origin_without_cors_is_named_at_the_start() {
    for (cors, named) in [("", true), ("[cors]\norigins = [\"https://app.example.test\"]\n", false)] {
        let folder = TempDir::new().unwrap();
        let settings = format!("trustedOrigins = [\"https://app.example.test\"]\n{cors}");
        std::fs::write(folder.path().join("auth.toml"), settings).unwrap();
        assert_eq!(start(folder.path()).stop(), Some(0));
        let lines = log(folder.path());
        let found: Vec<_> = lines.lines().filter(|line| line.contains("not in cors.origins")).collect();
        assert_eq!(found.len(), usize::from(named), "{lines}");
        assert!(found.iter().all(|line| line.contains("https://app.example.test")), "{lines}");
    }
}

#[test]
fn a_stored_key_that_cannot_be_used_is_named_and_breaks_nothing() {
    let folder = TempDir::new().unwrap();
    assert!(auth_server(folder.path()).arg("migrate").output().unwrap().status.success());
    let file = folder.path().join("auth.db");
    let mut conn = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
    conn.batch_execute(
        "INSERT INTO jwks (id, \"publicKey\", \"privateKey\", \"createdAt\", alg) VALUES \
         ('sealed-by-others', '{\"kty\":\"OKP\"}', '\"00\"', '2024-06-01T00:00:00.000Z', 'EdDSA'), \
         ('torn', 'no JSON', 'secret words', '2024-06-01T00:00:00.000Z', 'EdDSA')",
    )
    .unwrap();
    drop(conn);
    let server = start(folder.path());
    let published = last_line(&server.get("/jwks", ""));
    assert!(published.contains("\"EdDSA\"") && !published.contains("torn"), "{published}");
    assert_eq!(server.stop(), Some(0));
    let lines = log(folder.path());
    for kid in ["sealed-by-others", "torn"] {
        let named =
            |line: &&str| line.contains(kid) && line.contains("WARN") && line.contains("cannot be used");
        assert_eq!(lines.lines().filter(named).count(), 1, "{kid}: {lines}");
    }
    assert!(!lines.contains("secret words"), "{lines}");
}
