//! GET /token, GET /jwks and `set-auth-jwt`.

use std::sync::Arc;

use auth_core::testing::{START, TestDatabase, get};
use auth_jose::{Algorithm, JwkSet, Policy, Verified, VerifyError, verify};
use auth_verify::Verifier;
use serde_json::{Map, Value, json};

use crate::support::Server;

on_every_database!(
    a_token_says_who_the_user_is,
    a_token_lives_fifteen_minutes,
    issuer_audience_and_lifetime_are_settings,
    every_algorithm_verifies_with_the_published_keys,
    an_api_accepts_the_token_and_follows_the_keys,
    the_key_set_holds_public_members_only,
    no_request_reads_keys,
    get_session_carries_a_token_too,
    every_token_has_its_own_id,
);

const ISSUER: &str = "http://localhost:3000";

/// The claims of a token, not verified.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&auth_jose::base64url::decode(payload).unwrap()).unwrap()
}

async fn token(server: &Server, user: &auth_core::testing::TestUser) -> String {
    let response = server.call(get("/token").by(&user.by_bearer())).await;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let json = response.json();
    assert_eq!(json.as_object().unwrap().len(), 1);
    json["token"].as_str().unwrap().to_owned()
}

async fn published(server: &Server) -> JwkSet {
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

async fn every_algorithm_verifies_with_the_published_keys(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let policy = Policy::new(ISSUER, ISSUER).unwrap();
    let now = auth_jose::Clock::now(&*server.clock);
    let mut tokens = Vec::new();
    for (alg, expected) in
        [("EdDSA", Algorithm::EdDsa), ("ES256", Algorithm::Es256), ("RS256", Algorithm::Rs256)]
    {
        let server = server.beside(json!({ "jwt": { "jwks": { "keyPairConfig": { "alg": alg } } } })).await;
        let token = token(&server, &ada).await;
        let verified: Verified = verify(&policy, &published(&server).await, now, &token).unwrap();
        assert_eq!((verified.algorithm(), verified.subject()), (expected, ada.id.as_str()));
        tokens.push((alg, token));
    }
    // The last server publishes every key, so all three still verify.
    server.app.keys.as_ref().unwrap().reload(&server.app.store, now).await.unwrap();
    let keys = published(&server).await;
    assert_eq!(keys.keys().len(), 3);
    for (alg, token) in tokens {
        assert!(verify::<Value>(&policy, &keys, now, &token).is_ok(), "{alg}");
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
    for alg in ["ES256", "RS256"] {
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
    let expected =
        [("ES256", "alg crv kid kty x y"), ("EdDSA", "alg crv kid kty x"), ("RS256", "alg e kid kty n")];
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
