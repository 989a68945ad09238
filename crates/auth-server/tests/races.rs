//! Races between two server processes on one PostgreSQL. `RACE_ROUNDS` says how often each is run (`make
//! drill-races ROUNDS=100`); a few rounds are part of the tests.
#![cfg(feature = "test-postgres")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use auth_core::testing::{PASSWORD, SECRET, TestDatabase};
use auth_jose::{Clock, JwkSet, Policy, SystemClock, verify};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Requests that are sent at the same moment.
const PARALLEL: usize = 50;

/// What links begin with.
const BASE: &str = "http://localhost:3000/api/auth";

/// The file that a server's console is.
const CONSOLE: &str = "console.txt";

#[expect(clippy::disallowed_methods, reason = "tests find their PostgreSQL through the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn rounds() -> usize {
    environment("RACE_ROUNDS").map_or(2, |text| text.parse().unwrap())
}

/// A server process, which ends with this.
struct Process {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    async fn start(database: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = json!({
            "baseURL": "http://localhost:3000",
            "secret": SECRET,
            "server": { "port": port, "workers": 2 },
            "database": { "url": database.url(), "poolSize": 8 },
            "session": { "updateAge": 0 },
            "rateLimit": { "enabled": false },
            "emailVerification": { "sendOnSignUp": true, "autoSignInAfterVerification": true },
            "audiences": { "gateway": { "alg": "ES256" } },
            "revocation": { "feed": "public" },
            // Whoever waits for a hash or a connection must not be told to come back: these are races.
            "emailAndPassword": {
                "password": { "memoryKiB": 1024, "iterations": 1, "parallelism": 1, "queue": 1000 }
            },
        });
        let config = folder.path().join("auth.json");
        std::fs::write(&config, settings.to_string()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_auth-server"))
            .args(["serve", "--config"])
            .arg(&config)
            .current_dir(folder.path())
            .env_clear()
            // Development prints mail on the console.
            .stdout(File::create(folder.path().join(CONSOLE)).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)), folder };
        for _ in 0..300 {
            if TcpStream::connect(process.address).await.is_ok() {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server in {} does not listen", process.folder.path().display());
    }

    /// Opens a connection, to be used by [`ask`] as soon as everybody is ready.
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The link in the newest mail of this kind to an address, as soon as there is one that is not `before`.
    async fn link(&self, kind: &str, email: &str, before: Option<&str>) -> String {
        let head = format!("--- mail ({kind}); set SMTP_URL to send it\nTo: {email}\n");
        for _ in 0..500 {
            let console = std::fs::read_to_string(self.folder.path().join(CONSOLE)).unwrap();
            let mail = console.rsplit_once(&head).map(|(_, mail)| mail.split("\n---").next().unwrap());
            let word = mail.and_then(|mail| mail.split_whitespace().find(|word| word.starts_with(BASE)));
            if let Some(link) = word.filter(|link| Some(*link) != before) {
                return link.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no mail ({kind}) to {email}");
    }

    async fn post(&self, path: &str, cookies: &str, body: &Value) -> Answer {
        ask(self.connect().await, "POST", path, cookies, &body.to_string()).await
    }

    async fn get(&self, path: &str, cookies: &str) -> Answer {
        ask(self.connect().await, "GET", path, cookies, "").await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// The session cookie that was set, as a request sends it.
    fn cookie(&self) -> String {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: "));
        let line = line.unwrap_or_else(|| panic!("no cookie in {self:?}"));
        line.get("set-cookie: ".len()..).unwrap().split(';').next().unwrap().to_owned()
    }
}

async fn ask(mut stream: TcpStream, method: &str, path: &str, cookies: &str, body: &str) -> Answer {
    let length = body.len();
    let content = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    let request = format!(
        "{method} /api/auth{path} HTTP/1.1\r\nHost: localhost:3000\r\nOrigin: http://localhost:3000\r\nConnection: close\r\n{content}{cookies}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends every request at once, in turn to each process.
async fn all_at_once(
    processes: &[Process; 2],
    requests: impl IntoIterator<Item = (&'static str, String, String, Value)>,
) -> Vec<Answer> {
    let mut ready = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        ready.push((processes[index % 2].connect().await, request));
    }
    let running: Vec<_> = ready
        .into_iter()
        .map(|(stream, (method, path, cookies, body))| {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            tokio::spawn(async move { ask(stream, method, &path, &cookies, &body).await })
        })
        .collect();
    let mut answers = Vec::new();
    for one in running {
        answers.push(one.await.unwrap());
    }
    answers
}

async fn two_processes() -> (TestDatabase, [Process; 2]) {
    let url = environment("TEST_POSTGRES_URL");
    let database = TestDatabase::postgres(&url.unwrap_or_else(|| panic!("TEST_POSTGRES_URL is not set")));
    let first = Process::start(&database).await;
    let second = Process::start(&database).await;
    (database, [first, second])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_sign_ups_of_one_address_make_one_user() {
    let (database, processes) = two_processes().await;
    for round in 0..rounds() {
        let requests = (0..PARALLEL).map(|index| {
            // The same address in other spellings is the same address.
            let name = if index % 3 == 0 { "RACER" } else { "racer" };
            let email = format!("{name}{round}@example.test");
            let body = json!({ "name": "R", "email": email, "password": PASSWORD });
            ("POST", "/sign-up/email".to_owned(), String::new(), body)
        });
        let answers = all_at_once(&processes, requests).await;
        let made = answers.iter().filter(|answer| answer.status == 200).count();
        let refused = answers.iter().filter(|answer| answer.status == 422).count();
        assert_eq!((made, refused), (1, PARALLEL - 1), "round {round}: {answers:?}");
        for table in ["user", "account", "session"] {
            assert_eq!(database.count(table).await, round + 1, "round {round}: {table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_never_brings_a_revoked_session_back() {
    let (database, processes) = two_processes().await;
    let body = json!({ "name": "R", "email": "racer@example.test", "password": PASSWORD });
    let keeper = processes[0].post("/sign-up/email", "", &body).await.cookie();
    for round in 0..rounds() {
        let body = json!({ "email": "racer@example.test", "password": PASSWORD });
        let victim = processes[1].post("/sign-in/email", "", &body).await;
        assert_eq!(victim.status, 200, "{victim:?}");
        let token = serde_json::from_str::<Value>(&victim.body).unwrap()["token"].clone();
        let cookie = victim.cookie();
        let revoke = json!({ "token": token });
        let requests = (0..PARALLEL).map(|index| {
            if index == PARALLEL / 2 {
                ("POST", "/revoke-session".to_owned(), keeper.clone(), revoke.clone())
            } else {
                // Every read extends: updateAge is 0.
                ("GET", "/get-session".to_owned(), cookie.clone(), Value::Null)
            }
        });
        let answers = all_at_once(&processes, requests).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "round {round}: {answers:?}");
        for process in &processes {
            let after = process.get("/get-session", &cookie).await;
            assert_eq!((after.status, after.body.as_str()), (200, "null"), "round {round}");
        }
        assert_eq!(database.count("session").await, 1, "round {round}: only the keeper's is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_changes_of_one_password_change_it_once() {
    let (_database, processes) = two_processes().await;
    let body = json!({ "name": "R", "email": "racer@example.test", "password": PASSWORD });
    let cookie = processes[0].post("/sign-up/email", "", &body).await.cookie();
    let mut current = PASSWORD.to_owned();
    for round in 0..rounds() {
        let new = |index: usize| format!("password {round} of {index}");
        let requests = (0..PARALLEL).map(|index| {
            let body = json!({ "currentPassword": current, "newPassword": new(index) });
            ("POST", "/change-password".to_owned(), cookie.clone(), body)
        });
        let answers = all_at_once(&processes, requests).await;
        let changed: Vec<_> = (0..PARALLEL).filter(|index| answers[*index].status == 200).collect();
        assert_eq!(changed.len(), 1, "round {round}: {answers:?}");
        assert!(
            answers.iter().all(|answer| [200, 400].contains(&answer.status)),
            "round {round}: {answers:?}"
        );
        current = new(changed[0]);
        let body = json!({ "email": "racer@example.test", "password": current });
        assert_eq!(processes[1].post("/sign-in/email", "", &body).await.status, 200, "round {round}");
    }
}

/// The claims of a token that every process's key set verifies.
fn verified_by_all(token: &Value, audience: &str, sets: &[JwkSet]) -> bool {
    let policy = Policy::new("http://localhost:3000", audience).unwrap();
    let token = token.as_str().unwrap();
    sets.iter().all(|set| verify::<Value>(&policy, set, SystemClock.now(), token).is_ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_make_one_key_of_each_algorithm() {
    let url = environment("TEST_POSTGRES_URL").unwrap_or_else(|| panic!("TEST_POSTGRES_URL is not set"));
    for round in 0..rounds() {
        let database = TestDatabase::postgres(&url);
        let start = || Process::start(&database);
        let processes: [Process; 4] = tokio::join!(start(), start(), start(), start()).into();
        assert_eq!(database.count("jwks").await, 2, "round {round}");
        let signing =
            database.texts(r#"SELECT "signing" AS value FROM "signingKey" ORDER BY "alg" DESC"#).await;
        assert_eq!(signing, [Some("EdDSA".to_owned()), Some("ES256".to_owned())], "round {round}");
        let body = json!({ "name": "R", "email": "racer@example.test", "password": PASSWORD });
        let cookie = processes[0].post("/sign-up/email", "", &body).await.cookie();
        let mut sets = Vec::new();
        for process in &processes {
            sets.push(JwkSet::parse(process.get("/jwks", "").await.body.as_bytes()).unwrap());
        }
        for process in &processes {
            for (query, audience) in [("", "http://localhost:3000"), ("?audience=gateway", "gateway")] {
                let answer = process.get(&format!("/token{query}"), &cookie).await;
                let token = serde_json::from_str::<Value>(&answer.body).unwrap()["token"].clone();
                assert!(verified_by_all(&token, audience, &sets), "round {round}: {answer:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_uses_of_one_reset_token_set_one_password() {
    let (database, processes) = two_processes().await;
    let email = "racer@example.test";
    let body = json!({ "name": "R", "email": email, "password": PASSWORD });
    assert_eq!(processes[0].post("/sign-up/email", "", &body).await.status, 200);
    let mut current = PASSWORD.to_owned();
    let mut link = None;
    for round in 0..rounds() {
        // Two sessions, which end with the old password.
        let sign_in = json!({ "email": email, "password": current });
        assert_eq!(processes[1].post("/sign-in/email", "", &sign_in).await.status, 200, "round {round}");
        let body = json!({ "email": email });
        assert_eq!(processes[0].post("/request-password-reset", "", &body).await.status, 200);
        let found = processes[0].link("reset-password", email, link.as_deref()).await;
        let token = found.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
        link = Some(found);

        let new = |index: usize| format!("password {round} of {index}");
        let requests = (0..PARALLEL).map(|index| {
            let body = json!({ "token": token, "newPassword": new(index) });
            ("POST", "/reset-password".to_owned(), String::new(), body)
        });
        let answers = all_at_once(&processes, requests).await;
        let set: Vec<_> = (0..PARALLEL).filter(|index| answers[*index].status == 200).collect();
        assert_eq!(set.len(), 1, "round {round}: {answers:?}");
        let refused = |answer: &&Answer| answer.status == 400 && answer.body.contains("INVALID_TOKEN");
        assert_eq!(answers.iter().filter(refused).count(), PARALLEL - 1, "round {round}: {answers:?}");
        assert_eq!(database.count("session").await, 0, "round {round}");
        assert_eq!(database.count("verification").await, 0, "round {round}");
        assert_eq!(database.count("account").await, 1, "round {round}");
        assert_eq!(processes[1].post("/sign-in/email", "", &sign_in).await.status, 401, "round {round}");
        current = new(set[0]);
        let sign_in = json!({ "email": email, "password": current });
        assert_eq!(processes[1].post("/sign-in/email", "", &sign_in).await.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_uses_of_one_verification_link_sign_in_once() {
    let (database, processes) = two_processes().await;
    for round in 0..rounds() {
        let email = format!("racer{round}@example.test");
        let body = json!({ "name": "R", "email": email, "password": PASSWORD });
        assert_eq!(processes[round % 2].post("/sign-up/email", "", &body).await.status, 200);
        let link = processes[round % 2].link("verify-email", &email, None).await;
        let path = link.strip_prefix(BASE).unwrap().replace("&callbackURL=%2F", "");
        let before = database.count("session").await;
        let requests = (0..PARALLEL).map(|_| ("GET", path.clone(), String::new(), Value::Null));
        let answers = all_at_once(&processes, requests).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "round {round}: {answers:?}");
        let signed_in = answers.iter().filter(|answer| answer.head.contains("better-auth.session_token="));
        assert_eq!(signed_in.count(), 1, "round {round}: {answers:?}");
        assert_eq!(database.count("session").await, before + 1, "round {round}");
        assert_eq!(database.count("verification").await, round + 1, "round {round}: one mark for each link");
        let proven = "SELECT CAST(count(*) AS text) AS value FROM \"user\" WHERE \"emailVerified\"";
        assert_eq!(database.text(proven).await, (round + 1).to_string(), "round {round}");
    }
}

/// The claims of a compact JWS.
fn claims(token: &str) -> Value {
    let payload = auth_jose::base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_revocations_in_turn_misses_none() {
    let (_database, processes) = two_processes().await;
    for round in 0..rounds() {
        let (mut cookies, mut expected) = (Vec::new(), std::collections::BTreeSet::new());
        for index in 0..PARALLEL {
            let email = format!("reader-{round}-{index}@example.test");
            let body = json!({ "name": "R", "email": email, "password": PASSWORD });
            let cookie = processes[0].post("/sign-up/email", "", &body).await.cookie();
            let token: Value = serde_json::from_str(&processes[1].get("/token", &cookie).await.body).unwrap();
            expected.insert(claims(token["token"].as_str().unwrap())["sid"].as_str().unwrap().to_owned());
            cookies.push(cookie);
        }
        let begin = claims(&processes[0].get("/revocations?after=9007199254740991", "").await.body);
        assert_eq!(begin["reset"], true);
        let read = async {
            let (mut after, mut found, mut reads) = (0, std::collections::BTreeSet::new(), 0);
            while found.len() < expected.len() && reads < 500 {
                let process = &processes[reads % 2];
                let page = claims(&process.get(&format!("/revocations?after={after}&wait=1"), "").await.body);
                for entry in page["entries"].as_array().unwrap() {
                    found.extend(
                        entry["sid"].as_str().map(str::to_owned).filter(|sid| expected.contains(sid)),
                    );
                }
                after = page["next"].as_i64().unwrap();
                reads += 1;
            }
            found
        };
        let requests =
            cookies.iter().map(|cookie| ("POST", "/sign-out".to_owned(), cookie.clone(), json!({})));
        let (answers, found) = tokio::join!(all_at_once(&processes, requests), read);
        assert!(answers.iter().all(|answer| answer.status == 200), "round {round}: {answers:?}");
        assert_eq!(found, expected, "round {round}");
    }
}
