//! POST /change-email, and the links of its mails at GET /verify-email

use auth_core::mail::{MailKind, Message};
use auth_core::testing::{Caller, TestDatabase, TestUser, get, post};
use auth_core::wire::email::EmailAddress;
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_redirected, assert_refused, open, token};

on_every_database!(
    a_proven_address_agrees_before_the_new_one_is_asked,
    an_unproven_address_is_not_asked,
    the_confirmation_can_be_switched_off,
    an_unproven_address_changes_at_once_where_configured,
    the_link_signs_in_whoever_reads_the_mail,
    somebody_elses_session_is_refused,
    a_taken_address_looks_like_a_free_one,
    an_address_taken_between_the_clicks_is_refused,
    a_link_changes_the_address_once,
    a_confirmation_mails_once,
    links_to_the_old_address_end_with_it,
    refuses_what_cannot_be,
    an_older_node_servers_link_changes_the_address_unproven,
    follows_upstream_exactly_where_asked,
);

const STATUS: &str = r#"{"status":true}"#;
const NEW: &str = "lovelace@example.test";

async fn enabled(database: TestDatabase) -> Server {
    Server::with(database, json!({ "user": { "changeEmail": { "enabled": true } } })).await
}

async fn prove(server: &Server) {
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = (1 = 1)"#).await;
}

async fn ask(server: &Server, user: &TestUser, new: &str) {
    let body = json!({ "newEmail": new, "callbackURL": "/changed" });
    let response = server.call(post("/change-email", body).by(&user.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, STATUS));
}

async fn email(server: &Server, user: &TestUser) -> String {
    let sql = format!(r#"SELECT email AS value FROM "user" WHERE id = '{}'"#, user.id);
    server.database.text(&sql).await
}

fn about(mail: &Message) -> (MailKind, &str, Option<&str>) {
    (mail.kind, mail.to.as_str(), mail.new_email.as_ref().map(EmailAddress::as_str))
}

async fn a_proven_address_agrees_before_the_new_one_is_asked(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    prove(&server).await;
    ask(&server, &ada, "Lovelace@Example.TEST").await;
    let first = server.one_mail();
    assert_eq!(about(&first), (MailKind::ChangeEmailConfirmation, ada.email.as_str(), Some(NEW)));
    let response = server.call(open(&first).by(&ada.by_cookie())).await;
    assert_redirected(&response, "/changed");
    let second = server.one_mail();
    assert_eq!(about(&second), (MailKind::ChangeEmailVerification, NEW, Some(NEW)));
    assert_eq!(email(&server, &ada).await, ada.email, "nothing has changed yet");
    let response = server.call(open(&second).by(&ada.by_cookie())).await;
    assert_redirected(&response, "/changed");
    assert_eq!(response.set_cookies().len(), 1, "the caller's own session goes on");
    let session = server.session(&ada.cookies).await.json();
    assert_eq!((&session["user"]["email"], &session["user"]["emailVerified"]), (&json!(NEW), &json!(true)));
    assert_eq!(server.database.count("session").await, 1);
}

async fn an_unproven_address_is_not_asked(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    ask(&server, &ada, NEW).await;
    let mail = server.one_mail();
    assert_eq!(about(&mail), (MailKind::ChangeEmailVerification, NEW, Some(NEW)));
    let link = format!("/verify-email?token={}", token(&mail));
    let response = server.call(get(&link).by(&ada.by_cookie())).await;
    let body = response.json();
    assert_eq!((response.status, &body["status"]), (200, &json!(true)));
    assert_eq!((&body["user"]["email"], &body["user"]["emailVerified"]), (&json!(NEW), &json!(true)));
}

async fn the_confirmation_can_be_switched_off(database: TestDatabase) {
    let settings = json!({ "user": { "changeEmail": { "enabled": true, "sendConfirmation": false } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    prove(&server).await;
    ask(&server, &ada, NEW).await;
    assert_eq!(about(&server.one_mail()), (MailKind::ChangeEmailVerification, NEW, Some(NEW)));
}

async fn an_unproven_address_changes_at_once_where_configured(database: TestDatabase) {
    let change = json!({ "enabled": true, "updateEmailWithoutVerification": true });
    let server = Server::with(database, json!({ "user": { "changeEmail": change } })).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    ask(&server, &ada, NEW).await;
    assert_eq!(email(&server, &ada).await, NEW);
    let mail = server.one_mail();
    assert_eq!(about(&mail), (MailKind::VerifyEmail, NEW, None));
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["emailVerified"], false);
    ask(&server, &eve, NEW).await;
    assert_eq!(email(&server, &eve).await, eve.email, "taken: nothing happens");
    assert!(server.mails().is_empty());
    assert_redirected(&server.call(open(&mail)).await, "/changed");
    // A proven address has to agree, whatever that setting says.
    ask(&server, &ada, "other@example.test").await;
    assert_eq!(
        (email(&server, &ada).await.as_str(), server.one_mail().kind),
        (NEW, MailKind::ChangeEmailConfirmation)
    );

    let unsent = json!({ "user": { "changeEmail": { "enabled": true, "updateEmailWithoutVerification": true } }, "emailVerification": { "send": false } });
    let unsent = server.beside(unsent).await;
    ask(&unsent, &eve, "eva@example.test").await;
    assert_eq!(email(&server, &eve).await, "eva@example.test");
    assert!(unsent.mails().is_empty());
}

async fn the_link_signs_in_whoever_reads_the_mail(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    ask(&server, &ada, NEW).await;
    let mail = server.one_mail();
    let response = server.call(open(&mail)).await;
    assert_redirected(&response, "/changed");
    let cookie = response.cookie(&server.app.cookies.session_token.name).unwrap();
    let session = server.session(&format!("{}={cookie}", server.app.cookies.session_token.name)).await.json();
    assert_eq!((&session["user"]["id"], &session["user"]["email"]), (&json!(ada.id), &json!(NEW)));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let again = server.call(open(&mail)).await;
    assert_redirected(&again, "/changed?error=USER_NOT_FOUND");
    assert_eq!((again.set_cookies(), server.database.count("session").await), (vec![], 2));
}

async fn somebody_elses_session_is_refused(database: TestDatabase) {
    let server = enabled(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    prove(&server).await;
    ask(&server, &ada, NEW).await;
    let mail = server.one_mail();
    let response = server.call(open(&mail).by(&eve.by_cookie())).await;
    assert_redirected(&response, "/changed?error=INVALID_USER");
    let bare = server.call(get(&format!("/verify-email?token={}", token(&mail))).by(&eve.by_cookie())).await;
    assert_refused(&bare, 401, "INVALID_USER", "Invalid user", "AUTH-0106");
    assert!(server.mails().is_empty());
    // It has not been used up.
    server.call(open(&mail).by(&ada.by_cookie())).await;
    assert_eq!(server.one_mail().kind, MailKind::ChangeEmailVerification);
}

async fn a_taken_address_looks_like_a_free_one(database: TestDatabase) {
    let server = enabled(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let answer = |new: &'static str| {
        server.call(post("/change-email", json!({ "newEmail": new })).by(&ada.by_cookie()))
    };
    let (free, taken) = (answer(NEW).await, answer("EVE@example.test").await);
    assert_eq!((free.status, free.text(), &free.headers), (taken.status, taken.text(), &taken.headers));
    let mails = server.mails();
    assert!(mails.len() == 1 && mails[0].to.as_str() == NEW, "{mails:?}");
    assert_eq!(email(&server, &eve).await, "eve@example.test");
}

async fn an_address_taken_between_the_clicks_is_refused(database: TestDatabase) {
    let server = enabled(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    ask(&server, &ada, NEW).await;
    let adas = server.one_mail();
    ask(&server, &eve, NEW).await;
    let eves = server.one_mail();
    assert_redirected(&server.call(open(&eves)).await, "/changed");
    let sessions = server.database.count("session").await;
    for _ in 0..2 {
        let late = server.call(open(&adas)).await;
        assert_redirected(&late, "/changed?error=USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
        assert_eq!(late.set_cookies(), [""; 0]);
    }
    let bare = server.call(get(&format!("/verify-email?token={}", token(&adas)))).await;
    let message = "User already exists. Use another email.";
    assert_refused(&bare, 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", message, "AUTH-0111");
    assert_eq!(email(&server, &ada).await, ada.email);
    assert_eq!(server.database.count("session").await, sessions);
    // The one that is confirmed too late asks nobody.
    prove(&server).await;
    ask(&server, &ada, "third@example.test").await;
    let confirmation = server.one_mail();
    server
        .database
        .execute(&format!(r#"UPDATE "user" SET email = 'third@example.test' WHERE id = '{}'"#, eve.id))
        .await;
    assert_redirected(&server.call(open(&confirmation)).await, "/changed");
    assert!(server.mails().is_empty());
}

async fn a_link_changes_the_address_once(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    ask(&server, &ada, NEW).await;
    let mail = server.one_mail();
    assert_redirected(&server.call(open(&mail)).await, "/changed");
    // The old address comes back to the account, or to another one: the used link moves neither.
    server.database.execute(&format!("UPDATE \"user\" SET email = '{}'", ada.email)).await;
    assert_redirected(&server.call(open(&mail)).await, "/changed?error=INVALID_TOKEN");
    server.database.execute(r#"UPDATE "user" SET email = 'gone@example.test'"#).await;
    let other = server.sign_up("Ada").await;
    let replayed = server.call(open(&mail)).await;
    assert_redirected(&replayed, "/changed?error=INVALID_TOKEN");
    assert_eq!((replayed.set_cookies(), email(&server, &other).await), (vec![], other.email.clone()));
    assert_eq!(email(&server, &ada).await, "gone@example.test");
    // The mark goes when the link would have ended anyway.
    server.clock.advance(3601);
    server.call(post("/request-password-reset", json!({ "email": "a@b.co" }))).await;
    assert_eq!(server.database.count("verification").await, 1);
    assert_redirected(&server.call(open(&mail)).await, "/changed?error=TOKEN_EXPIRED");
}

async fn a_confirmation_mails_once(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    prove(&server).await;
    ask(&server, &ada, NEW).await;
    let mail = server.one_mail();
    for sent in [1, 0, 0] {
        assert_redirected(&server.call(open(&mail)).await, "/changed");
        assert_eq!(server.mails().len(), sent);
    }
    let bare = server.call(get(&format!("/verify-email?token={}", token(&mail)))).await;
    assert_eq!((bare.status, bare.text()), (200, STATUS));
}

async fn links_to_the_old_address_end_with_it(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let reset = token(&server.one_mail());
    ask(&server, &ada, NEW).await;
    assert_redirected(&server.call(open(&server.one_mail())).await, "/changed");
    let body = json!({ "newPassword": "a brand new password", "token": reset });
    let response = server.call(post("/reset-password", body)).await;
    assert_refused(&response, 400, "INVALID_TOKEN", "Invalid token", "AUTH-0113");
}

async fn refuses_what_cannot_be(database: TestDatabase) {
    let server = enabled(database).await;
    let ada = server.sign_up("Ada").await;
    let call = |body: Value, by: Caller| server.call(post("/change-email", body).by(&by));
    let same = call(json!({ "newEmail": "ADA@example.test" }), ada.by_cookie()).await;
    assert_refused(&same, 400, "", "Email is the same", "AUTH-0109");
    for bad in ["x", "a@b.co\r\nBcc: c@d.co", "a@b.co,c@d.co", "a@b.co\n"] {
        let response = call(json!({ "newEmail": bad }), ada.by_cookie()).await;
        assert_invalid(&response, "[body.newEmail] Invalid email address");
    }
    let body = json!({ "newEmail": NEW, "callbackURL": "//evil.example" });
    let evil = call(body, ada.by_cookie()).await;
    assert_refused(&evil, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
    assert!(server.mails().is_empty());

    let off = server.beside(json!({})).await;
    let response = off.call(post("/change-email", json!({ "newEmail": NEW })).by(&ada.by_cookie())).await;
    assert_refused(&response, 400, "CHANGE_EMAIL_DISABLED", "Change email is disabled", "AUTH-0108");
    let unsent =
        json!({ "user": { "changeEmail": { "enabled": true } }, "emailVerification": { "send": false } });
    let unsent = server.beside(unsent).await;
    for new in [NEW, "eve@example.test"] {
        let response =
            unsent.call(post("/change-email", json!({ "newEmail": new })).by(&ada.by_cookie())).await;
        assert_refused(&response, 400, "", "Verification email isn't enabled", "AUTH-0110");
    }
}

async fn an_older_node_servers_link_changes_the_address_unproven(database: TestDatabase) {
    // {"email":"ann@example.test","updateTo":"new@example.test"} under the test's secret, as old versions signed it.
    let server = enabled(database).await;
    let ann = server.sign_up("Ann").await;
    let claims =
        r#"{"email":"ann@example.test","updateTo":"new@example.test","iat":1893456000,"exp":1893459600}"#;
    let response = server.call(get(&format!("/verify-email?token={}", signed(claims)))).await;
    let body = response.json();
    assert_eq!(
        (&body["user"]["email"], &body["user"]["emailVerified"]),
        (&json!("new@example.test"), &json!(false))
    );
    let mail = server.one_mail();
    assert_eq!(about(&mail), (MailKind::VerifyEmail, "new@example.test", None));
    assert_redirected(&server.call(open(&mail)).await, "/");
    assert_eq!(server.session(&ann.cookies).await.json()["user"]["emailVerified"], true);
    // Upstream accepts links without an end; ours does where upstream's exact behaviour is asked for.
    let endless = signed(r#"{"email":"new@example.test","iat":1893456000}"#);
    let response = server.call(get(&format!("/verify-email?token={endless}"))).await;
    assert_refused(&response, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0103");
}

async fn follows_upstream_exactly_where_asked(database: TestDatabase) {
    let settings =
        json!({ "advanced": { "upstreamExact": true }, "user": { "changeEmail": { "enabled": true } } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    prove(&server).await;
    ask(&server, &ada, NEW).await;
    let confirmation = server.one_mail();
    server.call(open(&confirmation)).await;
    let verification = server.one_mail();
    server.call(open(&confirmation)).await;
    assert_eq!(server.one_mail().to.as_str(), NEW, "a confirmation can be repeated");
    assert_redirected(&server.call(open(&verification)).await, "/changed");
    assert_redirected(&server.call(open(&verification)).await, "/changed?error=USER_NOT_FOUND");
    let endless = signed(r#"{"email":"lovelace@example.test"}"#);
    let response = server.call(get(&format!("/verify-email?token={endless}"))).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true,"user":null}"#));
}

/// A token with these claims under the test's secret.
fn signed(claims: &str) -> String {
    use auth_core::crypto::signed::CookieSigner;
    use auth_jose::{Secret, base64url};
    let input = format!("eyJhbGciOiJIUzI1NiJ9.{}", base64url::encode(claims));
    let signed = CookieSigner::new(&Secret::from(auth_core::testing::SECRET)).sign(&input);
    let signature = signed.rsplit_once('.').unwrap().1;
    format!("{input}.{}", signature.trim_end_matches('=').replace('+', "-").replace('/', "_"))
}
