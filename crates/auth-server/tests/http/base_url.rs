//! The base URL by request: what follows it, and which hosts nobody can make it follow.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, TestResponse, get, post};
use serde_json::{Value, json};

use crate::jwt::claims;
use crate::support::{Server, assert_refused, exchange};

on_every_database!(
    tokens_mails_and_redirects_name_the_host_that_was_asked,
    other_hosts_are_refused_or_get_the_fallback,
    nothing_that_only_looks_like_a_host_is_one,
    a_proxy_is_believed_by_setting_only,
    only_the_named_proxies_are_believed,
    pages_of_every_allowed_host_are_trusted,
    cookies_follow_the_protocol_and_shared_ones_the_host,
    a_session_in_a_cookie_is_believed_where_it_was_issued,
);

fn hosts(more: &Value) -> Value {
    let mut settings = json!({ "baseURL": {
        "allowedHosts": ["auth.one.test", "*.two.test", "127.0.0.1:*"], "protocol": "https",
    } });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    settings
}

fn at(host: &str, request: TestRequest) -> TestRequest {
    request.header("host", host)
}

fn sign_up(host: &str, name: &str) -> TestRequest {
    let email = format!("{name}@example.test");
    at(host, post("/sign-up/email", json!({ "name": name, "email": email, "password": PASSWORD })))
}

/// The cookies of an answer as a browser sends them back.
fn cookies(response: &TestResponse) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    let pairs = response.set_cookies();
    pairs.iter().filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ")
}

/// The issuer of the token that somebody gets at a host.
async fn issuer(server: &Server, request: TestRequest) -> String {
    let response = server.call(request).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let claims = claims(&response.json()["token"]);
    assert_eq!(claims["iss"], claims["aud"]);
    claims["iss"].as_str().unwrap().to_owned()
}

fn refused(response: &TestResponse) {
    assert_refused(
        response,
        421,
        "HOST_NOT_ALLOWED",
        "This server does not answer for that host",
        "AUTH-0122",
    );
}

async fn tokens_mails_and_redirects_name_the_host_that_was_asked(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({}))).await;
    let ada = cookies(&server.call(sign_up("auth.one.test", "ada")).await);
    for (host, origin) in [
        ("auth.one.test", "https://auth.one.test"),
        ("AUTH.One.test", "https://auth.one.test"),
        ("auth.one.test:443", "https://auth.one.test"),
        ("a.two.test", "https://a.two.test"),
        ("b.a.two.test", "https://b.a.two.test"),
        ("127.0.0.1:8443", "https://127.0.0.1:8443"),
    ] {
        let token = at(host, get("/token").header("cookie", &ada));
        assert_eq!(issuer(&server, token).await, origin, "{host}");

        let reset = json!({ "email": "ada@example.test", "redirectTo": "/new" });
        let response = server.call(at(host, post("/request-password-reset", reset))).await;
        assert_eq!(response.status, 200, "{}", response.text());
        let mail = server.one_mail();
        let link = mail.link.url();
        assert!(link.starts_with(&format!("{origin}/api/auth/reset-password/")), "{link}");

        let path = link.strip_prefix(origin).unwrap();
        let opened = server.call(at(host, TestRequest::exactly("GET", path))).await;
        let location = opened.header("location").unwrap();
        assert!(location.starts_with(&format!("{origin}/new?token=")), "{location}");
    }
}

async fn other_hosts_are_refused_or_get_the_fallback(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({}))).await;
    let ada = cookies(&server.call(sign_up("auth.one.test", "ada")).await);
    let elsewhere = ["evil.test", "one.test", "two.test", "auth.one.test:8443", "auth.one.test.evil.test"];
    for host in elsewhere {
        for request in [get("/ok"), get("/jwks"), get("/token"), post("/sign-out", json!({}))] {
            refused(&server.call(at(host, request)).await);
        }
    }
    refused(&server.call(get("/ok")).await);

    let fallback = json!({ "baseURL": {
        "allowedHosts": ["auth.one.test"], "protocol": "https", "fallback": "https://fallback.test/",
    } });
    let server = server.beside(fallback).await;
    for host in elsewhere {
        let token = at(host, get("/token").header("cookie", &ada));
        assert_eq!(issuer(&server, token).await, "https://fallback.test", "{host}");
    }
}

async fn nothing_that_only_looks_like_a_host_is_one(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({}))).await;
    for host in [
        "auth.one.test.",
        "auth.one.test, evil.test",
        "evil.test,auth.one.test",
        "auth.one.test evil.test",
        "auth.one.test\tevil.test",
        "user@auth.one.test",
        "evil.test@auth.one.test",
        "auth.one.test:0",
        "auth.one.test:0443",
        "auth.one.test:443:443",
        "auth.one.test/",
        "auth.one.test#.two.test",
        "evil.test#.two.test",
        "evil.test/.two.test",
        "evil.test?.two.test",
        "evil.test\\.two.test",
        "evil.test:80.two.test",
        "evil.test%2f.two.test",
        ".two.test",
        "..two.test",
        "*.two.test",
        "2130706433:80",
        "127.1:80",
        "0x7f.0.0.1:80",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "",
    ] {
        refused(&server.call(at(host, get("/ok"))).await);
    }
    // Twice, in any order, is nowhere.
    for (one, two) in [("auth.one.test", "evil.test"), ("evil.test", "auth.one.test")] {
        refused(&server.call(at(one, at(two, get("/ok")))).await);
    }
    // On a socket: whatever the web server lets through.
    let address = server.listen();
    for head in [
        "GET /api/auth/ok HTTP/1.1\r\nHost: evil.test",
        "GET /api/auth/ok HTTP/1.1\r\nHost: auth.one.test\r\nHost: evil.test",
        "GET /api/auth/ok HTTP/1.1\r\nHost: evil.test\r\nHost: auth.one.test",
        "GET http://auth.one.test/api/auth/ok HTTP/1.1\r\nHost: evil.test",
        "GET /api/auth/ok HTTP/1.1\r\nX-Host: auth.one.test\r\nHost : auth.one.test\r\nHost: evil.test",
        "GET /api/auth/ok HTTP/1.0",
    ] {
        let answer = exchange(address, format!("{head}\r\nConnection: close\r\n\r\n")).await;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        assert!(matches!(status.as_str(), "421" | "400"), "{head}: {answer}");
    }
    let good = "GET /api/auth/ok HTTP/1.1\r\nHost: auth.one.test\r\nConnection: close\r\n\r\n";
    assert!(exchange(address, good).await.starts_with("HTTP/1.1 200"));
}

async fn a_proxy_is_believed_by_setting_only(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({}))).await;
    let ada = cookies(&server.call(sign_up("auth.one.test", "ada")).await);
    let token = |host: &str, headers: &[(&str, &str)]| {
        let request = at(host, get("/token").header("cookie", &ada));
        headers.iter().fold(request, |request, (name, value)| request.header(name, *value))
    };
    let forwarded = [("x-forwarded-host", "a.two.test"), ("x-forwarded-proto", "http")];
    assert_eq!(issuer(&server, token("auth.one.test", &forwarded)).await, "https://auth.one.test");
    refused(&server.call(token("internal.test", &forwarded)).await);

    let auto = |protocol: &str| {
        json!({
            "baseURL": { "allowedHosts": ["auth.one.test", "*.two.test"], "protocol": protocol },
            "advanced": { "trustedProxyHeaders": true, "useSecureCookies": true },
        })
    };
    let server = server.beside(auto("auto")).await;
    assert_eq!(issuer(&server, token("internal.test", &forwarded)).await, "http://a.two.test");
    for (host, headers, origin) in [
        // The proxy says one of the two, or neither.
        ("auth.one.test", vec![("x-forwarded-proto", "https")], "https://auth.one.test"),
        ("auth.one.test", vec![], "http://auth.one.test"),
        // What is no host or scheme says nothing.
        ("auth.one.test", vec![("x-forwarded-host", "a.two.test, evil.test")], "http://auth.one.test"),
        ("auth.one.test", vec![("x-forwarded-proto", "https,http")], "http://auth.one.test"),
        ("auth.one.test", vec![("x-forwarded-proto", "javascript")], "http://auth.one.test"),
        ("auth.one.test", vec![("x-forwarded-proto", "HTTPS")], "http://auth.one.test"),
        (
            "auth.one.test",
            vec![("x-forwarded-host", "a.two.test"), ("x-forwarded-host", "b.two.test")],
            "http://auth.one.test",
        ),
    ] {
        assert_eq!(issuer(&server, token(host, &headers)).await, origin, "{headers:?}");
    }
    refused(&server.call(token("auth.one.test", &[("x-forwarded-host", "evil.test")])).await);

    let server = server.beside(auto("https")).await;
    assert_eq!(issuer(&server, token("internal.test", &forwarded)).await, "https://a.two.test");
}

async fn only_the_named_proxies_are_believed(database: TestDatabase) {
    let settings = |proxy: &str| {
        json!({
            "baseURL": { "allowedHosts": ["auth.one.test", "auth.two.test"], "protocol": "https" },
            "advanced": { "trustedProxyHeaders": true, "ipAddress": { "trustedProxies": [proxy] } },
        })
    };
    let forwarded = || at("auth.one.test", get("/token")).header("x-forwarded-host", "auth.two.test");
    // Tests connect from 127.0.0.1.
    let server = Server::with(database, settings("127.0.0.0/8")).await;
    let ada = cookies(&server.call(sign_up("auth.one.test", "ada")).await);
    let token = forwarded().header("cookie", &ada);
    assert_eq!(issuer(&server, token.clone()).await, "https://auth.two.test");
    let server = server.beside(settings("10.0.0.0/8")).await;
    assert_eq!(issuer(&server, token).await, "https://auth.one.test");
}

async fn pages_of_every_allowed_host_are_trusted(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({ "trustedOrigins": ["https://app.test"] }))).await;
    let sign_out = |origin: &str, target: &str| {
        let request = post("/sign-out", json!({ "callbackURL": target }));
        at("auth.one.test", request.header("cookie", "theme=dark").header("origin", origin))
    };
    for origin in
        ["https://auth.one.test", "https://a.two.test", "https://127.0.0.1:8443", "https://app.test"]
    {
        let response = server.call(sign_out(origin, &format!("{origin}/page"))).await;
        assert_eq!(response.status, 200, "{origin}: {}", response.text());
    }
    for origin in ["http://auth.one.test", "https://two.test", "https://evil.test", "http://localhost:3000"] {
        let response = server.call(sign_out(origin, "/")).await;
        assert_refused(&response, 403, "INVALID_ORIGIN", "Invalid origin", "AUTH-0012");
        let response = server.call(sign_out("https://app.test", &format!("{origin}/page"))).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
    }
}

/// How a sign-out at a host removes the session's cookie.
async fn removed(server: &Server, host: &str) -> String {
    server.call(at(host, post("/sign-out", json!({})))).await.set_cookies()[0].to_owned()
}

async fn cookies_follow_the_protocol_and_shared_ones_the_host(database: TestDatabase) {
    let server = Server::with(database, hosts(&json!({}))).await;
    let secure = "__Secure-better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(removed(&server, "a.two.test").await, secure);

    let shared = |protocol: &str| {
        json!({
            "baseURL": { "allowedHosts": ["auth.one.test", "*.two.test"], "protocol": protocol },
            "advanced": { "crossSubDomainCookies": { "enabled": true }, "trustedProxyHeaders": true },
        })
    };
    let server = server.beside(shared("http")).await;
    for host in ["auth.one.test", "a.two.test"] {
        let expected =
            format!("better-auth.session_token=; Max-Age=0; Domain={host}; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(removed(&server, host).await, expected);
    }
    let server = server.beside(shared("auto")).await;
    let forwarded = at("a.two.test", post("/sign-out", json!({}))).header("x-forwarded-proto", "https");
    let expected = "__Secure-better-auth.session_token=; Max-Age=0; Domain=a.two.test; Path=/; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(server.call(forwarded).await.set_cookies()[0], expected);
}

async fn a_session_in_a_cookie_is_believed_where_it_was_issued(database: TestDatabase) {
    let settings = hosts(&json!({
        "session": { "cookieCache": { "enabled": true, "strategy": "jwt" } },
        "jwt": { "sessionCookieCache": true },
    }));
    let server = Server::with(database, settings).await;
    let ada = cookies(&server.call(sign_up("auth.one.test", "ada")).await);
    // Only the copy still says who that is.
    server.database.execute("DELETE FROM session").await;
    let session = |host: &str| at(host, get("/get-session").header("cookie", &ada));
    assert_eq!(server.call(session("auth.one.test")).await.json()["user"]["name"], "ada");
    assert_eq!(server.call(session("a.two.test")).await.text(), "null");
}
