//! The issuer for users' tests: each switch does what it says, seen from a verifier.

use std::time::Duration;

use auth_jose::KeyAlgorithm;
use auth_verify::testing::{Fault, Issuer};
use auth_verify::{UserClaims, Verified, Verifier, VerifyError};
use serde_json::json;

async fn check(verifier: &Verifier, token: &str) -> Result<Verified, VerifyError> {
    verifier.verify::<UserClaims>(token).await
}

#[tokio::test]
async fn signs_tokens_that_its_verifiers_accept() {
    for algorithm in [
        KeyAlgorithm::EdDsa,
        KeyAlgorithm::Es256,
        KeyAlgorithm::Es512,
        KeyAlgorithm::Ps256 { modulus_bits: 2048 },
        KeyAlgorithm::Rs256 { modulus_bits: 2048 },
    ] {
        let issuer = Issuer::with_algorithm(algorithm);
        let verifier = issuer.verifier();
        let token = issuer.token_with("U1", &json!({"role": "admin", "email": "ann@example.test"}));
        let user = check(&verifier, &token).await.unwrap();
        assert_eq!((user.subject(), user.kid()), ("U1", Some(&*issuer.kid())));
        assert_eq!(user.claims().email.as_deref(), Some("ann@example.test"));
        assert_eq!(issuer.requests(), 1);
    }
}

#[tokio::test]
async fn shows_one_verifier_nothing_of_another_issuer() {
    let (one, other) = (Issuer::start(), Issuer::start());
    let refused = check(&one.verifier(), &other.token("U1")).await;
    assert!(matches!(refused, Err(VerifyError::SignatureInvalid)), "{refused:?}");
}

#[tokio::test]
async fn keeps_older_keys_after_a_rotation_and_drops_revoked_ones() {
    let issuer = Issuer::start();
    let old = issuer.token("U1");
    issuer.rotate();
    let new = issuer.token("U1");
    let verifier = issuer.verifier();
    assert!(check(&verifier, &old).await.is_ok());
    assert!(check(&verifier, &new).await.is_ok());
    issuer.revoke();
    let verifier = issuer.verifier();
    assert!(check(&verifier, &old).await.is_ok());
    assert!(check(&verifier, &issuer.token("U1")).await.is_ok());
    assert_eq!(check(&verifier, &new).await.unwrap_err(), VerifyError::KeyUnknown);
}

#[tokio::test]
async fn fails_in_each_way_and_recovers() {
    for fault in [Fault::Garbage, Fault::Huge, Fault::Outage, Fault::Status(503)] {
        let issuer = Issuer::start();
        let verifier = issuer.verifier();
        issuer.fail(fault);
        let refused = check(&verifier, &issuer.token("U1")).await;
        assert_eq!(refused.unwrap_err(), VerifyError::KeysUnavailable, "{fault:?}");
        issuer.recover();
        issuer.clock().advance(60);
        assert!(check(&verifier, &issuer.token("U1")).await.is_ok(), "{fault:?}");
        assert!(issuer.requests() >= 2, "{fault:?}");
    }
    let issuer = Issuer::start();
    issuer.fail(Fault::Slow(Duration::from_millis(100)));
    assert!(check(&issuer.verifier(), &issuer.token("U1")).await.is_ok());
}

#[tokio::test]
async fn dates_tokens_by_its_clock() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    issuer.clock().advance(auth_verify::testing::LIFETIME_SECONDS + 5);
    assert_eq!(check(&verifier, &token).await.unwrap_err(), VerifyError::Expired);
    assert!(check(&verifier, &issuer.token("U1")).await.is_ok());
}

#[tokio::test]
async fn closes_its_port_when_dropped() {
    let issuer = Issuer::start();
    let (verifier, token) = (issuer.verifier(), issuer.token("U1"));
    let address = issuer.issuer().replace("http://", "");
    drop(issuer);
    let is_closed = || std::net::TcpStream::connect(&address).is_err();
    assert!((0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_closed()
    }));
    assert_eq!(check(&verifier, &token).await.unwrap_err(), VerifyError::KeysUnavailable);
}
