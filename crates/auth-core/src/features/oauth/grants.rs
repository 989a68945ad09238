//! The two grants: a service's token about itself (RFC 6749 §4.4), and one on behalf of a user (RFC 8693).

use auth_jose::{Algorithm, JwkSet, Policy, Verified, VerifyError, verify};
use auth_s2s::{LIFETIME_SECONDS, MAX_CHAIN, ServiceName, TOKEN_TYPE, actors, is_scope};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{Issued, Parameters, Refusal, client, codes};
use crate::call::Call;
use crate::crypto::random;
use crate::error::Error;
use crate::hooks::TokenAuthority;
use crate::revocation::Claims;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// `typ` of a token on behalf of a user (RFC 9068): it is one of the user, whom a service acts for.
const DELEGATED_TYPE: &str = "at+jwt";

/// What nothing else may be called: a subject of this form is a service.
const SERVICE: &str = "service:";

pub(super) async fn issue(call: &Call, sent: Parameters) -> Result<Issued, Refusal> {
    let authority = call.app.hooks.token_authority().ok_or(Error::NoRoute)?;
    Parameters::check_form(call.request.header("content-type").as_deref(), &call.request.body)?;
    let grant = sent.required("grant_type")?;
    if grant != "client_credentials" && grant != EXCHANGE {
        return Err(codes::UNSUPPORTED_GRANT_TYPE.into());
    }
    let client = client::authenticate(call, &sent).await?;
    let asked = Asked::read(&sent)?;
    if grant == EXCHANGE {
        exchange(call, authority, &client, &sent, asked).await
    } else {
        own_token(call, authority, &client, asked)
    }
}

/// What both grants are asked for.
struct Asked {
    audience: ServiceName,
    scope: Option<String>,
}

impl Asked {
    fn read(sent: &Parameters) -> Result<Self, Refusal> {
        let audience = match (sent.optional("audience")?, sent.optional("resource")?) {
            (Some(audience), None) | (None, Some(audience)) => audience,
            _ => return Err(codes::INVALID_TARGET.into()),
        };
        let audience = ServiceName::from_subject(audience).or(Err(codes::INVALID_TARGET))?;
        let scope = sent.optional("scope")?.map(str::to_owned);
        if scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            return Err(codes::INVALID_SCOPE.into());
        }
        Ok(Self { audience, scope })
    }
}

fn own_token(
    call: &Call,
    authority: TokenAuthority,
    client: &ServiceName,
    asked: Asked,
) -> Result<Issued, Refusal> {
    let expires_in = i64::from(LIFETIME_SECONDS);
    let claims = claims(call, client.subject(), client, &asked, expires_in);
    let access_token = (authority.sign)(call, TOKEN_TYPE, &Value::Object(claims))?;
    Ok(Issued { access_token, issued_token_type: None, token_type: "Bearer", expires_in, scope: asked.scope })
}

async fn exchange(
    call: &Call,
    authority: TokenAuthority,
    client: &ServiceName,
    sent: &Parameters,
    mut asked: Asked,
) -> Result<Issued, Refusal> {
    let is_ours = |kind: &str| kind == ACCESS_TOKEN || kind == JWT;
    if !is_ours(sent.required("subject_token_type")?) {
        return Err(Refusal::because(
            codes::INVALID_REQUEST,
            "subject_token_type is not one that is exchanged here",
        ));
    }
    if sent.optional("requested_token_type")?.is_some_and(|kind| !is_ours(kind)) {
        return Err(Refusal::because(
            codes::INVALID_REQUEST,
            "requested_token_type is not one that is issued here",
        ));
    }
    // The actor is whoever asks, by its assertion.
    if sent.optional("actor_token")?.is_some() || sent.optional("actor_token_type")?.is_some() {
        return Err(Refusal::because(
            codes::INVALID_REQUEST,
            "actor_token is not accepted: the client is the actor",
        ));
    }
    let subject = open_subject(call, authority, client, sent.required("subject_token")?)?;
    // Nothing new comes of what has ended, even while it would pass for a while longer.
    if call.app.is_withdrawn(&Claims::of(&subject)).await? {
        return Err(not_good(VerifyError::Revoked.code()));
    }
    let raw = subject.raw_claims();
    let too_long = || Refusal::because(codes::INVALID_REQUEST, "The chain of actors is too long");
    let chain = actors(raw).map_err(|_refused| too_long())?;
    if chain.len() >= MAX_CHAIN {
        return Err(too_long());
    }
    asked.scope = narrowed(raw.get("scope"), asked.scope)?;

    let left = subject.expires_at().seconds() - call.now.seconds();
    let expires_in = left.min(i64::from(LIFETIME_SECONDS));
    if expires_in < 1 {
        return Err(not_good("expired"));
    }
    let mut claims = claims(call, subject.subject(), client, &asked, expires_in);
    let mut act = Map::new();
    act.insert("sub".to_owned(), client.subject().into());
    act.extend(raw.get("act").map(|inner| ("act".to_owned(), inner.clone())));
    claims.insert("act".to_owned(), act.into());
    // What revokes the session or names the chain holds for what comes of it.
    for name in ["sid", "txn"] {
        claims.extend(raw.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let access_token = (authority.sign)(call, DELEGATED_TYPE, &Value::Object(claims))?;
    let issued_token_type = Some(ACCESS_TOKEN);
    Ok(Issued { access_token, issued_token_type, token_type: "Bearer", expires_in, scope: asked.scope })
}

/// A token of ours about a user: for APIs, or for the service that asks. One for another service stays there.
fn open_subject(
    call: &Call,
    authority: TokenAuthority,
    client: &ServiceName,
    token: &str,
) -> Result<Verified<IgnoredAny>, Refusal> {
    let keys = (authority.verifying)(call).ok_or(Error::NoRoute)?;
    let (config, origin) = (&call.app.config.jwt, call.base_url().origin());
    let for_apis = config.audience.iter().map(String::as_str);
    let default = config.audience.is_empty().then_some(origin);
    let mut outcome = Err(VerifyError::AudienceMismatch);
    for audience in for_apis.chain(default).chain([client.subject()]) {
        outcome = open(call, &keys, audience, token);
        if !matches!(outcome, Err(VerifyError::AudienceMismatch)) {
            break;
        }
    }
    let verified = outcome.map_err(|error| not_good(error.code()))?;
    if verified.subject().starts_with(SERVICE) {
        return Err(not_good("subject_mismatch"));
    }
    Ok(verified)
}

fn open(
    call: &Call,
    keys: &JwkSet,
    audience: &str,
    token: &str,
) -> Result<Verified<IgnoredAny>, VerifyError> {
    let policy = Policy::new(client::issuer(call), audience).or(Err(VerifyError::AudienceMismatch))?;
    let policy = policy.with_algorithms(&Algorithm::SERVER).or(Err(VerifyError::AlgorithmNotAllowed))?;
    verify(&policy, keys, call.now, token)
}

fn not_good(code: &str) -> Refusal {
    Refusal::because(codes::INVALID_REQUEST, format!("The subject token is not good: {code}"))
}

/// Never more than the exchanged token has. One without any is the user's own, which is not limited by scopes.
fn narrowed(held: Option<&Value>, asked: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(held) = held.and_then(Value::as_str) else { return Ok(asked) };
    match asked {
        None => Ok(Some(held.to_owned())),
        Some(asked) if asked.split(' ').all(|scope| held.split(' ').any(|it| it == scope)) => Ok(Some(asked)),
        Some(_) => Err(codes::INVALID_SCOPE.into()),
    }
}

fn claims(
    call: &Call,
    subject: &str,
    client: &ServiceName,
    asked: &Asked,
    expires_in: i64,
) -> Map<String, Value> {
    let now = call.now.seconds();
    let claims = json!({
        "iss": client::issuer(call),
        "sub": subject,
        "aud": asked.audience.subject(),
        "iat": now,
        "exp": now + expires_in,
        "jti": random::alphanumeric(&*call.app.entropy, "jwt-id", 22),
        "client_id": client.subject(),
    });
    let mut claims = claims.as_object().cloned().unwrap_or_default();
    claims.extend(asked.scope.as_ref().map(|scope| ("scope".to_owned(), scope.as_str().into())));
    claims
}
