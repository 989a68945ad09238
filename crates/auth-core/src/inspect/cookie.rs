//! Signed values, session tokens, and copies of sessions in their compact form.

use auth_jose::Timestamp;

use super::report::{Explained, moment};
use super::token::signed_by;
use super::{Inspector, without_frame};
use crate::app::App;
use crate::config::CookieKind;
use crate::crypto::mac::MacKey;
use crate::crypto::signed::CookieSigner;
use crate::features::session::open_compact_copy;
use crate::revocation::{self, Claims};
use crate::wire::cookie_parts;

const SESSION_TOKEN_LENGTH: usize = 32;

impl Inspector<'_> {
    /// `value.signature`, as session cookies and `set-auth-token` have it.
    pub(super) async fn signed_value(&self, text: &str) -> Option<Explained> {
        let (value, signature) = text.rsplit_once('.')?;
        let in_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if value.is_empty()
            || signature.len() != 44
            || !signature.ends_with('=')
            || !signature.bytes().all(in_base64)
        {
            return None;
        }
        let is_session = is_session_token(value);
        let what = match value {
            "true" => "that the session ends with the browser",
            _ if is_session => "a session token",
            _ => "a value of its own",
        };
        let mut explained = Explained::new(format!("A signed value: {what}"));
        let Some(secrets) = self.secrets else {
            return Some(explained.verdict("cannot be judged: no secret is configured"));
        };
        let Some(at) = secrets.all().position(|secret| CookieSigner::new(&secret.value).open(text).is_some())
        else {
            let verdict = "not valid: no configured secret has signed it, or it was changed or cut off";
            return Some(explained.verdict(verdict));
        };
        explained.fact("signature", signed_by(at));
        if at > 0 && !self.app.config.cookies.accept_older_secrets {
            return Some(explained.verdict("not valid: advanced.acceptOlderCookieSecrets is off"));
        }
        if !is_session {
            return Some(explained.verdict("valid now"));
        }
        let verdict = self.session(value, &mut explained).await;
        Some(explained.verdict(verdict))
    }

    /// A session token without its signature, as the body of a sign-in has it.
    pub(super) async fn session_token(&self, text: &str) -> Option<Explained> {
        if !is_session_token(text) {
            return None;
        }
        let mut explained = Explained::new("32 letters and digits: perhaps a session token");
        let verdict = self.session(text, &mut explained).await;
        Some(explained.verdict(verdict))
    }

    /// What the database has of a session.
    async fn session(&self, token: &str, explained: &mut Explained) -> String {
        if !self.has_database {
            return "cannot be judged: the database was not asked".to_owned();
        }
        let found = match self.app.store.db().await {
            Ok(mut db) => db.find_session(token, &self.app.config.fields).await,
            Err(error) => Err(error),
        };
        let (session, user) = match found {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.tokens_of_session(token, explained).await;
                return "not valid: the database has no such session; it was ended, or is another server's"
                    .to_owned();
            }
            Err(error) => return format!("cannot be judged: {error}"),
        };
        explained.fact("session", session.id.as_str());
        explained.fact("user", user.id.as_str());
        explained.fact("created", moment(session.created_at(), self.now));
        explained.fact("updated", moment(session.updated_at.0, self.now));
        explained.fact("expires", moment(session.expires_at.0, self.now));
        self.tokens_of_session(token, explained).await;
        if session.expires_at.0 <= self.now {
            "not valid: it has expired".to_owned()
        } else {
            "valid now".to_owned()
        }
    }

    /// Whether the tokens of a session are withdrawn.
    async fn tokens_of_session(&self, token: &str, explained: &mut Explained) {
        let sid = revocation::sid(token);
        // No user's tokens: only those of the session are looked for.
        let claims = Claims { kid: None, jti: None, sid: Some(&sid), sub: "", issued_at: None };
        for entry in self.app.withdrawals(&claims).await.unwrap_or_default() {
            explained.fact("withdrawn", self.withdrawal(&entry));
        }
    }

    /// A copy of a session: base64url of JSON with its own signature.
    pub(super) fn compact_copy(&self, text: &str) -> Option<Explained> {
        let json = auth_jose::json::parse_object(&auth_jose::base64url::decode(text)?).ok()?;
        if !["session", "expiresAt", "signature"].iter().all(|member| json.contains_key(*member)) {
            return None;
        }
        let mut explained = Explained::new("A copy of a session, in its compact form");
        if let Some(payload) = json.get("session").and_then(serde_json::Value::as_object) {
            explained.members("", payload, self.now);
        }
        let end = json.get("expiresAt").and_then(serde_json::Value::as_i64).map(Timestamp::from_millis);
        explained.fact("believed until", end.map_or("never".to_owned(), |end| moment(end, self.now)));
        let Some(secrets) = self.secrets else {
            return Some(explained.verdict("cannot be judged: no secret is configured"));
        };
        let is_by = |secret: &crate::crypto::secrets::NumberedSecret| {
            open_compact_copy(&MacKey::new(&secret.value), text).is_some()
        };
        Some(match (secrets.all().position(is_by), end) {
            (None, _) => explained.verdict("not valid: no configured secret has signed it"),
            (Some(_), Some(end)) if end < self.now => explained.verdict("not valid: it has expired"),
            // Compact copies are read with the current secret alone.
            (Some(0), _) => explained.verdict("valid now, beside the session token that it was made for"),
            (Some(_), _) => {
                explained.verdict("not valid: an older secret has signed it; the next answer replaces it")
            }
        })
    }
}

/// The session token in a text, a signed value or a cookie, whatever its signature is worth: who ends the session only
/// has to know which.
pub(crate) fn session_token_in(app: &App, text: &str) -> Option<String> {
    let text = without_frame(text);
    let name = app.config.cookies.cookie(CookieKind::SessionToken).name;
    let bare = name.strip_prefix("__Secure-").unwrap_or(&name);
    let in_cookie = [format!("__Secure-{bare}"), bare.to_owned()];
    let value = in_cookie.iter().find_map(|name| cookie_parts::find(text, name));
    let value = value.as_deref().unwrap_or(text);
    let token = value.split(['.', '%']).next().unwrap_or_default();
    let is_alone = value.bytes().filter(|byte| *byte == b'.').count() < 2;
    (is_alone && is_session_token(token)).then(|| token.to_owned())
}

fn is_session_token(text: &str) -> bool {
    text.len() == SESSION_TOKEN_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
