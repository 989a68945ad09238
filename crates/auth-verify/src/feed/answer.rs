//! What the issuer answers: `{after, next, more, reset, entries}` in a JWS of a type of its own.

use auth_jose::{Algorithm, Policy, Timestamp, VerifyError};
use serde::Deserialize;

use super::client::MAX_BODY_BYTES;
use crate::{ConfigError, Revocation};

/// Never that of a token: neither passes for the other.
const TYPE: &str = "revocations+jwt";
const AUDIENCE: &str = "revocations";

/// The issuer's clock and ours may be so far apart. An answer lives for a minute: an old one that is shown again
/// is refused soon.
const LEEWAY_SECONDS: u32 = 60;

/// Why an answer was of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    #[error("an answer to another question")]
    AnotherQuestion,
    #[error("an answer that leads back")]
    Backwards,
    #[error("the body is larger than {MAX_BODY_BYTES} bytes, or no text")]
    BodyRefused,
    #[error("the answer is refused: {0}")]
    Refused(VerifyError),
    #[error("status {0}, expected 200")]
    Status(reqwest::StatusCode),
    #[error("more than {most} entries")]
    TooMany { most: usize },
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// What an answer has to be.
pub(super) fn policy(issuer: &str, algorithms: Option<&[Algorithm]>) -> Result<Policy, ConfigError> {
    let policy = Policy::new(issuer, AUDIENCE)?
        .with_typ(TYPE)?
        .with_leeway_seconds(LEEWAY_SECONDS)?
        .with_max_token_bytes(MAX_BODY_BYTES);
    // Signed as the server's tokens are without an audience, whatever signs those that are verified here.
    Ok(policy.with_algorithms(algorithms.unwrap_or(&Algorithm::ALL))?)
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Answer {
    after: i64,
    pub(super) next: i64,
    pub(super) more: bool,
    #[serde(default)]
    pub(super) reset: bool,
    pub(super) entries: Vec<Entry>,
}

impl Answer {
    /// Whether this is an answer to the question for what comes `after`, and leads on.
    pub(super) fn check(&self, after: i64) -> Result<(), FeedError> {
        if self.after != after {
            return Err(FeedError::AnotherQuestion);
        }
        let leads_on = if self.reset {
            after > 0
        } else if self.more {
            self.next > after
        } else {
            self.next >= after
        };
        if leads_on { Ok(()) } else { Err(FeedError::Backwards) }
    }
}

/// One entry. Members that a later issuer adds are ignored.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    jti: Option<String>,
    sid: Option<String>,
    sub: Option<String>,
    kid: Option<String>,
    before: Option<i64>,
    exp: Option<i64>,
}

impl Entry {
    /// What it withdraws, and until when that matters; nothing for an entry of another kind.
    pub(super) fn into_revocation(self) -> Option<(Revocation, i64)> {
        let revocation = match self {
            Self { jti: Some(jti), sid: None, sub: None, kid: None, .. } => Revocation::Token { jti },
            Self { jti: None, sid: Some(sid), sub: None, kid: None, .. } => Revocation::Session { sid },
            Self { jti: None, sid: None, sub: Some(sub), kid: None, before: Some(before), .. } => {
                Revocation::Subject { sub, issued_before: Timestamp::from_seconds(before) }
            }
            Self { jti: None, sid: None, sub: None, kid: Some(kid), .. } => Revocation::Key { kid },
            _ => return None,
        };
        Some((revocation, self.exp?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(after: i64, next: i64, more: bool, reset: bool) -> Answer {
        Answer { after, next, more, reset, entries: Vec::new() }
    }

    #[test]
    fn an_answer_has_to_fit_the_question_and_to_lead_on() {
        assert!(answer(5, 5, false, false).check(5).is_ok());
        assert!(answer(5, 9, true, false).check(5).is_ok());
        assert!(answer(5, 0, false, true).check(5).is_ok());
        for (bad, after) in [
            (answer(5, 9, false, false), 4),
            (answer(5, 4, false, false), 5),
            (answer(5, 5, true, false), 5),
            (answer(0, 0, false, true), 0),
        ] {
            assert!(bad.check(after).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_entry_of_no_known_kind_withdraws_nothing() {
        let read = |text: &str| serde_json::from_str::<Entry>(text).unwrap().into_revocation();
        assert!(read(r#"{"sid":"S","exp":9}"#).is_some());
        assert!(read(r#"{"sub":"U","before":7,"exp":9,"why":"left"}"#).is_some());
        for text in [
            "{}",
            r#"{"exp":9}"#,
            r#"{"device":"D","exp":9}"#,
            r#"{"sub":"U","exp":9}"#,
            r#"{"sid":"S"}"#,
            r#"{"sid":"S","jti":"J","exp":9}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
