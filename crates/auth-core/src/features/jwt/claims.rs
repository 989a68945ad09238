//! The claims of a user's token (RFC 7519): what the configuration chooses of user and session, and the
//! registered claims, which nothing else can replace.

use serde::Serialize;
use serde_json::{Map, Value};

use super::audience;
use crate::call::Call;
use crate::config::{AudienceConfig, PayloadConfig};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::features::session::Session;
use crate::features::user::User;
use crate::revocation;

/// `audience`: what the configuration says of the API that the token is for, if it is for a particular one.
pub(super) fn of(
    call: &Call,
    session: &Session,
    user: &User,
    audience: Option<&AudienceConfig>,
) -> Result<Map<String, Value>> {
    let config = &call.app.config.jwt;
    let user_fields = fields(user)?;
    let mut claims = match (audience.and_then(|it| it.claims.as_ref()), &config.payload) {
        (Some(template), _) => audience::fill(template, &user_fields, &fields(session)?),
        (None, None) => user_fields,
        (None, Some(payload)) => chosen(payload, &user_fields, session)?,
    };
    let mut claim = |name: &str, value: Value| {
        // Last, where upstream has them.
        claims.shift_remove(name);
        claims.insert(name.to_owned(), value);
    };
    let iat = call.now.seconds();
    claim("iat", iat.into());
    claim("exp", iat.saturating_add(audience.map_or(config.expires_in, |it| it.expires_in)).into());
    let origin = call.base_url().origin();
    claim("iss", config.issuer.as_deref().unwrap_or(origin).into());
    claim(
        "aud",
        match audience.map_or(&config.audience, |it| &it.audience).as_slice() {
            [] => origin.into(),
            [one] => one.as_str().into(),
            many => many.into(),
        },
    );
    claim("sub", user.subject(config).into());
    if !call.app.config.upstream_exact {
        // Ours: name the token and its session where they are withdrawn, and in logs.
        claim("jti", random::alphanumeric(&*call.app.entropy, "jwt-id", 22).into());
        claim("sid", revocation::sid(session.token()).into());
    }
    Ok(claims)
}

fn chosen(
    payload: &PayloadConfig,
    user: &Map<String, Value>,
    session: &Session,
) -> Result<Map<String, Value>> {
    let mut claims = Map::new();
    for name in &payload.user {
        claims.extend(user.get(name).map(|value| (name.clone(), value.clone())));
    }
    for (claim, name) in &payload.renamed_user {
        claims.extend(user.get(name).map(|value| (claim.clone(), value.clone())));
    }
    if !payload.session.is_empty() || !payload.renamed_session.is_empty() {
        let session = fields(session)?;
        for (claim, name) in &payload.renamed_session {
            claims.extend(session.get(name).map(|value| (claim.clone(), value.clone())));
        }
        for name in &payload.session {
            claims.extend(session.get(name).map(|value| (format!("session_{name}"), value.clone())));
        }
    }
    claims.extend(payload.fixed.clone());
    Ok(claims)
}

/// A row as clients see it.
fn fields(row: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(row).map_err(Error::internal)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::internal("a row is an object")),
    }
}
