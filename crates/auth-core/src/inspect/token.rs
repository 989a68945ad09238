//! JWTs of every signature, and encrypted copies of sessions.

use auth_jose::verify::VerifyError;
use auth_jose::{Algorithm, JweKey, Policy, Timestamp, Verified, base64url, json, verify};
use serde_json::{Map, Value};

use super::report::{Explained, moment};
use super::{Inspector, without_frame};
use crate::crypto::hs256::Hs256Key;
use crate::error::Error;
use crate::features::jwt::Phase;
use crate::features::session::{CACHE_AUDIENCE, CACHE_INFO, CACHE_SALT};
use crate::revocation::{Claims, Entry, Revoked};

/// The HKDF salt of upstream's copy of an account.
const ACCOUNT_SALT: &str = "better-auth-account";

impl Inspector<'_> {
    pub(super) async fn token(&self, text: &str) -> Option<Explained> {
        let segments: Vec<&str> = text.split('.').collect();
        let is_plain = |segment: &&str| {
            segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if !segments.iter().all(is_plain) {
            return None;
        }
        match segments.as_slice() {
            [header, payload, _] => {
                let header = object(header)?;
                match header.get("alg").and_then(Value::as_str)? {
                    "HS256" => Some(self.under_the_secret(text, payload)),
                    _ => Some(self.under_a_key(text, &header, payload).await),
                }
            }
            [header, _, _, _, _] => Some(self.encrypted(text, &object(header)?)),
            _ => None,
        }
    }

    /// A token for APIs, or a copy of a session that the published keys sign.
    async fn under_a_key(&self, token: &str, header: &Map<String, Value>, payload: &str) -> Explained {
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        let alg = text("alg").unwrap_or_default();
        let is_copy = text("typ") == Some("better-auth.session-cache+jwt");
        let title = if is_copy { "A copy of a session, as a JWT signed with" } else { "A JWT, signed with" };
        let mut explained = Explained::new(format!("{title} {alg}"));
        explained.members("header ", header, self.now);
        let Some(claims) = object(payload) else {
            return explained.verdict("not valid: its claims are no strict JSON object");
        };
        explained.members("claim ", &claims, self.now);
        let Some(keys) = &self.app.keys else {
            return explained.verdict("cannot be judged: the jwt plugin is off, this server has no keys");
        };
        if !self.has_database {
            return explained.verdict("cannot be judged: the database was not asked for the keys");
        }
        let known = keys.keys(self.now);
        let key = known.iter().find(|key| Some(key.kid.as_str()) == text("kid"));
        explained.fact(
            "key",
            match key {
                None => "not one of this server's".to_owned(),
                Some(key) => {
                    let state = key.phase.map_or("published", Phase::as_str);
                    let revoked = key.revoked_at.map(|at| format!(", revoked {}", moment(at, self.now)));
                    let until =
                        key.gone_at.map(|at| format!(", leaves the key set {}", moment(at, self.now)));
                    format!("{} {state}{}{}", key.alg, revoked.unwrap_or_default(), until.unwrap_or_default())
                }
            },
        );
        let verdict = match self.judge(token, text("typ"), &claims, is_copy) {
            Ok(_) if is_copy => "valid now, beside the session token that it was made for".to_owned(),
            Ok(verified) => self.withdrawn(&verified, &mut explained).await,
            Err(reason) => format!("not valid: {reason}"),
        };
        explained.verdict(verdict)
    }

    /// A token for users that this server has made and that has not expired; else the reason.
    pub(crate) fn good_token(&self, token: &str) -> Result<Verified<Map<String, Value>>, String> {
        let token = without_frame(token);
        let claims = token.split('.').nth(1).and_then(object).ok_or("this is no JWT")?;
        self.judge(token, None, &claims, false)
            .map_err(|reason| format!("not a valid token of this server: {reason}"))
    }

    /// The same, expired or not: for who asks about what it names.
    pub(crate) fn own_token(&self, token: &str) -> Result<Verified<Map<String, Value>>, String> {
        let claims = without_frame(token).split('.').nth(1).and_then(object).ok_or("this is no JWT")?;
        let made_at = claims.get("iat").and_then(Value::as_i64).map(Timestamp::from_seconds);
        let now = made_at.map_or(self.now, |at| at.min(self.now));
        Inspector { now, ..*self }.good_token(token)
    }

    /// Whether a token that is good otherwise has been withdrawn, and whether its session is still there.
    async fn withdrawn(&self, token: &Verified<Map<String, Value>>, explained: &mut Explained) -> String {
        let claims = Claims::of(token);
        let found = async {
            let session = match claims.sid {
                Some(sid) => self.app.session_of(claims.sub, sid, self.now).await?,
                None => None,
            };
            Ok::<_, Error>((self.app.withdrawals(&claims).await?, session))
        };
        let (entries, session) = match found.await {
            Ok(found) => found,
            Err(error) => return format!("cannot be judged: {error}"),
        };
        if claims.sid.is_some() {
            let session = session.map_or("not found: it has ended, or expired".to_owned(), |session| {
                format!("{}, expires {}", session.id, moment(session.expires_at.0, self.now))
            });
            explained.fact("session", session);
        }
        for entry in &entries {
            explained.fact("withdrawn", self.withdrawal(entry));
        }
        if !entries.is_empty() {
            return "not valid: it was withdrawn; who reads /revocations or asks /introspect refuses it"
                .to_owned();
        }
        if self.app.config.revocation.is_on() {
            explained.fact("withdrawn", "no");
        } else {
            explained.fact("withdrawn", "never: revocation.feed is off");
        }
        "valid now, as far as this server knows: an API may ask for more".to_owned()
    }

    /// What an entry of the list says, in words.
    pub(super) fn withdrawal(&self, entry: &Entry) -> String {
        let what = match &entry.what {
            Revoked::Key(_) => "every token of its key".to_owned(),
            Revoked::Session(_) => "every token of its session".to_owned(),
            Revoked::Subject { issued_before, .. } => {
                let before = Timestamp::from_seconds(*issued_before);
                format!("every token of its user from before {}", before.to_iso())
            }
            Revoked::Token(_) => "this token".to_owned(),
        };
        let (since, until) = (entry.since(), Timestamp::from_seconds(entry.expires_at));
        format!("{what}, since {}, kept until {}", moment(since, self.now), moment(until, self.now))
    }

    /// The first reason to refuse the token, by the rules of `auth-verify`.
    fn judge(
        &self,
        token: &str,
        typ: Option<&str>,
        claims: &Map<String, Value>,
        is_copy: bool,
    ) -> Result<Verified<Map<String, Value>>, String> {
        let keys = self.app.keys.as_ref().ok_or("this server has no keys")?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => text("aud").into_iter().collect(),
        };
        // By its own issuer and audience first: whether those are ours is another question.
        let policy =
            Policy::new(text("iss").unwrap_or_default(), audiences.first().copied().unwrap_or_default());
        let policy = policy.and_then(|policy| policy.with_algorithms(&Algorithm::ALL));
        let policy = match typ {
            Some(typ) if is_copy => policy.and_then(|policy| policy.with_typ(typ)),
            _ => policy,
        };
        let policy = policy.map_err(|error| error.to_string())?;
        let verified = verify::<Map<String, Value>>(&policy, &keys.verifying(self.now), self.now, token);
        let verified = verified.map_err(|error| match error {
            VerifyError::KeyUnknown => {
                "no published key has this `kid`, so its signature cannot be checked".to_owned()
            }
            other => other.to_string(),
        })?;
        let config = &self.app.config;
        let issuer = if is_copy { None } else { config.jwt.issuer.as_deref() };
        let is_issuer = |iss: &str| match (issuer, &config.dynamic_base_url) {
            (Some(issuer), _) => iss == issuer,
            (None, None) => iss == config.base_url.origin(),
            (None, Some(_)) => config.origins.is_trusted_origin(iss),
        };
        if !text("iss").is_some_and(is_issuer) {
            let own = issuer.unwrap_or(config.base_url.origin());
            return Err(format!("its issuer is not this server's, which is {own}"));
        }
        if is_copy && !audiences.contains(&CACHE_AUDIENCE) {
            return Err("it is not for this server".to_owned());
        }
        Ok(verified)
    }

    /// A copy of a session, or the link of a mail: what only this server reads.
    fn under_the_secret(&self, token: &str, payload: &str) -> Explained {
        let claims = object(payload).unwrap_or_default();
        let is_copy = claims.contains_key("session");
        let what = if is_copy { "A copy of a session, as a JWT" } else { "A JWT" };
        let mut explained = Explained::new(format!("{what} signed with the server's secret (HS256)"));
        explained.members("claim ", &claims, self.now);
        let Some(secrets) = self.secrets else {
            return explained.verdict("cannot be judged: no secret is configured");
        };
        let is_by = |secret: &crate::crypto::secrets::NumberedSecret| {
            Hs256Key::new(&secret.value).open(token).is_some()
        };
        let Some(at) = secrets.all().position(is_by) else {
            return explained.verdict("not valid: no configured secret has signed it");
        };
        explained.fact("signature", signed_by(at));
        let verdict = self.life(&claims);
        explained.verdict(verdict)
    }

    /// A copy of a session or of an account.
    fn encrypted(&self, token: &str, header: &Map<String, Value>) -> Explained {
        let mut explained = Explained::new("An encrypted token (JWE)");
        explained.members("header ", header, self.now);
        let Some(secrets) = self.secrets else {
            return explained.verdict("cannot be opened: no secret is configured");
        };
        for (salt, what) in
            [(CACHE_SALT, "a copy of a session"), (ACCOUNT_SALT, "a copy of a provider's account")]
        {
            for (at, secret) in secrets.all().enumerate() {
                let Ok(key) = JweKey::derive(&secret.value, salt, CACHE_INFO) else { continue };
                let Ok(claims) = key.decrypt(token) else { continue };
                explained.title = format!("An encrypted token (JWE): {what}");
                explained.members("claim ", &claims, self.now);
                explained.fact("encryption", signed_by(at));
                let verdict = self.life(&claims);
                return explained.verdict(verdict);
            }
        }
        explained.verdict("not valid: no configured secret opens it")
    }

    fn life(&self, claims: &Map<String, Value>) -> String {
        match claims.get("exp").and_then(Value::as_i64) {
            None => "not valid: it has no end".to_owned(),
            Some(exp) if exp <= self.now.seconds() => "not valid: it has expired".to_owned(),
            Some(_) if claims.contains_key("session") => {
                "valid now, beside the session token that it was made for".to_owned()
            }
            Some(_) => "valid now, unless it was used already".to_owned(),
        }
    }
}

/// Which of the secrets was used.
pub(super) fn signed_by(at: usize) -> &'static str {
    if at == 0 { "by the current secret" } else { "by an older secret" }
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    json::parse_object(&base64url::decode(segment)?).ok()
}
