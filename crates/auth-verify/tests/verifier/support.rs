//! An issuer in this process that answers as it is told to, and counts.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use auth_jose::clock::ManualClock;
use auth_jose::{KeyAlgorithm, SigningKey, Timestamp, base64url};
use auth_verify::{Metrics, Verified, Verifier, VerifierBuilder, VerifyError};
use aws_lc_rs::signature::Ed25519KeyPair;
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_893_456_000;
pub(crate) const ISSUER: &str = "https://auth.example.test";
pub(crate) const AUDIENCE: &str = "https://api.example.test";

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status, extra header lines, body.
    Plain(u16, String, String),
    /// A good beginning, then this many spaces.
    Huge(String, usize),
    /// Nothing at all until the client gives up.
    Silent,
    /// One byte every 100 ms.
    Slow(String),
    /// An answer that takes this long to begin.
    After(Duration, String),
    /// The connection is closed in the middle of the body.
    Cut(String),
}

impl Answer {
    pub(crate) fn keys(keys: &[&SigningKey]) -> Self {
        Self::Plain(200, String::new(), jwks(keys))
    }

    pub(crate) fn body(body: &str) -> Self {
        Self::Plain(200, String::new(), body.to_owned())
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Plain(status, String::new(), body.to_owned())
    }
}

pub(crate) fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut jwk = key.public_jwk();
            jwk.insert("kid".to_owned(), json!(key.kid()));
            jwk
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

pub(crate) struct Issuer {
    pub(crate) clock: Arc<ManualClock>,
    port: u16,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    pub(crate) fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new(answer));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (answers, log, headers) = (Arc::clone(&answer), Arc::clone(&requests), Arc::clone(&heads));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, log, headers) = (Arc::clone(&answers), Arc::clone(&log), Arc::clone(&headers));
                thread::spawn(move || serve(stream, &answers, &log, &headers));
            }
        });
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        Self { clock, port, answer, requests, heads }
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The request lines so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The header lines of the requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn fetches(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// An address of it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/list", self.port)
    }

    pub(crate) fn builder(&self) -> VerifierBuilder {
        let url = format!("http://127.0.0.1:{}/jwks", self.port);
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        Verifier::builder(ISSUER, AUDIENCE, &url).clock(clock)
    }

    pub(crate) fn verifier(&self) -> Verifier {
        self.builder().build().unwrap()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &Mutex<Answer>,
    log: &Mutex<Vec<String>>,
    heads: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(!headers.iter().any(|line| line.to_ascii_lowercase().starts_with("cookie")));
    heads.lock().unwrap().push(headers.join("\n").to_ascii_lowercase());
    // In this order, a request that was counted is answered with what was set by then.
    let answer = answer.lock().unwrap().clone();
    log.lock().unwrap().push(request);
    // Write errors are the client's good right: it may hang up.
    let _ = match answer {
        Answer::Plain(status, headers, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Answer::Huge(start, size) => {
            let head = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{start}");
            head.and_then(|()| (0..size / 1024).try_for_each(|_| stream.write_all(&[b' '; 1024])))
        }
        Answer::Silent => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        Answer::Slow(body) => {
            let head = write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
            head.and_then(|()| {
                body.bytes().try_for_each(|byte| {
                    thread::sleep(Duration::from_millis(100));
                    stream.write_all(&[byte])
                })
            })
        }
        Answer::After(delay, body) => {
            thread::sleep(delay);
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        }
        Answer::Cut(body) => {
            let length = body.len() + 10;
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        }
    };
}

pub(crate) fn key(kid: &str) -> SigningKey {
    SigningKey::generate(KeyAlgorithm::EdDsa, kid).unwrap()
}

pub(crate) fn claims() -> Value {
    json!({"id": "U1", "name": "Ann", "email": "ann@example.test", "emailVerified": true, "image": null,
        "createdAt": "2030-01-01T00:00:00.000Z", "updatedAt": "2030-01-01T00:00:00.000Z", "role": "user",
        "iat": NOW, "exp": NOW + 10 * 24 * 3600, "iss": ISSUER, "aud": AUDIENCE, "sub": "U1", "jti": "J1"})
}

pub(crate) fn token(key: &SigningKey) -> String {
    key.sign(None, &claims()).unwrap()
}

/// The same under a header that names no key.
pub(crate) fn token_without_kid(key: &SigningKey) -> String {
    let jwk: Value = serde_json::from_str(key.private_jwk().expose()).unwrap();
    let seed = base64url::decode(jwk.get("d").and_then(Value::as_str).unwrap()).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let input =
        format!("{}.{}", base64url::encode(r#"{"alg":"EdDSA"}"#), base64url::encode(claims().to_string()));
    let signature = base64url::encode(pair.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

pub(crate) async fn check(verifier: &Verifier, token: &str) -> Result<(), VerifyError> {
    let verified: Result<Verified, _> = verifier.verify(token).await;
    verified.map(drop)
}

/// Makes tokens under kids that nobody has, fast: no key signs them.
pub(crate) struct Stranger {
    number: u64,
    token: String,
}

impl Stranger {
    pub(crate) fn new() -> Self {
        Self { number: 0, token: String::new() }
    }

    pub(crate) fn next(&mut self) -> &str {
        self.number += 1;
        let header = base64url::encode(format!("{{\"alg\":\"EdDSA\",\"kid\":\"stranger-{}\"}}", self.number));
        self.token = format!("{header}.{}.{}", base64url::encode(claims().to_string()), "A".repeat(86));
        &self.token
    }
}

/// Waits, with a limit, for work in the background.
pub(crate) async fn eventually(verifier: &Verifier, condition: impl Fn(&Metrics) -> bool) {
    for _ in 0..500 {
        if condition(&verifier.metrics()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {:?}", verifier.metrics());
}
