//! Which cookies are read, and how they are named.

use auth_core::testing::{TestDatabase, TestUser, get, post};
use auth_core::wire::cookie::encode_uri_component;
use serde_json::json;

use crate::support::Server;

on_every_database!(
    accepts_every_spelling_of_a_signed_cookie,
    the_first_of_two_cookies_counts,
    a_tampered_cookie_is_as_if_absent,
    an_unknown_token_removes_the_cookies,
    the_vector_of_better_auth_is_a_good_cookie,
    secure_cookies_have_secure_names,
    the_prefix_is_a_setting,
    a_session_cache_is_removed,
    a_cookie_of_another_secret_is_as_if_absent,
    attributes_are_settings,
    a_domain_is_shared_by_setting,
    one_cookie_can_have_its_own_name_and_attributes,
);

fn named(value: &str) -> String {
    format!("better-auth.session_token={value}")
}

async fn accepts_every_spelling_of_a_signed_cookie(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let encoded = encode_uri_component(&ada.signed);
    for cookies in [
        named(&encoded),
        named(&ada.signed),
        named(&format!("\"{encoded}\"")),
        format!("theme=dark;{} ; other=1", named(&encoded)),
        format!("broken; =; {}", named(&encoded)),
    ] {
        let response = server.session(&cookies).await;
        assert_eq!(response.json()["user"]["id"], ada.id, "{cookies}");
    }
    let two_headers = get("/get-session").header("cookie", "theme=dark").header("cookie", named(&encoded));
    assert_eq!(server.call(two_headers).await.json()["user"]["id"], ada.id);
}

async fn the_first_of_two_cookies_counts(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let response = server.session(&format!("{}; {}", ada.cookies, eve.cookies)).await;
    assert_eq!(response.json()["user"]["id"], ada.id);
    let response = server.session(&format!("{}; {}", named("tampered.AAAA"), eve.cookies)).await;
    assert_eq!(response.text(), "null");
}

async fn a_tampered_cookie_is_as_if_absent(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let (token, signature) = ada.signed.split_once('.').unwrap();
    let url_safe = signature.replace('+', "-").replace('/', "_").replace('=', "");
    let flipped = if token.starts_with('a') { 'b' } else { 'a' };
    for value in [
        token.to_owned(),
        format!("{token}."),
        format!("{token}.{url_safe}"),
        format!("{flipped}{}.{signature}", token.get(1..).unwrap()),
        format!("{token}.{}", signature.to_lowercase() + "!"),
        format!("{token}.{signature}="),
        String::new(),
        "%".to_owned(),
        "%zz.%".to_owned(),
    ] {
        let response = server.session(&named(&value)).await;
        assert_eq!((response.status, response.text()), (200, "null"), "{value}");
        assert_eq!(response.set_cookies(), [""; 0], "{value}");
        let refused = server.call(get("/list-accounts").header("cookie", named(&value))).await;
        assert_eq!((refused.status, refused.set_cookies()), (401, vec![]), "{value}");
    }
}

async fn an_unknown_token_removes_the_cookies(database: TestDatabase) {
    let server = Server::on(database).await;
    let unknown = named(&encode_uri_component(&server.app.signer.sign("0123456789abcdefghijklmnopqrstuv")));
    let expected = ["session_token", "session_data", "dont_remember"]
        .map(|name| format!("better-auth.{name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"));
    for (path, status) in [("/get-session", 200), ("/list-sessions", 401), ("/token", 401)] {
        let response = server.call(get(path).header("cookie", &unknown)).await;
        assert_eq!(response.status, status);
        assert_eq!(response.set_cookies(), expected, "{path}");
    }
}

async fn the_vector_of_better_auth_is_a_good_cookie(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("UPDATE session SET token = 'abcdefghijklmnopqrstuvwxyzABCDEF'").await;
    let cookie = "better-auth.session_token=abcdefghijklmnopqrstuvwxyzABCDEF.EKxkEazyXJXEk2DGsySMSy4aSGepFZmneB0vRseMim4%3D";
    assert_eq!(server.session(cookie).await.json()["user"]["id"], ada.id);
}

async fn secure_cookies_have_secure_names(database: TestDatabase) {
    let server = Server::with(database, json!({ "baseURL": "https://auth.example.test" })).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": "a good password", "rememberMe": false });
    let response = server.call(post("/sign-up/email", body)).await;
    let cookies = response.set_cookies();
    for (cookie, name) in cookies.iter().zip(["session_token", "dont_remember"]) {
        assert!(cookie.starts_with(&format!("__Secure-better-auth.{name}=")), "{cookie}");
        assert!(cookie.ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"), "{cookie}");
    }
    let ada = TestUser::new(&response, &server.app);
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    let plain = ada.cookies.replace("__Secure-", "");
    assert_eq!(server.session(&plain).await.text(), "null", "a name that http may set counts for nothing");
    let out = server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    let removed = "__Secure-better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(out.set_cookies()[0], removed);
}

async fn the_prefix_is_a_setting(database: TestDatabase) {
    let settings = json!({ "advanced": { "cookiePrefix": "shop", "useSecureCookies": true } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    assert!(ada.cookies.starts_with("__Secure-shop.session_token="), "{}", ada.cookies);
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
}

async fn a_session_cache_is_removed(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let cache = "better-auth.session_data=x; better-auth.session_data.0=y; better-auth.session_data.10=z; better-auth.session_datas=w";
    let response = server.session(&format!("{}; {cache}", ada.cookies)).await;
    assert_eq!(response.json()["user"]["id"], ada.id);
    let expected = ["session_data", "session_data.0", "session_data.10"]
        .map(|name| format!("better-auth.{name}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"));
    assert_eq!(response.set_cookies(), expected);
}

async fn a_cookie_of_another_secret_is_as_if_absent(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let other = server.beside(json!({ "secret": "another-secret-0123456789-0123456789" })).await;
    let response = other.session(&ada.cookies).await;
    assert_eq!((response.text(), response.set_cookies()), ("null", vec![]));
}

async fn attributes_are_settings(database: TestDatabase) {
    let settings = json!({ "advanced": {
        "useSecureCookies": false,
        "defaultCookieAttributes": { "sameSite": "none", "secure": true, "partitioned": true, "httpOnly": false, "path": "/app", "maxAge": 60 },
    } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": auth_core::testing::PASSWORD, "rememberMe": false });
    let response = server.call(post("/sign-in/email", body)).await;
    let cookies = response.set_cookies();
    assert!(cookies[0].starts_with("better-auth.session_token="), "{cookies:?}");
    assert!(cookies[0].ends_with("; Path=/app; Secure; SameSite=None; Partitioned"), "{cookies:?}");
    assert!(
        !cookies[0].contains("Max-Age"),
        "a session that ends with the browser has no lifetime: {cookies:?}"
    );
    assert!(
        cookies[1].ends_with("; Max-Age=60; Path=/app; Secure; SameSite=None; Partitioned"),
        "{cookies:?}"
    );
    let out = server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    let removed = "better-auth.session_token=; Max-Age=0; Path=/app; Secure; SameSite=None; Partitioned";
    assert_eq!(out.set_cookies()[0], removed);
}

async fn a_domain_is_shared_by_setting(database: TestDatabase) {
    let settings =
        json!({ "advanced": { "crossSubDomainCookies": { "enabled": true, "domain": "example.test" } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let out = server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    let removed =
        "better-auth.session_token=; Max-Age=0; Domain=example.test; Path=/; HttpOnly; SameSite=Lax";
    assert_eq!(out.set_cookies()[0], removed);
    for (settings, domain) in [
        (json!({ "crossSubDomainCookies": { "enabled": true } }), "; Domain=localhost; "),
        (json!({ "crossSubDomainCookies": { "enabled": false, "domain": "example.test" } }), "; Path=/; "),
        (
            json!({ "crossSubDomainCookies": { "enabled": true }, "defaultCookieAttributes": { "domain": ".b.test" } }),
            "; Domain=.b.test; ",
        ),
    ] {
        let server = server.beside(json!({ "advanced": settings })).await;
        let response = server.call(post("/sign-out", json!({}))).await;
        assert!(response.set_cookies()[0].contains(domain), "{settings}: {response:?}");
    }
}

async fn one_cookie_can_have_its_own_name_and_attributes(database: TestDatabase) {
    let settings = json!({
        "session": { "cookieCache": { "enabled": true } },
        "advanced": {
            "cookiePrefix": "acme",
            "useSecureCookies": true,
            "defaultCookieAttributes": { "sameSite": "none", "maxAge": 60 },
            "cookies": {
                "session_token": { "name": "sid", "attributes": { "httpOnly": false, "sameSite": "strict", "maxAge": 1 } },
                "session_data": { "attributes": { "path": "/api", "maxAge": 90 } },
                "dont_remember": { "name": "forget" },
            },
        },
    });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": auth_core::testing::PASSWORD });
    let response = server.call(post("/sign-in/email", body.clone())).await;
    let cookies = response.set_cookies();
    let expected = [
        ("__Secure-sid=", "; Max-Age=604800; Path=/; Secure; SameSite=Strict"),
        ("__Secure-acme.session_data=", "; Max-Age=90; Path=/api; HttpOnly; Secure; SameSite=None"),
    ];
    for (cookie, (name, attributes)) in cookies.iter().zip(expected) {
        assert!(cookie.starts_with(name) && cookie.ends_with(attributes), "{cookie}");
    }
    let mut forgotten = body;
    forgotten["rememberMe"] = json!(false);
    let response = server.call(post("/sign-in/email", forgotten)).await;
    let forget =
        response.set_cookies().into_iter().find(|cookie| cookie.starts_with("__Secure-forget=")).unwrap();
    assert!(forget.ends_with("; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=None"), "{forget}");
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    server.clock.advance(91);
    let renewed = server.session(&ada.cookies).await;
    assert!(renewed.cookie("__Secure-acme.session_data").is_some(), "its own lifetime is the copy's age");
}
