//! OAuth for services in other languages: `/oauth2/token`, by registered keys alone (`private_key_jwt`).

mod client;
mod codes;
mod grants;
mod parameters;

use serde::Serialize;
use serde_json::{Value, json};

use self::parameters::Parameters;
use crate::access::Public;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorCode, Result};
use crate::feature::Feature;
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};

/// The feature's endpoint and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("oauth").endpoint(Endpoint::post("/oauth2/token", token).with_form()).codes(codes::ALL)
}

/// Why no token was issued.
enum Refusal {
    /// OAuth's own answer, with a description for this request.
    OAuth(ErrorCode, Option<String>),
    /// A failure of ours.
    Other(Error),
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::OAuth(code, None)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Refusal {
    fn because(code: ErrorCode, description: impl Into<String>) -> Self {
        Self::OAuth(code, Some(description.into()))
    }
}

/// A successful answer (RFC 6749 §5.1, RFC 8693 §2.2.1).
#[derive(Debug, Serialize)]
struct Issued {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

struct TokenRequest(Parameters);

impl Input for TokenRequest {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let members = fields.optional_record()?;
        Some(Self(Parameters::new(members)))
    }

    fn sample() -> Value {
        json!({
            "grant_type": "client_credentials",
            "audience": "service:api",
            "client_assertion_type": client::ASSERTION_TYPE,
            "client_assertion": "eyJ...",
        })
    }
}

/// A token for a service, about itself or on behalf of a user.
async fn token(cx: Public, input: TokenRequest) -> Result<Reply<()>> {
    let response = match grants::issue(&cx, input.0).await {
        Ok(issued) => Response::json(200, &issued),
        Err(Refusal::Other(error)) => return Err(error),
        Err(Refusal::OAuth(code, description)) => {
            let description = description.as_deref().unwrap_or(code.message);
            let body = json!({ "error": code.code, "error_description": description });
            // RFC 6749 §5.2: whoever used the header is told so in the header.
            let has_header = code == codes::INVALID_CLIENT && cx.request.header("authorization").is_some();
            let response =
                Response::json(if has_header { 401 } else { 400 }, &body).header("X-Error-Id", code.id);
            if has_header { response.header("WWW-Authenticate", "Basic realm=\"service\"") } else { response }
        }
    };
    // RFC 6749 §5.1 asks for both.
    Ok(Reply::ready(response.header("Cache-Control", "no-store").header("Pragma", "no-cache")))
}
