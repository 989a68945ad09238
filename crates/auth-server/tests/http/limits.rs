//! Sizes and times, over real sockets.

use std::time::Duration;

use auth_core::testing::{PASSWORD, TestDatabase};
use serde_json::json;

use crate::support::{Server, exchange};

on_every_database!(
    a_body_of_exactly_the_limit_is_read,
    refuses_a_body_that_declares_too_much,
    refuses_a_chunked_body_at_the_limit,
    the_limit_is_a_setting,
    a_body_that_stops_arriving_times_out,
    a_broken_transfer_coding_ends_the_request_only,
    refuses_ambiguous_framing,
);

const TOO_LARGE: &str = r#"{"message":"Request body is too large","code":"PAYLOAD_TOO_LARGE"}"#;

/// A sign-in request with this body and these extra header lines.
fn sign_in(headers: &str, body: &str) -> String {
    format!(
        "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )
}

fn with_length(body: &str) -> String {
    sign_in(&format!("Content-Length: {}\r\n", body.len()), body)
}

/// A sign-in body of this many bytes.
fn body_of(size: usize) -> String {
    let start = format!(r#"{{"email":"ada@example.test","password":"{PASSWORD}","pad":""#);
    let pad = "x".repeat(size - start.len() - 2);
    format!("{start}{pad}\"}}")
}

async fn a_body_of_exactly_the_limit_is_read(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let answer = exchange(server.listen(), with_length(&body_of(65_536))).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

async fn refuses_a_body_that_declares_too_much(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let work = server.app.hasher.runs();
    let address = server.listen();
    // Nothing of the second body is sent: the declared length suffices.
    let declared = sign_in("Content-Length: 10000000\r\n", "{");
    for request in [with_length(&body_of(65_537)), declared] {
        let answer = exchange(address, request).await;
        assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("x-error-id: auth-0005\r\n"), "{answer}");
        assert!(answer.ends_with(TOO_LARGE), "{answer}");
    }
    assert_eq!(server.app.hasher.runs(), work);
}

async fn refuses_a_chunked_body_at_the_limit(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let address = server.listen();
    let chunked = |body: &str| {
        let chunks = body.as_bytes().chunks(4096).map(|chunk| std::str::from_utf8(chunk).unwrap());
        let text: String = chunks.map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        sign_in("Transfer-Encoding: chunked\r\n", &format!("{text}0\r\n\r\n"))
    };
    let answer = exchange(address, chunked(&body_of(65_536))).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = exchange(address, chunked(&body_of(65_537))).await;
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.ends_with(TOO_LARGE), "{answer}");
}

async fn the_limit_is_a_setting(database: TestDatabase) {
    let server = Server::with(database, json!({ "server": { "bodyLimit": 1024 } })).await;
    server.sign_up("Ada").await;
    let address = server.listen();
    for (size, status) in [(1024, "200"), (1025, "413")] {
        let answer = exchange(address, with_length(&body_of(size))).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

async fn a_body_that_stops_arriving_times_out(database: TestDatabase) {
    let server = Server::with(database, json!({ "server": { "requestTimeout": 1 } })).await;
    let address = server.listen();
    let begun = std::time::Instant::now();
    let answer = exchange(address, sign_in("Content-Length: 100\r\n", "{\"email\":")).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    let body = r#"{"message":"Request body did not arrive in time","code":"REQUEST_TIMEOUT"}"#;
    assert!(answer.ends_with(body), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("x-error-id: auth-0006\r\n"), "{answer}");
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));
}

async fn a_broken_transfer_coding_ends_the_request_only(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = server.listen();
    let broken = sign_in("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n");
    let answer = exchange(address, broken).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let ok =
        exchange(address, "GET /api/auth/ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(ok.ends_with(r#"{"ok":true}"#), "{ok}");
}

async fn refuses_ambiguous_framing(database: TestDatabase) {
    let server = Server::on(database).await;
    let address = server.listen();
    let smuggled = "0\r\n\r\nGET /api/auth/ok HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ] {
        let answer = exchange(address, sign_in(headers, smuggled)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{headers}: {answer}");
        assert!(!answer.contains(r#"{"ok":true}"#), "{headers}: {answer}");
    }
}
