//! POST /get-access-token, POST /refresh-token, GET /account-info

use auth_core::testing::{TestDatabase, get, post};
use serde_json::{Value, json};

use super::idp::{Idp, Instead, Jar, person, sign_in, with};
use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    gives_an_access_token_and_renews_it_when_it_ends,
    renews_tokens_on_request,
    shows_who_the_caller_is_at_the_provider,
    gives_nobody_elses_tokens,
    selects_exactly_one_account,
    keeps_tokens_sealed_where_configured,
    keeps_the_account_in_a_cookie_where_configured,
);

async fn account(server: &Server) -> String {
    server.database.text(r#"SELECT id AS value FROM account WHERE "providerId" <> 'credential'"#).await
}

async fn gives_an_access_token_and_renews_it_when_it_ends(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let body = json!({ "accountId": account(&server).await });
    let first = jar.send(&server, post("/get-access-token", body.clone())).await;
    let answer = first.json();
    assert_eq!(first.status, 200, "{answer}");
    assert_eq!(answer["scopes"], json!(["openid", "email", "profile"]));
    assert_eq!(answer["accessTokenExpiresAt"], "2030-01-01T01:00:00.000Z");
    idp.log();
    let second = jar.send(&server, post("/get-access-token", body.clone())).await;
    assert_eq!((second.json(), idp.log()), (answer.clone(), Vec::new()));
    server.clock.advance(3596);
    let renewed = jar.send(&server, post("/get-access-token", body.clone())).await.json();
    assert_ne!(renewed["accessToken"], answer["accessToken"]);
    assert_eq!(idp.log(), ["POST main/token"]);

    server.clock.advance(3600);
    idp.answer("main/token", Instead::status(400));
    let refused = jar.send(&server, post("/get-access-token", body)).await;
    let message = "Failed to get a valid access token";
    assert_refused(&refused, 400, "FAILED_TO_GET_ACCESS_TOKEN", message, "AUTH-0215");
}

async fn renews_tokens_on_request(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let body = json!({ "accountId": account(&server).await });
    let answer = jar.send(&server, post("/refresh-token", body.clone())).await.json();
    let stored = server.database.text(r#"SELECT "refreshToken" AS value FROM account"#).await;
    assert_eq!(
        (answer["refreshToken"].as_str(), answer["scope"].as_str()),
        (Some(&*stored), Some("openid,email,profile"))
    );
    idp.answer("main/token", Instead::status(500));
    let refused = jar.send(&server, post("/refresh-token", body.clone())).await;
    let message = "Failed to refresh access token";
    assert_refused(&refused, 400, "FAILED_TO_REFRESH_ACCESS_TOKEN", message, "AUTH-0214");
    server.database.execute(r#"UPDATE account SET "refreshToken" = NULL"#).await;
    let refused = jar.send(&server, post("/refresh-token", body.clone())).await;
    assert_refused(&refused, 400, "REFRESH_TOKEN_NOT_FOUND", "Refresh token not found", "AUTH-0213");
    server.database.execute(r#"UPDATE account SET "providerId" = 'gone'"#).await;
    let refused = jar.send(&server, post("/refresh-token", body)).await;
    assert_refused(&refused, 400, "PROVIDER_NOT_SUPPORTED", "Provider gone is not supported.", "AUTH-0210");
}

async fn shows_who_the_caller_is_at_the_provider(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "plain", &person("Ada", true)).await;
    let id = account(&server).await;
    let answer = jar.send(&server, get(&format!("/account-info?accountId={id}"))).await.json();
    assert_eq!(answer["user"]["email"], "ada@example.test");
    assert_eq!(answer["data"]["sub"], "sub-Ada");
    assert_eq!(answer["account"], json!({ "id": id, "providerId": "plain", "accountId": "sub-Ada" }));
    idp.answer("plain/userinfo", Instead::status(401));
    let refused = jar.send(&server, get(&format!("/account-info?accountId={id}"))).await;
    assert_refused(&refused, 401, "FAILED_TO_GET_USER_INFO", "Failed to get user info", "AUTH-0203");
    server.database.execute(r#"UPDATE account SET "accessToken" = NULL"#).await;
    let refused = jar.send(&server, get(&format!("/account-info?accountId={id}"))).await;
    assert_refused(&refused, 400, "ACCESS_TOKEN_NOT_FOUND", "Access token not found", "AUTH-0216");
}

async fn gives_nobody_elses_tokens(database: TestDatabase) {
    let idp = Idp::start();
    let server = Server::with(database, idp.settings()).await;
    sign_in(&server, &idp, &mut Jar::default(), "oidc", &person("Ada", true)).await;
    let id = account(&server).await;
    let mut eve = Jar::with(&server.sign_up("Eve").await.cookies);
    let body = json!({ "accountId": id });
    let requests = || {
        [
            post("/get-access-token", body.clone()),
            post("/refresh-token", body.clone()),
            get(&format!("/account-info?accountId={id}")),
        ]
    };
    idp.log();
    for request in requests() {
        let refused = eve.send(&server, request).await;
        assert_refused(&refused, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    }
    for request in requests() {
        let refused = server.call(request).await;
        assert_eq!((refused.status, refused.text()), (401, ""));
        assert_eq!(refused.header("content-type"), Some("application/json"));
    }
    assert_eq!(idp.log(), [""; 0]);
}

async fn selects_exactly_one_account(database: TestDatabase) {
    let server = Server::on(database).await;
    let mut ada = Jar::with(&server.sign_up("Ada").await.cookies);
    for body in [
        json!({}),
        json!([]),
        json!({ "accountId": 1 }),
        json!({ "accountId": "a", "useAccountCookie": true }),
        json!({ "useAccountCookie": false }),
        json!({ "useAccountCookie": "true" }),
        json!({ "accountId": "a", "userId": 1 }),
    ] {
        assert_invalid(&ada.send(&server, post("/get-access-token", body)).await, "[body] Invalid input");
    }
    for (body, message) in [
        (json!({ "accountId": "a", "providerId": "oidc" }), "Unrecognized key: \"providerId\""),
        (json!({ "useAccountCookie": true, "x": 1, "y": 2 }), "Unrecognized keys: \"x\", \"y\""),
        (json!({ "accountId": "a", "useAccountCookie": false }), "Unrecognized key: \"useAccountCookie\""),
    ] {
        let response = ada.send(&server, post("/refresh-token", body)).await;
        assert_invalid(&response, &format!("[body] {message}"));
    }
    let response = ada.send(&server, get("/account-info?accountId=a&x=1")).await;
    assert_invalid(&response, "[query] Unrecognized key: \"x\"");
    for query in ["", "?useAccountCookie=true", "?accountId=a&accountId=b", "?accountId=a&userId=1&userId=2"]
    {
        let response = ada.send(&server, get(&format!("/account-info{query}"))).await;
        assert_invalid(&response, "[query] Invalid input");
    }
    for body in [json!({ "useAccountCookie": true }), json!({ "accountId": "a", "userId": "u" })] {
        let refused = ada.send(&server, post("/get-access-token", body)).await;
        assert_refused(&refused, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    }
}

async fn keeps_tokens_sealed_where_configured(database: TestDatabase) {
    let idp = Idp::start();
    let settings = with(idp.settings(), &json!({ "account": { "encryptOAuthTokens": true } }));
    let server = Server::with(database, settings).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let body = json!({ "accountId": account(&server).await });
    let answer = jar.send(&server, post("/get-access-token", body.clone())).await.json();
    let stored = server.database.text(r#"SELECT "accessToken" AS value FROM account"#).await;
    assert!(stored.len() > 80 && stored.bytes().all(|byte| byte.is_ascii_hexdigit()), "{stored}");
    assert!(answer["accessToken"].as_str().unwrap().starts_with("at-"));
    // Tokens from before it was switched on are read as they are; one that was changed is not.
    server.database.execute(r#"UPDATE account SET "accessToken" = 'at-from-before'"#).await;
    let answer = jar.send(&server, post("/get-access-token", body.clone())).await.json();
    assert_eq!(answer["accessToken"], "at-from-before");
    server
        .database
        .execute(&format!(r#"UPDATE account SET "accessToken" = '{}'"#, stored.replace('0', "1")))
        .await;
    let refused = jar.send(&server, post("/get-access-token", body)).await;
    let message = "Failed to get a valid access token";
    assert_refused(&refused, 400, "FAILED_TO_GET_ACCESS_TOKEN", message, "AUTH-0215");
}

async fn keeps_the_account_in_a_cookie_where_configured(database: TestDatabase) {
    let idp = Idp::start();
    let settings = with(idp.settings(), &json!({ "account": { "storeAccountCookie": true } }));
    let server = Server::with(database, settings).await;
    let mut jar = Jar::default();
    sign_in(&server, &idp, &mut jar, "oidc", &person("Ada", true)).await;
    let select: Value = json!({ "useAccountCookie": true });
    let answer = jar.send(&server, post("/get-access-token", select.clone())).await.json();
    assert!(answer["accessToken"].as_str().unwrap().starts_with("at-"));
    // In another user's browser it is nobody's.
    let eve = server.sign_up("Eve").await;
    let data =
        jar.header().split("; ").find(|it| it.starts_with("better-auth.account_data")).unwrap().to_owned();
    let mut eves = Jar::with(&format!("{}; {data}", eve.cookies));
    let refused = eves.send(&server, post("/get-access-token", select.clone())).await;
    assert_refused(&refused, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    server.clock.advance(300);
    let refused = jar.send(&server, post("/get-access-token", select)).await;
    assert_refused(&refused, 400, "ACCOUNT_NOT_FOUND", "Account not found", "AUTH-0120");
    jar.send(&server, post("/sign-out", json!({}))).await;
    assert!(!jar.header().contains("account_data"), "{}", jar.header());
}
