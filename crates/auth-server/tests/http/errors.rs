//! Every error carries its id from the table.

use auth_core::features::error_codes;
use auth_core::testing::{TestDatabase, TestRequest, TestResponse, get, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(every_error_carries_an_id_of_the_table, a_success_carries_none);

/// Checks the id against the table: it exists, and the body's code is the table's.
#[track_caller]
fn assert_registered(response: &TestResponse) -> &'static str {
    let id = response.header("x-error-id").unwrap_or_else(|| panic!("no X-Error-Id: {response:?}"));
    let codes = error_codes();
    let registered =
        codes.iter().find(|code| code.id == id).unwrap_or_else(|| panic!("{id} is not registered"));
    if !response.body.is_empty() {
        let json = response.json();
        let code = json.get("code").and_then(Value::as_str).unwrap_or_default();
        assert_eq!(code, registered.code, "{id}");
        assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()), "{id}");
    }
    registered.id
}

async fn every_error_carries_an_id_of_the_table(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let origin = |origin: &str| post("/sign-out", json!({})).header("cookie", "a=b").header("origin", origin);
    let requests = [
        get("/nothing"),
        TestRequest::new("PUT", "/ok"),
        post("/sign-in/email", json!({})),
        TestRequest::new("POST", "/sign-in/email").body("text/plain", "x"),
        TestRequest::new("POST", "/sign-in/email").body("application/json", "{"),
        TestRequest::new("POST", "/sign-in/email").body("application/json", " ".repeat(70_000)),
        origin("null"),
        origin("https://evil.example"),
        post("/sign-out", json!({ "callbackURL": "https://evil.example" })),
        post("/sign-out", json!({ "redirectTo": "https://evil.example" })),
        post("/sign-out", json!({ "errorCallbackURL": "https://evil.example" })),
        post("/sign-out", json!({ "newUserCallbackURL": "https://evil.example" })),
        post("/sign-out", json!({ "callbackURL": 1 })),
        get("/token"),
        post("/get-session", json!({})),
        post("/update-session", json!({})).by(&ada.by_bearer()),
        post("/update-user", json!({})).by(&ada.by_bearer()),
        post("/update-user", json!({ "email": "x" })).by(&ada.by_bearer()),
        post("/sign-in/email", json!({ "email": "x", "password": "y" })),
        post("/sign-in/email", json!({ "email": "x@example.test", "password": "y" })),
        post("/verify-password", json!({ "password": "wrong" })).by(&ada.by_bearer()),
    ];
    let mut ids = Vec::new();
    for request in requests {
        let response = server.call(request.clone()).await;
        assert!((400..500).contains(&response.status), "{request:?}: {response:?}");
        ids.push(assert_registered(&response));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        ids,
        [
            "AUTH-0001",
            "AUTH-0002",
            "AUTH-0003",
            "AUTH-0004",
            "AUTH-0005",
            "AUTH-0011",
            "AUTH-0012",
            "AUTH-0014",
            "AUTH-0015",
            "AUTH-0016",
            "AUTH-0017",
            "AUTH-0018",
            "AUTH-0020",
            "AUTH-0022",
            "AUTH-0023",
            "AUTH-0030",
            "AUTH-0031",
            "AUTH-0042",
            "AUTH-0043",
            "AUTH-0044",
        ]
    );
}

async fn a_success_carries_none(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for request in
        [get("/ok"), get("/error"), get("/get-session"), get("/jwks"), get("/token"), get("/list-sessions")]
    {
        let response = server.call(request.by(&ada.by_bearer())).await;
        assert_eq!((response.status, response.header("x-error-id")), (200, None));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("server"), None);
    }
}
