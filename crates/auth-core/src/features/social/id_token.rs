//! Id tokens (OpenID Connect Core 1.0, section 3.1.3.7), verified with the crate that our own APIs use: cached keys,
//! strict rules, and the last good keys while the provider is away.

use std::sync::Arc;

use auth_jose::base64url;
use auth_verify::{Algorithm, Clock, ConfigError, Entropy, Verifier, VerifyError};
use serde_json::{Map, Value};
use url::Url;

use super::outbound::{NamedBy, Outbound};
use super::provider::{ClaimRule, Nonce, Provider, RemoteCheck};

/// Why an id token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadToken {
    /// It is not good, or nobody can say.
    Invalid,
    /// It is good but names nobody.
    NoSubject,
}

/// How the id tokens of one provider are verified.
#[derive(Clone)]
pub(super) struct IdTokens(Check);

#[derive(Clone)]
enum Check {
    Keys(Box<Keys>),
    Remote(RemoteCheck),
}

#[derive(Clone)]
struct Keys {
    verifier: Verifier,
    nonce: Nonce,
    claims: ClaimRule,
    /// Values that are no JWT pass; the calls of the profile check them.
    opaque: bool,
}

/// Whose tokens are good.
pub(super) struct Accepted<'a> {
    pub(super) jwks: &'a Url,
    /// Empty: a rule on the claims decides.
    pub(super) issuers: &'a [String],
    pub(super) audiences: &'a [String],
    /// As the provider or upstream names them; unknown ones are skipped.
    pub(super) algorithms: Vec<&'a str>,
    pub(super) max_age: Option<u32>,
}

impl Accepted<'_> {
    fn verifier(&self, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<Verifier, ConfigError> {
        let algorithms: Vec<Algorithm> =
            self.algorithms.iter().filter_map(|name| name.parse().ok()).collect();
        let (issuer, audience) = (self.issuers.first(), self.audiences.first());
        let (issuer, audience) = (issuer.map_or("any", String::as_str), audience.map_or("", String::as_str));
        let mut builder = Verifier::builder(issuer, audience, self.jwks.as_str())
            .audiences(self.audiences)
            .algorithms(&algorithms)
            .required_claims(&[])
            // A sign-in's token is seen once.
            .cached_tokens(0)
            .clock(clock.clone())
            .entropy(entropy.clone());
        builder = if self.issuers.is_empty() { builder.any_issuer() } else { builder.issuers(self.issuers) };
        if let Some(seconds) = self.max_age {
            builder = builder.max_age_seconds(seconds);
        }
        builder.build()
    }
}

impl IdTokens {
    /// Those of a built-in provider, if it has any that a client may send.
    pub(super) fn built_in(provider: &Provider, parts: &super::Parts) -> Option<Self> {
        if let Some(remote) = provider.id_token_check() {
            return Some(Self(Check::Remote(remote)));
        }
        let rules = provider.id_token_rules()?;
        let accepted = Accepted {
            jwks: &rules.jwks,
            issuers: &rules.issuers,
            audiences: &rules.audiences,
            algorithms: rules.algorithms.to_vec(),
            max_age: rules.max_age,
        };
        let verifier = made(&provider.id, &accepted, parts)?;
        let (nonce, claims, opaque) = (rules.nonce, rules.claims, rules.opaque);
        Some(Self(Check::Keys(Box::new(Keys { verifier, nonce, claims, opaque }))))
    }

    /// Those of a provider whose keys a discovery document names.
    pub(super) fn discovered(id: &str, accepted: &Accepted<'_>, parts: &super::Parts) -> Option<Self> {
        let verifier = made(id, accepted, parts)?;
        let keys = Keys { verifier, nonce: Nonce::Exact, claims: ClaimRule::None, opaque: false };
        Some(Self(Check::Keys(Box::new(keys))))
    }

    /// Whether a token is good. `nonce`: the one that it has to carry.
    pub(super) async fn verify(
        &self,
        provider: &Provider,
        outbound: &Outbound,
        token: &str,
        nonce: Option<&str>,
    ) -> Result<(), BadToken> {
        let keys = match &self.0 {
            Check::Keys(keys) => keys,
            Check::Remote(remote) => {
                let answer = outbound.json(remote.request(token, nonce), NamedBy::Operator).await;
                let is_good = answer.is_ok_and(|answer| remote.accepts(&answer, nonce));
                return if is_good { Ok(()) } else { Err(BadToken::Invalid) };
            }
        };
        if keys.opaque && token.split('.').count() != 3 {
            return Ok(());
        }
        let verified = match keys.verifier.verify::<Value>(token).await {
            Ok(verified) => verified,
            Err(VerifyError::ClaimMissing { claim: "sub" }) => return Err(BadToken::NoSubject),
            Err(error) => {
                tracing::info!(provider = provider.id, code = error.code(), "id token refused");
                return Err(BadToken::Invalid);
            }
        };
        let claims = verified.raw_claims();
        let claimed = claims.get("nonce").and_then(Value::as_str);
        let is_bound = nonce.is_none_or(|nonce| claimed.is_some_and(|it| keys.nonce.matches(it, nonce)));
        if is_bound && keys.claims.allows(provider, claims) { Ok(()) } else { Err(BadToken::Invalid) }
    }
}

fn made(id: &str, accepted: &Accepted<'_>, parts: &super::Parts) -> Option<Verifier> {
    match accepted.verifier(&parts.clock, &parts.entropy) {
        Ok(verifier) => Some(verifier),
        Err(error) => {
            tracing::error!(provider = id, %error, "id tokens of this provider cannot be verified");
            None
        }
    }
}

/// The claims of a token that was verified, or that came from the provider itself.
pub(super) fn claims(token: &str) -> Option<Map<String, Value>> {
    let (_, rest) = token.split_once('.')?;
    let (payload, _) = rest.split_once('.')?;
    auth_jose::json::parse_object(&base64url::decode(payload)?).ok()
}
