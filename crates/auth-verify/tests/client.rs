//! A token source against a server that counts.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![cfg(feature = "client")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use auth_jose::clock::ManualClock;
use auth_jose::{Timestamp, base64url};
use auth_verify::client::{AccessToken, TokenError, TokenSource, TokenSourceError};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const START: i64 = 1_893_456_000;

/// Status, headers and body.
type Answer = (u16, Vec<(&'static str, &'static str)>, Value);

/// What the server does next, and what it has seen.
struct Site {
    clock: Arc<ManualClock>,
    asked: AtomicUsize,
    authorization: Mutex<Vec<String>>,
    /// Instead of a token.
    answer: Mutex<Option<Answer>>,
    lifetime: Mutex<i64>,
    skew: i64,
}

async fn token(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let serial = site.asked.fetch_add(1, Ordering::SeqCst) + 1;
    let authorization = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
    site.authorization.lock().await.push(authorization);
    // Long enough that all callers of a test are waiting.
    tokio::time::sleep(Duration::from_millis(50)).await;
    if let Some((status, headers, body)) = site.answer.lock().await.clone() {
        let status = StatusCode::from_u16(status).unwrap();
        return (status, axum::response::AppendHeaders(headers), body.to_string()).into_response();
    }
    let iat = auth_jose::Clock::now(&*site.clock).seconds() + site.skew;
    let exp = iat + *site.lifetime.lock().await;
    json!({ "token": jwt(&json!({ "n": serial, "iat": iat, "exp": exp })) }).to_string().into_response()
}

fn jwt(claims: &Value) -> String {
    format!("{}.{}.x", base64url::encode("{}"), base64url::encode(claims.to_string()))
}

/// A server and a source of its tokens, on a clock that stands still.
async fn start(skew: i64) -> (Arc<Site>, TokenSource) {
    let site = Arc::new(Site {
        clock: Arc::new(ManualClock::at(Timestamp::from_seconds(START))),
        asked: AtomicUsize::new(0),
        authorization: Mutex::default(),
        answer: Mutex::default(),
        lifetime: Mutex::new(900),
        skew,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/auth/token", listener.local_addr().unwrap());
    let app = Router::new().route("/api/auth/token", get(token)).with_state(site.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let source = TokenSource::with_clock(&url, "the-session", site.clock.clone()).unwrap();
    (site, source)
}

impl Site {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn answers(&self, status: u16, headers: &[(&'static str, &'static str)], body: Value) {
        *self.answer.lock().await = Some((status, headers.to_vec(), body));
    }

    async fn recovers(&self) {
        *self.answer.lock().await = None;
    }
}

async fn fifty(source: &TokenSource) -> Vec<Result<AccessToken, TokenError>> {
    let calls = (0..50).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { source.token().await })
    });
    let mut results = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        results.push(call.await.unwrap());
    }
    results
}

/// Sends fifty calls at once to an API that answers each token with what `judge` says.
async fn fifty_calls(source: &TokenSource, judge: fn(&str) -> u16) -> Vec<u16> {
    let calls = (0..50).map(|_| {
        let source = source.clone();
        tokio::spawn(async move {
            let send = |token: AccessToken| async move { Ok::<_, TokenError>(judge(token.expose())) };
            source.call(send, |status| *status == 401).await.unwrap()
        })
    });
    let mut results = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        results.push(call.await.unwrap());
    }
    results
}

fn serial(token: &str) -> i64 {
    let payload = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap().get("n").and_then(Value::as_i64).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_at_expiry_ask_for_one_token() {
    let (site, source) = start(0).await;
    let first = fifty(&source).await;
    assert_eq!((first.len(), site.asked()), (50, 1));
    let tokens: BTreeSet<String> =
        first.iter().map(|token| token.clone().unwrap().expose().to_owned()).collect();
    assert_eq!(tokens.len(), 1);

    site.clock.advance(889);
    fifty(&source).await;
    assert_eq!(site.asked(), 1, "not before the last ten seconds");
    site.clock.advance(1);
    let second = fifty(&source).await;
    assert_eq!(site.asked(), 2);
    assert!(second.iter().all(|token| *token == second[0] && *token != first[0]));
    assert_eq!(*site.authorization.lock().await, ["Bearer the-session"; 2]);
}

#[tokio::test]
async fn the_servers_clock_does_not_matter() {
    for skew in [-86_400, 86_400] {
        let (site, source) = start(skew).await;
        source.token().await.unwrap();
        site.clock.advance(889);
        source.token().await.unwrap();
        assert_eq!(site.asked(), 1, "{skew}");
        site.clock.advance(1);
        source.token().await.unwrap();
        assert_eq!(site.asked(), 2, "{skew}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_token_alive() {
    let (site, source) = start(0).await;
    source.token().await.unwrap();
    site.clock.advance(-60);
    source.token().await.unwrap();
    assert_eq!(site.asked(), 2);
}

#[tokio::test]
async fn a_short_token_is_used_for_half_its_life() {
    let (site, source) = start(0).await;
    *site.lifetime.lock().await = 6;
    source.token().await.unwrap();
    site.clock.advance(2);
    source.token().await.unwrap();
    assert_eq!(site.asked(), 1);
    site.clock.advance(1);
    source.token().await.unwrap();
    assert_eq!(site.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_reaches_all_who_wait_and_pauses() {
    for (status, headers, pause, expected) in [
        (500, vec![], 1, TokenError::Status(500)),
        (503, vec![("retry-after", "7")], 7, TokenError::Status(503)),
        (429, vec![("x-retry-after", "3")], 3, TokenError::Status(429)),
        (503, vec![("retry-after", "86400")], 60, TokenError::Status(503)),
        (302, vec![("location", "/elsewhere")], 1, TokenError::Status(302)),
        (401, vec![], 1, TokenError::SignedOut),
    ] {
        let (site, source) = start(0).await;
        site.answers(status, &headers, json!({})).await;
        assert!(fifty(&source).await.iter().all(|outcome| *outcome == Err(expected.clone())), "{status}");
        site.clock.advance(pause - 1);
        assert_eq!(source.token().await, Err(expected.clone()));
        assert_eq!(site.asked(), 1, "{status}");
        site.recovers().await;
        site.clock.advance(1);
        source.token().await.unwrap();
        assert_eq!(site.asked(), 2, "{status}");
    }
}

#[tokio::test]
async fn the_old_token_is_used_to_its_end_while_the_server_is_away() {
    let (site, source) = start(0).await;
    let old = source.token().await.unwrap();
    site.answers(500, &[], json!({})).await;
    site.clock.advance(895);
    assert_eq!(source.token().await, Ok(old.clone()));
    assert_eq!(source.token().await, Ok(old));
    assert_eq!(site.asked(), 2);
    site.clock.advance(5);
    assert_eq!(source.token().await, Err(TokenError::Status(500)));
}

#[tokio::test]
async fn the_old_token_ends_with_its_session() {
    let (site, source) = start(0).await;
    source.token().await.unwrap();
    site.answers(401, &[], json!({})).await;
    site.clock.advance(895);
    assert_eq!(source.token().await, Err(TokenError::SignedOut));
}

#[tokio::test]
async fn answers_without_a_living_token_are_none() {
    let (site, source) = start(0).await;
    for body in [
        json!({}),
        json!({ "token": 1 }),
        json!({ "token": "" }),
        json!({ "token": "a.b.c" }),
        json!({ "token": jwt(&json!({ "iat": START })) }),
        json!({ "token": jwt(&json!({ "iat": START, "exp": START })) }),
        json!({ "token": jwt(&json!({ "iat": START, "exp": "soon" })) }),
        json!({ "token": jwt(&json!({ "iat": null, "exp": START + 1 })) }),
        json!({ "token": jwt(&json!({ "iat": 0, "exp": i64::MAX })) }),
        json!({ "token": "x".repeat(70_000) }),
        json!("text"),
    ] {
        site.answers(200, &[], body.clone()).await;
        site.clock.advance(60);
        assert!(matches!(source.token().await, Err(TokenError::NotAToken(_))), "{body}");
    }
}

#[tokio::test]
async fn a_refused_call_is_sent_again_with_a_new_token() {
    let (site, source) = start(0).await;
    let statuses = fifty_calls(&source, |token| if serial(token) == 1 { 401 } else { 200 }).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(site.asked(), 2);
}

#[tokio::test]
async fn an_api_that_refuses_every_token_asks_for_one_in_ten_seconds() {
    let (site, source) = start(0).await;
    for _ in 0..3 {
        assert_eq!(fifty_calls(&source, |_| 401).await, [401; 50]);
    }
    assert_eq!(site.asked(), 2);
    site.clock.advance(10);
    fifty_calls(&source, |_| 401).await;
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn whoever_stops_waiting_takes_the_token_from_nobody() {
    let (site, source) = start(0).await;
    let impatient = tokio::time::timeout(Duration::from_millis(5), source.token()).await;
    assert!(impatient.is_err());
    source.token().await.unwrap();
    assert_eq!(site.asked(), 1);
}

#[tokio::test]
async fn an_auth_server_out_of_reach_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/auth/token", listener.local_addr().unwrap());
    drop(listener);
    let source = TokenSource::new(&url, "the-session").unwrap();
    assert!(matches!(source.token().await, Err(TokenError::Unreachable(_))));
}

#[test]
fn the_session_goes_over_https_or_loopback_only_and_is_never_shown() {
    let new = |url: &str, session: &str| TokenSource::new(url, session).map(|source| format!("{source:?}"));
    assert_eq!(new("http://auth.example.com/token", "s").unwrap_err(), TokenSourceError::UrlInsecure);
    for url in ["", "/token", "ftp://localhost/", "https://user:pw@auth.example.com/"] {
        assert_eq!(new(url, "s").unwrap_err(), TokenSourceError::UrlInvalid, "{url}");
    }
    for session in ["", " ", "a\r\nb", "a\0"] {
        let refused = new("https://auth.example.com/token", session).unwrap_err();
        assert_eq!(refused, TokenSourceError::SessionTokenInvalid, "{session:?}");
    }
    let shown = new("https://auth.example.com/token", "hunter2").unwrap();
    assert!(!shown.contains("hunter2") && shown.contains("auth.example.com"), "{shown}");
}
