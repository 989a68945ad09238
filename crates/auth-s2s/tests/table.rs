//! What receivers must refuse, one row each, with the exact reason.
#![cfg(feature = "mint")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::Arc;

use auth_jose::clock::ManualClock;
use auth_jose::{Algorithm, KeyAlgorithm, SigningKey, Timestamp, base64url};
use auth_s2s::{Ask, Minter, Receiver, Refused, ServiceKey, ServiceName, VerifiedService, VerifyError};
use futures_util::FutureExt;
use serde_json::{Map, Value, json};

const NOW: i64 = 1_893_456_000;

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// Keys at hand: nothing to wait for.
fn verify(api: &Receiver, token: &str) -> Result<VerifiedService, Refused> {
    api.verify(token).now_or_never().unwrap()
}

struct World {
    clock: Arc<ManualClock>,
    worker: Minter,
    billing: Minter,
    api: Receiver,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let minter =
            |service: &str| Minter::generate(name(service)).unwrap().with_clock(Arc::clone(&clock) as Arc<_>);
        let (worker, billing) = (minter("worker"), minter("billing"));
        let keys = [&worker, &billing].map(|minter| (minter.name().clone(), minter.public_jwk()));
        let api = Receiver::new(name("api"), keys).unwrap().with_clock(Arc::clone(&clock) as Arc<_>);
        Self { clock, worker, billing, api }
    }

    /// The worker's key under a `kid`.
    fn key(&self, minter: &Minter, kid: &Value) -> SigningKey {
        let kid = kid.as_str().unwrap();
        SigningKey::from_private_jwk(minter.private_jwk().expose(), Algorithm::EdDsa, kid).unwrap()
    }
}

fn claims() -> Value {
    json!({"iss": "service:worker", "sub": "service:worker", "aud": "service:api", "iat": NOW, "exp": NOW + 60, "jti": "J1"})
}

#[expect(clippy::needless_pass_by_value, reason = "changes are written in place")]
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (claim, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value.clone();
        }
    }
    claims
}

#[test]
fn every_rule_refuses_with_its_own_reason() {
    let world = World::new();
    let (own, other) = (world.worker.public_jwk()["kid"].clone(), world.billing.public_jwk()["kid"].clone());
    let key = world.key(&world.worker, &own);
    let typ = Some("s2s+jwt");
    let signed = |claims: &Value| key.sign(typ, claims).unwrap();
    let p256 = SigningKey::generate(KeyAlgorithm::Es256, own.as_str().unwrap()).unwrap();
    let header = |header: Value| {
        let token = signed(&claims());
        let rest = token.split_once('.').unwrap().1.to_owned();
        format!("{}.{rest}", base64url::encode(header.to_string()))
    };
    let act = |depth: usize| {
        (1..depth).fold(json!({"sub": "service:s"}), |inner, _| json!({"sub": "service:s", "act": inner}))
    };
    let stranger = Minter::generate(name("stranger")).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    let table: Vec<(&str, String, Result<(), Refused>)> = vec![
        ("a good token", signed(&claims()), Ok(())),
        (
            "another audience",
            signed(&with(json!({"aud": "service:mail"}))),
            Err(VerifyError::AudienceMismatch.into()),
        ),
        (
            "a bare name as audience",
            signed(&with(json!({"aud": "api"}))),
            Err(VerifyError::AudienceMismatch.into()),
        ),
        (
            "a list of one audience",
            signed(&with(json!({"aud": ["service:api"]}))),
            Err(VerifyError::ClaimInvalid { claim: "aud" }.into()),
        ),
        (
            "a list of audiences",
            signed(&with(json!({"aud": ["service:api", "service:mail"]}))),
            Err(VerifyError::ClaimInvalid { claim: "aud" }.into()),
        ),
        (
            "no audience",
            signed(&with(json!({"aud": null}))),
            Err(VerifyError::ClaimMissing { claim: "aud" }.into()),
        ),
        ("a life of 61 s", signed(&with(json!({"exp": NOW + 61}))), Err(VerifyError::LifetimeTooLong.into())),
        (
            "61 s that are nearly over",
            signed(&with(json!({"iat": NOW - 60, "exp": NOW + 1}))),
            Err(VerifyError::LifetimeTooLong.into()),
        ),
        (
            "no iat",
            signed(&with(json!({"iat": null}))),
            Err(VerifyError::ClaimMissing { claim: "iat" }.into()),
        ),
        (
            "no exp",
            signed(&with(json!({"exp": null}))),
            Err(VerifyError::ClaimMissing { claim: "exp" }.into()),
        ),
        ("ended 4 s ago", signed(&with(json!({"iat": NOW - 64, "exp": NOW - 4}))), Ok(())),
        (
            "ended 5 s ago",
            signed(&with(json!({"iat": NOW - 65, "exp": NOW - 5}))),
            Err(VerifyError::Expired.into()),
        ),
        ("a clock 5 s ahead", signed(&with(json!({"iat": NOW + 5, "exp": NOW + 65}))), Ok(())),
        (
            "a clock 6 s ahead",
            signed(&with(json!({"iat": NOW + 6, "exp": NOW + 66}))),
            Err(VerifyError::IssuedInFuture.into()),
        ),
        ("not valid yet", signed(&with(json!({"nbf": NOW + 6}))), Err(VerifyError::NotYetValid.into())),
        (
            "no typ, as users' tokens have none",
            key.sign(None, &claims()).unwrap(),
            Err(VerifyError::TypeMismatch.into()),
        ),
        (
            "the typ of users' tokens",
            key.sign(Some("at+jwt"), &claims()).unwrap(),
            Err(VerifyError::TypeMismatch.into()),
        ),
        (
            "a proof of enrolment",
            world.worker.prove(&name("api"), None).unwrap(),
            Err(VerifyError::TypeMismatch.into()),
        ),
        (
            "a client assertion",
            world.worker.assertion("service:api").unwrap(),
            Err(VerifyError::TypeMismatch.into()),
        ),
        (
            "an unknown service",
            stranger.token(&name("api")).unwrap().to_string(),
            Err(VerifyError::KeyUnknown.into()),
        ),
        ("no kid", header(json!({"alg": "EdDSA", "typ": "s2s+jwt"})), Err(VerifyError::KeyAmbiguous.into())),
        (
            "its key under another service's kid",
            world.key(&world.worker, &other).sign(typ, &claims()).unwrap(),
            Err(VerifyError::SignatureInvalid.into()),
        ),
        (
            "another service's key under its kid",
            world.key(&world.billing, &own).sign(typ, &claims()).unwrap(),
            Err(VerifyError::SignatureInvalid.into()),
        ),
        (
            "another service as issuer",
            signed(&with(json!({"iss": "service:billing"}))),
            Err(VerifyError::IssuerMismatch.into()),
        ),
        (
            "another service as subject",
            signed(&with(json!({"sub": "service:billing"}))),
            Err(VerifyError::SubjectMismatch.into()),
        ),
        ("a user as subject", signed(&with(json!({"sub": "U1"}))), Err(VerifyError::SubjectMismatch.into())),
        (
            "no subject",
            signed(&with(json!({"sub": null}))),
            Err(VerifyError::ClaimMissing { claim: "sub" }.into()),
        ),
        (
            "a P-256 key under its kid",
            p256.sign(typ, &claims()).unwrap(),
            Err(VerifyError::KeyMismatch.into()),
        ),
        (
            "alg none",
            header(json!({"alg": "none", "kid": own, "typ": "s2s+jwt"})),
            Err(VerifyError::AlgorithmNotAllowed.into()),
        ),
        (
            "alg HS256",
            header(json!({"alg": "HS256", "kid": own, "typ": "s2s+jwt"})),
            Err(VerifyError::AlgorithmNotAllowed.into()),
        ),
        (
            "alg RS256",
            header(json!({"alg": "RS256", "kid": own, "typ": "s2s+jwt"})),
            Err(VerifyError::AlgorithmNotAllowed.into()),
        ),
        (
            "alg ES256",
            header(json!({"alg": "ES256", "kid": own, "typ": "s2s+jwt"})),
            Err(VerifyError::KeyMismatch.into()),
        ),
        (
            "a critical extension",
            header(json!({"alg": "EdDSA", "kid": own, "typ": "s2s+jwt", "crit": ["x"]})),
            Err(VerifyError::CriticalHeader.into()),
        ),
        (
            "no jti",
            signed(&with(json!({"jti": null}))),
            Err(VerifyError::ClaimMissing { claim: "jti" }.into()),
        ),
        (
            "an empty jti",
            signed(&with(json!({"jti": ""}))),
            Err(VerifyError::ClaimInvalid { claim: "jti" }.into()),
        ),
        (
            "a scope that is none",
            signed(&with(json!({"scope": "a  b"}))),
            Err(VerifyError::ClaimInvalid { claim: "scope" }.into()),
        ),
        (
            "a list of scopes",
            signed(&with(json!({"scope": ["a"]}))),
            Err(VerifyError::ClaimInvalid { claim: "scope" }.into()),
        ),
        (
            "a txn that is no text",
            signed(&with(json!({"txn": 7}))),
            Err(VerifyError::ClaimInvalid { claim: "txn" }.into()),
        ),
        (
            "an act that is no object",
            signed(&with(json!({"act": "service:s"}))),
            Err(VerifyError::ClaimInvalid { claim: "act" }.into()),
        ),
        (
            "a user as actor",
            signed(&with(json!({"act": {"sub": "U1"}}))),
            Err(VerifyError::ClaimInvalid { claim: "act" }.into()),
        ),
        ("four actors", signed(&with(json!({"act": act(4)}))), Ok(())),
        ("five actors", signed(&with(json!({"act": act(5)}))), Err(Refused::ChainTooLong)),
        (
            "a changed payload",
            {
                let t = signed(&claims());
                let p: Vec<_> = t.split('.').collect();
                format!(
                    "{}.{}.{}",
                    p[0],
                    base64url::encode(with(json!({"aud": "service:api", "scope": "admin"})).to_string()),
                    p[2]
                )
            },
            Err(VerifyError::SignatureInvalid.into()),
        ),
        ("garbage", "a.b".to_owned(), Err(VerifyError::Malformed.into())),
    ];
    for (what, token, expected) in table {
        assert_eq!(verify(&world.api, &token).map(drop), expected, "{what}");
    }
}

#[test]
fn a_service_token_is_refused_where_users_are_expected() {
    let world = World::new();
    let service = world.worker.token(&name("api")).unwrap();
    let keys = auth_jose::JwkSet::parse(json!({"keys": [world.worker.public_jwk()]}).to_string().as_bytes())
        .unwrap();
    let users = auth_jose::Policy::new("service:worker", "service:api").unwrap();
    let outcome =
        auth_jose::verify::<Map<String, Value>>(&users, &keys, Timestamp::from_seconds(NOW), &service);
    assert_eq!(outcome.unwrap_err(), VerifyError::TypeMismatch);
}

#[test]
fn the_list_of_callers_decides_who_may_and_what() {
    let world = World::new();
    let api = world.api.clone().allow(&name("worker"), &["orders:read", "orders:write"]);
    let caller = verify(&api, &world.worker.token(&name("api")).unwrap()).unwrap();
    assert!(
        caller.has_scope("orders:read") && caller.has_scope("orders:write") && !caller.has_scope("admin")
    );
    let narrow = Ask::to(&name("api")).scope_of("orders:read admin").unwrap();
    let caller = verify(&api, &world.worker.token_for(&narrow).unwrap()).unwrap();
    assert!(
        caller.has_scope("orders:read") && !caller.has_scope("orders:write") && !caller.has_scope("admin")
    );
    assert_eq!(caller.scopes().collect::<Vec<_>>(), ["orders:read"]);
    let refused = verify(&api, &world.billing.token(&name("api")).unwrap());
    assert_eq!(refused.unwrap_err(), Refused::CallerNotAllowed);
    // Without a list, a caller has what its token names.
    let caller = verify(&world.api, &world.worker.token_for(&narrow).unwrap()).unwrap();
    assert_eq!(caller.scopes().collect::<Vec<_>>(), ["orders:read", "admin"]);
    assert!(
        !verify(&world.api, &world.worker.token(&name("api")).unwrap()).unwrap().has_scope("orders:read")
    );
    assert!(Ask::to(&name("api")).scope_of("a  b").is_err());
}

#[test]
fn a_token_is_accepted_once_where_that_is_asked_for() {
    let world = World::new();
    let api = name("api");
    let token = world.worker.token(&api).unwrap();
    for _ in 0..3 {
        assert!(verify(&world.api, &token).is_ok(), "off: a kept token is meant to be used again");
    }
    let once = world.api.clone().single_use(2);
    assert!(verify(&once, &token).is_ok());
    assert_eq!(verify(&once, &token).unwrap_err(), Refused::Replayed);
    assert_eq!(verify(&once.clone(), &token).unwrap_err(), Refused::Replayed, "clones remember together");

    let single = Minter::from_private_jwk(name("worker"), world.worker.private_jwk().expose()).unwrap();
    let single = single.with_clock(Arc::clone(&world.clock) as Arc<_>).single_use();
    let (second, third) = (single.token(&api).unwrap(), single.token(&api).unwrap());
    assert_ne!(second, third);
    assert!(verify(&once, &second).is_ok());
    assert_eq!(verify(&once, &third).unwrap_err(), Refused::ReplayStoreFull, "full: it cannot tell");
    // An entry lives until its token would be refused anyway, and no longer.
    world.clock.advance(64);
    assert_eq!(verify(&once, &token).unwrap_err(), Refused::Replayed);
    world.clock.advance(1);
    assert_eq!(verify(&once, &token).unwrap_err(), Refused::Token(VerifyError::Expired));
    assert!(verify(&once, &single.token(&api).unwrap()).is_ok());
    // Bad tokens use up nothing.
    let small = world.api.clone().single_use(1);
    for _ in 0..3 {
        assert!(verify(&small, "a.b.c").is_err());
    }
    assert!(verify(&small, &single.token(&api).unwrap()).is_ok());
}

#[test]
fn says_on_whose_behalf_a_call_is_made() {
    let world = World::new();
    let first = Ask::to(&name("api")).transaction("T1");
    let caller = verify(&world.api, &world.worker.token_for(&first).unwrap()).unwrap();
    assert_eq!(caller.transaction(), Some("T1"));
    let onward = Ask::to(&name("api")).acting_for(&caller).unwrap();
    let second = verify(&world.api, &world.billing.token_for(&onward).unwrap()).unwrap();
    assert_eq!((second.service(), second.transaction()), (&name("billing"), Some("T1")));
    assert_eq!(second.actors(), [name("worker")]);
    let mut caller = second;
    for _ in 0..3 {
        let ask = Ask::to(&name("api")).acting_for(&caller).unwrap();
        caller = verify(&world.api, &world.worker.token_for(&ask).unwrap()).unwrap();
    }
    assert_eq!(Ask::to(&name("api")).acting_for(&caller).unwrap_err(), Refused::ChainTooLong);
}

#[test]
fn keys_are_replaced_ahead_of_time_and_dropped_when_nobody_asks() {
    let world = World::new();
    let (api, mail) = (name("api"), name("mail"));
    let first = world.worker.token(&api).unwrap();
    let unused = world.worker.token(&mail).unwrap();
    world.worker.renew_due();
    assert_eq!(world.worker.token(&api).unwrap(), first);
    world.clock.advance(26);
    world.worker.renew_due();
    assert_eq!(world.worker.token(&api).unwrap(), first, "before half of its life");
    world.clock.advance(8);
    assert_eq!(world.worker.token(&api).unwrap(), first, "no caller waits for a signature");
    world.worker.renew_due();
    let second = world.worker.token(&api).unwrap();
    assert_ne!(second, first);
    assert!(verify(&world.api, &second).is_ok());
    // Asked for once, renewed once; then nobody asks.
    assert_ne!(world.worker.token(&mail).unwrap(), unused);
    world.clock.advance(20);
    assert_eq!(world.worker.token(&api).unwrap(), second, "handed out until five seconds before its end");
}

#[test]
fn hands_a_token_out_until_five_seconds_before_its_end() {
    let world = World::new();
    let first = world.worker.token(&name("api")).unwrap();
    world.clock.advance(54);
    assert_eq!(world.worker.token(&name("api")).unwrap(), first);
    world.clock.advance(1);
    assert_ne!(world.worker.token(&name("api")).unwrap(), first);
}

#[test]
fn keeps_tokens_of_each_scope_apart() {
    let world = World::new();
    let ask = |scope: &str| Ask::to(&name("api")).scope_of(scope).unwrap();
    let (all, read) =
        (world.worker.token(&name("api")).unwrap(), world.worker.token_for(&ask("read")).unwrap());
    let write = world.worker.token_for(&ask("write")).unwrap();
    assert!(all != read && read != write);
    assert_eq!(world.worker.token_for(&ask("read")).unwrap(), read);
    assert_eq!(world.worker.token(&name("api")).unwrap(), all);
    assert_eq!(verify(&world.api, &read).unwrap().raw_claims()["scope"], "read");
}

#[test]
fn signs_with_the_successor_once_it_is_told_to() {
    let world = World::new();
    let api = name("api");
    let old = world.worker.token(&api).unwrap();
    let next = Minter::generate(name("worker")).unwrap();
    world.worker.switch_to(&next);
    let new = world.worker.token(&api).unwrap();
    assert_ne!(new, old);
    assert_eq!(world.worker.public_jwk(), next.public_jwk());
    assert_eq!(verify(&world.api, &new).unwrap_err(), Refused::Token(VerifyError::KeyUnknown));
    let keys = [(name("worker"), world.worker.public_jwk())];
    let following = Receiver::new(api, keys).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    assert!(verify(&following, &new).is_ok());
}

#[test]
fn a_key_bears_the_name_of_its_owner() {
    let world = World::new();
    let mut jwk = world.worker.public_jwk();
    jwk.insert("kid".to_owned(), json!("billing.x"));
    jwk.insert("svc".to_owned(), json!("service:billing"));
    let key = ServiceKey::new(&name("worker"), &jwk).unwrap();
    assert_eq!(key.to_jwk(), world.worker.public_jwk(), "whatever was written there");
}
