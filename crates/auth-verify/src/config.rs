use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use auth_jose::{Algorithm, Clock, Entropy, OsEntropy, Policy, PolicyError, SystemClock};
use url::{Host, Url};

use crate::feed::{Feed, Signer};
use crate::fetch::Fetcher;
use crate::revocation::Revocations;
use crate::snapshot::SnapshotFile;
use crate::source::KeySource;
use crate::timeline::Timeline;
use crate::{RevocationFeed, Verifier};

/// Why a verifier cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    ClientUnavailable(String),
    /// Tokens that others sign about themselves do not say whose list it is.
    #[error("whose list of revocations it is has to be said: RevocationFeed::signed_by")]
    FeedSignerMissing,
    /// As [`ConfigError::JwksUrlInsecure`], of the list of revocations.
    #[error("the revocations' address must be https, or http on loopback")]
    FeedUrlInsecure,
    /// As [`ConfigError::JwksUrlInvalid`], of the list of revocations.
    #[error("the revocations' address is not a plain http or https URL")]
    FeedUrlInvalid,
    /// Plain http to another machine: whoever is in between could send keys of their own.
    #[error("the JWKS address must be https, or http on loopback")]
    JwksUrlInsecure,
    /// No absolute http or https address, or one that holds a user name or password.
    #[error("the JWKS address is not a plain http or https URL")]
    JwksUrlInvalid,
    /// Issuer, audience, algorithms, type or leeway.
    #[error("{0}")]
    PolicyInvalid(#[from] PolicyError),
}

/// Everything about a [`Verifier`] that has a default.
pub struct VerifierBuilder {
    policy: Result<Policy, PolicyError>,
    issuer: String,
    algorithms: Option<Vec<Algorithm>>,
    feed: Option<RevocationFeed>,
    jwks_url: String,
    max_stale_seconds: u32,
    cached_tokens: usize,
    snapshot_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

const DAY_SECONDS: u32 = 24 * 60 * 60;
const CACHED_TOKENS: usize = 10_000;

impl VerifierBuilder {
    pub(crate) fn new(issuer: &str, audience: &str, jwks_url: &str) -> Self {
        let policy = Policy::new(issuer, audience).map(|policy| policy.with_required_claims(&["iat"]));
        Self::of_policy(policy, issuer, jwks_url)
    }

    pub(crate) fn of_policy(policy: Result<Policy, PolicyError>, issuer: &str, jwks_url: &str) -> Self {
        Self {
            policy,
            issuer: issuer.to_owned(),
            algorithms: None,
            feed: None,
            jwks_url: jwks_url.to_owned(),
            max_stale_seconds: DAY_SECONDS,
            cached_tokens: CACHED_TOKENS,
            snapshot_file: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        }
    }

    /// Accepts tokens of each of these issuers, which share their keys.
    #[must_use]
    pub fn issuers(self, issuers: &[String]) -> Self {
        self.with(|policy| policy.with_issuers(issuers))
    }

    /// Accepts tokens of whoever has these keys: for services where each tenant is an issuer of its own. The caller
    /// has to judge `iss`.
    #[must_use]
    pub fn any_issuer(self) -> Self {
        self.with(|policy| Ok(policy.with_any_issuer()))
    }

    /// Accepts tokens for each of these audiences.
    #[must_use]
    pub fn audiences(self, audiences: &[String]) -> Self {
        self.with(|policy| policy.with_audiences(audiences))
    }

    /// Allows these algorithms only. Default: EdDSA, Ed25519, ES256, RS256.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = Some(algorithms.to_vec());
        self.with(|policy| policy.with_algorithms(algorithms))
    }

    /// Requires this `typ` in the header. Default: absent, `JWT` or `at+jwt`.
    #[must_use]
    pub fn typ(self, typ: &str) -> Self {
        self.with(|policy| policy.with_typ(typ))
    }

    /// How far the issuer's clock and ours may be apart. Default: 5.
    #[must_use]
    pub fn leeway_seconds(self, seconds: u32) -> Self {
        self.with(|policy| policy.with_leeway_seconds(seconds))
    }

    /// How long the last good key set is used past its time while no new one can be fetched.
    /// Default: 86400. With 0, an outage of the issuer stops verification.
    #[must_use]
    pub fn max_stale_seconds(mut self, seconds: u32) -> Self {
        self.max_stale_seconds = seconds;
        self
    }

    /// Which claims a token needs besides `iss`, `aud`, `sub` and `exp`. Default: `iat`.
    #[must_use]
    pub fn required_claims(self, claims: &[&'static str]) -> Self {
        self.with(|policy| Ok(policy.with_required_claims(claims)))
    }

    /// Refuses tokens that were issued longer ago, whatever their `exp`; requires `iat`. Default: no limit.
    #[must_use]
    pub fn max_age_seconds(self, seconds: u32) -> Self {
        self.with(|policy| Ok(policy.with_max_age_seconds(seconds)))
    }

    /// How many verified tokens are kept, so that each is verified once. Default: 10,000; 0 keeps none.
    /// An entry ends with its token, with a change of the issuer's keys and with a revocation.
    #[must_use]
    pub fn cached_tokens(mut self, count: usize) -> Self {
        self.cached_tokens = count;
        self
    }

    /// Refuses what the issuer has withdrawn, within a second. The list is read in the background from the moment
    /// that the verifier is made, or with the first token where it is made outside of tokio. Default: no list.
    #[must_use]
    pub fn revocation_feed(mut self, feed: RevocationFeed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Keeps the last good key set in a file, so that a process which starts while the issuer is away can
    /// verify; [`VerifierBuilder::max_stale_seconds`] counts from when the set was fetched. Whoever can
    /// write to the file or its folder decides whose tokens are accepted. Default: none.
    #[must_use]
    pub fn snapshot_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.snapshot_file = Some(path.into());
        self
    }

    /// Where the randomness comes from that spreads the requests for keys. Default: the system.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Where the time comes from. Default: the system.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The verifier. Nothing is fetched before the first token, unless a snapshot is past its time.
    ///
    /// # Errors
    /// The first setting that is refused.
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let policy = self.policy?;
        let url = parse_jwks_url(&self.jwks_url)?;
        let fetcher = Fetcher::new(url, policy.is_for_key_owners())?;
        let timeline = Arc::new(Timeline::new(self.clock));
        let snapshot = self.snapshot_file.map(SnapshotFile::new);
        let revocations = Arc::new(Revocations::new(timeline.now().tick));
        let keys = |fetcher, snapshot| {
            let (clock, entropy) = (Arc::clone(&timeline), Arc::clone(&self.entropy));
            KeySource::new(fetcher, clock, entropy, snapshot, self.max_stale_seconds)
        };
        let source = keys(fetcher, snapshot);
        let feed = match self.feed {
            Some(feed) => {
                let (issuer, algorithms, signer) = match feed.signer.clone() {
                    Some(Signer { issuer, jwks_url }) => {
                        (issuer, None, keys(Fetcher::new(parse_jwks_url(&jwks_url)?, false)?, None))
                    }
                    None if policy.is_for_key_owners() => return Err(ConfigError::FeedSignerMissing),
                    None => (self.issuer, self.algorithms.as_deref(), source.clone()),
                };
                let (tokens, clock) = (source.clone(), Arc::clone(&timeline));
                let known = Arc::clone(&revocations);
                Some(Feed::new(feed, &issuer, algorithms, signer, tokens, clock, known)?)
            }
            None => None,
        };
        Ok(Verifier::from_parts(policy, source, timeline, self.cached_tokens, revocations, feed))
    }

    fn with(mut self, change: impl FnOnce(Policy) -> Result<Policy, PolicyError>) -> Self {
        self.policy = self.policy.and_then(change);
        self
    }
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("policy", &self.policy)
            .field("max_stale_seconds", &self.max_stale_seconds)
            .finish_non_exhaustive()
    }
}

pub(crate) fn parse_jwks_url(text: &str) -> Result<Url, ConfigError> {
    parse_url(text, ConfigError::JwksUrlInvalid, ConfigError::JwksUrlInsecure)
}

pub(crate) fn parse_feed_url(text: &str) -> Result<Url, ConfigError> {
    parse_url(text, ConfigError::FeedUrlInvalid, ConfigError::FeedUrlInsecure)
}

fn parse_url(text: &str, invalid: ConfigError, insecure: ConfigError) -> Result<Url, ConfigError> {
    let Ok(url) = Url::parse(text) else { return Err(invalid) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid);
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(invalid),
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(insecure),
        _ => Err(invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(jwks_url: &str) -> Result<(), ConfigError> {
        VerifierBuilder::new("https://auth.example.test", "api", jwks_url).build().map(drop)
    }

    #[test]
    fn point_7_accepts_https_and_loopback_only() {
        for url in [
            "https://auth.example.test/jwks",
            "http://localhost:3000/api/auth/jwks",
            "http://127.0.0.1/x",
            "http://[::1]:1/",
        ] {
            assert_eq!(outcome(url), Ok(()), "{url}");
        }
        for url in [
            "http://auth.example.test/jwks",
            "http://10.0.0.1/jwks",
            "http://localhost.evil.test/",
            "http://169.254.169.254/",
        ] {
            assert_eq!(outcome(url), Err(ConfigError::JwksUrlInsecure), "{url}");
        }
        for url in [
            "",
            "/jwks",
            "file:///etc/passwd",
            "ftp://localhost/",
            "https://user:pw@auth.example.test/",
            "data:,{}",
        ] {
            assert_eq!(outcome(url), Err(ConfigError::JwksUrlInvalid), "{url}");
        }
    }

    #[test]
    fn point_13_reads_revocations_over_https_and_from_loopback_only() {
        let outcome = |url: &str| {
            let builder =
                VerifierBuilder::new("https://auth.example.test", "api", "https://auth.example.test/jwks");
            builder.revocation_feed(RevocationFeed::new(url)).build().map(drop)
        };
        assert_eq!(outcome("https://auth.example.test/revocations"), Ok(()));
        assert_eq!(outcome("http://127.0.0.1:1/revocations"), Ok(()));
        assert_eq!(outcome("http://auth.example.test/revocations"), Err(ConfigError::FeedUrlInsecure));
        for url in ["", "/revocations", "https://user:pw@auth.example.test/", "ftp://localhost/"] {
            assert_eq!(outcome(url), Err(ConfigError::FeedUrlInvalid), "{url}");
        }
    }

    #[test]
    fn refuses_settings_that_would_weaken_it() {
        let url = "https://auth.example.test/jwks";
        let builder = || VerifierBuilder::new("https://auth.example.test", "api", url);
        let refusal = |builder: VerifierBuilder| builder.build().map(drop).unwrap_err();
        assert_eq!(refusal(builder().algorithms(&[])), PolicyError::AlgorithmsEmpty.into());
        assert_eq!(refusal(builder().leeway_seconds(3600)), PolicyError::LeewayTooLong(3600).into());
        assert_eq!(refusal(builder().typ("")), PolicyError::TypeEmpty.into());
        assert_eq!(refusal(VerifierBuilder::new("", "api", url)), PolicyError::IssuerEmpty.into());
        assert_eq!(refusal(VerifierBuilder::new("iss", "", url)), PolicyError::AudienceEmpty.into());
    }
}
