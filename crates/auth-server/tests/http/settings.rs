//! Settings that move or remove what is served.

use auth_core::testing::{TestDatabase, TestRequest, get, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    the_base_path_is_a_setting,
    a_path_in_the_base_url_replaces_the_base_path,
    disabled_paths_are_not_served,
    plugins_that_are_off_serve_nothing,
    a_trailing_slash_is_another_path_unless_it_is_allowed,
    upstream_exact_adds_nothing,
    the_jwt_header_can_be_switched_off,
    addresses_come_from_where_the_settings_say,
);

async fn the_base_path_is_a_setting(database: TestDatabase) {
    let server = Server::with(database, json!({ "basePath": "/api/v1/auth" })).await;
    let ada = server.sign_up("Ada").await;
    for path in ["/get-session", "/session", "/token", "/jwks", "/list-sessions", "/ok"] {
        let at = |base: &str| TestRequest::exactly("GET", &format!("{base}{path}")).by(&ada.by_cookie());
        assert_eq!(server.call(at("/api/v1/auth")).await.status, 200, "{path}");
        assert_eq!(server.call(at("/api/auth")).await.status, 404, "{path}");
        assert_eq!(server.call(at("")).await.status, 404, "{path}");
    }
    let out = server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    assert!(out.set_cookies()[0].contains("; Path=/;"), "cookies are for the whole site");
}

async fn a_path_in_the_base_url_replaces_the_base_path(database: TestDatabase) {
    let settings = json!({ "baseURL": "http://localhost:3000/auth/v2/", "basePath": "/ignored" });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(server.call(TestRequest::exactly("GET", "/auth/v2/ok")).await.status, 200);
    assert_eq!(server.call(TestRequest::exactly("GET", "/ignored/ok")).await.status, 404);
    let token = server.call(get("/token").by(&ada.by_cookie())).await.json();
    assert_eq!(crate::jwt::claims(&token["token"])["iss"], "http://localhost:3000");
    let server = server.beside(json!({ "basePath": "" })).await;
    assert_eq!(server.call(TestRequest::exactly("GET", "/ok")).await.status, 200);
}

async fn disabled_paths_are_not_served(database: TestDatabase) {
    let server = Server::with(database, json!({ "disabledPaths": ["/sign-up/email", "/token/"] })).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": "a good password" });
    let response = server.call(post("/sign-up/email", body)).await;
    assert_eq!(response.status, 404);
    assert_eq!(response.header("x-error-id"), Some("AUTH-0001"));
    assert_eq!(server.call(get("/token")).await.status, 404);
    for path in ["/sign-up/email", "/sign-up/email//", "/token", "/token/"] {
        let response = server.call(get(path)).await;
        assert_eq!((response.status, response.text()), (404, "Not Found"), "{path}");
        assert_eq!(response.header("content-type"), Some("text/plain;charset=UTF-8"), "{path}");
    }
    assert_eq!(server.call(get("/token/x")).await.text(), "");
    assert_eq!(server.call(post("/sign-in/email", json!({}))).await.status, 400);
    assert_eq!(server.database.count("user").await, 0);
}

async fn a_trailing_slash_is_another_path_unless_it_is_allowed(database: TestDatabase) {
    let strict = Server::on(database).await;
    let lenient = strict.beside(json!({ "advanced": { "skipTrailingSlashes": true } })).await;
    for (path, allowed) in [("/ok", 200), ("/ok/", 200), ("/ok//", 404), ("//ok", 404), ("/", 404), ("", 404)]
    {
        assert_eq!(lenient.call(get(path)).await.status, allowed, "{path}");
        let expected = if path == "/ok" { 200 } else { 404 };
        assert_eq!(strict.call(get(path)).await.status, expected, "{path}");
    }
}

async fn plugins_that_are_off_serve_nothing(database: TestDatabase) {
    let server = Server::with(database, json!({ "plugins": [] })).await;
    let ada = server.sign_up_by_hand().await;
    for path in ["/token", "/jwks"] {
        let response = server.call(get(path).header("cookie", &ada)).await;
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
    let session = server.session(&ada).await;
    assert_eq!(session.json()["user"]["name"], "Ada");
    assert_eq!((session.header("set-auth-jwt"), session.header("set-auth-token")), (None, None));
    assert_eq!(server.database.count("jwks").await, 0, "no key without the plugin");
}

impl Server {
    /// The cookies of a new user, over HTTP.
    async fn sign_up_by_hand(&self) -> String {
        let body = json!({ "name": "Ada", "email": "ada@example.test", "password": "a good password" });
        let response = self.call(post("/sign-up/email", body)).await;
        format!("better-auth.session_token={}", response.cookie("better-auth.session_token").unwrap())
    }
}

async fn upstream_exact_adds_nothing(database: TestDatabase) {
    let server = Server::with(database, json!({ "advanced": { "upstreamExact": true } })).await;
    let ada = server.sign_up("Ada").await;
    let ours = server.beside(json!({})).await;
    let mut tokens = Vec::new();
    for (server, cache, has_id) in [(&server, None, false), (&ours, Some("no-store"), true)] {
        let body = json!({ "email": ada.email, "password": auth_core::testing::PASSWORD });
        let response = server.call(post("/sign-in/email", body)).await;
        assert_eq!(response.header("cache-control"), cache);
        let response = server.call(get("/token").by(&ada.by_cookie())).await;
        assert_eq!(response.header("cache-control"), cache);
        let claims = crate::jwt::claims(&response.json()["token"]);
        for claim in ["jti", "sid"] {
            assert_eq!(claims.get(claim).and_then(Value::as_str).is_some(), has_id, "{claim}");
        }
        tokens.push(claims);
        let response = server.call(get("/list-sessions").by(&ada.by_cookie())).await;
        assert_eq!(response.header("cache-control"), cache);
        assert_eq!(
            server.session(&ada.cookies).await.header("cache-control"),
            Some("no-store"),
            "as upstream"
        );
    }
    let names: Vec<_> = tokens[0].as_object().unwrap().keys().cloned().collect();
    let expected = [
        "name",
        "email",
        "emailVerified",
        "image",
        "createdAt",
        "updatedAt",
        "id",
        "iat",
        "exp",
        "iss",
        "aud",
        "sub",
    ];
    assert_eq!(names, expected);
}

async fn the_jwt_header_can_be_switched_off(database: TestDatabase) {
    let server = Server::with(database, json!({ "jwt": { "disableSettingJwtHeader": true } })).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(server.session(&ada.cookies).await.header("set-auth-jwt"), None);
    assert_eq!(server.call(get("/token").by(&ada.by_cookie())).await.status, 200);
}

async fn addresses_come_from_where_the_settings_say(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let cases = [
        (json!({}), "203.0.113.9", "127.0.0.1"),
        (json!({ "trustedProxies": ["127.0.0.1"] }), "198.51.100.7, 203.0.113.9", "203.0.113.9"),
        (
            json!({ "trustedProxies": ["127.0.0.1"] }),
            "2001:db8:1:2:3::1",
            "2001:0db8:0001:0002:0000:0000:0000:0000",
        ),
        (json!({ "source": "headers" }), "203.0.113.9", "203.0.113.9"),
        (json!({ "source": "headers" }), "198.51.100.7, 203.0.113.9", ""),
        (json!({ "disableIpTracking": true }), "203.0.113.9", ""),
    ];
    for (rules, forwarded, stored) in cases {
        let server = server.beside(json!({ "advanced": { "ipAddress": rules } })).await;
        server.database.execute("DELETE FROM session").await;
        let body = json!({ "email": "ada@example.test", "password": auth_core::testing::PASSWORD });
        let response = server.call(post("/sign-in/email", body).header("x-forwarded-for", forwarded)).await;
        assert_eq!(response.status, 200);
        let found = server.database.text(r#"SELECT "ipAddress" AS value FROM session"#).await;
        assert_eq!(found, stored, "{rules}");
    }
}
