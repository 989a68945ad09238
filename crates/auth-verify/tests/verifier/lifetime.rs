//! Points 1 to 3: how long a set is kept, and who waits for the next one.

use std::time::Duration;

use auth_verify::testing::{Fault, Issuer as TestIssuer};
use auth_verify::{UserClaims, VerifyError};

use crate::support::{Answer, Issuer, check, eventually, jwks, key, token};

#[tokio::test]
async fn point_1_keeps_a_set_for_max_age_within_bounds_and_ten_minutes_by_default() {
    let good = key("good");
    for (header, ttl) in [
        ("cache-control: max-age=3\r\n", 30),
        ("cache-control: max-age=300\r\n", 300),
        ("cache-control: max-age=86400\r\n", 3600),
        ("cache-control: no-store\r\n", 30),
        ("", 600),
    ] {
        let issuer = Issuer::answering(Answer::Plain(200, header.to_owned(), jwks(&[&good])));
        let verifier = issuer.verifier();
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
        issuer.answer(Answer::status(503, "{}"));
        issuer.clock.advance(ttl);
        assert_eq!(verifier.stale_age(), Duration::ZERO, "{header}");
        issuer.clock.advance(7);
        assert_eq!(verifier.stale_age(), Duration::from_secs(7), "{header}");
        assert_eq!(verifier.metrics().stale_seconds, 7, "{header}");
    }
}

#[tokio::test]
async fn point_1_asks_whether_the_set_has_changed() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    let claims = issuer.claims("U1");
    let mut claims = claims.as_object().unwrap().clone();
    claims.insert("exp".to_owned(), (auth_verify::testing::START + 86_400).into());
    let long_lived = issuer.sign(&claims.into());
    assert_eq!(check(&verifier, &long_lived).await, Ok(()));
    for round in 1..=3 {
        issuer.clock().advance(601);
        assert_eq!(check(&verifier, &long_lived).await, Ok(()));
        eventually(&verifier, |metrics| metrics.not_modified == round && metrics.stale_seconds == 0).await;
    }
    // An unchanged set leaves what was verified under it untouched.
    let metrics = verifier.metrics();
    assert_eq!((metrics.fetches, metrics.token_hits, metrics.accepted), (4, 3, 4));
    // A changed one is taken.
    issuer.rotate();
    issuer.clock().advance(601);
    assert_eq!(check(&verifier, &long_lived).await, Ok(()));
    eventually(&verifier, |metrics| metrics.keys == 2).await;
    assert_eq!(verifier.metrics().not_modified, 3);
}

#[tokio::test]
async fn point_1_looks_behind_caches_for_an_unknown_kid() {
    // The entity tag stays the same although the keys change, as with a badly set up cache.
    let (old, new) = (key("old"), key("new"));
    let tagged = |set| Answer::Plain(200, "etag: \"1\"\r\n".to_owned(), set);
    let issuer = Issuer::answering(tagged(jwks(&[&old])));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    issuer.answer(tagged(jwks(&[&new])));
    assert_eq!(check(&verifier, &token(&new)).await, Ok(()));
    let heads = issuer.heads();
    assert!(heads.iter().all(|head| !head.contains("if-none-match")), "{heads:?}");
    assert!(heads.last().unwrap().contains("cache-control: no-cache"), "{heads:?}");
}

#[tokio::test]
async fn point_2_refreshes_between_75_and_85_percent_of_the_lifetime_in_the_background() {
    let good = key("good");
    let set = Answer::Plain(200, "cache-control: max-age=1000\r\n".to_owned(), jwks(&[&good]));
    for _ in 0..20 {
        let issuer = Issuer::answering(set.clone());
        let verifier = issuer.verifier();
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
        issuer.clock.advance(749);
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
        tokio::task::yield_now().await;
        assert_eq!(verifier.metrics().fetches, 1);
        issuer.clock.advance(102);
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
        eventually(&verifier, |_| issuer.fetches() == 2).await;
        assert_eq!(verifier.metrics().stale_hits, 0);
    }
}

#[tokio::test]
async fn point_2_refreshes_without_a_token_too() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    issuer.rotate();
    issuer.clock().advance(590);
    eventually(&verifier, |metrics| metrics.keys == 2).await;
    assert_eq!(verifier.metrics().accepted, 1);
}

#[tokio::test]
async fn point_3_a_known_kid_never_waits_for_the_network() {
    let issuer = TestIssuer::start();
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    issuer.fail(Fault::Slow(Duration::from_secs(60)));
    issuer.clock().advance(3_600);
    // On one thread, and never yielding: whoever waited would wait for ever.
    for _ in 0..100 {
        let token = issuer.token("U1");
        let mut verification = Box::pin(verifier.verify::<UserClaims>(&token));
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(verification.as_mut().poll(context)));
        match polled.await {
            std::task::Poll::Ready(outcome) => assert!(outcome.is_ok(), "{outcome:?}"),
            std::task::Poll::Pending => panic!("a known kid waits"),
        }
    }
    let refused = verifier.verify::<UserClaims>("a.b.c").await;
    assert!(matches!(refused, Err(VerifyError::EncodingInvalid { .. })));
    assert_eq!(verifier.metrics().fetch_failures, 0);
}
