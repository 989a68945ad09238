//! Point 12: tokens that were verified before, and what ends that.

use auth_verify::testing::{Issuer, LIFETIME_SECONDS, START};
use auth_verify::{Revocation, Timestamp, UserClaims, Verified, Verifier, VerifyError};
use serde_json::json;

use crate::support::{check, eventually};

fn until() -> Timestamp {
    Timestamp::from_seconds(START + 86_400)
}

fn hits(verifier: &Verifier) -> u64 {
    verifier.metrics().token_hits
}

#[tokio::test]
async fn point_12_verifies_each_token_once_and_shares_the_outcome() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let (one, other) = (issuer.token("U1"), issuer.token("U2"));
    for _ in 0..10 {
        let user: Verified = verifier.verify(&one).await.unwrap();
        assert_eq!((user.subject(), user.claims().sub.as_str()), ("U1", "U1"));
        assert_eq!(verifier.verify::<UserClaims>(&other).await.unwrap().subject(), "U2");
    }
    let metrics = verifier.metrics();
    assert_eq!((metrics.accepted, metrics.token_hits, metrics.cached_tokens), (20, 18, 2));
}

#[tokio::test]
async fn point_12_a_changed_token_is_another_one() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    assert_eq!(check(&verifier, &token).await, Ok(()));
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(check(&verifier, &changed).await.is_err(), "{changed}");
    }
    assert_eq!(hits(&verifier), 0);
}

#[tokio::test]
async fn point_12_each_type_of_claims_is_read_for_itself() {
    #[derive(Debug, serde::Deserialize)]
    struct Mine {
        plan: String,
    }
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token_with("U1", &json!({"plan": "pro"}));
    for _ in 0..2 {
        assert_eq!(check(&verifier, &token).await, Ok(()));
        assert_eq!(verifier.verify::<Mine>(&token).await.unwrap().claims().plan, "pro");
    }
    assert_eq!(hits(&verifier), 2);
    let plain = issuer.token("U1");
    assert_eq!(check(&verifier, &plain).await, Ok(()));
    assert_eq!(verifier.verify::<Mine>(&plain).await.unwrap_err(), VerifyError::ClaimsUnreadable);
}

#[tokio::test]
async fn point_12_can_be_switched_off_and_answers_the_same() {
    let issuer = Issuer::start();
    let (with, without) = (issuer.verifier(), issuer.builder().cached_tokens(0).build().unwrap());
    let token = issuer.token("U1");
    for seconds in [0, 1, LIFETIME_SECONDS - 2, 1, 1, 3, 1, 1] {
        issuer.clock().advance(seconds);
        for _ in 0..2 {
            assert_eq!(check(&with, &token).await, check(&without, &token).await, "after {seconds}");
        }
    }
    assert!(hits(&with) > 0);
    assert_eq!((hits(&without), without.metrics().cached_tokens), (0, 0));
}

#[tokio::test]
async fn point_12_an_entry_dies_when_its_token_expires() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    assert_eq!(check(&verifier, &token).await, Ok(()));
    issuer.clock().advance(LIFETIME_SECONDS - 1);
    assert_eq!((check(&verifier, &token).await, hits(&verifier)), (Ok(()), 1));
    // Within the leeway it is verified anew each time.
    issuer.clock().advance(1);
    assert_eq!((check(&verifier, &token).await, hits(&verifier)), (Ok(()), 1));
    assert_eq!(verifier.metrics().cached_tokens, 0);
    issuer.clock().advance(5);
    assert_eq!(check(&verifier, &token).await, Err(VerifyError::Expired));
}

#[tokio::test]
async fn point_12_an_entry_dies_when_its_token_is_too_old() {
    let issuer = Issuer::start();
    let verifier = issuer.builder().max_age_seconds(60).build().unwrap();
    let token = issuer.token("U1");
    assert_eq!(check(&verifier, &token).await, Ok(()));
    issuer.clock().advance(66);
    assert_eq!(check(&verifier, &token).await, Err(VerifyError::TooOld));
}

#[tokio::test]
async fn point_12_an_entry_dies_with_its_key() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    for _ in 0..2 {
        assert_eq!(check(&verifier, &token).await, Ok(()));
    }
    issuer.revoke();
    let (new, fetches) = (issuer.token("U1"), verifier.metrics().fetches);
    assert_eq!(check(&verifier, &new).await, Ok(()));
    assert_eq!(verifier.metrics().fetches, fetches + 1);
    assert_eq!(check(&verifier, &token).await, Err(VerifyError::KeyUnknown));
}

#[tokio::test]
async fn point_12_entries_outlive_a_rotation_that_keeps_their_key() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    assert_eq!(check(&verifier, &token).await, Ok(()));
    issuer.rotate();
    issuer.clock().advance(590);
    assert_eq!(check(&verifier, &token).await, Ok(()));
    eventually(&verifier, |metrics| metrics.keys == 2).await;
    for _ in 0..2 {
        assert_eq!(check(&verifier, &token).await, Ok(()));
    }
    assert_eq!(hits(&verifier), 2);
}

#[tokio::test]
async fn point_12_an_entry_dies_when_it_is_revoked_in_any_way() {
    let before = Timestamp::from_seconds(START + 1);
    for revocation in [
        Revocation::Token { jti: "J1".to_owned() },
        Revocation::Session { sid: "S1".to_owned() },
        Revocation::Subject { sub: "U1".to_owned(), issued_before: before },
        Revocation::Key { kid: "key-1".to_owned() },
    ] {
        let issuer = Issuer::start();
        for verifier in [issuer.verifier(), issuer.builder().cached_tokens(0).build().unwrap()] {
            let token = issuer.token_with("U1", &json!({"jti": "J1", "sid": "S1"}));
            assert_eq!(check(&verifier, &token).await, Ok(()));
            verifier.revoke([revocation.clone()], until());
            for _ in 0..2 {
                assert_eq!(check(&verifier, &token).await, Err(VerifyError::Revoked), "{revocation:?}");
            }
            assert_eq!(verifier.metrics().cached_tokens, 0);
            let clone = verifier.clone();
            assert_eq!(check(&clone, &token).await, Err(VerifyError::Revoked));
        }
    }
}

#[tokio::test]
async fn point_12_a_revocation_concerns_what_it_names_and_nothing_else() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let others = issuer.token_with("U2", &json!({"jti": "J2", "sid": "S2"}));
    // One value in another claim's place is no match.
    let crossed = issuer.token_with("J1", &json!({"jti": "S1", "sid": "U1"}));
    for token in [&others, &crossed] {
        assert_eq!(check(&verifier, token).await, Ok(()));
    }
    let all = [
        Revocation::Token { jti: "J1".to_owned() },
        Revocation::Session { sid: "S1".to_owned() },
        Revocation::Subject { sub: "U1".to_owned(), issued_before: Timestamp::from_seconds(START + 60) },
        Revocation::Key { kid: "key-9".to_owned() },
    ];
    verifier.revoke(all, until());
    for token in [&others, &crossed] {
        assert_eq!(check(&verifier, token).await, Ok(()));
    }
    // Looked at once more, then good again without a verification.
    assert_eq!(hits(&verifier), 2);
    // A token that the user got afterwards is good.
    issuer.clock().advance(60);
    assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    // One that does not say when it was issued is not.
    let lenient = issuer.builder().required_claims(&[]).build().unwrap();
    let mut undated = issuer.claims("U1");
    undated.as_object_mut().unwrap().remove("iat");
    let undated = issuer.sign(&undated);
    assert_eq!(check(&lenient, &undated).await, Ok(()));
    let late = Timestamp::from_seconds(START - 1);
    lenient.revoke([Revocation::Subject { sub: "U1".to_owned(), issued_before: late }], until());
    assert_eq!(check(&lenient, &undated).await, Err(VerifyError::Revoked));
}

#[tokio::test]
async fn point_12_revocations_add_up_and_are_forgotten_in_the_end() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let claims = |jti: &str| {
        let mut claims = issuer.claims("U1");
        claims["jti"] = json!(jti);
        claims["exp"] = json!(START + 86_400);
        issuer.sign(&claims)
    };
    let (one, other) = (claims("J1"), claims("J2"));
    let token = |jti: &str| Revocation::Token { jti: jti.to_owned() };
    verifier.revoke([token("J1")], Timestamp::from_seconds(START + 100));
    verifier.revoke([token("J2")], Timestamp::from_seconds(START + 200));
    // A later and shorter notice shortens nothing.
    verifier.revoke([token("J2")], Timestamp::from_seconds(START + 50));
    for (seconds, first, second) in
        [(0, false, false), (99, false, false), (1, true, false), (100, true, true)]
    {
        issuer.clock().advance(seconds);
        assert_eq!(check(&verifier, &one).await.is_ok(), first, "{seconds}");
        assert_eq!(check(&verifier, &other).await.is_ok(), second, "{seconds}");
    }
}

#[test]
fn point_12_what_ends_a_token_ends_it_on_every_thread() {
    const THREADS: usize = 4;
    let issuer = Issuer::start();
    let revoke = |verifier: &Verifier| {
        let everything = Revocation::Subject { sub: "U1".to_owned(), issued_before: until() };
        verifier.revoke([everything], until());
    };
    let other = issuer.token("U2");
    for (name, refusal) in [("revoked", VerifyError::Revoked), ("expired", VerifyError::Expired)] {
        let verifier = issuer.verifier();
        let token = issuer.token("U1");
        let barrier = std::sync::Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    for _ in 0..200 {
                        assert_eq!(runtime.block_on(check(&verifier, &token)), Ok(()), "{name}");
                    }
                    barrier.wait();
                    barrier.wait();
                    for _ in 0..200 {
                        assert_eq!(runtime.block_on(check(&verifier, &token)), Err(refusal), "{name}");
                    }
                    if name == "revoked" {
                        assert_eq!(runtime.block_on(check(&verifier, &other)), Ok(()));
                    }
                });
            }
            barrier.wait();
            if name == "revoked" {
                revoke(&verifier);
            } else {
                issuer.clock().advance(LIFETIME_SECONDS + 5);
            }
            barrier.wait();
        });
    }
}

#[tokio::test]
async fn point_12_the_cache_is_bounded_and_takes_no_huge_tokens() {
    let issuer = Issuer::start();
    let verifier = issuer.builder().cached_tokens(64).build().unwrap();
    for _ in 0..1_000 {
        assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
        assert!(verifier.metrics().cached_tokens <= 64);
    }
    let roomy = issuer.verifier();
    let huge = issuer.token_with("U1", &json!({"pad": "x".repeat(5_000)}));
    for _ in 0..2 {
        assert_eq!(check(&roomy, &huge).await, Ok(()));
    }
    assert_eq!((hits(&roomy), roomy.metrics().cached_tokens), (0, 0));
}

#[tokio::test]
async fn point_12_a_clock_that_is_set_back_revives_no_token() {
    let issuer = Issuer::start();
    for verifier in [issuer.verifier(), issuer.builder().cached_tokens(0).build().unwrap()] {
        let (refused, unseen) = (issuer.token("U1"), issuer.token("U2"));
        for token in [&refused, &unseen] {
            assert_eq!(check(&verifier, token).await, Ok(()));
        }
        issuer.clock().advance(LIFETIME_SECONDS + 5);
        assert_eq!(check(&verifier, &refused).await, Err(VerifyError::Expired));
        issuer.clock().advance(-LIFETIME_SECONDS);
        assert_eq!(check(&verifier, &refused).await, Err(VerifyError::Expired));
        if verifier.metrics().cached_tokens > 0 {
            // Kept when it was good, and expired since by the time that has passed.
            assert_eq!(check(&verifier, &unseen).await, Err(VerifyError::Expired));
        }
        // What is issued by the clock as it stands now is good.
        assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    }
}

#[tokio::test]
async fn point_12_a_token_that_is_not_valid_yet_is_not_either_because_it_was_kept() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token_with("U1", &json!({"nbf": START}));
    assert_eq!(check(&verifier, &token).await, Ok(()));
    issuer.clock().advance(-30);
    assert_eq!(check(&verifier, &token).await, Err(VerifyError::NotYetValid));
    issuer.clock().advance(30);
    assert_eq!(check(&verifier, &token).await, Ok(()));
}
