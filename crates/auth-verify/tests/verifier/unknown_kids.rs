//! Point 4: what tokens under unknown kids can cause, and what they cannot.

use std::time::Duration;

use auth_verify::VerifyError;
use futures_util::future::join_all;

use crate::support::{Answer, Issuer, check, jwks, key, token};

#[tokio::test]
async fn point_4_a_success_for_an_unknown_kid_starts_the_cooldown_and_a_routine_one_does_not() {
    let (first, second, third) = (key("1"), key("2"), key("3"));
    let issuer = Issuer::answering(Answer::keys(&[&first]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&first)).await, Ok(()));
    // Right after the routine request: a rotation is seen at once.
    issuer.answer(Answer::keys(&[&first, &second]));
    assert_eq!(check(&verifier, &token(&second)).await, Ok(()));
    // Right after the one for the unknown kid: not before the cooldown is over.
    issuer.answer(Answer::keys(&[&first, &second, &third]));
    assert_eq!(check(&verifier, &token(&third)).await, Err(VerifyError::KeyUnknown));
    issuer.clock.advance(9);
    assert_eq!(check(&verifier, &token(&third)).await, Err(VerifyError::KeyUnknown));
    issuer.clock.advance(1);
    assert_eq!(check(&verifier, &token(&third)).await, Ok(()));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn point_4_a_failure_starts_the_cooldown() {
    let (good, stranger, other) = (key("good"), key("stranger"), key("other"));
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::status(500, "{}"));
    for stranger in [&stranger, &other, &stranger] {
        assert_eq!(check(&verifier, &token(stranger)).await, Err(VerifyError::KeyUnknown));
    }
    assert_eq!(issuer.fetches(), 2);
    // A failure proves nothing about a kid: it is asked for again.
    issuer.answer(Answer::keys(&[&good, &stranger]));
    issuer.clock.advance(10);
    assert_eq!(check(&verifier, &token(&stranger)).await, Ok(()));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn point_4_a_kid_that_the_issuer_does_not_have_is_not_asked_for_again_soon() {
    let (good, gone, other) = (key("good"), key("gone"), key("other"));
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    for expected in [2, 2, 2] {
        assert_eq!(check(&verifier, &token(&gone)).await, Err(VerifyError::KeyUnknown));
        assert_eq!(issuer.fetches(), expected);
        issuer.clock.advance(10);
    }
    assert_eq!(check(&verifier, &token(&other)).await, Err(VerifyError::KeyUnknown));
    assert_eq!(issuer.fetches(), 3);
    issuer.clock.advance(10);
    assert_eq!(check(&verifier, &token(&gone)).await, Err(VerifyError::KeyUnknown));
    assert_eq!(issuer.fetches(), 4);
}

#[tokio::test]
async fn point_4_a_flood_of_kids_costs_two_requests_in_ten_seconds_and_good_tokens_nothing() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    let good_token = token(&good);
    assert_eq!(check(&verifier, &good_token).await, Ok(()));
    let mut stranger = crate::support::Stranger::new();
    for second in 0..10 {
        for number in 0..2_000 {
            let refused = check(&verifier, stranger.next()).await;
            assert_eq!(refused, Err(VerifyError::KeyUnknown));
            if number % 200 == 0 {
                assert_eq!(check(&verifier, &good_token).await, Ok(()), "second {second}");
            }
        }
        issuer.clock.advance(1);
    }
    assert!(issuer.fetches() <= 1 + 2, "{}", issuer.fetches());
    assert_eq!(verifier.metrics().refusals.of(VerifyError::KeyUnknown), 20_000);
}

#[tokio::test]
async fn point_4_only_so_many_wait_and_the_others_are_refused_at_once() {
    let (good, new) = (key("good"), key("new"));
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::After(Duration::from_millis(500), jwks(&[&good, &new])));
    let new_token = token(&new);
    // On one thread all are polled before the first answer can arrive.
    let outcomes = join_all((0..1_100).map(|_| check(&verifier, &new_token))).await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((accepted, issuer.fetches()), (1_024, 2));
    let metrics = verifier.metrics();
    assert_eq!((metrics.turned_away, metrics.refusals.of(VerifyError::KeyUnknown)), (76, 76));
    // The seats are free again.
    assert_eq!(check(&verifier, &new_token).await, Ok(()));
}

#[tokio::test]
async fn point_4_nobody_waits_longer_than_the_deadline() {
    let (good, stranger) = (key("good"), key("stranger"));
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::Silent);
    assert_eq!(check(&verifier, &token(&stranger)).await, Err(VerifyError::KeyUnknown));
    // Refused while the request, which has 3 seconds, is still on its way.
    let metrics = verifier.metrics();
    assert_eq!((metrics.fetches, metrics.fetch_failures), (2, 0));
}

#[tokio::test]
async fn point_4_a_request_that_was_on_its_way_before_the_key_does_not_settle_it() {
    let (old, new) = (key("old"), key("new"));
    let issuer = Issuer::answering(Answer::keys(&[&old]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    // A routine request brings the set as it was before the rotation.
    issuer.answer(Answer::After(Duration::from_millis(300), jwks(&[&old])));
    issuer.clock.advance(590);
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    crate::support::eventually(&verifier, |_| issuer.fetches() == 2).await;
    issuer.answer(Answer::keys(&[&old, &new]));
    assert_eq!(check(&verifier, &token(&new)).await, Ok(()));
    assert_eq!(issuer.fetches(), 3);
}
