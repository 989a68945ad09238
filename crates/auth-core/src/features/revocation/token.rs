//! `/introspect` (RFC 7662) and `/revoke` (RFC 7009), for session tokens and for our JWTs.

use auth_jose::jws::MAX_TOKEN_BYTES;
use auth_jose::{Algorithm, Policy, Verified, base64url, verify};
use serde_json::{Map, Value, json};

use super::client::ServiceClient;
use super::codes;
use crate::call::Call;
use crate::error::{Error, Result, Status};
use crate::reply::{Reply, Response};
use crate::revocation::{Claims, Revoked, Withdrawn, sid};
use crate::wire::query::{Query, QueryValue};

/// Claims that an answer repeats, as far as the token has them.
const SHOWN: [&str; 9] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "scope"];

/// Longer names are not ours.
const LONGEST_NAME: usize = 255;

/// Whether a token is good now, and what it says. Why it is not is nobody's business (RFC 7662, section 2.2).
pub(super) async fn introspect(cx: ServiceClient, _input: ()) -> Result<Reply<()>> {
    let token = token(&cx)?;
    let found = match kind(&cx, &token) {
        Kind::Jwt => introspect_jwt(&cx, &token).await?,
        Kind::Session(token) => introspect_session(&cx, &token).await?,
        Kind::Unknown => None,
    };
    let body = found.unwrap_or_else(|| json!({ "active": false }));
    Ok(Reply::ready(Response::json(200, &body).header("Cache-Control", "no-store")))
}

/// Withdraws a token, or ends a session. The answer does not tell whether there was one (RFC 7009, section 2.2).
pub(super) async fn revoke(cx: ServiceClient, _input: ()) -> Result<Reply<()>> {
    let token = token(&cx)?;
    match kind(&cx, &token) {
        Kind::Jwt => revoke_jwt(&cx, &token).await?,
        Kind::Session(token) => {
            let mut tx = cx.app.store.begin().await?;
            let ended = tx.delete_session(&token).await?;
            cx.app.commit_withdrawn(tx, ended, cx.now).await?;
        }
        Kind::Unknown => {}
    }
    Ok(Reply::ready(Response::empty(200).header("Cache-Control", "no-store")))
}

/// The parameter `token`; each parameter stands in a request once (RFC 6749, section 3.2).
fn token(cx: &Call) -> Result<String> {
    let refused = || Error::OAuth { status: Status::BadRequest, code: codes::INVALID_REQUEST };
    let form = Query::parse(std::str::from_utf8(&cx.request.body).or(Err(refused()))?);
    if form.one("token_type_hint") == QueryValue::Many {
        return Err(refused());
    }
    form.one("token").text().filter(|token| !token.is_empty()).map(str::to_owned).ok_or_else(refused)
}

/// What kind of token a text is, by its form alone: what clients say about it is only a hint.
enum Kind {
    Jwt,
    /// A session's token, without its signature.
    Session(String),
    Unknown,
}

fn kind(cx: &Call, token: &str) -> Kind {
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Kind::Unknown;
    }
    let session = match token.bytes().filter(|byte| *byte == b'.').count() {
        2 if token.len() <= MAX_TOKEN_BYTES => return Kind::Jwt,
        1 => cx.app.signer.open(token).map(str::to_owned),
        0 if !cx.app.config.bearer_require_signature => Some(token.to_owned()),
        _ => None,
    };
    session.map_or(Kind::Unknown, Kind::Session)
}

async fn introspect_jwt(cx: &Call, token: &str) -> Result<Option<Value>> {
    let Some(verified) = verified(cx, token) else { return Ok(None) };
    let raw = verified.raw_claims();
    if cx.app.is_withdrawn(&Claims::of(&verified)).await? {
        return Ok(None);
    }
    let mut answer = json!({ "active": true, "token_type": "Bearer" });
    let shown = SHOWN.iter().filter_map(|name| Some(((*name).to_owned(), raw.get(*name)?.clone())));
    if let Some(answer) = answer.as_object_mut() {
        answer.extend(shown);
    }
    Ok(Some(answer))
}

async fn introspect_session(cx: &Call, token: &str) -> Result<Option<Value>> {
    let app = &cx.app;
    let found = app.store.db().await?.find_session(token, &app.config.fields).await?;
    let Some((session, user)) = found.filter(|(session, _)| session.expires_at.0 > cx.now) else {
        return Ok(None);
    };
    Ok(Some(json!({
        "active": true,
        "token_type": "Bearer",
        "iss": issuer(cx),
        "sub": user.subject(&app.config.jwt),
        "username": user.email,
        "iat": session.created_at().seconds(),
        "exp": session.expires_at.0.seconds(),
        "sid": sid(token),
    })))
}

async fn revoke_jwt(cx: &Call, token: &str) -> Result<()> {
    let Some(verified) = verified(cx, token) else { return Ok(()) };
    let Some(name) = verified.token_id().filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME) else {
        return Err(Error::OAuth { status: Status::BadRequest, code: codes::UNSUPPORTED_TOKEN_TYPE });
    };
    let what = Withdrawn::default().and([Revoked::Token(name.to_owned())]);
    let tx = cx.app.store.begin().await?;
    cx.app.commit_withdrawn(tx, what, cx.now).await
}

/// A JWT for users that this server has made and that has not expired.
fn verified(cx: &Call, token: &str) -> Option<Verified<Map<String, Value>>> {
    let keys = cx.app.keys.as_ref()?.verifying(cx.now);
    let policy = Policy::new(issuer(cx), audience_of(cx, token)?).ok()?.with_leeway_seconds(0).ok()?;
    let policy = policy.with_algorithms(&Algorithm::SERVER).ok()?;
    verify(&policy, &keys, cx.now, token).ok()
}

/// The audience of ours that a token claims to be for: nothing is believed before the signature is known to be good.
fn audience_of<'c>(cx: &'c Call, token: &str) -> Option<&'c str> {
    #[derive(serde::Deserialize)]
    struct Payload {
        aud: Value,
    }
    let payload = base64url::decode(token.split('.').nth(1)?)?;
    let claimed = serde_json::from_slice::<Payload>(&payload).ok()?.aud;
    let is_claimed = |audience: &str| match &claimed {
        Value::Array(all) => all.iter().any(|it| it == audience),
        one => one == audience,
    };
    let config = &cx.app.config;
    let origin = config.jwt.audience.is_empty().then(|| cx.base_url().origin());
    let particular = config.audiences.iter().flat_map(|it| &it.audience);
    let mut ours = config.jwt.audience.iter().chain(particular).map(String::as_str).chain(origin);
    ours.find(|audience| is_claimed(audience))
}

pub(super) fn issuer(cx: &Call) -> &str {
    cx.app.config.jwt.issuer.as_deref().unwrap_or(cx.base_url().origin())
}
