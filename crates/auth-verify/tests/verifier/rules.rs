//! Points 7 to 11 and 17, as far as they are the verifier's own: the rules themselves, and forged tokens for each,
//! are in `auth-jose`; answers of the endpoint are in `tests/jwks_http`.

use auth_verify::testing::Issuer as TestIssuer;
use auth_verify::{Algorithm, UserClaims, VerifyError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Answer, ISSUER, Issuer, check, claims, jwks, key};

#[tokio::test]
async fn point_9_the_key_decides_the_algorithm() {
    let issuer = TestIssuer::start();
    let token = issuer.token("U1");
    let es_only = issuer.builder().algorithms(&[Algorithm::Es256]).build().unwrap();
    assert_eq!(check(&es_only, &token).await, Err(VerifyError::AlgorithmNotAllowed));
    // Refused by its header, before anything is fetched.
    assert_eq!(issuer.requests(), 0);
}

#[tokio::test]
async fn point_10_a_token_without_kid_needs_a_set_with_one_key_for_it() {
    let (one, two) = (key("1"), key("2"));
    let issuer = Issuer::answering(Answer::body(&jwks(&[&one])));
    let verifier = issuer.verifier();
    let unnamed = crate::support::token_without_kid(&one);
    assert_eq!(check(&verifier, &unnamed).await, Ok(()));
    let issuer = Issuer::answering(Answer::body(&jwks(&[&one, &two])));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &unnamed).await, Err(VerifyError::KeyAmbiguous));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn point_11_iss_aud_exp_iat_and_sub_are_required() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    let without = |claim: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        good.sign(None, &claims).unwrap()
    };
    for claim in ["iss", "aud", "exp", "iat", "sub"] {
        assert_eq!(check(&verifier, &without(claim)).await, Err(VerifyError::ClaimMissing { claim }));
    }
    assert_eq!(check(&verifier, &without("jti")).await, Ok(()));
    let stricter = issuer.builder().required_claims(&["jti"]).build().unwrap();
    assert_eq!(check(&stricter, &without("jti")).await, Err(VerifyError::ClaimMissing { claim: "jti" }));
    assert_eq!(check(&stricter, &without("iat")).await, Ok(()));
}

#[tokio::test]
async fn point_11_type_age_and_leeway_are_what_was_asked_for() {
    let issuer = TestIssuer::start();
    let typed = issuer.builder().typ("at+jwt").leeway_seconds(0).build().unwrap();
    let (plain, access) = (issuer.token("U1"), issuer.sign_as(Some("AT+JWT"), &issuer.claims("U1")));
    assert_eq!(check(&typed, &plain).await, Err(VerifyError::TypeMismatch));
    assert_eq!(check(&typed, &access).await, Ok(()));
    let lenient = issuer.verifier();
    assert_eq!(check(&lenient, &access).await, Ok(()));
    issuer.clock().advance(auth_verify::testing::LIFETIME_SECONDS);
    assert_eq!(check(&typed, &access).await, Err(VerifyError::Expired));
    // 5 seconds unless told otherwise.
    assert_eq!(check(&lenient, &access).await, Ok(()));
    issuer.clock().advance(5);
    assert_eq!(check(&lenient, &access).await, Err(VerifyError::Expired));
}

#[tokio::test]
async fn point_17_installs_no_global_crypto_provider() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    // A TLS client was set up as well, though nothing listens there.
    let https = auth_verify::Verifier::new(ISSUER, AUDIENCE, "https://127.0.0.1:1/jwks").unwrap();
    assert_eq!(check(&https, &issuer.token("U1")).await, Err(VerifyError::KeysUnavailable));
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn point_17_outlives_the_runtime_that_it_began_on() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    let on_a_runtime_of_its_own = |token: String| {
        let verifier = verifier.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move { check(&verifier, &token).await })
        })
    };
    for _ in 0..3 {
        let outcome = on_a_runtime_of_its_own(issuer.token("U1")).join().unwrap();
        assert_eq!(outcome, Ok(()));
        // The task that would have refreshed the set died with its runtime.
        issuer.rotate();
        issuer.clock().advance(10);
    }
    assert_eq!(verifier.metrics().fetch_failures, 0);
}

#[test]
fn point_17_answers_without_tokio_as_well() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(verifier.verify::<UserClaims>(&token)).is_ok());
    drop(runtime);
    // Keys at hand need no runtime, not even when it is time to refresh them.
    issuer.clock().advance(700);
    let mut verification = Box::pin(verifier.verify::<UserClaims>(&token));
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(verification.as_mut().poll(context), std::task::Poll::Ready(Ok(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn point_17_survives_any_token(texts in proptest::collection::vec("\\PC{0,80}|[A-Za-z0-9_.-]{0,80}", 8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let issuer = TestIssuer::start();
        let verifier = issuer.verifier();
        runtime.block_on(async {
            for text in &texts {
                prop_assert!(check(&verifier, text).await.is_err());
            }
            Ok(())
        })?;
    }

    #[test]
    fn point_17_survives_any_header_and_claims(
        header in proptest::collection::btree_map("alg|kid|typ|crit|b64|x", any_value(), 0..5),
        claims in proptest::collection::btree_map("iss|aud|sub|exp|nbf|iat|jti|sid|role", any_value(), 0..9),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let issuer = TestIssuer::start();
        let verifier = issuer.verifier();
        let part = |value: Value| auth_jose::base64url::encode(value.to_string());
        let forged = format!("{}.{}.AAAA", part(json!(header)), part(json!(&claims)));
        // Properly signed, the claims are read as well.
        let signed = issuer.sign(&json!(claims));
        runtime.block_on(async {
            prop_assert!(check(&verifier, &forged).await.is_err());
            let _ = check(&verifier, &signed).await;
            Ok(())
        })?;
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z:/.]{0,12}|EdDSA|JWT|key-1".prop_map(Value::from),
        Just(json!(["https://api.example.test", 1])),
        Just(json!({"a": {"b": []}})),
    ]
}
