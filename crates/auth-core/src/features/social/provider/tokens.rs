//! What a token endpoint answers.

use auth_jose::{Secret, Timestamp};
use serde_json::Value;

use super::{Provider, TokenSend};

/// The tokens of one sign-in or refresh.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Usually `Bearer`.
    pub token_type: Option<String>,
    /// For calls to the provider.
    pub access_token: Option<Secret<String>>,
    /// For more access tokens.
    pub refresh_token: Option<Secret<String>>,
    /// Who signed in, signed by the provider.
    pub id_token: Option<Secret<String>>,
    /// When the access token ends, if the provider says so.
    pub access_expires_at: Option<Timestamp>,
    /// When the refresh token ends, if the provider says so.
    pub refresh_expires_at: Option<Timestamp>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// WeChat's id of the user, which its profile endpoint asks for.
    pub openid: Option<String>,
}

impl Provider {
    /// Reads the answer of a token or refresh request that succeeded over HTTP; `None` if it says that it failed.
    #[must_use]
    pub fn read_tokens(&self, answer: &Value, now: Timestamp) -> Option<Tokens> {
        let row = &self.row.token;
        if row.error_member.and_then(|member| answer.get(member)).is_some_and(is_truthy) {
            return None;
        }
        let text = |name: &str| answer.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let secret = |name: &str| text(name).map(Secret::new);
        let scopes = match answer.get("scope") {
            Some(Value::String(scope)) if row.comma_scopes => scope.split(',').map(str::to_owned).collect(),
            Some(Value::String(scope)) => scope.split_whitespace().map(str::to_owned).collect(),
            Some(Value::Array(list)) => {
                let words = list.iter().filter_map(Value::as_str).map(str::trim);
                words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let token_type =
            if row.send == TokenSend::Query { Some("Bearer".to_owned()) } else { text("token_type") };
        Some(Tokens {
            token_type,
            access_token: secret("access_token"),
            refresh_token: secret("refresh_token"),
            id_token: secret("id_token"),
            access_expires_at: ends(answer.get("expires_in"), now),
            refresh_expires_at: ends(answer.get("refresh_token_expires_in"), now),
            scopes,
            openid: text("openid"),
        })
    }
}

/// A life time in seconds, as a number or as its text. Fractions count in milliseconds; nonsense is no life time.
fn ends(life: Option<&Value>, now: Timestamp) -> Option<Timestamp> {
    let seconds = match life? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if seconds == 0.0 || !seconds.is_finite() {
        return None;
    }
    let millis = (seconds * 1000.0).clamp(-4e14, 4e14);
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "clamped above")]
    let millis = millis as i64;
    Some(Timestamp::from_millis(now.millis().saturating_add(millis)))
}

/// What JavaScript takes for true.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
