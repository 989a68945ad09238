//! The endpoint under test, tokens that its keys signed, and what it has seen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use auth_jose::clock::ManualClock;
use auth_jose::{KeyAlgorithm, SigningKey, Timestamp, base64url};
use auth_verify::{Metrics, UserClaims, Verifier, VerifierBuilder, VerifyError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{self, Sets, jwks};

pub(crate) struct Site {
    host: String,
    port: u16,
    issuer: String,
    audience: String,
    now: i64,
    /// Signed with a key of `ok-json` that `ok-rotated` still has.
    pub(crate) good: String,
    /// Signed with a key that only `ok-rotated` has.
    pub(crate) rotated: String,
    /// Signed with the key that `ok-reused` has under the kid of `good`, where there is such an endpoint.
    pub(crate) reused: Option<String>,
    _server: Option<Process>,
}

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Site {
    pub(crate) fn own() -> Self {
        let key = |kid: &str| SigningKey::generate(KeyAlgorithm::EdDsa, kid).unwrap();
        let (old, new, reused) = (key("old"), key("new"), key("old"));
        let port = server::start(Sets {
            good: jwks(&[&old]),
            rotated: jwks(&[&new, &old]),
            reused: jwks(&[&reused]),
        });
        let (issuer, audience) = ("https://auth.example.test", "https://api.example.test");
        let now = 1_893_456_000;
        let claims = json!({"iss": issuer, "aud": audience, "sub": "U1", "iat": now, "exp": now + 900});
        let sign = |key: &SigningKey| key.sign(None, &claims).unwrap();
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            now,
            good: sign(&old),
            rotated: sign(&new),
            reused: Some(sign(&reused)),
            _server: None,
        }
    }

    /// The endpoint at an address, or behind a script for Node.
    pub(crate) async fn other(server: &str) -> Self {
        let url = server.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let corpus = |folder: &Path| ["corpus.json", "corpus.open.json"].map(|name| folder.join(name));
        let (host, port, process, folder) = match url.and_then(|address| address.split_once(':')) {
            Some((host, port)) => (host.to_owned(), port.parse().unwrap(), None, PathBuf::from(".")),
            None => {
                let script = Path::new(server);
                // The script reads `corpus.json` beside it, and may lie where nothing can be added.
                let folder = tempfile::tempdir().unwrap().keep();
                let corpus = corpus(script.parent().unwrap()).into_iter().find(|path| path.exists()).unwrap();
                std::fs::copy(corpus, folder.join("corpus.json")).unwrap();
                std::fs::copy(script, folder.join("server.mjs")).unwrap();
                let port = 21_000 + u16::try_from(std::process::id() % 20_000).unwrap() / 2 * 2;
                let mut node = Command::new("node");
                node.arg(folder.join("server.mjs")).arg(port.to_string()).stdout(Stdio::null());
                ("127.0.0.1".to_owned(), port, Some(Process(node.spawn().unwrap())), folder)
            }
        };
        let path = corpus(&folder).into_iter().find(|path| path.exists()).unwrap();
        let corpus: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let case = |name: &str| {
            let cases = corpus["cases"].as_array().unwrap();
            cases.iter().find(|case| case["name"] == name).unwrap().clone()
        };
        let (good, rotated) = (case("ok-eddsa"), case("ok-rotated-new-key"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let site = Self {
            host,
            port,
            issuer: text(&good["config"]["issuer"]),
            audience: text(&good["config"]["audience"]),
            now: good["config"]["now"].as_i64().unwrap(),
            good: text(&good["token"]),
            rotated: text(&rotated["token"]),
            reused: None,
            _server: process,
        };
        for _ in 0..200 {
            if TcpStream::connect((&*site.host, site.port)).await.is_ok() {
                return site;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing listens on {}:{}", site.host, site.port);
    }

    /// A verifier whose keys are at `endpoint`, and its clock.
    pub(crate) fn verifier(&self, endpoint: &str) -> Client {
        self.verifier_with(endpoint, |builder| builder)
    }

    pub(crate) fn verifier_with(
        &self,
        endpoint: &str,
        change: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Client {
        let url = self.address_of(endpoint);
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(self.now)));
        let builder = Verifier::builder(&self.issuer, &self.audience, &url)
            .clock(Arc::<ManualClock>::clone(&clock))
            .leeway_seconds(0);
        Client { verifier: change(builder).build().unwrap(), clock }
    }

    /// The address of a path, or of `:1/` and `:PORT+1/`.
    pub(crate) fn address_of(&self, endpoint: &str) -> String {
        let Self { host, port, .. } = self;
        match endpoint.strip_prefix(":PORT+1") {
            Some(path) => format!("http://{host}:{}{path}", port + 1),
            None if endpoint.starts_with(':') => format!("http://{host}{endpoint}"),
            None => format!("http://{host}:{port}{endpoint}"),
        }
    }

    /// What `/switch` does from now on.
    pub(crate) async fn switch_to(&self, name: &str) {
        self.ask(&format!("POST /__mode?name={name}")).await;
    }

    /// `hits`, `lines` and `bytesOut` so far.
    pub(crate) async fn seen(&self) -> Value {
        let answer = self.ask("GET /__hits").await;
        let (start, end) = (answer.find('{').unwrap(), answer.rfind('}').unwrap());
        serde_json::from_str(answer.get(start..=end).unwrap()).unwrap()
    }

    pub(crate) async fn hits(&self, name: &str) -> u64 {
        self.seen().await["hits"][name].as_u64().unwrap_or(0)
    }

    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect((&*self.host, self.port)).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// A token that names `kid`; no key signed it.
    pub(crate) fn stranger(&self, kid: &str) -> String {
        let claims = json!({"iss": self.issuer, "aud": self.audience, "sub": "U1", "iat": self.now,
            "exp": self.now + 900});
        let header = json!({"alg": "EdDSA", "kid": kid});
        let part = |value: &Value| base64url::encode(value.to_string());
        format!("{}.{}.{}", part(&header), part(&claims), base64url::encode([7; 64]))
    }
}

/// A verifier and its clock.
pub(crate) struct Client {
    pub(crate) verifier: Verifier,
    pub(crate) clock: Arc<ManualClock>,
}

impl Client {
    pub(crate) async fn check(&self, token: &str) -> Result<(), VerifyError> {
        self.verifier.verify::<UserClaims>(token).await.map(drop)
    }

    /// Verifies `token` once more after the next request for keys has been answered, one way or the other.
    pub(crate) async fn check_after_refresh(&self, token: &str) -> Result<(), String> {
        self.check_after_refresh_of(token, token).await
    }

    /// The same, with another token after the refresh.
    pub(crate) async fn check_after_refresh_of(&self, old: &str, token: &str) -> Result<(), String> {
        let before = self.verifier.metrics();
        self.clock.advance(601);
        expect("the known key", self.check(old).await, Ok(()))?;
        self.eventually(|now| now.fetches > before.fetches).await?;
        // A failure is counted when it is over; a success shows in the set, which is fresh again.
        self.eventually(|now| now.fetch_failures > before.fetch_failures || now.stale_seconds == 0).await?;
        expect("the known key after the refresh", self.check(token).await, Ok(()))
    }

    /// Waits, with a limit, for work in the background.
    pub(crate) async fn eventually(&self, condition: impl Fn(&Metrics) -> bool) -> Result<(), String> {
        for _ in 0..1_000 {
            if condition(&self.verifier.metrics()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("never happened: {:?}", self.verifier.metrics()))
    }
}

pub(crate) fn expect<T: Copy + PartialEq + std::fmt::Debug>(
    what: &str,
    seen: T,
    expected: T,
) -> Result<(), String> {
    if seen == expected { Ok(()) } else { Err(format!("{what}: {seen:?}, expected {expected:?}")) }
}

pub(crate) fn ensure(what: &str, is_true: bool, seen: impl std::fmt::Debug) -> Result<(), String> {
    if is_true { Ok(()) } else { Err(format!("{what}: {seen:?}")) }
}
