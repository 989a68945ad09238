//! The binary with `REDIS_URL`.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Running, SECRET, auth_server, free_port};

#[expect(clippy::disallowed_methods, reason = "tests find their servers through the environment")]
fn redis_url() -> String {
    // Set by `make test`, or by scripts/with-redis.sh.
    std::env::var("TEST_REDIS_URL").unwrap()
}

/// Starts a server with settings in the environment, and tells what it logs until `is_enough`.
fn log_of(environment: &[(&str, &str)], is_enough: impl Fn(&str) -> bool) -> String {
    let folder = TempDir::new().unwrap();
    let (log, port) = (folder.path().join("log"), free_port());
    let mut command = auth_server(folder.path());
    command.env("PORT", port.to_string()).stderr(File::create(&log).unwrap());
    command.envs(environment.iter().copied());
    let running = Running::wait(command, port);
    let give_up = Instant::now() + Duration::from_secs(20);
    while !is_enough(&std::fs::read_to_string(&log).unwrap()) && Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(running.get("/ok", "").starts_with("HTTP/1.1 200"));
    assert_eq!(running.stop(), Some(0));
    std::fs::read_to_string(&log).unwrap()
}

#[test]
fn the_log_tells_whether_redis_is_there_and_never_its_password() {
    let log = log_of(&[("REDIS_URL", &redis_url())], |log| log.contains("connected to Redis"));
    assert!(log.contains("connected to Redis") && !log.contains("does not answer"), "{log}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    let locked = redis_url().replace("redis://", "redis://nobody:hunter2@");
    for url in [format!("redis://:hunter2@{silent}"), "redis://:hunter2@127.0.0.1:1".to_owned(), locked] {
        let log = log_of(&[("REDIS_URL", &url)], |log| log.contains("Redis does not answer"));
        let told = log.lines().filter(|line| line.contains("Redis does not answer")).count();
        assert_eq!(told, 1, "{log}");
        assert!(!log.contains("hunter2") && log.contains(":***@"), "{log}");
    }
}

#[test]
fn the_url_can_stand_in_a_file_and_is_not_shown() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("url"), "redis://:hunter2@cache:6380/1\n").unwrap();
    let mut command = auth_server(folder.path());
    let output = command.arg("check-config").env("REDIS_URL_FILE", "url").output().unwrap();
    let (shown, complaint) = (super::stdout(&output), super::stderr(&output));
    assert!(output.status.success(), "{complaint}");
    assert!(shown.contains("redis://:***@cache:6380/1") && !shown.contains("hunter2"), "{shown}");

    let mut command = auth_server(folder.path());
    let output = command.arg("check-config").env("REDIS_URL", "http://:hunter2@cache").output().unwrap();
    let complaint = super::stderr(&output);
    assert!(!output.status.success() && complaint.contains("REDIS_URL: expected redis://"), "{complaint}");
    assert!(!complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn orders_that_withdraw_are_told_to_the_servers() {
    let folder = TempDir::new().unwrap();
    let order = |arguments: &[&str], url: &str| {
        let mut command = auth_server(folder.path());
        command.args(arguments).env("REDIS_URL", url).env("BETTER_AUTH_SECRET", SECRET);
        command.env("REVOCATION_FEED", "public");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", super::stderr(&output));
        super::stderr(&output)
    };
    let prefix = folder.path().file_name().unwrap().to_str().unwrap();
    std::fs::write(folder.path().join("auth.toml"), format!("[redis]\nprefix = \"{prefix}:\"\n")).unwrap();
    order(&["migrate"], &redis_url());
    order(&["service", "add", "worker", "--enrol"], &redis_url());
    let mut connection = redis::Client::open(redis_url()).unwrap().get_connection().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut listener = connection.as_pubsub();
    listener.subscribe(format!("{prefix}:withdrawn")).unwrap();
    for arguments in [
        &["keys", "rotate", "--emergency"][..],
        &["service", "disable", "worker"],
        &["service", "remove", "worker"],
        &["revoke", "token", "a-token-by-its-jti"],
    ] {
        assert!(!order(arguments, &redis_url()).contains("could not be told"), "{arguments:?}");
        listener.get_message().unwrap();
    }
    let told = order(&["keys", "rotate", "--emergency"], "redis://:hunter2@127.0.0.1:1");
    assert!(told.contains("could not be told") && !told.contains("hunter2"), "{told}");
}

/// A server with a certificate for `localhost`, which ends with this value.
struct Tls {
    folder: TempDir,
    port: u16,
}

fn script(name: &str, arguments: &[&str], flags: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name);
    let output = Command::new(path).args(arguments).env("REDIS_FLAGS", flags).output().unwrap();
    assert!(output.status.success(), "{name}: {}", super::stderr(&output));
}

impl Tls {
    fn start() -> Self {
        let tls = Self { folder: TempDir::new().unwrap(), port: free_port() };
        script("certificates.sh", &[&tls.path("tls")], "");
        let (cert, key, port) = (tls.path("tls/server.pem"), tls.path("tls/server.key"), tls.port);
        let flags = format!(
            "--tls-port {port} --tls-cert-file {cert} --tls-key-file {key} --tls-ca-cert-file {cert} --tls-auth-clients no"
        );
        script("redis.sh", &["start", &tls.path("data")], &flags);
        tls
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        script("redis.sh", &["stop", &self.path("data")], "");
    }
}

#[test]
fn over_tls_the_certificate_is_checked() {
    let tls = Tls::start();
    let port = tls.port;
    for (host, authority, is_good) in
        [("localhost", "ca.pem", true), ("127.0.0.1", "ca.pem", false), ("localhost", "other.pem", false)]
    {
        let (url, file) = (format!("rediss://{host}:{port}"), tls.path(&format!("tls/{authority}")));
        let is_told = |log: &str| log.contains("connected to Redis") || log.contains("Redis does not answer");
        let log = log_of(&[("REDIS_URL", &url), ("SSL_CERT_FILE", &file)], is_told);
        assert_eq!(log.contains("connected to Redis"), is_good, "{host} {authority}: {log}");
        assert_eq!(log.contains("certificate"), !is_good, "{host} {authority}: {log}");
    }
}
