//! Point 5: an issuer that is away.

use std::time::Duration;

use auth_verify::VerifyError;

use crate::support::{Answer, Issuer, Stranger, check, eventually, key, token};

#[tokio::test]
async fn point_5_shows_how_stale_the_keys_are_and_recovers() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(verifier.stale_age(), Duration::ZERO);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::status(503, "{}"));
    issuer.clock.advance(600 + 3_600);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    assert_eq!(verifier.stale_age(), Duration::from_secs(3_600));
    eventually(&verifier, |metrics| metrics.fetch_failures == 1).await;
    issuer.answer(Answer::keys(&[&good]));
    issuer.clock.advance(10);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    eventually(&verifier, |metrics| metrics.fetches == 3).await;
    eventually(&verifier, |metrics| metrics.stale_seconds == 0).await;
}

#[tokio::test]
async fn point_5_accepts_every_valid_token_through_a_minute_of_outage_with_a_flood_of_strangers() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    let good_token = token(&good);
    assert_eq!(check(&verifier, &good_token).await, Ok(()));
    issuer.answer(Answer::Cut(String::new()));
    // The outage begins when the set is nearly over and outlasts it.
    issuer.clock.advance(570);
    let mut stranger = Stranger::new();
    for second in 0..60 {
        for _ in 0..100 {
            assert_eq!(check(&verifier, &good_token).await, Ok(()), "second {second}");
            assert_eq!(check(&verifier, stranger.next()).await, Err(VerifyError::KeyUnknown));
        }
        issuer.clock.advance(1);
    }
    let metrics = verifier.metrics();
    assert_eq!(metrics.accepted, 6_001);
    assert!(metrics.stale_hits > 0);
    // One request in each 10 seconds, whoever caused it.
    assert!(issuer.fetches() <= 1 + 7, "{}", issuer.fetches());
}

#[tokio::test]
async fn point_5_a_set_that_became_too_old_stays_so_when_the_clock_is_set_back() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.builder().max_stale_seconds(60).build().unwrap();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::status(503, "{}"));
    issuer.clock.advance(660);
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
    issuer.clock.advance(-660);
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
}

#[tokio::test]
async fn point_5_too_old_a_set_refuses_tokens_that_were_verified_before_too() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.builder().max_stale_seconds(0).build().unwrap();
    let token = token(&good);
    assert_eq!(check(&verifier, &token).await, Ok(()));
    assert_eq!(check(&verifier, &token).await, Ok(()));
    issuer.answer(Answer::status(503, "{}"));
    issuer.clock.advance(600);
    assert_eq!(check(&verifier, &token).await, Err(VerifyError::KeysUnavailable));
}
