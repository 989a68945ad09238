//! Point 14: what an operator sees.

use auth_verify::VerifyError;
use auth_verify::testing::{Fault, Issuer};
use serde_json::json;

use crate::support::{check, eventually};

#[tokio::test]
async fn point_14_counts_refusals_by_reason() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let expired = issuer.token_with("U1", &json!({"exp": auth_verify::testing::START - 60}));
    let foreign = issuer.token_with("U1", &json!({"aud": "https://other.example.test"}));
    assert_eq!(check(&verifier, &expired).await, Err(VerifyError::Expired));
    for _ in 0..2 {
        assert_eq!(check(&verifier, &foreign).await, Err(VerifyError::AudienceMismatch));
    }
    assert_eq!(check(&verifier, "x").await, Err(VerifyError::Malformed));
    let metrics = verifier.metrics();
    assert_eq!((metrics.accepted, metrics.refused), (0, 4));
    assert_eq!(metrics.refusals.of(VerifyError::AudienceMismatch), 2);
    let seen: Vec<_> =
        metrics.samples().filter(|(name, _, count)| *name == "refused" && *count > 0).collect();
    let expected = [("audience_mismatch", 2), ("expired", 1), ("malformed", 1)];
    assert_eq!(seen, expected.map(|(reason, count)| ("refused", Some(reason), count)));
}

#[tokio::test]
async fn point_14_counts_fetches_hits_and_the_stale_age() {
    let issuer = Issuer::start();
    let verifier = issuer.verifier();
    let token = issuer.token("U1");
    for _ in 0..5 {
        assert_eq!(check(&verifier, &token).await, Ok(()));
    }
    issuer.fail(Fault::Status(500));
    issuer.clock().advance(660);
    assert_eq!(check(&verifier, &token).await, Ok(()));
    eventually(&verifier, |metrics| metrics.fetch_failures == 1).await;
    let metrics = verifier.metrics();
    assert_eq!((metrics.accepted, metrics.hits, metrics.token_hits, metrics.stale_hits), (6, 5, 5, 1));
    assert_eq!((metrics.fetches, metrics.keys, metrics.stale_seconds), (2, 1, 60));
    // Every number has a name of its own.
    let mut names: Vec<_> = metrics.samples().map(|(name, reason, _)| (name, reason)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
