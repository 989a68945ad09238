//! The registry of services: what operators change, the published keys, enrolment, and who may call as a service.

mod withdrawn;

use std::sync::Arc;

use auth_core::features::services::admin::{self, KeySource, ServiceError};
use auth_core::testing::{TestDatabase, TestResponse, get, post};
use auth_jose::{JwkSet, KeyAlgorithm, SigningKey};
use auth_s2s::{Minter, Rules, ServiceKey, ServiceName};
use futures_util::future::join;
use serde_json::{Map, Value, json};

use crate::support::{Server, assert_refused};

on_every_database!(
    publishes_the_keys_of_enabled_services,
    answers_304_to_receivers_that_know_the_set,
    serves_the_set_without_the_database,
    gives_a_key_one_owner,
    refuses_keys_that_are_not_fit,
    a_name_is_taken_once,
    a_replaced_key_is_accepted_for_a_while_and_never_comes_back,
    a_service_enrols_once_with_its_code,
    racing_enrolments_use_a_code_once,
    a_code_dies_with_time_and_with_its_successor,
    refuses_proofs_that_prove_nothing,
    a_service_replaces_its_own_key,
    lets_nobody_in_but_registered_services,
    forgets_a_service_with_all_that_belongs_to_it,
    keys_at_an_address_are_followed,
    other_servers_follow,
    registered_services_may_ask_about_tokens,
);

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn auth() -> ServiceName {
    ServiceName::auth_server()
}

impl Server {
    fn minter(&self, service: &str) -> Minter {
        Minter::generate(name(service)).unwrap().with_clock(Arc::clone(&self.clock) as Arc<_>)
    }

    /// A service with a registered key.
    async fn service(&self, service: &str) -> Minter {
        let minter = self.minter(service);
        admin::add(&self.app, &name(service), KeySource::Key(Box::new(key_of(&minter)))).await.unwrap();
        minter
    }

    async fn published(&self) -> Vec<Value> {
        self.call(get("/s2s/jwks")).await.json()["keys"].as_array().unwrap().clone()
    }

    async fn enrol(&self, code: &str, minter: &Minter) -> TestResponse {
        let proof = minter.prove(&auth(), Some(code)).unwrap();
        self.call(post("/s2s/enrol", json!({ "code": code, "jwk": minter.public_jwk(), "proof": proof })))
            .await
    }

    /// Asks for the one thing that only services may do.
    async fn rotate(&self, token: &str, successor: &Minter) -> TestResponse {
        let body = json!({ "jwk": successor.public_jwk(), "proof": successor.prove(&auth(), None).unwrap() });
        self.call(post("/s2s/rotate", body).header("authorization", format!("Bearer {token}"))).await
    }

    async fn is_let_in(&self, minter: &Minter) -> bool {
        let refused = self.rotate(&minter.token(&auth()).unwrap(), minter).await;
        match refused.header("x-error-id") {
            Some("AUTH-0250") => false,
            None => true,
            other => panic!("{other:?}"),
        }
    }
}

fn key_of(minter: &Minter) -> ServiceKey {
    ServiceKey::new(minter.name(), &minter.public_jwk()).unwrap()
}

fn kids(keys: &[Value]) -> Vec<&str> {
    keys.iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

async fn publishes_the_keys_of_enabled_services(database: TestDatabase) {
    let server = Server::on(database).await;
    assert_eq!(server.call(get("/s2s/jwks")).await.text(), r#"{"keys":[]}"#);
    let worker = server.service("worker").await;
    let billing = server.service("billing").await;

    let response = server.call(get("/s2s/jwks")).await;
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("cache-control"), Some("public, max-age=30"));
    let keys = response.json()["keys"].as_array().unwrap().clone();
    let x = worker.public_jwk()["x"].clone();
    let kid = worker.public_jwk()["kid"].clone();
    let expected = json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig", "svc": "service:worker"});
    assert!(keys.contains(&expected), "{keys:?}");

    // What is published is what receivers verify with.
    let set = JwkSet::parse(&response.body).unwrap();
    let now = auth_jose::Clock::now(&*server.clock);
    let api = Rules::new(name("api")).unwrap();
    for minter in [&worker, &billing] {
        let token = minter.token(&name("api")).unwrap();
        assert_eq!(api.verify(&set, now, &token).unwrap().service(), minter.name());
    }

    admin::set_enabled(&server.app, &name("worker"), false).await.unwrap();
    assert_eq!(kids(&server.published().await), [billing.public_jwk()["kid"].as_str().unwrap()]);
    admin::set_enabled(&server.app, &name("worker"), true).await.unwrap();
    assert_eq!(server.published().await.len(), 2);
}

async fn answers_304_to_receivers_that_know_the_set(database: TestDatabase) {
    let server = Server::on(database).await;
    server.service("worker").await;
    let first = server.call(get("/s2s/jwks")).await;
    let etag = first.header("etag").unwrap().to_owned();
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = server.call(get("/s2s/jwks").header("if-none-match", tags.as_str())).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{tags}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
        assert_eq!(again.header("cache-control"), Some("public, max-age=30"));
    }
    server.service("billing").await;
    let changed = server.call(get("/s2s/jwks").header("if-none-match", etag.as_str())).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
}

async fn serves_the_set_without_the_database(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.service("worker").await;
    let before = server.app.store.checkouts();
    assert_eq!(server.published().await.len(), 1);
    let refused = server.rotate("x.y.z", &worker).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        server.app.store.checkouts(),
        before,
        "neither the set nor a check of a token asks the database"
    );
}

async fn gives_a_key_one_owner(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.service("worker").await;
    let stolen = ServiceKey::new(&name("billing"), &worker.public_jwk()).unwrap();
    let refused = admin::add(&server.app, &name("billing"), KeySource::Key(Box::new(stolen.clone())))
        .await
        .unwrap_err();
    assert!(matches!(refused, ServiceError::KeyOwned), "{refused}");
    assert_eq!(server.database.count("authService").await, 1, "nothing is left of it");
    server.service("billing").await;
    let refused = admin::rotate(&server.app, &stolen, 0).await.unwrap_err();
    assert!(matches!(refused, ServiceError::KeyOwned), "{refused}");
    assert_eq!(server.published().await.len(), 2, "and nothing was ended for it");
}

async fn refuses_keys_that_are_not_fit(database: TestDatabase) {
    let server = Server::on(database).await;
    let code = admin::add(&server.app, &name("worker"), KeySource::Code).await.unwrap().unwrap();
    let worker = server.minter("worker");
    let public = worker.public_jwk();
    let with = |member: &str, value: Value| {
        let mut jwk = public.clone();
        jwk.insert(member.to_owned(), value);
        jwk
    };
    let rsa = SigningKey::generate(KeyAlgorithm::Rs256 { modulus_bits: 2048 }, "").unwrap().public_jwk();
    let small_order = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (jwk, reason) in [
        (with("d", json!("AAAA")), "the key has private members"),
        (with("k", json!("AAAA")), "the key has private members"),
        (with("x", json!(small_order)), "the point is refused"),
        (with("x", json!("AAAA")), "`x` is missing or malformed"),
        (with("kty", json!("oct")), "unsupported key type"),
        (with("crv", json!("X25519")), "unsupported key type"),
        (with("use", json!("enc")), "the key is not for verifying signatures"),
        (with("alg", json!("HS256")), "`alg` does not fit the key type"),
        (rsa, "unsupported key type"),
        (Map::new(), "`kty` is missing or malformed"),
    ] {
        let proof = worker.prove(&auth(), Some(code.expose())).unwrap();
        let body = json!({ "code": code.expose(), "jwk": jwk, "proof": proof });
        let refused = server.call(post("/s2s/enrol", body)).await;
        assert_refused(&refused, 400, "KEY_REFUSED", &format!("The key is refused: {reason}"), "AUTH-0253");
    }
    assert_eq!(
        server.enrol(code.expose(), &worker).await.status,
        200,
        "a refused key does not use the code up"
    );
}

async fn a_name_is_taken_once(database: TestDatabase) {
    let server = Server::on(database).await;
    server.service("worker").await;
    let again = admin::add(&server.app, &name("worker"), KeySource::Code).await.unwrap_err();
    assert!(matches!(again, ServiceError::Exists(_)), "{again}");
    let own = admin::add(&server.app, &auth(), KeySource::Code).await.unwrap_err();
    assert!(matches!(own, ServiceError::NameReserved(_)), "{own}");
    for changed in [
        admin::set_enabled(&server.app, &name("nobody"), false).await,
        admin::remove(&server.app, &name("nobody")).await,
        admin::enrolment_code(&server.app, &name("nobody")).await.map(drop),
        admin::rotate(&server.app, &key_of(&server.minter("nobody")), 0).await,
    ] {
        assert!(matches!(changed, Err(ServiceError::Unknown(_))), "{changed:?}");
    }
}

async fn a_replaced_key_is_accepted_for_a_while_and_never_comes_back(database: TestDatabase) {
    let server = Server::on(database).await;
    let old = server.service("worker").await;
    let new = server.minter("worker");
    admin::rotate(&server.app, &key_of(&new), 120).await.unwrap();
    assert_eq!(server.published().await.len(), 2, "both sign while callers and receivers follow");
    admin::rotate(&server.app, &key_of(&new), 9_999).await.unwrap();
    server.clock.advance(120);
    server.app.services.reload(&server.app.store, auth_jose::Clock::now(&*server.clock)).await.unwrap();
    assert_eq!(kids(&server.published().await), [new.public_jwk()["kid"].as_str().unwrap()]);
    assert!(server.is_let_in(&new).await && !server.is_let_in(&old).await);
    let back = admin::rotate(&server.app, &key_of(&old), 0).await.unwrap_err();
    assert!(matches!(back, ServiceError::KeyWithdrawn), "{back}");
    let third = server.minter("worker");
    admin::rotate(&server.app, &key_of(&third), 0).await.unwrap();
    assert_eq!(kids(&server.published().await), [third.public_jwk()["kid"].as_str().unwrap()], "at once");
}

async fn a_service_enrols_once_with_its_code(database: TestDatabase) {
    let server = Server::on(database).await;
    let code = admin::add(&server.app, &name("worker"), KeySource::Code).await.unwrap().unwrap();
    let stored = server.database.text(r#"SELECT id AS value FROM "authServiceCode""#).await;
    assert!(!stored.contains(code.expose()), "the code itself is not stored");
    let worker = server.minter("worker");
    let response = server.enrol(code.expose(), &worker).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(
        response.json(),
        json!({ "service": "worker", "kid": worker.public_jwk()["kid"], "usableIn": 35 })
    );
    assert_eq!(kids(&server.published().await), [worker.public_jwk()["kid"].as_str().unwrap()]);
    let message = "The enrolment code is unknown, used or expired";
    for minter in [&worker, &server.minter("worker")] {
        let refused = server.enrol(code.expose(), minter).await;
        assert_refused(&refused, 403, "INVALID_ENROLMENT_CODE", message, "AUTH-0251");
    }
    assert_eq!(server.published().await.len(), 1);
}

async fn racing_enrolments_use_a_code_once(database: TestDatabase) {
    let server = Server::on(database).await;
    let beside = server.beside(json!({})).await;
    for round in 0..5 {
        let service = format!("worker-{round}");
        let code = admin::add(&server.app, &name(&service), KeySource::Code).await.unwrap().unwrap();
        let (one, two) = (server.minter(&service), server.minter(&service));
        let answers = join(server.enrol(code.expose(), &one), beside.enrol(code.expose(), &two)).await;
        let mut statuses = [answers.0.status, answers.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{}", answers.0.text());
        assert_eq!(server.database.count("authServiceKey").await, round + 1);
    }
}

async fn a_code_dies_with_time_and_with_its_successor(database: TestDatabase) {
    let server = Server::on(database).await;
    let first = admin::add(&server.app, &name("worker"), KeySource::Code).await.unwrap().unwrap();
    let second = admin::enrolment_code(&server.app, &name("worker")).await.unwrap();
    let worker = server.minter("worker");
    assert_eq!(server.enrol(first.expose(), &worker).await.status, 403);
    server.clock.advance(3_600);
    assert_eq!(server.enrol(second.expose(), &worker).await.status, 403);
    let third = admin::enrolment_code(&server.app, &name("worker")).await.unwrap();
    admin::set_enabled(&server.app, &name("worker"), false).await.unwrap();
    assert_eq!(
        server.enrol(third.expose(), &worker).await.status,
        403,
        "nobody enrols for a disabled service"
    );
    admin::set_enabled(&server.app, &name("worker"), true).await.unwrap();
    let fourth = admin::enrolment_code(&server.app, &name("worker")).await.unwrap();
    server.clock.advance(3_599);
    assert_eq!(server.enrol(fourth.expose(), &worker).await.status, 200);
}

async fn refuses_proofs_that_prove_nothing(database: TestDatabase) {
    let server = Server::on(database).await;
    let code = admin::add(&server.app, &name("worker"), KeySource::Code).await.unwrap().unwrap();
    let code = code.expose().as_str();
    let (worker, other) = (server.minter("worker"), server.minter("worker"));
    let stranger = server.minter("billing");
    let old = worker.prove(&auth(), Some(code)).unwrap();
    server.clock.advance(66);
    for (what, proof) in [
        ("of another key", other.prove(&auth(), Some(code)).unwrap()),
        ("of another service", stranger.prove(&auth(), Some(code)).unwrap()),
        ("for another server", worker.prove(&name("api"), Some(code)).unwrap()),
        ("for another code", worker.prove(&auth(), Some("another")).unwrap()),
        ("for no code", worker.prove(&auth(), None).unwrap()),
        ("that is old", old),
        ("that is a token", worker.token(&auth()).unwrap().to_string()),
        ("that is none", "a.b.c".to_owned()),
    ] {
        let body = json!({ "code": code, "jwk": worker.public_jwk(), "proof": proof });
        let refused = server.call(post("/s2s/enrol", body)).await;
        assert_eq!(
            (refused.status, refused.header("x-error-id")),
            (400, Some("AUTH-0252")),
            "a proof {what}"
        );
    }
    assert_eq!(server.published().await.len(), 0);
    assert_eq!(server.enrol(code, &worker).await.status, 200, "none of them has used the code up");
}

async fn a_service_replaces_its_own_key(database: TestDatabase) {
    let server = Server::on(database).await;
    let (old, new) = (server.service("worker").await, server.minter("worker"));
    let response = server.rotate(&old.token(&auth()).unwrap(), &new).await;
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.json()["kid"], new.public_jwk()["kid"]);
    assert_eq!(server.published().await.len(), 2);
    assert!(server.is_let_in(&new).await);
    let billing = server.service("billing").await;
    let refused = server.rotate(&billing.token(&auth()).unwrap(), &new).await;
    assert_eq!(refused.header("x-error-id"), Some("AUTH-0252"), "a service registers keys for itself only");
    let stolen = Minter::from_private_jwk(name("billing"), new.private_jwk().expose()).unwrap();
    let stolen = stolen.with_clock(Arc::clone(&server.clock) as Arc<_>);
    let refused = server.rotate(&billing.token(&auth()).unwrap(), &stolen).await;
    assert_refused(&refused, 422, "KEY_OWNED", "The key belongs to another service", "AUTH-0254");
}

async fn lets_nobody_in_but_registered_services(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.service("worker").await;
    assert!(server.is_let_in(&worker).await);
    let ada = server.sign_up("Ada").await;
    let user_token = server.call(get("/token").by(&ada.by_bearer())).await.json()["token"].clone();
    for (what, token) in [
        ("for another service", worker.token(&name("api")).unwrap().to_string()),
        ("of a user", user_token.as_str().unwrap().to_owned()),
        ("of a session", ada.token.clone()),
        ("of a stranger", server.minter("stranger").token(&auth()).unwrap().to_string()),
        ("of a namesake", server.minter("worker").token(&auth()).unwrap().to_string()),
        ("that is a proof", worker.prove(&auth(), None).unwrap()),
    ] {
        let refused = server.rotate(&token, &worker).await;
        assert_eq!(
            (refused.status, refused.header("x-error-id")),
            (401, Some("AUTH-0250")),
            "a token {what}"
        );
        let challenge = refused.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Bearer error="invalid_token""#), "a token {what}");
    }
    // Nor does a service pass as a user.
    let token = worker.token(&auth()).unwrap();
    let as_user = server.call(get("/list-sessions").header("authorization", format!("Bearer {token}"))).await;
    assert_eq!(as_user.status, 401);
    admin::set_enabled(&server.app, &name("worker"), false).await.unwrap();
    assert!(!server.is_let_in(&worker).await);
}

async fn forgets_a_service_with_all_that_belongs_to_it(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.service("worker").await;
    admin::enrolment_code(&server.app, &name("worker")).await.unwrap();
    admin::remove(&server.app, &name("worker")).await.unwrap();
    for table in ["authService", "authServiceKey", "authServiceCode"] {
        assert_eq!(server.database.count(table).await, 0, "{table}");
    }
    assert!(!server.is_let_in(&worker).await);
}

async fn keys_at_an_address_are_followed(database: TestDatabase) {
    let server = Server::on(database).await;
    let url = "https://worker.example.test/jwks".to_owned();
    admin::add(&server.app, &name("worker"), KeySource::Url(url)).await.unwrap();
    let (one, two) = (server.minter("worker"), server.minter("worker"));
    let worker = name("worker");
    admin::synchronize(&server.app, &worker, &[key_of(&one)]).await.unwrap();
    admin::synchronize(&server.app, &worker, &[key_of(&one), key_of(&two)]).await.unwrap();
    assert_eq!(server.published().await.len(), 2);
    admin::synchronize(&server.app, &worker, &[key_of(&two)]).await.unwrap();
    assert_eq!(kids(&server.published().await), [two.public_jwk()["kid"].as_str().unwrap()]);
    for changed in [
        admin::rotate(&server.app, &key_of(&server.minter("worker")), 0).await,
        admin::enrolment_code(&server.app, &worker).await.map(drop),
    ] {
        assert!(matches!(changed, Err(ServiceError::KeysElsewhere(_))), "{changed:?}");
    }
    let billing = server.service("billing").await;
    let stolen = ServiceKey::new(&worker, &billing.public_jwk()).unwrap();
    let refused = admin::synchronize(&server.app, &worker, &[stolen]).await.unwrap_err();
    assert!(matches!(refused, ServiceError::KeyOwned), "{refused}");
    assert_eq!(server.published().await.len(), 2, "a set with somebody else's key changes nothing");
}

async fn other_servers_follow(database: TestDatabase) {
    let server = Server::on(database).await;
    let other = server.beside(json!({ "services": { "name": "gate" } })).await;
    let worker = server.service("worker").await;
    assert_eq!(other.published().await.len(), 0);
    other.app.services.reload(&other.app.store, auth_jose::Clock::now(&*server.clock)).await.unwrap();
    assert_eq!(other.call(get("/s2s/jwks")).await.text(), server.call(get("/s2s/jwks")).await.text());
    let token = worker.token(&name("gate")).unwrap();
    let refused = other.rotate(&token, &worker).await;
    assert_eq!(
        refused.header("x-error-id"),
        Some("AUTH-0252"),
        "let in by its own name; the proof is for another"
    );
}

async fn registered_services_may_ask_about_tokens(database: TestDatabase) {
    let server = Server::with(database, json!({ "revocation": { "feed": "clients" } })).await;
    let worker = server.service("worker").await;
    let stranger = server.minter("stranger");
    let form = |path: &str| {
        auth_core::testing::TestRequest::new("POST", path)
            .body("application/x-www-form-urlencoded", "token=unknown")
    };
    let requests = || [get("/revocations?after=0"), form("/introspect"), form("/revoke")];
    for index in 0..3 {
        let by = |token: &str| requests()[index].clone().header("authorization", format!("Bearer {token}"));
        assert_eq!(server.call(by(&worker.token(&auth()).unwrap())).await.status, 200);
        for token in [&*stranger.token(&auth()).unwrap(), &*worker.token(&name("api")).unwrap(), "x.y.z"] {
            let response = server.call(by(token)).await;
            assert_eq!((response.status, response.header("x-error-id")), (401, Some("AUTH-0150")), "{token}");
        }
    }
}
