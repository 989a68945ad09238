//! Signing keys in the database.

use auth_core::testing::{TestDatabase, get};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::support::Server;

on_every_database!(
    the_private_key_is_encrypted_in_better_auths_format,
    the_private_key_may_be_stored_in_clear,
    signs_with_a_key_that_better_auth_made,
    a_key_of_another_secret_breaks_nothing,
    rows_that_cannot_be_read_break_nothing,
    an_expired_key_is_published_for_a_while_and_signs_nothing,
    servers_that_start_together_make_one_key,
    a_restart_keeps_the_key,
);

/// Better Auth's published vectors: a row of its `jwks` table.
pub(crate) const PUBLIC: &str =
    r#"{"crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"OKP"}"#;
pub(crate) const PRIVATE: &str = r#""000102030405060708090a0b0c0d0e0f1011121314151617bc3968c5f3fb552f06356a366ddba63a920571af5daa2baae839a92b9ddd97cebb148739426f5f811e9fa8566db46bf032abe7534f404a623779fd3f7ac78280c6031c7b1cf5390c93fc7521da3bdf78cacbb5f6ce8b3454b33653883ee2753327c33c378e5d48ee630e6cb46a87a88d7ea93012754ad5257506ac7d8b05e9b921f2dbf7fb35772ea21e84cd1abb39143f""#;

pub(crate) async fn header_of_new_token(server: &Server) -> Value {
    let ada = server.sign_in_again().await;
    let token = server.call(get("/token").by(&ada)).await.json();
    let header = token["token"].as_str().unwrap().split('.').next().unwrap().to_owned();
    serde_json::from_slice(&auth_jose::base64url::decode(&header).unwrap()).unwrap()
}

impl Server {
    /// Someone who is signed in, on a database that may know them already.
    async fn sign_in_again(&self) -> auth_core::testing::Caller {
        self.database.execute(r#"DELETE FROM "user""#).await;
        self.sign_up("Ada").await.by_bearer()
    }
}

async fn the_private_key_is_encrypted_in_better_auths_format(database: TestDatabase) {
    let server = Server::on(database).await;
    let stored = server.database.text(r#"SELECT "privateKey" AS value FROM jwks"#).await;
    let sealed: String = serde_json::from_str(&stored).unwrap();
    assert!(
        sealed.len() > 200
            && sealed.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    );
    let secret = auth_jose::Secret::from(auth_core::testing::SECRET);
    let key = auth_core::crypto::secrets::Secrets::one(secret).sealer();
    let opened: Value = serde_json::from_str(key.open(&sealed).unwrap().expose()).unwrap();
    let public: Value =
        serde_json::from_str(&server.database.text(r#"SELECT "publicKey" AS value FROM jwks"#).await)
            .unwrap();
    assert_eq!((&opened["x"], &opened["kty"]), (&public["x"], &json!("OKP")));
    assert_eq!(public.get("d"), None);
    assert!(opened["d"].is_string());
    let row = "SELECT alg || ' ' || crv AS value FROM jwks";
    assert_eq!(server.database.text(row).await, "EdDSA Ed25519");
}

async fn the_private_key_may_be_stored_in_clear(database: TestDatabase) {
    let settings = json!({ "jwt": { "jwks": { "disablePrivateKeyEncryption": true } } });
    let server = Server::with(database, settings).await;
    let stored = server.database.text(r#"SELECT "privateKey" AS value FROM jwks"#).await;
    assert!(serde_json::from_str::<Value>(&stored).unwrap()["d"].is_string());
    let kid = server.database.text("SELECT id AS value FROM jwks").await;
    let other = server.beside(json!({})).await;
    assert_eq!(header_of_new_token(&other).await["kid"], kid, "it is read whatever the setting says");
}

pub(crate) async fn insert(database: &TestDatabase, id: &str, private: &str, created: &str, expires: &str) {
    let statement = format!(
        r#"INSERT INTO jwks (id, "publicKey", "privateKey", "createdAt", "expiresAt", alg, crv) VALUES ('{id}', '{PUBLIC}', '{private}', '{created}', {expires}, NULL, NULL)"#
    );
    database.execute(&statement).await;
}

async fn signs_with_a_key_that_better_auth_made(database: TestDatabase) {
    database.migrate();
    insert(&database, "K1", PRIVATE, "2029-12-31T00:00:00.000Z", "NULL").await;
    let server = Server::on(database).await;
    assert_eq!(header_of_new_token(&server).await, json!({ "alg": "EdDSA", "kid": "K1" }));
    assert_eq!(server.database.count("jwks").await, 1);
    let jwks = server.call(get("/jwks")).await;
    assert_eq!(
        jwks.text(),
        r#"{"keys":[{"alg":"EdDSA","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"OKP","kid":"K1"}]}"#
    );
    // Better Auth itself made this token with this key.
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6IksxIn0.eyJpZCI6IlUxIiwic3ViIjoiVTEiLCJpYXQiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1NjkwMCwiaXNzIjoiaHR0cDovL2EudGVzdCIsImF1ZCI6Imh0dHA6Ly9hLnRlc3QifQ.hP1IjgpZ6QFnGeIS69M99xe7lA3EPO1Nt7HCOWjsltd4CIIr_c1ojD9CoTyRmMztBWnlHdrdQImtBImMDOCbCg";
    let policy = auth_jose::Policy::new("http://a.test", "http://a.test").unwrap();
    let keys = auth_jose::JwkSet::parse(&jwks.body).unwrap();
    let now = auth_jose::Clock::now(&*server.clock);
    assert!(auth_jose::verify::<Value>(&policy, &keys, now, token).is_ok());
}

async fn a_key_of_another_secret_breaks_nothing(database: TestDatabase) {
    let server = Server::on(database).await;
    let old = server.database.text("SELECT id AS value FROM jwks").await;
    let other = server.beside(json!({ "secret": "another-secret-0123456789-0123456789" })).await;
    let ada = other.sign_up("Ada").await;
    let session = other.session(&ada.cookies).await;
    assert_eq!((session.status, session.header("set-auth-jwt").is_some()), (200, true));
    let header = header_of_new_token(&other).await;
    assert_ne!(header["kid"], old);
    assert_eq!(other.database.count("jwks").await, 2);
    let published = other.call(get("/jwks")).await.json();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2, "tokens of the old key can still be verified");
    let keys = other.app.keys.as_ref().unwrap().keys(auth_jose::Clock::now(&*other.clock));
    let states: Vec<_> =
        keys.iter().map(|key| (key.kid == old, key.is_signing, key.unusable.is_none())).collect();
    assert!(states.contains(&(true, false, false)) && states.contains(&(false, true, true)), "{states:?}");
}

async fn rows_that_cannot_be_read_break_nothing(database: TestDatabase) {
    database.migrate();
    for (number, private) in
        ["", "no JSON", "\"00\"", "{}", "[]", "\"$ba$9$00\"", r#"{"kty":"OKP"}"#].iter().enumerate()
    {
        insert(&database, &format!("broken{number}"), private, "2029-06-01T00:00:00.000Z", "NULL").await;
    }
    database.execute(r#"UPDATE jwks SET "publicKey" = 'no JSON' WHERE id = 'broken0'"#).await;
    database.execute("UPDATE jwks SET alg = 'HS256' WHERE id = 'broken1'").await;
    let server = Server::on(database).await;
    let header = header_of_new_token(&server).await;
    assert!(!header["kid"].as_str().unwrap().starts_with("broken"), "{header}");
    assert_eq!(server.call(get("/jwks")).await.status, 200);
}

async fn an_expired_key_is_published_for_a_while_and_signs_nothing(database: TestDatabase) {
    database.migrate();
    insert(&database, "old", PRIVATE, "2029-01-01T00:00:00.000Z", "'2029-12-20T00:00:00.000Z'").await;
    insert(&database, "ancient", PRIVATE, "2028-01-01T00:00:00.000Z", "'2029-11-01T00:00:00.000Z'").await;
    let server = Server::on(database).await;
    let kid = header_of_new_token(&server).await["kid"].clone();
    let published = server.call(get("/jwks")).await.json();
    let kids: Vec<_> = published["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(kids, [kid, json!("old")]);
}

async fn servers_that_start_together_make_one_key(database: TestDatabase) {
    let server = Server::with(database, json!({ "plugins": ["bearer"] })).await;
    assert_eq!(server.database.count("jwks").await, 0);
    let (one, two) = join(server.beside(json!({})), server.beside(json!({}))).await;
    assert_eq!(server.database.count("jwks").await, 1);
    assert_eq!(one.call(get("/jwks")).await.text(), two.call(get("/jwks")).await.text());
    assert_eq!(header_of_new_token(&one).await, header_of_new_token(&two).await);
}

async fn a_restart_keeps_the_key(database: TestDatabase) {
    let server = Server::on(database).await;
    let before = server.call(get("/jwks")).await;
    let again = server.beside(json!({})).await;
    assert_eq!(again.call(get("/jwks")).await.text(), before.text());
    assert_eq!(server.database.count("jwks").await, 1);
}
