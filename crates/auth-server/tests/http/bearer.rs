//! The session token in `Authorization`.

use auth_core::testing::{Caller, TestDatabase, get, post};
use auth_core::wire::cookie::encode_uri_component;
use serde_json::json;

use crate::support::{Server, assert_refused};

on_every_database!(
    accepts_raw_and_signed_tokens,
    refuses_other_forms_without_failing,
    a_bearer_token_takes_the_place_of_the_cookie,
    a_bad_signature_leaves_the_cookie,
    an_unknown_token_hides_a_good_cookie,
    require_signature_refuses_raw_tokens,
    without_the_plugin_the_header_counts_for_nothing,
    needs_no_origin_unless_a_cookie_comes_along,
    a_user_token_is_no_session,
);

fn authorization(value: impl Into<String>) -> auth_core::testing::TestRequest {
    get("/list-accounts").header("authorization", value)
}

async fn accepts_raw_and_signed_tokens(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for value in [
        format!("Bearer {}", ada.token),
        format!("Bearer {}", ada.signed),
        format!("Bearer {}", encode_uri_component(&ada.signed)),
        format!("bearer {}", ada.token),
        format!("  BEARER   {}  ", ada.token),
    ] {
        let response = server.call(authorization(&value)).await;
        assert_eq!(response.status, 200, "{value}");
        assert_eq!(response.json()[0]["userId"], ada.id);
        assert_eq!(response.set_cookies(), [""; 0]);
    }
}

async fn refuses_other_forms_without_failing(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for value in [
        ada.token.clone(),
        format!("Basic {}", ada.token),
        format!("Bearer{}", ada.token),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer .".to_owned(),
        "Bearer %".to_owned(),
        "Bearer %ff.%ff".to_owned(),
        format!("Bearer {}.", ada.token),
        format!("Bearer {} {}", ada.token, ada.token),
        format!("Bearer {}.{}", ada.token, "A".repeat(43) + "="),
        "Bearer \u{e9}".to_owned(),
        format!("Bearer {}", "x".repeat(8000)),
    ] {
        let response = server.call(authorization(&value)).await;
        assert_refused(&response, 401, "UNAUTHORIZED", "Unauthorized", "AUTH-0020");
    }
}

async fn a_bearer_token_takes_the_place_of_the_cookie(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let request = authorization(format!("Bearer {}", eve.token)).header("cookie", &ada.cookies);
    assert_eq!(server.call(request).await.json()[0]["userId"], eve.id);
}

async fn a_bad_signature_leaves_the_cookie(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let value = format!("Bearer {}.{}", eve.token, "A".repeat(43) + "=");
    let request = authorization(value).header("cookie", &ada.cookies);
    assert_eq!(server.call(request).await.json()[0]["userId"], ada.id);
}

async fn an_unknown_token_hides_a_good_cookie(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let request = authorization("Bearer unknown").header("cookie", &ada.cookies);
    let response = server.call(request).await;
    assert_eq!((response.status, response.set_cookies().len()), (401, 3));
}

async fn require_signature_refuses_raw_tokens(database: TestDatabase) {
    let server = Server::with(database, json!({ "bearer": { "requireSignature": true } })).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(server.call(authorization(format!("Bearer {}", ada.token))).await.status, 401);
    assert_eq!(server.call(authorization(format!("Bearer {}", ada.signed))).await.status, 200);
}

async fn without_the_plugin_the_header_counts_for_nothing(database: TestDatabase) {
    let server = Server::with(database, json!({ "plugins": ["jwt"] })).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(server.call(authorization(format!("Bearer {}", ada.token))).await.status, 401);
    let body = json!({ "email": ada.email, "password": auth_core::testing::PASSWORD });
    let response = server.call(post("/sign-in/email", body)).await;
    assert_eq!((response.status, response.header("set-auth-token")), (200, None));
}

async fn needs_no_origin_unless_a_cookie_comes_along(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let request = || post("/update-user", json!({ "name": "B" })).by(&Caller::Bearer(ada.token.clone()));
    let alone = server.call(request()).await;
    assert_eq!((alone.status, alone.header("set-auth-token")), (200, Some(ada.signed.as_str())));
    let with_cookie = server.call(request().header("cookie", "theme=dark")).await;
    let message = "Missing or null Origin";
    assert_refused(&with_cookie, 403, "MISSING_OR_NULL_ORIGIN", message, "AUTH-0011");
    let foreign = server.call(request().header("origin", "https://evil.example")).await;
    assert_eq!(foreign.status, 200, "a token that no browser sends by itself");
}

async fn a_user_token_is_no_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = server.call(get("/token").by(&ada.by_bearer())).await.json()["token"].clone();
    let response = server.call(authorization(format!("Bearer {}", token.as_str().unwrap()))).await;
    assert_eq!(response.status, 401);
}
