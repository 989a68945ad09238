//! Services: who they are, their public keys in one published set, and how they register keys themselves.
//!
//! The rules for tokens are `auth_s2s::Rules`, the same that receivers use.

pub mod admin;
pub(crate) mod codes;
mod registry;
mod store;

pub use registry::{Registry, ServiceInfo, ServiceKeyInfo};

use auth_s2s::{ServiceKey, ServiceName, check_proof};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::access::{FromService, Public};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};
use admin::ServiceError;

/// How long receivers may keep the key set, in seconds. They are told of disabled services earlier.
const MAX_AGE: i64 = 30;

/// From when on a new key is known to every server and receiver, in seconds: until then the old one signs.
const USABLE_IN: i64 = MAX_AGE + 5;

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("services")
        .get("/s2s/jwks", jwks)
        .post("/s2s/enrol", enrol)
        .post("/s2s/rotate", rotate)
        .codes(codes::ALL)
}

/// The public keys of all enabled services, as they were written when the registry last changed.
async fn jwks(cx: Public, _input: ()) -> Result<Reply<()>> {
    let published = cx.app.services.published();
    let known = cx.request.header("if-none-match");
    let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| is_same(tag, &published.etag)));
    let response = if is_known {
        Response::empty(304)
    } else {
        Response::empty(200).header("Content-Type", "application/json").body(published.body)
    };
    let cache = format!("public, max-age={MAX_AGE}");
    Ok(Reply::ready(response.header("Cache-Control", cache).header("ETag", published.etag)))
}

/// RFC 9110 §13.1.2: the weak comparison, and `*`.
fn is_same(tag: &str, etag: &str) -> bool {
    let tag = tag.trim();
    tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
}

struct Enrol {
    code: String,
    key: NewKey,
}

/// A public key, and the token that shows who has its private part.
struct NewKey {
    jwk: Map<String, Value>,
    proof: String,
}

impl Input for Enrol {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (code, jwk, proof) = (body.string("code"), body.members_of("jwk"), body.string("proof"));
        let key = NewKey { jwk: jwk?.clone(), proof: proof?.to_owned() };
        Some(Self { code: code?.to_owned(), key })
    }

    fn sample() -> Value {
        json!({ "code": "0123456789abcdefghijklmnopqrstuv", "jwk": sample_jwk(), "proof": "eyJ..." })
    }
}

impl Input for NewKey {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (jwk, proof) = (body.members_of("jwk"), body.string("proof"));
        Some(Self { jwk: jwk?.clone(), proof: proof?.to_owned() })
    }

    fn sample() -> Value {
        json!({ "jwk": sample_jwk(), "proof": "eyJ..." })
    }
}

fn sample_jwk() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    service: String,
    kid: String,
    /// Seconds until every receiver knows the key. Only a service without another key may sign with it earlier.
    usable_in: i64,
}

impl Registered {
    fn new(key: &ServiceKey) -> Reply<Self> {
        let (service, kid) = (key.service().to_string(), key.kid().to_owned());
        Reply::ok(Self { service, kid, usable_in: USABLE_IN })
    }
}

/// A service registers its key with a one-time code.
async fn enrol(cx: Public, input: Enrol) -> Result<Reply<Registered>> {
    let service = admin::service_of_code(&cx.app, &input.code).await?;
    let key = proven(&cx, &service, &input.key, Some(&input.code))?;
    admin::enrol(&cx.app, &input.code, &key).await?;
    tracing::info!(service = %key.service(), kid = key.kid(), "a service has enrolled");
    Ok(Registered::new(&key))
}

/// A service registers the successor of its key. The old one is accepted for another hour.
async fn rotate(cx: FromService, input: NewKey) -> Result<Reply<Registered>> {
    let key = proven(&cx, cx.caller.service(), &input, None)?;
    admin::rotate(&cx.app, &key, admin::OVERLAP_SECONDS).await?;
    tracing::info!(service = %key.service(), kid = key.kid(), "a service has replaced its key");
    Ok(Registered::new(&key))
}

fn proven(call: &Call, service: &ServiceName, new: &NewKey, code: Option<&str>) -> Result<ServiceKey> {
    let refused = |error: auth_jose::JwkError| {
        codes::KEY_REFUSED.bad_request().saying(format!("The key is refused: {error}"))
    };
    let key = ServiceKey::new(service, &new.jwk).map_err(refused)?;
    let server = call.app.services.name();
    check_proof(server, &key, code, call.now, &new.proof).map_err(|error| {
        tracing::debug!(%service, code = error.code(), "a proof was refused: {error}");
        codes::INVALID_PROOF.bad_request()
    })?;
    Ok(key)
}

impl From<ServiceError> for Error {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::CodeInvalid | ServiceError::Unknown(_) => codes::INVALID_CODE.forbidden(),
            ServiceError::KeyOwned => codes::KEY_OWNED.unprocessable(),
            ServiceError::KeyWithdrawn => codes::KEY_WITHDRAWN.unprocessable(),
            ServiceError::KeysElsewhere(_) => codes::KEYS_ELSEWHERE.unprocessable(),
            ServiceError::Store(error) => error.into(),
            ServiceError::Exists(_) | ServiceError::NameReserved(_) => Self::internal(error),
        }
    }
}
