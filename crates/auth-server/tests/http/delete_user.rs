//! POST /delete-user, GET /delete-user/callback

use auth_core::mail::MailKind;
use auth_core::testing::{PASSWORD, TestDatabase, TestUser, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_redirected, assert_refused, open, token};

on_every_database!(
    mails_a_link_that_deletes_the_account,
    the_callback_answers_json_without_a_target,
    a_token_in_the_body_deletes_too,
    a_link_works_for_its_owner_only,
    a_token_expires,
    deletes_at_once_without_mail,
    an_old_session_needs_the_password,
    a_wrong_password_deletes_nothing,
    is_off_by_default,
    refuses_untrusted_targets,
    leaves_nothing_that_acts_on_the_user,
);

fn settings(mail: bool) -> Value {
    json!({ "user": { "deleteUser": { "enabled": true, "sendVerification": mail } } })
}

async fn ask(server: &Server, user: &TestUser, body: Value) -> String {
    let response = server.call(post("/delete-user", body).by(&user.by_cookie())).await;
    assert_eq!(
        (response.status, response.text()),
        (200, r#"{"success":true,"message":"Verification email sent"}"#)
    );
    token(&server.one_mail())
}

const DELETED: &str = r#"{"success":true,"message":"User deleted"}"#;

async fn users(server: &Server) -> usize {
    server.database.count("user").await
}

async fn mails_a_link_that_deletes_the_account(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    server.sign_in(&ada).await;
    let body = json!({ "callbackURL": "/goodbye" });
    let response = server.call(post("/delete-user", body).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.set_cookies()), (200, vec![]));
    let mail = server.one_mail();
    assert_eq!((mail.kind, mail.to.as_str()), (MailKind::DeleteAccount, ada.email.as_str()));
    let token = token(&mail);
    assert!(
        token.len() == 32 && token.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()),
        "{token}"
    );
    let expected = "http://localhost:3000/api/auth/delete-user/callback?token=";
    assert_eq!(mail.link.url(), format!("{expected}{token}&callbackURL=%2Fgoodbye"));
    let row = format!("SELECT value AS value FROM verification WHERE identifier = 'delete-account-{token}'");
    assert_eq!(server.database.text(&row).await, ada.id);

    let nobody = server.call(open(&mail)).await;
    let message = "Failed to get user info";
    assert_refused(&nobody, 404, "FAILED_TO_GET_USER_INFO", message, "AUTH-0116");
    let response = server.call(open(&mail).by(&ada.by_cookie())).await;
    assert_redirected(&response, "/goodbye");
    let gone = |cookie: &&str| cookie.contains("=; Max-Age=0; ");
    assert_eq!(response.set_cookies().iter().filter(|cookie| gone(cookie)).count(), 3);
    for (table, left) in [("user", 1), ("session", 1), ("account", 1), ("verification", 0)] {
        assert_eq!(server.database.count(table).await, left, "{table}");
    }
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id);
    let again = server.call(open(&mail).by(&ada.by_cookie())).await;
    assert_refused(&again, 404, "FAILED_TO_GET_USER_INFO", message, "AUTH-0116");
}

async fn the_callback_answers_json_without_a_target(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let ada = server.sign_up("Ada").await;
    let token = ask(&server, &ada, json!({})).await;
    let response =
        server.call(get(&format!("/delete-user/callback?token={token}")).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text(), response.set_cookies().len()), (200, DELETED, 3));
    let missing = server.call(get("/delete-user/callback").by(&ada.by_cookie())).await;
    assert_invalid(&missing, "[query.token] Invalid input: expected string, received undefined");
}

async fn a_token_in_the_body_deletes_too(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let ada = server.sign_up("Ada").await;
    let token = ask(&server, &ada, json!({})).await;
    let wrong = server.call(post("/delete-user", json!({ "token": "nope" })).by(&ada.by_cookie())).await;
    assert_refused(&wrong, 404, "INVALID_TOKEN", "Invalid token", "AUTH-0117");
    let body = json!({ "token": token, "callbackURL": "/ignored" });
    let response = server.call(post("/delete-user", body).by(&ada.by_cookie())).await;
    // Upstream leaves the cookies here; they lead nowhere.
    assert_eq!((response.status, response.text(), response.set_cookies()), (200, DELETED, vec![]));
    assert_eq!(server.session(&ada.cookies).await.text(), "null");
}

async fn a_link_works_for_its_owner_only(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let token = ask(&server, &ada, json!({})).await;
    let link = format!("/delete-user/callback?token={token}");
    let foreign = server.call(get(&link).by(&eve.by_cookie())).await;
    assert_refused(&foreign, 404, "INVALID_TOKEN", "Invalid token", "AUTH-0117");
    let body = json!({ "token": token });
    assert_eq!(server.call(post("/delete-user", body).by(&eve.by_cookie())).await.status, 404);
    assert_eq!((users(&server).await, foreign.set_cookies()), (2, vec![]));
    // Nor has it been used up.
    assert_eq!(server.call(get(&link).by(&ada.by_cookie())).await.status, 200);
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id);
}

async fn a_token_expires(database: TestDatabase) {
    let delete = json!({ "enabled": true, "deleteTokenExpiresIn": 600 });
    let server = Server::with(database, json!({ "user": { "deleteUser": delete } })).await;
    let ada = server.sign_up("Ada").await;
    let token = ask(&server, &ada, json!({})).await;
    server.clock.advance(601);
    let response =
        server.call(get(&format!("/delete-user/callback?token={token}")).by(&ada.by_cookie())).await;
    assert_refused(&response, 404, "INVALID_TOKEN", "Invalid token", "AUTH-0117");
    assert_eq!(users(&server).await, 1);
}

async fn deletes_at_once_without_mail(database: TestDatabase) {
    let server = Server::with(database, settings(false)).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text(), response.set_cookies().len()), (200, DELETED, 3));
    for table in ["user", "session", "account"] {
        assert_eq!(server.database.count(table).await, 0, "{table}");
    }
    assert!(server.mails().is_empty());
    let sign_in = json!({ "email": ada.email, "password": PASSWORD });
    assert_eq!(server.call(post("/sign-in/email", sign_in)).await.status, 401);
    assert_eq!(server.sign_up("Ada").await.email, ada.email, "the address is free again");
}

async fn an_old_session_needs_the_password(database: TestDatabase) {
    let server = Server::with(database, settings(false)).await;
    let ada = server.sign_up("Ada").await;
    server.clock.advance(86_400);
    let message = "Session expired. Re-authenticate to perform this action.";
    for body in [json!({}), json!({ "password": "" })] {
        let response = server.call(post("/delete-user", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "SESSION_EXPIRED", message, "AUTH-0118");
    }
    let body = json!({ "password": PASSWORD });
    assert_eq!(server.call(post("/delete-user", body).by(&ada.by_cookie())).await.text(), DELETED);
}

async fn a_wrong_password_deletes_nothing(database: TestDatabase) {
    let server = Server::with(database, settings(false)).await;
    let ada = server.sign_up("Ada").await;
    let call = |password: String| {
        server.call(post("/delete-user", json!({ "password": password })).by(&ada.by_cookie()))
    };
    let wrong = call("not the password".to_owned()).await;
    assert_refused(&wrong, 400, "INVALID_PASSWORD", "Invalid password", "AUTH-0044");
    let long = call("x".repeat(129)).await;
    assert_refused(&long, 400, "PASSWORD_TOO_LONG", "Password too long", "AUTH-0046");
    assert_eq!(users(&server).await, 1);
    server.database.execute("DELETE FROM account").await;
    let none = call(PASSWORD.to_owned()).await;
    let message = "Credential account not found";
    assert_refused(&none, 400, "CREDENTIAL_ACCOUNT_NOT_FOUND", message, "AUTH-0049");
    assert_eq!(users(&server).await, 1);
}

async fn is_off_by_default(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (404, ""));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-error-id"), Some("AUTH-0115"));
    let response = server.call(get("/delete-user/callback?token=x").by(&ada.by_cookie())).await;
    assert_refused(&response, 404, "NOT_FOUND", "Not found", "AUTH-0115");
    assert_eq!(users(&server).await, 1);
}

async fn refuses_untrusted_targets(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let ada = server.sign_up("Ada").await;
    let token = ask(&server, &ada, json!({})).await;
    for target in
        ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nb", "javascript:alert(1)"]
    {
        let encoded = auth_core::wire::cookie::encode_uri_component(target);
        let link = format!("/delete-user/callback?token={token}&callbackURL={encoded}");
        let response = server.call(get(&link).by(&ada.by_cookie())).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
        let body = json!({ "callbackURL": target });
        let response = server.call(post("/delete-user", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
    }
    assert!(server.mails().is_empty() && users(&server).await == 1);
}

async fn leaves_nothing_that_acts_on_the_user(database: TestDatabase) {
    let server = Server::with(database, settings(true)).await;
    let ada = server.sign_up("Ada").await;
    server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let reset = token(&server.one_mail());
    let (first, second) = (ask(&server, &ada, json!({})).await, ask(&server, &ada, json!({})).await);
    let response = server.call(post("/delete-user", json!({ "token": first })).by(&ada.by_cookie())).await;
    assert_eq!(response.text(), DELETED);
    assert_eq!(server.database.count("verification").await, 0);
    let again = server.sign_up("Ada").await;
    let response = server.call(post("/delete-user", json!({ "token": second })).by(&again.by_cookie())).await;
    assert_eq!(response.status, 404);
    let body = json!({ "newPassword": "a brand new password", "token": reset });
    assert_eq!(server.call(post("/reset-password", body)).await.status, 400);
}
