//! Receivers that share what was used in Valkey or Redis.
#![cfg(all(feature = "mint", feature = "valkey"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use auth_jose::Timestamp;
use auth_jose::clock::ManualClock;
use auth_s2s::{InvalidStoreUrl, Minter, Receiver, Refused, ServiceName, ValkeyStore, VerifyError};
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

const NOW: i64 = 1_893_456_000;

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// A server in a process of its own, which ends with this value.
struct Valkey {
    folder: TempDir,
    url: String,
}

impl Valkey {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let url = script("start", &folder);
        Self { folder, url }
    }

    fn stop(&self) {
        script("stop", &self.folder);
    }

    async fn connect(&self) -> MultiplexedConnection {
        redis::Client::open(&*self.url).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    async fn run<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut words = command.iter();
        let mut cmd = redis::cmd(words.next().unwrap());
        cmd.arg(words.collect::<Vec<_>>());
        cmd.query_async(&mut self.connect().await).await.unwrap()
    }

    /// The one entry that there is.
    async fn entry(&self) -> String {
        let mut keys: Vec<String> = self.run(&["KEYS", "*"]).await;
        assert_eq!(keys.len(), 1, "{keys:?}");
        keys.remove(0)
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        if self.folder.path().join("pid").exists() {
            self.stop();
        }
    }
}

fn script(order: &str, folder: &TempDir) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/redis.sh");
    let output = Command::new(script).arg(order).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

struct World {
    clock: Arc<ManualClock>,
    worker: Minter,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let worker = Minter::generate(name("worker")).unwrap().with_clock(Arc::clone(&clock) as Arc<_>);
        Self { clock, worker: worker.single_use() }
    }

    fn receiver(&self, url: &str) -> Receiver {
        let api = Receiver::new(name("api"), [(name("worker"), self.worker.public_jwk())]).unwrap();
        let api = api.with_clock(Arc::clone(&self.clock) as Arc<_>);
        api.single_use_in(ValkeyStore::new(url).unwrap())
    }

    fn token(&self) -> Arc<str> {
        self.worker.token(&name("api")).unwrap()
    }
}

#[tokio::test]
async fn a_token_passes_at_one_of_several_receivers_once() {
    let (valkey, world) = (Valkey::start(), World::new());
    let (first, second) = (world.receiver(&valkey.url), world.receiver(&valkey.url));
    for _ in 0..5 {
        let token = world.token();
        assert!(first.verify(&token).await.is_ok());
        for receiver in [&first, &second, &first.clone()] {
            assert_eq!(receiver.verify(&token).await.unwrap_err(), Refused::Replayed);
        }
    }
    // Bad tokens use up nothing.
    let before: usize = valkey.run(&["DBSIZE"]).await;
    assert!(first.verify("a.b.c").await.is_err());
    assert_eq!(valkey.run::<usize>(&["DBSIZE"]).await, before);
}

#[tokio::test]
async fn of_many_calls_at_once_with_one_token_one_passes() {
    let (valkey, world) = (Valkey::start(), World::new());
    let receivers = [world.receiver(&valkey.url), world.receiver(&valkey.url)];
    let token = world.token();
    let calls = (0..50).map(|n| receivers.get(n % 2).unwrap().verify(&token));
    let outcomes = futures_util::future::join_all(calls).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().filter_map(|it| it.as_ref().err()).all(|refused| *refused == Refused::Replayed));
}

#[tokio::test]
async fn an_entry_lasts_until_its_token_would_be_refused_anyway() {
    let (valkey, world) = (Valkey::start(), World::new());
    let api = world.receiver(&valkey.url);
    let (token, late) = (world.token(), world.token());
    assert!(api.verify(&token).await.is_ok());
    let left: i64 = valkey.run(&["PTTL", &valkey.entry().await]).await;
    assert!(
        (60_000..=70_000).contains(&left),
        "60 s of life, 5 s of leeway and 5 s between clocks: {left} ms"
    );
    valkey.run::<()>(&["FLUSHALL"]).await;
    // A token in the last second in which it is accepted.
    world.clock.advance(64);
    assert!(api.verify(&late).await.is_ok());
    let key = valkey.entry().await;
    let left: i64 = valkey.run(&["PTTL", &key]).await;
    assert!((1..=6_000).contains(&left), "{left} ms");
    assert!(key.starts_with("auth-s2s:used:") && key.len() == 14 + 43, "{key}");
    world.clock.advance(1);
    assert_eq!(api.verify(&late).await.unwrap_err(), Refused::Token(VerifyError::Expired));
    while valkey.run::<usize>(&["DBSIZE"]).await != 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_store_that_is_away_lets_nobody_in_until_it_is_back() {
    let (valkey, world) = (Valkey::start(), World::new());
    let api = world.receiver(&valkey.url);
    assert!(api.verify(&world.token()).await.is_ok());
    valkey.stop();
    for _ in 0..3 {
        assert_eq!(api.verify(&world.token()).await.unwrap_err(), Refused::ReplayStoreUnavailable);
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("redis://{}", silent.local_addr().unwrap());
    for url in [&*silent, "redis://127.0.0.1:1", "redis://user:wrong@127.0.0.1:1"] {
        let refused = world.receiver(url).verify(&world.token()).await.unwrap_err();
        assert_eq!(refused, Refused::ReplayStoreUnavailable, "{url}");
    }
    let port = valkey.url.rsplit(':').next().unwrap();
    std::fs::remove_file(valkey.folder.path().join("server.log")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/redis.sh");
    let mut start = Command::new(script);
    start.arg("start").arg(valkey.folder.path()).env("REDIS_PORTS", format!("{port}-{port}"));
    assert!(start.output().unwrap().status.success());
    while let Err(refused) = api.verify(&world.token()).await {
        assert_eq!(refused, Refused::ReplayStoreUnavailable);
    }
}

#[tokio::test]
async fn a_store_that_is_full_or_locked_lets_nobody_in() {
    let (valkey, world) = (Valkey::start(), World::new());
    let api = world.receiver(&valkey.url);
    let used = world.token();
    assert!(api.verify(&used).await.is_ok());
    valkey.run::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_eq!(api.verify(&world.token()).await.unwrap_err(), Refused::ReplayStoreFull);
    assert!(api.verify(&used).await.is_err());
    valkey.run::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(api.verify(&world.token()).await.is_ok());
    assert_eq!(api.verify(&used).await.unwrap_err(), Refused::Replayed);
    valkey.run::<()>(&["ACL", "SETUSER", "reader", "on", ">secret", "~*", "+get", "+client", "+hello"]).await;
    let reader = world.receiver(&valkey.url.replace("redis://", "redis://reader:secret@"));
    assert_eq!(reader.verify(&world.token()).await.unwrap_err(), Refused::ReplayStoreUnavailable);
}

#[test]
fn a_url_that_names_no_store_is_refused_and_never_shown() {
    for url in
        ["", "hunter2", "http://u:hunter2@cache", "rediss://u:hunter2@cache/#insecure", "redis://cache/x"]
    {
        assert_eq!(ValkeyStore::new(url).unwrap_err(), InvalidStoreUrl, "{url}");
    }
    let store = ValkeyStore::new("redis://u:hunter2@cache").unwrap().prefix("shop:");
    assert_eq!(format!("{store:?}"), "ValkeyStore { prefix: \"shop:\", .. }");
}
