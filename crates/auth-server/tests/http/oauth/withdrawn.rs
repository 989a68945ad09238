//! What has ended is exchanged for nothing, although it would pass for a while longer.

use auth_core::revocation::Revoked;
use auth_core::testing::{TestDatabase, TestRequest, TestUser, post};
use auth_s2s::Minter;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{access_token, assert_error, part};
use crate::support::Server;

on_every_database!(
    a_token_of_a_session_that_has_ended_is_not_exchanged,
    what_is_withdrawn_by_name_is_not_exchanged,
    a_delegated_token_ends_with_the_session_too,
    a_withdrawal_by_another_server_counts,
);

const REVOKED: &str = "The subject token is not good: revoked";

fn with_feed() -> Value {
    json!({ "revocation": { "feed": "clients" } })
}

async fn is_refused(server: &Server, worker: &Minter, token: &str) {
    let refused = server.exchange(worker, token, "service:api").await;
    assert_error(&refused, "invalid_request", REVOKED);
}

async fn is_exchanged(server: &Server, worker: &Minter, token: &str) -> String {
    access_token(&server.exchange(worker, token, "service:api").await)
}

fn sign_out(user: &TestUser) -> TestRequest {
    post("/sign-out", json!({})).by(&user.by_bearer())
}

async fn a_token_of_a_session_that_has_ended_is_not_exchanged(database: TestDatabase) {
    let server = Server::with(database, with_feed()).await;
    let worker = server.registered("worker").await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let (of_ada, of_phone) = (server.user_token(&ada).await, server.user_token(&phone).await);
    is_exchanged(&server, &worker, &of_ada).await;
    assert_eq!(server.call(sign_out(&ada)).await.status, 200);
    is_refused(&server, &worker, &of_ada).await;
    is_exchanged(&server, &worker, &of_phone).await;
}

async fn what_is_withdrawn_by_name_is_not_exchanged(database: TestDatabase) {
    let server = Server::with(database, with_feed()).await;
    let worker = server.registered("worker").await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let (first, second) = (server.user_token(&ada).await, server.user_token(&ada).await);
    let other = server.user_token(&eve).await;

    // One token, by RFC 7009.
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", &first).finish();
    let revoke = TestRequest::new("POST", "/revoke").body("application/x-www-form-urlencoded", body);
    let token = worker.token(server.app.services.name()).unwrap();
    assert_eq!(server.call(revoke.header("authorization", format!("Bearer {token}"))).await.status, 200);
    is_refused(&server, &worker, &first).await;
    is_exchanged(&server, &worker, &second).await;

    // A user's tokens from before a time.
    let issued_at = part(&second, 1)["iat"].as_i64().unwrap();
    for (issued_before, is_hit) in [(issued_at, false), (issued_at + 1, true)] {
        let what = Revoked::Subject { sub: ada.id.clone(), issued_before };
        server.app.revoke(vec![what], server.now()).await.unwrap();
        if is_hit {
            is_refused(&server, &worker, &second).await;
        } else {
            is_exchanged(&server, &worker, &second).await;
        }
    }
    is_exchanged(&server, &worker, &other).await;

    // Whatever one key has signed.
    let kid = part(&other, 0)["kid"].as_str().unwrap().to_owned();
    server.app.revoke(vec![Revoked::Key(kid)], server.now()).await.unwrap();
    is_refused(&server, &worker, &other).await;
}

async fn a_delegated_token_ends_with_the_session_too(database: TestDatabase) {
    let server = Server::with(database, with_feed()).await;
    let (worker, api) = (server.registered("worker").await, server.registered("api").await);
    let ada = server.sign_up("Ada").await;
    let delegated = is_exchanged(&server, &worker, &server.user_token(&ada).await).await;
    access_token(&server.exchange(&api, &delegated, "service:mail").await);
    assert_eq!(server.call(sign_out(&ada)).await.status, 200);
    let refused = server.exchange(&api, &delegated, "service:mail").await;
    assert_error(&refused, "invalid_request", REVOKED);
}

async fn a_withdrawal_by_another_server_counts(database: TestDatabase) {
    let server = Server::with(database, with_feed()).await;
    let beside = server.beside(with_feed()).await;
    let worker = server.registered("worker").await;
    let ada = server.sign_up("Ada").await;
    let token = server.user_token(&ada).await;
    is_exchanged(&server, &worker, &token).await;
    assert_eq!(beside.call(sign_out(&ada)).await.status, 200);
    is_refused(&server, &worker, &token).await;
}
