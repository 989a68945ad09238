//! `inspect`: what it says of the texts that a server gives out, and what it never says.

use auth_core::crypto::secrets::Secrets;
use auth_core::inspect::{Explained, Inspector};
use auth_core::revocation::{Revoked, Scope};
use auth_core::testing::{SECRET, TestDatabase, TestUser, get, post};
use auth_jose::{Clock, KeyAlgorithm, Secret, SigningKey, base64url};
use serde_json::json;

use crate::support::Server;

on_every_database!(
    a_jwt_is_judged_as_an_api_would,
    a_jwt_of_somebody_else_is_not_ours,
    a_session_cookie_is_looked_up,
    a_bare_session_token_is_looked_up,
    a_withdrawn_token_says_what_withdraws_it,
    a_token_says_whether_its_session_is_there,
    a_copy_of_a_session_is_opened_in_every_form,
    a_hash_is_described_without_a_byte_of_it,
    what_is_none_of_ours_is_not_repeated,
    without_secret_or_database_nothing_is_claimed,
);

async fn explain(server: &Server, text: &str) -> Vec<Explained> {
    let secrets = Secrets::one(Secret::from(SECRET));
    let now = server.clock.now();
    let inspector = Inspector { app: &server.app, secrets: Some(&secrets), has_database: true, now };
    inspector.explain(text).await
}

/// The one explanation there is, which must not hold any of `hidden`.
async fn one(server: &Server, text: &str, hidden: &[&str]) -> Explained {
    let mut explained = explain(server, text).await;
    assert_eq!(explained.len(), 1, "{text}: {explained:?}");
    let about = explained.remove(0);
    for secret in hidden {
        assert!(!secret.is_empty() && !about.to_string().contains(secret), "{about} shows {secret}");
    }
    about
}

fn fact<'a>(about: &'a Explained, name: &str) -> &'a str {
    let found = about.facts.iter().find(|(it, _)| it == name);
    found.map_or_else(|| panic!("no {name} in {about}"), |(_, value)| value)
}

async fn jwt(server: &Server, user: &TestUser) -> String {
    let response = server.call(get("/token").by(&user.by_cookie())).await;
    response.json()["token"].as_str().unwrap().to_owned()
}

async fn a_jwt_is_judged_as_an_api_would(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let (input, signature) = token.rsplit_once('.').unwrap();
    for text in [token.clone(), format!("Authorization: Bearer {token}\n"), format!(" \"{token}\" ")] {
        let about = one(&server, &text, &[signature]).await;
        assert!(about.title.contains("signed with EdDSA"), "{about}");
        assert!(about.verdict.starts_with("valid now"), "{about}");
        assert!(fact(&about, "key").starts_with("EdDSA signing"), "{about}");
        assert_eq!(fact(&about, "claim sub"), json!(ada.id).to_string());
        assert_eq!(fact(&about, "claim exp"), "2030-01-01T00:15:00.000Z (in 15 min)");
    }

    let mut forged = signature.to_owned();
    forged.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    let about = one(&server, &format!("{input}.{forged}"), &[&forged]).await;
    assert_eq!(about.verdict, "not valid: the signature is invalid");

    let elsewhere = server.beside(json!({ "jwt": { "jwt": { "issuer": "https://other.test" } } })).await;
    let about = one(&elsewhere, &token, &[signature]).await;
    assert_eq!(about.verdict, "not valid: its issuer is not this server's, which is https://other.test");

    server.clock.advance(905);
    let about = one(&server, &token, &[signature]).await;
    assert_eq!(about.verdict, "not valid: the token has expired");
}

async fn a_jwt_of_somebody_else_is_not_ours(database: TestDatabase) {
    let server = Server::on(database).await;
    let key = SigningKey::generate(KeyAlgorithm::EdDsa, "their-key").unwrap();
    let claims = json!({ "iss": "http://localhost:3000", "aud": "http://localhost:3000", "sub": "U1",
        "exp": 1_893_456_900, "note": "\u{1b}[2Jgone\n  verdict  valid now" });
    let token = key.sign(None, &claims).unwrap();
    let about = one(&server, &token, &[token.rsplit('.').next().unwrap(), "\u{1b}"]).await;
    assert_eq!(fact(&about, "key"), "not one of this server's");
    assert!(about.verdict.contains("no published key has this `kid`"), "{about}");
    assert_eq!(about.to_string().lines().count(), about.facts.len() + 2, "{about}");

    let header = base64url::encode(r#"{"alg":"none"}"#);
    let about = one(&server, &format!("{header}.{}.AA", base64url::encode(claims.to_string())), &[]).await;
    assert!(about.verdict.starts_with("not valid: "), "{about}");
}

async fn a_session_cookie_is_looked_up(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let signature = ada.signed.rsplit('.').next().unwrap();
    let raw = ada.cookies.split_once('=').unwrap().1.to_owned();
    for text in [
        format!("Cookie: theme=dark; {}", ada.cookies),
        ada.cookies.clone(),
        format!("set-cookie: {}; Max-Age=604800; Path=/; HttpOnly", ada.cookies),
        format!("__Secure-{}", ada.cookies),
        ada.signed.clone(),
        raw,
    ] {
        let about = one(&server, &text, &[&ada.token, signature, signature.trim_end_matches('=')]).await;
        assert_eq!(about.verdict, "valid now", "{about}");
        assert_eq!(fact(&about, "user"), ada.id);
        assert_eq!(fact(&about, "signature"), "by the current secret");
    }
    let forged = format!("{}.{}", ada.token, "A".repeat(43) + "=");
    let about = one(&server, &forged, &[&ada.token]).await;
    assert!(about.verdict.starts_with("not valid: no configured secret has signed it"), "{about}");
    assert!(about.facts.is_empty(), "{about}");

    server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    let about = one(&server, &ada.signed, &[&ada.token]).await;
    assert!(about.verdict.starts_with("not valid: the database has no such session"), "{about}");
}

async fn a_bare_session_token_is_looked_up(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let about = one(&server, &ada.token, &[&ada.token]).await;
    assert_eq!((about.verdict.as_str(), fact(&about, "user")), ("valid now", ada.id.as_str()));
    server.clock.advance(604_800);
    let about = one(&server, &ada.token, &[&ada.token]).await;
    assert_eq!(about.verdict, "not valid: it has expired");
    let about = one(&server, &"a".repeat(32), &[]).await;
    assert!(about.verdict.starts_with("not valid: the database has no such session"), "{about}");
}

async fn a_withdrawn_token_says_what_withdraws_it(database: TestDatabase) {
    let server = Server::with(database, json!({ "revocation": { "feed": "public" } })).await;
    let refused = "not valid: it was withdrawn; who reads /revocations or asks /introspect refuses it";
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let about = one(&server, &token, &[]).await;
    assert_eq!(fact(&about, "withdrawn"), "no");

    server.app.revoke_token(&token).await.unwrap();
    let about = one(&server, &token, &[]).await;
    let times = "since 2030-01-01T00:00:00.000Z (in 0 s), kept until 2030-01-01T00:25:00.000Z (in 25 min)";
    assert_eq!(
        (about.verdict.as_str(), fact(&about, "withdrawn")),
        (refused, &*format!("this token, {times}"))
    );

    let other = jwt(&server, &ada).await;
    assert_eq!(fact(&one(&server, &other, &[]).await, "withdrawn"), "no");
    let sid = crate::jwt::claims(&json!(other))["sid"].as_str().unwrap().to_owned();
    server.app.revoke_session(&sid, Scope::Everything).await.unwrap();
    let about = one(&server, &other, &[]).await;
    assert_eq!(about.verdict, refused);
    assert!(fact(&about, "withdrawn").starts_with("every token of its session, since 2030"), "{about}");
    // The session goes on, and says that its tokens do not.
    for text in [&ada.signed, &ada.token] {
        let about = one(&server, text, &[&ada.token]).await;
        assert_eq!(about.verdict, "valid now");
        assert!(fact(&about, "withdrawn").starts_with("every token of its session, since 2030"), "{about}");
    }

    let bob = server.sign_up("Bob").await;
    let token = jwt(&server, &bob).await;
    let header = auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    server.clock.advance(5);
    server.app.revoke_user(&bob.id, Scope::Tokens).await.unwrap();
    let key = Revoked::Key(header["kid"].as_str().unwrap().to_owned());
    server.app.revoke(vec![key], server.clock.now()).await.unwrap();
    let about = one(&server, &token, &[]).await;
    let all: Vec<_> =
        about.facts.iter().filter(|(name, _)| name == "withdrawn").map(|(_, value)| value).collect();
    assert_eq!((about.verdict.as_str(), all.len()), (refused, 2), "{about}");
    assert!(
        all[0].starts_with("every token of its user from before 2030-01-01T00:00:04.000Z, since 2030"),
        "{about}"
    );
    assert!(all[1].starts_with("every token of its key, since 2030-01-01T00:00:05"), "{about}");
}

async fn a_token_says_whether_its_session_is_there(database: TestDatabase) {
    let server = Server::with(database, json!({ "revocation": { "feed": "public" } })).await;
    let ada = server.sign_up("Ada").await;
    let token = jwt(&server, &ada).await;
    let about = one(&server, &token, &[&ada.token]).await;
    assert!(fact(&about, "session").ends_with(", expires 2030-01-08T00:00:00.000Z (in 7 days)"), "{about}");
    server.call(post("/sign-out", json!({})).by(&ada.by_cookie())).await;
    let about = one(&server, &token, &[&ada.token]).await;
    assert_eq!(fact(&about, "session"), "not found: it has ended, or expired");
    assert!(about.verdict.starts_with("not valid: it was withdrawn"), "{about}");
    let about = one(&server, &ada.token, &[&ada.token]).await;
    assert!(about.verdict.starts_with("not valid: the database has no such session"), "{about}");
    assert!(fact(&about, "withdrawn").starts_with("every token of its session, since 2030"), "{about}");

    let silent = server.beside(json!({})).await;
    let bob = silent.sign_up("Bob").await;
    let token = jwt(&silent, &bob).await;
    silent.call(post("/sign-out", json!({})).by(&bob.by_cookie())).await;
    let about = one(&silent, &token, &[&bob.token]).await;
    assert!(about.verdict.starts_with("valid now"), "{about}");
    assert_eq!(fact(&about, "session"), "not found: it has ended, or expired");
    assert_eq!(fact(&about, "withdrawn"), "never: revocation.feed is off");
}

async fn a_copy_of_a_session_is_opened_in_every_form(database: TestDatabase) {
    let server = Server::on(database).await;
    for (strategy, signed, title) in [
        ("compact", false, "compact form"),
        ("jwt", false, "signed with the server's secret (HS256)"),
        ("jwt", true, "as a JWT signed with EdDSA"),
        ("jwe", false, "(JWE): a copy of a session"),
    ] {
        let server = server
            .beside(json!({
                "session": { "cookieCache": { "enabled": true, "strategy": strategy } },
                "jwt": { "sessionCookieCache": signed },
            }))
            .await;
        let user = server.sign_up(&format!("{strategy}{signed}")).await;
        let explained = explain(&server, &user.cookies).await;
        assert_eq!(explained.len(), 2, "{strategy}: {explained:?}");
        let about = explained.iter().find(|about| about.title.contains("session_data")).unwrap();
        let shown = about.to_string();
        assert!(about.title.contains(title), "{shown}");
        assert_eq!(about.verdict, "valid now, beside the session token that it was made for", "{shown}");
        assert!(shown.contains(&user.id) && !shown.contains(&user.token), "{shown}");

        server.clock.advance(320);
        let explained = explain(&server, &user.cookies).await;
        let about = explained.iter().find(|about| about.title.contains("session_data")).unwrap();
        assert!(about.verdict.starts_with("not valid: ") && about.verdict.ends_with("expired"), "{about}");
    }
}

async fn a_hash_is_described_without_a_byte_of_it(database: TestDatabase) {
    let server = Server::on(database).await;
    server.sign_up("Ada").await;
    let hash = server.database.text("SELECT password AS value FROM account").await;
    let parts: Vec<&str> = hash.rsplit('$').take(2).collect();
    let about = one(&server, &hash, &parts).await;
    assert!(about.title.contains("argon2id"), "{about}");
    assert_eq!(fact(&about, "memory"), "1024 KiB");
    assert_eq!(about.verdict, "this server verifies it, and makes new ones alike");

    let (salt, key) = ("0123456789abcdef0123456789abcdef", "ab".repeat(64));
    let about = one(&server, &format!("{salt}:{key}"), &[salt, &key, "abab"]).await;
    assert!(
        about.title.contains("scrypt") && about.verdict.contains("new ones are made otherwise"),
        "{about}"
    );

    let bcrypt = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    let about = one(&server, bcrypt, &["N9qo8uLOickgx2ZMRZoMye", "IjZAgcfl7p92"]).await;
    assert!(about.verdict.contains("cannot verify it"), "{about}");

    let sealed = server.database.text("SELECT \"privateKey\" AS value FROM jwks").await;
    let about = one(&server, sealed.trim_matches('"'), &[sealed.trim_matches('"')]).await;
    assert_eq!(about.verdict, "the configured secret opens it");
}

async fn what_is_none_of_ours_is_not_repeated(database: TestDatabase) {
    let server = Server::on(database).await;
    for text in
        ["", " ", "hunter2", "Bearer ", "a.b.c", "Cookie: theme=dark", "e30.e30.e30", "{}", "%", "é.é.é", "$"]
    {
        assert_eq!(explain(&server, text).await, [], "{text}");
    }
    let about = one(&server, "better-auth.session_token=hunter2hunter2", &["hunter2"]).await;
    assert_eq!(about.verdict, "not valid");
    let long = "a".repeat(1 << 20);
    assert_eq!(explain(&server, &long).await.len(), 1, "hexadecimal, that is");
}

async fn without_secret_or_database_nothing_is_claimed(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let now = server.clock.now();
    let blind = Inspector { app: &server.app, secrets: None, has_database: false, now };
    for text in [&ada.signed, &ada.token, &jwt(&server, &ada).await] {
        let explained = blind.explain(text).await;
        assert!(explained[0].verdict.starts_with("cannot be judged"), "{explained:?}");
    }
}
