//! Tokens for APIs: `/token`, `/jwks`, and `set-auth-jwt` on `/get-session`.
//!
//! The signing key lives in memory: no request reads keys from the database.

mod cache;
mod claims;
mod codes;
mod keyring;
mod store;

pub use keyring::{KeyInfo, Keyring, KeyringError};

use std::sync::Arc;

use auth_jose::SigningKey;
use serde::Serialize;

use crate::access::{Public, SignedIn};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::features::session::Session;
use crate::features::user::User;
use crate::hooks::{Hooks, SessionCacheSigner};
use crate::reply::{Reply, Response};

/// The feature's endpoints, errors and events.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("jwt").get("/token", token).get("/jwks", jwks).codes(codes::ALL).hooks(Hooks {
        after_get_session: Some(set_header),
        session_cache: Some(SessionCacheSigner { sign: cache::sign, open: cache::open }),
        ..Hooks::default()
    })
}

#[derive(Debug, Serialize)]
struct Token {
    token: String,
}

/// A signed token for the caller.
async fn token(cx: SignedIn, _input: ()) -> Result<Reply<Token>> {
    let token = sign(&cx, &cx.session, &cx.user)?;
    cx.app.mark_credentials(&cx.out);
    Ok(Reply::ok(Token { token }))
}

/// The public keys, as they were written when the keys last changed.
async fn jwks(cx: Public, _input: ()) -> Result<Reply<()>> {
    let keys = cx.app.keys.as_ref().ok_or(Error::NoRoute)?;
    let response = Response::empty(200).header("Content-Type", "application/json");
    Ok(Reply::ready(response.body(keys.published())))
}

/// A token that cannot be made never breaks the session's answer.
fn set_header(call: &Call, session: &Session, user: &User) {
    if !call.app.config.jwt.set_header {
        return;
    }
    match sign(call, session, user) {
        Ok(token) => call.out.exposed_header("set-auth-jwt", token),
        Err(error) => tracing::error!(%error, "no set-auth-jwt header: signing failed"),
    }
}

fn signing_key(call: &Call) -> Result<Arc<SigningKey>> {
    let keys = call.app.keys.as_ref().ok_or(Error::NoRoute)?;
    keys.signing(call.now).ok_or_else(|| codes::NO_SIGNING_KEY.unavailable())
}

fn sign(call: &Call, session: &Session, user: &User) -> Result<String> {
    let claims = claims::of(call, session, user)?;
    signing_key(call)?.sign(None, &claims).map_err(Error::internal)
}
