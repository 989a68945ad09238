//! `/oauth2/token`: services in other languages, by their registered keys.

mod withdrawn;

use std::sync::Arc;

use auth_core::features::services::admin::{self, KeySource};
use auth_core::testing::{TestDatabase, TestRequest, TestResponse, TestUser, get, post};
use auth_jose::{Algorithm, JwkSet, Policy, SigningKey, Timestamp, Verified, base64url, verify};
use auth_s2s::{Minter, ServiceKey, ServiceName};
use futures_util::future::join;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::Server;

on_every_database!(
    issues_a_service_token_for_a_registered_service,
    refuses_assertions_that_are_not_good,
    takes_an_assertion_once,
    racing_requests_use_an_assertion_once,
    refuses_requests_of_another_form,
    issues_a_token_on_behalf_of_a_user,
    exchanges_users_tokens_of_every_algorithm,
    narrows_scopes_and_never_widens_them,
    follows_a_chain_to_its_limit,
    never_outlives_the_subject,
    refuses_subjects_that_are_not_its_own,
    a_token_for_one_service_is_not_exchanged_by_another,
);

const ISSUER: &str = "http://localhost:3000";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn form(pairs: &[(&str, &str)]) -> TestRequest {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    TestRequest::new("POST", "/oauth2/token").body("application/x-www-form-urlencoded", body)
}

/// A service's request for a token of its own.
fn own_token_by(assertion: &str) -> TestRequest {
    form(&[
        ("grant_type", "client_credentials"),
        ("audience", "service:api"),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ])
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

impl Server {
    async fn registered(&self, service: &str) -> Minter {
        let minter = Minter::generate(name(service)).unwrap().with_clock(Arc::clone(&self.clock) as Arc<_>);
        let key = ServiceKey::new(minter.name(), &minter.public_jwk()).unwrap();
        admin::add(&self.app, &name(service), KeySource::Key(Box::new(key))).await.unwrap();
        minter
    }

    /// A grant by `minter`'s service, with these parameters besides.
    async fn grant(&self, minter: &Minter, grant: &str, pairs: &[(&str, &str)]) -> TestResponse {
        let assertion = minter.assertion(ISSUER).unwrap();
        let mut all = vec![
            ("grant_type", grant),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", &assertion),
        ];
        all.extend(pairs);
        self.call(form(&all)).await
    }

    async fn exchange(&self, minter: &Minter, subject: &str, audience: &str) -> TestResponse {
        let subject =
            [("subject_token", subject), ("subject_token_type", ACCESS_TOKEN), ("audience", audience)];
        self.grant(minter, EXCHANGE, &subject).await
    }

    async fn user_token(&self, user: &TestUser) -> String {
        let response = self.call(get("/token").by(&user.by_bearer())).await;
        response.json()["token"].as_str().unwrap().to_owned()
    }

    async fn keys(&self) -> JwkSet {
        JwkSet::parse(&self.call(get("/jwks")).await.body).unwrap()
    }

    fn now(&self) -> Timestamp {
        auth_jose::Clock::now(&*self.clock)
    }
}

#[track_caller]
fn access_token(response: &TestResponse) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("pragma"), Some("no-cache"));
    assert_eq!(response.json()["token_type"], "Bearer");
    response.json()["access_token"].as_str().unwrap().to_owned()
}

/// Exactly this body, and nothing that a cache may keep.
#[track_caller]
fn assert_error(response: &TestResponse, error: &str, description: &str) {
    let body = json!({ "error": error, "error_description": description });
    assert_eq!((response.status, response.json()), (400, body));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

const NOT_GOOD: &str = "The client assertion is missing, not good, or was used before";
const TARGET: &str = "The audience must be one service, such as service:api";

async fn issues_a_service_token_for_a_registered_service(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let response = server
        .grant(&worker, "client_credentials", &[("audience", "service:api"), ("scope", "orders:read b")])
        .await;
    let token = access_token(&response);
    let mut body = response.json();
    body["access_token"] = Value::Null;
    assert_eq!(
        body,
        json!({"access_token": null, "token_type": "Bearer", "expires_in": 60, "scope": "orders:read b"})
    );
    assert_eq!(part(&token, 0)["typ"], "s2s+jwt");
    let mut claims = part(&token, 1);
    assert!(claims["jti"].take().is_string());
    let now = server.now().seconds();
    assert_eq!(
        claims,
        json!({"iss": ISSUER, "sub": "service:worker", "aud": "service:api", "iat": now, "exp": now + 60, "jti": null,
            "client_id": "service:worker", "scope": "orders:read b"})
    );
    let policy = Policy::new(ISSUER, "service:api").unwrap();
    let as_user = verify::<Value>(&policy, &server.keys().await, server.now(), &token);
    assert!(as_user.is_err(), "it is not the token of a user");
    assert!(
        verify::<Value>(&policy.with_typ("s2s+jwt").unwrap(), &server.keys().await, server.now(), &token)
            .is_ok()
    );
    // The endpoint's own address is a good audience of assertions too.
    let assertion = worker.assertion(&format!("{ISSUER}/api/auth/oauth2/token")).unwrap();
    let pairs = [("client_assertion_type", ASSERTION), ("client_assertion", assertion.as_str())];
    let rest =
        [("grant_type", "client_credentials"), ("resource", "service:api"), ("client_id", "service:worker")];
    access_token(&server.call(form(&[&pairs[..], &rest].concat())).await);
}

async fn refuses_assertions_that_are_not_good(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let billing = server.registered("billing").await;
    let stranger =
        Minter::generate(name("stranger")).unwrap().with_clock(Arc::clone(&server.clock) as Arc<_>);
    let kid = worker.public_jwk()["kid"].as_str().unwrap().to_owned();
    let key = |minter: &Minter| {
        SigningKey::from_private_jwk(minter.private_jwk().expose(), Algorithm::EdDsa, &kid).unwrap()
    };
    let now = server.now().seconds();
    let good = json!({"iss": "service:worker", "sub": "service:worker", "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "J"});
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        key(&worker).sign(None, &claims).unwrap()
    };
    let mut unnamed = good.clone();
    unnamed.as_object_mut().unwrap().remove("jti");
    for (what, assertion) in [
        ("none", String::new()),
        ("no token", "x".to_owned()),
        ("a stranger's", stranger.assertion(ISSUER).unwrap()),
        ("for another issuer", worker.assertion("http://other.test").unwrap()),
        ("a service token", worker.token(&ServiceName::auth_server()).unwrap().to_string()),
        ("a proof", worker.prove(&ServiceName::auth_server(), None).unwrap()),
        ("for several", with("aud", json!([ISSUER]))),
        ("about another service", with("sub", json!("service:billing"))),
        ("from another service", with("iss", json!("service:billing"))),
        ("under another service's kid", key(&billing).sign(None, &good).unwrap()),
        ("without id", key(&worker).sign(None, &unnamed).unwrap()),
        ("with an empty id", with("jti", json!(""))),
        ("that lives too long", with("exp", json!(now + 301))),
        ("that is old", with("exp", json!(now - 6))),
        ("from the future", with("iat", json!(now + 6))),
    ] {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("audience", "service:api"),
            ("client_assertion_type", ASSERTION),
        ];
        let response =
            server.call(form(&[&pairs[..], &[("client_assertion", assertion.as_str())]].concat())).await;
        assert_eq!(
            response.header("x-error-id"),
            Some("AUTH-0261"),
            "an assertion: {what}: {}",
            response.text()
        );
        assert_error(&response, "invalid_client", NOT_GOOD);
    }
    assert_eq!(server.database.count("authServiceAssertion").await, 0);

    let wrong_type =
        [("grant_type", "client_credentials"), ("client_assertion_type", "x"), ("client_assertion", "y")];
    assert_error(&server.call(form(&wrong_type)).await, "invalid_client", NOT_GOOD);
    let response = server.grant(&worker, "client_credentials", &[("client_id", "service:billing")]).await;
    assert_error(&response, "invalid_client", NOT_GOOD);
    let basic = form(&[("grant_type", "client_credentials")]).header("authorization", "Basic YTpi");
    let response = server.call(basic).await;
    assert_eq!((response.status, response.json()["error"].clone()), (401, json!("invalid_client")));
    assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"service\""));
    admin::set_enabled(&server.app, &name("worker"), false).await.unwrap();
    let response = server.grant(&worker, "client_credentials", &[("audience", "service:api")]).await;
    assert_error(&response, "invalid_client", NOT_GOOD);
}

async fn takes_an_assertion_once(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let beside = server.beside(json!({})).await;
    let assertion = worker.assertion(ISSUER).unwrap();
    let request = own_token_by(&assertion);
    access_token(&server.call(request.clone()).await);
    for other in [&server, &beside] {
        let again = other.call(request.clone()).await;
        assert_error(&again, "invalid_client", "The client assertion was used before");
    }
    server.clock.advance(400);
    server.app.forget_old_assertions().await.unwrap();
    assert_eq!(server.database.count("authServiceAssertion").await, 0);
    assert_error(&server.call(request).await, "invalid_client", NOT_GOOD);
}

async fn racing_requests_use_an_assertion_once(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let beside = server.beside(json!({})).await;
    for _ in 0..5 {
        let assertion = worker.assertion(ISSUER).unwrap();
        let request = own_token_by(&assertion);
        let answers = join(server.call(request.clone()), beside.call(request)).await;
        let mut statuses = [answers.0.status, answers.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
    }
}

async fn refuses_requests_of_another_form(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let empty = server.call(post("/oauth2/token", Value::Null)).await;
    assert_error(&empty, "invalid_request", "grant_type is missing");
    assert_error(&server.call(form(&[("grant_type", "")])).await, "invalid_request", "grant_type is missing");
    let twice = form(&[("grant_type", "client_credentials"), ("scope", "a"), ("scope", "b")]);
    assert_error(&server.call(twice).await, "invalid_request", "A parameter is repeated");
    for grant in ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"] {
        let response = server.grant(&worker, grant, &[]).await;
        assert_error(&response, "unsupported_grant_type", "Expected client_credentials or token-exchange");
    }
    for pairs in [
        &[][..],
        &[("audience", "api")],
        &[("audience", "service:Api")],
        &[("audience", "https://api.test")],
        &[("audience", "service:api"), ("resource", "service:api")],
    ] {
        assert_error(&server.grant(&worker, "client_credentials", pairs).await, "invalid_target", TARGET);
    }
    for scope in [" ", "a  b", "a\"b", "ä"] {
        let pairs = [("audience", "service:api"), ("scope", scope)];
        let response = server.grant(&worker, "client_credentials", &pairs).await;
        let description = "The scope is malformed, or more than the subject token has";
        assert_error(&response, "invalid_scope", description);
    }
    for (pairs, description) in [
        (&[("audience", "service:api")][..], "subject_token_type is missing"),
        (
            &[("audience", "service:api"), ("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")],
            "subject_token_type is not one that is exchanged here",
        ),
        (&[("audience", "service:api"), ("subject_token_type", ACCESS_TOKEN)], "subject_token is missing"),
        (
            &[
                ("audience", "service:api"),
                ("subject_token_type", ACCESS_TOKEN),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            ],
            "requested_token_type is not one that is issued here",
        ),
        (
            &[("audience", "service:api"), ("subject_token_type", ACCESS_TOKEN), ("actor_token", "x")],
            "actor_token is not accepted: the client is the actor",
        ),
    ] {
        assert_error(&server.grant(&worker, EXCHANGE, pairs).await, "invalid_request", description);
    }
}

async fn issues_a_token_on_behalf_of_a_user(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let ada = server.sign_up("Ada").await;
    let user_token = server.user_token(&ada).await;
    let response = server.exchange(&worker, &user_token, "service:api").await;
    let token = access_token(&response);
    let mut body = response.json();
    body["access_token"] = Value::Null;
    assert_eq!(
        body,
        json!({"access_token": null, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60})
    );
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    let mut claims = part(&token, 1);
    assert!(claims["jti"].take().is_string());
    let now = server.now().seconds();
    let mut expected = json!({"iss": ISSUER, "sub": ada.id, "aud": "service:api", "iat": now, "exp": now + 60,
        "jti": null, "client_id": "service:worker", "act": {"sub": "service:worker"}});
    for name in ["sid", "txn"] {
        if let Some(value) = part(&user_token, 1).get(name) {
            expected[name] = value.clone();
        }
    }
    assert_eq!(claims, expected, "nothing else of the user goes along");
    let policy = Policy::new(ISSUER, "service:api").unwrap();
    let verified: Verified = verify(&policy, &server.keys().await, server.now(), &token).unwrap();
    assert_eq!(verified.subject(), ada.id);
}

async fn exchanges_users_tokens_of_every_algorithm(database: TestDatabase) {
    let first = Server::on(database).await;
    let ada = first.sign_up("Ada").await;
    for alg in Algorithm::SERVER {
        let settings = json!({ "jwt": { "jwks": { "keyPairConfig": { "alg": alg.as_str() } } } });
        let server = first.beside(settings).await;
        let worker = server.registered(&format!("worker-{}", alg.as_str().to_lowercase())).await;
        let subject = server.user_token(&ada).await;
        let token = access_token(&server.exchange(&worker, &subject, "service:api").await);
        for token in [subject, token] {
            assert_eq!(
                (&part(&token, 0)["alg"], &part(&token, 1)["sub"]),
                (&json!(alg.as_str()), &json!(ada.id))
            );
        }
    }
}

async fn narrows_scopes_and_never_widens_them(database: TestDatabase) {
    let server = Server::on(database).await;
    let (worker, api) = (server.registered("worker").await, server.registered("api").await);
    let ada = server.sign_up("Ada").await;
    let user_token = server.user_token(&ada).await;
    let exchange = async |minter: &Minter, token: &str, to: &str, scope: &str| {
        let pairs = [
            ("subject_token", token),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", to),
            ("scope", scope),
        ];
        server.grant(minter, EXCHANGE, &pairs).await
    };
    let first = exchange(&worker, &user_token, "service:api", "a b").await;
    assert_eq!(first.json()["scope"], "a b");
    let first = access_token(&first);
    assert_eq!(part(&access_token(&exchange(&api, &first, "service:mail", "b").await), 1)["scope"], "b");
    assert_eq!(part(&access_token(&exchange(&api, &first, "service:mail", "").await), 1)["scope"], "a b");
    for wider in ["c", "a b c", "a b a c"] {
        let refused = exchange(&api, &first, "service:mail", wider).await;
        assert_error(&refused, "invalid_scope", "The scope is malformed, or more than the subject token has");
    }
}

async fn follows_a_chain_to_its_limit(database: TestDatabase) {
    let server = Server::on(database).await;
    let ada = server.sign_up("Ada").await;
    let mut token = server.user_token(&ada).await;
    let mut minters = Vec::new();
    for hop in 0..6 {
        minters.push(server.registered(&format!("s{hop}")).await);
    }
    for (hop, minter) in minters.iter().enumerate().take(4) {
        let next = format!("service:s{}", hop + 1);
        token = access_token(&server.exchange(minter, &token, &next).await);
    }
    assert_eq!(
        part(&token, 1)["act"],
        json!({"sub": "service:s3", "act": {"sub": "service:s2", "act": {"sub": "service:s1", "act": {"sub": "service:s0"}}}})
    );
    assert_eq!(part(&token, 1)["sub"], ada.id);
    let refused = server.exchange(&minters[4], &token, "service:s5").await;
    assert_error(&refused, "invalid_request", "The chain of actors is too long");
}

async fn never_outlives_the_subject(database: TestDatabase) {
    let server = Server::with(database, json!({ "jwt": { "jwt": { "expirationTime": "100s" } } })).await;
    let (worker, api) = (server.registered("worker").await, server.registered("api").await);
    let ada = server.sign_up("Ada").await;
    let user_token = server.user_token(&ada).await;
    let end = part(&user_token, 1)["exp"].clone();
    server.clock.advance(70);
    let response = server.exchange(&worker, &user_token, "service:api").await;
    let first = access_token(&response);
    assert_eq!(
        (response.json()["expires_in"].clone(), part(&first, 1)["exp"].clone()),
        (json!(30), end.clone())
    );
    server.clock.advance(20);
    let second = access_token(&server.exchange(&api, &first, "service:mail").await);
    assert_eq!(part(&second, 1)["exp"], end);
    // Within the tolerance for clocks a token still verifies, but there is no time left to give.
    for advance in [10, 4, 100] {
        server.clock.advance(advance);
        let refused = server.exchange(&worker, &user_token, "service:api").await;
        assert_error(&refused, "invalid_request", "The subject token is not good: expired");
    }
}

async fn refuses_subjects_that_are_not_its_own(database: TestDatabase) {
    let server = Server::on(database).await;
    let worker = server.registered("worker").await;
    let ada = server.sign_up("Ada").await;
    let user_token = server.user_token(&ada).await;
    let mut forged: Vec<_> = user_token.split('.').map(str::to_owned).collect();
    let mut claims = part(&user_token, 1);
    claims["sub"] = json!("somebody-else");
    forged[1] = base64url::encode(claims.to_string());
    let own = server.grant(&worker, "client_credentials", &[("audience", "service:worker")]).await;
    for (code, subject) in [
        ("malformed", "x".to_owned()),
        ("malformed", ada.token.clone()),
        ("signature_invalid", forged.join(".")),
        ("type_mismatch", worker.token(&name("api")).unwrap().to_string()),
        ("type_mismatch", access_token(&own)),
        ("key_unknown", worker.assertion(ISSUER).unwrap()),
    ] {
        let refused = server.exchange(&worker, &subject, "service:api").await;
        assert_error(&refused, "invalid_request", &format!("The subject token is not good: {code}"));
    }
}

async fn a_token_for_one_service_is_not_exchanged_by_another(database: TestDatabase) {
    let server = Server::on(database).await;
    let (worker, billing) = (server.registered("worker").await, server.registered("billing").await);
    let ada = server.sign_up("Ada").await;
    let for_api =
        access_token(&server.exchange(&worker, &server.user_token(&ada).await, "service:api").await);
    for thief in [&worker, &billing] {
        let refused = server.exchange(thief, &for_api, "service:mail").await;
        assert_error(&refused, "invalid_request", "The subject token is not good: audience_mismatch");
    }
}
