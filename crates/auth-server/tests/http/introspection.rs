//! POST /introspect (RFC 7662) and POST /revoke (RFC 7009)

use auth_core::testing::{START, TestDatabase, TestRequest, TestResponse, TestUser, get, post};
use auth_jose::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};

use crate::revocation::{SERVICE_SECRET, basic, claims};
use crate::support::Server;

on_every_database!(
    tells_what_a_good_token_says,
    tells_nothing_about_a_bad_token,
    tells_that_a_session_has_ended,
    tells_that_a_token_is_withdrawn,
    revokes_one_token_and_no_other,
    revokes_a_session_with_its_tokens,
    answers_the_same_whether_there_was_a_token,
    only_known_services_may_ask,
    parameters_stand_once,
    is_not_there_without_services,
    knows_the_tokens_of_every_audience,
);

fn settings() -> Value {
    json!({ "introspection": { "clients": { "orders": SERVICE_SECRET, "billing": "another-secret-0123456789-abcdefgh" } } })
}

const FORM: &str = "application/x-www-form-urlencoded";

fn ask(path: &str, body: &str) -> TestRequest {
    TestRequest::new("POST", path).body(FORM, body).header("authorization", basic("orders", SERVICE_SECRET))
}

fn encoded(token: &str) -> String {
    url::form_urlencoded::byte_serialize(token.as_bytes()).collect()
}

pub(crate) async fn introspect(server: &Server, token: &str) -> Value {
    let response = server.call(ask("/introspect", &format!("token={}", encoded(token)))).await;
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")));
    assert_eq!(response.header("content-type"), Some("application/json"));
    response.json()
}

pub(crate) async fn revoke(server: &Server, token: &str) -> TestResponse {
    server.call(ask("/revoke", &format!("token={}&token_type_hint=access_token", encoded(token)))).await
}

pub(crate) async fn jwt(server: &Server, user: &TestUser) -> String {
    let response = server.call(get("/token").by(&user.by_cookie())).await;
    response.json()["token"].as_str().unwrap().to_owned()
}

fn kid_of(token: &str) -> String {
    let header = auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

pub(crate) fn inactive() -> Value {
    json!({ "active": false })
}

async fn tells_what_a_good_token_says(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let expected = crate::jwt::claims(&json!(token));
    let found = introspect(&server, &token).await;
    assert_eq!((&found["active"], &found["token_type"]), (&json!(true), &json!("Bearer")));
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "sid"] {
        assert_eq!(found[claim], expected[claim], "{claim}");
    }
    for token in [&ada.token, &ada.signed] {
        assert_eq!(
            introspect(&server, token).await,
            json!({
                "active": true, "token_type": "Bearer", "iss": "http://localhost:3000", "sub": ada.id,
                "username": ada.email, "iat": START, "exp": START + 604_800, "sid": expected["sid"],
            })
        );
    }
}

async fn tells_nothing_about_a_bad_token(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let good = jwt(&server, &ada).await;
    let stranger = SigningKey::generate(KeyAlgorithm::EdDsa, "stranger").unwrap();
    let forged = stranger.sign(None, &crate::jwt::claims(&json!(good))).unwrap();
    let (head, _) = good.rsplit_once('.').unwrap();
    let other_session = format!("{}x", ada.token);
    for token in [
        forged.as_str(),
        &format!("{head}.{}", "A".repeat(86)),
        &format!("{head}."),
        &good.replace('.', ".."),
        "..",
        ".",
        "a.b.c",
        "unknown",
        &other_session,
        &format!("{}.c2lnbmF0dXJl", ada.token),
        &ada.token.to_uppercase(),
        &"x".repeat(60_000),
        &format!("{}.{}.{}", "e".repeat(20_000), "e".repeat(20_000), "e".repeat(20_000)),
        "\u{0}",
        "%",
        "ä.ö.ü",
        "' OR 1=1 --",
    ] {
        assert_eq!(introspect(&server, token).await, inactive(), "{token:.40}");
        assert_eq!(revoke(&server, token).await.status, 200, "{token:.40}");
    }
    assert_eq!(introspect(&server, &good).await["active"], true, "nothing of that has touched it");
    server.clock.advance(900);
    assert_eq!(introspect(&server, &good).await, inactive(), "expired, without leeway");
    assert_eq!(introspect(&server, &ada.token).await["active"], true);
    server.clock.advance(604_800);
    assert_eq!(introspect(&server, &ada.token).await, inactive());
}

async fn tells_that_a_session_has_ended(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let (token, other) = (jwt(&server, &ada).await, jwt(&server, &phone).await);
    server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    assert_eq!(introspect(&server, &ada.token).await, inactive());
    assert_eq!(introspect(&server, &token).await, inactive(), "the session's JWT too");
    assert_eq!(introspect(&server, &other).await["active"], true);
}

async fn tells_that_a_token_is_withdrawn(database: TestDatabase) {
    use auth_core::revocation::Revoked;
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let kid = kid_of(&token);
    let now = auth_jose::Clock::now(&*server.clock);
    let older = |before| Revoked::Subject { sub: ada.id.clone(), issued_before: before };
    for (what, is_active) in [
        (Revoked::Key("another".into()), true),
        (Revoked::Session(kid.clone()), true),
        (older(START), true),
        (older(START + 1), false),
    ] {
        server.app.revoke(vec![what.clone()], now).await.unwrap();
        assert_eq!(introspect(&server, &token).await["active"], is_active, "{what:?}");
    }
    let bob = server.sign_up("Bob").await;
    let token = jwt(&server, &bob).await;
    assert_eq!(introspect(&server, &token).await["active"], true);
    server.app.revoke(vec![Revoked::Key(kid)], now).await.unwrap();
    assert_eq!(introspect(&server, &token).await, inactive());
}

async fn revokes_one_token_and_no_other(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let (token, other) = (jwt(&server, &ada).await, jwt(&server, &ada).await);
    let response = revoke(&server, &token).await;
    assert_eq!(
        (response.status, response.text(), response.header("cache-control")),
        (200, "", Some("no-store"))
    );
    assert_eq!(introspect(&server, &token).await, inactive());
    assert_eq!(introspect(&server, &other).await["active"], true);
    assert_eq!(introspect(&server, &ada.token).await["active"], true, "the session goes on");
    assert_eq!(revoke(&server, &token).await.status, 200, "once more");

    let exact = json!({ "advanced": { "upstreamExact": true } });
    let exact = jwt(&server.beside(exact).await, &ada).await;
    let response = revoke(&server, &exact).await;
    assert_eq!((response.status, response.json()["error"].as_str()), (400, Some("unsupported_token_type")));
}

async fn revokes_a_session_with_its_tokens(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let token = jwt(&server, &ada).await;
    assert_eq!(revoke(&server, &ada.signed).await.status, 200);
    assert_eq!(server.session(&ada.cookies).await.text(), "null");
    assert_eq!(introspect(&server, &token).await, inactive());
    assert_eq!(revoke(&server, &phone.token).await.status, 200);
    assert_eq!(server.database.count("session").await, 0);
}

async fn answers_the_same_whether_there_was_a_token(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let there = revoke(&server, &ada.token).await;
    let gone = revoke(&server, &ada.token).await;
    assert_eq!((there.status, &there.headers, &there.body), (gone.status, &gone.headers, &gone.body));
    assert_eq!(server.database.count("auth_revocation").await, 1);
}

async fn only_known_services_may_ask(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let body = format!("token={}", ada.token);
    for path in ["/introspect", "/revoke"] {
        let anonymous = || TestRequest::new("POST", path).body(FORM, body.clone());
        for request in [
            anonymous(),
            anonymous().by(&ada.by_bearer()),
            anonymous().header("authorization", basic("orders", "another-secret-0123456789-abcdefgh")),
            anonymous().header("authorization", basic("orders", &SERVICE_SECRET.to_uppercase())),
            anonymous().header("authorization", format!("Basic {SERVICE_SECRET}")),
        ] {
            let response = server.call(request).await;
            assert_eq!((response.status, response.json()["error"].as_str()), (401, Some("invalid_client")));
            assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"auth\""));
        }
        let encoded = basic("orders", &SERVICE_SECRET.replace('-', "%2D"));
        let response = server.call(anonymous().header("authorization", encoded)).await;
        assert_eq!(response.status, 200, "{path}: encoded, as RFC 6749 has it");
    }
}

async fn parameters_stand_once(database: TestDatabase) {
    let server = Server::with(database, settings()).await;
    let ada = server.sign_up("Ada").await;
    let token = claims(&server, &ada).await["jti"].as_str().unwrap().to_owned();
    for path in ["/introspect", "/revoke"] {
        for body in [
            String::new(),
            "token=".to_owned(),
            "hint=x".to_owned(),
            format!("token={token}&token={token}"),
            format!("token={token}&token_type_hint=a&token_type_hint=b"),
        ] {
            let response = server.call(ask(path, &body)).await;
            let found = (response.status, response.json()["error"].as_str().map(str::to_owned));
            assert_eq!(found, (400, Some("invalid_request".to_owned())), "{body}");
            assert_eq!(response.header("cache-control"), Some("no-store"));
        }
        let json = post(path, json!({ "token": token }));
        let response = server.call(json.header("authorization", basic("orders", SERVICE_SECRET))).await;
        assert_eq!(response.status, 400, "{path} takes a form");
        assert_eq!(server.call(get(path)).await.status, 404);
    }
}

async fn is_not_there_without_services(database: TestDatabase) {
    let server = Server::with(database, crate::revocation::public()).await;
    for path in ["/introspect", "/revoke"] {
        assert_eq!(server.call(ask(path, "token=x")).await.status, 404);
    }
}

async fn knows_the_tokens_of_every_audience(database: TestDatabase) {
    let mut settings = settings();
    settings["audiences"] = json!({
        "gateway": { "alg": "ES256", "audience": ["gw", "gw2"], "expirationTime": "2h" },
        "reports": { "claims": { "role": "reader" } },
    });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    for (name, audience) in [("gateway", json!(["gw", "gw2"])), ("reports", json!("reports"))] {
        let response = server.call(get(&format!("/token?audience={name}")).by(&ada.by_cookie())).await;
        let token = response.json()["token"].as_str().unwrap().to_owned();
        let found = introspect(&server, &token).await;
        assert_eq!((&found["active"], &found["aud"]), (&json!(true), &audience));
        assert_eq!(revoke(&server, &token).await.status, 200);
        assert_eq!(introspect(&server, &token).await, inactive());
        server.clock.advance(7_000);
        assert_eq!(introspect(&server, &token).await, inactive());
        server.app.forget_revocations().await.unwrap();
        assert!(
            server.database.count("auth_revocation").await >= 1,
            "kept as long as the longest token lives"
        );
    }
}
