//! Point 13: the issuer's list of what is withdrawn.

use std::time::{Duration, Instant};

use auth_jose::{KeyAlgorithm, SigningKey, Timestamp};
use auth_verify::testing::{Fault, Issuer, START};
use auth_verify::{Revocation, RevocationFeed, UserClaims, Verified, Verifier, VerifyError};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Answer, ISSUER, NOW, check, eventually, key};

fn session(name: &str) -> Revocation {
    Revocation::Session { sid: name.to_owned() }
}

fn token_of(issuer: &Issuer, sid: &str) -> String {
    issuer.token_with("U1", &json!({ "sid": sid }))
}

fn reading(issuer: &Issuer) -> Verifier {
    issuer.builder().revocation_feed(issuer.revocation_feed()).build().unwrap()
}

fn closing(issuer: &Issuer) -> Verifier {
    let feed = issuer.revocation_feed().close_after_seconds(30);
    issuer.builder().revocation_feed(feed).build().unwrap()
}

/// Waits, with a limit, until a token is refused.
async fn refused(verifier: &Verifier, token: &str) -> VerifyError {
    for _ in 0..500 {
        if let Err(error) = check(verifier, token).await {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never refused: {:?}", verifier.metrics());
}

#[tokio::test]
async fn point_13_what_is_withdrawn_is_refused_everywhere_whatever_was_remembered() {
    let issuer = Issuer::start();
    let verifiers = [reading(&issuer), reading(&issuer), closing(&issuer)];
    let (ended, other) = (token_of(&issuer, "S1"), token_of(&issuer, "S2"));
    for verifier in &verifiers {
        assert_eq!(check(verifier, &ended).await, Ok(()));
        eventually(verifier, |metrics| metrics.feed_reads >= 1).await;
    }
    issuer.withdraw(&session("S1"));
    for verifier in &verifiers {
        assert_eq!(refused(verifier, &ended).await, VerifyError::Revoked);
        assert_eq!(check(verifier, &other).await, Ok(()));
        assert_eq!(verifier.metrics().revocations, 1);
    }
}

#[tokio::test]
async fn point_13_a_token_that_was_good_can_be_asked_about_again() {
    let issuer = Issuer::start();
    let verifier = reading(&issuer);
    let (ended, other) = (token_of(&issuer, "S1"), token_of(&issuer, "S2"));
    let ended: Verified<UserClaims> = verifier.verify(&ended).await.unwrap();
    let other: Verified<UserClaims> = verifier.verify(&other).await.unwrap();
    assert!(!verifier.is_revoked(&ended) && !verifier.is_revoked(&other));
    issuer.withdraw(&session("S1"));
    eventually(&verifier, |metrics| metrics.revocations == 1).await;
    assert!(verifier.is_revoked(&ended) && !verifier.is_revoked(&other));
}

#[tokio::test]
async fn point_13_every_kind_of_entry_is_understood() {
    let issuer = Issuer::start();
    let verifier = reading(&issuer);
    let token =
        |subject: &str, sid: &str, jti: &str| issuer.token_with(subject, &json!({ "sid": sid, "jti": jti }));
    let before = Timestamp::from_seconds(START + 1);
    let cases = [
        (token("U1", "S1", "J1"), session("S1")),
        (token("U2", "S2", "J2"), Revocation::Token { jti: "J2".into() }),
        (token("U3", "S3", "J3"), Revocation::Subject { sub: "U3".into(), issued_before: before }),
    ];
    let last = token("U4", "S4", "J4");
    for (token, what) in cases {
        assert_eq!(check(&verifier, &token).await, Ok(()), "{what:?}");
        issuer.withdraw(&what);
        assert_eq!(refused(&verifier, &token).await, VerifyError::Revoked, "{what:?}");
        assert_eq!(check(&verifier, &last).await, Ok(()), "{what:?}");
    }
    let kid = issuer.kid();
    issuer.rotate();
    issuer.withdraw(&Revocation::Key { kid });
    assert_eq!(refused(&verifier, &last).await, VerifyError::Revoked);
    assert_eq!(check(&verifier, &token("U4", "S4", "J5")).await, Ok(()), "the new key is a good one");
}

#[tokio::test]
async fn point_13_a_new_process_knows_what_was_withdrawn_before_its_first_token() {
    let issuer = Issuer::start();
    for index in 0..1_234 {
        issuer.withdraw(&session(&format!("S{index}")));
    }
    for verifier in [reading(&issuer), closing(&issuer)] {
        assert_eq!(check(&verifier, &token_of(&issuer, "S1233")).await, Err(VerifyError::Revoked));
        assert_eq!(check(&verifier, &token_of(&issuer, "S1234")).await, Ok(()));
        assert_eq!(verifier.metrics().revocations, 1_234);
    }
}

#[tokio::test]
async fn point_13_serves_while_the_list_is_away_and_tells_for_how_long() {
    let issuer = Issuer::start();
    issuer.withdraw(&session("S1"));
    let verifier = reading(&issuer);
    let (ended, good) = (token_of(&issuer, "S1"), token_of(&issuer, "S2"));
    assert_eq!(check(&verifier, &ended).await, Err(VerifyError::Revoked));
    for fault in [Fault::Outage, Fault::Status(500), Fault::Garbage, Fault::Huge, Fault::Status(304)] {
        issuer.fail_revocations(fault);
        let failures = verifier.metrics().feed_failures;
        eventually(&verifier, |metrics| metrics.feed_failures > failures).await;
        issuer.clock().advance(40);
        assert_eq!(check(&verifier, &ended).await, Err(VerifyError::Revoked), "{fault:?}");
        assert_eq!(check(&verifier, &good).await, Ok(()), "{fault:?}");
        assert!(verifier.revocations_age().unwrap() >= Duration::from_secs(40), "{fault:?}");
        assert!(verifier.metrics().feed_age_seconds >= 40);
        issuer.recover();
        eventually(&verifier, |metrics| metrics.feed_age_seconds == 0).await;
    }
}

#[tokio::test]
async fn point_13_closes_while_the_list_is_away_where_that_is_wanted() {
    let issuer = Issuer::start();
    let verifier = closing(&issuer);
    let (good, other) = (token_of(&issuer, "S1"), token_of(&issuer, "S2"));
    assert_eq!(check(&verifier, &good).await, Ok(()));
    issuer.fail_revocations(Fault::Outage);
    eventually(&verifier, |metrics| metrics.feed_failures > 0).await;
    issuer.clock().advance(29);
    assert_eq!(check(&verifier, &good).await, Ok(()));
    issuer.clock().advance(2);
    for token in [&good, &other] {
        assert_eq!(check(&verifier, token).await, Err(VerifyError::RevocationsUnavailable));
    }
    let forged = SigningKey::generate(KeyAlgorithm::EdDsa, &issuer.kid()).unwrap();
    let forged = forged.sign(None, &issuer.claims("U1")).unwrap();
    assert_eq!(
        check(&verifier, &forged).await,
        Err(VerifyError::SignatureInvalid),
        "bad whatever the list says"
    );
    assert_eq!(verifier.metrics().refusals.of(VerifyError::RevocationsUnavailable), 2);
    issuer.recover();
    eventually(&verifier, |metrics| metrics.feed_age_seconds == 0).await;
    assert_eq!(check(&verifier, &good).await, Ok(()));
}

#[tokio::test]
async fn point_13_a_list_that_was_never_read_closes_or_serves() {
    let issuer = Issuer::start();
    issuer.fail_revocations(Fault::Status(503));
    let begin = Instant::now();
    assert_eq!(check(&reading(&issuer), &issuer.token("U1")).await, Ok(()));
    let refusal = check(&closing(&issuer), &issuer.token("U1")).await;
    assert_eq!(refusal, Err(VerifyError::RevocationsUnavailable));
    assert!(begin.elapsed() < Duration::from_secs(4), "the first failure ends the wait");
}

#[tokio::test]
async fn point_13_a_list_that_begins_anew_takes_nothing_back() {
    let issuer = Issuer::start();
    let verifier = reading(&issuer);
    let (old, new) = (token_of(&issuer, "S1"), token_of(&issuer, "S2"));
    issuer.withdraw(&session("S1"));
    issuer.withdraw(&session("S3"));
    assert_eq!(refused(&verifier, &old).await, VerifyError::Revoked);
    issuer.forget_revocations();
    issuer.withdraw(&session("S2"));
    assert_eq!(refused(&verifier, &new).await, VerifyError::Revoked);
    assert_eq!(check(&verifier, &old).await, Err(VerifyError::Revoked));
}

#[tokio::test]
async fn point_13_a_clock_that_is_set_back_revives_nothing() {
    let issuer = Issuer::start();
    let verifier = reading(&issuer);
    let ended = token_of(&issuer, "S1");
    issuer.withdraw(&session("S1"));
    assert_eq!(refused(&verifier, &ended).await, VerifyError::Revoked);
    // Ahead, so that the entry is over, and back again.
    issuer.clock().advance(86_400);
    assert_eq!(check(&verifier, &ended).await, Err(VerifyError::Expired));
    issuer.withdraw(&session("S9"));
    eventually(&verifier, |metrics| metrics.revocations == 1).await;
    issuer.clock().advance(-86_400);
    assert!(check(&verifier, &ended).await.is_err());
    let requests = issuer.revocation_requests();
    issuer.withdraw(&session("S10"));
    eventually(&verifier, |metrics| metrics.revocations == 3).await;
    assert!(issuer.revocation_requests() > requests, "what was forgotten is read again");
}

#[tokio::test]
async fn point_13_no_more_is_kept_than_allowed_and_that_is_told() {
    let issuer = Issuer::start();
    for index in 0..1_100 {
        issuer.withdraw(&session(&format!("S{index}")));
    }
    let feed = issuer.revocation_feed().max_entries(1_000).close_after_seconds(30);
    let verifier = issuer.builder().revocation_feed(feed).build().unwrap();
    assert_eq!(check(&verifier, &token_of(&issuer, "good")).await, Err(VerifyError::RevocationsUnavailable));
    assert_eq!(check(&verifier, &token_of(&issuer, "S7")).await, Err(VerifyError::Revoked));
    let metrics = verifier.metrics();
    assert!(metrics.revocations <= 1_000 && metrics.feed_failures >= 1, "{metrics:?}");
}

/// An issuer that answers every question for its list in the same way.
struct Liar {
    keys: crate::support::Issuer,
    list: crate::support::Issuer,
    key: SigningKey,
}

impl Liar {
    fn new() -> Self {
        let key = key("K1");
        let keys = crate::support::Issuer::answering(Answer::keys(&[&key]));
        let list = crate::support::Issuer::answering(Answer::body("nothing yet"));
        Self { keys, list, key }
    }

    fn verifier(&self) -> Verifier {
        let feed = RevocationFeed::new(&self.list.url()).client("orders", "secret");
        self.keys.builder().revocation_feed(feed).build().unwrap()
    }

    fn claims(after: i64, next: i64) -> Value {
        json!({ "iss": ISSUER, "sub": ISSUER, "aud": "revocations", "iat": NOW, "exp": NOW + 60, "after": after,
            "next": next, "more": false, "reset": false, "entries": [{ "sid": "S1", "exp": NOW + 9_999 }] })
    }

    fn token(&self) -> String {
        let claims =
            json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "U1", "iat": NOW, "exp": NOW + 900, "sid": "S1" });
        self.key.sign(None, &claims).unwrap()
    }
}

#[tokio::test]
async fn point_13_only_what_the_issuer_has_signed_as_its_list_counts() {
    const TYPE: Option<&str> = Some("revocations+jwt");
    let liar = Liar::new();
    let changed = |member: &str, value: Value| {
        let mut claims = Liar::claims(0, 5);
        claims[member] = value;
        claims
    };
    let good = Liar::claims(0, 5);
    let stranger = key("K1");
    let signed = |typ: Option<&str>, claims: &Value| liar.key.sign(typ, claims).unwrap();
    let answers = [
        stranger.sign(TYPE, &good).unwrap(),
        signed(None, &good),
        signed(Some("JWT"), &good),
        signed(Some("at+jwt"), &good),
        signed(TYPE, &changed("iss", json!("https://other.example.test"))),
        signed(TYPE, &changed("aud", json!(AUDIENCE))),
        signed(TYPE, &changed("exp", json!(NOW - 61))),
        signed(TYPE, &changed("after", json!(4))),
        signed(TYPE, &changed("next", json!(-1))),
        signed(TYPE, &changed("next", json!("5"))),
        signed(TYPE, &changed("more", json!("no"))),
        signed(TYPE, &changed("entries", json!({ "sid": "S1" }))),
        signed(TYPE, &changed("entries", json!(["S1"]))),
        good.to_string(),
        String::new(),
        liar.token(),
    ];
    for answer in answers {
        liar.list.answer(Answer::body(&answer));
        let verifier = liar.verifier();
        assert_eq!(check(&verifier, &liar.token()).await, Ok(()), "{answer:.60}");
        let metrics = verifier.metrics();
        assert!(
            (metrics.feed_reads, metrics.revocations) == (0, 0) && metrics.feed_failures >= 1,
            "{answer}"
        );
    }
    liar.list.answer(Answer::body(&signed(TYPE, &good)));
    assert_eq!(check(&liar.verifier(), &liar.token()).await, Err(VerifyError::Revoked));
    let heads = liar.list.heads();
    assert!(heads.iter().all(|head| head.contains("authorization: basic b3jkzxjzonnly3jlda==")), "{heads:?}");
}

#[tokio::test]
async fn point_13_a_service_reads_with_a_token_of_its_own() {
    let liar = Liar::new();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let token = move || format!("token-{}", number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let feed = RevocationFeed::new(&liar.list.url()).bearer(token);
    let verifier = liar.keys.builder().revocation_feed(feed).build().unwrap();
    eventually(&verifier, |metrics| metrics.feed_failures >= 2).await;
    let heads = liar.list.heads();
    assert!(heads[0].contains("authorization: bearer token-0"), "{heads:?}");
    assert!(heads[1].contains("authorization: bearer token-1"), "{heads:?}");
}

#[tokio::test]
async fn point_13_old_and_repeated_answers_take_nothing_back_and_do_not_loop() {
    let liar = Liar::new();
    let signed = |claims: &Value| liar.key.sign(Some("revocations+jwt"), claims).unwrap();
    liar.list.answer(Answer::body(&signed(&Liar::claims(0, 5))));
    let verifier = liar.verifier();
    assert_eq!(check(&verifier, &liar.token()).await, Err(VerifyError::Revoked));
    // The same again, to the next question; then one that wants the reader back.
    eventually(&verifier, |metrics| metrics.feed_failures >= 2).await;
    liar.list.answer(Answer::body(&signed(&Liar::claims(5, 4))));
    let failures = verifier.metrics().feed_failures;
    eventually(&verifier, |metrics| metrics.feed_failures > failures).await;
    assert_eq!(check(&verifier, &liar.token()).await, Err(VerifyError::Revoked));
    assert!(verifier.metrics().feed_reads == 1 && liar.list.fetches() < 20);
}

#[tokio::test]
async fn point_13_entries_of_later_kinds_are_skipped_and_counted() {
    let liar = Liar::new();
    let mut claims = Liar::claims(0, 5);
    claims["entries"] =
        json!([{ "device": "D1", "exp": NOW + 9 }, { "sid": "S1", "exp": NOW + 9, "note": [1] }]);
    claims["later"] = json!({ "a": 1 });
    liar.list.answer(Answer::body(&liar.key.sign(Some("revocations+jwt"), &claims).unwrap()));
    let verifier = liar.verifier();
    assert_eq!(check(&verifier, &liar.token()).await, Err(VerifyError::Revoked));
    assert_eq!((verifier.metrics().feed_skipped, verifier.metrics().revocations), (1, 1));
}

#[test]
fn point_13_a_verifier_made_outside_of_tokio_reads_from_its_first_token_on() {
    let issuer = Issuer::start();
    issuer.withdraw(&session("S1"));
    let verifier = reading(&issuer);
    // Two runtimes, one after the other: the reader moves.
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(check(&verifier, &token_of(&issuer, "S1")));
        assert_eq!(outcome, Err(VerifyError::Revoked));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let token = token_of(&issuer, "S2");
        assert_eq!(check(&verifier, &token).await, Ok(()));
        issuer.withdraw(&session("S2"));
        assert_eq!(refused(&verifier, &token).await, VerifyError::Revoked);
    });
}

#[tokio::test]
async fn point_13_the_reader_ends_with_its_verifier() {
    let issuer = Issuer::start();
    let verifier = reading(&issuer);
    assert_eq!(check(&verifier, &issuer.token("U1")).await, Ok(()));
    eventually(&verifier, |metrics| metrics.feed_reads >= 1).await;
    drop(verifier);
    issuer.withdraw(&session("S1"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let requests = issuer.revocation_requests();
    issuer.withdraw(&session("S2"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(issuer.revocation_requests(), requests);
}
