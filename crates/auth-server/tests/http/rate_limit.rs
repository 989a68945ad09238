//! How often a client may ask: rules, keys, windows, storage.

use auth_core::testing::{TestDatabase, TestRequest, TestResponse, get, post};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    sign_in_is_limited_to_three_in_ten_seconds,
    the_answer_says_when_to_come_back,
    upstream_exact_leaves_the_standard_header_out,
    a_window_slides_with_use,
    each_path_has_its_own_count_whatever_the_method_and_query,
    invented_paths_count_together,
    custom_rules_go_first,
    it_is_on_in_production_only,
    forwarding_headers_of_strangers_are_ignored,
    a_trusted_proxy_names_the_clients,
    a_trusted_proxy_that_names_nobody_is_not_one_client,
    without_addresses_nobody_is_limited,
    parallel_requests_cannot_all_pass,
    servers_share_the_counts_of_the_database,
    rows_have_better_auths_form,
    old_rows_are_removed,
    refuses_rules_that_mean_nothing,
);

fn on(extra: &Value) -> Value {
    let mut settings = json!({ "rateLimit": { "enabled": true, "perAccount": { "enabled": false } } });
    for (name, value) in extra.as_object().unwrap() {
        settings["rateLimit"][name] = value.clone();
    }
    settings
}

fn behind_proxy(mut settings: Value) -> Value {
    settings["advanced"] = json!({ "ipAddress": { "trustedProxies": ["127.0.0.1"] } });
    settings
}

fn in_database() -> Value {
    on(&json!({ "storage": "database" }))
}

fn sign_in() -> TestRequest {
    post("/sign-in/email", json!({ "email": "nobody@example.test", "password": "wrong password" }))
}

fn from(request: TestRequest, client: &str) -> TestRequest {
    request.header("x-forwarded-for", client)
}

async fn statuses(server: &Server, request: &TestRequest, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(server.call(request.clone()).await.status);
    }
    statuses
}

#[track_caller]
fn assert_limited(response: &TestResponse, seconds: &str) {
    let body = r#"{"message":"Too many requests. Please try again later."}"#;
    assert_eq!((response.status, response.text()), (429, body));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-retry-after"), Some(seconds));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0160"));
}

async fn sign_in_is_limited_to_three_in_ten_seconds(database: TestDatabase) {
    let server = Server::with(database, on(&json!({}))).await;
    for settings in [on(&json!({})), in_database()] {
        let server = server.beside(settings).await;
        assert_eq!(statuses(&server, &sign_in(), 5).await, [401, 401, 401, 429, 429]);
        let work = server.app.hasher.runs();
        assert_limited(&server.call(sign_in()).await, "10");
        // Before any parsing: the media type is wrong, too.
        let unread = TestRequest::new("POST", "/sign-in/email").body("text/plain", "x");
        assert_limited(&server.call(unread).await, "10");
        assert_eq!(server.app.hasher.runs(), work);
        let sign_up = post("/sign-up/email", json!({}));
        assert_eq!(statuses(&server, &sign_up, 4).await, [400, 400, 400, 429]);
    }
}

async fn the_answer_says_when_to_come_back(database: TestDatabase) {
    let server = Server::with(database, on(&json!({}))).await;
    for settings in [on(&json!({})), in_database()] {
        let server = server.beside(settings).await;
        statuses(&server, &sign_in(), 3).await;
        for left in (1..=10).rev() {
            let response = server.call(sign_in()).await;
            assert_limited(&response, &left.to_string());
            assert_eq!(response.header("retry-after"), response.header("x-retry-after"));
            server.clock.advance(1);
        }
        assert_eq!(statuses(&server, &sign_in(), 4).await, [401, 401, 401, 429]);
        server.clock.advance(60);
    }
}

async fn upstream_exact_leaves_the_standard_header_out(database: TestDatabase) {
    let mut settings = on(&json!({}));
    settings["advanced"] = json!({ "upstreamExact": true });
    let server = Server::with(database, settings).await;
    statuses(&server, &sign_in(), 3).await;
    let response = server.call(sign_in()).await;
    assert_limited(&response, "10");
    assert_eq!(response.header("retry-after"), None);
}

async fn a_window_slides_with_use(database: TestDatabase) {
    let server = Server::with(database, on(&json!({}))).await;
    for settings in [on(&json!({})), in_database()] {
        let server = server.beside(settings).await;
        for _ in 0..3 {
            assert_eq!(server.call(sign_in()).await.status, 401);
            server.clock.advance(9);
        }
        assert_limited(&server.call(sign_in()).await, "1");
        // The denied one moved nothing.
        server.clock.advance(1);
        assert_eq!(server.call(sign_in()).await.status, 401);
        server.clock.advance(60);
    }
}

async fn each_path_has_its_own_count_whatever_the_method_and_query(database: TestDatabase) {
    let server = Server::with(database, on(&json!({ "max": 2 }))).await;
    for settings in [on(&json!({ "max": 2 })), on(&json!({ "max": 2, "storage": "database" }))] {
        let server = server.beside(settings).await;
        let ok = |method: &str, path: &str| TestRequest::new(method, path);
        assert_eq!(server.call(ok("GET", "/ok?a=1")).await.status, 200);
        assert_eq!(server.call(ok("OPTIONS", "/ok/")).await.status, 404);
        for (method, path) in [("GET", "/ok"), ("POST", "/ok"), ("HEAD", "/ok"), ("PUT", "/ok//")] {
            assert_eq!(server.call(ok(method, path)).await.status, 429, "{method} {path}");
        }
        assert_eq!(statuses(&server, &get("/jwks"), 3).await, [200, 200, 429]);
        server.clock.advance(60);
    }
}

async fn invented_paths_count_together(database: TestDatabase) {
    let server = Server::with(database, on(&json!({ "max": 4 }))).await;
    for settings in [on(&json!({ "max": 4 })), on(&json!({ "max": 4, "storage": "database" }))] {
        let server = server.beside(settings).await;
        for (path, status) in
            [("/a", 404), ("/b", 404), ("/c/d", 404), ("//ok", 404), ("/e", 429), ("/a", 429)]
        {
            assert_eq!(server.call(get(path)).await.status, status, "{path}");
        }
        // Those that look like a guess have the stricter rule.
        for (path, status) in
            [("/sign-up/a", 404), ("/sign-up//email", 404), ("/sign-up", 404), ("/sign-up/b", 429)]
        {
            assert_eq!(server.call(get(path)).await.status, status, "{path}");
        }
        assert_eq!(server.call(sign_in()).await.status, 401);
        assert_eq!(server.call(get("/ok")).await.status, 200);
        // Outside of the base path there is nothing, but asking for it counts.
        let outside = TestRequest::exactly("GET", "/favicon.ico");
        assert_eq!(server.call(outside).await.status, 429);
        server.clock.advance(60);
    }
}

async fn custom_rules_go_first(database: TestDatabase) {
    let rules = json!({ "customRules": {
        "/jwks": { "window": 60, "max": 1 },
        "/ok": false,
        "/sign-in/*": { "window": "1m", "max": 4 },
        "/sign-in/email": { "window": 10, "max": 1 },
        "/update-*": { "window": 60, "max": 2 },
    }, "max": 3 });
    let server = Server::with(database, on(&rules)).await;
    assert_eq!(statuses(&server, &get("/jwks"), 2).await, [200, 429]);
    assert_eq!(statuses(&server, &get("/ok"), 5).await, [200; 5]);
    // The first that fits counts, in the order of the file.
    assert_eq!(statuses(&server, &sign_in(), 5).await, [401, 401, 401, 401, 429]);
    for path in ["/update-user", "/update-session"] {
        assert_eq!(statuses(&server, &post(path, json!({})), 3).await, [401, 401, 429], "{path}");
    }
    server.clock.advance(59);
    assert_limited(&server.call(get("/jwks")).await, "1");
    server.clock.advance(1);
    assert_eq!(server.call(get("/jwks")).await.status, 200);
}

async fn it_is_on_in_production_only(database: TestDatabase) {
    let server = Server::on(database).await;
    assert_eq!(statuses(&server, &sign_in(), 6).await, [401; 6]);
    let production = |enabled: Value| json!({ "production": true, "rateLimit": { "enabled": enabled } });
    let server = server.beside(production(Value::Null)).await;
    assert_eq!(statuses(&server, &sign_in(), 4).await, [401, 401, 401, 429]);
    let server = server.beside(production(json!(false))).await;
    assert_eq!(statuses(&server, &sign_in(), 4).await, [401; 4]);
}

async fn forwarding_headers_of_strangers_are_ignored(database: TestDatabase) {
    let server = Server::with(database, on(&json!({}))).await;
    let mut seen = Vec::new();
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1", "203.0.113.4, 10.0.0.1"] {
        let request = from(sign_in(), client).header("x-real-ip", client).header("cf-connecting-ip", client);
        seen.push(server.call(request).await.status);
    }
    assert_eq!(seen, [401, 401, 401, 429]);
}

async fn a_trusted_proxy_names_the_clients(database: TestDatabase) {
    let server = Server::with(database, behind_proxy(on(&json!({})))).await;
    for settings in [on(&json!({})), in_database()] {
        let server = server.beside(behind_proxy(settings)).await;
        for client in ["203.0.113.1", "203.0.113.2", "2001:db8:1:1::1", "2001:db8:1:2::1"] {
            assert_eq!(
                statuses(&server, &from(sign_in(), client), 4).await,
                [401, 401, 401, 429],
                "{client}"
            );
        }
        // Other spellings, and other addresses of the same network.
        for client in
            ["::ffff:203.0.113.1", "198.51.100.7, 203.0.113.1", "2001:DB8:1:1:ffff::2", "2001:db8:1:2::9"]
        {
            assert_eq!(server.call(from(sign_in(), client)).await.status, 429, "{client}");
        }
        server.clock.advance(60);
    }
}

async fn a_trusted_proxy_that_names_nobody_is_not_one_client(database: TestDatabase) {
    let server = Server::with(database, behind_proxy(on(&json!({})))).await;
    assert_eq!(statuses(&server, &sign_in(), 6).await, [401; 6]);
    // But a client that spoils the header is limited.
    assert_eq!(statuses(&server, &from(sign_in(), "garbage"), 4).await, [401, 401, 401, 429]);
}

async fn without_addresses_nobody_is_limited(database: TestDatabase) {
    let mut settings = on(&json!({}));
    settings["advanced"] = json!({ "ipAddress": { "disableIpTracking": true } });
    let server = Server::with(database, settings).await;
    assert_eq!(statuses(&server, &sign_in(), 6).await, [401; 6]);
}

async fn parallel_requests_cannot_all_pass(database: TestDatabase) {
    let server = Server::with(database, in_database()).await;
    let other = server.beside(in_database()).await;
    let servers = [&server, &other];
    let requests = (0..30).map(|index| servers[index % 2].call(sign_in()));
    let passed = join_all(requests).await.iter().filter(|response| response.status == 401).count();
    assert_eq!(passed, 3);
}

async fn servers_share_the_counts_of_the_database(database: TestDatabase) {
    let server = Server::with(database, in_database()).await;
    let other = server.beside(in_database()).await;
    assert_eq!(statuses(&server, &sign_in(), 2).await, [401, 401]);
    assert_eq!(statuses(&other, &sign_in(), 2).await, [401, 429]);
    assert_eq!(server.call(sign_in()).await.status, 429);
}

async fn rows_have_better_auths_form(database: TestDatabase) {
    let server = Server::with(database, behind_proxy(in_database())).await;
    statuses(&server, &from(get("/ok"), "203.0.113.1"), 2).await;
    statuses(&server, &from(sign_in(), "2001:db8::1"), 5).await;
    let key = "SELECT \"key\" AS value FROM \"rateLimit\" ORDER BY 1";
    let keys: Vec<_> = server.database.texts(key).await.into_iter().flatten().collect();
    assert_eq!(keys, ["2001:0db8:0000:0000:0000:0000:0000:0000|/sign-in/email", "203.0.113.1|/ok"]);
    let count = "SELECT CAST(count AS text) AS value FROM \"rateLimit\" ORDER BY \"key\"";
    let counts: Vec<_> = server.database.texts(count).await.into_iter().flatten().collect();
    assert_eq!(counts, ["3", "2"]);
    let last = "SELECT CAST(\"lastRequest\" AS text) AS value FROM \"rateLimit\" WHERE \"key\" LIKE '203%'";
    assert_eq!(server.database.text(last).await, "1893456000000");
}

async fn old_rows_are_removed(database: TestDatabase) {
    let server = Server::with(database, behind_proxy(in_database())).await;
    let count = "SELECT CAST(COUNT(*) AS text) AS value FROM \"rateLimit\"";
    server.call(from(get("/ok"), "203.0.113.1")).await;
    server.clock.advance(60);
    server.call(from(get("/ok"), "203.0.113.2")).await;
    server.app.forget_old_counts().await.unwrap();
    assert_eq!(server.database.text(count).await, "2", "a minute is the longest window");
    server.clock.advance(1);
    server.app.forget_old_counts().await.unwrap();
    assert_eq!(server.database.text(count).await, "1");
}

async fn refuses_rules_that_mean_nothing(_database: TestDatabase) {
    for (rule, path, said) in [
        (json!({ "/ok": true }), "\"/ok\"", "expected false, or a section with window and max"),
        (json!({ "/ok": "no" }), "\"/ok\"", "expected true or false, got \"no\""),
        (json!({ "/ok": { "window": 0 } }), "\"/ok\".window", "must lie between 1 and 86400 seconds"),
        (json!({ "/ok": { "max": -1 } }), "\"/ok\".max", "expected a whole number, got -1"),
        (json!({ "/ok": { "maxx": 1 } }), "\"/ok\".maxx", "is not a setting of this server"),
        (json!({ "ok": false }), "ok", "is not a path below the base path"),
    ] {
        let settings = json!({ "rateLimit": { "customRules": rule } });
        let problems = auth_core::testing::load_config(&settings).unwrap_err();
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let said = format!("rateLimit.customRules.{path}: {said}");
        assert!(texts.len() == 1 && texts[0].starts_with(&said), "{said}: {texts:?}");
    }
}
