//! For tests of APIs: an issuer in this process that signs tokens, publishes its keys over HTTP, and
//! misbehaves when told to.
//!
//! Switched on by the feature `testing`, which belongs into `[dev-dependencies]`: it brings what signs
//! tokens (josekit, and with it OpenSSL).
//!
//! ```
//! use auth_verify::testing::{Fault, Issuer};
//! use auth_verify::{Verified, VerifyError};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let issuer = Issuer::start();
//! let verifier = issuer.verifier();
//!
//! let user: Verified = verifier.verify(&issuer.token("U1")).await.unwrap();
//! assert_eq!(user.subject(), "U1");
//!
//! // Keys that are known are used while the issuer is away.
//! issuer.fail(Fault::Outage);
//! assert!(verifier.verify::<auth_verify::UserClaims>(&issuer.token("U2")).await.is_ok());
//!
//! // Time is the test's: nothing sleeps.
//! let token = issuer.token("U1");
//! issuer.clock().advance(3600);
//! let refused = verifier.verify::<auth_verify::UserClaims>(&token).await;
//! assert_eq!(refused.unwrap_err(), VerifyError::Expired);
//! # }
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod feed;
mod server;

use std::sync::Arc;
use std::time::Duration;

use auth_jose::clock::ManualClock;
use auth_jose::{KeyAlgorithm, SigningKey, Timestamp};
use serde_json::{Map, Value, json};

use self::server::{Published, Server};
use crate::{Revocation, RevocationFeed, Verifier, VerifierBuilder};

/// What the clock of a new [`Issuer`] shows: 2030-01-01T00:00:00Z.
pub const START: i64 = 1_893_456_000;

/// How long the tokens of [`Issuer::token`] live, in seconds.
pub const LIFETIME_SECONDS: i64 = 900;

/// How an issuer fails to publish its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 200, but not with a key set.
    Garbage,
    /// A body without end.
    Huge,
    /// Connections are closed without an answer.
    Outage,
    /// The right answer, this much later.
    Slow(Duration),
    /// This status with an empty body.
    Status(u16),
}

/// An issuer on a port of its own on loopback. Dropping it closes the port.
pub struct Issuer {
    server: Server,
    clock: Arc<ManualClock>,
    audience: String,
    algorithm: KeyAlgorithm,
}

impl Issuer {
    /// An issuer with one Ed25519 key, for the audience `https://api.example.test`.
    #[must_use]
    pub fn start() -> Self {
        Self::with_algorithm(KeyAlgorithm::EdDsa)
    }

    /// An issuer whose keys, also those of later rotations, are of this kind.
    #[must_use]
    pub fn with_algorithm(algorithm: KeyAlgorithm) -> Self {
        let issuer = Self {
            server: Server::start(),
            clock: Arc::new(ManualClock::at(Timestamp::from_seconds(START))),
            audience: "https://api.example.test".to_owned(),
            algorithm,
        };
        let (url, clock) = (issuer.issuer(), Arc::clone(&issuer.clock));
        issuer.server.with(|published| published.feed.start(url, clock));
        issuer.rotate();
        issuer
    }

    /// The value of `iss`.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The value of `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Where the keys are.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/api/auth/jwks", self.issuer())
    }

    /// Where the keys of services are.
    #[must_use]
    pub fn services_jwks_url(&self) -> String {
        format!("{}/api/auth/s2s/jwks", self.issuer())
    }

    /// Publishes these public JWKs as the keys of services, with `kid` and `svc`, instead of those before.
    pub fn publish_services(&self, keys: impl IntoIterator<Item = Map<String, Value>>) {
        self.server.with(|published| published.services = keys.into_iter().collect());
    }

    /// The time of the issuer and of the verifiers it makes. It stands still until moved.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Where it lists what it has withdrawn.
    #[must_use]
    pub fn revocations_url(&self) -> String {
        format!("{}/api/auth/revocations", self.issuer())
    }

    /// The same, for [`VerifierBuilder::revocation_feed`].
    #[must_use]
    pub fn revocation_feed(&self) -> RevocationFeed {
        RevocationFeed::new(&self.revocations_url())
    }

    /// Lists something as withdrawn, until the tokens of now have expired.
    pub fn withdraw(&self, what: &Revocation) {
        use auth_jose::Clock;
        let until = self.clock.now().seconds() + LIFETIME_SECONDS + 60;
        self.server.with(|published| published.feed.add(what, until));
    }

    /// Lists nothing any more, as an issuer whose database was made anew.
    pub fn forget_revocations(&self) {
        self.server.with(|published| published.feed.clear());
    }

    /// The list of what is withdrawn fails from now on, keys do not, until [`Issuer::recover`].
    pub fn fail_revocations(&self, fault: Fault) {
        self.server.with(|published| published.feed.fault = Some(fault));
    }

    /// How often somebody has asked for the list.
    #[must_use]
    pub fn revocation_requests(&self) -> usize {
        self.server.with(|published| published.feed.requests)
    }

    /// A verifier of this issuer's tokens, on its clock.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.builder().build().expect("the settings are sound")
    }

    /// The same, for settings of your own.
    #[must_use]
    pub fn builder(&self) -> VerifierBuilder {
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        let builder = Verifier::builder(&self.issuer(), self.audience(), &self.jwks_url()).clock(clock);
        match self.algorithm {
            KeyAlgorithm::Es512 | KeyAlgorithm::Ps256 { .. } => builder.algorithms(&[self.algorithm.into()]),
            KeyAlgorithm::EdDsa | KeyAlgorithm::Es256 | KeyAlgorithm::Rs256 { .. } => builder,
        }
    }

    /// What a token of `subject` says: `iss`, `aud`, `sub`, `iat`, `exp` and `jti`, to be changed at will
    /// and signed by [`Issuer::sign`].
    #[must_use]
    pub fn claims(&self, subject: &str) -> Value {
        use auth_jose::Clock;
        let now = self.clock.now().seconds();
        let serial = self.server.with(|published| {
            published.tokens += 1;
            published.tokens
        });
        json!({"iss": self.issuer(), "aud": self.audience, "sub": subject, "iat": now,
            "exp": now + LIFETIME_SECONDS, "jti": format!("token-{serial}")})
    }

    /// A token of `subject` that lives [`LIFETIME_SECONDS`].
    #[must_use]
    pub fn token(&self, subject: &str) -> String {
        self.sign(&self.claims(subject))
    }

    /// A token with the claims of [`Issuer::claims`] and these: members of `more` replace those of the
    /// same name.
    #[must_use]
    pub fn token_with(&self, subject: &str, more: &Value) -> String {
        let mut claims = self.claims(subject);
        if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
            claims.extend(more.clone());
        }
        self.sign(&claims)
    }

    /// Signs any claims with the newest key.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(None, claims)
    }

    /// Signs any claims with the newest key, under a header with this `typ`.
    #[must_use]
    pub fn sign_as(&self, typ: Option<&str>, claims: &Value) -> String {
        let key = self.newest();
        key.sign(typ, claims).expect("claims are a JSON object")
    }

    /// Makes a new key and signs with it from now on. The older keys stay published.
    pub fn rotate(&self) {
        let number = self.server.with(|published| {
            published.keys_made += 1;
            published.keys_made
        });
        let key =
            SigningKey::generate(self.algorithm, &format!("key-{number}")).expect("a key can be generated");
        self.server.with(|published| published.keys.push(key));
    }

    /// Takes the newest key out of the set, as after its theft, and signs with a new one.
    pub fn revoke(&self) {
        self.server.with(|published| published.keys.pop());
        self.rotate();
    }

    /// Fails from now on, until [`Issuer::recover`].
    pub fn fail(&self, fault: Fault) {
        self.server.with(|published| published.fault = Some(fault));
    }

    /// Answers properly again.
    pub fn recover(&self) {
        self.server.with(|published| {
            published.fault = None;
            published.feed.fault = None;
        });
    }

    /// Lets answers say `Cache-Control: max-age=` this. Without a call there is no such header.
    pub fn set_max_age_seconds(&self, seconds: u32) {
        self.server.with(|published| published.max_age_seconds = Some(seconds));
    }

    /// How many requests there were, answered or not.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.server.with(|published| published.requests)
    }

    /// The key set as it is published.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.server.with(|published| published.body())
    }

    /// The `kid` of the newest key.
    #[must_use]
    pub fn kid(&self) -> String {
        self.newest().kid().to_owned()
    }

    fn newest(&self) -> SigningKey {
        let newest = |published: &mut Published| published.keys.last().cloned();
        self.server.with(newest).expect("there is always a key")
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("jwks_url", &self.jwks_url()).finish_non_exhaustive()
    }
}
