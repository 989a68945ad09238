//! Keys over HTTP: when they are fetched, when they are not, and what an issuer can do about it.

use std::time::{Duration, Instant};

use auth_verify::VerifyError;

use crate::support::{Answer, Issuer, check, eventually, jwks, key, token};

#[tokio::test]
async fn point_3_fetches_once_for_ten_thousand_tokens() {
    let key = key("k1");
    let issuer = Issuer::answering(Answer::keys(&[&key]));
    let verifier = issuer.verifier();
    let token = token(&key);
    for _ in 0..10_000 {
        assert_eq!(check(&verifier, &token).await, Ok(()));
    }
    assert_eq!(issuer.requests(), ["GET /jwks HTTP/1.1"]);
    let metrics = verifier.metrics();
    assert_eq!((metrics.accepted, metrics.fetches, metrics.hits), (10_000, 1, 9_999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn point_4_fetches_once_for_a_hundred_callers_of_a_cold_verifier() {
    let key = key("k1");
    let issuer = Issuer::answering(Answer::After(Duration::from_millis(200), jwks(&[&key])));
    let verifier = issuer.verifier();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token(&key));
            tokio::spawn(async move { check(&verifier, &token).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(()));
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn point_4_accepts_a_rotated_key_at_once_and_forgets_the_old_one() {
    let (old, new) = (key("old"), key("new"));
    let issuer = Issuer::answering(Answer::keys(&[&old]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    issuer.answer(Answer::keys(&[&new]));
    assert_eq!(check(&verifier, &token(&new)).await, Ok(()));
    assert_eq!(check(&verifier, &token(&old)).await, Err(VerifyError::KeyUnknown));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn point_4_asks_once_per_cooldown_however_many_unknown_kids_come() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    for round in 1..=3 {
        issuer.clock.advance(10);
        for number in 0..200 {
            let stranger = key(&format!("../{round}/{number}?x=y"));
            assert_eq!(check(&verifier, &token(&stranger)).await, Err(VerifyError::KeyUnknown));
        }
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
        assert_eq!(issuer.fetches(), 1 + round);
    }
    // The kid never becomes part of a request.
    assert!(issuer.requests().iter().all(|line| line == "GET /jwks HTTP/1.1"));
}

#[tokio::test]
async fn asks_once_when_the_first_token_has_an_unknown_kid() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&key("stranger"))).await, Err(VerifyError::KeyUnknown));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn point_4_fetches_once_for_a_hundred_callers_with_a_new_key() {
    let (old, new) = (key("old"), key("new"));
    let issuer = Issuer::answering(Answer::keys(&[&old]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    issuer.answer(Answer::After(Duration::from_millis(200), jwks(&[&old, &new])));
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token(&new));
            tokio::spawn(async move { check(&verifier, &token).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(()));
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn point_4_cools_down_after_failures_too() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::status(500, "{}"));
    let verifier = issuer.verifier();
    for _ in 0..50 {
        assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.answer(Answer::keys(&[&good]));
    issuer.clock.advance(9);
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
    issuer.clock.advance(1);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn never_asks_for_a_token_that_no_key_could_save() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, "not a token").await, Err(VerifyError::Malformed));
    assert_eq!(issuer.fetches(), 0);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.clock.advance(60);
    let forged = good.sign(Some("s2s+jwt"), &crate::support::claims()).unwrap();
    assert_eq!(check(&verifier, &forged).await, Err(VerifyError::TypeMismatch));
    assert_eq!(check(&verifier, "a.b.c").await, Err(VerifyError::EncodingInvalid { part: "header" }));
    assert_eq!(check(&verifier, "").await, Err(VerifyError::Malformed));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn point_3_verifies_known_kids_without_waiting_while_a_refresh_hangs() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    let good_token = token(&good);
    assert_eq!(check(&verifier, &good_token).await, Ok(()));
    issuer.answer(Answer::Silent);
    issuer.clock.advance(601);
    let begin = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(check(&verifier, &good_token).await, Ok(()));
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    eventually(&verifier, |metrics| metrics.fetch_failures == 1).await;
    assert_eq!(verifier.metrics().stale_hits, 1_000);
    // Silent for 3 seconds, then given up.
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn point_2_refreshes_in_the_background_before_the_time_is_over() {
    let (old, new) = (key("old"), key("new"));
    let answer = Answer::Plain(200, "cache-control: max-age=60\r\n".to_owned(), jwks(&[&old]));
    let issuer = Issuer::answering(answer);
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    issuer.answer(Answer::keys(&[&new]));
    issuer.clock.advance(44);
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    assert_eq!(verifier.metrics().fetches, 1);
    issuer.clock.advance(8);
    assert_eq!(check(&verifier, &token(&old)).await, Ok(()));
    eventually(&verifier, |_| issuer.fetches() == 2).await;
    // From here on, keys can only be those of the second answer.
    issuer.answer(Answer::status(500, "{}"));
    eventually_refused(&verifier, &token(&old)).await;
    assert_eq!(check(&verifier, &token(&new)).await, Ok(()));
}

async fn eventually_refused(verifier: &auth_verify::Verifier, token: &str) {
    for _ in 0..200 {
        if check(verifier, token).await == Err(VerifyError::KeyUnknown) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still accepted");
}

#[tokio::test]
async fn point_5_lives_on_the_last_good_set_for_a_day_of_outage() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::status(503, "{}"));
    for hour in 1..=24 {
        issuer.clock.advance(3600);
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()), "hour {hour}");
        eventually(&verifier, |metrics| metrics.fetch_failures == hour).await;
    }
    issuer.clock.advance(600);
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
    issuer.answer(Answer::keys(&[&good]));
    issuer.clock.advance(10);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
}

#[tokio::test]
async fn point_5_fails_closed_when_told_to() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.builder().max_stale_seconds(0).build().unwrap();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.answer(Answer::status(503, "{}"));
    issuer.clock.advance(599);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.clock.advance(1);
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
}

/// Everything that must count as no answer.
fn useless(good: &auth_jose::SigningKey) -> Vec<(&'static str, Answer)> {
    let set = jwks(&[good]);
    let redirect = "location: /elsewhere\r\n".to_owned();
    vec![
        ("html", Answer::body("<!doctype html>")),
        ("empty", Answer::body("")),
        ("no set", Answer::body("{}")),
        ("no keys", Answer::body(r#"{"keys":[]}"#)),
        ("no usable key", Answer::body(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#)),
        ("two documents", Answer::body(&format!("{set}{set}"))),
        ("truncated", Answer::body(set.get(..set.len() - 2).unwrap())),
        ("cut", Answer::Cut(set.clone())),
        ("not found, with keys", Answer::status(404, &set)),
        ("error, with keys", Answer::status(500, &set)),
        ("partial, with keys", Answer::status(206, &set)),
        ("no content", Answer::status(204, "")),
        ("redirect", Answer::Plain(302, redirect.clone(), set.clone())),
        ("permanent redirect", Answer::Plain(308, redirect, set.clone())),
        ("huge", Answer::Huge(set.clone(), 200 * 1024)),
        ("huge, announced", Answer::body(&format!("{set}{}", " ".repeat(64 * 1024)))),
        ("deep", Answer::body(&format!("{{\"keys\":{}", "[".repeat(60_000)))),
        (
            "compressed unasked",
            Answer::Plain(200, "content-encoding: gzip\r\n".to_owned(), "\u{1f}x".to_owned()),
        ),
        ("not HTTP", Answer::Plain(99, String::new(), set)),
    ]
}

#[tokio::test]
async fn point_8_takes_no_keys_from_a_bad_answer_when_cold() {
    let good = key("good");
    for (name, answer) in useless(&good) {
        let issuer = Issuer::answering(answer);
        let verifier = issuer.verifier();
        assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable), "{name}");
        assert_eq!(issuer.requests(), ["GET /jwks HTTP/1.1"], "{name}");
        assert_eq!(verifier.metrics().fetch_failures, 1, "{name}");
    }
}

#[tokio::test]
async fn point_8_keeps_the_good_set_when_a_bad_answer_follows() {
    let (good, stranger) = (key("good"), key("stranger"));
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    for (count, (name, answer)) in useless(&good).into_iter().enumerate() {
        issuer.answer(answer);
        issuer.clock.advance(10);
        assert_eq!(check(&verifier, &token(&stranger)).await, Err(VerifyError::KeyUnknown), "{name}");
        assert_eq!(check(&verifier, &token(&good)).await, Ok(()), "{name}");
        assert_eq!(issuer.fetches(), 2 + count, "{name}");
    }
}

#[tokio::test]
async fn point_7_gives_up_on_an_answer_that_drips() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::Slow(jwks(&[&good])));
    let verifier = issuer.verifier();
    let begin = Instant::now();
    assert_eq!(check(&verifier, &token(&good)).await, Err(VerifyError::KeysUnavailable));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_abort_the_fetch() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::After(Duration::from_millis(300), jwks(&[&good])));
    let verifier = issuer.verifier();
    let token = token(&good);
    let hung_up = tokio::time::timeout(Duration::from_millis(50), check(&verifier, &token)).await;
    assert!(hung_up.is_err());
    assert_eq!(check(&verifier, &token).await, Ok(()));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn survives_a_clock_that_is_set_back() {
    let good = key("good");
    let issuer = Issuer::answering(Answer::keys(&[&good]));
    issuer.clock.advance(5 * 24 * 3600);
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    issuer.clock.advance(-4 * 24 * 3600);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    // The set ages on as if nothing had happened.
    issuer.clock.advance(600);
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    eventually(&verifier, |metrics| metrics.fetches == 2).await;
}

#[tokio::test]
async fn point_8_skips_and_counts_unusable_keys() {
    let good = key("good");
    let set = jwks(&[&good]).replace("{\"keys\":[", r#"{"keys":[{"kty":"oct","k":"AAAA"},7,"#);
    let issuer = Issuer::answering(Answer::body(&set));
    let verifier = issuer.verifier();
    assert_eq!(check(&verifier, &token(&good)).await, Ok(()));
    assert_eq!(verifier.metrics().keys_skipped, 2);
}
