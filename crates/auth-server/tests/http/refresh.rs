//! Sessions in use are extended.

use auth_core::testing::{PASSWORD, TestDatabase, TestUser, get, post};
use serde_json::json;

use crate::support::Server;

on_every_database!(
    a_session_is_extended_at_its_update_age_and_not_before,
    every_endpoint_that_reads_the_session_extends_it,
    validation_comes_before_the_extension,
    disable_refresh_in_the_query_keeps_it,
    a_session_that_ends_with_the_browser_is_never_extended,
    the_setting_switches_extension_off,
    a_revoked_session_is_not_brought_back,
    a_deferred_refresh_is_left_to_post,
    a_deferred_refresh_leaves_expired_rows_to_post,
    every_other_endpoint_defers_too,
    a_deferred_refresh_goes_with_the_copy_in_a_cookie,
);

const DAY: i64 = 86_400;

async fn a_session_is_extended_at_its_update_age_and_not_before(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(23 * 3600);
    let early = server.session(&ada.cookies).await;
    assert_eq!(early.json()["session"]["expiresAt"], "2030-01-08T00:00:00.000Z");
    assert_eq!((early.set_cookies(), early.header("set-auth-token")), (vec![], None));

    server.clock.advance(2 * 3600);
    let due = server.session(&ada.cookies).await;
    let session = &due.json()["session"];
    assert_eq!(session["expiresAt"], "2030-01-09T01:00:00.000Z");
    assert_eq!(session["updatedAt"], "2030-01-02T01:00:00.000Z");
    assert_eq!(session["createdAt"], "2030-01-01T00:00:00.000Z");
    assert_eq!(session["token"], ada.token, "the token never changes");
    let encoded = auth_core::wire::cookie::encode_uri_component(&ada.signed);
    let cookie =
        format!("better-auth.session_token={encoded}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(due.set_cookies(), [cookie.as_str()]);
    assert_eq!(due.header("set-auth-token"), Some(ada.signed.as_str()));
    let exposed = due.header("access-control-expose-headers").unwrap();
    let mut exposed: Vec<_> = exposed.split(", ").collect();
    exposed.sort_unstable();
    assert_eq!(exposed, ["set-auth-jwt", "set-auth-token"]);

    let after = server.session(&ada.cookies).await;
    assert_eq!(after.json()["session"]["expiresAt"], "2030-01-09T01:00:00.000Z");
    assert_eq!(after.set_cookies(), [""; 0]);
}

async fn every_endpoint_that_reads_the_session_extends_it(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let requests = [
        get("/token"),
        get("/list-accounts"),
        get("/list-sessions"),
        post("/update-user", json!({})),
        post("/verify-password", json!({ "password": "wrong password" })),
        post("/revoke-session", json!({ "token": "none" })),
    ];
    for request in requests {
        server.clock.advance(DAY);
        let response = server.call(request.clone().by(&ada.by_cookie())).await;
        assert!(response.cookie("better-auth.session_token").is_some(), "{request:?}: {response:?}");
    }
}

async fn validation_comes_before_the_extension(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(DAY);
    let response = server.call(post("/revoke-session", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.set_cookies()), (400, vec![]));
}

async fn disable_refresh_in_the_query_keeps_it(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(2 * DAY);
    // As JavaScript reads it: every text but the empty one is true.
    for flag in ["true", "false", "0", "1", "a&disableRefresh=b"] {
        let request = get(&format!("/get-session?disableRefresh={flag}")).by(&ada.by_cookie());
        let response = server.call(request).await;
        assert_eq!(response.json()["session"]["expiresAt"], "2030-01-08T00:00:00.000Z", "{flag}");
        assert_eq!(response.set_cookies(), [""; 0]);
    }
    let response = server.call(get("/get-session?disableRefresh=").by(&ada.by_cookie())).await;
    assert_eq!(response.json()["session"]["expiresAt"], "2030-01-10T00:00:00.000Z");
}

async fn a_session_that_ends_with_the_browser_is_never_extended(database: TestDatabase) {
    let server = Server::with(database, json!({ "session": { "updateAge": 60, "expiresIn": 3600 } })).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": PASSWORD, "rememberMe": false });
    let forgotten = TestUser::new(&server.call(post("/sign-in/email", body)).await, &server.app);
    assert!(forgotten.cookies.contains("dont_remember"));
    server.clock.advance(86_400);
    let response = server.session(&forgotten.cookies).await;
    assert_eq!(response.json()["session"]["expiresAt"], "2030-01-02T00:00:00.000Z");
    assert_eq!(response.set_cookies(), [""; 0]);
    server.clock.advance(1);
    assert_eq!(server.session(&forgotten.cookies).await.text(), "null");
}

async fn the_setting_switches_extension_off(database: TestDatabase) {
    let server = Server::with(database, json!({ "session": { "disableSessionRefresh": true } })).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(6 * DAY);
    let response = server.session(&ada.cookies).await;
    assert_eq!(response.json()["session"]["expiresAt"], "2030-01-08T00:00:00.000Z");
}

async fn a_revoked_session_is_not_brought_back(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(2 * DAY);
    server.call(post("/revoke-sessions", json!({})).by(&ada.by_cookie())).await;
    let response = server.session(&ada.cookies).await;
    assert_eq!((response.text(), response.set_cookies().len()), ("null", 3));
    assert_eq!(server.database.count("session").await, 0);
}

const DEFERRED: &str = r#"{ "session": { "deferSessionRefresh": true } }"#;

async fn deferring(database: TestDatabase) -> Server {
    Server::with(database, serde_json::from_str(DEFERRED).unwrap()).await
}

async fn a_deferred_refresh_is_left_to_post(database: TestDatabase) {
    let server = deferring(database).await;
    let ada = server.sign_up("Ada").await;
    let fresh = server.session(&ada.cookies).await.json();
    assert_eq!(fresh["needsRefresh"], false);
    server.clock.advance(2 * DAY);
    let due = server.session(&ada.cookies).await;
    assert_eq!(due.json()["needsRefresh"], true);
    assert_eq!(due.json()["session"]["expiresAt"], "2030-01-08T00:00:00.000Z");
    assert_eq!(due.set_cookies(), [""; 0]);
    for flag in ["disableRefresh=1", "disableRefresh=false"] {
        let kept = server.call(get(&format!("/get-session?{flag}")).by(&ada.by_cookie())).await;
        assert_eq!(kept.json().get("needsRefresh"), None, "{flag}");
    }
    let posted = server.call(post("/get-session", json!({})).by(&ada.by_cookie())).await;
    assert_eq!(posted.status, 200);
    assert_eq!(posted.header("cache-control"), Some("no-store"));
    assert_eq!(posted.json()["session"]["expiresAt"], "2030-01-10T00:00:00.000Z");
    assert_eq!(posted.json().get("needsRefresh"), None);
    assert!(posted.cookie("better-auth.session_token").is_some());
    let after = server.call(post("/get-session", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((after.status, after.set_cookies().len()), (200, 0), "once is enough");
    assert_eq!(server.session(&ada.cookies).await.json()["needsRefresh"], false);
    let stranger = server.call(post("/get-session", json!({}))).await;
    assert_eq!((stranger.status, stranger.text()), (200, "null"));
    let evil = post("/get-session", json!({}))
        .header("cookie", &ada.cookies)
        .header("origin", "https://evil.example");
    assert_eq!(server.call(evil).await.status, 403);
}

async fn a_deferred_refresh_leaves_expired_rows_to_post(database: TestDatabase) {
    let server = deferring(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(8 * DAY);
    let response = server.session(&ada.cookies).await;
    assert_eq!((response.text(), response.set_cookies().len()), ("null", 3));
    assert_eq!(server.call(get("/list-accounts").by(&ada.by_cookie())).await.status, 401);
    assert_eq!(server.database.count("session").await, 1);
    let response = server.call(post("/get-session", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.text(), response.header("set-auth-jwt")), ("null", None));
    assert_eq!(server.database.count("session").await, 0);
}

async fn every_other_endpoint_defers_too(database: TestDatabase) {
    let server = deferring(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(2 * DAY);
    for request in
        [get("/token"), get("/list-accounts"), post("/verify-password", json!({ "password": PASSWORD }))]
    {
        let response = server.call(request.clone().by(&ada.by_cookie())).await;
        assert_eq!((response.status, response.set_cookies().len()), (200, 0), "{request:?}");
    }
    assert_eq!(server.session(&ada.cookies).await.json()["session"]["expiresAt"], "2030-01-08T00:00:00.000Z");
}

async fn a_deferred_refresh_goes_with_the_copy_in_a_cookie(database: TestDatabase) {
    let settings = json!({ "session": { "deferSessionRefresh": true, "cookieCache": { "enabled": true } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    assert_eq!(server.session(&ada.cookies).await.json().get("needsRefresh"), None, "the copy does not know");
    server.clock.advance(2 * DAY);
    let due = server.session(&ada.cookies).await;
    assert_eq!(due.json()["needsRefresh"], true);
    let names: Vec<_> =
        due.set_cookies().iter().map(|line| line.split('=').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["better-auth.session_data"]);
    let posted = server.call(post("/get-session", json!({})).by(&ada.by_cookie())).await;
    assert_eq!(posted.set_cookies().len(), 2);
}
