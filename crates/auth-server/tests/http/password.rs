//! POST /change-password and POST /verify-password

use auth_core::testing::{PASSWORD, TestDatabase, TestUser, post};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_refused};

on_every_database!(
    changes_the_password_and_keeps_sessions,
    ends_every_session_when_asked_to,
    refuses_a_wrong_current_password,
    refuses_lengths_before_it_looks_at_the_current_one,
    refuses_a_user_without_a_password,
    accepts_the_same_password_again,
    two_changes_at_once_cannot_both_win,
    verifies_the_password,
    lists_every_invalid_member_in_order,
);

const NEW: &str = "a new password";

fn change(current: &str, new: &str) -> Value {
    json!({ "currentPassword": current, "newPassword": new })
}

async fn can_sign_in(server: &Server, user: &TestUser, password: &str) -> bool {
    let body = json!({ "email": user.email, "password": password });
    server.call(post("/sign-in/email", body)).await.status == 200
}

async fn changes_the_password_and_keeps_sessions(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let phone = server.sign_in(&ada).await;
    let response = server.call(post("/change-password", change(PASSWORD, NEW)).by(&ada.by_cookie())).await;
    let expected = format!(
        r#"{{"token":null,"user":{{"name":"Ada","email":"ada@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"{}"}}}}"#,
        ada.id
    );
    assert_eq!((response.status, response.text()), (200, expected.as_str()));
    assert_eq!(response.set_cookies(), [""; 0]);
    assert_eq!(server.session(&phone.cookies).await.json()["user"]["id"], ada.id);
    assert!(!can_sign_in(&server, &ada, PASSWORD).await);
    assert!(can_sign_in(&server, &ada, NEW).await);
}

async fn ends_every_session_when_asked_to(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let phone = server.sign_in(&ada).await;
    let mut body = change(PASSWORD, NEW);
    body["revokeOtherSessions"] = true.into();
    let response = server.call(post("/change-password", body).by(&ada.by_cookie())).await;
    let renewed = TestUser::new(&response, &server.app);
    assert!(![&ada.token, &phone.token].contains(&&renewed.token));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("set-auth-token"), Some(renewed.signed.as_str()));
    for ended in [&ada, &phone] {
        assert_eq!(server.session(&ended.cookies).await.text(), "null");
    }
    assert_eq!(server.session(&renewed.cookies).await.json()["user"]["id"], ada.id);
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id);
}

async fn refuses_a_wrong_current_password(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for path in ["/change-password", "/verify-password"] {
        let mut body = change("wrong password", NEW);
        body["password"] = "wrong password".into();
        let response = server.call(post(path, body).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "INVALID_PASSWORD", "Invalid password", "AUTH-0044");
    }
    assert!(can_sign_in(&server, &ada, PASSWORD).await);
}

async fn refuses_lengths_before_it_looks_at_the_current_one(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let long = "x".repeat(129);
    let work = server.app.hasher.runs();
    for (current, new, code, message, id) in [
        ("wrong", "1234567", "PASSWORD_TOO_SHORT", "Password too short", "AUTH-0045"),
        ("wrong", long.as_str(), "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046"),
        (long.as_str(), NEW, "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046"),
    ] {
        let response = server.call(post("/change-password", change(current, new)).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, code, message, id);
    }
    assert_eq!(server.app.hasher.runs(), work);
}

async fn refuses_a_user_without_a_password(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for statement in ["UPDATE account SET password = NULL", "DELETE FROM account"] {
        server.database.execute(statement).await;
        let response =
            server.call(post("/change-password", change(PASSWORD, NEW)).by(&ada.by_cookie())).await;
        let message = "Credential account not found";
        assert_refused(&response, 400, "CREDENTIAL_ACCOUNT_NOT_FOUND", message, "AUTH-0049");
        let body = json!({ "password": PASSWORD });
        let response = server.call(post("/verify-password", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "INVALID_PASSWORD", "Invalid password", "AUTH-0044");
    }
}

async fn accepts_the_same_password_again(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let before = server.database.text("SELECT password AS value FROM account").await;
    let request = post("/change-password", change(PASSWORD, PASSWORD)).by(&ada.by_cookie());
    assert_eq!(server.call(request).await.status, 200);
    assert_ne!(server.database.text("SELECT password AS value FROM account").await, before, "a new salt");
}

async fn two_changes_at_once_cannot_both_win(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let changes = (0..6).map(|number| {
        let body = change(PASSWORD, &format!("new password {number}"));
        server.call(post("/change-password", body).by(&ada.by_cookie()))
    });
    let statuses: Vec<_> = join_all(changes).await.iter().map(|response| response.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 5, "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 200).unwrap();
    assert!(can_sign_in(&server, &ada, &format!("new password {winner}")).await);
}

async fn verifies_the_password(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response =
        server.call(post("/verify-password", json!({ "password": PASSWORD })).by(&ada.by_bearer())).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    let long = json!({ "password": "x".repeat(129) });
    let response = server.call(post("/verify-password", long).by(&ada.by_bearer())).await;
    assert_refused(&response, 400, "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046");
}

async fn lists_every_invalid_member_in_order(database: TestDatabase) {
    let server = Server::on(database).await;
    let body = json!({ "currentPassword": 1, "revokeOtherSessions": "true" });
    let response = server.call(post("/change-password", body)).await;
    assert_invalid(
        &response,
        "[body.newPassword] Invalid input: expected string, received undefined; [body.currentPassword] Invalid input: expected string, received number; [body.revokeOtherSessions] Invalid input: expected boolean, received string",
    );
    let response = server.call(post("/verify-password", json!({}))).await;
    assert_invalid(&response, "[body.password] Invalid input: expected string, received undefined");
}
