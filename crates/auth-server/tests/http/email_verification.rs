//! POST /send-verification-email, GET /verify-email, and mails on sign-up and sign-in

use auth_core::mail::MailKind;
use auth_core::testing::{PASSWORD, TestDatabase, get, post};
use serde_json::{Value, json};

use crate::support::{Server, assert_invalid, assert_redirected, assert_refused, member, open, token};

on_every_database!(
    a_link_proves_the_address,
    links_lead_on_and_tell_errors_there,
    refuses_untrusted_targets,
    a_stranger_learns_nothing_about_an_address,
    a_session_asks_for_its_own_address_only,
    refuses_when_no_mail_can_be_sent,
    sign_up_mails_where_configured,
    sign_up_hides_taken_addresses_when_proof_is_required,
    sign_in_needs_a_proven_address_where_configured,
    the_link_signs_in_once_where_configured,
    the_link_keeps_the_callers_own_session,
    a_link_expires,
    a_used_link_proves_nothing_again,
    reads_links_of_a_node_server,
);

const STATUS: &str = r#"{"status":true}"#;
const NOBODY: &str = r#"{"status":true,"user":null}"#;
const VERIFIED: &str = r#"SELECT CAST("emailVerified" AS text) AS value FROM "user""#;

async fn is_verified(server: &Server) -> bool {
    matches!(server.database.text(VERIFIED).await.as_str(), "1" | "true")
}

async fn a_link_proves_the_address(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    assert!(server.mails().is_empty());
    let body = json!({ "email": "ADA@example.test", "callbackURL": "/verified" });
    let response = server.call(post("/send-verification-email", body).by(&ada.by_cookie())).await;
    assert_eq!((response.status, response.text()), (200, STATUS));
    let mail = server.one_mail();
    assert_eq!(
        (mail.kind, mail.to.as_str(), mail.new_email.as_ref()),
        (MailKind::VerifyEmail, "ada@example.test", None)
    );
    let token = token(&mail);
    let expected = "http://localhost:3000/api/auth/verify-email?token=";
    assert_eq!(mail.link.url(), format!("{expected}{token}&callbackURL=%2Fverified"));
    assert_eq!(server.database.count("verification").await, 0);

    let response = server.call(open(&mail)).await;
    assert_redirected(&response, "/verified");
    assert_eq!(response.set_cookies(), [""; 0]);
    assert!(is_verified(&server).await);
    assert_redirected(&server.call(open(&mail)).await, "/verified");
    let response = server.call(get(&format!("/verify-email?token={token}"))).await;
    assert_eq!((response.status, response.text()), (200, NOBODY));
    let response = server
        .call(post("/send-verification-email", json!({ "email": ada.email })).by(&ada.by_cookie()))
        .await;
    assert_refused(&response, 400, "EMAIL_ALREADY_VERIFIED", "Email is already verified", "AUTH-0102");
    assert!(server.mails().is_empty());
}

async fn links_lead_on_and_tell_errors_there(database: TestDatabase) {
    let server =
        Server::with(database, json!({ "trustedOrigins": ["https://app.example.test", "myapp://"] })).await;
    let bad = server.call(get("/verify-email?token=abc")).await;
    assert_refused(&bad, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0103");
    for (target, location) in [
        ("%2Fv", "/v?error=INVALID_TOKEN"),
        ("%2Fv%3Fa%3D1%23part", "/v?a=1&error=INVALID_TOKEN#part"),
        ("https%3A%2F%2Fapp.example.test", "https://app.example.test?error=INVALID_TOKEN"),
        ("myapp%3A%2F%2Fx", "myapp://x?error=INVALID_TOKEN"),
    ] {
        let response = server.call(get(&format!("/verify-email?token=abc&callbackURL={target}"))).await;
        assert_redirected(&response, location);
        assert_eq!(response.header("x-error-id"), Some("AUTH-0103"));
    }
    let missing = server.call(get("/verify-email")).await;
    assert_invalid(&missing, "[query.token] Invalid input: expected string, received undefined");
    let twice = server.call(get("/verify-email?token=a&token=b&callbackURL=%2F%2Fevil.example")).await;
    assert_invalid(&twice, "[query.token] Invalid input: expected string, received array");
    let empty = server.call(get("/verify-email?token=a&callbackURL=")).await;
    assert_eq!(empty.status, 401);
}

async fn refuses_untrusted_targets(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for target in
        ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nb", "javascript:alert(1)"]
    {
        let body = json!({ "email": ada.email, "callbackURL": target });
        let response = server.call(post("/send-verification-email", body).by(&ada.by_cookie())).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
        let encoded = auth_core::wire::cookie::encode_uri_component(target);
        let response = server.call(get(&format!("/verify-email?token=x&callbackURL={encoded}"))).await;
        assert_refused(&response, 403, "INVALID_CALLBACK_URL", "Invalid callbackURL", "AUTH-0014");
    }
    assert!(server.mails().is_empty());
}

async fn a_stranger_learns_nothing_about_an_address(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let ask = |email: &str| server.call(post("/send-verification-email", json!({ "email": email })));
    let known = ask(&ada.email).await;
    let link = open(&server.one_mail());
    let unknown = ask("nobody@example.test").await;
    server.call(link).await;
    let proven = ask(&ada.email).await;
    for response in [&known, &unknown, &proven] {
        assert_eq!((response.status, response.text()), (200, STATUS));
        assert_eq!(response.headers, known.headers);
    }
    assert!(server.mails().is_empty());
}

async fn a_session_asks_for_its_own_address_only(database: TestDatabase) {
    let server = Server::on(database).await;
    let (ada, eve) = (server.sign_up("Ada").await, server.sign_up("Eve").await);
    let body = json!({ "email": ada.email });
    let response = server.call(post("/send-verification-email", body).by(&eve.by_cookie())).await;
    assert_refused(&response, 400, "EMAIL_MISMATCH", "Email mismatch", "AUTH-0101");
    assert!(server.mails().is_empty());
}

async fn refuses_when_no_mail_can_be_sent(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailVerification": { "send": false } })).await;
    let response = server.call(post("/send-verification-email", json!({ "email": "a@b.co" }))).await;
    let refused = ("VERIFICATION_EMAIL_NOT_ENABLED", "Verification email isn't enabled");
    assert_refused(&response, 400, refused.0, refused.1, "AUTH-0100");
}

async fn sign_up_mails_where_configured(database: TestDatabase) {
    let settings = json!({ "emailVerification": { "sendOnSignUp": true } });
    let server = Server::with(database, settings).await;
    let ada = server.sign_up("Ada").await;
    let mail = server.one_mail();
    assert_eq!((mail.kind, mail.to.as_str()), (MailKind::VerifyEmail, ada.email.as_str()));
    assert_eq!(member(mail.link.url(), "callbackURL"), "/");
    assert_eq!(server.call(open(&mail)).await.status, 302);
    assert!(is_verified(&server).await);

    let off = server.beside(json!({ "emailVerification": { "sendOnSignUp": true, "send": false } })).await;
    off.sign_up("Eve").await;
    let silent = json!({
        "emailAndPassword": { "requireEmailVerification": true },
        "emailVerification": { "sendOnSignUp": false },
    });
    let silent = server.beside(silent).await;
    let body = json!({ "name": "Bob", "email": "bob@example.test", "password": PASSWORD });
    assert_eq!(silent.call(post("/sign-up/email", body)).await.status, 200);
    assert!(off.mails().is_empty() && silent.mails().is_empty());
}

async fn sign_up_hides_taken_addresses_when_proof_is_required(database: TestDatabase) {
    let settings = json!({ "emailAndPassword": { "requireEmailVerification": true } });
    let server = Server::with(database, settings).await;
    let sign_up = |name: &str| {
        let email = "ada@example.test";
        let body = json!({ "name": name, "email": email, "password": PASSWORD, "callbackURL": "/hello" });
        server.call(post("/sign-up/email", body))
    };
    let first = sign_up("Ada").await;
    let mail = server.one_mail();
    assert_eq!(member(mail.link.url(), "callbackURL"), "/hello");
    let work = server.app.hasher.runs();
    let again = sign_up("Ada").await;
    assert_eq!(server.app.hasher.runs(), (work.0 * 2, 0), "the same work for a taken address");
    let shape = |response: &auth_core::testing::TestResponse| {
        let mut json = response.json();
        json["user"]["id"] = json["user"]["id"].as_str().unwrap().len().into();
        (response.status, json.to_string(), response.headers.clone())
    };
    assert_eq!(shape(&first), shape(&again));
    assert_eq!((&first.json()["token"], first.set_cookies()), (&Value::Null, vec![]));
    assert!(server.mails().is_empty());
    assert_eq!((server.database.count("user").await, server.database.count("session").await), (1, 0));
}

async fn sign_in_needs_a_proven_address_where_configured(database: TestDatabase) {
    let settings = json!({
        "emailAndPassword": { "requireEmailVerification": true },
        "emailVerification": { "sendOnSignIn": true, "sendOnSignUp": false },
    });
    let server = Server::with(database, settings).await;
    let body = json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD });
    server.call(post("/sign-up/email", body)).await;
    let sign_in = |password: &str| {
        let body = json!({ "email": "ada@example.test", "password": password, "callbackURL": "/in" });
        server.call(post("/sign-in/email", body))
    };
    let wrong = sign_in("not the password").await;
    let message = "Invalid email or password";
    assert_refused(&wrong, 401, "INVALID_EMAIL_OR_PASSWORD", message, "AUTH-0043");
    assert!(server.mails().is_empty());
    let refused = sign_in(PASSWORD).await;
    assert_refused(&refused, 403, "EMAIL_NOT_VERIFIED", "Email not verified", "AUTH-0107");
    assert_eq!((refused.set_cookies(), refused.header("location")), (vec![], None));
    assert_eq!(server.database.count("session").await, 0);
    let mail = server.one_mail();
    assert_redirected(&server.call(open(&mail)).await, "/in");
    assert_eq!(sign_in(PASSWORD).await.status, 200);

    let quiet = server.beside(json!({ "emailAndPassword": { "requireEmailVerification": true } })).await;
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = (1 = 0)"#).await;
    let body = json!({ "email": "ada@example.test", "password": PASSWORD });
    assert_eq!(quiet.call(post("/sign-in/email", body)).await.status, 403);
    assert!(quiet.mails().is_empty());
}

async fn the_link_signs_in_once_where_configured(database: TestDatabase) {
    let settings = json!({
        "emailAndPassword": { "requireEmailVerification": true },
        "emailVerification": { "autoSignInAfterVerification": true },
    });
    let server = Server::with(database, settings).await;
    let body =
        json!({ "name": "Ada", "email": "ada@example.test", "password": PASSWORD, "callbackURL": "/in" });
    server.call(post("/sign-up/email", body)).await;
    let mail = server.one_mail();
    let first = server.call(open(&mail)).await;
    assert_redirected(&first, "/in");
    let cookie = first.cookie(&server.app.cookies.session_token.name).unwrap();
    let cookies = format!("{}={cookie}", server.app.cookies.session_token.name);
    assert_eq!(server.session(&cookies).await.json()["user"]["emailVerified"], true);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let again = server.call(open(&mail)).await;
    assert_redirected(&again, "/in");
    assert_eq!(again.set_cookies(), [""; 0]);
    assert_eq!(server.database.count("session").await, 1);
    // Even when the address has to be proven once more, the used link signs nobody in.
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = (1 = 0)"#).await;
    let replayed = server.call(open(&mail)).await;
    assert_redirected(&replayed, "/in?error=INVALID_TOKEN");
    assert_eq!((replayed.set_cookies(), server.database.count("session").await), (vec![], 1));
}

async fn the_link_keeps_the_callers_own_session(database: TestDatabase) {
    let settings =
        json!({ "emailVerification": { "autoSignInAfterVerification": true, "sendOnSignUp": true } });
    let server = Server::with(database, settings).await;
    let (ada, adas) = (server.sign_up("Ada").await, server.one_mail());
    let (eve, eves) = (server.sign_up("Eve").await, server.one_mail());
    let response = server.call(open(&adas).by(&ada.by_cookie())).await;
    let signed = response.cookie(&server.app.cookies.session_token.name).unwrap();
    assert_eq!(auth_core::wire::cookie::decode_uri_component(&signed).unwrap(), ada.signed);
    assert_eq!(server.database.count("session").await, 2);
    // In somebody else's browser the link signs its own user in.
    let response = server.call(open(&eves).by(&ada.by_cookie())).await;
    let signed = response.cookie(&server.app.cookies.session_token.name).unwrap();
    assert!(
        ![&ada.signed, &eve.signed]
            .contains(&&auth_core::wire::cookie::decode_uri_component(&signed).unwrap())
    );
    assert_eq!(server.database.count("session").await, 3);
}

async fn a_link_expires(database: TestDatabase) {
    let settings = json!({ "emailVerification": { "expiresIn": 600, "sendOnSignUp": true } });
    let server = Server::with(database, settings).await;
    server.sign_up("Ada").await;
    let token = token(&server.one_mail());
    server.clock.advance(600);
    let response = server.call(get(&format!("/verify-email?token={token}"))).await;
    assert_refused(&response, 401, "TOKEN_EXPIRED", "Token expired", "AUTH-0104");
    let response = server.call(get(&format!("/verify-email?token={token}&callbackURL=%2Fv"))).await;
    assert_redirected(&response, "/v?error=TOKEN_EXPIRED");
    assert!(!is_verified(&server).await);
}

async fn a_used_link_proves_nothing_again(database: TestDatabase) {
    let server = Server::with(database, json!({ "emailVerification": { "sendOnSignUp": true } })).await;
    server.sign_up("Ada").await;
    let mail = server.one_mail();
    server.call(open(&mail)).await;
    server.database.execute(r#"UPDATE "user" SET "emailVerified" = (1 = 0)"#).await;
    assert_redirected(&server.call(open(&mail)).await, "/?error=INVALID_TOKEN");
    assert!(!is_verified(&server).await);
    server.database.execute(r#"DELETE FROM "user""#).await;
    assert_redirected(&server.call(open(&mail)).await, "/?error=USER_NOT_FOUND");
}

async fn reads_links_of_a_node_server(database: TestDatabase) {
    // Better Auth's own token for ann@example.test, made at the test's start under the test's secret.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLnRlc3QiLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1OTYwMH0.U91jRU4aNijCfaq8Ux0xLxbyd1esyKmXZpwM_KiDMMc";
    let server = Server::on(database).await;
    server.sign_up("Ann").await;
    let response = server.call(get(&format!("/verify-email?token={TOKEN}"))).await;
    assert_eq!((response.status, response.text()), (200, NOBODY));
    assert!(is_verified(&server).await);
    let none = TOKEN.replacen("eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0", 1);
    let response = server.call(get(&format!("/verify-email?token={none}"))).await;
    assert_refused(&response, 401, "INVALID_TOKEN", "Invalid token", "AUTH-0103");
}
