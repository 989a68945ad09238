//! Minted tokens against receivers, and what receivers must refuse.
#![cfg(feature = "mint")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]
#![expect(clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;

use auth_jose::clock::ManualClock;
use auth_jose::entropy::SeededEntropy;
use auth_jose::{Algorithm, JsonError, JwkError, KeyError, SigningKey, Timestamp, base64url, verify};
use auth_s2s::{Minter, Receiver, ReceiverError, Refused, ServiceName, VerifiedService, VerifyError};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

const NOW: i64 = 1_893_456_000;

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// A worker, the API it calls, and the clock of both.
struct World {
    clock: Arc<ManualClock>,
    worker: Minter,
    key: SigningKey,
    api: Receiver,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let worker = Minter::generate(name("worker")).unwrap().with_clock(Arc::clone(&clock) as Arc<_>);
        let worker = worker.with_entropy(Arc::new(SeededEntropy::new(1)));
        let public = worker.public_jwk();
        let kid = public["kid"].as_str().unwrap();
        let key = SigningKey::from_private_jwk(worker.private_jwk().expose(), Algorithm::EdDsa, kid).unwrap();
        let api = Receiver::new(name("api"), [(name("worker"), public)]).unwrap();
        Self { api: api.with_clock(Arc::clone(&clock) as Arc<_>), clock, worker, key }
    }

    fn claims(&self) -> Value {
        json!({"iss": "service:worker", "sub": "service:worker", "aud": "service:api", "iat": NOW, "exp": NOW + 60, "jti": "J1"})
    }

    /// The refusal of a token by the worker's own key, with one claim changed.
    fn refusal(&self, claim: &str, value: Value) -> Option<VerifyError> {
        let mut claims = self.claims();
        claims[claim] = value;
        self.outcome(&self.key.sign(Some("s2s+jwt"), &claims).unwrap()).err()
    }

    fn outcome(&self, token: &str) -> Result<String, VerifyError> {
        verify_now(&self.api, token).map(|caller| caller.service().to_string()).map_err(token_error)
    }
}

/// Keys at hand: nothing to wait for.
fn verify_now(api: &Receiver, token: &str) -> Result<VerifiedService, Refused> {
    api.verify(token).now_or_never().unwrap()
}

fn token_error(refused: Refused) -> VerifyError {
    match refused {
        Refused::Token(error) => error,
        other => panic!("{other:?}"),
    }
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

#[test]
fn mints_exactly_these_claims() {
    let world = World::new();
    let token = world.worker.token(&name("api")).unwrap();
    let kid = world.worker.public_jwk()["kid"].clone();
    assert_eq!(part(&token, 0), json!({"alg": "EdDSA", "kid": kid, "typ": "s2s+jwt"}));
    let mut claims = part(&token, 1);
    let id = claims["jti"].take();
    assert_eq!(base64url::decode(id.as_str().unwrap()).unwrap().len(), 16);
    assert_eq!(
        claims,
        json!({"iss": "service:worker", "sub": "service:worker", "aud": "service:api", "iat": NOW, "exp": NOW + 60, "jti": null})
    );
}

#[test]
fn names_the_caller_of_a_good_token() {
    let world = World::new();
    let token = world.worker.token(&name("api")).unwrap();
    let caller = verify_now(&world.api, &token).unwrap();
    assert_eq!(caller.service(), &name("worker"));
    assert_eq!(caller.expires_at(), Timestamp::from_seconds(NOW + 60));
    assert_eq!(caller.raw_claims()["jti"], caller.token_id());
    // A bearer token is meant to be used more than once.
    assert_eq!(world.outcome(&token), Ok("worker".to_owned()));
}

#[test]
fn mints_anew_when_the_clock_was_set_back() {
    let world = World::new();
    let first = world.worker.token(&name("api")).unwrap();
    world.clock.advance(-30);
    let second = world.worker.token(&name("api")).unwrap();
    assert_ne!(second, first);
    assert_eq!(world.outcome(&second), Ok("worker".to_owned()));
}

#[test]
fn keeps_its_key_across_restarts() {
    let world = World::new();
    let restarted = Minter::from_private_jwk(name("worker"), world.worker.private_jwk().expose()).unwrap();
    assert_eq!(restarted.public_jwk(), world.worker.public_jwk());
    let token = restarted.with_clock(Arc::clone(&world.clock) as Arc<_>).token(&name("api")).unwrap();
    assert_eq!(world.outcome(&token), Ok("worker".to_owned()));
    let refused = Minter::from_private_jwk(name("worker"), r#"{"kty":"oct","k":"AAAA"}"#).unwrap_err();
    assert_eq!(refused, KeyError::KeyInvalid);
}

#[test]
fn grants_five_seconds_between_the_clocks() {
    let world = World::new();
    let token = world.worker.token(&name("api")).unwrap();
    world.clock.advance(-5);
    assert_eq!(world.outcome(&token), Ok("worker".to_owned()));
    world.clock.advance(-1);
    assert_eq!(world.outcome(&token), Err(VerifyError::IssuedInFuture));
    world.clock.advance(6 + 64);
    assert_eq!(world.outcome(&token), Ok("worker".to_owned()));
    world.clock.advance(1);
    assert_eq!(world.outcome(&token), Err(VerifyError::Expired));
}

#[test]
fn refuses_a_life_of_more_than_sixty_seconds() {
    let world = World::new();
    assert_eq!(world.refusal("exp", json!(NOW + 60)), None);
    assert_eq!(world.refusal("exp", json!(NOW + 61)), Some(VerifyError::LifetimeTooLong));
    assert_eq!(world.refusal("iat", json!(NOW - 1)), Some(VerifyError::LifetimeTooLong));
    assert_eq!(world.refusal("iat", Value::Null), Some(VerifyError::ClaimInvalid { claim: "iat" }));
    let mut undated = world.claims();
    undated.as_object_mut().unwrap().remove("iat");
    let token = world.key.sign(Some("s2s+jwt"), &undated).unwrap();
    assert_eq!(world.outcome(&token), Err(VerifyError::ClaimMissing { claim: "iat" }));
}

#[test]
fn accepts_one_audience_and_that_is_itself() {
    let world = World::new();
    let other = world.worker.token(&name("billing")).unwrap();
    assert_eq!(world.outcome(&other), Err(VerifyError::AudienceMismatch));
    assert_eq!(world.refusal("aud", json!("api")), Some(VerifyError::AudienceMismatch));
    for array in [json!(["service:api"]), json!(["service:api", "service:billing"])] {
        assert_eq!(world.refusal("aud", array), Some(VerifyError::ClaimInvalid { claim: "aud" }));
    }
}

#[test]
fn lets_nobody_speak_for_another_service() {
    let world = World::new();
    let billing = Minter::generate(name("billing")).unwrap();
    let callers = [(name("worker"), world.worker.public_jwk()), (name("billing"), billing.public_jwk())];
    let api = Receiver::new(name("api"), callers).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    let billing_kid = billing.public_jwk()["kid"].as_str().unwrap().to_owned();
    let sign = |kid: &str, issuer: &str, subject: &str| {
        let key =
            SigningKey::from_private_jwk(billing.private_jwk().expose(), Algorithm::EdDsa, kid).unwrap();
        let mut claims = world.claims();
        claims["iss"] = json!(issuer);
        claims["sub"] = json!(subject);
        let token = key.sign(Some("s2s+jwt"), &claims).unwrap();
        verify_now(&api, &token).map(|caller| caller.service().to_string()).map_err(token_error)
    };
    assert_eq!(sign(&billing_kid, "service:billing", "service:billing"), Ok("billing".to_owned()));
    assert_eq!(sign(&billing_kid, "service:worker", "service:worker"), Err(VerifyError::IssuerMismatch));
    assert_eq!(sign(&billing_kid, "service:billing", "service:worker"), Err(VerifyError::SubjectMismatch));
    assert_eq!(sign(world.key.kid(), "service:worker", "service:worker"), Err(VerifyError::SignatureInvalid));
}

#[test]
fn refuses_services_it_does_not_know() {
    let world = World::new();
    let stranger = Minter::generate(name("stranger")).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    assert_eq!(world.outcome(&stranger.token(&name("api")).unwrap()), Err(VerifyError::KeyUnknown));
    let namesake = Minter::generate(name("worker")).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    assert_eq!(world.outcome(&namesake.token(&name("api")).unwrap()), Err(VerifyError::KeyUnknown));
}

#[test]
fn tells_service_tokens_and_user_tokens_apart() {
    let world = World::new();
    for typ in [None, Some("JWT"), Some("at+jwt")] {
        let user = world.key.sign(typ, &world.claims()).unwrap();
        assert_eq!(world.outcome(&user), Err(VerifyError::TypeMismatch), "{typ:?}");
    }
    // Even a verifier of users that trusted this key and these names would refuse it.
    let service = world.worker.token(&name("api")).unwrap();
    let keys = json!({"keys": [world.worker.public_jwk()]}).to_string();
    let users = auth_jose::Policy::new("service:worker", "service:api").unwrap();
    let keys = auth_jose::JwkSet::parse(keys.as_bytes()).unwrap();
    let outcome = verify::<Map<String, Value>>(&users, &keys, Timestamp::from_seconds(NOW), &service);
    assert_eq!(outcome.unwrap_err(), VerifyError::TypeMismatch);
}

#[test]
fn refuses_tokens_without_an_id() {
    let world = World::new();
    for id in [json!(""), json!(7), Value::Null] {
        assert_eq!(world.refusal("jti", id), Some(VerifyError::ClaimInvalid { claim: "jti" }));
    }
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove("jti");
    let token = world.key.sign(Some("s2s+jwt"), &claims).unwrap();
    assert_eq!(world.outcome(&token), Err(VerifyError::ClaimMissing { claim: "jti" }));
    assert_eq!(world.outcome("a.b"), Err(VerifyError::Malformed));
}

#[test]
fn reads_keys_from_a_file_with_and_without_kids() {
    let world = World::new();
    let token = world.worker.token(&name("api")).unwrap();
    let mut bare = world.worker.public_jwk();
    bare.remove("kid");
    let older = Minter::generate(name("worker")).unwrap().public_jwk();
    for services in
        [json!({"worker": world.worker.public_jwk()}), json!({"worker": [older, bare], "billing": []})]
    {
        let api = Receiver::from_json(name("api"), &services.to_string()).unwrap();
        let api = api.with_clock(Arc::clone(&world.clock) as Arc<_>);
        assert!(verify_now(&api, &token).is_ok(), "{services}");
    }
}

#[test]
fn refuses_files_that_would_be_misread() {
    let public = Minter::generate(name("worker")).unwrap().public_jwk();
    let refused = |services: Value| Receiver::from_json(name("api"), &services.to_string()).unwrap_err();
    let service = name("worker");
    assert_eq!(refused(json!([])), ReceiverError::JsonInvalid(JsonError::NotAnObject));
    assert_eq!(refused(json!({"worker": "x"})), ReceiverError::KeyMissing { service: service.clone() });
    assert_eq!(
        refused(json!({"worker": [public, public]})),
        ReceiverError::KeyRepeated { service: service.clone() }
    );
    assert_eq!(
        refused(json!({"worker": public, "billing": public})),
        ReceiverError::KeyRepeated { service: name("billing") }
    );
    assert!(matches!(refused(json!({"Worker": public})), ReceiverError::NameInvalid { .. }));
    let mut private = public.clone();
    private.insert("d".to_owned(), json!("AAAA"));
    let error = JwkError::PrivateMember;
    assert_eq!(refused(json!({"worker": private})), ReceiverError::KeyInvalid { service, error });
}

#[cfg(feature = "actix")]
mod extractor {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};
    use auth_s2s::actix::{Rejection, ServiceCaller};

    use super::*;

    async fn reindex(caller: ServiceCaller) -> Result<String, Rejection> {
        caller.require_service(&["worker"])?;
        Ok(caller.service().to_string())
    }

    async fn post(api: &Receiver, authorization: Option<String>) -> (u16, Option<String>, String) {
        let app = App::new().app_data(web::Data::new(api.clone())).route("/", web::post().to(reindex));
        let app = init_service(app).await;
        let mut request = TestRequest::post().uri("/");
        if let Some(value) = authorization {
            request = request.append_header(("authorization", value));
        }
        let response = call_service(&app, request.to_request()).await;
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, challenge, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }

    #[actix_web::test]
    async fn lets_the_named_service_in() {
        let world = World::new();
        let token = world.worker.token(&name("api")).unwrap();
        let answer = post(&world.api, Some(format!("Bearer {token}"))).await;
        assert_eq!(answer, (200, None, "worker".to_owned()));
    }

    #[actix_web::test]
    async fn refuses_everybody_else() {
        let world = World::new();
        let (status, challenge, body) = post(&world.api, None).await;
        assert_eq!((status, challenge.as_deref()), (401, Some("Bearer")));
        assert_eq!(body, r#"{"code":"MISSING_TOKEN","message":"A bearer token is required."}"#);

        let user = world.key.sign(None, &world.claims()).unwrap();
        let (status, challenge, body) = post(&world.api, Some(format!("Bearer {user}"))).await;
        assert_eq!((status, challenge.as_deref()), (401, Some(r#"Bearer error="invalid_token""#)));
        assert_eq!(body, r#"{"code":"INVALID_TOKEN","message":"The token is invalid or has expired."}"#);

        let billing = Minter::generate(name("billing")).unwrap();
        let api = Receiver::new(name("api"), [(name("billing"), billing.public_jwk())]).unwrap();
        let token = billing.token(&name("api")).unwrap();
        let (status, challenge, _) = post(&api, Some(format!("Bearer {token}"))).await;
        assert_eq!((status, challenge.as_deref()), (403, Some(r#"Bearer error="insufficient_scope""#)));
    }
}
