//! How a provider's id tokens are verified: the rules, for a verifier to apply.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::request::{Parameters, Request};
use super::{IdTokenRow, Provider};

/// The tenant of personal Microsoft accounts.
const MICROSOFT_CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// How a nonce is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// As it is.
    Exact,
    /// As it is, or its SHA-256 in hexadecimal digits, which Apple's own clients send.
    ExactOrSha256,
}

impl Nonce {
    /// Whether a token's nonce is the one that was asked for.
    #[must_use]
    pub fn matches(self, claim: &str, expected: &str) -> bool {
        claim == expected || self == Self::ExactOrSha256 && claim == hex(&Sha256::digest(expected))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who an id token must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Any of our client ids.
    Client,
    /// What the first of these options says that is given, else our client ids.
    Options(&'static [&'static str]),
}

/// What the claims must say beside issuer, audience and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimRule {
    /// Nothing.
    None,
    /// Google's hosted domain must be the one in the option `hd`; `*` is any.
    HostedDomain,
    /// The issuer must be of the token's own tenant, and the tenant of the kind that `tenantId` names.
    MicrosoftTenant,
}

impl ClaimRule {
    /// Whether these claims satisfy the rule.
    #[must_use]
    pub fn allows(self, provider: &Provider, claims: &Map<String, Value>) -> bool {
        let claim = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        match self {
            Self::None => true,
            Self::HostedDomain => match (provider.text("hd"), claim("hd")) {
                (None, _) | (Some("*"), Some(_)) => true,
                (Some(wanted), Some(domain)) => wanted == domain,
                (Some(_), None) => false,
            },
            Self::MicrosoftTenant => {
                let authority = provider.text("authority").unwrap_or_default();
                let Some(tenant) = claim("tid") else { return false };
                let consumer = tenant == MICROSOFT_CONSUMERS;
                claim("iss") == Some(&format!("{authority}/{tenant}/v2.0"))
                    && match provider.text("tenantId") {
                        Some("organizations") => !consumer,
                        Some("consumers") => consumer,
                        _ => true,
                    }
            }
        }
    }

    /// Whether the issuer is left to this rule.
    pub(super) fn names_issuer(self, provider: &Provider) -> bool {
        let tenant = provider.text("tenantId").unwrap_or_default();
        self == Self::MicrosoftTenant && ["common", "organizations", "consumers"].contains(&tenant)
    }
}

/// How id tokens of a configured provider are verified.
#[derive(Debug, Clone)]
pub struct VerifyIdToken {
    /// Where the keys are.
    pub jwks: Url,
    /// Who may have issued them; empty: [`Self::claims`] says.
    pub issuers: Vec<String>,
    /// Who they must be for: one of these.
    pub audiences: Vec<String>,
    /// Signature algorithms.
    pub algorithms: &'static [&'static str],
    /// The oldest accepted `iat`, in seconds.
    pub max_age: Option<u32>,
    /// How a nonce is compared.
    pub nonce: Nonce,
    /// What else the claims must say.
    pub claims: ClaimRule,
    /// Values that are no JWT pass; the calls of the profile check them.
    pub opaque: bool,
}

/// An endpoint of the provider that checks id tokens (LINE).
#[derive(Debug, Clone)]
pub struct RemoteCheck {
    endpoint: Url,
    client_id: String,
}

impl RemoteCheck {
    /// The request to send.
    #[must_use]
    pub fn request(&self, token: &str, nonce: Option<&str>) -> Request {
        let mut fields = Parameters::default();
        fields.set("id_token", token);
        fields.set("client_id", self.client_id.as_str());
        if let Some(nonce) = nonce {
            fields.set("nonce", nonce);
        }
        Request::form(self.endpoint.clone(), &fields)
    }

    /// Whether the answer of a successful request means a good token.
    #[must_use]
    pub fn accepts(&self, answer: &Value, nonce: Option<&str>) -> bool {
        let claimed = answer.get("nonce").and_then(Value::as_str);
        answer.get("aud").and_then(Value::as_str) == Some(&self.client_id)
            && (claimed.is_none() || claimed == nonce)
    }
}

impl Provider {
    /// How id tokens are verified with published keys; `None` if the provider has none.
    #[must_use]
    pub fn id_token_rules(&self) -> Option<VerifyIdToken> {
        let Some(IdTokenRow::Keys { algorithms, max_age, nonce, audience, claims, opaque, .. }) =
            self.row.id_token
        else {
            return None;
        };
        let configured = match audience {
            Audience::Client => None,
            Audience::Options(options) => {
                let mut given = options.iter().map(|option| self.list(option));
                given.find(|audiences| !audiences.is_empty())
            }
        };
        Some(VerifyIdToken {
            jwks: self.endpoints.id_token.clone()?,
            issuers: self.issuers.clone(),
            audiences: configured.unwrap_or(&self.client.ids).to_vec(),
            algorithms,
            max_age,
            nonce,
            claims,
            opaque,
        })
    }

    /// The endpoint that checks id tokens, if the provider has one instead of keys.
    #[must_use]
    pub fn id_token_check(&self) -> Option<RemoteCheck> {
        let Some(IdTokenRow::Remote(_)) = self.row.id_token else { return None };
        let endpoint = self.endpoints.id_token.clone()?;
        Some(RemoteCheck { endpoint, client_id: self.client.id().to_owned() })
    }
}
