//! A copy of the session in a cookie, believed for a while without a look into the database.
//!
//! The copy never signs anybody in: it counts only beside the signed session token that it was made for. It is
//! one of four texts: JSON with an HMAC, a JWT under the secret, a JWT under the published keys, a JWE.

use auth_jose::{JweError, JweKey, Timestamp, base64url};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Session;
use crate::call::Call;
use crate::config::{CookieCacheStrategy, SessionConfig};
use crate::crypto::hs256::Hs256Key;
use crate::crypto::mac::MacKey;
use crate::crypto::random;
use crate::crypto::secrets::Secrets;
use crate::error::{Error, Result};
use crate::features::user::User;

/// The HKDF parameters of upstream's encryption key.
pub(crate) const SALT: &str = "better-auth-session";
pub(crate) const INFO: &str = "BetterAuth.js Generated Encryption Key";

/// The `aud` of a copy that is signed with the published keys.
pub(crate) const AUDIENCE: &str = "better-auth:session-cache";

/// What upstream gives a session that ends with the browser, in seconds: less in the compact form.
const FORGOTTEN_COMPACT: i64 = 60;
const FORGOTTEN: i64 = 300;

/// Longer texts are no cookie of ours.
const MAX_BYTES: usize = 400_000;

/// Writes and reads the copies.
pub struct SessionCache {
    max_age: i64,
    version: String,
    form: Form,
}

enum Form {
    Compact(MacKey),
    Jwt(Hs256Key),
    SignedByKeys,
    /// The key that encrypts, then those that decrypt too.
    Jwe(JweKey, Vec<JweKey>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    session: &'a Session,
    user: &'a User,
    updated_at: i64,
    version: &'a str,
}

/// The payload of the tokens.
#[derive(Serialize)]
struct Claims<'a> {
    #[serde(flatten)]
    payload: &'a Payload<'a>,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(flatten)]
    signed: Option<SignedClaims<'a>>,
}

/// What a token under the published keys says besides.
#[derive(Serialize)]
struct SignedClaims<'a> {
    sid: &'a str,
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
}

/// The payload as it was signed, and until when it is believed.
struct Opened {
    payload: Map<String, Value>,
    expires_at: Timestamp,
}

impl SessionCache {
    /// Nothing when the configuration keeps no copies.
    ///
    /// # Errors
    /// When the encryption key cannot be derived.
    pub(crate) fn new(
        config: &SessionConfig,
        secrets: &Secrets,
    ) -> std::result::Result<Option<Self>, JweError> {
        let Some(config) = &config.cookie_cache else { return Ok(None) };
        let current = secrets.current();
        let form = match config.strategy {
            CookieCacheStrategy::Compact => Form::Compact(MacKey::new(current)),
            CookieCacheStrategy::Jwt => Form::Jwt(Hs256Key::new(current)),
            CookieCacheStrategy::SignedByKeys => Form::SignedByKeys,
            CookieCacheStrategy::Jwe => {
                let older = secrets.all().skip(1);
                let older = older.map(|secret| JweKey::derive(&secret.value, SALT, INFO));
                Form::Jwe(JweKey::derive(current, SALT, INFO)?, older.collect::<std::result::Result<_, _>>()?)
            }
        };
        Ok(Some(Self { max_age: config.max_age, version: config.version.clone(), form }))
    }

    /// How long a copy is usually believed, in seconds.
    pub(super) fn max_age(&self) -> i64 {
        self.max_age
    }

    /// How long a copy may be, so that it can be read again.
    pub(super) fn max_bytes(&self) -> usize {
        match self.form {
            Form::SignedByKeys => auth_jose::jws::MAX_TOKEN_BYTES,
            Form::Compact(_) | Form::Jwt(_) | Form::Jwe(..) => MAX_BYTES,
        }
    }

    /// The copy of a session. Without `max_age` the session ends with the browser. It is never believed
    /// longer than the session lives.
    pub(super) fn write(
        &self,
        call: &Call,
        session: &Session,
        user: &User,
        max_age: Option<i64>,
    ) -> Result<String> {
        let payload = Payload { session, user, updated_at: call.now.millis(), version: &self.version };
        let end =
            |forgotten: i64| call.now.plus_seconds(max_age.unwrap_or(forgotten)).min(session.expires_at.0);
        let claims = Claims {
            payload: &payload,
            iat: call.now.seconds(),
            exp: end(FORGOTTEN).seconds(),
            jti: None,
            signed: None,
        };
        match &self.form {
            Form::Compact(key) => compact(key, &payload, end(FORGOTTEN_COMPACT)).map_err(Error::internal),
            Form::Jwt(key) => key.sign(&claims).map_err(Error::internal),
            Form::Jwe(key, _) => {
                let jti = Some(random::uuid(&*call.app.entropy, "jwe-id"));
                let content = serde_json::to_vec(&Claims { jti, ..claims }).map_err(Error::internal)?;
                key.encrypt(&*call.app.entropy, &content).map_err(Error::internal)
            }
            Form::SignedByKeys => {
                let iss = call.base_url().origin();
                let (sid, sub) = (session.token.as_str(), user.id.as_str());
                let signed = Some(SignedClaims { sid, iss, aud: AUDIENCE, sub });
                let claims = serde_json::to_value(Claims { signed, ..claims }).map_err(Error::internal)?;
                let signer = call.app.hooks.session_cache();
                let signer = signer.ok_or_else(|| Error::internal("nothing signs copies of sessions"))?;
                (signer.sign)(call, &claims)
            }
        }
    }

    /// The session and user of a copy, if it is ours, made for this token, of this version and still believed.
    pub(super) fn read(&self, call: &Call, value: &str, token: &str) -> Option<(Session, User)> {
        if value.len() > self.max_bytes() {
            return None;
        }
        let opened = match &self.form {
            Form::Compact(key) => open_compact(key, value)?,
            Form::Jwt(key) => open_claims(key.open(value)?)?,
            Form::Jwe(key, older) => {
                let mut keys = std::iter::once(key).chain(older);
                open_claims(keys.find_map(|key| key.decrypt(value).ok())?)?
            }
            Form::SignedByKeys => {
                let claims = (call.app.hooks.session_cache()?.open)(call, value)?;
                let of_user = claims.get("sub") == claims.get("user").and_then(|user| user.get("id"));
                let of_session = claims.get("sid").and_then(Value::as_str) == Some(token);
                if !of_user || !of_session {
                    return None;
                }
                open_claims(claims)?
            }
        };
        let version = match opened.payload.get("version") {
            None => "1",
            Some(version) => version.as_str()?,
        };
        let (fields, ids) = (&call.app.config.fields, call.app.shape.ids);
        let session = Session::from_view(opened.payload.get("session")?, &fields.session, ids)?;
        let user = User::from_view(opened.payload.get("user")?, &fields.user, ids)?;
        let is_believed = opened.expires_at >= call.now && session.expires_at.0 >= call.now;
        let fits = session.token == token && session.user_id == user.id && version == self.version;
        (is_believed && fits).then_some((session, user))
    }
}

/// base64url of `{"session": payload, "expiresAt": milliseconds, "signature": HMAC}`. The HMAC is over the
/// payload's text with `expiresAt` as its last member.
fn compact(key: &MacKey, payload: &Payload<'_>, end: Timestamp) -> serde_json::Result<String> {
    let payload = serde_json::to_string(payload)?;
    let mac = key.mac(signed_text(&payload, end.millis()).as_bytes());
    let text = CompactText {
        session: RawValue::from_string(payload)?,
        expires_at: end.millis(),
        signature: base64url::encode(mac),
    };
    Ok(base64url::encode(serde_json::to_string(&text)?))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompactText {
    /// As text: what is checked and what is read are the same bytes, whoever wrote its numbers and members.
    session: Box<RawValue>,
    expires_at: i64,
    signature: String,
}

fn signed_text(payload: &str, expires_at: i64) -> String {
    let members = payload.strip_suffix('}').unwrap_or(payload);
    format!("{members},\"expiresAt\":{expires_at}}}")
}

fn open_compact(key: &MacKey, value: &str) -> Option<Opened> {
    let text: CompactText = serde_json::from_slice(&base64url::decode(value)?).ok()?;
    let payload = text.session.get();
    let mac = base64url::decode(&text.signature)?;
    if !key.verifies(signed_text(payload, text.expires_at).as_bytes(), &mac) {
        return None;
    }
    let payload = auth_jose::json::parse_object(payload.as_bytes()).ok()?;
    Some(Opened { payload, expires_at: Timestamp::from_millis(text.expires_at) })
}

/// Whether a compact copy is good under a key.
pub(crate) fn open_compact_copy(key: &MacKey, value: &str) -> Option<()> {
    open_compact(key, value).map(|_| ())
}

fn open_claims(payload: Map<String, Value>) -> Option<Opened> {
    let expires_at = Timestamp::from_seconds(payload.get("exp")?.as_i64()?);
    Some(Opened { payload, expires_at })
}

#[cfg(test)]
mod tests {
    use auth_jose::Secret;

    use super::*;
    use crate::fields::DeclaredFields;
    use crate::id::Ids;

    const PAYLOAD: &str = r#"{"session":{"expiresAt":"2030-01-08T00:00:00.000Z","token":"abcdefghijklmnopqrstuvwxyzABCDEF","createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","ipAddress":"","userAgent":"ua","userId":"U1","id":"S1"},"user":{"name":"Ann","email":"ann@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"U1"},"updatedAt":1893456000000,"version":"1"}"#;
    /// Better Auth's published vector.
    const COMPACT: &str = "eyJzZXNzaW9uIjp7InNlc3Npb24iOnsiZXhwaXJlc0F0IjoiMjAzMC0wMS0wOFQwMDowMDowMC4wMDBaIiwidG9rZW4iOiJhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ekFCQ0RFRiIsImNyZWF0ZWRBdCI6IjIwMzAtMDEtMDFUMDA6MDA6MDAuMDAwWiIsInVwZGF0ZWRBdCI6IjIwMzAtMDEtMDFUMDA6MDA6MDAuMDAwWiIsImlwQWRkcmVzcyI6IiIsInVzZXJBZ2VudCI6InVhIiwidXNlcklkIjoiVTEiLCJpZCI6IlMxIn0sInVzZXIiOnsibmFtZSI6IkFubiIsImVtYWlsIjoiYW5uQGV4YW1wbGUudGVzdCIsImVtYWlsVmVyaWZpZWQiOmZhbHNlLCJpbWFnZSI6bnVsbCwiY3JlYXRlZEF0IjoiMjAzMC0wMS0wMVQwMDowMDowMC4wMDBaIiwidXBkYXRlZEF0IjoiMjAzMC0wMS0wMVQwMDowMDowMC4wMDBaIiwiaWQiOiJVMSJ9LCJ1cGRhdGVkQXQiOjE4OTM0NTYwMDAwMDAsInZlcnNpb24iOiIxIn0sImV4cGlyZXNBdCI6MTg5MzQ1NjMwMDAwMCwic2lnbmF0dXJlIjoiLWRPTm1XOWsyZEFsc0k3ZFhHTHZLeTlTV1ladWJHM004MkdFcGhNVERCWSJ9";

    fn key() -> MacKey {
        MacKey::new(&Secret::from("test-vector-secret-0123456789-abcdefghijkl"))
    }

    fn value(payload: &Map<String, Value>) -> (Session, User) {
        let (none, ids) = (DeclaredFields::default(), Ids::default());
        let session = Session::from_view(payload.get("session").unwrap(), &none, ids).unwrap();
        (session, User::from_view(payload.get("user").unwrap(), &none, ids).unwrap())
    }

    #[test]
    fn reads_and_writes_better_auths_compact_form() {
        let opened = open_compact(&key(), COMPACT).unwrap();
        assert_eq!(opened.expires_at, Timestamp::from_millis(1_893_456_300_000));
        let (session, user) = value(&opened.payload);
        let payload = Payload { session: &session, user: &user, updated_at: 1_893_456_000_000, version: "1" };
        assert_eq!(serde_json::to_string(&payload).unwrap(), PAYLOAD, "read back without loss");
        assert_eq!(compact(&key(), &payload, opened.expires_at).unwrap(), COMPACT);
    }

    #[test]
    fn numbers_and_members_that_we_would_write_otherwise_are_read() {
        let payload = PAYLOAD
            .replace(r#""image":null"#, r#""image":null,"height":1e21,"width":1.50,"more":{"b":1,"a":2}"#);
        let mac = base64url::encode(key().mac(signed_text(&payload, 5).as_bytes()));
        let text = format!(r#"{{"session":{payload},"expiresAt":5,"signature":"{mac}"}}"#);
        assert!(open_compact(&key(), &base64url::encode(&text)).is_some());
    }

    #[test]
    fn refuses_every_change_of_the_compact_form() {
        let text = String::from_utf8(base64url::decode(COMPACT).unwrap()).unwrap();
        for (from, to) in [
            (r#""expiresAt":1893456300000"#, r#""expiresAt":1893456300001"#),
            (r#""name":"Ann""#, r#""name":"Eve""#),
            (r#""userId":"U1""#, r#""userId":"U2""#),
            (r#""version":"1""#, r#""version":"2""#),
            (r#""version":"1"}"#, r#""version":"1" }"#),
            (r#""signature":"-d"#, r#""signature":"-e"#),
            (r#""signature":"-"#, r#""signature":""#),
            (r#""signature""#, r#""sig""#),
            (r#""expiresAt":1893456300000"#, r#""expiresAt":1893456300000.0"#),
            (r#""expiresAt":1893456300000"#, r#""expiresAt":"1893456300000""#),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            assert!(open_compact(&key(), &base64url::encode(changed)).is_none(), "{to}");
        }
        for garbage in ["", "x", "%", "null", "e30", "W10", "\u{e9}", &format!("{COMPACT}="), "a+b/"] {
            assert!(open_compact(&key(), garbage).is_none(), "{garbage}");
        }
        let other = MacKey::new(&Secret::from("another"));
        assert!(open_compact(&other, COMPACT).is_none());
    }
}
