//! POST /sign-in/email

use auth_core::testing::{PASSWORD, TestDatabase, TestUser, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    makes_another_session,
    accepts_the_address_in_any_case,
    refuses_a_wrong_password_and_an_unknown_address_alike,
    refuses_what_is_no_address,
    refuses_a_password_beyond_the_limit,
    refuses_when_it_is_off,
    refuses_a_user_without_a_password,
    echoes_the_callback,
    lists_every_invalid_member_in_order,
    without_remember_me_the_session_ends_with_the_browser,
    accepts_a_password_hashed_by_better_auth,
);

fn with_password(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

async fn makes_another_session(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(60);
    let response = server.call(post("/sign-in/email", with_password(&ada.email, PASSWORD))).await;
    let again = TestUser::new(&response, &server.app);
    let expected = format!(
        r#"{{"redirect":false,"token":"{}","user":{{"name":"Ada","email":"ada@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"{}"}}}}"#,
        again.token, ada.id
    );
    assert_eq!((response.status, response.text()), (200, expected.as_str()));
    assert_eq!(response.header("set-auth-token"), Some(server.app.signer.sign(&again.token).as_str()));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("location"), None);
    let cookies = response.set_cookies();
    assert_eq!(cookies.len(), 1);
    assert!(cookies[0].ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"), "{cookies:?}");

    assert_ne!(ada.token, again.token);
    for user in [&ada, &again] {
        assert_eq!(server.session(&user.cookies).await.json()["session"]["token"], user.token);
    }
    let session = server.session(&again.cookies).await.json();
    assert_eq!(session["session"]["createdAt"], "2030-01-01T00:01:00.000Z");
    assert_eq!(session["session"]["expiresAt"], "2030-01-08T00:01:00.000Z");
}

async fn accepts_the_address_in_any_case(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/sign-in/email", with_password("ADA@example.TEST", PASSWORD))).await;
    assert_eq!(response.json()["user"]["id"], ada.id);
}

async fn refuses_a_wrong_password_and_an_unknown_address_alike(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let mut answers = Vec::new();
    for (email, password) in
        [("ada@example.test", "wrong password"), ("eve@example.test", PASSWORD), ("ada@example.test", "x")]
    {
        let before = server.app.hasher.runs();
        let response = server.call(post("/sign-in/email", with_password(email, password))).await;
        assert_refused(&response, 401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password", "AUTH-0043");
        assert_eq!(server.app.hasher.runs(), (before.0 + 1, before.1), "one hash, whoever asks");
        answers.push(response.headers);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.database.count("session").await, 1);
}

async fn refuses_what_is_no_address(database: TestDatabase) {
    let server = Server::on(database).await;
    for email in ["", "ada", "ada@localhost", " ada@example.test", "ada@example.test,eve@example.test"] {
        let response = server.call(post("/sign-in/email", with_password(email, PASSWORD))).await;
        assert_refused(&response, 400, "INVALID_EMAIL", "Invalid email", "AUTH-0042");
    }
}

async fn refuses_a_password_beyond_the_limit(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let before = server.app.hasher.runs();
    let response =
        server.call(post("/sign-in/email", with_password("ada@example.test", &"x".repeat(129)))).await;
    assert_refused(&response, 400, "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046");
    assert_eq!(server.app.hasher.runs(), before);
}

async fn refuses_when_it_is_off(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailAndPassword": { "enabled": false } })).await;
    let response = server.call(post("/sign-in/email", with_password("ada@example.test", PASSWORD))).await;
    assert_refused(
        &response,
        400,
        "EMAIL_PASSWORD_DISABLED",
        "Email and password is not enabled",
        "AUTH-0040",
    );
}

async fn refuses_a_user_without_a_password(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let work = server.app.hasher.runs();
    for change in [
        "UPDATE account SET password = NULL",
        r#"UPDATE account SET password = 'no hash at all'"#,
        r#"UPDATE account SET "accountId" = 'another'"#,
        "DELETE FROM account",
    ] {
        server.database.execute(change).await;
        let response = server.call(post("/sign-in/email", with_password(&ada.email, PASSWORD))).await;
        assert_refused(&response, 401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password", "AUTH-0043");
    }
    assert_eq!(server.app.hasher.runs().0, work.0 + 4, "the same work for each");
}

async fn echoes_the_callback(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let sign_in = |callback: &str| {
        let body = json!({ "email": ada.email, "password": PASSWORD, "callbackURL": callback });
        server.call(post("/sign-in/email", body))
    };
    let cases = [
        ("/dashboard?tab=1#top", Some("/dashboard?tab=1#top")),
        ("http://localhost:3000/next", Some("http://localhost:3000/next")),
        ("/caf\u{e9}", Some("/caf%C3%A9")),
        ("", None),
    ];
    for (callback, location) in cases {
        let response = sign_in(callback).await;
        let json = response.json();
        assert_eq!(response.status, 200, "{callback}");
        assert_eq!((&json["url"], &json["redirect"]), (&json!(callback), &json!(location.is_some())));
        assert_eq!(response.header("location"), location);
    }
}

async fn lists_every_invalid_member_in_order(database: TestDatabase) {
    let server = Server::on(database).await;
    let cases = [
        (
            json!({}),
            "[body.email] Invalid input: expected string, received undefined; [body.password] Invalid input: expected string, received undefined",
        ),
        (
            json!({ "email": true, "password": 12345678, "rememberMe": null }),
            "[body.email] Invalid input: expected string, received boolean; [body.password] Invalid input: expected string, received number; [body.rememberMe] Invalid input: expected boolean, received null",
        ),
        (json!(null), "[body] Invalid input: expected object, received null"),
        (json!(7), "[body] Invalid input: expected object, received number"),
        (json!(["email"]), "[body] Invalid input: expected object, received array"),
    ];
    for (body, message) in cases {
        let request = post("/sign-in/email", json!({}));
        let response = server.call(request.raw_body(body.to_string())).await;
        assert_invalid(&response, message);
    }
}

async fn without_remember_me_the_session_ends_with_the_browser(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": ada.email, "password": PASSWORD, "rememberMe": false });
    let response = server.call(post("/sign-in/email", body)).await;
    let cookies = response.set_cookies();
    assert_eq!(cookies.len(), 2);
    assert!(cookies.iter().all(|cookie| cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax")));
    assert!(!response.headers.iter().any(|(_, value)| value.contains("Max-Age")));
    let forgotten = server.app.signer.sign("true");
    let encoded = auth_core::wire::cookie::encode_uri_component(&forgotten);
    assert_eq!(response.cookie("better-auth.dont_remember"), Some(encoded));
    let rows = server.database.texts(r#"SELECT token AS value FROM session ORDER BY "expiresAt""#).await;
    assert_eq!(rows[0].as_deref(), response.json()["token"].as_str(), "it ends after a day");
}

/// Better Auth's published vector: scrypt, salt and key in hexadecimal.
const VECTOR: &str = "000102030405060708090a0b0c0d0e0f:7034425e783148ac6ce2c4521177f6fc8ba611950b64145053bf3c4fbf26457865bbf1ea8164754187636d431114bca7374e96cf91409d23fbc0b086580d2442";

async fn accepts_a_password_hashed_by_better_auth(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute(&format!("UPDATE account SET password = '{VECTOR}'")).await;
    let response = server.call(post("/sign-in/email", with_password(&ada.email, PASSWORD))).await;
    assert_eq!(response.status, 200, "{}", response.text());
    let wrong = server.call(post("/sign-in/email", with_password(&ada.email, "wrong password"))).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(server.app.hasher.runs().1, 2);
}
