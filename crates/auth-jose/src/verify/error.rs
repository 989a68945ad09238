use crate::JsonError;

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// `alg` is absent, no string, unknown or not on the list.
    #[error("the algorithm is not allowed")]
    AlgorithmNotAllowed,
    /// The token is for somebody else.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// A claim has a wrong type or a value outside of its range.
    #[error("the claim `{claim}` is invalid")]
    ClaimInvalid {
        /// Its name.
        claim: &'static str,
    },
    /// A required claim is absent.
    #[error("the claim `{claim}` is missing")]
    ClaimMissing {
        /// Its name.
        claim: &'static str,
    },
    /// The claims do not fit the type that was asked for.
    #[error("the claims do not have the expected shape")]
    ClaimsUnreadable,
    /// The header names critical extensions; none is supported.
    #[error("the token demands an unsupported extension")]
    CriticalHeader,
    /// A segment is not canonical base64url.
    #[error("the {part} segment is not base64url")]
    EncodingInvalid {
        /// `header`, `claims` or `signature`.
        part: &'static str,
    },
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// A header parameter has a type or value that is never acceptable.
    #[error("the header parameter `{parameter}` is invalid")]
    HeaderInvalid {
        /// Its name.
        parameter: &'static str,
    },
    /// `iat` is ahead of every plausible clock.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// Somebody else made the token.
    #[error("the token is from another issuer")]
    IssuerMismatch,
    /// A segment is not one strict JSON object.
    #[error("the {part} segment is refused: {error}")]
    JsonInvalid {
        /// `header` or `claims`.
        part: &'static str,
        /// The rule that it breaks.
        error: JsonError,
    },
    /// Several keys could have signed the token.
    #[error("more than one key fits the token")]
    KeyAmbiguous,
    /// The key that the token names is not one for its algorithm.
    #[error("the key does not fit the algorithm")]
    KeyMismatch,
    /// No key has the token's `kid`.
    #[error("no key has this `kid`")]
    KeyUnknown,
    /// The issuer's keys could not be obtained, so nothing can be said about the token.
    #[error("the issuer's keys are unavailable")]
    KeysUnavailable,
    /// The token was made to live longer than allowed.
    #[error("the token lives too long")]
    LifetimeTooLong,
    /// Not three base64url segments.
    #[error("not a compact JWS")]
    Malformed,
    /// `nbf` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// What the issuer has withdrawn is not known, and the verifier is to refuse everything then.
    #[error("the issuer's revocations are unavailable")]
    RevocationsUnavailable,
    /// The issuer has withdrawn the token, its session, its user's older tokens or its key.
    #[error("the token was revoked")]
    Revoked,
    /// The signature is not the key's.
    #[error("the signature is invalid")]
    SignatureInvalid,
    /// `sub` is not the one that may hold such a token.
    #[error("the subject is another one")]
    SubjectMismatch,
    /// Longer than [`crate::jws::MAX_TOKEN_BYTES`], or what the policy says.
    #[error("the token is too long")]
    TooLarge,
    /// It was issued longer ago than allowed.
    #[error("the token is too old")]
    TooOld,
    /// `typ` says that this is another kind of token.
    #[error("the token is of another type")]
    TypeMismatch,
}

impl VerifyError {
    /// Every [`VerifyError::code`], in alphabetical order: a closed list, for counters.
    pub const CODES: [&'static str; 26] = [
        "algorithm_not_allowed",
        "audience_mismatch",
        "claim_invalid",
        "claim_missing",
        "claims_unreadable",
        "critical_header",
        "encoding_invalid",
        "expired",
        "header_invalid",
        "issued_in_future",
        "issuer_mismatch",
        "json_invalid",
        "key_ambiguous",
        "key_mismatch",
        "key_unknown",
        "keys_unavailable",
        "lifetime_too_long",
        "malformed",
        "not_yet_valid",
        "revocations_unavailable",
        "revoked",
        "signature_invalid",
        "subject_mismatch",
        "too_large",
        "too_old",
        "type_mismatch",
    ];

    /// A stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::AudienceMismatch => "audience_mismatch",
            Self::ClaimInvalid { .. } => "claim_invalid",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::ClaimsUnreadable => "claims_unreadable",
            Self::CriticalHeader => "critical_header",
            Self::EncodingInvalid { .. } => "encoding_invalid",
            Self::Expired => "expired",
            Self::HeaderInvalid { .. } => "header_invalid",
            Self::IssuedInFuture => "issued_in_future",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::JsonInvalid { .. } => "json_invalid",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::KeyMismatch => "key_mismatch",
            Self::KeyUnknown => "key_unknown",
            Self::KeysUnavailable => "keys_unavailable",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::Malformed => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::RevocationsUnavailable => "revocations_unavailable",
            Self::Revoked => "revoked",
            Self::SignatureInvalid => "signature_invalid",
            Self::SubjectMismatch => "subject_mismatch",
            Self::TooLarge => "too_large",
            Self::TooOld => "too_old",
            Self::TypeMismatch => "type_mismatch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_code_once_and_in_order() {
        assert!(VerifyError::CODES.is_sorted_by(|a, b| a < b));
        let error = JsonError::Syntax;
        for listed in [
            VerifyError::AlgorithmNotAllowed,
            VerifyError::AudienceMismatch,
            VerifyError::ClaimInvalid { claim: "" },
            VerifyError::ClaimMissing { claim: "" },
            VerifyError::ClaimsUnreadable,
            VerifyError::CriticalHeader,
            VerifyError::EncodingInvalid { part: "" },
            VerifyError::Expired,
            VerifyError::HeaderInvalid { parameter: "" },
            VerifyError::IssuedInFuture,
            VerifyError::IssuerMismatch,
            VerifyError::JsonInvalid { part: "", error },
            VerifyError::KeyAmbiguous,
            VerifyError::KeyMismatch,
            VerifyError::KeyUnknown,
            VerifyError::KeysUnavailable,
            VerifyError::LifetimeTooLong,
            VerifyError::Malformed,
            VerifyError::NotYetValid,
            VerifyError::Revoked,
            VerifyError::SignatureInvalid,
            VerifyError::SubjectMismatch,
            VerifyError::TooLarge,
            VerifyError::TooOld,
            VerifyError::TypeMismatch,
        ] {
            assert!(VerifyError::CODES.contains(&listed.code()), "{listed:?}");
        }
    }
}
