//! GET /get-session, GET /list-sessions, and the endpoints that end sessions.

use auth_core::testing::{Caller, TestDatabase, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    get_session_answers_the_session_and_its_user,
    get_session_answers_null_to_strangers,
    session_is_the_same_under_both_names,
    get_session_by_post_is_not_allowed,
    an_expired_session_is_removed,
    a_session_whose_user_is_gone_is_removed,
    list_sessions_shows_live_ones_oldest_first,
    list_sessions_needs_a_fresh_session,
    any_age_is_fresh_where_the_age_is_zero,
    revoke_session_ends_one,
    revoke_session_refuses_other_forms,
    revoke_sessions_ends_all,
    revoke_other_sessions_keeps_this_one_and_expired_rows,
    update_session_knows_no_fields,
);

async fn get_session_answers_the_session_and_its_user(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.session(&ada.cookies).await;
    let id = server.database.text("SELECT id AS value FROM session").await;
    let expected = format!(
        r#"{{"session":{{"expiresAt":"2030-01-08T00:00:00.000Z","token":"{}","createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","ipAddress":"127.0.0.1","userAgent":"","userId":"{1}","id":"{id}"}},"user":{{"name":"Ada","email":"ada@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"{1}"}}}}"#,
        ada.token, ada.id
    );
    assert_eq!((response.status, response.text()), (200, expected.as_str()));
    let mut names: Vec<_> =
        response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    names.sort_unstable();
    let token = response.header("set-auth-jwt").unwrap();
    assert_eq!(
        names,
        [
            ("access-control-expose-headers", "set-auth-jwt"),
            ("cache-control", "no-store"),
            ("content-type", "application/json"),
            ("pragma", "no-cache"),
            ("set-auth-jwt", token),
            ("x-content-type-options", "nosniff"),
        ]
    );
}

async fn get_session_answers_null_to_strangers(database: TestDatabase) {
    let server = Server::on(database).await;
    let response = server.call(get("/get-session").by(&Caller::Anonymous)).await;
    assert_eq!((response.status, response.text()), (200, "null"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("set-auth-jwt"), None);
    assert_eq!(response.set_cookies(), [""; 0]);
}

async fn session_is_the_same_under_both_names(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let long = server.call(get("/get-session").by(&ada.by_cookie())).await;
    let short = server.call(get("/session").by(&ada.by_cookie())).await;
    assert_eq!((short.status, short.text()), (200, long.text()));
}

async fn get_session_by_post_is_not_allowed(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/get-session", json!({})).by(&ada.by_cookie())).await;
    assert_refused(
        &response,
        405,
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config",
        "AUTH-0022",
    );
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

async fn an_expired_session_is_removed(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(604_800);
    let last = server.call(get("/get-session?disableRefresh=true").by(&ada.by_cookie())).await;
    assert_eq!(last.json()["user"]["id"], ada.id, "the end itself still belongs to it");
    server.clock.advance(1);
    let response = server.session(&ada.cookies).await;
    assert_eq!((response.status, response.text()), (200, "null"));
    assert_eq!(response.set_cookies().len(), 3);
    assert_eq!(response.header("set-auth-jwt"), None, "no token for an ended session");
    assert_eq!(server.database.count("session").await, 0);
}

async fn a_session_whose_user_is_gone_is_removed(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute(r#"DELETE FROM "user""#).await;
    let response = server.call(get("/list-sessions").by(&ada.by_cookie())).await;
    assert_refused(&response, 401, "UNAUTHORIZED", "Unauthorized", "AUTH-0020");
    assert_eq!(response.set_cookies().len(), 3);
}

async fn list_sessions_shows_live_ones_oldest_first(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, _eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    server.clock.advance(1);
    let phone = server.sign_in(&ada).await;
    server.clock.advance(1);
    let dead = server.sign_in(&ada).await;
    let expire = format!(
        r#"UPDATE session SET "expiresAt" = '2029-01-01T00:00:00.000Z' WHERE token = '{}'"#,
        dead.token
    );
    server.database.execute(&expire).await;
    let response = server.call(get("/list-sessions").by(&phone.by_cookie())).await;
    let json = response.json();
    let tokens: Vec<_> = json.as_array().unwrap().iter().map(|session| session["token"].clone()).collect();
    assert_eq!(tokens, [json!(ada.token), json!(phone.token)]);
    let mut members: Vec<_> = json[0].as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["createdAt", "expiresAt", "id", "ipAddress", "token", "updatedAt", "userAgent", "userId"];
    assert_eq!(members, expected);
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

async fn list_sessions_needs_a_fresh_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(86_399);
    assert_eq!(server.call(get("/list-sessions").by(&ada.by_cookie())).await.status, 200);
    server.clock.advance(1);
    let response = server.call(get("/list-sessions").by(&ada.by_cookie())).await;
    assert_refused(&response, 403, "SESSION_NOT_FRESH", "Session is not fresh", "AUTH-0021");
    assert!(response.cookie("better-auth.session_token").is_some(), "it was extended before it was refused");
    let again = server.sign_in(&ada).await;
    assert_eq!(server.call(get("/list-sessions").by(&again.by_cookie())).await.status, 200);
}

async fn any_age_is_fresh_where_the_age_is_zero(database: TestDatabase) {
    let server = Server::with(database, json!({ "session": { "freshAge": 0 } })).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(600_000);
    assert_eq!(server.call(get("/list-sessions").by(&ada.by_cookie())).await.status, 200);
}

async fn revoke_session_ends_one(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    for token in [phone.token.as_str(), phone.token.as_str(), "no such token", ""] {
        let request = post("/revoke-session", json!({ "token": token })).by(&ada.by_cookie());
        let response = server.call(request).await;
        assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#), "{token}");
    }
    assert_eq!(server.session(&phone.cookies).await.text(), "null");
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
}

async fn revoke_session_refuses_other_forms(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let cases = [
        (json!({}), "[body.token] Invalid input: expected string, received undefined"),
        (json!({ "token": 1 }), "[body.token] Invalid input: expected string, received number"),
        (json!({ "token": "a\u{0}" }), "[body.token] Invalid input: expected string without U+0000"),
        (json!([]), "[body] Invalid input: expected object, received array"),
        (Value::Null, "[body] Invalid input: expected object, received undefined"),
    ];
    for (body, message) in cases {
        assert_invalid(
            &server.call(post("/revoke-session", body.clone()).by(&ada.by_cookie())).await,
            message,
        );
        assert_invalid(&server.call(post("/revoke-session", body)).await, message);
    }
}

async fn revoke_sessions_ends_all(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let phone = server.sign_in(&ada).await;
    let response = server.call(post("/revoke-sessions", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    assert_eq!(response.set_cookies(), [""; 0]);
    for ended in [&ada, &phone] {
        assert_eq!(server.session(&ended.cookies).await.text(), "null");
    }
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id);
}

async fn revoke_other_sessions_keeps_this_one_and_expired_rows(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let phone = server.sign_in(&ada).await;
    let expired = server.sign_in(&ada).await;
    let set = format!(
        r#"UPDATE session SET "expiresAt" = '2029-01-01T00:00:00.000Z' WHERE token = '{}'"#,
        expired.token
    );
    server.database.execute(&set).await;
    let response = server.call(post("/revoke-other-sessions", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    let mut left = server.database.texts("SELECT token AS value FROM session").await;
    left.sort();
    let mut expected = [&ada, &eve, &expired].map(|user| Some(user.token.clone()));
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(server.session(&phone.cookies).await.text(), "null");
}

/// Better Auth's Drizzle adapter writes integer milliseconds into SQLite: no text is smaller than a number there.
#[actix_web::test]
async fn sessions_whose_dates_are_numbers_are_listed_and_revoked() {
    let server = Server::on(TestDatabase::sqlite()).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let (phone, dead) = (server.sign_in(&ada).await, server.sign_in(&ada).await);
    let numbers = r#"UPDATE session SET "createdAt" = 1893456000000 + rowid, "updatedAt" = 1893456000000,
        "expiresAt" = 1894060800000"#;
    server.database.execute(numbers).await;
    let expire = format!(r#"UPDATE session SET "expiresAt" = 1893455999999 WHERE token = '{}'"#, dead.token);
    server.database.execute(&expire).await;
    // The newest of them, in the other form.
    let laptop = server.sign_in(&ada).await;
    server
        .database
        .execute(&format!(
            "UPDATE session SET createdAt = '2030-01-01T00:00:01.000Z' WHERE token = '{}'",
            laptop.token
        ))
        .await;

    let listed = server.call(get("/list-sessions").by(&ada.by_cookie())).await.json();
    let tokens: Vec<_> = listed.as_array().unwrap().iter().map(|session| session["token"].clone()).collect();
    assert_eq!(tokens, [json!(ada.token), json!(phone.token), json!(laptop.token)]);
    let revoked = server.call(post("/revoke-other-sessions", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((revoked.status, revoked.text()), (200, r#"{"status":true}"#));
    for gone in [&phone, &laptop] {
        assert_eq!(server.session(&gone.cookies).await.text(), "null");
    }
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id, "somebody else's stays");
    let kept = server.database.texts("SELECT token AS value FROM session ORDER BY 1").await;
    let mut expected = [Some(ada.token), Some(dead.token), Some(eve.token)];
    expected.sort();
    assert_eq!(kept, expected);
}

async fn update_session_knows_no_fields(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for body in [json!({}), json!({ "userId": "x", "token": "y", "expiresAt": "2099-01-01" })] {
        let response = server.call(post("/update-session", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "", "No fields to update", "AUTH-0023");
    }
    let response = server.call(post("/update-session", json!([1])).by(&ada.by_cookie())).await;
    assert_invalid(&response, "[body] Invalid input: expected record, received array");
}
