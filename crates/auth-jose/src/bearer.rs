//! Bearer tokens in HTTP requests (RFC 6750), without any framework: reading the header, and what a
//! refusal looks like.

#[cfg(feature = "tower")]
pub mod tower;

use crate::VerifyError;

/// Why a request was not let in. Says nothing about what is wrong with a token: that is for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The token is good, but does not allow this.
    #[error("The token does not allow this.")]
    InsufficientScope,
    /// Several `Authorization` headers, or one that is malformed.
    #[error("The Authorization header is malformed.")]
    InvalidRequest,
    /// The token was refused.
    #[error("The token is invalid or has expired.")]
    InvalidToken,
    /// Nothing can be said about the token at present.
    #[error("Tokens cannot be verified at present.")]
    KeysUnavailable,
    /// No bearer token was sent.
    #[error("A bearer token is required.")]
    MissingToken,
    /// Which tokens are withdrawn is not known at present.
    #[error("Tokens cannot be checked for revocation at present.")]
    RevocationsUnavailable,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InsufficientScope => 403,
            Self::InvalidRequest => 400,
            Self::InvalidToken | Self::MissingToken => 401,
            Self::KeysUnavailable | Self::RevocationsUnavailable => 503,
        }
    }

    /// The value of `WWW-Authenticate`, if there is one.
    #[must_use]
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::InsufficientScope => Some(r#"Bearer error="insufficient_scope""#),
            Self::InvalidRequest => Some(r#"Bearer error="invalid_request""#),
            Self::InvalidToken => Some(r#"Bearer error="invalid_token""#),
            Self::KeysUnavailable | Self::RevocationsUnavailable => None,
            // RFC 6750 §3.1: no error code for a request that did not try to authenticate.
            Self::MissingToken => Some("Bearer"),
        }
    }

    /// The value of `Retry-After`, if there is one: no fetch of keys is tried earlier.
    #[must_use]
    pub const fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::KeysUnavailable => Some(10),
            Self::RevocationsUnavailable => Some(1),
            _ => None,
        }
    }

    /// `code` of the JSON body `{"code","message"}`; `message` is the `Display` text.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InsufficientScope => "INSUFFICIENT_SCOPE",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::KeysUnavailable => "KEYS_UNAVAILABLE",
            Self::MissingToken => "MISSING_TOKEN",
            Self::RevocationsUnavailable => "REVOCATIONS_UNAVAILABLE",
        }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::KeysUnavailable => Self::KeysUnavailable,
            VerifyError::RevocationsUnavailable => Self::RevocationsUnavailable,
            _ => Self::InvalidToken,
        }
    }
}

/// The token in the values of a request's `Authorization` headers.
///
/// # Errors
/// [`Refusal::MissingToken`] for no header or another scheme, [`Refusal::InvalidRequest`] for more than
/// one header or one that is no `Bearer b64token`.
pub fn token<'a>(authorization: impl IntoIterator<Item = &'a [u8]>) -> Result<&'a str, Refusal> {
    let mut values = authorization.into_iter();
    let Some(value) = values.next() else { return Err(Refusal::MissingToken) };
    if values.next().is_some() {
        return Err(Refusal::InvalidRequest);
    }
    let Ok(value) = std::str::from_utf8(value) else { return Err(Refusal::InvalidRequest) };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::MissingToken);
    }
    let token = token.trim_matches(' ');
    let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_b64token) {
        return Err(Refusal::InvalidRequest);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<String, Refusal> {
        token(values.iter().map(|value| value.as_bytes())).map(str::to_owned)
    }

    #[test]
    fn finds_the_token_whatever_the_case_of_the_scheme() {
        for value in ["Bearer a.b-c_d", "bearer a.b-c_d", "BEARER  a.b-c_d"] {
            assert_eq!(of(&[value]).as_deref(), Ok("a.b-c_d"), "{value}");
        }
    }

    #[test]
    fn takes_no_header_and_other_schemes_as_no_attempt() {
        for values in [&[][..], &[""], &["Basic YTpi"], &["Bearerx abc"], &["DPoP abc"]] {
            assert_eq!(of(values), Err(Refusal::MissingToken), "{values:?}");
        }
    }

    #[test]
    fn refuses_malformed_and_repeated_headers() {
        for values in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer a b"],
            &["Bearer a,Bearer b"],
            &["Bearer \"a\""],
            &["Bearer ä"],
        ] {
            assert_eq!(of(values), Err(Refusal::InvalidRequest), "{values:?}");
        }
        assert_eq!(of(&["Bearer a", "Bearer a"]), Err(Refusal::InvalidRequest));
        assert_eq!(of(&["Basic a", "Bearer a"]), Err(Refusal::InvalidRequest));
        assert_eq!(token([&b"Bearer \xff"[..]]), Err(Refusal::InvalidRequest));
    }

    #[test]
    fn shows_callers_one_answer_for_every_bad_token() {
        for error in [VerifyError::Expired, VerifyError::SignatureInvalid, VerifyError::KeyUnknown] {
            assert_eq!(Refusal::from(error), Refusal::InvalidToken);
        }
        assert_eq!(Refusal::from(VerifyError::KeysUnavailable).status(), 503);
    }
}
