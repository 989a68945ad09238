//! POST /sign-out

use auth_core::testing::{Caller, TestDatabase, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid};

on_every_database!(
    ends_the_session_and_removes_the_cookies,
    works_without_a_session,
    leaves_other_sessions_alone,
    ends_the_session_of_a_bearer_token,
    ignores_a_token_without_our_signature,
    refuses_members_of_a_wrong_type,
);

const REMOVED: [&str; 3] = [
    "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
];

async fn ends_the_session_and_removes_the_cookies(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, r#"{"success":true}"#));
    assert_eq!(response.set_cookies(), REMOVED);
    assert_eq!(response.header("set-auth-token"), None);
    assert_eq!(server.database.count("session").await, 0);
    assert_eq!(server.session(&ada.cookies).await.text(), "null");
}

async fn works_without_a_session(database: TestDatabase) {
    let server = Server::on(database).await;
    for body in [Value::Null, json!({})] {
        let response = server.call(post("/sign-out", body).by(&Caller::Anonymous)).await;
        assert_eq!((response.status, response.text()), (200, r#"{"success":true}"#));
        assert_eq!(response.set_cookies(), REMOVED);
    }
}

async fn leaves_other_sessions_alone(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    assert_eq!(server.session(&phone.cookies).await.json()["user"]["id"], ada.id);
}

async fn ends_the_session_of_a_bearer_token(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/sign-out", json!({})).by(&ada.by_bearer())).await;
    assert_eq!(response.text(), r#"{"success":true}"#);
    assert_eq!(server.database.count("session").await, 0);
}

async fn ignores_a_token_without_our_signature(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for value in [ada.token.clone(), format!("{}.{}", ada.token, "A".repeat(43) + "=")] {
        let request = post("/sign-out", json!({}))
            .header("cookie", format!("better-auth.session_token={value}"))
            .header("origin", "http://localhost:3000");
        assert_eq!(server.call(request).await.status, 200);
    }
    assert_eq!(server.database.count("session").await, 1);
}

async fn refuses_members_of_a_wrong_type(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "disableRedirect": "yes", "state": 1 });
    let response = server.call(post("/sign-out", body).by(&ada.by_cookie())).await;
    assert_invalid(
        &response,
        "[body.disableRedirect] Invalid input: expected boolean, received string; [body.state] Invalid input: expected string, received number",
    );
    let response = server.call(post("/sign-out", json!([])).by(&ada.by_cookie())).await;
    assert_invalid(&response, "[body] Invalid input: expected object, received array");
    assert_eq!(server.database.count("session").await, 1);
}
