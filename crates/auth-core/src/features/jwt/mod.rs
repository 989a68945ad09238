//! Tokens for APIs: `/token`, `/jwks`, and `set-auth-jwt` on `/get-session`.
//!
//! The signing key lives in memory: no request reads keys from the database.

mod audience;
mod cache;
mod claims;
mod codes;
mod key_set;
mod keyring;
mod lifecycle;
mod orders;
mod store;
mod upkeep;
mod vault;

pub use keyring::{KeyInfo, Keyring, KeyringError};
pub use lifecycle::Phase;
pub use orders::{Retired, Successor};

use std::sync::Arc;

use auth_jose::{Algorithm, JwkSet, SigningKey};
use serde::Serialize;
use serde_json::Value;

use self::key_set::Document;

use crate::access::{Public, SignedIn};
use crate::call::Call;
use crate::config::AudienceConfig;
use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::features::session::Session;
use crate::features::user::User;
use crate::hooks::{Hooks, SessionCacheSigner, TokenAuthority};
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};

/// The feature's endpoints, errors and events.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("jwt")
        .get("/token", token)
        .get("/jwks", jwks)
        .get("/jwks/:audience", audience_jwks)
        .codes(codes::ALL)
        .hooks(Hooks {
            after_get_session: Some(set_header),
            session_cache: Some(SessionCacheSigner { sign: cache::sign, open: cache::open }),
            token_authority: Some(TokenAuthority { sign: sign_for_service, verifying }),
            ..Hooks::default()
        })
}

#[derive(Debug, Serialize)]
struct Token {
    token: String,
}

/// `?audience=NAME`: the API that the token is for.
struct Wanted {
    audience: Option<String>,
}

impl Input for Wanted {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { audience: fields.query_text("audience")? })
    }

    fn sample() -> Value {
        Value::Null
    }
}

/// A signed token for the caller.
async fn token(cx: SignedIn, input: Wanted) -> Result<Reply<Token>> {
    let wanted = input.audience.filter(|_| !cx.app.config.upstream_exact);
    let audience = wanted.map(|name| audience::find(&cx.app.config, &name)).transpose()?;
    let token = sign(&cx, &cx.session, &cx.user, audience)?;
    cx.app.mark_credentials(&cx.out);
    Ok(Reply::ok(Token { token }))
}

/// `?alg=ES256`: the keys of one algorithm alone.
struct Choice {
    alg: Option<String>,
}

impl Input for Choice {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { alg: fields.query_lenient("alg") })
    }

    fn sample() -> Value {
        Value::Null
    }
}

/// The public keys, as they were written when the keys last changed.
async fn jwks(cx: Public, input: Choice) -> Result<Reply<()>> {
    let keys = cx.app.keys.as_ref().ok_or(Error::NoRoute)?;
    let Some(alg) = input.alg.filter(|_| !cx.app.config.upstream_exact) else {
        return serve(&cx, keys.published(cx.now, |set| Some(set.all.clone())));
    };
    let view = keys.published(cx.now, |set| set.only(&alg).cloned());
    if view.is_none() {
        let known = keys.published(cx.now, |set| Some(set.algorithms().collect::<Vec<_>>().join(", ")));
        let known = known.map(|(names, _)| names).unwrap_or_default();
        return Err(codes::UNKNOWN_ALGORITHM
            .bad_request()
            .saying(format!("No keys of this algorithm; there are {known}")));
    }
    serve(&cx, view)
}

/// The name of an audience, as a path has it.
struct AudienceName(String);

impl Input for AudienceName {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(fields.path_parameter().to_owned()))
    }

    fn sample() -> Value {
        Value::Null
    }
}

/// The keys that sign the tokens for one audience.
async fn audience_jwks(cx: Public, name: AudienceName) -> Result<Reply<()>> {
    let keys = cx.app.keys.as_ref().ok_or(Error::NoRoute)?;
    let audience = cx.app.config.audiences.iter().find(|audience| audience.name == name.0);
    let algorithm = Algorithm::from(audience.ok_or(Error::NoRoute)?.algorithm);
    serve(&cx, keys.published(cx.now, |set| set.only(algorithm.as_str()).cloned()))
}

fn serve(call: &Call, set: Option<(Document, i64)>) -> Result<Reply<()>> {
    let (document, max_age) = set.ok_or(Error::NoRoute)?;
    if call.app.config.upstream_exact {
        let response = Response::empty(200).header("Content-Type", "application/json");
        return Ok(Reply::ready(response.body(document.body)));
    }
    let is_known = call.request.header("if-none-match").is_some_and(|tags| names(&tags, &document.etag));
    let response = if is_known {
        Response::empty(304)
    } else {
        Response::empty(200).header("Content-Type", "application/json").body(document.body)
    };
    let response = response.header("Cache-Control", format!("public, max-age={max_age}"));
    Ok(Reply::ready(response.header("ETag", document.etag)))
}

/// Whether `If-None-Match` names this entity (RFC 9110, section 13.1.2).
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// A token that cannot be made never breaks the session's answer.
fn set_header(call: &Call, session: &Session, user: &User) {
    if !call.app.config.jwt.set_header {
        return;
    }
    match sign(call, session, user, None) {
        Ok(token) => call.out.exposed_header("set-auth-jwt", token),
        Err(error) => tracing::error!(%error, "no set-auth-jwt header: signing failed"),
    }
}

fn signing_key(call: &Call, algorithm: Algorithm) -> Result<Arc<SigningKey>> {
    let keys = call.app.keys.as_ref().ok_or(Error::NoRoute)?;
    keys.signing(algorithm, call.now).ok_or_else(|| codes::NO_SIGNING_KEY.unavailable())
}

fn sign(call: &Call, session: &Session, user: &User, audience: Option<&AudienceConfig>) -> Result<String> {
    let claims = claims::of(call, session, user, audience)?;
    let algorithm = audience.map_or(call.app.config.jwt.algorithm, |it| it.algorithm);
    signing_key(call, algorithm.into())?.sign(None, &claims).map_err(Error::internal)
}

fn sign_for_service(call: &Call, typ: &str, claims: &Value) -> Result<String> {
    let key = signing_key(call, call.app.config.jwt.algorithm.into())?;
    key.sign(Some(typ), claims).map_err(Error::internal)
}

fn verifying(call: &Call) -> Option<Arc<JwkSet>> {
    call.app.keys.as_ref().map(|keys| keys.verifying(call.now))
}
