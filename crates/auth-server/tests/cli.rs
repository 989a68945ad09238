//! The binary: its commands, its start and its stop.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "cli/adopt.rs"]
mod adopt;
#[path = "cli/ids.rs"]
mod ids;
#[path = "cli/notices.rs"]
mod notices;
#[cfg(feature = "test-redis")]
#[path = "cli/redis.rs"]
mod redis;
#[path = "cli/revoke.rs"]
mod revoke;
#[path = "cli/services.rs"]
mod services;
#[cfg(any(feature = "test-postgres", feature = "test-mysql"))]
#[path = "cli/tls.rs"]
mod tls;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const SECRET: &str = "0123456789-abcdefghijklmnop-ABCDEF";

/// The binary in `folder`, with no variable of the tests' own environment.
fn auth_server(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-server"));
    command.current_dir(folder).env_clear();
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn run(arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    auth_server(folder.path()).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server in a process of its own, ended with this value.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    /// Starts a server in `folder` on a free port, and waits until it answers.
    fn start(folder: &Path) -> Self {
        let (mut command, port) = (auth_server(folder), free_port());
        command.env("PORT", port.to_string()).stderr(Stdio::null());
        Self::wait(command, port)
    }

    fn wait(mut command: Command, port: u16) -> Self {
        let running = Self { child: command.spawn().unwrap(), port };
        let give_up = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < give_up, "the server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str, cookie: &str) -> String {
        self.send(&format!(
            "GET /api/auth{path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        ))
    }

    fn post(&self, path: &str, body: &str) -> String {
        let length = body.len();
        self.send(&format!(
            "POST /api/auth{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// Asks the server to end, and tells how it did.
    fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_tells_what_each_command_does() {
    let help = stdout(&run(&["--help"]));
    for word in [
        "serve",
        "migrate",
        "check-config",
        "inspect",
        "keys",
        "mail",
        "revoke",
        "gen-secret",
        "gen-error-code",
        "--config",
        "auth.toml",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(!help.contains("generate"), "an internal command is shown: {help}");
    for (command, word) in [
        ("migrate", "--dry-run"),
        ("gen-secret", "SHA-512"),
        ("gen-error-code", "--registered-in"),
        ("inspect", "standard input"),
        ("keys", "rotate"),
        ("revoke", "session"),
        ("service", "disable"),
        ("mail", "test"),
        ("check-config", "without secrets"),
    ] {
        assert!(stdout(&run(&[command, "--help"])).contains(word), "{command} --help names {word}");
    }
}

#[test]
fn a_secret_is_random_or_made_from_a_phrase_with_a_warning() {
    let (one, other) = (run(&["gen-secret"]), run(&["gen-secret"]));
    assert_eq!(stdout(&one).trim().len(), 44);
    assert_ne!(stdout(&one), stdout(&other));
    let phrase = run(&["gen-secret", "-i", "abc"]);
    let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                  2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    assert_eq!(stdout(&phrase).trim(), sha512);
    assert!(stderr(&phrase).starts_with("warning: "), "{}", stderr(&phrase));
}

#[test]
fn error_ids_continue_after_the_highest_registered_one() {
    assert_eq!(stdout(&run(&["gen-error-code", "-p", "EX", "-a", "2"])), "EX-0001\nEX-0002\n");
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("inner")).unwrap();
    std::fs::write(folder.path().join("inner/errors.txt"), "EX-0003 EX-0012 NEX-0099").unwrap();
    let path = folder.path().to_str().unwrap();
    let next = run(&["gen-error-code", "-p", "EX", "-a", "1", "--registered-in", path]);
    assert_eq!(stdout(&next), "EX-0013\n");
    std::fs::write(folder.path().join("last.txt"), "EX-4294967295").unwrap();
    let full = run(&["gen-error-code", "-p", "EX", "--registered-in", path]);
    assert!(!full.status.success() && stderr(&full).contains("no numbers are left"), "{}", stderr(&full));
    let ours = stdout(&run(&["gen-error-code", "-p", "AUTH"]));
    let highest = auth_core::features::error_codes().last().unwrap().id;
    assert!(ours.trim() > highest, "{ours} after {highest}");
    let refused = run(&["gen-error-code", "-p", "ex!"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("capital letters"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn every_problem_of_the_configuration_is_named_and_no_secret_shown() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("auth.toml"), "sesion = 1\nsecret = \"tiny-Secret-1\"").unwrap();
    let output = auth_server(folder.path()).env("PORT", "http").arg("check-config").output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("3 problems") && text.contains("sesion") && text.contains("PORT"), "{text}");
    assert!(text.contains("secret: is too short") && !text.contains("tiny-Secret-1"), "{text}");
    let fine = auth_server(TempDir::new().unwrap().path())
        .env("BETTER_AUTH_SECRET", SECRET)
        .arg("check-config")
        .output();
    let fine = fine.unwrap();
    assert!(fine.status.success() && !stdout(&fine).contains(SECRET), "{}", stdout(&fine));
}

#[test]
fn a_dry_run_prints_the_sql_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let output = auth_server(folder.path()).args(["migrate", "--dry-run"]).output().unwrap();
    assert!(output.status.success() && stdout(&output).contains("CREATE TABLE"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(auth_server(folder.path()).arg("migrate").status().unwrap().success());
    let again = auth_server(folder.path()).arg("migrate").output().unwrap();
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
}

#[test]
fn a_port_in_use_is_a_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = TempDir::new().unwrap();
    let output = auth_server(folder.path()).env("PORT", &port).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    let last = text.lines().last().unwrap();
    assert!(last.starts_with(&format!("auth-server: port {port} on 127.0.0.1 is in use")), "{text}");
    assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
}

#[test]
fn a_file_that_is_no_database_is_named_at_once() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("auth.db"),
        "not a database, but longer than the header of one: ".repeat(9),
    )
    .unwrap();
    std::fs::write(folder.path().join("auth.toml"), "[database]\nstartTimeout = 600").unwrap();
    let cases: [(&str, &[&str]); 5] = [
        ("sqlite:auth.db", &["serve"]),
        ("sqlite:auth.db", &["migrate"]),
        ("sqlite:auth.db", &["migrate", "--dry-run"]),
        ("sqlite:auth.toml/auth.db", &["serve"]),
        ("sqlite:auth.toml/auth.db", &["migrate"]),
    ];
    for (url, command) in cases {
        let mut start = auth_server(folder.path());
        start.env("DATABASE_URL", url).env("BETTER_AUTH_SECRET", SECRET).args(command);
        let output = start.output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {text}");
        assert!(!text.contains("waiting for the database"), "{command:?}: {text}");
        let last = text.lines().last().unwrap();
        let reason = last.strip_prefix(&format!("auth-server: {url}: ")).unwrap();
        assert!(!reason.is_empty(), "{text}");
    }
}

#[test]
fn a_database_that_is_not_there_is_waited_for_and_then_named_without_its_password() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("auth.toml"), "[database]\nstartTimeout = 1").unwrap();
    let url = format!("postgres://auth:hunter2@127.0.0.1:{nobody}/auth");
    let output = auth_server(folder.path()).env("DATABASE_URL", url).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("waiting for the database"), "{text}");
    let last = text.lines().last().unwrap();
    let expected =
        format!("auth-server: the database postgres://auth:***@127.0.0.1:{nobody}/auth does not answer");
    assert!(last.starts_with(&expected), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn production_does_not_start_without_a_secret() {
    let folder = TempDir::new().unwrap();
    let output = auth_server(folder.path()).env("NODE_ENV", "production").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("BETTER_AUTH_SECRET: is required in production"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_restart_keeps_users_sessions_and_keys() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    let body = r#"{"name":"Ada","email":"ada@example.com","password":"correct horse battery"}"#;
    let signed_up = server.post("/sign-up/email", body);
    let cookie = signed_up.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let keys = last_line(&server.get("/jwks", ""));
    assert!(keys.contains("\"kid\""), "{keys}");
    assert_eq!(server.stop(), Some(0));

    let server = Running::start(folder.path());
    let session = server.get("/get-session", &cookie);
    assert!(session.contains("ada@example.com"), "{session}");
    assert_eq!(last_line(&server.get("/jwks", "")), keys);
    assert!(server.post("/sign-in/email", body).starts_with("HTTP/1.1 200"));
    let listed = auth_server(folder.path()).args(["keys", "list"]).output().unwrap();
    assert!(stdout(&listed).contains("signing"), "{}", stdout(&listed));
    assert_eq!(server.stop(), Some(0));

    #[cfg(unix)]
    for name in ["auth.db", "auth.secret"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
#[cfg(unix)]
fn the_files_of_a_running_server_are_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    server.post("/sign-up/email", r#"{"name":"Ada","email":"ada@example.com","password":"correct horse"}"#);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    names.sort();
    assert_eq!(names, ["auth.db", "auth.db-shm", "auth.db-wal", "auth.secret"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn keys_of_another_secret_are_listed_as_unreadable() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    assert_eq!(server.stop(), Some(0));
    let mut listing = auth_server(folder.path());
    let listed = listing.env("BETTER_AUTH_SECRET", SECRET).args(["keys", "list"]).output().unwrap();
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert!(stdout(&listed).contains("its private part is sealed"), "{}", stdout(&listed));
    let own = auth_server(folder.path()).args(["keys", "list"]).output().unwrap();
    assert!(stdout(&own).contains("signing"), "{}", stdout(&own));
}

#[test]
fn inspect_explains_what_it_is_shown_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let inspect = |arguments: &[&str], input: &str| {
        let mut command = auth_server(folder.path());
        let command = command.arg("inspect").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let hash = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\n";
    let (piped, dash, given) = (inspect(&[], hash), inspect(&["-"], hash), inspect(&[hash], ""));
    assert!(piped.status.success() && stdout(&piped).contains("A password hash: 2b"), "{piped:?}");
    assert_eq!((stdout(&dash), stdout(&given)), (stdout(&piped), stdout(&piped)));
    let refused = inspect(&["hunter2"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(!stderr(&refused).contains("hunter2") && stdout(&refused).is_empty(), "{refused:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    // The issuer of a development server is its own address.
    std::fs::write(folder.path().join("auth.toml"), "[jwt.jwt]\nissuer = \"http://localhost\"\n").unwrap();
    let server = Running::start(folder.path());
    let body = r#"{"name":"Ada","email":"ada@example.com","password":"correct horse battery"}"#;
    let answer = server.post("/sign-up/email", body);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap().to_owned();
    let token = server.get("/token", cookie.split(';').next().unwrap());
    let token = last_line(&token).split('"').nth(3).unwrap().to_owned();
    for text in [&cookie, &token] {
        let shown = stdout(&inspect(&[], text));
        assert!(shown.contains("verdict") && shown.contains("  valid now"), "{shown}");
        let offline = stdout(&inspect(&["--offline"], text));
        assert!(!offline.contains("  valid now"), "{offline}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn keys_are_replaced_by_command() {
    let folder = TempDir::new().unwrap();
    let server = Running::start(folder.path());
    let keys = |args: &[&str]| auth_server(folder.path()).arg("keys").args(args).output().unwrap();
    let rotated = keys(&["rotate"]);
    assert!(stdout(&rotated).contains(" is published, and signs from "), "{}", stderr(&rotated));
    assert_eq!(stdout(&keys(&["rotate"])), stdout(&rotated), "a key that waits is not doubled");
    let listed = stdout(&keys(&["list"]));
    assert!(listed.contains("signing") && listed.contains("published"), "{listed}");
    let signer = listed.lines().find_map(|line| line.strip_prefix("* ")).unwrap().split(' ').next().unwrap();
    let refused = keys(&["retire", signer]);
    assert!(!refused.status.success() && stderr(&refused).contains("keys rotate"), "{}", stderr(&refused));
    assert!(!keys(&["retire", "nobody"]).status.success());

    let stranger =
        auth_server(folder.path()).env("BETTER_AUTH_SECRET", SECRET).args(["keys", "rotate"]).output();
    let stranger = stranger.unwrap();
    assert!(stderr(&stranger).contains("opens none of the 2 stored keys"), "{}", stderr(&stranger));

    let revoked = stdout(&keys(&["rotate", "--emergency"]));
    assert_eq!(revoked.matches("revoked ").count(), 2, "{revoked}");
    assert!(revoked.contains("within 5 s") && revoked.contains("within 305 s"), "{revoked}");
    let again = stdout(&keys(&["rotate", "--emergency"]));
    assert!(again.contains("replaced already"), "{again}");
    assert!(!stdout(&keys(&["list"])).contains("revoked"));
    assert_eq!(stdout(&keys(&["list", "--all"])).matches("revoked").count(), 2);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_test_mail_says_what_the_mail_server_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let folder = TempDir::new().unwrap();
    let mail = |address: &str, url: &str| {
        let mut command = auth_server(folder.path());
        let command = command.env("SMTP_URL", url).env("MAIL_FROM", "auth@example.com");
        command.args(["mail", "test", address]).output().unwrap()
    };
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"554 5.7.1 your network is not welcome\r\n").unwrap();
    });
    let refused = mail("ada@example.test", &url);
    peer.join().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("554") && stderr(&refused).contains("not welcome"), "{refused:?}");
    assert!(stderr(&mail("ada", &url)).contains("\"ada\" is not an e-mail address"));
    assert!(stderr(&mail("ada@example.test", "")).contains("set SMTP_URL and MAIL_FROM"));
}

#[test]
fn what_is_no_command_is_refused_with_the_usage() {
    for arguments in
        [&["nonsense"] as &[&str], &["keys"], &["gen-error-code"], &["gen-error-code", "-p", "EX", "-a", "0"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
}

fn last_line(answer: &str) -> String {
    BufReader::new(answer.as_bytes()).lines().map_while(Result::ok).last().unwrap_or_default()
}
