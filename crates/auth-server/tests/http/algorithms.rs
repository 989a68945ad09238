//! The five algorithms that sign: in the database, in tokens, in the key set, and where the server reads its own tokens.

use auth_core::testing::{TestDatabase, TestRequest, get};
use auth_jose::{Algorithm, Clock, JwkSet, Policy, Verified, VerifyError, base64url, verify};
use serde_json::{Value, json};

use crate::jwt::{published, token};
use crate::revocation::{SERVICE_SECRET, basic};
use crate::support::Server;

on_every_database!(
    every_algorithm_verifies_with_the_published_keys,
    stored_keys_sign_after_a_restart,
    every_algorithm_signs_for_an_audience,
    the_server_knows_its_own_tokens,
    rsa_keys_are_as_long_as_configured,
);

const ISSUER: &str = "http://localhost:3000";

/// Algorithm, bytes of a signature, curve.
const ALGORITHMS: [(Algorithm, usize, Option<&str>); 5] = [
    (Algorithm::EdDsa, 64, Some("Ed25519")),
    (Algorithm::Es256, 64, Some("P-256")),
    (Algorithm::Es512, 132, Some("P-521")),
    (Algorithm::Ps256, 256, None),
    (Algorithm::Rs256, 256, None),
];

fn signing(alg: Algorithm) -> Value {
    json!({ "jwt": { "jwks": { "keyPairConfig": { "alg": alg.as_str() } } } })
}

fn part(token: &str, index: usize) -> Vec<u8> {
    base64url::decode(token.split('.').nth(index).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&part(token, 0)).unwrap()
}

fn policy(audience: &str, algorithms: &[Algorithm]) -> Policy {
    Policy::new(ISSUER, audience).unwrap().with_algorithms(algorithms).unwrap()
}

async fn every_algorithm_verifies_with_the_published_keys(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let now = server.clock.now();
    let mut tokens = Vec::new();
    for (alg, signature, _) in ALGORITHMS {
        let server = server.beside(signing(alg)).await;
        let token = token(&server, &ada).await;
        assert_eq!((part(&token, 2).len(), header(&token)["alg"].as_str()), (signature, Some(alg.as_str())));
        let keys = published(&server).await;
        let verified: Verified = verify(&policy(ISSUER, &[alg]), &keys, now, &token).unwrap();
        assert_eq!((verified.algorithm(), verified.subject()), (alg, ada.id.as_str()));
        let usual = verify::<Value>(&Policy::new(ISSUER, ISSUER).unwrap(), &keys, now, &token);
        let is_usual = !matches!(alg, Algorithm::Es512 | Algorithm::Ps256);
        assert_eq!(usual.map(drop), if is_usual { Ok(()) } else { Err(VerifyError::AlgorithmNotAllowed) });
        tokens.push((alg, token));
    }
    // The first server publishes every key, so all five still verify.
    server.app.keys.as_ref().unwrap().reload(&server.app.store, now).await.unwrap();
    let keys = published(&server).await;
    assert_eq!(keys.keys().len(), ALGORITHMS.len());
    for (alg, token) in tokens {
        let policy = policy(ISSUER, &Algorithm::ALL);
        assert!(verify::<Value>(&policy, &keys, now, &token).is_ok(), "{alg}");
        let changed = token.replace(".eyJ", ".eyK");
        assert!(verify::<Value>(&policy, &keys, now, &changed).is_err(), "{alg}");
    }
}

async fn stored_keys_sign_after_a_restart(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    for (alg, _, crv) in ALGORITHMS {
        let first = header(&token(&server.beside(signing(alg)).await, &ada).await);
        let restarted = server.beside(signing(alg)).await;
        assert_eq!(header(&token(&restarted, &ada).await), first, "{alg}");
        let column = |name: &str| {
            let query = format!(r#"SELECT {name} AS value FROM jwks WHERE alg = '{alg}'"#);
            let database = &server.database;
            async move { database.text(&query).await }
        };
        let sealed: Value = serde_json::from_str(&column(r#""privateKey""#).await).unwrap();
        assert!(sealed.as_str().unwrap().bytes().all(|byte| byte.is_ascii_hexdigit()), "{alg}: in clear");
        assert_eq!(column("coalesce(crv, '-')").await, crv.unwrap_or("-"));
        let public: Value = serde_json::from_str(&column(r#""publicKey""#).await).unwrap();
        for (name, value) in public.as_object().unwrap() {
            let is_coordinate = alg == Algorithm::Es512 && (name == "x" || name == "y");
            assert!(!is_coordinate || base64url::decode(value.as_str().unwrap()).unwrap().len() == 66);
            assert!(!["d", "p", "q", "kid", "alg"].contains(&name.as_str()), "{alg}: {name}");
        }
    }
}

async fn every_algorithm_signs_for_an_audience(database: TestDatabase) {
    let audiences: serde_json::Map<_, _> =
        ALGORITHMS.iter().map(|(alg, ..)| (format!("api-{alg}"), json!({ "alg": alg.as_str() }))).collect();
    let server = Server::with(database, json!({ "audiences": audiences })).await;
    let ada = server.sign_up("Ada").await;
    for (alg, signature, _) in ALGORITHMS {
        let audience = format!("api-{alg}");
        let response = server.call(get(&format!("/token?audience={audience}")).by(&ada.by_bearer())).await;
        let token = response.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(part(&token, 2).len(), signature, "{alg}");
        let of_audience = server.call(get(&format!("/jwks/{audience}"))).await;
        let by_algorithm = server.call(get(&format!("/jwks?alg={alg}"))).await;
        assert_eq!(of_audience.body, by_algorithm.body);
        let keys = JwkSet::parse(&of_audience.body).unwrap();
        assert_eq!((keys.keys().len(), keys.skipped()), (1, 0), "{alg}");
        let verified = verify::<Value>(&policy(&audience, &[alg]), &keys, server.clock.now(), &token);
        assert_eq!(verified.unwrap().subject(), ada.id);
    }
}

async fn the_server_knows_its_own_tokens(database: TestDatabase) {
    let first = Server::on(database).await;
    for (alg, ..) in ALGORITHMS {
        let mut settings = signing(alg);
        settings["introspection"] = json!({ "clients": { "orders": SERVICE_SECRET } });
        settings["session"] = json!({ "cookieCache": { "enabled": true, "strategy": "jwt" } });
        settings["jwt"]["sessionCookieCache"] = json!(true);
        let server = first.beside(settings).await;
        let ada = server.sign_up(&format!("Ada-{alg}")).await;
        let checkouts = server.app.store.checkouts();
        let session = server.call(get("/get-session").header("cookie", &ada.cookies)).await;
        assert_eq!(session.json()["user"]["id"], ada.id);
        assert_eq!(server.app.store.checkouts(), checkouts, "{alg}: the signed copy is believed");
        let token = session.header("set-auth-jwt").unwrap().to_owned();
        assert_eq!(header(&token)["alg"], alg.as_str());
        let asked = |path: &'static str| {
            let body = format!("token={token}");
            TestRequest::new("POST", path)
                .body("application/x-www-form-urlencoded", body)
                .header("authorization", basic("orders", SERVICE_SECRET))
        };
        assert_eq!(server.call(asked("/introspect")).await.json()["active"], true, "{alg}");
        assert_eq!(server.call(asked("/revoke")).await.status, 200);
        assert_eq!(server.call(asked("/introspect")).await.json(), json!({ "active": false }), "{alg}");
    }
}

async fn rsa_keys_are_as_long_as_configured(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let jwks = json!({ "keyPairConfig": { "alg": "PS256", "modulusLength": 3072 } });
    let server = server.beside(json!({ "jwt": { "jwks": jwks } })).await;
    assert_eq!(part(&token(&server, &ada).await, 2).len(), 384);
}
