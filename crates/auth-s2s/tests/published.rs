//! Receivers whose keys and revocations come from an auth server.
#![cfg(all(feature = "mint", feature = "published"))]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::time::Duration;

use auth_jose::{Clock, Timestamp};
use auth_s2s::{
    ConfigError, Minter, Receiver, Refusal, Refused, RevocationFeed, ServiceName, VerifierBuilder,
    VerifyError,
};
use auth_verify::Revocation;
use auth_verify::testing::{Fault, Issuer, START};
use serde_json::{Value, json};

fn name(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// The time of the issuer, for minters.
struct Time(Arc<Issuer>);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }
}

struct World {
    issuer: Arc<Issuer>,
    worker: Minter,
    billing: Minter,
}

impl World {
    fn new() -> Self {
        let issuer = Arc::new(Issuer::start());
        issuer.set_max_age_seconds(30);
        let minter = |service: &str| {
            Minter::generate(name(service)).unwrap().with_clock(Arc::new(Time(Arc::clone(&issuer))))
        };
        let world =
            Self { worker: minter("worker"), billing: minter("billing"), issuer: Arc::clone(&issuer) };
        world.publish(&[&world.worker, &world.billing]);
        world
    }

    fn publish(&self, minters: &[&Minter]) {
        self.issuer.publish_services(minters.iter().map(|minter| minter.public_jwk()));
    }

    fn feed(&self) -> RevocationFeed {
        self.issuer.revocation_feed().signed_by(&self.issuer.issuer(), &self.issuer.jwks_url())
    }

    fn settings(&self, builder: VerifierBuilder) -> VerifierBuilder {
        builder.clock(Arc::new(Time(Arc::clone(&self.issuer)))).revocation_feed(self.feed())
    }

    fn receiver(&self) -> Receiver {
        let url = self.issuer.services_jwks_url();
        Receiver::published_with(name("api"), &url, |builder| self.settings(builder)).unwrap()
    }

    fn receiver_of_issued(&self) -> Receiver {
        let (services, issuer, keys) =
            (self.issuer.services_jwks_url(), self.issuer.issuer(), self.issuer.jwks_url());
        let change = |builder| self.settings(builder);
        Receiver::published_and_issued(name("api"), &services, &issuer, &keys, change).unwrap()
    }

    /// What the auth server signs for a service that does not sign itself.
    fn issued(&self, changes: &Value) -> String {
        let now = self.issuer.clock().now().seconds();
        let mut claims = json!({"iss": self.issuer.issuer(), "sub": "service:mailer", "aud": "service:api", "iat": now,
            "exp": now + 60, "jti": "J1", "client_id": "service:mailer"});
        for (claim, value) in changes.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        self.issuer.sign_as(Some("s2s+jwt"), &claims)
    }
}

async fn check(api: &Receiver, token: &str) -> Result<String, Refused> {
    api.verify(token).await.map(|caller| caller.service().to_string())
}

/// Waits, with a limit, until what `minter` signs is no longer answered like this.
async fn until(api: &Receiver, minter: &Minter, is_awaited: impl Fn(&Result<String, Refused>) -> bool) {
    let mut last = None;
    for _ in 0..500 {
        let outcome = check(api, &minter.token(&name("api")).unwrap()).await;
        if is_awaited(&outcome) {
            return;
        }
        last = Some(outcome);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {last:?}");
}

fn is_revoked(outcome: &Result<String, Refused>) -> bool {
    *outcome == Err(Refused::Token(VerifyError::Revoked))
}

fn kid_of(minter: &Minter) -> String {
    minter.public_jwk()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_while_the_key_set_still_has_it() {
    let world = World::new();
    let receivers = [world.receiver(), world.receiver_of_issued()];
    for api in &receivers {
        assert_eq!(check(api, &world.worker.token(&name("api")).unwrap()).await, Ok("worker".to_owned()));
    }
    world.issuer.withdraw(&Revocation::Key { kid: kid_of(&world.worker) });
    for api in &receivers {
        until(api, &world.worker, is_revoked).await;
        assert_eq!(check(api, &world.billing.token(&name("api")).unwrap()).await, Ok("billing".to_owned()));
    }
}

#[tokio::test]
async fn a_withdrawn_key_stays_so_while_the_auth_server_is_away_and_may_come_back_with_it() {
    let world = World::new();
    let api = world.receiver();
    assert!(check(&api, &world.worker.token(&name("api")).unwrap()).await.is_ok());
    world.issuer.withdraw(&Revocation::Key { kid: kid_of(&world.worker) });
    until(&api, &world.worker, is_revoked).await;
    // The entry lives for 960 seconds; nobody brings a newer key set.
    world.issuer.fail(Fault::Outage);
    world.issuer.fail_revocations(Fault::Slow(Duration::ZERO));
    world.issuer.clock().advance(935);
    for _ in 0..3 {
        let requests = world.issuer.revocation_requests();
        while world.issuer.revocation_requests() < requests + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.issuer.clock().advance(25);
        let outcome = check(&api, &world.worker.token(&name("api")).unwrap()).await;
        assert!(is_revoked(&outcome), "{outcome:?}");
        assert!(check(&api, &world.billing.token(&name("api")).unwrap()).await.is_ok());
    }
    world.issuer.recover();
    until(&api, &world.worker, |outcome| {
        world.issuer.clock().advance(1);
        outcome.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_service_whose_key_is_published_no_more_is_unknown() {
    let world = World::new();
    let api = world.receiver();
    assert!(check(&api, &world.worker.token(&name("api")).unwrap()).await.is_ok());
    world.publish(&[&world.billing]);
    until(&api, &world.worker, |outcome| {
        world.issuer.clock().advance(1);
        *outcome == Err(VerifyError::KeyUnknown.into())
    })
    .await;
    assert!(check(&api, &world.billing.token(&name("api")).unwrap()).await.is_ok());
}

#[tokio::test]
async fn closes_while_the_list_is_away_where_that_is_wanted() {
    let world = World::new();
    let feed = world.feed().close_after_seconds(30);
    let api = Receiver::published_with(name("api"), &world.issuer.services_jwks_url(), |builder| {
        builder.clock(Arc::new(Time(Arc::clone(&world.issuer)))).revocation_feed(feed)
    });
    let api = api.unwrap();
    let token = || format!("Bearer {}", world.worker.token(&name("api")).unwrap()).into_bytes();
    assert!(api.authenticate([&*token()]).await.is_ok());
    let requests = world.issuer.revocation_requests();
    world.issuer.fail_revocations(Fault::Outage);
    while world.issuer.revocation_requests() < requests + 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.issuer.clock().advance(40);
    let rejection = api.authenticate([&*token()]).await.unwrap_err();
    assert_eq!((rejection.0, rejection.0.status()), (Refusal::RevocationsUnavailable, 503));
    world.issuer.recover();
    until(&api, &world.worker, Result::is_ok).await;
}

#[tokio::test]
async fn reads_the_list_with_a_token_of_its_own() {
    let world = World::new();
    let bearer = world.worker.bearer_for(&ServiceName::auth_server());
    let own = Receiver::published_with(name("auth"), &world.issuer.services_jwks_url(), |builder| {
        builder.clock(Arc::new(Time(Arc::clone(&world.issuer))))
    });
    assert_eq!(check(&own.unwrap(), &bearer()).await, Ok("worker".to_owned()));
    assert_eq!(bearer(), bearer(), "kept, as any other token");
}

#[test]
fn a_list_needs_a_signer() {
    let url = "https://auth.example.test/api/auth/s2s/jwks";
    let feed = || RevocationFeed::new("https://auth.example.test/api/auth/revocations");
    let with =
        |feed| Receiver::published_with(name("api"), url, |builder| builder.revocation_feed(feed)).map(drop);
    assert_eq!(with(feed()), Err(ConfigError::FeedSignerMissing));
    let issuer = "https://auth.example.test";
    assert_eq!(with(feed().signed_by(issuer, "https://auth.example.test/api/auth/jwks")), Ok(()));
    assert_eq!(
        with(feed().signed_by(issuer, "http://auth.example.test/jwks")),
        Err(ConfigError::JwksUrlInsecure)
    );
    assert!(matches!(
        with(feed().signed_by("", "https://auth.example.test/jwks")),
        Err(ConfigError::PolicyInvalid(_))
    ));
}

#[tokio::test]
async fn a_list_of_another_issuer_withdraws_nothing() {
    let world = World::new();
    let other = Issuer::start();
    other.withdraw(&Revocation::Key { kid: kid_of(&world.worker) });
    // By the keys of our issuer, and by its own keys under our issuer's name.
    for (issuer, keys) in
        [(other.issuer(), world.issuer.jwks_url()), (world.issuer.issuer(), other.jwks_url())]
    {
        let feed = other.revocation_feed().signed_by(&issuer, &keys);
        let api = Receiver::published_with(name("api"), &world.issuer.services_jwks_url(), |builder| {
            builder.clock(Arc::new(Time(Arc::clone(&world.issuer)))).revocation_feed(feed)
        });
        let api = api.unwrap();
        let before = other.revocation_requests();
        assert!(check(&api, &world.worker.token(&name("api")).unwrap()).await.is_ok());
        while other.revocation_requests() < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(check(&api, &world.worker.token(&name("api")).unwrap()).await.is_ok());
    }
}

#[tokio::test]
async fn accepts_what_the_auth_server_signs_for_a_service_where_that_is_wanted() {
    let world = World::new();
    let (both, own_only) = (world.receiver_of_issued(), world.receiver());
    let good = world.issued(&json!({}));
    assert_eq!(check(&both, &good).await, Ok("mailer".to_owned()));
    assert_eq!(check(&own_only, &good).await, Err(VerifyError::KeyUnknown.into()));
    assert_eq!(check(&both, &world.worker.token(&name("api")).unwrap()).await, Ok("worker".to_owned()));
    assert_eq!(check(&both.clone().allow(&name("worker"), &[]), &good).await, Err(Refused::CallerNotAllowed));
    for (what, changes, expected) in [
        ("another audience", json!({"aud": "service:mailer"}), VerifyError::AudienceMismatch),
        ("a list of audiences", json!({"aud": ["service:api"]}), VerifyError::ClaimInvalid { claim: "aud" }),
        ("another issuer", json!({"iss": "service:mailer"}), VerifyError::IssuerMismatch),
        ("a user", json!({"sub": "U1"}), VerifyError::ClaimInvalid { claim: "sub" }),
        ("61 s", json!({"exp": START + 61}), VerifyError::LifetimeTooLong),
        ("no id", json!({"jti": ""}), VerifyError::ClaimInvalid { claim: "jti" }),
        ("old", json!({"iat": START - 65, "exp": START - 5}), VerifyError::Expired),
    ] {
        assert_eq!(check(&both, &world.issued(&changes)).await, Err(expected.into()), "{what}");
    }
    let user = world.issuer.sign(&json!({"iss": world.issuer.issuer(), "sub": "U1", "aud": "service:api",
        "iat": START, "exp": START + 60, "jti": "J1"}));
    assert_eq!(check(&both, &user).await, Err(VerifyError::TypeMismatch.into()));
    // A service that signs itself does not get another one's name by writing the issuer's.
    let key = auth_jose::SigningKey::from_private_jwk(
        world.worker.private_jwk().expose(),
        auth_jose::Algorithm::EdDsa,
        &world.issuer.kid(),
    );
    let claims = json!({"iss": world.issuer.issuer(), "sub": "service:mailer", "aud": "service:api", "iat": START,
        "exp": START + 60, "jti": "J1"});
    let forged = key.unwrap().sign(Some("s2s+jwt"), &claims).unwrap();
    assert_eq!(check(&both, &forged).await, Err(VerifyError::SignatureInvalid.into()));
    // What was issued ends with its service too.
    let before = Timestamp::from_seconds(START + 2);
    world.issuer.withdraw(&Revocation::Subject { sub: "service:mailer".to_owned(), issued_before: before });
    for _ in 0..500 {
        if check(&both, &good).await == Err(VerifyError::Revoked.into()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never refused");
}
