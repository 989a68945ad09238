//! `revoke`: what an operator sees, and what running servers do then.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Running, auth_server, last_line, stderr, stdout};

const WITH_LIST: &str = "[jwt.jwt]\nissuer = \"http://localhost\"\n[revocation]\nfeed = \"public\"\n";

fn revoke(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = auth_server(folder);
    let command = command.arg("revoke").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    // One that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Somebody signs up. Their cookie.
fn sign_up(server: &Running, name: &str) -> String {
    let body =
        format!(r#"{{"name":"{name}","email":"{name}@example.com","password":"correct horse battery"}}"#);
    let answer = server.post("/sign-up/email", &body);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn token(server: &Running, cookie: &str) -> String {
    last_line(&server.get("/token", cookie)).split('"').nth(3).unwrap().to_owned()
}

fn is_signed_in(server: &Running, cookie: &str) -> bool {
    last_line(&server.get("/get-session", cookie)).contains("\"session\"")
}

/// The entries of the list, as soon as there are so many.
fn listed(server: &Running, count: usize) -> String {
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = last_line(&server.get("/revocations?after=0", ""));
        let payload = auth_jose::base64url::decode(answer.split('.').nth(1).unwrap()).unwrap();
        let text = String::from_utf8(payload).unwrap();
        if text.matches("\"exp\":").count() > count {
            return text;
        }
        assert!(Instant::now() < give_up, "the running server does not follow: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_revoked_by_command_is_refused_by_a_running_server() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("auth.toml"), WITH_LIST).unwrap();
    let server = Running::start(folder.path());
    let (ada, bob) = (sign_up(&server, "ada"), sign_up(&server, "bob"));
    let (first, second) = (token(&server, &ada), token(&server, &bob));

    let output = revoke(folder.path(), &["token"], &format!("{first}\n"));
    let told = stdout(&output);
    assert!(output.status.success() && told.contains("token with the jti "), "{output:?}");
    assert!(told.contains("within a second") && !told.contains("sessions ended"), "{told}");
    assert!(!told.contains(&first), "{told}");
    assert!(listed(&server, 1).contains("\"jti\":"));
    assert!(is_signed_in(&server, &ada));

    let output = revoke(folder.path(), &["session"], &second);
    assert!(stdout(&output).contains("sessions ended: 1"), "{output:?}");
    assert!(!is_signed_in(&server, &bob));
    assert!(listed(&server, 2).contains("\"sid\":"));
    let again = revoke(folder.path(), &["session"], &bob);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("no such session"), "{again:?}");

    let output = revoke(folder.path(), &["user", "Ada@Example.com"], "");
    let told = stdout(&output);
    assert!(told.contains("sessions ended: 1") && told.contains("password reset"), "{output:?}");
    assert!(!is_signed_in(&server, &ada));
    assert!(listed(&server, 4).contains("\"sub\":"));
    let nobody = revoke(folder.path(), &["user", "eve@example.com"], "");
    assert!(!nobody.status.success() && stderr(&nobody).contains("no user"), "{nobody:?}");
    let foreign = revoke(folder.path(), &["token"], "a.b.c");
    assert!(!foreign.status.success() && stdout(&foreign).is_empty(), "{foreign:?}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn without_a_list_it_says_what_to_set_and_ends_sessions_on_request() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    let ada = sign_up(&server, "ada");
    let refused = revoke(folder.path(), &["user", "ada@example.com"], "");
    let told = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told.contains("revocation.feed = \"clients\"") && told.contains("--sessions-only"), "{told}");
    let refused = revoke(folder.path(), &["token", "some-jti"], "");
    assert!(!refused.status.success() && !stderr(&refused).contains("--sessions-only"), "{refused:?}");
    assert!(is_signed_in(&server, &ada));

    let output = revoke(folder.path(), &["user", "--sessions-only", "ada@example.com"], "");
    let told = stdout(&output);
    assert!(told.contains("sessions ended: 1") && told.contains("good until they expire"), "{output:?}");
    assert!(!is_signed_in(&server, &ada));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_user_whose_id_the_database_counts_is_named_by_it() {
    let folder = TempDir::new().unwrap();
    let settings = format!("{WITH_LIST}[advanced.database]\ngenerateId = \"serial\"\n");
    std::fs::write(folder.path().join("auth.toml"), settings).unwrap();
    let server = Running::start(folder.path());
    let (ada, bob) = (sign_up(&server, "ada"), sign_up(&server, "bob"));
    let output = revoke(folder.path(), &["user", "2"], "");
    let told = stdout(&output);
    assert!(told.contains("user 2 (bob@example.com)") && told.contains("sessions ended: 1"), "{output:?}");
    assert!(is_signed_in(&server, &ada) && !is_signed_in(&server, &bob));
    for nobody in ["3", "2x", "two", "99999999999999999999"] {
        let output = revoke(folder.path(), &["user", nobody], "");
        assert!(!output.status.success() && stderr(&output).contains("no user"), "{nobody}: {output:?}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn nothing_is_made_where_there_is_no_database() {
    let folder = TempDir::new().unwrap();
    let output = revoke(folder.path(), &["user", "ada@example.com"], "");
    assert!(!output.status.success() && stderr(&output).contains("is not there"), "{output:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
