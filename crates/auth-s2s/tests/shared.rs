//! Tokens by a shared secret: what they are accepted for, and that they and key pairs never stand in for each other.
#![cfg(all(feature = "mint", feature = "shared-secret"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::sync::Arc;

use auth_jose::clock::ManualClock;
use auth_jose::{JsonError, KeyAlgorithm, SigningKey, Timestamp, VerifyError, base64url};
use auth_s2s::{
    Minter, Receiver, Refusal, Refused, Rejection, ServiceName, SharedMinter, SharedReceiver, SharedSecret,
    SharedSecretError,
};
use futures_util::FutureExt;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

const NOW: i64 = 1_893_456_000;
const SECRET: &str = "9mXcQ2h4dW8rK1vT7pYz3LsB6nJf0GeA";
const OTHER: &str = "Zk3uH8qPq1LmC5xR0tVb7WyN2sDf9JgE-and-more-than-one-block-of-sha-256-of-it";

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(text).unwrap()
}

struct World {
    clock: Arc<ManualClock>,
    worker: SharedMinter,
    api: SharedReceiver,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let worker =
            SharedMinter::new(name("worker"), secret(SECRET)).with_clock(Arc::clone(&clock) as Arc<_>);
        let api = SharedReceiver::new(name("api")).with_clock(Arc::clone(&clock) as Arc<_>);
        let api = api.allow(&name("worker"), secret(SECRET), &["orders:read", "orders:write"]).unwrap();
        let api = api.allow(&name("billing"), secret(OTHER), &[]).unwrap();
        Self { clock, worker, api }
    }

    fn outcome(&self, token: &str) -> Result<String, Refused> {
        self.api.verify(token).map(|caller| caller.service().to_string())
    }
}

fn claims() -> Value {
    json!({"iss": "service:worker", "sub": "service:worker", "aud": "service:api", "iat": NOW, "exp": NOW + 60, "jti": "J1"})
}

fn header() -> Value {
    json!({"alg": "HS256", "kid": "worker", "typ": "s2s-shared+jwt"})
}

#[expect(clippy::needless_pass_by_value, reason = "changes are written in place")]
fn with(mut object: Value, changes: Value) -> Value {
    for (member, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(member);
        } else {
            object[member] = value.clone();
        }
    }
    object
}

/// HMAC by itself, not by the code under test.
fn signed(secret: &[u8], header: &Value, claims: &Value) -> String {
    let input =
        format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(input.as_bytes());
    format!("{input}.{}", base64url::encode(mac.finalize().into_bytes()))
}

#[test]
fn a_caller_is_known_by_its_secret() {
    let world = World::new();
    let token = world.worker.token(&name("api"));
    let caller = world.api.verify(&token).unwrap();
    assert_eq!(caller.service(), &name("worker"));
    assert!(
        caller.has_scope("orders:read") && caller.has_scope("orders:write") && !caller.has_scope("admin")
    );
    let mut made = caller.raw_claims().clone();
    let id = made.remove("jti").unwrap();
    assert_eq!(base64url::decode(id.as_str().unwrap()).unwrap().len(), 16);
    assert_eq!(Value::Object(made), with(claims(), json!({"jti": null})));
    assert_ne!(world.worker.token(&name("api")), token, "each is for one call");

    let narrow = world.worker.token_of_scope(&name("api"), "orders:read admin").unwrap();
    let caller = world.api.verify(&narrow).unwrap();
    assert!(
        caller.has_scope("orders:read") && !caller.has_scope("orders:write") && !caller.has_scope("admin")
    );
    assert_eq!(caller.require_scope("orders:write"), Err(Rejection(Refusal::InsufficientScope)));
    assert_eq!(world.worker.token_of_scope(&name("api"), "a  b"), None);
}

#[test]
fn every_rule_refuses_with_its_own_reason() {
    let world = World::new();
    let by = |header: Value, claims: Value| signed(SECRET.as_bytes(), &header, &claims);
    let head = |changes| by(with(header(), changes), claims());
    let body = |changes| by(header(), with(claims(), changes));
    let good = by(header(), claims());
    let (input, _) = good.rsplit_once('.').unwrap();
    let invalid = |claim| Err(VerifyError::ClaimInvalid { claim }.into());
    let missing = |claim| Err(VerifyError::ClaimMissing { claim }.into());
    let act = |depth: usize| {
        (1..depth).fold(json!({"sub": "service:s"}), |inner, _| json!({"sub": "service:s", "act": inner}))
    };
    let table: Vec<(&str, String, Result<(), Refused>)> = vec![
        ("a good token", good.clone(), Ok(())),
        ("no token", "a.b".to_owned(), Err(VerifyError::Malformed.into())),
        ("four parts", format!("{good}.x"), Err(VerifyError::Malformed.into())),
        ("a long one", "a".repeat(20_000), Err(VerifyError::TooLarge.into())),
        ("an empty signature", format!("{input}."), Err(VerifyError::SignatureInvalid.into())),
        (
            "half a signature",
            good.chars().take(good.len() - 23).collect(),
            Err(VerifyError::SignatureInvalid.into()),
        ),
        (
            "another secret",
            signed(OTHER.as_bytes(), &header(), &claims()),
            Err(VerifyError::SignatureInvalid.into()),
        ),
        ("no secret", signed(b"", &header(), &claims()), Err(VerifyError::SignatureInvalid.into())),
        (
            "other claims",
            format!(
                "{}.{}.{}",
                good.split('.').next().unwrap(),
                base64url::encode(with(claims(), json!({"scope": "admin"})).to_string()),
                good.rsplit('.').next().unwrap()
            ),
            Err(VerifyError::SignatureInvalid.into()),
        ),
        ("alg none", head(json!({"alg": "none"})), Err(VerifyError::AlgorithmNotAllowed.into())),
        ("no alg", head(json!({"alg": null})), Err(VerifyError::AlgorithmNotAllowed.into())),
        ("alg HS512", head(json!({"alg": "HS512"})), Err(VerifyError::AlgorithmNotAllowed.into())),
        ("alg EdDSA", head(json!({"alg": "EdDSA"})), Err(VerifyError::AlgorithmNotAllowed.into())),
        ("alg in lower case", head(json!({"alg": "hs256"})), Err(VerifyError::AlgorithmNotAllowed.into())),
        ("the typ of key pairs", head(json!({"typ": "s2s+jwt"})), Err(VerifyError::TypeMismatch.into())),
        ("the typ of users", head(json!({"typ": "at+jwt"})), Err(VerifyError::TypeMismatch.into())),
        ("no typ", head(json!({"typ": null})), Err(VerifyError::TypeMismatch.into())),
        ("crit", head(json!({"crit": ["x"]})), Err(VerifyError::CriticalHeader.into())),
        ("b64", head(json!({"b64": false})), Err(VerifyError::CriticalHeader.into())),
        ("nobody's kid", head(json!({"kid": "stranger"})), Err(VerifyError::KeyUnknown.into())),
        ("no kid", head(json!({"kid": null})), Err(VerifyError::KeyUnknown.into())),
        ("another service's kid", head(json!({"kid": "billing"})), Err(VerifyError::SignatureInvalid.into())),
        (
            "another service's name under its own secret",
            signed(OTHER.as_bytes(), &with(header(), json!({"kid": "billing"})), &claims()),
            Err(VerifyError::IssuerMismatch.into()),
        ),
        (
            "another subject",
            body(json!({"sub": "service:billing"})),
            Err(VerifyError::SubjectMismatch.into()),
        ),
        ("a user", body(json!({"sub": "U1"})), Err(VerifyError::SubjectMismatch.into())),
        (
            "another issuer",
            body(json!({"iss": "https://auth.example.test"})),
            Err(VerifyError::IssuerMismatch.into()),
        ),
        ("another audience", body(json!({"aud": "service:mail"})), Err(VerifyError::AudienceMismatch.into())),
        ("a list of audiences", body(json!({"aud": ["service:api"]})), invalid("aud")),
        ("no audience", body(json!({"aud": null})), missing("aud")),
        ("61 s", body(json!({"exp": NOW + 61})), Err(VerifyError::LifetimeTooLong.into())),
        ("for ever", body(json!({"iat": 0})), Err(VerifyError::LifetimeTooLong.into())),
        ("after the year 9999", body(json!({"exp": i64::MAX})), invalid("exp")),
        ("ended 4 s ago", body(json!({"iat": NOW - 64, "exp": NOW - 4})), Ok(())),
        ("ended 5 s ago", body(json!({"iat": NOW - 65, "exp": NOW - 5})), Err(VerifyError::Expired.into())),
        ("a clock 5 s ahead", body(json!({"iat": NOW + 5, "exp": NOW + 65})), Ok(())),
        (
            "a clock 6 s ahead",
            body(json!({"iat": NOW + 6, "exp": NOW + 66})),
            Err(VerifyError::IssuedInFuture.into()),
        ),
        ("no exp", body(json!({"exp": null})), missing("exp")),
        ("exp as text", body(json!({"exp": "soon"})), invalid("exp")),
        ("no iat", body(json!({"iat": null})), missing("iat")),
        ("a negative iat", body(json!({"iat": -1})), invalid("iat")),
        ("no jti", body(json!({"jti": null})), missing("jti")),
        ("an empty jti", body(json!({"jti": ""})), invalid("jti")),
        ("a bad scope", body(json!({"scope": "a  b"})), invalid("scope")),
        ("five actors", body(json!({"act": act(5)})), Err(Refused::ChainTooLong)),
    ];
    for (what, token, expected) in table {
        assert_eq!(world.outcome(&token).map(drop), expected, "{what}");
    }
    let twice = r#"{"iss":"service:worker","iss":"service:worker"}"#;
    let input = format!("{}.{}", base64url::encode(header().to_string()), base64url::encode(twice));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    let twice = format!("{input}.{}", base64url::encode(mac.finalize().into_bytes()));
    let error = JsonError::DuplicateMember;
    assert_eq!(world.outcome(&twice), Err(VerifyError::JsonInvalid { part: "claims", error }.into()));
}

#[test]
fn neither_kind_passes_for_the_other() {
    let world = World::new();
    let pair = Minter::generate(name("worker")).unwrap().with_clock(Arc::clone(&world.clock) as Arc<_>);
    let by_key = Receiver::new(name("api"), [(name("worker"), pair.public_jwk())]).unwrap();
    let by_key = by_key.with_clock(Arc::clone(&world.clock) as Arc<_>);
    let check = |token: &str| by_key.verify(token).now_or_never().unwrap().map(drop).unwrap_err();
    let api = name("api");

    assert_eq!(world.outcome(&pair.token(&api).unwrap()), Err(VerifyError::TypeMismatch.into()));
    assert_eq!(check(&world.worker.token(&api)), VerifyError::TypeMismatch.into());

    // By everything that an attacker knows of the key pair, under its kid and type: the classical confusion.
    let public = pair.public_jwk();
    let x = base64url::decode(public["x"].as_str().unwrap()).unwrap();
    let text = Value::Object(public.clone()).to_string();
    for known in [&x[..], public["x"].as_str().unwrap().as_bytes(), text.as_bytes()] {
        for typ in ["s2s+jwt", "s2s-shared+jwt"] {
            let header = json!({"alg": "HS256", "kid": public["kid"], "typ": typ});
            let refused = check(&signed(known, &header, &claims()));
            let expected =
                if typ == "s2s+jwt" { VerifyError::AlgorithmNotAllowed } else { VerifyError::TypeMismatch };
            assert_eq!(refused, expected.into(), "{typ}");
            let header = json!({"alg": "HS256", "kid": "worker", "typ": typ});
            assert!(world.outcome(&signed(known, &header, &claims())).is_err());
        }
    }
    // And a signature by a key pair under the type of secrets.
    let key = SigningKey::generate(KeyAlgorithm::EdDsa, "worker").unwrap();
    let forged = key.sign(Some("s2s-shared+jwt"), &claims()).unwrap();
    assert_eq!(world.outcome(&forged), Err(VerifyError::AlgorithmNotAllowed.into()));
}

#[test]
fn takes_no_secret_that_can_be_guessed_or_known() {
    let refusal = |text: &str| SharedSecret::new(text).map(drop).unwrap_err();
    let short = SECRET.strip_suffix('A').unwrap();
    for short in ["", "secret", short, &format!("  {short}  ")] {
        assert_eq!(refusal(short), SharedSecretError::TooShort, "{short}");
    }
    assert_eq!(refusal(&"a".repeat(64)), SharedSecretError::NotRandom);
    let public = Value::Object(Minter::generate(name("worker")).unwrap().public_jwk()).to_string();
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----";
    for known in [&public, pem, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="] {
        assert_eq!(refusal(known), SharedSecretError::IsAKey, "{known}");
    }
    assert_eq!(format!("{:?}", secret(SECRET)), "SharedSecret(..)");
    let shown = format!("{:?} {:?}", World::new().worker, World::new().api);
    assert!(!shown.contains("9mXcQ2h4"), "{shown}");
}

#[test]
fn a_secret_is_of_one_service_and_can_be_replaced() {
    let world = World::new();
    let shared = world.api.clone().allow(&name("thief"), secret(SECRET), &[]).map(drop);
    assert_eq!(shared, Err(SharedSecretError::Repeated));
    let new = SharedMinter::new(name("worker"), secret("a-new-one-Zk3uH8qPq1LmC5xR0tVb7W"));
    let new = new.with_clock(Arc::clone(&world.clock) as Arc<_>);
    assert_eq!(world.outcome(&new.token(&name("api"))), Err(VerifyError::SignatureInvalid.into()));
    let both =
        world.api.clone().allow(&name("worker"), secret("a-new-one-Zk3uH8qPq1LmC5xR0tVb7W"), &["x"]).unwrap();
    for minter in [&world.worker, &new] {
        assert!(both.verify(&minter.token(&name("api"))).unwrap().has_scope("x"));
    }
}

#[test]
fn answers_requests_as_receivers_of_key_pairs_do() {
    let world = World::new();
    let bearer = |token: &str| format!("Bearer {token}").into_bytes();
    let ask = |headers: &[Vec<u8>]| {
        let outcome = world.api.authenticate(headers.iter().map(Vec::as_slice));
        outcome.map(|caller| caller.service().to_string())
    };
    let good = bearer(&world.worker.token(&name("api")));
    assert_eq!(ask(std::slice::from_ref(&good)), Ok("worker".to_owned()));
    assert_eq!(ask(&[]), Err(Rejection(Refusal::MissingToken)));
    assert_eq!(ask(&[good.clone(), good]), Err(Rejection(Refusal::InvalidRequest)));
    assert_eq!(ask(&[bearer("a.b.c")]), Err(Rejection(Refusal::InvalidToken)));
}
