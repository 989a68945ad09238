//! Pages of other origins.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, TestResponse, get, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    without_the_setting_there_are_no_cors_headers,
    a_listed_page_may_ask_and_read,
    other_pages_may_not,
    every_answer_tells_caches_that_it_depends_on_the_origin,
    errors_can_be_read_too,
    headers_that_an_answer_exposes_stay_exposed,
    origins_are_patterns,
    being_listed_is_not_being_trusted,
    a_preflight_counts_for_no_limit,
    everybody_may_be_let_in_without_cookies_only,
    refuses_names_that_are_none,
);

const APP: &str = "https://app.example.com";

fn listed(origins: &Value) -> Value {
    json!({ "cors": { "origins": origins }, "trustedOrigins": [APP] })
}

fn preflight(origin: &str, path: &str) -> TestRequest {
    TestRequest::new("OPTIONS", path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
}

/// Every CORS header of a response, in the order of names.
fn cors(response: &TestResponse) -> Vec<String> {
    let ours = response.headers.iter().filter(|(name, _)| name.starts_with("access-control-"));
    let mut headers: Vec<_> = ours.map(|(name, value)| format!("{name}: {value}")).collect();
    headers.sort();
    headers
}

async fn without_the_setting_there_are_no_cors_headers(database: TestDatabase) {
    let server = Server::with(database, json!({ "trustedOrigins": [APP] })).await;
    let asked = server.call(preflight(APP, "/sign-in/email")).await;
    assert_eq!((asked.status, cors(&asked)), (404, vec![]));
    let response = server.call(get("/ok").header("origin", APP)).await;
    assert_eq!((response.status, cors(&response), response.header("vary")), (200, vec![], None));
}

async fn a_listed_page_may_ask_and_read(database: TestDatabase) {
    let server = Server::with(database, listed(&json!([APP, "http://localhost:3001"]))).await;
    for origin in [APP, "http://localhost:3001"] {
        for path in ["/sign-in/email", "/ok", "/nothing"] {
            let response = server.call(preflight(origin, path)).await;
            assert_eq!((response.status, response.text()), (204, ""));
            assert_eq!(response.header("vary"), Some("Origin"));
            let expected = [
                "access-control-allow-credentials: true",
                "access-control-allow-headers: Content-Type, Authorization",
                "access-control-allow-methods: GET, POST, OPTIONS",
                &format!("access-control-allow-origin: {origin}"),
                "access-control-expose-headers: set-auth-token, set-auth-jwt, X-Retry-After",
                "access-control-max-age: 600",
            ];
            assert_eq!(cors(&response), expected);
        }
        let response = server.call(get("/get-session").header("origin", origin)).await;
        assert_eq!((response.status, response.text()), (200, "null"));
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    }
}

async fn other_pages_may_not(database: TestDatabase) {
    let server = Server::with(database, listed(&json!([APP]))).await;
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
        "",
        "*",
    ] {
        let asked = server.call(preflight(origin, "/sign-in/email")).await;
        assert_eq!((asked.status, cors(&asked)), (404, vec![]), "{origin}");
        let response = server.call(get("/ok").header("origin", origin)).await;
        assert_eq!((response.status, cors(&response)), (200, vec![]), "{origin}");
    }
}

async fn every_answer_tells_caches_that_it_depends_on_the_origin(database: TestDatabase) {
    let server = Server::with(database, listed(&json!([APP]))).await;
    let other = get("/jwks").header("origin", "https://evil.example");
    for request in [get("/jwks"), other, get("/jwks").header("origin", APP), get("/nothing")] {
        assert_eq!(server.call(request).await.header("vary"), Some("Origin"));
    }
}

async fn errors_can_be_read_too(database: TestDatabase) {
    let mut settings = listed(&json!([APP]));
    settings["rateLimit"] = json!({ "enabled": true, "max": 1, "perAccount": { "enabled": false } });
    let server = Server::with(database, settings).await;
    let large = post("/sign-out", json!({})).raw_body(" ".repeat(70_000));
    let text = TestRequest::new("POST", "/sign-in/email").body("text/plain", "x");
    for (request, status) in
        [(get("/token"), 401), (get("/token"), 429), (large, 413), (text, 415), (get("/nothing"), 404)]
    {
        let response = server.call(request.header("origin", APP)).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("access-control-allow-origin"), Some(APP), "{status}");
    }
}

async fn headers_that_an_answer_exposes_stay_exposed(database: TestDatabase) {
    let mut settings = listed(&json!([APP]));
    settings["cors"]["exposeHeaders"] = json!(["Content-Length", "Set-Auth-Token"]);
    let server = Server::with(database, settings).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
    let response = server.call(post("/sign-up/email", body).header("origin", APP)).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("access-control-expose-headers"), Some("set-auth-token, Content-Length"));
}

async fn origins_are_patterns(database: TestDatabase) {
    let server =
        Server::with(database, listed(&json!(["https://*.preview.example.com", "capacitor://localhost"])))
            .await;
    for (origin, may) in [
        ("https://a.preview.example.com", true),
        ("https://preview.example.com", false),
        ("https://a.preview.example.com.evil.example", false),
        ("capacitor://localhost", true),
        ("ionic://localhost", false),
    ] {
        let response = server.call(get("/ok").header("origin", origin)).await;
        assert_eq!(response.header("access-control-allow-origin").is_some(), may, "{origin}");
    }
}

async fn being_listed_is_not_being_trusted(database: TestDatabase) {
    let settings = json!({ "cors": { "origins": [APP] } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let sign_out = post("/sign-out", json!({})).header("cookie", &ada.cookies).header("origin", APP);
    let response = server.call(sign_out).await;
    assert_eq!((response.status, response.header("x-error-id")), (403, Some("AUTH-0012")));
    assert_eq!(server.session(&ada.cookies).await.status, 200);
}

async fn a_preflight_counts_for_no_limit(database: TestDatabase) {
    let mut settings = listed(&json!([APP]));
    settings["rateLimit"] = json!({ "enabled": true });
    let server = Server::with(database, settings).await;
    for _ in 0..5 {
        assert_eq!(server.call(preflight(APP, "/sign-in/email")).await.status, 204);
    }
    // Whoever may not ask is counted.
    for status in [404, 404, 404, 429] {
        assert_eq!(server.call(preflight("https://evil.example", "/sign-in/email")).await.status, status);
    }
}

async fn everybody_may_be_let_in_without_cookies_only(database: TestDatabase) {
    let problems = |settings: Value| {
        let loaded = auth_core::testing::load_config(&settings);
        loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for origins in [json!(["*"]), json!([APP, "*"])] {
        let said = problems(json!({ "cors": { "origins": origins } }));
        assert!(said.len() == 1 && said[0].starts_with("cors.origins: \"*\" with credentials"), "{said:?}");
    }
    let server = Server::with(database, json!({ "cors": { "origins": ["*"], "credentials": false } })).await;
    let response = server.call(get("/jwks").header("origin", "https://any.example")).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    assert_eq!(response.header("vary"), None);
}

async fn refuses_names_that_are_none(_database: TestDatabase) {
    for key in ["allowHeaders", "allowMethods", "exposeHeaders"] {
        for name in ["", "a b", "a\r\nb", "a,b"] {
            let mut settings = listed(&json!([APP]));
            settings["cors"][key] = json!([name]);
            let problems = auth_core::testing::load_config(&settings).unwrap_err();
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].name, format!("cors.{key}"));
        }
    }
}
