//! POST /request-password-reset, GET /reset-password/:token, POST /reset-password

use auth_core::crypto::random;
use auth_core::mail::MailKind;
use auth_core::testing::{PASSWORD, TestDatabase, TestUser, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_redirected, assert_refused, open, token};

on_every_database!(
    mails_a_link_that_leads_to_the_page_for_a_new_password,
    a_reset_ends_sessions_and_every_other_link,
    sessions_stay_where_that_is_configured,
    does_the_same_for_an_unknown_address,
    refuses_when_no_mail_can_be_sent,
    refuses_untrusted_targets_before_anything_is_stored,
    checks_the_target_again_when_the_link_is_opened,
    keeps_the_parts_of_the_target,
    an_empty_target_leads_to_the_error_page,
    a_refused_password_keeps_the_token,
    refuses_tokens_that_are_none,
    a_token_expires,
    a_token_of_another_purpose_resets_nothing,
    takes_the_token_from_the_query_too,
    gives_a_password_to_a_user_without_one,
    tells_when_the_user_is_gone,
    hashes_identifiers_where_configured,
    stores_hashed_and_plain_identifiers_by_their_purpose,
    expired_rows_are_removed_unless_configured,
    dates_that_another_program_wrote_as_numbers_are_dates,
    follows_upstream_exactly_where_asked,
);

const SENT: &str =
    r#"{"status":true,"message":"If this email exists in our system, check your email for the reset link"}"#;
const NEW: &str = "a brand new password";

async fn request(server: &Server, user: &TestUser) -> String {
    let body = json!({ "email": user.email, "redirectTo": "/reset" });
    let response = server.call(post("/request-password-reset", body)).await;
    assert_eq!((response.status, response.text()), (200, SENT));
    token(&server.one_mail())
}

async fn reset(server: &Server, token: &str) -> auth_core::testing::TestResponse {
    server.call(post("/reset-password", json!({ "newPassword": NEW, "token": token }))).await
}

async fn signs_in(server: &Server, user: &TestUser, password: &str) -> bool {
    let body = json!({ "email": user.email, "password": password });
    server.call(post("/sign-in/email", body)).await.status == 200
}

#[track_caller]
fn assert_invalid_token(response: &auth_core::testing::TestResponse) {
    assert_refused(response, 400, "INVALID_TOKEN", "Invalid token", "AUTH-0113");
}

async fn mails_a_link_that_leads_to_the_page_for_a_new_password(database: TestDatabase) {
    let server = Server::with(database, json!({ "trustedOrigins": ["https://app.example.test"] })).await;
    let ada = server.sign_up("Ada").await;
    let body = json!({ "email": "ADA@example.test", "redirectTo": "https://app.example.test/reset" });
    let response = server.call(post("/request-password-reset", body)).await;
    assert_eq!((response.status, response.text()), (200, SENT));
    let mail = server.one_mail();
    assert_eq!(
        (mail.kind, mail.to.as_str(), mail.user_name.as_str()),
        (MailKind::ResetPassword, "ada@example.test", "Ada")
    );
    let token = token(&mail);
    assert_eq!(
        mail.link.url(),
        format!(
            "http://localhost:3000/api/auth/reset-password/{token}?callbackURL=https%3A%2F%2Fapp.example.test%2Freset"
        )
    );
    assert!(token.len() == 24 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    let row = format!("SELECT value AS value FROM verification WHERE identifier = 'reset-password:{token}'");
    assert_eq!(server.database.text(&row).await, ada.id);

    // Opened twice: by a program that looks after the mail, and by the person.
    for _ in 0..2 {
        let response = server.call(open(&mail)).await;
        assert_redirected(&response, &format!("https://app.example.test/reset?token={token}"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    let response = reset(&server, &token).await;
    assert_eq!((response.status, response.text()), (200, r#"{"status":true}"#));
    assert_eq!(response.set_cookies(), [""; 0]);
    assert_eq!(server.database.count("verification").await, 0);
    assert!(signs_in(&server, &ada, NEW).await);
    assert!(!signs_in(&server, &ada, PASSWORD).await);
    assert_invalid_token(&reset(&server, &token).await);
    let response = server.call(open(&mail)).await;
    assert_redirected(&response, "https://app.example.test/reset?error=INVALID_TOKEN");
}

async fn a_reset_ends_sessions_and_every_other_link(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let phone = server.sign_in(&ada).await;
    let (older, newer) = (request(&server, &ada).await, request(&server, &ada).await);
    let eves = request(&server, &eve).await;
    assert_eq!(reset(&server, &newer).await.status, 200);
    for user in [&ada, &phone] {
        assert_eq!(server.session(&user.cookies).await.text(), "null");
    }
    assert_eq!(server.session(&eve.cookies).await.json()["user"]["id"], eve.id);
    assert_invalid_token(&reset(&server, &older).await);
    assert_eq!(reset(&server, &eves).await.status, 200);
}

async fn sessions_stay_where_that_is_configured(database: TestDatabase) {
    let settings = json!({ "emailAndPassword": { "revokeSessionsOnPasswordReset": false } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    assert_eq!(reset(&server, &token).await.status, 200);
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
}

async fn does_the_same_for_an_unknown_address(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let known = server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    assert_eq!((server.mails().len(), server.database.count("verification").await), (1, 1));
    let body = json!({ "email": "nobody@example.test" });
    let unknown = server.call(post("/request-password-reset", body)).await;
    assert_eq!(
        (unknown.status, unknown.text(), &unknown.headers),
        (known.status, known.text(), &known.headers)
    );
    assert!(server.mails().is_empty());
    // The same work: a row too, which is over already and goes with the next request.
    assert_eq!(server.database.count("verification").await, 2);
    server.clock.advance(1);
    let body = json!({ "email": "nobody@example.test" });
    server.call(post("/request-password-reset", body)).await;
    assert_eq!(server.database.count("verification").await, 2);
    assert_eq!(server.app.hasher.runs(), (1, 0), "only the sign-up has hashed");
}

async fn refuses_when_no_mail_can_be_sent(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailAndPassword": { "sendResetPassword": false } })).await;
    let ada = server.sign_up("Ada").await;
    let response = server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let refused = ("RESET_PASSWORD_DISABLED", "Reset password isn't enabled");
    assert_refused(&response, 400, refused.0, refused.1, "AUTH-0112");
    assert_eq!((server.mails().len(), server.database.count("verification").await), (0, 0));
}

async fn refuses_untrusted_targets_before_anything_is_stored(database: TestDatabase) {
    let server = Server::with(database, json!({ "trustedOrigins": ["https://*.example.test"] })).await;
    let ada = server.sign_up("Ada").await;
    for target in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%5Cevil.example",
        "/a\r\nBcc: eve@example.test",
        "/a\nb",
        "/a\u{0}b",
        "/\t/evil.example",
        " /x",
        "evil.example",
        "javascript:alert(1)//x.example.test",
        "https://a.example.test\r\nSet-Cookie: x=y",
        "https://evil.example\\.example.test/",
        "https://x.example.test@evil.example",
    ] {
        let body = json!({ "email": ada.email, "redirectTo": target });
        let response = server.call(post("/request-password-reset", body)).await;
        assert_refused(&response, 403, "INVALID_REDIRECT_URL", "Invalid redirectURL", "AUTH-0015");
    }
    let body = json!({ "email": ada.email, "redirectTo": { "a": 1 } });
    let response = server.call(post("/request-password-reset", body)).await;
    assert_refused(&response, 400, "", "Invalid redirectURL: expected a string", "AUTH-0018");
    let address = json!({ "email": "ada@example.test\r\nBcc: eve@example.test" });
    assert_invalid(
        &server.call(post("/request-password-reset", address)).await,
        "[body.email] Invalid email address",
    );
    assert_eq!((server.mails().len(), server.database.count("verification").await), (0, 0));
}

async fn checks_the_target_again_when_the_link_is_opened(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    for target in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%2Fa%0D%0ASet-Cookie%3A%20x%3Dy",
        "%2Fa%00",
        "javascript%3Aalert(1)",
        "data%3Atext%2Fhtml%2Cx",
        "%09%2F%2Fevil.example",
    ] {
        let response = server.call(get(&format!("/reset-password/{token}?callbackURL={target}"))).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
        assert_eq!(response.header("location"), None, "{target}");
    }
    let twice = format!("/reset-password/{token}?callbackURL=%2Fa&callbackURL=%2Fb");
    assert_invalid(
        &server.call(get(&twice)).await,
        "[query.callbackURL] Invalid input: expected string, received array",
    );
    let none = server.call(get(&format!("/reset-password/{token}"))).await;
    assert_invalid(&none, "[query.callbackURL] Invalid input: expected string, received undefined");
}

async fn keeps_the_parts_of_the_target(database: TestDatabase) {
    let settings = json!({ "trustedOrigins": ["https://*.tenant.example.test", "myapp://"] });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    for (target, location) in [
        ("%2Fnew%3Fx%3D1", format!("http://localhost:3000/new?x=1&token={token}")),
        (
            "%2Fnew%3Ftoken%3Dtheirs%26x%3D1%23part",
            format!("http://localhost:3000/new?x=1&token={token}#part"),
        ),
        ("%2F..%2F%2Fevil.example", format!("http://localhost:3000//evil.example?token={token}")),
        ("https%3A%2F%2Fa.tenant.example.test%2Fr", format!("https://a.tenant.example.test/r?token={token}")),
        ("myapp%3A%2F%2Freset", format!("myapp://reset?token={token}")),
        ("%2F%C3%A9", format!("http://localhost:3000/%C3%A9?token={token}")),
    ] {
        let response = server.call(get(&format!("/reset-password/{token}?callbackURL={target}"))).await;
        assert_redirected(&response, &location);
    }
}

async fn an_empty_target_leads_to_the_error_page(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.call(post("/request-password-reset", json!({ "email": ada.email }))).await;
    let mail = server.one_mail();
    assert!(mail.link.url().ends_with("?callbackURL="), "{}", mail.link.url());
    let response = server.call(open(&mail)).await;
    assert_redirected(&response, "http://localhost:3000/api/auth/error?error=INVALID_TOKEN");
}

async fn a_refused_password_keeps_the_token(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    let try_with = |password: Value| {
        server.call(post("/reset-password", json!({ "newPassword": password, "token": token })))
    };
    assert_refused(
        &try_with("short".into()).await,
        400,
        "PASSWORD_TOO_SHORT",
        "Password too short",
        "AUTH-0045",
    );
    assert_refused(
        &try_with("x".repeat(129).into()).await,
        400,
        "PASSWORD_TOO_LONG",
        "Password too long",
        "AUTH-0046",
    );
    assert_invalid(
        &try_with(1.into()).await,
        "[body.newPassword] Invalid input: expected string, received number",
    );
    assert_eq!(try_with(NEW.into()).await.status, 200);
}

async fn refuses_tokens_that_are_none(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let real = request(&server, &ada).await;
    let hashes = server.app.hasher.runs();
    let changed = real.to_ascii_uppercase();
    let prefixed = format!("reset-password:{real}");
    let mut tokens = vec!["", "nope", "' OR '1'='1", "%", "a\u{0}b", &prefixed, "AAAAAAAAAAAAAAAAAAAAAAAA"];
    if changed != real {
        tokens.push(&changed);
    }
    for token in tokens.iter().filter(|token| !token.contains('\0')) {
        assert_invalid_token(&reset(&server, token).await);
    }
    assert_invalid(
        &reset(&server, "a\u{0}b").await,
        "[body.token] Invalid input: expected string without U+0000",
    );
    assert_invalid_token(&server.call(post("/reset-password", json!({ "newPassword": NEW }))).await);
    assert_eq!(server.app.hasher.runs(), hashes, "no work for a token that is none");
    for path in ["x'%20OR%20'1'='1", "%00", "%ff", "%", "..", "%2e%2e", "a%2Fb", &"x".repeat(5000)] {
        let response = server.call(get(&format!("/reset-password/{path}?callbackURL=%2Fr"))).await;
        assert_redirected(&response, "http://localhost:3000/r?error=INVALID_TOKEN");
    }
    for path in ["/reset-password/", "/reset-password/a/b", "/reset-password/a/", "/reset-password//a"] {
        let response = server.call(get(&format!("{path}?callbackURL=%2Fr"))).await;
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
    // One decoding, and one only.
    let escaped: String = real.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let response = server.call(get(&format!("/reset-password/{escaped}?callbackURL=%2Fr"))).await;
    assert_redirected(&response, &format!("http://localhost:3000/r?token={real}"));
    let twice = escaped.replace('%', "%25");
    let response = server.call(get(&format!("/reset-password/{twice}?callbackURL=%2Fr"))).await;
    assert_redirected(&response, "http://localhost:3000/r?error=INVALID_TOKEN");
}

async fn a_token_expires(database: TestDatabase) {
    let settings = json!({ "emailAndPassword": { "resetPasswordTokenExpiresIn": 120 } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    server.clock.advance(120);
    let link = format!("/reset-password/{token}?callbackURL=%2Fr");
    assert_redirected(&server.call(get(&link)).await, &format!("http://localhost:3000/r?token={token}"));
    server.clock.advance(1);
    assert_invalid_token(&reset(&server, &token).await);
    assert_redirected(&server.call(get(&link)).await, "http://localhost:3000/r?error=INVALID_TOKEN");
    assert!(signs_in(&server, &ada, PASSWORD).await);
}

async fn a_token_of_another_purpose_resets_nothing(database: TestDatabase) {
    let server = Server::with(database, json!({ "user": { "deleteUser": { "enabled": true } } })).await;
    let ada = server.sign_up("Ada").await;
    server.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    let deletes = token(&server.one_mail());
    server.call(post("/send-verification-email", json!({ "email": ada.email })).by(&ada.by_cookie())).await;
    let verifies = token(&server.one_mail());
    for token in [deletes.as_str(), verifies.as_str(), &ada.token] {
        assert_invalid_token(&reset(&server, token).await);
    }
    let resets = request(&server, &ada).await;
    let link = format!("/delete-user/callback?token={resets}");
    let response = server.call(get(&link).by(&ada.by_cookie())).await;
    assert_refused(&response, 404, "INVALID_TOKEN", "Invalid token", "AUTH-0117");
    let response = server.call(get(&format!("/verify-email?token={resets}"))).await;
    assert_refused(&response, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0103");
    assert!(signs_in(&server, &ada, PASSWORD).await);
}

async fn takes_the_token_from_the_query_too(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    let path = format!("/reset-password?token={token}");
    let body_wins = json!({ "newPassword": NEW, "token": "wrong" });
    assert_invalid_token(&server.call(post(&path, body_wins)).await);
    let twice = format!("{path}&token=b");
    let response = server.call(post(&twice, json!({ "newPassword": NEW }))).await;
    assert_invalid(&response, "[query.token] Invalid input: expected string, received array");
    assert_eq!(server.call(post(&path, json!({ "newPassword": NEW, "token": "" }))).await.status, 200);
}

async fn gives_a_password_to_a_user_without_one(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("DELETE FROM account").await;
    let token = request(&server, &ada).await;
    assert_eq!(reset(&server, &token).await.status, 200);
    let account = r#"SELECT "providerId" || ' ' || "accountId" || ' ' || "userId" AS value FROM account"#;
    assert_eq!(server.database.text(account).await, format!("credential {0} {0}", ada.id));
    assert!(signs_in(&server, &ada, NEW).await);
}

async fn tells_when_the_user_is_gone(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    server.database.execute(r#"DELETE FROM "user""#).await;
    assert_refused(&reset(&server, &token).await, 400, "USER_NOT_FOUND", "User not found", "AUTH-0114");
    assert_invalid_token(&reset(&server, &token).await);
    assert_eq!(server.database.count("account").await, 0);
}

async fn hashes_identifiers_where_configured(database: TestDatabase) {
    let server = Server::with(database, json!({ "verification": { "storeIdentifier": "hashed" } })).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    let stored = server.database.text("SELECT identifier AS value FROM verification").await;
    assert!(stored.len() == 43 && !stored.contains(&token), "{stored}");
    let link = format!("/reset-password/{token}?callbackURL=%2Fr");
    assert_redirected(&server.call(get(&link)).await, &format!("http://localhost:3000/r?token={token}"));
    assert_invalid_token(&reset(&server, &stored).await);
    assert_eq!(reset(&server, &token).await.status, 200);
    // A row from before hashing was switched on.
    let token = request(&server, &ada).await;
    let plain = format!("UPDATE verification SET identifier = 'reset-password:{token}'");
    server.database.execute(&plain).await;
    assert_eq!(reset(&server, &token).await.status, 200);
    assert_eq!(server.database.count("verification").await, 0);
}

async fn stores_hashed_and_plain_identifiers_by_their_purpose(database: TestDatabase) {
    let settings = json!({
        "verification": { "storeIdentifier": { "default": "hashed", "overrides": { "reset-password:": "plain" } } },
        "user": { "deleteUser": { "enabled": true } },
    });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let token = request(&server, &ada).await;
    let stored = server.database.text("SELECT identifier AS value FROM verification").await;
    assert_eq!(stored, format!("reset-password:{token}"));
    assert_eq!(reset(&server, &token).await.status, 200);
    let ada = server.call(post("/sign-in/email", json!({ "email": ada.email, "password": NEW }))).await;
    let ada = TestUser::new(&ada, &server.app);
    server.call(post("/delete-user", json!({})).by(&ada.by_cookie())).await;
    let stored = server.database.text("SELECT identifier AS value FROM verification").await;
    assert_eq!(stored.len(), 43, "{stored}");
}

async fn expired_rows_are_removed_unless_configured(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    request(&server, &ada).await;
    server.clock.advance(3601);
    let keeps = server.beside(json!({ "verification": { "disableCleanup": true } })).await;
    let unknown = random::alphanumeric(&*server.app.entropy, "test", 24);
    let link = format!("/reset-password/{unknown}?callbackURL=%2Fr");
    keeps.call(get(&link)).await;
    assert_eq!(server.database.count("verification").await, 1);
    server.call(get(&link)).await;
    assert_eq!(server.database.count("verification").await, 0);
}

async fn dates_that_another_program_wrote_as_numbers_are_dates(database: TestDatabase) {
    if !database.is_sqlite() {
        return; // elsewhere dates have a type
    }
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for (hours, left) in [(2, 1), (0, 0)] {
        let token = request(&server, &ada).await;
        let end = (auth_core::testing::START + hours * 3600) * 1000;
        server.database.execute(&format!(r#"UPDATE verification SET "expiresAt" = {end}"#)).await;
        server.clock.advance(1);
        let answer = server.call(get(&format!("/reset-password/{token}?callbackURL=%2Fr"))).await;
        let expected = if left == 1 { format!("token={token}") } else { "error=INVALID_TOKEN".to_owned() };
        assert_redirected(&answer, &format!("http://localhost:3000/r?{expected}"));
        assert_eq!(server.database.count("verification").await, left);
        server.database.execute("DELETE FROM verification").await;
    }
}

async fn follows_upstream_exactly_where_asked(database: TestDatabase) {
    let server = Server::with(database, json!({ "advanced": { "upstreamExact": true } })).await;
    let ada = server.sign_up("Ada").await;
    let (older, newer) = (request(&server, &ada).await, request(&server, &ada).await);
    assert_eq!(reset(&server, &older).await.status, 200);
    assert_eq!(server.session(&ada.cookies).await.json()["user"]["id"], ada.id);
    assert_eq!(reset(&server, &newer).await.status, 200);
    assert_invalid_token(&reset(&server, &newer).await);
}
