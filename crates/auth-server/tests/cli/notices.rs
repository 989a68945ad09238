//! What the start says to the operator about settings that are allowed and seldom meant.

use std::fs::File;

use tempfile::TempDir;

use super::{Running, auth_server, free_port};

#[test]
fn a_trusted_origin_without_cors_is_named_at_the_start() {
    for (cors, named) in [("", true), ("[cors]\norigins = [\"https://app.example.test\"]\n", false)] {
        let folder = TempDir::new().unwrap();
        let settings = format!("trustedOrigins = [\"https://app.example.test\"]\n{cors}");
        std::fs::write(folder.path().join("auth.toml"), settings).unwrap();
        let (log, port) = (folder.path().join("log"), free_port());
        let mut command = auth_server(folder.path());
        command.env("PORT", port.to_string()).stderr(File::create(&log).unwrap());
        assert_eq!(Running::wait(command, port).stop(), Some(0));
        let lines = std::fs::read_to_string(&log).unwrap();
        let found: Vec<_> = lines.lines().filter(|line| line.contains("not in cors.origins")).collect();
        assert_eq!(found.len(), usize::from(named), "{lines}");
        assert!(found.iter().all(|line| line.contains("https://app.example.test")), "{lines}");
    }
}
