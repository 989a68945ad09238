//! The copy of the session in a cookie: what it spares, what it never does.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, TestResponse, TestUser, get, post};
use auth_jose::base64url;
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    a_read_within_its_age_needs_no_database,
    every_form_is_set_and_believed,
    a_copy_is_not_believed_longer_than_its_age,
    a_copy_never_outlives_the_session,
    the_query_can_ask_for_the_database,
    a_revoked_session_can_be_read_until_the_copy_dies_and_does_nothing_sensitive,
    fresh_endpoints_ask_the_database_and_leave_the_copy,
    a_refresh_sends_both_cookies_wherever_it_happens,
    a_session_that_ends_with_the_browser_gets_a_short_copy_once,
    a_changed_user_is_in_the_next_copy,
    another_version_counts_for_nothing,
    a_copy_belongs_to_one_session,
    forged_copies_sign_nobody_in_and_break_nothing,
    the_copy_alone_is_nothing,
    a_bearer_token_does_not_inherit_a_copy,
    large_sessions_travel_in_parts,
    leftover_parts_are_removed,
    signing_out_removes_every_part,
    without_the_plugin_nothing_signs_copies,
);

const STRATEGIES: [&str; 4] = ["compact", "jwt", "jwe", "signed"];

fn settings(strategy: &str) -> Value {
    let (strategy, signed) = if strategy == "signed" { ("jwt", true) } else { (strategy, false) };
    json!({
        "session": { "cookieCache": { "enabled": true, "strategy": strategy } },
        "jwt": { "sessionCookieCache": signed },
    })
}

async fn server(database: TestDatabase, strategy: &str) -> Server {
    Server::with(database, settings(strategy)).await
}

const DATA: &str = "better-auth.session_data";

/// The cookies of a browser after a response.
fn keep(cookies: &str, response: &TestResponse) -> String {
    let mut kept: Vec<(String, String)> = Vec::new();
    let pairs = cookies.split("; ").filter(|pair| !pair.is_empty());
    let set = response.set_cookies();
    let changes = pairs
        .map(|pair| (pair, false))
        .chain(set.iter().map(|line| (line.split(';').next().unwrap(), line.contains("Max-Age=0"))));
    for (pair, is_removed) in changes {
        let (name, value) = pair.split_once('=').unwrap();
        kept.retain(|(known, _)| known != name);
        if !is_removed {
            kept.push((name.to_owned(), value.to_owned()));
        }
    }
    kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

fn without(cookies: &str, name: &str) -> String {
    let is_other = |pair: &&str| !pair.starts_with(&format!("{name}="));
    cookies.split("; ").filter(is_other).collect::<Vec<_>>().join("; ")
}

fn with_data(user: &TestUser, data: &str) -> String {
    format!("{}; {DATA}={data}", without(&user.cookies, DATA))
}

fn data_of(cookies: &str) -> &str {
    let pair = cookies.split("; ").find_map(|pair| pair.strip_prefix("better-auth.session_data="));
    pair.unwrap_or_else(|| panic!("no copy in {cookies}"))
}

/// What the copy says, as whoever holds it reads it.
fn payload(strategy: &str, data: &str) -> Value {
    let part = match strategy {
        "compact" => data,
        _ => data.split('.').nth(1).unwrap(),
    };
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

async fn read(server: &Server, cookies: &str) -> TestResponse {
    server.call(get("/get-session").header("cookie", cookies)).await
}

async fn a_read_within_its_age_needs_no_database(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(&format!("Ada {strategy}").replace(' ', "-")).await;
        let before = server.app.store.checkouts();
        for _ in 0..3 {
            let response = read(&server, &ada.cookies).await;
            assert_eq!(response.json()["user"]["id"], ada.id, "{strategy}");
            assert!(response.header("set-auth-jwt").is_some());
            let token = server.call(get("/token").header("cookie", &ada.cookies)).await;
            assert_eq!(token.status, 200);
        }
        assert_eq!(server.app.store.checkouts(), before, "{strategy}: no query ran");
        server.clock.advance(301);
        assert_eq!(read(&server, &ada.cookies).await.json()["user"]["id"], ada.id);
        assert_eq!(server.app.store.checkouts(), before + 1, "{strategy}: the counter counts");
    }
}

async fn every_form_is_set_and_believed(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let body =
            json!({ "name": "Ada", "email": format!("{strategy}@example.test"), "password": PASSWORD });
        let response = server.call(post("/sign-up/email", body)).await;
        let cookies = response.set_cookies();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        assert!(cookies[1].starts_with(&format!("{DATA}=")), "{cookies:?}");
        assert!(cookies[1].ends_with("; Max-Age=300; Path=/; HttpOnly; SameSite=Lax"), "{cookies:?}");
        let ada = TestUser::new(&response, &server.app);
        server.database.execute("UPDATE \"user\" SET name = 'Eve'").await;
        let cached = read(&server, &ada.cookies).await;
        assert_eq!(cached.json()["user"]["name"], "Ada", "{strategy}: the copy is believed");
        assert_eq!(cached.set_cookies(), [""; 0], "a hit writes nothing");
        let fresh = read(&server, &without(&ada.cookies, DATA)).await;
        let mut expected = fresh.json();
        assert_eq!(expected["user"]["name"], "Eve");
        expected["user"]["name"] = "Ada".into();
        assert_eq!(cached.json(), expected, "{strategy}: nothing is lost on the way");
        assert!(fresh.cookie(DATA).is_some(), "a read from the database makes a new copy");
    }
}

async fn a_copy_is_not_believed_longer_than_its_age(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let mut settings = settings(strategy);
        settings["session"]["cookieCache"]["maxAge"] = json!(120);
        let server = first.beside(settings).await;
        let ada = server.sign_up(strategy).await;
        server.database.execute("DELETE FROM session").await;
        server.clock.advance(120);
        assert_eq!(read(&server, &ada.cookies).await.json()["user"]["id"], ada.id, "{strategy}");
        server.clock.advance(1);
        let response = read(&server, &ada.cookies).await;
        assert_eq!((response.status, response.text()), (200, "null"), "{strategy}");
        assert_eq!(keep(&ada.cookies, &response), "", "every cookie is removed");
    }
}

async fn a_copy_never_outlives_the_session(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let mut settings = settings(strategy);
        settings["session"]["expiresIn"] = json!(100);
        settings["session"]["disableSessionRefresh"] = json!(true);
        let server = first.beside(settings).await;
        let ada = server.sign_up(strategy).await;
        if strategy != "jwe" {
            let payload = payload(strategy, data_of(&ada.cookies));
            let end = payload["exp"].as_i64().or(payload["expiresAt"].as_i64().map(|ms| ms / 1000)).unwrap();
            assert_eq!(end, auth_jose::Clock::now(&*server.clock).seconds() + 100, "{strategy}");
        }
        server.clock.advance(100);
        assert_eq!(read(&server, &ada.cookies).await.json()["user"]["id"], ada.id);
        server.clock.advance(1);
        let response = read(&server, &ada.cookies).await;
        assert_eq!(response.text(), "null", "{strategy}");
        assert_eq!(response.header("set-auth-jwt"), None);
    }
}

async fn the_query_can_ask_for_the_database(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("UPDATE \"user\" SET name = 'Eve'").await;
    for flag in ["true", "1", "false", "0"] {
        let request = get(&format!("/get-session?disableCookieCache={flag}")).header("cookie", &ada.cookies);
        let response = server.call(request).await;
        assert_eq!(response.json()["user"]["name"], "Eve", "{flag}: any text is true");
        let renewed = keep(&ada.cookies, &response);
        assert_eq!(read(&server, &renewed).await.json()["user"]["name"], "Eve", "the copy is renewed");
    }
    let request = get("/get-session?disableCookieCache=").header("cookie", &ada.cookies);
    assert_eq!(server.call(request).await.json()["user"]["name"], "Ada");
    server.database.execute("DELETE FROM session").await;
    let elsewhere = get("/list-accounts?disableCookieCache=1").header("cookie", &ada.cookies);
    assert_eq!(server.call(elsewhere).await.status, 401, "on every endpoint");
}

async fn a_revoked_session_can_be_read_until_the_copy_dies_and_does_nothing_sensitive(
    database: TestDatabase,
) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(strategy).await;
        server.database.execute("DELETE FROM session").await;
        assert_eq!(read(&server, &ada.cookies).await.json()["user"]["id"], ada.id);
        let sensitive = [
            post("/change-password", json!({ "currentPassword": PASSWORD, "newPassword": "a new password" })),
            post("/verify-password", json!({ "password": PASSWORD })),
            post("/revoke-session", json!({ "token": "x" })),
            post("/revoke-sessions", json!({})),
            post("/revoke-other-sessions", json!({})),
            get("/list-sessions"),
        ];
        for request in sensitive {
            let response = server.call(request.clone().by(&ada.by_cookie())).await;
            assert_eq!(response.status, 401, "{request:?}");
            assert_eq!(keep(&ada.cookies, &response), "", "a dead session's cookies go");
        }
    }
}

async fn fresh_endpoints_ask_the_database_and_leave_the_copy(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    let before = server.app.store.checkouts();
    let response = server.call(get("/list-sessions").by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.set_cookies().len()), (200, 0));
    assert!(server.app.store.checkouts() > before);
    let sensitive = server.call(post("/revoke-session", json!({ "token": "x" })).by(&ada.by_cookie())).await;
    assert!(sensitive.cookie(DATA).is_some(), "upstream renews the copy here");
}

async fn a_refresh_sends_both_cookies_wherever_it_happens(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(strategy).await;
        let requests: [TestRequest; 5] = [
            get("/get-session"),
            get("/list-accounts"),
            get("/token"),
            post("/update-user", json!({})),
            post("/verify-password", json!({ "password": "wrong" })),
        ];
        let mut cookies = ada.cookies.clone();
        for request in requests {
            server.clock.advance(25 * 3600);
            let request = request.header("cookie", &cookies).header("origin", "http://localhost:3000");
            let response = server.call(request).await;
            assert!(response.cookie("better-auth.session_token").is_some(), "{strategy}: {response:?}");
            assert!(response.cookie(DATA).is_some_and(|data| !data.is_empty()), "{strategy}: {response:?}");
            assert_eq!(response.header("set-auth-token"), Some(ada.signed.as_str()));
            assert_eq!(response.header("cache-control"), Some("no-store"));
            cookies = keep(&cookies, &response);
            assert_eq!(read(&server, &cookies).await.set_cookies(), [""; 0], "both are good");
        }
    }
}

async fn a_session_that_ends_with_the_browser_gets_a_short_copy_once(database: TestDatabase) {
    let first = server(database, "compact").await;
    for (strategy, age) in [("compact", 60), ("jwt", 300), ("jwe", 300), ("signed", 300)] {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(strategy).await;
        let body = json!({ "email": ada.email, "password": PASSWORD, "rememberMe": false });
        let response = server.call(post("/sign-in/email", body)).await;
        let data = response.set_cookies().into_iter().find(|cookie| cookie.starts_with(DATA)).unwrap();
        assert!(!data.contains("Max-Age"), "{data}");
        let cookies = TestUser::new(&response, &server.app).cookies;
        server.clock.advance(age);
        let before = server.app.store.checkouts();
        assert_eq!(read(&server, &cookies).await.json()["user"]["id"], ada.id);
        assert_eq!(server.app.store.checkouts(), before, "{strategy}");
        server.clock.advance(1);
        let response = read(&server, &cookies).await;
        assert_eq!(response.json()["user"]["id"], ada.id);
        let removed = [format!("{DATA}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax")];
        assert_eq!(response.set_cookies(), removed, "{strategy}: such a session is not copied again");
    }
}

async fn a_changed_user_is_in_the_next_copy(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("UPDATE \"user\" SET image = 'https://example.test/new.png'").await;
    let response = server.call(post("/update-user", json!({ "name": "Grace" })).by(&ada.by_cookie())).await;
    let user = read(&server, &keep(&ada.cookies, &response)).await.json()["user"].clone();
    assert_eq!((&user["name"], &user["image"]), (&json!("Grace"), &json!("https://example.test/new.png")));
    server.database.execute("DELETE FROM \"user\"").await;
    let gone = server.call(post("/update-user", json!({ "name": "Eve" })).by(&ada.by_cookie())).await;
    assert_eq!(gone.status, 401);
}

async fn another_version_counts_for_nothing(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    for strategy in STRATEGIES {
        let mut other = settings(strategy);
        other["session"]["cookieCache"]["version"] = json!("2");
        let newer = server.beside(other).await;
        let older = server.beside(settings(strategy)).await;
        let cookies = keep(&ada.cookies, &read(&older, &without(&ada.cookies, DATA)).await);
        let before = newer.app.store.checkouts();
        let response = read(&newer, &cookies).await;
        assert_eq!(response.json()["user"]["id"], ada.id);
        assert_eq!(newer.app.store.checkouts(), before + 1, "{strategy}");
        assert_eq!(read(&newer, &keep(&cookies, &response)).await.set_cookies(), [""; 0]);
        assert_eq!(newer.app.store.checkouts(), before + 1, "{strategy}");
    }
}

async fn a_copy_belongs_to_one_session(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(&format!("ada-{strategy}")).await;
        let eve = server.sign_up(&format!("eve-{strategy}")).await;
        let response = read(&server, &with_data(&eve, data_of(&ada.cookies))).await;
        assert_eq!(response.json()["user"]["id"], eve.id, "{strategy}");
        assert!(response.cookie(DATA).is_some_and(|data| !data.is_empty()), "and is replaced");
        server.database.execute("DELETE FROM session").await;
        assert_eq!(read(&server, &with_data(&eve, data_of(&ada.cookies))).await.text(), "null");
    }
}

async fn forged_copies_sign_nobody_in_and_break_nothing(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(strategy).await;
        let good = data_of(&ada.cookies).to_owned();
        let middle = good.len() / 2;
        let flipped = if good.as_bytes()[middle] == b'A' { "B" } else { "A" };
        let mut forged = vec![
            "%".to_owned(),
            "%00".to_owned(),
            "x".to_owned(),
            "*".repeat(50),
            "e30".to_owned(),
            "bnVsbA".to_owned(),
            "a.b.c".to_owned(),
            "a.b.c.d.e".to_owned(),
            "eyJhbGciOiJub25lIn0.e30.".to_owned(),
            "A".repeat(60_000),
            ".".repeat(5000),
            format!("{good}A"),
            format!("{}{flipped}{}", good.get(..middle).unwrap(), good.get(middle + 1..).unwrap()),
            good.get(..good.len() - 1).unwrap().to_owned(),
        ];
        for other in STRATEGIES.iter().filter(|other| **other != strategy) {
            let server = first.beside(settings(other)).await;
            let body = json!({ "email": ada.email, "password": PASSWORD });
            let response = server.call(post("/sign-in/email", body)).await;
            forged.push(response.cookie(DATA).unwrap());
        }
        let mut elsewhere = settings(strategy);
        elsewhere["secret"] = json!("another-secret-0123456789-0123456789");
        let elsewhere = first.beside(elsewhere).await;
        let body = json!({ "email": ada.email, "password": PASSWORD });
        forged.push(elsewhere.call(post("/sign-in/email", body)).await.cookie(DATA).unwrap());
        server.database.execute("DELETE FROM session").await;
        for data in forged {
            let shown: String = data.chars().take(40).collect();
            let response = read(&server, &with_data(&ada, &data)).await;
            assert_eq!((response.status, response.text()), (200, "null"), "{strategy}: {shown}");
            let accounts = get("/list-accounts").header("cookie", with_data(&ada, &data));
            assert_eq!(server.call(accounts).await.status, 401, "{strategy}: {shown}");
        }
    }
}

async fn the_copy_alone_is_nothing(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    let alone = format!("{DATA}={}", data_of(&ada.cookies));
    for cookies in [alone.clone(), format!("{alone}; better-auth.session_token={}.AAAA", ada.token)] {
        let response = read(&server, &cookies).await;
        assert_eq!((response.text(), response.set_cookies().len()), ("null", 0));
        assert_eq!(server.call(get("/list-accounts").header("cookie", &cookies)).await.status, 401);
    }
}

async fn a_bearer_token_does_not_inherit_a_copy(database: TestDatabase) {
    let server = server(database, "compact").await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let request = get("/get-session").header("cookie", &ada.cookies).by(&eve.by_bearer());
    assert_eq!(server.call(request).await.json()["user"]["id"], eve.id);
    let unknown =
        get("/get-session").header("cookie", &ada.cookies).header("authorization", "Bearer unknown");
    assert_eq!(server.call(unknown).await.text(), "null");
}

async fn large_sessions_travel_in_parts(database: TestDatabase) {
    let first = server(database, "compact").await;
    for strategy in STRATEGIES {
        let server = first.beside(settings(strategy)).await;
        let ada = server.sign_up(strategy).await;
        let image = format!("https://example.test/{}", "x".repeat(6000));
        let response =
            server.call(post("/update-user", json!({ "image": image })).by(&ada.by_cookie())).await;
        let lines = response.set_cookies();
        assert!(lines.iter().all(|line| line.len() <= 4050), "{strategy}");
        assert!(lines.iter().any(|line| line.starts_with(&format!("{DATA}.0="))), "{strategy}");
        assert!(lines.iter().any(|line| line.starts_with(&format!("{DATA}.1="))), "{strategy}");
        let whole = format!("{DATA}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
        assert!(lines.contains(&whole.as_str()), "the short copy goes: {strategy}");
        let cookies = keep(&ada.cookies, &response);
        let before = server.app.store.checkouts();
        assert_eq!(read(&server, &cookies).await.json()["user"]["image"], image, "{strategy}");
        assert_eq!(server.app.store.checkouts(), before, "{strategy}: the parts are a copy");

        let missing = without(&cookies, &format!("{DATA}.1"));
        let response = read(&server, &missing).await;
        assert_eq!(response.json()["user"]["image"], image);
        assert_eq!(server.app.store.checkouts(), before + 1, "{strategy}: half a copy is none");
        assert_eq!(read(&server, &keep(&missing, &response)).await.set_cookies(), [""; 0]);
    }
}

async fn leftover_parts_are_removed(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    let cookies = format!("{}; {DATA}.0=a; {DATA}.7=b; {DATA}.x=c", without(&ada.cookies, DATA));
    let response = read(&server, &cookies).await;
    let kept = keep(&cookies, &response);
    assert!(kept.contains(&format!("{DATA}=")) && kept.contains(&format!("{DATA}.x=c")), "{kept}");
    assert!(!kept.contains(&format!("{DATA}.0")) && !kept.contains(&format!("{DATA}.7")), "{kept}");
    let huge = json!({ "image": format!("https://example.test/{}", "x".repeat(60_000)) });
    let response = server.call(post("/update-user", huge).by(&ada.by_cookie())).await;
    let kept = keep(&ada.cookies, &response);
    assert_eq!(read(&server, &kept).await.json()["user"]["id"], ada.id);
}

async fn signing_out_removes_every_part(database: TestDatabase) {
    let server = server(database, "compact").await;
    let ada = server.sign_up("Ada").await;
    let cookies = format!("{}; {DATA}.0=a; {DATA}.1=b", ada.cookies);
    let request = post("/sign-out", json!({})).header("cookie", &cookies);
    let response = server.call(request.header("origin", "http://localhost:3000")).await;
    assert_eq!((response.status, keep(&cookies, &response).as_str()), (200, ""));
    assert_eq!(server.database.count("session").await, 0);
}

async fn without_the_plugin_nothing_signs_copies(database: TestDatabase) {
    drop(database);
    let mut signed = settings("signed");
    signed["plugins"] = json!([]);
    let problems = auth_core::testing::load_config(&signed).unwrap_err();
    assert_eq!(problems[0].name, "jwt.sessionCookieCache");
}
