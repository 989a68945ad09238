//! GET /token, GET /jwks and `set-auth-jwt`.

use std::sync::Arc;

use auth_core::testing::{START, TestDatabase, get};
use auth_jose::{JwkSet, Policy, Verified, VerifyError, verify};
use auth_verify::Verifier;
use serde_json::{Map, Value, json};

use crate::support::Server;

on_every_database!(
    a_token_says_who_the_user_is,
    a_token_lives_fifteen_minutes,
    issuer_audience_and_lifetime_are_settings,
    an_api_accepts_the_token_and_follows_the_keys,
    the_key_set_holds_public_members_only,
    no_request_reads_keys,
    get_session_carries_a_token_too,
    every_token_has_its_own_id,
    the_key_set_can_be_served_elsewhere,
    the_payload_is_a_setting,
    the_subject_is_a_setting,
    nothing_replaces_a_registered_claim,
    claims_that_a_token_must_not_have_stop_the_start,
);

const ISSUER: &str = "http://localhost:3000";

/// The claims of a token, not verified.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&auth_jose::base64url::decode(payload).unwrap()).unwrap()
}

pub(crate) async fn token(server: &Server, user: &auth_core::testing::TestUser) -> String {
    let response = server.call(get("/token").by(&user.by_bearer())).await;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let json = response.json();
    assert_eq!(json.as_object().unwrap().len(), 1);
    json["token"].as_str().unwrap().to_owned()
}

pub(crate) async fn published(server: &Server) -> JwkSet {
    let response = server.call(get("/jwks")).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let set = JwkSet::parse(&response.body).unwrap();
    assert_eq!(set.skipped(), 0, "every published key is usable");
    set
}

async fn a_token_says_who_the_user_is(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = token(&server, &ada).await;
    let policy = Policy::new(ISSUER, ISSUER).unwrap();
    let verified: Verified =
        verify(&policy, &published(&server).await, auth_jose::Clock::now(&*server.clock), &token).unwrap();
    let mut raw = verified.raw_claims().clone();
    let id = raw.remove("jti").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 22);
    let session = raw.remove("sid").unwrap();
    assert_eq!(session, auth_core::revocation::sid(&ada.token));
    assert_eq!(
        Value::Object(raw),
        json!({
            "name": "Ada", "email": "ada@example.test", "emailVerified": false, "image": null,
            "createdAt": "2030-01-01T00:00:00.000Z", "updatedAt": "2030-01-01T00:00:00.000Z", "id": ada.id,
            "iat": START, "exp": START + 900, "iss": ISSUER, "aud": ISSUER, "sub": ada.id,
        })
    );
    let header = auth_jose::base64url::decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let kid = server.database.text("SELECT id AS value FROM jwks").await;
    assert_eq!(header, json!({ "alg": "EdDSA", "kid": kid }));
}

async fn a_token_lives_fifteen_minutes(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let token = token(&server, &ada).await;
    let policy = Policy::new(ISSUER, ISSUER).unwrap().with_leeway_seconds(0).unwrap();
    let keys = published(&server).await;
    let check = || {
        let now = auth_jose::Clock::now(&*server.clock);
        verify::<Map<String, Value>>(&policy, &keys, now, &token).map(drop)
    };
    server.clock.advance(899);
    assert_eq!(check(), Ok(()));
    server.clock.advance(1);
    assert!(matches!(check(), Err(VerifyError::Expired)), "{:?}", check());
}

async fn issuer_audience_and_lifetime_are_settings(database: TestDatabase) {
    let jwt =
        json!({ "issuer": "https://id.example.test", "audience": ["api", "web"], "expirationTime": "1h" });
    let server = Server::with(database, json!({ "jwt": { "jwt": jwt } })).await;
    let ada = server.sign_up("Ada").await;
    let token = token(&server, &ada).await;
    let claims = claims(&token.clone().into());
    assert_eq!(claims["iss"], "https://id.example.test");
    assert_eq!(claims["aud"], json!(["api", "web"]));
    assert_eq!(claims["exp"], START + 3600);
    let keys = published(&server).await;
    let now = auth_jose::Clock::now(&*server.clock);
    for (audience, accepted) in [("api", true), ("web", true), (ISSUER, false)] {
        let policy = Policy::new("https://id.example.test", audience).unwrap();
        assert_eq!(verify::<Value>(&policy, &keys, now, &token).is_ok(), accepted, "{audience}");
    }
}

async fn an_api_accepts_the_token_and_follows_the_keys(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let url = format!("http://{}/api/auth/jwks", server.listen());
    let clock: Arc<auth_jose::clock::ManualClock> = server.clock.clone();
    let verifier = Verifier::builder(ISSUER, ISSUER, &url).clock(clock).build().unwrap();
    let token = token(&server, &ada).await;
    let user: auth_verify::Verified = verifier.verify(&token).await.unwrap();
    assert_eq!((user.subject(), user.claims().email.as_deref()), (ada.id.as_str(), Some("ada@example.test")));
    let (rest, last) = token.split_at(token.len() - 2);
    let flipped = if last.starts_with('A') { "BA" } else { "AA" };
    let tampered = verifier.verify::<Value>(&format!("{rest}{flipped}")).await;
    assert!(tampered.is_err());
    server.clock.advance(900 + 6);
    let expired = verifier.verify::<Value>(&token).await;
    assert!(matches!(expired, Err(VerifyError::Expired)), "{expired:?}");
}

async fn the_key_set_holds_public_members_only(database: TestDatabase) {
    let server = Server::on(database).await;
    for alg in ["ES256", "ES512", "PS256", "RS256"] {
        server.beside(json!({ "jwt": { "jwks": { "keyPairConfig": { "alg": alg } } } })).await;
    }
    let now = auth_jose::Clock::now(&*server.clock);
    server.app.keys.as_ref().unwrap().reload(&server.app.store, now).await.unwrap();
    let json = server.call(get("/jwks")).await.json();
    let mut members: Vec<_> = json["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let mut names: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
            names.sort();
            (key["alg"].as_str().unwrap().to_owned(), names.join(" "))
        })
        .collect();
    members.sort();
    let expected = [
        ("ES256", "alg crv kid kty x y"),
        ("ES512", "alg crv kid kty x y"),
        ("EdDSA", "alg crv kid kty x"),
        ("PS256", "alg e kid kty n"),
        ("RS256", "alg e kid kty n"),
    ];
    assert_eq!(members, expected.map(|(alg, names)| (alg.to_owned(), names.to_owned())));
}

async fn no_request_reads_keys(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    server.database.execute("DROP TABLE jwks").await;
    let token = token(&server, &ada).await;
    assert_eq!(published(&server).await.keys().len(), 1);
    assert!(!token.is_empty());
}

async fn get_session_carries_a_token_too(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let response = server.session(&ada.cookies).await;
    let token = response.header("set-auth-jwt").unwrap();
    let policy = Policy::new(ISSUER, ISSUER).unwrap();
    let now = auth_jose::Clock::now(&*server.clock);
    let verified: Verified = verify(&policy, &published(&server).await, now, token).unwrap();
    assert_eq!(verified.subject(), ada.id);
}

async fn every_token_has_its_own_id(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let ids = [token(&server, &ada).await, token(&server, &ada).await]
        .map(|token| claims(&token.into())["jti"].clone());
    assert_ne!(ids[0], ids[1]);
}

async fn the_key_set_can_be_served_elsewhere(database: TestDatabase) {
    let settings = json!({ "jwt": { "jwks": { "jwksPath": "/.well-known/jwks.json" } } });
    let server = Server::with(database, settings).await;
    let response = server.call(get("/.well-known/jwks.json")).await;
    assert_eq!((response.status, response.json()["keys"].as_array().unwrap().len()), (200, 1));
    for path in ["/jwks", "/.well-known/jwks.json/", "/.well-known", "/.well-known/jwks"] {
        assert_eq!(server.call(get(path)).await.status, 404, "{path}");
    }
    let off = json!({
        "jwt": { "jwks": { "jwksPath": "/keys" } },
        "disabledPaths": ["/keys"],
    });
    assert_eq!(server.beside(off).await.call(get("/keys")).await.status, 404);
    let other = json!({ "jwt": { "jwks": { "jwksPath": "/keys" } }, "disabledPaths": ["/jwks"] });
    assert_eq!(server.beside(other).await.call(get("/keys")).await.status, 200);
}

async fn the_payload_is_a_setting(database: TestDatabase) {
    let payload = json!({
        "user": ["id", "email", "image"],
        "session": ["id", "expiresAt"],
        "static": { "scope": "all", "limits": { "a": [1, true, null] }, "email": "fixed@example.test" },
    });
    let server = Server::with(database, json!({ "jwt": { "definePayload": payload } })).await;
    let ada = server.sign_up("Ada").await;
    let session = server.database.text("SELECT id AS value FROM session").await;
    let response = server.session(&ada.cookies).await;
    let header = Value::from(response.header("set-auth-jwt").unwrap());
    for token in [json!(token(&server, &ada).await), header] {
        let mut found = claims(&token);
        for own in ["jti", "sid"] {
            found.as_object_mut().unwrap().remove(own).unwrap();
        }
        assert_eq!(
            found,
            json!({
                "id": ada.id, "email": "fixed@example.test", "image": null,
                "session_id": session, "session_expiresAt": "2030-01-08T00:00:00.000Z",
                "scope": "all", "limits": { "a": [1, true, null] },
                "iat": START, "exp": START + 900, "iss": ISSUER, "aud": ISSUER, "sub": ada.id,
            })
        );
    }
    let nothing = server.beside(json!({ "jwt": { "definePayload": { "user": [] } } })).await;
    let claims = claims(&json!(token(&nothing, &ada).await));
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["iat", "exp", "iss", "aud", "sub", "jti", "sid"]);
}

async fn the_subject_is_a_setting(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for (field, expected) in [("email", "ada@example.test"), ("name", "Ada"), ("image", ada.id.as_str())] {
        let server = server.beside(json!({ "jwt": { "subject": field } })).await;
        assert_eq!(claims(&json!(token(&server, &ada).await))["sub"], expected, "{field}");
    }
    server.database.execute(r#"UPDATE "user" SET name = ''"#).await;
    let named = server.beside(json!({ "jwt": { "subject": "name" } })).await;
    assert_eq!(claims(&json!(token(&named, &ada).await))["sub"], ada.id, "a subject is never empty");
}

async fn nothing_replaces_a_registered_claim(database: TestDatabase) {
    drop(database);
    for claim in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"] {
        let settings = json!({ "jwt": { "definePayload": { "static": { claim: "x" } } } });
        let problems = auth_core::testing::load_config(&settings).unwrap_err();
        assert_eq!(problems[0].name, format!("jwt.definePayload.static.{claim}"));
    }
}

async fn claims_that_a_token_must_not_have_stop_the_start(database: TestDatabase) {
    drop(database);
    for (settings, name) in [
        (json!({ "definePayload": { "session": ["token"] } }), "jwt.definePayload.session"),
        (json!({ "definePayload": { "user": ["password"] } }), "jwt.definePayload.user"),
        (json!({ "subject": "nickname" }), "jwt.subject"),
        (json!({ "jwks": { "jwksPath": "jwks" } }), "jwt.jwks.jwksPath"),
        (json!({ "jwks": { "jwksPath": "/a/../b" } }), "jwt.jwks.jwksPath"),
        (json!({ "jwks": { "jwksPath": "/a?b" } }), "jwt.jwks.jwksPath"),
        (json!({ "jwks": { "jwksPath": "/" } }), "jwt.jwks.jwksPath"),
        (json!({ "jwks": { "rotationInterval": 5 } }), "jwt.jwks.rotationInterval"),
    ] {
        let problems = auth_core::testing::load_config(&json!({ "jwt": settings })).unwrap_err();
        assert_eq!((problems.len(), problems[0].name.as_str()), (1, name), "{problems:?}");
    }
}
