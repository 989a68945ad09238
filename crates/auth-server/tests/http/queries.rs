//! How many queries the requests cost that APIs and browsers make all the time.

use std::cell::RefCell;

use auth_core::testing::{TestDatabase, TestRequest, get};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use serde_json::json;

use crate::support::Server;

on_every_database!(tokens_and_sessions_cost_one_query_and_keys_none, following_the_keys_costs_two_queries);

thread_local! {
    /// A test's server runs in the test's own thread.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Recorder;

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            // The MySQL driver does not tell that a connection is dead: it is asked before it is used.
            if !text.starts_with("SELECT ? --") {
                SEEN.with_borrow_mut(|seen| seen.push(text));
            }
        }
    }
}

fn seen() -> Vec<String> {
    SEEN.with_borrow_mut(std::mem::take)
}

/// The queries that a request costs whose connection is there already.
async fn queries(server: &Server, request: impl Fn() -> TestRequest) -> Vec<String> {
    assert_eq!(server.call(request()).await.status, 200);
    seen();
    assert_eq!(server.call(request()).await.status, 200);
    seen()
}

async fn tokens_and_sessions_cost_one_query_and_keys_none(database: TestDatabase) {
    set_default_instrumentation(|| Some(Box::new(Recorder))).unwrap();
    let server = Server::with(database, json!({ "audiences": { "api": { "alg": "ES256" } } })).await;
    let ada = server.sign_up("Ada").await;
    assert!(!seen().is_empty(), "the recorder works");
    let response = server.session(&ada.cookies).await;
    assert!(response.header("set-auth-jwt").is_some());
    for (path, expected) in [
        ("/get-session", 1),
        ("/token", 1),
        ("/token?audience=api", 1),
        ("/jwks", 0),
        ("/jwks/api", 0),
        ("/jwks?alg=ES256", 0),
    ] {
        let found = queries(&server, || get(path).by(&ada.by_cookie())).await;
        assert_eq!(found.len(), expected, "{path}: {found:?}");
        assert!(
            found.iter().all(|query| !query.contains("jwks") && !query.contains("signingKey")),
            "{found:?}"
        );
    }
}

async fn following_the_keys_costs_two_queries(database: TestDatabase) {
    set_default_instrumentation(|| Some(Box::new(Recorder))).unwrap();
    let server = Server::on(database).await;
    crate::key_lifecycle::look_at_the_keys(&server).await;
    seen();
    crate::key_lifecycle::look_at_the_keys(&server).await;
    let found = seen();
    assert_eq!(found.len(), 2, "every five seconds, and nothing is written: {found:?}");
}
