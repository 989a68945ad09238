//! A Redis of a test's own, and servers that use one.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use auth_core::testing::{TestDatabase, TestUser, post};
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::revocation::SERVICE_SECRET;
use crate::support::Server;

/// A server in a process of its own, which ends with this value.
pub(super) struct Redis {
    folder: TempDir,
    pub(super) url: String,
}

fn script(folder: &TempDir, order: &str, ports: &str, flags: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/redis.sh");
    let mut command = Command::new(script);
    command.arg(order).arg(folder.path()).env("REDIS_PORTS", ports).env("REDIS_FLAGS", flags);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Redis {
    pub(super) fn start(flags: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let url = script(&folder, "start", "20000-32000", flags);
        Self { folder, url }
    }

    pub(super) fn kill(&self) {
        script(&self.folder, "stop", "", "");
    }

    /// Starts it again where it was, empty.
    pub(super) fn come_back(&self) {
        let port = self.url.rsplit(':').next().unwrap();
        std::fs::remove_file(self.folder.path().join("server.log")).unwrap();
        assert_eq!(script(&self.folder, "start", &format!("{port}-{port}"), ""), self.url);
    }

    /// Lets it neither answer nor hang up (`STOP`), or go on (`CONT`).
    pub(super) fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status().unwrap().success());
    }

    pub(super) async fn run(&self, command: &[&str]) {
        let mut cmd = redis::cmd(command[0]);
        cmd.arg(&command[1..]);
        let () = cmd.query_async(&mut connect(&self.url).await).await.unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.folder.path().join("pid").exists() {
            script(&self.folder, "stop", "", "");
        }
    }
}

pub(super) async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// A prefix that no other test has.
pub(super) fn prefix() -> String {
    let folder = TempDir::new().unwrap();
    format!("{}:", folder.path().file_name().unwrap().to_str().unwrap())
}

pub(super) fn settings(url: &str, prefix: &str) -> Value {
    json!({
        "revocation": { "feed": "public" },
        "introspection": { "clients": { "orders": SERVICE_SECRET } },
        "redis": { "url": url, "prefix": prefix },
    })
}

/// Asks again until it is so.
macro_rules! until {
    ($so:expr) => {{
        let give_up = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !$so {
            assert!(std::time::Instant::now() < give_up, "never so: {}", stringify!($so));
            actix_web::rt::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }};
}
pub(super) use until;

/// Two servers on one database that are in touch through Redis.
pub(super) struct Pair {
    pub(super) a: Server,
    pub(super) b: Server,
    url: String,
    prefix: String,
}

impl Pair {
    pub(super) async fn on(database: TestDatabase, url: &str) -> Self {
        Self::with(database, url, json!({})).await
    }

    pub(super) async fn with(database: TestDatabase, url: &str, more: Value) -> Self {
        let prefix = prefix();
        let mut settings = settings(url, &prefix);
        for (name, value) in more.as_object().unwrap() {
            settings["redis"][name] = value.clone();
        }
        let a = Server::with(database, settings.clone()).await;
        let b = a.beside(settings).await;
        // The tests' own looks at it are the administrator's.
        let url = url.replace("app:secret@", "");
        let pair = Self { a, b, url, prefix };
        for server in [&pair.a, &pair.b] {
            keep_in_touch(server);
            until!(is_connected(server));
        }
        // From here on both know which set is theirs.
        let ada = pair.a.sign_up("First").await;
        pair.sign_out(&ada).await;
        pair.settle().await;
        pair
    }

    pub(super) async fn sign_out(&self, user: &TestUser) {
        let response = self.a.call(post("/sign-out", json!({})).by(&user.by_cookie())).await;
        assert_eq!(response.status, 200, "{}", response.text());
    }

    /// The names of the sets in Redis.
    pub(super) async fn sets(&self) -> Vec<String> {
        sets(&self.url, &self.prefix).await
    }

    /// What the set says of a member.
    pub(super) async fn score(&self, member: &str) -> Option<f64> {
        let sets = self.sets().await;
        let mut connection = connect(&self.url).await;
        let ask = redis::cmd("ZSCORE").arg(sets.first()?).arg(member).clone();
        ask.query_async(&mut connection).await.unwrap()
    }

    /// How many members there are.
    pub(super) async fn size(&self) -> usize {
        let mut connection = connect(&self.url).await;
        let Some(set) = self.sets().await.pop() else { return 0 };
        redis::cmd("ZCARD").arg(set).query_async(&mut connection).await.unwrap()
    }

    /// Waits until Redis holds what the database holds. A question to the second server makes it have a look.
    pub(super) async fn settle(&self) {
        until!(self.is_settled().await);
    }

    pub(super) async fn is_settled(&self) -> bool {
        let head = self.head().await;
        self.score("head").await == Some(-(head as f64))
    }

    pub(super) async fn head(&self) -> i64 {
        let sql = "SELECT CAST(last AS text) AS value FROM auth_revocation_head WHERE id = 1";
        self.a.database.text(sql).await.parse().unwrap()
    }
}

pub(super) async fn sets(url: &str, prefix: &str) -> Vec<String> {
    let mut connection = connect(url).await;
    redis::cmd("KEYS").arg(format!("{prefix}withdrawn:*")).query_async(&mut connection).await.unwrap()
}

pub(super) fn keep_in_touch(server: &Server) {
    let app = server.app.clone();
    actix_web::rt::spawn(async move { app.keep_in_touch().await });
}

pub(super) fn is_connected(server: &Server) -> bool {
    server.app.redis.as_ref().is_some_and(auth_core::redis::Redis::is_connected)
}

/// Longer than a server relies on what it has read from the database.
pub(super) async fn a_moment() {
    let end = Instant::now() + Duration::from_millis(260);
    actix_web::rt::time::sleep_until(end.into()).await;
}
