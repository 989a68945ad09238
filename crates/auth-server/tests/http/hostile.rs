//! What one user must not be able to do to another, and what nobody may set about themselves.

use auth_core::testing::{PASSWORD, TestDatabase, TestRequest, get, post};
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    nobody_names_their_own_id_or_role,
    a_body_never_says_whose_request_it_is,
    nobody_ends_the_sessions_of_another,
    a_sign_in_always_makes_a_new_token,
    no_answer_holds_a_password_or_its_hash,
    hostile_texts_are_stored_as_they_are,
    long_texts_of_every_kind_never_fail_the_server,
);

async fn nobody_names_their_own_id_or_role(database: TestDatabase) {
    let server = Server::on(database).await;
    let body = json!({
        "name": "Eve", "email": "eve@example.test", "password": PASSWORD, "id": "chosen", "userId": "chosen",
        "role": "admin", "emailVerified": true, "createdAt": "2000-01-01T00:00:00.000Z",
        "updatedAt": "2000-01-01T00:00:00.000Z", "token": "chosen", "expiresAt": "2099-01-01T00:00:00.000Z",
        "session": { "token": "chosen" }, "user": { "id": "chosen" }, "accountId": "chosen", "providerId": "google",
    });
    let response = server.call(post("/sign-up/email", body)).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(!response.text().contains("chosen") && !response.text().contains("admin"));
    assert_eq!(response.json()["user"]["emailVerified"], false);
    let rows = [
        r#"SELECT id || "createdAt" AS value FROM "user""#,
        r#"SELECT id || token || "userId" || "expiresAt" AS value FROM session"#,
        r#"SELECT id || "accountId" || "providerId" AS value FROM account"#,
    ];
    for sql in rows {
        let row = server.database.text(sql).await;
        assert!(!row.contains("chosen") && !row.contains("google") && !row.contains("2099"), "{row}");
    }
}

async fn a_body_never_says_whose_request_it_is(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let about_ada = json!({
        "userId": ada.id, "id": ada.id, "user": { "id": ada.id }, "sessionToken": ada.token,
        "name": "changed", "password": PASSWORD, "currentPassword": PASSWORD, "newPassword": "eve was here",
    });
    for endpoint in server.app.router.endpoints() {
        if matches!(endpoint.path, "/sign-out" | "/revoke-sessions" | "/revoke-other-sessions") {
            continue; // They end the caller's own session; the next test is about them.
        }
        let query = format!("?userId={0}&id={0}", ada.id);
        let request = TestRequest::new(endpoint.method.as_str(), &format!("{}{query}", endpoint.path));
        let request = request.body("application/json", about_ada.to_string()).by(&eve.by_bearer());
        let response = server.call(request).await;
        assert!(response.status < 500, "{}: {response:?}", endpoint.path);
        let text = format!("{:?} {}", response.headers, String::from_utf8_lossy(&response.body));
        assert!(!text.contains(&ada.id) && !text.contains(&ada.token), "{}: {text}", endpoint.path);
        assert!(!text.contains("ada@example.test"), "{}: {text}", endpoint.path);
    }
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["name"], "Ada");
    server.sign_in(&ada).await;
    let stranger = server.call(get("/list-accounts").header("x-user-id", &ada.id)).await;
    assert_eq!(stranger.status, 401);
}

async fn nobody_ends_the_sessions_of_another(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    for token in [&ada.token, &ada.signed] {
        let response =
            server.call(post("/revoke-session", json!({ "token": token })).by(&eve.by_cookie())).await;
        assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    }
    for (path, body) in [
        ("/revoke-other-sessions", json!({ "userId": ada.id, "token": ada.token })),
        ("/revoke-sessions", json!({ "userId": ada.id, "token": ada.token })),
        ("/sign-out", json!({ "token": ada.token })),
    ] {
        assert_eq!(server.call(post(path, body).by(&eve.by_cookie())).await.status, 200, "{path}");
    }
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    assert_eq!(server.session(&eve.cookies).await.text(), "null");
}

async fn a_sign_in_always_makes_a_new_token(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let body = json!({ "email": ada.email, "password": PASSWORD });
    let request =
        post("/sign-in/email", body).header("cookie", &eve.cookies).header("origin", "http://localhost:3000");
    let response = server.call(request).await;
    let token = response.json()["token"].clone();
    assert!(token != ada.token.as_str() && token != eve.token.as_str());
}

async fn no_answer_holds_a_password_or_its_hash(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let hash = server.database.text("SELECT password AS value FROM account").await;
    for endpoint in server.app.router.endpoints() {
        let body = endpoint.sample.clone();
        let request = match endpoint.method.as_str() {
            "GET" => get(endpoint.path),
            _ => post(endpoint.path, body),
        };
        let again = server.sign_in(&ada).await;
        let response = server.call(request.by(&again.by_bearer())).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        assert!(
            !text.contains(&hash) && !text.contains("argon2") && !text.contains(PASSWORD),
            "{}",
            endpoint.path
        );
    }
}

async fn hostile_texts_are_stored_as_they_are(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for text in [
        "'; DROP TABLE \"user\"; --",
        "\" OR 1=1 --",
        "<script>alert(1)</script>",
        "%s%n{}${x}",
        "a\r\nSet-Cookie: x=y",
        "\u{202e}\u{fffd}\u{10ffff}\u{1f469}\u{200d}\u{1f4bb}",
        "\u{7f}\u{1}\u{1b}[31m",
        "",
    ] {
        let request = post("/update-user", json!({ "name": text, "image": text })).by(&ada.by_bearer());
        assert_eq!(server.call(request.header("user-agent", "x")).await.status, 200, "{text:?}");
        let user = server.session(&ada.cookies).await.json()["user"].clone();
        assert_eq!((&user["name"], &user["image"]), (&json!(text), &json!(text)));
        let token = server.call(get("/token").by(&ada.by_bearer())).await.json()["token"].clone();
        assert_eq!(crate::jwt::claims(&token)["name"], text);
    }
    for email in ["' OR '1'='1", "a@b.co' --", "a@b.co\u{0}"] {
        let response =
            server.call(post("/sign-in/email", json!({ "email": email, "password": PASSWORD }))).await;
        assert_eq!(response.status, 400, "{email}");
    }
    for token in ["' OR '1'='1", "%", "_"] {
        let body = json!({ "token": token });
        assert_eq!(server.call(post("/revoke-session", body).by(&ada.by_bearer())).await.status, 200);
    }
    assert_eq!(server.database.count("session").await, 1);
}

async fn long_texts_of_every_kind_never_fail_the_server(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let long = "x".repeat(60_000);
    let requests = [
        post("/update-user", json!({ "name": long })),
        post("/sign-in/email", json!({ "email": format!("{long}@example.test"), "password": "x" })),
        post("/sign-in/email", json!({ "email": "ada@example.test", "password": long })),
        post("/sign-up/email", json!({ "name": long, "email": "b@example.test", "password": PASSWORD })),
        post("/revoke-session", json!({ "token": long })),
        post("/sign-out", json!({ "callbackURL": format!("/{long}") })),
        get("/list-accounts").header("user-agent", &long),
        get(&format!("/error?error={0}&error_description={0}", "x".repeat(20_000))),
        get("/get-session").header("cookie", format!("better-auth.session_token={long}.{long}")),
    ];
    for request in requests {
        let response = server.call(request.clone().by(&ada.by_bearer())).await;
        assert!(response.status < 500, "{}: {}", response.status, request.target(""));
    }
    let agent = post("/sign-in/email", json!({ "email": ada.email, "password": PASSWORD }));
    let response = server.call(agent.header("user-agent", "a\u{e9}\u{2603}".to_owned() + &long)).await;
    assert_eq!(response.status, 200);
    // The long sign-out above has ended the first session.
    let bearer = format!("Bearer {}", response.json()["token"].as_str().unwrap());
    let sessions: Value = server.call(get("/list-sessions").header("authorization", bearer)).await.json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
}
